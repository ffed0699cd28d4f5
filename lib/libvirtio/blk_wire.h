/*
 * The block device as the specification lays it down (virtio 1.4, 5.2): configuration space and
 * requests. All little-endian.
 */
#ifndef LIBVIRTIO_BLK_WIRE_H
#define LIBVIRTIO_BLK_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Configuration space, as far as it goes without erasing, lifetime and zones. */
struct virtio_blk_config {
    uint64_t capacity; /* in units of 512 bytes, like all that is called sectors */
    uint32_t size_max;
    uint32_t seg_max;
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp;
    uint8_t alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback;
    uint8_t unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
};
#define VIRTIO_BLK_CONFIG_LEN 60u
static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "virtio 1.4, 5.2.4");
static_assert(offsetof(struct virtio_blk_config, writeback) == 32, "virtio 1.4, 5.2.4");
static_assert(offsetof(struct virtio_blk_config, unused1) + 3 == VIRTIO_BLK_CONFIG_LEN,
              "virtio 1.4, 5.2.4");

/* Request types (virtio 1.4, 5.2.6). */
#define VIRTIO_BLK_T_IN 0u
#define VIRTIO_BLK_T_OUT 1u
#define VIRTIO_BLK_T_FLUSH 4u
#define VIRTIO_BLK_T_GET_ID 8u
#define VIRTIO_BLK_T_DISCARD 11u
#define VIRTIO_BLK_T_WRITE_ZEROES 13u

#define VIRTIO_BLK_S_OK 0u
#define VIRTIO_BLK_S_IOERR 1u
#define VIRTIO_BLK_S_UNSUPP 2u

#define VIRTIO_BLK_SECTOR 512u
#define VIRTIO_BLK_ID_BYTES 20u

/* What a request begins with. */
struct virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
static_assert(sizeof(struct virtio_blk_header) == 16, "virtio 1.4, 5.2.6");

/* The data of DISCARD and WRITE_ZEROES: some of these. */
struct virtio_blk_range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};
static_assert(sizeof(struct virtio_blk_range) == 16, "virtio 1.4, 5.2.6");
#define VIRTIO_BLK_RANGE_UNMAP 1u

#endif
