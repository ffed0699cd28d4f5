/*
 * lib/libsha256: the standard's own examples, and data in pieces of any size.
 */
#include <libsha256/sha256.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4's examples (NIST's SHA256.pdf), and those about lengths (SHA2_Additional.pdf). */
static const struct {
    const char *text;
    unsigned times;
    const char *digest;
} examples[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void test_examples(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct sha256 sha;
        char hex[SHA256_TEXT];
        sha256_begin(&sha);
        for (unsigned n = 0; n < examples[i].times; n++)
            sha256_add(&sha, examples[i].text, strlen(examples[i].text));
        sha256_end(&sha, hex);
        assert_string_equal(hex, examples[i].digest);
    }
}

/* The digest doesn't depend on how the data is cut, whatever its length is (padding ends in the last
 * block or in one more). */
static void test_pieces(void **state)
{
    uint8_t data[200];

    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + 1);
    for (size_t len = 0; len <= sizeof(data); len++) {
        struct sha256 whole, cut;
        char expected[SHA256_TEXT], hex[SHA256_TEXT];
        sha256_begin(&whole);
        sha256_add(&whole, data, len);
        sha256_end(&whole, expected);
        for (size_t piece = 1; piece <= 130; piece += 13) {
            sha256_begin(&cut);
            for (size_t at = 0; at < len; at += piece)
                sha256_add(&cut, data + at, len - at < piece ? len - at : piece);
            sha256_end(&cut, hex);
            assert_string_equal(hex, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
