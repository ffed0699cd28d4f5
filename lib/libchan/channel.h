/*
 * Channels: two single-producer single-consumer rings of 64-byte messages in a shared region, one
 * for requests (client to server), one for replies. Design section 7.
 *
 * Neither side trusts the other: each keeps private copies of its own indices and of the size, and
 * reads each foreign index once. What is impossible (an index further than the ring holds) breaks the
 * channel: the call returns -ANOLE_EPROTO and from then on always does.
 *
 * Doorbells are suppressed while the other side is awake: the consumer publishes in `event` the index
 * whose production it wants to be rung for; the producer publishes its index, fences fully, then
 * looks at `event`. The consumer that is about to sleep publishes `event`, fences fully, then looks
 * at the index once more (channel_arm says whether it may sleep).
 *
 * This file's code has no dependence on the kernel: the caller rings doorbells when told so.
 */
#ifndef LIBCHAN_CHANNEL_H
#define LIBCHAN_CHANNEL_H

#include <anole/message.h>
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_ENTRIES_MIN 4u
#define CHANNEL_ENTRIES_MAX 1024u

/* Indices run freely through 32 bits; the slot is index mod entries. */
struct channel_ring_header {
    _Alignas(64) _Atomic uint32_t produced; /* written by the producer */
    _Alignas(64) _Atomic uint32_t consumed; /* written by the consumer */
    _Atomic uint32_t event;                 /* written by the consumer: ring me when produced
                                               passes this */
};

/* The region: two headers, then the request ring's slots, then the reply ring's. */
struct channel_shared {
    struct channel_ring_header requests;
    struct channel_ring_header replies;
    struct message slots[];
};

struct channel_ring {
    struct channel_ring_header *header;
    struct message *slots;
    uint32_t entries; /* a power of two */
    uint32_t index;   /* my own: produced or consumed */
    uint32_t flushed; /* producer: what the last publish had shown */
    bool broken;
};

/* One side's view. */
struct channel {
    struct channel_ring send;
    struct channel_ring receive;
};

enum channel_side { CHANNEL_CLIENT, CHANNEL_SERVER };

/* Bytes of the region for a channel with that many entries in each ring. */
size_t channel_size(uint32_t entries);
/* Sets one side's view up over memory of len bytes. The client calls it first, over zeroed memory.
 * -EINVAL: entries is not a power of two within the limits, or len too small. */
int channel_init(struct channel *channel, enum channel_side side, void *memory, size_t len,
                 uint32_t entries);

/* Puts a message into the ring; not yet visible. -EAGAIN: full. -EPROTO: broken. */
int channel_put(struct channel *channel, const struct message *message);
/* Makes visible what was put. 1: the peer's doorbell must be rung, 0: it needn't, -EPROTO. */
int channel_publish(struct channel *channel);
/* Takes the next message, copied out once. 1: taken, 0: none, -EPROTO. */
int channel_take(struct channel *channel, struct message *message);
/* Asks to be rung for the next message. 1: something is there already (don't sleep), 0: sleep,
 * -EPROTO. */
int channel_arm(struct channel *channel);
/* How many messages fit now; -EPROTO. */
int channel_room(struct channel *channel);
/* Ends it for both: I show the peer an index that can't be, so that its next look breaks the channel
 * there. For a side that found it broken and wants the peer to know; the caller rings. */
void channel_shut(struct channel *channel);

#endif
