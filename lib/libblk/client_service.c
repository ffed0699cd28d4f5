/*
 * A disk for a service, which can't wait: what client_recover.c does in one go is done here one try a
 * step, and the service's loop goes on in between. The states of a try are those of the session:
 * a broken one is left and taken back first, then the name is looked up, then the driver is asked.
 */
#include <libblk/client_internal.h>

#define CALL_US 100000u   /* that a call to the driver may take */
#define RETRY_US 20000u   /* after a try that came to nothing; the name's publication rings, too */
#define GONE_US 30000000u /* without a driver: requests fail */

int blk_begin(struct blk_client **begun, const char *name, const struct blk_client_options *options)
{
    struct blk_client *client;
    int error = client_new(&client, name, options);
    if (error)
        return error;
    if (options->message || (options->write && options->retain_bytes != BLK_RETAIN_NONE))
        error = -ANOLE_EINVAL;
    if (!error)
        error = client_allocate(client);
    if (error) {
        client_dispose(client);
        return error;
    }
    if (client->call_us > CALL_US)
        client->call_us = CALL_US;
    client->broken = true;
    client->status = -ANOLE_EAGAIN;
    client->gone_ticks = ticks_now();
    *begun = client;
    return 0;
}

void blk_end(struct blk_client *client)
{
    if (client->subscription != HANDLE_NONE)
        name_unsubscribe(client->driver_name, client->subscription);
    client_dispose(client);
}

int blk_status(const struct blk_client *client)
{
    return client->status;
}

/* The session that is broken, if there is one, is over, and all memory is ours again. */
static int depart(struct blk_client *client)
{
    int error = client_leave(client);
    return error ? error : session_release(client, DEADLINE_POLL);
}

static int arrive(struct blk_client *client)
{
    endpoint_t driver;
    /* Rung when the name is published; asked for once, before the look. */
    if (client->subscription == HANDLE_NONE &&
        name_subscribe(client->driver_name, client_event_bit(client), &client->subscription) != 0)
        client->subscription = HANDLE_NONE; /* the next try's matter */
    int error = name_lookup(client->driver_name, &driver);
    if (!error)
        error = session_begin(client, driver);
    if (!error && client->options.write && (client->info.flags & BLK_INFO_READ_ONLY))
        error = -ANOLE_EROFS;
    if (!error)
        error = session_establish(client);
    /* Our calls are too short for RS to see that we wait. */
    if (error == -ANOLE_ETIMEDOUT)
        client_complain(client, RS_COMPLAINT_TIMEOUT);
    return error;
}

/* The tries lead nowhere for too long, or each driver dies over what it is asked. */
static bool is_hopeless(const struct blk_client *client)
{
    return client->status ? ticks_now() - client->gone_ticks >= ticks_from_us(GONE_US)
                          : client->tries > BLK_CLIENT_TRIES;
}

static void try_once(struct blk_client *client)
{
    int error = depart(client) ? -ANOLE_EAGAIN : arrive(client);
    client->status = error;
    if (error) {
        client->broken = true;
        client->retry_ticks = deadline_in_us(RETRY_US);
        if (is_hopeless(client))
            client_give_up(client, error == -ANOLE_EAGAIN ? -ANOLE_EIO : error);
        return;
    }
    client->tries = replay_busy(&client->replay) ? client->tries + 1 : 0;
    if (is_hopeless(client)) {
        replay_fail(&client->replay, -ANOLE_EIO);
        client->tries = 0;
    } else {
        replay_new_epoch(&client->replay);
    }
    client->error = 0;
}

/* What has just been noticed of a session that was good. */
static void notice_loss(struct blk_client *client)
{
    client->status = -ANOLE_EAGAIN;
    client->gone_ticks = ticks_now();
    client->retry_ticks = 0;
    client->stats.recoveries++;
    if (client->recovery_began == 0)
        client->recovery_began = client->gone_ticks;
}

void blk_step(struct blk_client *client)
{
    if (client->broken && client->status == 0)
        notice_loss(client);
    if (client->broken && ticks_now() >= client->retry_ticks)
        try_once(client);
    if (!client->broken)
        client_look(client);
}

unsigned blk_take(struct blk_client *client, struct blk_completion *completions, unsigned max)
{
    unsigned count = 0;
    while (count < max && replay_take(&client->replay, REPLAY_PROGRAM, &completions[count]))
        count++;
    return count;
}

bool blk_arm(struct blk_client *client)
{
    if (replay_has_done(&client->replay, REPLAY_PROGRAM))
        return true;
    return client->broken ? client->status == 0 : client_arm(client);
}

uint64_t blk_deadline(const struct blk_client *client)
{
    return client->broken ? client->retry_ticks : client_look_deadline(client);
}

void blk_notified(struct blk_client *client, uint64_t bits)
{
    if ((bits & NOTIFY_BIT(client_event_bit(client))) == 0)
        return;
    if (client->broken)
        client->retry_ticks = 0;
    else
        client_event(client);
}
