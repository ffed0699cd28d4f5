/*
 * A virtio-mmio block device, modern or (version 1) legacy: registers, configuration space and one
 * queue, with a disk in memory. fake_pci.h is the same device behind PCI registers.
 * It fails the test when the driver breaks a rule of the register table or of initialization, and
 * misbehaves itself as told. Time stands still but for waiting.
 */
#ifndef TESTS_VIRTIO_FAKE_MMIO_H
#define TESTS_VIRTIO_FAKE_MMIO_H

#include "check.h"
#include "ring_model.h"

#include <libvirtio/platform.h>

#define FAKE_MMIO_BASE 0x10008000u
#define FAKE_MMIO_LEN 0x1000u
#define FAKE_QUEUE_MAX 1024u

struct fake_mmio {
    struct virtio_platform platform; /* first */

    /* What it is, to be set before the driver looks. */
    uint32_t magic, version, device_id;
    uint64_t offered;
    uint32_t queue_max;
    uint8_t config[64];
    unsigned config_len; /* reading beyond fails the test */
    unsigned char *disk;
    uint64_t disk_len;
    uint32_t block; /* refuses what isn't made of such blocks */

    /* How it misbehaves. */
    bool stuck_in_reset;
    uint64_t reset_reads; /* status reads until a reset is done */
    bool refuse_features;
    unsigned unstable_reads; /* configuration reads after which the generation changes */
    bool queue_ready_before; /* QueueReady reads 1 */
    bool dma_fails;
    bool needs_reset;
    bool keep_needs_reset; /* a reset doesn't help */
    bool lose_interrupts;
    bool hold_requests;      /* takes requests and doesn't finish them */
    int status_byte;         /* -1: as is right; -2: leave it alone */
    int32_t used_len_change; /* added to the right one */
    uint32_t (*used_id)(struct fake_mmio *fake, uint16_t head); /* NULL: the head */
    struct random random;
    bool shuffle; /* finishes in any order */

    /* What happened. */
    uint8_t status;
    uint64_t accepted;
    uint32_t generation;
    uint32_t features_sel, driver_features_sel, queue_sel, queue_size;
    uint32_t page_size, queue_align, queue_pfn; /* legacy */
    uint64_t addresses[3];
    bool queue_ready;
    uint32_t interrupt_status;
    bool interrupt_line; /* rang and not noticed yet */
    unsigned notifies, resets, interrupts, acks;
    unsigned requests[16]; /* by type */
    unsigned ranges;       /* of DISCARD and WRITE_ZEROES */
    uint64_t now_us;
    struct ring_model ring;
    struct model_chain *held;
    unsigned held_count;
    void (*waiting)(
        struct fake_mmio *fake); /* called while the driver waits; NULL: runs the device */
};

/* A well-behaved device with a disk of that many sectors of zeroes. */
void fake_mmio_init(struct fake_mmio *fake, uint64_t sectors, uint64_t offered);
void fake_mmio_free(struct fake_mmio *fake);
/* Lets the device work: takes what is available, finishes what it has. True: rang. */
bool fake_mmio_run(struct fake_mmio *fake);
/* Finishes one held request at random. */
void fake_mmio_finish_one(struct fake_mmio *fake);
/* Changes the configuration and rings. */
void fake_mmio_config_changed(struct fake_mmio *fake);

/* ---- the device behind its registers, for fake_pci.c ---- */

uint32_t fake_status_read(struct fake_mmio *fake);
void fake_status_write(struct fake_mmio *fake, uint32_t value);
void fake_driver_features_write(struct fake_mmio *fake, uint32_t value);
/* A field of configuration space. */
/* Fails the test but for what a driver may write. */
void fake_config_write(struct fake_mmio *fake, uint32_t offset, uint8_t value);
uint64_t fake_config_read(struct fake_mmio *fake, uint32_t offset, unsigned width);
/* Half of one of the three addresses of the queue: which 0..2, shift 0 or 32. */
void fake_address_write(struct fake_mmio *fake, unsigned which, unsigned shift, uint32_t value);
void fake_queue_start(struct fake_mmio *fake);

void fake_config_put(struct fake_mmio *fake, unsigned offset, unsigned width, uint64_t value);

#endif
