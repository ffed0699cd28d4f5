/*
 * The disk's requests: a piece of libblk becomes a chain of header, data and status in the ring, and
 * a used element becomes a completion. This is the hot path: one slot of memory and one ring slot a
 * request, no allocation, nothing read back but the used element and the status byte.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libvirtio/barrier.h>
#include <libvirtio/info.h>
#include <stdatomic.h>

#define STATUS_UNWRITTEN 0xffu

#define NO_SLOT 0xffffu

void disk_slots_init(struct disk_queue *queue, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        queue->slots[i].next_free = (uint16_t)(i + 1 < count ? i + 1 : NO_SLOT);
    queue->free_slot = 0;
    queue->free_slots = (uint16_t)count;
}

/* There are no more slots than the ring holds chains of the longest kind. */
static unsigned disk_room(struct blk_device *device)
{
    return disk_queue_of(device)->free_slots;
}

static uint64_t device_address(const struct disk_queue *queue, uint16_t slot, size_t offset)
{
    return queue->memory_device_address + slot * sizeof(struct disk_slot_memory) + offset;
}

static uint32_t header_type(uint32_t type)
{
    switch (type) {
    case BLK_READ:
        return VIRTIO_BLK_T_IN;
    case BLK_WRITE:
        return VIRTIO_BLK_T_OUT;
    case BLK_FLUSH:
        return VIRTIO_BLK_T_FLUSH;
    case BLK_DISCARD:
        return VIRTIO_BLK_T_DISCARD;
    case BLK_IDENTIFY:
        return VIRTIO_BLK_T_GET_ID;
    default:
        return VIRTIO_BLK_T_WRITE_ZEROES;
    }
}

/* The ranges of DISCARD or WRITE_ZEROES: none is longer than the device allows. Their number. */
static unsigned put_ranges(const struct disk_queue *queue, uint16_t slot,
                           const struct blk_piece *piece)
{
    bool discard = piece->type == BLK_DISCARD;
    uint64_t most = discard ? queue->disk->discard_range_sectors
                            : queue->disk->zeroes_range_sectors;
    uint64_t left = piece->bytes / BLK_SECTOR_SIZE;
    uint64_t sector = piece->sector;
    unsigned count = 0;
    while (left > 0) {
        uint64_t sectors = left < most ? left : most;
        queue->memory[slot].ranges[count++] = (struct virtio_blk_range){
            .sector = sector,
            .sectors = (uint32_t)sectors,
            .flags = piece->unmap ? VIRTIO_BLK_RANGE_UNMAP : 0,
        };
        sector += sectors;
        left -= sectors;
    }
    return count;
}

/* The data part of a chain; returns its number of segments. */
static unsigned put_data(const struct disk_queue *queue, uint16_t slot,
                         const struct blk_piece *piece, struct virtq_segment *chain)
{
    if (piece->type == BLK_DISCARD || piece->type == BLK_WRITE_ZEROES) {
        unsigned ranges = put_ranges(queue, slot, piece);
        chain[0] = (struct virtq_segment){
            .device_address = device_address(queue, slot,
                                             offsetof(struct disk_slot_memory, ranges)),
            .len_bytes = (uint32_t)(ranges * sizeof(struct virtio_blk_range)),
        };
        return 1;
    }
    for (unsigned i = 0; i < piece->segment_count; i++)
        chain[i] = (struct virtq_segment){
            .device_address = piece->segments[i].device_address,
            .len_bytes = (uint32_t)piece->segments[i].len_bytes,
        };
    return piece->segment_count;
}

static void disk_submit(struct blk_device *device, const struct blk_piece *piece)
{
    struct disk_queue *queue = disk_queue_of(device);
    uint16_t slot = queue->free_slot;
    struct disk_slot *private = &queue->slots[slot];
    struct disk_slot_memory *memory = &queue->memory[slot];
    bool moves = piece->type == BLK_READ || piece->type == BLK_WRITE;

    queue->free_slot = private->next_free;
    queue->free_slots--;
    private->type = piece->type;
    private->token = piece->token;
    private->bytes = piece->bytes;
    memory->header = (struct virtio_blk_header){
        .type = header_type(piece->type),
        .sector = moves ? piece->sector : 0,
    };
    atomic_store_explicit(&memory->status, STATUS_UNWRITTEN, memory_order_relaxed);

    struct virtq_segment chain[DISK_TABLE_ENTRIES];
    chain[0] = (struct virtq_segment){
        .device_address = device_address(queue, slot, offsetof(struct disk_slot_memory, header)),
        .len_bytes = sizeof(struct virtio_blk_header),
    };
    unsigned data = put_data(queue, slot, piece, &chain[1]);
    chain[1 + data] = (struct virtq_segment){
        .device_address = device_address(queue, slot, offsetof(struct disk_slot_memory, status)),
        .len_bytes = 1,
    };
    bool reads = piece->type == BLK_READ || piece->type == BLK_IDENTIFY;
    struct virtq_table table = {
        .address = memory->table,
        .device_address = device_address(queue, slot, offsetof(struct disk_slot_memory, table)),
        .entries = DISK_TABLE_ENTRIES,
    };
    if (queue->queue.added == 0)
        virtq_set_time(&queue->queue, virtio_clock_ms()); /* once a batch will do */
    if (virtq_add(&queue->queue, chain, reads ? 1 : 1 + data, reads ? data + 1 : 1, &table, slot) <
        0)
        disk_die(queue->disk, DISK_BROKEN_RING);
}

static uint16_t outstanding(const struct disk_queue *queue)
{
    return (uint16_t)(queue->blk.max_in_flight - queue->free_slots);
}

static void disk_kick(struct blk_device *device)
{
    struct disk_queue *queue = disk_queue_of(device);
    /* The device's answer comes after the kick, and whoever hears of it looks at this. */
    atomic_store_explicit(&queue->outstanding, outstanding(queue), memory_order_relaxed);
    int rc = virtq_kick(&queue->queue);
    if (rc < 0)
        disk_die(queue->disk, DISK_BROKEN_RING);
    else if (rc > 0)
        device->stats.kicks++;
    else
        device->stats.kicks_suppressed++;
}

/* The device's word on a finished request, as far as it can be believed. */
static int outcome(const struct disk_queue *queue, uint16_t slot, uint32_t written)
{
    const struct disk_slot *private = &queue->slots[slot];
    bool reads = private->type == BLK_READ || private->type == BLK_IDENTIFY;
    /* Legacy devices say what they like about lengths (virtio 1.4, 5.2.6.4). */
    bool legacy = queue->disk->device.transport->legacy;
    uint64_t needed = legacy ? 0 : (reads ? private->bytes : 0) + 1;
    switch (atomic_load_explicit(&queue->memory[slot].status, memory_order_relaxed)) {
    case VIRTIO_BLK_S_OK:
        /* Less was written than was asked for: some of it is old. */
        return written >= needed ? 0 : -ANOLE_EIO;
    case VIRTIO_BLK_S_UNSUPP:
        return -ANOLE_ENOSYS;
    case STATUS_UNWRITTEN:
        /* It says that it is done and isn't, or means another one: it may still be at the buffer,
         * which must not go back to the client before a reset. */
        return -ANOLE_EPROTO;
    default: /* VIRTIO_BLK_S_IOERR, or unknown */
        return -ANOLE_EIO;
    }
}

static void disk_reap(struct blk_device *device)
{
    struct disk_queue *queue = disk_queue_of(device);
    struct virtq_used used;
    int rc;
    virtq_disarm(&queue->queue); /* awake: the server arms before it waits */
    while ((rc = virtq_take(&queue->queue, &used)) > 0) {
        uint16_t slot = used.token;
        struct disk_slot *private = &queue->slots[slot];
        int status = outcome(queue, slot, used.len_bytes);
        if (status == -ANOLE_EPROTO) {
            disk_die(queue->disk, DISK_BROKEN_RING);
            return;
        }
        private->next_free = queue->free_slot;
        queue->free_slot = slot;
        queue->free_slots++;
        bool moves = private->type == BLK_READ || private->type == BLK_WRITE;
        virtio_count(&queue->counters, moves ? private->bytes : 0, status < 0);
        blk_server_done(device, private->token, status);
    }
    atomic_store_explicit(&queue->outstanding, outstanding(queue), memory_order_relaxed);
    if (rc < 0)
        disk_die(queue->disk, DISK_BROKEN_RING);
}

static bool disk_arm(struct blk_device *device, unsigned after)
{
    struct disk_queue *queue = disk_queue_of(device);
    int rc = virtq_arm(&queue->queue, (uint16_t)after);
    if (rc < 0)
        disk_die(queue->disk, DISK_BROKEN_RING);
    return rc > 0;
}

static void disk_check(struct blk_device *device)
{
    struct disk_queue *queue = disk_queue_of(device);
    if (virtio_device_needs_reset(&queue->disk->device))
        disk_die(queue->disk, DISK_NEEDS_RESET);
}

static void disk_stuck(struct blk_device *device)
{
    disk_die(disk_queue_of(device)->disk, DISK_STUCK);
}

static void disk_set_write_back(struct blk_device *device, bool write_back)
{
    disk_config_write_back(disk_queue_of(device)->disk, write_back);
    io_mb(); /* what is shown to the device from now on is written in that mode, by any queue */
}

static void disk_quiesce(struct blk_device *device)
{
    struct virtio_transport *transport = disk_queue_of(device)->disk->device.transport;
    (void)transport->ops->reset(transport); /* devman resets it again before anyone gets it */
}

const struct blk_device_ops disk_ops = {
    .room = disk_room,
    .submit = disk_submit,
    .kick = disk_kick,
    .reap = disk_reap,
    .arm = disk_arm,
    .notified = disk_notified,
    .check = disk_check,
    .wait = disk_wait,
    .stuck = disk_stuck,
    .enter = disk_enter,
    .set_write_back = disk_set_write_back,
    .quiesce = disk_quiesce,
};
