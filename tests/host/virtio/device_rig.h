/*
 * The block device of lib/libvirtio/device behind its registers, as a driver finds it on one bus or
 * another: the platform behind which it lies, memory (fake_memory.h) and a disk in memory. What a driver does
 * against the specification fails the test, unless the test is about that.
 */
#ifndef TESTS_VIRTIO_DEVICE_RIG_H
#define TESTS_VIRTIO_DEVICE_RIG_H

#include "check.h"

#include <libvirtio/device/blk.h>
#include <libvirtio/device/mmio.h>
#include <libvirtio/device/pci.h>
#include <libvirtio/mmio.h>
#include <libvirtio/pci.h>

#define RIG_BASE 0x10008000u
#define RIG_WINDOW 0x1000u
/* Two windows: common structure, ISR and configuration; notification. */
#define RIG_PCI_BASE 0x40000000u
#define RIG_PCI_ISR 0x1003u
#define RIG_PCI_CONFIG 0x2000u
#define RIG_PCI_NOTIFY 0x50000000u
#define RIG_PCI_NOTIFY_OFFSET 0x1000u
#define RIG_PCI_WINDOW 0x3000u
#define RIG_QUEUES_MAX 64u
#define RIG_BUDGET 64u /* requests that the device does in one go */

enum rig_bus { RIG_MMIO, RIG_MMIO_LEGACY, RIG_PCI, RIG_PCI_MSIX };

struct rig {
    struct virtio_platform platform; /* first */
    enum rig_bus bus;
    union { /* the driver's */
        struct virtio_mmio driver_mmio;
        struct virtio_pci driver_pci;
    };
    struct vdev_host host;
    struct vdev_store store;
    struct vdev_blk blk;
    struct vdev_mmio mmio;
    struct vdev_pci pci;
    uint16_t queue_vectors[RIG_QUEUES_MAX];
    uint64_t messages; /* of MSI-X vectors, that nobody has looked at */
    unsigned char *disk;
    void *memory;
    uint64_t now_us;

    bool hostile_driver;        /* its errors are counted only */
    const char *expected_error; /* the same for what begins so; NULL: none */
    unsigned driver_errors;
    const char *driver_error; /* the last one */
    bool store_fails;
    unsigned flushes, discards, zeroes;
    uint64_t notified; /* a bit for each queue that is to be worked on */
    unsigned notifies, interrupts, stopped;
};

/* Options of a device that has everything, of one queue. */
struct vdev_blk_options rig_options(void);
/* Puts a device of those options there, with a disk of that many sectors of zeroes. Vectors, with
 * MSI-X, are one for configuration changes and one for each queue. */
void rig_init(struct rig *rig, enum rig_bus bus, const struct vdev_blk_options *options,
              uint64_t sectors);
/* Finds it: the driver's side of the bus. */
struct virtio_transport *rig_probe(struct rig *rig);
/* Takes what the device has interrupted for: VIRTIO_INTERRUPT_*. */
unsigned rig_interrupts(struct rig *rig);
void rig_free(struct rig *rig);
/* Lets the device do all that the driver notified it of. */
void rig_work(struct rig *rig);

/* MMIO registers. */
uint32_t rig_read(struct rig *rig, uint32_t offset);
void rig_write(struct rig *rig, uint32_t offset, uint32_t value);

#endif
