/*
 * Finding a service by its name, at RS. A service that died comes back under the same name with
 * another endpoint: whoever lost it waits here.
 */
#include <libanole/anole.h>
#include <proto/rs.h>

static int name_call(uint32_t type, const char *name, uint64_t word2, endpoint_t *endpoint)
{
    struct message message = {.word = {0, 0, word2}};
    int error;

    rs_name_pack(message.word, name);
    error = anole_call(startup_page()->rs, type, &message, DEADLINE_NEVER);
    if (!error && endpoint) {
        *endpoint = (endpoint_t)message.word[0];
    }
    return error;
}

int name_lookup(const char *name, endpoint_t *endpoint)
{
    return name_call(RS_LOOKUP, name, 0, endpoint);
}

static bool may_come(int error)
{
    return error == -ANOLE_EAGAIN || error == -ANOLE_ENOENT;
}

/* Between a look that failed and the wait lies the subscription's own look: a name published in
 * between rings the bit, which stays pending. */
static int wait_subscribed(const char *name, endpoint_t *endpoint, unsigned bit,
                           uint64_t deadline_ticks)
{
    struct ipc_delivery delivery;
    int error;

    while (may_come(error = name_lookup(name, endpoint))) {
        error = ipc_receive(&delivery, NOTIFY_BIT(bit), deadline_ticks, RECEIVE_NO_REQUESTS);
        if (error) {
            break;
        }
    }
    return error;
}

int name_subscribe(const char *name, unsigned bit, handle_t *doorbell)
{
    int error = kcall_doorbell(startup_page()->rs, bit, doorbell);

    if (error) {
        return error;
    }
    error = name_call(RS_SUBSCRIBE, name, *doorbell, NULL);
    if (error) {
        (void)kcall_close(*doorbell);
    }
    return error;
}

void name_unsubscribe(const char *name, handle_t doorbell)
{
    (void)name_call(RS_UNSUBSCRIBE, name, 0, NULL); /* it is our own and can only be gone */
    (void)kcall_close(doorbell);
}

int name_wait(const char *name, endpoint_t *endpoint, unsigned bit, uint64_t deadline_ticks)
{
    handle_t doorbell;
    int error = name_lookup(name, endpoint);

    if (!may_come(error)) {
        return error;
    }
    error = name_subscribe(name, bit, &doorbell);
    if (error) {
        return error;
    }
    error = wait_subscribed(name, endpoint, bit, deadline_ticks);
    name_unsubscribe(name, doorbell);
    return error;
}
