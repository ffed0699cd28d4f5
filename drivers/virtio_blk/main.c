/*
 * The virtio block driver: one process, one disk. RS starts it with the device's register window and
 * interrupt in its resource table; clients reach it as "vda", "vdb" ... It owns the device, its rings
 * and nothing else. When it can't go on it exits and is started anew over a fresh device: starting is
 * its only recovery. The protocol is libblk's business, rings and registers are libvirtio's.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libanole/service.h>
#include <libvirtio/attach.h>
#include <libvirtio/info.h>
#include <stdlib.h>

#define SCAN_BUFFER_LEN 16384u

static struct disk disk;
static struct virtio_attached attached;
static char disk_name[8];

void disk_die(struct disk *dying, enum disk_evidence evidence)
{
    static const char *const text[] = {
        [DISK_NEEDS_RESET] = "it needs a reset",
        [DISK_BROKEN_RING] = "it broke its ring",
        [DISK_STUCK] = "it doesn't answer",
    };
    virtio_give_up(dying->first.blk.name, text[evidence], evidence);
}

static _Noreturn void fail(const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", disk_name, step, anole_error_text(error));
    exit(1);
}

/* "vda" for the first disk, "vdz" for the 26th, "vdaa" for the next one. */
static void make_name(unsigned unit)
{
    char *at = disk_name;
    *at++ = 'v';
    *at++ = 'd';
    if (unit >= 26)
        *at++ = (char)('a' + (unit / 26 - 1) % 26);
    *at = (char)('a' + unit % 26);
}

static void probe(void)
{
    virtio_attach(&attached, disk_name, VIRTIO_ID_BLOCK, BLK_DEVICE_BIT);
    int rc = disk_open(&disk, attached.transport, &attached, disk_name, info_page()->harts);
    if (rc < 0)
        virtio_open_failed(disk_name, &disk.device, disk.failed_step, rc);
    rc = virtio_attach_queue(&attached, 0);
    if (rc < 0)
        fail("the interrupt of its queue", rc);
}

/* Each beyond the first has a thread of its own. */
static void start_queues(void)
{
    struct blk_device *more[BLK_QUEUES];
    for (unsigned i = 1; i < disk.queues; i++)
        more[i - 1] = &disk.queue[i]->blk;
    unsigned started = blk_server_queues_start(startup_page()->self, more, disk.queues);
    if (started > 1)
        log_printf(LOG_INFO, "%s: %u queues", disk_name, started);
}

static void announce(void)
{
    const struct blk_device *blk = &disk.first.blk;
    if (blk->capacity_sectors == 0)
        log_printf(LOG_WARNING, "%s: the disk is empty: there is nothing to read or write",
                   disk_name);
    log_printf(LOG_INFO, "%s: %lu sectors, blocks of %u bytes%s%s, %u requests of %u segments",
               disk_name, (unsigned long)blk->capacity_sectors, blk->logical_block_bytes,
               (blk->flags & BLK_INFO_READ_ONLY) != 0 ? ", read-only" : "",
               (blk->flags & BLK_INFO_WRITE_BACK) != 0 ? ", write-back" : ", write-through",
               blk->max_in_flight, blk->max_segments);
}

/* What all queues have done together, for `virtio dump`. */
static void count(struct virtio_counters *counters)
{
    for (unsigned i = 0; i < disk.queues; i++) {
        const struct virtio_counters *done = &disk.queue[i]->counters;
        const struct blk_stats *stats = &disk.queue[i]->blk.stats;
        counters->operations += done->operations;
        counters->bytes += done->bytes;
        counters->errors += done->errors;
        for (unsigned size = 0; size < VIRTIO_SIZES; size++)
            counters->sizes[size] += done->sizes[size];
        counters->kicks += stats->kicks;
        counters->kicks_suppressed += stats->kicks_suppressed;
        counters->interrupts += stats->interrupts;
        counters->spurious_interrupts += stats->spurious_interrupts;
    }
}

int main(void)
{
    make_name(startup_page()->unit);
    probe();

    struct dma_memory buffer;
    size_t len = disk.first.blk.logical_block_bytes > SCAN_BUFFER_LEN
                     ? disk.first.blk.logical_block_bytes
                     : SCAN_BUFFER_LEN;
    int rc = attached.platform.dma_alloc(&attached.platform, len < 65536 ? len : 65536, &buffer);
    if (rc < 0)
        fail("memory for reading partition tables", rc);
    blk_server_start(&disk.first.blk, buffer.address, buffer.device_address, buffer.len_bytes);
    announce();

    start_queues();
    virtio_info_serve(&attached, &disk.device, count);

    service_ready();
    rc = service_publish(disk_name);
    if (rc < 0)
        fail("publishing its name", rc);
    blk_server_run();
}
