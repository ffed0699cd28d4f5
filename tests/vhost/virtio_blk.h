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
#define VIRTIO_BLK_F_SEG_MAX VIRTIO_FEATURE(2)
#define VIRTIO_BLK_F_BLK_SIZE VIRTIO_FEATURE(6)
#define VIRTIO_BLK_F_FLUSH VIRTIO_FEATURE(9)
#define VIRTIO_F_INDIRECT_DESC VIRTIO_FEATURE(28)
#define VIRTIO_F_EVENT_IDX VIRTIO_FEATURE(29)
#define VIRTIO_F_VERSION_1 VIRTIO_FEATURE(32)

enum virtio_blk_type {
    VIRTIO_BLK_T_IN = 0,
    VIRTIO_BLK_T_OUT = 1,
    VIRTIO_BLK_T_FLUSH = 4,
    VIRTIO_BLK_T_GET_ID = 8,
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

/* The start of the configuration space; the rest is 0. */
struct virtio_blk_config {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint8_t geometry[4];
    uint32_t blk_size;
};

static const struct {
    uint32_t type;
    const char *name;
} virtio_blk_types[] = {
    {VIRTIO_BLK_T_IN, "read"},
    {VIRTIO_BLK_T_OUT, "write"},
    {VIRTIO_BLK_T_FLUSH, "flush"},
    {VIRTIO_BLK_T_GET_ID, "identify"},
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
