/*
 * Groups with many requests in flight: more than the device's ring holds, cancel at every stage,
 * deadlines, pins.
 */
#include "blktest.h"

#include <stdlib.h>
#include <string.h>

#define FLOOD_BYTES ((size_t)512 * 1024)
#define THREADS 6u
#define THREAD_READS 60u
#define THREAD_STACK 16384u
#define CANCELS 64u
#define REVOKES 400u
#define REVOKE_BYTES ((size_t)128 * 1024)
#define REVOKES_PINNED 20u

/* ---- flood by channel ---- */

struct flood {
    struct session *session;
    struct buffer *pool;
    uint64_t sector; /* of the first block */
    uint64_t generation;
    unsigned count;
};

static int flood_queue(const struct flood *flood, uint32_t type, unsigned i)
{
    const struct request request = {.type = type,
                                    .sector = flood->sector +
                                              (uint64_t)i * (block_bytes() / BLK_SECTOR_SIZE),
                                    .grant = flood->pool->grant,
                                    .offset = (uint64_t)i * block_bytes(),
                                    .len = block_bytes()};
    flood->session->last_request_id = i; /* the id is i + 1 */
    const struct message message = request_message(flood->session, &request);
    return channel_queue(flood->session, &message);
}

/* Everything at once; each must be answered once, in any order. */
static void flood_run(const struct flood *flood, uint32_t type)
{
    static bool answered[CHANNEL_ENTRIES_MAX];
    struct message reply;
    memset(answered, 0, sizeof answered);
    for (unsigned i = 0; i < flood->count; i++)
        if (!EXPECT(flood_queue(flood, type, i), 0))
            return;
    EXPECT(channel_kick(flood->session), 0);
    for (unsigned i = 0; i < flood->count; i++) {
        if (!EXPECT(channel_reply(flood->session, &reply), 0))
            return;
        uint64_t id = reply.word[0];
        if (!check(id >= 1 && id <= flood->count && !answered[id - 1], __LINE__,
                   "an answer for request %lu", (unsigned long)id))
            return;
        answered[id - 1] = true;
        EXPECT(message_status(&reply), 0);
        CHECK(reply.word[1] == block_bytes());
    }
}

/* Against what plain reads have found; NULL: against the stamps. */
static void flood_check(const struct flood *flood, const uint8_t *expected)
{
    size_t len = (size_t)flood->count * block_bytes();
    if (!expected) {
        const char *wrong = stamp_check(flood->pool->data, flood->sector, len, flood->generation);
        check(!wrong, __LINE__, "%s", wrong);
    } else {
        CHECK(memcmp(flood->pool->data, expected, len) == 0);
    }
    GUARDED(flood->pool);
}

/* What plain reads say about the flood's range. */
static struct buffer *plain_read(const struct flood *flood)
{
    size_t len = (size_t)flood->count * block_bytes();
    struct buffer *plain = buffer_new(len, 0);
    if (!buffer_grant(plain, GRANT_WRITE))
        return plain;
    for (size_t done = 0; done < len;) {
        size_t piece = len - done < disk.max_request_bytes ? len - done : disk.max_request_bytes;
        const struct request request = {.type = BLK_READ,
                                        .sector = flood->sector + done / BLK_SECTOR_SIZE,
                                        .grant = plain->grant,
                                        .offset = done,
                                        .len = piece};
        if (!EXPECT(raw_request(flood->session, &request), 0))
            break;
        done += piece;
    }
    return plain;
}

static void flood_by_channel(bool write)
{
    uint64_t room = write ? scratch_end - scratch_start : disk.capacity_sectors;
    struct flood flood = {.count = CHANNEL_ENTRIES_MAX};
    if (flood.count > FLOOD_BYTES / block_bytes())
        flood.count = (unsigned)(FLOOD_BYTES / block_bytes());
    if (flood.count > room * BLK_SECTOR_SIZE / block_bytes())
        flood.count = (unsigned)(room * BLK_SECTOR_SIZE / block_bytes());
    flood.sector = random_sector((size_t)flood.count * block_bytes(), write);
    if (!EXPECT(raw_open(&flood.session, options.minor, write ? BLK_OPEN_WRITE : 0), 0))
        return;
    const struct buffer *plain = plain_read(&flood);
    flood.pool = buffer_new((size_t)flood.count * block_bytes(), 0);
    if (!buffer_grant(flood.pool, write ? GRANT_READ | GRANT_WRITE : GRANT_WRITE) ||
        !EXPECT(channel_attach(flood.session, CHANNEL_ENTRIES_MAX, flood.pool), 0))
        return;
    flood_run(&flood, BLK_READ);
    flood_check(&flood, plain->data);
    if (write) {
        flood.generation = generation_next();
        stamp_fill(flood.pool->data, flood.sector, flood.pool->len, flood.generation);
        flood_run(&flood, BLK_WRITE);
        buffer_fill(flood.pool, 0x3c);
        flood_run(&flood, BLK_READ);
        flood_check(&flood, NULL);
    }
}

/* ---- flood by messages: one thread a request in flight ---- */

struct reader {
    uint64_t session;
    handle_t grant;
    uint64_t sector;
    unsigned number;
    _Atomic bool finished;
    int error;
    unsigned canceled;
};

static void reader_main(void *argument)
{
    struct reader *reader = argument;
    for (unsigned i = 0; i < THREAD_READS && reader->error == 0; i++) {
        uint32_t id = (reader->number + 1) << 16 | i;
        struct message message = {.word = {BLK_ID(id, 0), reader->session, reader->sector,
                                           reader->grant, 0, block_bytes()}};
        int status = anole_call(driver, BLK_READ, &message, deadline_in_us(PATIENCE_US));
        if (status == -ANOLE_ECANCELED)
            reader->canceled++;
        else if (status != 0)
            reader->error = status;
        else if (message.word[0] != id || message.word[1] != block_bytes())
            reader->error = -ANOLE_EPROTO;
    }
    atomic_store_explicit(&reader->finished, true, memory_order_release);
    kcall_thread_exit();
}

static struct reader readers[THREADS];

static unsigned readers_start(struct session *session)
{
    unsigned count = 0;
    for (; count < THREADS; count++) {
        struct buffer *buffer = buffer_new(block_bytes(), 0);
        endpoint_t thread;
        if (!buffer_grant(buffer, GRANT_WRITE))
            break;
        readers[count] = (struct reader){.session = session->id,
                                         .grant = buffer->grant,
                                         .sector = random_sector(block_bytes(), false),
                                         .number = count};
        int status = thread_start(reader_main, &readers[count], THREAD_STACK, 0, &thread);
        if (!check_status(status, 0, __LINE__, "starting a thread"))
            break;
    }
    return count;
}

/* Meanwhile something else may be done each time round. */
static void readers_wait(unsigned count, void (*meanwhile)(struct session *session),
                         struct session *session)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    for (unsigned i = 0; i < count; i++) {
        while (!atomic_load_explicit(&readers[i].finished, memory_order_acquire)) {
            if (!check(ticks_now() < deadline, __LINE__, "thread %u doesn't come back", i))
                return;
            if (meanwhile)
                meanwhile(session);
            sleep_us(200);
        }
        check_status(readers[i].error, 0, __LINE__, "a thread's reads");
    }
}

static void flood_by_messages(void)
{
    struct session *session = open_path(PATH_MESSAGE, 0);
    if (!session)
        return;
    readers_wait(readers_start(session), NULL, session);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(readers[i].canceled == 0);
}

void group_flood(enum path path)
{
    if (disk.capacity_sectors * BLK_SECTOR_SIZE < 8 * block_bytes()) {
        skip("the disk is too small");
        return;
    }
    if (path == PATH_MESSAGE) {
        flood_by_messages();
        return;
    }
    flood_by_channel(false);
    sessions_close();
    buffers_free();
    if (options.write && !(disk.flags & BLK_INFO_READ_ONLY) && scratch_end - scratch_start >= 1024)
        flood_by_channel(true);
}

/* ---- cancel ---- */

static int cancel(struct session *session, uint64_t victim)
{
    return raw_request(session, &(struct request){.type = BLK_CANCEL, .sector = victim});
}

/* Of what isn't in flight: never was, or is done already. */
static void cancel_nothing(struct session *session)
{
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (!buffer_grant(buffer, GRANT_WRITE))
        return;
    EXPECT(cancel(session, 12345), -ANOLE_ENOENT);
    EXPECT(cancel(session, (uint64_t)1 << 32 | 1), -ANOLE_ENOENT);
    EXPECT(cancel(session, UINT64_MAX), -ANOLE_ENOENT);
    EXPECT(raw_read(session, 0, buffer), 0);
    EXPECT(cancel(session, session->last_request_id), -ANOLE_ENOENT);
    uint64_t id = session->id;
    session->id = ~id;
    EXPECT(cancel(session, 1), -ANOLE_EBADHANDLE);
    session->id = id;
}

static void cancel_a_reader(struct session *session)
{
    uint32_t thread = (uint32_t)random_below(THREADS) + 1;
    EXPECT_ONE_OF(cancel(session, thread << 16 | random_below(THREAD_READS)), 0, -ANOLE_ENOENT);
}

static void cancel_by_messages(struct session *session)
{
    session->last_request_id = 0x7f0000;
    readers_wait(readers_start(session), cancel_a_reader, session);
}

/* Reads and cancels of them in one batch: some are still pending, some are in the device, some are
 * finished. Each read and each cancel is answered once. */
static void cancel_batch(struct session *session, const struct buffer *buffer)
{
    unsigned reads = 0, cancels = 0, canceled = 0;
    for (uint32_t i = 1; i <= CANCELS; i++) {
        const struct request read = {.type = BLK_READ, .grant = buffer->grant, .len = buffer->len};
        struct message message = request_message(session, &read);
        message.word[0] = BLK_ID(i, 0);
        EXPECT(channel_queue(session, &message), 0);
        if (i % 2 == 0) {
            message = (struct message){
                .type = BLK_CANCEL,
                .word = {BLK_ID(1000 + i, 0), session->id, 1 + random_below(i)}};
            EXPECT(channel_queue(session, &message), 0);
        }
    }
    EXPECT(channel_kick(session), 0);
    while (reads < CANCELS || cancels < CANCELS / 2) {
        struct message reply;
        if (!EXPECT(channel_reply(session, &reply), 0))
            return;
        if (reply.word[0] > 1000) {
            cancels++;
            EXPECT_ONE_OF(message_status(&reply), 0, -ANOLE_ENOENT);
        } else {
            reads++;
            canceled += message_status(&reply) == -ANOLE_ECANCELED;
            EXPECT_ONE_OF(message_status(&reply), 0, -ANOLE_ECANCELED);
        }
    }
    CHECK(canceled <= CANCELS / 2);
}

static void cancel_by_channel(struct session *session)
{
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (!buffer_grant(buffer, GRANT_WRITE) || !EXPECT(channel_detach(session), 0) ||
        !EXPECT(channel_attach(session, 128, NULL), 0))
        return;
    for (unsigned round = 0; round < 5; round++)
        cancel_batch(session, buffer);
    CHECK(buffer_revoke(buffer)); /* nothing is pinned any more */
    GUARDED(buffer);
}

void group_cancel(enum path path)
{
    struct session *session = open_path(path, 0);
    if (disk.capacity_sectors == 0)
        skip("the disk is empty");
    else if (session) {
        cancel_nothing(session);
        if (path == PATH_CHANNEL)
            cancel_by_channel(session);
        else
            cancel_by_messages(session);
    }
}

/* ---- deadlines ---- */

void group_deadlines(enum path path)
{
    struct session *session = open_path(path, 0);
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (disk.capacity_sectors == 0) {
        skip("the disk is empty");
        return;
    }
    if (!session || !buffer_grant(buffer, GRANT_WRITE))
        return;
    struct request request = {.type = BLK_READ, .grant = buffer->grant, .len = buffer->len};
    buffer_fill(buffer, 0x21);
    const uint64_t passed[] = {1, ticks_now() - 1};
    for (unsigned i = 0; i < 2; i++) {
        request.deadline_ticks = passed[i];
        EXPECT(raw_request(session, &request), -ANOLE_ETIMEDOUT);
    }
    CHECK(buffer_is(buffer, 0x21));
    const uint64_t ample[] = {deadline_in_us(PATIENCE_US), UINT64_MAX};
    for (unsigned i = 0; i < 2; i++) {
        request.deadline_ticks = ample[i];
        EXPECT(raw_request(session, &request), 0);
    }
}

/* ---- grants that are taken back while they are used ---- */

/* A read is under way; its grant is asked back at once. Either it comes back, and then the driver is
 * refused or already done, or it is pinned, and then the bit rings when it no longer is. */
static void revoke_in_flight(struct session *session, uint64_t after_us, unsigned *pinned)
{
    size_t len = disk.max_request_bytes < REVOKE_BYTES ? disk.max_request_bytes : REVOKE_BYTES;
    if (len > disk.capacity_sectors * BLK_SECTOR_SIZE)
        len = disk.capacity_sectors * BLK_SECTOR_SIZE;
    struct buffer *buffer = buffer_new(len, 0);
    struct message reply;
    if (!buffer_grant(buffer, GRANT_WRITE))
        return;
    const struct request request = {.type = BLK_READ, .grant = buffer->grant, .len = buffer->len};
    const struct message message = request_message(session, &request);
    EXPECT(channel_queue(session, &message), 0);
    EXPECT(channel_kick(session), 0);
    for (uint64_t until = deadline_in_us(after_us); ticks_now() < until;)
        continue;
    int status = kcall_revoke(buffer->grant, BIT_UNPINNED);
    EXPECT_ONE_OF(status, 0, -ANOLE_EBUSY);
    *pinned += status == -ANOLE_EBUSY;
    if (status == 0)
        buffer->grant = HANDLE_NONE;
    EXPECT(channel_reply(session, &reply), 0);
    EXPECT_ONE_OF(message_status(&reply), 0, -ANOLE_EBADHANDLE, -ANOLE_EPERM);
    if (status == -ANOLE_EBUSY)
        EXPECT(message_status(&reply), 0);
    CHECK(buffer_revoke(buffer));
    GUARDED(buffer);
    buffers_free();
}

static void revoke_the_pool(struct session *session)
{
    struct buffer *pool = buffer_new(16 * PAGE_SIZE, 0);
    if (!EXPECT(channel_detach(session), 0) || !buffer_grant(pool, GRANT_WRITE) ||
        !EXPECT(channel_attach(session, 16, pool), 0))
        return;
    EXPECT(kcall_revoke(pool->grant, -1), -ANOLE_EBUSY);
    EXPECT(channel_detach(session), 0);
    CHECK(buffer_revoke(pool));
}

void group_revoke(enum path path)
{
    struct session *session = open_path(path, 0);
    unsigned pinned = 0;
    if (disk.capacity_sectors == 0) {
        skip("the disk is empty");
        return;
    }
    if (!session)
        return;
    /* How soon the driver gets at it differs from machine to machine. */
    for (unsigned i = 0; i < REVOKES && pinned < REVOKES_PINNED; i++)
        revoke_in_flight(session, i * 7 % 200, &pinned);
    check(pinned > 0, __LINE__, "%u reads under way, and never was their memory pinned", REVOKES);
    revoke_the_pool(session);
}
