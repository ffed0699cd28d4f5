/*
 * Transactions: copies of blocks, in slots of their own, that become the blocks all at once. What
 * makes them so is one store in the kept memory (kept_commit); the rest can be done again by the
 * next instance, and is done here without waiting.
 */
#include "cache_internal.h"

#include <stdlib.h>
#include <string.h>

int log_init(struct cache *cache)
{
    cache->changes = calloc(cache->kept.entries_max, sizeof(*cache->changes));
    cache->pins = calloc(cache->kept.entries_max, sizeof(*cache->pins));
    return cache->changes && cache->pins ? 0 : -ANOLE_ENOMEM;
}

void log_free(struct cache *cache)
{
    free(cache->changes);
    free(cache->pins);
    free(cache->frees);
}

void cache_begin(struct cache *cache)
{
    assert(!cache->in_transaction);
    cache->in_transaction = true;
}

static struct cache_change *change_find(const struct cache *cache, uint64_t number)
{
    for (uint32_t i = 0; i < cache->change_count; i++) {
        if (cache->changes[i].block == number) {
            return &cache->changes[i];
        }
    }
    return NULL;
}

static void unpin(struct cache *cache, uint32_t slot)
{
    cache->slots[slot].pinned = false;
    block_put(cache, slot);
}

/* The transaction holds it, too; the one that was held first makes room. */
static void pin(struct cache *cache, uint32_t slot)
{
    uint32_t *place = &cache->pins[cache->pin_count % cache->kept.entries_max];

    if (cache->slots[slot].pinned) {
        return;
    }
    if (cache->pin_count >= cache->kept.entries_max) {
        unpin(cache, *place);
    }
    cache->slots[slot].pinned = true;
    cache->slots[slot].refs++;
    *place = slot;
    cache->pin_count++;
}

int cache_metadata(struct cache *cache, uint64_t number, const uint8_t **data)
{
    const struct cache_change *change = change_find(cache, number);
    uint32_t slot;

    if (change) {
        *data = slot_data(cache, change->slot);
        return 0;
    }
    int error = block_get(cache, number, 0, true, &slot);
    if (!error) {
        *data = slot_data(cache, slot);
        if (cache->in_transaction) {
            pin(cache, slot);
        }
        block_put(cache, slot);
    }
    return error;
}

/* A slot of the transaction's own. */
static int shadow_take(struct cache *cache, uint32_t *slot)
{
    int error = slots_wait_share(cache);

    while (!error && slots_take(cache, 1, true, slot) == 0) {
        error = slots_wait(cache);
    }
    if (!error) {
        cache->slots[*slot].shadow = cache->slots[*slot].copied = true;
    }
    return error;
}

static void shadow_drop(struct cache *cache, uint32_t slot)
{
    cache->slots[slot].shadow = false;
    slot_spare(cache, slot);
    slots_wake(cache);
}

/* What the copy begins as. */
static int shadow_fill(struct cache *cache, uint64_t number, unsigned flags, uint32_t shadow)
{
    uint32_t slot;

    if (flags & CACHE_ZERO) {
        memset(slot_data(cache, shadow), 0, cache->kept.block_size);
    }
    if (flags & (CACHE_ZERO | CACHE_OVERWRITE)) {
        return 0;
    }
    int error = block_get(cache, number, 0, true, &slot);
    if (!error) {
        memcpy(slot_data(cache, shadow), slot_data(cache, slot), cache->kept.block_size);
        block_put(cache, slot);
    }
    return error;
}

int cache_change(struct cache *cache, uint64_t number, unsigned flags, uint8_t **data)
{
    struct cache_change *change = change_find(cache, number);
    uint32_t shadow;
    int error;

    assert(cache->in_transaction);
    if (number >= cache->block_count) {
        return -ANOLE_EIO;
    }
    if (change) {
        *data = slot_data(cache, change->slot);
        if (flags & CACHE_ZERO) {
            memset(*data, 0, cache->kept.block_size);
        }
        return 0;
    }
    if (cache->change_count == cache->kept.entries_max) {
        return -ANOLE_ENOSPC;
    }
    error = shadow_take(cache, &shadow);
    if (error) {
        return error;
    }
    error = shadow_fill(cache, number, flags, shadow);
    if (error) {
        shadow_drop(cache, shadow);
        return error;
    }
    cache->changes[cache->change_count++] = (struct cache_change){number, shadow};
    *data = slot_data(cache, shadow);
    return 0;
}

int cache_free(struct cache *cache, uint64_t number, uint64_t count)
{
    struct cache_range *last = cache->free_count > 0 ? &cache->frees[cache->free_count - 1] : NULL;

    if (last && last->block + last->count == number) {
        last->count += count;
        return 0;
    }
    if (!cache->frees || cache->free_count == cache->free_room) {
        uint32_t room = cache->free_room > 0 ? cache->free_room * 2 : 16;
        struct cache_range *frees = realloc(cache->frees, room * sizeof(*frees));

        if (!frees) {
            return -ANOLE_ENOMEM;
        }
        cache->frees = frees;
        cache->free_room = room;
    }
    cache->frees[cache->free_count++] = (struct cache_range){number, count};
    return 0;
}

static void transaction_end(struct cache *cache)
{
    uint32_t pins = cache->pin_count < cache->kept.entries_max ? cache->pin_count
                                                               : cache->kept.entries_max;

    while (pins > 0) {
        unpin(cache, cache->pins[--pins]);
    }
    cache->pin_count = 0;
    cache->change_count = cache->free_count = 0;
    cache->in_transaction = false;
}

void cache_abort(struct cache *cache)
{
    assert(cache->in_transaction);
    for (uint32_t i = 0; i < cache->change_count; i++) {
        shadow_drop(cache, cache->changes[i].slot);
    }
    transaction_end(cache);
}

/* The copy becomes the block. The slot that was the block is left to who uses it still. */
static void change_take_effect(struct cache *cache, const struct cache_change *change)
{
    uint32_t old = slot_find(cache, change->block);

    if (old != NO_SLOT) {
        slot_unhash(cache, old);
    }
    cache->slots[change->slot].shadow = false;
    slot_hash(cache, change->slot, change->block);
    slot_changed(cache, change->slot);
}

/* Freed blocks are forgotten, but for what this transaction has changed: those may have been given
 * out again. */
static void frees_take_effect(struct cache *cache)
{
    for (uint32_t i = 0; i < cache->free_count; i++) {
        uint64_t first = cache->frees[i].block;
        uint64_t end = first + cache->frees[i].count;

        for (uint32_t j = 0; j < cache->change_count; j++) {
            uint64_t changed = cache->changes[j].block;

            if (changed >= first && changed < end) {
                first = end; /* rare: then they are written for nothing */
            }
        }
        cache_forget(cache, first, end - first);
    }
}

void cache_commit(struct cache *cache, struct fs_operation operation, int result, uint64_t value)
{
    assert(cache->in_transaction);
    for (uint32_t i = 0; i < cache->change_count; i++) {
        const struct cache_change *change = &cache->changes[i];

        cache->kept.entries[i] = (struct kept_entry){
            .block = change->block,
            .slot = change->slot,
            .old_slot = slot_find(cache, change->block),
        };
    }
    kept_commit(&cache->kept, operation, result, value, cache->change_count);
    kept_apply(&cache->kept);
    for (uint32_t i = 0; i < cache->change_count; i++) {
        change_take_effect(cache, &cache->changes[i]);
    }
    frees_take_effect(cache);
    transaction_end(cache);
}

bool cache_done(const struct cache *cache, struct fs_operation operation, int *result,
                uint64_t *value)
{
    return kept_result(&cache->kept, operation, result, value);
}
