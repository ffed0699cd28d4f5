/*
 * The device's ring, split or packed: libvirtio's from the device's end, with the file descriptors by
 * which QEMU and the device ring each other. What is answered, and how wrongly, is the caller's choice.
 */
#ifndef VHOST_RING_H
#define VHOST_RING_H

#include "memory.h"

#include <libvirtio/device/queue.h>

#define RING_SIZE_MAX 1024u
#define CHAIN_SEGMENTS_MAX 256u

/* It may not be moved: one part points to the other. */
struct chain {
    struct vdev_chain buffer;
    struct vdev_segment segment[CHAIN_SEGMENTS_MAX];
};

static inline unsigned chain_segments(const struct chain *chain)
{
    return chain->buffer.readable + chain->buffer.writable;
}

/* Where QEMU says that the parts are; addresses are QEMU's own. */
struct ring_addresses {
    uint64_t descriptors, available, used;
};

struct ring {
    struct vdev_host host;
    const struct memory *memory;
    struct vdev_queue queue;
    struct feature_set features; /* accepted by the driver */
    struct ring_addresses parts; /* of the queue when it is started */
    uint32_t base;               /* where it goes on, as QEMU has it */
    bool enabled;
    int kick_fd, call_fd;
    uint32_t in_use[VDEV_QUEUE_WORDS(RING_SIZE_MAX)];
    bool in_flight[RING_SIZE_MAX]; /* ids */
};

/* One used element, and how it is shown. */
struct ring_answer {
    uint32_t id;
    uint32_t len;
    unsigned copies;     /* of the element: 1 */
    uint16_t index_jump; /* how much further than that the used index goes: 0 */
    unsigned interrupts; /* 1: if the driver wants one; more: so many in any case */
};

void ring_init(struct ring *ring, const struct memory *memory);
/* 0, or -1: no such size, or parts outside of memory. */
int ring_place(struct ring *ring);
bool ring_runs(const struct ring *ring);
/* Takes the next buffer. 1: taken, 0: there is none, -1: the driver broke the ring (said). */
int ring_take(struct ring *ring, struct chain *chain);
/* Overwrites what the driver has written to offer the chain that was taken last: its place in the
 * available ring, its descriptors, an indirect table. */
void ring_scribble(struct ring *ring, const struct chain *chain);
/* Answers a chain; NULL: one that this life of the ring hasn't seen. */
void ring_answer(struct ring *ring, const struct chain *chain, const struct ring_answer *answer);
/* The same in two steps, for answers that are right: the chain is used, of which so many bytes were
 * written; the driver sees it, with those before it, when it is shown. */
void ring_use(struct ring *ring, const struct chain *chain, uint32_t len_bytes);
void ring_show(struct ring *ring);
/* How far it is, as QEMU wants to know and tells again. */
uint32_t ring_base(const struct ring *ring);
/* Stopped: nothing is in flight any more, parts, size and indices are forgotten. */
void ring_stop(struct ring *ring);

#endif
