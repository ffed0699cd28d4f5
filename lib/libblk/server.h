/*
 * libblk, driver side: everything of a block driver that isn't its device. It serves the protocol of
 * <proto/blk.h> by messages and channels, validates it, keeps sessions and partitions, maps clients'
 * memory for DMA, shares the device fairly among clients and watches over deadlines. A driver brings
 * a struct blk_device and calls blk_server_start() and blk_server_run(). One disk a process; if it
 * takes requests in several queues, each has a struct blk_device and a thread.
 *
 * The device may be anything that moves bytes between sectors and device addresses.
 */
#ifndef LIBBLK_SERVER_H
#define LIBBLK_SERVER_H

#include <anole/handle.h>
#include <libanole/service.h>
#include <proto/blk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Largest READ or WRITE that any device is given out with; what one DMA_MAP can always pin. */
#define BLK_REQUEST_BYTES_MAX (512u * 1024u)
/* Segments of one piece, at most. */
#define BLK_PIECE_SEGMENTS_MAX 64u

/* Own notification bits below are the server's; the device's start here. */
#define BLK_DEVICE_BIT 8u

#define BLK_QUEUES 8u /* at most, of a disk: one a hart */

/* One thing for the device to do: a request of a client or a part of one. */
struct blk_piece {
    uint32_t type;   /* BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES, BLK_IDENTIFY
                        (once, at start: `bytes` of serial number into the segment) */
    uint16_t token;  /* to be given back to blk_server_done() */
    bool unmap;      /* WRITE_ZEROES: may deallocate (with BLK_INFO_ZEROES_UNMAP only) */
    uint64_t sector; /* of the disk */
    uint64_t bytes;
    const struct dma_segment *segments; /* together `bytes`; valid during submit */
    unsigned segment_count;             /* at most max_segments */
};

struct blk_device;

struct blk_device_ops {
    /* How many pieces can be submitted now, whatever they look like. */
    unsigned (*room)(struct blk_device *device);
    /* Takes a piece; room() was not 0. The device needn't see it before kick(). */
    void (*submit)(struct blk_device *device, const struct blk_piece *piece);
    void (*kick)(struct blk_device *device);
    /* Calls blk_server_done() for all that is finished. */
    void (*reap)(struct blk_device *device);
    /* Before a wait: asks for an interrupt after that many more completions (at least 1). True: they
     * are there already, reap. */
    bool (*arm)(struct blk_device *device, unsigned after);
    /* Notification bits from BLK_DEVICE_BIT on. Reaping follows by itself. */
    void (*notified)(struct blk_device *device, uint64_t bits);
    /* Looks whether the device is sound; called every BLK_POLL_US while something is in flight. */
    void (*check)(struct blk_device *device);
    /* Sleeps until the device's next interrupt or the deadline; may return early. */
    void (*wait)(struct blk_device *device, uint64_t deadline_ticks);
    /* A request's deadline passed inside the device: ends the process as DEATH_DEVICE_RESET. */
    void (*stuck)(struct blk_device *device);
    /* Chooses the write cache's mode (with BLK_INFO_CACHE_MODES only). What was written before isn't
     * durable by that. */
    void (*set_write_back)(struct blk_device *device, bool write_back);
    /* On the thread of one more queue, before it serves: 0, or why it can't. */
    int (*enter)(struct blk_device *device);
    /* Makes the device quiet at the end of the process. */
    void (*quiesce)(struct blk_device *device);
};

/*
 * One queue of a disk, used by one thread. The first is filled in by the driver before
 * blk_server_start; whatever it says is clamped to what makes sense. Others are copies of it from
 * then on, with stats of their own.
 */
struct blk_device {
    const struct blk_device_ops *ops;
    const char *name; /* "vda", for the log */
    uint64_t capacity_sectors;
    uint32_t flags; /* BLK_INFO_* */
    uint32_t logical_block_bytes;
    uint32_t physical_block_bytes;
    uint32_t alignment_bytes;
    uint32_t minimum_io_bytes;
    uint32_t optimal_io_bytes;
    uint32_t cylinders, heads, track_sectors;
    uint32_t max_segments;        /* of a piece: 1..BLK_PIECE_SEGMENTS_MAX */
    uint32_t max_segment_bytes;   /* of each */
    uint32_t max_in_flight;       /* pieces */
    uint64_t max_discard_sectors; /* of a piece */
    uint64_t max_zeroes_sectors;  /* likewise */
    uint32_t discard_alignment_sectors;
    char serial[20];        /* asked for at start */
    struct blk_stats stats; /* the driver counts kicks, kicks_suppressed, (spurious_)interrupts */
};

/*
 * How often the server looks at the device by itself while something is in flight. A deadline is
 * noticed that late at most; and it is what a lost interrupt costs.
 */
#define BLK_POLL_US 100000u
/* Requests without a deadline get this many looks. */
#define BLK_DEFAULT_POLLS 100u
/* A request that entered the device fewer looks ago doesn't make the device stuck: no client can
 * have it reset by asking for the impossible. */
#define BLK_PATIENCE_POLLS 10u

/*
 * Takes the device over and reads its partition tables, through len bytes (a multiple of 4096, at
 * least 4096) of memory that the device reaches. Tables that can't be read or are nonsense give a
 * disk without partitions and a line in the log.
 */
void blk_server_start(struct blk_device *device, void *buffer, uint64_t buffer_device_address,
                      size_t len);
/*
 * Starts the threads of more queues (devices[0], ... are those beyond the first), each pinned to a
 * hart: the first, which is the caller's, to hart 0, the next to hart 1. process: the caller's own;
 * count: of queues with the first, at most BLK_QUEUES. Returns how many serve; one that doesn't is
 * said in the log.
 */
unsigned blk_server_queues_start(endpoint_t process, struct blk_device *const *devices,
                                 unsigned count);
/* Serves for ever. The driver has made itself known before. */
_Noreturn void blk_server_run(void);
/* A piece is finished: status 0 or a negated error. Called from ops->reap only. */
void blk_server_done(struct blk_device *device, uint16_t token, int status);
/* The disk has another size now: partitions beyond its end shrink, clients are told. */
void blk_server_resized(struct blk_device *device, uint64_t capacity_sectors);

#endif
