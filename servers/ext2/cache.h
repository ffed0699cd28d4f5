/*
 * The block cache of a mount and its redo log, both in memory that outlives the server.
 *
 * A block is known by its number on the disk and lies in one slot of the cache; the slots are
 * libblk's pool, so that the disk reads into and writes from them. File data is changed in place.
 * Metadata is changed in a transaction: copies that become the blocks all at once, when the record
 * that says so, with the operation and its result, is complete. The next instance redoes a record
 * that is complete, forgets one that isn't, and finds in the cache all that was not durable yet;
 * what was, it reads again.
 *
 * A block's life: read (or zeroed) -> clean -> dirty -> being written -> written, until a flush
 * that was submitted after its completion is done -> clean. What is only written is written again
 * when the disk's driver was reset meanwhile, or this server. What can't be written stays dirty,
 * is tried again, and whoever syncs it tries at once and is told its error.
 *
 * All functions that say "waits" are called on coroutines. Data of file blocks is written before
 * the transaction that makes them part of a file is committed, so that no death shows what was
 * there before.
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
    void *memory; /* of the kept region, page-aligned; the slots are its last part, at most 16 MiB
                     of it. Of a read-only cache nothing is kept: it has memory of its own */
    size_t memory_len;
    const char *disk;
    uint32_t block_size; /* 1024 to 65536 */
    bool read_only;
    uint64_t age_us;     /* a block is dirty at most so long before it is written */
    unsigned notify_bit; /* two for libblk */
};

/* Whether that memory holds the cache of that disk as an earlier instance left it: its block size.
 * 0: no. */
uint32_t cache_found(const void *memory, size_t memory_len, const char *disk);
/* Opens the disk, redoes and recovers. Waits for the driver, and until nothing of an earlier
 * instance is in flight there; *cache is set before, for the loop, and NULL again after an error.
 * -EPROTO: what is in the memory is not valid: nothing is used, and the file system is to be
 * mounted read-only. -EBUSY: another process writes the disk. -EINVAL: the memory is too small. */
int cache_open(struct cache **cache, const struct cache_options *options);
/* Writes and flushes all; the memory holds no cache afterwards. On an error it is closed all the
 * same if `force`. Nobody uses it any more (waits). */
int cache_close(struct cache *cache, bool force);

#define CACHE_ZERO 1u      /* not read: it is new, all zeroes */
#define CACHE_OVERWRITE 2u /* not read: the caller writes all of it at once, without waiting */
#define CACHE_CHANGE 4u    /* it is read, and will be put back dirty */
/* The block, from the disk if need be (waits). With a flag, for who will change it, it also waits
 * while three quarters of the cache aren't durable yet. -EIO: the disk; or the cache is full of
 * what it refuses to write. -ENOMEM: all slots are held. */
int cache_get(struct cache *cache, uint64_t block, unsigned flags, struct cache_block **got,
              uint8_t **data);
/* Gives it back; dirty: its bytes were changed. One that was new (ZERO, OVERWRITE) and isn't dirty
 * is forgotten. */
void cache_put(struct cache *cache, struct cache_block *block, bool dirty);
/* Blocks of the disk. */
uint64_t cache_block_count(const struct cache *cache);
/* Whether it is here now. */
bool cache_has(const struct cache *cache, uint64_t block);
/* Starts reading, without waiting, those of count blocks that aren't here, in few large requests:
 * how many it came to; for the others there is no room now. */
unsigned cache_read_ahead(struct cache *cache, const uint64_t *blocks, unsigned count);
/* Blocks that belong to no file any more: what is dirty in them need not be written. */
void cache_forget(struct cache *cache, uint64_t block, uint64_t count);
/* Writes those that are dirty among them (best in ascending order); with flush also waits until
 * they are durable, whatever happens to the driver meanwhile (waits). The first error of a block's
 * write, or the flush's: it stays dirty, and is tried again. */
int cache_write(struct cache *cache, const uint64_t *blocks, unsigned count, bool flush);
/* All that is dirty now. */
int cache_sync(struct cache *cache);

/* ---- metadata: one transaction at a time (the mount's lock) ---- */
void cache_begin(struct cache *cache);
/* A block as the transaction sees it (waits). Valid until the transaction's end, unless it is
 * changed, or so many others are read that a quarter of the cache would be held; outside a
 * transaction until the next call. */
int cache_metadata(struct cache *cache, uint64_t block, const uint8_t **data);
/* Its copy, to be changed until the end of the transaction (waits); with CACHE_ZERO all zeroes,
 * with CACHE_OVERWRITE to be overwritten. -ENOSPC: more blocks than a transaction may change, a
 * quarter of the cache's. */
int cache_change(struct cache *cache, uint64_t block, unsigned flags, uint8_t **data);
/* To be forgotten when the transaction is committed. Not to be used for data before that. -ENOMEM.
 * */
int cache_free(struct cache *cache, uint64_t block, uint64_t count);
/* The changes, the operation and its result become true together, now, without waiting for the
 * disk. */
void cache_commit(struct cache *cache, struct fs_operation operation, int result, uint64_t value);
void cache_abort(struct cache *cache);
/* Whether that operation was committed, and with what. The last 4096 are known, in 16 banks by
 * origin: who makes many operations pushes out only those in his bank, of 256. */
bool cache_done(const struct cache *cache, struct fs_operation operation, int *result,
                uint64_t *value);

/* ---- the service's loop ---- */
void cache_notified(struct cache *cache, uint64_t bits);
/* Submits and takes answers; called before each wait, and again after coroutines ran. */
void cache_step(struct cache *cache);
/* Asked before each wait: when to call cache_step again. In the past: there is something already.
 * */
uint64_t cache_deadline(struct cache *cache);

struct cache_stats {
    uint64_t hits, misses, reads, writes, flushes; /* blocks; requests; requests */
    uint64_t dirty_now, errors, redone, recovered;
};
void cache_stats(const struct cache *cache, struct cache_stats *stats);

#endif
