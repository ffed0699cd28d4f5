/*
 * libblk, client side: a disk (or partition) that survives its driver.
 *
 * One struct blk_client is used by one thread. Requests go through a channel (or, on request,
 * synchronous messages); buffers lie in the client's pool, which is granted once per driver instance,
 * so that a request is an offset. When the driver dies, libblk finds the new one by its name, opens,
 * attaches and grants again and replays, first what was answered but not flushed, then what was not
 * answered, in submission order. The program sees a longer wait; after BLK_CLIENT_TRIES recoveries
 * without progress, or when RS gave the driver up, a clear error (EGIVENUP, EIO).
 *
 * Retained writes (design section 6): libblk copies what was written into memory that it owns, until
 * a FLUSH that was submitted after the write's completion is acknowledged in the same epoch; beyond
 * retain_bytes it flushes by itself. Overlapping requests are never in flight together.
 */
#ifndef LIBBLK_CLIENT_H
#define LIBBLK_CLIENT_H

#include <proto/blk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLK_CLIENT_TRIES 10u
/* No copies: the program itself writes again what was answered in an earlier epoch (completions tell
 * it) than the flush that was to make it durable. */
#define BLK_RETAIN_NONE SIZE_MAX

struct blk_client; /* opaque */

struct blk_client_options {
    bool write;          /* open for writing (exclusive unless shared) */
    bool shared;         /* shared writing: keeps no retained writes; for tests */
    bool message;        /* use synchronous messages instead of a channel */
    uint32_t depth;      /* requests in flight at most; 0: 64 */
    void *pool;          /* the data pool: pool_bytes of the program's memory, whole pages; NULL:
                            libblk maps it */
    size_t pool_bytes;   /* 0: 1 MiB */
    size_t retain_bytes; /* limit of retained writes; 0: 4 MiB; BLK_RETAIN_NONE */
    unsigned notify_bit; /* first of two own notification bits that libblk may use */
    uint64_t timeout_us; /* of one request in one driver instance; 0: 5 s */
    unsigned hart;       /* 1 + the hart whose queue of the disk is to be used; 0: any */
};

/* Opens "vda", "vda1". Waits for the driver up to timeout_us. ENOENT, EBUSY, EROFS, EGIVENUP ... */
int blk_open(struct blk_client **client, const char *name,
             const struct blk_client_options *options);
/* Flushes if written to, detaches and frees. The flush's error is returned; all is freed anyway. */
int blk_close(struct blk_client *client);

/* What the disk is, as far as is known: capacity and cache mode may change while it is open. */
const struct blk_info *blk_client_info(const struct blk_client *client);
/* Whether that has changed since the last time this was asked (or since opening). Never waits for a
 * change; to be asked when notify_bit + 1 was rung, or from time to time. Requests beyond a new end
 * get ERANGE; those that the driver has keep their own result. */
bool blk_client_changed(struct blk_client *client);
/* Chooses the disk's write cache mode, for every client: 0 when what was answered before is durable;
 * EPERM unless the whole disk was opened for writing, ENOSYS if the disk has no choice. It is chosen
 * again when a new driver comes. */
int blk_client_cache_mode(struct blk_client *client, enum blk_cache_mode mode);
/* The pool that requests' buffers lie in. */
void *blk_client_pool(struct blk_client *client, size_t *len);

enum blk_op { BLK_OP_READ, BLK_OP_WRITE, BLK_OP_FLUSH, BLK_OP_DISCARD, BLK_OP_WRITE_ZEROES };

struct blk_io {
    enum blk_op op;
    uint32_t flags; /* BLK_FUA, BLK_UNMAP */
    uint64_t sector;
    size_t pool_offset; /* READ, WRITE: where in the pool the data is */
    size_t len_bytes;   /* up to max_request_bytes: the caller splits */
    uint64_t tag;       /* the caller's, given back with the completion */
};

struct blk_completion {
    uint64_t tag;
    int status;     /* 0 or -error */
    uint64_t epoch; /* which it was answered in: each recovery begins another one */
};

/* Queues a request. -EAGAIN: depth reached, reap first. The data of a write must stay unchanged until
 * its completion. */
int blk_submit(struct blk_client *client, const struct blk_io *io);
/* Publishes what was queued and returns up to max completions, waiting until there are at least min
 * (or nothing is in flight). Recovers as needed meanwhile. Returns how many. */
int blk_reap(struct blk_client *client, struct blk_completion *completions, unsigned max,
             unsigned min);

/* Synchronous conveniences over the same path; buffer may lie anywhere (one copy unless it lies in
 * the pool), any length that is a multiple of the block size. */
int blk_read(struct blk_client *client, uint64_t sector, void *buffer, size_t len);
int blk_write(struct blk_client *client, uint64_t sector, const void *buffer, size_t len);
int blk_flush(struct blk_client *client);

/*
 * ---- for a service, which waits in its own loop ----
 *
 * Nothing here waits for a driver longer than a call to it may take, 0.1 s. Requests may be submitted
 * when the first instance is there, and are answered when some instance did them; they fail when there
 * has been none for 30 s, or BLK_CLIENT_TRIES in turn have died over them, and later ones fail until
 * there is one again. The waiting calls above are not for such a client.
 *
 * The loop calls blk_notified() with its notification bits, blk_step() and blk_arm() before it waits,
 * blk_deadline() for its timer.
 */
int blk_begin(struct blk_client **client, const char *name,
              const struct blk_client_options *options);
/* Detaches and frees, flushes nothing; requests come to nothing. The pool is left to who gave it: pages
 * of it that a device may still reach are pinned. */
void blk_end(struct blk_client *client);
/* 0: there is a driver. Else what has become of the last try to find one: EAGAIN (on its way back),
 * ENOENT, EBUSY (a writer has it open), EROFS, EGIVENUP ... Tries go on. */
int blk_status(const struct blk_client *client);
/* One round: publishes what was queued, takes what is answered, goes on with a recovery. */
void blk_step(struct blk_client *client);
/* The next requests that are finished. Returns how many. */
unsigned blk_take(struct blk_client *client, struct blk_completion *completions, unsigned max);
/* Before a wait: true if there is something already, and another step is due. */
bool blk_arm(struct blk_client *client);
/* When to call blk_step() at the latest; DEADLINE_NEVER. */
uint64_t blk_deadline(const struct blk_client *client);
/* Bits that were rung; others than its own don't matter. */
void blk_notified(struct blk_client *client, uint64_t bits);

struct blk_client_stats {
    uint64_t epochs; /* driver instances used */
    uint64_t recoveries;
    uint64_t replayed; /* requests submitted again */
    uint64_t retained_bytes_now, retained_bytes_max;
    uint64_t own_flushes; /* because of the retain limit */
    uint64_t longest_recovery_ticks;
};
void blk_client_stats(const struct blk_client *client, struct blk_client_stats *stats);

#endif
