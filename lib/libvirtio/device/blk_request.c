/*
 * The block device's requests (virtio 1.4, 5.2.6). How a request is cut into descriptors means
 * nothing: header, data and status are the first, middle and last bytes of it (virtio 1.4, 2.7.4).
 *
 * All that the driver may read of an answered request was written: what isn't data is zeroes.
 */
#include <libvirtio/device/blk.h>
#include <libvirtio/feature_bits.h>
#include <stdatomic.h>
#include <string.h>

#define HEADER_BYTES sizeof(struct virtio_blk_header)
#define STATUS_BYTES 1u

/* ---- pieces of a chain ---- */

/* A run of bytes of the readable or the writable segments that is being gone through. */
struct cursor {
    const struct vdev_segment *segment;
    uint64_t skip, len_bytes;
};

/* Data that the driver sends, behind the header. */
static struct cursor data_out(const struct vdev_chain *chain)
{
    return (struct cursor){chain->segments, HEADER_BYTES, chain->readable_bytes - HEADER_BYTES};
}

/* Data that the driver gets, before the status. */
static struct cursor data_in(const struct vdev_chain *chain)
{
    return (struct cursor){chain->segments + chain->readable, 0,
                           chain->writable_bytes - STATUS_BYTES};
}

/* The next piece that lies in one segment; false: that was all. */
static bool next_piece(struct cursor *cursor, struct vdev_segment *piece)
{
    if (cursor->len_bytes == 0)
        return false;
    while (cursor->skip >= cursor->segment->len_bytes) {
        cursor->skip -= cursor->segment->len_bytes;
        cursor->segment++;
    }
    uint64_t len = cursor->segment->len_bytes - cursor->skip;
    if (len > cursor->len_bytes)
        len = cursor->len_bytes;
    *piece = (struct vdev_segment){cursor->segment->data + cursor->skip, (uint32_t)len};
    cursor->skip += len;
    cursor->len_bytes -= len;
    return true;
}

/* Copies what is there and wanted of the driver's data, each byte once. */
static void fetch(struct cursor *cursor, void *to, uint32_t len_bytes)
{
    struct cursor part = *cursor;
    struct vdev_segment piece;
    uint8_t *at = to;
    part.len_bytes = len_bytes;
    while (next_piece(&part, &piece)) {
        vdev_read_once(at, piece.data, piece.len_bytes);
        at += piece.len_bytes;
    }
    cursor->segment = part.segment;
    cursor->skip = part.skip;
    cursor->len_bytes -= len_bytes;
}

/* Fills what the driver gets, with zeroes behind the end of from. */
static void give(struct cursor cursor, const void *from, uint32_t len_bytes)
{
    struct vdev_segment piece;
    const uint8_t *at = from;
    while (next_piece(&cursor, &piece)) {
        uint32_t copied = piece.len_bytes < len_bytes ? piece.len_bytes : len_bytes;
        if (copied > 0) {
            memcpy(piece.data, at, copied);
            at += copied;
            len_bytes -= copied;
        }
        memset(piece.data + copied, 0, piece.len_bytes - copied);
    }
}

/* ---- what may be ---- */

/* Whether that many bytes from the sector on are whole blocks of this disk. */
static bool in_range(const struct vdev_blk *blk, uint64_t sector, uint64_t len_bytes)
{
    uint64_t block_sectors = blk->block_bytes / VIRTIO_BLK_SECTOR;
    uint64_t capacity = blk->store->bytes / VIRTIO_BLK_SECTOR;
    return len_bytes % blk->block_bytes == 0 && sector % block_sectors == 0 && sector <= capacity &&
           len_bytes / VIRTIO_BLK_SECTOR <= capacity - sector;
}

/* The limits that the driver was told, if it listened. */
static bool in_limits(struct vdev_blk *blk, struct cursor data)
{
    const struct vdev *device = &blk->device;
    bool size_limited = feature_has(device->accepted, VIRTIO_BLK_F_SIZE_MAX);
    bool count_limited = feature_has(device->accepted, VIRTIO_BLK_F_SEG_MAX);
    struct vdev_segment piece;
    uint32_t count = 0;
    while (next_piece(&data, &piece)) {
        count++;
        if ((size_limited && piece.len_bytes > blk->config.size_max) ||
            (count_limited && count > blk->config.seg_max))
            return false;
    }
    return true;
}

static bool transfer_allowed(struct vdev_blk *blk, uint64_t sector, struct cursor data)
{
    if (data.len_bytes > 0 && in_range(blk, sector, data.len_bytes) && in_limits(blk, data))
        return true;
    vdev_complain(&blk->device, "a transfer of no blocks, beyond the disk, or above a limit");
    return false;
}

/* ---- doing it ---- */

static uint8_t status_of(bool done)
{
    return (uint8_t)(done ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

/* What was changed is safe now, unless the driver takes care of that itself. */
static uint8_t settle(struct vdev_blk *blk)
{
    if (atomic_load_explicit(&blk->writeback, memory_order_relaxed))
        return VIRTIO_BLK_S_OK;
    return status_of(blk->store->flush(blk->store));
}

static uint8_t read_sectors(struct vdev_blk *blk, const struct vdev_blk_request *request)
{
    struct cursor data = data_in(&request->chain);
    struct vdev_segment piece;
    uint64_t offset = request->sector * VIRTIO_BLK_SECTOR;
    bool done = transfer_allowed(blk, request->sector, data);
    while (done && next_piece(&data, &piece)) {
        done = blk->store->read(blk->store, offset, piece.data, piece.len_bytes);
        offset += piece.len_bytes;
    }
    if (!done)
        give(data_in(&request->chain), NULL, 0);
    return status_of(done);
}

static uint8_t write_sectors(struct vdev_blk *blk, const struct vdev_blk_request *request)
{
    struct cursor data = data_out(&request->chain);
    struct vdev_segment piece;
    uint64_t offset = request->sector * VIRTIO_BLK_SECTOR;
    if (blk->read_only || !transfer_allowed(blk, request->sector, data))
        return VIRTIO_BLK_S_IOERR;
    while (next_piece(&data, &piece)) {
        if (!blk->store->write(blk->store, offset, piece.data, piece.len_bytes))
            return VIRTIO_BLK_S_IOERR;
        offset += piece.len_bytes;
    }
    return settle(blk);
}

static uint8_t range_status(struct vdev_blk *blk, uint32_t type,
                            const struct virtio_blk_range *range)
{
    bool discard = type == VIRTIO_BLK_T_DISCARD;
    uint32_t limit = discard ? blk->config.max_discard_sectors
                             : blk->config.max_write_zeroes_sectors;
    if ((range->flags & ~VIRTIO_BLK_RANGE_UNMAP) != 0 ||
        (discard && (range->flags & VIRTIO_BLK_RANGE_UNMAP) != 0))
        return VIRTIO_BLK_S_UNSUPP;
    if (range->sectors > limit ||
        !in_range(blk, range->sector, (uint64_t)range->sectors * VIRTIO_BLK_SECTOR))
        return VIRTIO_BLK_S_IOERR;
    return VIRTIO_BLK_S_OK;
}

static bool change_range(struct vdev_blk *blk, uint32_t type, const struct virtio_blk_range *range)
{
    uint64_t offset = range->sector * VIRTIO_BLK_SECTOR;
    uint64_t len = (uint64_t)range->sectors * VIRTIO_BLK_SECTOR;
    if (type == VIRTIO_BLK_T_DISCARD)
        return blk->store->discard(blk->store, offset, len);
    bool unmap = (range->flags & VIRTIO_BLK_RANGE_UNMAP) != 0;
    return blk->store->zero(blk->store, offset, len,
                            unmap && blk->config.write_zeroes_may_unmap != 0);
}

/* Goes through the ranges; each is judged as it was fetched, so that a driver that changes them
 * meanwhile gains nothing. */
static uint8_t go_through(struct vdev_blk *blk, const struct vdev_blk_request *request, bool change)
{
    struct cursor data = data_out(&request->chain);
    while (data.len_bytes > 0) {
        struct virtio_blk_range range = {0};
        fetch(&data, &range, sizeof(range));
        uint8_t status = range_status(blk, request->type, &range);
        if (status != VIRTIO_BLK_S_OK)
            return status;
        if (change && !change_range(blk, request->type, &range))
            return VIRTIO_BLK_S_IOERR;
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t change_ranges(struct vdev_blk *blk, const struct vdev_blk_request *request)
{
    bool discard = request->type == VIRTIO_BLK_T_DISCARD;
    uint32_t limit = discard ? blk->config.max_discard_seg : blk->config.max_write_zeroes_seg;
    uint64_t len = data_out(&request->chain).len_bytes;
    if (!feature_has(blk->device.accepted,
                     discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES))
        return VIRTIO_BLK_S_UNSUPP;
    if (blk->read_only || len == 0 || len % sizeof(struct virtio_blk_range) != 0 ||
        len / sizeof(struct virtio_blk_range) > limit)
        return VIRTIO_BLK_S_IOERR;
    uint8_t status = go_through(blk, request, false);
    if (status == VIRTIO_BLK_S_OK)
        status = go_through(blk, request, true);
    return status == VIRTIO_BLK_S_OK ? settle(blk) : status;
}

uint8_t vdev_blk_perform(struct vdev_blk *blk, const struct vdev_blk_request *request)
{
    if (request->type == VIRTIO_BLK_T_IN)
        return read_sectors(blk, request);
    bool id = request->type == VIRTIO_BLK_T_GET_ID;
    give(data_in(&request->chain), blk->serial, id ? sizeof(blk->serial) : 0);
    switch (request->type) {
    case VIRTIO_BLK_T_OUT:
        return write_sectors(blk, request);
    case VIRTIO_BLK_T_FLUSH:
        return status_of(blk->store->flush(blk->store));
    case VIRTIO_BLK_T_GET_ID:
        return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return change_ranges(blk, request);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

/* ---- the queue ---- */

int vdev_blk_take(struct vdev_blk *blk, uint16_t queue, struct vdev_blk_request *request)
{
    struct vdev_chain *chain = &request->chain;
    if (vdev_take(&blk->device, queue, chain) == 0)
        return 0;
    if (chain->readable_bytes < HEADER_BYTES || chain->writable_bytes < STATUS_BYTES) {
        vdev_break(&blk->device, "a request without header or without place for its status");
        return 0;
    }
    struct virtio_blk_header header = {0};
    struct cursor first = {chain->segments, 0, HEADER_BYTES};
    fetch(&first, &header, HEADER_BYTES);
    request->type = header.type;
    request->sector = header.sector;
    return 1;
}

void vdev_blk_finish(struct vdev_blk *blk, uint16_t queue, const struct vdev_blk_request *request,
                     uint8_t status)
{
    const struct vdev_chain *chain = &request->chain;
    struct cursor last = {chain->segments + chain->readable, chain->writable_bytes - STATUS_BYTES,
                          STATUS_BYTES};
    give(last, &status, STATUS_BYTES);
    if (vdev_runs(&blk->device))
        vdev_queue_use(&blk->device.queues[queue], chain, (uint32_t)chain->writable_bytes);
}

bool vdev_blk_work(struct vdev_blk *blk, uint16_t queue, unsigned budget)
{
    if (queue >= blk->device.queue_count)
        return false;
    struct vdev_queue *ring = &blk->device.queues[queue];
    struct vdev_blk_request request = {
        .chain = {.segments = blk->segments + (size_t)queue * ring->size_max,
                  .capacity = ring->size_max},
    };
    vdev_queue_awake(ring);
    for (unsigned done = 0; done < budget; done++) {
        if (vdev_blk_take(blk, queue, &request) == 0) {
            vdev_publish(&blk->device, queue);
            if (!vdev_runs(&blk->device) || vdev_queue_sleep(ring))
                return false;
            continue;
        }
        vdev_blk_finish(blk, queue, &request, vdev_blk_perform(blk, &request));
    }
    vdev_publish(&blk->device, queue);
    return true;
}
