/*
 * Frames and answers through the channel. Request ids say what is answered: a kind, and an index of a
 * slot or a buffer; neither is in flight twice.
 */
#include <libnet/client_internal.h>
#include <string.h>

#define KIND_SHIFT 28u
#define KIND_TX 1u
#define KIND_RX 2u
#define KIND_LINK 3u
#define INDEX_OF(id) ((id) & ((1u << KIND_SHIFT) - 1))

#define IDLE_PART 4u /* idle buffers are posted when they are that part of the posted ones */

#define EARLY_COMPLAINT_US 200000u /* RS is to find a hung driver within half a second */

static uint32_t id_of(uint32_t kind, uint64_t index)
{
    return kind << KIND_SHIFT | (uint32_t)index;
}

static struct net_client_tx *slot_of(const struct net_client *client, uint64_t number)
{
    return &client->tx[number % client->options.tx_depth];
}

static bool put(struct net_client *client, const struct message *message)
{
    /* The ring holds all that can be in flight: only a broken one refuses. */
    client->broken |= channel_put(&client->channel.channel, message) != 0;
    return !client->broken;
}

static bool send_link(struct net_client *client)
{
    const struct message message = {
        .type = NET_LINK,
        .word = {NET_ID(id_of(KIND_LINK, 0), NET_LINK_CHANGE), client->session,
                 client->link_number},
    };
    return put(client, &message);
}

void path_begin(struct net_client *client)
{
    client->idle_count = 0;
    client->posted_count = 0;
    for (unsigned i = client->options.rx_buffers; i-- > 0;) {
        if (client->buffer[i] == NET_BUFFER_HELD)
            continue;
        client->buffer[i] = NET_BUFFER_IDLE;
        client->idle[client->idle_count++] = (uint16_t)i;
    }
    client->tx_next = client->tx_head;
    (void)send_link(client);
}

/* ---- out ---- */

static bool post_buffer(struct net_client *client, uint16_t buffer)
{
    const struct message message = {
        .type = NET_RX_POST,
        .word = {id_of(KIND_RX, buffer), client->session,
                 (uint64_t)(client_buffer_data(client, buffer) - client->pool),
                 client->options.rx_buffer_bytes - NET_RX_HEADROOM},
    };
    client->buffer[buffer] = NET_BUFFER_POSTED;
    client->posted_count++;
    return put(client, &message);
}

static bool send_slot(struct net_client *client, uint64_t number, uint64_t now)
{
    struct net_client_tx *slot = slot_of(client, number);
    size_t index = number % client->options.tx_depth;
    uint32_t flags = slot->flags;
    struct message message = {.type = NET_TX, .word = {0, client->session, slot->offload}};
    if (slot->piece_count <= NET_PIECES_INLINE) {
        for (unsigned i = 0; i < slot->piece_count; i++)
            message.word[3 + i] = NET_PIECE(slot->piece[i].offset, slot->piece[i].len_bytes);
    } else {
        size_t offset = client->vector_offset + index * VECTOR_BYTES;
        memcpy(client->pool + offset, slot->piece, slot->piece_count * sizeof slot->piece[0]);
        flags |= NET_TX_VECTOR;
        message.word[3] = offset;
        message.word[4] = slot->piece_count;
    }
    message.word[0] = NET_ID(id_of(KIND_TX, index), flags);
    client->stats.sent_again += slot->was_sent;
    slot->was_sent = true;
    slot->sent_ticks = now;
    return put(client, &message);
}

/* Buffers wait to be posted until there are many beside those that the driver has, or something is sent
 * anyway: so a driver isn't woken for each frame that came. */
static bool buffers_due(const struct net_client *client)
{
    return client->idle_count * IDLE_PART > client->posted_count;
}

bool path_has_work(const struct net_client *client)
{
    return client->tx_next < client->tx_tail || buffers_due(client);
}

void path_send(struct net_client *client)
{
    uint64_t now = ticks_now();
    bool work = path_has_work(client);
    while (work && client->idle_count > 0 && !client->broken)
        (void)post_buffer(client, client->idle[--client->idle_count]);
    for (; client->tx_next < client->tx_tail && !client->broken; client->tx_next++)
        if (!slot_of(client, client->tx_next)->answered)
            (void)send_slot(client, client->tx_next, now);
    client->broken |= peer_channel_publish(&client->channel) != 0;
}

/* ---- in ---- */

/* Whether a slot is with the driver: between the oldest and the next to be sent, and unanswered. */
static bool answer_sent(struct net_client *client, uint32_t index, int status)
{
    uint64_t depth = client->options.tx_depth;
    if (index >= depth)
        return false;
    uint64_t number = client->tx_head + (index + depth - client->tx_head % depth) % depth;
    struct net_client_tx *slot = slot_of(client, number);
    if (number >= client->tx_next || slot->answered)
        return false;
    slot->answered = true;
    slot->status = status;
    return true;
}

static bool append_part(struct net_client *client, uint16_t buffer, const struct message *answer)
{
    struct net_event *frame = &client->frame;
    uint64_t bytes = answer->word[1], prefix = answer->word[4];
    if (bytes > client->options.rx_buffer_bytes - NET_RX_HEADROOM || prefix > NET_PREFIX_BYTES ||
        frame->part_count == NET_CLIENT_PARTS_MAX)
        return false;
    uint8_t *data = client_buffer_data(client, buffer) - prefix;
    memcpy(data, &answer->word[5], prefix);
    frame->part[frame->part_count++] = (struct net_client_part){
        .data = data,
        .bytes = (uint32_t)(bytes + prefix),
        .buffer = buffer,
    };
    frame->bytes += (uint32_t)(bytes + prefix);
    return true;
}

/* A buffer comes back with a frame or a part of one. False: the driver breaks the rules; what it was asked
 * for can't be refused. */
static bool answer_received(struct net_client *client, uint32_t index, const struct message *answer)
{
    uint32_t flags = NET_FLAGS_OF(answer->word[0]);
    bool first = (flags & NET_RX_LATER) == 0;
    if (index >= client->options.rx_buffers || client->buffer[index] != NET_BUFFER_POSTED ||
        message_status(answer) != 0 || first == client->frame_begun)
        return false;
    if (first) {
        event_begin(&client->frame, NET_EVENT_FRAME);
        client->frame.flags = flags & ~(NET_RX_MORE | NET_RX_LATER);
        client->frame.offload = answer->word[2];
    }
    client->frame_begun = true;
    if (!append_part(client, (uint16_t)index, answer))
        return false;
    client->buffer[index] = NET_BUFFER_HELD;
    client->posted_count--;
    client->frame_complete = (flags & NET_RX_MORE) == 0;
    client->frame_begun = !client->frame_complete;
    return true;
}

static bool answer_link(struct net_client *client, const struct message *answer)
{
    client->link = (uint32_t)answer->word[1];
    client->speed_mbits = (uint32_t)answer->word[3];
    client->link_number = answer->word[2];
    client->link_news = true;
    return message_status(answer) == 0 && send_link(client);
}

static void first_answer_of_epoch(struct net_client *client)
{
    uint64_t took = ticks_now() - client->down_ticks;
    client->down_ticks = 0;
    if (took > client->stats.longest_recovery_ticks)
        client->stats.longest_recovery_ticks = took;
    peer_served(client->driver, deadline_in_us(CALL_US));
}

static void take_answer(struct net_client *client, const struct message *answer)
{
    uint32_t id = NET_ID_OF(answer->word[0]);
    int status = message_status(answer);
    bool right = false;
    if (status == -ANOLE_EBADHANDLE) { /* it doesn't know the session or the pool any more */
        client->broken = true;
        return;
    }
    switch (id >> KIND_SHIFT) {
    case KIND_TX:
        right = answer_sent(client, INDEX_OF(id), status);
        break;
    case KIND_RX:
        right = answer_received(client, INDEX_OF(id), answer);
        break;
    case KIND_LINK:
        right = answer_link(client, answer);
        break;
    default:
        break;
    }
    if (!right) {
        net_client_complain(client, RS_COMPLAINT_PROTOCOL);
        client->broken = true;
        return;
    }
    client->complained_ticks = 0;
    if (client->down_ticks != 0)
        first_answer_of_epoch(client);
}

/* One frame at a time: the program is told of it before the next one is put together. */
void path_receive(struct net_client *client)
{
    struct message answer;
    int taken = 0;
    while (!client->broken && !client->frame_complete &&
           (taken = channel_take(&client->channel.channel, &answer)) == 1)
        take_answer(client, &answer);
    if (taken < 0) {
        net_client_complain(client, RS_COMPLAINT_PROTOCOL);
        client->broken = true;
    }
}

/* ---- a driver that doesn't answer ---- */

/* Since when the oldest frame that the driver has is there; 0: it has none. */
static uint64_t oldest_sent(const struct net_client *client)
{
    for (uint64_t number = client->tx_head; number < client->tx_next; number++)
        if (!slot_of(client, number)->answered)
            return slot_of(client, number)->sent_ticks;
    return 0;
}

/*
 * RS hears of it once early, for the kernel can't see that somebody waits at a channel, and once when
 * the time is over; RS looks, and kills a driver that hangs. One that lives on and still doesn't answer
 * after as much time again is left.
 */
uint64_t path_deadline(const struct net_client *client)
{
    uint64_t since = oldest_sent(client);
    uint64_t timeout = ticks_from_us(client->options.timeout_us);
    uint64_t early = ticks_from_us(EARLY_COMPLAINT_US);
    if (since == 0)
        return DEADLINE_NEVER;
    if (client->complained_ticks < since)
        return since + (early < timeout ? early : timeout);
    if (client->complained_ticks < since + timeout)
        return since + timeout;
    return client->complained_ticks + timeout;
}

void path_watch(struct net_client *client)
{
    if (ticks_now() < path_deadline(client))
        return;
    uint64_t limit = oldest_sent(client) + ticks_from_us(client->options.timeout_us);
    client->broken = client->complained_ticks >= limit || !peer_alive(client->driver);
    net_client_complain(client, RS_COMPLAINT_TIMEOUT);
}
