/*
 * A virtio block device (virtio 1.4, 5.2) over a store.
 *
 * Made by vdev_blk_init, put behind a bus (mmio.h), and kept going by vdev_blk_work for each queue
 * that the host was notified of. Who wants to answer later, or in another order, takes requests and
 * finishes them one by one instead.
 */
#ifndef LIBVIRTIO_DEVICE_BLK_H
#define LIBVIRTIO_DEVICE_BLK_H

#include <libvirtio/blk_wire.h>
#include <libvirtio/device/store.h>
#include <libvirtio/device/vdev.h>

struct vdev_blk_options {
    /* What is offered, VERSION_1 in any case. A field below counts only with its feature. */
    struct feature_set features;
    uint16_t queues;     /* 1 without MQ */
    uint16_t queue_size; /* the largest; with packed rings any number to 32768 */
    uint32_t size_max, seg_max;
    uint32_t block_bytes;
    uint16_t cylinders;
    uint8_t heads, track_sectors;
    uint8_t physical_block_exp, alignment_offset_blocks;
    uint16_t min_io_blocks;
    uint32_t opt_io_blocks;
    uint32_t max_discard_sectors, max_discard_segments, discard_alignment_sectors;
    uint32_t max_zeroes_sectors, max_zeroes_segments;
    bool zeroes_may_unmap;
    const char *serial; /* 20 characters at most count; NULL: none */
};

struct vdev_blk {
    struct vdev device; /* first */
    struct vdev_store *store;
    struct virtio_blk_config config;
    uint32_t block_bytes; /* what requests are made of */
    bool read_only;
    _Atomic bool writeback;
    char serial[VIRTIO_BLK_ID_BYTES];
    struct vdev_segment *segments; /* of the request that each queue is at */
};

/* The memory that a device with these options needs; 0: they contradict themselves, or promise what
 * this device can't do. */
uint64_t vdev_blk_memory_len(const struct vdev_blk_options *options);

/* Makes a device of valid options in that much memory, 16-aligned, which belongs to it from now on. */
void vdev_blk_init(struct vdev_blk *blk, const struct vdev_blk_options *options,
                   struct vdev_host *host, struct vdev_store *store, void *memory);

/* Takes, does and answers up to `budget` requests of a queue. True: there may be more; else the driver
 * is going to notify. One request is as long as the driver makes it, 4 GiB and the disk at most. */
bool vdev_blk_work(struct vdev_blk *blk, uint16_t queue, unsigned budget)
    __attribute__((warn_unused_result));

/* The store has another size now: store->bytes. */
void vdev_blk_resized(struct vdev_blk *blk);

/* ---- one by one ---- */

struct vdev_blk_request {
    struct vdev_chain chain; /* segments and capacity are the caller's */
    uint32_t type;
    uint64_t sector;
};

/* 1, or 0: there is none. */
int vdev_blk_take(struct vdev_blk *blk, uint16_t queue, struct vdev_blk_request *request)
    __attribute__((warn_unused_result));
/* Does it: its status. All that the driver is going to read but the status byte is written then. */
uint8_t vdev_blk_perform(struct vdev_blk *blk, const struct vdev_blk_request *request)
    __attribute__((warn_unused_result));
/* Answers it; vdev_publish shows that. */
void vdev_blk_finish(struct vdev_blk *blk, uint16_t queue, const struct vdev_blk_request *request,
                     uint8_t status);

#endif
