/*
 * Options of sockets.
 */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

static const struct {
    int level, option;
    enum sock_option inet;
} options[] = {
    {SOL_SOCKET, SO_REUSEADDR, SOCK_OPTION_REUSE},
    {SOL_SOCKET, SO_KEEPALIVE, SOCK_OPTION_KEEPALIVE},
    {SOL_SOCKET, SO_BROADCAST, SOCK_OPTION_BROADCAST},
    {SOL_SOCKET, SO_ERROR, SOCK_OPTION_ERROR},
    {SOL_SOCKET, SO_TYPE, SOCK_OPTION_TYPE},
    {SOL_SOCKET, SO_RCVBUF, SOCK_OPTION_RECEIVE_BUFFER},
    {SOL_SOCKET, SO_SNDBUF, SOCK_OPTION_SEND_BUFFER},
    {SOL_SOCKET, SO_ACCEPTCONN, SOCK_OPTION_LISTENING},
    {IPPROTO_TCP, TCP_NODELAY, SOCK_OPTION_NODELAY},
    {IPPROTO_IP, IP_TTL, SOCK_OPTION_TTL},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, SOCK_OPTION_TTL},
    {IPPROTO_IPV6, IPV6_V6ONLY, SOCK_OPTION_ONLY_V6},
};

/* 0: no such option */
static unsigned option_of(int level, int option)
{
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (options[i].level == level && options[i].option == option)
            return options[i].inet;
    return 0;
}

/* Time-outs are this library's own: NULL for other options. */
static uint64_t *timeout_of(struct sock *sock, int level, int option)
{
    if (level != SOL_SOCKET)
        return NULL;
    return option == SO_RCVTIMEO   ? &sock->receive_timeout_us
           : option == SO_SNDTIMEO ? &sock->send_timeout_us
                                   : NULL;
}

static int no_option(void)
{
    errno = ENOPROTOOPT;
    return -1;
}

static int option_read(const struct sock *sock, unsigned option, int *value)
{
    struct message message = {.word = {[1] = option}};
    int status = sock_call(sock, SOCK_OPTION_GET, 0, &message);

    *value = (int)message.word[0];
    if (status == 0 && option == SOCK_OPTION_ERROR && *value != 0) {
        (void)sock_result(-*value);
        *value = errno;
    } else if (status == 0 && option == SOCK_OPTION_TYPE) {
        *value = *value == SOCK_TYPE_STREAM ? SOCK_STREAM : SOCK_DGRAM;
    }
    return status;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    struct sock *sock = sock_of(fd);
    int number;

    if (!sock)
        return -1;
    if (!value || !len)
        return sock_result(-ANOLE_EFAULT);
    const uint64_t *timeout_us = timeout_of(sock, level, option);
    if (timeout_us) {
        struct timeval time = {.tv_sec = (time_t)(*timeout_us / 1000000),
                               .tv_usec = (suseconds_t)(*timeout_us % 1000000)};
        memcpy(value, &time, *len < sizeof(time) ? *len : sizeof(time));
        *len = sizeof(time);
        return 0;
    }
    if (option_of(level, option) == 0)
        return no_option();
    int status = option_read(sock, option_of(level, option), &number);
    if (status != 0)
        return sock_result(status);
    memcpy(value, &number, *len < sizeof(number) ? *len : sizeof(number));
    *len = sizeof(number);
    return 0;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    struct sock *sock = sock_of(fd);
    struct timeval time;
    int number;

    if (!sock)
        return -1;
    uint64_t *timeout_us = timeout_of(sock, level, option);
    if (!value || len < (timeout_us ? sizeof(time) : sizeof(number)))
        return sock_result(-ANOLE_EINVAL);
    if (timeout_us) {
        memcpy(&time, value, sizeof(time));
        if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= 1000000 ||
            time.tv_sec > INT32_MAX)
            return sock_result(-ANOLE_EINVAL);
        *timeout_us = (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
        return 0;
    }
    if (option_of(level, option) == 0)
        return no_option();
    memcpy(&number, value, sizeof(number));
    struct message message = {.word = {[1] = option_of(level, option), [2] = (uint64_t)number}};
    return sock_result(sock_call(sock, SOCK_OPTION_SET, 0, &message));
}
