/*
 * How a driver reaches its device: one of these structs of functions per bus. MMIO is in mmio.c, PCI
 * in pci.c. Nothing above this interface knows a register.
 *
 * Registers belong to one thread: its main one. notify() may be called by each queue's own.
 */
#ifndef LIBVIRTIO_TRANSPORT_H
#define LIBVIRTIO_TRANSPORT_H

#include <libvirtio/feature.h>
#include <libvirtio/platform.h>
#include <proto/virtio.h>
#include <stdbool.h>
#include <stdint.h>

/* Device status bits (virtio 1.4, 2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER 2u
#define VIRTIO_STATUS_DRIVER_OK 4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED 128u

/* Causes of an interrupt. */
#define VIRTIO_INTERRUPT_RING 1u
#define VIRTIO_INTERRUPT_CONFIG 2u

/* Where a queue's three parts are, as the device sees them (virtio 1.4, 2.6). */
struct virtq_addresses {
    uint64_t descriptors;
    uint64_t driver_area; /* available ring, or driver event suppression */
    uint64_t device_area; /* used ring, or device event suppression */
};

struct virtio_transport;

#define VIRTIO_CONFIG_VECTOR 0x10000u

struct virtio_transport_ops {
    /* Writes 0 to the status and waits, up to a second, until it reads 0: 0 or -ETIMEDOUT. */
    int (*reset)(struct virtio_transport *transport);
    uint8_t (*status)(struct virtio_transport *transport);
    void (*set_status)(struct virtio_transport *transport, uint8_t status);

    struct feature_set (*offered)(struct virtio_transport *transport);
    void (*accept)(struct virtio_transport *transport, struct feature_set features);

    /* Largest size of a queue that isn't in use: 1..32768, -ENODEV: none there, -EBUSY: in use. */
    int (*queue_size_max)(struct virtio_transport *transport, uint16_t index);
    /* Gives it the queue. 0; -ERANGE: the device can't be told of memory there, or of where it is
     * to be notified. */
    int (*queue_enable)(struct virtio_transport *transport, uint16_t index, uint16_t size,
                        const struct virtq_addresses *addresses);
    /* Tells the device that the queue has new buffers. Memory must be in order already (io_mb).
     * position is what VIRTIO_F_NOTIFICATION_DATA wants in the upper half: next_off and next_wrap
     * (virtio 1.4, 2.9); 0 without it. */
    void (*notify)(struct virtio_transport *transport, uint16_t index, uint16_t position);
    /* VIRTIO_F_RING_RESET (virtio 1.4, 2.6.1): takes one queue back from the device, up to a second:
     * 0, -ETIMEDOUT. It is then enabled anew with queue_enable. NULL where the feature is barred. */
    int (*queue_reset)(struct virtio_transport *transport, uint16_t index);
    /* With vectors: which of them configuration changes (queue VIRTIO_CONFIG_VECTOR) or a queue
     * uses: 0, -EBUSY: the device has no room for it. Before queue_enable, before DRIVER_OK. NULL
     * where transport->vectors is 0. */
    int (*set_vector)(struct virtio_transport *transport, unsigned queue, uint16_t vector);

    /* Reads the causes of an interrupt (VIRTIO_INTERRUPT_*; 0: not ours) and acknowledges exactly
     * these. The caller looks at the rings afterwards. With vectors it is always VIRTIO_INTERRUPT_
     * RING, and no register is read: see virtio_interrupt_causes. */
    unsigned (*interrupt)(struct virtio_transport *transport);

    /* Configuration space: one field of 1, 2, 4 or 8 bytes; offset and width were checked against
     * config_len. 8 bytes are two reads: see virtio_config_read. */
    uint64_t (*config_field)(struct virtio_transport *transport, uint32_t offset, unsigned width);
    /* Writes such a field of 1, 2 or 4 bytes. */
    void (*config_write)(struct virtio_transport *transport, uint32_t offset, unsigned width,
                         uint32_t value);
    uint32_t (*config_generation)(struct virtio_transport *transport);

    /* For dumps: those registers that can be read without any effect, at most max; how many. */
    unsigned (*registers)(struct virtio_transport *transport,
                          struct virtio_register_info *registers, unsigned max);
};

struct virtio_transport {
    const struct virtio_transport_ops *ops;
    struct virtio_platform *platform;
    uint32_t device_id;        /* virtio 1.4, 5: 2 is a block device */
    uint32_t config_len;       /* bytes of configuration space that can be read */
    struct feature_set barred; /* features that this transport can't do */
    uint16_t vectors;          /* MSI-X vectors to choose from; 0: one interrupt for everything, and
                                  interrupt() tells what it is for */
    bool legacy;               /* virtio 1.4, 7.4 [legacy interfaces]: no VERSION_1, no FEATURES_OK,
                                  rings in one block, aligned to pages */
    bool notification_data;    /* VIRTIO_F_NOTIFICATION_DATA was accepted */
};

/* What a queue's size is clamped to (virtio 1.4, 2.6). */
#define VIRTIO_QUEUE_SIZE_LIMIT 32768u
/* So many queues of a device can be used: more than any has vectors here. */
#define VIRTIO_QUEUES 64u

/* A register for registers(): its name in the specification, where it is, and its width. */
struct virtio_register {
    const char *name;
    uint32_t offset;
    uint32_t width;
};

/* ---- for the transports (transport.c) ---- */

/* Waits, up to a second, until a reset is done: 0 or -ETIMEDOUT. */
int virtio_reset_wait(struct virtio_transport *transport,
                      bool (*done)(struct virtio_transport *transport))
    __attribute__((warn_unused_result));
/* A field of configuration space: 8, 16 and 32 bits at their width, 64 as two halves (virtio 1.4,
 * 4.1.3.1, 4.2.2.2). */
uint64_t virtio_field_read(struct virtio_platform *platform, uintptr_t address, unsigned width);
/* Reads those registers, behind base, for registers(). */
unsigned virtio_registers_read(struct virtio_platform *platform, uintptr_t base,
                               const struct virtio_register *which, unsigned count,
                               struct virtio_register_info *registers, unsigned max);
/* Writes one of 1, 2 or 4 bytes. */
void virtio_field_write(struct virtio_platform *platform, uintptr_t address, unsigned width,
                        uint32_t value);

#endif
