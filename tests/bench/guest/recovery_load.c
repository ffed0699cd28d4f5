/*
 * The load, see recovery_load.h. A piece is in at most one request at a time, so its generation says
 * exactly what a read must find: each word of a piece follows from its position, the piece's number
 * and generation, and the seed.
 */
#include "recovery_load.h"

#include <libanole/anole.h>
#include <libblk/client.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 16384u
#define PIECE_SECTORS (PIECE_BYTES / BLK_SECTOR_SIZE)
#define PIECES_MAX 512u
#define DEPTH 8u
#define FLUSH_EVERY 64u /* writes */
#define STACK_BYTES 32768u
#define BIT_BLK 4 /* first of libblk's two own bits */
#define JOIN_PAUSE_US 1000u
#define TAG_FLUSH UINT64_MAX

static struct {
    struct blk_client *client;
    uint64_t *pool;
    uint64_t first_sector;
    uint32_t pieces;
    uint64_t seed, random;
    uint32_t generation[PIECES_MAX]; /* 0: never written, holds anything */
    bool busy[PIECES_MAX];
    uint32_t free_slots[DEPTH], free_count;
    bool flushing;
    atomic_bool answered, stop, done;
    struct recovery_load_result result;
} load;

/* ---- what pieces hold ---- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ul;
    x ^= x >> 29;
    return x;
}

static uint64_t first_word(uint32_t piece)
{
    return mix(load.seed ^ mix((uint64_t)piece << 32 | load.generation[piece]));
}

static void piece_fill(uint64_t *words, uint32_t piece)
{
    uint64_t word = first_word(piece);

    for (unsigned i = 0; i < PIECE_BYTES / sizeof(word); i++)
        words[i] = word += 0xd1342543de82ef95ul;
}

static bool piece_is_right(const uint64_t *words, uint32_t piece)
{
    uint64_t word = first_word(piece);

    for (unsigned i = 0; i < PIECE_BYTES / sizeof(word); i++) {
        if (words[i] != (word += 0xd1342543de82ef95ul))
            return false;
    }
    return true;
}

/* ---- requests ---- */

static void fail(int status, const char *stage)
{
    if (load.result.status == 0) {
        load.result.status = status;
        load.result.stage = stage;
    }
}

static uint64_t random_next(void)
{
    load.random ^= load.random << 13;
    load.random ^= load.random >> 7;
    load.random ^= load.random << 17;
    return load.random;
}

static uint64_t *slot_words(uint32_t slot)
{
    return load.pool + (size_t)slot * PIECE_BYTES / sizeof(uint64_t);
}

static void submit(enum blk_op op, uint32_t piece)
{
    uint32_t slot = load.free_slots[--load.free_count];
    struct blk_io io = {
        .op = op,
        .sector = load.first_sector + (uint64_t)piece * PIECE_SECTORS,
        .pool_offset = (size_t)slot * PIECE_BYTES,
        .len_bytes = PIECE_BYTES,
        .tag = (uint64_t)op << 56 | (uint64_t)piece << 8 | slot,
    };

    load.busy[piece] = true;
    if (op == BLK_OP_WRITE) {
        load.generation[piece]++;
        piece_fill(slot_words(slot), piece);
    }
    int status = blk_submit(load.client, &io);
    if (status != 0)
        fail(status, "submit");
}

static void submit_flush(void)
{
    struct blk_io io = {.op = BLK_OP_FLUSH, .tag = TAG_FLUSH};
    int status = blk_submit(load.client, &io);

    load.flushing = status == 0;
    if (status != 0)
        fail(status, "submit a flush");
}

static void complete(const struct blk_completion *completion)
{
    uint32_t slot = completion->tag & 0xff, piece = completion->tag >> 8 & 0xffff;

    if (completion->status != 0)
        fail(completion->status, "a request");
    if (completion->tag == TAG_FLUSH) {
        load.flushing = false;
        load.result.flushes++;
        return;
    }
    if (completion->tag >> 56 == BLK_OP_READ) {
        load.result.reads++;
        load.result.wrong += !piece_is_right(slot_words(slot), piece);
    } else {
        load.result.writes++;
    }
    load.busy[piece] = false;
    load.free_slots[load.free_count++] = slot;
}

/* Takes what is answered, waiting for at least one answer. */
static void reap(void)
{
    struct blk_completion completions[DEPTH + 1];
    int count = blk_reap(load.client, completions, DEPTH + 1, 1);

    if (count < 0)
        fail(count, "reap");
    for (int i = 0; i < count; i++)
        complete(&completions[i]);
    load.answered = true;
}

static void drain(void)
{
    while (load.result.status == 0 && (load.free_count < DEPTH || load.flushing))
        reap();
}

/* As many requests as there is room for: half of them write, what was written is read. */
static void fill_up(void)
{
    while (load.result.status == 0 && load.free_count > 0) {
        uint32_t piece = (uint32_t)(random_next() % load.pieces);

        if (load.busy[piece])
            continue;
        if (load.generation[piece] != 0 && random_next() % 2 == 0) {
            submit(BLK_OP_READ, piece);
            continue;
        }
        submit(BLK_OP_WRITE, piece);
        if (load.result.writes % FLUSH_EVERY == FLUSH_EVERY - 1 && !load.flushing)
            submit_flush();
    }
}

static void read_all(void)
{
    for (uint32_t piece = 0; load.result.status == 0 && piece < load.pieces; piece++) {
        if (load.generation[piece] == 0)
            continue;
        while (load.result.status == 0 && load.free_count == 0)
            reap();
        if (load.result.status == 0)
            submit(BLK_OP_READ, piece);
    }
    drain();
}

static void finish(void)
{
    struct blk_client_stats stats;
    int status;

    drain();
    if (load.result.status == 0) {
        status = blk_flush(load.client);
        if (status != 0)
            fail(status, "the last flush");
    }
    read_all();
    blk_client_stats(load.client, &stats);
    load.result.recoveries = stats.recoveries;
    load.result.replayed = stats.replayed;
    load.result.longest_recovery_us = ticks_to_us(stats.longest_recovery_ticks);
    status = blk_close(load.client);
    if (status != 0)
        fail(status, "close");
}

/* ---- the thread ---- */

static int open_disk(const char *disk)
{
    struct blk_client_options options = {
        .write = true,
        .depth = DEPTH + 1,
        .pool_bytes = (size_t)DEPTH * PIECE_BYTES,
        .notify_bit = BIT_BLK,
    };
    const struct blk_info *info;
    size_t pool_len;
    int status = blk_open(&load.client, disk, &options);

    if (status != 0)
        return status;
    info = blk_client_info(load.client);
    load.pool = blk_client_pool(load.client, &pool_len);
    load.first_sector = info->capacity_sectors / 2 / PIECE_SECTORS * PIECE_SECTORS;
    uint64_t pieces = (info->capacity_sectors - load.first_sector) / PIECE_SECTORS;
    load.pieces = pieces < PIECES_MAX ? (uint32_t)pieces : PIECES_MAX;
    if (load.pieces <= DEPTH || info->max_request_bytes < PIECE_BYTES) {
        (void)blk_close(load.client);
        return -ANOLE_ENOSPC;
    }
    return 0;
}

/* A client belongs to one thread, so this one opens the disk, too. */
static void run(void *disk)
{
    int status = open_disk(disk);

    if (status != 0) {
        fail(status, "open");
    } else {
        while (!load.stop && load.result.status == 0) {
            fill_up();
            reap();
        }
        finish();
    }
    load.done = true; /* sequentially consistent: what was written before is seen after it */
}

int recovery_load_start(const char *disk, uint64_t seed)
{
    endpoint_t thread;

    memset(&load, 0, sizeof(load));
    load.seed = seed;
    load.random = mix(seed) | 1;
    load.free_count = DEPTH;
    for (uint32_t i = 0; i < DEPTH; i++)
        load.free_slots[i] = i;
    int status = thread_start(run, (void *)(uintptr_t)disk, STACK_BYTES, 0, &thread);
    while (status == 0 && !load.answered && !load.done)
        sleep_us(JOIN_PAUSE_US);
    return status;
}

void recovery_load_stop(struct recovery_load_result *result)
{
    load.stop = true;
    while (!load.done)
        sleep_us(JOIN_PAUSE_US);
    *result = load.result;
}
