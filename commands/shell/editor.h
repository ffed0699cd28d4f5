/*
 * The shell's line editor: a state machine that is fed the bytes of a terminal and emits what the
 * terminal is to show. It knows nothing of consoles: tested on the build machine.
 *
 * Keys: arrows, Home, End, Delete, Ctrl-A E B F P N D H K U W L, Alt-B F, Ctrl-arrows by word, Tab.
 * A line longer than the terminal scrolls sideways. Only printable ASCII is taken.
 */
#ifndef SHELL_EDITOR_H
#define SHELL_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#define EDITOR_LINE_MAX 511u
#define EDITOR_HISTORY 32u
#define EDITOR_COLUMNS 80u

struct editor_callbacks {
    void (*emit)(void *context, const char *bytes, size_t len);
    /* The n-th name that a command may have; NULL behind the last one. */
    const char *(*command_name)(void *context, unsigned n);
    void *context;
};

struct editor {
    const struct editor_callbacks *callbacks;
    const char *prompt;
    char line[EDITOR_LINE_MAX + 1]; /* terminated */
    unsigned len;
    unsigned cursor;
    unsigned scroll; /* the first byte that is shown */
    bool after_return;
    char escape[8]; /* an escape sequence in progress, without ESC */
    unsigned escape_len;
    bool in_escape;
    /* Entered lines, oldest first from history_first; browsed = history_count: the line itself. */
    char history[EDITOR_HISTORY][EDITOR_LINE_MAX + 1];
    unsigned history_first;
    unsigned history_count;
    unsigned browsed;
    char kept[EDITOR_LINE_MAX + 1]; /* the line itself while older ones are looked at */
};

enum editor_result {
    EDITOR_MORE,
    EDITOR_LINE,      /* editor->line was entered */
    EDITOR_INTERRUPT, /* Ctrl-C: the line was given up */
};

void editor_init(struct editor *editor, const struct editor_callbacks *callbacks,
                 const char *prompt);
/* Begins an empty line: shows the prompt. */
void editor_start(struct editor *editor);
/* Takes one byte of input. */
enum editor_result editor_input(struct editor *editor, char byte);
/* Shows the prompt and the line again, after something else was printed. */
void editor_redraw(struct editor *editor);
/* Adds a line to the history, unless it is blank or the newest one already. */
void editor_remember(struct editor *editor, const char *line);

#endif
