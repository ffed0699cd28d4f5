/*
 * What anyone may ask without a session: INFO, STATS, IDENTIFY. Answers that don't fit a message are
 * copied into a grant of the caller's.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <string.h>

static unsigned minor_count(void)
{
    unsigned count = 1;
    for (unsigned i = 1; i < BLK_MINORS; i++)
        if (blk_shared.table.partition[i].sectors != 0)
            count = i + 1;
    return count;
}

/* What any DISCARD may have, wherever it is cut: the first piece may be short. */
static uint64_t max_discard(const struct blk_device *device)
{
    uint64_t piece = device->max_discard_sectors;
    uint64_t alignment = device->discard_alignment_sectors;
    if (alignment == 0)
        return piece * device->max_in_flight;
    uint64_t several = (piece - piece % alignment) * (device->max_in_flight - 1);
    return several > piece ? several : piece;
}

int blk_info_tell(const struct blk_source *source, const struct message *request,
                  struct message *reply)
{
    const struct blk_device *device = blk_server->device;
    uint64_t minor = request->word[1];
    (void)reply;
    if (minor >= BLK_MINORS || (minor != 0 && blk_shared.table.partition[minor].sectors == 0))
        return -ANOLE_ENOENT;
    const struct partition *partition = &blk_shared.table.partition[minor];
    struct blk_info info = {
        .capacity_sectors = blk_server->minor_sectors[minor],
        .start_sector = partition->start_sector,
        .flags = device->flags,
        .logical_block_bytes = device->logical_block_bytes,
        .physical_block_bytes = device->physical_block_bytes,
        .alignment_bytes = device->alignment_bytes,
        .minimum_io_bytes = device->minimum_io_bytes,
        .optimal_io_bytes = device->optimal_io_bytes,
        .max_discard_sectors = max_discard(device),
        .max_zeroes_sectors = device->max_zeroes_sectors * device->max_in_flight,
        .discard_alignment_sectors = device->discard_alignment_sectors,
        .cylinders = device->cylinders,
        .heads = device->heads,
        .track_sectors = device->track_sectors,
        .max_request_bytes = blk_server->max_request_bytes,
        .max_in_flight = device->max_in_flight,
        .queues = blk_shared.queues,
        .minors = minor_count(),
        .partition_type = partition->type,
    };
    memcpy(info.partition_guid, partition->guid, sizeof(info.partition_guid));
    memcpy(info.partition_name, partition->name, sizeof(partition->name));
    return kcall_copy(source->endpoint, request->word[2], request->word[3], &info, sizeof(info),
                      COPY_TO_GRANT);
}

/* Other threads' counts are read while they count: each is one load, and of about now. */
void blk_stats_sum(struct blk_stats *sum)
{
    uint64_t *total = (uint64_t *)sum;
    *sum = (struct blk_stats){0};
    for (unsigned queue = 0; queue < blk_shared.queues; queue++) {
        const struct blk_server *server = blk_shared.queue[queue];
        const uint64_t *counts = (const uint64_t *)&server->device->stats;
        for (unsigned i = 0; i < sizeof(*sum) / sizeof(*counts); i++)
            total[i] += __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
        sum->clients_now += __atomic_load_n(&server->sessions_open, __ATOMIC_RELAXED);
        uint64_t attached = __atomic_load_n(&server->attached_mask, __ATOMIC_RELAXED);
        sum->channels_now += (uint64_t)__builtin_popcountll(attached);
    }
}

int blk_stats_tell(const struct blk_source *source, const struct message *request,
                   struct message *reply)
{
    struct blk_stats stats;
    (void)reply;
    blk_stats_sum(&stats);
    return kcall_copy(source->endpoint, request->word[2], request->word[3], &stats, sizeof(stats),
                      COPY_TO_GRANT);
}

int blk_identify(const struct blk_source *source, const struct message *request,
                 struct message *reply)
{
    (void)source;
    (void)request;
    static_assert(sizeof(blk_server->device->serial) <= 3 * sizeof(uint64_t), "fits words 1 to 3");
    memcpy(&reply->word[1], blk_server->device->serial, sizeof(blk_server->device->serial));
    return 0;
}
