/*
 * Virtqueues, driver side. One interface for all ring formats: add buffers, kick once for a batch,
 * take what the device has used, arm the next interrupt. Split rings are in split.c.
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

/* Private state of a buffer in flight, indexed by ring slot. Memory is given by the queue's owner. */
struct virtq_chain {
    uint32_t writable_bytes;
    uint32_t batch;       /* of the kick that shows it to the device */
    uint16_t descriptors; /* ring slots that it takes; 0: not the head of a buffer in flight */
    uint16_t next;        /* next slot of the chain or of the free list */
    uint16_t token;
};

/* What virtq_take returns. */
struct virtq_used {
    uint16_t token;     /* as given to virtq_add */
    uint32_t len_bytes; /* written by the device, as it says: at most what it could write */
};

struct virtq;

/* A ring format. Arguments were checked by virtq.c; a queue that is broken gets here no more. */
struct virtq_format {
    uint64_t (*memory_len)(uint16_t size);
    void (*init)(struct virtq *queue, const struct dma_memory *memory,
                 struct virtq_addresses *addresses);
    void (*add)(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
                unsigned writable, const struct virtq_table *table, uint16_t token);
    /* Shows what was added; true: the device asks to be notified. */
    bool (*publish)(struct virtq *queue);
    int (*take)(struct virtq *queue, struct virtq_used *used);
    int (*arm)(struct virtq *queue, uint16_t after);
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

struct virtq {
    const struct virtq_format *format;
    struct virtio_transport *transport;
    struct virtq_chain *chains;
    uint16_t index; /* of the queue in the device */
    uint16_t size;
    uint16_t free_slots;
    uint16_t free_head;
    uint16_t shown;   /* buffers that the device has and hasn't used */
    uint16_t added;   /* buffers added since the last kick */
    uint32_t batch;   /* the number of the next kick */
    bool event_index; /* VIRTIO_F_EVENT_IDX was negotiated */
    bool indirect;    /* VIRTIO_F_INDIRECT_DESC was negotiated */
    bool broken;
    union {
        struct virtq_split split;
    };
};

extern const struct virtq_format virtq_split_format;
/* ... in the layout that legacy devices find by themselves, given the first page of it. */
extern const struct virtq_format virtq_split_legacy_format;

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
 */
int virtq_arm(struct virtq *queue, uint16_t after) __attribute__((warn_unused_result));

/* Whether each buffer takes one slot, given a table. */
static inline bool virtq_has_indirect(const struct virtq *queue)
{
    return queue->indirect;
}

#endif
