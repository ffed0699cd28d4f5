/*
 * Groups that use libblk's client: that it reads and writes like the raw protocol, that it keeps what
 * isn't flushed, and that the driver may die under it at any time.
 */
#include "blktest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 150u
#define AREA_BLOCKS 512u /* of the area that random operations work on */
#define PIECE_BLOCKS 8u
#define DEPTH 16u
#define DEATHS 4u
#define TIMEOUT_US 1000000u /* after so long libblk complains about the driver */

struct blk_client *client_open(enum path path, const struct blk_client_options *wanted)
{
    struct blk_client_options open_options = *wanted;
    struct blk_client *client;
    open_options.message = path == PATH_MESSAGE;
    open_options.notify_bit = BIT_LIBBLK;
    return EXPECT(blk_open(&client, options.device, &open_options), 0) ? client : NULL;
}

/* ---- random reads and writes against a memory of what must be there ---- */

struct area {
    struct blk_client *client;
    uint64_t sector;
    uint64_t generation[AREA_BLOCKS]; /* 0: not written yet */
    uint8_t *pool;
    struct operation {
        struct blk_io io;
        bool busy;
        unsigned block, blocks;
        uint64_t expected[PIECE_BLOCKS]; /* generations; for a write all the same */
    } operation[DEPTH];
    unsigned busy;
};

static size_t pool_place(unsigned slot)
{
    return (size_t)slot * PIECE_BLOCKS * block_bytes();
}

static void area_submit(struct area *area, unsigned slot, bool write)
{
    struct operation *operation = &area->operation[slot];
    operation->blocks = 1 + (unsigned)random_below(PIECE_BLOCKS);
    operation->block = (unsigned)random_below(AREA_BLOCKS - operation->blocks);
    operation->io = (struct blk_io){
        .op = write ? BLK_OP_WRITE : BLK_OP_READ,
        .flags = write && random_below(6) == 0 ? BLK_FUA : 0,
        .sector = area->sector + (uint64_t)operation->block * block_bytes() / BLK_SECTOR_SIZE,
        .pool_offset = pool_place(slot),
        .len_bytes = (size_t)operation->blocks * block_bytes(),
        .tag = slot,
    };
    uint64_t generation = generation_next();
    if (write)
        stamp_fill(area->pool + operation->io.pool_offset, operation->io.sector,
                   operation->io.len_bytes, generation);
    for (unsigned i = 0; i < operation->blocks; i++) {
        uint64_t *block = &area->generation[operation->block + i];
        if (write)
            *block = generation;
        operation->expected[i] = *block;
    }
    if (EXPECT(blk_submit(area->client, &operation->io), 0)) {
        operation->busy = true;
        area->busy++;
    }
}

static void area_complete(struct area *area, const struct blk_completion *completion)
{
    struct operation *operation = &area->operation[completion->tag % DEPTH];
    if (!check(completion->tag < DEPTH && operation->busy, __LINE__, "an answer too many"))
        return;
    operation->busy = false;
    area->busy--;
    if (!check_status(completion->status, 0, __LINE__, "a request"))
        return;
    for (unsigned i = 0; operation->io.op == BLK_OP_READ && i < operation->blocks; i++) {
        const uint8_t *data = area->pool + operation->io.pool_offset + (size_t)i * block_bytes();
        uint64_t sector = operation->io.sector + (uint64_t)i * block_bytes() / BLK_SECTOR_SIZE;
        const char *wrong = operation->expected[i]
                                ? stamp_check(data, sector, block_bytes(), operation->expected[i])
                                : NULL;
        check(!wrong, __LINE__, "%s", wrong);
    }
}

static void area_reap(struct area *area, unsigned min)
{
    struct blk_completion completions[DEPTH];
    int count = blk_reap(area->client, completions, DEPTH, min);
    for (int i = 0; i < count; i++)
        area_complete(area, &completions[i]);
}

/* Keeps up to DEPTH requests in flight; overlapping ones often. */
static void area_work(struct area *area, unsigned rounds, bool write)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned slot = 0; slot < DEPTH; slot++)
            if (!area->operation[slot].busy && random_below(3) > 0)
                area_submit(area, slot, write && random_below(2) == 0);
        area_reap(area, area->busy ? 1 : 0);
    }
    while (area->busy > 0) {
        unsigned before = area->busy;
        area_reap(area, area->busy);
        if (!check(area->busy < before, __LINE__, "%u requests are never answered", before))
            break;
    }
}

/* All of it once more, synchronously, into memory of the caller's own. */
static void area_verify(struct area *area)
{
    size_t len = AREA_BLOCKS / 8 * block_bytes();
    struct buffer *buffer = buffer_new(len, 16);
    for (unsigned part = 0; part < 8; part++) {
        uint64_t sector = area->sector + part * len / BLK_SECTOR_SIZE;
        EXPECT(blk_read(area->client, sector, buffer->data, len), 0);
        for (unsigned i = 0; i < AREA_BLOCKS / 8; i++) {
            uint64_t generation = area->generation[part * (AREA_BLOCKS / 8) + i];
            const char *wrong = generation ? stamp_check(buffer->data + (size_t)i * block_bytes(),
                                                         sector + (uint64_t)i * block_bytes() /
                                                                      BLK_SECTOR_SIZE,
                                                         block_bytes(), generation)
                                           : NULL;
            check(!wrong, __LINE__, "%s", wrong);
        }
    }
    GUARDED(buffer);
}

static bool area_open(struct area *area, enum path path, bool write, size_t retain_bytes)
{
    const struct blk_client_options wanted = {
        .write = write,
        .timeout_us = TIMEOUT_US,
        .depth = DEPTH,
        .pool_bytes = DEPTH * PIECE_BLOCKS * (size_t)block_bytes(),
        .retain_bytes = retain_bytes,
    };
    size_t pool_len;
    *area = (struct area){.client = client_open(path, &wanted),
                          .sector = write ? scratch_start : 0};
    if (!area->client)
        return false;
    area->pool = blk_client_pool(area->client, &pool_len);
    return CHECK(pool_len >= wanted.pool_bytes);
}

static bool area_fits(bool write)
{
    uint64_t room = write ? scratch_end - scratch_start : disk.capacity_sectors;
    if (room * BLK_SECTOR_SIZE >= (uint64_t)AREA_BLOCKS * block_bytes())
        return true;
    skip("the disk is too small");
    return false;
}

/* ---- libblk: as the protocol, with errors of its own ---- */

static void libblk_refuses(struct blk_client *client)
{
    static uint8_t data[512];
    const uint64_t end = disk.capacity_sectors;
    EXPECT(blk_read(client, 0, data, 0), -ANOLE_EINVAL);
    EXPECT(blk_read(client, 0, data, 511), -ANOLE_EINVAL);
    EXPECT(blk_read(client, end, data, block_bytes()), -ANOLE_ERANGE);
    EXPECT(blk_read(client, UINT64_MAX - block_bytes() / BLK_SECTOR_SIZE + 1, data, block_bytes()),
           -ANOLE_ERANGE);
    EXPECT(blk_submit(client, &(struct blk_io){.op = (enum blk_op)77}), -ANOLE_EINVAL);
    EXPECT(blk_submit(client, &(struct blk_io){.op = BLK_OP_READ, .flags = BLK_FUA}),
           -ANOLE_EINVAL);
    EXPECT(blk_submit(client, &(struct blk_io){.op = BLK_OP_READ,
                                               .pool_offset = SIZE_MAX - 511,
                                               .len_bytes = block_bytes()}),
           -ANOLE_EINVAL);
}

void group_libblk(enum path path)
{
    static struct area area;
    struct blk_client *none;
    bool write = options.write && !(disk.flags & BLK_INFO_READ_ONLY);
    EXPECT(blk_open(&none, "vda99", &(struct blk_client_options){0}), -ANOLE_ENOENT);
    EXPECT(blk_open(&none, "7", &(struct blk_client_options){0}), -ANOLE_ENOENT);
    EXPECT(blk_open(&none, options.device, &(struct blk_client_options){.depth = 1u << 20}),
           -ANOLE_EINVAL);
    if (!area_fits(write) || !area_open(&area, path, write, 0))
        return;
    CHECK(memcmp(blk_client_info(area.client), &disk, sizeof disk) == 0);
    libblk_refuses(area.client);
    if (!write)
        EXPECT(blk_write(area.client, 0, area.pool, block_bytes()), -ANOLE_EROFS);
    area_work(&area, ROUNDS, write);
    if (write)
        EXPECT(blk_flush(area.client), 0);
    area_verify(&area);
    EXPECT(blk_close(area.client), 0);
}

/* ---- retained writes stay within their limit ---- */

void group_retain(enum path path)
{
    static struct area area;
    const size_t limit = 64 * 1024;
    struct blk_client_stats stats;
    (void)path;
    if (!area_fits(true) || !area_open(&area, PATH_CHANNEL, true, limit))
        return;
    area_work(&area, ROUNDS, true);
    blk_client_stats(area.client, &stats);
    if (disk.flags & BLK_INFO_FLUSH) {
        CHECK(stats.retained_bytes_max > 0 && stats.own_flushes > 0);
        check(stats.retained_bytes_max <= limit, __LINE__, "%" PRIu64 " bytes were retained",
              stats.retained_bytes_max);
    } else {
        CHECK(stats.retained_bytes_max == 0 && stats.own_flushes == 0);
    }
    EXPECT(blk_flush(area.client), 0);
    blk_client_stats(area.client, &stats);
    CHECK(stats.retained_bytes_now == 0);
    area_verify(&area);
    EXPECT(blk_close(area.client), 0);
}

/* ---- the driver dies ---- */

/* Requests in flight, then a death; what follows must be none the wiser. False: it may not be
 * ordered; all is closed. */
static bool die_and_go_on(struct area *area, const char *service, int (*kill)(const char *service))
{
    for (unsigned slot = 0; slot < DEPTH; slot++)
        area_submit(area, slot, random_below(4) > 0);
    area_reap(area, 0);
    int status = kill(service);
    if (status == -ANOLE_EPERM) {
        skip("may not order deaths of %s", service);
        area_work(area, 1, true);
        EXPECT(blk_close(area->client), 0);
        return false;
    }
    check_status(status, 0, __LINE__, "ordering the driver's death");
    area_work(area, 20, true);
    return true;
}

static void recovered(struct area *area, unsigned deaths)
{
    struct blk_client_stats stats;
    area_work(area, 1, true);
    EXPECT(blk_flush(area->client), 0);
    area_verify(area);
    blk_client_stats(area->client, &stats);
    check(stats.recoveries >= 1 && stats.epochs > 1, __LINE__,
          "%" PRIu64 " recoveries after %u deaths", stats.recoveries, deaths);
    EXPECT(blk_close(area->client), 0);
}

void group_recovery(enum path path)
{
    static struct area area;
    char service[RS_NAME_LEN];
    if (!area_fits(true) || !EXPECT(service_find(service), 0) || !area_open(&area, path, true, 0))
        return;
    for (unsigned death = 0; death < DEATHS; death++) {
        if (!die_and_go_on(&area, service, service_kill))
            return;
        if (death % 2)
            EXPECT(blk_flush(area.client), 0);
    }
    recovered(&area, DEATHS);
}

/* ---- the driver lives and does nothing ---- */

static int make_sleep(const char *service)
{
    return service_inject(service, FAULT_SLEEP);
}

static int make_spin(const char *service)
{
    return service_inject(service, FAULT_SPIN);
}

static int make_silent(const char *service)
{
    return service_inject(service, FAULT_SILENT);
}

/* RS finds out by itself, or because libblk complains about requests that take too long. */
void group_stuck(enum path path)
{
    static struct area area;
    static int (*const faults[])(const char *service) = {make_sleep, make_spin, make_silent};
    const unsigned count = sizeof faults / sizeof faults[0];
    char service[RS_NAME_LEN];
    if (!area_fits(true) || !EXPECT(service_find(service), 0) || !area_open(&area, path, true, 0))
        return;
    for (unsigned i = 0; i < count; i++)
        if (!die_and_go_on(&area, service, faults[i]))
            return;
    recovered(&area, count);
}
