/*
 * The shell's language, and the commands in the boot arguments.
 */
#include "../../commands/shell/boot_arguments.h"
#include "../../commands/shell/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
        "echo 'a",  "echo \"a",  "echo a\\", "a | b",    "a & b",     "a >",
        "a <",      "a (b)",     "&& a",     "|| a",     "a &&",      "a || ",
        "a && ; b", "a && && b", "a &",      "a && # b", "a; ; && b", "a > > b",
        "a >& b",   "a > ;b",    "a 2>&",    "a <<b",    "a > 'b",    "a >\\",
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
    static char line[3 * PM_ARGUMENTS_MAX];
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

    /* Quoted, each takes two bytes until the word is complete. */
    memset(line, '*', sizeof(line) - 1);
    line[0] = line[PM_ARGUMENTS_MAX] = '\'';
    line[PM_ARGUMENTS_MAX + 1] = '\0';
    assert_true(command_check(line, &error));
    line[PM_ARGUMENTS_MAX] = '*';
    line[sizeof(line) - 2] = '\'';
    assert_false(command_check(line, &error));
}

static void expect_redirections(const char *line, const char *words, const char *redirections)
{
    char found[256] = "";

    expect_one(line, words);
    for (unsigned i = 0; i < command.redirection_count; i++) {
        const struct redirection *redirection = &command.redirections[i];
        static const char *const kinds[] = {"<", ">", ">>", ">&"};
        char text[64];

        snprintf(text, sizeof(text), "%d%s", redirection->fd, kinds[redirection->kind]);
        strcat(found, text);
        snprintf(text, sizeof(text), "%d", redirection->other);
        strcat(found, redirection->kind == REDIRECT_LIKE ? text : redirection->path);
        strcat(found, ";");
    }
    assert_string_equal(found, redirections);
}

static void test_redirections(void **state)
{
    (void)state;
    expect_redirections("a b > c d", "a|b|d", "1>c;");
    expect_redirections("a<b>c>>'d e'", "a", "0<b;1>c;1>>d e;");
    expect_redirections("a 2>x 2>&1 12>y", "a|12", "2>x;2>&1;1>y;");
    expect_redirections("a x2>y 2 >z", "a|x2|2", "1>y;1>z;");
    expect_redirections("> 'new'", "", "1>new;");
    expect_redirections("a > '*' > * > \\?x", "a", "1>*;1>*;1>?x;");
    expect_redirections("a \\> '>' \"<\"", "a|>|>|<", "");
    expect_redirections("a >$? >b#c", "a", "1>42;1>b#c;");

    const char *cursor = ">a && <b || c";
    expect_words(&cursor, "", CONNECTOR_AND);
    expect_words(&cursor, "", CONNECTOR_OR);
    expect_words(&cursor, "c", CONNECTOR_SEQUENCE);
}

static void test_patterns(void **state)
{
    (void)state;
    expect_one("a * '*' ?x [y] \\*", "a|*|*|?x|[y]|*");
    assert_int_equal(command.patterns, 1 << 1 | 1 << 3 | 1 << 4);
    expect_one("'a*'* *\\? *\"\\\\[\" '\\'", "a\\**|*\\?|*\\\\\\[|\\");
    assert_int_equal(command.patterns, 1 << 0 | 1 << 1 | 1 << 2);
    char pattern[] = "a\\**\\\\\\[\\";
    assert_string_equal(pattern_unquote(pattern), "");
    assert_string_equal(pattern, "a**\\[\\");
}

/* Whatever the bytes: an answer, and never past the end of the text. */
static void test_random(void **state)
{
    static const char alphabet[] = "ab1 \t;&|'\"\\$?*[#<>()\n";

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
        cmocka_unit_test(test_boot_arguments), cmocka_unit_test(test_redirections),
        cmocka_unit_test(test_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
