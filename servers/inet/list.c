/*
 * What netstat shows.
 */
#include "inet.h"

#include <lwip/priv/tcp_priv.h>
#include <string.h>

static uint16_t state_of(const struct socket *socket)
{
    static const uint16_t states[] = {
        [CLOSED] = SOCK_STATE_CLOSED,           [LISTEN] = SOCK_STATE_LISTEN,
        [SYN_SENT] = SOCK_STATE_SYN_SENT,       [SYN_RCVD] = SOCK_STATE_SYN_RECEIVED,
        [ESTABLISHED] = SOCK_STATE_ESTABLISHED, [FIN_WAIT_1] = SOCK_STATE_FIN_WAIT_1,
        [FIN_WAIT_2] = SOCK_STATE_FIN_WAIT_2,   [CLOSE_WAIT] = SOCK_STATE_CLOSE_WAIT,
        [CLOSING] = SOCK_STATE_CLOSING,         [LAST_ACK] = SOCK_STATE_LAST_ACK,
        [TIME_WAIT] = SOCK_STATE_TIME_WAIT,
    };
    if (socket->type != SOCK_TYPE_STREAM)
        return 0;
    return socket->tcp ? states[socket->tcp->state] : SOCK_STATE_CLOSED;
}

static void describe(const struct socket *socket, struct sock_info *info)
{
    *info = (struct sock_info){
        .socket = socket->number,
        .type = socket->type,
        .state = state_of(socket),
        .owner = socket->owner,
        .received = socket->received.bytes + socket->datagrams_bytes,
    };
    uint64_t words[3];
    struct ip_pcb *block = (struct ip_pcb *)(void *)socket->tcp;
    if (!block)
        return;
    bool echo = socket->type == SOCK_TYPE_ECHO, stream = socket->type == SOCK_TYPE_STREAM;
    bool listening = socket->listening;
    uint16_t local = echo ? 0 : stream ? socket->tcp->local_port : socket->udp->local_port;
    uint16_t peer = echo || listening ? 0
                    : stream          ? socket->tcp->remote_port
                                      : socket->udp->remote_port;
    address_write(words, &block->local_ip, local);
    memcpy(&info->local, words, sizeof(info->local));
    address_write(words, &block->remote_ip, peer);
    memcpy(&info->peer, words, sizeof(info->peer));
    if (stream && !listening) {
        info->unsent = stream_unsent(socket->tcp);
        info->retransmissions = socket->tcp->nrtx;
        info->retransmission_ms = (uint32_t)socket->tcp->rto * TCP_SLOW_INTERVAL;
        info->congestion_bytes = socket->tcp->cwnd;
    }
}

int request_list(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    uint64_t room = message->word[1] / sizeof(struct sock_info), count = 0, copied = 0;

    for (struct socket *socket = socket_next(NULL); socket; socket = socket_next(socket)) {
        struct sock_info info;
        if (count++ >= room)
            continue;
        describe(socket, &info);
        int error = kcall_copy(message->endpoint, message->word[0], copied * sizeof(info), &info,
                               sizeof(info), COPY_TO_GRANT);
        if (error)
            return error;
        copied++;
    }
    message->word[0] = count;
    message->word[1] = copied;
    return 0;
}
