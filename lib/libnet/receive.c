/*
 * Buffers into the device, and frames to those who want them.
 *
 * With one receiver (net_server.direct) the device has that session's own buffers, and a frame is
 * answered where it lies. With several, the device gets buffers of the driver's, and each frame is
 * copied into what those who want it have posted. When the number of receivers changes, buffers of
 * the other kind are still in the device and come first. So a frame in a session's buffers is answered
 * there if that session wants it, whoever else gets a copy; and of the one receiver's buffers as many
 * are kept back as frames may still come that must be copied.
 */
#include "netdrv.h"

#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

#define RX_TSO (NET_RX_TSO4 | NET_RX_TSO6)
#define RX_CSUM (NET_RX_CSUM_GOOD | NET_RX_CSUM_PARTIAL)
/* A frame in more than one buffer, or in a client's, is copied together here. */
static uint8_t scratch[NET_FRAME_BYTES_MAX];

/* Words of the requests, as jobs have them: from the request's word 2 on. */
#define POST_OFFSET 0
#define POST_BYTES 1
#define RECEIVE_GRANT 1
#define RECEIVE_OFFSET 2
#define RECEIVE_BYTES 3

void net_receive_init(void *memory, uint64_t device_address, size_t len)
{
    struct net_server *server = &net_server;
    const struct net_info *info = &server->device->info;
    server->copies = memory;
    server->copies_device_address = device_address;
    /* At least a page's fraction, so that none straddles more pages than it must. */
    server->copy_bytes = (info->rx_buffer_min_bytes + 2047u) & ~2047u;
    unsigned lanes = server->device->lanes;
    size_t count = len / server->copy_bytes / lanes;
    server->copies_a_lane = (uint16_t)(count < NET_COPIES_A_LANE ? count : NET_COPIES_A_LANE);
    for (unsigned i = 0; i < lanes; i++) {
        struct net_lane *lane = &server->lane[i];
        lane->free_copies = server->copies_a_lane;
        for (unsigned k = 0; k < lane->free_copies; k++)
            lane->free_copy[k] = (uint16_t)((i + 1) * server->copies_a_lane - 1 - k);
    }
}

/* ---- requests ---- */

int net_post_check(const struct net_session *session, const struct message *message)
{
    const struct net_info *info = &net_server.device->info;
    uint64_t offset = message->word[2];
    uint64_t bytes = message->word[3];
    if (!session->attached || bytes < info->rx_buffer_min_bytes ||
        bytes > info->rx_buffer_max_bytes)
        return -ANOLE_EINVAL;
    if (offset > session->pool.len_bytes || bytes > session->pool.len_bytes - offset)
        return -ANOLE_ERANGE;
    return 0;
}

int net_receive_check(const struct net_session *session, const struct message *message)
{
    /* A session with a channel receives through that. */
    return session->attached || message->word[5] == 0 ? -ANOLE_EINVAL : 0;
}

void net_post_enqueue(struct net_job *job)
{
    struct net_session *session = net_job_session(job);
    net_list_push(&session->posts, job);
    session->posts_waiting++;
    if (job->type == NET_RECEIVE)
        net_server.waiting++;
}

static struct net_job *pop_post(struct net_session *session)
{
    struct net_job *job = net_list_pop(&session->posts);
    session->posts_waiting--;
    if (job->type == NET_RECEIVE)
        net_server.waiting--;
    return job;
}

/* ---- buffers into the device ---- */

/* Gives the device a session's next buffer; false: it has no room. All of them are lane 0's: there is
 * one receiver, and the device delivers by that lane alone. */
static bool post_own(struct net_session *session)
{
    struct net_device *device = net_server.device;
    struct net_job *job = net_list_first(&session->posts);
    struct dma_segment segments[NET_RX_PIECES_MAX];
    unsigned count = 0;
    int rc = pool_gather(&session->pool, job->word[POST_OFFSET], job->word[POST_BYTES], segments,
                         NET_RX_PIECES_MAX, &count);
    if (rc < 0) { /* checked before: its pages can't be scattered that much */
        net_job_refuse(job, rc);
        return true;
    }
    if (!device->ops->post(device, 0, net_job_index(job), segments, count))
        return false;
    (void)pop_post(session);
    job->state = NET_JOB_DEVICE;
    job->sequence = net_server.sequence++;
    session->device_posts++;
    return true;
}

static bool post_copy(unsigned number)
{
    struct net_device *device = net_server.device;
    struct net_lane *lane = &net_server.lane[number];
    uint16_t index = lane->free_copy[lane->free_copies - 1];
    struct dma_segment segment = {
        net_server.copies_device_address + (uint64_t)index * net_server.copy_bytes,
        net_server.copy_bytes,
    };
    if (!device->ops->post(device, number, (uint16_t)(NET_JOBS + index), &segment, 1))
        return false;
    lane->free_copies--;
    return true;
}

void net_fill(void)
{
    struct net_session *direct = net_server.direct;
    if (direct != NULL) {
        unsigned kept = (unsigned)net_server.copies_a_lane - net_server.lane[0].free_copies;
        while (direct->posts_waiting > kept && post_own(direct))
            net_server.unkicked = true;
    } else if (net_server.receiver_mask != 0) {
        for (unsigned i = 0; i < net_server.device->lanes; i++)
            while (net_server.lane[i].free_copies > 0 && post_copy(i))
                net_server.unkicked = true;
    }
}

/* ---- buffers out of the device ---- */

/* The client's buffer that a token means, or NULL: one of the driver's own. */
static struct net_job *job_of(uint16_t token)
{
    return token < NET_JOBS ? &net_server.job[token] : NULL;
}

/* The session's buffer waits again, before those that were posted later. */
static void give_back_post(struct net_job *job)
{
    struct net_session *session = net_job_session(job);
    session->device_posts--;
    job->state = NET_JOB_WAITING;
    net_list_push_front(&session->posts, job);
    session->posts_waiting++;
}

static void give_back_copy(uint16_t index)
{
    struct net_lane *lane = &net_server.lane[index / net_server.copies_a_lane];
    lane->free_copy[lane->free_copies++] = index;
}

static void give_back(const struct net_part *parts, unsigned count)
{
    while (count-- > 0) {
        struct net_job *job = job_of(parts[count].token);
        if (job != NULL)
            give_back_post(job);
        else
            give_back_copy((uint16_t)(parts[count].token - NET_JOBS));
    }
}

void net_server_rejected(struct net_device *device, const struct net_part *parts, unsigned count)
{
    device->stats.rx_bad_frames++;
    give_back(parts, count);
}

static int later_first(const void *a, const void *b)
{
    const struct net_job *job_a = &net_server.job[*(const uint16_t *)a];
    const struct net_job *job_b = &net_server.job[*(const uint16_t *)b];
    return job_a->sequence < job_b->sequence ? 1 : job_a->sequence > job_b->sequence ? -1 : 0;
}

static void give_back_send(struct net_job *job)
{
    struct net_session *session = net_job_session(job);
    if (job->mapping != HANDLE_NONE)
        (void)kcall_dma_unmap(job->mapping);
    job->mapping = HANDLE_NONE;
    job->state = NET_JOB_WAITING;
    net_list_push_front(&session->sends, job);
    net_server.send_mask |= net_session_bit(session);
    net_server.waiting++;
    net_server.sending--;
    net_server.lane[job->lane].sending--;
}

void net_take_back(void)
{
    static uint16_t order[NET_JOBS];
    struct net_device *device = net_server.device;
    unsigned count = 0;
    bool sends_too = device->ops->take_back(device);
    device->stats.take_backs++;
    for (unsigned i = 0; i < NET_JOBS; i++)
        if (net_server.job[i].state == NET_JOB_DEVICE)
            order[count++] = (uint16_t)i;
    qsort(order, count, sizeof(order[0]), later_first);
    for (unsigned i = 0; i < count; i++) {
        struct net_job *job = &net_server.job[order[i]];
        if (job->type == NET_RX_POST)
            give_back_post(job);
        else if (sends_too)
            give_back_send(job);
    }
    net_receive_init(net_server.copies, net_server.copies_device_address,
                     (size_t)net_server.copies_a_lane * device->lanes * net_server.copy_bytes);
    if (sends_too) {
        net_server.wide = false;
        net_filter_restore();
        net_receivers_changed();
    }
}

/* ---- frames ---- */

/* What the device says of a frame, against what it may say. */
static bool frame_valid(const struct net_incoming *frame)
{
    uint32_t features = net_server.device->info.flags;
    unsigned start = NET_CSUM_START(frame->offload);
    if (frame->bytes < NET_FRAME_MIN || frame->bytes > NET_FRAME_BYTES_MAX)
        return false;
    if ((frame->flags & RX_CSUM) != 0 && (features & NET_INFO_RX_CSUM) == 0)
        return false;
    if ((frame->flags & NET_RX_CSUM_PARTIAL) != 0 &&
        (start < NET_FRAME_MIN || start + NET_CSUM_OFFSET(frame->offload) + 2ul > frame->bytes))
        return false;
    if ((frame->flags & RX_TSO) == 0)
        return true;
    return (features & NET_INFO_RX_TSO) != 0 && (frame->flags & RX_TSO) != RX_TSO &&
           (frame->flags & NET_RX_CSUM_PARTIAL) != 0 && NET_GSO_BYTES(frame->offload) != 0;
}

static void received_by(struct net_session *session, const struct net_incoming *frame)
{
    session->rx_frames++;
    session->rx_bytes += frame->bytes;
}

/* The answer that says that a part of a frame, with so many bytes, is in a buffer. */
static void answer_part(struct net_job *job, const struct net_incoming *frame,
                        const struct net_part *part, bool first, bool last)
{
    struct message answer = {.word = {0, part->bytes, 0, frame->bytes}};
    uint32_t flags = first ? frame->flags : NET_RX_LATER;
    if (!last)
        flags |= NET_RX_MORE;
    if (first)
        answer.word[2] = frame->offload;
    answer.word[4] = part->prefix_bytes;
    memcpy(&answer.word[5], part->prefix, part->prefix_bytes);
    net_job_finish(job, 0, flags, &answer);
}

/* The session whose buffers all of a frame lies in, or NULL. */
static struct net_session *owner_of(const struct net_incoming *frame)
{
    struct net_session *owner = NULL;
    for (unsigned i = 0; i < frame->count; i++) {
        const struct net_job *job = job_of(frame->parts[i].token);
        if (job == NULL || (i > 0 && net_job_session(job) != owner))
            return NULL;
        owner = net_job_session(job);
    }
    return owner;
}

/* Answers a frame where it lies. */
static void answer_in_place(struct net_session *owner, const struct net_incoming *frame)
{
    received_by(owner, frame);
    for (unsigned i = 0; i < frame->count; i++) {
        owner->device_posts--;
        answer_part(job_of(frame->parts[i].token), frame, &frame->parts[i], i == 0,
                    i + 1 == frame->count);
    }
}

/* One part's bytes, prefix and all, to `to`: 0, or COPY's error. */
static int collect_part(const struct net_part *part, uint8_t *to)
{
    const struct net_job *job = job_of(part->token);
    memcpy(to, part->prefix, part->prefix_bytes);
    to += part->prefix_bytes;
    if (job == NULL) {
        size_t index = part->token - NET_JOBS;
        memcpy(to, net_server.copies + index * net_server.copy_bytes, part->bytes);
        return 0;
    }
    if (part->bytes == 0)
        return 0;
    const struct net_session *session = net_job_session(job);
    return kcall_copy(session->process, session->pool.grant, job->word[POST_OFFSET], to,
                      part->bytes, COPY_FROM_GRANT);
}

/* The frame's bytes in one piece, or NULL: the client took its memory away. */
static const uint8_t *collect(const struct net_incoming *frame)
{
    const struct net_part *first = frame->parts;
    if (frame->count == 1 && job_of(first->token) == NULL)
        return net_server.copies + (size_t)(first->token - NET_JOBS) * net_server.copy_bytes;
    size_t at = 0;
    for (unsigned i = 0; i < frame->count; i++) {
        if (collect_part(&frame->parts[i], scratch + at) < 0)
            return NULL;
        at += frame->parts[i].prefix_bytes + frame->parts[i].bytes;
    }
    return scratch;
}

/* To who waits in RECEIVE. False: it got nothing. */
static bool give_message(struct net_session *session, const struct net_incoming *frame,
                         const uint8_t *bytes)
{
    if (session->posts.first == NET_NONE)
        return false;
    struct net_job *job = pop_post(session);
    struct message answer = {.word = {0, frame->bytes, frame->offload}};
    int rc = frame->bytes > job->word[RECEIVE_BYTES] ? -ANOLE_ERANGE : 0;
    if (rc == 0)
        rc = kcall_copy(session->process, job->word[RECEIVE_GRANT], job->word[RECEIVE_OFFSET],
                        (void *)(uintptr_t)bytes, frame->bytes, COPY_TO_GRANT);
    net_job_finish(job, rc, rc == 0 ? frame->flags : 0, &answer);
    return rc == 0;
}

/* Whether the buffers that a session has posted hold that many bytes. */
static bool posts_hold(const struct net_session *session, uint64_t bytes)
{
    uint64_t room = 0;
    for (uint16_t at = session->posts.first; at != NET_NONE; at = net_server.job[at].next) {
        room += net_server.job[at].word[POST_BYTES];
        if (room >= bytes)
            return true;
    }
    return false;
}

/* Into posted buffers. False: it got nothing, or (its grant is gone) not all. */
static bool give_posts(struct net_session *session, const struct net_incoming *frame,
                       const uint8_t *bytes)
{
    static const struct message nothing;
    if (!posts_hold(session, frame->bytes))
        return false;
    for (uint32_t done = 0; done < frame->bytes;) {
        struct net_job *job = pop_post(session);
        uint32_t left = frame->bytes - done;
        struct net_part part = {
            .bytes = job->word[POST_BYTES] < left ? (uint32_t)job->word[POST_BYTES] : left,
        };
        int rc = kcall_copy(session->process, session->pool.grant, job->word[POST_OFFSET],
                            (void *)(uintptr_t)(bytes + done), part.bytes, COPY_TO_GRANT);
        if (rc < 0) {
            net_job_finish(job, rc, 0, &nothing);
            return false;
        }
        answer_part(job, frame, &part, done == 0, part.bytes == left);
        done += part.bytes;
    }
    return true;
}

static bool give(struct net_session *session, const struct net_incoming *frame,
                 const uint8_t *bytes)
{
    bool got = session->attached ? give_posts(session, frame, bytes)
                                 : give_message(session, frame, bytes);
    if (got) {
        received_by(session, frame);
        net_server.device->stats.copied_bytes += frame->bytes;
    } else {
        session->rx_dropped_frames++;
    }
    return got;
}

static bool hears(const struct net_session *session)
{
    return (net_server.receiver_mask & net_session_bit(session)) != 0;
}

/* To everyone who wants it; its owner, if it has one, has it already. */
static void distribute(struct net_session *owner, const struct net_incoming *frame)
{
    struct net_stats *stats = &net_server.device->stats;
    const uint8_t *bytes = collect(frame);
    bool keeps = bytes != NULL && owner != NULL && hears(owner) &&
                 net_wants(owner, bytes, frame->bytes);
    bool wanted = bytes == NULL || keeps;
    bool given = keeps;
    for (uint32_t mask = net_server.receiver_mask; mask != 0 && bytes != NULL; mask &= mask - 1) {
        struct net_session *session = &net_server.session[__builtin_ctz(mask)];
        if (session == owner || !net_wants(session, bytes, frame->bytes))
            continue;
        wanted = true;
        given |= give(session, frame, bytes);
    }
    if (given)
        stats->rx_copied_frames++;
    else if (wanted)
        stats->rx_dropped_frames++;
    else
        stats->rx_unwanted_frames++;
    if (keeps)
        answer_in_place(owner, frame);
    else
        give_back(frame->parts, frame->count);
}

void net_server_received(struct net_device *device, const struct net_incoming *frame)
{
    if (!frame_valid(frame)) {
        net_server_rejected(device, frame->parts, frame->count);
        return;
    }
    struct net_session *owner = owner_of(frame);
    device->stats.rx_frames++;
    device->stats.rx_bytes += frame->bytes;
    if (owner != NULL && owner == net_server.direct) {
        device->stats.rx_direct_frames++;
        answer_in_place(owner, frame);
    } else {
        distribute(owner, frame);
    }
}
