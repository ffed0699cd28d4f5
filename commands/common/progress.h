/*
 * How far a long piece of work has come, on the console only.
 */
#ifndef COMMANDS_PROGRESS_H
#define COMMANDS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *name; /* of what is worked on */
    uint64_t total;   /* bytes; 0: not known */
    uint64_t done;
    int64_t started_ms, shown_ms;
    bool on;    /* stderr is a console, and there is a clock */
    bool shown; /* there is a line to be wiped */
};

/* Nothing is shown in the first second, and then twice a second. */
void progress_begin(struct progress *progress, const char *name, uint64_t total);
void progress_add(struct progress *progress, uint64_t bytes);
/* Wipes the line. */
void progress_end(struct progress *progress);

/* Milliseconds since 1970; -1: there is no clock. */
int64_t clock_ms(void);
/* "12.3 MiB" in a buffer of at least 16 bytes; returns it. */
char *bytes_text(char *buffer, uint64_t bytes);
/* Bytes a second. */
uint64_t bytes_rate(uint64_t bytes, int64_t ms);

#endif
