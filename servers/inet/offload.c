/*
 * What is left to a device that can do it: TCP's checksums, and the cutting of long segments. lwIP knows
 * of neither; it makes segments that fit. Those of one connection that follow each other without a gap,
 * as they do when a window opens, go as one frame of many pieces, which the device cuts into the
 * same segments again: one request, one descriptor chain, one frame for whoever is behind the device.
 */
#include "checksum.h"
#include "interface.h"

#include <lwip/prot/ethernet.h>
#include <lwip/prot/ieee.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/tcp.h>
#include <string.h>

#define HEADERS_MAX (SIZEOF_ETH_HDR + 60u + 60u)
#define FRAME_MAX 65535u /* no length of IP's says more */

/* Where TCP's header is, and the data. lwIP sends TCP behind no extension header. */
struct place {
    size_t tcp, data;
    bool v6;
};

static bool find_tcp(const uint8_t *frame, size_t len, struct place *place)
{
    uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);
    const uint8_t *ip = frame + SIZEOF_ETH_HDR;

    place->v6 = type == ETHTYPE_IPV6;
    if (type == ETHTYPE_IP && len >= SIZEOF_ETH_HDR + IP_HLEN && ip[9] == IP_PROTO_TCP &&
        (ip[6] & 0x3f) == 0 && ip[7] == 0)
        place->tcp = SIZEOF_ETH_HDR + (ip[0] & 0xfu) * 4u;
    else if (place->v6 && len >= SIZEOF_ETH_HDR + IP6_HLEN && ip[6] == IP6_NEXTH_TCP)
        place->tcp = SIZEOF_ETH_HDR + IP6_HLEN;
    else
        return false;
    if (len < place->tcp + TCP_HLEN)
        return false;
    place->data = place->tcp + (frame[place->tcp + 12] >> 4) * 4u;
    return len >= place->data;
}

static void put_16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The device is told where the checksum belongs, and finds the pseudo header's sum there (virtio 1.4,
 * 5.1.6.2). */
static void leave_checksum(struct net_frame *frame, uint8_t *data, size_t len,
                           const struct place *place)
{
    const uint8_t *ip = data + SIZEOF_ETH_HDR;
    uint32_t sum = place->v6 ? inet_checksum(ip + 8, 32) : inet_checksum(ip + 12, 8);

    sum += lwip_htons(IP_PROTO_TCP);
    sum += lwip_htons((uint16_t)(len - place->tcp));
    uint16_t folded = checksum_fold(sum);
    memcpy(data + place->tcp + offsetof(struct tcp_hdr, chksum), &folded, sizeof(folded));
    frame->flags |= NET_TX_CSUM;
    frame->offload = NET_OFFLOAD(place->tcp, offsetof(struct tcp_hdr, chksum), 0, 0);
}

/* ---- several segments in one frame ---- */

static bool is_cut(const struct interface *interface, const struct place *place)
{
    uint32_t flag = place->v6 ? NET_INFO_TX_TSO6 : NET_INFO_TX_TSO4;

    return (net_client_info(interface->client)->flags & flag) != 0;
}

/* One that others may follow: data, and nothing that only one segment may say. */
static bool may_begin(const uint8_t *frame, size_t len, const struct place *place)
{
    uint8_t flags = frame[place->tcp + 13];

    return len > place->data && (flags & ~TCP_PSH) == TCP_ACK;
}

/* But for what differs from segment to segment anyway. */
static bool same_headers(const uint8_t *first, const uint8_t *next, const struct place *place)
{
    uint8_t headers[HEADERS_MAX];
    uint8_t *ip = headers + SIZEOF_ETH_HDR, *tcp = headers + place->tcp;

    memcpy(headers, next, place->data);
    if (place->v6) {
        memcpy(ip + 4, first + SIZEOF_ETH_HDR + 4, 2); /* length */
    } else {
        memcpy(ip + 2, first + SIZEOF_ETH_HDR + 2, 4);   /* length, identification */
        memcpy(ip + 10, first + SIZEOF_ETH_HDR + 10, 2); /* checksum */
    }
    memcpy(tcp + 4, first + place->tcp + 4, 4);   /* sequence number */
    memcpy(tcp + 16, first + place->tcp + 16, 2); /* checksum */
    tcp[13] = (uint8_t)((tcp[13] & ~TCP_PSH) | (first[place->tcp + 13] & TCP_PSH));
    return memcmp(headers, first, place->data) == 0;
}

static bool may_follow(const struct interface *interface, const uint8_t *frame, size_t len,
                       const struct place *place)
{
    const struct tx_gather *gather = &interface->gather;
    const struct net_info *info = net_client_info(interface->client);
    const uint8_t *first = gather->first;
    struct place own;

    if (gather->frame.piece_count == 0 || !find_tcp(first, gather->frame.piece_bytes[0], &own))
        return false;
    size_t data_len = len - place->data, room = LWIP_MIN(info->tx_segments_max_bytes, FRAME_MAX);
    return own.tcp == place->tcp && own.data == place->data && own.v6 == place->v6 &&
           gather->frame.piece_count < LWIP_MIN(info->tx_pieces_max, NET_PIECES_MAX) &&
           data_len <= gather->segment_bytes && gather->bytes + data_len <= room &&
           get_32(frame + place->tcp + 4) == gather->next_sequence &&
           same_headers(first, frame, place);
}

/* The headers say what the whole frame is. */
static void lengthen(struct tx_gather *gather, uint8_t *first, const struct place *place)
{
    uint8_t *ip = first + SIZEOF_ETH_HDR;
    size_t ip_len = gather->bytes - SIZEOF_ETH_HDR;

    if (place->v6) {
        put_16(ip + 4, ip_len - IP6_HLEN);
    } else {
        put_16(ip + 2, ip_len);
        put_16(ip + 10, 0);
        uint16_t sum = (uint16_t)~inet_checksum(ip, (int)(place->tcp - SIZEOF_ETH_HDR));
        memcpy(ip + 10, &sum, sizeof(sum));
    }
    if (gather->push)
        first[place->tcp + 13] |= TCP_PSH;
}

void offload_flush(struct interface *interface)
{
    struct tx_gather *gather = &interface->gather;
    struct net_frame *frame = &gather->frame;
    struct place place;

    if (frame->piece_count == 0)
        return;
    uint8_t *first = gather->first;
    if (!find_tcp(first, frame->piece_bytes[0], &place))
        panic("%s: no TCP where it was", interface->name);
    if (frame->piece_count > 1)
        lengthen(gather, first, &place);
    leave_checksum(frame, first, gather->bytes, &place);
    if (frame->piece_count > 1) {
        frame->flags |= place.v6 ? NET_TX_TSO6 : NET_TX_TSO4;
        frame->offload = NET_OFFLOAD(place.tcp, offsetof(struct tcp_hdr, chksum),
                                     gather->segment_bytes, place.data);
        interface->traffic.tx_segments += frame->piece_count;
    }
    frames_put(interface, frame);
    frame->piece_count = 0;
}

static void gather_begin(struct interface *interface, uint16_t slot, uint8_t *data, size_t len,
                         const struct place *place)
{
    struct tx_gather *gather = &interface->gather;

    frame_of_slot(&gather->frame, slot, data, len);
    gather->first = data;
    gather->last_slot = slot;
    gather->bytes = len;
    gather->segment_bytes = len - place->data;
    gather->next_sequence = get_32(data + place->tcp + 4) + (uint32_t)(len - place->data);
}

static void gather_add(struct interface *interface, uint16_t slot, const uint8_t *data, size_t len,
                       const struct place *place)
{
    struct tx_gather *gather = &interface->gather;
    uint32_t data_len = (uint32_t)(len - place->data);
    unsigned piece = gather->frame.piece_count++;

    gather->frame.piece[piece] = data + place->data;
    gather->frame.piece_bytes[piece] = data_len;
    gather->bytes += data_len;
    gather->next_sequence += data_len;
    interface->next_slot[gather->last_slot] = slot;
    gather->last_slot = slot;
}

void offload_send(struct interface *interface, uint16_t slot, uint8_t *data, size_t len)
{
    struct net_frame alone;
    struct tx_gather *gather = &interface->gather;
    struct place place;
    bool is_tcp = find_tcp(data, len, &place);

    if (!is_tcp || !is_cut(interface, &place) || !may_begin(data, len, &place)) {
        offload_flush(interface);
        frame_of_slot(&alone, slot, data, len);
        if (is_tcp)
            leave_checksum(&alone, data, len, &place);
        frames_put(interface, &alone);
        return;
    }
    if (may_follow(interface, data, len, &place)) {
        gather_add(interface, slot, data, len, &place);
    } else {
        offload_flush(interface);
        gather_begin(interface, slot, data, len, &place);
    }
    /* Only the last one may be shorter, and what is pushed isn't kept back. */
    gather->push = (data[place.tcp + 13] & TCP_PSH) != 0;
    if (gather->push || len - place.data < gather->segment_bytes)
        offload_flush(interface);
}
