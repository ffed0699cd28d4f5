/*
 * Splits what was typed (or came with the boot arguments) into commands and their words.
 */
#include "parse.h"

#include <stdio.h>
#include <string.h>

/* The words of one command while they are being put together. */
struct words {
    struct command *command;
    size_t used; /* of command->text */
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
            put(words, *++p);
        } else if (quote == '"' && p[0] == '$' && p[1] == '?') {
            put_status(words, last_status);
            p++;
        } else {
            put(words, *p);
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
            put(words, p[1]);
            p += 2;
        } else if (p[0] == '$' && p[1] == '?') {
            put_status(words, last_status);
            p += 2;
        } else {
            put(words, *p++);
        }
    }
    put(words, '\0');
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
        words->error = "no pipes, redirections or background: quote & | < > ( )";
        return p;
    }
    command->connector = *p == '&' ? CONNECTOR_AND : CONNECTOR_OR;
    if (command->argc == 0)
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

    command->argc = 0;
    while (*p == ';' || *p == '\n')
        p = skip_blanks(p + 1);
    if (*p == '\0') {
        *cursor = p;
        return 0;
    }
    while (!ends_word(*p) && words.error == NULL) {
        if (command->argc == SHELL_WORDS_MAX) {
            words.error = "too many words in one command";
            break;
        }
        command->argv[command->argc++] = &command->text[words.used];
        p = parse_word(&words, p, last_status);
        if (p != NULL)
            p = skip_blanks(p);
        if (words.error != NULL)
            break;
    }
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
