/*
 * recoverybench SERVICE [--kills N] [--spare on|off] [--under-load DISK [--every-ms N] [--seed N]]:
 * kills a service that many times and prints how long each phase of its way back took.
 *
 * Without a load it kills by order and is itself the client that waits. Under load (the service is a
 * disk driver, a thread reads and writes the disk) every kind of death is ordered in turn, a crash
 * every-ms after the one before, a hang every-ms after the service was restored; then the data must
 * be right and the free memory what it was before.
 */

#include "recovery_load.h"

#include <libanole/anole.h>
#include <libbench/bench.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILLS_DEFAULT 51u
#define KILLS_MAX 4096u
#define EVERY_MS_DEFAULT 200u
#define NOTIFY_NAME 0 /* own bit: the service's name was published */
#define ENTRIES_AT_ONCE 32u
#define POLL_US 2000u
#define ORDER_TIMEOUT_US 5000000ul
#define RETURN_TIMEOUT_US 15000000ul
#define SETTLE_TIMEOUT_US 5000000ul
#define QUIET_US 20000u /* memory that is the same for so long is at rest */

static struct {
    const char *service;
    const char *disk; /* NULL: no load */
    uint32_t kills, every_ms;
    uint64_t seed;
    enum rs_order spare; /* 0: as it is */
} options = {.kills = KILLS_DEFAULT, .every_ms = EVERY_MS_DEFAULT, .seed = 1};

/* ---- what was measured ---- */

/* One a phase after the death; FOUND counts from the order to the death. */
enum row { FOUND_CRASH, FOUND_HANG, AFTER_DEATH, ROWS = AFTER_DEATH + PHASES };

static struct {
    unsigned count;
    uint64_t us[KILLS_MAX];
} rows[ROWS];

static void row_add(unsigned row, uint64_t ticks)
{
    rows[row].us[rows[row].count++] = ticks_to_us(ticks);
}

static void recovery_note(const struct recovery *recovery, uint64_t order_ticks, bool hang)
{
    uint64_t death = recovery->time_ticks[PHASE_DETECTED];

    row_add(hang ? FOUND_HANG : FOUND_CRASH, death > order_ticks ? death - order_ticks : 0);
    for (unsigned phase = PHASE_DEAD; phase < PHASES; phase++) {
        if (recovery->reached[phase])
            row_add(AFTER_DEATH + phase, recovery->time_ticks[phase] - death);
    }
}

static void print_row(unsigned row)
{
    static const unsigned percents[] = {50, 95, 99};
    const char *name = row == FOUND_CRASH  ? "found (crash)"
                       : row == FOUND_HANG ? "found (hang)"
                                           : recovery_phase_name(row - AFTER_DEATH);

    if (rows[row].count == 0)
        return;
    bench_sort(rows[row].us, rows[row].count);
    printf("%-14s %6u", name, rows[row].count);
    for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        uint64_t us = bench_percentile(rows[row].us, rows[row].count, percents[i]);
        printf(" %5lu.%03lu", (unsigned long)(us / 1000), (unsigned long)(us % 1000));
    }
    printf("\n");
}

static void print_table(void)
{
    struct rs_service_info info;
    bool spare = rs_find(options.service, &info) == 0 && info.spare != RS_SPARE_NONE;

    printf("recovery of %s, %u deaths%s, %s hot spare: ms from the death on (found: from the "
           "order)\n",
           options.service, options.kills, options.disk ? " under load" : "",
           spare ? "with a" : "without");
    printf("%-14s %6s %9s %9s %9s\n", "PHASE", "TIMES", "MEDIAN", "95 %", "99 %");
    for (unsigned row = 0; row < ROWS; row++)
        print_row(row);
}

static int failed(const char *stage, int status)
{
    fprintf(stderr, "recoverybench: %s: %s: %s\n", options.service, stage,
            anole_error_text(status));
    return 1;
}

/* ---- without a load ---- */

/* One death and return; 0 or 1 (an exit status). */
static int kill_and_ping(void)
{
    const char *stage = "the service isn't up";
    struct rs_service_info before;
    struct recovery recovery;
    uint64_t log_start = 0, order_ticks;
    int status = service_settle(options.service, &before);

    if (status == 0) {
        stage = "RS's log can't be read";
        status = rs_log_end(&log_start);
    }
    order_ticks = ticks_now();
    if (status == 0) {
        stage = "RS refuses the order";
        status = rs_control(options.service, RS_KILL);
    }
    if (status == 0)
        status = recovery_observe(options.service, before.endpoint, log_start, NOTIFY_NAME,
                                  &recovery, &stage);
    if (status != 0)
        return failed(stage, status);
    recovery_note(&recovery, order_ticks, false);
    sleep_us(options.every_ms * 1000ul / 10); /* time for the next hot spare */
    return 0;
}

/* ---- under load ---- */

struct death_kind {
    enum fault_kind fault; /* 0: a kill by order */
    bool hang;             /* somebody has to find out */
};

static const struct death_kind death_kinds[] = {
    {FAULT_LOAD, false},  {FAULT_STORE, false},      {FAULT_JUMP, false},     {FAULT_SPIN, true},
    {0, false},           {FAULT_ILLEGAL, false},    {FAULT_SLEEP, true},     {FAULT_EXIT, false},
    {FAULT_PANIC, false}, {FAULT_PRIVILEGED, false}, {FAULT_OVERFLOW, false}, {FAULT_SILENT, true},
};

static int order_death(const struct death_kind *kind, uint64_t *order_ticks)
{
    uint64_t deadline = deadline_in_us(ORDER_TIMEOUT_US);

    for (;;) {
        *order_ticks = ticks_now();
        int status = kind->fault ? rs_inject(options.service, kind->fault, 0)
                                 : rs_control(options.service, RS_KILL);
        if ((status != -ANOLE_EAGAIN && status != -ANOLE_EDEADENDPOINT) || ticks_now() > deadline)
            return status;
        sleep_us(POLL_US);
    }
}

/* Reads RS's log from *position on until the load has got its first answer again. */
static int await_return(uint64_t *position, struct recovery *recovery)
{
    static struct rs_log_entry entries[ENTRIES_AT_ONCE];
    uint64_t deadline = deadline_in_us(RETURN_TIMEOUT_US);
    unsigned count;

    *recovery = (struct recovery){0};
    while (!recovery->reached[PHASE_SERVED]) {
        int status = rs_log_read(*position, entries, ENTRIES_AT_ONCE, position, &count);

        if (status != 0)
            return status;
        for (unsigned i = 0; i < count; i++)
            recovery_add(recovery, options.service, &entries[i]);
        if (recovery->given_up)
            return -ANOLE_EGIVENUP;
        if (count == 0 && ticks_now() > deadline)
            return -ANOLE_ETIMEDOUT;
        if (count == 0)
            sleep_us(POLL_US);
    }
    return 0;
}

static int kill_loaded(const struct death_kind *kind, uint64_t *position)
{
    struct recovery recovery;
    uint64_t order_ticks;
    int status = order_death(kind, &order_ticks);

    if (status != 0)
        return failed("RS refuses the order", status);
    status = await_return(position, &recovery);
    if (status != 0)
        return failed(kind->fault ? fault_kind_name(kind->fault) : "kill", status);
    recovery_note(&recovery, order_ticks, kind->hang);
    uint64_t from = kind->hang ? recovery.time_ticks[PHASE_SERVED] : order_ticks;
    sleep_until(from + ticks_from_us(options.every_ms * 1000ul));
    return 0;
}

/* Free frames and this program's own, when nothing is on its way any more: services have started, and
 * the number was the same a while ago. */
static int memory_now(uint64_t *frames)
{
    uint64_t deadline = deadline_in_us(SETTLE_TIMEOUT_US);
    struct rs_service_info service;
    struct system_info system;
    struct process_info own;

    for (uint64_t before = 0;; before = *frames) {
        int status = services_settle();
        if (status == 0)
            status = service_settle(options.service, &service);
        if (status == 0)
            status = kcall_system_info(&system);
        if (status == 0)
            status = kcall_process_info(endpoint_slot(startup_page()->self), &own);
        if (status != 0)
            return status;
        *frames = system.frames_free + own.frames;
        if (*frames == before && system.frames_quarantined == 0 && system.frames_orphaned == 0 &&
            service.spare != RS_SPARE_WANTED)
            return 0;
        if (ticks_now() > deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(QUIET_US);
    }
}

static int kill_all_loaded(void)
{
    uint64_t position;
    int status = rs_log_end(&position);

    if (status != 0)
        return failed("RS's log can't be read", status);
    for (uint32_t i = 0; i < options.kills; i++) {
        const struct death_kind
            *kind = &death_kinds[i % (sizeof(death_kinds) / sizeof(death_kinds[0]))];
        if (kill_loaded(kind, &position) != 0)
            return 1;
    }
    return 0;
}

static int check_load(const struct recovery_load_result *load)
{
    printf(
        "load: %lu writes, %lu reads, %lu flushes, %lu recoveries, %lu requests replayed, longest "
        "%lu.%03lu ms\n",
        (unsigned long)load->writes, (unsigned long)load->reads, (unsigned long)load->flushes,
        (unsigned long)load->recoveries, (unsigned long)load->replayed,
        (unsigned long)(load->longest_recovery_us / 1000),
        (unsigned long)(load->longest_recovery_us % 1000));
    if (load->status != 0)
        return failed(load->stage, load->status);
    printf("data: %s (%lu pieces wrong)\n", load->wrong == 0 ? "right" : "WRONG",
           (unsigned long)load->wrong);
    return load->wrong == 0 ? 0 : 1;
}

static int run_loaded(void)
{
    struct recovery_load_result load;
    uint64_t before, after;
    int status = memory_now(&before);

    if (status != 0)
        return failed("memory doesn't settle", status);
    status = recovery_load_start(options.disk, options.seed);
    if (status != 0)
        return failed("the load can't be started", status);
    int result = kill_all_loaded();
    recovery_load_stop(&load);
    if (result == 0)
        print_table();
    result |= check_load(&load);
    status = memory_now(&after);
    if (status != 0)
        return failed("memory doesn't settle", status);
    printf("memory: %lu KiB free before, %lu KiB after\n",
           (unsigned long)(before * PAGE_SIZE / 1024), (unsigned long)(after * PAGE_SIZE / 1024));
    return before == after ? result : 1;
}

/* ---- the command line ---- */

static bool parse_number_option(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
    char *end;

    *value = strtoul(text, &end, 10);
    return *text != '\0' && *end == '\0' && *value >= low && *value <= high;
}

static bool parse_option(const char *name, const char *value)
{
    uint64_t number;

    if (strcmp(name, "--under-load") == 0) {
        options.disk = value;
        return true;
    }
    if (strcmp(name, "--spare") == 0) {
        options.spare = strcmp(value, "on") == 0 ? RS_SPARE_ON : RS_SPARE_OFF;
        return options.spare == RS_SPARE_ON || strcmp(value, "off") == 0;
    }
    if (strcmp(name, "--kills") == 0 && parse_number_option(value, 1, KILLS_MAX, &number)) {
        options.kills = (uint32_t)number;
        return true;
    }
    if (strcmp(name, "--every-ms") == 0 && parse_number_option(value, 0, 60000, &number)) {
        options.every_ms = (uint32_t)number;
        return true;
    }
    return strcmp(name, "--seed") == 0 && parse_number_option(value, 0, UINT64_MAX, &options.seed);
}

static bool parse_options(int argc, char *argv[])
{
    if (argc < 2 || argc % 2 != 0)
        return false;
    options.service = argv[1];
    for (int i = 2; i < argc; i += 2) {
        if (!parse_option(argv[i], argv[i + 1]))
            return false;
    }
    return true;
}

/* Has a hot spare kept, or none, and waits until that is so. */
static int set_spare(void)
{
    uint64_t deadline = deadline_in_us(SETTLE_TIMEOUT_US);
    enum rs_spare wanted = options.spare == RS_SPARE_ON ? RS_SPARE_READY : RS_SPARE_NONE;
    struct rs_service_info info;
    int status = rs_control(options.service, options.spare);

    while (status == 0) {
        status = rs_find(options.service, &info);
        if (status == 0 && info.spare == wanted)
            return 0;
        if (status == 0 && ticks_now() > deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(POLL_US);
    }
    return status;
}

int main(int argc, char *argv[])
{
    if (!parse_options(argc, argv)) {
        fprintf(stderr,
                "usage: recoverybench SERVICE [--kills N] [--spare on|off] [--every-ms N]\n"
                "                     [--under-load DISK [--seed N]]    1 to %u kills\n",
                KILLS_MAX);
        return 2;
    }
    int status = options.spare != 0 ? set_spare() : 0;
    if (status != 0)
        return failed("no hot spare as wanted", status);
    if (options.disk)
        return run_loaded();
    for (uint32_t i = 0; i < options.kills; i++) {
        if (kill_and_ping() != 0)
            return 1;
    }
    print_table();
    return 0;
}
