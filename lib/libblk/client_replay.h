/*
 * What a block client must remember so that its driver may die at any moment: the requests that are
 * not answered, in submission order, and the writes that are answered but not yet flushed.
 *
 * Pure bookkeeping: no kernel, no channel, no clock. The client asks replay_next() what may be sent
 * now, tells replay_answered() what came back, and replay_new_epoch() when a new driver instance has
 * taken over (or the old one was left with nothing in flight).
 *
 * The rules (design section 6):
 *  1. Overlapping requests are never in flight together, unless all of them read. A request waits
 *     for every earlier one that it overlaps; others may pass it.
 *  2. In a new epoch the retained writes go first, in the order of their answers. Nothing else is
 *     sent before all of them are answered. Then the unanswered requests go, in submission order.
 *  3. A write is retained from its answer on, with a copy of its data, until a flush that was sent
 *     after that answer is acknowledged in the same epoch. Durable ones (BLK_FUA) are not retained.
 *  4. A write is sent only if its copy will find room when the answer comes; if there is none, a
 *     flush of this module's own makes room. One that could never find room is sent with BLK_FUA.
 *
 * A retained write that the new instance refuses can't be told to its submitter any more: the next
 * flush that the program asks for fails with that error, once.
 */
#ifndef LIBBLK_CLIENT_REPLAY_H
#define LIBBLK_CLIENT_REPLAY_H

#include <libblk/client.h>
#include <libblk/client_retained.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests beyond the program's depth, for the synchronous calls and the own flush. */
#define REPLAY_SYNC_SLOTS 4u
#define REPLAY_OWN_SLOTS 1u
#define REPLAY_DEPTH_MAX 1000u
#define REPLAY_NONE UINT32_MAX

enum replay_owner {
    REPLAY_PROGRAM, /* blk_submit() */
    REPLAY_SYNC,    /* blk_read() and its like */
    REPLAY_OWN,     /* a flush to make room: nobody waits for it */
    REPLAY_OWNERS,
};

struct replay_list {
    uint32_t first, last; /* slots, or REPLAY_NONE */
};

struct replay_request {
    struct blk_io io;
    uint64_t sequence; /* of submission */
    uint64_t sent_ticks;
    struct retained_mark mark; /* FLUSH in flight: what is retained before goes with its answer */
    uint32_t id;               /* while in flight: a late or second answer doesn't match */
    uint32_t next, previous;
    int status;
    uint64_t epoch; /* finished: which one that was in */
    bool flying;
    bool retain; /* in flight: room is reserved for it */
};

struct replay_options {
    uint32_t depth;        /* requests of the program, 1..REPLAY_DEPTH_MAX */
    uint8_t *pool;         /* where the data of requests lies */
    uint8_t *copies;       /* memory for retained writes; NULL: nothing is retained */
    size_t copies_bytes;   /* a multiple of the logical block size */
    uint32_t retained_max; /* entries */
};

struct replay {
    uint8_t *pool;
    struct replay_request *requests; /* the program's slots, the synchronous ones, the own one */
    uint32_t depth;
    uint32_t slots;
    struct replay_list free[REPLAY_OWNERS];
    struct replay_list done[REPLAY_OWNERS]; /* by time of completion */
    struct replay_list queued;              /* by sequence */
    struct replay_list flying;              /* by time of sending: the first is the oldest */
    uint32_t flying_count;
    uint64_t sequence;
    uint32_t serial; /* part of ids */
    struct retained retained;
    int lost_error; /* a retained write was refused: the next flush tells it */
    uint64_t replayed, own_flushes;
    uint64_t epoch;
};

/* What is to be sent to the driver. */
struct replay_send {
    uint32_t id;
    enum blk_op op;
    uint32_t flags; /* BLK_FUA, BLK_UNMAP */
    uint64_t sector;
    size_t len_bytes;
    bool from_copies; /* offset is into the copies' memory, else into the pool */
    size_t offset;
};

/* Allocates its tables; pool and copies stay the caller's. 0, -EINVAL (depth), -ENOMEM. */
int replay_init(struct replay *replay, const struct replay_options *options);
void replay_free(struct replay *replay);

/* Queues a request that the caller has validated. -EAGAIN: all slots of that owner are taken. */
int replay_submit(struct replay *replay, const struct blk_io *io, enum replay_owner owner);
/* Anything to be sent now? true: *send says what, and it counts as in flight from now_ticks on. At
 * most replay->slots requests are in flight together. */
bool replay_next(struct replay *replay, struct replay_send *send, uint64_t now_ticks);
/* The driver's answer: 0 or -error; -EBUSY puts the request back for a later try. -EPROTO: no such
 * request is in flight. */
int replay_answered(struct replay *replay, uint32_t id, int status);
bool replay_has_done(const struct replay *replay, enum replay_owner owner);
/* Takes the request of that owner that was finished first. */
bool replay_take(struct replay *replay, enum replay_owner owner, struct blk_completion *completion);

/* Another driver instance, or the same one with nothing of ours in flight: all that isn't answered is
 * to be sent again, after the retained writes. */
void replay_new_epoch(struct replay *replay);
/* The end: every request that isn't finished is finished with that error. */
void replay_fail(struct replay *replay, int error);

/* Is any request neither free nor finished? */
bool replay_busy(const struct replay *replay);
/* Sent and not answered. */
unsigned replay_in_flight(const struct replay *replay);
/* When the oldest request in flight was sent; UINT64_MAX: none is in flight. */
uint64_t replay_oldest_sent(const struct replay *replay);

#endif
