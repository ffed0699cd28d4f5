/*
 * From one driver instance to the next. The program above sees a longer wait; what was in flight and
 * what was not yet flushed is sent again by the replay rules.
 *
 * A session ends in one of two ways, and both prove that no device touches the client's memory any
 * more: the driver died, its device was reset, and the grants could be revoked; or it lives and has
 * answered DETACH and CLOSE.
 */
#include <libblk/client_internal.h>

#define APPEAR_US 1000000u /* for a name that nobody has published yet */
#define STALE_NAME_US 500u /* RS may hear of a death after us */
#define RETRY_US 10000u

int client_find_driver(struct blk_client *client, endpoint_t *driver)
{
    uint64_t deadline = client_deadline(client);
    uint64_t appear = deadline_in_us(APPEAR_US);
    int known = name_lookup(client->driver_name, driver);
    if (known == -ANOLE_ENOENT && appear < deadline)
        deadline = appear;
    while (true) {
        int error = name_wait(client->driver_name, driver, client_event_bit(client), deadline);
        if (error == -ANOLE_ETIMEDOUT && known == -ANOLE_ENOENT)
            return -ANOLE_ENOENT;
        if (error || peer_alive(*driver))
            return error;
        if (ticks_now() >= deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(STALE_NAME_US);
    }
}

void client_complain(struct blk_client *client, enum rs_complaint complaint)
{
    client->complained_ticks = ticks_now();
    peer_complain(client->session.driver, complaint, client_deadline(client));
}

void client_give_up(struct blk_client *client, int error)
{
    client->error = error;
    replay_fail(&client->replay, error);
}

/* Errors that another try, or another driver instance, may mend. EBUSY: somebody else has opened
 * meanwhile, or memory is still pinned. */
static bool worth_another_try(int error)
{
    switch (error) {
    case -ANOLE_EDEADENDPOINT:
    case -ANOLE_ETIMEDOUT:
    case -ANOLE_EPROTO:
    case -ANOLE_EBUSY:
    case -ANOLE_EBADHANDLE:
    case -ANOLE_EAGAIN:
    case -ANOLE_ENOENT:
        return true;
    default:
        return false;
    }
}

int client_leave(struct blk_client *client)
{
    if (!peer_alive(client->session.driver))
        return 0;
    int error = session_quit(client);
    if (error == -ANOLE_ETIMEDOUT)
        client_complain(client, RS_COMPLAINT_TIMEOUT);
    /* It died meanwhile, or never knew the session: either way it has nothing of ours. */
    if (error == -ANOLE_EDEADENDPOINT || error == -ANOLE_EBADHANDLE)
        error = 0;
    return error;
}

static int try_recovery(struct blk_client *client)
{
    endpoint_t driver;
    int error = client_leave(client);
    if (!error)
        error = client_find_driver(client, &driver);
    if (!error)
        error = session_release(client, client_deadline(client));
    if (!error)
        error = session_begin(client, driver);
    if (!error)
        error = session_establish(client);
    return error;
}

void client_recover(struct blk_client *client)
{
    if (client->recovery_began == 0)
        client->recovery_began = ticks_now();
    client->stats.recoveries++;
    while (client->tries++ < BLK_CLIENT_TRIES) {
        int error = try_recovery(client);
        if (!error) {
            replay_new_epoch(&client->replay);
            return;
        }
        if (!worth_another_try(error)) {
            client_give_up(client, error);
            return;
        }
        sleep_us(RETRY_US);
    }
    client_give_up(client, -ANOLE_EIO);
}
