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
        if (blk_server.table.partition[i].sectors != 0)
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
    const struct blk_device *device = blk_server.device;
    uint64_t minor = request->word[1];
    (void)reply;
    if (minor >= BLK_MINORS || (minor != 0 && blk_server.table.partition[minor].sectors == 0))
        return -ANOLE_ENOENT;
    const struct partition *partition = &blk_server.table.partition[minor];
    struct blk_info info = {
        .capacity_sectors = blk_server.minor_sectors[minor],
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
        .max_request_bytes = blk_server.max_request_bytes,
        .max_in_flight = device->max_in_flight,
        .minors = minor_count(),
        .partition_type = partition->type,
    };
    memcpy(info.partition_guid, partition->guid, sizeof(info.partition_guid));
    memcpy(info.partition_name, partition->name, sizeof(info.partition_name));
    return kcall_copy(source->endpoint, request->word[2], request->word[3], &info, sizeof(info),
                      COPY_TO_GRANT);
}

int blk_stats_tell(const struct blk_source *source, const struct message *request,
                   struct message *reply)
{
    struct blk_stats stats = blk_server.device->stats;
    (void)reply;
    stats.clients_now = blk_server.sessions_open;
    stats.channels_now = (uint64_t)__builtin_popcountll(blk_server.attached_mask);
    return kcall_copy(source->endpoint, request->word[2], request->word[3], &stats, sizeof(stats),
                      COPY_TO_GRANT);
}

int blk_identify(const struct blk_source *source, const struct message *request,
                 struct message *reply)
{
    (void)source;
    (void)request;
    static_assert(sizeof(blk_server.device->serial) <= 3 * sizeof(uint64_t), "fits words 1 to 3");
    memcpy(&reply->word[1], blk_server.device->serial, sizeof(blk_server.device->serial));
    return 0;
}
