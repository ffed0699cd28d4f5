/*
 * What a virtio block device says of itself (virtio 1.4, 5.2.4): the configuration space is read here,
 * and becomes the description that libblk goes by. What makes no sense is clamped here or in libblk.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libvirtio/feature_bits.h>
#include <string.h>

#define CONFIG_ALWAYS FEATURE_NEEDS_NOTHING

/* Offset and width of a field. */
#define PLACE(field)                                                                               \
    offsetof(struct virtio_blk_config, field), sizeof(((struct virtio_blk_config *)NULL)->field)

/* The fields, and what each needs. */
static const struct {
    struct feature_bit feature;
    uint32_t offset, width;
} config_layout[] = {
#define FIELD(feature, field)                                                                      \
    {                                                                                              \
        feature, PLACE(field)                                                                      \
    }
    FIELD(CONFIG_ALWAYS, capacity),
    FIELD(VIRTIO_BLK_F_MQ, num_queues),
    FIELD(VIRTIO_BLK_F_SIZE_MAX, size_max),
    FIELD(VIRTIO_BLK_F_SEG_MAX, seg_max),
    FIELD(VIRTIO_BLK_F_GEOMETRY, cylinders),
    FIELD(VIRTIO_BLK_F_GEOMETRY, heads),
    FIELD(VIRTIO_BLK_F_GEOMETRY, sectors),
    FIELD(VIRTIO_BLK_F_BLK_SIZE, blk_size),
    FIELD(VIRTIO_BLK_F_TOPOLOGY, physical_block_exp),
    FIELD(VIRTIO_BLK_F_TOPOLOGY, alignment_offset),
    FIELD(VIRTIO_BLK_F_TOPOLOGY, min_io_size),
    FIELD(VIRTIO_BLK_F_TOPOLOGY, opt_io_size),
    FIELD(VIRTIO_BLK_F_CONFIG_WCE, writeback),
    FIELD(VIRTIO_BLK_F_DISCARD, max_discard_sectors),
    FIELD(VIRTIO_BLK_F_DISCARD, max_discard_seg),
    FIELD(VIRTIO_BLK_F_DISCARD, discard_sector_alignment),
    FIELD(VIRTIO_BLK_F_WRITE_ZEROES, max_write_zeroes_sectors),
    FIELD(VIRTIO_BLK_F_WRITE_ZEROES, max_write_zeroes_seg),
    FIELD(VIRTIO_BLK_F_WRITE_ZEROES, write_zeroes_may_unmap),
#undef FIELD
};
#define CONFIG_FIELDS (sizeof(config_layout) / sizeof(config_layout[0]))

int disk_config_read(struct disk *disk, struct virtio_blk_config *config)
{
    struct virtio_config_field fields[CONFIG_FIELDS];
    unsigned count = 0;
    for (unsigned i = 0; i < CONFIG_FIELDS; i++) {
        if (config_layout[i].feature.number != CONFIG_ALWAYS.number &&
            !feature_has(disk->device.features, config_layout[i].feature))
            continue;
        fields[count++] = (struct virtio_config_field){
            .offset = config_layout[i].offset,
            .width = config_layout[i].width,
        };
    }
    int rc = virtio_config_read(&disk->device, fields, count);
    *config = (struct virtio_blk_config){0};
    for (unsigned i = 0; i < count && rc == 0; i++)
        memcpy((char *)config + fields[i].offset, &fields[i].value, fields[i].width);
    return rc;
}

void disk_config_write_back(struct disk *disk, bool write_back)
{
    const struct virtio_config_field field = {PLACE(writeback), write_back};
    (void)virtio_config_write(&disk->device, &field); /* it was read, so it is there */
}

static bool has(const struct disk *disk, struct feature_bit feature)
{
    return feature_has(disk->device.features, feature);
}

/* Block sizes; a size that can't be one is left to libblk, which says so in the log. */
static void describe_blocks(struct disk *disk, const struct virtio_blk_config *config)
{
    struct blk_device *blk = &disk->first.blk;
    blk->logical_block_bytes = BLK_SECTOR_SIZE;
    if (has(disk, VIRTIO_BLK_F_BLK_SIZE))
        blk->logical_block_bytes = config->blk_size;
    blk->physical_block_bytes = blk->logical_block_bytes;
    if (!has(disk, VIRTIO_BLK_F_TOPOLOGY) || blk->logical_block_bytes > 65536)
        return;
    /* These are in logical blocks; products stay below 2^32. */
    if (config->physical_block_exp < 12)
        blk->physical_block_bytes <<= config->physical_block_exp;
    blk->alignment_bytes = config->alignment_offset * blk->logical_block_bytes;
    blk->minimum_io_bytes = config->min_io_size * blk->logical_block_bytes;
    if (config->opt_io_size < 65536)
        blk->optimal_io_bytes = config->opt_io_size * blk->logical_block_bytes;
}

/* How many ranges a request may have: a limit of 0 forbids what the feature promises. */
static uint64_t range_limit(uint64_t said)
{
    return said < DISK_RANGES ? said : DISK_RANGES;
}

static void describe_space(struct disk *disk, const struct virtio_blk_config *config)
{
    struct blk_device *blk = &disk->first.blk;
    blk->flags |= BLK_INFO_DISCARD | BLK_INFO_WRITE_ZEROES; /* libblk clears what has limit 0 */
    disk->discard_range_sectors = config->max_discard_sectors;
    blk->max_discard_sectors = config->max_discard_sectors * range_limit(config->max_discard_seg);
    blk->discard_alignment_sectors = config->discard_sector_alignment;
    disk->zeroes_range_sectors = config->max_write_zeroes_sectors;
    blk->max_zeroes_sectors = config->max_write_zeroes_sectors *
                              range_limit(config->max_write_zeroes_seg);
    if (config->write_zeroes_may_unmap != 0)
        blk->flags |= BLK_INFO_ZEROES_UNMAP;
}

static void describe_cache(struct disk *disk, const struct virtio_blk_config *config)
{
    struct blk_device *blk = &disk->first.blk;
    /* Without FLUSH the device writes through (virtio 1.4, 5.2.5). */
    if (has(disk, VIRTIO_BLK_F_FLUSH))
        blk->flags |= BLK_INFO_FLUSH | BLK_INFO_WRITE_BACK;
    if (!has(disk, VIRTIO_BLK_F_CONFIG_WCE))
        return;
    blk->flags |= BLK_INFO_CACHE_MODES;
    if (config->writeback == 0)
        blk->flags &= ~BLK_INFO_WRITE_BACK;
}

/* How many data segments a request may have: the device's limit, the table's, and a chain is never
 * longer than the ring (virtio 1.4, 2.7.5.3.1). */
static unsigned segment_limit(const struct disk *disk, const struct virtio_blk_config *config)
{
    unsigned size = disk->first.queue.size;
    unsigned limit = DISK_TABLE_ENTRIES - DISK_CHAIN_EXTRA;
    /* Without indirect descriptors a long chain is paid for with requests in flight. Two are what
     * a block across two pages needs. */
    if (!virtq_has_indirect(&disk->first.queue) && limit > size / 16)
        limit = size / 16 > 2 ? size / 16 : 2;
    if (limit > size - DISK_CHAIN_EXTRA)
        limit = size - DISK_CHAIN_EXTRA;
    if (has(disk, VIRTIO_BLK_F_SEG_MAX) && config->seg_max < limit)
        limit = config->seg_max > 0 ? config->seg_max : 1;
    return limit;
}

void disk_describe(struct disk *disk, const struct virtio_blk_config *config)
{
    struct blk_device *blk = &disk->first.blk;
    blk->capacity_sectors = config->capacity;
    blk->cylinders = config->cylinders;
    blk->heads = config->heads;
    blk->track_sectors = config->sectors;
    if (has(disk, VIRTIO_BLK_F_RO))
        blk->flags |= BLK_INFO_READ_ONLY;
    if (disk->first.queue.event_index)
        blk->flags |= BLK_INFO_BATCHES;
    describe_cache(disk, config);
    describe_blocks(disk, config);
    describe_space(disk, config);
    blk->max_segments = segment_limit(disk, config);
    blk->max_segment_bytes = UINT32_MAX;
    if (has(disk, VIRTIO_BLK_F_SIZE_MAX))
        blk->max_segment_bytes = config->size_max;
    unsigned chain = blk->max_segments + DISK_CHAIN_EXTRA;
    blk->max_in_flight = disk->first.queue.size /
                         (virtq_has_indirect(&disk->first.queue) ? 1 : chain);
}
