/*
 * A virtio device from the driver's side: bringing it up in the order that the specification demands
 * (virtio 1.4, 3.1.1), its queues and its configuration space.
 *
 *   virtio_device_open    reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK
 *   virtio_device_queue   for each queue
 *   virtio_device_start   DRIVER_OK
 *
 * Whatever fails on the way sets FAILED; the next open starts with a reset.
 */
#ifndef LIBVIRTIO_DEVICE_H
#define LIBVIRTIO_DEVICE_H

#include <libvirtio/virtq.h>

#define VIRTIO_ID_NET 1u
#define VIRTIO_ID_BLOCK 2u
#define VIRTIO_ID_CONSOLE 3u
#define VIRTIO_ID_RNG 4u

struct virtio_device {
    struct virtio_transport *transport;
    struct feature_set offered;          /* by the device */
    struct feature_set features;         /* accepted by both sides */
    struct feature_bit missing_feature;  /* of an open that returned -ENODEV; else none, 0xff */
    uint8_t status;                      /* all bits written since the reset */
    struct virtq *queues[VIRTIO_QUEUES]; /* those that are set up, by their number */
};

/*
 * A legacy device counts as one that has VERSION_1 in the rules; it isn't among device->features then.
 *
 * 0, or -ETIMEDOUT: the device doesn't come out of reset; -ENODEV: it lacks a required feature
 * (device->missing_feature); -EPROTO: it refuses what it offered itself; -EBUSY: it has no room for
 * an interrupt vector.
 */
int virtio_device_open(struct virtio_device *device, struct virtio_transport *transport,
                       const struct feature_rule *rules, unsigned rule_count)
    __attribute__((warn_unused_result));

/*
 * The vector that configuration changes (queue VIRTIO_CONFIG_VECTOR) or a queue uses: 0 is for the
 * former, the queues share the others in turns. One vector is for all of them.
 */
uint16_t virtio_vector_of(const struct virtio_transport *transport, unsigned queue);

/*
 * Sets queue number index up, in the format that was negotiated, with the largest size that this has
 * and that is at most size_limit and what the device offers. chains: size_limit elements of the
 * caller's, for the queue's life. 0 with queue ready; -ENODEV: no such queue; -EBUSY: in use after a
 * reset, or no room for its vector; -ENOMEM; -ERANGE: memory that a legacy device can't be told of, or
 * a nonsensical notification register.
 */
int virtio_device_queue(struct virtio_device *device, struct virtq *queue, uint16_t index,
                        uint16_t size_limit, struct virtq_chain *chains)
    __attribute__((warn_unused_result));

/*
 * Sets a queue up again after a reset and a new virtio_device_open(): its size, its memory and its
 * chains are those of before, what was in it is gone. As virtio_device_queue; -EPROTO: the device isn't
 * the same as it was.
 */
int virtio_device_queue_again(struct virtio_device *device, struct virtq *queue)
    __attribute__((warn_unused_result));

/* Takes one queue back from a live device and gives it to it empty (virtq_reset). 0; -ENOSYS: the device
 * can't; else it must be reset as a whole. */
int virtio_device_queue_reset(struct virtio_device *device, struct virtq *queue,
                              void (*lost)(void *context, uint16_t token), void *context)
    __attribute__((warn_unused_result));

/* Makes the device live. 0, or -EPROTO: it needs a reset already. */
int virtio_device_start(struct virtio_device *device) __attribute__((warn_unused_result));

/* Gives up: sets FAILED. */
void virtio_device_fail(struct virtio_device *device);

/* Whether the device says that it must be reset (DEVICE_NEEDS_RESET), or has lost its status. */
bool virtio_device_needs_reset(struct virtio_device *device);

/*
 * What an interrupt means, as VIRTIO_INTERRUPT_*: 0 if it isn't this device's. With vectors that is
 * known from which of them it was (both if there is but one); else the device is asked.
 */
unsigned virtio_interrupt_causes(struct virtio_transport *transport, bool config_vector,
                                 bool queue_vector);

/* A field of configuration space: offset and width (1, 2, 4, 8) in, value out. */
struct virtio_config_field {
    uint32_t offset;
    uint32_t width;
    uint64_t value;
};

/*
 * Reads fields that belong together: again until the generation was the same before and after (virtio
 * 1.4, 2.5.3), or, of a legacy device, until they were the same twice (2.5.4); a bounded number of
 * times. 0; -ERANGE: a field is beyond the space or misaligned;
 * -EAGAIN: the device keeps changing it.
 */
int virtio_config_read(struct virtio_device *device, struct virtio_config_field *fields,
                       unsigned count) __attribute__((warn_unused_result));

/* Writes one field of at most 4 bytes that the device lets the driver change. 0; -ERANGE as above. */
int virtio_config_write(struct virtio_device *device, const struct virtio_config_field *field);

#endif
