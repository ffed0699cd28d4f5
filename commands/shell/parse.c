/*
 * Splits what was typed (or came with the boot arguments) into commands and their words.
 */
#include "parse.h"

#include <stdio.h>
#include <string.h>

#define PATTERN_CHARACTERS "*?["

/* The words of one command while they are being put together. */
struct words {
    struct command *command;
    size_t used;     /* of command->text */
    bool is_pattern; /* the word that is being parsed */
    const char *error;
};

static void put(struct words *words, char c)
{
    if (words->used >= sizeof(words->command->text)) {
        words->error = "the command is too long";
        return;
    }
    words->command->text[words->used++] = c;
}

/* A character that was quoted: nothing special in a pattern. */
static void put_quoted(struct words *words, char c)
{
    if (strchr(PATTERN_CHARACTERS "\\", c) != NULL)
        put(words, '\\');
    put(words, c);
}

char *pattern_unquote(char *pattern)
{
    char *to = pattern;

    for (; *pattern != '\0'; pattern++) {
        if (pattern[0] == '\\' && pattern[1] != '\0')
            pattern++;
        *to++ = *pattern;
    }
    *to = '\0';
    return to;
}

static void put_status(struct words *words, int status)
{
    char digits[12];

    snprintf(digits, sizeof(digits), "%d", status);
    for (const char *digit = digits; *digit != '\0'; digit++)
        put(words, *digit);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_word(char c)
{
    return c == '\0' || is_blank(c) || strchr(";\n&|<>()", c) != NULL;
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    if (*p == '#')
        p += strcspn(p, "\n");
    return p;
}

/* Copies up to the closing quote; p is behind the opening one. NULL: there is no closing one. */
static const char *parse_quoted(struct words *words, const char *p, char quote, int last_status)
{
    for (; *p != quote; p++) {
        if (*p == '\0')
            return NULL;
        if (quote == '"' && *p == '\\' && p[1] != '\0' && strchr("\"\\$", p[1]) != NULL) {
            put_quoted(words, *++p);
        } else if (quote == '"' && p[0] == '$' && p[1] == '?') {
            put_status(words, last_status);
            p++;
        } else {
            put_quoted(words, *p);
        }
    }
    return p + 1;
}

static const char *parse_word(struct words *words, const char *p, int last_status)
{
    while (!ends_word(*p) && words->error == NULL) {
        if (*p == '\'' || *p == '"') {
            p = parse_quoted(words, p + 1, *p, last_status);
            if (p == NULL) {
                words->error = "a quote is not closed";
                return NULL;
            }
        } else if (*p == '\\') {
            if (p[1] == '\0') {
                words->error = "nothing follows the last backslash";
                return NULL;
            }
            put_quoted(words, p[1]);
            p += 2;
        } else if (p[0] == '$' && p[1] == '?') {
            put_status(words, last_status);
            p += 2;
        } else {
            words->is_pattern = words->is_pattern || strchr(PATTERN_CHARACTERS, *p) != NULL;
            put(words, *p++);
        }
    }
    put(words, '\0');
    return p;
}

/* Parses the word at p, which is there. NULL: words->error says what is wrong with it. A word that is no
 * pattern, or may be none, comes out as it is meant. */
static const char *take_word(struct words *words, const char *p, int last_status, const char **word)
{
    char *start = &words->command->text[words->used];

    words->is_pattern = false;
    p = parse_word(words, p, last_status);
    if (words->error == NULL && !words->is_pattern)
        words->used = (size_t)(pattern_unquote(start) + 1 - words->command->text);
    if (words->error == NULL && words->used > PM_ARGUMENTS_MAX)
        words->error = "the command is too long";
    *word = start;
    return words->error == NULL ? skip_blanks(p) : NULL;
}

/* Whether a redirection begins at p: with a descriptor's digit, perhaps. */
static bool is_redirection(const char *p)
{
    if (*p >= '0' && *p <= '9')
        p++;
    return *p == '<' || *p == '>';
}

static const char *take_redirection(struct words *words, const char *p, int last_status)
{
    struct command *command = words->command;

    if (command->redirection_count == SHELL_REDIRECTIONS_MAX) {
        words->error = "too many redirections in one command";
        return NULL;
    }
    struct redirection *redirection = &command->redirections[command->redirection_count++];
    int digit = *p >= '0' && *p <= '9' ? *p++ - '0' : -1;
    *redirection = (struct redirection){.kind = *p == '<' ? REDIRECT_FROM : REDIRECT_TO};
    redirection->fd = digit >= 0 ? digit : redirection->kind == REDIRECT_FROM ? 0 : 1;
    p++;
    if (p[-1] == '>' && p[0] == '&' && p[1] >= '0' && p[1] <= '9') {
        redirection->kind = REDIRECT_LIKE;
        redirection->other = p[1] - '0';
        return skip_blanks(p + 2);
    }
    if (p[-1] == '>' && p[0] == '>') {
        redirection->kind = REDIRECT_APPEND;
        p++;
    }
    p = skip_blanks(p);
    if (ends_word(*p)) {
        words->error = "no file's name after < or >";
        return NULL;
    }
    size_t start = words->used;
    p = take_word(words, p, last_status, &redirection->path);
    if (words->is_pattern)
        pattern_unquote(&command->text[start]);
    return p;
}

static const char *take_argument(struct words *words, const char *p, int last_status)
{
    struct command *command = words->command;

    if (command->argc == SHELL_WORDS_MAX) {
        words->error = "too many words in one command";
        return NULL;
    }
    p = take_word(words, p, last_status, &command->argv[command->argc]);
    if (words->is_pattern)
        command->patterns |= 1ul << command->argc;
    command->argc++;
    return p;
}

/* Takes the connector at p. Sets words->error if it isn't one. */
static const char *parse_connector(struct words *words, const char *p)
{
    struct command *command = words->command;

    command->connector = CONNECTOR_SEQUENCE;
    if (*p == '\0')
        return p;
    if (*p == ';' || *p == '\n')
        return p + 1;
    if (p[0] != p[1] || (*p != '&' && *p != '|')) {
        words->error = "no pipes, no background: quote & | ( )";
        return p;
    }
    command->connector = *p == '&' ? CONNECTOR_AND : CONNECTOR_OR;
    if (command->argc == 0 && command->redirection_count == 0)
        words->error = "nothing before && or ||";
    p = skip_blanks(p + 2);
    if (*p == '\0' || *p == ';' || *p == '\n')
        words->error = "nothing after && or ||";
    return p;
}

int command_parse(const char **cursor, int last_status, struct command *command, const char **error)
{
    struct words words = {.command = command};
    const char *p = skip_blanks(*cursor);

    while (*p == ';' || *p == '\n')
        p = skip_blanks(p + 1);
    if (*p == '\0') {
        *cursor = p;
        return 0;
    }
    command->argc = 0;
    command->patterns = 0;
    command->redirection_count = 0;
    while (words.error == NULL && (is_redirection(p) || !ends_word(*p)))
        p = is_redirection(p) ? take_redirection(&words, p, last_status)
                              : take_argument(&words, p, last_status);
    command->argv[command->argc] = NULL;
    if (words.error == NULL)
        p = parse_connector(&words, p);
    if (words.error != NULL) {
        *error = words.error;
        return -1;
    }
    *cursor = p;
    return 1;
}

bool command_check(const char *text, const char **error)
{
    static struct command command;
    int found;

    do
        found = command_parse(&text, 255, &command, error);
    while (found > 0);
    return found == 0;
}
