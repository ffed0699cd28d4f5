/*
 * Virtqueues from the device's end, split and packed: take what the driver made available, use it,
 * publish what was used, sleep until the next notification.
 *
 * The driver is not trusted. Each shared value is read once, each address goes through the host's
 * translation, and no loop is longer than the queue. The first impossible thing breaks the queue: it
 * gives nothing more until it is reset. Memory is the owner's: the size of nothing is fixed here.
 *
 * A queue belongs to one thread at a time; two queues of a device may have two.
 */
#ifndef LIBVIRTIO_DEVICE_QUEUE_H
#define LIBVIRTIO_DEVICE_QUEUE_H

#include <libvirtio/device/host.h>
#include <libvirtio/packed.h>
#include <libvirtio/split.h>
#include <libvirtio/transport.h>
#include <stddef.h>

/* One piece of a buffer, where it lies. */
struct vdev_segment {
    uint8_t *data; /* NULL if it is empty: the specification doesn't say that none is */
    uint32_t len_bytes;
};

/* A buffer that the driver made available. */
struct vdev_chain {
    struct vdev_segment *segments; /* the owner's; those to read first, then those to write */
    unsigned capacity;             /* a chain has as many as the queue is long, at most */
    unsigned readable, writable;
    uint64_t readable_bytes, writable_bytes; /* 2^32 together, at most */
    uint16_t id;                             /* split: its head; packed: the driver's name for it */
    uint16_t slots;                          /* how far the ring goes on behind it */
};

struct vdev_queue;

/* A ring format. Of a queue that runs. */
struct vdev_ring {
    /* Finds the parts. NULL, or what is wrong with them. */
    const char *(*start)(struct vdev_queue *queue);
    /* 1, 0: nothing there, -1 with *what: the driver can't mean that. */
    int (*take)(struct vdev_queue *queue, struct vdev_chain *chain, const char **what);
    /* The driver may see that buffer again once it was published. */
    void (*release)(struct vdev_queue *queue, const struct vdev_chain *chain);
    /* Writes a used element, behind which the ring goes on `slots` further. */
    void (*put)(struct vdev_queue *queue, uint16_t id, uint32_t len_bytes, unsigned slots);
    /* Shows all that was put. True: the driver wants to be interrupted. */
    bool (*publish)(struct vdev_queue *queue);
    void (*ask)(struct vdev_queue *queue, bool notifications);
    bool (*pending)(struct vdev_queue *queue);
};

struct vdev_split {
    const uint8_t *descriptors;
    struct split_available *available;
    struct split_used *used;
    _Atomic uint16_t *used_event;  /* the driver's */
    _Atomic uint16_t *avail_event; /* ours */
    uint16_t next_available;
    uint16_t seen_available; /* as last read: what lies before it needs no barrier any more */
    uint16_t used_index;     /* where the next element goes */
    uint16_t shown_index;    /* what the driver was shown */
};

/* A place in a packed ring: wrap counters make a lap two laps long. */
struct vdev_place {
    uint16_t offset;
    bool wrap;
};

struct vdev_packed {
    struct packed_descriptor *ring;
    const struct packed_event *driver_event;
    struct packed_event *device_event;
    struct vdev_place available, used, shown;
    uint16_t held_flags;  /* of the first element put since the last publish: they are shown last */
    uint16_t in_flight;   /* slots taken and not put */
    unsigned moved_slots; /* put since the last publish */
};

/* The last of the buffers used in order that no element speaks of yet. */
struct vdev_batch {
    unsigned slots; /* of all of them; 0: there is none */
    uint32_t len_bytes;
    uint16_t id;
};

struct vdev_queue {
    struct vdev_host *host;
    uint32_t *in_use; /* the owner's, VDEV_QUEUE_WORDS(size_max): a bit for each head in flight */
    uint16_t size_max;

    /* The driver's choice; back to the default when the queue is reset. */
    uint16_t size;
    struct virtq_addresses addresses;

    const struct vdev_ring *ring; /* NULL: it doesn't run */
    bool event_index, indirect, in_order;
    bool broken;
    struct vdev_batch batch;
    union {
        struct vdev_split split;
        struct vdev_packed packed;
    };
};

#define VDEV_QUEUE_WORDS(size) (((size_t)(size) + 31) / 32)

/* Not running. in_use: VDEV_QUEUE_WORDS(size_max) words that live as long as the queue. */
void vdev_queue_init(struct vdev_queue *queue, struct vdev_host *host, uint16_t size_max,
                     uint32_t *in_use);
/* Forgets all: not running, size and addresses as they were at first (virtio 1.4, 2.6.1). */
void vdev_queue_reset(struct vdev_queue *queue);
/* Starts with size and addresses as they are. NULL, or what is wrong with them. */
const char *vdev_queue_start(struct vdev_queue *queue, struct feature_set features)
    __attribute__((warn_unused_result));

static inline bool vdev_queue_runs(const struct vdev_queue *queue)
{
    return queue->ring != NULL && !queue->broken;
}

/*
 * Takes the next available buffer: chain->segments and capacity are given. 1; 0: there is none, or the
 * queue doesn't run; -1: the driver broke the queue now, *what says how.
 */
int vdev_queue_take(struct vdev_queue *queue, struct vdev_chain *chain, const char **what)
    __attribute__((warn_unused_result));

/*
 * The device is done with a buffer, of which it has written the first len_bytes. With
 * VIRTIO_F_IN_ORDER buffers come back as they were taken. The driver sees it with vdev_queue_publish.
 */
void vdev_queue_use(struct vdev_queue *queue, const struct vdev_chain *chain, uint32_t len_bytes);
/* True: the driver wants to be interrupted for what it sees now. */
bool vdev_queue_publish(struct vdev_queue *queue) __attribute__((warn_unused_result));

/* Asks not to be notified: the device is at it. */
void vdev_queue_awake(struct vdev_queue *queue);
/* Asks to be notified of the next buffer. False: one is there already, go on. */
bool vdev_queue_sleep(struct vdev_queue *queue) __attribute__((warn_unused_result));

/* For ring formats. NULL, or what is wrong with this piece of a chain. */
const char *vdev_chain_add(const struct vdev_queue *queue, struct vdev_chain *chain,
                           uint64_t address, uint32_t len_bytes, bool writable);
/* For ring formats: where a part of the queue is; NULL: not in memory, or misaligned. */
void *vdev_queue_part(const struct vdev_queue *queue, uint64_t address, uint64_t len_bytes,
                      unsigned alignment, bool writable);
/* For ring formats: a copy of what the driver may be changing, that stays what it is. */
void vdev_read_once(void *to, const void *from, size_t len_bytes);

extern const struct vdev_ring vdev_split_ring;
extern const struct vdev_ring vdev_packed_ring;

#endif
