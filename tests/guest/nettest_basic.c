/*
 * Groups: what the driver says of itself, sessions, arguments of modes, statistics.
 */
#include "nettest.h"

#include <string.h>

#define SESSIONS_MAX 64u

void group_info(void)
{
    find_driver();
    CHECK((net.address[0] & 1) == 0);
    CHECK(net.mtu_bytes >= 68);
    CHECK(net.tx_frame_max_bytes == net.mtu_bytes + NET_FRAME_MIN);
    CHECK(net.tx_pieces_max >= 1 && net.tx_pieces_max <= NET_PIECES_MAX);
    CHECK(net.rx_buffer_min_bytes <= net.rx_buffer_max_bytes);
    CHECK(net.tx_slots > 0 && net.rx_slots > 0);
    CHECK((net.link & ~(NET_LINK_UP | NET_LINK_FULL_DUPLEX)) == 0);

    struct net_info info;
    handle_t read_only = grant(&info, sizeof info, GRANT_READ);
    handle_t too_short = grant(&info, sizeof info - 1, GRANT_WRITE);
    struct message message = {.word = {1, 0, read_only}};
    EXPECT(net_call(NET_INFO, &message), -ANOLE_EPERM);
    message = (struct message){.word = {1, 0, too_short}};
    EXPECT(net_call(NET_INFO, &message), -ANOLE_ERANGE);
    message = (struct message){.word = {1, 0, HANDLE_NONE}};
    EXPECT(net_call(NET_INFO, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {NET_ID(1, 1), 0, too_short}};
    EXPECT(net_call(NET_INFO, &message), -ANOLE_EINVAL);
    CHECK(revoke(read_only) && revoke(too_short));

    message = (struct message){.word = {5}};
    EXPECT(net_call(NET_LINK, &message), 0);
    CHECK(message.word[0] == 5 && message.word[1] == net.link);
    message = (struct message){.word = {5}};
    EXPECT(net_call(MESSAGE_TYPE(PROTO_NET, 200), &message), -ANOLE_ENOSYS);
    EXPECT(net_call(MESSAGE_TYPE(PROTO_BLK, 1), &message), -ANOLE_ENOSYS);
}

void group_sessions(void)
{
    static struct port ports[SESSIONS_MAX];
    find_driver();
    unsigned open = 0;
    int status = 0;
    while (open < SESSIONS_MAX && (status = port_open(&ports[open])) == 0)
        open++;
    EXPECT(status, -ANOLE_EBUSY);
    CHECK(open >= 4);
    for (unsigned i = 0; i < open; i++)
        for (unsigned k = 0; k < i; k++)
            CHECK(ports[i].id != ports[k].id);
    for (unsigned i = 0; i < open; i++)
        EXPECT(port_close(&ports[i]), 0);
    EXPECT(port_close(&ports[0]), -ANOLE_EBADHANDLE);

    const uint64_t ids[] = {0, 1, ~0ull, ports[0].id, ports[0].id + (1ull << 32)};
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct port nobody = {.id = ids[i]};
        EXPECT(port_close(&nobody), -ANOLE_EBADHANDLE);
        EXPECT(mode_set(&nobody, NET_MODE_UNICAST, NULL, 0), -ANOLE_EBADHANDLE);
        struct message message = {.word = {1, ids[i], 5, 1}};
        EXPECT(net_call(NET_VLAN, &message), -ANOLE_EBADHANDLE);
        message = (struct message){.word = {1, ids[i], 5}};
        EXPECT(net_call(NET_CANCEL, &message), -ANOLE_EBADHANDLE);
        message = (struct message){.word = {1, ids[i]}};
        EXPECT(net_call(NET_DETACH, &message), -ANOLE_EBADHANDLE);
        message = (struct message){.word = {NET_ID(1, NET_LINK_CHANGE), ids[i]}};
        EXPECT(net_call(NET_LINK, &message), -ANOLE_EBADHANDLE);
    }
    EXPECT(port_open(&ports[0]), 0);
    struct message message = {.word = {1, ports[0].id}};
    EXPECT(net_call(NET_DETACH, &message), -ANOLE_EINVAL);
    message = (struct message){.word = {1, ports[0].id, NET_PIECE(0, 64)}};
    EXPECT(net_call(NET_TX, &message), -ANOLE_ENOSYS);
    EXPECT(net_call(NET_RX_POST, &message), -ANOLE_ENOSYS);
    EXPECT(port_close(&ports[0]), 0);
}

void group_modes(void)
{
    static uint8_t addresses[NET_ADDRESSES_MAX + 1][NET_ADDRESS_BYTES];
    struct port port;
    find_driver();
    EXPECT(port_open(&port), 0);
    for (unsigned i = 0; i <= NET_ADDRESSES_MAX; i++)
        memcpy(addresses[i], (uint8_t[]){(uint8_t)(2 | (i & 1)), 0, 0, 0, 1, (uint8_t)i},
               NET_ADDRESS_BYTES);
    EXPECT(mode_set(&port, NET_MODE_PROMISCUOUS, NULL, 0), 0);
    EXPECT(mode_set(&port, NET_MODE_PROMISCUOUS << 1, NULL, 0), -ANOLE_EINVAL);
    EXPECT(mode_set(&port, NET_MODE_UNICAST, addresses, NET_ADDRESSES_MAX), 0);
    EXPECT(mode_set(&port, NET_MODE_UNICAST, addresses, NET_ADDRESSES_MAX + 1), -ANOLE_EINVAL);
    struct message message = {.word = {1, port.id, HANDLE_NONE, 0, 1}};
    EXPECT(net_call(NET_RX_MODE, &message), -ANOLE_EBADHANDLE);
    EXPECT(mode_set(&port, 0, NULL, 0), 0);

    static const struct {
        uint64_t vlan, wanted;
        int status;
    } vlans[] = {{0, 1, 0},
                 {4095, 1, 0},
                 {4095, 1, 0},
                 {4096, 1, -ANOLE_EINVAL},
                 {~0ull, 0, -ANOLE_EINVAL},
                 {5, 2, -ANOLE_EINVAL},
                 {4095, 0, 0},
                 {77, 0, 0}};
    for (unsigned i = 0; i < sizeof vlans / sizeof vlans[0]; i++) {
        message = (struct message){.word = {1, port.id, vlans[i].vlan, vlans[i].wanted}};
        check_status(net_call(NET_VLAN, &message), vlans[i].status, __LINE__, "VLAN");
    }
    uint64_t own = 0;
    memcpy(&own, net.address, NET_ADDRESS_BYTES);
    const uint64_t bad[] = {0, 1, own | 1, own | 1ull << 48};
    int refused = (net.flags & NET_INFO_MAC_SET) != 0 ? -ANOLE_EINVAL : -ANOLE_ENOSYS;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        message = (struct message){.word = {1, port.id, bad[i]}};
        EXPECT(net_call(NET_MAC_SET, &message), refused);
    }
    if (refused == -ANOLE_EINVAL) {
        struct net_info info;
        message = (struct message){.word = {1, port.id, own ^ 1ull << 40}};
        EXPECT(net_call(NET_MAC_SET, &message), 0);
        EXPECT(read_info(&info), 0);
        CHECK(info.address[5] == (net.address[5] ^ 1));
        message = (struct message){.word = {1, port.id, own}};
        EXPECT(net_call(NET_MAC_SET, &message), 0);
    }
    EXPECT(port_close(&port), 0);
}

/* Buffers for copying that the device still has from sessions before come first: uses them up. */
static void use_copies_up(struct port *port)
{
    enum { EACH = 80 };
    struct message reply;
    uint32_t first;
    port_post(port, EACH, &first);
    frame_make(port->pool, 64,
               &(struct wish){.kind = 'S', .count = EACH, .length = 60, .vlan = NO_VLAN}, 0);
    (void)port_put(port, NET_TX, 0, 0, NET_PIECE(0, 64), 0);
    EXPECT(port_kick(port), 0);
    for (unsigned i = 0; i < EACH + 1; i++)
        if (!EXPECT(port_reply(port, &reply, PATIENCE_US), 0))
            break;
}

/* What the device delivered went somewhere, and nothing was copied for one receiver. */
void group_statistics(void)
{
    static struct port port;
    struct net_stats before, after;
    find_driver();
    need_peer();
    port_start(&port, NET_MODE_UNICAST);
    use_copies_up(&port);
    EXPECT(read_stats(&port, &before), 0);
    CHECK(before.session_rx_posted == 0 && before.session_tx_frames == 1);
    CHECK(before.session_rx_frames == 80);
    uint32_t first;
    port_post(&port, 20, &first);
    for (uint8_t i = 0; i < 10; i++) {
        frame_make(port.pool + i * 128u, 100, &(struct wish){.kind = 'E', .count = 1}, i);
        (void)port_put(&port, NET_TX, 0, 0, NET_PIECE(i * 128u, 100), 0);
    }
    EXPECT(port_kick(&port), 0);
    struct message reply;
    for (unsigned i = 0; i < 20; i++)
        if (!EXPECT(port_reply(&port, &reply, PATIENCE_US), 0))
            break;
    EXPECT(read_stats(&port, &after), 0);
    CHECK(after.tx_frames - before.tx_frames == 10);
    CHECK(after.tx_bytes - before.tx_bytes == 1000);
    CHECK(after.session_tx_frames == 11 && after.session_rx_frames == 90);
    CHECK(after.session_rx_bytes == 1000 + 80 * 60 && after.session_rx_posted == 10);
    CHECK(after.rx_frames - before.rx_frames == 10 && after.rx_bytes - before.rx_bytes == 1000);
    CHECK(after.rx_direct_frames - before.rx_direct_frames == 10);
    CHECK(after.copied_bytes == before.copied_bytes && after.dma_maps == before.dma_maps);
    CHECK(after.rx_frames == after.rx_direct_frames + after.rx_copied_frames +
                                 after.rx_unwanted_frames + after.rx_dropped_frames);
    CHECK(after.receivers_now >= 1 && after.channels_now >= 1 && after.sessions_now >= 1);
    /* Twenty frames of one burst each way: a batch is a kick, not each frame. */
    CHECK(after.kicks - before.kicks <= 6);
    port_end(&port);
}
