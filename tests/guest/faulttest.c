/*
 * faulttest SERVICE KIND|all: orders a death of a service through RS, waits until its successor
 * serves, and reports how long each phase took. A test of the way back that design section 6 lays
 * down: the cause must be the one that was ordered, the endpoint must be a new one, and everything
 * must happen within bounds that only something broken misses.
 *
 * It is itself the caller that a silent service leaves unanswered (recovery_observe).
 */
#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <string.h>

#define NOTIFY_NAME 0 /* own bit: the service's name was published */

/* No progress is to be found within 500 ms; on a busy machine that is allowed to slip. */
#define DETECTION_AIM_US 500000ul
#define DETECTION_LIMIT_US 2000000ul

struct expectation {
    uint32_t cause;   /* enum death_cause */
    bool no_progress; /* RS has to notice by itself */
};

static const struct expectation expectations[] = {
    [FAULT_LOAD] = {DEATH_LOAD_FAULT, false},    [FAULT_STORE] = {DEATH_STORE_FAULT, false},
    [FAULT_JUMP] = {DEATH_FETCH_FAULT, false},   [FAULT_ILLEGAL] = {DEATH_ILLEGAL, false},
    [FAULT_PRIVILEGED] = {DEATH_ILLEGAL, false}, [FAULT_OVERFLOW] = {DEATH_STORE_FAULT, false},
    [FAULT_SPIN] = {DEATH_NO_PROGRESS, true},    [FAULT_SLEEP] = {DEATH_NO_PROGRESS, true},
    [FAULT_SILENT] = {DEATH_NO_PROGRESS, true},  [FAULT_EXIT] = {DEATH_EXIT, false},
    [FAULT_PANIC] = {DEATH_PANIC, false},
};

#define KINDS (sizeof(expectations) / sizeof(expectations[0]))

/* One ordered death. */
struct trial {
    const char *service;
    uint32_t kind;
    struct rs_service_info before;
    uint64_t log_start;
    uint64_t order_ticks;
    struct recovery recovery;
};

static int failed(const struct trial *trial, const char *what, int status)
{
    printf("FAIL %-10s %s", fault_kind_name(trial->kind), what);
    if (status != 0)
        printf(": %s", anole_error_text(status));
    printf("\n");
    return 1;
}

static uint64_t us_since_order(const struct trial *trial, enum recovery_phase phase)
{
    return ticks_to_us(trial->recovery.time_ticks[phase] - trial->order_ticks);
}

static void print_phases(const struct trial *trial)
{
    for (enum recovery_phase phase = 0; phase < PHASES; phase++) {
        if (!trial->recovery.reached[phase])
            continue;
        uint64_t us = us_since_order(trial, phase);
        printf(" %s %lu.%03lu", recovery_phase_name(phase), (unsigned long)(us / 1000),
               (unsigned long)(us % 1000));
    }
    printf(" ms\n");
}

/* Judges a recovery that is complete. */
static int check_recovery(const struct trial *trial)
{
    const struct expectation *expected = &expectations[trial->kind];
    const struct recovery *recovery = &trial->recovery;
    char what[96];

    if (recovery->cause != expected->cause) {
        snprintf(what, sizeof(what), "cause of death: expected %s, found %s",
                 death_cause_text(expected->cause), death_cause_text(recovery->cause));
        return failed(trial, what, 0);
    }
    if (recovery->dead_endpoint != trial->before.endpoint)
        return failed(trial, "another instance died than the one that was ordered to", 0);
    if (recovery->new_endpoint == trial->before.endpoint)
        return failed(trial, "the new instance has the endpoint of the dead one", 0);
    if (expected->no_progress) {
        if (!recovery->reached[PHASE_DETECTED])
            return failed(trial, "RS did not find out that it makes no progress", 0);
        if (us_since_order(trial, PHASE_DETECTED) > DETECTION_LIMIT_US)
            return failed(trial, "found too late", 0);
    }
    printf("PASS %-10s", fault_kind_name(trial->kind));
    print_phases(trial);
    if (expected->no_progress && us_since_order(trial, PHASE_DETECTED) > DETECTION_AIM_US)
        printf("note %-10s found after more than %lu ms\n", fault_kind_name(trial->kind),
               DETECTION_AIM_US / 1000);
    return 0;
}

/* 0: passed, 1: failed. */
static int run_trial(const char *service, uint32_t kind)
{
    struct trial trial = {.service = service, .kind = kind};
    const char *stage;
    int status = service_settle(service, &trial.before);

    if (status != 0)
        return failed(&trial, "the service isn't up before the order", status);
    status = rs_log_end(&trial.log_start);
    if (status != 0)
        return failed(&trial, "RS's log can't be read", status);
    trial.order_ticks = ticks_now();
    status = rs_inject(service, (enum fault_kind)kind);
    if (status != 0)
        return failed(&trial, "RS refuses the order", status);
    status = recovery_observe(service, trial.before.endpoint, trial.log_start, NOTIFY_NAME,
                              &trial.recovery, &stage);
    if (status != 0)
        return failed(&trial, stage, status);
    return check_recovery(&trial);
}

static int usage(void)
{
    fprintf(stderr, "usage: faulttest SERVICE KIND|all\n");
    for (uint32_t kind = 1; kind < KINDS; kind++)
        fprintf(stderr, "       %-10s %s\n", fault_kind_name(kind), fault_kind_text(kind));
    return 2;
}

int main(int argc, char *argv[])
{
    unsigned passed = 0, failures = 0;

    if (argc != 3)
        return usage();

    bool all = strcmp(argv[2], "all") == 0;
    uint32_t chosen = fault_kind_find(argv[2]);
    if (!all && chosen == 0)
        return usage();

    struct rs_service_info info;
    int status = rs_find(argv[1], &info);
    if (status != 0) {
        fprintf(stderr, "faulttest: %s: %s\n", argv[1],
                status == -ANOLE_ENOENT ? "no such service" : anole_error_text(status));
        return 1;
    }
    printf("times in ms from the order on\n");
    for (uint32_t kind = 1; kind < KINDS; kind++) {
        if (!all && kind != chosen)
            continue;
        if (run_trial(argv[1], kind) == 0)
            passed++;
        else
            failures++;
        fflush(stdout);
    }
    printf("faulttest %s: %u passed, %u failed\n", argv[1], passed, failures);
    return failures == 0 ? 0 : 1;
}
