/*
 * Just enough of a terminal's line discipline: return, backspace, and Ctrl-D, which ends the data on
 * an empty line and sends what there is of another.
 */
#include "line.h"

#include <string.h>

#define CONTROL_D 4
#define BACKSPACE 8
#define ESCAPE 27
#define DELETE 127

static void show(char echo[LINE_ECHO_BYTES], size_t *shown, const char *text)
{
    *shown = strlen(text);
    memcpy(echo, text, *shown);
}

static enum line_result add(struct line *line, char byte)
{
    line->text[line->len++] = byte;
    return byte == '\n' || line->len == sizeof(line->text) ? LINE_READY : LINE_MORE;
}

enum line_result line_input(struct line *line, char byte, char echo[LINE_ECHO_BYTES], size_t *shown)
{
    *shown = 0;
    switch (byte) {
    case CONTROL_D:
        return line->len > 0 ? LINE_READY : LINE_END;
    case BACKSPACE:
    case DELETE:
        if (line->len > 0) {
            line->len--;
            show(echo, shown, "\b \b");
        }
        return LINE_MORE;
    case '\r':
    case '\n':
        show(echo, shown, "\n");
        return add(line, '\n');
    case ESCAPE:
        return LINE_MORE; /* it would do things to the console rather than be shown */
    default:
        echo[0] = byte;
        *shown = 1;
        return add(line, byte);
    }
}
