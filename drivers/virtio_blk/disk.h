/*
 * A virtio block device (virtio 1.4, 5.2) as devices of libblk's server, one a queue. disk.c brings it
 * up, config.c reads what it is, request.c moves the requests, interrupt.c hears of what is done. Each
 * request in flight has one slot: memory for its header, its status byte and its indirect descriptors.
 */
#ifndef VIRTIO_BLK_DISK_H
#define VIRTIO_BLK_DISK_H

#include <libblk/server.h>
#include <libvirtio/attach.h>
#include <libvirtio/blk_wire.h>
#include <stdatomic.h>

#define DISK_QUEUE_SIZE 256u
#define DISK_TABLE_ENTRIES 61u
/* A request's chain is header, data, status. */
#define DISK_CHAIN_EXTRA 2u
static_assert(DISK_TABLE_ENTRIES - DISK_CHAIN_EXTRA <= BLK_PIECE_SEGMENTS_MAX, "a table holds it");

/* DISCARD and WRITE_ZEROES come with ranges in one data segment, which lie where others' tables go on. */
#define DISK_SPACE_ENTRIES (1u + DISK_CHAIN_EXTRA)
#define DISK_RANGES (DISK_TABLE_ENTRIES - DISK_SPACE_ENTRIES)
static_assert(sizeof(struct virtio_blk_range) == VIRTQ_DESCRIPTOR_SIZE,
              "a range in an entry's place");

/* Shared with the device. The status comes last: nothing of ours lies behind what it may write. */
struct disk_slot_memory {
    union {
        uint8_t table[DISK_TABLE_ENTRIES * VIRTQ_DESCRIPTOR_SIZE];
        struct {
            uint8_t space_table[DISK_SPACE_ENTRIES * VIRTQ_DESCRIPTOR_SIZE];
            struct virtio_blk_range ranges[DISK_RANGES];
        };
    };
    struct virtio_blk_header header;
    _Atomic uint8_t status;
    uint8_t padding[31];
};
static_assert(sizeof(struct disk_slot_memory) == 1024, "slots don't straddle pages");

/* Private: what the device can't change. */
struct disk_slot {
    uint64_t bytes;
    uint32_t type; /* BLK_* */
    uint16_t token;
    uint16_t next_free;
};

/* Why the process ends as DEATH_DEVICE_RESET: the death record's detail. */
enum disk_evidence {
    DISK_NEEDS_RESET = 2, /* it says so itself, or lost its status */
    DISK_BROKEN_RING = 3, /* it wrote nonsense into the ring */
    DISK_STUCK = 4,       /* a request isn't answered */
};

struct disk;

/* One queue; but for `outstanding` its thread's alone once that has started. */
struct disk_queue {
    struct blk_device blk; /* first: libblk hands it back */
    struct disk *disk;
    struct virtq queue;
    struct virtio_counters counters; /* of what the device did, for `virtio dump` */
    struct disk_slot_memory *memory;
    uint64_t memory_device_address;
    handle_t bell;                /* rings DISK_RING_BIT of its thread; the first one needs none */
    _Atomic uint16_t outstanding; /* requests in the device */
    uint16_t free_slot;
    uint16_t free_slots;
    struct disk_slot slots[DISK_QUEUE_SIZE];
    struct virtq_chain chains[DISK_QUEUE_SIZE];
};

struct disk {
    struct virtio_device device;
    struct virtio_attached *attached; /* NULL: there is one queue, and its interrupt is bound */
    uint32_t discard_range_sectors;   /* at most, each */
    uint32_t zeroes_range_sectors;
    const char *failed_step; /* of a disk_open() that failed */
    unsigned queues;
    struct disk_queue *queue[BLK_QUEUES]; /* [0] is &first, the others are allocated */
    struct disk_queue first;
};

/*
 * Brings the device up to DRIVER_OK, with as many queues as it has, but at most queues_max, and
 * describes it in disk->first.blk. attached: for the interrupts of queues beyond the first. 0, or an
 * error, with FAILED set and disk->failed_step to say where.
 */
int disk_open(struct disk *disk, struct virtio_transport *transport,
              struct virtio_attached *attached, const char *name, unsigned queues_max);

/* Ends the process: only a reset of the device helps (main.c; tests have their own). */
void disk_die(struct disk *disk, enum disk_evidence evidence);

/* The device says that its configuration changed. */
void disk_config_changed(struct disk *disk);

static inline struct disk_queue *disk_queue_of(struct blk_device *device)
{
    return (struct disk_queue *)device; /* its first member */
}

/* ---- interrupt.c ---- */
/* Own notification bits: the line, or upon configuration changes; and a queue's vector, or the first
 * queue's thread that heard the line. */
#define DISK_LINE_BIT BLK_DEVICE_BIT
#define DISK_RING_BIT (BLK_DEVICE_BIT + 1u)
void disk_notified(struct blk_device *device, uint64_t bits);
void disk_wait(struct blk_device *device, uint64_t deadline_ticks);
int disk_enter(struct blk_device *device);

/* ---- config.c ---- */
/* 0, or the error of virtio_config_read(). Fields whose feature isn't there are 0, and never read. */
int disk_config_read(struct disk *disk, struct virtio_blk_config *config);
/* Describes the device, whose queue is set up, to libblk. */
void disk_describe(struct disk *disk, const struct virtio_blk_config *config);
/* Chooses the write cache's mode. */
void disk_config_write_back(struct disk *disk, bool write_back);

/* ---- request.c ---- */
/* Sets up slots for that many requests, in queue->memory. */
void disk_slots_init(struct disk_queue *queue, unsigned count);
extern const struct blk_device_ops disk_ops;

#endif
