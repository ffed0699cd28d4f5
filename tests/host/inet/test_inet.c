/*
 * The network server between a peer on the wire and clients: what a machine can't be made to do at the
 * right moment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inet_peer.h"

#include <libanole/service.h>
#include <lwip/priv/tcp_priv.h>
#include <servers/inet/checksum.h>
#include <stdlib.h>
#include <string.h>

#define PORT 80u
#define SEGMENT 500u /* no more than a peer takes that says nothing of it (RFC 9293, 3.7.1) */

static uint8_t frame[WIRE_FRAME_MAX], bytes[WIRE_FRAME_MAX];

static struct inet_traffic *traffic(void)
{
    return &interface_find("eth0")->traffic;
}

static int ask(unsigned client, uint32_t type, uint64_t socket, uint64_t w1, uint64_t w2,
               uint64_t w3)
{
    struct message message = {.word = {socket, w1, w2, w3}};

    return client_ask(client, type, &message);
}

static uint64_t open_socket(unsigned client, uint64_t type)
{
    struct message message = {.word = {SOCK_INET, type}};

    assert_int_equal(client_ask(client, SOCK_SOCKET, &message), 0);
    return message.word[0];
}

static uint64_t bound(unsigned client, uint64_t type, uint16_t port)
{
    struct sock_address any = {.family = SOCK_INET, .port = port};
    uint64_t socket = open_socket(client, type), words[3];

    memcpy(words, &any, sizeof(words));
    assert_int_equal(ask(client, SOCK_BIND, socket, words[0], words[1], words[2]), 0);
    return socket;
}

static uint64_t listening(unsigned client, unsigned backlog)
{
    uint64_t socket = bound(client, SOCK_TYPE_STREAM, PORT);

    assert_int_equal(ask(client, SOCK_LISTEN, socket, backlog, 0, 0), 0);
    return socket;
}

/* 0: there is none. */
static uint64_t accepted(unsigned client, uint64_t listener)
{
    struct message message = {.word = {listener}};

    return client_ask(client, SOCK_ACCEPT, &message) == 0 ? message.word[0] : 0;
}

static unsigned sockets_now(void)
{
    unsigned count = 0;

    for (struct socket *socket = socket_next(NULL); socket; socket = socket_next(socket))
        count++;
    return count;
}

/* ---- packets ---- */

static void test_checksum(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (unsigned offset = 0; offset < 9; offset++)
        for (unsigned len = 0; len < 70; len++)
            assert_int_equal(lwip_htons(inet_checksum(bytes + offset, (int)len)),
                             naive_sum(bytes + offset, len, 0));
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(inet_checksum(bytes + 1, 65535), lwip_htons(naive_sum(bytes, 65535, 0)));
}

static void test_echo(void **state)
{
    struct wire_frame answer;
    const uint8_t echo[16] = {8, 0, 0, 0, 1, 2, 3, 4};
    (void)state;
    wire_clear(0);
    assert_true(wire_deliver(0, frame, peer_frame(frame, 1, echo, sizeof(echo)), 0));
    assert_true(wire_take(0, &answer));
    assert_int_equal(answer.data[34], 0);
    assert_memory_equal(answer.data + 38, echo + 4, 12);
    free(answer.data);
    /* A wrong checksum, in a frame that comes in parts: none. */
    frame[40] ^= 1;
    wires[0].part_bytes = 20;
    assert_true(wire_deliver(0, frame, 50, 0));
    wires[0].part_bytes = 0;
    assert_false(wire_take(0, &answer));
    assert_int_equal(wires[0].handed_out, 0);
}

/* What the device vouches for isn't summed; whatever else comes is. */
static void test_received_checksums(void **state)
{
    (void)state;
    uint64_t socket = bound(1, SOCK_TYPE_DATAGRAM, 53);
    size_t len = peer_datagram(frame, 1000, 53, "text", 4);
    struct message message = {.word = {socket, 0, 100ul << 32}};
    frame[40] ^= 0x55;
    assert_true(wire_deliver(0, frame, len, 0));
    assert_int_equal(client_ask(1, SOCK_RECVFROM, &message), -ANOLE_EAGAIN);
    assert_true(wire_deliver(0, frame, len, NET_RX_CSUM_GOOD));
    assert_int_equal(client_ask(1, SOCK_RECVFROM, &message), 0);
    assert_int_equal(message.word[0], 4);
    /* Vouching is for one frame alone. */
    assert_true(wire_deliver(0, frame, len, 0));
    message.word[0] = socket;
    assert_int_equal(client_ask(1, SOCK_RECVFROM, &message), -ANOLE_EAGAIN);
    client_die(1);
}

/* ---- connections ---- */

static void test_stream(void **state)
{
    struct wire_frame answer;
    struct peer_seen seen;
    struct peer peer;
    struct message reply;
    (void)state;
    uint64_t listener = listening(1, 5);
    assert_int_equal(accepted(1, listener), 0);
    assert_true(peer_connect(&peer, 4000, PORT));
    uint64_t socket = accepted(1, listener);
    assert_int_not_equal(socket, 0);
    /* Who waits gets it when it comes; small pieces are one after the other. */
    struct message message = {.word = {socket, 1, 0, 100, [6] = DEADLINE_NEVER}};
    assert_int_equal(client_ask(1, SOCK_RECEIVE, &message), SERVICE_NO_REPLY);
    peer_send(&peer, PEER_ACK, "abc", 3);
    assert_int_equal(client_answer(1, &reply), 0);
    assert_int_equal(reply.word[0], 3);
    peer_send(&peer, PEER_ACK, "def", 3);
    peer_send(&peer, PEER_ACK, "ghi", 3);
    message = (struct message){.word = {socket, 1, 10, 100}};
    assert_int_equal(client_ask(1, SOCK_RECEIVE, &message), 0);
    assert_memory_equal(client_buffer + 10, "defghi", 6);
    wire_clear(0);
    message = (struct message){.word = {socket, 1, 10, 6}};
    assert_int_equal(client_ask(1, SOCK_SEND, &message), 0);
    inet_go();
    assert_true(peer_take(&peer, &seen, &answer));
    assert_true(seen.sums_right);
    assert_memory_equal(seen.data, "defghi", 6);
    free(answer.data);
    client_die(1);
    peer_send(&peer, PEER_RST | PEER_ACK, NULL, 0);
}

/* A device that makes checksums finds what it needs; one that doesn't gets them right. */
static void test_checksum_left_to_device(void **state)
{
    struct wire_frame answer;
    struct peer_seen seen;
    struct peer peer;
    (void)state;
    wires[0].info.flags = NET_INFO_TX_CSUM;
    wire_driver(0, false);
    wire_driver(0, true);
    uint64_t listener = listening(1, 5);
    assert_true(peer_connect(&peer, 4001, PORT));
    uint64_t socket = accepted(1, listener);
    wire_clear(0);
    struct message message = {.word = {socket, 1, 0, 777}};
    assert_int_equal(client_ask(1, SOCK_SEND, &message), 0);
    assert_true(peer_take(&peer, &seen, &answer));
    assert_int_equal(answer.flags, NET_TX_CSUM);
    assert_int_equal(answer.offload, NET_OFFLOAD(34, 16, 0, 0));
    assert_true(seen.sums_right);
    free(answer.data);
    peer_send(&peer, PEER_RST | PEER_ACK, NULL, 0);
    wires[0].info.flags = 0;
    wire_driver(0, false);
    wire_driver(0, true);
    client_die(1);
}

/* Segments that follow each other go as one frame, and are cut by the device to what they were. */
static void test_segments_left_to_device(void **state)
{
    struct wire_frame answer;
    struct peer_seen seen;
    struct peer peer;
    (void)state;
    wires[0].info.flags = NET_INFO_TX_CSUM | NET_INFO_TX_TSO4;
    wires[0].info.tx_pieces_max = 62;
    wires[0].info.tx_segments_max_bytes = 65536;
    wire_driver(0, false);
    wire_driver(0, true);
    uint64_t listener = listening(1, 5);
    assert_true(peer_connect(&peer, 4011, PORT));
    uint64_t socket = accepted(1, listener);
    inet_go();
    wire_clear(0);
    for (unsigned i = 0; i < 2000; i++)
        client_buffer[i] = (uint8_t)(i * 3 + i / 256);
    assert_int_equal(ask(1, SOCK_OPTION_SET, socket, SOCK_OPTION_NODELAY, 1, 0), 0);
    uint64_t together = traffic()->tx_segments;
    struct message message = {.word = {socket, 1, 0, 2000}};
    assert_int_equal(client_ask(1, SOCK_SEND, &message), 0);
    inet_go();
    assert_true(peer_take(&peer, &seen, &answer));
    assert_int_equal(seen.data_len, 2000); /* 536 three times, and 392 */
    assert_memory_equal(seen.data, client_buffer, 2000);
    assert_int_equal(answer.flags, NET_TX_CSUM | NET_TX_TSO4);
    assert_int_equal(answer.offload, NET_OFFLOAD(34, 16, 536, 54));
    assert_true(seen.sums_right && (seen.flags & PEER_PSH) != 0);
    assert_int_equal(answer.len_bytes, 2054);
    free(answer.data);
    assert_false(peer_take(&peer, &seen, &answer));
    assert_int_equal(traffic()->tx_segments, together + 4);
    assert_int_equal(interface_find("eth0")->free_count, TX_SLOTS);
    /* What isn't a segment of data goes alone, and behind what waited. */
    peer_send(&peer, PEER_ACK, NULL, 0);
    message = (struct message){.word = {socket, 1, 0, 1200}};
    assert_int_equal(client_ask(1, SOCK_SEND, &message), 0);
    assert_int_equal(ask(1, SOCK_SHUTDOWN, socket, SOCK_SHUT_WRITE, 0, 0), 0);
    inet_go();
    assert_true(peer_take(&peer, &seen, &answer));
    assert_int_equal(seen.data_len, 1200);
    free(answer.data);
    assert_true(peer_take(&peer, &seen, &answer));
    assert_int_equal(seen.flags & PEER_FIN, PEER_FIN);
    assert_int_equal(answer.flags, NET_TX_CSUM);
    free(answer.data);
    wires[0].info = (struct net_info){
        .address = {0x52, 0x54, 0, 0, 0, 0}, .mtu_bytes = 1500, .link = NET_LINK_UP};
    wire_driver(0, false);
    wire_driver(0, true);
    peer_send(&peer, PEER_RST | PEER_ACK, NULL, 0);
    client_die(1);
}

/* Nobody accepts: those that go leave nothing, and the listener takes the rest along. */
static void test_backlog(void **state)
{
    struct peer peers[5];
    (void)state;
    uint64_t listener = listening(1, 5);
    for (uint16_t i = 0; i < 5; i++)
        assert_true(peer_connect(&peers[i], (uint16_t)(5000 + i), PORT));
    assert_int_equal(sockets_now(), 6);
    peer_send(&peers[0], PEER_RST | PEER_ACK, NULL, 0);
    peer_send(&peers[4], PEER_RST | PEER_ACK, NULL, 0);
    peer_send(&peers[2], PEER_RST | PEER_ACK, NULL, 0);
    assert_int_equal(sockets_now(), 3);
    assert_int_not_equal(accepted(1, listener), 0);
    /* A connection that waits to be accepted can't be had by its number. */
    for (uint32_t number = 0; number < 16 * SOCKETS; number++)
        if (ask(1, SOCK_NAME, number, 1, 0, 0) == 0)
            assert_int_equal(ask(1, SOCK_CLOSE, number, 0, 0, 0), 0);
    assert_int_equal(sockets_now(), 2);
    client_die(1);
    assert_int_equal(sockets_now(), 0);
    for (unsigned i = 0; i < 5; i++)
        peer_send(&peers[i], PEER_RST | PEER_ACK, NULL, 0);
}

static void test_syn_flood(void **state)
{
    struct peer stranger = {.port = PORT, .window = 1000}, peer;
    uint64_t shed = half_open_count();
    (void)state;
    uint64_t listener = listening(1, 50);
    for (uint16_t i = 0; i < 500; i++) {
        stranger.own_port = (uint16_t)(10000 + i);
        peer_send(&stranger, PEER_SYN, NULL, 0);
    }
    wire_clear(0);
    assert_in_range(half_open_count() - shed, 410, 450);
    assert_true(peer_connect(&peer, 4002, PORT));
    assert_int_not_equal(accepted(1, listener), 0);
    client_die(1);
    peer_send(&peer, PEER_RST | PEER_ACK, NULL, 0);
    inet_pass(30000);
}

/* Both have said their last word: lwIP frees the control block whenever it likes. */
static void test_both_shut(void **state)
{
    struct peer peer;
    (void)state;
    uint64_t listener = listening(1, 5);
    assert_true(peer_connect(&peer, 4003, PORT));
    uint64_t socket = accepted(1, listener);
    struct wire_frame answer;
    struct peer_seen seen;
    assert_int_equal(ask(1, SOCK_SHUTDOWN, socket, SOCK_SHUT_WRITE, 0, 0), 0);
    assert_true(peer_take(&peer, &seen, &answer));
    free(answer.data);
    peer_send(&peer, PEER_ACK, NULL, 0);
    peer_send(&peer, PEER_FIN | PEER_ACK, NULL, 0);
    inet_pass(200000); /* longer than TIME_WAIT */
    assert_int_equal(ask(1, SOCK_NAME, socket, 1, 0, 0), -ANOLE_ENOTCONN);
    assert_int_equal(ask(1, SOCK_RECEIVE, socket, 1, 0, 10), 0);
    assert_int_equal(ask(1, SOCK_SEND, socket, 1, 0, 10), -ANOLE_EPIPE);
    client_die(1);
}

/* ---- drivers ---- */

static void test_recovery(void **state)
{
    struct wire_frame answer;
    struct peer_seen seen;
    struct peer peer;
    unsigned acknowledgements = 0, segments = 0;
    (void)state;
    uint64_t listener = listening(1, 5);
    assert_true(peer_connect(&peer, 4004, PORT));
    uint64_t socket = accepted(1, listener);
    struct message message = {.word = {socket, 1, 0, SEGMENT}};
    assert_int_equal(client_ask(1, SOCK_SEND, &message), 0);
    wire_clear(0); /* lost, with the driver */
    wire_driver(0, false);
    inet_pass(100);
    assert_int_equal(interface_find("eth0")->netif.ip_addr.u_addr.ip4.addr, lwip_htonl(0x0a00020f));
    wire_clear(0);
    uint64_t resumed = traffic()->resumed;
    wire_driver(0, true); /* no time passes from here on */
    assert_int_equal(traffic()->resumed, resumed + 1);
    while (peer_take(&peer, &seen, &answer)) {
        segments += seen.data_len == SEGMENT;
        acknowledgements += seen.data_len == 0 && (seen.flags & PEER_ACK) != 0;
        free(answer.data);
    }
    assert_int_equal(segments, 1);
    assert_in_range(acknowledgements, 3, 4);
    /* Any number of deaths without progress is no reason to give a connection up. */
    for (unsigned i = 0; i < 30; i++) {
        wire_driver(0, false);
        inet_pass(10);
        wire_driver(0, true);
    }
    wire_link(0, false);
    inet_pass(100);
    wire_clear(0);
    wire_link(0, true);
    assert_true(peer_take(&peer, &seen, &answer));
    free(answer.data);
    peer_send(&peer, PEER_ACK, "still there", 11);
    assert_int_equal(ask(1, SOCK_RECEIVE, socket, 1, 0, 100), 0);
    assert_memory_equal(client_buffer, "still there", 11);
    client_die(1);
    peer_send(&peer, PEER_RST | PEER_ACK, NULL, 0);
}

/* What couldn't be sent for want of room goes as soon as there is some. */
static void test_full_interface(void **state)
{
    struct sock_address to = {.family = SOCK_INET, .port = 9, .ip = {10, 0, 2, 2}};
    struct message message = {.word = {0, 1, 500ul << 32, [6] = DEADLINE_NEVER}}, reply;
    unsigned count = 0;
    int status;
    (void)state;
    wires[0].holds = true;
    message.word[0] = open_socket(1, SOCK_TYPE_DATAGRAM);
    memcpy(&message.word[3], &to, sizeof(to));
    struct message again = message;
    do {
        message = again;
        status = client_ask(1, SOCK_SENDTO, &message);
    } while (status == 0 && ++count < 1000);
    assert_int_equal(status, SERVICE_NO_REPLY);
    assert_int_equal(count, TX_SLOTS);
    struct message look = {.word = {again.word[0], SOCK_WRITABLE}};
    assert_int_equal(client_ask(0, SOCK_POLL, &look), 0);
    assert_int_equal(look.word[0], 0);
    assert_int_equal(client_answer(1, &reply), SERVICE_NO_REPLY);
    wires[0].holds = false;
    inet_go();
    assert_int_equal(client_answer(1, &reply), 0);
    assert_int_equal(reply.word[0], 500);
    assert_int_equal(wires[0].unanswered, 0);
    client_die(1);
}

/* Clients that don't read keep no receive buffers from others. */
static void test_unread(void **state)
{
    struct peer peers[4], reader;
    (void)state;
    uint64_t listener = listening(1, 10);
    for (uint16_t i = 0; i < 4; i++)
        assert_true(peer_connect(&peers[i], (uint16_t)(6000 + i), PORT));
    memset(bytes, 'x', 1400);
    for (unsigned i = 0; i < 4 * 40; i++)
        peer_send(&peers[i % 4], PEER_ACK | PEER_PSH, bytes, 1400);
    assert_in_range(wires[0].handed_out, 100, RX_BUFFERS / 4);
    assert_true(traffic()->rx_copied > 0);
    assert_true(peer_connect(&reader, 6100, PORT));
    uint64_t socket = 0;
    for (unsigned i = 0; i < 5; i++)
        socket = accepted(1, listener);
    peer_send(&reader, PEER_ACK, "through", 7);
    assert_int_equal(ask(1, SOCK_RECEIVE, socket, 1, 0, 100), 0);
    assert_memory_equal(client_buffer, "through", 7);
    client_die(1);
    assert_int_equal(wires[0].handed_out, 0);
    for (unsigned i = 0; i < 4; i++)
        peer_send(&peers[i], PEER_RST | PEER_ACK, NULL, 0);
    peer_send(&reader, PEER_RST | PEER_ACK, NULL, 0);
}

/* ---- floods of datagrams ---- */

#define FLOOD_BYTES 1000u

static bool flood_one(uint16_t port)
{
    return wire_deliver(0, frame, peer_datagram(frame, 1000, port, bytes, FLOOD_BYTES), 0);
}

/* How many of at most so many are taken in. */
static unsigned flood(uint16_t port, unsigned count)
{
    unsigned taken = 0;

    while (taken < count && flood_one(port))
        taken++;
    return taken;
}

static int read_one(uint64_t socket)
{
    return ask(1, SOCK_RECVFROM, socket, 0, (uint64_t)sizeof(client_buffer) << 32, 0);
}

/* Who reads has the processor before more of what he can't read in time comes in. */
static void test_reader_behind(void **state)
{
    const unsigned behind = DATAGRAMS_BEHIND / FLOOD_BYTES,
                   most = DATAGRAMS_BYTES_MAX / FLOOD_BYTES;
    uint64_t socket = bound(1, SOCK_TYPE_DATAGRAM, 53), dropped = datagrams_dropped();
    (void)state;
    assert_true(flood_one(53));
    assert_int_equal(read_one(socket), 0);
    for (unsigned round = 0; round < 3; round++) {
        assert_in_range(flood(53, most), 1, behind + 1);
        assert_false(flood_one(53));
        assert_int_not_equal(intake_deadline(), DEADLINE_NEVER);
        while (!intake_open())
            assert_int_equal(read_one(socket), 0);
        assert_int_equal(read_one(socket),
                         0); /* there is more, for the time that the next ones take */
        assert_int_equal(intake_deadline(), DEADLINE_NEVER);
        inet_go();
    }
    assert_int_equal(datagrams_dropped(), dropped);
    assert_in_range(flood(53, most), 1, behind + 1);
    client_die(1);
    assert_true(intake_open());
    inet_go();
}

/* But others have their turn, and who reads nothing holds nobody up. */
static void test_slow_reader(void **state)
{
    const unsigned most = DATAGRAMS_BYTES_MAX / FLOOD_BYTES;
    uint64_t socket = bound(1, SOCK_TYPE_DATAGRAM, 53), other = bound(1, SOCK_TYPE_DATAGRAM, 54);
    (void)state;
    assert_true(flood_one(53));
    assert_int_equal(read_one(socket), 0);
    (void)flood(53, most);
    assert_false(flood_one(53));
    assert_int_equal(read_one(socket), 0); /* one isn't enough */
    assert_false(flood_one(53));
    inet_pass(10);
    assert_int_equal(read_one(socket), 0);
    assert_int_equal(flood(53, EVENTS_A_ROUND - 1), EVENTS_A_ROUND - 1);
    /* Now he holds up again; and once more, but then he doesn't read. */
    assert_in_range(flood(53, 10), 0, 2);
    assert_false(flood_one(54));
    inet_pass(10);
    assert_int_equal(flood(53, 4 * most), 4 * most);
    assert_true(flood_one(54));
    assert_int_equal(read_one(other), 0);
    client_die(1);
}

/* What would only be dropped is dropped before lwIP has had any work with it. */
static void test_full_socket(void **state)
{
    const unsigned most = DATAGRAMS_BYTES_MAX / FLOOD_BYTES;
    uint64_t socket = bound(1, SOCK_TYPE_DATAGRAM, 53), dropped = datagrams_dropped();
    (void)state;
    assert_int_equal(flood(53, 2 * most), 2 * most);
    uint64_t now = datagrams_dropped();
    assert_in_range(now - dropped, most, 2 * most);
    STAT_COUNTER seen = lwip_stats.udp.recv;
    assert_int_equal(flood(53, 10), 10);
    assert_int_equal(datagrams_dropped(), now + 10);
    assert_int_equal(lwip_stats.udp.recv, seen);
    assert_int_equal(wires[0].handed_out, RX_BUFFERS / 4);
    /* Not what is for others, or for nobody, or can't be told from its first part. */
    assert_int_equal(flood(55, 10), 10);
    assert_true(lwip_stats.udp.recv >= seen + 10);
    seen = lwip_stats.ip_frag.recv;
    size_t len = peer_datagram(frame, 1000, 53, bytes, FLOOD_BYTES);
    frame[20] |= 0x20; /* there are more fragments */
    peer_sums(frame, len);
    assert_true(wire_deliver(0, frame, len, 0));
    assert_int_equal(lwip_stats.ip_frag.recv, seen + 1);
    /* Whose room is still too small, but who reads, has a pause, too. */
    now = datagrams_dropped();
    assert_int_equal(read_one(socket), 0);
    assert_true(wire_deliver(0, frame, peer_datagram(frame, 1000, 53, bytes, 1400), 0));
    assert_int_equal(datagrams_dropped(), now + 1);
    assert_false(intake_open());
    inet_pass(10);
    assert_true(intake_open());
    now = datagrams_dropped();
    assert_int_equal(read_one(socket), 0);
    assert_true(flood_one(53));
    assert_int_equal(datagrams_dropped(), now);
    client_die(1);
}

/* ---- configuration ---- */

static int set(unsigned client, const char *name, enum inet_setting setting,
               struct sock_address address, uint64_t value)
{
    struct message message = {.word = {[5] = setting, [6] = value}};

    rs_name_pack(message.word, name);
    memcpy(&message.word[2], &address, sizeof(address));
    return client_ask(client, INET_SET, &message);
}

static void test_settings(void **state)
{
    const struct sock_address none = {0};
    const struct sock_address ip = {.family = SOCK_INET, .ip = {10, 0, 2, 99}};
    const struct sock_address many = {.family = SOCK_INET, .ip = {224, 0, 0, 1}};
    const struct sock_address ip6 = {.family = SOCK_INET6, .ip = {0xfe, 0xc0, [15] = 7}};
    const struct sock_address own = {.family = SOCK_INET, .ip = {10, 0, 2, 15}};
    (void)state;
    assert_int_equal(set(1, "eth0", INET_UP, none, 0), -ANOLE_EPERM);
    assert_int_equal(set(OPERATOR, "eth7", INET_UP, none, 0), -ANOLE_ENOENT);
    assert_int_equal(set(OPERATOR, "lo", INET_UP, none, 0), -ANOLE_ENOENT);
    assert_int_equal(set(OPERATOR, "eth0", INET_UP, none, 2), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", (enum inet_setting)99, none, 0), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS, none, 24), -ANOLE_EAFNOSUPPORT);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS, ip6, 24), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS, many, 24), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS, ip, 33), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", INET_MTU, none, 9000), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", INET_MTU, none, 100), -ANOLE_EINVAL);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS_REMOVE, ip6, 0), -ANOLE_EADDRNOTAVAIL);
    assert_int_equal(set(OPERATOR, "eth0", INET_NAME_SERVER, ip, 3), -ANOLE_ENOSPC);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS, ip, 16), 0);
    assert_int_equal(set(OPERATOR, "eth0", INET_MTU, none, 1400), 0);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS_ADD, ip6, 0), 0);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS_REMOVE, ip6, 0), 0);
    const struct netif *netif = &interface_find("eth0")->netif;
    assert_int_equal(ip4_addr_get_u32(netif_ip4_addr(netif)), lwip_htonl(0x0a000263));
    assert_int_equal(ip4_addr_get_u32(netif_ip4_netmask(netif)), lwip_htonl(0xffff0000));
    assert_int_equal(netif->mtu, 1400);
    assert_int_equal(set(OPERATOR, "eth0", INET_MTU, none, 1500), 0);
    assert_int_equal(set(OPERATOR, "eth0", INET_ADDRESS, own, 24), 0);
}

static void test_arguments(void **state)
{
    static const char *const bad[] = {
        "",           "=10.0.0.1/8",        "name-that-is-too-long", "eth0=",      "eth0=,",
        "eth0=10.0",  "eth0=10.0.0.1",      "eth0=10.0.0.1/33",      "eth0=gw=x",  "eth0=mtu=9x",
        "eth0=mtu=5", "eth0=10.0.0.1/8,,",  "eth0=v6=1.2.3.4",       "eth0=dns=a", "eth0=/8",
        "eth0=what",  "eth0=10.0.0.256/24",
    };
    struct interface_wish wish;
    char name[RS_NAME_LEN];
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(wish_read(bad[i], name, &wish), 0);
    assert_int_equal(wish_read("eth3", name, &wish), 0);
    assert_true(wish.up && wish.dhcp);
    assert_string_equal(name, "eth3");
    assert_int_equal(wish_read("e=none,v6=fec0::15,mtu=1400,down", name, &wish), 0);
    assert_true(!wish.up && !wish.dhcp && wish.ip6_count == 1 && wish.mtu_bytes == 1400);
    assert_int_equal(wish_read("e=10.1.2.3/20,gw=10.1.2.4", name, &wish), 0);
    assert_int_equal(ip4_addr_get_u32(&wish.ip), lwip_htonl(0x0a010203));
    assert_int_equal(ip4_addr_get_u32(&wish.mask), lwip_htonl(0xfffff000));
    assert_int_equal(ip4_addr_get_u32(&wish.gateway), lwip_htonl(0x0a010204));
}

static int begin(void **state)
{
    (void)state;
    inet_begin();
    inet_pass(3000);
    peer_introduce();
    return 0;
}

/* Nothing of one test is left for the next. */
static int all_gone(void **state)
{
    (void)state;
    inet_pass(200000);
    wire_clear(0);
    peer_introduce();
    return sockets_now() != 0 || tcp_active_pcbs || wires[0].handed_out != 0;
}

int main(void)
{
#define INET_TEST(name) cmocka_unit_test_teardown(test_##name, all_gone)
    const struct CMUnitTest tests[] = {
        INET_TEST(checksum),
        INET_TEST(echo),
        INET_TEST(received_checksums),
        INET_TEST(stream),
        INET_TEST(backlog),
        INET_TEST(checksum_left_to_device),
        INET_TEST(segments_left_to_device),
        INET_TEST(syn_flood),
        INET_TEST(both_shut),
        INET_TEST(recovery),
        INET_TEST(full_interface),
        INET_TEST(unread),
        INET_TEST(reader_behind),
        INET_TEST(slow_reader),
        INET_TEST(full_socket),
        INET_TEST(settings),
        INET_TEST(arguments),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
