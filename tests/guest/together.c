/*
 * together [--apart MS] PROGRAM [ARGUMENT...] -- PROGRAM [ARGUMENT...] ...: runs programs at the same
 * time, each started so many milliseconds after the one before, and waits for all of them. The exit
 * status is 0 if all of theirs are.
 */
#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS 8u

struct run {
    const char *name;
    endpoint_t program;
};

static bool run_start(struct run *run, char *argv[])
{
    int status = program_spawn((const char *const *)argv, false, &run->program);

    run->name = argv[0];
    if (status != 0)
        fprintf(stderr, "together: %s can't be started: %s\n", argv[0], anole_error_text(status));
    return status == 0;
}

static bool run_end(const struct run *run)
{
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    int status = program_wait(run->program, &cause, &detail);

    if (status != 0)
        printf("together: %s can't be waited for: %s\n", run->name, anole_error_text(status));
    else if (cause != DEATH_EXIT || detail != 0)
        printf("together: %s: %s (%lu)\n", run->name, death_cause_text(cause),
               (unsigned long)detail);
    return status == 0 && cause == DEATH_EXIT && detail == 0;
}

int main(int argc, char *argv[])
{
    struct run runs[PROGRAMS];
    unsigned count = 0;
    bool well = true, apart = argc > 2 && strcmp(argv[1], "--apart") == 0;
    uint64_t apart_us = apart ? 1000 * strtoul(argv[2], NULL, 10) : 0;

    for (int first = apart ? 3 : 1; first < argc && count < PROGRAMS && well;) {
        int end = first;
        while (end < argc && strcmp(argv[end], "--") != 0)
            end++;
        argv[end] = NULL;
        if (end > first) {
            sleep_us(count > 0 ? apart_us : 0);
            well = run_start(&runs[count], &argv[first]);
            count += well ? 1u : 0u;
        }
        first = end + 1;
    }
    if (count == 0 && well) {
        fprintf(stderr, "usage: together [--apart MS] PROGRAM [ARGUMENT...] [-- PROGRAM "
                        "[ARGUMENT...]]...\n");
        return 2;
    }
    for (unsigned i = 0; i < count; i++)
        well = run_end(&runs[i]) && well;
    return well ? 0 : 1;
}
