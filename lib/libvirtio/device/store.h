/*
 * What a disk's contents are kept in. Offsets and lengths are bytes, and lie within the store. Calls
 * return false if it can't be done. From each thread that works on queues.
 */
#ifndef LIBVIRTIO_DEVICE_STORE_H
#define LIBVIRTIO_DEVICE_STORE_H

#include <stdbool.h>
#include <stdint.h>

struct vdev_store {
    uint64_t bytes;
    bool (*read)(struct vdev_store *store, uint64_t offset, void *to, uint32_t len_bytes);
    bool (*write)(struct vdev_store *store, uint64_t offset, const void *from, uint32_t len_bytes);
    /* What was written before outlasts a loss of power. */
    bool (*flush)(struct vdev_store *store);
    /* What is there isn't needed any more. */
    bool (*discard)(struct vdev_store *store, uint64_t offset, uint64_t len_bytes);
    /* Reads as zeroes from now on; its place may be given up, too, if `deallocate`. */
    bool (*zero)(struct vdev_store *store, uint64_t offset, uint64_t len_bytes, bool deallocate);
};

#endif
