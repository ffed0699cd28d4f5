/*
 * One driver instance: a session, the pool's grant, a channel, what is wanted of it; and the way from
 * one instance to the next.
 *
 * A session ends in one of two ways, and both prove that no device touches the pool any more: the driver
 * died, its device was reset, and the grant could be revoked; or it lives and has answered DETACH and
 * CLOSE.
 */
#include <libnet/client_internal.h>
#include <string.h>

#define RETRY_US 10000u
#define LOOK_US 200000u /* should the news of a name get lost */

static int call(struct net_client *client, enum net_request type, struct message *message)
{
    return anole_call(client->driver, type, message, deadline_in_us(CALL_US));
}

void net_client_complain(struct net_client *client, enum rs_complaint complaint)
{
    client->complained_ticks = ticks_now();
    client->stats.complaints++;
    peer_complain(client->driver, complaint, deadline_in_us(CALL_US));
}

/* ---- wishes ---- */

int net_client_tell_mode(struct net_client *client)
{
    if (client->address_count > 0 && client->addresses_grant == HANDLE_NONE) {
        int error = kcall_grant(client->driver, client->address, sizeof client->address, GRANT_READ,
                                &client->addresses_grant);
        if (error)
            return error;
    }
    struct message message = {.word = {NET_ID(0, client->mode_flags), client->session,
                                       client->addresses_grant, 0, client->address_count}};
    return call(client, NET_RX_MODE, &message);
}

int net_client_tell_vlan(struct net_client *client, unsigned vlan, bool wanted)
{
    struct message message = {.word = {0, client->session, vlan, wanted}};
    return call(client, NET_VLAN, &message);
}

/* A device that refuses a wish is used nevertheless; only a driver that is gone isn't. */
static bool is_fatal(int error)
{
    return error == -ANOLE_EDEADENDPOINT || error == -ANOLE_ETIMEDOUT || error == -ANOLE_EBADHANDLE;
}

static int tell_wishes(struct net_client *client)
{
    int error = 0;
    for (unsigned vlan = 0; vlan < NET_VLANS && !is_fatal(error); vlan++)
        if ((client->vlan[vlan / 8] >> vlan % 8 & 1) != 0)
            error = net_client_tell_vlan(client, vlan, true);
    if (!is_fatal(error))
        error = net_client_tell_mode(client);
    return is_fatal(error) ? error : 0;
}

/* ---- coming ---- */

/* The driver's word about its device: what this client computes with must be sane. */
static int check_info(const struct net_client *client)
{
    const struct net_info *info = &client->info_buffer;
    size_t room = client->options.rx_buffer_bytes - NET_RX_HEADROOM;
    if ((info->address[0] & 1) != 0 || info->mtu_bytes == 0)
        return -ANOLE_EPROTO;
    return info->rx_buffer_min_bytes > room || info->rx_buffer_max_bytes < room ? -ANOLE_ENOSYS : 0;
}

static int read_info(struct net_client *client)
{
    int error = kcall_grant(client->driver, &client->info_buffer, sizeof client->info_buffer,
                            GRANT_WRITE, &client->info_grant);
    if (error)
        return error;
    struct message message = {.word = {0, 0, client->info_grant}};
    error = call(client, NET_INFO, &message);
    /* Take the grant back first: then nobody changes what is being judged. */
    if (!error)
        error = peer_revoke(&client->info_grant, client_event_bit(client));
    if (!error)
        error = check_info(client);
    if (!error)
        client->info = client->info_buffer;
    return error;
}

static int attach(struct net_client *client)
{
    uint32_t entries = peer_ring_entries(client->options.rx_buffers + client->options.tx_depth + 1);
    int error = kcall_grant(client->driver, client->pool, client->pool_len,
                            GRANT_READ | GRANT_WRITE, &client->pool_grant);
    if (!error)
        error = peer_channel_open(&client->channel, client->driver, entries,
                                  client_channel_bit(client));
    if (error)
        return error;
    struct message message = {.word = {0, client->session, client->channel.offer,
                                       client->channel.doorbell, client->pool_grant,
                                       client->pool_len, entries}};
    error = call(client, NET_ATTACH, &message);
    client->channel.service_doorbell = message.word[1];
    client->attached = error == 0;
    return error;
}

static int read_link(struct net_client *client)
{
    struct message message = {.word = {0, client->session}};
    int error = call(client, NET_LINK, &message);
    client->link = (uint32_t)message.word[1];
    client->link_number = message.word[2];
    client->speed_mbits = (uint32_t)message.word[3];
    return error;
}

static int come(struct net_client *client)
{
    int error = kcall_watch(client->driver, client_event_bit(client), &client->watch);
    if (!error)
        error = read_info(client);
    if (error)
        return error;
    struct message message = {.word = {0}};
    error = call(client, NET_OPEN, &message);
    client->session = error ? 0 : message.word[1];
    if (!error)
        error = attach(client);
    if (!error)
        error = read_link(client);
    return error ? error : tell_wishes(client);
}

/* ---- leaving ---- */

/* Makes a living driver forget the session: 0 means that it has nothing of ours. */
static int quit(struct net_client *client)
{
    struct message message = {.word = {0, client->session}};
    int error = client->attached ? call(client, NET_DETACH, &message) : 0;
    client->attached = client->attached && error;
    if (!error && client->session != 0) {
        message = (struct message){.word = {0, client->session}};
        error = call(client, NET_CLOSE, &message);
    }
    /* It died meanwhile, or never knew the session: either way it has nothing of ours. */
    return error == -ANOLE_EDEADENDPOINT || error == -ANOLE_EBADHANDLE ? 0 : error;
}

static int release(struct net_client *client)
{
    unsigned bit = client_event_bit(client);
    int error = peer_revoke(&client->info_grant, bit);
    if (!error)
        error = peer_revoke(&client->addresses_grant, bit);
    if (!error)
        error = peer_revoke(&client->pool_grant, bit);
    if (error)
        return error;
    peer_channel_close(&client->channel);
    if (client->watch != HANDLE_NONE)
        (void)kcall_close(client->watch);
    client->watch = HANDLE_NONE;
    client->driver = ENDPOINT_NONE;
    client->session = 0;
    client->attached = false;
    return 0;
}

/* ---- from one to the next ---- */

static void retry_in(struct net_client *client, uint64_t microseconds)
{
    client->retry_ticks = deadline_in_us(microseconds);
}

static void drop_partial_frame(struct net_client *client)
{
    if (!client->frame_begun)
        return;
    client->stats.frames_lost++;
    for (unsigned i = 0; i < client->frame.part_count; i++)
        client->buffer[client->frame.part[i].buffer] = NET_BUFFER_IDLE;
    client->frame_begun = false;
}

void net_client_leave(struct net_client *client)
{
    client->broken = false;
    drop_partial_frame(client);
    if (client->state == NET_CLIENT_UP) {
        client->down_news = true;
        client->down_ticks = ticks_now();
    }
    client->state = peer_alive(client->driver) ? NET_CLIENT_LEAVING : NET_CLIENT_RELEASING;
    client->retry_ticks = 0;
}

static void arrived(struct net_client *client)
{
    client->state = NET_CLIENT_UP;
    client->broken = false;
    client->given_up = false;
    client->complained_ticks = 0;
    client->stats.epochs++;
    if (!client->was_up)
        client->down_ticks = 0;
    client->was_up = true;
    client->up_news = true;
    path_begin(client);
}

static void look(struct net_client *client)
{
    /* Rung when the name is published; asked for once. */
    if (!client->subscribed)
        client->subscribed = name_subscribe(client->name, client_event_bit(client),
                                            &client->subscription) == 0;
    int error = name_lookup(client->name, &client->driver);
    if (error == -ANOLE_EGIVENUP && !client->given_up) {
        client->given_up = true;
        client->down_news = true;
    }
    if (error) {
        client->driver = ENDPOINT_NONE;
        retry_in(client, LOOK_US);
        return;
    }
    error = come(client);
    if (!error) {
        arrived(client);
        return;
    }
    if (error == -ANOLE_ENOSYS)
        log_printf(LOG_WARNING, "%s: its frames need buffers of %u bytes, there are %lu",
                   client->name, client->info_buffer.rx_buffer_min_bytes,
                   (unsigned long)(client->options.rx_buffer_bytes - NET_RX_HEADROOM));
    net_client_leave(client);
    retry_in(client, RETRY_US);
}

void net_client_recover(struct net_client *client)
{
    if (ticks_now() < client->retry_ticks)
        return;
    if (client->state == NET_CLIENT_LEAVING) {
        int error = peer_alive(client->driver) ? quit(client) : 0;
        if (error == -ANOLE_ETIMEDOUT)
            net_client_complain(client, RS_COMPLAINT_TIMEOUT);
        if (error) {
            retry_in(client, RETRY_US);
            return;
        }
        client->state = NET_CLIENT_RELEASING;
    }
    if (client->state == NET_CLIENT_RELEASING) {
        if (release(client) != 0) {
            retry_in(client, LOOK_US); /* the last pin's end rings */
            return;
        }
        client->state = NET_CLIENT_LOOKING;
    }
    look(client);
}

void net_client_quit(struct net_client *client)
{
    uint64_t deadline = deadline_in_us(CALL_US);
    struct ipc_delivery delivery;
    if (peer_alive(client->driver))
        (void)quit(client);
    while (release(client) != 0 && ticks_now() < deadline)
        (void)ipc_receive(&delivery, NOTIFY_BIT(client_event_bit(client)), deadline,
                          RECEIVE_NO_REQUESTS);
    if (client->subscribed)
        name_unsubscribe(client->name, client->subscription);
}
