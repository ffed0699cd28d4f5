/*
 * Channels and pools. A session may have one channel: a region of the client's in which requests
 * come and replies go, and doorbells both ways; all clients ring the same bit, and the server looks
 * at every channel that isn't armed. With it may come a pool: a grant that is mapped for DMA once, so
 * that a request in it costs no kernel call.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <libanole/fault.h>

#define CHANNEL_PROT (PROT_READ_BIT | PROT_WRITE_BIT)

static size_t page_round(size_t len)
{
    return (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* ---- the pool ---- */

static void pool_release(struct blk_pool *pool)
{
    while (pool->map_count > 0)
        (void)kcall_dma_unmap(pool->map[--pool->map_count]);
    if (pool->segments != NULL)
        (void)kcall_unmap(pool->segments, pool->segments_len);
    *pool = (struct blk_pool){.grant = HANDLE_NONE};
}

/* Appends what one DMA_MAP gave; neighbours become one segment. */
static void pool_append(struct blk_pool *pool, uint64_t offset, const struct dma_segment *segments,
                        unsigned count, uint64_t *end_address)
{
    for (unsigned i = 0; i < count; i++) {
        if (pool->segment_count == 0 || segments[i].device_address != *end_address)
            pool->segments[pool->segment_count++] = (struct blk_pool_segment){
                .offset = offset,
                .device_address = segments[i].device_address,
            };
        offset += segments[i].len_bytes;
        *end_address = segments[i].device_address + segments[i].len_bytes;
    }
}

static int pool_map_all(struct blk_pool *pool, endpoint_t maker, unsigned direction)
{
    static_assert(sizeof(blk_server->scratch.mapped) >=
                      BLK_PAGES_OF(BLK_MAP_BYTES_MAX) * sizeof(struct dma_segment),
                  "the scratch memory holds a mapping");
    struct dma_segment *segments = blk_server->scratch.mapped;
    uint64_t end_address = 0;
    for (uint64_t offset = 0; offset < pool->len_bytes;) {
        uint64_t left = pool->len_bytes - offset;
        uint64_t len = left < BLK_MAP_BYTES_MAX ? left : BLK_MAP_BYTES_MAX;
        unsigned used;
        int rc = kcall_dma_map(maker, pool->grant, offset, len, direction, segments,
                               BLK_PAGES_OF(BLK_MAP_BYTES_MAX), &pool->map[pool->map_count], &used);
        if (rc < 0)
            return rc;
        pool->map_count++;
        pool_append(pool, offset, segments, used, &end_address);
        offset += len;
    }
    return 0;
}

/* Maps the pool for what the session may do. */
static int pool_init(struct blk_session *session, handle_t grant, uint64_t len)
{
    struct blk_pool *pool = &session->pool;
    *pool = (struct blk_pool){.grant = grant, .len_bytes = len};
    if (grant == HANDLE_NONE)
        return len == 0 ? 0 : -ANOLE_EINVAL;
    if (len == 0 || len > BLK_POOL_BYTES_MAX)
        return -ANOLE_EINVAL;

    /* One for each page that is touched, and one more where each mapping begins. */
    size_t segments_max = BLK_PAGES_OF(len) + BLK_POOL_MAPS;
    void *memory;
    pool->segments_len = page_round(segments_max * sizeof(*pool->segments));
    int rc = kcall_map(pool->segments_len, CHANNEL_PROT, &memory);
    if (rc < 0)
        return rc;
    pool->segments = memory;
    /* The session's right to write the disk is the device's right to read the pool. */
    unsigned direction = DMA_DEVICE_WRITES;
    if ((session->flags & BLK_OPEN_WRITE) != 0)
        direction |= DMA_DEVICE_READS;
    rc = pool_map_all(pool, session->process, direction);
    if (rc < 0)
        pool_release(pool);
    return rc;
}

/* ---- the channel ---- */

/* Maps the region that was offered, and makes our side's view of it. */
static int channel_map(struct blk_session *session, handle_t offer, uint64_t entries)
{
    if (entries < CHANNEL_ENTRIES_MIN || entries > CHANNEL_ENTRIES_MAX)
        return -ANOLE_EINVAL;
    size_t need = channel_size((uint32_t)entries);
    size_t len;
    unsigned prot;
    int rc = kcall_region_info(session->process, offer, &len, &prot);
    if (rc < 0)
        return rc;
    if (len < need || (prot & CHANNEL_PROT) != CHANNEL_PROT)
        return -ANOLE_EINVAL;
    session->channel_len = page_round(need);
    rc = kcall_region_map(session->process, offer, 0, session->channel_len, CHANNEL_PROT,
                          &session->channel_memory);
    if (rc < 0)
        return rc;
    rc = channel_init(&session->channel, CHANNEL_SERVER, session->channel_memory,
                      session->channel_len, (uint32_t)entries);
    if (rc < 0)
        (void)kcall_unmap(session->channel_memory, session->channel_len);
    return rc;
}

int blk_attach(const struct blk_source *source, const struct message *request,
               struct message *reply)
{
    struct blk_session *session = blk_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (session->attached)
        return -ANOLE_EBUSY;
    int rc = channel_map(session, request->word[2], request->word[6]);
    if (rc < 0)
        return rc;
    rc = kcall_doorbell(session->process, BLK_BIT_CHANNEL, &session->own_doorbell);
    if (rc < 0)
        goto unmap;
    rc = pool_init(session, request->word[4], request->word[5]);
    if (rc < 0)
        goto close;
    session->doorbell_maker = source->endpoint;
    session->doorbell = request->word[3];
    session->attached = true;
    session->broken = false;
    blk_server->attached_mask |= blk_session_bit(session);
    blk_server->awake_mask |= blk_session_bit(session);
    reply->word[1] = session->own_doorbell;
    return 0;
close:
    (void)kcall_close(session->own_doorbell);
unmap:
    (void)kcall_unmap(session->channel_memory, session->channel_len);
    return rc;
}

void blk_attach_release(struct blk_session *session)
{
    uint64_t bit = blk_session_bit(session);
    blk_server->attached_mask &= ~bit;
    blk_server->awake_mask &= ~bit;
    blk_server->reply_mask &= ~bit;
    session->attached = false;
    pool_release(&session->pool);
    (void)kcall_close(session->own_doorbell);
    (void)kcall_unmap(session->channel_memory, session->channel_len);
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
        (void)channel_put(&session->channel, &forged);
    }
    /* There is room: channel_budget() left it when the request was taken. */
    if (channel_put(&session->channel, reply) < 0)
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

/* How many messages may be taken, so that each reply will have its place: -EPROTO, or a number. */
static int channel_budget(struct blk_session *session)
{
    int room = channel_room(&session->channel);
    if (room < 0)
        return room;
    return room > session->channel_slots ? room - session->channel_slots : 0;
}

/* Takes what one channel has, up to its budget and the session's share of requests. */
static void channel_take_all(struct blk_session *session)
{
    const struct blk_source source = {
        .channel = session,
        .endpoint = session->process,
        .now_ticks = ticks_now(),
    };
    int budget = channel_budget(session);
    for (; budget > 0 && blk_job_may(session); budget--) {
        struct message message;
        int rc = channel_take(&session->channel, &message);
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

_Noreturn static void flood_bells(const struct blk_session *session)
{
    while (true)
        (void)ipc_notify(session->doorbell_maker, session->doorbell);
}

static void publish_one(struct blk_session *session)
{
    int rc = channel_publish(&session->channel);
    if (fault_here(FAULT_FLOOD_BELLS))
        flood_bells(session);
    if (rc > 0)
        (void)ipc_notify(session->doorbell_maker,
                         session->doorbell); /* its death is told by watch */
    else if (rc < 0)
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
        int rc = channel_arm(&session->channel);
        if (rc < 0)
            channel_broken(session);
        else if (rc > 0)
            more = true;
        else
            blk_server->awake_mask &= ~blk_session_bit(session);
    }
    return more;
}
