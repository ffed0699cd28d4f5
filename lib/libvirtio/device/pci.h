/*
 * The register structures of a virtio PCI device, modern (virtio 1.4, 4.1.4): common configuration,
 * notification, ISR. Device configuration is vdev_config_read() and _write(). Where they lie in which
 * BAR, capabilities, the MSI-X table and PCI's own configuration space are the owner's business.
 */
#ifndef LIBVIRTIO_DEVICE_PCI_H
#define LIBVIRTIO_DEVICE_PCI_H

#include <libvirtio/device/vdev.h>
#include <libvirtio/pci_regs.h>

/* Queue q is notified at q times this in the notification structure. */
#define VDEV_PCI_NOTIFY_MULTIPLIER 4u

struct vdev_pci_hooks;

struct vdev_pci {
    struct vdev *device;
    const struct vdev_pci_hooks *hooks;
    uint16_t vectors;        /* that the MSI-X table has */
    bool msix;               /* the driver's system has enabled it: the owner sets it */
    uint16_t *queue_vectors; /* the owner's, one a queue */
    uint16_t config_vector;
    _Atomic uint32_t isr;
    uint32_t device_features_sel, driver_features_sel;
    uint16_t queue_sel;
};

/* From threads that work on queues, too. */
struct vdev_pci_hooks {
    /* INTx may have changed: look at vdev_pci_line. */
    void (*line_changed)(struct vdev_pci *pci);
    /* With MSI-X: send that vector's message. */
    void (*send)(struct vdev_pci *pci, uint16_t vector);
};

/* Puts a device behind these structures; the device is reset. */
void vdev_pci_init(struct vdev_pci *pci, struct vdev *device, const struct vdev_pci_hooks *hooks,
                   uint16_t vectors, uint16_t *queue_vectors);

/* Accesses to the common structure, as the driver made them: PCI_COMMON_LEN_RESET bytes. */
uint32_t vdev_pci_common_read(struct vdev_pci *pci, uint64_t offset, unsigned width);
void vdev_pci_common_write(struct vdev_pci *pci, uint64_t offset, unsigned width, uint32_t value);
/* Reading takes what it says away, and the line with it. */
uint8_t vdev_pci_isr_read(struct vdev_pci *pci);
/* A write to the notification structure. */
void vdev_pci_notify(struct vdev_pci *pci, uint64_t offset, unsigned width, uint32_t value);

bool vdev_pci_line(const struct vdev_pci *pci);

#endif
