/*
 * Several programs at once on the same files: each appends its own records to one file, and a few long
 * ones to a second, writes its own stripes of another, fights for names, and moves a file to and fro. What must hold whatever their
 * order is looked at when they have ended.
 */
#include "fstest.h"

#include "fstest_operation.h"

#include "../../commands/common/copy.h"
#include "../../commands/common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS_MAX 16u
#define ROUNDS 200u
#define STRIPE 777u /* bytes: across the blocks' bounds */

#define LONG_EVERY 50u           /* rounds */
#define LONG_MAX (1200u * 1024u) /* bytes: more than a file server writes at a time */
#define LONG_USUAL (200u * 1024u)

struct record {
    uint32_t worker, round;
    uint64_t check; /* of both */
};

/* A record and more bytes, which go on from its check. */
struct long_record {
    struct record record;
    uint8_t bytes[LONG_MAX];
};
static struct long_record long_record, long_found;

static uint64_t record_check(uint32_t worker, uint32_t round)
{
    uint64_t check;

    operation_bytes((uint64_t)worker << 32 | round, (uint8_t *)&check, sizeof(check));
    return check;
}

static void shared_path(const struct fstest *test, const char *name, char path[300])
{
    snprintf(path, 300, "%s/fstest-shared-%" PRIu64 "/%s", test->directory, test->seed, name);
}

static bool append_record(int fd, unsigned worker, unsigned round)
{
    const struct record record = {worker, round, record_check(worker, round)};

    return write(fd, &record, sizeof(record)) == (ssize_t)sizeof(record);
}

/* As long as it is, without the record. One of each worker's is longer than all others. */
static size_t long_len(unsigned worker, unsigned round)
{
    return round / LONG_EVERY % 4 == worker % 4 ? LONG_MAX
                                                : record_check(worker, round) % LONG_USUAL;
}

static void long_make(unsigned worker, unsigned round)
{
    long_record.record = (struct record){worker, round, record_check(worker, round)};
    operation_bytes(long_record.record.check, long_record.bytes, long_len(worker, round));
}

static bool append_long(int fd, unsigned worker, unsigned round)
{
    size_t len = sizeof(struct record) + long_len(worker, round);

    if (round % LONG_EVERY != 0)
        return true;
    long_make(worker, round);
    return write(fd, &long_record, len) == (ssize_t)len;
}

static bool write_stripe(int fd, const struct fstest *test, unsigned worker, unsigned round)
{
    static uint8_t bytes[STRIPE];
    uint64_t number = (uint64_t)round * test->workers + worker;

    operation_bytes(number, bytes, sizeof(bytes));
    return pwrite(fd, bytes, sizeof(bytes), (off_t)(number * STRIPE)) == (ssize_t)sizeof(bytes);
}

/* Who makes the name has won the round, and notes it in a file of its own. */
static bool fight(const struct fstest *test, unsigned worker, unsigned round)
{
    char name[32], path[300];

    snprintf(name, sizeof(name), "prize-%u", round);
    shared_path(test, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0)
        return errno == EEXIST;
    bool well = write_all(fd, &worker, sizeof(worker));
    return close(fd) == 0 && well;
}

/* The ball is at one of two places; it may be found at neither while it is on its way. */
static bool play(const struct fstest *test, unsigned round)
{
    char here[300], there[300];

    shared_path(test, round % 2 == 0 ? "left/ball" : "right/ball", here);
    shared_path(test, round % 2 == 0 ? "right/ball" : "left/ball", there);
    return rename(here, there) == 0 || errno == ENOENT;
}

bool shared_worker(const struct fstest *test, unsigned number)
{
    char path[300];
    bool well = true;

    shared_path(test, "records", path);
    int records = open(path, O_WRONLY | O_APPEND);
    shared_path(test, "long", path);
    int longs = open(path, O_WRONLY | O_APPEND);
    shared_path(test, "stripes", path);
    int stripes = open(path, O_RDWR);
    if (records < 0 || longs < 0 || stripes < 0)
        return group_failed("shared", "worker %u: open", number);
    for (unsigned round = 0; round < ROUNDS && well; round++) {
        well = append_record(records, number, round) && append_long(longs, number, round) &&
               write_stripe(stripes, test, number, round) && fight(test, number, round) &&
               play(test, round + number);
        if (!well)
            group_failed("shared", "worker %u, round %u", number, round);
    }
    if (close(records) != 0 || close(longs) != 0 || close(stripes) != 0)
        well = group_failed("shared", "worker %u: close", number);
    return well;
}

static bool shared_prepare(const struct fstest *test)
{
    static const char *const directories[] = {"", "left", "right"};
    static const char *const files[] = {"records", "long", "stripes", "left/ball"};
    char path[300];

    for (unsigned i = 0; i < 3; i++) {
        shared_path(test, directories[i], path);
        if (mkdir(path, 0755) != 0)
            return group_failed("shared", "mkdir %s", path);
    }
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        shared_path(test, files[i], path);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0 || close(fd) != 0)
            return group_failed("shared", "making %s", path);
    }
    return true;
}

static bool shared_run(const struct fstest *test)
{
    endpoint_t programs[WORKERS_MAX];
    char seed[24], workers[12], number[12];
    const char *const argv[] = {test->program, "--dir", test->directory, "--seed", seed,
                                "--workers",   workers, "--worker",      number,   NULL};
    unsigned started = 0;
    bool well = true;

    snprintf(seed, sizeof(seed), "%" PRIu64, test->seed);
    snprintf(workers, sizeof(workers), "%u", test->workers);
    for (; started < test->workers && well; started++) {
        snprintf(number, sizeof(number), "%u", started);
        int status = program_spawn(argv, false, &programs[started]);
        if (status != 0) {
            well = group_failed("shared", "starting %s: %s", argv[0], anole_error_text(status));
            break;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        enum death_cause cause = DEATH_NONE;
        uint64_t detail = 0;
        int status = program_wait(programs[i], &cause, &detail);

        if (status != 0 || cause != DEATH_EXIT || detail != 0)
            well = group_failed("shared", "worker %u: %s, %" PRIu64, i, death_cause_text(cause),
                                detail);
    }
    return well;
}

/* Each worker's records are all there, whole, and in its order. */
static bool check_records(const struct fstest *test)
{
    unsigned next[WORKERS_MAX] = {0};
    struct record record;
    char path[300];
    bool well = true;

    shared_path(test, "records", path);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return group_failed("shared", "records: open");
    for (unsigned i = 0; i < test->workers * ROUNDS && well; i++) {
        well = read(fd, &record, sizeof(record)) == (ssize_t)sizeof(record) &&
               record.worker < test->workers && record.round == next[record.worker] &&
               record.check == record_check(record.worker, record.round);
        if (well)
            next[record.worker]++;
        else
            group_failed("shared", "record %u is not as it was appended", i);
    }
    if (well && read(fd, &record, 1) != 0)
        well = group_failed("shared", "there are more records than were appended");
    close(fd);
    return well;
}

/* Each is in one piece, whatever others appended at the same time. */
static bool check_long(const struct fstest *test)
{
    unsigned next[WORKERS_MAX] = {0};
    struct record *record = &long_found.record;
    char path[300];
    bool well = true;

    shared_path(test, "long", path);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return group_failed("shared", "long: open");
    for (unsigned i = 0; i < test->workers * (ROUNDS / LONG_EVERY) && well; i++) {
        well = read(fd, record, sizeof(*record)) == (ssize_t)sizeof(*record) &&
               record->worker < test->workers && record->round == next[record->worker];
        if (well) {
            size_t len = long_len(record->worker, record->round);
            next[record->worker] += LONG_EVERY;
            long_make(record->worker, record->round);
            well = read(fd, long_found.bytes, len) == (ssize_t)len &&
                   memcmp(&long_found, &long_record, sizeof(*record) + len) == 0;
        }
        if (!well)
            group_failed("shared", "long record %u is not as it was appended", i);
    }
    if (well && read(fd, record, 1) != 0)
        well = group_failed("shared", "there are more long records than were appended");
    close(fd);
    return well;
}

static bool check_stripes(const struct fstest *test)
{
    static uint8_t found[STRIPE], wanted[STRIPE];
    char path[300];
    bool well = true;

    shared_path(test, "stripes", path);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return group_failed("shared", "stripes: open");
    for (unsigned i = 0; i < test->workers * ROUNDS && well; i++) {
        operation_bytes(i, wanted, sizeof(wanted));
        if (read(fd, found, sizeof(found)) != (ssize_t)sizeof(found) ||
            memcmp(found, wanted, sizeof(found)) != 0)
            well = group_failed("shared", "stripe %u is not as it was written", i);
    }
    close(fd);
    return well;
}

/* Each round has one winner, and the ball is at one place. */
static bool check_names(const struct fstest *test)
{
    char name[32], path[300], other[300];
    struct stat status;

    for (unsigned round = 0; round < ROUNDS; round++) {
        snprintf(name, sizeof(name), "prize-%u", round);
        shared_path(test, name, path);
        if (stat(path, &status) != 0 || status.st_size != (off_t)sizeof(unsigned))
            return group_failed("shared", "%s has not one winner", name);
    }
    shared_path(test, "left/ball", path);
    shared_path(test, "right/ball", other);
    if ((access(path, F_OK) == 0) == (access(other, F_OK) == 0))
        return group_failed("shared", "the ball is at both places, or at none");
    return true;
}

bool group_shared(const struct fstest *test)
{
    char path[300];

    if (test->workers > WORKERS_MAX)
        return group_failed("shared", "at most %u workers", WORKERS_MAX);
    bool well = shared_prepare(test) && shared_run(test) && check_records(test) &&
                check_long(test) && check_stripes(test) && check_names(test);
    shared_path(test, "", path);
    well = remove_tree("fstest", path) && well;
    if (well)
        printf("shared: ok: %u programs, %u rounds\n", test->workers, ROUNDS);
    return well;
}
