/*
 * Which lines of the kernel's log the console shows, and how.
 *
 * The log is lines `L ssss.uuuuuu text`, L the digit of enum log_level, the seconds padded with
 * blanks. Lines of level LOG_WARNING and more urgent ones are shown as `[ssss.uuuuuu] text`.
 */
#ifndef UART16550_KLOG_H
#define UART16550_KLOG_H

#include <stddef.h>

/* At most what len bytes of log become: no byte becomes more than two. */
#define KLOG_SHOWN_MAX(len) (2 * (len))

/* Where the text handed over so far has ended; zeroed memory is the start of a line. */
struct klog_filter {
    enum { KLOG_LEVEL, KLOG_BLANK, KLOG_STAMP_BLANKS, KLOG_STAMP, KLOG_TEXT, KLOG_SKIP } state;
};

/* Filters the next len bytes of the log into shown: how many bytes of it there are to show. */
size_t klog_filter(struct klog_filter *filter, const char *text, size_t len, char *shown);

#endif
