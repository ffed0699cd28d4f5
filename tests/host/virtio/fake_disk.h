/*
 * A block device for libblk's server that is only memory: it takes pieces and finishes them when
 * told. It reaches clients' memory through fake_memory alone.
 */
#ifndef TESTS_VIRTIO_FAKE_DISK_H
#define TESTS_VIRTIO_FAKE_DISK_H

#include "check.h"

#include <libblk/server.h>

#define FAKE_PIECES 64u

struct fake_disk {
    struct blk_device blk; /* first */
    unsigned char *data;
    uint64_t sectors;
    bool hold;       /* finishes only what the test tells */
    int fail_next;   /* status of the next piece that finishes; 0: as it is */
    int enter_fails; /* ... of a queue beyond the first */
    bool stuck;      /* ops->stuck was called */
    bool quiesced;
    bool write_back; /* as chosen last */
    unsigned unmaps;
    struct {
        struct blk_piece piece;
        struct dma_segment segments[BLK_PIECE_SEGMENTS_MAX];
    } held[FAKE_PIECES];
    unsigned held_count;
    unsigned unkicked; /* the last ones weren't shown yet */
    unsigned pieces[16];
    unsigned armed; /* how often */
    unsigned kicks;
    uint64_t order[4096]; /* sectors in the order in which pieces came */
    unsigned ordered;
};

/* A disk of that many sectors of zeroes that takes `in_flight` pieces of `segments` each. */
void fake_disk_init(struct fake_disk *disk, uint64_t sectors, unsigned in_flight,
                    unsigned segments);
void fake_disk_free(struct fake_disk *disk);
/* Starts the server over it: fake_kernel.service is set then. */
void fake_disk_start(struct fake_disk *disk);
/* Finishes a held piece, and the driver notices. */
void fake_disk_finish(struct fake_disk *disk, unsigned index);
void fake_disk_finish_all(struct fake_disk *disk);

#endif
