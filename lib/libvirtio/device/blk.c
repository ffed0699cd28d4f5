/*
 * The block device's features and configuration space (virtio 1.4, 5.2.3 to 5.2.5), and its memory.
 */
#include <libvirtio/device/blk.h>
#include <libvirtio/feature_bits.h>
#include <stdatomic.h>
#include <string.h>

#define MEMORY_ALIGNMENT 16u
#define BLOCK_BYTES_MAX 65536u
#define CONFIG_WCE_MASK ((uint64_t)1 << 11)

static struct vdev_blk *blk_of(struct vdev *device)
{
    return (struct vdev_blk *)device; /* its first member */
}

static struct feature_set known_features(void)
{
    struct feature_set set = vdev_common_features();
    set = feature_with(set, VIRTIO_BLK_F_SIZE_MAX);
    set = feature_with(set, VIRTIO_BLK_F_SEG_MAX);
    set = feature_with(set, VIRTIO_BLK_F_GEOMETRY);
    set = feature_with(set, VIRTIO_BLK_F_RO);
    set = feature_with(set, VIRTIO_BLK_F_BLK_SIZE);
    set = feature_with(set, VIRTIO_BLK_F_FLUSH);
    set = feature_with(set, VIRTIO_BLK_F_TOPOLOGY);
    set = feature_with(set, VIRTIO_BLK_F_CONFIG_WCE);
    set = feature_with(set, VIRTIO_BLK_F_MQ);
    set = feature_with(set, VIRTIO_BLK_F_DISCARD);
    return feature_with(set, VIRTIO_BLK_F_WRITE_ZEROES);
}

static bool power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static bool options_valid(const struct vdev_blk_options *options)
{
    struct feature_set features = options->features;
    if ((features.mask & ~known_features().mask) != 0)
        return false;
    if (feature_has(features, VIRTIO_BLK_F_CONFIG_WCE) &&
        !feature_has(features, VIRTIO_BLK_F_FLUSH))
        return false;
    if (options->queues == 0 || (options->queues > 1 && !feature_has(features, VIRTIO_BLK_F_MQ)))
        return false;
    if (options->queue_size == 0 || options->queue_size > VIRTIO_QUEUE_SIZE_LIMIT)
        return false;
    return !feature_has(features, VIRTIO_BLK_F_BLK_SIZE) ||
           (power_of_two(options->block_bytes) && options->block_bytes >= VIRTIO_BLK_SECTOR &&
            options->block_bytes <= BLOCK_BYTES_MAX);
}

/* The parts of a device's memory, and where they begin: one behind the other. */
struct memory_plan {
    uint64_t segments, in_use, len;
};

static uint64_t aligned(uint64_t len)
{
    return (len + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

static struct memory_plan plan_of(const struct vdev_blk_options *options)
{
    uint64_t count = options->queues;
    uint64_t size = options->queue_size;
    struct memory_plan plan;
    plan.segments = aligned(count * sizeof(struct vdev_queue));
    plan.in_use = plan.segments + aligned(count * size * sizeof(struct vdev_segment));
    plan.len = plan.in_use + count * VDEV_QUEUE_WORDS(size) * sizeof(uint32_t);
    return plan;
}

uint64_t vdev_blk_memory_len(const struct vdev_blk_options *options)
{
    return options_valid(options) ? plan_of(options).len : 0;
}

/* Fields whose feature isn't offered are 0. */
static struct virtio_blk_config config_of(const struct vdev_blk_options *options,
                                          const struct vdev_store *store)
{
    struct feature_set features = options->features;
    struct virtio_blk_config config = {.capacity = store->bytes / VIRTIO_BLK_SECTOR};
    if (feature_has(features, VIRTIO_BLK_F_SIZE_MAX))
        config.size_max = options->size_max;
    if (feature_has(features, VIRTIO_BLK_F_SEG_MAX))
        config.seg_max = options->seg_max;
    if (feature_has(features, VIRTIO_BLK_F_GEOMETRY)) {
        config.cylinders = options->cylinders;
        config.heads = options->heads;
        config.sectors = options->track_sectors;
    }
    if (feature_has(features, VIRTIO_BLK_F_BLK_SIZE))
        config.blk_size = options->block_bytes;
    if (feature_has(features, VIRTIO_BLK_F_TOPOLOGY)) {
        config.physical_block_exp = options->physical_block_exp;
        config.alignment_offset = options->alignment_offset_blocks;
        config.min_io_size = options->min_io_blocks;
        config.opt_io_size = options->opt_io_blocks;
    }
    if (feature_has(features, VIRTIO_BLK_F_MQ))
        config.num_queues = options->queues;
    if (feature_has(features, VIRTIO_BLK_F_DISCARD)) {
        config.max_discard_sectors = options->max_discard_sectors;
        config.max_discard_seg = options->max_discard_segments;
        config.discard_sector_alignment = options->discard_alignment_sectors;
    }
    if (feature_has(features, VIRTIO_BLK_F_WRITE_ZEROES)) {
        config.max_write_zeroes_sectors = options->max_zeroes_sectors;
        config.max_write_zeroes_seg = options->max_zeroes_segments;
        config.write_zeroes_may_unmap = options->zeroes_may_unmap;
    }
    return config;
}

static void set_writeback(struct vdev_blk *blk, bool writeback)
{
    blk->config.writeback = writeback;
    atomic_store_explicit(&blk->writeback, writeback, memory_order_relaxed);
}

static bool accepts(struct vdev *device, struct feature_set features)
{
    /* Who never flushes gets a disk that needs no flush (virtio 1.4, 5.2.5.2). */
    set_writeback(blk_of(device), feature_has(features, VIRTIO_BLK_F_FLUSH));
    device->queues_usable = feature_has(features, VIRTIO_BLK_F_MQ) ? device->queue_count : 1;
    return true;
}

static bool config_write(struct vdev *device, uint32_t offset, unsigned width, uint32_t value)
{
    if (offset != offsetof(struct virtio_blk_config, writeback) || width != 1 || value > 1 ||
        !feature_has(device->accepted, VIRTIO_BLK_F_CONFIG_WCE))
        return false;
    set_writeback(blk_of(device), value == 1);
    return true;
}

static const struct vdev_type type = {
    .id = 2,                          /* virtio 1.4, 5 */
    .modern_only = {CONFIG_WCE_MASK}, /* old drivers have rules of their own for it */
    .accepts = accepts,
    .config_write = config_write,
};

void vdev_blk_init(struct vdev_blk *blk, const struct vdev_blk_options *options,
                   struct vdev_host *host, struct vdev_store *store, void *memory)
{
    struct memory_plan plan = plan_of(options);
    struct vdev_queue *queues = memory;
    uint32_t *in_use = (uint32_t *)(void *)((char *)memory + plan.in_use);
    *blk = (struct vdev_blk){
        .device =
            {
                .type = &type,
                .host = host,
                .offered = feature_with(options->features, VIRTIO_F_VERSION_1),
                .config_len = VIRTIO_BLK_CONFIG_LEN,
                .queues = queues,
                .queue_count = options->queues,
            },
        .store = store,
        .config = config_of(options, store),
        .block_bytes = VIRTIO_BLK_SECTOR,
        .read_only = feature_has(options->features, VIRTIO_BLK_F_RO),
        .segments = (struct vdev_segment *)(void *)((char *)memory + plan.segments),
    };
    blk->device.config = (const uint8_t *)&blk->config;
    if (feature_has(options->features, VIRTIO_BLK_F_BLK_SIZE))
        blk->block_bytes = options->block_bytes;
    const char *serial = options->serial != NULL ? options->serial : "";
    for (unsigned i = 0; i < sizeof(blk->serial) && serial[i] != '\0'; i++)
        blk->serial[i] = serial[i];
    for (unsigned i = 0; i < options->queues; i++)
        vdev_queue_init(&queues[i], host, options->queue_size,
                        in_use + i * VDEV_QUEUE_WORDS(options->queue_size));
    vdev_status_write(&blk->device, 0);
}

void vdev_blk_resized(struct vdev_blk *blk)
{
    blk->config.capacity = blk->store->bytes / VIRTIO_BLK_SECTOR;
    vdev_config_changed(&blk->device);
}
