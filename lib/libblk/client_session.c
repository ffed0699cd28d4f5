/*
 * One driver instance as the client sees it: a session, grants of the client's memory, a channel.
 * Everything here is made anew for each instance; nothing of it survives the driver.
 */
#include <libblk/client_internal.h>
#include <string.h>

#define QUIT_RETRY_US 1000u

static int call_driver(struct blk_client *client, uint32_t type, struct message *message)
{
    return anole_call(client->session.queue, type, message, client_call_deadline(client));
}

/* ---- coming ---- */

/* The driver's word about its disk: what this client computes with must be sane. */
static int check_info(const struct blk_info *info)
{
    uint32_t block = info->logical_block_bytes;
    if (block < BLK_SECTOR_SIZE || block > LOGICAL_BLOCK_MAX || (block & (block - 1)) != 0)
        return -ANOLE_EPROTO;
    if (info->capacity_sectors > UINT64_MAX / BLK_SECTOR_SIZE)
        return -ANOLE_EPROTO;
    if (info->max_request_bytes < block)
        return -ANOLE_EPROTO;
    return 0;
}

int session_read_info(struct blk_client *client)
{
    struct blk_session *session = &client->session;
    int error = kcall_grant(session->driver, &client->info_buffer, sizeof client->info_buffer,
                            GRANT_WRITE, &session->info_grant);
    if (error)
        return error;
    struct message message = {.word = {BLK_ID(0, 0), client->minor, session->info_grant}};
    error = call_driver(client, BLK_INFO, &message);
    if (error)
        return error;

    /* Take the grant back first: then nobody changes what is being judged. */
    error = kcall_revoke(session->info_grant, -1);
    if (error)
        return error;
    session->info_grant = HANDLE_NONE;
    error = check_info(&client->info_buffer);
    if (error)
        return error;
    client->info_buffer.partition_name[sizeof client->info.partition_name - 1] = '\0';
    if (memcmp(&client->info, &client->info_buffer, sizeof client->info) != 0)
        client->changed = true;
    client->info = client->info_buffer;
    return 0;
}

int session_begin(struct blk_client *client, endpoint_t driver)
{
    client->session = (struct blk_session){.driver = driver, .queue = driver};
    int error = kcall_watch(driver, client_event_bit(client), &client->session.watch);
    return error ? error : session_read_info(client);
}

int session_set_cache(struct blk_client *client)
{
    bool back = (client->info.flags & BLK_INFO_WRITE_BACK) != 0;
    enum blk_cache_mode now = back ? BLK_CACHE_WRITE_BACK : BLK_CACHE_WRITE_THROUGH;
    if (client->cache_mode == BLK_CACHE_KEEP || client->cache_mode == now)
        return 0;
    struct message message = {.word = {BLK_ID(0, 0), client->session.id, client->cache_mode}};
    int error = call_driver(client, BLK_CACHE, &message);
    return error ? error : session_read_info(client);
}

static int grant_memory(struct blk_client *client)
{
    struct blk_session *session = &client->session;
    unsigned access = client->options.write ? GRANT_READ | GRANT_WRITE : GRANT_WRITE;
    int error = kcall_grant(session->driver, client->pool, client->pool_mapped, access,
                            &session->pool_grant);
    if (error || !client->copies)
        return error;
    return kcall_grant(session->driver, client->copies, client->copies_bytes, GRANT_READ,
                       &session->copies_grant);
}

static int attach_channel(struct blk_client *client)
{
    struct blk_session *session = &client->session;
    struct peer_channel *channel = &session->channel;
    uint32_t entries = peer_ring_entries(client->replay.slots);
    int error = peer_channel_open(channel, session->driver, entries, client_channel_bit(client));
    if (error)
        return error;
    struct message message = {.word = {BLK_ID(0, 0), session->id, channel->offer, channel->doorbell,
                                       session->pool_grant, client->pool_mapped, entries}};
    error = call_driver(client, BLK_ATTACH, &message);
    if (error)
        return error;
    channel->service_doorbell = message.word[1];
    session->attached = true;
    return 0;
}

/* Which of the driver's threads is to serve this session. */
static int choose_queue(struct blk_client *client)
{
    uint64_t hart = client->options.hart > 0 ? client->options.hart - 1 : UINT64_MAX;
    struct message message = {.word = {BLK_ID(0, 0), hart}};
    if (client->info.queues <= 1)
        return 0;
    int error = call_driver(client, BLK_QUEUE, &message);
    if (!error)
        client->session.queue = (endpoint_t)message.word[1];
    return error;
}

int session_establish(struct blk_client *client)
{
    struct blk_session *session = &client->session;
    uint32_t flags = client->options.write ? BLK_OPEN_WRITE : 0;
    if (client->options.shared)
        flags |= BLK_OPEN_SHARED;
    int error = choose_queue(client);
    if (!error)
        error = kcall_doorbell(session->driver, client_event_bit(client), &session->change_bell);
    if (error)
        return error;
    struct message message = {.word = {BLK_ID(0, flags), client->minor, session->change_bell}};
    error = call_driver(client, BLK_OPEN, &message);
    if (error)
        return error;
    session->id = message.word[1];
    session->open = true;
    error = session_set_cache(client);
    if (!error)
        error = grant_memory(client);
    if (!error && !client->options.message)
        error = attach_channel(client);
    if (error)
        return error;
    client->broken = false;
    client->held_until = 0;
    client->complained_ticks = 0;
    client->stats.epochs++;
    return 0;
}

/* ---- leaving ---- */

/* CLOSE is refused while requests are in flight: success proves that there are none. */
static int close_session(struct blk_client *client)
{
    uint64_t deadline = client_call_deadline(client);
    while (true) {
        struct message message = {.word = {BLK_ID(0, 0), client->session.id}};
        int error = call_driver(client, BLK_CLOSE, &message);
        if (error != -ANOLE_EBUSY)
            return error;
        if (ticks_now() >= deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(QUIT_RETRY_US);
    }
}

int session_quit(struct blk_client *client)
{
    struct blk_session *session = &client->session;
    int error = 0;
    if (session->attached) {
        struct message message = {.word = {BLK_ID(0, 0), session->id}};
        error = call_driver(client, BLK_DETACH, &message);
        if (error)
            return error;
        session->attached = false;
    }
    if (session->open) {
        error = close_session(client);
        if (!error)
            session->open = false;
    }
    return error;
}

/* A buffer is ours again only when this has succeeded: a device may still be writing to it. */
static int revoke(const struct blk_client *client, handle_t *grant, uint64_t deadline_ticks)
{
    unsigned bit = client_event_bit(client);
    struct ipc_delivery delivery;
    int error;
    while ((error = peer_revoke(grant, bit)) != 0 &&
           ipc_receive(&delivery, NOTIFY_BIT(bit), deadline_ticks, RECEIVE_NO_REQUESTS) == 0)
        continue;
    return error;
}

/* Handles of our own making; one that the kernel closed already is as good as closed. */
static void close_handle(handle_t handle)
{
    if (handle != HANDLE_NONE)
        (void)kcall_close(handle);
}

int session_release(struct blk_client *client, uint64_t deadline_ticks)
{
    struct blk_session *session = &client->session;
    int error = revoke(client, &session->info_grant, deadline_ticks);
    if (!error)
        error = revoke(client, &session->pool_grant, deadline_ticks);
    if (!error)
        error = revoke(client, &session->copies_grant, deadline_ticks);
    if (error)
        return error;

    peer_channel_close(&session->channel);
    close_handle(session->watch);
    close_handle(session->change_bell);
    *session = (struct blk_session){.driver = ENDPOINT_NONE};
    return 0;
}
