/*
 * From a message to a checked operation on one of the caller's sockets. Whatever is wrong with a
 * request costs its sender an error and nobody anything.
 */
#include "inet.h"

#include <string.h>

static int process_of(const struct ipc_delivery *request, endpoint_t *process)
{
    unsigned service_id;

    return kcall_endpoint_info(request->message.endpoint, process, &service_id);
}

/* The socket that the request names. NULL: the status is in *error. */
static struct socket *socket_named(const struct ipc_delivery *request, uint32_t flags_allowed,
                                   endpoint_t *process, int *error)
{
    uint64_t word = request->message.word[0];
    struct socket *socket = NULL;

    *error = process_of(request, process);
    if (!*error && (SOCK_FLAGS_OF(word) & ~flags_allowed) != 0)
        *error = -ANOLE_EINVAL;
    if (!*error) {
        socket = socket_of(*process, SOCK_ID_OF(word));
        *error = socket ? 0 : -ANOLE_EBADHANDLE;
    }
    return socket;
}

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
    int error = process_of(request, &process);

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

/* The address in words 1 to 3, if the socket can have to do with it. */
static int address_of(const struct socket *socket, const uint64_t words[3], ip_addr_t *ip,
                      uint16_t *port)
{
    int error = address_read(words, ip, port);

    if (!error && !address_suits(socket, ip))
        error = -ANOLE_EAFNOSUPPORT;
    return error;
}

static int request_bind(struct ipc_delivery *request)
{
    endpoint_t process;
    ip_addr_t ip;
    uint16_t port;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (socket)
        error = address_of(socket, &request->message.word[1], &ip, &port);
    if (!error && !address_is_own(&ip))
        error = -ANOLE_EADDRNOTAVAIL;
    if (error)
        return error;
    return is_stream(socket) ? stream_bind(socket, &ip, port) : datagram_bind(socket, &ip, port);
}

static int request_listen(struct ipc_delivery *request)
{
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (!socket)
        return error;
    return is_stream(socket) ? stream_listen(socket, request->message.word[1]) : -ANOLE_ENOSYS;
}

static int request_accept(struct ipc_delivery *request)
{
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (!socket)
        return error;
    if (!is_stream(socket))
        return -ANOLE_ENOSYS;
    error = stream_accept(socket, process, &request->message);
    return error == -ANOLE_EAGAIN
               ? waiter_add(socket, WAITS_ACCEPT, process, request, request->message.word[6])
               : error;
}

static int request_connect(struct ipc_delivery *request)
{
    endpoint_t process;
    ip_addr_t ip;
    uint16_t port;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (socket)
        error = address_of(socket, &request->message.word[1], &ip, &port);
    if (error)
        return error;
    if (!is_stream(socket))
        return datagram_connect(socket, &ip, port);
    error = stream_connect(socket, &ip, port);
    if (error != -ANOLE_EINPROGRESS)
        return error;
    error = waiter_add(socket, WAITS_CONNECT, process, request, request->message.word[6]);
    return error == -ANOLE_EAGAIN ? -ANOLE_EINPROGRESS : error;
}

static int request_send(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (!socket)
        return error;
    if (!is_stream(socket)) {
        error = datagram_send(socket, NULL, 0, message->endpoint, message->word[1],
                              message->word[2], message->word[3]);
        message->word[0] = message->word[3];
        return error;
    }
    /* First come, first served: who waits has been here before. */
    error = waiter_first(socket, WAITS_SEND) ? -ANOLE_EAGAIN : stream_send(socket, message);
    return error == -ANOLE_EAGAIN
               ? waiter_add(socket, WAITS_SEND, process, request, message->word[6])
               : error;
}

static int request_receive(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, SOCK_PEEK, &process, &error);

    if (!socket)
        return error;
    if (!is_stream(socket))
        return -ANOLE_ENOSYS;
    error = waiter_first(socket, WAITS_RECEIVE) ? -ANOLE_EAGAIN : stream_receive(socket, message);
    return error == -ANOLE_EAGAIN
               ? waiter_add(socket, WAITS_RECEIVE, process, request, message->word[6])
               : error;
}

static int request_sendto(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    ip_addr_t ip;
    uint16_t port;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (socket)
        error = address_of(socket, &message->word[3], &ip, &port);
    if (error)
        return error;
    if (is_stream(socket))
        return -ANOLE_ENOSYS;
    return datagram_send(socket, &ip, port, message->endpoint, message->word[1],
                         message->word[2] & UINT32_MAX, message->word[2] >> 32);
}

static int request_recvfrom(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (!socket)
        return error;
    if (is_stream(socket))
        return -ANOLE_ENOSYS;
    error = waiter_first(socket, WAITS_RECEIVE) ? -ANOLE_EAGAIN : datagram_receive(socket, message);
    return error == -ANOLE_EAGAIN
               ? waiter_add(socket, WAITS_RECEIVE, process, request, message->word[6])
               : error;
}

static int request_shutdown(struct ipc_delivery *request)
{
    uint64_t how = request->message.word[1];
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (!socket)
        return error;
    if (!is_stream(socket))
        return -ANOLE_ENOSYS;
    if (how == 0 || how > (SOCK_SHUT_READ | SOCK_SHUT_WRITE))
        return -ANOLE_EINVAL;
    return stream_shutdown(socket, how);
}

static int request_close(struct ipc_delivery *request)
{
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (socket)
        socket_close(socket);
    return error;
}

static int request_name(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);
    bool peer = message->word[1] != 0;

    if (!socket)
        return error;
    if (message->word[1] > 1)
        return -ANOLE_EINVAL;
    if (peer && !socket->connected)
        return -ANOLE_ENOTCONN;
    /* All kinds of control blocks begin with the two addresses. */
    const struct ip_pcb *block = (const struct ip_pcb *)(const void *)socket->tcp;
    if (!block)
        return -ANOLE_ENOTCONN;
    uint16_t port = is_stream(socket) ? (peer ? socket->tcp->remote_port : socket->tcp->local_port)
                    : socket->type == SOCK_TYPE_ECHO
                        ? 0
                        : (peer ? socket->udp->remote_port : socket->udp->local_port);
    address_write(&message->word[1], peer ? &block->remote_ip : &block->local_ip, port);
    return 0;
}

static int request_poll(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    if (!socket)
        return error;
    if (message->word[1] & ~(uint64_t)(SOCK_READABLE | SOCK_WRITABLE | SOCK_FAILED))
        return -ANOLE_EINVAL;
    socket->poll_events = (uint32_t)message->word[1];
    socket->poll_doorbell = HANDLE_NONE;
    message->word[0] = socket_events(socket) & (socket->poll_events | SOCK_FAILED);
    if (message->word[0] == 0)
        socket->poll_doorbell = message->word[2];
    return 0;
}

static int request_option_get(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    return socket ? option_get(socket, message->word[1], &message->word[0]) : error;
}

static int request_option_set(struct ipc_delivery *request)
{
    const struct message *message = &request->message;
    endpoint_t process;
    int error;
    struct socket *socket = socket_named(request, 0, &process, &error);

    return socket ? option_set(socket, message->word[1], message->word[2]) : error;
}

const struct service_entry inet_entries[] = {
    {SOCK_SEND, request_send},
    {SOCK_RECEIVE, request_receive},
    {SOCK_SENDTO, request_sendto},
    {SOCK_RECVFROM, request_recvfrom},
    {SOCK_POLL, request_poll},
    {SOCK_ACCEPT, request_accept},
    {SOCK_SOCKET, request_socket},
    {SOCK_BIND, request_bind},
    {SOCK_LISTEN, request_listen},
    {SOCK_CONNECT, request_connect},
    {SOCK_SHUTDOWN, request_shutdown},
    {SOCK_CLOSE, request_close},
    {SOCK_NAME, request_name},
    {SOCK_OPTION_GET, request_option_get},
    {SOCK_OPTION_SET, request_option_set},
    {SOCK_RESOLVE, request_resolve},
    {SOCK_LIST, request_list},
};
const unsigned inet_entry_count = sizeof(inet_entries) / sizeof(inet_entries[0]);
