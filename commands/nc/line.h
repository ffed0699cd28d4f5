/*
 * Lines as they are typed: the console hands over raw bytes, and shows only what it is told to.
 */
#ifndef NC_LINE_H
#define NC_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 1024u
#define LINE_ECHO_BYTES 4u /* at most, for one byte typed */

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

enum line_result {
    LINE_MORE,
    LINE_READY, /* its text can be sent, and is forgotten by setting len to 0 */
    LINE_END,   /* the end of data was typed (Ctrl-D on an empty line) */
};

/* Takes one byte of input. What the console is to show for it is stored in echo: how much in *shown. */
enum line_result line_input(struct line *line, char byte, char echo[LINE_ECHO_BYTES],
                            size_t *shown);

#endif
