/*
 * What the files of the block cache share. Which file does what:
 *
 *   cache.c        opening, closing, the loop's calls: what the mount calls
 *   cache_get.c    blocks for readers and writers; read-ahead
 *   cache_slots.c  which block lies in which slot, and which slots can be had
 *   cache_io.c     requests to the disk and what their answers mean
 *   cache_write.c  when what is written, flushed and durable
 *   cache_log.c    transactions
 *   cache_kept.c   what outlives the server
 *
 * One slot's life, in its flags. `dirty`: it has bytes that no write was begun with yet;
 * `writing`: a write is on its way; `written`: one was answered, and no flush since. It can be all
 * three. While it is any of them its word in the kept memory says DIRTY. Changes are numbered by
 * cache->clock, so that who waits for durability knows which of them a write or a flush has
 * covered.
 */
#ifndef EXT2_CACHE_INTERNAL_H
#define EXT2_CACHE_INTERNAL_H

#include "cache.h"
#include "cache_kept.h"

#include <assert.h>

#include <libanole/anole.h>
#include <libblk/client.h>
#include <libcoro/coro.h>

#define CACHE_DEPTH 64u                /* requests at a time */
#define CACHE_WRITES_MAX 48u           /* of them, for writing: readers always find some */
#define CACHE_RUN_BYTES (512u * 1024u) /* of one request, at most */
#define CACHE_RETRY_US 1000000u        /* after a write that failed */
#define CACHE_FLUSH_US 500000u /* from the first write\'s answer to a flush, if nothing is urgent */

#define NO_SLOT KEPT_NO_SLOT
#define CACHE_SPARES 128u /* slots that metadata is copied to in turn */
/* Of slots that must be written before they can be used for something else there are at most 3/4:
 * the rest is for readers. */
#define UNDURABLE_SHARE(slots) ((slots) / 4 * 3)

struct cache_link {
    uint32_t previous, next; /* slots */
};

struct cache_list {
    uint32_t first, last, count;
    size_t link; /* offset of the list's links in a slot */
};

/* A slot and the block in it; the bytes are at cache->kept.slots. */
struct cache_block {
    uint64_t block;
    uint32_t chain; /* the next one with the same hash */
    uint32_t refs;
    bool hashed;  /* found by its number; else free, a transaction's, or left to its last user */
    bool pinned;  /* by the transaction */
    bool copied;  /* it was a transaction's copy: another version may take its place soon */
    bool spare;   /* on the list of those that were, and are free */
    bool shadow;  /* a transaction's copy */
    bool reading; /* its bytes aren't there yet */
    bool writing;
    bool dirty;
    bool written;
    bool blank;           /* not read, and not changed yet: not the disk's bytes */
    bool used;            /* since the hand last passed */
    int failure;          /* of the last read or write of it; 0: it went well */
    uint64_t changed;     /* clock of its last change */
    uint64_t submitted;   /* clock when the write that is on its way was begun */
    uint64_t answered;    /* ... of the last one that was answered */
    uint64_t answered_at; /* ... and when that was */
    uint64_t durable;     /* ... of the last one that a flush covered */
    uint64_t due_ticks;   /* dirty: when to write it */
    struct cache_link dirty_link, written_link;
    struct coro_queue waiters; /* for the read */
};

enum cache_request_kind { REQUEST_FREE, REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH };

struct cache_request {
    enum cache_request_kind kind;
    uint32_t slot, count;
    uint64_t covers; /* FLUSH: clock of its submission */
};

/* A copy of a block that a transaction changes. */
struct cache_change {
    uint64_t block;
    uint32_t slot;
};

struct cache_range {
    uint64_t block, count;
};

struct cache {
    struct kept kept;
    struct blk_client *client;
    struct cache_options options;
    void *private_memory; /* of a cache that nothing is kept of */
    uint64_t block_count; /* of the disk */
    uint32_t run_slots;   /* of one request, at most */
    bool opened;
    struct coro_queue steps; /* cache_open waits for the driver */
    int seen;                /* ... and has seen this status of it */
    uint64_t look_ticks;     /* ... and looks again then in any case */

    struct cache_block *slots;
    uint32_t *hash; /* heads of chains */
    uint32_t hash_mask;
    uint32_t hand[2];
    uint32_t spares[CACHE_SPARES];
    uint32_t spare_count;
    struct cache_list dirty, written;
    uint32_t shadows, writing, failed;
    struct coro_queue space; /* waiting for a slot */

    uint64_t clock;
    uint64_t epoch;
    struct cache_request requests[CACHE_DEPTH];
    uint32_t in_flight, writes_in_flight;
    bool flushing;
    bool unpublished;           /* something was submitted since the last step */
    uint64_t flush_failures;    /* how many flushes failed */
    int flush_error;            /* of the last one; 0: it went well */
    uint64_t flush_retry_ticks; /* not before, by itself */
    uint64_t flush_due_ticks;   /* for what was written first */
    struct coro_queue progress; /* waiting for any answer */

    uint32_t *plan; /* slots to be written, by block */
    uint32_t plan_next, plan_count;
    bool pressed; /* somebody waits for slots */

    struct cache_change *changes;
    uint32_t change_count;
    bool in_transaction;
    uint32_t *pins; /* slots that the transaction has read: a ring of kept.entries_max */
    uint32_t pin_count;
    struct cache_range *frees;
    uint32_t free_count, free_room;

    struct cache_stats stats;
};

static inline uint8_t *slot_data(const struct cache *cache, uint32_t slot)
{
    return cache->kept.slots + (size_t)slot * cache->kept.block_size;
}

static inline uint32_t slot_number(const struct cache *cache, const struct cache_block *block)
{
    return (uint32_t)(block - cache->slots);
}

/* It must reach the disk before its slot is used for something else. */
static inline bool slot_is_undurable(const struct cache_block *slot)
{
    return slot->dirty || slot->writing || slot->written;
}

/* ---- cache_slots.c ---- */
int slots_init(struct cache *cache);
void slots_free(struct cache *cache);
/* The slot of a block, or NO_SLOT. */
uint32_t slot_find(const struct cache *cache, uint64_t block);
/* It is found by its number from now on. */
void slot_hash(struct cache *cache, uint32_t slot, uint64_t block);
/* It isn't any more; with nobody using it, it is free. Its bytes need not be written. */
void slot_unhash(struct cache *cache, uint32_t slot);
/* Up to `wanted` neighbouring slots that hold nothing of value, all free afterwards: how many.
 * metadata and data are kept apart, so that data has neighbours. */
uint32_t slots_take(struct cache *cache, uint32_t wanted, bool metadata, uint32_t *first);
/* So many must be written first that the rest is for readers. */
bool slots_are_filling(const struct cache *cache);
/* Waits until that, or what slots_take would find, may have changed; the caller looks again. -EIO:
 * nothing can be written. -ENOMEM: all slots are in use. */
int slots_wait(struct cache *cache);
/* Waits until they aren't filling. */
int slots_wait_share(struct cache *cache);
/* Nobody may need the slot any more: if it was metadata's, the next copy goes there. */
void slot_spare(struct cache *cache, uint32_t slot);
/* A slot may have become free. */
void slots_wake(struct cache *cache);
void list_append(struct cache *cache, struct cache_list *list, uint32_t slot);
void list_remove(struct cache *cache, struct cache_list *list, uint32_t slot);
uint32_t list_next(const struct cache *cache, const struct cache_list *list, uint32_t slot);

/* ---- cache_io.c ---- */
bool request_is_free(const struct cache *cache);
/* Begins to read neighbouring slots, installed for consecutive blocks; there is a free request. */
void read_begin(struct cache *cache, uint32_t slot, uint32_t count);
/* Begins to write one dirty slot and those of its neighbours that continue it, as far as they are
 * dirty, too; there is a free request. Returns how many. */
uint32_t write_begin(struct cache *cache, uint32_t slot);
void flush_begin(struct cache *cache);
/* Takes what is answered. */
void answers_take(struct cache *cache);

/* ---- cache_write.c ---- */
/* Its bytes were changed, or it was given some. */
void slot_changed(struct cache *cache, uint32_t slot);
/* Dirty again: what was to write it came to nothing. */
void slot_dirty_again(struct cache *cache, uint32_t slot, uint64_t due_ticks);
/* A write of it was answered. */
void slot_written(struct cache *cache, uint32_t slot);
/* A flush has covered what was answered up to then. */
void slots_durable(struct cache *cache, uint64_t covered);
/* The disk was reset: what was only written may be lost, and is to be written again. */
void slots_lost(struct cache *cache, uint64_t due_ticks);
/* Will anything that is undurable become durable without somebody mending the disk? */
bool writing_has_hope(const struct cache *cache);
/* Begins what is due. */
void writing_step(struct cache *cache);
uint64_t writing_deadline(const struct cache *cache);

/* ---- cache_get.c ---- */
int block_get(struct cache *cache, uint64_t block, unsigned flags, bool metadata, uint32_t *got);
void block_put(struct cache *cache, uint32_t slot);

/* ---- cache_log.c ---- */
int log_init(struct cache *cache);
void log_free(struct cache *cache);

#endif
