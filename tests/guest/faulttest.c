/*
 * faulttest SERVICE KIND|all: orders a death of a service through RS, waits until its successor
 * serves, and reports how long each phase took. A test of the way back that design section 6 lays
 * down: the cause must be the one that was ordered, the endpoint must be a new one, and everything
 * must happen within bounds that only something broken misses.
 *
 * It is itself the caller that is left unanswered: it pings the service until the ping fails.
 */
#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <proto/common.h>
#include <stdio.h>
#include <string.h>

#define NOTIFY_NAME 0 /* own bit: the service's name was published */

#define DEATH_TIMEOUT_US 5000000ul   /* from the order to the death */
#define RETURN_TIMEOUT_US 10000000ul /* from the death to the first answer */
#define SETTLE_TIMEOUT_US 15000000ul /* until the service is up at all before an order */
#define PING_PAUSE_US 500ul
#define LOG_PAUSE_US 1000ul

/* No progress is to be found within 500 ms; on a busy machine that is allowed to slip. */
#define DETECTION_AIM_US 500000ul
#define DETECTION_LIMIT_US 2000000ul

struct expectation {
    uint32_t cause;   /* enum death_cause */
    bool no_progress; /* RS has to notice by itself */
};

static const struct expectation expectations[] = {
    [FAULT_LOAD] = {DEATH_LOAD_FAULT, false},
    [FAULT_STORE] = {DEATH_STORE_FAULT, false},
    [FAULT_JUMP] = {DEATH_FETCH_FAULT, false},
    [FAULT_ILLEGAL] = {DEATH_ILLEGAL, false},
    [FAULT_PRIVILEGED] = {DEATH_ILLEGAL, false},
    [FAULT_OVERFLOW] = {DEATH_STORE_FAULT, false},
    [FAULT_SPIN] = {DEATH_NO_PROGRESS, true},
    [FAULT_SLEEP] = {DEATH_NO_PROGRESS, true},
    [FAULT_SILENT] = {DEATH_NO_PROGRESS, true},
    [FAULT_EXIT] = {DEATH_EXIT, false},
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

/* Waits until the service is up, as it may still be coming back from something else. */
static int settle(struct trial *trial)
{
    uint64_t deadline = deadline_in_us(SETTLE_TIMEOUT_US);

    for (;;) {
        int status = rs_find(trial->service, &trial->before);

        if (status != 0 || trial->before.state == RS_STATE_UP)
            return status;
        if (ticks_now() > deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(LOG_PAUSE_US);
    }
}

/* Calls the instance until it is dead. A ping that it still answers changes nothing. */
static int ping_until_dead(endpoint_t endpoint)
{
    uint64_t deadline = deadline_in_us(DEATH_TIMEOUT_US);

    while (ticks_now() < deadline) {
        struct message ping = {0};
        int status = anole_call(endpoint, COMMON_PING, &ping, deadline);

        if (status == -ANOLE_EDEADENDPOINT)
            return 0;
        if (status != 0)
            return status;
        sleep_us(PING_PAUSE_US);
    }
    return -ANOLE_ETIMEDOUT;
}

/* Finds the successor by its name and gets an answer from it. */
static int wait_until_served(const char *service, endpoint_t old)
{
    uint64_t deadline = deadline_in_us(RETURN_TIMEOUT_US);

    while (ticks_now() < deadline) {
        struct message ping = {0};
        endpoint_t endpoint;
        int status = name_wait(service, &endpoint, NOTIFY_NAME, deadline);

        if (status != 0)
            return status;
        if (endpoint != old) {
            status = anole_call(endpoint, COMMON_PING, &ping, deadline);
            if (status == 0)
                return rs_served(endpoint);
            if (status != -ANOLE_EDEADENDPOINT)
                return status;
        }
        sleep_us(PING_PAUSE_US);
    }
    return -ANOLE_ETIMEDOUT;
}

/* Reads RS's log until it tells of the whole recovery. */
static int read_recovery(struct trial *trial)
{
    uint64_t deadline = deadline_in_us(RETURN_TIMEOUT_US), position = trial->log_start;
    static struct rs_log_entry entries[32];
    unsigned count;

    while (!trial->recovery.reached[PHASE_SERVED]) {
        int status = rs_log_read(position, entries, 32, &position, &count);

        if (status != 0)
            return status;
        for (unsigned i = 0; i < count; i++)
            recovery_add(&trial->recovery, trial->service, &entries[i]);
        if (count == 0) {
            if (ticks_now() > deadline)
                return -ANOLE_ETIMEDOUT;
            sleep_us(LOG_PAUSE_US);
        }
    }
    return 0;
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
    int status = settle(&trial);

    if (status != 0)
        return failed(&trial, "the service isn't up before the order", status);
    status = rs_log_end(&trial.log_start);
    if (status != 0)
        return failed(&trial, "RS's log can't be read", status);
    trial.order_ticks = ticks_now();
    status = rs_inject(service, (enum fault_kind)kind);
    if (status != 0)
        return failed(&trial, "RS refuses the order", status);
    status = ping_until_dead(trial.before.endpoint);
    if (status != 0)
        return failed(&trial, "it did not die", status);
    status = wait_until_served(service, trial.before.endpoint);
    if (status != 0)
        return failed(&trial, "no new instance serves", status);
    status = read_recovery(&trial);
    if (status != 0)
        return failed(&trial, "RS's log doesn't tell of a whole recovery", status);
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
