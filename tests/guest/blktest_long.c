/*
 * The longwrite group: fills a stretch of the disk through libblk, reads it again, and claims what it
 * holds now, for the build machine to compare. With --kill-every-ms it orders the driver's death
 * meanwhile, again and again.
 */
#include "blktest.h"

#include <inttypes.h>
#include <libsha256/sha256.h>
#include <stdio.h>
#include <string.h>

#define LONG_PIECE 65536u
#define LONG_DEPTH 8u
#define LONG_KILLS 5u
#define LONG_ENOUGH_US 60000000u

struct long_write {
    struct blk_client *client;
    uint8_t *pool;
    uint64_t sector;
    unsigned pieces, kills;
    size_t piece_bytes;
    uint64_t generation;
    bool writing;
    char service[RS_NAME_LEN];
    uint64_t next_kill;
};

static void kill_if_time(struct long_write *write)
{
    if (options.kill_every_ms == 0 || ticks_now() < write->next_kill)
        return;
    int status = service_kill(write->service);
    /* Not up at the moment is no failure: it is on its way back. */
    if (check(status == 0 || status == -ANOLE_EAGAIN || status == -ANOLE_ENOENT, __LINE__,
              "ordering a death: %s", anole_error_text(status)))
        write->kills += status == 0;
    write->next_kill = deadline_in_us((uint64_t)options.kill_every_ms * 1000);
}

static uint64_t piece_sector(const struct long_write *write, unsigned piece)
{
    return write->sector + (uint64_t)piece * write->piece_bytes / BLK_SECTOR_SIZE;
}

static void long_submit(struct long_write *write, unsigned piece, unsigned slot)
{
    const struct blk_io io = {
        .op = write->writing ? BLK_OP_WRITE : BLK_OP_READ,
        .sector = piece_sector(write, piece),
        .pool_offset = slot * write->piece_bytes,
        .len_bytes = write->piece_bytes,
        .tag = (uint64_t)piece << 8 | slot,
    };
    if (write->writing)
        stamp_fill(write->pool + io.pool_offset, io.sector, io.len_bytes, write->generation);
    EXPECT(blk_submit(write->client, &io), 0);
}

static void long_complete(struct long_write *write, const struct blk_completion *completion)
{
    unsigned slot = completion->tag & 0xff;
    unsigned piece = (unsigned)(completion->tag >> 8);
    const uint8_t *data = write->pool + slot * write->piece_bytes;
    if (!check_status(completion->status, 0, __LINE__, "a piece") || write->writing)
        return;
    const char *wrong = stamp_check(data, piece_sector(write, piece), write->piece_bytes,
                                    write->generation);
    check(!wrong, __LINE__, "%s", wrong);
}

/* All pieces once, LONG_DEPTH at a time. */
static void long_pass(struct long_write *write)
{
    struct blk_completion completion;
    unsigned submitted = 0;
    for (; submitted < write->pieces && submitted < LONG_DEPTH; submitted++)
        long_submit(write, submitted, submitted);
    while (blk_reap(write->client, &completion, 1, 1) == 1) {
        kill_if_time(write);
        long_complete(write, &completion);
        if (submitted < write->pieces)
            long_submit(write, submitted++, completion.tag & 0xff);
    }
    CHECK(submitted == write->pieces);
}

/* What must be on the disk now, for somebody else to compare. */
static void long_claim(const struct long_write *write)
{
    struct sha256 sha;
    char hex[SHA256_TEXT];
    sha256_begin(&sha);
    for (unsigned piece = 0; piece < write->pieces; piece++) {
        stamp_fill(write->pool, piece_sector(write, piece), write->piece_bytes, write->generation);
        sha256_add(&sha, write->pool, write->piece_bytes);
    }
    sha256_end(&sha, hex);
    printf("wrote %" PRIu64 " bytes at %" PRIu64 ": sha256 %s\n",
           (uint64_t)write->pieces * write->piece_bytes,
           (write->sector + disk.start_sector) * BLK_SECTOR_SIZE, hex);
}

static uint64_t recoveries(const struct long_write *write)
{
    struct blk_client_stats stats;
    blk_client_stats(write->client, &stats);
    return stats.recoveries;
}

static bool long_prepare(struct long_write *write)
{
    uint64_t bytes = (uint64_t)options.mib << 20;
    uint64_t room = (scratch_end - scratch_start) * BLK_SECTOR_SIZE;
    write->piece_bytes = disk.max_request_bytes < LONG_PIECE ? block_bytes() : LONG_PIECE;
    write->sector = scratch_start;
    if (bytes > room && options.group)
        return check(false, __LINE__, "%u MiB don't fit into %" PRIu64 " bytes", options.mib, room);
    if (bytes > room)
        bytes = room;
    write->pieces = (unsigned)(bytes / write->piece_bytes);
    if (options.service)
        strcpy(write->service, options.service);
    else if (options.kill_every_ms != 0)
        return EXPECT(service_find(write->service), 0);
    return true;
}

void group_longwrite(enum path path)
{
    struct long_write write = {0};
    struct blk_client_stats stats;
    size_t pool_len;
    (void)path;
    if (!long_prepare(&write))
        return;
    const struct blk_client_options wanted = {
        .write = true, .depth = LONG_DEPTH, .pool_bytes = LONG_DEPTH * write.piece_bytes};
    write.client = client_open(options.no_channel ? PATH_MESSAGE : PATH_CHANNEL, &wanted);
    if (!write.client)
        return;
    write.pool = blk_client_pool(write.client, &pool_len);
    write.next_kill = deadline_in_us((uint64_t)options.kill_every_ms * 1000);
    /* All of it is over soon; with deaths it goes on until there were some. */
    uint64_t enough = deadline_in_us(LONG_ENOUGH_US);
    do {
        write.generation++;
        write.writing = true;
        long_pass(&write);
        EXPECT(blk_flush(write.client), 0);
        write.writing = false;
        long_pass(&write);
    } while (options.kill_every_ms != 0 && write.kills < LONG_KILLS && ticks_now() < enough);
    if (options.kill_every_ms != 0)
        check(write.kills >= LONG_KILLS && write.kills <= recoveries(&write) + 1, __LINE__,
              "%u deaths were ordered, %" PRIu64 " survived", write.kills, recoveries(&write));
    long_claim(&write);
    blk_client_stats(write.client, &stats);
    if (options.kill_every_ms != 0)
        printf("%u kills, %" PRIu64 " recoveries, %" PRIu64 " requests replayed, longest recovery "
               "%" PRIu64 " us\n",
               write.kills, stats.recoveries, stats.replayed,
               ticks_to_us(stats.longest_recovery_ticks));
    EXPECT(blk_close(write.client), 0);
}
