/*
 * lib/libsock/text.c: addresses from text and to text.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* In any notation, and what it is written as: NULL, if it is none. */
static const struct {
    const char *text, *written;
} v6[] = {
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
    {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"::ffff:192.0.2.1", "::ffff:c000:201"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"", NULL},
    {":", NULL},
    {":::", NULL},
    {"1", NULL},
    {"1:", NULL},
    {":1", NULL},
    {"1::2::3", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"1:2:3:4:5:6:7:8::", NULL},
    {"12345::", NULL},
    {"g::", NULL},
    {"::1.2.3", NULL},
    {"1:2:3:4:5:6:7:1.2.3.4", NULL},
    {"::1.2.3.4:5", NULL},
    {"::1 ", NULL},
};

static void v6_texts(void **state)
{
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
        int read = inet_pton(AF_INET6, v6[i].text, &address);
        if (read != (v6[i].written != NULL))
            fail_msg("\"%s\": %d", v6[i].text, read);
        if (read == 0)
            continue;
        assert_non_null(inet_ntop(AF_INET6, &address, text, sizeof(text)));
        assert_string_equal(text, v6[i].written);
    }
}

static void v4_texts(void **state)
{
    static const char *const wrong[] = {
        "",         "1",        "1.2.3",    "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1",
        "01.2.3.4", "1.2.3.-4", "1.2.3.4 ", "1..3.4", "a.b.c.d",  "1.2.3.0400"};
    struct in_addr address;
    char text[INET_ADDRSTRLEN];

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.255", &address), 1);
    assert_int_equal(ntohl(address.s_addr), 0xc00002ff);
    assert_string_equal(inet_ntop(AF_INET, &address, text, sizeof(text)), "192.0.2.255");
    assert_int_equal(inet_pton(AF_INET, "0.0.0.0", &address), 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (inet_pton(AF_INET, wrong[i], &address) != 0)
            fail_msg("\"%s\" is taken for an address", wrong[i]);
}

static void refusals(void **state)
{
    uint8_t address[16] = {0};
    char text[INET6_ADDRSTRLEN];

    (void)state;
    assert_int_equal(inet_pton(99, "1.2.3.4", address), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_null(inet_ntop(99, address, text, sizeof(text)));
    assert_null(inet_ntop(AF_INET, address, text, 7));
    assert_int_equal(errno, ENOSPC);
    assert_non_null(inet_ntop(AF_INET, address, text, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v6_texts),
        cmocka_unit_test(v4_texts),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("sock_text", tests, NULL, NULL);
}
