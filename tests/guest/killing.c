/*
 * killing [--least N] [--most N] SERVICE[:FAULT] MS [SERVICE[:FAULT] MS]... -- PROGRAM [ARGUMENT...]:
 * runs a program, and kills each service, or has it commit that fault, every so many milliseconds until
 * the program ends; runs it again until each was killed, or its fault struck, --least times (1), so
 * that however fast the machine is, there were deaths, and leaves it alone after --most times, so that
 * however slow, the program gets to its end. The exit status is the program's, or 1 if it died, or if
 * a service can't be killed.
 */
#include "killing.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES 16384u
#define RUNS_MAX 1000u
#define LOOK_US 100000ul /* soon enough to see the program's end */

static unsigned long least = 1, most = ULONG_MAX;
static _Atomic bool ended;    /* the program has */
static _Atomic bool finished; /* the thread that kills has, and the counts stand still */

/* ---- arguments ---- */

static int usage(void)
{
    fprintf(stderr, "usage: killing [--least N] [--most N] SERVICE[:FAULT] MS "
                    "[SERVICE[:FAULT] MS]... -- PROGRAM [ARGUMENT...]\n"
                    "Without a FAULT the service is killed. FAULT is one of\n");
    for (uint32_t kind = 1; kind < FAULT_NO_IRQ; kind++)
        fprintf(stderr, "       %-14s %s\n", fault_kind_name(kind), fault_kind_text(kind));
    return 2;
}

static bool refused(const char *word, const char *why)
{
    fprintf(stderr, "killing: %s: %s\n", word, why);
    return false;
}

static bool parse_number(const char *text, unsigned long *number)
{
    char *rest;

    *number = strtoul(text, &rest, 10);
    return *number > 0 && *text != '-' && *rest == '\0';
}

/* SERVICE or SERVICE:FAULT. */
static bool parse_victim(const char *word, struct victim *victim)
{
    const char *colon = strchr(word, ':');
    size_t length = colon ? (size_t)(colon - word) : strlen(word);
    struct rs_service_info info;

    if (length >= sizeof victim->service)
        return refused(word, "no such service");
    memcpy(victim->service, word, length);
    victim->fault = colon ? fault_kind_find(colon + 1) : 0;
    if (colon && victim->fault == 0)
        return refused(word, "no such fault");
    if (victim->fault >= FAULT_NO_IRQ)
        return refused(word, "is of a start: faulttest orders it");
    int status = rs_find(victim->service, &info);
    if (status != 0)
        return refused(word,
                       status == -ANOLE_ENOENT ? "no such service" : anole_error_text(status));
    return true;
}

/* The index behind the options; 0: they are wrong. */
static int parse_options(int argc, char *argv[])
{
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0'; i += 2) {
        bool is_least = strcmp(argv[i], "--least") == 0;

        if ((!is_least && strcmp(argv[i], "--most") != 0) ||
            !parse_number(argv[i + 1], is_least ? &least : &most))
            return 0;
    }
    return least <= most ? i : 0;
}

/* The index of the program among the words; 0: they are wrong. */
static int parse(int argc, char *argv[])
{
    int i = parse_options(argc, argv);

    for (; i > 0 && i + 2 < argc && strcmp(argv[i], "--") != 0; i += 2) {
        struct victim victim = {0};
        unsigned long ms;

        if (!parse_number(argv[i + 1], &ms) || !parse_victim(argv[i], &victim))
            return 0;
        if (victim_count == VICTIMS)
            return refused(argv[i], "too many services");
        victim.every_us = ms * 1000;
        victim.next_ticks = deadline_in_us(victim.every_us);
        victims[victim_count++] = victim;
    }
    return victim_count > 0 && i + 1 < argc && strcmp(argv[i], "--") == 0 ? i + 1 : 0;
}

/* ---- runs ---- */

static void kill_them(void *argument)
{
    (void)argument;
    while (!ended) {
        uint64_t next = victims_strike(most), soon = deadline_in_us(LOOK_US);

        sleep_until(next < soon ? next : soon);
    }
    finished = true;
    kcall_thread_exit();
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
    victims_count();
    if (status == 0 && cause == DEATH_EXIT)
        return (int)detail;
    fprintf(stderr, "killing: %s: %s\n", argv[0],
            status != 0 ? anole_error_text(status) : death_cause_text(cause));
    return EXIT_FAILURE;
}

/* "virtio_blk: 3 kills", "virtio_blk:spin: 3 faults" */
static void report(const struct victim *victim)
{
    bool fault = victim->fault != 0;

    printf("killing: %s%s%s: %u %s\n", victim->service, fault ? ":" : "",
           fault ? fault_kind_name(victim->fault) : "", victim->hits, fault ? "faults" : "kills");
}

int main(int argc, char *argv[])
{
    int program = parse(argc, argv), status = 0;

    if (program == 0)
        return usage();
    if ((status = victims_begin()) != 0) {
        fprintf(stderr, "killing: RS's log: %s\n", anole_error_text(status));
        return EXIT_FAILURE;
    }
    for (unsigned runs = 0; runs < RUNS_MAX && status == 0 && !(runs > 0 && victims_all_hit(least));
         runs++)
        status = run(&argv[program]);
    for (unsigned i = 0; i < victim_count; i++)
        report(&victims[i]);
    if (status == 0 && !victims_all_hit(least)) {
        fprintf(stderr, "killing: not each was hit %lu times\n", least);
        return EXIT_FAILURE;
    }
    return status;
}
