/*
 * The line editor. See editor.h.
 */
#include "editor.h"

#include <stdio.h>
#include <string.h>

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE 0x1b
#define DELETE 0x7f

static void emit(struct editor *editor, const char *bytes, size_t len)
{
    editor->callbacks->emit(editor->callbacks->context, bytes, len);
}

static void emit_text(struct editor *editor, const char *text)
{
    emit(editor, text, strlen(text));
}

/* How many bytes of the line fit behind the prompt; one column is left free for the cursor. */
static unsigned visible_columns(const struct editor *editor)
{
    size_t prompt = strlen(editor->prompt);

    return prompt + 20 < EDITOR_COLUMNS ? (unsigned)(EDITOR_COLUMNS - 1 - prompt) : 20;
}

void editor_redraw(struct editor *editor)
{
    unsigned columns = visible_columns(editor);
    char move[16];

    if (editor->cursor < editor->scroll)
        editor->scroll = editor->cursor;
    if (editor->cursor - editor->scroll > columns)
        editor->scroll = editor->cursor - columns;

    unsigned shown = editor->len - editor->scroll;
    if (shown > columns)
        shown = columns;
    emit_text(editor, "\r");
    emit_text(editor, editor->prompt);
    emit(editor, &editor->line[editor->scroll], shown);
    emit_text(editor, "\x1b[K\r");
    snprintf(move, sizeof(move), "\x1b[%uC",
             (unsigned)strlen(editor->prompt) + editor->cursor - editor->scroll);
    emit_text(editor, move);
}

void editor_init(struct editor *editor, const struct editor_callbacks *callbacks,
                 const char *prompt)
{
    memset(editor, 0, sizeof(*editor));
    editor->callbacks = callbacks;
    editor->prompt = prompt;
}

void editor_start(struct editor *editor)
{
    editor->len = 0;
    editor->cursor = 0;
    editor->scroll = 0;
    editor->line[0] = '\0';
    editor->in_escape = false;
    editor->browsed = editor->history_count;
    emit_text(editor, editor->prompt);
}

/* ---- changing the line ---- */

static void bell(struct editor *editor)
{
    emit_text(editor, "\a");
}

static void set_line(struct editor *editor, const char *text)
{
    editor->len = (unsigned)strlen(text);
    memmove(editor->line, text, editor->len + 1);
    editor->cursor = editor->len;
    editor->scroll = 0;
    editor_redraw(editor);
}

static void insert(struct editor *editor, char c)
{
    if (editor->len == EDITOR_LINE_MAX) {
        bell(editor);
        return;
    }
    memmove(&editor->line[editor->cursor + 1], &editor->line[editor->cursor],
            editor->len - editor->cursor + 1);
    editor->line[editor->cursor++] = c;
    editor->len++;
    if (editor->cursor == editor->len && editor->len - editor->scroll <= visible_columns(editor))
        emit(editor, &c, 1);
    else
        editor_redraw(editor);
}

/* Removes the bytes from..to and leaves the cursor at from. */
static void erase(struct editor *editor, unsigned from, unsigned to)
{
    memmove(&editor->line[from], &editor->line[to], editor->len - to + 1);
    editor->len -= to - from;
    editor->cursor = from;
    editor_redraw(editor);
}

static void move_to(struct editor *editor, unsigned cursor)
{
    editor->cursor = cursor;
    editor_redraw(editor);
}

static unsigned word_left(const struct editor *editor)
{
    unsigned at = editor->cursor;

    while (at > 0 && editor->line[at - 1] == ' ')
        at--;
    while (at > 0 && editor->line[at - 1] != ' ')
        at--;
    return at;
}

static unsigned word_right(const struct editor *editor)
{
    unsigned at = editor->cursor;

    while (at < editor->len && editor->line[at] == ' ')
        at++;
    while (at < editor->len && editor->line[at] != ' ')
        at++;
    return at;
}

/* ---- history ---- */

static char *history_line(struct editor *editor, unsigned n)
{
    return editor->history[(editor->history_first + n) % EDITOR_HISTORY];
}

void editor_remember(struct editor *editor, const char *line)
{
    if (line[strspn(line, " ")] == '\0' || strlen(line) > EDITOR_LINE_MAX)
        return;
    if (editor->history_count > 0 &&
        strcmp(history_line(editor, editor->history_count - 1), line) == 0)
        return;
    if (editor->history_count == EDITOR_HISTORY)
        editor->history_first = (editor->history_first + 1) % EDITOR_HISTORY;
    else
        editor->history_count++;
    strcpy(history_line(editor, editor->history_count - 1), line);
}

static void browse(struct editor *editor, bool older)
{
    if (older ? editor->browsed == 0 : editor->browsed == editor->history_count) {
        bell(editor);
        return;
    }
    if (editor->browsed == editor->history_count)
        strcpy(editor->kept, editor->line);
    editor->browsed += older ? -1u : 1u;
    set_line(editor, editor->browsed == editor->history_count
                         ? editor->kept
                         : history_line(editor, editor->browsed));
}

/* ---- completion of command names ---- */

/* Where the word before the cursor begins; len of it. False: it isn't a command's name. */
static bool command_word(const struct editor *editor, unsigned *start)
{
    unsigned at = editor->cursor;

    while (at > 0 && strchr(" ;&|", editor->line[at - 1]) == NULL)
        at--;
    *start = at;
    while (at > 0 && editor->line[at - 1] == ' ')
        at--;
    return at == 0 || strchr(";&|", editor->line[at - 1]) != NULL;
}

static void list_candidates(struct editor *editor, const char *prefix, size_t prefix_len)
{
    const char *name;

    emit_text(editor, "\n");
    for (unsigned n = 0; (name = editor->callbacks->command_name(editor->callbacks->context, n));
         n++) {
        if (strncmp(name, prefix, prefix_len) == 0) {
            emit_text(editor, name);
            emit_text(editor, "  ");
        }
    }
    emit_text(editor, "\n");
    editor_redraw(editor);
}

static void complete(struct editor *editor)
{
    const char *name, *found = NULL;
    size_t common = 0;
    unsigned start, candidates = 0;

    if (!command_word(editor, &start)) {
        bell(editor);
        return;
    }
    const char *prefix = &editor->line[start];
    size_t prefix_len = editor->cursor - start;

    for (unsigned n = 0; (name = editor->callbacks->command_name(editor->callbacks->context, n));
         n++) {
        if (strncmp(name, prefix, prefix_len) != 0)
            continue;
        if (candidates++ == 0) {
            found = name;
            common = strlen(name);
        }
        while (strncmp(name, found, common) != 0)
            common--;
    }
    if (candidates == 0)
        bell(editor);
    else if (candidates > 1 && common == prefix_len)
        list_candidates(editor, prefix, prefix_len);
    for (size_t i = prefix_len; i < common; i++)
        insert(editor, found[i]);
    if (candidates == 1)
        insert(editor, ' ');
}

/* ---- keys ---- */

/* The end of "ESC [ parameters final" or "ESC O final": editor->escape holds it all. */
static void escape_sequence(struct editor *editor)
{
    char final = editor->escape[editor->escape_len - 1];
    bool by_word = strchr(editor->escape, ';') != NULL;

    switch (final) {
    case 'A':
        browse(editor, true);
        break;
    case 'B':
        browse(editor, false);
        break;
    case 'C':
        if (editor->cursor < editor->len)
            move_to(editor, by_word ? word_right(editor) : editor->cursor + 1);
        break;
    case 'D':
        if (editor->cursor > 0)
            move_to(editor, by_word ? word_left(editor) : editor->cursor - 1);
        break;
    case 'H':
        move_to(editor, 0);
        break;
    case 'F':
        move_to(editor, editor->len);
        break;
    case '~':
        if (editor->escape[1] == '1' || editor->escape[1] == '7')
            move_to(editor, 0);
        else if (editor->escape[1] == '4' || editor->escape[1] == '8')
            move_to(editor, editor->len);
        else if (editor->escape[1] == '3' && editor->cursor < editor->len)
            erase(editor, editor->cursor, editor->cursor + 1);
        break;
    default:
        break;
    }
}

static void escape_byte(struct editor *editor, char byte)
{
    if (editor->escape_len == 0 && byte != '[' && byte != 'O') {
        editor->in_escape = false;
        if (byte == 'b')
            move_to(editor, word_left(editor));
        else if (byte == 'f')
            move_to(editor, word_right(editor));
        return;
    }
    /* A sequence that is longer than any known one is taken to its end and then ignored. */
    if (editor->escape_len < sizeof(editor->escape) - 1)
        editor->escape[editor->escape_len++] = byte;
    editor->escape[editor->escape_len] = '\0';
    if (editor->escape_len > 1 && byte >= '@' && byte <= '~') {
        editor->in_escape = false;
        escape_sequence(editor);
    } else if ((unsigned char)byte < ' ') {
        editor->in_escape = false;
    }
}

static void control_byte(struct editor *editor, char byte)
{
    switch (byte) {
    case CONTROL('A'):
        move_to(editor, 0);
        break;
    case CONTROL('E'):
        move_to(editor, editor->len);
        break;
    case CONTROL('B'):
        if (editor->cursor > 0)
            move_to(editor, editor->cursor - 1);
        break;
    case CONTROL('F'):
        if (editor->cursor < editor->len)
            move_to(editor, editor->cursor + 1);
        break;
    case CONTROL('P'):
        browse(editor, true);
        break;
    case CONTROL('N'):
        browse(editor, false);
        break;
    case CONTROL('D'):
        if (editor->cursor < editor->len)
            erase(editor, editor->cursor, editor->cursor + 1);
        break;
    case CONTROL('H'):
    case DELETE:
        if (editor->cursor > 0)
            erase(editor, editor->cursor - 1, editor->cursor);
        break;
    case CONTROL('K'):
        erase(editor, editor->cursor, editor->len);
        break;
    case CONTROL('U'):
        erase(editor, 0, editor->cursor);
        break;
    case CONTROL('W'):
        erase(editor, word_left(editor), editor->cursor);
        break;
    case CONTROL('L'):
        emit_text(editor, "\x1b[H\x1b[2J");
        editor_redraw(editor);
        break;
    case '\t':
        complete(editor);
        break;
    default:
        break;
    }
}

enum editor_result editor_input(struct editor *editor, char byte)
{
    bool after_return = editor->after_return;

    editor->after_return = false;
    if (editor->in_escape) {
        escape_byte(editor, byte);
        return EDITOR_MORE;
    }
    switch (byte) {
    case '\n':
        if (after_return)
            return EDITOR_MORE; /* the second half of one Enter */
        emit_text(editor, "\n");
        return EDITOR_LINE;
    case '\r':
        editor->after_return = true;
        emit_text(editor, "\n");
        return EDITOR_LINE;
    case CONTROL('C'):
        emit_text(editor, "^C\n");
        return EDITOR_INTERRUPT;
    case ESCAPE:
        editor->in_escape = true;
        editor->escape_len = 0;
        return EDITOR_MORE;
    default:
        if (byte >= ' ' && byte < DELETE)
            insert(editor, byte);
        else
            control_byte(editor, byte);
        return EDITOR_MORE;
    }
}
