/*
 * What a driver process that stands on the frame of libvirtio's driver.h finds: a resource table with
 * the window of a device model, and kernel calls. tests/host/virtio/fake_kernel.h has the rest of them.
 */
#ifndef TESTS_VIRTIO_DRIVER_WORLD_H
#define TESTS_VIRTIO_DRIVER_WORLD_H

#include "fake_mmio.h"

#include <anole/ipc.h>

/* What the driver asked for. */
struct driver_world {
    unsigned binds; /* kcall_irq_bind */
    uint64_t wait_bits;
    unsigned mixes; /* kcall_random_mix, and with what */
    uint64_t mixed[4];
    bool ready;
    char published[16];
};

extern struct driver_world world;

/* A device of that kind behind MMIO, and a driver that hasn't begun. */
void world_start(struct fake_mmio *fake, uint32_t device_id, uint64_t offered);
/* Hands a request of that type to the driver. Its status, or SERVICE_NO_REPLY. */
int world_request(struct ipc_delivery *request, uint32_t type);

#endif
