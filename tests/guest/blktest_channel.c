/*
 * A channel client with no safety net: what goes into the ring is the group's business.
 */
#include "blktest.h"

#define CHANNELS 8u

static struct raw_channel channels[CHANNELS];

static struct raw_channel *channel_new(void)
{
    for (unsigned i = 0; i < CHANNELS; i++)
        if (!channels[i].used) {
            channels[i] = (struct raw_channel){.used = true};
            return &channels[i];
        }
    panic("more than %u channels", CHANNELS);
}

static void close_handle(handle_t handle)
{
    if (handle != HANDLE_NONE)
        (void)kcall_close(handle);
}

static void channel_free(struct raw_channel *channel)
{
    if (channel->memory)
        (void)kcall_unmap(channel->memory, channel->memory_len);
    close_handle(channel->doorbell);
    close_handle(channel->offer);
    close_handle(channel->region);
    channel->used = false;
}

static int channel_make(struct raw_channel *channel, uint32_t entries)
{
    const unsigned both = PROT_READ_BIT | PROT_WRITE_BIT;
    channel->memory_len = (channel_size(entries) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    int status = kcall_region_create(channel->memory_len, 0, &channel->region);
    if (status == 0)
        status = kcall_region_map(ENDPOINT_SELF, channel->region, 0, channel->memory_len, both,
                                  &channel->memory);
    if (status == 0)
        status = channel_init(&channel->channel, CHANNEL_CLIENT, channel->memory,
                              channel->memory_len, entries);
    if (status == 0)
        status = kcall_region_offer(channel->region, driver, both, &channel->offer);
    if (status == 0)
        status = kcall_doorbell(driver, BIT_CHANNEL, &channel->doorbell);
    return status;
}

int channel_attach(struct session *session, uint32_t entries, const struct buffer *pool)
{
    struct raw_channel *channel = channel_new();
    int status = channel_make(channel, entries);
    if (status == 0) {
        struct message message = {.word = {BLK_ID(1, 0), session->id, channel->offer,
                                           channel->doorbell, pool ? pool->grant : HANDLE_NONE,
                                           pool ? pool->len : 0, entries}};
        status = raw_call(BLK_ATTACH, &message);
        channel->driver_doorbell = message.word[1];
    }
    if (status == 0)
        session->channel = channel;
    else
        channel_free(channel);
    return status;
}

int channel_detach(struct session *session)
{
    struct message message = {.word = {BLK_ID(1, 0), session->id}};
    int status = raw_call(BLK_DETACH, &message);
    channel_free(session->channel);
    session->channel = NULL;
    return status;
}

int channel_queue(struct session *session, const struct message *message)
{
    return channel_put(&session->channel->channel, message);
}

int channel_kick(struct session *session)
{
    int published = channel_publish(&session->channel->channel);
    if (published != 1)
        return published;
    return ipc_notify(driver, session->channel->driver_doorbell);
}

int channel_reply(struct session *session, struct message *reply)
{
    struct channel *channel = &session->channel->channel;
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    struct ipc_delivery delivery;
    while (true) {
        int taken = channel_take(channel, reply);
        if (taken == 1)
            return 0;
        if (taken == 0)
            taken = channel_arm(channel);
        if (taken < 0)
            return taken;
        if (taken == 0 &&
            ipc_receive(&delivery, NOTIFY_BIT(BIT_CHANNEL), deadline, RECEIVE_NO_REQUESTS) != 0)
            return -ANOLE_ETIMEDOUT;
    }
}
