/*
 * The PCI transport (virtio 1.4, 4.1), modern devices. Configuration space, BARs and MSI-X tables are
 * devman's: a driver has the windows that its registers are in, and a description that says where.
 */
#ifndef LIBVIRTIO_PCI_H
#define LIBVIRTIO_PCI_H

#include <anole/device.h>
#include <libvirtio/transport.h>
#include <stddef.h>

/* A mapped window: where, and how long. */
struct virtio_window {
    uintptr_t base;
    size_t len_bytes;
};

/* How a queue is notified. */
struct virtio_pci_doorbell {
    uintptr_t address;
    uint16_t id; /* what is written: its number, or what the device wants to see instead */
};

struct virtio_pci {
    struct virtio_transport transport;
    uintptr_t common, notify, isr, config;
    uint32_t notify_len;
    uint32_t notify_multiplier;
    bool notif_config_data; /* VIRTIO_F_NOTIF_CONFIG_DATA was accepted */
    struct virtio_pci_doorbell doorbells[VIRTIO_QUEUES];
};

/*
 * Finds the device's registers in its windows, of which there are DEVICE_WINDOWS at most. 0 with
 * pci->transport ready for virtio_device_open(), or
 *   -EINVAL  a part is missing, too short, misaligned or not within its window,
 *   -ENODEV  no device id.
 */
int virtio_pci_probe(struct virtio_pci *pci, struct virtio_platform *platform,
                     const struct device_description *described,
                     const struct virtio_window *windows);

#endif
