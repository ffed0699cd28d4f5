/*
 * What a device model stands on: whoever runs it (a virtual machine monitor, a test) gives it the
 * driver's memory and hears what the driver does. Nothing here belongs to one operating system.
 */
#ifndef LIBVIRTIO_DEVICE_HOST_H
#define LIBVIRTIO_DEVICE_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct vdev;

struct vdev_host {
    /*
     * Where len_bytes of the driver's memory at that address are, or NULL: not all of it is there, or
     * not in one piece, or it may not be written. The place has the address's alignment up to 16
     * and stays until the device or the queue that it is for is reset. len_bytes is not 0; any address
     * and any length is asked for. From each thread that works on queues.
     */
    void *(*translate)(struct vdev_host *host, uint64_t address, uint64_t len_bytes, bool writable);
    /* The driver says that a queue has something: work on it, now or soon. */
    void (*notified)(struct vdev_host *host, struct vdev *device, uint16_t queue);
    /* The driver takes a queue back: returns when nobody works on it. Buffers that were taken are
     * forgotten. NULL: who works on queues makes the register accesses, too, and holds no buffers. */
    void (*stopping)(struct vdev_host *host, struct vdev *device, uint16_t queue);
    /* The driver did what the specification forbids, harmless or not. NULL: nobody wants to know. */
    void (*driver_error)(struct vdev_host *host, struct vdev *device, const char *what);
};

#endif
