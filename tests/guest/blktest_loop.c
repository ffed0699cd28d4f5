/*
 * Group "loop": libblk as a service uses it, in a loop of its own and with memory of its own. No step
 * waits for a driver, whatever becomes of it; what was written is written again by the epochs of
 * completions.
 */
#include "blktest.h"

#include <inttypes.h>
#include <string.h>

#define PIECES 32u
#define PIECE_BYTES 16384u
#define POOL_BYTES (PIECES * (size_t)PIECE_BYTES)
#define ROUNDS 6u
#define TURN_US 600000u /* that a turn of the loop may take, besides its wait: several calls */
#define ROUND_US 20000000u

#define TAG_FLUSH PIECES

enum piece_state { PIECE_TO_WRITE, PIECE_GOING, PIECE_WRITTEN };

struct loop {
    struct blk_client *client;
    uint8_t *pool;
    uint64_t sector; /* of the first piece; the others follow */
    struct {
        enum piece_state state;
        uint64_t generation;
        uint64_t epoch; /* WRITTEN: which it was answered in */
    } piece[PIECES];
    bool flushing, reading;
    unsigned going;
    uint64_t longest_ticks; /* of a turn */
};

static uint64_t piece_sector(const struct loop *loop, unsigned index)
{
    return loop->sector + index * (PIECE_BYTES / BLK_SECTOR_SIZE);
}

static uint8_t *piece_data(const struct loop *loop, unsigned index)
{
    return loop->pool + index * (size_t)PIECE_BYTES;
}

/* A flush says something about what was answered in its own epoch. All others are to be written. */
static void flushed(struct loop *loop, uint64_t epoch)
{
    loop->flushing = false;
    for (unsigned i = 0; i < PIECES; i++) {
        if (loop->piece[i].state == PIECE_WRITTEN && loop->piece[i].epoch != epoch)
            loop->piece[i].state = PIECE_TO_WRITE;
    }
}

/* Takes what is answered: whether there was anything. */
static bool take(struct loop *loop)
{
    struct blk_completion completions[8];
    unsigned count, before = loop->going;
    while ((count = blk_take(loop->client, completions, 8)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            check_status(completions[i].status, 0, __LINE__, "a request");
            loop->going--;
            if (completions[i].tag == TAG_FLUSH) {
                flushed(loop, completions[i].epoch);
            } else if (!loop->reading) {
                loop->piece[completions[i].tag].state = PIECE_WRITTEN;
                loop->piece[completions[i].tag].epoch = completions[i].epoch;
            }
        }
    }
    return loop->going != before;
}

/* One turn of the loop, with a wait if there is nothing to go on with. */
static void turn(struct loop *loop)
{
    const uint64_t bits = NOTIFY_BIT(BIT_LIBBLK) | NOTIFY_BIT(BIT_LIBBLK + 1);
    uint64_t began = ticks_now();
    struct ipc_delivery delivery;
    int status = blk_status(loop->client);
    blk_step(loop->client);
    bool more = (loop->pool && take(loop)) || blk_status(loop->client) != status;
    if (random_below(2) == 0)
        blk_step(loop->client); /* as for what was submitted just now: it may take answers, too */
    more = more || blk_arm(loop->client);
    uint64_t took = ticks_now() - began;
    if (took > loop->longest_ticks)
        loop->longest_ticks = took;
    if (more)
        return;
    uint64_t deadline = blk_deadline(loop->client), limit = deadline_in_us(ROUND_US);
    if (ipc_receive(&delivery, bits, deadline < limit ? deadline : limit, RECEIVE_NO_REQUESTS) == 0)
        blk_notified(loop->client, delivery.message.word[0]);
}

static void submit(struct loop *loop, enum blk_op op, unsigned index)
{
    struct blk_io io = {.op = op, .tag = index};
    if (op != BLK_OP_FLUSH) {
        io.sector = piece_sector(loop, index);
        io.pool_offset = index * (size_t)PIECE_BYTES;
        io.len_bytes = PIECE_BYTES;
    }
    if (EXPECT(blk_submit(loop->client, &io), 0))
        loop->going++;
}

/* What is to be written is; when all is, it is flushed. False: all is durable. */
static bool go_on_writing(struct loop *loop)
{
    unsigned written = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        if (loop->piece[i].state == PIECE_TO_WRITE) {
            loop->piece[i].state = PIECE_GOING;
            submit(loop, BLK_OP_WRITE, i);
        }
        written += loop->piece[i].state == PIECE_WRITTEN ? 1 : 0;
    }
    return written < PIECES;
}

/* New bytes in all pieces, durable in spite of what happens to the driver: at some turn, or before the
 * next round if there were fewer. */
static void write_round(struct loop *loop, const char *service, int (*harm)(const char *service))
{
    uint64_t deadline = deadline_in_us(ROUND_US);
    unsigned harm_at = (unsigned)random_below(6), turns = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        loop->piece[i].state = PIECE_TO_WRITE;
        loop->piece[i].generation = generation_next();
        stamp_fill(piece_data(loop, i), piece_sector(loop, i), PIECE_BYTES,
                   loop->piece[i].generation);
    }
    for (bool done = false; !done && CHECK(ticks_now() < deadline);) {
        if (!go_on_writing(loop) && !loop->flushing) {
            loop->flushing = true;
            submit(loop, BLK_OP_FLUSH, TAG_FLUSH);
        }
        turn(loop);
        if (turns++ == harm_at)
            check_status(harm(service), 0, __LINE__, "ordering the driver's harm");
        done = !loop->flushing && !go_on_writing(loop);
    }
    if (turns <= harm_at)
        check_status(harm(service), 0, __LINE__, "ordering the driver's harm");
}

static void read_back(struct loop *loop)
{
    uint64_t deadline = deadline_in_us(ROUND_US);
    memset(loop->pool, 0, POOL_BYTES);
    loop->reading = true;
    for (unsigned i = 0; i < PIECES; i++)
        submit(loop, BLK_OP_READ, i);
    while (loop->going > 0 && CHECK(ticks_now() < deadline))
        turn(loop);
    for (unsigned i = 0; i < PIECES; i++) {
        const char *wrong = stamp_check(piece_data(loop, i), piece_sector(loop, i), PIECE_BYTES,
                                        loop->piece[i].generation);
        check(!wrong, __LINE__, "%s", wrong);
    }
    loop->reading = false;
}

/* Until the client has that status. */
static bool becomes(struct loop *loop, int status)
{
    uint64_t deadline = deadline_in_us(ROUND_US);
    while (blk_status(loop->client) != status && ticks_now() < deadline)
        turn(loop);
    return check_status(blk_status(loop->client), status, __LINE__, "blk_status");
}

/* ---- what can't be opened ---- */

static void refuses(const struct blk_client_options *wanted)
{
    struct blk_client_options odd = *wanted;
    struct loop loop = {0};
    struct blk_client *other;
    EXPECT(blk_begin(&loop.client, "vda99", wanted), -ANOLE_ENOENT);
    odd.retain_bytes = 0;
    EXPECT(blk_begin(&loop.client, options.device, &odd), -ANOLE_EINVAL);
    odd = *wanted;
    odd.pool = (uint8_t *)wanted->pool + 512;
    EXPECT(blk_begin(&loop.client, options.device, &odd), -ANOLE_EINVAL);
    if (EXPECT(blk_begin(&loop.client, "nodisk", wanted), 0)) {
        (void)becomes(&loop, -ANOLE_ENOENT);
        EXPECT(blk_submit(loop.client, &(struct blk_io){.op = BLK_OP_READ, .len_bytes = 4096}),
               -ANOLE_EAGAIN);
        blk_end(loop.client);
    }
    /* Somebody else writes: it comes up when he has gone. */
    if (!EXPECT(blk_open(&other, options.device,
                         &(struct blk_client_options){.write = true, .notify_bit = 8}),
                0))
        return;
    if (EXPECT(blk_begin(&loop.client, options.device, wanted), 0)) {
        (void)becomes(&loop, -ANOLE_EBUSY);
        EXPECT(blk_close(other), 0);
        (void)becomes(&loop, 0);
        blk_end(loop.client);
    }
}

/* ---- what harms the driver ---- */

static int harm_none(const char *service)
{
    (void)service;
    return 0;
}

/* A driver that isn't up yet can't be harmed: it will be. */
static int inject_when_up(const char *service, enum fault_kind fault)
{
    int status;
    while ((status = service_inject(service, fault)) == -ANOLE_EAGAIN)
        sleep_us(1000);
    return status;
}

static int harm_kill(const char *service)
{
    int status;
    while ((status = service_kill(service)) == -ANOLE_EDEADENDPOINT)
        sleep_us(1000);
    return status;
}

static int harm_sleep(const char *service)
{
    return inject_when_up(service, FAULT_SLEEP);
}

static int harm_silent(const char *service)
{
    return inject_when_up(service, FAULT_SILENT);
}

void group_loop(enum path path)
{
    static int (*const harms[])(const char *service) = {harm_none, harm_kill,   harm_sleep,
                                                        harm_kill, harm_silent, harm_kill};
    static struct loop loop;
    struct blk_client_options wanted = {.write = true,
                                        .pool_bytes = POOL_BYTES,
                                        .retain_bytes = BLK_RETAIN_NONE,
                                        .timeout_us = 1000000,
                                        .notify_bit = BIT_LIBBLK};
    struct blk_client_stats stats;
    char service[RS_NAME_LEN];
    (void)path;
    if ((scratch_end - scratch_start) * BLK_SECTOR_SIZE < POOL_BYTES) {
        skip("the disk is too small");
        return;
    }
    if (!EXPECT(service_find(service), 0) ||
        !EXPECT(kcall_map(POOL_BYTES, PROT_READ_BIT | PROT_WRITE_BIT, &wanted.pool), 0))
        return;
    refuses(&wanted);
    loop = (struct loop){.pool = wanted.pool, .sector = scratch_start};
    if (EXPECT(blk_begin(&loop.client, options.device, &wanted), 0) && becomes(&loop, 0)) {
        for (unsigned round = 0; round < ROUNDS; round++)
            write_round(&loop, service, harms[round % (sizeof harms / sizeof harms[0])]);
        read_back(&loop);
        blk_client_stats(loop.client, &stats);
        CHECK(stats.recoveries >= ROUNDS / 2);
        check(loop.longest_ticks < ticks_from_us(TURN_US), __LINE__, "a turn took %" PRIu64 " us",
              ticks_to_us(loop.longest_ticks));
        blk_end(loop.client);
    }
    (void)kcall_unmap(wanted.pool, POOL_BYTES);
}
