/*
 * The block cache of a mount and its redo log, both in memory that outlives the server.
 *
 * A block is known by its number on the disk and lies in one slot of the cache; the slots are libblk's
 * pool, so that the disk reads into and writes from them. File data is changed in place. Metadata is changed in
 * a transaction: copies that become the blocks all at once, when one record with all of them, its
 * operation and its result is complete in the log. The next instance redoes complete records, forgets
 * others, and finds in the cache all that was not written yet.
 *
 * A block's life: read (or zeroed) -> clean -> dirty -> being written -> written, until a flush
 * that was submitted after its completion is done -> clean. What is only written is written again when the
 * disk's driver was reset meanwhile, or this server. What can't be written stays dirty, is tried again,
 * and its error is reported once to who syncs.
 *
 * All functions but cache_open's are called on coroutines; those that say "waits" wait on them.
 */
#ifndef EXT2_CACHE_H
#define EXT2_CACHE_H

#include <libfs/server.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct cache_block; /* held by who got it until cache_put */

struct cache_options {
    void *memory; /* of the kept region, page-aligned; the slots are its last part */
    size_t memory_len;
    const char *disk;
    uint32_t block_size; /* 1024 to 65536 */
    bool read_only;
    uint64_t age_us;     /* a block is dirty at most so long before it is written */
    unsigned notify_bit; /* two for libblk */
};

/* Whether that memory holds the cache of that disk as an earlier instance left it: its block size. 0: no. */
uint32_t cache_found(const void *memory, size_t memory_len, const char *disk);
/* Opens the disk (waits for its driver, and until nothing of an earlier instance is in flight), redoes
 * and recovers. -EPROTO: the log is not valid: nothing is used, and the file system is to be mounted
 * read-only. */
int cache_open(struct cache **cache, const struct cache_options *options);
/* Writes and flushes all; the memory holds no cache afterwards. On an error it is closed all the same if
 * `force`. */
int cache_close(struct cache *cache, bool force);

#define CACHE_ZERO 1u      /* not read: it is new, all zeroes */
#define CACHE_OVERWRITE 2u /* not read: the caller writes all of it at once, without waiting */
/* The block, from the disk if need be (waits). -EIO, -ENOMEM (all slots are held or dirty for long). */
int cache_get(struct cache *cache, uint64_t block, unsigned flags, struct cache_block **got,
              uint8_t **data);
/* Gives it back; dirty: its bytes were changed. */
void cache_put(struct cache *cache, struct cache_block *block, bool dirty);
/* Whether it is here now. */
bool cache_has(const struct cache *cache, uint64_t block);
/* Starts reading, without waiting, those of count blocks that aren't here, in few large requests. */
void cache_read_ahead(struct cache *cache, const uint64_t *blocks, unsigned count);
/* Blocks that belong to no file any more: what is dirty in them need not be written. */
void cache_forget(struct cache *cache, uint64_t block, uint64_t count);
/* Writes those that are dirty among them; with flush also waits until they are durable (waits). */
int cache_write(struct cache *cache, const uint64_t *blocks, unsigned count, bool flush);
int cache_sync(struct cache *cache);

/* ---- metadata: one transaction at a time (the mount's lock) ---- */
void cache_begin(struct cache *cache);
/* A block as the transaction sees it, to be read (waits). Valid until the transaction changes it. */
int cache_metadata(struct cache *cache, uint64_t block, const uint8_t **data);
/* Its copy, to be changed (waits); with CACHE_ZERO all zeroes. */
int cache_change(struct cache *cache, uint64_t block, unsigned flags, uint8_t **data);
/* To be forgotten when the transaction is committed. */
int cache_free(struct cache *cache, uint64_t block, uint64_t count);
/* The changes, the operation and its result become true together, now, without waiting for the disk.
 * -ENOSPC: more blocks than a record of the log holds. */
int cache_commit(struct cache *cache, struct fs_operation operation, int result, uint64_t value);
void cache_abort(struct cache *cache);
/* Whether that operation was committed, and with what. The last 256 of each origin, and at least as
 * many in all as may be unanswered, are known. */
bool cache_done(const struct cache *cache, struct fs_operation operation, int *result,
                uint64_t *value);

/* ---- the service's loop ---- */
void cache_notified(struct cache *cache, uint64_t bits);
/* Submits and reaps; called before each wait. */
void cache_step(struct cache *cache);
uint64_t cache_deadline(const struct cache *cache);

struct cache_stats {
    uint64_t hits, misses, reads, writes, flushes; /* blocks; requests; requests */
    uint64_t dirty_now, errors, redone, recovered;
};
void cache_stats(const struct cache *cache, struct cache_stats *stats);

#endif
