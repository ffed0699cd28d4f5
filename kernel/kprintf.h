/*
 * The kernel's log, and its own printing into it. Lines read `L ssss.uuuuuu text`, L the level.
 * Until the console driver takes over, lines also go to the firmware's console.
 */
#ifndef KERNEL_KPRINTF_H
#define KERNEL_KPRINTF_H

#include "types.h"
#include <anole/kcall.h>
#include <stdarg.h>

/* Formats: %s %d %u %x %lu %lx %ld %p %c and widths with 0 or blank. */
__attribute__((format(printf, 2, 3))) void kprintf(enum log_level level, const char *format, ...);
/* Prints, with a backtrace, and powers the machine off with status 70. */
__attribute__((format(printf, 1, 2))) _Noreturn void kernel_panic(const char *format, ...);

/* Appends text as lines of that level, unprintable bytes made '?'. */
void log_append(enum log_level level, const char *text, size_t len);
/* The position after the newest byte. */
uint64_t log_end(void);
/* Points at up to *len bytes of log from *position on (moved up if they are lost already). */
const char *log_peek(uint64_t *position, size_t *len);

/* 0: all levels to the firmware's console, 1: only warnings and errors. */
void log_set_quiet(bool quiet);
/* The console driver takes over, from the returned position on; it is rung for new lines. */
struct thread;
uint64_t log_hand_over(struct thread *thread);
/* A thread has read the log up to there. */
void log_taken(const struct thread *thread, uint64_t position);
/* If the thread owns the console: it is gone, the kernel prints again, what it left first. */
void log_take_back(const struct thread *thread);

#endif
