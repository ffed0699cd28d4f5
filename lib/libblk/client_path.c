/*
 * How requests get to the driver and answers come back: many at a time through the channel, or one
 * synchronous message each. What may go next and what an answer means is the replay code's business.
 */
#include <libblk/client_internal.h>

#define BUSY_RETRY_US 1000u
#define EARLY_COMPLAINT_US 200000u /* RS is to find a hung driver within half a second */

static const uint32_t request_types[] = {
    [BLK_OP_READ] = BLK_READ,
    [BLK_OP_WRITE] = BLK_WRITE,
    [BLK_OP_FLUSH] = BLK_FLUSH,
    [BLK_OP_DISCARD] = BLK_DISCARD,
    [BLK_OP_WRITE_ZEROES] = BLK_WRITE_ZEROES,
};

static struct message request_message(const struct blk_client *client,
                                      const struct replay_send *send, uint64_t deadline_ticks)
{
    const struct blk_session *session = &client->session;
    struct message message = {
        .endpoint = session->queue,
        .type = request_types[send->op],
        .word = {BLK_ID(send->id, send->flags), session->id, 0, 0, 0, 0, deadline_ticks},
    };
    if (send->op != BLK_OP_FLUSH) {
        message.word[2] = send->sector;
        message.word[5] = send->len_bytes;
    }
    if (send->op == BLK_OP_READ || send->op == BLK_OP_WRITE) {
        message.word[3] = send->from_copies ? session->copies_grant : session->pool_grant;
        message.word[4] = send->offset;
    }
    return message;
}

/* ---- answers ---- */

/* What a driver may say about a request; anything else is an I/O error for the program. */
static int judge_status(int status)
{
    switch (status) {
    case 0:
    case -ANOLE_EINVAL:
    case -ANOLE_ERANGE:
    case -ANOLE_EROFS:
    case -ANOLE_EPERM:
    case -ANOLE_EIO:
    case -ANOLE_ENOMEM:
    case -ANOLE_ENOSYS:
    case -ANOLE_EBUSY:
        return status;
    default:
        return -ANOLE_EIO;
    }
}

static void first_answer_of_epoch(struct blk_client *client)
{
    uint64_t took = ticks_now() - client->recovery_began;
    if (took > client->stats.longest_recovery_ticks)
        client->stats.longest_recovery_ticks = took;
    client->recovery_began = 0;
    peer_served(client->session.driver, client_deadline(client));
}

static void take_answer(struct blk_client *client, const struct message *answer)
{
    int status = message_status(answer);
    if (status == -ANOLE_EBADHANDLE) { /* it doesn't know the session or the grants any more */
        client->broken = true;
        return;
    }
    /* It never was the request's turn in the device, and what was in the device is what the driver
     * looks at then: the request is sent once more, to it or to its successor. */
    status = status == -ANOLE_ETIMEDOUT ? -ANOLE_EBUSY : judge_status(status);
    if (replay_answered(&client->replay, BLK_ID_OF(answer->word[0]), status) != 0) {
        client_complain(client, RS_COMPLAINT_PROTOCOL);
        client->broken = true;
        return;
    }
    client->held_until = status == -ANOLE_EBUSY ? deadline_in_us(BUSY_RETRY_US) : 0;
    if (client->held_until != 0)
        return;
    client->complained_ticks = 0;
    if (!retained_catching_up(&client->replay.retained))
        client->tries = 0;
    if (client->recovery_began != 0)
        first_answer_of_epoch(client);
}

/* ---- the channel ---- */

static void channel_send(struct blk_client *client)
{
    struct replay_send send;
    uint64_t now = ticks_now();
    /* Too busy: after the next answer, or if there is none to come after a while. */
    if (client->held_until != 0 &&
        (replay_in_flight(&client->replay) > 0 || now < client->held_until))
        return;
    client->held_until = 0;
    uint64_t timeout = ticks_from_us(client->options.timeout_us);
    uint64_t deadline = timeout < DEADLINE_NEVER - now ? now + timeout : DEADLINE_NEVER;
    while (replay_next(&client->replay, &send, now)) {
        struct message message = request_message(client, &send, deadline);
        /* The ring holds all that can be in flight: only a broken one refuses. */
        if (channel_put(&client->session.channel.channel, &message) != 0) {
            client->broken = true;
            return;
        }
    }
    client->broken = peer_channel_publish(&client->session.channel) != 0;
}

/* Rings the driver if that is owed; who is about to sleep does both in one trap. */
static void channel_ring(struct blk_client *client)
{
    client->broken |= peer_channel_ring(&client->session.channel) != 0;
}

static bool channel_receive(struct blk_client *client)
{
    struct message answer;
    bool any = false;
    int taken = 0;
    while (!client->broken &&
           (taken = channel_take(&client->session.channel.channel, &answer)) == 1) {
        take_answer(client, &answer);
        any = true;
    }
    if (taken < 0) {
        client_complain(client, RS_COMPLAINT_PROTOCOL);
        client->broken = true;
    }
    return any;
}

/*
 * A request has been in flight for long. RS hears of it, once early, for the kernel can't see that
 * somebody waits at a channel, and once when its time is over; RS looks, and kills a driver that
 * hangs. One that lives on and still doesn't answer after as much time again is left.
 */
static void channel_overdue(struct blk_client *client)
{
    uint64_t limit = replay_oldest_sent(&client->replay) +
                     ticks_from_us(client->options.timeout_us);
    client->broken = client->complained_ticks >= limit || !peer_alive(client->session.driver);
    client_complain(client, RS_COMPLAINT_TIMEOUT);
}

static uint64_t channel_deadline(const struct blk_client *client)
{
    uint64_t since = replay_oldest_sent(&client->replay);
    uint64_t timeout = ticks_from_us(client->options.timeout_us);
    uint64_t early = ticks_from_us(EARLY_COMPLAINT_US);
    if (since == UINT64_MAX) /* nothing is in flight: the driver was too busy for all of it */
        return client->held_until;
    if (client->complained_ticks < since)
        return since + (early < timeout ? early : timeout);
    if (client->complained_ticks < since + timeout)
        return since + timeout;
    return client->complained_ticks + timeout;
}

void client_event(struct blk_client *client)
{
    client->broken = !peer_alive(client->session.driver) || session_read_info(client) != 0;
}

void client_look(struct blk_client *client)
{
    channel_send(client);
    if (!client->broken)
        (void)channel_receive(client);
    if (!client->broken && replay_in_flight(&client->replay) > 0 &&
        ticks_now() >= channel_deadline(client))
        channel_overdue(client);
    if (!client->broken)
        channel_ring(client);
}

bool client_arm(struct blk_client *client)
{
    return channel_arm(&client->session.channel.channel) != 0;
}

uint64_t client_look_deadline(const struct blk_client *client)
{
    return replay_busy(&client->replay) || replay_in_flight(&client->replay) > 0
               ? channel_deadline(client)
               : DEADLINE_NEVER;
}

static void channel_sleep(struct blk_client *client)
{
    uint64_t mask = NOTIFY_BIT(client_channel_bit(client)) | NOTIFY_BIT(client_event_bit(client));
    struct ipc_delivery delivery;
    struct peer_channel *channel = &client->session.channel;
    uint64_t deadline = channel_deadline(client);
    int error;
    if (channel_arm(&channel->channel) != 0) {
        channel_ring(client);
        return; /* an answer is there, or the channel is broken: the next look finds out */
    }
    if (channel->ring_owed)
        error = ipc_ring_receive(&delivery, channel->service, channel->service_doorbell, mask,
                                 deadline, RECEIVE_NO_REQUESTS);
    else
        error = ipc_receive(&delivery, mask, deadline, RECEIVE_NO_REQUESTS);
    channel->ring_owed = false;
    if (error && error != -ANOLE_ETIMEDOUT)
        client->broken = true; /* there is no one to ring */
    else if (error && replay_in_flight(&client->replay) > 0)
        channel_overdue(client);
    else if (!error && (delivery.message.word[0] & NOTIFY_BIT(client_event_bit(client))))
        client_event(client);
}

static void channel_step(struct blk_client *client, bool wait)
{
    channel_send(client);
    if (client->broken)
        return;
    if (!channel_receive(client) && wait && !client->broken && replay_busy(&client->replay))
        channel_sleep(client);
    else
        channel_ring(client);
}

/* ---- messages ---- */

static void message_step(struct blk_client *client)
{
    struct replay_send send;
    if (client->held_until != 0)
        sleep_until(client->held_until);
    client->held_until = 0;
    if (!replay_next(&client->replay, &send, ticks_now()))
        return;
    uint64_t deadline = client_deadline(client);
    struct message message = request_message(client, &send, deadline);
    int error = ipc_call(&message, deadline);
    switch (error) {
    case 0:
        message.word[0] = send.id; /* whose reply it is the kernel knows */
        take_answer(client, &message);
        break;
    case -ANOLE_ETIMEDOUT:
        client_complain(client, RS_COMPLAINT_TIMEOUT);
        client->broken = true;
        break;
    case -ANOLE_EDEADENDPOINT:
        client->broken = true;
        break;
    default:
        client_give_up(client, error);
    }
}

void client_step(struct blk_client *client, bool wait)
{
    if (client->error)
        return;
    if (client->broken)
        client_recover(client);
    else if (client->options.message)
        message_step(client);
    else
        channel_step(client, wait);
}
