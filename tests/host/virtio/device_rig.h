/*
 * The block device of lib/libvirtio/device in a window of registers, as a driver finds it: the
 * platform behind which it lies, memory (fake_memory.h) and a disk in memory. What a driver does
 * against the specification fails the test, unless the test is about that.
 */
#ifndef TESTS_VIRTIO_DEVICE_RIG_H
#define TESTS_VIRTIO_DEVICE_RIG_H

#include "check.h"

#include <libvirtio/device/blk.h>
#include <libvirtio/device/mmio.h>
#include <libvirtio/platform.h>

#define RIG_BASE 0x10008000u
#define RIG_WINDOW 0x1000u
#define RIG_QUEUES_MAX 64u
#define RIG_BUDGET 64u /* requests that the device does in one go */

struct rig {
    struct virtio_platform platform; /* first */
    struct vdev_host host;
    struct vdev_store store;
    struct vdev_blk blk;
    struct vdev_mmio mmio;
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
/* Puts a device of those options there, with a disk of that many sectors of zeroes. */
void rig_init(struct rig *rig, const struct vdev_blk_options *options, uint64_t sectors);
void rig_free(struct rig *rig);
/* Lets the device do all that the driver notified it of. */
void rig_work(struct rig *rig);

uint32_t rig_read(struct rig *rig, uint32_t offset);
void rig_write(struct rig *rig, uint32_t offset, uint32_t value);

#endif
