/*
 * Groups: several sessions at a time, who gets which frame, and ends of all kinds.
 */
#include "nettest.h"

#include <librs/rs_client.h>
#include <stdlib.h>
#include <string.h>

static struct port a, b;
static uint8_t frame[FRAME_MOST];

/* Asks the peer for frames, by message through a session that doesn't receive. */
static void ask(const struct port *from, const struct wish *wish)
{
    frame_make(frame, 64, wish, 0);
    EXPECT(send_frame(from, frame, 64), 0);
}

/* How many frames come to a port until none does for a while; buffers by port_post from first on. */
static unsigned count_frames(struct port *port, uint32_t first, size_t len)
{
    struct message reply;
    unsigned count = 0;
    while (port_reply(port, &reply, 300000) == 0) {
        EXPECT(message_status(&reply), 0);
        const uint8_t *buffer = port_buffer(port, NET_ID_OF(reply.word[0]), first);
        CHECK(reply.word[1] == len && frame_number(buffer, len) >= 0);
        count++;
    }
    return count;
}

/* Two receivers: both get what is for all, and nothing of each other's. */
void group_clients(void)
{
    struct port asker;
    struct net_stats before, after;
    uint32_t first_a, first_b;
    find_driver();
    need_peer();
    EXPECT(port_open(&asker), 0);
    port_start(&a, NET_MODE_UNICAST | NET_MODE_BROADCAST);
    port_post(&a, 40, &first_a);
    port_start(&b, NET_MODE_BROADCAST);
    port_post(&b, 40, &first_b);
    EXPECT(read_stats(NULL, &before), 0);
    ask(&asker, &(struct wish){'S', 10, 300, broadcast_address, NO_VLAN});
    CHECK(count_frames(&a, first_a, 300) == 10);
    CHECK(count_frames(&b, first_b, 300) == 10);
    ask(&asker, &(struct wish){'S', 5, 1514, NULL, NO_VLAN});
    CHECK(count_frames(&a, first_a, 1514) == 5);
    CHECK(count_frames(&b, first_b, 1514) == 0);
    EXPECT(read_stats(NULL, &after), 0);
    CHECK(after.rx_copied_frames - before.rx_copied_frames >= 15);
    CHECK(after.rx_frames == after.rx_direct_frames + after.rx_copied_frames +
                                 after.rx_unwanted_frames + after.rx_dropped_frames);
    /* One leaves: the other one's buffers are the device's again. */
    port_end(&b);
    ask(&asker, &(struct wish){'S', 20, 100, NULL, NO_VLAN});
    CHECK(count_frames(&a, first_a, 100) == 20);
    port_end(&a);
    EXPECT(port_close(&asker), 0);
}

/* One that posts nothing loses its frames, and nobody else does. */
void group_slow_client(void)
{
    struct port asker;
    struct net_stats stats;
    uint32_t first;
    find_driver();
    need_peer();
    EXPECT(port_open(&asker), 0);
    port_start(&a, NET_MODE_BROADCAST);
    port_start(&b, NET_MODE_BROADCAST);
    port_post(&b, 60, &first);
    ask(&asker, &(struct wish){'S', 50, 200, broadcast_address, NO_VLAN});
    CHECK(count_frames(&b, first, 200) == 50);
    EXPECT(read_stats(&a, &stats), 0);
    CHECK(stats.session_rx_dropped_frames == 50 && stats.session_rx_frames == 0);
    EXPECT(read_stats(&b, &stats), 0);
    CHECK(stats.session_rx_dropped_frames == 0 && stats.session_rx_frames == 50);
    port_end(&a);
    port_end(&b);
    EXPECT(port_close(&asker), 0);
}

/* What comes to a session with this mode; a second receiver makes the driver look itself. */
static unsigned filtered(const struct port *asker, uint32_t mode, const uint8_t *listed,
                         const uint8_t *to, uint16_t vlan)
{
    uint32_t first;
    uint8_t addresses[1][NET_ADDRESS_BYTES];
    port_start(&b, mode);
    port_post(&b, 4, &first);
    if (listed != NULL) {
        memcpy(addresses[0], listed, NET_ADDRESS_BYTES);
        EXPECT(mode_set(&b, mode, addresses, 1), 0);
    }
    ask(asker, &(struct wish){'S', 3, 100, to, vlan});
    unsigned count = count_frames(&b, first, 100);
    port_end(&b);
    return count;
}

void group_filters(void)
{
    static const uint8_t other[] = {2, 0, 0, 0, 0, 0x77}, group[] = {1, 0, 0x5e, 0, 0, 1};
    const struct {
        uint32_t mode;
        const uint8_t *listed, *to;
        uint16_t vlan;
        unsigned count;
    } cases[] = {
        {NET_MODE_UNICAST, NULL, NULL, NO_VLAN, 3},
        {NET_MODE_UNICAST, NULL, other, NO_VLAN, 0},
        {NET_MODE_UNICAST, other, other, NO_VLAN, 3},
        {NET_MODE_UNICAST, NULL, broadcast_address, NO_VLAN, 0},
        {NET_MODE_BROADCAST, NULL, broadcast_address, NO_VLAN, 3},
        {NET_MODE_BROADCAST, NULL, group, NO_VLAN, 0},
        {0, group, group, NO_VLAN, 3},
        {NET_MODE_ALL_MULTICAST, NULL, group, NO_VLAN, 3},
        {NET_MODE_PROMISCUOUS, NULL, other, NO_VLAN, 3},
        {NET_MODE_PROMISCUOUS, NULL, NULL, 5, 3},
        {NET_MODE_UNICAST, NULL, NULL, 5, 0},
        {NET_MODE_UNICAST, NULL, NULL, 0, 3},
    };
    find_driver();
    need_peer();
    port_start(&a, NET_MODE_PROMISCUOUS); /* so that all frames come as far as the driver */
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned found = filtered(&a, cases[i].mode, cases[i].listed, cases[i].to, cases[i].vlan);
        check(found == cases[i].count, __LINE__, "case %u: expected %u frames, found %u", i,
              cases[i].count, found);
    }
    uint32_t first;
    port_start(&b, NET_MODE_UNICAST);
    port_post(&b, 10, &first);
    struct message vlan = {.word = {1, b.id, 5, 1}};
    EXPECT(net_call(NET_VLAN, &vlan), 0);
    ask(&a, &(struct wish){'S', 3, 100, NULL, 5});
    CHECK(count_frames(&b, first, 100) == 3);
    vlan = (struct message){.word = {1, b.id, 5, 0}};
    EXPECT(net_call(NET_VLAN, &vlan), 0);
    ask(&a, &(struct wish){'S', 3, 100, NULL, 5});
    CHECK(count_frames(&b, first, 100) == 0);
    port_end(&b);
    port_end(&a);
}

/* Frames that are none: dropped and counted, and those after them come. */
void group_malformed(void)
{
    static const size_t lengths[] = {1, 5, 13};
    struct net_stats before, after;
    uint32_t first;
    find_driver();
    need_peer();
    port_start(&a, NET_MODE_PROMISCUOUS);
    port_post(&a, 8, &first);
    EXPECT(read_stats(NULL, &before), 0);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        frame_make(frame, 24 + lengths[i], &(struct wish){.kind = 'R'}, 0);
        EXPECT(send_frame(&b, frame, 0), -ANOLE_EBADHANDLE); /* b isn't open */
        memcpy(a.pool, frame, 24 + lengths[i]);
        (void)port_put(&a, NET_TX, 0, 0, NET_PIECE(0, 24 + lengths[i]), 0);
    }
    frame_make(a.pool + 4096, 64, &(struct wish){'S', 2, 100, NULL, NO_VLAN}, 0);
    (void)port_put(&a, NET_TX, 0, 0, NET_PIECE(4096, 64), 0);
    EXPECT(port_kick(&a), 0);
    struct message reply;
    unsigned frames = 0;
    for (unsigned i = 0; i < 4 + 2 && port_reply(&a, &reply, PATIENCE_US) == 0; i++)
        frames += NET_ID_OF(reply.word[0]) - first < 8 && reply.word[1] == 100;
    CHECK(frames == 2);
    EXPECT(read_stats(NULL, &after), 0);
    /* The machine may drop them before the driver sees them. */
    CHECK(after.rx_bad_frames - before.rx_bad_frames <= 3);
    CHECK(after.rx_frames - before.rx_frames == 2);
    port_end(&a);
}

/* Detaching gives all back at once, with buffers in the device and frames under way. */
void group_detach(void)
{
    find_driver();
    for (unsigned i = 0; i < 6; i++) {
        uint32_t first;
        port_start(&a, NET_MODE_UNICAST);
        port_post(&a, 100, &first); /* more than the driver keeps back for copies */
        for (unsigned k = 0; k < 16; k++) {
            frame_make(a.pool + k * 128, 64, &(struct wish){.kind = 'Q'}, 0);
            (void)port_put(&a, NET_TX, 0, 0, NET_PIECE(k * 128, 64), 0);
        }
        if (i % 2 == 0)
            EXPECT(port_kick(&a), 0);
        uint64_t began = ticks_now();
        port_end(&a);
        CHECK(ticks_to_us(ticks_now() - began) < PATIENCE_US);
    }
    struct net_stats stats;
    EXPECT(read_stats(NULL, &stats), 0);
    CHECK(stats.take_backs > 0);
}

/* ---- deaths ---- */

void service_of_driver(char name[RS_NAME_LEN])
{
    struct rs_service_info *services;
    unsigned count;
    if (!EXPECT(rs_list(&services, &count), 0))
        exit(1);
    name[0] = '\0';
    for (unsigned i = 0; i < count; i++)
        if (services[i].endpoint == driver)
            memcpy(name, services[i].name, RS_NAME_LEN);
    free(services);
    CHECK(name[0] != '\0');
}

/* The driver dies with all kinds of requests under way: each caller hears of it, all memory comes back,
 * and the next instance serves as this one did. */
void group_death(void)
{
    static struct listener listener;
    char service[RS_NAME_LEN];
    uint32_t first;
    size_t len;
    find_driver();
    service_of_driver(service);
    port_start(&a, NET_MODE_UNICAST);
    port_post(&a, 64, &first);
    EXPECT(port_open(&b), 0);
    listen_start(&listener, &b, FRAME_MOST, 60000000);
    endpoint_t before = driver;
    EXPECT(rs_control(service, RS_KILL), 0);
    EXPECT(listen_end(&listener, &len), -ANOLE_EDEADENDPOINT);
    struct message message = {.word = {1, a.id}};
    EXPECT(net_call(NET_DETACH, &message), -ANOLE_EDEADENDPOINT);
    CHECK(revoke(a.pool_grant)); /* once its device is reset */
    a.pool_grant = HANDLE_NONE;
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    do
        find_driver();
    while (driver == before && ticks_now() < deadline);
    EXPECT(port_close(&a), -ANOLE_EBADHANDLE);
    port_start(&a, NET_MODE_UNICAST);
    port_post(&a, 4, &first);
    frame_make(a.pool, 64, &(struct wish){.kind = 'E'}, 1);
    (void)port_put(&a, NET_TX, 0, 0, NET_PIECE(0, 64), 0);
    EXPECT(port_kick(&a), 0);
    EXPECT(port_reply(&a, &message, PATIENCE_US), 0);
    EXPECT(message_status(&message), 0);
    port_end(&a);
}
