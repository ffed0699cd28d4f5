/*
 * TCP sockets. Data that came waits in lwIP's buffers and keeps the window closed by as much, so that
 * a client that doesn't read costs one window at most; data to be sent is copied once from the
 * client's grant and once into segments.
 */
#include "inet.h"
#include <string.h>

static uint8_t copy_buffer[COPY_BUFFER_LEN];

/* ---- what lwIP tells ---- */

/* The control block is gone already. */
static void on_error(void *argument, err_t error)
{
    struct socket *socket = argument;

    if (!socket)
        return;
    socket->tcp = NULL;
    socket->error = socket->connecting && error == ERR_RST ? -ANOLE_ECONNREFUSED
                    : error == ERR_ABRT                    ? -ANOLE_ETIMEDOUT
                                                           : error_of(error);
    socket->connecting = false;
    if (socket->listener) {
        /* Nobody has it yet: it stays in the backlog, and whoever accepts it learns why it ended. */
        return;
    }
    stream_serve(socket);
}

static err_t on_received(void *argument, struct tcp_pcb *tcp, struct pbuf *data, err_t error)
{
    struct socket *socket = argument;

    (void)error; /* always ERR_OK */
    if (!socket || (data && socket->read_shut)) {
        if (data) {
            tcp_recved(tcp, data->tot_len);
            pbuf_free(data);
        }
        return ERR_OK;
    }
    if (!data) {
        socket->peer_done = true;
    } else {
        socket->received_bytes += data->tot_len;
        if (socket->received)
            pbuf_cat(socket->received, data);
        else
            socket->received = data;
    }
    stream_serve(socket);
    return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *tcp, uint16_t len)
{
    (void)tcp;
    (void)len;
    if (argument)
        stream_serve(argument);
    return ERR_OK;
}

static err_t on_connected(void *argument, struct tcp_pcb *tcp, err_t error)
{
    struct socket *socket = argument;

    (void)tcp;
    (void)error; /* always ERR_OK */
    socket->connecting = false;
    socket->connected = true;
    stream_serve(socket);
    return ERR_OK;
}

static void take_over(struct socket *socket, struct tcp_pcb *tcp)
{
    socket->tcp = tcp;
    tcp_arg(tcp, socket);
    tcp_err(tcp, on_error);
    tcp_recv(tcp, on_received);
    tcp_sent(tcp, on_sent);
}

/* A connection is established. Refusing it makes lwIP reset it. */
static err_t on_accept(void *argument, struct tcp_pcb *tcp, err_t error)
{
    struct socket *listener = argument, *socket;

    if (error != ERR_OK || !tcp || !listener ||
        socket_make(ENDPOINT_NONE, listener->family, SOCK_TYPE_STREAM, &socket) != 0)
        return ERR_MEM;
    socket->connected = true;
    socket->listener = listener;
    take_over(socket, tcp);
    tcp_backlog_delayed(tcp);
    if (listener->backlog)
        listener->backlog_last->next = socket;
    else
        listener->backlog = socket;
    listener->backlog_last = socket;
    stream_serve(listener);
    return ERR_OK;
}

/* ---- bringing up ---- */

int stream_init(struct socket *socket)
{
    struct tcp_pcb *tcp = tcp_new_ip_type(socket->family == SOCK_INET6 ? IPADDR_TYPE_ANY
                                                                       : IPADDR_TYPE_V4);

    if (!tcp)
        return -ANOLE_ENOMEM;
    take_over(socket, tcp);
    return 0;
}

int stream_bind(struct socket *socket, const ip_addr_t *ip, uint16_t port)
{
    ip_addr_t any = *ip;

    if (!socket->tcp || socket->tcp->state != CLOSED || socket->tcp->local_port != 0)
        return -ANOLE_EINVAL;
    /* An unbound IPv6 socket takes IPv4, too. */
    if (socket->family == SOCK_INET6 && ip_addr_isany(ip))
        any = *IP_ANY_TYPE;
    return error_of(tcp_bind(socket->tcp, &any, port));
}

int stream_listen(struct socket *socket, uint64_t backlog)
{
    struct tcp_pcb *tcp;
    err_t error;

    if (socket->listening)
        return 0;
    if (!socket->tcp || socket->tcp->state != CLOSED)
        return -ANOLE_EINVAL;
    if (socket->tcp->local_port == 0)
        return -ANOLE_EDESTADDRREQ;
    tcp = tcp_listen_with_backlog_and_err(
        socket->tcp, (uint8_t)(backlog == 0 ? 1 : LWIP_MIN(backlog, UINT8_MAX)), &error);
    if (!tcp)
        return error_of(error);
    socket->tcp = tcp;
    socket->listening = true;
    tcp_arg(tcp, socket);
    tcp_accept(tcp, on_accept);
    return 0;
}

int stream_connect(struct socket *socket, const ip_addr_t *ip, uint16_t port)
{
    if (socket->connecting)
        return -ANOLE_EINPROGRESS;
    if (socket->connected)
        return -ANOLE_EISCONN;
    if (socket->error)
        return socket_error_take(socket);
    if (!socket->tcp || socket->listening || port == 0)
        return -ANOLE_EINVAL;
    int error = error_of(tcp_connect(socket->tcp, ip, port, on_connected));
    if (error)
        return error;
    socket->connecting = true;
    return -ANOLE_EINPROGRESS;
}

/* ---- moving data ---- */

int stream_accept(struct socket *socket, endpoint_t process, struct message *message)
{
    struct socket *accepted = socket->backlog;

    if (!socket->listening)
        return -ANOLE_EINVAL;
    if (!accepted)
        return -ANOLE_EAGAIN;
    int error = socket_give(accepted, process);
    if (error)
        return error;
    socket->backlog = accepted->next;
    accepted->next = NULL;
    accepted->listener = NULL;
    message->word[0] = accepted->number;
    memset(&message->word[1], 0, sizeof(struct sock_address));
    if (accepted->tcp) {
        tcp_backlog_accepted(accepted->tcp);
        address_write(&message->word[1], &accepted->tcp->remote_ip, accepted->tcp->remote_port);
    }
    return 0;
}

/* What ended the connection, or what is wrong with using it so. */
static int unusable(struct socket *socket)
{
    if (socket->error)
        return socket_error_take(socket);
    if (socket->connecting)
        return -ANOLE_EAGAIN;
    return socket->connected ? 0 : -ANOLE_ENOTCONN;
}

int stream_send(struct socket *socket, struct message *message)
{
    uint64_t len = message->word[3];
    int error = unusable(socket);

    if (error)
        return error;
    if (!socket->tcp || socket->write_shut)
        return -ANOLE_EPIPE;
    if (len == 0)
        return -ANOLE_EINVAL;
    len = LWIP_MIN(len, LWIP_MIN(tcp_sndbuf(socket->tcp), COPY_BUFFER_LEN - 1u));
    if (len == 0 || tcp_sndqueuelen(socket->tcp) >= TCP_SND_QUEUELEN)
        return -ANOLE_EAGAIN;
    error = kcall_copy(message->endpoint, message->word[1], message->word[2], copy_buffer, len,
                       COPY_FROM_GRANT);
    if (error)
        return error;
    err_t written = tcp_write(socket->tcp, copy_buffer, (uint16_t)len, TCP_WRITE_FLAG_COPY);
    if (written == ERR_MEM)
        return -ANOLE_EAGAIN;
    if (written != ERR_OK)
        return error_of(written);
    (void)tcp_output(socket->tcp); /* what can't go now goes by a timer */
    message->word[0] = len;
    return 0;
}

/* Copies the first bytes of what was received to the client, buffer by buffer. */
static int copy_out(const struct socket *socket, const struct message *message, uint64_t len)
{
    struct copy_op ops[16];
    const struct pbuf *data = socket->received;
    uint64_t done = 0;

    while (done < len) {
        unsigned count = 0, moved;
        for (; count < 16 && done < len; count++, data = data->next) {
            uint64_t part = LWIP_MIN(data->len, len - done);
            ops[count] = (struct copy_op){
                .maker = message->endpoint,
                .direction = COPY_TO_GRANT,
                .grant = message->word[1],
                .offset = message->word[2] + done,
                .local_address = (uintptr_t)data->payload,
                .len_bytes = part,
            };
            done += part;
        }
        int error = kcall_copy_vector(ops, count, &moved);
        if (error)
            return error;
    }
    return 0;
}

int stream_receive(struct socket *socket, struct message *message)
{
    uint64_t len = LWIP_MIN(message->word[3], socket->received_bytes);
    bool peek = (SOCK_FLAGS_OF(message->word[0]) & SOCK_PEEK) != 0;

    if (message->word[2] > UINT64_MAX - len)
        return -ANOLE_EINVAL;
    if (len == 0) {
        int error = message->word[3] == 0 ? -ANOLE_EINVAL : unusable(socket);
        message->word[0] = 0;
        return error                                    ? error
               : socket->peer_done || socket->read_shut ? 0
               : !socket->tcp                           ? -ANOLE_ENOTCONN
                                                        : -ANOLE_EAGAIN;
    }
    int error = copy_out(socket, message, len);
    if (error)
        return error;
    message->word[0] = len;
    if (peek)
        return 0;
    socket->received_bytes -= (uint32_t)len;
    for (uint64_t left = len; left > 0;) {
        uint16_t part = (uint16_t)LWIP_MIN(left, 0x8000u);
        socket->received = pbuf_free_header(socket->received, part);
        if (socket->tcp)
            tcp_recved(socket->tcp, part);
        left -= part;
    }
    return 0;
}

static void serve_receivers(struct socket *socket)
{
    struct waiter *waiter;

    while ((waiter = waiter_first(socket, WAITS_RECEIVE)) != NULL) {
        int status = stream_receive(socket, &waiter->request.message);
        if (status == -ANOLE_EAGAIN)
            return;
        waiter_answer(waiter, status);
    }
}

static void serve_senders(struct socket *socket)
{
    struct waiter *waiter;

    while ((waiter = waiter_first(socket, WAITS_SEND)) != NULL) {
        int status = stream_send(socket, &waiter->request.message);
        if (status == -ANOLE_EAGAIN)
            return;
        waiter_answer(waiter, status);
    }
}

static void serve_acceptors(struct socket *socket)
{
    struct waiter *waiter;

    while ((waiter = waiter_first(socket, WAITS_ACCEPT)) != NULL) {
        int status = stream_accept(socket, waiter->process, &waiter->request.message);
        if (status == -ANOLE_EAGAIN)
            return;
        waiter_answer(waiter, status);
    }
}

void stream_serve(struct socket *socket)
{
    if (!socket->connecting && waiter_first(socket, WAITS_CONNECT))
        waiters_end(socket, WAITS_CONNECT, socket_error_take(socket));
    if (socket->listening) {
        serve_acceptors(socket);
    } else {
        serve_receivers(socket);
        serve_senders(socket);
    }
    socket_changed(socket);
}

/* ---- the end ---- */

int stream_shutdown(struct socket *socket, uint64_t how)
{
    int error = unusable(socket);

    if (error)
        return error == -ANOLE_EAGAIN ? -ANOLE_ENOTCONN : error;
    if (how & SOCK_SHUT_READ)
        socket->read_shut = true;
    if ((how & SOCK_SHUT_WRITE) && !socket->write_shut) {
        socket->write_shut = true;
        if (socket->tcp)
            error = error_of(tcp_shutdown(socket->tcp, 0, 1));
    }
    stream_serve(socket);
    return error;
}

static void let_go(struct socket *socket)
{
    struct tcp_pcb *tcp = socket->tcp;

    if (!tcp)
        return;
    socket->tcp = NULL;
    tcp_arg(tcp, NULL);
    if (socket->listening) {
        tcp_accept(tcp, NULL);
    } else {
        tcp_err(tcp, NULL);
        tcp_recv(tcp, NULL);
        tcp_sent(tcp, NULL);
    }
    /* Without memory for the last segment there is nothing but a reset. */
    if (tcp_close(tcp) != ERR_OK)
        tcp_abort(tcp);
}

void stream_close(struct socket *socket)
{
    while (socket->backlog) {
        struct socket *unaccepted = socket->backlog;
        socket->backlog = unaccepted->next;
        unaccepted->listener = NULL;
        if (unaccepted->tcp)
            tcp_backlog_accepted(unaccepted->tcp);
        socket_close(unaccepted);
    }
    if (socket->received) {
        pbuf_free(socket->received);
        socket->received = NULL;
    }
    let_go(socket);
}
