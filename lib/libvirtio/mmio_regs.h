/*
 * Registers of a virtio-mmio device (virtio 1.4, 4.2.2), as offsets from its window's start; LEGACY
 * are those that only version 1 has (virtio 1.4, 4.2.4).
 */
#ifndef LIBVIRTIO_MMIO_REGS_H
#define LIBVIRTIO_MMIO_REGS_H

#define MMIO_MAGIC_VALUE 0x000u         /* R */
#define MMIO_VERSION 0x004u             /* R */
#define MMIO_DEVICE_ID 0x008u           /* R */
#define MMIO_VENDOR_ID 0x00cu           /* R */
#define MMIO_DEVICE_FEATURES 0x010u     /* R */
#define MMIO_DEVICE_FEATURES_SEL 0x014u /* W */
#define MMIO_DRIVER_FEATURES 0x020u     /* W */
#define MMIO_DRIVER_FEATURES_SEL 0x024u /* W */
#define MMIO_LEGACY_PAGE_SIZE 0x028u    /* W: GuestPageSize */
#define MMIO_QUEUE_SEL 0x030u           /* W */
#define MMIO_QUEUE_SIZE_MAX 0x034u      /* R */
#define MMIO_QUEUE_SIZE 0x038u          /* W */
#define MMIO_LEGACY_QUEUE_ALIGN 0x03cu  /* W */
#define MMIO_LEGACY_QUEUE_PFN 0x040u    /* RW */
#define MMIO_QUEUE_READY 0x044u         /* RW */
#define MMIO_QUEUE_NOTIFY 0x050u        /* W */
#define MMIO_INTERRUPT_STATUS 0x060u    /* R */
#define MMIO_INTERRUPT_ACK 0x064u       /* W */
#define MMIO_STATUS 0x070u              /* RW */
#define MMIO_QUEUE_DESC_LOW 0x080u      /* W */
#define MMIO_QUEUE_DESC_HIGH 0x084u     /* W */
#define MMIO_QUEUE_DRIVER_LOW 0x090u    /* W */
#define MMIO_QUEUE_DRIVER_HIGH 0x094u   /* W */
#define MMIO_QUEUE_DEVICE_LOW 0x0a0u    /* W */
#define MMIO_QUEUE_DEVICE_HIGH 0x0a4u   /* W */
#define MMIO_SHM_SEL 0x0acu             /* W */
#define MMIO_SHM_LEN_LOW 0x0b0u         /* R */
#define MMIO_SHM_LEN_HIGH 0x0b4u        /* R */
#define MMIO_SHM_BASE_LOW 0x0b8u        /* R */
#define MMIO_SHM_BASE_HIGH 0x0bcu       /* R */
#define MMIO_QUEUE_RESET 0x0c0u         /* RW, with VIRTIO_F_RING_RESET */
#define MMIO_CONFIG_GENERATION 0x0fcu   /* R */
#define MMIO_CONFIG 0x100u

#define MMIO_MAGIC 0x74726976u /* "virt" */
#define MMIO_VERSION_LEGACY 1u
#define MMIO_VERSION_MODERN 2u

#endif
