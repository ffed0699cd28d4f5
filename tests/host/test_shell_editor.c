/*
 * The shell's line editor against a small terminal: what is on the terminal's line must be the prompt
 * and the editor's line, with the cursor at its place, after every key.
 */
#include "../../commands/shell/editor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PROMPT "> "
#define LEFT "\x1b[D"
#define RIGHT "\x1b[C"
#define UP "\x1b[A"
#define DOWN "\x1b[B"

/* ---- the terminal: one line, and those above it forgotten ---- */

static char screen[EDITOR_COLUMNS + 1];
static unsigned column;
static unsigned bells;
static char everything[65536]; /* that was emitted since the start of a test */
static size_t everything_len;

static void screen_clear(void)
{
    memset(screen, ' ', EDITOR_COLUMNS);
    column = 0;
}

/* Handles one escape sequence; returns its length. */
static size_t terminal_escape(const char *bytes)
{
    unsigned n = 0;
    size_t used = 2;

    assert_int_equal(bytes[1], '[');
    while (bytes[used] >= '0' && bytes[used] <= '9')
        n = n * 10 + (unsigned)(bytes[used++] - '0');
    switch (bytes[used]) {
    case 'K':
        memset(&screen[column], ' ', EDITOR_COLUMNS - column);
        break;
    case 'C':
        column += n;
        assert_true(column < EDITOR_COLUMNS);
        break;
    case 'H':
        column = 0;
        break;
    case 'J':
        screen_clear();
        break;
    default:
        fail_msg("escape sequence %c", bytes[used]);
    }
    return used + 1;
}

static void terminal_emit(void *context, const char *bytes, size_t len)
{
    (void)context;
    if (everything_len + len < sizeof(everything)) {
        memcpy(&everything[everything_len], bytes, len);
        everything_len += len;
        everything[everything_len] = '\0';
    }
    for (size_t i = 0; i < len;) {
        if (bytes[i] == 0x1b) {
            i += terminal_escape(&bytes[i]);
            continue;
        }
        if (bytes[i] == '\r') {
            column = 0;
        } else if (bytes[i] == '\n') {
            screen_clear();
        } else if (bytes[i] == '\a') {
            bells++;
        } else {
            assert_true(column < EDITOR_COLUMNS);
            screen[column++] = bytes[i];
        }
        i++;
    }
}

static const char *command_name(void *context, unsigned n)
{
    static const char *const names[] = {"help", "hexdump", "service", "ps"};

    (void)context;
    return n < 4 ? names[n] : NULL;
}

static const struct editor_callbacks callbacks = {.emit = terminal_emit,
                                                  .command_name = command_name};
static struct editor editor;

/* ---- checks ---- */

static void check_screen(void)
{
    unsigned prompt = (unsigned)strlen(PROMPT);
    unsigned room = EDITOR_COLUMNS - 1 - prompt;
    unsigned shown = editor.len - editor.scroll < room ? editor.len - editor.scroll : room;

    assert_true(editor.cursor <= editor.len && editor.len <= EDITOR_LINE_MAX);
    assert_true(editor.scroll <= editor.cursor && editor.cursor - editor.scroll <= room);
    assert_int_equal(strlen(editor.line), editor.len);
    assert_memory_equal(screen, PROMPT, prompt);
    assert_memory_equal(&screen[prompt], &editor.line[editor.scroll], shown);
    for (unsigned i = prompt + shown; i < EDITOR_COLUMNS; i++)
        assert_int_equal(screen[i], ' ');
    assert_int_equal(column, prompt + editor.cursor - editor.scroll);
}

static enum editor_result type(const char *keys)
{
    enum editor_result result = EDITOR_MORE;

    for (; *keys != '\0'; keys++) {
        result = editor_input(&editor, *keys);
        if (result == EDITOR_MORE) {
            check_screen();
        } else {
            assert_int_equal(keys[1], '\0');
        }
    }
    return result;
}

static void expect_line(const char *keys, const char *line)
{
    assert_int_equal(type(keys), EDITOR_MORE);
    assert_string_equal(editor.line, line);
}

static void enter(const char *line)
{
    assert_int_equal(type(line), EDITOR_MORE);
    assert_int_equal(type("\r"), EDITOR_LINE);
    editor_remember(&editor, editor.line);
    editor_start(&editor);
}

static int setup(void **state)
{
    (void)state;
    screen_clear();
    screen[EDITOR_COLUMNS] = '\0';
    bells = 0;
    everything_len = 0;
    editor_init(&editor, &callbacks, PROMPT);
    editor_start(&editor);
    return 0;
}

/* ---- tests ---- */

static void test_typing(void **state)
{
    (void)state;
    expect_line("hello", "hello");
    expect_line("\x01X\x05Y", "XhelloY");
    expect_line(LEFT LEFT "-", "Xhell-oY");
    expect_line("\x1b[H\x1b[3~", "hell-oY");
    expect_line("\x1b[F\x7f", "hell-o");
    expect_line("\x02\x02\x04", "hello");
    expect_line("\x1bOH" RIGHT "\x06\x0b", "he");
    expect_line(" a bc  \x17", "he a ");
    expect_line("\x17", "he ");
    expect_line("\x15", "");
    expect_line("ab cd\x1b"
                "b\x1b"
                "bX\x1b"
                "fY",
                "XabY cd");
    expect_line("\x1b[1;5DZ\x1b[1;5C!", "ZXabY! cd");
    expect_line("\x0c", "ZXabY! cd");
    assert_int_equal(type("\r"), EDITOR_LINE);
    assert_string_equal(editor.line, "ZXabY! cd");
}

static void test_ends(void **state)
{
    (void)state;
    expect_line(LEFT RIGHT UP DOWN "\x7f\x04\x02\x06\x0b\x15\x17\x1b[3~", "");
    /* Enter comes as CR, LF or both. */
    assert_int_equal(type("a\n"), EDITOR_LINE);
    editor_start(&editor);
    assert_int_equal(type("b\r"), EDITOR_LINE);
    editor_start(&editor);
    assert_int_equal(type("\n"), EDITOR_MORE);
    assert_int_equal(type("c\n"), EDITOR_LINE);
    editor_start(&editor);
    assert_int_equal(type("abc\x03"), EDITOR_INTERRUPT);
    editor_start(&editor);
    expect_line("d", "d");
}

static void test_ignored(void **state)
{
    (void)state;
    expect_line("a\x80\xff\x1b[5~\x1b[99;99;99;99R\x1bz\x1b[200~b\x1c\x1d", "ab");
    expect_line("\x1b[\x01"
                "c",
                "abc");
}

static void test_long(void **state)
{
    char line[EDITOR_LINE_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < EDITOR_LINE_MAX; i++)
        line[i] = (char)('a' + i % 26);
    line[EDITOR_LINE_MAX] = '\0';
    expect_line(line, line);
    assert_int_equal(bells, 0);
    expect_line("x", line);
    assert_int_equal(bells, 1);
    expect_line("\x01", line);
    expect_line("\x05", line);
    for (unsigned i = 0; i < 200; i++)
        expect_line(LEFT, line);
}

static void test_history(void **state)
{
    (void)state;
    enter("one");
    enter("two");
    enter("two");
    enter("   ");
    expect_line("now", "now");
    expect_line(UP, "two");
    expect_line(UP, "one");
    expect_line(UP, "one");
    expect_line(DOWN "\x0e", "now");
    expect_line("\x10\x10!", "one!");
    assert_int_equal(type("\r"), EDITOR_LINE);
    editor_start(&editor);
    for (unsigned i = 0; i < 3 * EDITOR_HISTORY; i++) {
        char text[16];
        snprintf(text, sizeof(text), "line %u", i);
        enter(text);
    }
    for (unsigned i = 0; i < EDITOR_HISTORY; i++)
        type(UP);
    assert_string_equal(editor.line, "line 64");
    bells = 0;
    type(UP);
    assert_int_equal(bells, 1);
}

static void test_completion(void **state)
{
    (void)state;
    expect_line("s\t", "service ");
    expect_line("\t", "service "); /* an argument */
    expect_line("\x15"
                "ps; h\t",
                "ps; he"); /* as far as it is common */
    everything_len = 0;
    expect_line("\t", "ps; he");
    assert_non_null(strstr(everything, "help  hexdump  "));
    expect_line("x\t", "ps; hexdump ");
    bells = 0;
    expect_line("\x15z\t", "z");
    assert_int_equal(bells, 1);
}

static void test_random(void **state)
{
    static const char *const keys[] = {
        "a",    "b",    " ",     ";",     LEFT,      RIGHT,  UP,
        DOWN,   "\x01", "\x05",  "\x0b",  "\x15",    "\x17", "\x7f",
        "\x04", "\t",   "\033b", "\033f", "\x1b[3~", "\x0c", "hexdump vda 0 16 and more",
    };

    (void)state;
    srand(2);
    for (unsigned round = 0; round < 20000; round++) {
        if (rand() % 100 == 0)
            enter("");
        else
            type(keys[(size_t)rand() % (sizeof(keys) / sizeof(keys[0]))]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_typing, setup),  cmocka_unit_test_setup(test_ends, setup),
        cmocka_unit_test_setup(test_ignored, setup), cmocka_unit_test_setup(test_long, setup),
        cmocka_unit_test_setup(test_history, setup), cmocka_unit_test_setup(test_completion, setup),
        cmocka_unit_test_setup(test_random, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
