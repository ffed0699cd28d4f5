/*
 * What libvirtio stands on: registers, memory that the device can reach, time, and waiting. A driver
 * process uses platform_anole.c; host tests bring a fake with a device behind it. Barriers are in
 * barrier.h.
 */
#ifndef LIBVIRTIO_PLATFORM_H
#define LIBVIRTIO_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Contiguous, zeroed memory, seen by the driver at address, by the device at device_address. */
struct dma_memory {
    void *address;
    uint64_t device_address;
    size_t len_bytes;
};

/*
 * Registers are named by the address that mapping their window gave. Each access is exactly one of
 * that width, in program order with other register accesses.
 */
struct virtio_platform {
    uint8_t (*read8)(struct virtio_platform *platform, uintptr_t address);
    uint16_t (*read16)(struct virtio_platform *platform, uintptr_t address);
    uint32_t (*read32)(struct virtio_platform *platform, uintptr_t address);
    void (*write8)(struct virtio_platform *platform, uintptr_t address, uint8_t value);
    void (*write16)(struct virtio_platform *platform, uintptr_t address, uint16_t value);
    void (*write32)(struct virtio_platform *platform, uintptr_t address, uint32_t value);

    /* Page-aligned memory that lives as long as the driver: 0 or -ENOMEM. */
    int (*dma_alloc)(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory);

    uint64_t (*now_us)(struct virtio_platform *platform);
    /* Returns at the device's next interrupt or at the deadline; may return early. */
    void (*wait)(struct virtio_platform *platform, uint64_t deadline_us);
};

/*
 * The platform of a driver process. Its wait() ends with and consumes these notification bits, which
 * its interrupt is bound to: what was signalled must be looked for in the rings.
 */
void virtio_platform_anole(struct virtio_platform *platform, uint64_t bits);

#endif
