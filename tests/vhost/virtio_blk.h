/*
 * The types of requests by name, as --fault and reports have them.
 */
#ifndef VHOST_VIRTIO_BLK_H
#define VHOST_VIRTIO_BLK_H

#include <libvirtio/blk_wire.h>
#include <stdbool.h>
#include <string.h>

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
