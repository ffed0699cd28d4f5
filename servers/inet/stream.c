/*
 * TCP sockets. Data that came waits in lwIP's buffers and keeps the window closed by as much, so that
 * a client that doesn't read costs one window at most; data to be sent is copied once from the
 * client's grant and once into segments. What waits both ways is charged to the socket's owner.
 */
#include "inet.h"

#include <lwip/priv/tcp_priv.h>
#include <string.h>

/* lwIP counts half-open connections, too: there is room for so many besides, see halfopen.c. */
#define HALF_OPEN_ROOM 32u
#define POLL_TICKS (500 / TCP_SLOW_INTERVAL)

static uint8_t copy_buffer[COPY_BUFFER_LEN];

/* lwIP's tcp_sndbuf() says at most 64 KiB. */
uint32_t stream_unsent(const struct tcp_pcb *tcp)
{
    return TCP_SND_BUF - tcp->snd_buf;
}

static uint32_t unsent_cost(const struct tcp_pcb *tcp)
{
    return stream_unsent(tcp) + SEGMENT_COST * tcp_sndqueuelen(tcp);
}

static void charge(struct socket *socket)
{
    socket_charge(socket, socket->received.bytes + (socket->tcp ? unsent_cost(socket->tcp) : 0));
}

/* ---- what lwIP tells ---- */

/* A connection ended before anybody accepted it. */
static void backlog_forget(struct socket *socket)
{
    struct socket *listener = socket->listener, *before = NULL;

    for (struct socket *at = listener->backlog; at != socket; at = at->next)
        before = at;
    if (before)
        before->next = socket->next;
    else
        listener->backlog = socket->next;
    if (listener->backlog_last == socket)
        listener->backlog_last = before;
    socket_close(socket);
}

/* lwIP goes on with it alone: it has what is still to be sent, and nobody hears of it any more. */
static void detach(struct tcp_pcb *tcp)
{
    tcp_arg(tcp, NULL);
    tcp_err(tcp, NULL);
    tcp_recv(tcp, NULL);
    tcp_sent(tcp, NULL);
    /* Whoever has a socket comes first, should there be too many connections. */
    tcp_setprio(tcp, TCP_PRIO_MIN);
}

/* Both sides have said their last word. What lwIP does with the control block from here on, it does
 * without telling. */
static void finish(struct socket *socket)
{
    if (!socket->tcp || !socket->peer_done || !socket->write_shut)
        return;
    detach(socket->tcp);
    socket->tcp = NULL;
    charge(socket);
}

/* The control block is gone already. */
static void on_error(void *argument, err_t error)
{
    struct socket *socket = argument;

    socket->tcp = NULL;
    socket->error = socket->connecting && error == ERR_RST ? -ANOLE_ECONNREFUSED
                    : error == ERR_ABRT                    ? -ANOLE_ETIMEDOUT
                                                           : error_of(error);
    socket->connecting = false;
    charge(socket);
    if (socket->listener)
        backlog_forget(socket);
    else
        stream_serve(socket);
}

/* Data that is refused stays with lwIP, which takes no more for this connection, and offers it again. */
static err_t on_received(void *argument, struct tcp_pcb *tcp, struct pbuf *data, err_t error)
{
    struct socket *socket = argument;

    (void)error; /* always ERR_OK */
    if (data && socket->read_shut) {
        tcp_recved(tcp, data->tot_len);
        pbuf_free(data);
        return ERR_OK;
    }
    if (!data)
        socket->peer_done = true;
    else if (!socket_may_have(socket, data->tot_len) || !received_add(&socket->received, data))
        return ERR_MEM;
    charge(socket);
    finish(socket);
    stream_serve(socket);
    return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *tcp, uint16_t len)
{
    (void)tcp;
    (void)len;
    charge(argument);
    stream_serve(argument);
    return ERR_OK;
}

/* There may be memory again for what couldn't be sent. */
static err_t on_poll(void *argument, struct tcp_pcb *tcp)
{
    (void)tcp;
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
    tcp_poll(tcp, on_poll, POLL_TICKS);
}

/* A connection is established. Refusing it makes lwIP reset it. */
static err_t on_accept(void *argument, struct tcp_pcb *tcp, err_t error)
{
    struct socket *listener = argument, *socket;

    if (error != ERR_OK || !tcp || !listener ||
        socket_make(listener->owner, listener->family, SOCK_TYPE_STREAM, &socket) != 0)
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
        socket->tcp, (uint8_t)(LWIP_MIN(backlog, UINT8_MAX - HALF_OPEN_ROOM) + HALF_OPEN_ROOM),
        &error);
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

int stream_accept(struct socket *socket, struct message *message)
{
    struct socket *accepted = socket->backlog;

    if (!socket->listening)
        return -ANOLE_EINVAL;
    if (!accepted)
        return -ANOLE_EAGAIN;
    socket->backlog = accepted->next;
    accepted->next = NULL;
    accepted->listener = NULL;
    message->word[0] = accepted->number;
    tcp_backlog_accepted(accepted->tcp);
    address_write(&message->word[1], &accepted->tcp->remote_ip, accepted->tcp->remote_port);
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
    /* Who waits for room gets some that is worth being woken for. */
    if (tcp_sndbuf(socket->tcp) < LWIP_MIN(len, TCP_SNDLOWAT))
        return -ANOLE_EAGAIN;
    len = LWIP_MIN(len, LWIP_MIN(tcp_sndbuf(socket->tcp), COPY_BUFFER_LEN - 1u));
    if (tcp_sndqueuelen(socket->tcp) >= TCP_SND_QUEUELEN || !socket_may_have(socket, ROOM_TO_WRITE))
        return -ANOLE_EAGAIN;
    len = LWIP_MIN(len, socket_room(socket) - SEGMENT_COST);
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
    charge(socket);
    message->word[0] = len;
    return 0;
}

/* Nothing is there: why, or -EAGAIN. */
static int receive_nothing(struct socket *socket, struct message *message)
{
    int error = unusable(socket);

    if (error)
        return error;
    if (!socket->peer_done && !socket->read_shut)
        return socket->tcp ? -ANOLE_EAGAIN : -ANOLE_ENOTCONN;
    message->word[0] = 0;
    return 0;
}

int stream_receive(struct socket *socket, struct message *message)
{
    uint64_t len = LWIP_MIN(message->word[3], socket->received.bytes);
    bool peek = (SOCK_FLAGS_OF(message->word[0]) & SOCK_PEEK) != 0;

    if (message->word[3] == 0 || message->word[2] > UINT64_MAX - len)
        return -ANOLE_EINVAL;
    if (len == 0)
        return receive_nothing(socket, message);
    int error = received_copy(&socket->received, message->endpoint, message->word[1],
                              message->word[2], len);
    if (error)
        return error;
    message->word[0] = len;
    if (peek)
        return 0;
    received_drop(&socket->received, (uint32_t)len);
    charge(socket);
    for (uint64_t left = len; socket->tcp && left > 0;) {
        uint16_t part = (uint16_t)LWIP_MIN(left, 0x8000u);
        tcp_recved(socket->tcp, part);
        left -= part;
    }
    return 0;
}

void stream_serve(struct socket *socket)
{
    if (!socket->connecting && waiter_first(socket, WAITS_CONNECT))
        waiters_end(socket, WAITS_CONNECT, socket_error_take(socket));
    if (socket->listening) {
        waiters_serve(socket, WAITS_ACCEPT, stream_accept);
    } else {
        waiters_serve(socket, WAITS_RECEIVE, stream_receive);
        waiters_serve(socket, WAITS_SEND, stream_send);
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
        finish(socket);
    }
    stream_serve(socket);
    return error;
}

/* Whether there is room for one more connection that goes on sending without a socket. */
static bool may_be_orphan(const struct tcp_pcb *orphan)
{
    uint32_t bytes = unsent_cost(orphan);

    if (tcp_sndqueuelen(orphan) == 0)
        return true;
    for (const struct tcp_pcb *tcp = tcp_active_pcbs; tcp; tcp = tcp->next)
        if (!tcp->callback_arg)
            bytes += unsent_cost(tcp);
    return bytes <= ORPHAN_BYTES_MAX;
}

static void connection_close(struct tcp_pcb *tcp)
{
    bool may = may_be_orphan(tcp);

    detach(tcp);
    /* Without memory for the last segment there is nothing but a reset. */
    if (!may || tcp_close(tcp) != ERR_OK)
        tcp_abort(tcp);
}

void stream_close(struct socket *socket)
{
    struct tcp_pcb *tcp = socket->tcp;

    while (socket->backlog) {
        struct socket *unaccepted = socket->backlog;
        socket->backlog = unaccepted->next;
        unaccepted->listener = NULL;
        tcp_backlog_accepted(unaccepted->tcp);
        socket_close(unaccepted);
    }
    received_drop(&socket->received, socket->received.bytes);
    socket->tcp = NULL;
    if (tcp && socket->listening)
        (void)tcp_close(tcp); /* never fails */
    else if (tcp)
        connection_close(tcp);
}
