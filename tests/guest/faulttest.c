/*
 * faulttest SERVICE KIND [COUNT] | all | sweep [--rw]: orders faults of a service through RS and
 * checks what they lead to: the way back that design section 6 lays down, or no harm at all. A client of a
 * disk or a network interface has requests in flight meanwhile; its data must be right, everybody else
 * untouched, and free memory afterwards what it was before.
 *
 * It is itself the caller that a silent service leaves unanswered (recovery_observe).
 */
#include "faulttest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct expectation expectations[FAULT_KIND_LIMIT] = {
    [FAULT_LOAD] = {DIES, DEATH_LOAD_FAULT, 0, NULL},
    [FAULT_STORE] = {DIES, DEATH_STORE_FAULT, 0, NULL},
    [FAULT_JUMP] = {DIES, DEATH_FETCH_FAULT, 0, NULL},
    [FAULT_ILLEGAL] = {DIES, DEATH_ILLEGAL, 0, NULL},
    [FAULT_PRIVILEGED] = {DIES, DEATH_ILLEGAL, 0, NULL},
    [FAULT_OVERFLOW] = {DIES, DEATH_STORE_FAULT, 0, NULL},
    [FAULT_SPIN] = {DIES, DEATH_NO_PROGRESS, BY_LIVENESS, NULL},
    [FAULT_SLEEP] = {DIES, DEATH_NO_PROGRESS, BY_LIVENESS, NULL},
    [FAULT_SILENT] = {DIES, DEATH_NO_PROGRESS, BY_LIVENESS, NULL},
    [FAULT_EXIT] = {DIES, DEATH_EXIT, 0, NULL},
    [FAULT_PANIC] = {DIES, DEATH_PANIC, 0, NULL},
    [FAULT_WILD] = {HARMLESS, 0, 0, "the kernel refused every reply"},
    [FAULT_FORGE] = {HARMLESS, 0, 0, "the kernel refused every reply but the right one"},
    [FAULT_AVAIL] = {DIES, DEATH_DEVICE_RESET, BY_IO, NULL},
    [FAULT_USED] = {DIES, DEATH_DEVICE_RESET, BY_IO, NULL},
    [FAULT_CHANNEL] = {RENEWS, 0, BY_IO, "the client saw it and left the session"},
    [FAULT_UNASKED] = {RENEWS, 0, BY_IO, "the client saw it and left the session"},
    [FAULT_EARLY] = {RENEWS, 0, BY_IO | BY_WRITING,
                     "the client saw the second answer, and asked again"},
    [FAULT_FLOOD_CALLS] = {DIES, DEATH_NO_PROGRESS, BY_LIVENESS | FLOODS, NULL},
    [FAULT_FLOOD_BELLS] = {DIES, DEATH_NO_PROGRESS, BY_LIVENESS | FLOODS | BY_IO, NULL},
    [FAULT_FLOOD_LOG] = {DIES, DEATH_NO_PROGRESS, BY_LIVENESS | FLOODS, NULL},
    [FAULT_HOARD_FRAMES] = {LINGERS, 0, 0, "its quota ended it"},
    [FAULT_HOARD_HANDLES] = {LINGERS, 0, 0, "its quota ended it"},
    [FAULT_HOARD_CALLERS] = {LINGERS, 0, 0, "a caller's own deadline ended its wait"},
    [FAULT_NO_IRQ] = {LINGERS, 0, BY_IO | AT_START, "slow, since it finds answers by looking"},
};

/* What stands before these in the list of kinds is ordered by `all`, what follows by `sweep`. */
#define FIRST_STEP FAULT_DIE_CALL

const struct expectation *expectation_of(uint32_t kind)
{
    return &expectations[kind];
}

int failed(uint32_t kind, const char *format, ...)
{
    va_list arguments;
    printf("FAIL %-13s ", fault_kind_name(kind));
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return 1;
}

/* ---- arguments ---- */

struct options {
    const char *service;
    bool all, sweep, write;
    uint32_t kind; /* unless all or sweep */
    unsigned count;
};

static int usage(void)
{
    fprintf(stderr, "usage: faulttest SERVICE KIND|all|sweep [--rw]\n");
    for (uint32_t kind = 1; kind < FAULT_KIND_LIMIT; kind++)
        fprintf(stderr, "       %-14s%s %s\n", fault_kind_name(kind),
                kind >= FIRST_STEP ? "N" : " ", fault_kind_text(kind));
    return 2;
}

static bool parse_count(const char *text, unsigned *count)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *count = (unsigned)value;
    return *text != '\0' && *end == '\0' && value > 0 && value <= UINT32_MAX;
}

static bool parse(int argc, char *argv[], struct options *options)
{
    const char *words[3] = {0};
    unsigned count = 0;
    *options = (struct options){0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rw") == 0)
            options->write = true;
        else if (count == 3 || argv[i][0] == '-')
            return false;
        else
            words[count++] = argv[i];
    }
    if (count < 2)
        return false;
    options->service = words[0];
    options->all = strcmp(words[1], "all") == 0;
    options->sweep = strcmp(words[1], "sweep") == 0;
    options->kind = fault_kind_find(words[1]);
    if (options->kind >= FIRST_STEP)
        return count == 3 && parse_count(words[2], &options->count);
    return count == 2 && (options->all || options->sweep || options->kind != 0);
}

/* ---- only one at a time ---- */

/* Another one that was there before this one, or ENDPOINT_NONE: each would see the other's deaths, and
 * memory that comes and goes. */
static endpoint_t find_rival(void)
{
    struct process_info own, other;
    struct system_info system;

    if (kcall_process_info(endpoint_slot(startup_page()->self), &own) != 0 ||
        kcall_system_info(&system) != 0)
        return ENDPOINT_NONE;
    for (uint32_t slot = 0; slot < system.process_slots; slot++) {
        if (kcall_process_info(slot, &other) != 0 || other.endpoint == own.endpoint ||
            other.state != PROCESS_RUNNING || strncmp(other.name, own.name, sizeof own.name) != 0)
            continue;
        if (other.start_ticks < own.start_ticks ||
            (other.start_ticks == own.start_ticks && other.endpoint < own.endpoint))
            return other.endpoint;
    }
    return ENDPOINT_NONE;
}

/* ---- runs ---- */

static int run_kinds(const struct options *options)
{
    unsigned verdicts[3] = {0};
    printf("times in ms from the order on\n");
    for (uint32_t kind = 1; kind < FIRST_STEP; kind++) {
        if (!options->all && kind != options->kind)
            continue;
        verdicts[trial_run(options->service, kind, 0)]++;
        fflush(stdout);
    }
    printf("faulttest %s: %u passed, %u failed, %u skipped\n", options->service, verdicts[PASSED],
           verdicts[FAILED], verdicts[SKIPPED]);
    return verdicts[FAILED] == 0 ? 0 : 1;
}

static int run_sweep(const struct options *options)
{
    printf("times in ms from each death on\n");
    unsigned failures = options->sweep
                            ? sweep_run(options->service)
                            : sweep_step(options->service, options->kind, options->count);
    printf("faulttest %s: %u failed\n", options->service, failures);
    return failures == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
    struct rs_service_info info;
    struct options options;
    if (!parse(argc, argv, &options))
        return usage();
    endpoint_t rival = find_rival();
    if (rival != ENDPOINT_NONE) {
        fprintf(stderr, "faulttest: another one is running (%u/%u): one at a time\n",
                endpoint_slot(rival), endpoint_generation(rival));
        return 1;
    }
    int status = rs_find(options.service, &info);
    if (status != 0) {
        fprintf(stderr, "faulttest: %s: %s\n", options.service,
                status == -ANOLE_ENOENT ? "no such service" : anole_error_text(status));
        return 1;
    }
    if (!load_open(options.service, options.write))
        return 1;
    bool kinds = options.all || (options.kind != 0 && options.kind < FIRST_STEP);
    int result = kinds ? run_kinds(&options) : run_sweep(&options);
    return load_close() ? result : 1;
}
