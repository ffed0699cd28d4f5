/*
 * libnet, client side: what programs call. See client.h for the contract and client_internal.h for which
 * file does what.
 */
#include <libnet/client_internal.h>
#include <stdlib.h>
#include <string.h>

#define POOL_DEFAULT ((size_t)256 * 1024)
#define RX_BUFFERS_DEFAULT 128u
#define RX_BUFFER_DEFAULT 2048u
#define RX_BUFFER_LEAST 256u
#define TX_DEPTH_DEFAULT 128u
#define UNDER_WAY_MAX (CHANNEL_ENTRIES_MAX - 1) /* one is for the link */
#define TIMEOUT_DEFAULT_US 5000000u

/* ---- opening ---- */

static int fill_options(struct net_client *client, const struct net_client_options *wanted)
{
    struct net_client_options *options = &client->options;
    *options = *wanted;
    if (options->pool_bytes == 0)
        options->pool_bytes = POOL_DEFAULT;
    if (options->rx_buffers == 0)
        options->rx_buffers = RX_BUFFERS_DEFAULT;
    if (options->rx_buffer_bytes == 0)
        options->rx_buffer_bytes = RX_BUFFER_DEFAULT;
    if (options->tx_depth == 0)
        options->tx_depth = TX_DEPTH_DEFAULT;
    if (options->timeout_us == 0)
        options->timeout_us = TIMEOUT_DEFAULT_US;
    if (options->pool_bytes > NET_POOL_BYTES_MAX || options->rx_buffers > UNDER_WAY_MAX ||
        options->tx_depth > UNDER_WAY_MAX - options->rx_buffers ||
        options->rx_buffer_bytes < RX_BUFFER_LEAST || options->rx_buffer_bytes % 8 != 0 ||
        options->rx_buffer_bytes > NET_POOL_BYTES_MAX / UNDER_WAY_MAX ||
        options->notify_bit + 1 >= NOTIFY_OWN_BITS)
        return -ANOLE_EINVAL;
    options->pool_bytes = (options->pool_bytes + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    return 0;
}

static int allocate(struct net_client *client)
{
    const struct net_client_options *options = &client->options;
    client->rx_offset = options->pool_bytes;
    client->vector_offset = client->rx_offset + options->rx_buffers * options->rx_buffer_bytes;
    size_t len = client->vector_offset + options->tx_depth * VECTOR_BYTES;
    len = (len + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    if (len > NET_POOL_BYTES_MAX)
        return -ANOLE_EINVAL;
    client->tx = calloc(options->tx_depth, sizeof *client->tx);
    client->buffer = calloc(options->rx_buffers, sizeof *client->buffer);
    client->idle = calloc(options->rx_buffers, sizeof *client->idle);
    if (!client->tx || !client->buffer || !client->idle)
        return -ANOLE_ENOMEM;
    void *pool;
    int error = kcall_map(len, PROT_READ_BIT | PROT_WRITE_BIT, &pool);
    if (error)
        return error;
    client->pool = pool;
    client->pool_len = len;
    return 0;
}

static void dispose(struct net_client *client)
{
    /* A page that a device may still reach is pinned, and outlives its mapping. */
    if (client->pool)
        (void)kcall_unmap(client->pool, client->pool_len);
    free(client->tx);
    free(client->buffer);
    free(client->idle);
    free(client);
}

int net_open(struct net_client **opened, const char *name, const struct net_client_options *options)
{
    size_t len = strlen(name);
    if (len == 0 || len >= RS_NAME_LEN)
        return -ANOLE_EINVAL;
    struct net_client *client = calloc(1, sizeof *client);
    if (!client)
        return -ANOLE_ENOMEM;
    memcpy(client->name, name, len);
    client->state = NET_CLIENT_LOOKING;
    client->driver = ENDPOINT_NONE;
    int error = fill_options(client, options);
    if (!error)
        error = allocate(client);
    if (error)
        dispose(client);
    else
        *opened = client;
    return error;
}

void net_close(struct net_client *client)
{
    net_client_quit(client);
    dispose(client);
}

const struct net_info *net_client_info(const struct net_client *client)
{
    return &client->info;
}

void *net_client_pool(const struct net_client *client, size_t *len)
{
    *len = client->options.pool_bytes;
    return client->pool;
}

void net_client_stats(const struct net_client *client, struct net_client_stats *stats)
{
    *stats = client->stats;
}

/* ---- wishes ---- */

static bool is_up(const struct net_client *client)
{
    return client->state == NET_CLIENT_UP && !client->broken;
}

int net_mode(struct net_client *client, uint32_t flags,
             const uint8_t (*addresses)[NET_ADDRESS_BYTES], unsigned count)
{
    if (count > NET_ADDRESSES_MAX || (flags & ~NET_MODE_FLAGS) != 0)
        return -ANOLE_EINVAL;
    client->mode_flags = flags;
    client->address_count = count;
    if (count > 0)
        memcpy(client->address, addresses, count * sizeof addresses[0]);
    return is_up(client) ? net_client_tell_mode(client) : 0;
}

int net_vlan(struct net_client *client, unsigned vlan, bool wanted)
{
    if (vlan >= NET_VLANS)
        return -ANOLE_EINVAL;
    uint8_t bit = (uint8_t)(1u << vlan % 8);
    if (wanted)
        client->vlan[vlan / 8] |= bit;
    else
        client->vlan[vlan / 8] &= (uint8_t)~bit;
    return is_up(client) ? net_client_tell_vlan(client, vlan, wanted) : 0;
}

/* ---- frames ---- */

static int fill_pieces(const struct net_client *client, const struct net_frame *frame,
                       struct net_client_tx *slot)
{
    if (frame->piece_count == 0 || frame->piece_count > NET_PIECES_MAX)
        return -ANOLE_EINVAL;
    for (unsigned i = 0; i < frame->piece_count; i++) {
        uintptr_t offset = (uintptr_t)frame->piece[i] - (uintptr_t)client->pool;
        uint32_t bytes = frame->piece_bytes[i];
        if (bytes == 0 || offset > client->vector_offset || bytes > client->vector_offset - offset)
            return -ANOLE_EINVAL;
        slot->piece[i] = (struct net_piece){(uint32_t)offset, bytes};
    }
    slot->piece_count = (uint8_t)frame->piece_count;
    return 0;
}

int net_send(struct net_client *client, const struct net_frame *frame)
{
    if (client->tx_tail - client->tx_head == client->options.tx_depth)
        return -ANOLE_EAGAIN;
    struct net_client_tx *slot = &client->tx[client->tx_tail % client->options.tx_depth];
    int error = fill_pieces(client, frame, slot);
    if (error || (frame->flags & NET_TX_VECTOR) != 0)
        return -ANOLE_EINVAL;
    slot->answered = slot->was_sent = false;
    slot->flags = frame->flags;
    slot->offload = frame->offload;
    slot->tag = frame->tag;
    client->tx_tail++;
    return 0;
}

void net_give_back(struct net_client *client, uint16_t buffer)
{
    if (buffer >= client->options.rx_buffers || client->buffer[buffer] != NET_BUFFER_HELD)
        panic("libnet: buffer %u isn't the program's to give back", buffer);
    client->buffer[buffer] = NET_BUFFER_IDLE;
    if (client->state == NET_CLIENT_UP) /* else it is found at the next arrival */
        client->idle[client->idle_count++] = buffer;
}

static bool next_sent(struct net_client *client, struct net_event *event)
{
    const struct net_client_tx *slot = &client->tx[client->tx_head % client->options.tx_depth];
    if (client->tx_head == client->tx_tail || !slot->answered)
        return false;
    event_begin(event, NET_EVENT_SENT);
    event->status = slot->status;
    event->tag = slot->tag;
    client->tx_head++;
    if (client->tx_next < client->tx_head)
        client->tx_next = client->tx_head;
    return true;
}

static bool has_news(const struct net_client *client)
{
    return client->down_news || client->up_news || client->link_news;
}

/* News of the interface itself, in the order in which they happen. */
static bool next_news(struct net_client *client, struct net_event *event)
{
    if (!has_news(client))
        return false;
    event_begin(event, NET_EVENT_LINK);
    event->link = client->link;
    event->speed_mbits = client->speed_mbits;
    if (client->down_news) {
        client->down_news = false;
        event->kind = NET_EVENT_DOWN;
        event->status = client->given_up ? -ANOLE_EGIVENUP : 0;
    } else if (client->up_news) {
        client->up_news = false;
        event->kind = NET_EVENT_UP;
    } else {
        client->link_news = false;
    }
    return true;
}

bool net_next(struct net_client *client, struct net_event *event)
{
    if (next_news(client, event) || next_sent(client, event))
        return true;
    if (is_up(client) && !client->frame_complete)
        path_receive(client);
    if (!client->frame_complete)
        return next_news(client, event) || next_sent(client, event);
    const struct net_event *frame = &client->frame;
    memcpy(event, frame,
           offsetof(struct net_event, part) + frame->part_count * sizeof(frame->part[0]));
    client->frame_complete = false;
    return true;
}

/* ---- the loop ---- */

void net_step(struct net_client *client)
{
    if (client->state != NET_CLIENT_UP)
        net_client_recover(client);
    if (client->state != NET_CLIENT_UP)
        return;
    if (!client->broken)
        path_send(client);
    if (!client->broken && peer_channel_ring(&client->channel) != 0)
        client->broken = true;
    if (!client->broken)
        path_receive(client);
    if (!client->broken)
        path_watch(client);
    if (client->broken)
        net_client_leave(client);
}

void net_notified(struct net_client *client, uint64_t bits)
{
    if ((bits & NOTIFY_BIT(client_event_bit(client))) == 0)
        return;
    client->retry_ticks = 0; /* a pin is gone, a name is there */
    if (client->state == NET_CLIENT_UP && !peer_alive(client->driver))
        client->broken = true;
}

static bool has_event(const struct net_client *client)
{
    const struct net_client_tx *slot = &client->tx[client->tx_head % client->options.tx_depth];
    return has_news(client) || client->frame_complete ||
           (client->tx_head < client->tx_tail && slot->answered);
}

bool net_arm(struct net_client *client)
{
    if (has_event(client) || client->broken)
        return true;
    if (client->state != NET_CLIENT_UP)
        return ticks_now() >= client->retry_ticks;
    if (path_has_work(client))
        return true;
    int armed = channel_arm(&client->channel.channel);
    client->broken |= armed < 0;
    return armed != 0;
}

uint64_t net_deadline(const struct net_client *client)
{
    return client->state == NET_CLIENT_UP ? path_deadline(client) : client->retry_ticks;
}

int net_wait(struct net_client *client, uint64_t deadline_ticks)
{
    uint64_t mask = NOTIFY_BIT(client_channel_bit(client)) | NOTIFY_BIT(client_event_bit(client));
    struct ipc_delivery delivery;
    for (;;) {
        net_step(client);
        if (has_event(client))
            return 0;
        if (net_arm(client)) {
            if (ticks_now() >= deadline_ticks)
                return -ANOLE_ETIMEDOUT;
            continue;
        }
        uint64_t next = net_deadline(client);
        int error = ipc_receive(&delivery, mask, next < deadline_ticks ? next : deadline_ticks,
                                RECEIVE_NO_REQUESTS);
        if (error == 0)
            net_notified(client, delivery.message.word[0]);
        else if (ticks_now() >= deadline_ticks)
            return -ANOLE_ETIMEDOUT;
    }
}
