/*
 * Bringing a virtio block device up: features, queue, slots; and what follows when its configuration
 * changes.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libvirtio/feature_bits.h>

#define ALLOW(feature)                                                                             \
    {                                                                                              \
        .bit = (feature), .needs = FEATURE_NEEDS_NOTHING                                           \
    }

static const struct feature_rule allowed[] = {
    {.bit = VIRTIO_F_VERSION_1, .needs = FEATURE_NEEDS_NOTHING, .required = true},
    ALLOW(VIRTIO_F_EVENT_IDX),
    ALLOW(VIRTIO_F_INDIRECT_DESC),
    ALLOW(VIRTIO_F_ACCESS_PLATFORM),
    ALLOW(VIRTIO_F_ORDER_PLATFORM),
    ALLOW(VIRTIO_BLK_F_SIZE_MAX),
    ALLOW(VIRTIO_BLK_F_SEG_MAX),
    ALLOW(VIRTIO_BLK_F_GEOMETRY),
    ALLOW(VIRTIO_BLK_F_RO),
    ALLOW(VIRTIO_BLK_F_BLK_SIZE),
    ALLOW(VIRTIO_BLK_F_FLUSH),
    ALLOW(VIRTIO_BLK_F_TOPOLOGY),
    /* Write-back is nothing for who can't flush. */
    {.bit = VIRTIO_BLK_F_CONFIG_WCE, .needs = VIRTIO_BLK_F_FLUSH},
    ALLOW(VIRTIO_BLK_F_DISCARD),
    ALLOW(VIRTIO_BLK_F_WRITE_ZEROES),
};

static int slots_alloc(struct disk *disk, struct virtio_platform *platform)
{
    struct dma_memory memory;
    unsigned count = disk->blk.max_in_flight;
    int rc = platform->dma_alloc(platform, count * sizeof(*disk->memory), &memory);
    if (rc < 0)
        return rc;
    disk->memory = memory.address;
    disk->memory_device_address = memory.device_address;
    disk_slots_init(disk, count);
    return 0;
}

static int open_failed(struct disk *disk, const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", disk->blk.name, step, anole_error_text(error));
    virtio_device_fail(&disk->device);
    return error;
}

int disk_open(struct disk *disk, struct virtio_transport *transport, const char *name)
{
    *disk = (struct disk){.blk = {.ops = &disk_ops, .name = name}};
    int rc = virtio_device_open(&disk->device, transport, allowed,
                                sizeof(allowed) / sizeof(allowed[0]));
    if (rc == -ANOLE_ENODEV)
        log_printf(LOG_ERROR, "%s: the device lacks feature %u", name,
                   disk->device.missing_feature.number);
    if (rc < 0)
        return open_failed(disk, "negotiation", rc);
    rc = virtio_device_queue(&disk->device, &disk->queue, 0, DISK_QUEUE_SIZE, disk->chains);
    if (rc < 0)
        return open_failed(disk, "queue 0", rc);
    if (disk->queue.size <= DISK_CHAIN_EXTRA)
        return open_failed(disk, "a queue too short for a request", -ANOLE_EINVAL);
    struct disk_config config;
    rc = disk_config_read(disk, &config);
    if (rc < 0)
        return open_failed(disk, "configuration space", rc);
    disk_describe(disk, &config);
    rc = slots_alloc(disk, transport->platform);
    if (rc < 0)
        return open_failed(disk, "memory for requests", rc);
    rc = virtio_device_start(&disk->device);
    return rc < 0 ? open_failed(disk, "start", rc) : 0;
}

/* Interrupt of a configuration change: look at what may have changed. */
void disk_config_changed(struct disk *disk)
{
    struct disk_config config;
    if (virtio_device_needs_reset(&disk->device)) {
        disk_die(disk, DISK_NEEDS_RESET);
        return;
    }
    int rc = disk_config_read(disk, &config);
    if (rc < 0) {
        log_printf(LOG_WARNING, "%s: configuration space after a change: %s", disk->blk.name,
                   anole_error_text(rc));
        return;
    }
    uint64_t before = disk->blk.capacity_sectors;
    blk_server_resized(&disk->blk, config.capacity);
    if (disk->blk.capacity_sectors != before)
        log_printf(LOG_INFO, "%s: now %lu sectors, was %lu", disk->blk.name,
                   (unsigned long)disk->blk.capacity_sectors, (unsigned long)before);
}
