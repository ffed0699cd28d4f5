/* Frames: see frame.h. Segments are cut as virtio 1.4, 5.1.6.2.1, has it. */
#include "frame.h"

#include <string.h>

#define TYPE_OFFSET 12u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define IPV4_LEAST 20u
#define IPV6_HEADER 40u
#define TCP_LEAST 20u
#define UDP_HEADER 8u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u
#define TCP_SEQUENCE 4u
#define TCP_LENGTH 12u
#define TCP_FLAGS 13u
#define TCP_FIN_PSH 0x09u
#define TCP_CWR 0x80u

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* ---- headers ---- */

/* Where the headers begin behind IP's, and what they are; 0: it isn't IP, or too short. */
static size_t transport_of(const struct frame *frame, uint8_t *protocol)
{
    const uint8_t *ip = frame->bytes + FRAME_MIN;
    if (frame->len >= FRAME_MIN + IPV4_LEAST && get16(frame->bytes + TYPE_OFFSET) == TYPE_IPV4) {
        *protocol = ip[9];
        return FRAME_MIN + (ip[0] & 15u) * 4u;
    }
    if (frame->len >= FRAME_MIN + IPV6_HEADER && get16(frame->bytes + TYPE_OFFSET) == TYPE_IPV6) {
        *protocol = ip[6];
        return FRAME_MIN + IPV6_HEADER;
    }
    return 0;
}

size_t frame_payload(const struct frame *frame)
{
    uint8_t protocol = 0;
    size_t at = transport_of(frame, &protocol);
    if (at == 0)
        return frame->len > FRAME_MIN ? FRAME_MIN : 0;
    if (protocol == PROTOCOL_TCP && at + TCP_LEAST <= frame->len)
        at += (frame->bytes[at + TCP_LENGTH] >> 4) * 4u;
    else if (protocol == PROTOCOL_UDP)
        at += UDP_HEADER;
    else
        return 0;
    return at < frame->len ? at : 0;
}

static const char *cut_wrong(const struct frame *frame, unsigned type)
{
    const struct net_header *header = &frame->header;
    uint16_t wanted = type == HDR_GSO_TCPV4 ? TYPE_IPV4 : TYPE_IPV6;
    uint8_t protocol = 0;
    size_t at = transport_of(frame, &protocol);
    if (type != HDR_GSO_TCPV4 && type != HDR_GSO_TCPV6)
        return "an unknown type of segment";
    if ((header->flags & HDR_NEEDS_CSUM) == 0)
        return "a segment to be cut with a checksum that isn't to be completed";
    if (header->gso_bytes == 0)
        return "segments of no length";
    if (get16(frame->bytes + TYPE_OFFSET) != wanted || protocol != PROTOCOL_TCP ||
        at != header->csum_start || header->csum_offset != 16)
        return "a segment to be cut that isn't TCP of that kind";
    if (header->header_bytes != frame_payload(frame))
        return "a header length that isn't that of the headers";
    return NULL;
}

const char *frame_wrong(const struct frame *frame)
{
    const struct net_header *header = &frame->header;
    if (frame->len < FRAME_MIN)
        return "a frame without a whole Ethernet header";
    if (header->num_buffers != 0)
        return "num_buffers isn't 0";
    if ((header->flags & ~HDR_NEEDS_CSUM) != 0)
        return "a flag that isn't a driver's";
    if ((header->flags & HDR_NEEDS_CSUM) != 0 &&
        (size_t)header->csum_start + header->csum_offset + 2 > frame->len)
        return "a checksum beyond the frame";
    if (header->gso_type == 0)
        return header->gso_bytes != 0 || header->header_bytes != 0 ? "lengths of nothing" : NULL;
    return cut_wrong(frame, header->gso_type & ~HDR_GSO_ECN);
}

/* ---- checksums ---- */

void frame_complete(struct frame *frame)
{
    const struct net_header *header = &frame->header;
    if ((header->flags & HDR_NEEDS_CSUM) != 0) {
        uint8_t *from = frame->bytes + header->csum_start;
        uint16_t sum = (uint16_t)~sum_of(from, frame->len - header->csum_start, 0);
        put16(from + header->csum_offset, sum == 0 ? 0xffff : sum);
    }
    frame->header = (struct net_header){0};
}

/* ---- cutting ---- */

/* IP's length, and of version 4 its number and checksum; the pseudo header's sum of a whole segment is
 * made that of a piece. */
static void fix_headers(struct frame *piece, size_t whole_len, unsigned number)
{
    uint8_t *ip = piece->bytes + FRAME_MIN;
    uint8_t *check = piece->bytes + piece->header.csum_start + piece->header.csum_offset;
    size_t shorter = whole_len - piece->len;
    if (get16(piece->bytes + TYPE_OFFSET) == TYPE_IPV4) {
        size_t header_len = (ip[0] & 15u) * 4u;
        put16(ip + 2, piece->len - FRAME_MIN);
        put16(ip + 4, get16(ip + 4) + number);
        put16(ip + 10, 0);
        put16(ip + 10, (uint16_t)~sum_of(ip, header_len, 0));
    } else {
        put16(ip + 4, piece->len - FRAME_MIN - IPV6_HEADER);
    }
    /* One's complement: to subtract is to add the complement. */
    put16(check, sum_of(check, 2, 0xffffu - (uint32_t)shorter));
}

static void fix_tcp(struct frame *piece, const struct frame *whole, size_t done, bool last)
{
    uint8_t *tcp = piece->bytes + piece->header.csum_start;
    uint32_t sequence = (uint32_t)get16(tcp + TCP_SEQUENCE) << 16 | get16(tcp + TCP_SEQUENCE + 2);
    sequence += (uint32_t)done;
    put16(tcp + TCP_SEQUENCE, sequence >> 16);
    put16(tcp + TCP_SEQUENCE + 2, sequence & 0xffff);
    if (!last)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_FIN_PSH;
    if (done > 0 && (whole->header.gso_type & HDR_GSO_ECN) != 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

void frame_cut(const struct frame *frame, void (*put)(void *context, struct frame *piece),
               void *context)
{
    static struct frame piece;
    size_t headers = frame->header.header_bytes;
    size_t payload = frame->len - headers;
    unsigned number = 0;
    if (frame->header.gso_type == 0) {
        piece = *frame;
        frame_complete(&piece);
        put(context, &piece);
        return;
    }
    for (size_t done = 0; done < payload || done == 0; done += frame->header.gso_bytes) {
        size_t part = payload - done < frame->header.gso_bytes ? payload - done
                                                               : frame->header.gso_bytes;
        piece.header = frame->header;
        piece.len = headers + part;
        memcpy(piece.bytes, frame->bytes, headers);
        memcpy(piece.bytes + headers, frame->bytes + headers + done, part);
        fix_headers(&piece, frame->len, number++);
        fix_tcp(&piece, frame, done, done + part == payload);
        frame_complete(&piece);
        put(context, &piece);
    }
}
