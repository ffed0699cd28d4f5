/*
 * commands/nc/line.c: what is typed, what is shown, what is sent.
 */
#include "commands/nc/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Keys, what the console shows for them, and what is ready then ("": nothing). */
static const struct {
    const char *keys, *shown, *ready;
    enum line_result last;
} typed[] = {
    {"hello", "hello", "", LINE_MORE},
    {"hello\r", "hello\n", "hello\n", LINE_READY},
    {"a\n", "a\n", "a\n", LINE_READY},
    {"\r", "\n", "\n", LINE_READY},
    {"ab\177c\r", "ab\b \bc\n", "ac\n", LINE_READY},
    {"a\b\b\b\r", "a\b \b\n", "\n", LINE_READY},
    {"abc\4", "abc", "abc", LINE_READY},
    {"\4", "", "", LINE_END},
    {"a\177\4", "a\b \b", "", LINE_END},
    {"\033x\r", "x\n", "x\n", LINE_READY},
};

static void test_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
        struct line line = {.len = 0};
        enum line_result result = LINE_MORE;
        char shown[64] = "";
        for (const char *key = typed[i].keys; *key; key++) {
            char echo[LINE_ECHO_BYTES];
            size_t len;
            assert_int_equal(result, LINE_MORE);
            result = line_input(&line, *key, echo, &len);
            assert_true(len <= sizeof(echo));
            strncat(shown, echo, len);
        }
        assert_int_equal(result, typed[i].last);
        assert_string_equal(shown, typed[i].shown);
        if (result == LINE_READY) {
            assert_int_equal(line.len, strlen(typed[i].ready));
            assert_memory_equal(line.text, typed[i].ready, line.len);
        }
    }
}

/* A line without an end goes in pieces, and none of it is lost. */
static void test_long_line(void **state)
{
    struct line line = {.len = 0};
    char echo[LINE_ECHO_BYTES];
    size_t shown;

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i + 1 < LINE_MAX_BYTES; i++)
            assert_int_equal(line_input(&line, 'x', echo, &shown), LINE_MORE);
        assert_int_equal(line_input(&line, 'y', echo, &shown), LINE_READY);
        assert_int_equal(line.len, LINE_MAX_BYTES);
        assert_int_equal(line.text[LINE_MAX_BYTES - 1], 'y');
        line.len = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_long_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
