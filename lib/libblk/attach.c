/*
 * Channels and pools. A session may have one channel: a region of the client's in which requests
 * come and replies go, and doorbells both ways; all clients ring the same bit, and the server looks
 * at every channel that isn't armed. With it may come a pool: a grant that is mapped for DMA once, so
 * that a request in it costs no kernel call.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <libanole/fault.h>

/* Maps the pool, if there is to be one, for what the session may do. */
static int pool_attach(struct blk_session *session, handle_t grant, uint64_t len)
{
    static_assert(sizeof(blk_server->scratch.mapped) >= POOL_SCRATCH * sizeof(struct dma_segment),
                  "the scratch memory holds a mapping");
    if (grant == HANDLE_NONE && len == 0) {
        session->pool = (struct pool){.grant = HANDLE_NONE};
        return 0;
    }
    /* The session's right to write the disk is the device's right to read the pool. */
    unsigned direction = DMA_DEVICE_WRITES;
    if ((session->flags & BLK_OPEN_WRITE) != 0)
        direction |= DMA_DEVICE_READS;
    return pool_open(&session->pool, session->process, grant, len, direction,
                     blk_server->scratch.mapped);
}

int blk_attach(const struct blk_source *source, const struct message *request,
               struct message *reply)
{
    struct blk_session *session = blk_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (session->attached)
        return -ANOLE_EBUSY;
    int rc = attachment_open(&session->attachment, session->process, request->word[2],
                             request->word[6], BLK_BIT_CHANNEL);
    if (rc < 0)
        return rc;
    rc = pool_attach(session, request->word[4], request->word[5]);
    if (rc < 0) {
        attachment_close(&session->attachment);
        return rc;
    }
    session->attachment.maker = source->endpoint;
    session->attachment.doorbell = request->word[3];
    session->attached = true;
    session->broken = false;
    blk_server->attached_mask |= blk_session_bit(session);
    blk_server->awake_mask |= blk_session_bit(session);
    reply->word[1] = session->attachment.own_doorbell;
    return 0;
}

void blk_attach_release(struct blk_session *session)
{
    uint64_t bit = blk_session_bit(session);
    blk_server->attached_mask &= ~bit;
    blk_server->awake_mask &= ~bit;
    blk_server->reply_mask &= ~bit;
    session->attached = false;
    pool_close(&session->pool);
    attachment_close(&session->attachment);
}

int blk_detach(const struct blk_source *source, const struct message *request,
               struct message *reply)
{
    (void)reply;
    struct blk_session *session = blk_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (!session->attached)
        return -ANOLE_EINVAL;
    if (session->detaching)
        return -ANOLE_EBUSY;
    blk_server->awake_mask &= ~blk_session_bit(session);
    blk_server->reply_mask &= ~blk_session_bit(session);
    session->detaching = true;
    session->detach = *source->delivery;
    for (unsigned i = 1; i < MESSAGE_WORDS; i++)
        session->detach.message.word[i] = 0;
    session->detach.message.word[0] = BLK_ID_OF(request->word[0]);
    if (session->channel_slots > 0)
        blk_cancel_pending(session, true);
    else
        blk_session_settle(session);
    return SERVICE_NO_REPLY;
}

/* ---- traffic ---- */

/* The client broke the rules: its channel is looked at no more. What it has in the device finishes
 * without an answer; DETACH, CLOSE or its death give the rest back. */
static void channel_broken(struct blk_session *session)
{
    uint64_t bit = blk_session_bit(session);
    log_printf(LOG_INFO, "%s: a channel of process %#x broke its rules and is shut",
               blk_server->device->name, session->process);
    session->broken = true;
    blk_server->awake_mask &= ~bit;
    blk_server->reply_mask &= ~bit;
}

void blk_channel_reply(struct blk_session *session, const struct message *reply)
{
    if (!session->attached || session->detaching || session->broken)
        return;
    if (fault_here(FAULT_UNASKED)) {
        struct message forged = *reply;
        forged.word[0] = ~BLK_ID_OF(reply->word[0]);
        (void)channel_put(&session->attachment.channel, &forged);
    }
    /* There is room: attachment_budget() left it when the request was taken. */
    if (channel_put(&session->attachment.channel, reply) < 0)
        channel_broken(session);
    else
        blk_server->reply_mask |= blk_session_bit(session);
}

/* Handles one message of a channel and, if that was all, answers it. */
static void channel_handle(const struct blk_source *source, struct message *message)
{
    struct blk_session *session = source->channel;
    int status = blk_handle(source, message);
    if (status == SERVICE_NO_REPLY)
        return;
    message->endpoint = 0;
    message->type = (uint32_t)status;
    blk_channel_reply(session, message);
}

/* Takes what one channel has, up to its budget and the session's share of requests. */
static void channel_take_all(struct blk_session *session)
{
    const struct blk_source source = {
        .channel = session,
        .endpoint = session->process,
        .now_ticks = ticks_now(),
    };
    int budget = attachment_budget(&session->attachment, session->channel_slots);
    for (; budget > 0 && blk_job_may(session); budget--) {
        struct message message;
        int rc = channel_take(&session->attachment.channel, &message);
        if (rc == 0) {
            blk_server->arm_mask |= blk_session_bit(session);
            return;
        }
        if (rc < 0) {
            budget = rc;
            break;
        }
        channel_handle(&source, &message);
        if (session->broken)
            return;
    }
    if (budget < 0)
        channel_broken(session);
    /* Else it stays awake: its next chance is after the next completion, or poll. */
}

/* Calls a function for each session of a mask, beginning with the one whose turn it is. */
static void for_each_in_turn(uint64_t mask, void (*visit)(struct blk_session *session))
{
    unsigned turn = blk_server->turn;
    uint64_t later = mask & ~(((uint64_t)1 << turn) - 1);
    uint64_t earlier = mask & ~later;
    for (; later != 0; later &= later - 1)
        visit(&blk_server->session[__builtin_ctzll(later)]);
    for (; earlier != 0; earlier &= earlier - 1)
        visit(&blk_server->session[__builtin_ctzll(earlier)]);
}

void blk_channels_take(void)
{
    blk_server->arm_mask = 0;
    for_each_in_turn(blk_server->awake_mask, channel_take_all);
}

static void publish_one(struct blk_session *session)
{
    if (attachment_publish(&session->attachment) < 0)
        channel_broken(session);
}

void blk_channels_publish(void)
{
    uint64_t mask = blk_server->reply_mask;
    blk_server->reply_mask = 0;
    if (mask != 0)
        for_each_in_turn(mask, publish_one);
}

bool blk_channels_arm(void)
{
    bool more = false;
    for (uint64_t mask = blk_server->arm_mask & blk_server->awake_mask; mask != 0;
         mask &= mask - 1) {
        struct blk_session *session = &blk_server->session[__builtin_ctzll(mask)];
        int rc = channel_arm(&session->attachment.channel);
        if (rc < 0)
            channel_broken(session);
        else if (rc > 0)
            more = true;
        else
            blk_server->awake_mask &= ~blk_session_bit(session);
    }
    return more;
}
