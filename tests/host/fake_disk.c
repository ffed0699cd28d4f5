/*
 * The disk that tests of the block cache run on, see fake_disk.h.
 */
#include "fake_disk.h"

#include <anole/error.h>
#include <anole/layout.h>
#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_STEP_US 1000u

struct fake_disk fake_disk;

struct blk_client {
    uint8_t *pool;
    size_t pool_bytes;
    bool own_pool;
    bool write;
    struct blk_info info;
};

void fake_disk_new(uint32_t seed)
{
    memset(&fake_disk, 0, sizeof(fake_disk));
    fake_disk.speed = FAKE_DISK_DEPTH;
    fake_disk.block_bytes = BLK_SECTOR_SIZE;
    fake_disk.bad_sector = UINT64_MAX;
    fake_disk.now = 1000000;
    fake_disk.epoch = 1;
    fake_disk.seed = seed;
}

uint32_t fake_disk_chance(uint32_t below)
{
    fake_disk.seed = fake_disk.seed * 1664525u + 1013904223u;
    return (fake_disk.seed >> 8) % below;
}

void fake_disk_reset(void)
{
    memcpy(fake_disk.current, fake_disk.durable, FAKE_DISK_BYTES);
    memcpy(fake_disk.flushed, fake_disk.durable, FAKE_DISK_BYTES);
    fake_disk.epoch++;
}

void fake_disk_orphan(void)
{
    for (unsigned i = 0; i < fake_disk.pending_count; i++) {
        fake_disk.pending[i].orphan = true;
    }
    fake_disk.done_count = 0;
}

/* ---- libanole ---- */

uint64_t ticks_now(void)
{
    return fake_disk.now;
}

uint64_t ticks_from_us(uint64_t microseconds)
{
    return microseconds;
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return fake_disk.now + microseconds;
}

int kcall_map(size_t len, unsigned prot, void **address)
{
    (void)prot;
    *address = aligned_alloc(PAGE_SIZE, len);
    return *address ? 0 : -ANOLE_ENOMEM;
}

int kcall_unmap(void *address, size_t len)
{
    (void)len;
    free(address);
    return 0;
}

/* ---- requests ---- */

static bool overlap(const struct blk_io *a, const struct blk_io *b)
{
    return a->op != BLK_OP_FLUSH && b->op != BLK_OP_FLUSH &&
           (a->op != BLK_OP_READ || b->op != BLK_OP_READ) &&
           a->sector < b->sector + b->len_bytes / BLK_SECTOR_SIZE &&
           b->sector < a->sector + a->len_bytes / BLK_SECTOR_SIZE;
}

static int error_of(const struct blk_io *io)
{
    int error = io->op == BLK_OP_READ    ? fake_disk.read_error
                : io->op == BLK_OP_WRITE ? fake_disk.write_error
                                         : fake_disk.flush_error;
    bool hit = fake_disk.bad_sector == UINT64_MAX || io->op == BLK_OP_FLUSH ||
               fake_disk.bad_sector - io->sector < io->len_bytes / BLK_SECTOR_SIZE;

    return hit ? error : 0;
}

static int perform(const struct fake_disk_request *request)
{
    const struct blk_io *io = &request->io;
    uint8_t *sectors = fake_disk.current + io->sector * BLK_SECTOR_SIZE;
    int error = error_of(io);

    if (error) {
        return error;
    }
    if (io->op == BLK_OP_READ) {
        memcpy(request->pool + io->pool_offset, sectors, io->len_bytes);
        fake_disk.reads++;
    } else if (io->op == BLK_OP_WRITE) {
        memcpy(sectors, request->pool + io->pool_offset, io->len_bytes);
        if (io->flags & BLK_FUA) {
            memcpy(fake_disk.durable + io->sector * BLK_SECTOR_SIZE, sectors, io->len_bytes);
        }
        fake_disk.writes++;
    } else {
        memcpy(fake_disk.durable, fake_disk.flushed, FAKE_DISK_BYTES);
        fake_disk.flushes++;
    }
    return 0;
}

/* Any request that overlaps no earlier one. */
static unsigned choose(void)
{
    unsigned chosen = fake_disk_chance(fake_disk.pending_count);

    for (unsigned i = 0; i < chosen; i++) {
        if (overlap(&fake_disk.pending[i].io, &fake_disk.pending[chosen].io)) {
            chosen = i;
        }
    }
    return chosen;
}

static void answer_one(void)
{
    unsigned chosen = choose();
    struct fake_disk_request request = fake_disk.pending[chosen];
    int status = perform(&request);

    fake_disk.pending_count--;
    memmove(&fake_disk.pending[chosen], &fake_disk.pending[chosen + 1],
            (fake_disk.pending_count - chosen) * sizeof(request));
    if (!request.orphan) {
        fake_disk.done[fake_disk.done_count++] = (struct blk_completion){
            .tag = request.io.tag, .status = status, .epoch = fake_disk.epoch};
    }
}

static bool has_orphans(void)
{
    return fake_disk.pending_count > 0 && fake_disk.pending[0].orphan;
}

/* ---- libblk ---- */

int blk_begin(struct blk_client **client, const char *name,
              const struct blk_client_options *options)
{
    (void)name;
    *client = calloc(1, sizeof(**client));
    **client = (struct blk_client){
        .pool = options->pool ? options->pool : malloc(options->pool_bytes),
        .pool_bytes = options->pool_bytes,
        .own_pool = !options->pool,
        .write = options->write,
        .info = {.capacity_sectors = FAKE_DISK_BYTES / BLK_SECTOR_SIZE,
                 .logical_block_bytes = fake_disk.block_bytes,
                 .max_request_bytes = 256 * 1024},
    };
    return 0;
}

void blk_end(struct blk_client *client)
{
    fake_disk.pending_count = fake_disk.done_count = 0;
    if (client->own_pool) {
        free(client->pool);
    }
    free(client);
}

int blk_status(const struct blk_client *client)
{
    return client->write && has_orphans() ? -ANOLE_EBUSY : fake_disk.status;
}

const struct blk_info *blk_client_info(const struct blk_client *client)
{
    return &client->info;
}

void *blk_client_pool(struct blk_client *client, size_t *len)
{
    *len = client->pool_bytes;
    return client->pool;
}

int blk_submit(struct blk_client *client, const struct blk_io *io)
{
    bool moves = io->op != BLK_OP_FLUSH;

    if (moves && (io->len_bytes == 0 || io->len_bytes % fake_disk.block_bytes != 0 ||
                  io->sector * BLK_SECTOR_SIZE % fake_disk.block_bytes != 0 ||
                  io->len_bytes > client->info.max_request_bytes ||
                  io->pool_offset + io->len_bytes > client->pool_bytes ||
                  io->sector * BLK_SECTOR_SIZE + io->len_bytes > FAKE_DISK_BYTES)) {
        abort();
    }
    if (fake_disk.pending_count + fake_disk.done_count == FAKE_DISK_DEPTH) {
        return -ANOLE_EAGAIN;
    }
    if (io->op == BLK_OP_FLUSH) {
        memcpy(fake_disk.flushed, fake_disk.current, FAKE_DISK_BYTES);
    }
    fake_disk.pending[fake_disk.pending_count++] = (struct fake_disk_request){.io = *io,
                                                                              .pool = client->pool};
    return 0;
}

void blk_step(struct blk_client *client)
{
    (void)client;
    for (unsigned i = 0; i < fake_disk.speed && fake_disk.pending_count > 0; i++) {
        answer_one();
    }
    fake_disk.now += has_orphans() || fake_disk.status ? BUSY_STEP_US : 1;
}

unsigned blk_take(struct blk_client *client, struct blk_completion *completions, unsigned max)
{
    unsigned count = fake_disk.done_count < max ? fake_disk.done_count : max;

    (void)client;
    memcpy(completions, fake_disk.done, count * sizeof(*completions));
    fake_disk.done_count -= count;
    memmove(fake_disk.done, fake_disk.done + count, fake_disk.done_count * sizeof(*completions));
    return count;
}

bool blk_arm(struct blk_client *client)
{
    (void)client;
    return fake_disk.done_count > 0 || (fake_disk.pending_count > 0 && fake_disk.speed > 0);
}

uint64_t blk_deadline(const struct blk_client *client)
{
    (void)client;
    return DEADLINE_NEVER;
}

void blk_notified(struct blk_client *client, uint64_t bits)
{
    (void)client, (void)bits;
}
