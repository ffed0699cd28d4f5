/*
 * Several client processes at once, one of which dies with requests in flight; and the flush group,
 * whose writers also overlap in time.
 */
#include "blktest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN 3u
#define CHILD_SECTORS 256u /* of each child's own stretch */
#define CHILD_ROUNDS 40u
#define VICTIM_REQUESTS 64u
#define VICTIM_STATUS 23
#define SETTLE_US 3000000u
#define FLUSH_ROUNDS 12u
#define FLUSH_WRITES 16u

/* ---- what a child does ---- */

/* Writes its stretch again and again, in pieces, and reads it back. Its exit status: 0 if all was
 * well. */
static int child_worker(enum path path)
{
    struct session *session = open_path(path, BLK_OPEN_WRITE | BLK_OPEN_SHARED);
    size_t len = (scratch_end - scratch_start) * BLK_SECTOR_SIZE / 4;
    len -= len % block_bytes();
    struct buffer *buffer = buffer_new(len, 8);
    if (!session || !buffer_grant(buffer, GRANT_READ | GRANT_WRITE))
        return 1;
    for (unsigned round = 0; round < CHILD_ROUNDS; round++) {
        uint64_t sector = scratch_start + random_below(4) * (len / BLK_SECTOR_SIZE);
        uint64_t generation = generation_next();
        stamp_fill(buffer->data, sector, len, generation);
        if (!EXPECT(raw_write(session, sector, buffer), 0))
            return 1;
        memset(buffer->data, 0, len);
        if (!EXPECT(raw_read(session, sector, buffer), 0))
            return 1;
        const char *wrong = stamp_check(buffer->data, sector, len, generation);
        if (!check(!wrong, __LINE__, "%s", wrong) || !GUARDED(buffer))
            return 1;
    }
    return raw_close(session) == 0 ? 0 : 1;
}

/* Fills its channel with requests and dies. The device still works on its memory then. */
static int child_victim(void)
{
    struct session *session = open_path(PATH_CHANNEL, BLK_OPEN_WRITE | BLK_OPEN_SHARED);
    struct buffer *buffer = buffer_new(16 * block_bytes(), 0);
    if (!session || !buffer_grant(buffer, GRANT_READ | GRANT_WRITE))
        return 1;
    stamp_fill(buffer->data, scratch_start, buffer->len, 1);
    for (unsigned i = 0; i < VICTIM_REQUESTS - 4; i++) {
        const struct request request = {.type = i % 2 ? BLK_READ : BLK_WRITE,
                                        .sector = scratch_start,
                                        .grant = buffer->grant,
                                        .len = buffer->len};
        const struct message message = request_message(session, &request);
        if (channel_queue(session, &message) != 0)
            break;
    }
    (void)channel_kick(session);
    return VICTIM_STATUS;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 0);
}

/* blktest --child WHAT DRIVER MINOR SEED START END */
int child_main(int argc, char *argv[])
{
    if (argc != 8 || strlen(argv[3]) >= sizeof options.driver_name) {
        fputs("blktest: --child is for blktest itself\n", stderr);
        return 2;
    }
    strcpy(options.driver_name, argv[3]);
    options.device = options.driver_name;
    options.minor = (unsigned)number(argv[4]);
    options.seed = number(argv[5]);
    options.write = true;
    if (name_lookup(options.driver_name, &driver) != 0 || raw_info(options.minor, &disk) != 0)
        return 1;
    scratch_start = number(argv[6]);
    scratch_end = number(argv[7]);
    if (strcmp(argv[2], "victim") == 0)
        return child_victim();
    return child_worker(strcmp(argv[2], "channel") == 0 ? PATH_CHANNEL : PATH_MESSAGE);
}

/* ---- several at once ---- */

struct child {
    endpoint_t endpoint;
    int expected;
};

static bool child_start(struct child *child, const char *what, unsigned place)
{
    char minor[24], seed[24], start[24], end[24];
    uint64_t sectors = CHILD_SECTORS * (block_bytes() / BLK_SECTOR_SIZE);
    uint64_t first = scratch_start + place * sectors;
    const char *const argv[] = {"blktest", "--child", what, options.driver_name, minor, seed,
                                start,     end,       NULL};
    snprintf(minor, sizeof minor, "%u", options.minor);
    snprintf(seed, sizeof seed, "%" PRIu64, random_next());
    snprintf(start, sizeof start, "%" PRIu64, first);
    snprintf(end, sizeof end, "%" PRIu64, first + sectors);
    fflush(stdout);
    return EXPECT(program_spawn(argv, false, &child->endpoint), 0);
}

static void child_wait(const struct child *child)
{
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    if (!EXPECT(program_wait(child->endpoint, &cause, &detail), 0))
        return;
    check(cause == DEATH_EXIT && (int)detail == child->expected, __LINE__,
          "a child ended by %s %lu, expected exit %d", death_cause_text(cause),
          (unsigned long)detail, child->expected);
}

/* The dead one's session must end by itself, so that somebody may write alone again. */
static void nobody_is_left(uint64_t clients_before)
{
    uint64_t deadline = deadline_in_us(SETTLE_US);
    struct session *session;
    struct blk_stats stats;
    int status;
    while ((status = raw_open(&session, options.minor, BLK_OPEN_WRITE)) == -ANOLE_EBUSY &&
           ticks_now() < deadline)
        sleep_us(1000);
    if (!check_status(status, 0, __LINE__, "writing alone after the others are gone"))
        return;
    EXPECT(raw_close(session), 0);
    EXPECT(raw_stats(&stats), 0);
    check(stats.clients_now == clients_before, __LINE__, "%lu sessions, %lu before",
          (unsigned long)stats.clients_now, (unsigned long)clients_before);
}

void group_clients(enum path path)
{
    struct child children[CHILDREN + 1] = {0};
    struct blk_stats before;
    if (scratch_end - scratch_start <
        (CHILDREN + 1) * CHILD_SECTORS * (block_bytes() / BLK_SECTOR_SIZE)) {
        skip("the disk is too small");
        return;
    }
    EXPECT(raw_stats(&before), 0);
    unsigned started = 0;
    while (started < CHILDREN &&
           child_start(&children[started], path == PATH_CHANNEL ? "channel" : "message", started))
        started++;
    children[started].expected = VICTIM_STATUS;
    if (started == CHILDREN && child_start(&children[started], "victim", started))
        started++;
    for (unsigned i = 0; i < started; i++)
        child_wait(&children[i]);
    nobody_is_left(before.clients_now);
}

/* ---- flush ---- */

/* Writes and flushes mixed in one batch: each is answered once, and what was answered before a flush
 * was sent is what a later look finds. */
static void flush_among_writes(struct session *session, const struct buffer *buffer)
{
    unsigned left = 0;
    for (unsigned i = 0; i < FLUSH_WRITES; i++) {
        const struct request write = {.type = BLK_WRITE,
                                      .flags = i % 5 == 0 ? BLK_FUA : 0,
                                      .sector = scratch_start +
                                                (uint64_t)i * block_bytes() / BLK_SECTOR_SIZE,
                                      .grant = buffer->grant,
                                      .offset = (uint64_t)i * block_bytes(),
                                      .len = block_bytes()};
        struct message message = request_message(session, &write);
        EXPECT(channel_queue(session, &message), 0);
        left++;
        if (i % 4 != 3)
            continue;
        message = request_message(session, &(struct request){.type = BLK_FLUSH});
        EXPECT(channel_queue(session, &message), 0);
        left++;
    }
    EXPECT(channel_kick(session), 0);
    for (; left > 0; left--) {
        struct message reply;
        if (!EXPECT(channel_reply(session, &reply), 0))
            return;
        EXPECT(message_status(&reply), 0);
    }
}

static void flush_after_each_write(struct session *session, const struct buffer *buffer)
{
    for (unsigned i = 0; i < FLUSH_WRITES; i++) {
        EXPECT(raw_write(session, scratch_start, buffer), 0);
        EXPECT(raw_flush(session), 0);
    }
}

void group_flush(enum path path)
{
    struct session *session = open_path(path, BLK_OPEN_WRITE);
    struct buffer *buffer = buffer_new(FLUSH_WRITES * block_bytes(), 0);
    struct blk_stats before, after;
    if (!session || !buffer_grant(buffer, GRANT_READ | GRANT_WRITE) ||
        !EXPECT(raw_stats(&before), 0))
        return;
    EXPECT(raw_flush(session), 0);
    for (unsigned round = 0; round < FLUSH_ROUNDS; round++) {
        uint64_t generation = generation_next();
        stamp_fill(buffer->data, scratch_start, buffer->len, generation);
        if (path == PATH_CHANNEL)
            flush_among_writes(session, buffer);
        else if (round < 2)
            flush_after_each_write(session, buffer);
        else
            EXPECT(raw_write(session, scratch_start, buffer), 0);
        EXPECT(raw_flush(session), 0);
        buffer_fill(buffer, 0);
        EXPECT(raw_read(session, scratch_start, buffer), 0);
        const char *wrong = stamp_check(buffer->data, scratch_start, buffer->len, generation);
        check(!wrong, __LINE__, "%s", wrong);
    }
    EXPECT(raw_stats(&after), 0);
    if (disk.flags & BLK_INFO_FLUSH)
        CHECK(after.flushes >= before.flushes + FLUSH_ROUNDS);
    EXPECT(raw_close(session), 0);

    /* Who only reads may flush, too: it makes durable what others wrote. */
    session = open_path(path, 0);
    if (session)
        EXPECT(raw_flush(session), 0);
}
