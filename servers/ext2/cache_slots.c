/*
 * Slots: found by the number of the block in them, and taken by a hand that goes around and leaves
 * those alone that were used since it last passed.
 */
#include "cache_internal.h"

#include <stdlib.h>
#include <string.h>

#define RUN_TRIES 8u /* places looked at for a run of neighbours */

/* ---- lists of slots, in order of time ---- */

static struct cache_link *link_of(const struct cache *cache, const struct cache_list *list,
                                  uint32_t slot)
{
    return (struct cache_link *)(void *)((char *)&cache->slots[slot] + list->link);
}

void list_append(struct cache *cache, struct cache_list *list, uint32_t slot)
{
    *link_of(cache, list, slot) = (struct cache_link){.previous = list->last, .next = NO_SLOT};
    if (list->last == NO_SLOT) {
        list->first = slot;
    } else {
        link_of(cache, list, list->last)->next = slot;
    }
    list->last = slot;
    list->count++;
}

void list_remove(struct cache *cache, struct cache_list *list, uint32_t slot)
{
    struct cache_link link = *link_of(cache, list, slot);

    if (link.previous == NO_SLOT) {
        list->first = link.next;
    } else {
        link_of(cache, list, link.previous)->next = link.next;
    }
    if (link.next == NO_SLOT) {
        list->last = link.previous;
    } else {
        link_of(cache, list, link.next)->previous = link.previous;
    }
    list->count--;
}

uint32_t list_next(const struct cache *cache, const struct cache_list *list, uint32_t slot)
{
    return link_of(cache, list, slot)->next;
}

/* ---- by number ---- */

int slots_init(struct cache *cache)
{
    uint32_t count = cache->kept.slot_count;
    uint32_t heads = 64;

    while (heads < count) {
        heads *= 2;
    }
    cache->slots = calloc(count, sizeof(*cache->slots));
    cache->hash = malloc(heads * sizeof(*cache->hash));
    cache->plan = calloc(count, sizeof(*cache->plan));
    if (!cache->slots || !cache->hash || !cache->plan) {
        return -ANOLE_ENOMEM;
    }
    memset(cache->hash, 0xff, heads * sizeof(*cache->hash));
    cache->hash_mask = heads - 1;
    cache->hand[1] = count / 8; /* the first eighth is metadata's, as long as there is no more */
    cache->dirty = (struct cache_list){
        .first = NO_SLOT, .last = NO_SLOT, .link = offsetof(struct cache_block, dirty_link)};
    cache->written = (struct cache_list){
        .first = NO_SLOT, .last = NO_SLOT, .link = offsetof(struct cache_block, written_link)};
    return 0;
}

void slots_free(struct cache *cache)
{
    free(cache->slots);
    free(cache->hash);
    free(cache->plan);
}

static uint32_t *head_of(const struct cache *cache, uint64_t block)
{
    return &cache->hash[(uint32_t)(block * 0x9e3779b97f4a7c15ul >> 40) & cache->hash_mask];
}

uint32_t slot_find(const struct cache *cache, uint64_t block)
{
    uint32_t slot = *head_of(cache, block);

    while (slot != NO_SLOT && cache->slots[slot].block != block) {
        slot = cache->slots[slot].chain;
    }
    return slot;
}

void slot_hash(struct cache *cache, uint32_t slot, uint64_t block)
{
    uint32_t *head = head_of(cache, block);

    cache->slots[slot].block = block;
    cache->slots[slot].chain = *head;
    cache->slots[slot].hashed = true;
    *head = slot;
}

static bool can_be_taken(const struct cache_block *slot)
{
    return slot->refs == 0 && !slot->shadow && !slot->reading && !slot_is_undurable(slot);
}

void slot_spare(struct cache *cache, uint32_t slot)
{
    struct cache_block *block = &cache->slots[slot];

    if (block->copied && !block->hashed && can_be_taken(block) && !block->spare &&
        cache->spare_count < CACHE_SPARES) {
        block->spare = true;
        cache->spares[cache->spare_count++] = slot;
    }
}

/* One that is still nobody's. */
static bool spare_take(struct cache *cache, uint32_t *slot)
{
    while (cache->spare_count > 0) {
        *slot = cache->spares[--cache->spare_count];
        if (cache->slots[*slot].spare) {
            return true;
        }
    }
    return false;
}

void slot_unhash(struct cache *cache, uint32_t slot)
{
    struct cache_block *block = &cache->slots[slot];
    uint32_t *at = head_of(cache, block->block);

    while (*at != slot) {
        at = &cache->slots[*at].chain;
    }
    *at = block->chain;
    block->hashed = false;
    if (block->dirty) {
        list_remove(cache, &cache->dirty, slot);
        cache->failed -= block->failure ? 1 : 0;
    }
    if (block->written) {
        list_remove(cache, &cache->written, slot);
    }
    if (slot_is_undurable(block)) {
        kept_set_free(&cache->kept, slot);
    }
    block->dirty = block->written = false;
    slot_spare(cache, slot);
    slots_wake(cache);
}

/* ---- taking ---- */

/* As many neighbours from there on as can be taken. */
static uint32_t run_at(const struct cache *cache, uint32_t first, uint32_t wanted)
{
    uint32_t count = 0;

    while (count < wanted && first + count < cache->kept.slot_count &&
           can_be_taken(&cache->slots[first + count])) {
        count++;
    }
    return count;
}

static void empty(struct cache *cache, uint32_t first, uint32_t count)
{
    for (uint32_t slot = first; slot < first + count; slot++) {
        if (cache->slots[slot].hashed) {
            slot_unhash(cache, slot);
        }
        cache->slots[slot] = (struct cache_block){.chain = NO_SLOT};
    }
}

uint32_t slots_take(struct cache *cache, uint32_t wanted, bool metadata, uint32_t *first)
{
    uint32_t *hand = &cache->hand[metadata ? 0 : 1];
    uint32_t best = metadata && spare_take(cache, first) ? 1 : 0;
    unsigned tries = 0;

    /* Twice around, for the first round may only have found that all were used. */
    for (uint32_t passed = 0;
         best < wanted && passed < 2 * cache->kept.slot_count && tries < RUN_TRIES;) {
        uint32_t at = *hand;
        uint32_t count = cache->slots[at].used ? 0 : run_at(cache, at, wanted);

        if (count > best) {
            best = count;
            *first = at;
        }
        tries += count > 0 ? 1 : 0;
        cache->slots[at].used = false;
        *hand = (at + (count > 0 ? count : 1)) % cache->kept.slot_count;
        passed += count > 0 ? count : 1;
    }
    if (best > 0) {
        empty(cache, *first, best);
    }
    return best;
}

bool slots_are_filling(const struct cache *cache)
{
    return cache->dirty.count + cache->written.count + cache->writing >=
           UNDURABLE_SHARE(cache->kept.slot_count);
}

int slots_wait(struct cache *cache)
{
    uint32_t undurable = cache->dirty.count + cache->written.count + cache->writing;

    if (undurable > 0 && !writing_has_hope(cache)) {
        return -ANOLE_EIO;
    }
    if (undurable == 0 && cache->in_flight == 0) {
        return -ANOLE_ENOMEM;
    }
    cache->pressed = true;
    coro_queue_wait(&cache->space);
    return 0;
}

int slots_wait_share(struct cache *cache)
{
    int error = 0;

    while (!error && slots_are_filling(cache)) {
        error = slots_wait(cache);
    }
    return error;
}

void slots_wake(struct cache *cache)
{
    coro_queue_wake_all(&cache->space);
}
