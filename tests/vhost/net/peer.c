/* The peer: see peer.h. */
#include "peer.h"

#include <libvirtio/feature_bits.h>
#include <string.h>

#define TYPE_OFFSET 12u
#define TYPE_TAGGED 0x8100u
#define NO_VLAN 0xffffu
#define RAW_SKIP 10u

static const uint8_t own_address[ADDRESS_BYTES] = {2, 0, 0, 0, 0xaa, 1};
static const uint8_t frame_type[] = {0x88, 0xb5};

/* What a frame asks for: the beginning of its payload. */
struct request {
    uint8_t kind, count;
    uint8_t length[2];
    uint8_t address[ADDRESS_BYTES];
    uint8_t vlan[2], number[2];
    struct net_header header; /* H alone */
};
#define SHORT_REQUEST offsetof(struct request, header)

/* Where answers go. */
struct answer {
    struct port *port;
    unsigned pair;
};

static unsigned word(const uint8_t bytes[2])
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* ---- echoes ---- */

static void turn(struct frame *frame)
{
    memcpy(frame->bytes, frame->bytes + ADDRESS_BYTES, ADDRESS_BYTES);
    memcpy(frame->bytes + ADDRESS_BYTES, own_address, ADDRESS_BYTES);
}

/* A complete frame: the device vouches for the checksum of what it knows, if it may. */
static void echo_piece(void *context, struct frame *piece)
{
    const struct answer *answer = context;
    turn(piece);
    if (port_has(answer->port, VIRTIO_NET_F_GUEST_CSUM) && frame_payload(piece) > FRAME_MIN)
        piece->header.flags = HDR_DATA_VALID;
    port_deliver(answer->port, piece, answer->pair);
}

static void echo(struct answer *answer, const struct frame *frame, unsigned count)
{
    for (unsigned i = 0; i < (count > 0 ? count : 1); i++)
        frame_cut(frame, echo_piece, answer);
}

/* ---- frames of our own ---- */

static void begin(struct frame *frame, const struct request *request)
{
    size_t at = 0;
    memset(frame, 0, offsetof(struct frame, bytes));
    memcpy(frame->bytes, request->address, ADDRESS_BYTES);
    memcpy(frame->bytes + ADDRESS_BYTES, own_address, ADDRESS_BYTES);
    at = TYPE_OFFSET;
    if (word(request->vlan) != NO_VLAN) {
        frame->bytes[at++] = TYPE_TAGGED >> 8;
        frame->bytes[at++] = TYPE_TAGGED & 0xff;
        memcpy(frame->bytes + at, request->vlan, sizeof request->vlan);
        at += sizeof request->vlan;
    }
    memcpy(frame->bytes + at, frame_type, sizeof frame_type);
    frame->len = at + sizeof frame_type;
}

/* Frames numbered from 0 on, with a pattern behind the number, as the wire's peer makes them. */
static void numbered(const struct answer *answer, const struct request *request,
                     const struct net_header *header, bool lies)
{
    static struct frame frame;
    for (unsigned number = 0; number < request->count; number++) {
        begin(&frame, request);
        const uint8_t start[] = {'N', 0, (uint8_t)(number >> 8), (uint8_t)number};
        memcpy(frame.bytes + frame.len, start, sizeof start);
        frame.len += sizeof start;
        for (unsigned i = 0; frame.len < word(request->length); i++)
            frame.bytes[frame.len++] = (uint8_t)i;
        frame.len = word(request->length);
        if (header)
            frame.header = *header;
        frame.lies = lies;
        port_deliver(answer->port, &frame, answer->pair);
    }
}

static void raw(const struct answer *answer, const uint8_t *bytes, size_t len)
{
    static struct frame frame;
    memset(&frame, 0, offsetof(struct frame, bytes));
    memcpy(frame.bytes, bytes, len);
    frame.len = len;
    port_deliver(answer->port, &frame, answer->pair);
}

void peer_sent(struct port *port, struct frame *frame, unsigned pair)
{
    struct answer answer = {port, pair};
    struct request request = {0};
    size_t at = frame_payload(frame);
    size_t len = at == 0 ? 0 : frame->len - at;
    bool ours = at > FRAME_MIN ||
                memcmp(frame->bytes + TYPE_OFFSET, frame_type, sizeof frame_type) == 0;
    if (!ours)
        return;
    if (len == 0) { /* too short to say anything: back */
        echo(&answer, frame, 1);
        return;
    }
    memcpy(&request, frame->bytes + at, len < sizeof request ? len : sizeof request);
    if (request.kind == 'E') {
        echo(&answer, frame, request.count);
    } else if (request.kind == 'L') {
        turn(frame);
        port_deliver(port, frame, pair);
    } else if (request.kind == 'S' && len >= SHORT_REQUEST) {
        numbered(&answer, &request, NULL, false);
    } else if (request.kind == 'H' && len >= sizeof request) {
        numbered(&answer, &request, &request.header, word(request.number) != 0);
    } else if (request.kind == 'R' && len > RAW_SKIP) {
        raw(&answer, frame->bytes + at + RAW_SKIP, len - RAW_SKIP);
    } else if (request.kind == 'D') {
        port->backend.dying = true;
    }
}
