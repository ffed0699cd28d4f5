/*
 * One ordered fault, from the order to the verdict.
 */
#include "faulttest.h"

#include <proto/common.h>
#include <stdio.h>
#include <string.h>

/* No progress is to be found within 500 ms; on a busy machine that is allowed to slip. */
#define DETECTION_AIM_US 500000ul
#define DETECTION_LIMIT_US 2000000ul

#define PING_US 300000ul       /* for an answer that is right only if it doesn't come */
#define PAUSE_LIMIT_US 500000u /* in which nobody else gets anywhere while it floods */
#define LOG_GROWTH_MAX 49152u  /* bytes that a flood may write before it is found out */
#define ENTRIES_AT_ONCE 16u

struct trial {
    const char *service;
    uint32_t kind;
    unsigned count;
    const struct expectation *expected;
    struct rs_service_info before;
    uint64_t log_start;   /* RS's */
    uint64_t log_bytes;   /* the kernel's */
    uint64_t order_ticks; /* what the phases are counted from */
    uint64_t sessions;
    bool alone;        /* the load is the driver's only client */
    uint64_t pause_us; /* FLOODS: the longest between two answers of RS to us */
    struct recovery recovery;
};

static bool alive(endpoint_t endpoint)
{
    endpoint_t process;
    unsigned service_id;
    return kcall_endpoint_info(endpoint, &process, &service_id) == 0;
}

static uint64_t log_bytes(void)
{
    struct system_info info = {0};
    (void)kcall_system_info(&info); /* its one error is a bad address */
    return info.log_end;
}

static int ping(endpoint_t endpoint, uint64_t timeout_us)
{
    struct message message = {0};
    return anole_call(endpoint, COMMON_PING, &message, deadline_in_us(timeout_us));
}

/* ---- the order ---- */

static int begin(struct trial *trial)
{
    int status = settle(trial->service, &trial->before);
    if (status != 0)
        return failed(trial->kind, "the service isn't up before the order: %s",
                      anole_error_text(status));
    if (!load_round() || !others_note(trial->service))
        return 1;
    status = rs_log_end(&trial->log_start);
    if (status != 0)
        return failed(trial->kind, "RS's log can't be read: %s", anole_error_text(status));
    trial->log_bytes = log_bytes();
    trial->sessions = load_sessions();
    trial->alone = load_is_alone();
    return 0;
}

/* What is committed for requests must find some, else they are in flight before. */
static int order(struct trial *trial)
{
    bool load_after = (trial->expected->flags & BY_IO) != 0;
    if (!load_after && !load_submit())
        return 1;
    trial->order_ticks = ticks_now();
    int status = rs_inject(trial->service, (enum fault_kind)trial->kind, trial->count);
    if (status == 0 && (trial->expected->flags & AT_START))
        status = rs_control(trial->service, RS_KILL);
    if (status != 0)
        return failed(trial->kind, "RS refuses the order: %s", anole_error_text(status));
    return load_after && !load_submit();
}

static int kill_it(struct trial *trial)
{
    trial->order_ticks = ticks_now();
    int status = rs_control(trial->service, RS_KILL);
    return status ? failed(trial->kind, "RS refuses to kill: %s", anole_error_text(status)) : 0;
}

/* ---- deaths ---- */

static int observe(struct trial *trial, endpoint_t dead)
{
    const char *stage;
    int status = recovery_observe(trial->service, dead, trial->log_start, BIT_NAME,
                                  &trial->recovery, &stage);
    return status ? failed(trial->kind, "%s: %s", stage, anole_error_text(status)) : 0;
}

static uint64_t us_since_order(const struct trial *trial, enum recovery_phase phase)
{
    return ticks_to_us(trial->recovery.time_ticks[phase] - trial->order_ticks);
}

/* A driver that makes no progress may die of two clients' complaints before RS has seen it itself. */
static bool cause_fits(const struct trial *trial, uint32_t cause)
{
    const struct expectation *expected = trial->expected;
    return cause == expected->cause ||
           (cause == DEATH_COMPLAINT && !trial->alone && (expected->flags & BY_LIVENESS) != 0);
}

static int check_recovery(const struct trial *trial)
{
    const struct expectation *expected = trial->expected;
    const struct recovery *recovery = &trial->recovery;
    if (!cause_fits(trial, recovery->cause))
        return failed(trial->kind, "cause of death: expected %s, found %s",
                      death_cause_text(expected->cause), death_cause_text(recovery->cause));
    if (recovery->dead_endpoint != trial->before.endpoint)
        return failed(trial->kind, "another instance died than the one that was ordered to");
    if (recovery->new_endpoint == trial->before.endpoint)
        return failed(trial->kind, "the new instance has the endpoint of the dead one");
    if (!(expected->flags & BY_LIVENESS))
        return 0;
    if (!recovery->reached[PHASE_DETECTED])
        return failed(trial->kind, "RS did not find out that it makes no progress");
    if (us_since_order(trial, PHASE_DETECTED) > DETECTION_LIMIT_US)
        return failed(trial->kind, "found too late");
    return 0;
}

/* Everybody else goes on while it floods: RS answers, and the log doesn't fill. */
static int watch_flood(struct trial *trial)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    uint64_t answered = ticks_now();
    while (alive(trial->before.endpoint) && ticks_now() < deadline) {
        struct rs_service_info info;
        int status = rs_find(trial->service, &info);
        uint64_t us = ticks_to_us(ticks_now() - answered);
        if (status != 0)
            return failed(trial->kind, "RS doesn't answer: %s", anole_error_text(status));
        if (us > trial->pause_us)
            trial->pause_us = us;
        answered = ticks_now();
        sleep_us(PAUSE_US);
    }
    if (trial->pause_us > PAUSE_LIMIT_US)
        return failed(trial->kind, "nobody else got anywhere for %lu us",
                      (unsigned long)trial->pause_us);
    uint64_t written = log_bytes() - trial->log_bytes;
    if (written > LOG_GROWTH_MAX)
        return failed(trial->kind, "%lu bytes were written into the log", (unsigned long)written);
    return 0;
}

/* Requests until it has died of one. */
static int drive_to_death(struct trial *trial)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    if (!load_finish())
        return failed(trial->kind, "the load didn't come through");
    while (alive(trial->before.endpoint) && ticks_now() < deadline)
        if (!load_round())
            return failed(trial->kind, "the load didn't come through");
    return 0;
}

static int run_death(struct trial *trial)
{
    int wrong = order(trial);
    if (!wrong && (trial->expected->flags & FLOODS))
        wrong = watch_flood(trial);
    if (!wrong && (trial->expected->flags & BY_IO))
        wrong = drive_to_death(trial);
    if (!wrong)
        wrong = observe(trial, trial->before.endpoint);
    return wrong ? wrong : check_recovery(trial);
}

/* ---- what lives ---- */

/* Has RS noted that the victim did what was ordered? */
static bool is_committed(const struct trial *trial)
{
    struct rs_log_entry entries[ENTRIES_AT_ONCE];
    uint64_t position = trial->log_start;
    unsigned count = 1;
    while (count > 0 && rs_log_read(position, entries, ENTRIES_AT_ONCE, &position, &count) == 0) {
        for (unsigned i = 0; i < count; i++)
            if (entries[i].event == RS_EVENT_COMMITTED && entries[i].detail == trial->kind &&
                strncmp(entries[i].service, trial->service, RS_NAME_LEN) == 0)
                return true;
    }
    return false;
}

/* Asks and works until it has committed the fault. */
static int drive_to_fault(struct trial *trial)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    endpoint_t endpoint;
    if (!load_finish())
        return failed(trial->kind, "the load didn't come through");
    while (!is_committed(trial)) {
        if (name_lookup(trial->service, &endpoint) == 0)
            (void)ping(endpoint, PING_US);
        if (!load_round())
            return failed(trial->kind, "the load didn't come through");
        if (ticks_now() > deadline)
            return failed(trial->kind, "it never came to it");
    }
    return load_round() ? 0 : failed(trial->kind, "the load didn't come through afterwards");
}

static int check_instance(const struct trial *trial)
{
    struct rs_service_info now;
    bool at_start = (trial->expected->flags & AT_START) != 0;
    int status = settle(trial->service, &now);
    if (status != 0)
        return failed(trial->kind, "the service isn't up: %s", anole_error_text(status));
    if (now.restarts != trial->before.restarts + at_start)
        return failed(trial->kind, "%u restarts, of %s", now.restarts - trial->before.restarts,
                      death_cause_text(now.last_cause));
    status = ping(now.endpoint, PING_US);
    int expected = trial->kind == FAULT_HOARD_CALLERS ? -ANOLE_ETIMEDOUT : 0;
    if (status != expected)
        return failed(trial->kind, "a ping: expected %s, found %s", anole_error_text(expected),
                      anole_error_text(status));
    return 0;
}

/* What breaks a session may break somebody else's, if there is one. */
static int check_sessions(const struct trial *trial)
{
    uint64_t sessions = load_sessions() - trial->sessions;
    uint64_t most = trial->expected->outcome == RENEWS ? 1 : 0;
    uint64_t least = trial->alone ? most : 0;
    if (trial->expected->flags & AT_START || (sessions >= least && sessions <= most))
        return 0;
    return failed(trial->kind, "the load's new sessions: expected %lu to %lu, found %lu",
                  (unsigned long)least, (unsigned long)most, (unsigned long)sessions);
}

/* It lives on, but not as it should: another one takes its place. */
static int replace(struct trial *trial)
{
    struct rs_service_info now;
    int status = settle(trial->service, &now);
    if (status == 0)
        status = rs_log_end(&trial->log_start);
    if (status != 0)
        return failed(trial->kind, "looking at it: %s", anole_error_text(status));
    int wrong = kill_it(trial);
    return wrong ? wrong : observe(trial, now.endpoint);
}

static int run_life(struct trial *trial)
{
    int wrong = order(trial);
    if (!wrong)
        wrong = drive_to_fault(trial);
    if (!wrong)
        wrong = check_instance(trial);
    if (!wrong)
        wrong = check_sessions(trial);
    /* Whatever was found, the next trial is not to find it damaged. */
    int unreplaced = trial->expected->outcome == LINGERS ? replace(trial) : 0;
    return wrong ? wrong : unreplaced;
}

/* ---- the report ---- */

static void report(const struct trial *trial)
{
    printf("PASS %-13s", fault_kind_name(trial->kind));
    if (trial->expected->text)
        printf(" %s", trial->expected->text);
    if (trial->expected->text && trial->expected->outcome == LINGERS)
        printf("; killed:");
    for (enum recovery_phase phase = 0; phase < PHASES; phase++) {
        if (!trial->recovery.reached[phase])
            continue;
        uint64_t us = us_since_order(trial, phase);
        printf(" %s %lu.%03lu", recovery_phase_name(phase), (unsigned long)(us / 1000),
               (unsigned long)(us % 1000));
    }
    printf("%s\n", trial->recovery.reached[PHASE_DEAD] ? " ms" : "");
    if (trial->expected->flags & FLOODS)
        printf("note %-13s others had to wait for %lu.%03lu ms at most\n",
               fault_kind_name(trial->kind), (unsigned long)(trial->pause_us / 1000),
               (unsigned long)(trial->pause_us % 1000));
    if ((trial->expected->flags & BY_LIVENESS) &&
        us_since_order(trial, PHASE_DETECTED) > DETECTION_AIM_US)
        printf("note %-13s found after more than %lu ms\n", fault_kind_name(trial->kind),
               DETECTION_AIM_US / 1000);
}

static enum verdict skipped(const struct trial *trial, const char *why)
{
    printf("skip %-13s %s\n", fault_kind_name(trial->kind), why);
    return SKIPPED;
}

enum verdict trial_run(const char *service, uint32_t kind, unsigned count)
{
    struct trial trial = {
        .service = service, .kind = kind, .count = count, .expected = expectation_of(kind)};
    if ((trial.expected->flags & BY_IO) && !load_is_victims())
        return skipped(&trial, "needs requests to a device that the service drives");
    if ((trial.expected->flags & BY_WRITING) && !load_writes())
        return skipped(&trial, "needs --rw");
    int wrong = begin(&trial);
    if (!wrong)
        wrong = trial.expected->outcome == DIES ? run_death(&trial) : run_life(&trial);
    if (!wrong && (!load_finish() || !load_round()))
        wrong = failed(kind, "the load didn't come through");
    const char *others = wrong ? NULL : others_wrong();
    if (others)
        wrong = failed(kind, "%s", others);
    if (!wrong)
        report(&trial);
    return wrong ? FAILED : PASSED;
}
