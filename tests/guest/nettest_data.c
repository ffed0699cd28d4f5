/*
 * Groups: frames there and back, by message and through a pool.
 */
#include "nettest.h"

#include <string.h>

static struct listener listener;
static struct port port;
static uint8_t frame[FRAME_MOST];

void group_single(void)
{
    find_driver();
    need_peer();
    EXPECT(port_open(&port), 0);
    EXPECT(mode_set(&port, NET_MODE_UNICAST, NULL, 0), 0);
    static const size_t lengths[] = {60, 14, 15, 61, 512, 1514};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t len;
        frame_make(frame, lengths[i], &(struct wish){.kind = 'E'}, (uint8_t)i);
        listen_start(&listener, &port, FRAME_MOST, PATIENCE_US);
        EXPECT(send_frame(&port, frame, lengths[i]), 0);
        EXPECT(listen_end(&listener, &len), 0);
        check(len == lengths[i], __LINE__, "sent %zu bytes, %zu came back", lengths[i], len);
        if (len == lengths[i])
            CHECK(frame_is(listener.frame, len, frame));
    }
    /* A buffer that is too short loses the frame, and says so. */
    size_t len;
    frame_make(frame, 200, &(struct wish){.kind = 'E'}, 3);
    listen_start(&listener, &port, 199, PATIENCE_US);
    EXPECT(send_frame(&port, frame, 200), 0);
    EXPECT(listen_end(&listener, &len), -ANOLE_ERANGE);
    /* Nobody sends: the deadline ends it. */
    listen_start(&listener, &port, FRAME_MOST, 200000);
    EXPECT(listen_end(&listener, &len), -ANOLE_ETIMEDOUT);
    EXPECT(port_close(&port), 0);
}

void group_lengths(void)
{
    static const size_t lengths[] = {0, 1, 13, 14, 60, 1514, 1515, 9000, 65535};
    find_driver();
    port_start(&port, 0);
    struct port single;
    EXPECT(port_open(&single), 0);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t len = lengths[i];
        int expected = len >= NET_FRAME_MIN && len <= net.tx_frame_max_bytes ? 0 : -ANOLE_EINVAL;
        frame_make(frame, len, &(struct wish){.kind = 'Q'}, 0);
        memcpy(port.pool, frame, len);
        check_status(send_frame(&single, frame, len), expected, __LINE__, "SEND");
        struct message reply;
        uint32_t id = port_put(&port, NET_TX, 0, 0, NET_PIECE(0, len), 0);
        EXPECT(port_kick(&port), 0);
        EXPECT(port_reply(&port, &reply, PATIENCE_US), 0);
        check_status(message_status(&reply), expected, __LINE__, "TX");
        CHECK(NET_ID_OF(reply.word[0]) == id);
        CHECK(reply.word[1] == (expected == 0 ? len : 0));
    }
    /* A tag gives four bytes more. */
    struct message reply;
    (void)port_put(&port, NET_TX, NET_TX_TAGGED, 0, NET_PIECE(0, net.tx_frame_max_bytes + 4), 0);
    (void)port_put(&port, NET_TX, NET_TX_TAGGED, 0, NET_PIECE(0, net.tx_frame_max_bytes + 5), 0);
    EXPECT(port_kick(&port), 0);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT(port_reply(&port, &reply, PATIENCE_US), 0);
        bool first = NET_ID_OF(reply.word[0]) == port.last_request - 1;
        check_status(message_status(&reply), first ? 0 : -ANOLE_EINVAL, __LINE__, "tagged");
    }
    EXPECT(port_close(&single), 0);
    port_end(&port);
}

/* Waits for a sent frame's answer and an echo: true if both came and the echo is the frame. */
static bool echoed(uint32_t sent, uint32_t first_post, unsigned posts, const uint8_t *made,
                   size_t len)
{
    bool answered = false, came = false;
    while (!answered || !came) {
        struct message reply;
        if (!EXPECT(port_reply(&port, &reply, PATIENCE_US), 0) ||
            !EXPECT(message_status(&reply), 0))
            return false;
        uint32_t id = NET_ID_OF(reply.word[0]);
        if (id == sent) {
            answered = true;
            CHECK(reply.word[1] == len);
        } else {
            came = true;
            CHECK(id - first_post < posts);
            CHECK(NET_FLAGS_OF(reply.word[0]) == 0);
            CHECK(reply.word[1] == len && reply.word[3] == len && reply.word[4] == 0);
            if (!CHECK(frame_is(port_buffer(&port, id, first_post), len, made)))
                return false;
        }
    }
    return true;
}

/* In one piece, in several, in as many as there may be; in any place of the pool. */
void group_pool(void)
{
    find_driver();
    need_peer();
    port_start(&port, NET_MODE_UNICAST);
    uint32_t first;
    port_post(&port, 8, &first);
    frame_make(frame, 1000, &(struct wish){.kind = 'E'}, 9);

    memcpy(port.pool + 4096 - 100, frame, 1000); /* over a page's end */
    uint32_t id = port_put(&port, NET_TX, 0, 0, NET_PIECE(4096 - 100, 1000), 0);
    EXPECT(port_kick(&port), 0);
    CHECK(echoed(id, first, 8, frame, 1000));

    static const uint32_t cuts[] = {0, 1, 14, 500, 1000};
    struct message message = {.type = NET_TX, .word = {port_next(&port), port.id, 0}};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t offset = 8192 + i * 3000, len = cuts[i + 1] - cuts[i];
        memcpy(port.pool + offset, frame + cuts[i], len);
        message.word[3 + i] = NET_PIECE(offset, len);
    }
    EXPECT(channel_put(&port.channel, &message), 0);
    EXPECT(port_kick(&port), 0);
    CHECK(echoed(port.last_request, first, 8, frame, 1000));

    struct net_piece *vector = (struct net_piece *)(void *)(port.pool + 32768);
    unsigned pieces = net.tx_pieces_max < 25 ? net.tx_pieces_max : 25;
    uint32_t part = 1000 / pieces;
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t len = i + 1 < pieces ? part : 1000 - i * part;
        vector[i] = (struct net_piece){40960 + i * 512, len};
        memcpy(port.pool + vector[i].offset, frame + i * part, len);
    }
    id = port_put(&port, NET_TX, NET_TX_VECTOR, 0, 32768, pieces);
    EXPECT(port_kick(&port), 0);
    CHECK(echoed(id, first, 8, frame, 1000));
    port_end(&port);
}

/* Many frames each way; each comes once, in order. */
void group_many(void)
{
    enum { ROUNDS = 8, EACH = 60 };
    find_driver();
    need_peer();
    port_start(&port, NET_MODE_UNICAST);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t first;
        port_post(&port, EACH, &first);
        frame_make(port.pool, 64,
                   &(struct wish){.kind = 'S', .count = EACH, .length = 700, .vlan = NO_VLAN}, 0);
        uint32_t sent = port_put(&port, NET_TX, 0, 0, NET_PIECE(0, 64), 0);
        EXPECT(port_kick(&port), 0);
        int next = 0;
        for (unsigned i = 0; i < EACH + 1; i++) {
            struct message reply;
            if (!EXPECT(port_reply(&port, &reply, PATIENCE_US), 0))
                return;
            uint32_t id = NET_ID_OF(reply.word[0]);
            if (id == sent)
                continue;
            CHECK(reply.word[1] == 700);
            CHECK(frame_number(port_buffer(&port, id, first), 700) == next++);
        }
    }
    port_end(&port);
}
