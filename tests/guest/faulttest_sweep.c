/*
 * The sweep: an instance that dies before its first system call, one that dies before its second, and
 * so on, until one lives through a whole start and a whole round of the load; then the same for
 * operations on rings, accesses to registers, and replies. After each death the load's data must be
 * right, all memory back, and nobody else touched.
 */
#include "faulttest.h"

#include <proto/common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 1024u /* more than any start and round need */
#define ENTRIES_AT_ONCE 16u
#define WARM_UP 2u
#define CHANGES_MAX 4u /* of the instance while it is looked at */

enum step_result { STEP_DIED, STEP_SURVIVED, STEP_FAILED };

static const uint32_t classes[] = {FAULT_DIE_CALL, FAULT_DIE_RING, FAULT_DIE_REGISTER,
                                   FAULT_DIE_REPLY};

/* Of all deaths of a class, in us from the death on. */
static uint32_t phase_us[PHASES][STEPS_MAX];
static unsigned phase_count[PHASES];

/* ---- phases ---- */

/* The last death that RS's log tells of, and the way back from it. */
static int last_recovery(const char *service, uint64_t position, struct recovery *recovery)
{
    struct rs_log_entry entries[ENTRIES_AT_ONCE];
    unsigned count = 1;
    *recovery = (struct recovery){0};
    while (count > 0) {
        int status = rs_log_read(position, entries, ENTRIES_AT_ONCE, &position, &count);
        if (status != 0)
            return status;
        for (unsigned i = 0; i < count; i++) {
            if (entries[i].event == RS_EVENT_DETECTED &&
                strncmp(entries[i].service, service, RS_NAME_LEN) == 0)
                *recovery = (struct recovery){0};
            recovery_add(recovery, service, &entries[i]);
        }
    }
    return 0;
}

static void add_phases(const struct recovery *recovery)
{
    for (enum recovery_phase phase = PHASE_DEAD; phase < PHASES; phase++) {
        if (!recovery->reached[phase] || phase_count[phase] == STEPS_MAX)
            continue;
        uint64_t ticks = recovery->time_ticks[phase] - recovery->time_ticks[PHASE_DETECTED];
        phase_us[phase][phase_count[phase]++] = (uint32_t)ticks_to_us(ticks);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void print_phases(void)
{
    for (enum recovery_phase phase = PHASE_DEAD; phase < PHASES; phase++) {
        unsigned count = phase_count[phase];
        if (count == 0)
            continue;
        qsort(phase_us[phase], count, sizeof phase_us[phase][0], compare);
        uint32_t median = phase_us[phase][count / 2];
        printf(" %s %u.%03u", recovery_phase_name(phase), (unsigned)(median / 1000),
               (unsigned)(median % 1000));
    }
}

/* ---- one step ---- */

/* Until an instance answers; tells RS so if no client of its protocol does. */
static int wait_for_answer(const char *service)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    while (ticks_now() < deadline) {
        struct message message = {0};
        endpoint_t endpoint;
        int status = name_wait(service, &endpoint, BIT_NAME, deadline);
        if (status == 0)
            status = anole_call(endpoint, COMMON_PING, &message, deadline);
        if (status == 0)
            status = rs_served(endpoint);
        /* It may come to its death right after it has answered; RS knows it as dying then. */
        if (status != -ANOLE_EDEADENDPOINT && status != -ANOLE_ENOENT)
            return status;
        sleep_us(PAUSE_US);
    }
    return -ANOLE_ETIMEDOUT;
}

/* Gives the service an instance that dies before that step (0: a sound one), under load. */
static int replace(const char *service, uint32_t class, unsigned step)
{
    bool loaded = load_submit();
    int status = step > 0 ? rs_inject(service, (enum fault_kind) class, step) : 0;
    if (status == 0)
        status = rs_control(service, RS_KILL);
    if (!load_finish() || !loaded || !load_round())
        return failed(class, "step %u: the load didn't come through", step);
    if (status == 0)
        status = wait_for_answer(service);
    return status ? failed(class, "step %u: %s", step, anole_error_text(status)) : 0;
}

/* The last instance of a class has a death before it, which the load must not find; by itself it may
 * come to it at any time. */
static int disarm(const char *service, uint32_t class)
{
    struct rs_service_info info;
    int status = -ANOLE_EDEADENDPOINT;
    for (unsigned i = 0; i < CHANGES_MAX && status == -ANOLE_EDEADENDPOINT; i++) {
        status = settle(service, &info);
        if (status == 0)
            status = rs_control(service, RS_KILL);
    }
    if (status == 0)
        status = wait_for_answer(service);
    if (status != 0)
        return failed(class, "replacing the survivor: %s", anole_error_text(status));
    return load_round() ? 0 : failed(class, "the load didn't come through");
}

/*
 * What is wrong with everybody else while the load has a session with the instance. It may die as
 * late as that, of a look at its ring when nothing is to be done: then again, with its successor.
 */
static const char *look_around(const char *service, struct rs_service_info *now)
{
    for (unsigned i = 0; i < CHANGES_MAX; i++) {
        struct rs_service_info before;
        if (settle(service, &before) != 0)
            return "the service doesn't come to rest";
        if (!load_round())
            return "the load didn't come through";
        const char *wrong = others_wrong();
        if (settle(service, now) != 0)
            return "the service doesn't come to rest";
        if (now->restarts == before.restarts)
            return wrong;
    }
    return "it dies again and again";
}

static enum step_result judge(const char *service, const struct rs_service_info *before,
                              uint32_t class, unsigned step)
{
    struct rs_service_info now;
    const char *wrong = look_around(service, &now);
    if (wrong) {
        failed(class, "step %u: %s", step, wrong);
        return STEP_FAILED;
    }
    unsigned deaths = now.restarts - before->restarts;
    if (deaths == 1)
        return STEP_SURVIVED;
    if (deaths == 2 && now.last_cause == DEATH_BREAKPOINT)
        return STEP_DIED;
    failed(class, "step %u: %u deaths, the last one of %s (0x%lx)", step, deaths - 1,
           death_cause_text(now.last_cause), (unsigned long)now.last_detail);
    return STEP_FAILED;
}

static enum step_result run_step(const char *service, uint32_t class, unsigned step)
{
    struct rs_service_info before;
    struct recovery recovery;
    uint64_t log_start;
    int status = settle(service, &before);
    if (status == 0)
        status = rs_log_end(&log_start);
    if (status == 0 && replace(service, class, step) != 0)
        return STEP_FAILED;
    enum step_result result = status == 0 ? judge(service, &before, class, step) : STEP_FAILED;
    if (status == 0 && result == STEP_DIED)
        status = last_recovery(service, log_start, &recovery);
    if (status != 0) {
        failed(class, "step %u: %s", step, anole_error_text(status));
        return STEP_FAILED;
    }
    if (result == STEP_DIED)
        add_phases(&recovery);
    return result;
}

/* ---- a class of steps ---- */

static bool run_class(const char *service, uint32_t class)
{
    uint64_t begin = ticks_now();
    enum step_result result = STEP_DIED;
    unsigned step = 0;
    memset(phase_count, 0, sizeof phase_count);
    while (result == STEP_DIED && step < STEPS_MAX)
        result = run_step(service, class, ++step);
    if (result == STEP_DIED)
        failed(class, "no instance lives through %u steps", STEPS_MAX);
    if (result != STEP_SURVIVED || disarm(service, class) != 0)
        return false;
    printf("PASS %-13s %u deaths in %lu ms", fault_kind_name(class), step - 1,
           (unsigned long)(ticks_to_us(ticks_now() - begin) / 1000));
    if (step > 1) {
        printf("; medians:");
        print_phases();
        printf(" ms");
    }
    printf("\n");
    return true;
}

/* What the first deaths leave behind for good, in RS and in this program, is no leak. */
static bool warm_up(const char *service)
{
    for (unsigned i = 0; i < WARM_UP; i++)
        if (replace(service, FAULT_DIE_CALL, 0) != 0)
            return false;
    return others_note(service);
}

unsigned sweep_run(const char *service)
{
    unsigned failures = 0;
    if (!warm_up(service))
        return 1;
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        failures += !run_class(service, classes[i]);
        fflush(stdout);
    }
    return failures;
}

unsigned sweep_step(const char *service, uint32_t class, unsigned step)
{
    static const char *const results[] = {
        [STEP_DIED] = "died and came back", [STEP_SURVIVED] = "didn't come to it"};
    memset(phase_count, 0, sizeof phase_count);
    enum step_result result = warm_up(service) ? run_step(service, class, step) : STEP_FAILED;
    if (result == STEP_FAILED)
        return 1;
    printf("PASS %-13s %s", fault_kind_name(class), results[result]);
    print_phases();
    printf("\n");
    return result == STEP_SURVIVED && disarm(service, class) != 0;
}
