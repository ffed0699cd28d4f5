/*
 * The shell's language: words, quotes, `$?`, redirections, and `;`, `&&`, `||` between commands. Pure:
 * tested on the build machine.
 */
#ifndef SHELL_PARSE_H
#define SHELL_PARSE_H

#include <assert.h>
#include <proto/pm.h>
#include <stdbool.h>
#include <stdint.h>

#define SHELL_WORDS_MAX 64 /* before patterns become names */
#define SHELL_REDIRECTIONS_MAX 8

/* What stands after a command and decides whether the next one runs. */
enum connector {
    CONNECTOR_SEQUENCE, /* ; or the end: run it in any case */
    CONNECTOR_AND,      /* && */
    CONNECTOR_OR,       /* || */
};

enum redirection_kind {
    REDIRECT_FROM,   /* < path */
    REDIRECT_TO,     /* > path */
    REDIRECT_APPEND, /* >> path */
    REDIRECT_LIKE,   /* >& other: where that one leads now */
};

struct redirection {
    enum redirection_kind kind;
    int fd, other;
    const char *path; /* into the command's text */
};

struct command {
    unsigned argc;
    const char *argv[SHELL_WORDS_MAX + 1]; /* into text; NULL-terminated */
    /* Bit n: argv[n] is a pattern of names: it has a `*`, `?` or `[` that isn't quoted. In such a word
     * alone, a backslash makes the next character an ordinary one. */
    uint64_t patterns;
    unsigned redirection_count;
    struct redirection redirections[SHELL_REDIRECTIONS_MAX]; /* in their order */
    enum connector connector;
    char text[2 * PM_ARGUMENTS_MAX];
};
static_assert(SHELL_WORDS_MAX <= 64, "a bit each");

/*
 * Parses the next command of *cursor, and moves *cursor behind it and its connector. `$?` becomes
 * last_status. 1: there is one; 0: the end was reached; -1: *error says what is wrong.
 */
int command_parse(const char **cursor, int last_status, struct command *command,
                  const char **error);

/* Takes the backslashes out of a pattern, in place. Returns its end. */
char *pattern_unquote(char *pattern);

/* Whether the whole of text can be parsed; if not, *error says why. Run nothing of a wrong line. */
bool command_check(const char *text, const char **error);

#endif
