/*
 * What devman says of a device, and RS hands to its driver on the startup page: where in the driver's
 * resource table its windows and interrupts are, and where in the windows its registers are. Devman
 * read that from the device tree or from PCI configuration space, which is devman's alone, and has
 * checked it: every part lies within its window.
 *
 * The resource table holds `windows` windows, 0.. in this order, then, unless interrupts is 0, one
 * entry of RESOURCE_IRQ with that many consecutive interrupt numbers.
 */
#ifndef ANOLE_DEVICE_H
#define ANOLE_DEVICE_H

#include <assert.h>
#include <stdint.h>

#define DEVICE_WINDOWS 6u
#define DEVICE_VECTORS 33u /* one for configuration changes, and so many queues at most */

enum device_transport {
    DEVICE_PLAIN = 0,       /* registers at the start of window 0 */
    DEVICE_VIRTIO_MMIO = 1, /* virtio 1.4, 4.2: both versions */
    DEVICE_VIRTIO_PCI = 2,  /* virtio 1.4, 4.1: parts[] */
};

/* The register blocks of a virtio PCI device (virtio 1.4, 4.1.4). */
enum device_part_kind {
    DEVICE_PART_COMMON = 0,
    DEVICE_PART_NOTIFY = 1,
    DEVICE_PART_ISR = 2,
    DEVICE_PART_CONFIG = 3, /* len_bytes 0: the device has none */
    DEVICE_PARTS = 4,
};

struct device_part {
    uint32_t window; /* index in the resource table */
    uint32_t offset; /* bytes */
    uint32_t len_bytes;
};

/* Vectors instead of a line: number k of the entry is MSI-X table entry k. Vector 0 goes to hart 0,
 * vector k > 0 to hart (k - 1) mod harts. Without it the one interrupt is a line. */
#define DEVICE_MSIX 1u

struct device_description {
    uint32_t number; /* devman's */
    uint32_t virtio_id;
    uint8_t transport; /* enum device_transport */
    uint8_t windows;
    uint8_t interrupts;
    uint8_t flags;              /* DEVICE_* */
    uint32_t notify_multiplier; /* PCI: virtio 1.4, 4.1.4.4 */
    struct device_part parts[DEVICE_PARTS];
};
static_assert(sizeof(struct device_description) == 64, "shared layout");

#endif
