/*
 * The block cache: opening and closing it, and what the service's loop calls.
 */
#include "cache_internal.h"

#include <stdlib.h>
#include <string.h>

#define READ_WRITE (PROT_READ_BIT | PROT_WRITE_BIT)

/* How long the first driver may keep us waiting, by what it says. A driver that works for a dead
 * instance of ours asks for a reset after 10 s. */
#define ABSENT_US 1000000u
#define BUSY_US 1000000u
#define BUSY_WITH_OURS_US 15000000u
#define COMING_US 30000000u
#define LOOK_US 20000u

uint32_t cache_found(const void *memory, size_t memory_len, const char *disk)
{
    return kept_found(memory, memory_len, disk);
}

/* ---- opening ---- */

/* The kept memory as it is or, if there is no cache in it, as an empty one. */
static int kept_begin(struct cache *cache, bool *recovered)
{
    const struct cache_options *options = &cache->options;
    int error = kept_open(&cache->kept, options->memory, options->memory_len, options->disk);

    *recovered = error == 0;
    cache->stats.redone = !error && cache->kept.redone ? 1 : 0;
    if (!error && cache->kept.block_size != options->block_size) {
        return -ANOLE_EPROTO;
    }
    if (error == -ANOLE_ENOENT) {
        error = kept_create(&cache->kept, options->memory, options->memory_len, options->disk,
                            options->block_size);
    }
    return error;
}

/* Nothing is kept of a cache that can't be dirty. It has memory of its own because a reader shares
 * the disk: a device that works for an earlier instance may still write into the other memory. */
static int private_begin(struct cache *cache)
{
    const struct cache_options *options = &cache->options;
    int error = kcall_map(options->memory_len, READ_WRITE, &cache->private_memory);

    return error ? error
                 : kept_create(&cache->kept, cache->private_memory, options->memory_len,
                               options->disk, options->block_size);
}

/* What only the dead instance's memory has is dirty again. -EPROTO: two slots have one block. */
static int take_over(struct cache *cache)
{
    uint64_t number;

    for (uint32_t slot = 0; slot < cache->kept.slot_count; slot++) {
        if (!kept_dirty(&cache->kept, slot, &number)) {
            continue;
        }
        if (slot_find(cache, number) != NO_SLOT) {
            return -ANOLE_EPROTO;
        }
        slot_hash(cache, slot, number);
        slot_changed(cache, slot);
        cache->stats.recovered++;
    }
    return 0;
}

static int client_begin(struct cache *cache)
{
    const struct blk_client_options options = {
        .write = !cache->options.read_only,
        .depth = CACHE_DEPTH,
        .pool = cache->kept.slots,
        .pool_bytes = (size_t)cache->kept.slot_count * cache->kept.block_size,
        .retain_bytes = BLK_RETAIN_NONE,
        .notify_bit = cache->options.notify_bit,
    };

    return blk_begin(&cache->client, cache->options.disk, &options);
}

/* So long that status is waited out. */
static uint64_t patience_us(int status, bool recovered)
{
    switch (status) {
    case -ANOLE_ENOENT:
        return ABSENT_US;
    case -ANOLE_EBUSY:
        return recovered ? BUSY_WITH_OURS_US : BUSY_US;
    case -ANOLE_EROFS:
    case -ANOLE_EGIVENUP:
    case -ANOLE_ENOMEM:
    case -ANOLE_EPERM:
        return 0;
    default:
        return COMING_US;
    }
}

static int wait_for_driver(struct cache *cache, bool recovered)
{
    uint64_t began = ticks_now();
    int status;

    while ((status = blk_status(cache->client)) != 0) {
        if (ticks_now() - began >= ticks_from_us(patience_us(status, recovered))) {
            return status;
        }
        coro_queue_wait(&cache->steps);
    }
    return 0;
}

static int check_disk(struct cache *cache)
{
    const struct blk_info *info = blk_client_info(cache->client);
    uint32_t block_size = cache->kept.block_size;
    uint32_t most = info->max_request_bytes;

    if (block_size % info->logical_block_bytes != 0 || most < block_size) {
        return -ANOLE_EINVAL;
    }
    cache->block_count = info->capacity_sectors / (block_size / BLK_SECTOR_SIZE);
    cache->block_count = cache->block_count < KEPT_BLOCKS_MAX ? cache->block_count
                                                              : KEPT_BLOCKS_MAX;
    cache->run_slots = (most < CACHE_RUN_BYTES ? most : CACHE_RUN_BYTES) / block_size;
    return 0;
}

static void dispose(struct cache *cache)
{
    if (cache->client) {
        blk_end(cache->client);
    }
    slots_free(cache);
    log_free(cache);
    if (cache->private_memory) {
        (void)kcall_unmap(cache->private_memory, cache->options.memory_len);
    }
    free(cache);
}

static int begin(struct cache *cache)
{
    bool recovered = false;
    int error = cache->options.read_only ? private_begin(cache) : kept_begin(cache, &recovered);

    if (!error) {
        error = slots_init(cache);
    }
    if (!error) {
        error = log_init(cache);
    }
    if (!error) {
        error = client_begin(cache);
    }
    if (!error) {
        error = wait_for_driver(cache, recovered);
    }
    if (!error) {
        error = check_disk(cache);
    }
    return error ? error : take_over(cache);
}

int cache_open(struct cache **opened, const struct cache_options *options)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    int error;

    *opened = NULL;
    if (!cache) {
        return -ANOLE_ENOMEM;
    }
    cache->options = *options;
    *opened = cache;
    error = begin(cache);
    if (error) {
        *opened = NULL;
        dispose(cache);
        return error;
    }
    cache->opened = true;
    return 0;
}

int cache_close(struct cache *cache, bool force)
{
    int error = cache_sync(cache);

    if (error && !force) {
        return error;
    }
    /* What was begun by itself, such as reading ahead, comes to its end first. */
    while (!error && cache->in_flight > 0) {
        coro_queue_wait(&cache->progress);
    }
    kept_close(&cache->kept);
    dispose(cache);
    return error;
}

/* ---- the loop ---- */

void cache_notified(struct cache *cache, uint64_t bits)
{
    if (cache->client) {
        blk_notified(cache->client, bits);
    }
}

/* Who waits for the driver looks at what has changed, and from time to time at the clock. */
static void opening_step(struct cache *cache)
{
    int status = blk_status(cache->client);

    if (status == cache->seen && ticks_now() < cache->look_ticks) {
        return;
    }
    cache->seen = status;
    cache->look_ticks = deadline_in_us(LOOK_US);
    coro_queue_wake_all(&cache->steps);
}

void cache_step(struct cache *cache)
{
    if (!cache->client) {
        return;
    }
    blk_step(cache->client);
    if (!cache->opened) {
        opening_step(cache);
        return;
    }
    answers_take(cache);
    writing_step(cache);
    if (cache->unpublished) {
        cache->unpublished = false;
        blk_step(cache->client);
        answers_take(cache);
    }
}

uint64_t cache_deadline(struct cache *cache)
{
    if (!cache->client) {
        return DEADLINE_NEVER;
    }
    uint64_t disk = blk_deadline(cache->client);
    uint64_t own = cache->opened ? writing_deadline(cache) : cache->look_ticks;

    if (cache->unpublished || cache->pressed || blk_arm(cache->client)) {
        return DEADLINE_POLL;
    }
    return disk < own ? disk : own;
}

void cache_stats(const struct cache *cache, struct cache_stats *stats)
{
    *stats = cache->stats;
    stats->dirty_now = cache->dirty.count;
}
