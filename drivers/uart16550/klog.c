/*
 * The kernel log's lines as the console shows them. Called by output.c.
 */
#include "klog.h"
#include <anole/kcall.h>

/* What a line's first byte, its level, makes of it. */
static int line_state(char level)
{
    return level >= '0' && level <= '0' + LOG_WARNING ? KLOG_BLANK : KLOG_SKIP;
}

/* Takes one byte; returns where the next of what is shown goes. */
static char *filter_byte(struct klog_filter *filter, char c, char *shown)
{
    switch (filter->state) {
    case KLOG_LEVEL:
        filter->state = line_state(c);
        return shown;
    case KLOG_BLANK:
        *shown++ = '[';
        filter->state = KLOG_STAMP_BLANKS;
        return shown;
    case KLOG_STAMP_BLANKS:
        filter->state = c == ' ' ? KLOG_STAMP_BLANKS : KLOG_STAMP;
        break;
    case KLOG_STAMP:
        if (c == ' ') {
            *shown++ = ']';
            filter->state = KLOG_TEXT;
        }
        break;
    case KLOG_TEXT:
        break;
    case KLOG_SKIP:
        return shown;
    }
    *shown++ = c;
    return shown;
}

size_t klog_filter(struct klog_filter *filter, const char *text, size_t len, char *shown)
{
    char *end = shown;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n') {
            end = filter_byte(filter, text[i], end);
            continue;
        }
        if (filter->state != KLOG_SKIP && filter->state != KLOG_LEVEL) {
            *end++ = '\n';
        }
        filter->state = KLOG_LEVEL;
    }
    return (size_t)(end - shown);
}
