/*
 * poll(): asks for each socket's state, and leaves a doorbell where there is nothing. It is rung once
 * when something happens to any of them; then they are asked again.
 */
#include "internal.h"

#include <errno.h>
#include <poll.h>

static short events_of(uint64_t sock_events, short wanted)
{
    int events = 0;

    if (sock_events & SOCK_READABLE)
        events |= POLLIN & wanted;
    if (sock_events & SOCK_WRITABLE)
        events |= POLLOUT & wanted;
    if (sock_events & SOCK_FAILED)
        events |= POLLERR;
    return (short)events;
}

static short ask(const struct pollfd *fd, handle_t doorbell)
{
    const struct sock *sock = sock_of(fd->fd);
    struct message message = {.word = {[2] = doorbell}};

    if (!sock)
        return POLLNVAL;
    if (fd->events & POLLIN)
        message.word[1] |= SOCK_READABLE;
    if (fd->events & POLLOUT)
        message.word[1] |= SOCK_WRITABLE;
    if (sock_call(sock, SOCK_POLL, 0, &message) != 0)
        return POLLERR | POLLHUP; /* the server died, and the socket with it */
    return events_of(message.word[0], fd->events);
}

/* How many have something. Once one has, the others are only looked at. */
static int ask_all(struct pollfd fds[], nfds_t count, handle_t doorbell)
{
    int found = 0;

    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        fds[i].revents = ask(&fds[i], found == 0 ? doorbell : HANDLE_NONE);
        found += fds[i].revents != 0;
    }
    return found;
}

/* After a first look that found nothing. The server's death is something that happens to every socket. */
static int wait_for_any(struct pollfd fds[], nfds_t count, endpoint_t inet, handle_t doorbell,
                        uint64_t deadline)
{
    handle_t watch;
    int found = 0, status = kcall_watch(inet, POLL_BIT, &watch);

    if (status == -ANOLE_EDEADENDPOINT)
        return ask_all(fds, count, HANDLE_NONE);
    if (status != 0)
        return sock_result(status);
    while (found == 0 && status != -ANOLE_ETIMEDOUT) {
        struct ipc_delivery delivery;
        status = ipc_receive(&delivery, NOTIFY_BIT(POLL_BIT), deadline, RECEIVE_NO_REQUESTS);
        found = ask_all(fds, count, status == 0 ? doorbell : HANDLE_NONE);
    }
    (void)kcall_close(watch);
    return found;
}

int poll(struct pollfd fds[], nfds_t count, int timeout_ms)
{
    uint64_t deadline = timeout_ms < 0 ? DEADLINE_NEVER
                                       : deadline_in_us((uint64_t)timeout_ms * 1000);
    handle_t doorbell;
    endpoint_t inet;

    if (timeout_ms == 0)
        return ask_all(fds, count, HANDLE_NONE);
    int status = inet_endpoint(&inet);
    if (status == 0)
        status = kcall_doorbell(inet, POLL_BIT, &doorbell);
    if (status != 0)
        return sock_result(status);
    int found = ask_all(fds, count, doorbell);
    if (found == 0)
        found = wait_for_any(fds, count, inet, doorbell, deadline);
    (void)kcall_close(doorbell);
    return found;
}
