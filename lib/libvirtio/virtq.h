/*
 * Virtqueues, driver side. One interface for all ring formats: add buffers, kick once for a batch,
 * take what the device has used, arm the next interrupt. Split rings are in split.c, packed ones in
 * packed.c, what both share in virtq.c and chain.h.
 *
 * The device is not trusted. What it must not decide is kept in private memory and never read back
 * from the rings; each used element is read once and checked against what is in flight. The first
 * impossible thing breaks the queue: from then on every call returns -EPROTO, and only a reset of the
 * device helps.
 *
 * A queue belongs to one thread.
 */
#ifndef LIBVIRTIO_VIRTQ_H
#define LIBVIRTIO_VIRTQ_H

#include <libvirtio/transport.h>
#include <stdbool.h>
#include <stdint.h>

/* One contiguous piece of a buffer. */
struct virtq_segment {
    uint64_t device_address;
    uint32_t len_bytes; /* not 0 */
};

#define VIRTQ_DESCRIPTOR_SIZE 16u

/* Memory for one buffer's indirect descriptors (virtio 1.4, 2.7.5.3), 16-aligned, the caller's: it
 * must stay as it is while the buffer is in flight. */
struct virtq_table {
    void *address;
    uint64_t device_address;
    uint16_t entries;
};

/* Private state of a buffer in flight, by its id. Memory is given by the queue's owner. */
struct virtq_chain {
    uint32_t writable_bytes;
    uint32_t order;       /* counts buffers as they are added */
    uint32_t added_ms;    /* the queue's time then */
    uint16_t descriptors; /* ring slots that it takes; 0: not the id of a buffer in flight */
    uint16_t next;        /* next id of the chain or of the free list */
    uint16_t token;
};

/* What virtq_take returns. */
struct virtq_used {
    uint16_t token;     /* as given to virtq_add */
    uint32_t len_bytes; /* written by the device, as it says: at most what it could write */
};

struct virtq;
struct virtq_state;

/* A ring format. Arguments were checked by virtq.c; a queue that is broken gets here no more. */
struct virtq_format {
    const char *name;
    bool any_size; /* else powers of two alone */
    uint64_t (*memory_len)(uint16_t size);
    void (*init)(struct virtq *queue, const struct dma_memory *memory,
                 struct virtq_addresses *addresses);
    /* Fills in a buffer's descriptors. Its chain is that of the free list's head, where all but what
     * it takes of the ring is recorded already. */
    void (*add)(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
                unsigned count, const struct virtq_table *table);
    /* Shows what was added; true: the device asks to be notified. */
    bool (*publish)(struct virtq *queue);
    int (*take)(struct virtq *queue, struct virtq_used *used);
    int (*arm)(struct virtq *queue, uint16_t after);
    void (*disarm)(struct virtq *queue);
    void (*describe)(const struct virtq *queue, struct virtq_state *state);
};

/* Split rings (virtio 1.4, 2.7): the shared parts and the private indices. */
struct virtq_split {
    struct split_descriptor *descriptors;
    struct split_available *available;
    struct split_used *used;
    _Atomic uint16_t *used_event;  /* in the available ring's tail: ours to write */
    _Atomic uint16_t *avail_event; /* in the used ring's tail: the device's */
    uint16_t available_index;      /* where the next chain goes */
    uint16_t shown_index;          /* what the device was shown */
    uint16_t used_index;           /* the next used element to take */
};

/* Packed rings (virtio 1.4, 2.8): the shared parts and the private positions. */
struct virtq_packed {
    struct packed_descriptor *ring;
    struct packed_event *driver_event; /* ours to write */
    struct packed_event *device_event; /* the device's */
    uint16_t available;                /* the next slot to fill in */
    uint16_t used;                     /* where the next used element will be */
    bool available_wrap;               /* the wrap counters that go with them */
    bool used_wrap;
    uint16_t batch_first; /* what was added since the last kick: its first slot, */
    uint16_t batch_flags; /* the flags to go there, */
    uint16_t batch_slots; /* and how many slots it is */
    uint16_t longest;     /* slots of the longest chain since the ring was empty */
};

struct virtq {
    const struct virtq_format *format;
    struct virtio_transport *transport;
    struct virtq_chain *chains;
    uint16_t index; /* of the queue in the device */
    uint16_t size;
    uint16_t free_slots;
    uint16_t free_head;
    uint16_t shown;         /* buffers that the device has and hasn't used */
    uint16_t added;         /* buffers added since the last kick */
    uint16_t position;      /* next_off and next_wrap of the last kick (virtio 1.4, 2.9) */
    uint16_t oldest;        /* IN_ORDER: the id of the oldest buffer in flight, */
    uint16_t run_left;      /* how many buffers of a used element are still to be returned, */
    uint32_t run_len_bytes; /* and the length that goes with the last of them */
    uint32_t order;         /* of the next buffer */
    uint32_t now_ms;        /* the owner's time */
    bool event_index;       /* VIRTIO_F_EVENT_IDX was negotiated */
    bool indirect;          /* VIRTIO_F_INDIRECT_DESC was negotiated */
    bool in_order;          /* VIRTIO_F_IN_ORDER was negotiated */
    bool notification_data; /* VIRTIO_F_NOTIFICATION_DATA was negotiated */
    bool legacy;            /* a legacy device */
    bool broken;
    union {
        struct virtq_split split;
        struct virtq_packed packed;
    };
    struct dma_memory memory;
};

extern const struct virtq_format virtq_split_format;
/* ... in the layout that legacy devices find by themselves, given the first page of it. */
extern const struct virtq_format virtq_split_legacy_format;
extern const struct virtq_format virtq_packed_format;

/* The format that goes with these features on this transport. */
const struct virtq_format *virtq_format_for(const struct virtio_transport *transport,
                                            struct feature_set features);

/* The largest size of such a queue that is at most the limit, which is 1..32768. */
uint16_t virtq_size_below(const struct virtq_format *format, unsigned limit);

/*
 * Prepares a queue of that size (of a device that isn't live) in memory of format->memory_len(size)
 * bytes, zeroed and page-aligned. chains: size elements, private memory that lives as long as the
 * queue. Fills in where the parts are.
 */
void virtq_init(struct virtq *queue, const struct virtq_format *format,
                struct virtio_transport *transport, uint16_t index, uint16_t size,
                struct feature_set features, const struct dma_memory *memory,
                struct virtq_chain *chains, struct virtq_addresses *addresses);

/*
 * Adds a buffer: first the readable segments, then the writable ones (virtio 1.4, 2.6.4.2). With a
 * table, if indirect descriptors were negotiated and it is large enough, the buffer takes one slot.
 * The device isn't told before virtq_kick. The token comes back from virtq_take.
 *
 * 0; -EAGAIN: not enough free slots now; -EINVAL: no segment, an empty one, more segments than the
 * queue has slots, more than 2^32 - 1 bytes; -EPROTO: broken.
 */
int virtq_add(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
              unsigned writable, const struct virtq_table *table, uint16_t token)
    __attribute__((warn_unused_result));

/*
 * Shows the device all that was added since the last kick, and notifies it if it asked for that
 * anywhere in this batch. 1: notified, 0: needn't be, -EPROTO: broken.
 */
int virtq_kick(struct virtq *queue) __attribute__((warn_unused_result));

/* Takes the next used buffer. 1: taken, 0: none, -EPROTO: broken. */
int virtq_take(struct virtq *queue, struct virtq_used *used) __attribute__((warn_unused_result));

/*
 * Asks for an interrupt when `after` more buffers are used (at least 1, at most what is in flight;
 * without EVENT_IDX: 1). 1: that many are already there, take them, no interrupt will come for them;
 * 0: the interrupt will come; -EPROTO: broken.
 *
 * Packed rings know slots, not buffers: unless each buffer takes one slot, the interrupt may come
 * earlier, or as late as when so many of the buffers in flight now are used.
 */
int virtq_arm(struct virtq *queue, uint16_t after) __attribute__((warn_unused_result));

/*
 * Asks for no interrupts until the next virtq_arm: the owner is awake and looks by itself. A hint; the
 * device may interrupt all the same.
 */
void virtq_disarm(struct virtq *queue);

/*
 * Takes one queue back from the device (VIRTIO_F_RING_RESET, virtio 1.4, 2.6.1) and returns it to its
 * initial state, broken or not. `lost` gets the token of each buffer that was in flight, in no order:
 * their memory is the owner's again. The device has forgotten them, and whatever it did for them and
 * didn't say is unknown. So it is for queues alone whose buffers may be given anew or given up, and
 * whose used buffers have nothing outstanding that a reset could take back: no acknowledged write that
 * waits for a flush.
 *
 * 0 with the addresses for the transport's queue_enable, which the caller does as at first (virtio
 * 1.4, 2.6.1.2; with its vector); -ENOSYS: the transport can't; -ETIMEDOUT: the device doesn't. Then
 * the queue is broken, and the buffers stay in flight until the device is reset.
 */
int virtq_reset(struct virtq *queue, void (*lost)(void *context, uint16_t token), void *context,
                struct virtq_addresses *addresses) __attribute__((warn_unused_result));

/* Tells the queue the time, as often as its owner likes: buffers are as old as what they were added
 * with. Any clock of milliseconds that goes round after 2^32. */
static inline void virtq_set_time(struct virtq *queue, uint32_t now_ms)
{
    queue->now_ms = now_ms;
}

/* What a queue looks like, for dumps. Positions are indices of a split ring, slots and wrap counters
 * (bit 15) of a packed one. */
struct virtq_state {
    uint16_t index;
    uint16_t size;
    uint16_t in_flight;    /* buffers that the device has */
    uint16_t added;        /* buffers that it will have with the next kick */
    uint16_t free_slots;   /* ring slots */
    uint16_t available;    /* the driver's position */
    uint16_t used;         /* up to where it has taken used buffers */
    uint32_t driver_event; /* as it lies in memory: used_event, or the whole event structure */
    uint32_t device_event; /* avail_event likewise: the device's word, not to be relied on */
    uint32_t oldest_ms;    /* age of the oldest buffer of both, 0: none */
    bool broken;
};

/* now_ms: of the clock of virtq_set_time. Another thread than the owner's sees values of different
 * moments. */
void virtq_describe(const struct virtq *queue, uint32_t now_ms, struct virtq_state *state);

/* Whether each buffer takes one slot, given a table. */
static inline bool virtq_has_indirect(const struct virtq *queue)
{
    return queue->indirect;
}

#endif
