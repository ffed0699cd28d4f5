/*
 * Sessions: who uses the interface, through which channel and pool. A session belongs to the process
 * that opened it and ends with it.
 */
#include "netdrv.h"

#include <libanole/anole.h>
#include <libanole/fault.h>

#define SESSION_INDEX_BITS 8u
static_assert(NET_SESSIONS <= 32, "sessions are bits of a mask");

static uint64_t session_id(const struct net_session *session)
{
    return (uint64_t)session->generation << SESSION_INDEX_BITS | net_session_index(session);
}

struct net_session *net_session_of(const struct net_source *source, uint64_t id)
{
    unsigned index = id & ((1u << SESSION_INDEX_BITS) - 1);
    if (index >= NET_SESSIONS)
        return NULL;
    struct net_session *session = &net_server.session[index];
    if (session->state != NET_SESSION_OPEN || session_id(session) != id)
        return NULL;
    if (source->channel != NULL)
        return source->channel == session ? session : NULL;
    if (source->endpoint == session->opener)
        return session;
    /* Another thread, perhaps of the same process. */
    endpoint_t process;
    unsigned service_id;
    if (kcall_endpoint_info(source->endpoint, &process, &service_id) < 0)
        return NULL;
    return process == session->process ? session : NULL;
}

/* ---- open and close ---- */

/* A free session, or NULL: all are taken, or this process has its share. */
static struct net_session *free_one(endpoint_t process)
{
    struct net_session *found = NULL;
    unsigned mine = 0;
    for (unsigned i = 0; i < NET_SESSIONS; i++) {
        struct net_session *session = &net_server.session[i];
        if (session->state == NET_SESSION_FREE && found == NULL)
            found = session;
        if (session->state == NET_SESSION_OPEN && session->process == process)
            mine++;
    }
    return mine < NET_SESSIONS_A_PROCESS ? found : NULL;
}

int net_session_open(const struct net_source *source, const struct message *request,
                     struct message *reply)
{
    endpoint_t process;
    unsigned service_id;
    (void)request;
    int rc = kcall_endpoint_info(source->endpoint, &process, &service_id);
    if (rc < 0)
        return rc;
    struct net_session *session = free_one(process);
    if (session == NULL) {
        net_session_bury(); /* perhaps it is a dead one that is in the way */
        session = free_one(process);
        if (session == NULL)
            return -ANOLE_EBUSY;
    }
    handle_t watch;
    rc = kcall_watch(process, NET_BIT_WATCH, &watch);
    if (rc < 0)
        return rc;
    const struct net_list empty = {NET_NONE, NET_NONE};
    *session = (struct net_session){
        .state = NET_SESSION_OPEN,
        .generation = session->generation + 1,
        .process = process,
        .opener = source->endpoint,
        .sends = empty,
        .posts = empty,
        .events = empty,
        .watch = watch,
        .announce_told = net_server.announce,
    };
    net_server.sessions_open++;
    reply->word[1] = session_id(session);
    return 0;
}

static void release_channel(struct net_session *session)
{
    uint32_t bit = net_session_bit(session);
    net_server.attached_mask &= ~bit;
    net_server.awake_mask &= ~bit;
    net_server.reply_mask &= ~bit;
    session->attached = false;
    session->broken = false;
    pool_close(&session->pool);
    attachment_close(&session->attachment);
}

/* Nothing of the session waits or is in the device any more. */
static void session_free(struct net_session *session)
{
    if (session->attached)
        release_channel(session);
    (void)kcall_close(session->watch); /* it ended by itself if the process is dead */
    session->state = NET_SESSION_FREE;
    net_server.sessions_open--;
    net_filter_forget(session);
}

int net_session_close(const struct net_source *source, const struct message *request,
                      struct message *reply)
{
    (void)reply;
    struct net_session *session = net_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (session->slots > 0 || session->attached)
        return -ANOLE_EBUSY;
    session_free(session);
    return 0;
}

/* Gets all back that the session (or its channel alone) has waiting, and its buffers in the device.
 * Frames that are being sent stay there until they are. */
static void withdraw(struct net_session *session, bool channel_only)
{
    net_receivers_changed();
    if (session->device_posts > 0)
        net_take_back();
    net_jobs_cancel(session, channel_only);
}

void net_session_settle(struct net_session *session)
{
    if (session->detaching && session->channel_slots == 0) {
        release_channel(session);
        session->detaching = false;
        net_filter_forget(session);
        if (session->state == NET_SESSION_OPEN)
            service_reply(&session->detach, 0);
    }
    if (session->state == NET_SESSION_ENDING && session->slots == 0)
        session_free(session);
}

static void bury(struct net_session *session)
{
    session->state = NET_SESSION_ENDING;
    net_server.awake_mask &= ~net_session_bit(session);
    net_server.reply_mask &= ~net_session_bit(session);
    bool idle = session->slots == 0;
    withdraw(session, false);
    if (idle) /* else the last request's end has seen to it, or will */
        net_session_settle(session);
}

void net_session_bury(void)
{
    for (unsigned i = 0; i < NET_SESSIONS; i++) {
        struct net_session *session = &net_server.session[i];
        if (session->state == NET_SESSION_OPEN && !endpoint_is_alive(session->process))
            bury(session);
    }
}

/* ---- attach and detach ---- */

int net_attach(const struct net_source *source, const struct message *request,
               struct message *reply)
{
    struct net_session *session = net_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (session->attached || session->slots > 0)
        return -ANOLE_EBUSY;
    int rc = attachment_open(&session->attachment, session->process, request->word[2],
                             request->word[6], NET_BIT_CHANNEL);
    if (rc < 0)
        return rc;
    static struct dma_segment scratch[POOL_SCRATCH];
    rc = pool_open(&session->pool, session->process, request->word[4], request->word[5],
                   DMA_DEVICE_READS | DMA_DEVICE_WRITES, scratch);
    if (rc < 0) {
        attachment_close(&session->attachment);
        return rc;
    }
    session->attachment.maker = source->endpoint;
    session->attachment.doorbell = request->word[3];
    session->attached = true;
    net_server.attached_mask |= net_session_bit(session);
    net_server.awake_mask |= net_session_bit(session);
    net_receivers_changed();
    reply->word[1] = session->attachment.own_doorbell;
    return 0;
}

int net_detach(const struct net_source *source, const struct message *request,
               struct message *reply)
{
    (void)reply;
    struct net_session *session = net_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (!session->attached)
        return -ANOLE_EINVAL;
    if (session->detaching)
        return -ANOLE_EBUSY;
    net_server.awake_mask &= ~net_session_bit(session);
    net_server.reply_mask &= ~net_session_bit(session);
    session->detaching = true;
    session->detach = *source->delivery;
    for (unsigned i = 1; i < MESSAGE_WORDS; i++)
        session->detach.message.word[i] = 0;
    session->detach.message.word[0] = NET_ID(NET_ID_OF(request->word[0]), 0);
    bool idle = session->channel_slots == 0;
    withdraw(session, true);
    if (idle)
        net_session_settle(session);
    return SERVICE_NO_REPLY;
}

/* ---- traffic ---- */

/* The client broke the rules: its channel is looked at no more. What it has in the device ends without
 * an answer; DETACH or its death give the rest back. */
static void channel_broken(struct net_session *session)
{
    uint32_t bit = net_session_bit(session);
    log_printf(LOG_INFO, "%s: a channel of process %#x broke its rules and is shut",
               net_server.device->name, session->process);
    session->broken = true;
    net_server.awake_mask &= ~bit;
    net_server.reply_mask &= ~bit;
    net_receivers_changed();
}

void net_channel_reply(struct net_session *session, const struct message *reply)
{
    struct channel *channel = &session->attachment.channel;
    if (!session->attached || session->detaching || session->broken)
        return;
    if (fault_here(FAULT_UNASKED)) {
        struct message forged = *reply;
        forged.word[0] = ~reply->word[0];
        (void)channel_put(channel, &forged);
    }
    /* There is room: attachment_budget() left it when the request was taken. */
    if (channel_put(channel, reply) < 0)
        channel_broken(session);
    else
        net_server.reply_mask |= net_session_bit(session);
}

/* Handles one message of a channel and, if that was all, answers it. */
static void channel_handle(struct net_session *session, struct message *message)
{
    struct net_source source = {.channel = session, .endpoint = session->process};
    int status = net_handle(&source, message);
    if (status == SERVICE_NO_REPLY)
        return;
    message->endpoint = 0;
    message->type = (uint32_t)status;
    net_channel_reply(session, message);
}

/* Takes what one channel has, up to its budget and the session's share of requests. */
static void channel_take_all(struct net_session *session)
{
    int budget = attachment_budget(&session->attachment, session->channel_slots);
    for (; budget > 0 && net_job_may(session); budget--) {
        struct message message;
        int rc = channel_take(&session->attachment.channel, &message);
        if (rc == 0) {
            net_server.arm_mask |= net_session_bit(session);
            return;
        }
        if (rc < 0) {
            budget = rc;
            break;
        }
        channel_handle(session, &message);
        if (session->broken)
            return;
    }
    if (budget < 0)
        channel_broken(session);
    /* Else it stays awake: its next chance is after the next answer, or poll. */
}

/* Calls a function for each session of a mask, beginning with the one whose turn it is. */
static void for_each_in_turn(uint32_t mask, void (*visit)(struct net_session *session))
{
    uint32_t later = mask & ~(((uint32_t)1 << net_server.turn) - 1);
    uint32_t earlier = mask & ~later;
    for (; later != 0; later &= later - 1)
        visit(&net_server.session[__builtin_ctz(later)]);
    for (; earlier != 0; earlier &= earlier - 1)
        visit(&net_server.session[__builtin_ctz(earlier)]);
}

void net_channels_take(void)
{
    net_server.arm_mask = 0;
    for_each_in_turn(net_server.awake_mask, channel_take_all);
}

static void publish_one(struct net_session *session)
{
    if (attachment_publish(&session->attachment) < 0)
        channel_broken(session);
}

void net_channels_publish(void)
{
    uint32_t mask = net_server.reply_mask;
    net_server.reply_mask = 0;
    if (mask != 0)
        for_each_in_turn(mask, publish_one);
}

bool net_channels_arm(void)
{
    bool more = false;
    for (uint32_t mask = net_server.arm_mask & net_server.awake_mask; mask != 0; mask &= mask - 1) {
        struct net_session *session = &net_server.session[__builtin_ctz(mask)];
        int rc = channel_arm(&session->attachment.channel);
        if (rc < 0)
            channel_broken(session);
        else if (rc > 0)
            more = true;
        else
            net_server.awake_mask &= ~net_session_bit(session);
    }
    return more;
}
