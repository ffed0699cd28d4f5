/*
 * The shell's language, and the commands in the boot arguments.
 */
#include "../../commands/shell/boot_arguments.h"
#include "../../commands/shell/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct command command;
static const char *error;

/* Parses one command and compares its words, written with | between them. */
static void expect_words(const char **cursor, const char *words, enum connector connector)
{
    char found[PM_ARGUMENTS_MAX + SHELL_WORDS_MAX] = "";

    assert_int_equal(command_parse(cursor, 42, &command, &error), 1);
    for (unsigned i = 0; i < command.argc; i++) {
        strcat(found, i > 0 ? "|" : "");
        strcat(found, command.argv[i]);
    }
    assert_string_equal(found, words);
    assert_null(command.argv[command.argc]);
    assert_int_equal(command.connector, connector);
}

static void expect_one(const char *line, const char *words)
{
    const char *cursor = line;

    expect_words(&cursor, words, CONNECTOR_SEQUENCE);
    assert_int_equal(command_parse(&cursor, 0, &command, &error), 0);
}

static void test_words(void **state)
{
    (void)state;
    expect_one("a", "a");
    expect_one("  a\tbb   ccc  ", "a|bb|ccc");
    expect_one("echo 'a  b' \"c  d\"", "echo|a  b|c  d");
    expect_one("echo a'b c'd\"e f\"g", "echo|ab cde fg");
    expect_one("echo '' \"\"", "echo||");
    expect_one("echo \\; a\\ b \\\\ \\'", "echo|;|a b|\\|'");
    expect_one("echo \"a\\\"b\\\\c\\$d\\e\"", "echo|a\"b\\c$d\\e");
    expect_one("echo 'a\\'", "echo|a\\");
    expect_one("echo $? a$?b \"$?\" '$?' \\$? $x", "echo|42|a42b|42|$?|$?|$x");
    expect_one("echo # a comment ; b", "echo");
    expect_one("echo a#b", "echo|a#b");
    expect_one("echo ';' '&&'", "echo|;|&&");
}

static void test_nothing(void **state)
{
    static const char *const empty[] = {"", "   ", ";", " ; ;; ", "# comment", "\n"};

    (void)state;
    for (unsigned i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        const char *cursor = empty[i];
        assert_int_equal(command_parse(&cursor, 0, &command, &error), 0);
        assert_true(command_check(empty[i], &error));
    }
}

static void test_connectors(void **state)
{
    const char *cursor = "a 1;b && c||d ; e\nf # end\ng";

    (void)state;
    expect_words(&cursor, "a|1", CONNECTOR_SEQUENCE);
    expect_words(&cursor, "b", CONNECTOR_AND);
    expect_words(&cursor, "c", CONNECTOR_OR);
    expect_words(&cursor, "d", CONNECTOR_SEQUENCE);
    expect_words(&cursor, "e", CONNECTOR_SEQUENCE);
    expect_words(&cursor, "f", CONNECTOR_SEQUENCE);
    expect_words(&cursor, "g", CONNECTOR_SEQUENCE);
    assert_int_equal(command_parse(&cursor, 0, &command, &error), 0);
}

static void test_errors(void **state)
{
    static const char *const wrong[] = {
        "echo 'a",  "echo \"a",  "echo a\\", "a | b",    "a & b",     "a > b",
        "a < b",    "a (b)",     "&& a",     "|| a",     "a &&",      "a || ",
        "a && ; b", "a && && b", "a &",      "a && # b", "a; ; && b",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error = NULL;
        assert_false(command_check(wrong[i], &error));
        assert_non_null(error);
    }
}

static void test_limits(void **state)
{
    static char line[2 * PM_ARGUMENTS_MAX];
    const char *cursor = line;
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < SHELL_WORDS_MAX; i++) {
        line[len++] = 'w';
        line[len++] = ' ';
    }
    assert_int_equal(command_parse(&cursor, 0, &command, &error), 1);
    assert_int_equal(command.argc, SHELL_WORDS_MAX);
    line[len++] = 'x';
    assert_false(command_check(line, &error));

    memset(line, 'y', sizeof(line) - 1);
    line[PM_ARGUMENTS_MAX - 1] = '\0';
    assert_true(command_check(line, &error));
    line[PM_ARGUMENTS_MAX - 1] = 'y';
    line[PM_ARGUMENTS_MAX] = '\0';
    assert_false(command_check(line, &error));
}

/* Whatever the bytes: an answer, and never past the end of the text. */
static void test_random(void **state)
{
    static const char alphabet[] = "ab \t;&|'\"\\$?#<>()\n";

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = (size_t)(rand() % 24);
        char *line = malloc(len + 1);
        const char *cursor = line;
        int found;

        assert_non_null(line);
        for (size_t i = 0; i < len; i++)
            line[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        line[len] = '\0';
        bool good = command_check(line, &error);
        do
            found = command_parse(&cursor, 0, &command, &error);
        while (found > 0);
        assert_int_equal(good, found == 0);
        assert_true(cursor >= line && cursor <= line + len);
        free(line);
    }
}

static void test_boot_arguments(void **state)
{
    (void)state;
    assert_null(boot_commands(""));
    assert_null(boot_commands("quiet=1 seed=5"));
    assert_null(boot_commands("a=--b --x x--"));
    assert_string_equal(boot_commands("quiet=1 -- blktest vda; ps"), "blktest vda; ps");
    assert_string_equal(boot_commands("-- a -- b"), "a -- b");
    assert_string_equal(boot_commands("x=1  --   a"), "a");
    assert_string_equal(boot_commands("x=1 --"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),          cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_connectors),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_random),
        cmocka_unit_test(test_boot_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
