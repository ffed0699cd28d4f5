/*
 * Bringing a virtio block device up: features, queue, slots; and what follows when its configuration
 * changes.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libvirtio/feature_bits.h>
#include <stdlib.h>

static const struct feature_rule allowed[] = {
    VIRTIO_RULES_COMMON,
    FEATURE_ALLOW(VIRTIO_F_INDIRECT_DESC),
    FEATURE_ALLOW(VIRTIO_BLK_F_SIZE_MAX),
    FEATURE_ALLOW(VIRTIO_BLK_F_SEG_MAX),
    FEATURE_ALLOW(VIRTIO_BLK_F_GEOMETRY),
    FEATURE_ALLOW(VIRTIO_BLK_F_RO),
    FEATURE_ALLOW(VIRTIO_BLK_F_BLK_SIZE),
    FEATURE_ALLOW(VIRTIO_BLK_F_FLUSH),
    FEATURE_ALLOW(VIRTIO_BLK_F_TOPOLOGY),
    /* Write-back is nothing for who can't flush. */
    {.bit = VIRTIO_BLK_F_CONFIG_WCE, .needs = VIRTIO_BLK_F_FLUSH},
    FEATURE_ALLOW(VIRTIO_BLK_F_MQ),
    FEATURE_ALLOW(VIRTIO_BLK_F_DISCARD),
    FEATURE_ALLOW(VIRTIO_BLK_F_WRITE_ZEROES),
};

/* ---- queues ---- */

static int slots_alloc(struct disk_queue *queue, struct virtio_platform *platform, unsigned count)
{
    struct dma_memory memory;
    int rc = platform->dma_alloc(platform, count * sizeof(*queue->memory), &memory);
    if (rc < 0)
        return rc;
    queue->memory = memory.address;
    queue->memory_device_address = memory.device_address;
    disk_slots_init(queue, count);
    return 0;
}

static int queue_open(struct disk *disk, struct disk_queue *queue, unsigned index)
{
    queue->disk = disk;
    disk->queue[index] = queue;
    return virtio_device_queue(&disk->device, &queue->queue, (uint16_t)index, DISK_QUEUE_SIZE,
                               queue->chains);
}

/* Queues beyond the first. One that isn't like it is left alone, with all that follow. */
static int more_queues(struct disk *disk, unsigned count)
{
    struct virtio_platform *platform = disk->device.transport->platform;
    for (; disk->queues < count; disk->queues++) {
        struct disk_queue *queue = calloc(1, sizeof(*queue));
        int rc = queue == NULL ? -ANOLE_ENOMEM : queue_open(disk, queue, disk->queues);
        if (rc == 0 && queue->queue.size != disk->first.queue.size)
            return 0;
        if (rc == 0)
            rc = slots_alloc(queue, platform, disk->first.blk.max_in_flight);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* How many queues are worth it: with fewer vectors than queues some would share a thread. */
static unsigned queue_limit(const struct disk *disk, const struct virtio_blk_config *config,
                            unsigned queues_max)
{
    unsigned vectors = disk->device.transport->vectors;
    uint64_t limit = config->num_queues > 0 ? config->num_queues : 1;
    if (vectors > 1 && limit > vectors - 1u)
        limit = vectors - 1u;
    if (limit > queues_max)
        limit = queues_max;
    return limit < BLK_QUEUES ? (unsigned)limit : BLK_QUEUES;
}

/* ---- bringing it up ---- */

static int open_failed(struct disk *disk, const char *step, int error)
{
    disk->failed_step = step;
    virtio_device_fail(&disk->device);
    return error;
}

static int describe_and_start(struct disk *disk, unsigned queues_max)
{
    struct virtio_blk_config config;
    struct virtio_platform *platform = disk->device.transport->platform;
    int rc = disk_config_read(disk, &config);
    if (rc < 0)
        return open_failed(disk, "configuration space", rc);
    disk_describe(disk, &config);
    rc = slots_alloc(&disk->first, platform, disk->first.blk.max_in_flight);
    if (rc == 0)
        rc = more_queues(disk, queue_limit(disk, &config, queues_max));
    if (rc < 0)
        return open_failed(disk, "its queues", rc);
    rc = virtio_device_start(&disk->device);
    return rc < 0 ? open_failed(disk, "start", rc) : 0;
}

int disk_open(struct disk *disk, struct virtio_transport *transport,
              struct virtio_attached *attached, const char *name, unsigned queues_max)
{
    *disk = (struct disk){
        .attached = attached, .first.blk = {.ops = &disk_ops, .name = name}, .queues = 1};
    int rc = virtio_device_open(&disk->device, transport, allowed,
                                sizeof(allowed) / sizeof(allowed[0]));
    if (rc < 0)
        return open_failed(disk, "negotiation", rc);
    rc = queue_open(disk, &disk->first, 0);
    if (rc < 0)
        return open_failed(disk, "queue 0", rc);
    if (disk->first.queue.size <= DISK_CHAIN_EXTRA)
        return open_failed(disk, "a queue too short for a request", -ANOLE_EINVAL);
    return describe_and_start(disk, queues_max);
}

/* Interrupt of a configuration change: look at what may have changed. */
void disk_config_changed(struct disk *disk)
{
    struct virtio_blk_config config;
    if (virtio_device_needs_reset(&disk->device)) {
        disk_die(disk, DISK_NEEDS_RESET);
        return;
    }
    int rc = disk_config_read(disk, &config);
    if (rc < 0) {
        log_printf(LOG_WARNING, "%s: configuration space after a change: %s", disk->first.blk.name,
                   anole_error_text(rc));
        return;
    }
    uint64_t before = disk->first.blk.capacity_sectors;
    blk_server_resized(&disk->first.blk, config.capacity);
    if (disk->first.blk.capacity_sectors != before)
        log_printf(LOG_INFO, "%s: now %lu sectors, was %lu", disk->first.blk.name,
                   (unsigned long)disk->first.blk.capacity_sectors, (unsigned long)before);
}
