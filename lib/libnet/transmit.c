/*
 * From TX and SEND to frames in the device. Each session has a list of frames that wait; while the
 * device has room, sessions take turns, one frame each.
 */
#include "netdrv.h"

#include <libanole/anole.h>
#include <libanole/fault.h>

#define TSO (NET_TX_TSO4 | NET_TX_TSO6)

/* ---- checks ---- */

/* Which of the device's features a flag needs. */
static const struct {
    uint32_t flag, feature;
} needs[] = {
    {NET_TX_CSUM, NET_INFO_TX_CSUM},
    {NET_TX_TSO4, NET_INFO_TX_TSO4},
    {NET_TX_TSO6, NET_INFO_TX_TSO6},
    {NET_TX_ECN, NET_INFO_TX_ECN},
};

int net_send_check(const struct net_session *session, const struct message *message)
{
    uint32_t flags = NET_FLAGS_OF(message->word[0]);
    if (message->type == NET_TX && !session->attached)
        return -ANOLE_EINVAL;
    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if ((flags & needs[i].flag) != 0 && (net_server.device->info.flags & needs[i].feature) == 0)
            return -ANOLE_ENOSYS;
    bool cuts = (flags & TSO) != 0;
    if ((flags & TSO) == TSO || (cuts && (flags & NET_TX_CSUM) == 0) ||
        (!cuts && (flags & NET_TX_ECN) != 0))
        return -ANOLE_EINVAL;
    return 0;
}

/* The offload word against the frame's length (virtio 1.4, 5.1.6.2, asks the driver for as much). */
static bool offload_valid(uint32_t flags, uint64_t offload, uint64_t bytes)
{
    if ((flags & NET_TX_CSUM) == 0)
        return offload == 0;
    unsigned start = NET_CSUM_START(offload);
    if (start < NET_FRAME_MIN || start + NET_CSUM_OFFSET(offload) + 2ul > bytes)
        return false;
    if ((flags & TSO) == 0)
        return NET_GSO_BYTES(offload) == 0 && NET_HEADER_BYTES(offload) == 0;
    return NET_GSO_BYTES(offload) != 0 && NET_HEADER_BYTES(offload) > start &&
           NET_HEADER_BYTES(offload) <= bytes;
}

static bool length_valid(uint32_t flags, uint64_t bytes)
{
    const struct net_info *info = &net_server.device->info;
    uint64_t most = (flags & TSO) != 0 ? info->tx_segments_max_bytes : info->tx_frame_max_bytes;
    if ((flags & NET_TX_TAGGED) != 0)
        most += NET_TAG_BYTES;
    return bytes >= NET_FRAME_MIN && bytes <= most;
}

/* ---- pieces ---- */

/* A frame's memory for the device. */
struct gathering {
    struct dma_segment segments[NET_PIECES_MAX];
    unsigned count;
    uint64_t bytes;
};

static int gather_piece(const struct net_session *session, const struct net_piece *piece,
                        struct gathering *gathering)
{
    if (piece->len_bytes == 0)
        return -ANOLE_EINVAL;
    gathering->bytes += piece->len_bytes;
    return pool_gather(&session->pool, piece->offset, piece->len_bytes, gathering->segments,
                       net_server.device->info.tx_pieces_max, &gathering->count);
}

/* Reads the vector, once; what is in it is judged piece by piece. */
static int gather_vector(const struct net_session *session, const struct net_job *job,
                         struct gathering *gathering)
{
    static struct net_piece pieces[NET_PIECES_MAX];
    uint64_t count = job->word[2];
    if (count == 0 || count > NET_PIECES_MAX)
        return -ANOLE_EINVAL;
    int rc = kcall_copy(session->process, session->pool.grant, job->word[1], pieces,
                        count * sizeof(pieces[0]), COPY_FROM_GRANT);
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = gather_piece(session, &pieces[i], gathering);
    return rc;
}

static int gather_inline(const struct net_session *session, const struct net_job *job,
                         struct gathering *gathering)
{
    int rc = 0;
    for (unsigned i = 0; i < NET_PIECES_INLINE && rc == 0; i++) {
        uint64_t word = job->word[1 + i];
        if (word == 0 && i > 0)
            continue;
        struct net_piece piece = {NET_PIECE_OFFSET(word), NET_PIECE_BYTES(word)};
        rc = gather_piece(session, &piece, gathering);
    }
    return rc;
}

/* SEND's memory is mapped for it alone. */
static int gather_grant(const struct net_session *session, struct net_job *job,
                        struct gathering *gathering)
{
    gathering->bytes = job->word[3];
    if (!length_valid(job->flags, gathering->bytes))
        return -ANOLE_EINVAL;
    int rc = kcall_dma_map(session->process, job->word[1], job->word[2], job->word[3],
                           DMA_DEVICE_READS, gathering->segments,
                           net_server.device->info.tx_pieces_max, &job->mapping, &gathering->count);
    if (rc < 0)
        job->mapping = HANDLE_NONE;
    else
        net_server.device->stats.dma_maps++;
    return rc;
}

static int gather(struct net_job *job, struct gathering *gathering)
{
    const struct net_session *session = net_job_session(job);
    gathering->count = 0;
    gathering->bytes = 0;
    if (job->type == NET_SEND)
        return gather_grant(session, job, gathering);
    return (job->flags & NET_TX_VECTOR) != 0 ? gather_vector(session, job, gathering)
                                             : gather_inline(session, job, gathering);
}

/* ---- into the device, and out of it ---- */

void net_send_enqueue(struct net_job *job)
{
    struct net_session *session = net_job_session(job);
    net_list_push(&session->sends, job);
    net_server.send_mask |= net_session_bit(session);
    net_server.waiting++;
}

/* 0, -EAGAIN: later, or the request's error. */
static int start(struct net_job *job)
{
    static struct gathering gathering;
    struct net_device *device = net_server.device;
    int rc = gather(job, &gathering);
    if (rc == 0 && (!length_valid(job->flags, gathering.bytes) ||
                    !offload_valid(job->flags, job->word[0], gathering.bytes)))
        rc = -ANOLE_EINVAL;
    if (rc < 0)
        return rc;
    struct net_outgoing frame = {
        .lane = net_session_lane(net_job_session(job)),
        .token = net_job_index(job),
        .flags = job->flags,
        .offload = job->word[0],
        .bytes = (uint32_t)gathering.bytes,
        .segments = gathering.segments,
        .segment_count = gathering.count,
    };
    if (!device->ops->send(device, &frame)) {
        if (job->mapping != HANDLE_NONE)
            (void)kcall_dma_unmap(job->mapping);
        job->mapping = HANDLE_NONE;
        return -ANOLE_EAGAIN;
    }
    job->bytes = frame.bytes;
    net_server.unkicked = true;
    return 0;
}

static void started(struct net_job *job)
{
    job->state = NET_JOB_DEVICE;
    job->sequence = net_server.sequence++;
    job->since_ticks = net_server.now_ticks;
    job->lane = (uint8_t)net_session_lane(net_job_session(job));
    net_server.sending++;
    net_server.lane[job->lane].sending++;
}

static void answer_sent(const struct net_job *job, struct message *answer)
{
    *answer = (struct message){.word = {0, job->bytes}};
}

/* Answers a frame before the device has sent it, by order. */
static void answer_early(const struct net_job *job)
{
    struct message answer;
    answer_sent(job, &answer);
    answer.word[0] = NET_ID(job->id, 0);
    net_channel_reply(net_job_session(job), &answer);
}

/* The session whose turn it is: the first of these from net_server.turn on. */
static struct net_session *next_in_turn(uint32_t mask)
{
    uint32_t later = mask & ~(((uint32_t)1 << net_server.turn) - 1);
    return &net_server.session[__builtin_ctz(later != 0 ? later : mask)];
}

/* Takes a session's first frame, which is in the device now or can't be, off its list. */
static void dispatched(struct net_session *session, struct net_job *job, int status)
{
    static const struct message nothing;
    net_list_pop(&session->sends);
    net_server.waiting--;
    if (session->sends.first == NET_NONE)
        net_server.send_mask &= ~net_session_bit(session);
    if (status == 0) {
        started(job);
        if (fault_any() && net_job_by_channel(job) && fault_take(FAULT_EARLY))
            answer_early(job);
    } else {
        net_server.device->stats.refused++;
        net_job_finish(job, status, 0, &nothing);
    }
}

/* The sessions that a full lane keeps waiting. */
static uint32_t sessions_of_lane(unsigned lane)
{
    uint32_t mask = 0;
    for (unsigned i = lane; i < NET_SESSIONS; i += net_server.tx_lanes)
        mask |= (uint32_t)1 << i;
    return mask;
}

void net_dispatch(void)
{
    uint32_t blocked = 0, mask;
    unsigned turn = NET_SESSIONS; /* of the first that finds its lane full */
    while ((mask = net_server.send_mask & ~blocked) != 0) {
        struct net_session *session = next_in_turn(mask);
        struct net_job *job = net_list_first(&session->sends);
        int rc = start(job);
        if (rc == -ANOLE_EAGAIN) {
            blocked |= sessions_of_lane(net_session_lane(session));
            turn = turn == NET_SESSIONS ? net_session_index(session) : turn;
            continue;
        }
        net_server.turn = (uint16_t)((net_session_index(session) + 1) % NET_SESSIONS);
        dispatched(session, job, rc);
    }
    if (turn != NET_SESSIONS)
        net_server.turn = (uint16_t)turn; /* first when something is sent */
}

void net_server_sent(struct net_device *device, uint16_t token, int status)
{
    struct net_job *job = &net_server.job[token];
    struct net_session *session = net_job_session(job);
    struct message answer = {.word = {0}};
    net_server.sending--;
    net_server.lane[job->lane].sending--;
    if (status == 0) {
        device->stats.tx_frames++;
        device->stats.tx_bytes += job->bytes;
        session->tx_frames++;
        answer_sent(job, &answer);
    } else {
        device->stats.tx_errors++;
    }
    net_job_finish(job, status, 0, &answer);
}
