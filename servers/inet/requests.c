/*
 * From a message to a checked operation on one of the caller's sockets. Whatever is wrong with a
 * request costs its sender an error and nobody anything.
 */
#include "interface.h"

static bool is_stream(const struct socket *socket)
{
    return socket->type == SOCK_TYPE_STREAM;
}

static int request_socket(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    uint64_t family = message->word[0], type = message->word[1];
    struct socket *socket;
    endpoint_t process;
    unsigned service_id;
    int error = kcall_endpoint_info(message->endpoint, &process, &service_id);

    if (error)
        return error;
    if (family != SOCK_INET && family != SOCK_INET6)
        return -ANOLE_EAFNOSUPPORT;
    if (type < SOCK_TYPE_STREAM || type > SOCK_TYPE_ECHO)
        return -ANOLE_EINVAL;
    error = socket_make(process, (uint8_t)family, (uint8_t)type, &socket);
    if (error)
        return error;
    error = is_stream(socket) ? stream_init(socket) : datagram_init(socket);
    if (error)
        socket_close(socket);
    else
        message->word[0] = socket->number;
    return error;
}

/* ---- of a socket that is there ---- */

/* Does it now, unless others were first, or waits for as long as the request says. */
static int now_or_later(struct socket *socket, enum waits_for what,
                        int (*attempt)(struct socket *socket, struct message *message),
                        struct ipc_delivery *request)
{
    int status = waiter_first(socket, what) ? -ANOLE_EAGAIN : attempt(socket, &request->message);

    return status == -ANOLE_EAGAIN ? waiter_add(socket, what, request) : status;
}

static int do_bind(struct socket *socket, struct ipc_delivery *request)
{
    ip_addr_t ip;
    uint16_t port;
    int error = address_for(socket, &request->message.word[1], &ip, &port);

    if (!error && !address_is_own(&ip))
        error = -ANOLE_EADDRNOTAVAIL;
    if (error)
        return error;
    return is_stream(socket) ? stream_bind(socket, &ip, port) : datagram_bind(socket, &ip, port);
}

static int do_listen(struct socket *socket, struct ipc_delivery *request)
{
    return stream_listen(socket, request->message.word[1]);
}

static int do_accept(struct socket *socket, struct ipc_delivery *request)
{
    return now_or_later(socket, WAITS_ACCEPT, stream_accept, request);
}

static int do_connect(struct socket *socket, struct ipc_delivery *request)
{
    ip_addr_t ip;
    uint16_t port;
    int error = address_for(socket, &request->message.word[1], &ip, &port);

    if (error)
        return error;
    if (!is_stream(socket))
        return datagram_connect(socket, &ip, port);
    error = stream_connect(socket, &ip, port);
    if (error != -ANOLE_EINPROGRESS)
        return error;
    error = waiter_add(socket, WAITS_CONNECT, request);
    return error == -ANOLE_EAGAIN ? -ANOLE_EINPROGRESS : error;
}

static int do_send(struct socket *socket, struct ipc_delivery *request)
{
    return now_or_later(socket, WAITS_SEND, is_stream(socket) ? stream_send : datagram_send,
                        request);
}

static int do_receive(struct socket *socket, struct ipc_delivery *request)
{
    return now_or_later(socket, WAITS_RECEIVE, stream_receive, request);
}

static int do_recvfrom(struct socket *socket, struct ipc_delivery *request)
{
    return now_or_later(socket, WAITS_RECEIVE, datagram_receive, request);
}

static int do_shutdown(struct socket *socket, struct ipc_delivery *request)
{
    uint64_t how = request->message.word[1];

    if (how == 0 || how > (SOCK_SHUT_READ | SOCK_SHUT_WRITE))
        return -ANOLE_EINVAL;
    return stream_shutdown(socket, how);
}

static int do_close(struct socket *socket, struct ipc_delivery *request)
{
    (void)request;
    socket_close(socket);
    return 0;
}

static uint16_t port_of(const struct socket *socket, bool peer)
{
    switch (socket->type) {
    case SOCK_TYPE_STREAM:
        return peer ? socket->tcp->remote_port : socket->tcp->local_port;
    case SOCK_TYPE_DATAGRAM:
        return peer ? socket->udp->remote_port : socket->udp->local_port;
    default:
        return 0;
    }
}

static int do_name(struct socket *socket, struct ipc_delivery *request)
{
    struct message *message = &request->message;
    bool peer = message->word[1] != 0;
    /* All kinds of control blocks begin with the two addresses. */
    const struct ip_pcb *block = (const struct ip_pcb *)(const void *)socket->tcp;

    if (message->word[1] > 1)
        return -ANOLE_EINVAL;
    if (!block || (peer && !socket->connected))
        return -ANOLE_ENOTCONN;
    address_write(&message->word[1], peer ? &block->remote_ip : &block->local_ip,
                  port_of(socket, peer));
    return 0;
}

static int do_poll(struct socket *socket, struct ipc_delivery *request)
{
    struct message *message = &request->message;

    if (message->word[1] & ~(uint64_t)(SOCK_READABLE | SOCK_WRITABLE | SOCK_FAILED))
        return -ANOLE_EINVAL;
    socket->poll_events = (uint32_t)message->word[1];
    socket->poll_doorbell = HANDLE_NONE;
    message->word[0] = socket_events(socket) & (socket->poll_events | SOCK_FAILED);
    if (message->word[0] == 0)
        socket->poll_doorbell = message->word[2];
    return 0;
}

static int do_option_get(struct socket *socket, struct ipc_delivery *request)
{
    return option_get(socket, request->message.word[1], &request->message.word[0]);
}

static int do_option_set(struct socket *socket, struct ipc_delivery *request)
{
    return option_set(socket, request->message.word[1], request->message.word[2]);
}

/* ---- the tables ---- */

#define STREAMS (1u << SOCK_TYPE_STREAM)
#define DATAGRAMS (1u << SOCK_TYPE_DATAGRAM | 1u << SOCK_TYPE_ECHO)
#define ALL (STREAMS | DATAGRAMS)

static const struct {
    int (*handle)(struct socket *socket, struct ipc_delivery *request);
    uint32_t types; /* of sockets that have it */
    uint32_t flags; /* that may be set */
} operations[] = {
    [SOCK_BIND & 0xff] = {do_bind, ALL, 0},
    [SOCK_LISTEN & 0xff] = {do_listen, STREAMS, 0},
    [SOCK_ACCEPT & 0xff] = {do_accept, STREAMS, 0},
    [SOCK_CONNECT & 0xff] = {do_connect, ALL, 0},
    [SOCK_SEND & 0xff] = {do_send, ALL, 0},
    [SOCK_RECEIVE & 0xff] = {do_receive, STREAMS, SOCK_PEEK},
    [SOCK_SENDTO & 0xff] = {do_send, DATAGRAMS, 0},
    [SOCK_RECVFROM & 0xff] = {do_recvfrom, DATAGRAMS, 0},
    [SOCK_SHUTDOWN & 0xff] = {do_shutdown, STREAMS, 0},
    [SOCK_CLOSE & 0xff] = {do_close, ALL, 0},
    [SOCK_OPTION_GET & 0xff] = {do_option_get, ALL, 0},
    [SOCK_OPTION_SET & 0xff] = {do_option_set, ALL, 0},
    [SOCK_NAME & 0xff] = {do_name, ALL, 0},
    [SOCK_POLL & 0xff] = {do_poll, ALL, 0},
};

/* A request of one of these types about a socket, which must be the caller's. */
static int request_about_socket(struct ipc_delivery *request)
{
    uint32_t index = request->message.type & 0xff;
    uint64_t word = request->message.word[0];
    endpoint_t process;
    unsigned service_id;
    int error = kcall_endpoint_info(request->message.endpoint, &process, &service_id);

    if (error)
        return error;
    if (SOCK_FLAGS_OF(word) & ~operations[index].flags)
        return -ANOLE_EINVAL;
    struct socket *socket = socket_of(process, SOCK_ID_OF(word));
    if (!socket)
        return -ANOLE_EBADHANDLE;
    if ((operations[index].types >> socket->type & 1) == 0)
        return -ANOLE_ENOSYS;
    return operations[index].handle(socket, request);
}

const struct service_entry inet_entries[] = {
    {SOCK_SEND, request_about_socket},
    {SOCK_RECEIVE, request_about_socket},
    {SOCK_SENDTO, request_about_socket},
    {SOCK_RECVFROM, request_about_socket},
    {SOCK_POLL, request_about_socket},
    {SOCK_ACCEPT, request_about_socket},
    {SOCK_SOCKET, request_socket},
    {SOCK_BIND, request_about_socket},
    {SOCK_LISTEN, request_about_socket},
    {SOCK_CONNECT, request_about_socket},
    {SOCK_SHUTDOWN, request_about_socket},
    {SOCK_CLOSE, request_about_socket},
    {SOCK_NAME, request_about_socket},
    {SOCK_OPTION_GET, request_about_socket},
    {SOCK_OPTION_SET, request_about_socket},
    {SOCK_RESOLVE, request_resolve},
    {SOCK_LIST, request_list},
    {INET_INTERFACES, request_interfaces},
    {INET_STATUS, request_status},
    {INET_SET, request_set},
};
const unsigned inet_entry_count = sizeof(inet_entries) / sizeof(inet_entries[0]);
