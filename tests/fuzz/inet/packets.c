#include "fuzz_inet.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 3u

static uint8_t frame[WIRE_FRAME_MAX], payload[WIRE_FRAME_MAX];
static struct peer connections[CONNECTIONS];

/* Of the last questions that inet asked. */
static uint16_t dns_port, dns_id;
static uint32_t dhcp_id;

static void put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void fill(uint8_t *to, size_t len)
{
    /* Long ones cost no more input than short ones. */
    for (size_t i = 0; i < len; i++)
        to[i] = i < 64 ? input_byte(&input) : (uint8_t)i;
}

/* Bytes that are other than they should be, and lengths. */
static size_t spoil(size_t len)
{
    for (unsigned i = input_byte(&input) % 4; i > 0 && len > ETHER_BYTES; i--)
        frame[ETHER_BYTES + input_below(&input, 60) % (len - ETHER_BYTES)] = input_byte(&input);
    if (input_byte(&input) % 8 == 0)
        len = input_below(&input, (uint32_t)len + 1);
    else if (input_byte(&input) % 16 == 0)
        len += input_below(&input, 64);
    return len;
}

static void deliver(unsigned wire, size_t len)
{
    static const uint32_t flags[] = {0, 0, 0, NET_RX_CSUM_GOOD, NET_RX_CSUM_PARTIAL};

    if (len > 0)
        (void)wire_deliver(wire, frame, len, flags[input_below(&input, 5)]);
}

void packet_raw(void)
{
    static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100, 0x88cc};
    size_t len = input_below(&input, 120);

    fill(frame, len);
    if (len >= ETHER_BYTES) {
        memset(frame, 0xff, 6);
        put_16(frame + 12, types[input_below(&input, 5)]);
    }
    deliver(input_byte(&input) % 2, len);
}

/* With options, if the input says so. */
void packet_ip(void)
{
    static const uint8_t protocols[] = {1, 2, 6, 17, 17, 255};
    uint8_t protocol = protocols[input_below(&input, 6)];
    size_t options = input_byte(&input) % 4 == 0 ? (input_byte(&input) % 11u) * 4u : 0;
    size_t len = input_below(&input, 200) + options;

    fill(payload, len);
    if (protocol == 17 && len >= 8) {
        put_16(payload + 2, input_byte(&input) % 2 ? 53 : 68);
        put_16(payload + 4, (uint32_t)(len - options));
    }
    len = peer_frame(frame, protocol, payload, len);
    frame[ETHER_BYTES] = (uint8_t)(0x45 + options / 4);
    if (input_byte(&input) % 4 == 0)
        memset(frame + 30, 0xff, 4); /* broadcast */
    bool late = input_byte(&input) % 2 != 0;
    size_t whole = late ? len : spoil(len);
    if (whole >= ETHER_BYTES + 60)
        peer_sums(frame, whole);
    deliver(0, late ? spoil(whole) : whole);
}

/* ICMPv6's checksum, which all of these need (RFC 4443, 2.3). */
static void sum_6(size_t len)
{
    uint8_t *ip = frame + ETHER_BYTES, *icmp = ip + 40;

    if (len < ETHER_BYTES + 44 || ip[6] != 58)
        return;
    put_16(icmp + 2, 0);
    put_16(icmp + 2, (uint16_t)~naive_sum(icmp, len - ETHER_BYTES - 40,
                                          naive_sum(ip + 8, 32, 58 + (uint32_t)len - 54)));
}

static size_t frame_6(uint8_t next_header, size_t len)
{
    static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1}, router[16] = {0xfe, 0x80, [15] = 2};
    uint8_t *ip = frame + ETHER_BYTES;

    memset(frame, 0x33, 6);
    memset(frame + 6, 0x52, 6);
    put_16(frame + 12, 0x86dd);
    memset(ip, 0, 40);
    ip[0] = 0x60;
    put_16(ip + 4, (uint32_t)len);
    ip[6] = next_header;
    ip[7] = 255;
    memcpy(ip + 8, router, 16);
    memcpy(ip + 24, all_nodes, 16);
    if (input_byte(&input) % 2)
        memcpy(ip + 24, netif_ip6_addr(&interface_find("eth0")->netif, 0)->addr, 16);
    memcpy(ip + 40, payload, len);
    sum_6(ETHER_BYTES + 40 + len);
    return ETHER_BYTES + 40 + len;
}

void packet_ip6(void)
{
    static const uint8_t kinds[] = {128, 129, 130, 131, 133, 134, 135, 136, 137, 2, 1, 143};
    static const uint8_t headers[] = {58, 58, 58, 58, 0, 43, 60, 17, 6};
    size_t len = input_below(&input, 160);

    fill(payload, len);
    if (len > 0)
        payload[0] = kinds[input_below(&input, 12)];
    if (len > 1 && input_byte(&input) % 4)
        payload[1] = 0;
    len = frame_6(headers[input_below(&input, 9)], len);
    len = spoil(len);
    if (input_byte(&input) % 4)
        sum_6(len);
    deliver(0, len);
}

void packet_arp(void)
{
    static const uint8_t ips[][4] = {{10, 0, 2, 15}, {10, 0, 2, 2}, {10, 0, 2, 3}, {0, 0, 0, 0}};

    memset(frame, 0, 42);
    memset(frame, 0xff, 6);
    memset(frame + 6, 0x52, 6);
    memcpy(frame + 12, (const uint8_t[]){8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, 10);
    frame[21] = (uint8_t)(1 + input_byte(&input) % 2);
    frame[27] = input_byte(&input);
    memcpy(frame + 28, ips[input_below(&input, 4)], 4);
    memcpy(frame + 38, ips[input_below(&input, 4)], 4);
    deliver(0, spoil(42));
}

/* Of few packets, at any place, over each other. */
void packet_fragment(void)
{
    size_t len = input_below(&input, 40) * 8;

    fill(payload, len);
    len = peer_frame(frame, input_byte(&input) % 2 ? 17 : 1, payload, len);
    put_16(frame + 18, input_byte(&input) % 3u);
    put_16(frame + 20, (uint32_t)(input_byte(&input) % 2u) << 13 | input_below(&input, 100));
    if (input_byte(&input) % 16 == 0)
        put_16(frame + 20, 0x1fff);
    peer_sums(frame, len);
    deliver(0, spoil(len));
}

void packet_fragment6(void)
{
    size_t len = 8 + input_below(&input, 40) * 8;

    fill(payload, len);
    payload[0] = 58;
    put_16(payload + 2, input_below(&input, 100) << 3 | input_byte(&input) % 2u);
    memset(payload + 4, 0, 3);
    payload[7] = input_byte(&input) % 3;
    deliver(0, spoil(frame_6(44, len)));
}

/* ---- connections ---- */

void packet_connect(void)
{
    unsigned number = input_below(&input, CONNECTIONS);

    (void)peer_connect(&connections[number],
                       (uint16_t)(2000 + 10 * number + input_byte(&input) % 2), 80);
}

/* Options of a segment, right or not, between the header and the data. */
static size_t add_options(size_t len)
{
    uint8_t *tcp = frame + ETHER_BYTES + IP_BYTES;
    size_t options = (input_byte(&input) % 11u) * 4u;

    memmove(tcp + TCP_BYTES + options, tcp + TCP_BYTES, len - ETHER_BYTES - IP_BYTES - TCP_BYTES);
    fill(tcp + TCP_BYTES, options);
    tcp[12] = (uint8_t)((TCP_BYTES + options) / 4 << 4);
    len += options;
    put_16(frame + ETHER_BYTES + 2, (uint32_t)(len - ETHER_BYTES));
    return len;
}

void packet_segment(void)
{
    static const uint8_t flags[] = {PEER_ACK, PEER_ACK, PEER_ACK | PEER_PSH, PEER_ACK | PEER_FIN,
                                    PEER_SYN, PEER_RST, PEER_SYN | PEER_ACK, 0};
    struct peer *peer = &connections[input_below(&input, CONNECTIONS)], sent = *peer;
    size_t data_len = input_byte(&input) % 2 ? input_below(&input, 1460) : 0, len;
    uint8_t flag = flags[input_below(&input, 8)];

    if (input_byte(&input) % 2) { /* out of order, or twice */
        sent.sequence += input_below(&input, 4000) - 2000;
        sent.acknowledged += input_below(&input, 4000) - 2000;
    }
    if (input_byte(&input) % 4 == 0)
        sent.window = (uint16_t)input_below(&input, 65536);
    fill(payload, data_len);
    len = peer_segment(frame, &sent, flag, payload, data_len);
    if (input_byte(&input) % 4 == 0)
        len = add_options(len);
    if (input_byte(&input) % 4 == 0)
        len = spoil(len);
    if (len >= ETHER_BYTES + 60 || input_byte(&input) % 8)
        peer_sums(frame, len < 74 ? 74 : len);
    deliver(0, len);
    if (sent.sequence == peer->sequence && input_byte(&input) % 4)
        peer->sequence += (uint32_t)data_len + ((flag & (PEER_FIN | PEER_SYN)) != 0);
}

/* ---- answers ---- */

static size_t dns_answer(void)
{
    size_t len = 12 + input_below(&input, 80);

    fill(payload, len);
    put_16(payload, dns_id);
    payload[2] = 0x81;
    payload[3] = input_byte(&input) % 4 ? 0x80 : 0x83;
    payload[4] = payload[6] = payload[8] = 0;
    payload[5] = 1;
    payload[7] = input_byte(&input) % 4;
    if (len >= 22)
        memcpy(payload + 13,
               "\x01"
               "a"
               "\x02"
               "bc",
               5);
    len = peer_datagram(frame, 53, dns_port, payload, len);
    frame[ETHER_BYTES + 15] = 3; /* from 10.0.2.3 */
    return len;
}

/* To a client that has no address yet (RFC 2131, 4.1). */
static size_t dhcp_answer(void)
{
    size_t options = 4 + input_below(&input, 60), len = 236 + options;

    memset(payload, 0, len);
    payload[0] = 2;
    payload[1] = 1;
    payload[2] = 6;
    memcpy(payload + 4, &dhcp_id, sizeof(dhcp_id));
    memcpy(payload + 16, (const uint8_t[]){10, 0, 3, 15}, 4);
    memcpy(payload + 28, net_client_info(interface_find("eth1")->client)->address, 6);
    fill(payload + 236, options);
    memcpy(payload + 236, (const uint8_t[]){99, 130, 83, 99}, 4);
    if (options >= 8)
        memcpy(payload + 240, (const uint8_t[]){53, 1, input_byte(&input) % 2 ? 2 : 5}, 3);
    len = peer_datagram(frame, 67, 68, payload, len);
    memset(frame, 0xff, 6);
    memset(frame + 30, 0xff, 4);
    return len;
}

void packet_answer(void)
{
    bool dns = input_byte(&input) % 2 != 0;
    size_t len = dns ? dns_answer() : dhcp_answer();

    if (input_byte(&input) % 4 == 0)
        len = spoil(len);
    if (len >= 80)
        peer_sums(frame, len);
    deliver(dns ? 0 : 1, len);
}

static void look_at(unsigned wire, const struct wire_frame *sent)
{
    const uint8_t *udp = sent->data + ETHER_BYTES + IP_BYTES;
    struct peer_seen seen;

    peer_look(sent, &seen);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (seen.protocol == 6 && seen.own_port == connections[i].own_port && seen.data_len > 0)
            connections[i].acknowledged = seen.sequence + (uint32_t)seen.data_len;
    if (seen.protocol == 17 && seen.own_port == 53) {
        dns_port = seen.port;
        dns_id = (uint16_t)(udp[8] << 8 | udp[9]);
    }
    if (wire == 1 && seen.protocol == 17 && seen.own_port == 67)
        memcpy(&dhcp_id, udp + 8 + 4, sizeof(dhcp_id));
}

void packets_look(void)
{
    struct wire_frame sent;

    for (unsigned wire = 0; wire < 2; wire++)
        while (wire_take(wire, &sent)) {
            look_at(wire, &sent);
            free(sent.data);
        }
}
