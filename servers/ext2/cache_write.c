/*
 * Writing back: what is dirty for too long, or in the way, goes to the disk in order of its place
 * there; what was written is flushed; and who wants something durable does the same for his blocks
 * at once.
 */
#include "cache_internal.h"

#include <stdlib.h>

/* ---- one slot ---- */

void slot_dirty_again(struct cache *cache, uint32_t slot, uint64_t due_ticks)
{
    struct cache_block *block = &cache->slots[slot];

    block->dirty = true;
    block->due_ticks = due_ticks;
    list_append(cache, &cache->dirty, slot);
}

void slot_changed(struct cache *cache, uint32_t slot)
{
    struct cache_block *block = &cache->slots[slot];
    bool first = !slot_is_undurable(block);

    block->changed = ++cache->clock;
    block->blank = false;
    if (!block->dirty) {
        slot_dirty_again(cache, slot, deadline_in_us(cache->options.age_us));
    }
    if (first) {
        kept_set_dirty(&cache->kept, slot, block->block);
    }
}

void slot_written(struct cache *cache, uint32_t slot)
{
    struct cache_block *block = &cache->slots[slot];

    if (block->written) {
        list_remove(cache, &cache->written, slot);
    }
    block->written = true;
    block->answered = block->submitted;
    block->answered_at = cache->clock;
    if (cache->written.count == 0) {
        cache->flush_due_ticks = deadline_in_us(CACHE_FLUSH_US);
    }
    list_append(cache, &cache->written, slot);
}

void slots_durable(struct cache *cache, uint64_t covered)
{
    cache->flush_error = 0;
    while (cache->written.first != NO_SLOT) {
        uint32_t slot = cache->written.first;
        struct cache_block *block = &cache->slots[slot];

        if (block->answered_at > covered) {
            break; /* and so are all behind it */
        }
        list_remove(cache, &cache->written, slot);
        block->written = false;
        block->durable = block->answered;
        if (!slot_is_undurable(block)) {
            kept_set_free(&cache->kept, slot);
        }
    }
}

void slots_lost(struct cache *cache, uint64_t due_ticks)
{
    while (cache->written.first != NO_SLOT) {
        uint32_t slot = cache->written.first;
        struct cache_block *block = &cache->slots[slot];

        list_remove(cache, &cache->written, slot);
        block->written = false;
        /* A write that is on its way has all of the block's bytes. */
        if (!block->dirty && !block->writing) {
            slot_dirty_again(cache, slot, due_ticks);
        }
    }
}

bool writing_has_hope(const struct cache *cache)
{
    return cache->flush_error == 0 &&
           (cache->writing > 0 || cache->written.count > 0 || cache->dirty.count > cache->failed);
}

/* ---- by itself ---- */

static const struct cache *sorted_cache; /* qsort has no context */

static int by_block(const void *a, const void *b)
{
    uint64_t first = sorted_cache->slots[*(const uint32_t *)a].block;
    uint64_t second = sorted_cache->slots[*(const uint32_t *)b].block;

    return (first > second) - (first < second);
}

/* All that is dirty and may be tried now. */
static void plan_make(struct cache *cache, uint64_t now)
{
    cache->plan_next = cache->plan_count = 0;
    for (uint32_t slot = cache->dirty.first; slot != NO_SLOT;
         slot = list_next(cache, &cache->dirty, slot)) {
        const struct cache_block *block = &cache->slots[slot];

        if (!block->writing && (block->failure == 0 || block->due_ticks <= now)) {
            cache->plan[cache->plan_count++] = slot;
        }
    }
    sorted_cache = cache;
    qsort(cache->plan, cache->plan_count, sizeof(*cache->plan), by_block);
}

static void plan_go_on(struct cache *cache)
{
    while (cache->plan_next < cache->plan_count && request_is_free(cache) &&
           cache->writes_in_flight < CACHE_WRITES_MAX) {
        uint32_t slot = cache->plan[cache->plan_next++];

        if (cache->slots[slot].dirty && !cache->slots[slot].writing) {
            (void)write_begin(cache, slot);
        }
    }
}

/* The list is in order of time, but for what failed: it has its own time. */
static bool dirty_is_due(const struct cache *cache, uint64_t now)
{
    for (uint32_t slot = cache->dirty.first; slot != NO_SLOT;
         slot = list_next(cache, &cache->dirty, slot)) {
        if (cache->slots[slot].due_ticks <= now) {
            return true;
        }
        if (cache->slots[slot].failure == 0) {
            break;
        }
    }
    return false;
}

/* So much is undurable that writers will have to wait soon. */
static bool is_filling(const struct cache *cache)
{
    return cache->dirty.count > cache->kept.slot_count / 2;
}

/* What was written is made durable when there is no more to be written, or it is in the way. */
static bool flush_is_due(const struct cache *cache, uint64_t now)
{
    bool quiet = cache->writes_in_flight == 0 && cache->plan_next == cache->plan_count;

    return cache->written.count > 0 && !cache->flushing && request_is_free(cache) &&
           now >= cache->flush_retry_ticks &&
           ((quiet && (cache->pressed || now >= cache->flush_due_ticks)) ||
            cache->written.count > cache->kept.slot_count / 4);
}

void writing_step(struct cache *cache)
{
    uint64_t now = ticks_now();

    if (cache->plan_next == cache->plan_count &&
        (cache->pressed || is_filling(cache) || dirty_is_due(cache, now))) {
        plan_make(cache, now);
    }
    plan_go_on(cache);
    if (flush_is_due(cache, now)) {
        flush_begin(cache);
    }
    cache->pressed = false; /* who still waits says so again after the next answer */
}

uint64_t writing_deadline(const struct cache *cache)
{
    uint64_t deadline = DEADLINE_NEVER;

    for (uint32_t slot = cache->dirty.first; slot != NO_SLOT;
         slot = list_next(cache, &cache->dirty, slot)) {
        const struct cache_block *block = &cache->slots[slot];

        if (!block->writing && block->due_ticks < deadline) {
            deadline = block->due_ticks;
        }
        if (block->failure == 0) {
            break;
        }
    }
    if (cache->written.count > 0 && !cache->flushing) {
        uint64_t flush = cache->flush_retry_ticks > cache->flush_due_ticks
                             ? cache->flush_retry_ticks
                             : cache->flush_due_ticks;
        deadline = flush < deadline ? flush : deadline;
    }
    return cache->plan_next < cache->plan_count ? DEADLINE_NEVER : deadline;
}

/* ---- for who waits ---- */

/* What cache_write wants of a block. */
enum goal { GOAL_WRITTEN, GOAL_DURABLE };

/* Which version of a block has all its changes up to cutoff. */
static uint64_t version_wanted(const struct cache_block *block, uint64_t cutoff)
{
    return block->changed < cutoff ? block->changed : cutoff;
}

/* Its changes up to `cutoff` have got as far as that. */
static bool has_reached(const struct cache_block *block, uint64_t cutoff, enum goal goal)
{
    uint64_t wanted = version_wanted(block, cutoff);

    return !slot_is_undurable(block) || block->durable >= wanted ||
           (goal == GOAL_WRITTEN && block->written && block->answered >= wanted);
}

static void progress_wait(struct cache *cache)
{
    coro_queue_wait(&cache->progress);
}

/* Begins a write of the block's changes up to cutoff unless one that has them is on its way; waits
 * for one that hasn't. */
static void begin_if_dirty(struct cache *cache, uint64_t number, uint64_t cutoff)
{
    for (;;) {
        uint32_t slot = slot_find(cache, number);
        const struct cache_block *block = slot != NO_SLOT ? &cache->slots[slot] : NULL;

        if (!block || has_reached(block, cutoff, GOAL_WRITTEN) || !block->dirty ||
            (block->writing && block->submitted >= version_wanted(block, cutoff))) {
            return;
        }
        if (!block->writing && request_is_free(cache)) {
            (void)write_begin(cache, slot);
            return;
        }
        progress_wait(cache);
    }
}

/* Until the block's write is answered: 0 or its error. */
static int wait_written(struct cache *cache, uint64_t number, uint64_t cutoff)
{
    for (;;) {
        uint32_t slot = slot_find(cache, number);

        if (slot == NO_SLOT || has_reached(&cache->slots[slot], cutoff, GOAL_WRITTEN)) {
            return 0;
        }
        if (!cache->slots[slot].writing) {
            return cache->slots[slot].failure; /* 0: it was lost with the disk's cache */
        }
        progress_wait(cache);
    }
}

static int write_all(struct cache *cache, const uint64_t *blocks, unsigned count, uint64_t cutoff)
{
    int error = 0;

    for (unsigned i = 0; i < count; i++) {
        begin_if_dirty(cache, blocks[i], cutoff);
    }
    for (unsigned i = 0; i < count; i++) {
        int status = wait_written(cache, blocks[i], cutoff);
        error = error ? error : status;
    }
    return error;
}

static bool all_durable(const struct cache *cache, const uint64_t *blocks, unsigned count,
                        uint64_t cutoff, bool *written)
{
    bool all = true;

    *written = true;
    for (unsigned i = 0; i < count; i++) {
        uint32_t slot = slot_find(cache, blocks[i]);

        if (slot != NO_SLOT && !has_reached(&cache->slots[slot], cutoff, GOAL_DURABLE)) {
            all = false;
            *written = *written && has_reached(&cache->slots[slot], cutoff, GOAL_WRITTEN);
        }
    }
    return all;
}

/* 0: durable; -EAGAIN: something must be written again; else the flush's error. */
static int flush_all(struct cache *cache, const uint64_t *blocks, unsigned count, uint64_t cutoff)
{
    uint64_t failures = cache->flush_failures;
    bool written;

    while (!all_durable(cache, blocks, count, cutoff, &written)) {
        if (cache->flush_failures != failures) {
            return cache->flush_error ? cache->flush_error : -ANOLE_EIO;
        }
        if (!written) {
            return -ANOLE_EAGAIN;
        }
        if (!cache->flushing && request_is_free(cache)) {
            flush_begin(cache);
        } else {
            progress_wait(cache);
        }
    }
    return 0;
}

int cache_write(struct cache *cache, const uint64_t *blocks, unsigned count, bool flush)
{
    uint64_t cutoff = cache->clock;
    int error;

    do {
        error = write_all(cache, blocks, count, cutoff);
        if (!error && flush) {
            error = flush_all(cache, blocks, count, cutoff);
        }
    } while (error == -ANOLE_EAGAIN);
    return error;
}

static int by_number(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

int cache_sync(struct cache *cache)
{
    uint64_t *blocks = malloc(cache->kept.slot_count * sizeof(*blocks));
    unsigned count = 0;

    if (!blocks) {
        return -ANOLE_ENOMEM;
    }
    for (uint32_t slot = 0; slot < cache->kept.slot_count; slot++) {
        if (cache->slots[slot].hashed && slot_is_undurable(&cache->slots[slot])) {
            blocks[count++] = cache->slots[slot].block;
        }
    }
    qsort(blocks, count, sizeof(*blocks), by_number);
    int error = cache_write(cache, blocks, count, true);
    free(blocks);
    return error;
}
