/*
 * Frames of tests: EtherType 0x88b5, the peer's language behind it (tests/wire/wire.py), a pattern.
 */
#include "nettest.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_OFFSET 12u
#define PAYLOAD_OFFSET 14u
#define WISH_LEN 14u
#define PROBES 5u
#define PROBE_US 300000u

const uint8_t broadcast_address[NET_ADDRESS_BYTES] = {255, 255, 255, 255, 255, 255};
static const uint8_t peer_address[NET_ADDRESS_BYTES] = {2, 0, 0, 0, 0xaa, 1};

void frame_make(uint8_t *frame, size_t len, const struct wish *wish, uint8_t seed)
{
    uint8_t head[PAYLOAD_OFFSET + WISH_LEN] = {0};
    const uint8_t *address = wish->address != NULL ? wish->address : net.address;
    memcpy(head, peer_address, NET_ADDRESS_BYTES);
    memcpy(head + NET_ADDRESS_BYTES, net.address, NET_ADDRESS_BYTES);
    head[TYPE_OFFSET] = FRAME_TYPE >> 8;
    head[TYPE_OFFSET + 1] = FRAME_TYPE & 0xff;
    head[PAYLOAD_OFFSET] = (uint8_t)wish->kind;
    head[PAYLOAD_OFFSET + 1] = wish->count;
    head[PAYLOAD_OFFSET + 2] = (uint8_t)(wish->length >> 8);
    head[PAYLOAD_OFFSET + 3] = (uint8_t)wish->length;
    memcpy(head + PAYLOAD_OFFSET + 4, address, NET_ADDRESS_BYTES);
    head[PAYLOAD_OFFSET + 10] = (uint8_t)(wish->vlan >> 8);
    head[PAYLOAD_OFFSET + 11] = (uint8_t)wish->vlan;
    for (size_t i = 0; i < len; i++)
        frame[i] = i < sizeof head ? head[i] : (uint8_t)(seed + i * 7);
}

bool frame_is(const uint8_t *frame, size_t len, const uint8_t *made)
{
    return memcmp(frame, net.address, NET_ADDRESS_BYTES) == 0 &&
           memcmp(frame + TYPE_OFFSET, made + TYPE_OFFSET, len - TYPE_OFFSET) == 0;
}

int frame_number(const uint8_t *frame, size_t len)
{
    size_t tag = len > TYPE_OFFSET && frame[TYPE_OFFSET] == 0x81 ? NET_TAG_BYTES : 0;
    const uint8_t *payload = frame + PAYLOAD_OFFSET + tag;
    if (len < PAYLOAD_OFFSET + tag + 4 || payload[0] != 'N' || payload[-2] != FRAME_TYPE >> 8)
        return -1;
    return payload[2] << 8 | payload[3];
}

int send_frame(const struct port *port, const void *frame, size_t len)
{
    handle_t handle = grant((void *)(uintptr_t)frame, len != 0 ? len : 1, GRANT_READ);
    struct message message = {.word = {9, port->id, 0, handle, 0, len, 0}};
    int status = net_call(NET_SEND, &message);
    if (status == 0)
        CHECK(message.word[0] == 9 && message.word[1] == len);
    CHECK(revoke(handle));
    return status;
}

void listen_start(struct listener *listener, const struct port *port, size_t room,
                  uint64_t patience_us)
{
    listener->grant = grant(listener->frame, sizeof listener->frame, GRANT_WRITE);
    listener->caller = (struct caller){
        .message = {.endpoint = driver,
                    .type = NET_RECEIVE,
                    .word = {11, port->id, 0, listener->grant, 0, room,
                             deadline_in_us(patience_us)}},
        .deadline_ticks = DEADLINE_NEVER,
    };
    caller_start(&listener->caller);
}

int listen_end(struct listener *listener, size_t *len)
{
    CHECK(caller_wait(&listener->caller));
    int status = listener->caller.status;
    if (status == 0)
        status = message_status(&listener->caller.message);
    *len = status == 0 ? listener->caller.message.word[1] : 0;
    CHECK(revoke(listener->grant));
    return status;
}

void need_peer(void)
{
    static struct listener listener;
    static uint8_t frame[64];
    struct port port;
    bool heard = false;
    if (!EXPECT(port_open(&port), 0) || !EXPECT(mode_set(&port, NET_MODE_UNICAST, NULL, 0), 0))
        exit(1);
    for (unsigned i = 0; i < PROBES && !heard; i++) {
        size_t len;
        frame_make(frame, sizeof frame, &(struct wish){.kind = 'E'}, (uint8_t)i);
        listen_start(&listener, &port, FRAME_MOST, PROBE_US);
        EXPECT(send_frame(&port, frame, sizeof frame), 0);
        /* The echo of an earlier one may be late: nothing is to come any more when this ends. */
        while (listen_end(&listener, &len) == 0) {
            heard = len == sizeof frame && frame_is(listener.frame, len, frame);
            if (heard)
                break;
            listen_start(&listener, &port, FRAME_MOST, PROBE_US);
        }
    }
    EXPECT(port_close(&port), 0);
    if (!heard)
        skip("no peer on the wire echoes (tests/wire)");
}
