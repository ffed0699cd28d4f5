/*
 * The frame of a small virtio driver: one process, one device, one thread. A driver is an allow-list
 * of features, a probe, a handler of used buffers and a table of requests, all in one struct that
 * main() hands to virtio_driver_run(). The frame finds the device on whatever bus it is (attach.h),
 * brings it up, looks at its rings after interrupts and, since those can be lost, from time to time,
 * answers what proto/virtio.h asks, and gives the device up for a reset when it breaks a ring, asks
 * for it, or keeps a buffer for too long.
 *
 * docs/write-a-driver.md makes one, step by step.
 */
#ifndef LIBVIRTIO_DRIVER_H
#define LIBVIRTIO_DRIVER_H

#include <libanole/service.h>
#include <libvirtio/device.h>
#include <proto/virtio.h>

/* Own notification bits from here on are the frame's; the driver has those below. */
#define VIRTIO_DRIVER_BIT 8u

struct virtio_driver {
    const char *name; /* of the program, for the log */
    const char
        *serves; /* clients find it by that; the device of unit 1 by that and "1", and so on */
    uint32_t device_id;
    const struct feature_rule *rules;
    unsigned rule_count;
    uint64_t patience_us; /* the device may keep a buffer for so long */
    const struct service_entry *entries;
    unsigned entry_count;

    /* The features are agreed upon: sets up queues (virtio_driver_queue) and memory. 0, or an error,
     * and that is the end. */
    int (*probe)(struct virtio_device *device);
    /* The device is live. */
    void (*started)(void);
    /* A buffer came back; more may be submitted. */
    void (*used)(struct virtq *queue, const struct virtq_used *used);
    /* The configuration changed. May be NULL. */
    void (*config_changed)(struct virtio_device *device);
    /* What is to be done by itself, and when, in ticks; DEADLINE_NEVER: nothing. May be NULL. */
    uint64_t (*due)(void);
    void (*act)(void);
};

/* The counters that `virtio dump` shows: the driver counts operations. */
extern struct virtio_counters virtio_driver_counters;

_Noreturn void virtio_driver_run(const struct virtio_driver *driver);

/* In probe: sets a queue up (virtio_device_queue) and has it looked after. */
int virtio_driver_queue(struct virtq *queue, uint16_t index, uint16_t size_limit,
                        struct virtq_chain *chains) __attribute__((warn_unused_result));

/* In probe: zeroed memory that the device reaches, for the driver's life. 0 or -ENOMEM. */
int virtio_driver_memory(size_t len_bytes, struct dma_memory *memory)
    __attribute__((warn_unused_result));

/* Adds a buffer (virtq_add) and shows it to the device. 0, -EAGAIN: no slot is free, -EINVAL. */
int virtio_driver_submit(struct virtq *queue, const struct virtq_segment *segments,
                         unsigned readable, unsigned writable, uint16_t token)
    __attribute__((warn_unused_result));

#endif
