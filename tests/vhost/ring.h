/*
 * A split virtqueue from the device's side (virtio 1.4, 2.7), with indirect descriptors and
 * EVENT_IDX. What is answered, and how wrongly, is the caller's choice.
 */
#ifndef VHOST_RING_H
#define VHOST_RING_H

#include "memory.h"

#include <stdbool.h>

#define RING_SIZE_MAX 1024u
#define CHAIN_SEGMENTS_MAX 256u

struct chain_segment {
    uint64_t guest_address;
    uint32_t len;
    bool writable; /* by the device */
};

struct chain {
    uint16_t head;
    unsigned count;
    struct chain_segment segment[CHAIN_SEGMENTS_MAX];
};

struct ring_descriptor {
    uint64_t address;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

/* Where QEMU says that the parts are; addresses are QEMU's own. */
struct ring_addresses {
    uint64_t descriptors, available, used;
};

struct ring {
    uint16_t size;
    uint16_t next_available;
    uint16_t used_index;
    bool event_index;
    bool enabled;
    bool broken; /* by the driver */
    int kick_fd, call_fd;
    struct ring_descriptor *descriptors; /* NULL: no addresses yet */
    uint16_t *available;                 /* flags, index, ring[size], used_event */
    uint8_t *used;                       /* flags, index, {id, len}[size], avail_event */
    bool in_flight[RING_SIZE_MAX];       /* heads */
};

/* One used element, and how it is shown. */
struct ring_answer {
    uint32_t id;
    uint32_t len;
    unsigned copies;     /* of the element: 1 */
    uint16_t index_jump; /* how much further than that the used index goes: 0 */
    unsigned interrupts; /* 1: if the driver wants one; more: so many in any case */
};

/* 0, or -1: no such size, or parts outside of memory. */
int ring_place(struct ring *ring, const struct memory *memory, const struct ring_addresses *at);
bool ring_runs(const struct ring *ring);
/* Takes the next buffer. 1: taken, 0: there is none, -1: the driver broke the ring. */
int ring_take(struct ring *ring, const struct memory *memory, struct chain *chain);
/* Overwrites what the driver has written to offer a chain: its place in the available ring, all its
 * descriptors, an indirect table. */
void ring_scribble(struct ring *ring, const struct memory *memory, const struct chain *chain);
void ring_answer(struct ring *ring, const struct ring_answer *answer);
/* Stopped: nothing is in flight any more, parts and index are forgotten. */
void ring_stop(struct ring *ring);

#endif
