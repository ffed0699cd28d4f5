/*
 * poll(): asks for each object's state, and leaves a doorbell where there is nothing. It is rung once when
 * something happens to any of them; then all are asked again.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/descriptor.h>
#include <poll.h>

#define POLL_BIT (NOTIFY_OWN_BITS - 3) /* something that poll() looks at changed */
#define SERVERS 8                      /* that the objects of one call belong to */

struct bells {
    unsigned count;
    endpoint_t server[SERVERS];
    handle_t bell[SERVERS];
    handle_t watch[SERVERS]; /* a server's death is something that happens to all its objects */
};

/* The doorbell for that server; HANDLE_NONE: it is dead, or there are too many. */
static handle_t bell_for(struct bells *bells, endpoint_t server)
{
    for (unsigned i = 0; i < bells->count; i++)
        if (bells->server[i] == server)
            return bells->bell[i];
    if (server == ENDPOINT_NONE || bells->count == SERVERS ||
        kcall_doorbell(server, POLL_BIT, &bells->bell[bells->count]) != 0)
        return HANDLE_NONE;
    if (kcall_watch(server, POLL_BIT, &bells->watch[bells->count]) != 0) {
        (void)kcall_close(bells->bell[bells->count]);
        return HANDLE_NONE;
    }
    bells->server[bells->count] = server;
    return bells->bell[bells->count++];
}

/* Without a list of bells the object is only looked at. */
static short ask(const struct pollfd *fd, struct bells *bells)
{
    struct description *held = descriptor_hold(fd->fd);
    const struct descriptor_ops *ops;
    int events = fd->events & (POLLIN | POLLOUT);

    if (!held)
        return POLLNVAL;
    ops = description_ops(held);
    if (ops->poll) { /* what has none is always ready */
        void *object = description_object(held);
        handle_t bell = bells ? bell_for(bells, ops->poll_server(object)) : HANDLE_NONE;
        events = ops->poll(object, events, bell);
    }
    (void)descriptor_release(held);
    return (short)events;
}

/* How many have something. Once one has, the others are only looked at. */
static int ask_all(struct pollfd fds[], nfds_t count, struct bells *bells)
{
    int found = 0;

    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        fds[i].revents = ask(&fds[i], found == 0 ? bells : NULL);
        found += fds[i].revents != 0;
    }
    return found;
}

int poll(struct pollfd fds[], nfds_t count, int timeout_ms)
{
    uint64_t deadline = timeout_ms < 0 ? DEADLINE_NEVER
                                       : deadline_in_us((uint64_t)timeout_ms * 1000);
    struct bells bells = {0};
    int found;

    while ((found = ask_all(fds, count, timeout_ms == 0 ? NULL : &bells)) == 0 && timeout_ms != 0) {
        struct ipc_delivery delivery;
        if (ipc_receive(&delivery, NOTIFY_BIT(POLL_BIT), deadline, RECEIVE_NO_REQUESTS) ==
            -ANOLE_ETIMEDOUT) {
            found = ask_all(fds, count, NULL);
            break;
        }
    }
    for (unsigned i = 0; i < bells.count; i++) {
        (void)kcall_close(bells.bell[i]);
        (void)kcall_close(bells.watch[i]);
    }
    return found;
}
