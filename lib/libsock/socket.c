/*
 * The functions of <sys/socket.h>: each a request or two to the network server.
 */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static int type_of(int type, int family, int protocol)
{
    int icmp = family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

    if (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
        return SOCK_TYPE_STREAM;
    if (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))
        return SOCK_TYPE_DATAGRAM;
    return type == SOCK_DGRAM && protocol == icmp ? SOCK_TYPE_ECHO : -1;
}

int socket(int family, int type, int protocol)
{
    int kind = type_of(type & ~SOCK_NONBLOCK, family, protocol);
    struct sock sock = {.nonblocking = (type & SOCK_NONBLOCK) != 0};

    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (kind < 0) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    sock.family = family == AF_INET6 ? SOCK_INET6 : SOCK_INET;
    sock.type = (uint8_t)kind;
    int status = inet_endpoint(&sock.inet);
    struct message message = {.word = {sock.family, sock.type}};
    if (status == 0)
        status = anole_call(sock.inet, SOCK_SOCKET, &message, DEADLINE_NEVER);
    if (status != 0)
        return sock_result(status);
    sock.number = (uint32_t)message.word[0];
    return sock_open(&sock);
}

/* A request with an address in words 1 to 3. */
static int call_address(int fd, uint32_t type, const struct sockaddr *address, socklen_t len,
                        bool waits)
{
    struct sock *sock = sock_of(fd);
    struct message message = {0};

    if (!sock)
        return -1;
    int status = address_in(address, len, &message.word[1]);
    if (status != 0)
        return sock_result(status);
    if (waits)
        message.word[6] = sock_deadline(sock, sock->send_timeout_us, 0);
    return sock_result(sock_call(sock, type, 0, &message));
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    return call_address(fd, SOCK_BIND, address, len, false);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    return call_address(fd, SOCK_CONNECT, address, len, true);
}

int listen(int fd, int backlog)
{
    struct sock *sock = sock_of(fd);
    struct message message = {.word = {[1] = backlog > 0 ? (uint64_t)backlog : 0}};

    return sock ? sock_result(sock_call(sock, SOCK_LISTEN, 0, &message)) : -1;
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    struct sock *sock = sock_of(fd);
    struct message message = {0};

    if (!sock)
        return -1;
    if (flags & ~SOCK_NONBLOCK)
        return sock_result(-ANOLE_EINVAL);
    message.word[6] = sock_deadline(sock, sock->receive_timeout_us, 0);
    int status = sock_call(sock, SOCK_ACCEPT, 0, &message);
    if (status != 0)
        return sock_result(status == -ANOLE_ETIMEDOUT ? -ANOLE_EAGAIN : status);
    address_out(&message.word[1], address, len);
    return sock_open(&(struct sock){
        .inet = sock->inet,
        .number = (uint32_t)message.word[0],
        .family = sock->family,
        .type = SOCK_TYPE_STREAM,
        .nonblocking = (flags & SOCK_NONBLOCK) != 0,
    });
}

int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    return accept4(fd, address, len, 0);
}

/* ---- sending ---- */

static ssize_t send_stream(const struct sock *sock, const char *data, size_t len, int flags)
{
    size_t done = 0;

    do {
        struct message message = {.word = {[3] = len - done}};
        message.word[6] = sock_deadline(sock, sock->send_timeout_us, flags);
        int status = sock_call_data(sock, SOCK_SEND, 0, data + done, len - done, GRANT_READ,
                                    &message);
        if (status != 0 && done == 0)
            return sock_result(status == -ANOLE_ETIMEDOUT ? -ANOLE_EAGAIN : status);
        if (status != 0)
            break; /* the next call is told */
        done += message.word[0];
    } while (done < len);
    return (ssize_t)done;
}

static ssize_t send_datagram(const struct sock *sock, const void *data, size_t len, int flags,
                             const struct sockaddr *to, socklen_t to_len)
{
    struct message message = {.word = {[3] = len}};
    int status = 0;

    if (len > UINT16_MAX)
        return sock_result(-ANOLE_EMSGSIZE);
    if (to) {
        status = address_in(to, to_len, &message.word[3]);
        message.word[2] = (uint64_t)len << 32;
    }
    message.word[6] = sock_deadline(sock, sock->send_timeout_us, flags);
    if (status == 0)
        status = sock_call_data(sock, to ? SOCK_SENDTO : SOCK_SEND, 0, data, len, GRANT_READ,
                                &message);
    if (status != 0)
        return sock_result(status == -ANOLE_ETIMEDOUT ? -ANOLE_EAGAIN : status);
    return (ssize_t)len;
}

ssize_t sock_send(const struct sock *sock, const void *data, size_t len, int flags,
                  const struct sockaddr *to, socklen_t to_len)
{
    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL))
        return sock_result(-ANOLE_EINVAL);
    if (sock->type != SOCK_TYPE_STREAM)
        return send_datagram(sock, data, len, flags, to, to_len);
    return len == 0 ? 0 : send_stream(sock, data, len, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len)
{
    const struct sock *sock = sock_of(fd);

    return sock ? sock_send(sock, data, len, flags, to, to_len) : -1;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    return sendto(fd, data, len, flags, NULL, 0);
}

/* ---- receiving ---- */

static ssize_t receive_stream(const struct sock *sock, char *buffer, size_t len, int flags)
{
    size_t done = 0;

    do {
        struct message message = {.word = {[3] = len - done}};
        message.word[6] = sock_deadline(sock, sock->receive_timeout_us, flags);
        int status = sock_call_data(sock, SOCK_RECEIVE, (flags & MSG_PEEK) ? SOCK_PEEK : 0,
                                    buffer + done, len - done, GRANT_WRITE, &message);
        if (status != 0 && done == 0)
            return sock_result(status == -ANOLE_ETIMEDOUT ? -ANOLE_EAGAIN : status);
        if (status != 0 || message.word[0] == 0)
            break;
        done += message.word[0];
    } while (done < len && (flags & MSG_WAITALL) && !(flags & MSG_PEEK));
    return (ssize_t)done;
}

static ssize_t receive_datagram(const struct sock *sock, void *buffer, size_t len, int flags,
                                struct sockaddr *from, socklen_t *from_len)
{
    size_t room = len < UINT16_MAX ? len : UINT16_MAX;
    struct message message = {.word = {[2] = (uint64_t)room << 32}};

    message.word[6] = sock_deadline(sock, sock->receive_timeout_us, flags);
    int status = sock_call_data(sock, SOCK_RECVFROM, 0, buffer, room, GRANT_WRITE, &message);
    if (status != 0)
        return sock_result(status == -ANOLE_ETIMEDOUT ? -ANOLE_EAGAIN : status);
    address_out(&message.word[1], from, from_len);
    return (ssize_t)(message.word[0] < len || (flags & MSG_TRUNC) ? message.word[0] : len);
}

ssize_t sock_receive(const struct sock *sock, void *buffer, size_t len, int flags,
                     struct sockaddr *from, socklen_t *from_len)
{
    int known = MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC | MSG_WAITALL | MSG_NOSIGNAL;

    if (flags & ~known || (sock->type != SOCK_TYPE_STREAM && (flags & MSG_PEEK)))
        return sock_result(-ANOLE_EINVAL);
    if (sock->type != SOCK_TYPE_STREAM)
        return receive_datagram(sock, buffer, len, flags, from, from_len);
    if (from_len)
        *from_len = 0;
    return len == 0 ? 0 : receive_stream(sock, buffer, len, flags);
}

ssize_t recvfrom(int fd, void *buffer, size_t len, int flags, struct sockaddr *from,
                 socklen_t *from_len)
{
    const struct sock *sock = sock_of(fd);

    return sock ? sock_receive(sock, buffer, len, flags, from, from_len) : -1;
}

ssize_t recv(int fd, void *buffer, size_t len, int flags)
{
    return recvfrom(fd, buffer, len, flags, NULL, NULL);
}

/* ---- the rest ---- */

int shutdown(int fd, int how)
{
    static const uint64_t ways[] = {
        [SHUT_RD] = SOCK_SHUT_READ,
        [SHUT_WR] = SOCK_SHUT_WRITE,
        [SHUT_RDWR] = SOCK_SHUT_READ | SOCK_SHUT_WRITE,
    };
    struct sock *sock = sock_of(fd);

    if (!sock)
        return -1;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return sock_result(-ANOLE_EINVAL);
    struct message message = {.word = {[1] = ways[how]}};
    return sock_result(sock_call(sock, SOCK_SHUTDOWN, 0, &message));
}

static int name_of(int fd, uint64_t whose, struct sockaddr *address, socklen_t *len)
{
    struct sock *sock = sock_of(fd);
    struct message message = {.word = {[1] = whose}};

    if (!sock)
        return -1;
    if (!address || !len)
        return sock_result(-ANOLE_EFAULT);
    int status = sock_call(sock, SOCK_NAME, 0, &message);
    if (status == 0)
        address_out(&message.word[1], address, len);
    return sock_result(status);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
    return name_of(fd, 0, address, len);
}

int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    return name_of(fd, 1, address, len);
}
