/*
 * The common configuration structure of a virtio PCI device (virtio 1.4, 4.1.4.3), as offsets and
 * widths.
 */
#ifndef LIBVIRTIO_PCI_REGS_H
#define LIBVIRTIO_PCI_REGS_H

#define PCI_DEVICE_FEATURE_SELECT 0u    /* 32 bit, RW */
#define PCI_DEVICE_FEATURE 4u           /* 32 bit, R */
#define PCI_DRIVER_FEATURE_SELECT 8u    /* 32 bit, RW */
#define PCI_DRIVER_FEATURE 12u          /* 32 bit, RW */
#define PCI_CONFIG_MSIX_VECTOR 16u      /* 16 bit, RW */
#define PCI_NUM_QUEUES 18u              /* 16 bit, R */
#define PCI_DEVICE_STATUS 20u           /* 8 bit, RW */
#define PCI_CONFIG_GENERATION 21u       /* 8 bit, R */
#define PCI_QUEUE_SELECT 22u            /* 16 bit, RW */
#define PCI_QUEUE_SIZE 24u              /* 16 bit, RW */
#define PCI_QUEUE_MSIX_VECTOR 26u       /* 16 bit, RW */
#define PCI_QUEUE_ENABLE 28u            /* 16 bit, RW */
#define PCI_QUEUE_NOTIFY_OFF 30u        /* 16 bit, R */
#define PCI_QUEUE_DESC 32u              /* 64 bit as two of 32, RW */
#define PCI_QUEUE_DRIVER 40u            /* likewise */
#define PCI_QUEUE_DEVICE 48u            /* likewise */
#define PCI_QUEUE_NOTIF_CONFIG_DATA 56u /* 16 bit, R; with NOTIF_CONFIG_DATA */
#define PCI_QUEUE_RESET 58u             /* 16 bit, RW; with RING_RESET */

/* How long the structure is: always, and with those that came later. */
#define PCI_COMMON_LEN 56u
#define PCI_COMMON_LEN_NOTIF_CONFIG_DATA 58u
#define PCI_COMMON_LEN_RESET 60u

#define PCI_NO_VECTOR 0xffffu

#endif
