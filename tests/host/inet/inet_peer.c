#include "inet_peer.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t own_address[6] = {0x52, 0x55, 10, 0, 2, 2};
static const uint8_t own_ip[4] = {10, 0, 2, 2}, inet_ip[4] = {10, 0, 2, 15};

static void put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_32(uint8_t *at, uint32_t value)
{
    put_16(at, value >> 16);
    put_16(at + 2, value);
}

static uint32_t get_16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get_32(const uint8_t *at)
{
    return get_16(at) << 16 | get_16(at + 2);
}

uint16_t naive_sum(const uint8_t *data, size_t len, uint32_t start)
{
    uint32_t sum = start;

    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static size_t header_bytes(const uint8_t *ip)
{
    return (ip[0] & 15u) * 4u;
}

/* Of the pseudo header (RFC 9293, 3.1). */
static uint32_t pseudo_sum(const uint8_t *ip, size_t len)
{
    return naive_sum(ip + 12, 8, ip[9] + (uint32_t)len);
}

void peer_sums(uint8_t *frame, size_t len)
{
    uint8_t *ip = frame + ETHER_BYTES, *payload = ip + header_bytes(ip);
    size_t payload_len = len - ETHER_BYTES - header_bytes(ip);
    size_t at = ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : 2;

    put_16(ip + 10, 0);
    put_16(ip + 10, (uint16_t)~naive_sum(ip, header_bytes(ip), 0));
    if (payload_len < at + 2)
        return;
    put_16(payload + at, 0);
    put_16(payload + at, (uint16_t)~naive_sum(payload, payload_len,
                                              ip[9] == 1 ? 0 : pseudo_sum(ip, payload_len)));
}

size_t peer_frame(uint8_t *frame, uint8_t protocol, const void *payload, size_t len)
{
    uint8_t *ip = frame + ETHER_BYTES;

    memcpy(frame, net_client_info(interface_find("eth0")->client)->address, 6);
    memcpy(frame + 6, own_address, 6);
    put_16(frame + 12, 0x0800);
    memset(ip, 0, IP_BYTES);
    ip[0] = 0x45;
    put_16(ip + 2, (uint32_t)(IP_BYTES + len));
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, own_ip, 4);
    memcpy(ip + 16, inet_ip, 4);
    memmove(ip + IP_BYTES, payload, len);
    peer_sums(frame, ETHER_BYTES + IP_BYTES + len);
    return ETHER_BYTES + IP_BYTES + len;
}

size_t peer_segment(uint8_t *frame, const struct peer *peer, uint8_t flags, const void *data,
                    size_t len)
{
    uint8_t *tcp = frame + ETHER_BYTES + IP_BYTES;

    if (len > 0)
        memmove(tcp + TCP_BYTES, data, len);
    memset(tcp, 0, TCP_BYTES);
    put_16(tcp, peer->own_port);
    put_16(tcp + 2, peer->port);
    put_32(tcp + 4, peer->sequence);
    put_32(tcp + 8, flags & PEER_ACK ? peer->acknowledged : 0);
    tcp[12] = TCP_BYTES / 4 << 4;
    tcp[13] = flags;
    put_16(tcp + 14, peer->window);
    return peer_frame(frame, 6, tcp, TCP_BYTES + len);
}

void peer_send(struct peer *peer, uint8_t flags, const void *data, size_t len)
{
    static uint8_t frame[WIRE_FRAME_MAX];

    (void)wire_deliver(0, frame, peer_segment(frame, peer, flags, data, len), 0);
    peer->sequence += (uint32_t)len + ((flags & (PEER_SYN | PEER_FIN)) != 0);
}

size_t peer_datagram(uint8_t *frame, uint16_t from, uint16_t to, const void *data, size_t len)
{
    uint8_t *udp = frame + ETHER_BYTES + IP_BYTES;

    if (len > 0)
        memmove(udp + UDP_BYTES, data, len);
    memset(udp, 0, UDP_BYTES);
    put_16(udp, from);
    put_16(udp + 2, to);
    put_16(udp + 4, (uint32_t)(UDP_BYTES + len));
    return peer_frame(frame, 17, udp, UDP_BYTES + len);
}

void peer_introduce(void)
{
    uint8_t frame[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    const uint8_t *address = net_client_info(interface_find("eth0")->client)->address;

    memcpy(frame, address, 6);
    memcpy(frame + 6, own_address, 6);
    memcpy(frame + 22, own_address, 6);
    memcpy(frame + 28, own_ip, 4);
    memcpy(frame + 32, address, 6);
    memcpy(frame + 38, inet_ip, 4);
    (void)wire_deliver(0, frame, sizeof(frame), 0);
}

static void look_at_tcp(const uint8_t *tcp, size_t len, struct peer_seen *seen)
{
    size_t header = (size_t)(tcp[12] >> 4) * 4;

    seen->sequence = get_32(tcp + 4);
    seen->acknowledgement = get_32(tcp + 8);
    seen->flags = tcp[13];
    seen->window = (uint16_t)get_16(tcp + 14);
    seen->data = tcp + header;
    seen->data_len = len - header;
}

void peer_look(const struct wire_frame *frame, struct peer_seen *seen)
{
    const uint8_t *ip = frame->data + ETHER_BYTES;

    *seen = (struct peer_seen){0};
    if (frame->len_bytes < ETHER_BYTES + IP_BYTES || get_16(frame->data + 12) != 0x0800)
        return;
    const uint8_t *payload = ip + header_bytes(ip);
    size_t len = get_16(ip + 2) - header_bytes(ip);
    seen->protocol = ip[9];
    seen->sums_right = naive_sum(ip, header_bytes(ip), 0) == 0xffff;
    if (ip[9] == 6 || ip[9] == 17) {
        seen->port = (uint16_t)get_16(payload);
        seen->own_port = (uint16_t)get_16(payload + 2);
        uint32_t sum = naive_sum(payload, len, pseudo_sum(ip, len));
        if (frame->flags & NET_TX_CSUM) /* the field has the pseudo header's sum so far */
            sum = get_16(payload + 16) == pseudo_sum(ip, len) ? 0xffff : 0;
        seen->sums_right &= sum == 0xffff;
    }
    if (ip[9] == 6)
        look_at_tcp(payload, len, seen);
}

bool peer_take(struct peer *peer, struct peer_seen *seen, struct wire_frame *frame)
{
    while (wire_take(0, frame)) {
        peer_look(frame, seen);
        if (seen->protocol == 6 && seen->port == peer->port && seen->own_port == peer->own_port) {
            if (seen->flags & PEER_SYN)
                peer->acknowledged = seen->sequence + 1;
            else if (seen->sequence == peer->acknowledged)
                peer->acknowledged += (uint32_t)seen->data_len + (seen->flags & PEER_FIN);
            return true;
        }
        free(frame->data);
    }
    return false;
}

bool peer_connect(struct peer *peer, uint16_t own_port, uint16_t port)
{
    struct wire_frame frame;
    struct peer_seen seen;

    *peer = (struct peer){.own_port = own_port, .port = port, .sequence = 1000, .window = 60000};
    peer_send(peer, PEER_SYN, NULL, 0);
    if (!peer_take(peer, &seen, &frame))
        return false;
    free(frame.data);
    if (seen.flags != (PEER_SYN | PEER_ACK))
        return false;
    peer_send(peer, PEER_ACK, NULL, 0);
    return true;
}
