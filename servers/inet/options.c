/*
 * Options of sockets: one function to read and one to write each, in a table.
 */
#include "inet.h"

static struct ip_pcb *block_of(const struct socket *socket)
{
    /* All kinds of control blocks begin alike. */
    return (struct ip_pcb *)(void *)socket->tcp;
}

static uint64_t flag_get(const struct socket *socket, uint8_t flag)
{
    return block_of(socket) && ip_get_option(block_of(socket), flag);
}

static int flag_set(struct socket *socket, uint8_t flag, uint64_t value)
{
    if (value > 1)
        return -ANOLE_EINVAL;
    if (!block_of(socket))
        return -ANOLE_ENOTCONN;
    if (value)
        ip_set_option(block_of(socket), flag);
    else
        ip_reset_option(block_of(socket), flag);
    return 0;
}

static uint64_t reuse_get(struct socket *socket)
{
    return flag_get(socket, SOF_REUSEADDR);
}

static int reuse_set(struct socket *socket, uint64_t value)
{
    return flag_set(socket, SOF_REUSEADDR, value);
}

static uint64_t keepalive_get(struct socket *socket)
{
    return flag_get(socket, SOF_KEEPALIVE);
}

static int keepalive_set(struct socket *socket, uint64_t value)
{
    return flag_set(socket, SOF_KEEPALIVE, value);
}

static uint64_t broadcast_get(struct socket *socket)
{
    return flag_get(socket, SOF_BROADCAST);
}

static int broadcast_set(struct socket *socket, uint64_t value)
{
    return flag_set(socket, SOF_BROADCAST, value);
}

static bool has_tcp(const struct socket *socket)
{
    return socket->type == SOCK_TYPE_STREAM && socket->tcp && !socket->listening;
}

static uint64_t nodelay_get(struct socket *socket)
{
    return has_tcp(socket) && tcp_nagle_disabled(socket->tcp);
}

static int nodelay_set(struct socket *socket, uint64_t value)
{
    if (socket->type != SOCK_TYPE_STREAM)
        return -ANOLE_ENOSYS;
    if (value > 1)
        return -ANOLE_EINVAL;
    if (!has_tcp(socket))
        return -ANOLE_ENOTCONN;
    if (value)
        tcp_nagle_disable(socket->tcp);
    else
        tcp_nagle_enable(socket->tcp);
    return 0;
}

static uint64_t ttl_get(struct socket *socket)
{
    return block_of(socket) ? block_of(socket)->ttl : 0;
}

static int ttl_set(struct socket *socket, uint64_t value)
{
    if (value == 0 || value > UINT8_MAX)
        return -ANOLE_EINVAL;
    if (!block_of(socket))
        return -ANOLE_ENOTCONN;
    block_of(socket)->ttl = (uint8_t)value;
    return 0;
}

static uint64_t error_get(struct socket *socket)
{
    return (uint64_t)-socket_error_take(socket);
}

static uint64_t type_get(struct socket *socket)
{
    return socket->type;
}

static uint64_t receive_buffer_get(struct socket *socket)
{
    return socket->type == SOCK_TYPE_STREAM ? TCP_WND : DATAGRAMS_BYTES_MAX;
}

static uint64_t send_buffer_get(struct socket *socket)
{
    return socket->type == SOCK_TYPE_STREAM ? TCP_SND_BUF : DATAGRAM_LEN_MAX;
}

static uint64_t listening_get(struct socket *socket)
{
    return socket->listening;
}

static uint64_t only_v6_get(struct socket *socket)
{
    return block_of(socket) && IP_IS_V6_VAL(block_of(socket)->local_ip) &&
           !IP_IS_ANY_TYPE_VAL(block_of(socket)->local_ip);
}

/* Of a socket that isn't bound yet. */
static int only_v6_set(struct socket *socket, uint64_t value)
{
    if (value > 1 || socket->family != SOCK_INET6 || socket->type == SOCK_TYPE_ECHO)
        return -ANOLE_EINVAL;
    if (!block_of(socket) || socket->connected || socket->connecting || socket->listening)
        return -ANOLE_EINVAL;
    IP_SET_TYPE_VAL(block_of(socket)->local_ip, value ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
    return 0;
}

static const struct {
    uint64_t (*get)(struct socket *socket);
    int (*set)(struct socket *socket, uint64_t value); /* NULL: can only be read */
} options[] = {
    [SOCK_OPTION_REUSE] = {reuse_get, reuse_set},
    [SOCK_OPTION_KEEPALIVE] = {keepalive_get, keepalive_set},
    [SOCK_OPTION_NODELAY] = {nodelay_get, nodelay_set},
    [SOCK_OPTION_BROADCAST] = {broadcast_get, broadcast_set},
    [SOCK_OPTION_TTL] = {ttl_get, ttl_set},
    [SOCK_OPTION_ERROR] = {error_get, NULL},
    [SOCK_OPTION_TYPE] = {type_get, NULL},
    [SOCK_OPTION_RECEIVE_BUFFER] = {receive_buffer_get, NULL},
    [SOCK_OPTION_SEND_BUFFER] = {send_buffer_get, NULL},
    [SOCK_OPTION_LISTENING] = {listening_get, NULL},
    [SOCK_OPTION_ONLY_V6] = {only_v6_get, only_v6_set},
};

int option_get(struct socket *socket, uint64_t option, uint64_t *value)
{
    if (option >= sizeof(options) / sizeof(options[0]) || !options[option].get)
        return -ANOLE_EINVAL;
    *value = options[option].get(socket);
    return 0;
}

int option_set(struct socket *socket, uint64_t option, uint64_t value)
{
    if (option >= sizeof(options) / sizeof(options[0]) || !options[option].set)
        return -ANOLE_EINVAL;
    return options[option].set(socket, value);
}
