/*
 * Group: a disk of several queues. What one queue's thread has written another's reads; sessions stay
 * where they were opened; writers exclude each other everywhere; counts are of all.
 */
#include "blktest.h"

#include <stdio.h>
#include <string.h>

#define QUEUES_MAX 8u
#define SPAN_BLOCKS 8u
#define ROUNDS 12u
#define CLIENTS 3u
#define CLIENT_ROUNDS 24u
#define CLIENT_DEPTH 8u

static int ask_queue(uint64_t hart, endpoint_t *endpoint)
{
    struct message message = {.word = {BLK_ID(3, 0), hart}};
    int status = raw_call(BLK_QUEUE, &message);
    CHECK(message.word[0] == 3);
    *endpoint = (endpoint_t)message.word[1];
    if (status == 0)
        CHECK(message.word[2] == disk.queues);
    return status;
}

/* The endpoints of all queues; the disk's own name leads to the first. */
static bool find_queues(endpoint_t queues[QUEUES_MAX])
{
    endpoint_t again = ENDPOINT_NONE, process = ENDPOINT_NONE, first;
    unsigned service_id;
    struct message message = {.word = {BLK_ID(3, 1), 0}};
    EXPECT(raw_call(BLK_QUEUE, &message), -ANOLE_EINVAL);
    if (!EXPECT(kcall_endpoint_info(driver, &first, &service_id), 0))
        return false;
    for (unsigned i = 0; i < disk.queues; i++) {
        if (!EXPECT(ask_queue(i, &queues[i]), 0))
            return false;
        EXPECT(kcall_endpoint_info(queues[i], &process, &service_id), 0);
        CHECK(process == first);
        for (unsigned j = 0; j < i; j++)
            CHECK(queues[j] != queues[i]);
        EXPECT(ask_queue(i + disk.queues, &again), 0);
        CHECK(again == queues[i]);
    }
    CHECK(queues[0] == driver);
    return EXPECT(ask_queue(UINT64_MAX, &again), 0);
}

/* Opens at a queue. From then on `driver` is that queue, so that the raw requests go there. */
static bool open_at(enum path path, endpoint_t queue, uint32_t flags, struct session **session)
{
    driver = queue;
    return EXPECT(raw_open(session, options.minor, flags), 0) &&
           (path == PATH_MESSAGE || EXPECT(channel_attach(*session, 16, NULL), 0));
}

static void write_here_read_there(struct session *sessions[], const endpoint_t queues[])
{
    struct buffer *buffer = buffer_new(SPAN_BLOCKS * (size_t)block_bytes(), 0);
    if (!buffer_grant(buffer, GRANT_READ | GRANT_WRITE))
        return;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned writer = round % disk.queues;
        unsigned reader = (unsigned)random_below(disk.queues);
        uint64_t sector = random_sector(buffer->len, true);
        uint64_t generation = generation_next();
        stamp_fill(buffer->data, sector, buffer->len, generation);
        driver = queues[writer];
        EXPECT(raw_write(sessions[writer], sector, buffer), 0);
        buffer_fill(buffer, 0);
        driver = queues[reader];
        EXPECT(raw_read(sessions[reader], sector, buffer), 0);
        const char *wrong = stamp_check(buffer->data, sector, buffer->len, generation);
        check(!wrong, __LINE__, "written at queue %u, read at %u: %s", writer, reader, wrong);
    }
    GUARDED(buffer);
}

/* A session is unknown, or another one, at a queue where it wasn't opened. */
static void sessions_stay(struct session *sessions[], const endpoint_t queues[])
{
    const struct request flush = {.type = BLK_FLUSH};
    struct message message = request_message(sessions[1], &flush);
    uint64_t id = (uint64_t)1 << 40 | message.word[1];
    driver = queues[0];
    message.word[1] = id;
    EXPECT(raw_call(BLK_FLUSH, &message), -ANOLE_EBADHANDLE);
}

static void writers_exclude_everywhere(const endpoint_t queues[])
{
    struct session *writer, *other;
    driver = queues[disk.queues - 1];
    if (!EXPECT(raw_open(&writer, options.minor, BLK_OPEN_WRITE), 0))
        return;
    for (unsigned i = 0; i < disk.queues; i++) {
        driver = queues[i];
        EXPECT(raw_open(&other, options.minor, BLK_OPEN_WRITE), -ANOLE_EBUSY);
        EXPECT(raw_open(&other, options.minor, BLK_OPEN_WRITE | BLK_OPEN_SHARED), -ANOLE_EBUSY);
        if (EXPECT(raw_open(&other, options.minor, 0), 0))
            EXPECT(raw_close(other), 0);
    }
    driver = queues[disk.queues - 1];
    EXPECT(raw_close(writer), 0);
    driver = queues[0];
    if (EXPECT(raw_open(&writer, options.minor, BLK_OPEN_WRITE), 0))
        EXPECT(raw_close(writer), 0);
}

static void raw_part(enum path path, const endpoint_t queues[])
{
    struct session *sessions[QUEUES_MAX] = {NULL};
    struct blk_stats before, after;
    if (!EXPECT(raw_stats(&before), 0))
        return;
    for (unsigned i = 0; i < disk.queues; i++)
        if (!open_at(path, queues[i], BLK_OPEN_WRITE | BLK_OPEN_SHARED, &sessions[i]))
            return;
    write_here_read_there(sessions, queues);
    sessions_stay(sessions, queues);
    EXPECT(raw_stats(&after), 0);
    CHECK(after.writes - before.writes == ROUNDS && after.reads - before.reads == ROUNDS);
    CHECK(after.clients_now - before.clients_now == disk.queues);
    for (unsigned i = 0; i < disk.queues; i++) {
        driver = queues[i];
        EXPECT(raw_close(sessions[i]), 0);
    }
    writers_exclude_everywhere(queues);
}

/* ---- libblk ---- */

static void take_all(struct blk_client *client)
{
    struct blk_completion completions[CLIENT_DEPTH];
    int count;
    while ((count = blk_reap(client, completions, CLIENT_DEPTH, 1)) > 0)
        for (int i = 0; i < count; i++)
            EXPECT(completions[i].status, 0);
    EXPECT(count, 0);
}

/* Reads of several clients, each at another queue, are in flight together. */
static void clients_read(struct blk_client *clients[], unsigned count)
{
    for (unsigned round = 0; round < CLIENT_ROUNDS; round++) {
        for (unsigned i = 0; i < count; i++) {
            for (unsigned slot = 0; slot < CLIENT_DEPTH; slot++)
                EXPECT(blk_submit(clients[i],
                                  &(struct blk_io){.op = BLK_OP_READ,
                                                   .sector = random_sector(block_bytes(), false),
                                                   .pool_offset = (size_t)slot * block_bytes(),
                                                   .len_bytes = block_bytes()}),
                       0);
            EXPECT(blk_reap(clients[i], NULL, 0, 0), 0); /* publishes */
        }
        for (unsigned i = 0; i < count; i++)
            take_all(clients[i]);
    }
}

static void libblk_part(enum path path)
{
    struct blk_client *clients[CLIENTS];
    unsigned count = 0;
    for (; count < CLIENTS; count++) {
        struct blk_client_options wanted = {
            .message = path == PATH_MESSAGE,
            .notify_bit = BIT_LIBBLK + 2 * count,
            .depth = CLIENT_DEPTH,
            .pool_bytes = CLIENT_DEPTH * (size_t)block_bytes(),
            .hart = count, /* the first takes any */
        };
        if (!EXPECT(blk_open(&clients[count], options.device, &wanted), 0))
            break;
    }
    if (count == CLIENTS)
        clients_read(clients, count);
    while (count > 0)
        EXPECT(blk_close(clients[--count]), 0);
}

void group_queues(enum path path)
{
    endpoint_t queues[QUEUES_MAX] = {ENDPOINT_NONE};
    endpoint_t first = driver;
    if (disk.queues <= 1) {
        EXPECT(ask_queue(0, &queues[0]), 0);
        CHECK(queues[0] == driver);
        skip("the disk has one queue");
        return;
    }
    printf("queues: %u\n", (unsigned)disk.queues);
    if (!CHECK(disk.queues <= QUEUES_MAX) || !find_queues(queues))
        return;
    raw_part(path, queues);
    driver = first;
    libblk_part(path);
}
