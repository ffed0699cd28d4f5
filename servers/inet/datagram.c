/*
 * UDP sockets, and those for ICMP echo (ping). Datagrams wait in a bounded queue; what doesn't fit is
 * dropped and counted, as on any other way through the network.
 */
#include "inet.h"

#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip.h>
#include <stdlib.h>
#include <string.h>

/* Echo requests carry it as their identifier: that is how the answers find the socket. */
static uint16_t echo_identifier(const struct socket *socket)
{
    return (uint16_t)(socket->number ^ (socket->number >> 16));
}

/* ---- what lwIP tells ---- */

static uint64_t dropped;

uint64_t datagrams_dropped(void)
{
    return dropped;
}

static bool has_room(const struct socket *socket, uint32_t len)
{
    return socket->datagrams_bytes + len <= DATAGRAMS_BYTES_MAX;
}

/* Takes the packet over, or drops it. */
static void enqueue(struct socket *socket, struct pbuf *data, const ip_addr_t *from, uint16_t port)
{
    struct datagram *datagram = NULL;

    if (has_room(socket, data->tot_len))
        datagram = malloc(sizeof(*datagram));
    if (!datagram) {
        dropped++;
        pbuf_free(data);
        return;
    }
    *datagram = (struct datagram){.data = data, .from = *from, .port = port};
    if (socket->datagrams)
        socket->datagrams_last->next = datagram;
    else
        socket->datagrams = datagram;
    socket->datagrams_last = datagram;
    /* An empty one takes room, too. */
    socket->datagrams_bytes += data->tot_len + (uint32_t)sizeof(*datagram);

    waiters_serve(socket, WAITS_RECEIVE, datagram_receive);
    socket_changed(socket);
    if (socket->datagrams_bytes > DATAGRAMS_BEHIND)
        intake_behind(socket);
}

static void on_datagram(void *argument, struct udp_pcb *udp, struct pbuf *data,
                        const ip_addr_t *from, uint16_t port)
{
    (void)udp;
    enqueue(argument, data, from, port);
}

/* All who might get it are such sockets, and none has room. */
bool datagram_is_futile(uint16_t port, uint32_t len)
{
    bool any = false;

    for (const struct udp_pcb *udp = udp_pcbs; udp; udp = udp->next) {
        if (udp->local_port != port)
            continue;
        if (udp->recv != on_datagram || has_room(udp->recv_arg, len))
            return false;
        intake_behind(udp->recv_arg);
        any = true;
    }
    dropped += any;
    return any;
}

/* ICMP and ICMPv6 have the same layout as far as this goes. */
static bool is_answer(const struct socket *socket, struct pbuf *packet, uint16_t header_len)
{
    struct icmp_echo_hdr header;
    uint8_t wanted = socket->family == SOCK_INET6 ? 129 : 0; /* RFC 4443, 4.2; RFC 792 */

    return pbuf_copy_partial(packet, &header, sizeof(header), header_len) == sizeof(header) &&
           header.type == wanted && lwip_ntohs(header.id) == echo_identifier(socket);
}

static uint8_t on_packet(void *argument, struct raw_pcb *raw, struct pbuf *packet,
                         const ip_addr_t *from)
{
    struct socket *socket = argument;
    uint16_t header_len = ip_current_header_tot_len(); /* lwIP hands it over, too */

    (void)raw;
    if (!is_answer(socket, packet, header_len))
        return 0; /* it may be somebody else's */
    (void)pbuf_remove_header(packet, header_len);
    enqueue(socket, packet, from, 0);
    return 1;
}

/* ---- bringing up ---- */

static int udp_init_socket(struct socket *socket)
{
    socket->udp = udp_new_ip_type(socket->family == SOCK_INET6 ? IPADDR_TYPE_ANY : IPADDR_TYPE_V4);
    if (!socket->udp)
        return -ANOLE_ENOMEM;
    udp_recv(socket->udp, on_datagram, socket);
    return 0;
}

static int echo_init(struct socket *socket)
{
    bool v6 = socket->family == SOCK_INET6;

    socket->raw = raw_new_ip_type(v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4,
                                  v6 ? IP6_NEXTH_ICMP6 : IP_PROTO_ICMP);
    if (!socket->raw)
        return -ANOLE_ENOMEM;
    if (v6) {
        socket->raw->chksum_reqd = 1;
        socket->raw->chksum_offset = offsetof(struct icmp_echo_hdr, chksum);
    }
    raw_recv(socket->raw, on_packet, socket);
    return 0;
}

int datagram_init(struct socket *socket)
{
    return socket->type == SOCK_TYPE_ECHO ? echo_init(socket) : udp_init_socket(socket);
}

int datagram_bind(struct socket *socket, const ip_addr_t *ip, uint16_t port)
{
    ip_addr_t any = *ip;

    if (socket->type == SOCK_TYPE_ECHO)
        return error_of(raw_bind(socket->raw, ip));
    if (socket->udp->local_port != 0)
        return -ANOLE_EINVAL;
    if (socket->family == SOCK_INET6 && ip_addr_isany(ip))
        any = *IP_ANY_TYPE;
    return error_of(udp_bind(socket->udp, &any, port));
}

int datagram_connect(struct socket *socket, const ip_addr_t *ip, uint16_t port)
{
    err_t error = socket->type == SOCK_TYPE_ECHO ? raw_connect(socket->raw, ip)
                                                 : udp_connect(socket->udp, ip, port);
    socket->connected = error == ERR_OK;
    return error_of(error);
}

/* ---- moving data ---- */

/* Copies a client's datagram into buffers of ours. */
static int fetch(endpoint_t client, handle_t grant, uint64_t offset, uint64_t len,
                 struct pbuf **data)
{
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, (uint16_t)len, PBUF_RAM);
    int error = 0;

    if (!packet)
        return -ANOLE_ENOMEM;
    if (len > 0)
        error = kcall_copy(client, grant, offset, packet->payload, len, COPY_FROM_GRANT);
    if (error)
        pbuf_free(packet);
    else
        *data = packet;
    return error;
}

/* An echo request, and nothing else, with the identifier that belongs to the socket. */
static int echo_send(struct socket *socket, const ip_addr_t *to, struct pbuf *packet)
{
    struct icmp_echo_hdr *header = packet->payload;

    if (packet->len < sizeof(*header) || header->code != 0 ||
        header->type != (socket->family == SOCK_INET6 ? 128 : ICMP_ECHO))
        return -ANOLE_EINVAL;
    header->id = lwip_htons(echo_identifier(socket));
    header->chksum = 0;
    if (socket->family == SOCK_INET)
        header->chksum = inet_chksum(packet->payload, packet->len);
    return error_of(to ? raw_sendto(socket->raw, packet, to) : raw_send(socket->raw, packet));
}

static int send_to(struct socket *socket, const ip_addr_t *to, uint16_t port, struct pbuf *packet)
{
    if (socket->type == SOCK_TYPE_ECHO)
        return echo_send(socket, to, packet);
    return error_of(to ? udp_sendto(socket->udp, packet, to, port) : udp_send(socket->udp, packet));
}

int datagram_send(struct socket *socket, struct message *message)
{
    bool addressed = message->type == SOCK_SENDTO;
    uint64_t offset = addressed ? message->word[2] & UINT32_MAX : message->word[2];
    uint64_t len = addressed ? message->word[2] >> 32 : message->word[3];
    struct pbuf *packet;
    uint16_t port = 0;
    ip_addr_t to;
    int error = 0;

    if (len > DATAGRAM_LEN_MAX)
        return -ANOLE_EMSGSIZE;
    if (addressed)
        error = address_for(socket, &message->word[3], &to, &port);
    else if (!socket->connected)
        error = -ANOLE_EDESTADDRREQ;
    if (!error && interfaces_full())
        error = -ANOLE_EAGAIN;
    if (!error)
        error = fetch(message->endpoint, message->word[1], offset, len, &packet);
    if (error)
        return error;
    error = send_to(socket, addressed ? &to : NULL, port, packet);
    pbuf_free(packet);
    if (error == -ANOLE_ENOMEM && interfaces_full())
        return -ANOLE_EAGAIN;
    message->word[0] = len;
    return error;
}

void datagram_serve(struct socket *socket)
{
    waiters_serve(socket, WAITS_SEND, datagram_send);
    socket_changed(socket);
}

static void drop_first(struct socket *socket)
{
    struct datagram *datagram = socket->datagrams;

    socket->datagrams = datagram->next;
    socket->datagrams_bytes -= datagram->data->tot_len + (uint32_t)sizeof(*datagram);
    pbuf_free(datagram->data);
    free(datagram);
    socket->reads = true;
    if (socket->datagrams_bytes <= DATAGRAMS_CAUGHT_UP)
        intake_caught_up(socket);
}

int datagram_receive(struct socket *socket, struct message *message)
{
    const struct datagram *datagram = socket->datagrams;
    uint64_t offset = message->word[2] & UINT32_MAX, len = message->word[2] >> 32;

    if (!datagram)
        return socket->error ? socket_error_take(socket) : -ANOLE_EAGAIN;
    len = LWIP_MIN(len, datagram->data->tot_len);
    for (const struct pbuf *part = datagram->data; len > 0; part = part->next) {
        uint64_t now = LWIP_MIN(len, part->len);
        int error = kcall_copy(message->endpoint, message->word[1], offset, part->payload, now,
                               COPY_TO_GRANT);
        if (error)
            return error;
        offset += now;
        len -= now;
    }
    message->word[0] = datagram->data->tot_len;
    address_write(&message->word[1], &datagram->from, datagram->port);
    drop_first(socket);
    return 0;
}

void datagram_close(struct socket *socket)
{
    while (socket->datagrams)
        drop_first(socket);
    if (socket->type == SOCK_TYPE_ECHO && socket->raw)
        raw_remove(socket->raw);
    else if (socket->udp)
        udp_remove(socket->udp);
    socket->udp = NULL;
}
