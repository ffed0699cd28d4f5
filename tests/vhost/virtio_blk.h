/*
 * What virtio 1.4, 5.2 lays down: features, configuration, requests.
 */
#ifndef VHOST_VIRTIO_BLK_H
#define VHOST_VIRTIO_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VIRTIO_FEATURE(bit) ((uint64_t)1 << (bit))
#define VIRTIO_BLK_F_SIZE_MAX VIRTIO_FEATURE(1)
#define VIRTIO_BLK_F_SEG_MAX VIRTIO_FEATURE(2)
#define VIRTIO_BLK_F_RO VIRTIO_FEATURE(5)
#define VIRTIO_BLK_F_BLK_SIZE VIRTIO_FEATURE(6)
#define VIRTIO_BLK_F_FLUSH VIRTIO_FEATURE(9)
#define VIRTIO_BLK_F_TOPOLOGY VIRTIO_FEATURE(10)
#define VIRTIO_BLK_F_DISCARD VIRTIO_FEATURE(13)
#define VIRTIO_BLK_F_WRITE_ZEROES VIRTIO_FEATURE(14)
#define VIRTIO_F_INDIRECT_DESC VIRTIO_FEATURE(28)
#define VIRTIO_F_EVENT_IDX VIRTIO_FEATURE(29)
#define VIRTIO_F_VERSION_1 VIRTIO_FEATURE(32)

enum virtio_blk_type {
    VIRTIO_BLK_T_IN = 0,
    VIRTIO_BLK_T_OUT = 1,
    VIRTIO_BLK_T_FLUSH = 4,
    VIRTIO_BLK_T_GET_ID = 8,
    VIRTIO_BLK_T_DISCARD = 11,
    VIRTIO_BLK_T_WRITE_ZEROES = 13,
};

#define VIRTIO_BLK_S_OK 0u
#define VIRTIO_BLK_S_IOERR 1u
#define VIRTIO_BLK_S_UNSUPP 2u

#define VIRTIO_BLK_ID_BYTES 20u

struct virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

struct virtio_blk_range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};

/* 5.2.4 */
struct virtio_blk_config {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
};
_Static_assert(sizeof(struct virtio_blk_config) == 64, "60 bytes, and padding behind");

static const struct {
    uint32_t type;
    const char *name;
} virtio_blk_types[] = {
    {VIRTIO_BLK_T_IN, "read"},         {VIRTIO_BLK_T_OUT, "write"},
    {VIRTIO_BLK_T_FLUSH, "flush"},     {VIRTIO_BLK_T_GET_ID, "identify"},
    {VIRTIO_BLK_T_DISCARD, "discard"}, {VIRTIO_BLK_T_WRITE_ZEROES, "zeroes"},
};
#define VIRTIO_BLK_TYPES (sizeof virtio_blk_types / sizeof virtio_blk_types[0])

static inline const char *virtio_blk_type_name(uint32_t type)
{
    for (size_t i = 0; i < VIRTIO_BLK_TYPES; i++)
        if (virtio_blk_types[i].type == type)
            return virtio_blk_types[i].name;
    return "unknown";
}

static inline bool virtio_blk_type_find(const char *name, uint32_t *type)
{
    for (size_t i = 0; i < VIRTIO_BLK_TYPES; i++) {
        if (strcmp(virtio_blk_types[i].name, name) == 0) {
            *type = virtio_blk_types[i].type;
            return true;
        }
    }
    return false;
}

#endif
