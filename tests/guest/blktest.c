/*
 * blktest DEV [--rw] [--seed N] [--group G] [--channel|--message]: the test client of block drivers.
 *
 * Without --rw nothing is written. With it, the data of DEV is overwritten but for the first and the
 * last 64 sectors of a whole disk, so that partition tables survive; what lies between, partitions
 * included, doesn't. Every random choice follows from the seed, which is printed.
 *
 * --group longwrite also takes --mib N (how much), --kill-every-ms N and --service S (kill that
 * service through RS so often meanwhile).
 *
 * One line a group: "PASS name (n checks)", "FAIL name: what", "SKIP name: why". Exit status: 0 if
 * nothing failed, 1 if something did, 2 for a usage error.
 */
#include "blktest.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_SHOWN 5u
#define TABLE_SECTORS 64u
#define RANDOM_READ_SECTORS 8192u

struct options options;
endpoint_t driver;
struct blk_info disk;
uint64_t scratch_start, scratch_end;

static const struct group groups[] = {
    {"open", 0, group_open},
    {"info", 0, group_info},
    {"attach", 0, group_attach},
    {"read", BOTH_PATHS, group_read},
    {"write", NEEDS_WRITE | BOTH_PATHS, group_write},
    {"vectors", BOTH_PATHS, group_vectors},
    {"bad-vectors", BOTH_PATHS, group_bad_vectors},
    {"bad-grants", BOTH_PATHS, group_bad_grants},
    {"revoke", ONLY_CHANNEL, group_revoke},
    {"bad-requests", BOTH_PATHS, group_bad_requests},
    {"alignment", BOTH_PATHS, group_alignment},
    {"limits", BOTH_PATHS, group_limits},
    {"partitions", BOTH_PATHS, group_partitions},
    {"neighbours", NEEDS_WRITE | BOTH_PATHS, group_neighbours},
    {"high", NEEDS_WRITE | BOTH_PATHS, group_high},
    {"read-only", BOTH_PATHS, group_read_only},
    {"geometry", 0, group_geometry},
    {"topology", 0, group_topology},
    {"identify", BOTH_PATHS, group_identify},
    {"cache", NEEDS_WRITE | BOTH_PATHS, group_cache},
    {"resize", BOTH_PATHS, group_resize},
    {"discard", NEEDS_WRITE | BOTH_PATHS, group_discard},
    {"zeroes", NEEDS_WRITE | BOTH_PATHS, group_zeroes},
    {"merge", NEEDS_WRITE | ONLY_CHANNEL, group_merge},
    {"fairness", ONLY_CHANNEL, group_fairness},
    {"queues", NEEDS_WRITE | BOTH_PATHS, group_queues},
    {"flood", BOTH_PATHS, group_flood},
    {"cancel", BOTH_PATHS, group_cancel},
    {"deadlines", BOTH_PATHS, group_deadlines},
    {"hostile-channel", ONLY_CHANNEL, group_hostile_channel},
    {"clients", NEEDS_WRITE | BOTH_PATHS, group_clients},
    {"flush", NEEDS_WRITE | BOTH_PATHS, group_flush},
    {"libblk", BOTH_PATHS, group_libblk},
    {"retain", NEEDS_WRITE, group_retain},
    {"recovery", NEEDS_WRITE | BOTH_PATHS, group_recovery},
    {"loop", NEEDS_WRITE | ONLY_CHANNEL, group_loop},
    {"stuck", NEEDS_WRITE | BOTH_PATHS, group_stuck},
    {"longwrite", NEEDS_WRITE, group_longwrite},
    {"counters", 0, group_counters},
};
#define GROUPS (sizeof groups / sizeof groups[0])

static char group_title[40];
static char skip_reason[120];
static unsigned checks, failures;
static unsigned passed, failed, skipped;

/* ---- checks ---- */

bool check(bool ok, int line, const char *format, ...)
{
    checks++;
    if (ok)
        return true;
    if (++failures <= FAILURES_SHOWN) {
        va_list arguments;
        printf("FAIL %s: line %d: ", group_title, line);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
    }
    return false;
}

static const char *status_name(int status)
{
    return status == 0 ? "0" : status < 0 ? anole_error_name(status) : "a positive number";
}

bool check_status(int found, int expected, int line, const char *what)
{
    return check(found == expected, line, "%s: expected %s, found %s (%d)", what,
                 status_name(expected), status_name(found), found);
}

bool check_one_of(int found, const int *expected, int line, const char *what)
{
    for (const int *one = expected; *one != 1; one++)
        if (found == *one)
            return check(true, line, "%s", what);
    return check(false, line, "%s: expected %s or its like, found %s (%d)", what,
                 status_name(expected[0]), status_name(found), found);
}

void skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(skip_reason, sizeof skip_reason, format, arguments);
    va_end(arguments);
}

/* ---- choices ---- */

static uint64_t random_state;

uint64_t random_next(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (random_state ^ (random_state >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

uint64_t random_below(uint64_t limit)
{
    return random_next() % limit;
}

uint32_t block_bytes(void)
{
    return disk.logical_block_bytes;
}

uint64_t random_sector(size_t len, bool for_writing)
{
    uint64_t block_sectors = block_bytes() / BLK_SECTOR_SIZE;
    uint64_t start = for_writing ? scratch_start : 0;
    uint64_t end = for_writing ? scratch_end : disk.capacity_sectors;
    uint64_t room = (end - start) - len / BLK_SECTOR_SIZE;
    /* Reading all of a large sparse disk would only warm the host's cache. */
    if (room > RANDOM_READ_SECTORS && !for_writing)
        room = RANDOM_READ_SECTORS;
    return start + random_below(room / block_sectors + 1) * block_sectors;
}

/* ---- arguments ---- */

static int usage(const char *what, const char *found)
{
    if (what)
        fprintf(stderr, "blktest: %s: '%s'\n", what, found);
    fputs("usage: blktest DEV [--rw] [--seed N] [--group G] [--channel|--message]\n"
          "       --group longwrite: [--mib N] [--kill-every-ms N] [--service S]\ngroups:",
          stderr);
    for (unsigned i = 0; i < GROUPS; i++)
        fprintf(stderr, " %s", groups[i].name);
    fputc('\n', stderr);
    return 2;
}

static bool parse_number(const char *text, uint64_t limit, uint64_t *number)
{
    char *end;
    if (!text || !isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return errno == 0 && *end == '\0' && *number <= limit;
}

static bool group_exists(const char *name)
{
    for (unsigned i = 0; i < GROUPS; i++)
        if (strcmp(groups[i].name, name) == 0)
            return true;
    return false;
}

/* "vda1" is minor 1 of the driver "vda". */
static bool parse_device(const char *name)
{
    size_t base = strcspn(name, "0123456789");
    uint64_t minor = 0;
    if (base == 0 || base >= sizeof options.driver_name)
        return false;
    if (name[base] != '\0' && !parse_number(name + base, BLK_MINORS - 1, &minor))
        return false;
    options.device = name;
    memcpy(options.driver_name, name, base);
    options.minor = (unsigned)minor;
    return true;
}

/* An option with a value; *bad says whether the value is none. */
static bool parse_valued(const char *name, const char *value, bool *bad)
{
    uint64_t number = 0;
    *bad = false;
    if (strcmp(name, "--seed") == 0) {
        *bad = !parse_number(value, UINT64_MAX, &options.seed);
    } else if (strcmp(name, "--mib") == 0) {
        *bad = !parse_number(value, 1u << 20, &number) || number == 0;
        options.mib = (unsigned)number;
    } else if (strcmp(name, "--kill-every-ms") == 0) {
        *bad = !parse_number(value, 1u << 20, &number) || number == 0;
        options.kill_every_ms = (unsigned)number;
    } else if (strcmp(name, "--group") == 0) {
        *bad = !value || !group_exists(value);
        options.group = value;
    } else if (strcmp(name, "--service") == 0) {
        *bad = !value || strlen(value) >= RS_NAME_LEN;
        options.service = value;
    } else {
        return false;
    }
    return true;
}

/* 0, or the exit status of a usage error. */
static int parse_arguments(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool bad;
        if (parse_valued(argv[i], value, &bad)) {
            if (bad)
                return usage(argv[i], value ? value : "nothing");
            i++;
        } else if (strcmp(argv[i], "--rw") == 0) {
            options.write = true;
        } else if (strcmp(argv[i], "--channel") == 0) {
            options.no_message = true;
        } else if (strcmp(argv[i], "--message") == 0) {
            options.no_channel = true;
        } else if (options.device || argv[i][0] == '-' || !parse_device(argv[i])) {
            return usage("what is this", argv[i]);
        }
    }
    if (!options.device)
        return usage("no device", "");
    if (options.no_message && options.no_channel)
        return usage("one path only", "--channel --message");
    return 0;
}

/* ---- running ---- */

static int find_device(void)
{
    int status = name_lookup(options.driver_name, &driver);
    if (status == -ANOLE_EAGAIN || status == -ANOLE_ENOENT)
        status = name_wait(options.driver_name, &driver, BIT_EVENT, deadline_in_us(1000000));
    if (status == 0)
        status = raw_info(options.minor, &disk);
    if (status == 0)
        return 0;
    bool unknown = status == -ANOLE_ENOENT || status == -ANOLE_ETIMEDOUT;
    fprintf(stderr, "blktest: %s: %s\n", options.device,
            unknown ? "no such device" : anole_error_text(status));
    return status;
}

static void choose_scratch(void)
{
    uint64_t block_sectors = block_bytes() / BLK_SECTOR_SIZE;
    uint64_t tables = options.minor == 0 ? TABLE_SECTORS : 0;
    if (tables % block_sectors != 0)
        tables += block_sectors - tables % block_sectors;
    scratch_start = tables;
    scratch_end = disk.capacity_sectors > 2 * tables ? disk.capacity_sectors - tables : tables;
    scratch_end -= scratch_end % block_sectors;
}

/* Why the group can't run, or NULL. */
static const char *hindrance(const struct group *group, enum path path)
{
    if ((group->needs & (BOTH_PATHS | ONLY_CHANNEL)) != 0 &&
        (path == PATH_MESSAGE ? options.no_message : options.no_channel))
        return path == PATH_MESSAGE ? "--channel was given" : "--message was given";
    if ((group->needs & NEEDS_WRITE) == 0)
        return NULL;
    if (!options.write)
        return "needs --rw";
    if (disk.flags & BLK_INFO_READ_ONLY)
        return "the disk is read-only";
    return scratch_end - scratch_start < 1024 ? "the disk is too small" : NULL;
}

/* The driver may be another one since the last group. */
static bool find_driver_again(void)
{
    int status = name_wait(options.driver_name, &driver, BIT_EVENT, deadline_in_us(PATIENCE_US));
    return check_status(status, 0, __LINE__, "finding the driver");
}

static void report(void)
{
    if (failures > 0) {
        failed++;
        printf("FAIL %s: %u of %u checks\n", group_title, failures, checks);
    } else if (skip_reason[0] != '\0') {
        skipped++;
        printf("SKIP %s: %s\n", group_title, skip_reason);
    } else {
        passed++;
        printf("PASS %s (%u checks)\n", group_title, checks);
    }
    fflush(stdout);
}

static void run_group(const struct group *group, enum path path)
{
    const char *const path_names[] = {"message", "channel"};
    bool both = (group->needs & BOTH_PATHS) != 0;
    snprintf(group_title, sizeof group_title, "%s%s%s", group->name, both ? "/" : "",
             both ? path_names[path] : "");
    skip_reason[0] = '\0';
    checks = failures = 0;
    const char *why_not = hindrance(group, path);
    if (why_not) {
        skip("%s", why_not);
    } else if (find_driver_again()) {
        group->run(path);
        sessions_close();
        buffers_free();
    }
    report();
}

static bool chosen(const struct group *group)
{
    return !options.group || strcmp(options.group, group->name) == 0;
}

static void run_groups(void)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        if (!chosen(&groups[i]))
            continue;
        if ((groups[i].needs & ONLY_CHANNEL) == 0)
            run_group(&groups[i], PATH_MESSAGE);
        if ((groups[i].needs & (BOTH_PATHS | ONLY_CHANNEL)) != 0)
            run_group(&groups[i], PATH_CHANNEL);
    }
}

int main(int argc, char *argv[])
{
    if (argc > 1 && strcmp(argv[1], "--child") == 0)
        return child_main(argc, argv);
    options.seed = ticks_now();
    options.mib = 4;
    int status = parse_arguments(argc, argv);
    if (status != 0)
        return status;
    if (find_device() != 0)
        return 1;
    choose_scratch();
    random_state = options.seed;
    printf("blktest %s: %" PRIu64 " sectors, seed %" PRIu64 "\n", options.device,
           disk.capacity_sectors, options.seed);
    uint64_t began = ticks_now();
    run_groups();
    printf("%u passed, %u failed, %u skipped in %" PRIu64 " ms, seed %" PRIu64 "\n", passed, failed,
           skipped, ticks_to_us(ticks_now() - began) / 1000, options.seed);
    return failed == 0 ? 0 : 1;
}
