/*
 * Requests from their acceptance to their reply: each session's list of pending ones, what is in the
 * device, what comes back from there. submit.c puts them into the device.
 */
#include "blkdrv.h"

#include <libanole/anole.h>

/* ---- requests and their lists ---- */

bool blk_job_may(const struct blk_session *session)
{
    /* Beyond its share a session only gets what the others' shares leave. */
    return session->slots < BLK_SHARE
               ? blk_server->free_jobs > 0
               : blk_server->free_jobs > BLK_SHARE * blk_server->sessions_open;
}

struct blk_job *blk_job_alloc(struct blk_session *session)
{
    struct blk_job *job = &blk_server->job[blk_server->free_job];
    blk_server->free_job = job->next;
    blk_server->free_jobs--;
    session->slots++;
    job->session = (uint8_t)blk_session_index(session);
    job->mapping = HANDLE_NONE;
    job->vector = BLK_NONE;
    job->pieces = 0;
    job->merged = BLK_NONE;
    job->status = 0;
    job->flushing = false;
    job->alone = false;
    return job;
}

void blk_job_enqueue(struct blk_job *job)
{
    struct blk_session *session = &blk_server->session[job->session];
    uint16_t index = blk_job_index(job);
    job->state = BLK_JOB_PENDING;
    job->next = BLK_NONE;
    if (session->pending_first == BLK_NONE)
        session->pending_first = index;
    else
        blk_server->job[session->pending_last].next = index;
    session->pending_last = index;
    blk_server->pending_mask |= blk_session_bit(session);
}

void blk_job_unlink(struct blk_job *job, uint16_t before)
{
    struct blk_session *session = &blk_server->session[job->session];
    if (before == BLK_NONE)
        session->pending_first = job->next;
    else
        blk_server->job[before].next = job->next;
    if (session->pending_last == blk_job_index(job))
        session->pending_last = before;
    if (session->pending_first == BLK_NONE)
        blk_server->pending_mask &= ~blk_session_bit(session);
}

struct blk_job *blk_job_find(const struct blk_session *session, uint32_t id)
{
    unsigned left = session->slots;
    for (unsigned i = 0; i < BLK_JOBS && left > 0; i++) {
        struct blk_job *job = &blk_server->job[i];
        if (job->state == BLK_JOB_FREE || job->session != blk_session_index(session))
            continue;
        if (job->id == id)
            return job;
        left--;
    }
    return NULL;
}

/* ---- the end of a request ---- */

void blk_job_reply(const struct blk_job *job, int status)
{
    struct blk_session *session = &blk_server->session[job->session];
    if (session->state != BLK_SESSION_OPEN)
        return;
    struct ipc_delivery delivery = {
        .message = {.word = {job->id, status == 0 ? job->bytes : 0}},
        .call_id = job->call_id,
    };
    if (blk_job_by_channel(job)) {
        delivery.message.type = (uint32_t)status;
        blk_channel_reply(session, &delivery.message);
    } else {
        delivery.message.endpoint = job->caller;
        service_reply(&delivery, status);
    }
}

void blk_job_finish(struct blk_job *job, int status)
{
    struct blk_session *session = &blk_server->session[job->session];
    blk_gather_release(job);
    blk_job_reply(job, status);
    session->slots--;
    if (blk_job_by_channel(job))
        session->channel_slots--;
    job->state = BLK_JOB_FREE;
    job->next = blk_server->free_job;
    blk_server->free_job = blk_job_index(job);
    blk_server->free_jobs++;
    if (session->detaching || session->state == BLK_SESSION_ENDING)
        blk_session_settle(session);
}

void blk_job_refuse(struct blk_job *job, int status)
{
    struct blk_stats *stats = &blk_server->device->stats;
    uint16_t before = BLK_NONE;
    uint16_t at = blk_server->session[job->session].pending_first;
    while (at != blk_job_index(job)) {
        before = at;
        at = blk_server->job[at].next;
    }
    blk_job_unlink(job, before);
    if (status == -ANOLE_ECANCELED)
        stats->canceled++;
    else if (status == -ANOLE_ETIMEDOUT)
        stats->timeouts++;
    blk_job_finish(job, status);
}

/* Vectors are checked when they are read; what is written already is only to be flushed. */
static bool beyond(const struct blk_session *session, const struct blk_job *job)
{
    bool sectors = job->type == BLK_READ || job->type == BLK_WRITE || job->type == BLK_DISCARD ||
                   job->type == BLK_WRITE_ZEROES;
    return sectors && (job->flags & BLK_VECTOR) == 0 && !job->flushing &&
           blk_check_range(session, job->sector, job->length) < 0;
}

void blk_refuse_beyond(void)
{
    for (unsigned i = 0; i < BLK_JOBS; i++) {
        struct blk_job *job = &blk_server->job[i];
        if (job->state == BLK_JOB_PENDING && beyond(&blk_server->session[job->session], job))
            blk_job_refuse(job, -ANOLE_ERANGE);
    }
}

void blk_cancel_pending(struct blk_session *session, bool channel_only)
{
    uint16_t at = session->pending_first;
    while (at != BLK_NONE) {
        struct blk_job *job = &blk_server->job[at];
        at = job->next;
        /* The session itself may end with its last request, and be none to look at any more. */
        if (!channel_only || blk_job_by_channel(job))
            blk_job_refuse(job, -ANOLE_ECANCELED);
    }
}

/* ---- what is in the device ---- */

/* Small batches are worth one interrupt, at their end; what is in them is over at about the same
 * time. Should it be otherwise, the poll timer brings what is finished. */
#define BATCH_BYTES_MAX (256u * 1024u)

unsigned blk_interrupt_after(void)
{
    const struct blk_server *server = blk_server;
    bool several_clients = (server->device_mask & (server->device_mask - 1)) != 0;
    if (server->urgent > 0 || several_clients || server->device_bytes > BATCH_BYTES_MAX)
        return 1;
    return (unsigned)server->device->stats.in_flight_now;
}

static void ended(const struct blk_job *job)
{
    struct blk_session *session = &blk_server->session[job->session];
    blk_server->device->stats.in_flight_now--;
    blk_server->urgent = (uint16_t)(blk_server->urgent - job->urgent);
    blk_server->device_bytes -= job->bytes;
    if (--session->in_device == 0)
        blk_server->device_mask &= ~blk_session_bit(session);
}

static void count(const struct blk_job *job, int status)
{
    struct blk_stats *stats = &blk_server->device->stats;
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

static void conclude(struct blk_job *job, int status)
{
    count(job, status);
    if (job->type == BLK_CACHE)
        job->bytes = blk_cache_mode(); /* the reply's second word */
    blk_job_finish(job, status);
}

/* Which of those that shared a piece is the bad one: each finds out by itself. */
static void try_alone(struct blk_job *job, int status)
{
    if (blk_server->session[job->session].state != BLK_SESSION_OPEN) {
        conclude(job, status); /* nobody is left to be told */
        return;
    }
    job->merged = BLK_NONE;
    job->status = 0;
    job->alone = true;
    blk_job_enqueue(job);
}

/* What was written into a volatile cache and has to be durable, because its client or meanwhile the
 * cache's mode says so. */
static bool must_flush(const struct blk_job *job, int status)
{
    if (job->type != BLK_WRITE || status < 0 || !job->cached || job->flushing)
        return false;
    return (job->flags & BLK_FUA) != 0 || blk_cache_mode() == BLK_CACHE_WRITE_THROUGH;
}

static void flush_after(struct blk_job *job)
{
    blk_gather_release(job);
    job->flushing = true;
    blk_job_enqueue(job);
}

void blk_server_done(struct blk_device *device, uint16_t token, int status)
{
    (void)device; /* there is one */
    if (token == BLK_NONE) {
        blk_server->own_status = status;
        blk_server->own_done = true;
        return;
    }
    struct blk_job *job = &blk_server->job[token];
    if (status < 0 && job->status == 0)
        job->status = status;
    if (--job->pieces > 0)
        return;
    status = job->status;
    bool merged = job->merged != BLK_NONE;
    while (job != NULL) {
        struct blk_job *next = job->merged == BLK_NONE ? NULL : &blk_server->job[job->merged];
        ended(job);
        if (merged && status < 0)
            try_alone(job, status);
        else if (must_flush(job, status))
            flush_after(job);
        else
            conclude(job, status);
        job = next;
    }
}
