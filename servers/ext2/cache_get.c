/*
 * Blocks for readers and writers, and reading ahead of them.
 */
#include "cache_internal.h"

#include <string.h>

void block_put(struct cache *cache, uint32_t slot)
{
    if (--cache->slots[slot].refs == 0) {
        slot_spare(cache, slot);
        slots_wake(cache);
    }
}

/* Somebody reads it: 0 when its bytes are there, else the read's error. */
static int wait_read(struct cache *cache, uint32_t slot)
{
    struct cache_block *block = &cache->slots[slot];
    int error;

    block->refs++; /* the slot stays this block's, also when the read fails */
    while (block->reading) {
        coro_queue_wait(&block->waiters);
    }
    error = block->hashed || block->failure == 0 ? 0 : block->failure;
    block_put(cache, slot);
    return error;
}

/* Puts the block into a slot of its own; read, unless the caller says what is in it. -EAGAIN: look
 * again, it may be there by now. */
static int install(struct cache *cache, uint64_t number, unsigned flags, bool metadata)
{
    bool read = (flags & (CACHE_ZERO | CACHE_OVERWRITE)) == 0;
    uint32_t slot;

    if (read && !request_is_free(cache)) {
        coro_queue_wait(&cache->progress);
        return -ANOLE_EAGAIN;
    }
    if (slots_take(cache, 1, metadata, &slot) == 0) {
        int error = slots_wait(cache);
        return error ? error : -ANOLE_EAGAIN;
    }
    slot_hash(cache, slot, number);
    if (read) {
        read_begin(cache, slot, 1);
        return wait_read(cache, slot);
    }
    cache->slots[slot].blank = true;
    return 0;
}

int block_get(struct cache *cache, uint64_t number, unsigned flags, bool metadata, uint32_t *got)
{
    bool hit = true;

    if (number >= cache->block_count) {
        return -ANOLE_EIO; /* an image that says so is wrong */
    }
    for (;;) {
        uint32_t slot = slot_find(cache, number);
        int error;

        if (slot != NO_SLOT && !cache->slots[slot].reading) {
            cache->slots[slot].refs++;
            cache->slots[slot].used = true;
            cache->stats.hits += hit ? 1 : 0;
            *got = slot;
            return 0;
        }
        cache->stats.misses += hit ? 1 : 0;
        hit = false;
        error = slot != NO_SLOT ? wait_read(cache, slot) : install(cache, number, flags, metadata);
        if (error && error != -ANOLE_EAGAIN) {
            return error;
        }
    }
}

int cache_get(struct cache *cache, uint64_t number, unsigned flags, struct cache_block **got,
              uint8_t **data)
{
    uint32_t slot;
    int error = flags != 0 ? slots_wait_share(cache) : 0;

    error = error ? error : block_get(cache, number, flags, false, &slot);
    if (error) {
        return error;
    }
    *got = &cache->slots[slot];
    *data = slot_data(cache, slot);
    if (flags & CACHE_ZERO) {
        memset(*data, 0, cache->kept.block_size);
    }
    return 0;
}

void cache_put(struct cache *cache, struct cache_block *block, bool dirty)
{
    uint32_t slot = slot_number(cache, block);

    if (dirty && block->hashed) {
        slot_changed(cache, slot);
    } else if (block->blank && block->hashed) {
        slot_unhash(cache, slot); /* it was to be overwritten, and wasn't */
    }
    block_put(cache, slot);
}

uint64_t cache_block_count(const struct cache *cache)
{
    return cache->block_count;
}

bool cache_has(const struct cache *cache, uint64_t number)
{
    uint32_t slot = slot_find(cache, number);

    return slot != NO_SLOT && !cache->slots[slot].reading;
}

/* How many of the blocks from there on are consecutive and not here. */
static uint32_t missing_run(const struct cache *cache, const uint64_t *blocks, uint32_t count)
{
    uint32_t run = 0;

    while (run < count && run < cache->run_slots && blocks[run] == blocks[0] + run &&
           blocks[run] < cache->block_count && slot_find(cache, blocks[run]) == NO_SLOT) {
        run++;
    }
    return run;
}

unsigned cache_read_ahead(struct cache *cache, const uint64_t *blocks, unsigned count)
{
    unsigned i = 0;

    while (i < count && request_is_free(cache)) {
        uint32_t run = missing_run(cache, blocks + i, count - i);
        uint32_t first;

        if (run == 0) {
            i++;
            continue;
        }
        run = slots_take(cache, run, false, &first);
        if (run == 0) {
            break;
        }
        for (uint32_t j = 0; j < run; j++) {
            slot_hash(cache, first + j, blocks[i + j]);
            cache->slots[first + j].used = true; /* it will be: others go first */
        }
        read_begin(cache, first, run);
        i += run;
    }
    return i;
}

void cache_forget(struct cache *cache, uint64_t first, uint64_t count)
{
    /* Whichever is shorter: by number, or through all slots. */
    if (count <= cache->kept.slot_count) {
        for (uint64_t number = first; number < first + count; number++) {
            uint32_t slot = slot_find(cache, number);

            if (slot != NO_SLOT) {
                slot_unhash(cache, slot);
            }
        }
        return;
    }
    for (uint32_t slot = 0; slot < cache->kept.slot_count; slot++) {
        const struct cache_block *block = &cache->slots[slot];

        if (block->hashed && block->block - first < count) {
            slot_unhash(cache, slot);
        }
    }
}
