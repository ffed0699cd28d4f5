/*
 * Numbers on command lines, and tables.
 */
#include "../../commands/common/arguments.h"
#include "../../commands/common/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
    static const char *const wrong[] = {"", "0x", "x", "1x", "-1", "+1", " 1", "1 ", "0x1g", "1.0"};
    uint64_t value = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(parse_number(wrong[i], UINT64_MAX, &value));
    assert_true(parse_number("0", 0, &value) && value == 0);
    assert_true(parse_number("007", 9, &value) && value == 7);
    assert_true(parse_number("255", 255, &value) && value == 255);
    assert_false(parse_number("256", 255, &value));
    assert_false(parse_number("7", 5, &value));
    assert_true(parse_number("0xFf", 255, &value) && value == 255);
    assert_true(parse_number("18446744073709551615", UINT64_MAX, &value) && value == UINT64_MAX);
    assert_false(parse_number("18446744073709551616", UINT64_MAX, &value));
    assert_true(parse_number("0xffffffffffffffff", UINT64_MAX, &value) && value == UINT64_MAX);
    assert_false(parse_number("0x10000000000000000", UINT64_MAX, &value));
}

/* What table_print prints, read back. */
static void print_to(char *text, size_t size, struct table *table)
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);

    assert_non_null(file);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    int status = table_print(table);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_int_equal(status, 0);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_table(void **state)
{
    static const struct table_column columns[] = {{"NAME", false}, {"N", true}, {"END", false}};
    struct table table;
    char text[512];

    (void)state;
    table_init(&table, columns, 3);
    table_cell(&table, "a");
    table_cell(&table, "%u", 12345u);
    table_endpoint(&table, ENDPOINT_NONE);
    table_cell(&table, "longer");
    table_cell(&table, "%u", 6u);
    table_endpoint(&table, endpoint_make(12, 34));
    print_to(text, sizeof(text), &table);
    assert_string_equal(text, "NAME        N  END\n"
                              "a       12345  -\n"
                              "longer      6  12/34\n");
}

static void test_big_table(void **state)
{
    static const struct table_column columns[] = {{"N", true}};
    static char text[65536];
    struct table table;
    unsigned lines = 0;

    (void)state;
    table_init(&table, columns, 1);
    for (unsigned i = 0; i < 1000; i++)
        table_cell(&table, "%u", i);
    print_to(text, sizeof(text), &table);
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_big_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
