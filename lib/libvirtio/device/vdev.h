/*
 * A virtio device from its own end, without a bus: status, features, queues, configuration space, and
 * what the specification makes of each (virtio 1.4, 2). A transport (mmio.h) turns register accesses
 * into these calls; a device type (blk.h) brings features, configuration and what queues are for.
 *
 * The driver may do anything. What the specification forbids it is reported to the host and ignored;
 * what makes going on impossible sets DEVICE_NEEDS_RESET and sends a configuration interrupt.
 *
 * The owner sees to it that two register accesses never overlap. Queues may be worked on by other
 * threads, one each; host->stopping tells when that must end.
 */
#ifndef LIBVIRTIO_DEVICE_VDEV_H
#define LIBVIRTIO_DEVICE_VDEV_H

#include <libvirtio/device/queue.h>

/* A device type. It makes the device: fills in all but what the transport sets, and calls
 * vdev_status_write(device, 0) at last. */
struct vdev_type {
    uint32_t id;                    /* virtio 1.4, 5 */
    struct feature_set modern_only; /* what it doesn't offer as a legacy device */
    /* Whether it works with that subset of what it offers; it does so from now on. */
    bool (*accepts)(struct vdev *device, struct feature_set features);
    /* The driver writes a configuration field that lies within the space; false: it isn't one to be
     * written. */
    bool (*config_write)(struct vdev *device, uint32_t offset, unsigned width, uint32_t value);
};

struct vdev {
    const struct vdev_type *type;
    struct vdev_host *host;
    /* The transport's: an event of that kind (VIRTIO_INTERRUPT_*), of that queue. */
    void (*interrupt)(void *transport, unsigned cause, uint16_t queue);
    void *transport;
    bool legacy; /* virtio 1.4, 7.4: neither VERSION_1 nor FEATURES_OK; the transport's choice */

    struct feature_set offered;
    struct feature_set accepted; /* as written so far; with FEATURES_OK for good */
    _Atomic uint8_t status;
    uint32_t config_generation;
    const uint8_t *config; /* little-endian, as the driver sees it */
    uint32_t config_len;
    struct vdev_queue *queues;
    uint16_t queue_count;
    uint16_t queues_usable; /* by this driver, with what it accepted */
};

/* The features that are these files' business. VERSION_1 is offered in any case; of the others a device
 * offers what its owner likes. */
struct feature_set vdev_common_features(void);

/* Whether buffers may be taken and interrupts sent. */
bool vdev_runs(const struct vdev *device);

/* ---- the transport's side ---- */

uint8_t vdev_status(const struct vdev *device);
/* 0 resets. */
void vdev_status_write(struct vdev *device, uint32_t value);
void vdev_accept_word(struct vdev *device, uint32_t word, uint32_t value);
uint32_t vdev_offered_word(const struct vdev *device, uint32_t word);
uint32_t vdev_accepted_word(const struct vdev *device, uint32_t word);

/* NULL: there is no such queue. */
struct vdev_queue *vdev_queue_at(struct vdev *device, uint32_t index);
/* Of a queue that doesn't run. part: 0 descriptors, 1 driver area, 2 device area. */
void vdev_queue_set_size(struct vdev *device, struct vdev_queue *queue, uint32_t size);
void vdev_queue_set_address(struct vdev *device, struct vdev_queue *queue, unsigned part, bool high,
                            uint32_t half);
void vdev_queue_enable(struct vdev *device, struct vdev_queue *queue);
/* Back to the default; nothing of it is touched from now on. */
void vdev_queue_stop(struct vdev *device, struct vdev_queue *queue);
/* The register of VIRTIO_F_RING_RESET was written. True: the queue is reset. */
bool vdev_queue_reset_asked(struct vdev *device, struct vdev_queue *queue, uint32_t value);
void vdev_notified(struct vdev *device, uint32_t value);

/* Naturally aligned 1, 2 or 4 bytes; 0 where there is nothing. */
uint32_t vdev_config_read(struct vdev *device, uint32_t offset, unsigned width);
void vdev_config_write(struct vdev *device, uint32_t offset, unsigned width, uint32_t value);

/* Tells the host that the driver did something wrong. */
void vdev_complain(struct vdev *device, const char *what);

/* ---- the device type's side ---- */

/* The next buffer of a queue: 1, or 0: none. What breaks the queue breaks the device. */
int vdev_take(struct vdev *device, uint16_t queue, struct vdev_chain *chain)
    __attribute__((warn_unused_result));
/* Shows what was used, and interrupts if the driver wants that. */
void vdev_publish(struct vdev *device, uint16_t queue);
/* Only a reset helps: DEVICE_NEEDS_RESET (virtio 1.4, 2.1.2). */
void vdev_break(struct vdev *device, const char *what);
/* After a change of the configuration space. */
void vdev_config_changed(struct vdev *device);

#endif
