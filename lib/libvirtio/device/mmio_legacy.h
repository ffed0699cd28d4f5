/*
 * A legacy device in an MMIO window (virtio 1.4, 4.2.4): everything else is as in mmio.h.
 */
#ifndef LIBVIRTIO_DEVICE_MMIO_LEGACY_H
#define LIBVIRTIO_DEVICE_MMIO_LEGACY_H

#include <libvirtio/device/mmio.h>

/* Like vdev_mmio_init; what legacy drivers can't know isn't offered any more. */
void vdev_mmio_legacy_init(struct vdev_mmio *mmio, struct vdev *device, uint32_t vendor_id,
                           void (*line_changed)(struct vdev_mmio *mmio));

/* ---- for mmio.c ---- */

/* QueuePFN. */
uint32_t vdev_mmio_legacy_page(struct vdev_mmio *mmio);
/* GuestPageSize, QueueAlign, QueuePFN. */
void vdev_mmio_legacy_write(struct vdev_mmio *mmio, uint32_t offset, uint32_t value);

#endif
