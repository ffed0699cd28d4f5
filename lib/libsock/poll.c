/*
 * What poll() asks of a socket.
 */
#include "internal.h"

#include <poll.h>

endpoint_t sock_poll_server(void *object)
{
    const struct sock *sock = object;

    return sock->inet;
}

int sock_poll(void *object, int wanted, handle_t doorbell)
{
    struct message message = {.word = {[2] = doorbell}};
    int events = 0;

    message.word[1] = (wanted & POLLIN ? SOCK_READABLE : 0) |
                      (wanted & POLLOUT ? SOCK_WRITABLE : 0);
    if (sock_call(object, SOCK_POLL, 0, &message) != 0)
        return POLLERR | POLLHUP; /* the server died, and the socket with it */
    events |= message.word[0] & SOCK_READABLE ? POLLIN & wanted : 0;
    events |= message.word[0] & SOCK_WRITABLE ? POLLOUT & wanted : 0;
    events |= message.word[0] & SOCK_FAILED ? POLLERR : 0;
    return events;
}
