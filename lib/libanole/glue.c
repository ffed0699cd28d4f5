/*
 * What picolibc asks of the system beneath it, but for streams (stdio.c), memory (heap.c), locks
 * (lock.c) and time (time.c): how a process ends.
 */
#include <libanole/anole.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *text);

_Noreturn void _exit(int status)
{
    kcall_exit(DEATH_EXIT, (uint64_t)(int64_t)status);
}

_Noreturn void abort(void)
{
    panic("abort() was called");
}

/* A failed assert(): a bug in this very program. */
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *text)
{
    panic("%s:%d: %s: assertion failed: %s", file, line, function ? function : "?", text);
}
