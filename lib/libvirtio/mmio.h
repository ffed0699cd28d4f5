/*
 * The MMIO transport (virtio 1.4, 4.2), of modern devices and of legacy ones (4.2.4), which are what
 * QEMU has unless told otherwise.
 */
#ifndef LIBVIRTIO_MMIO_H
#define LIBVIRTIO_MMIO_H

#include <libvirtio/transport.h>
#include <stddef.h>

struct virtio_mmio {
    struct virtio_transport transport;
    uintptr_t base;
    uint32_t magic;   /* as found, for error messages */
    uint32_t version; /* as found */
};

/*
 * Looks at what is in the window. 0 with mmio->transport ready for virtio_device_open(), or
 *   -EINVAL  the window is too small or its magic value is wrong,
 *   -ENOSYS  a version other than 1 (legacy) and 2,
 *   -ENODEV  an empty place: no device, nothing to report.
 */
int virtio_mmio_probe(struct virtio_mmio *mmio, struct virtio_platform *platform, uintptr_t base,
                      size_t window_len);

#endif
