/*
 * From pending requests to pieces in the device and back to replies.
 *
 * Each session has a list of pending requests; while the device has room, sessions take turns, one
 * request each. A request whose memory is more scattered than the device can take at once goes in as
 * several pieces and is answered when the last one is done.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <libanole/fault.h>

/* ---- requests and their lists ---- */

bool blk_job_may(const struct blk_session *session)
{
    /* Beyond its share a session only gets what the others' shares leave. */
    return session->slots < BLK_SHARE ? blk_server.free_jobs > 0
                                      : blk_server.free_jobs > BLK_SHARE * blk_server.sessions_open;
}

struct blk_job *blk_job_alloc(struct blk_session *session)
{
    struct blk_job *job = &blk_server.job[blk_server.free_job];
    blk_server.free_job = job->next;
    blk_server.free_jobs--;
    session->slots++;
    job->session = (uint8_t)blk_session_index(session);
    job->mapping = HANDLE_NONE;
    job->vector = BLK_NONE;
    job->pieces = 0;
    job->status = 0;
    job->flushing = false;
    return job;
}

static uint16_t index_of(const struct blk_job *job)
{
    return (uint16_t)(job - blk_server.job);
}

static bool by_channel(const struct blk_job *job)
{
    return job->call_id == 0;
}

void blk_job_enqueue(struct blk_job *job)
{
    struct blk_session *session = &blk_server.session[job->session];
    uint16_t index = index_of(job);
    job->state = BLK_JOB_PENDING;
    job->next = BLK_NONE;
    if (session->pending_first == BLK_NONE)
        session->pending_first = index;
    else
        blk_server.job[session->pending_last].next = index;
    session->pending_last = index;
    blk_server.pending_mask |= blk_session_bit(session);
}

/* Takes a request, whose predecessor is given (BLK_NONE: it is the first), off its list. */
static void unlink_pending(struct blk_job *job, uint16_t before)
{
    struct blk_session *session = &blk_server.session[job->session];
    if (before == BLK_NONE)
        session->pending_first = job->next;
    else
        blk_server.job[before].next = job->next;
    if (session->pending_last == index_of(job))
        session->pending_last = before;
    if (session->pending_first == BLK_NONE)
        blk_server.pending_mask &= ~blk_session_bit(session);
}

struct blk_job *blk_job_find(const struct blk_session *session, uint32_t id)
{
    unsigned left = session->slots;
    for (unsigned i = 0; i < BLK_JOBS && left > 0; i++) {
        struct blk_job *job = &blk_server.job[i];
        if (job->state == BLK_JOB_FREE || job->session != blk_session_index(session))
            continue;
        if (job->id == id)
            return job;
        left--;
    }
    return NULL;
}

/* ---- the end of a request ---- */

static void reply(const struct blk_job *job, int status)
{
    struct blk_session *session = &blk_server.session[job->session];
    if (session->state != BLK_SESSION_OPEN)
        return;
    struct ipc_delivery delivery = {
        .message = {.word = {job->id, status == 0 ? job->bytes : 0}},
        .call_id = job->call_id,
    };
    if (by_channel(job)) {
        delivery.message.type = (uint32_t)status;
        blk_channel_reply(session, &delivery.message);
    } else {
        delivery.message.endpoint = job->caller;
        service_reply(&delivery, status);
    }
}

/* Answers and frees a request that is on no list and not in the device. */
static void finish(struct blk_job *job, int status)
{
    struct blk_session *session = &blk_server.session[job->session];
    blk_gather_release(job);
    reply(job, status);
    session->slots--;
    if (by_channel(job))
        session->channel_slots--;
    job->state = BLK_JOB_FREE;
    job->next = blk_server.free_job;
    blk_server.free_job = index_of(job);
    blk_server.free_jobs++;
    if (session->detaching || session->state == BLK_SESSION_ENDING)
        blk_session_settle(session);
}

void blk_job_refuse(struct blk_job *job, int status)
{
    struct blk_stats *stats = &blk_server.device->stats;
    uint16_t before = BLK_NONE;
    uint16_t at = blk_server.session[job->session].pending_first;
    while (at != index_of(job)) {
        before = at;
        at = blk_server.job[at].next;
    }
    unlink_pending(job, before);
    if (status == -ANOLE_ECANCELED)
        stats->canceled++;
    else if (status == -ANOLE_ETIMEDOUT)
        stats->timeouts++;
    finish(job, status);
}

void blk_cancel_pending(struct blk_session *session, bool channel_only)
{
    uint16_t at = session->pending_first;
    while (at != BLK_NONE) {
        struct blk_job *job = &blk_server.job[at];
        at = job->next;
        /* The session itself may end with its last request, and be none to look at any more. */
        if (!channel_only || by_channel(job))
            blk_job_refuse(job, -ANOLE_ECANCELED);
    }
}

/* ---- what is in the device ---- */

/* Small batches are worth one interrupt, at their end; what is in them is over at about the same
 * time. Should it be otherwise, the poll timer brings what is finished. */
#define BATCH_BYTES_MAX (256u * 1024u)

unsigned blk_interrupt_after(void)
{
    const struct blk_server *server = &blk_server;
    bool several_clients = (server->device_mask & (server->device_mask - 1)) != 0;
    if (server->urgent > 0 || several_clients || server->device_bytes > BATCH_BYTES_MAX)
        return 1;
    return (unsigned)server->device->stats.in_flight_now;
}

static void started(struct blk_job *job)
{
    struct blk_session *session = &blk_server.session[job->session];
    struct blk_stats *stats = &blk_server.device->stats;
    bool moves = job->type == BLK_READ || job->type == BLK_WRITE;
    job->state = BLK_JOB_SUBMITTED;
    job->submitted_poll = blk_server.polls;
    job->urgent = !by_channel(job) || !moves || job->flushing;
    blk_server.urgent = (uint16_t)(blk_server.urgent + job->urgent);
    blk_server.device_bytes += job->bytes;
    session->in_device++;
    blk_server.device_mask |= blk_session_bit(session);
    if (++stats->in_flight_now > stats->in_flight_max)
        stats->in_flight_max = stats->in_flight_now;
}

static void ended(const struct blk_job *job)
{
    struct blk_session *session = &blk_server.session[job->session];
    blk_server.device->stats.in_flight_now--;
    blk_server.urgent = (uint16_t)(blk_server.urgent - job->urgent);
    blk_server.device_bytes -= job->bytes;
    if (--session->in_device == 0)
        blk_server.device_mask &= ~blk_session_bit(session);
}

static void count(const struct blk_job *job, int status)
{
    struct blk_stats *stats = &blk_server.device->stats;
    if (status < 0) {
        stats->errors++;
        return;
    }
    switch (job->type) {
    case BLK_READ:
        stats->reads++;
        stats->read_bytes += job->bytes;
        break;
    case BLK_WRITE:
        stats->writes++;
        stats->written_bytes += job->bytes;
        break;
    case BLK_FLUSH:
        stats->flushes++;
        break;
    default:
        stats->others++;
        break;
    }
}

void blk_server_done(struct blk_device *device, uint16_t token, int status)
{
    if (token == BLK_NONE) {
        blk_server.own_status = status;
        blk_server.own_done = true;
        return;
    }
    struct blk_job *job = &blk_server.job[token];
    if (status < 0 && job->status == 0)
        job->status = status;
    if (--job->pieces > 0)
        return;
    ended(job);
    if (job->status == 0 && (job->flags & BLK_FUA) != 0 && job->type == BLK_WRITE &&
        !job->flushing && (device->flags & BLK_INFO_FLUSH) != 0) {
        blk_gather_release(job);
        job->flushing = true;
        blk_job_enqueue(job);
        return;
    }
    count(job, job->status);
    finish(job, job->status);
}

/* ---- into the device ---- */

/* Where the next piece of a gathering begins. */
struct cursor {
    unsigned index;
    uint64_t skip; /* bytes of segments[index] that are done */
};

/*
 * Cuts the next piece: as many segments as the device takes, trimmed to whole blocks unless it is the
 * last. Copies them to out; returns their bytes, 0 if not even a block fits.
 */
static uint64_t cut(const struct blk_gathering *gathering, struct cursor *cursor,
                    struct dma_segment *out, unsigned *out_count)
{
    const struct blk_device *device = blk_server.device;
    struct cursor at = *cursor;
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
    struct cursor cursor = {0};
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
    struct blk_device *device = blk_server.device;
    piece->token = index_of(job);
    job->pieces++;
    blk_server.unkicked = true;
    device->ops->submit(device, piece);
}

static uint64_t disk_sector(const struct blk_job *job)
{
    unsigned minor = blk_server.session[job->session].minor;
    return blk_server.table.partition[minor].start_sector + job->sector;
}

static void submit_pieces(struct blk_job *job, const struct blk_gathering *gathering)
{
    struct dma_segment segments[BLK_PIECE_SEGMENTS_MAX];
    struct cursor cursor = {0};
    struct blk_piece piece = {
        .type = job->type,
        .sector = disk_sector(job),
        .segments = segments,
    };
    while (cursor.index < gathering->count) {
        piece.bytes = cut(gathering, &cursor, segments, &piece.segment_count);
        submit(job, &piece);
        piece.sector += piece.bytes / BLK_SECTOR_SIZE;
    }
}

/* READ and WRITE: 0, -EAGAIN: later, or the request's error. */
static int start_data(struct blk_job *job, unsigned room)
{
    static struct blk_gathering gathering;
    const struct blk_device *device = blk_server.device;
    int rc = blk_gather(job, &gathering);
    if (rc < 0)
        return rc;
    if (gathering.count <= device->max_segments) {
        struct blk_piece piece = {
            .type = job->type,
            .sector = disk_sector(job),
            .bytes = gathering.bytes,
            .segments = gathering.segments,
            .segment_count = gathering.count,
        };
        submit(job, &piece);
        return 0;
    }
    int pieces = count_pieces(&gathering);
    if (pieces > 0 && (unsigned)pieces <= room) {
        submit_pieces(job, &gathering);
        return 0;
    }
    blk_gather_release(job);
    if (pieces < 0 || (unsigned)pieces > device->max_in_flight)
        return -ANOLE_EINVAL;
    return -ANOLE_EAGAIN;
}

/* DISCARD and WRITE_ZEROES: message.c has made sure that the pieces fit an idle device. */
static int start_space(struct blk_job *job, unsigned room)
{
    const struct blk_device *device = blk_server.device;
    uint64_t most = job->type == BLK_DISCARD ? device->max_discard_sectors
                                             : device->max_zeroes_sectors;
    uint64_t left = job->length / BLK_SECTOR_SIZE;
    if ((left - 1) / most + 1 > room)
        return -ANOLE_EAGAIN;
    struct blk_piece piece = {
        .type = job->type,
        .unmap = (job->flags & BLK_UNMAP) != 0,
        .sector = disk_sector(job),
    };
    while (left > 0) {
        uint64_t sectors = left < most ? left : most;
        piece.bytes = sectors * BLK_SECTOR_SIZE;
        submit(job, &piece);
        piece.sector += sectors;
        left -= sectors;
    }
    return 0;
}

static int start(struct blk_job *job, unsigned room)
{
    if (job->type == BLK_FLUSH || job->flushing) {
        struct blk_piece piece = {.type = BLK_FLUSH};
        submit(job, &piece);
        return 0;
    }
    if (job->type == BLK_READ || job->type == BLK_WRITE)
        return start_data(job, room);
    return start_space(job, room);
}

/* The session whose turn it is: the first with pending requests from blk_server.turn on. */
static struct blk_session *next_in_turn(void)
{
    uint64_t mask = blk_server.pending_mask;
    uint64_t later = mask & ~(((uint64_t)1 << blk_server.turn) - 1);
    return &blk_server.session[__builtin_ctzll(later != 0 ? later : mask)];
}

void blk_dispatch(void)
{
    struct blk_device *device = blk_server.device;
    while (blk_server.pending_mask != 0) {
        unsigned room = device->ops->room(device);
        if (room == 0)
            return;
        struct blk_session *session = next_in_turn();
        struct blk_job *job = &blk_server.job[session->pending_first];
        int rc = start(job, room);
        if (rc == -ANOLE_EAGAIN)
            return; /* its turn comes again first when something is finished */
        blk_server.turn = (uint16_t)((blk_session_index(session) + 1) % BLK_SESSIONS);
        unlink_pending(job, BLK_NONE);
        if (rc == 0) {
            started(job);
            if (fault_any() && job->type == BLK_WRITE && by_channel(job) && fault_take(FAULT_EARLY))
                reply(job, 0);
        } else {
            device->stats.refused++;
            finish(job, rc);
        }
    }
}
