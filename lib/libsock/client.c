/*
 * Behind the functions of <sys/socket.h>: the connection to the network server, descriptors, and calls
 * with the caller's own memory granted for as long as they last.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libanole/descriptor.h>
#include <libanole/internal.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

int sock_result(int status)
{
    switch (status) {
    case -ANOLE_ENOMEM:
        errno = ENOBUFS;
        return -1;
    case -ANOLE_ENOSYS:
        errno = EOPNOTSUPP;
        return -1;
    case -ANOLE_EDEADENDPOINT: /* the server died, and the socket with it */
    case -ANOLE_EBADHANDLE:
        errno = ECONNRESET;
        return -1;
    default:
        return errno_result(status);
    }
}

/* ---- the server ---- */

int inet_endpoint(endpoint_t *inet)
{
    return name_wait("inet", inet, NAME_BIT, DEADLINE_NEVER);
}

int sock_call(const struct sock *sock, uint32_t type, uint32_t flags, struct message *message)
{
    message->word[0] = SOCK_ID(sock->number, flags);
    return anole_call(sock->inet, type, message, DEADLINE_NEVER);
}

int sock_call_data(const struct sock *sock, uint32_t type, uint32_t flags, const void *data,
                   size_t len, unsigned access, struct message *message)
{
    handle_t grant = HANDLE_NONE;
    int status = len > 0 ? kcall_grant(sock->inet, data, len, access, &grant) : 0;

    if (status != 0)
        return status;
    message->word[1] = grant;
    status = sock_call(sock, type, flags, message);
    if (grant != HANDLE_NONE && kcall_revoke(grant, -1) != 0)
        panic("inet pins a buffer");
    return status;
}

uint64_t sock_deadline(const struct sock *sock, uint64_t timeout_us, int flags)
{
    if (sock->nonblocking || (flags & MSG_DONTWAIT))
        return 0;
    return timeout_us == 0 ? DEADLINE_NEVER : deadline_in_us(timeout_us);
}

/* ---- descriptors ---- */

static ssize_t sock_read(void *object, void *buffer, size_t len)
{
    return sock_receive(object, buffer, len, 0, NULL, NULL);
}

static ssize_t sock_write(void *object, const void *data, size_t len)
{
    return sock_send(object, data, len, 0, NULL, 0);
}

static int sock_close(void *object)
{
    struct sock *sock = object;
    struct message message = {0};

    /* With the server the socket died: nothing is left to close. */
    (void)sock_call(sock, SOCK_CLOSE, 0, &message);
    free(sock);
    return 0;
}

static int sock_stat(void *object, struct stat *stat)
{
    (void)object;
    *stat = (struct stat){.st_mode = S_IFSOCK | 0600, .st_nlink = 1};
    return 0;
}

static int sock_flags(void *object, bool set, int flags)
{
    struct sock *sock = object;

    if (set)
        sock->nonblocking = (flags & O_NONBLOCK) != 0;
    return set ? 0 : O_RDWR | (sock->nonblocking ? O_NONBLOCK : 0);
}

static const struct descriptor_ops ops = {
    .read = sock_read,
    .write = sock_write,
    .close = sock_close,
    .stat = sock_stat,
    .flags = sock_flags,
    .poll_server = sock_poll_server,
    .poll = sock_poll,
};

int sock_open(const struct sock *sock)
{
    struct sock *object = malloc(sizeof(*object));
    int fd = -1;

    if (object) {
        *object = *sock;
        fd = descriptor_open(&ops, object);
    }
    if (fd < 0) {
        struct message message = {0};
        (void)sock_call(sock, SOCK_CLOSE, 0, &message);
        free(object);
        errno = object ? EMFILE : ENOMEM;
    }
    return fd;
}

struct sock *sock_of(int fd)
{
    const struct descriptor_ops *found;
    void *object;

    if (!descriptor_get(fd, &found, &object))
        return NULL;
    if (found != &ops) {
        errno = ENOTSOCK;
        return NULL;
    }
    return object;
}

/* ---- addresses ---- */

int address_in(const struct sockaddr *address, socklen_t len, uint64_t words[3])
{
    struct sock_address to = {0};

    if (!address || len < sizeof(address->sa_family))
        return -ANOLE_EINVAL;
    if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *from = (const void *)address;
        to.family = SOCK_INET;
        to.port = ntohs(from->sin_port);
        memcpy(to.ip, &from->sin_addr, sizeof(from->sin_addr));
    } else if (address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *from = (const void *)address;
        to.family = SOCK_INET6;
        to.port = ntohs(from->sin6_port);
        to.scope = from->sin6_scope_id;
        memcpy(to.ip, &from->sin6_addr, sizeof(from->sin6_addr));
    } else {
        return address->sa_family == AF_INET || address->sa_family == AF_INET6
                   ? -ANOLE_EINVAL
                   : -ANOLE_EAFNOSUPPORT;
    }
    memcpy(words, &to, sizeof(to));
    return 0;
}

void address_out(const uint64_t words[3], struct sockaddr *address, socklen_t *len)
{
    struct sock_address from;
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to = {0};
    socklen_t whole;

    if (!address || !len)
        return;
    memcpy(&from, words, sizeof(from));
    if (from.family == SOCK_INET6) {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(from.port);
        to.v6.sin6_scope_id = from.scope;
        memcpy(&to.v6.sin6_addr, from.ip, sizeof(to.v6.sin6_addr));
        whole = sizeof(to.v6);
    } else {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(from.port);
        memcpy(&to.v4.sin_addr, from.ip, sizeof(to.v4.sin_addr));
        whole = sizeof(to.v4);
    }
    memcpy(address, &to, *len < whole ? *len : whole);
    *len = whole;
}
