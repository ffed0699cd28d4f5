/*
 * The shell's language: words, quotes, `$?`, and `;`, `&&`, `||` between commands. Pure: tested on
 * the build machine.
 */
#ifndef SHELL_PARSE_H
#define SHELL_PARSE_H

#include <proto/pm.h>
#include <stdbool.h>

#define SHELL_WORDS_MAX 64

/* What stands after a command and decides whether the next one runs. */
enum connector {
    CONNECTOR_SEQUENCE, /* ; or the end: run it in any case */
    CONNECTOR_AND,      /* && */
    CONNECTOR_OR,       /* || */
};

struct command {
    unsigned argc;
    const char *argv[SHELL_WORDS_MAX + 1]; /* into text; NULL-terminated */
    enum connector connector;
    char text[PM_ARGUMENTS_MAX];
};

/*
 * Parses the next command of *cursor, and moves *cursor behind it and its connector. `$?` becomes
 * last_status. 1: there is one; 0: the end was reached; -1: *error says what is wrong.
 */
int command_parse(const char **cursor, int last_status, struct command *command,
                  const char **error);

/* Whether the whole of text can be parsed; if not, *error says why. Run nothing of a wrong line. */
bool command_check(const char *text, const char **error);

#endif
