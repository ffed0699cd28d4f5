/*
 * buffertest DEV --reads SECTOR --writes SECTOR --late-ms N: the contract of buffers (docs: recovery,
 * kernel calls). An error gives a request back, not its buffer: that is the client's again only after
 * a successful REVOKE, and late DMA never lands in memory that has been used again.
 *
 * The device must do the 256 sectors from --reads on late by --late-ms when they are read, and those
 * from --writes on when they are written; if it is reset before that, then just before the reset
 * (the vhost_blk device of tests/vhost does). The data in both places is lost. Exit status 0: the
 * contract holds.
 */
#include "buffertest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINE = 0x5a, BEFORE = 0x11, ON_DISK = 0x77, WRITTEN = 0x99, SCRIBBLE = 0xee };
#define MARGIN_US 200000u

static struct {
    const char *device;
    uint64_t reads, writes;
    uint64_t late_us;
} options;

static struct disk disk;
static unsigned failures;
static bool case_failed;

/* ---- checks ---- */

bool expect(bool ok, const char *format, ...)
{
    if (ok)
        return true;
    va_list arguments;
    va_start(arguments, format);
    printf("  ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    case_failed = true;
    return false;
}

static bool expect_status(int found, int expected, const char *what)
{
    return expect(found == expected, "%s: expected %s, found %s", what,
                  expected == 0 ? "success" : anole_error_name(expected),
                  found == 0 ? "success" : anole_error_name(found));
}

/* ---- a request that is late ---- */

struct late {
    uint32_t type;
    uint8_t *memory;
    handle_t grant;
    uint64_t sent; /* ticks */
    uint64_t over; /* when the device has done it for sure, if nobody resets it */
};

/* Sends it and loses patience. True: the request came back with ETIMEDOUT, its buffer did not. */
static bool late_begin(struct late *late, uint32_t type, uint8_t fill)
{
    bool taken;
    *late = (struct late){.type = type, .memory = memory_new(BUFFER_BYTES)};
    memset(late->memory, fill, BUFFER_BYTES);
    if (!expect_status(kcall_grant(disk.driver, late->memory, BUFFER_BYTES,
                                   type == BLK_READ ? GRANT_WRITE : GRANT_READ, &late->grant),
                       0, "GRANT"))
        return false;
    late->sent = ticks_now();
    int status = disk_request(&disk, type, type == BLK_READ ? options.reads : options.writes,
                              late->grant, BUFFER_BYTES, SHORT_US, &taken);
    late->over = deadline_in_us(options.late_us + MARGIN_US);
    return expect_status(status, -ANOLE_ETIMEDOUT, "a request that is late") &&
           expect(taken, "the driver hadn't taken the request") &&
           expect_status(kcall_revoke(late->grant, -1), -ANOLE_EBUSY, "REVOKE while pinned");
}

/* Waits until REVOKE succeeds, by its notification. */
static bool late_revoke(struct late *late)
{
    uint64_t deadline = deadline_in_us(options.late_us + SETTLE_US);
    struct ipc_delivery delivery;
    int status;
    while ((status = kcall_revoke(late->grant, BIT_UNPINNED)) == -ANOLE_EBUSY &&
           ipc_receive(&delivery, NOTIFY_BIT(BIT_UNPINNED), deadline, RECEIVE_NO_REQUESTS) == 0)
        continue;
    return expect_status(status, 0, "REVOKE in the end");
}

static void late_unmap(struct late *late)
{
    expect_status(kcall_unmap(late->memory, BUFFER_BYTES), 0, "UNMAP");
}

/* Another driver serves; the one that had the session may be dead. */
static bool open_again(void)
{
    return expect_status(disk_open(&disk, options.device, disk.driver, BLK_OPEN_WRITE), 0,
                         "opening after the driver's death");
}

/* kind: 0, or enum fault_kind. RS looks at who does nothing when somebody complains. */
static bool kill_driver(uint32_t kind)
{
    char service[RS_NAME_LEN];
    return expect_status(disk_service(&disk, service), 0, "finding the driver's service") &&
           expect_status(kind == 0 ? order(RS_CONTROL, service, RS_KILL)
                                   : order(RS_INJECT, service, kind),
                         0, "ordering its death") &&
           (kind != FAULT_SLEEP || expect_status(disk_complain(&disk), 0, "complaining about it"));
}

/* ---- the cases ---- */

/* The client's patience ends; the driver's doesn't. */
static void case_timeout(void)
{
    struct late late;
    struct ipc_delivery delivery;
    if (!late_begin(&late, BLK_READ, MINE))
        return;
    bool taken;
    int again = disk_request(&disk, BLK_READ, 0, late.grant, BUFFER_BYTES, CALL_US, &taken);
    expect(again == -ANOLE_EPERM || again == -ANOLE_EBADHANDLE,
           "a grant that is being taken back is still good: %s", anole_error_name(again));
    expect_status(kcall_revoke(late.grant, BIT_UNPINNED), -ANOLE_EBUSY, "REVOKE with a bit");
    expect_status(
        ipc_receive(&delivery, NOTIFY_BIT(BIT_UNPINNED), DEADLINE_POLL, RECEIVE_NO_REQUESTS),
        -ANOLE_ETIMEDOUT, "the notification of what is still pinned");
    expect(memory_is(late.memory, BUFFER_BYTES, MINE), "the device wasn't late");
    if (!late_revoke(&late))
        return;
    expect(ticks_to_us(ticks_now() - late.sent) >= options.late_us,
           "unpinned before the device was done");
    expect(memory_is(late.memory, BUFFER_BYTES, ON_DISK), "the data isn't the disk's");
    expect_status(kcall_revoke(late.grant, -1), -ANOLE_EBADHANDLE, "REVOKE again");
    late_unmap(&late);
}

/* Ordinary memory management must not help: what is unmapped while pinned stays out of use. */
static void unmap_and_watch(uint32_t kind, bool kill)
{
    struct late late;
    struct hoard hoard;
    if (!late_begin(&late, BLK_READ, MINE))
        return;
    uint64_t before = frames_free();
    late_unmap(&late);
    expect(frames_free() < before + BUFFER_PAGES, "frames of a pinned buffer are free");
    if (!hoard_take(&hoard))
        return;
    if ((!kill || kill_driver(kind)) && late_revoke(&late)) {
        sleep_until(late.over);
        expect(hoard_intact(&hoard), "late DMA landed in memory that was used again");
    }
    hoard_give_back(&hoard);
    if (kill)
        (void)open_again();
    else
        expect(frames_free() >= before + BUFFER_PAGES, "%lu frames were never given back",
               (unsigned long)(before + BUFFER_PAGES - frames_free()));
}

static void case_timeout_unmap(void)
{
    unmap_and_watch(0, false);
}

static void case_killed_unmap(void)
{
    unmap_and_watch(0, true);
}

/* The driver dies with the request in its device. What the device still does, it does before REVOKE
 * succeeds; from then on the memory is the client's alone. */
static void die_and_watch(uint32_t kind)
{
    struct late late;
    if (!late_begin(&late, BLK_READ, MINE) || !kill_driver(kind))
        return;
    if (late_revoke(&late)) {
        memset(late.memory, SCRIBBLE, BUFFER_BYTES);
        sleep_until(late.over);
        expect(memory_is(late.memory, BUFFER_BYTES, SCRIBBLE), "late DMA after REVOKE");
        late_unmap(&late);
    }
    (void)open_again();
}

static void case_killed(void)
{
    die_and_watch(0);
}

static void case_crashed(void)
{
    die_and_watch(FAULT_LOAD);
}

static void case_asleep(void)
{
    die_and_watch(FAULT_SLEEP);
}

/* Waits until the driver is dead. */
static bool driver_is_dead(void)
{
    uint64_t deadline = deadline_in_us(SETTLE_US);
    endpoint_t process;
    unsigned service_id;
    while (kcall_endpoint_info(disk.driver, &process, &service_id) == 0 && ticks_now() < deadline)
        sleep_us(SHORT_US);
    return expect(ticks_now() < deadline, "the driver doesn't die");
}

/* The driver is dead and nobody resets its device, which goes on as if nothing had happened. */
static void quarantine_and_watch(bool unmap)
{
    struct late late;
    struct hoard hoard = {0};
    if (!late_begin(&late, BLK_READ, MINE))
        return;
    if (unmap)
        late_unmap(&late);
    bool hoarded = unmap && hoard_take(&hoard);
    if (kill_driver(0) && driver_is_dead()) {
        expect(frames_quarantined() >= BUFFER_PAGES, "%lu frames in quarantine",
               (unsigned long)frames_quarantined());
        expect_status(kcall_revoke(late.grant, -1), -ANOLE_EBUSY, "REVOKE in quarantine");
        expect(unmap || memory_is(late.memory, BUFFER_BYTES, MINE), "the device wasn't late");
        sleep_until(late.over);
        expect(unmap || memory_is(late.memory, BUFFER_BYTES, ON_DISK), "there was no late DMA");
        expect_status(kcall_revoke(late.grant, -1), -ANOLE_EBUSY, "REVOKE after the late DMA");
    }
    if (hoarded) {
        expect(hoard_intact(&hoard), "late DMA landed in memory that was used again");
        hoard_give_back(&hoard);
    }
    expect_status(order(RS_CONTROL, "devman", RS_START), 0, "starting devman");
    if (late_revoke(&late) && !unmap)
        late_unmap(&late);
    (void)open_again();
}

static void case_quarantine(void)
{
    if (expect_status(order(RS_CONTROL, "devman", RS_STOP), 0, "stopping devman"))
        quarantine_and_watch(false);
}

static void case_quarantine_unmap(void)
{
    if (expect_status(order(RS_CONTROL, "devman", RS_STOP), 0, "stopping devman"))
        quarantine_and_watch(true);
}

/* A late write takes what it finds in the buffer: never what the client put there after REVOKE. */
static void case_killed_write(void)
{
    struct late late;
    uint8_t *found = memory_new(BUFFER_BYTES);
    if (!late_begin(&late, BLK_WRITE, WRITTEN) || !kill_driver(0) || !late_revoke(&late))
        return;
    memset(late.memory, SCRIBBLE, BUFFER_BYTES);
    sleep_until(late.over);
    if (open_again() &&
        expect_status(disk_move(&disk, BLK_READ, options.writes, found), 0, "reading it again"))
        for (size_t at = 0; at < BUFFER_BYTES; at += BLK_SECTOR_SIZE)
            if (!expect(memory_is(found + at, BLK_SECTOR_SIZE, BEFORE) ||
                            memory_is(found + at, BLK_SECTOR_SIZE, WRITTEN),
                        "sector %lu holds %#x, neither old nor new",
                        (unsigned long)(at / BLK_SECTOR_SIZE), found[at]))
                break;
    late_unmap(&late);
    (void)kcall_unmap(found, BUFFER_BYTES);
}

/* The client itself dies with its buffer in the device. */
static void case_client_exits(void)
{
    char reads[24], late_ms[24];
    snprintf(reads, sizeof reads, "%lu", (unsigned long)options.reads);
    snprintf(late_ms, sizeof late_ms, "%lu", (unsigned long)(options.late_us / 1000));
    const char *const child[] = {"buffertest", "--child",   options.device, "--reads",
                                 reads,        "--late-ms", late_ms,        NULL};
    endpoint_t endpoint;
    enum death_cause cause;
    uint64_t detail;
    struct hoard hoard;
    uint64_t before = frames_free();
    if (!expect_status(program_spawn(child, false, &endpoint), 0, "starting the child") ||
        !expect_status(program_wait(endpoint, &cause, &detail), 0, "waiting for the child") ||
        !expect(cause == DEATH_EXIT && detail == 0, "the child failed") || !hoard_take(&hoard))
        return;
    sleep_us(options.late_us + MARGIN_US);
    expect(hoard_intact(&hoard), "late DMA landed in what was a dead client's memory");
    hoard_give_back(&hoard);
    expect(frames_free() >= before, "%lu frames of the dead client were never given back",
           (unsigned long)(before - frames_free()));
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"timeout", case_timeout},
    {"timeout-unmap", case_timeout_unmap},
    {"killed", case_killed},
    {"crashed", case_crashed},
    {"asleep", case_asleep},
    {"killed-unmap", case_killed_unmap},
    {"quarantine", case_quarantine},
    {"quarantine-unmap", case_quarantine_unmap},
    {"killed-write", case_killed_write},
    {"client-exits", case_client_exits},
};

/* ---- running ---- */

/* Both areas are written before, in time or not. */
static bool prepare(void)
{
    uint8_t *memory = memory_new(BUFFER_BYTES);
    memset(memory, ON_DISK, BUFFER_BYTES);
    bool ready = expect_status(disk_move(&disk, BLK_WRITE, options.reads, memory), 0,
                               "preparing what will be read");
    memset(memory, BEFORE, BUFFER_BYTES);
    ready = ready &&
            expect_status(disk_move(&disk, BLK_WRITE, options.writes, memory), 0,
                          "preparing where will be written") &&
            expect_status(disk_flush(&disk), 0, "flushing");
    (void)kcall_unmap(memory, BUFFER_BYTES);
    return ready;
}

static void run_cases(void)
{
    struct hoard hoard;
    /* Page tables that were needed once stay: they are not to be missed later. */
    if (!hoard_take(&hoard)) {
        failures++;
        return;
    }
    hoard_give_back(&hoard);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        case_failed = false;
        cases[i].run();
        failures += case_failed;
        printf("%s %s\n", case_failed ? "FAIL" : "PASS", cases[i].name);
        fflush(stdout);
    }
}

/* The child of client-exits: leaves a request behind. */
static int child_main(void)
{
    struct late late;
    bool ready = expect_status(disk_open(&disk, options.device, ENDPOINT_NONE, 0), 0, "opening");
    return ready && late_begin(&late, BLK_READ, MINE) ? 0 : 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: buffertest DEV --reads SECTOR --writes SECTOR --late-ms N\n");
    return 2;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    if (!text)
        return false;
    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0' && *text != '-';
}

static bool parse_arguments(int argc, char *argv[], bool *child)
{
    uint64_t late_ms = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool good = true;
        if (strcmp(argv[i], "--child") == 0)
            *child = true;
        else if (strcmp(argv[i], "--reads") == 0)
            good = parse_number(value, &options.reads), i++;
        else if (strcmp(argv[i], "--writes") == 0)
            good = parse_number(value, &options.writes), i++;
        else if (strcmp(argv[i], "--late-ms") == 0)
            good = parse_number(value, &late_ms), i++;
        else if (!options.device && argv[i][0] != '-')
            options.device = argv[i];
        else
            good = false;
        if (!good)
            return false;
    }
    options.late_us = late_ms * 1000;
    return options.device && options.reads != 0 && late_ms != 0 && (*child || options.writes != 0);
}

int main(int argc, char *argv[])
{
    bool child = false;
    if (!parse_arguments(argc, argv, &child))
        return usage();
    if (child)
        return child_main();
    if (!expect_status(disk_open(&disk, options.device, ENDPOINT_NONE, BLK_OPEN_WRITE), 0,
                       "opening the disk") ||
        !prepare())
        return 1;
    run_cases();
    expect_status(disk_close(&disk), 0, "closing the disk");
    printf("buffertest %s: %zu cases, %u failed\n", options.device, sizeof cases / sizeof cases[0],
           failures);
    return failures == 0 && !case_failed ? 0 : 1;
}
