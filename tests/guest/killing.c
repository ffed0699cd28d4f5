/*
 * killing [--least N] SERVICE MS [SERVICE MS]... -- PROGRAM [ARGUMENT...]: runs a program, and kills each
 * service every so many milliseconds until it ends; runs it again until each was killed N times (1),
 * so that however fast the machine is, there were deaths. The exit status is the program's, or 1 if it
 * died, or if a service can't be killed.
 */
#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VICTIMS 8u
#define STACK_BYTES 16384u
#define RUNS_MAX 1000u

struct victim {
    const char *service;
    uint64_t every_us;
    uint64_t next_ticks;
    unsigned kills;
};

static struct victim victims[VICTIMS];
static unsigned victim_count;
static unsigned long least = 1;
static _Atomic bool ended;    /* the program has */
static _Atomic bool finished; /* the thread that kills has, and the counts stand still */

static void kill_one(struct victim *victim)
{
    /* One that is just coming back is alive again when its turn comes next. */
    if (rs_control(victim->service, RS_KILL) == 0)
        victim->kills++;
    victim->next_ticks = deadline_in_us(victim->every_us);
}

/* A thread: kills whose turn it is. */
static void kill_them(void *argument)
{
    (void)argument;
    while (!ended) {
        uint64_t next = DEADLINE_NEVER;

        for (unsigned i = 0; i < victim_count; i++) {
            if (ticks_now() >= victims[i].next_ticks)
                kill_one(&victims[i]);
            next = victims[i].next_ticks < next ? victims[i].next_ticks : next;
        }
        /* Soon enough to see the program's end. */
        uint64_t soon = deadline_in_us(100000);
        sleep_until(next < soon ? next : soon);
    }
    finished = true;
    kcall_thread_exit();
}

static int usage(void)
{
    fprintf(stderr,
            "usage: killing [--least N] SERVICE MS [SERVICE MS]... -- PROGRAM [ARGUMENT...]\n");
    return 2;
}

/* The index of the program among the words; 0: they are wrong. */
static int parse(int argc, char *argv[])
{
    bool has_least = argc > 2 && strcmp(argv[1], "--least") == 0;
    int i = has_least ? 3 : 1;

    least = has_least ? strtoul(argv[2], NULL, 10) : 1;
    for (; i + 2 < argc && strcmp(argv[i], "--") != 0 && victim_count < VICTIMS; i += 2) {
        char *rest;
        unsigned long ms = strtoul(argv[i + 1], &rest, 10);

        if (ms == 0 || *rest != '\0')
            return 0;
        victims[victim_count++] = (struct victim){
            .service = argv[i], .every_us = ms * 1000, .next_ticks = deadline_in_us(ms * 1000)};
    }
    return victim_count > 0 && i + 1 < argc && strcmp(argv[i], "--") == 0 ? i + 1 : 0;
}

static int run(char *argv[])
{
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    endpoint_t program, killer;

    ended = finished = false;
    int status = program_spawn((const char *const *)argv, false, &program);

    if (status == 0)
        status = thread_start(kill_them, NULL, STACK_BYTES, 0, &killer);
    if (status != 0) {
        fprintf(stderr, "killing: %s: %s\n", argv[0], anole_error_text(status));
        return EXIT_FAILURE;
    }
    status = program_wait(program, &cause, &detail);
    ended = true;
    while (!finished)
        sleep_us(1000);
    if (status == 0 && cause == DEATH_EXIT)
        return (int)detail;
    fprintf(stderr, "killing: %s: %s\n", argv[0],
            status != 0 ? anole_error_text(status) : death_cause_text(cause));
    return EXIT_FAILURE;
}

static bool all_killed(void)
{
    for (unsigned i = 0; i < victim_count; i++) {
        if (victims[i].kills < least)
            return false;
    }
    return true;
}

int main(int argc, char *argv[])
{
    int program = parse(argc, argv), status = 0;

    if (program == 0)
        return usage();
    for (unsigned runs = 0; runs < RUNS_MAX && status == 0 && !(runs > 0 && all_killed()); runs++)
        status = run(&argv[program]);
    for (unsigned i = 0; i < victim_count; i++)
        printf("killing: %s: %u kills\n", victims[i].service, victims[i].kills);
    if (status == 0 && !all_killed()) {
        fprintf(stderr, "killing: not each was killed %lu times\n", least);
        return EXIT_FAILURE;
    }
    return status;
}
