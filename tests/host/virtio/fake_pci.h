/*
 * The block device of fake_mmio.h behind the registers of virtio PCI: common structure, ISR and
 * configuration in one window, notification registers in another one. It fails the test when the
 * driver breaks a rule of the register table.
 */
#ifndef TESTS_VIRTIO_FAKE_PCI_H
#define TESTS_VIRTIO_FAKE_PCI_H

#include "fake_mmio.h"

#include <anole/device.h>
#include <libvirtio/pci.h>

#define FAKE_PCI_REGISTERS 0x40000000u /* window 0 */
#define FAKE_PCI_COMMON 0x0000u
#define FAKE_PCI_ISR 0x1003u /* any alignment will do */
#define FAKE_PCI_CONFIG 0x2000u
#define FAKE_PCI_NOTIFY 0x50000000u /* window 1, its part behind a first page */
#define FAKE_PCI_NOTIFY_OFFSET 0x1000u
#define FAKE_PCI_WINDOW_LEN 0x3000u

struct fake_pci {
    struct fake_mmio device; /* first: it is the platform */

    /* What it is. */
    struct device_description described;
    struct virtio_window windows[DEVICE_WINDOWS];
    uint16_t notify_off;          /* of queue 0 */
    uint16_t notif_config_data;   /* likewise */
    uint16_t vectors_that_it_has; /* room for vectors; others read back as none */

    /* How it misbehaves. */
    bool stuck_in_queue_reset;

    /* What happened. */
    uint16_t config_vector, queue_vector;
    unsigned isr_reads, queue_resets;
    uint32_t last_notify; /* the value as written */
};

/* A well-behaved device: INTx, notify_off 3 and multiplier 4. */
void fake_pci_init(struct fake_pci *fake, uint64_t sectors, uint64_t offered);
/* Gives it that many MSI-X vectors, as devman does. */
void fake_pci_vectors(struct fake_pci *fake, uint8_t vectors);

#endif
