/*
 * Configuration space of a PCI function, as offsets from its start (PCI Local Bus 3.0, chapter 6),
 * and of its capabilities those that devman reads: MSI-X (6.8.2) and virtio's (virtio 1.4, 4.1.4).
 */
#ifndef DEVMAN_PCI_REGS_H
#define DEVMAN_PCI_REGS_H

#define PCI_CONFIG_BYTES 256u

#define PCI_VENDOR_ID 0x00u /* 16 bits; 0xffff: there is no function */
#define PCI_DEVICE_ID 0x02u
#define PCI_COMMAND 0x04u
#define PCI_STATUS 0x06u
#define PCI_HEADER_TYPE 0x0eu
#define PCI_BAR_0 0x10u
#define PCI_SUBSYSTEM_ID 0x2eu
/* Of bridges (PCI-to-PCI Bridge Architecture 1.2, 3.2.5) */
#define BRIDGE_BUSES 0x18u /* primary, secondary, subordinate; the secondary latency timer */
#define BRIDGE_IO 0x1cu    /* base and limit */
#define BRIDGE_MEMORY_BASE 0x20u
#define BRIDGE_MEMORY_LIMIT 0x22u
#define BRIDGE_PREFETCH_BASE 0x24u
#define BRIDGE_PREFETCH_LIMIT 0x26u
#define BRIDGE_PREFETCH_BASE_HIGH 0x28u
#define BRIDGE_PREFETCH_LIMIT_HIGH 0x2cu
#define BRIDGE_ADDRESS 0xfff0u   /* bits 31..20 of a base or limit */
#define BRIDGE_IO_CLOSED 0x00f0u /* its base is above its limit */

#define PCI_CAPABILITIES 0x34u
#define PCI_INTERRUPT_PIN 0x3du /* 0: none, 1..4: INTA..INTD */

#define PCI_NO_VENDOR 0xffffu

#define PCI_COMMAND_IO 0x001u
#define PCI_COMMAND_MEMORY 0x002u
#define PCI_COMMAND_MASTER 0x004u
#define PCI_COMMAND_INTX_OFF 0x400u

#define PCI_STATUS_CAPABILITIES 0x10u

#define PCI_HEADER_MULTI 0x80u
#define PCI_HEADER_LAYOUT 0x7fu
#define PCI_HEADER_DEVICE 0u
#define PCI_HEADER_BRIDGE 1u /* to another PCI bus */

#define PCI_BAR_IO 0x1u
#define PCI_BAR_TYPE 0x6u /* of a memory BAR */
#define PCI_BAR_TYPE_32 0x0u
#define PCI_BAR_TYPE_64 0x4u
#define PCI_BAR_PREFETCHABLE 0x8u
#define PCI_BAR_FLAGS 0xfu

/* Capabilities: one byte of id, one of the next one's offset. */
#define PCI_CAPABILITY_FIRST 0x40u
#define PCI_CAPABILITY_VENDOR 0x09u
#define PCI_CAPABILITY_MSIX 0x11u

#define MSIX_CONTROL 2u
#define MSIX_CONTROL_SIZE 0x07ffu /* entries - 1 */
#define MSIX_CONTROL_MASK 0x4000u
#define MSIX_CONTROL_ENABLE 0x8000u
#define MSIX_TABLE 4u   /* offset, with the BAR in the lowest three bits */
#define MSIX_PENDING 8u /* likewise */
#define MSIX_BAR 0x7u
#define MSIX_BYTES 12u

/* An entry of the MSI-X table: four words of 32 bits. */
#define MSIX_ENTRY_BYTES 16u
#define MSIX_ENTRY_ADDRESS_LOW 0u
#define MSIX_ENTRY_ADDRESS_HIGH 1u
#define MSIX_ENTRY_DATA 2u
#define MSIX_ENTRY_CONTROL 3u
#define MSIX_ENTRY_MASKED 1u

/* struct virtio_pci_cap, virtio_pci_notify_cap */
#define VIRTIO_CAP_LEN 2u
#define VIRTIO_CAP_TYPE 3u
#define VIRTIO_CAP_BAR 4u
#define VIRTIO_CAP_OFFSET 8u
#define VIRTIO_CAP_LENGTH 12u
#define VIRTIO_CAP_BYTES 16u
#define VIRTIO_CAP_MULTIPLIER 16u
#define VIRTIO_CAP_NOTIFY_BYTES 20u

#define VIRTIO_PCI_VENDOR 0x1af4u
#define VIRTIO_PCI_TRANSITIONAL 0x1000u /* 0x1000..0x103f: the subsystem id is the virtio id */
#define VIRTIO_PCI_MODERN 0x1040u       /* 0x1040..0x107f: plus the virtio id */
#define VIRTIO_PCI_IDS 0x40u

#endif
