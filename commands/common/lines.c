/*
 * Lines of any length: see lines.h.
 */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 128u

static bool put(struct line *line, size_t at, char c)
{
    if (at == line->room) {
        size_t room = line->room == 0 ? FIRST_ROOM : line->room * 2;
        char *text = realloc(line->text, room);

        if (text == NULL) {
            errno = ENOMEM;
            return false;
        }
        line->text = text;
        line->room = room;
    }
    line->text[at] = c;
    return true;
}

bool line_read(struct line *line, FILE *file)
{
    size_t len = 0;
    int c;

    errno = 0;
    while ((c = getc(file)) != EOF && c != '\n') {
        if (!put(line, len++, (char)c))
            return false;
    }
    return (c != EOF || (len > 0 && !ferror(file))) && put(line, len, '\0');
}

void line_free(struct line *line)
{
    free(line->text);
    *line = (struct line){0};
}
