/*
 * A store in a file, by POSIX calls (with Linux's, what is discarded becomes a hole). Not for the
 * guest.
 */
#ifndef LIBVIRTIO_DEVICE_STORE_FILE_H
#define LIBVIRTIO_DEVICE_STORE_FILE_H

#include <libvirtio/device/store.h>

struct vdev_store_file {
    struct vdev_store store; /* first */
    int fd;
};

/* Opens a disk image; what isn't a whole sector at its end is left alone. 0, or -1 with errno. */
int vdev_store_file_open(struct vdev_store_file *file, const char *path, bool read_only);
void vdev_store_file_close(struct vdev_store_file *file);

#endif
