/*
 * From pending requests to pieces in the device. While the device has room, sessions take turns, one
 * request each. A request whose memory is more scattered than the device can take at once goes in as
 * several pieces and is answered when the last one is done; neighbours go in as one.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <libanole/fault.h>

/* ---- cutting ---- */

/*
 * Cuts the next piece: as many segments as the device takes, trimmed to whole blocks unless it is the
 * last. Copies them to out; returns their bytes, 0 if not even a block fits.
 */
static uint64_t cut(const struct blk_gathering *gathering, struct blk_cursor *cursor,
                    struct dma_segment *out, unsigned *out_count)
{
    const struct blk_device *device = blk_server->device;
    struct blk_cursor at = *cursor;
    uint64_t bytes = 0;
    unsigned used = 0;
    for (; used < device->max_segments && at.index < gathering->count; used++) {
        out[used] = gathering->segments[at.index++];
        out[used].device_address += at.skip;
        out[used].len_bytes -= at.skip;
        bytes += out[used].len_bytes;
        at.skip = 0;
    }
    uint64_t excess = bytes % device->logical_block_bytes;
    bytes -= excess;
    while (excess > 0 && used > 0) {
        struct dma_segment *last = &out[used - 1];
        at.index--;
        if (last->len_bytes > excess) {
            last->len_bytes -= excess;
            at.skip = last->device_address + last->len_bytes -
                      gathering->segments[at.index].device_address;
            break;
        }
        excess -= last->len_bytes;
        at.skip = last->device_address - gathering->segments[at.index].device_address;
        used--;
    }
    *cursor = at;
    *out_count = used;
    return bytes;
}

/* How many pieces a gathering makes, or -EINVAL: a block of it is too scattered for the device. */
static int count_pieces(const struct blk_gathering *gathering)
{
    struct dma_segment scratch[BLK_PIECE_SEGMENTS_MAX];
    struct blk_cursor cursor = {0};
    int pieces = 0;
    while (cursor.index < gathering->count) {
        unsigned used;
        if (cut(gathering, &cursor, scratch, &used) == 0)
            return -ANOLE_EINVAL;
        pieces++;
    }
    return pieces;
}

static void submit(struct blk_job *job, struct blk_piece *piece)
{
    struct blk_device *device = blk_server->device;
    piece->token = blk_job_index(job);
    job->pieces++;
    blk_server->unkicked = true;
    device->ops->submit(device, piece);
}

/* Submits the next pieces of a gathering, at most so many. True: these were the last. */
static bool submit_pieces(struct blk_job *job, const struct blk_gathering *gathering,
                          struct blk_cursor *cursor, unsigned room)
{
    struct dma_segment segments[BLK_PIECE_SEGMENTS_MAX];
    struct blk_piece piece = {.type = job->type, .segments = segments};
    uint64_t first = blk_disk_sector(&blk_server->session[job->session], job->sector);
    for (; room > 0 && cursor->index < gathering->count; room--) {
        piece.sector = first + cursor->bytes / BLK_SECTOR_SIZE;
        piece.bytes = cut(gathering, cursor, segments, &piece.segment_count);
        cursor->bytes += piece.bytes;
        submit(job, &piece);
    }
    return cursor->index == gathering->count;
}

/* ---- requests that even an idle device can't take at once ---- */

/* The first pieces go in; the others follow as there is room, and nothing else starts before. The
 * request itself counts as a piece until then, so that it isn't over too early. */
static void long_begin(struct blk_job *job, const struct blk_gathering *gathering, unsigned room)
{
    struct blk_long *going = &blk_server->going;
    going->gathering = *gathering;
    going->cursor = (struct blk_cursor){0};
    going->job = blk_job_index(job);
    going->active = true;
    job->pieces++;
    (void)submit_pieces(job, &going->gathering, &going->cursor, room);
}

/* What follows a piece that failed needn't be tried. */
static void long_go_on(unsigned room)
{
    struct blk_long *going = &blk_server->going;
    struct blk_job *job = &blk_server->job[going->job];
    if (job->status == 0 && !submit_pieces(job, &going->gathering, &going->cursor, room))
        return;
    going->active = false;
    blk_server_done(blk_server->device, going->job, 0);
}

/* ---- merging ---- */

/* A read or write in the pool: its memory is found without a kernel call, and nothing can fail that
 * isn't its own fault. One that is to be durable has a flush of its own. */
static bool mergeable(const struct blk_job *job)
{
    const struct blk_session *session = &blk_server->session[job->session];
    return (job->type == BLK_READ || job->type == BLK_WRITE) && job->flags == 0 && !job->alone &&
           blk_job_by_channel(job) && job->grant == session->pool.grant;
}

/* The session's next request, if it goes on where `last` stops, in the same direction; or NULL. */
static struct blk_job *continuation(const struct blk_job *last)
{
    if (last->next == BLK_NONE)
        return NULL;
    struct blk_job *next = &blk_server->job[last->next];
    if (next->sector != last->sector + last->bytes / BLK_SECTOR_SIZE || next->type != last->type)
        return NULL;
    return mergeable(last) && mergeable(next) ? next : NULL;
}

/* Adds those of the session's next requests that continue this one, as long as all of it is one
 * piece. They are chained to it. */
static void merge(struct blk_job *last, struct blk_gathering *gathering)
{
    struct blk_job *next;
    while (gathering->bytes < BLK_MERGED_BYTES_MAX && (next = continuation(last)) != NULL &&
           blk_gather_more(next, gathering) == 0) {
        last->merged = blk_job_index(next);
        last = next;
        blk_server->device->stats.merged++;
    }
}

/* ---- starting ---- */

/* READ and WRITE: 0, -EAGAIN: later, or the request's error. */
static int start_data(struct blk_job *job, unsigned room)
{
    struct blk_gathering *gathering = &blk_server->scratch.gathering;
    const struct blk_device *device = blk_server->device;
    int rc = blk_gather(job, gathering);
    if (rc < 0)
        return rc;
    job->cached = job->type == BLK_WRITE && blk_cache_mode() == BLK_CACHE_WRITE_BACK;
    if (gathering->count <= device->max_segments) {
        merge(job, gathering);
        struct blk_piece piece = {
            .type = job->type,
            .sector = blk_disk_sector(&blk_server->session[job->session], job->sector),
            .bytes = gathering->bytes,
            .segments = gathering->segments,
            .segment_count = gathering->count,
        };
        submit(job, &piece);
        return 0;
    }
    int pieces = count_pieces(gathering);
    if (pieces > 0 && (unsigned)pieces <= room) {
        struct blk_cursor cursor = {0};
        (void)submit_pieces(job, gathering, &cursor, room);
        return 0;
    }
    if (pieces > 0 && (unsigned)pieces > device->max_in_flight) {
        long_begin(job, gathering, room);
        return 0;
    }
    blk_gather_release(job);
    return pieces < 0 ? pieces : -ANOLE_EAGAIN;
}

/*
 * Sectors of the next piece of a DISCARD or WRITE_ZEROES that begins at a sector of the disk: as many
 * as the device takes; a DISCARD that goes on is cut where the device likes it.
 */
static uint64_t space_cut(uint32_t type, uint64_t sector, uint64_t left)
{
    const struct blk_device *device = blk_server->device;
    bool discard = type == BLK_DISCARD;
    uint64_t most = discard ? device->max_discard_sectors : device->max_zeroes_sectors;
    if (left <= most)
        return left;
    if (discard && device->discard_alignment_sectors > 0)
        most -= (sector + most) % device->discard_alignment_sectors;
    return most;
}

unsigned blk_space_pieces(uint32_t type, uint64_t sector, uint64_t sectors)
{
    unsigned pieces = 0;
    while (sectors > 0 && pieces <= blk_server->device->max_in_flight) {
        uint64_t part = space_cut(type, sector, sectors);
        sector += part;
        sectors -= part;
        pieces++;
    }
    return pieces;
}

/* DISCARD and WRITE_ZEROES: message.c has made sure that the pieces fit an idle device. */
static int start_space(struct blk_job *job, unsigned room)
{
    uint64_t left = job->length / BLK_SECTOR_SIZE;
    struct blk_piece piece = {
        .type = job->type,
        .unmap = (job->flags & BLK_UNMAP) != 0 &&
                 (blk_server->device->flags & BLK_INFO_ZEROES_UNMAP) != 0,
        .sector = blk_disk_sector(&blk_server->session[job->session], job->sector),
    };
    if (blk_space_pieces(job->type, piece.sector, left) > room)
        return -ANOLE_EAGAIN;
    while (left > 0) {
        uint64_t sectors = space_cut(job->type, piece.sector, left);
        piece.bytes = sectors * BLK_SECTOR_SIZE;
        submit(job, &piece);
        piece.sector += sectors;
        left -= sectors;
    }
    return 0;
}

static int start_flush(struct blk_job *job)
{
    struct blk_piece piece = {.type = BLK_FLUSH};
    submit(job, &piece);
    return 0;
}

/*
 * What is written from now on is treated so; what was written before is durable after a flush. Each
 * queue's thread takes the cache for volatile while it may be.
 */
static int start_cache_mode(struct blk_job *job)
{
    struct blk_device *device = blk_server->device;
    bool write_back = job->sector == BLK_CACHE_WRITE_BACK;
    if (write_back)
        blk_cache_mode_set(true);
    device->ops->set_write_back(device, write_back);
    if (!write_back)
        blk_cache_mode_set(false);
    return start_flush(job);
}

static int start(struct blk_job *job, unsigned room)
{
    if (job->type == BLK_FLUSH || job->flushing)
        return start_flush(job);
    if (job->type == BLK_CACHE)
        return start_cache_mode(job);
    if (job->type == BLK_READ || job->type == BLK_WRITE)
        return start_data(job, room);
    return start_space(job, room);
}

static void started(struct blk_job *job)
{
    struct blk_session *session = &blk_server->session[job->session];
    struct blk_stats *stats = &blk_server->device->stats;
    bool moves = job->type == BLK_READ || job->type == BLK_WRITE;
    job->state = BLK_JOB_SUBMITTED;
    job->submitted_poll = blk_server->polls;
    job->urgent = !blk_job_by_channel(job) || !moves || job->flushing;
    blk_server->urgent = (uint16_t)(blk_server->urgent + job->urgent);
    blk_server->device_bytes += job->bytes;
    session->in_device++;
    blk_server->device_mask |= blk_session_bit(session);
    if (++stats->in_flight_now > stats->in_flight_max)
        stats->in_flight_max = stats->in_flight_now;
}

/* Takes the request and those merged with it off the list: they are in the device. */
static void started_all(struct blk_job *job)
{
    while (true) {
        struct blk_job *next = job->merged == BLK_NONE ? NULL : &blk_server->job[job->merged];
        blk_job_unlink(job, BLK_NONE);
        started(job);
        if (fault_any() && job->type == BLK_WRITE && blk_job_by_channel(job) &&
            fault_take(FAULT_EARLY))
            blk_job_reply(job, 0);
        if (next == NULL)
            return;
        job = next;
    }
}

/* The session whose turn it is: the first with pending requests from blk_server.turn on. Most often it
 * is the one that was served last, alone. */
static struct blk_session *next_in_turn(void)
{
    uint64_t mask = blk_server->pending_mask;
    unsigned last = (blk_server->turn + BLK_SESSIONS - 1) % BLK_SESSIONS;
    if (mask == (uint64_t)1 << last)
        return &blk_server->session[last];
    uint64_t later = mask & ~(((uint64_t)1 << blk_server->turn) - 1);
    return &blk_server->session[__builtin_ctzll(later != 0 ? later : mask)];
}

void blk_dispatch(void)
{
    struct blk_device *device = blk_server->device;
    while (blk_server->pending_mask != 0 || blk_server->going.active) {
        unsigned room = device->ops->room(device);
        if (room == 0)
            return;
        if (blk_server->going.active) {
            long_go_on(room);
            continue;
        }
        struct blk_session *session = next_in_turn();
        struct blk_job *job = &blk_server->job[session->pending_first];
        int rc = start(job, room);
        if (rc == -ANOLE_EAGAIN)
            return; /* its turn comes again first when something is finished */
        blk_server->turn = (uint16_t)((blk_session_index(session) + 1) % BLK_SESSIONS);
        if (rc == 0) {
            started_all(job);
        } else {
            blk_job_unlink(job, BLK_NONE);
            device->stats.refused++;
            blk_job_finish(job, rc);
        }
    }
}
