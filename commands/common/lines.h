/*
 * Lines of any length.
 */
#ifndef COMMANDS_LINES_H
#define COMMANDS_LINES_H

#include <stdbool.h>
#include <stdio.h>

struct line {
    char *text; /* from malloc, without its newline */
    size_t room;
};

/* Reads the next line into it. false: there is none, or an error (ferror), or no memory (ENOMEM). */
bool line_read(struct line *line, FILE *file);
void line_free(struct line *line);

#endif
