/*
 * The device of fake_disk.h.
 */
#include "fake_disk.h"

#include "blk_client.h"
#include "fake_memory.h"

#include <stdlib.h>
#include <string.h>

static struct fake_disk *disk_of(struct blk_device *device)
{
    return (struct fake_disk *)device;
}

static unsigned room(struct blk_device *device)
{
    return device->max_in_flight - disk_of(device)->held_count;
}

static void submit(struct blk_device *device, const struct blk_piece *piece)
{
    struct fake_disk *disk = disk_of(device);
    CHECK(room(device) > 0 && disk->held_count < FAKE_PIECES);
    uint64_t bytes = 0;
    CHECK(piece->segment_count <= device->max_segments);
    for (unsigned i = 0; i < piece->segment_count; i++) {
        CHECK(piece->segments[i].len_bytes > 0);
        CHECK(piece->segments[i].len_bytes <= device->max_segment_bytes);
        bytes += piece->segments[i].len_bytes;
        disk->held[disk->held_count].segments[i] = piece->segments[i];
    }
    if (piece->type == BLK_READ || piece->type == BLK_WRITE) {
        uint32_t block = device->logical_block_bytes;
        CHECK(bytes == piece->bytes && bytes > 0 && bytes % block == 0);
        CHECK(piece->sector * BLK_SECTOR_SIZE % block == 0);
    }
    CHECK(piece->bytes / BLK_SECTOR_SIZE <= disk->sectors &&
          piece->sector <= disk->sectors - piece->bytes / BLK_SECTOR_SIZE);
    disk->held[disk->held_count++].piece = *piece;
    disk->unkicked++;
    CHECK(!piece->unmap || (device->flags & BLK_INFO_ZEROES_UNMAP) != 0);
    disk->unmaps += piece->unmap;
    disk->pieces[piece->type & 0xf]++;
    if (disk->ordered < 4096)
        disk->order[disk->ordered++] = piece->sector;
}

static void kick(struct blk_device *device)
{
    struct fake_disk *disk = disk_of(device);
    CHECK(disk->unkicked > 0);
    disk->unkicked = 0;
    disk->kicks++;
}

static int perform(struct fake_disk *disk, unsigned index)
{
    const struct blk_piece *piece = &disk->held[index].piece;
    unsigned char *at = disk->data + piece->sector * BLK_SECTOR_SIZE;
    for (unsigned i = 0; i < piece->segment_count; i++) {
        const struct dma_segment *segment = &disk->held[index].segments[i];
        bool reads = piece->type != BLK_WRITE;
        void *memory = fake_memory_at(segment->device_address, segment->len_bytes,
                                      reads ? FAKE_WRITE : FAKE_READ);
        if (piece->type == BLK_IDENTIFY)
            memcpy(memory, "0123456789abcdefghij", 20);
        else if (reads)
            memcpy(memory, at, segment->len_bytes);
        else
            memcpy(at, memory, segment->len_bytes);
        at += segment->len_bytes;
    }
    if (piece->type == BLK_DISCARD || piece->type == BLK_WRITE_ZEROES)
        memset(at, 0, piece->bytes);
    int status = disk->fail_next;
    disk->fail_next = 0;
    return status;
}

static void complete(struct fake_disk *disk, unsigned index)
{
    CHECK(index < disk->held_count - disk->unkicked); /* what it wasn't told of it can't do */
    int status = perform(disk, index);
    uint16_t token = disk->held[index].piece.token;
    disk->held_count--;
    memmove(&disk->held[index], &disk->held[index + 1],
            (disk->held_count - index) * sizeof(disk->held[0]));
    blk_server_done(&disk->blk, token, status);
}

static void reap(struct blk_device *device)
{
    struct fake_disk *disk = disk_of(device);
    while (!disk->hold && disk->held_count > disk->unkicked)
        complete(disk, 0);
}

static bool arm(struct blk_device *device, unsigned after)
{
    struct fake_disk *disk = disk_of(device);
    CHECK(disk->unkicked == 0 && after > 0);
    disk->armed++;
    return !disk->hold && disk->held_count > 0;
}

static void notified(struct blk_device *device, uint64_t bits)
{
    (void)device;
    CHECK((bits & (NOTIFY_BIT(BLK_DEVICE_BIT) - 1)) == 0);
}

static void check(struct blk_device *device)
{
    (void)device;
}

static void wait(struct blk_device *device, uint64_t deadline_ticks)
{
    (void)device;
    if (fake_kernel.now_ticks < deadline_ticks)
        fake_kernel.now_ticks = deadline_ticks;
}

static void stuck(struct blk_device *device)
{
    disk_of(device)->stuck = true;
}

static int enter(struct blk_device *device)
{
    return disk_of(device)->enter_fails;
}

static void set_write_back(struct blk_device *device, bool write_back)
{
    CHECK((device->flags & BLK_INFO_CACHE_MODES) != 0);
    disk_of(device)->write_back = write_back;
}

static void quiesce(struct blk_device *device)
{
    disk_of(device)->quiesced = true;
}

static const struct blk_device_ops ops = {
    .room = room,
    .submit = submit,
    .kick = kick,
    .reap = reap,
    .arm = arm,
    .notified = notified,
    .check = check,
    .wait = wait,
    .stuck = stuck,
    .enter = enter,
    .set_write_back = set_write_back,
    .quiesce = quiesce,
};

void fake_disk_init(struct fake_disk *disk, uint64_t sectors, unsigned in_flight, unsigned segments)
{
    *disk = (struct fake_disk){
        .blk = {.ops = &ops,
                .name = "vda",
                .capacity_sectors = sectors,
                .flags = BLK_INFO_FLUSH | BLK_INFO_WRITE_BACK | BLK_INFO_DISCARD |
                         BLK_INFO_WRITE_ZEROES,
                .logical_block_bytes = 512,
                .max_segments = segments,
                .max_segment_bytes = UINT32_MAX,
                .max_in_flight = in_flight,
                .max_discard_sectors = 64,
                .max_zeroes_sectors = 64},
        .sectors = sectors,
        .data = calloc(sectors + 1, BLK_SECTOR_SIZE),
    };
}

void fake_disk_free(struct fake_disk *disk)
{
    free(disk->data);
}

void fake_disk_start(struct fake_disk *disk)
{
    uint64_t address;
    void *buffer = fake_memory_alloc(4096, &address);
    blk_server_start(&disk->blk, buffer, address, 4096);
    fake_kernel_enter(blk_server_run);
    CHECK(fake_kernel.service != NULL);
    memset(disk->pieces, 0, sizeof(disk->pieces));
    disk->kicks = disk->ordered = disk->armed = 0;
}

void fake_disk_finish(struct fake_disk *disk, unsigned index)
{
    complete(disk, index);
    blk_work();
}

void fake_disk_finish_all(struct fake_disk *disk)
{
    while (disk->held_count > 0)
        fake_disk_finish(disk, 0);
}
