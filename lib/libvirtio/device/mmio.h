/*
 * The register window of a virtio-mmio device (virtio 1.4, 4.2): what a load or a store by the driver
 * does. Legacy devices are made by mmio_legacy.h. Whoever catches the access calls it; the interrupt line goes to line_changed.
 */
#ifndef LIBVIRTIO_DEVICE_MMIO_H
#define LIBVIRTIO_DEVICE_MMIO_H

#include <libvirtio/device/vdev.h>

struct vdev_mmio {
    struct vdev *device;
    uint32_t vendor_id;
    /* The line may have changed: look at vdev_mmio_line. From threads that work on queues, too. */
    void (*line_changed)(struct vdev_mmio *mmio);

    _Atomic uint32_t interrupt_status;
    uint32_t device_features_sel, driver_features_sel, queue_sel;
    uint32_t legacy_page_size, legacy_queue_align; /* powers of two; 0: never written */
};

/* Puts a device behind the window; the device is reset. */
void vdev_mmio_init(struct vdev_mmio *mmio, struct vdev *device, uint32_t vendor_id,
                    void (*line_changed)(struct vdev_mmio *mmio));

/* An access at an offset from the window's start, of 1, 2, 4 or 8 bytes, as the driver made it. */
uint64_t vdev_mmio_read(struct vdev_mmio *mmio, uint64_t offset, unsigned width);
void vdev_mmio_write(struct vdev_mmio *mmio, uint64_t offset, unsigned width, uint64_t value);

/* The level of the interrupt line: high as long as an event isn't acknowledged. */
bool vdev_mmio_line(const struct vdev_mmio *mmio);

#endif
