/*
 * Requests to the disk. Each is for neighbouring slots with consecutive blocks, so that it needs
 * no copy and no vector.
 */
#include "cache_internal.h"

#define ANSWERS 32u /* taken at a time */

bool request_is_free(const struct cache *cache)
{
    return cache->in_flight < CACHE_DEPTH;
}

static void request_finished(struct cache *cache, uint32_t index, int status, uint64_t epoch);

/* Puts a request into its place; one that libblk refuses is finished at once. */
static void submit(struct cache *cache, const struct cache_request *wanted)
{
    static const enum blk_op ops[] = {[REQUEST_READ] = BLK_OP_READ,
                                      [REQUEST_WRITE] = BLK_OP_WRITE,
                                      [REQUEST_FLUSH] = BLK_OP_FLUSH};
    uint32_t block_size = cache->kept.block_size;
    uint32_t index = 0;

    while (cache->requests[index].kind != REQUEST_FREE) {
        index++;
    }
    cache->requests[index] = *wanted;
    cache->in_flight++;
    cache->writes_in_flight += wanted->kind == REQUEST_WRITE ? 1 : 0;
    struct blk_io io = {.op = ops[wanted->kind], .tag = index};
    if (wanted->kind != REQUEST_FLUSH) {
        io.sector = cache->slots[wanted->slot].block * (block_size / BLK_SECTOR_SIZE);
        io.pool_offset = (size_t)wanted->slot * block_size;
        io.len_bytes = (size_t)wanted->count * block_size;
    }
    cache->unpublished = true;
    int error = blk_submit(cache->client, &io);
    if (error) {
        request_finished(cache, index, error, cache->epoch);
    }
}

void read_begin(struct cache *cache, uint32_t slot, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cache->slots[slot + i].reading = true;
    }
    cache->stats.reads++;
    submit(cache, &(struct cache_request){.kind = REQUEST_READ, .slot = slot, .count = count});
}

/* From now on changes are later ones. */
static void write_takes(struct cache *cache, uint32_t slot)
{
    struct cache_block *block = &cache->slots[slot];

    list_remove(cache, &cache->dirty, slot);
    cache->failed -= block->failure ? 1 : 0;
    cache->writing++;
    block->dirty = false;
    block->failure = 0;
    block->writing = true;
    block->submitted = cache->clock;
}

static bool continues(const struct cache *cache, uint32_t slot, uint32_t count)
{
    const struct cache_block *next = &cache->slots[slot + count];

    return count < cache->run_slots && slot + count < cache->kept.slot_count && next->dirty &&
           !next->writing && next->block == cache->slots[slot].block + count;
}

uint32_t write_begin(struct cache *cache, uint32_t slot)
{
    uint32_t count = 1;

    while (continues(cache, slot, count)) {
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        write_takes(cache, slot + i);
    }
    cache->stats.writes++;
    submit(cache, &(struct cache_request){.kind = REQUEST_WRITE, .slot = slot, .count = count});
    return count;
}

void flush_begin(struct cache *cache)
{
    cache->flushing = true;
    cache->stats.flushes++;
    submit(cache, &(struct cache_request){.kind = REQUEST_FLUSH, .covers = cache->clock});
    cache->clock++; /* what is answered from now on isn't covered */
}

/* ---- answers ---- */

static void read_finished(struct cache *cache, uint32_t slot, int status)
{
    struct cache_block *block = &cache->slots[slot];

    block->reading = false;
    block->failure = status;
    if (status != 0) {
        cache->stats.errors++;
        if (block->hashed) {
            slot_unhash(cache, slot);
        }
    }
    coro_queue_wake_all(&block->waiters);
}

static void write_finished(struct cache *cache, uint32_t slot, int status)
{
    struct cache_block *block = &cache->slots[slot];

    block->writing = false;
    cache->writing--;
    if (!block->hashed) {
        slot_spare(cache, slot);
        return; /* nobody wants it any more */
    }
    if (status == 0) {
        slot_written(cache, slot);
        return;
    }
    cache->stats.errors++;
    if (!block->dirty) {
        slot_dirty_again(cache, slot, deadline_in_us(CACHE_RETRY_US));
    }
    cache->failed += block->failure ? 0 : 1;
    block->failure = status;
    block->due_ticks = deadline_in_us(CACHE_RETRY_US);
}

static void flush_finished(struct cache *cache, uint64_t covers, int status)
{
    cache->flushing = false;
    if (status == 0) {
        slots_durable(cache, covers);
        return;
    }
    cache->stats.errors++;
    cache->flush_failures++;
    cache->flush_error = status;
    cache->flush_retry_ticks = deadline_in_us(CACHE_RETRY_US);
    slots_lost(cache, cache->flush_retry_ticks); /* nobody knows what the disk still has of it */
}

static void request_finished(struct cache *cache, uint32_t index, int status, uint64_t epoch)
{
    struct cache_request request = cache->requests[index];

    cache->requests[index].kind = REQUEST_FREE;
    cache->in_flight--;
    cache->writes_in_flight -= request.kind == REQUEST_WRITE ? 1 : 0;
    if (epoch != cache->epoch) { /* what the disk had answered before, it may have forgotten */
        cache->epoch = epoch;
        slots_lost(cache, ticks_now());
    }
    for (uint32_t i = 0; i < request.count; i++) {
        if (request.kind == REQUEST_READ) {
            read_finished(cache, request.slot + i, status);
        } else {
            write_finished(cache, request.slot + i, status);
        }
    }
    if (request.kind == REQUEST_FLUSH) {
        flush_finished(cache, request.covers, status);
    }
    coro_queue_wake_all(&cache->progress);
    slots_wake(cache);
}

void answers_take(struct cache *cache)
{
    struct blk_completion completions[ANSWERS];
    unsigned count;

    while ((count = blk_take(cache->client, completions, ANSWERS)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            request_finished(cache, (uint32_t)completions[i].tag, completions[i].status,
                             completions[i].epoch);
        }
    }
}
