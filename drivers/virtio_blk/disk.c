/*
 * Bringing a virtio block device up: features, configuration, queue. What the device says of itself
 * is clamped to what makes sense, here or in libblk.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libvirtio/feature_bits.h>
#include <string.h>

#define ALLOW(feature)                                                                             \
    {                                                                                              \
        .bit = (feature), .needs = FEATURE_NEEDS_NOTHING                                           \
    }

static const struct feature_rule allowed[] = {
    {.bit = VIRTIO_F_VERSION_1, .needs = FEATURE_NEEDS_NOTHING, .required = true},
    ALLOW(VIRTIO_F_EVENT_IDX),
    ALLOW(VIRTIO_F_INDIRECT_DESC),
    ALLOW(VIRTIO_F_RING_PACKED),
    ALLOW(VIRTIO_F_ACCESS_PLATFORM),
    ALLOW(VIRTIO_F_ORDER_PLATFORM),
    ALLOW(VIRTIO_BLK_F_SIZE_MAX),
    ALLOW(VIRTIO_BLK_F_SEG_MAX),
    ALLOW(VIRTIO_BLK_F_RO),
    ALLOW(VIRTIO_BLK_F_BLK_SIZE),
    ALLOW(VIRTIO_BLK_F_FLUSH),
    ALLOW(VIRTIO_BLK_F_TOPOLOGY),
    ALLOW(VIRTIO_BLK_F_DISCARD),
    ALLOW(VIRTIO_BLK_F_WRITE_ZEROES),
};

/* Configuration space (virtio 1.4, 5.2.4): offset and width of each field. */
#define CONFIG_CAPACITY 0u, 8u
#define CONFIG_SIZE_MAX 8u, 4u
#define CONFIG_SEG_MAX 12u, 4u
#define CONFIG_BLK_SIZE 20u, 4u
#define CONFIG_PHYSICAL_BLOCK_EXP 24u, 1u
#define CONFIG_OPT_IO_SIZE 28u, 4u
#define CONFIG_MAX_DISCARD_SECTORS 36u, 4u
#define CONFIG_MAX_DISCARD_SEG 40u, 4u
#define CONFIG_MAX_WRITE_ZEROES_SECTORS 48u, 4u
#define CONFIG_MAX_WRITE_ZEROES_SEG 52u, 4u

/* Fields that a feature governs are 0 here without it, and never read. */
struct disk_config {
    uint64_t capacity;
    uint64_t size_max;
    uint64_t seg_max;
    uint64_t blk_size;
    uint64_t physical_block_exp;
    uint64_t opt_io_size;
    uint64_t max_discard_sectors;
    uint64_t max_discard_seg;
    uint64_t max_write_zeroes_sectors;
    uint64_t max_write_zeroes_seg;
};

#define CONFIG_ALWAYS FEATURE_NEEDS_NOTHING

static const struct {
    struct feature_bit feature;
    uint32_t offset, width;
    size_t member;
} config_layout[] = {
    {CONFIG_ALWAYS, CONFIG_CAPACITY, offsetof(struct disk_config, capacity)},
    {VIRTIO_BLK_F_SIZE_MAX, CONFIG_SIZE_MAX, offsetof(struct disk_config, size_max)},
    {VIRTIO_BLK_F_SEG_MAX, CONFIG_SEG_MAX, offsetof(struct disk_config, seg_max)},
    {VIRTIO_BLK_F_BLK_SIZE, CONFIG_BLK_SIZE, offsetof(struct disk_config, blk_size)},
    {VIRTIO_BLK_F_TOPOLOGY, CONFIG_PHYSICAL_BLOCK_EXP,
     offsetof(struct disk_config, physical_block_exp)},
    {VIRTIO_BLK_F_TOPOLOGY, CONFIG_OPT_IO_SIZE, offsetof(struct disk_config, opt_io_size)},
    {VIRTIO_BLK_F_DISCARD, CONFIG_MAX_DISCARD_SECTORS,
     offsetof(struct disk_config, max_discard_sectors)},
    {VIRTIO_BLK_F_DISCARD, CONFIG_MAX_DISCARD_SEG, offsetof(struct disk_config, max_discard_seg)},
    {VIRTIO_BLK_F_WRITE_ZEROES, CONFIG_MAX_WRITE_ZEROES_SECTORS,
     offsetof(struct disk_config, max_write_zeroes_sectors)},
    {VIRTIO_BLK_F_WRITE_ZEROES, CONFIG_MAX_WRITE_ZEROES_SEG,
     offsetof(struct disk_config, max_write_zeroes_seg)},
};
#define CONFIG_FIELDS (sizeof(config_layout) / sizeof(config_layout[0]))

static int config_read(struct disk *disk, struct disk_config *config)
{
    struct virtio_config_field fields[CONFIG_FIELDS];
    size_t members[CONFIG_FIELDS];
    unsigned count = 0;
    for (unsigned i = 0; i < CONFIG_FIELDS; i++) {
        if (config_layout[i].feature.number != CONFIG_ALWAYS.number &&
            !feature_has(disk->device.features, config_layout[i].feature))
            continue;
        members[count] = config_layout[i].member;
        fields[count++] = (struct virtio_config_field){
            .offset = config_layout[i].offset,
            .width = config_layout[i].width,
        };
    }
    int rc = virtio_config_read(&disk->device, fields, count);
    *config = (struct disk_config){0};
    for (unsigned i = 0; i < count && rc == 0; i++)
        memcpy((char *)config + members[i], &fields[i].value, sizeof(fields[i].value));
    return rc;
}

static bool has(const struct disk *disk, struct feature_bit feature)
{
    return feature_has(disk->device.features, feature);
}

/* Block sizes; a size that can't be one is left to libblk, which says so in the log. */
static void describe_blocks(struct disk *disk, const struct disk_config *config)
{
    struct blk_device *blk = &disk->blk;
    blk->logical_block_bytes = BLK_SECTOR_SIZE;
    if (has(disk, VIRTIO_BLK_F_BLK_SIZE))
        blk->logical_block_bytes = (uint32_t)config->blk_size;
    blk->physical_block_bytes = blk->logical_block_bytes;
    if (!has(disk, VIRTIO_BLK_F_TOPOLOGY) || blk->logical_block_bytes > 65536)
        return;
    if (config->physical_block_exp < 12)
        blk->physical_block_bytes <<= config->physical_block_exp;
    if (config->opt_io_size < 65536)
        blk->optimal_io_bytes = (uint32_t)config->opt_io_size * blk->logical_block_bytes;
}

static void describe_space(struct disk *disk, const struct disk_config *config)
{
    struct blk_device *blk = &disk->blk;
    /* A limit of 0 segments forbids what the feature promises. */
    if (has(disk, VIRTIO_BLK_F_DISCARD) && config->max_discard_seg > 0) {
        blk->flags |= BLK_INFO_DISCARD;
        blk->max_discard_sectors = config->max_discard_sectors;
    }
    if (has(disk, VIRTIO_BLK_F_WRITE_ZEROES) && config->max_write_zeroes_seg > 0) {
        blk->flags |= BLK_INFO_WRITE_ZEROES;
        blk->max_zeroes_sectors = config->max_write_zeroes_sectors;
    }
}

/* How many data segments a request may have: the device's limit, the table's, and a chain is never
 * longer than the ring (virtio 1.4, 2.7.5.3.1). */
static unsigned segment_limit(const struct disk *disk, const struct disk_config *config)
{
    unsigned size = disk->queue.size;
    unsigned limit = DISK_TABLE_ENTRIES - DISK_CHAIN_EXTRA;
    /* Without indirect descriptors a long chain is paid for with requests in flight. Two are what
     * a block across two pages needs. */
    if (!virtq_has_indirect(&disk->queue) && limit > size / 16)
        limit = size / 16 > 2 ? size / 16 : 2;
    if (limit > size - DISK_CHAIN_EXTRA)
        limit = size - DISK_CHAIN_EXTRA;
    if (has(disk, VIRTIO_BLK_F_SEG_MAX) && config->seg_max < limit)
        limit = config->seg_max > 0 ? (unsigned)config->seg_max : 1;
    return limit;
}

static void describe(struct disk *disk, const struct disk_config *config)
{
    struct blk_device *blk = &disk->blk;
    blk->capacity_sectors = config->capacity;
    if (has(disk, VIRTIO_BLK_F_RO))
        blk->flags |= BLK_INFO_READ_ONLY;
    if (has(disk, VIRTIO_BLK_F_FLUSH))
        blk->flags |= BLK_INFO_FLUSH;
    if (disk->queue.event_index)
        blk->flags |= BLK_INFO_BATCHES;
    describe_blocks(disk, config);
    describe_space(disk, config);
    blk->max_segments = segment_limit(disk, config);
    blk->max_segment_bytes = UINT32_MAX;
    if (has(disk, VIRTIO_BLK_F_SIZE_MAX))
        blk->max_segment_bytes = (uint32_t)config->size_max;
    unsigned chain = blk->max_segments + DISK_CHAIN_EXTRA;
    blk->max_in_flight = disk->queue.size / (virtq_has_indirect(&disk->queue) ? 1 : chain);
}

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
    rc = config_read(disk, &config);
    if (rc < 0)
        return open_failed(disk, "configuration space", rc);
    describe(disk, &config);
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
    int rc = config_read(disk, &config);
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
