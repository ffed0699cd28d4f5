/*
 * Groups: what a device does with frames besides moving them (tests/vhost/net has one that does all of
 * it): checksums, segments longer than a frame, receive buffers that one frame takes several of, and
 * headers that a device may not write. They run when named.
 */
#include "nettest.h"

#include <librs/rs_client.h>
#include <stdlib.h>
#include <string.h>

#define ETHERNET 14u
#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define TCP_HEADER 20u
#define UDP_HEADER 8u
#define TCP 6u
#define UDP 17u
#define TCP_CHECK 16u
#define UDP_CHECK 6u
#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_CWR 0x80u
#define SEQUENCE 0xfffff000u /* wraps in the middle of a segment */

#define BUFFERS 60u
#define SEND_SPACE 67584u /* in the pool: the longest segment, in whole pages */
static_assert(2 * SEND_SPACE + BUFFERS * BUFFER_LEN <= POOL_LEN, "two of them, and all buffers");

#define MSS 1000u

/* A kind of packet, and where its parts are. */
struct packet {
    unsigned version, protocol;
    size_t payload_len;
    uint8_t kind; /* of the answer: tests/vhost/net/peer.h */
    bool ecn;
};

static struct port port;
static uint32_t first_post, posts; /* ids of receive buffers */
static uint8_t made[FRAME_MOST + ETHERNET], whole[FRAME_MOST + ETHERNET];

/* ---- packets ---- */

static size_t transport_at(const struct packet *packet)
{
    return ETHERNET + (packet->version == 4 ? IPV4_HEADER : IPV6_HEADER);
}

static size_t payload_at(const struct packet *packet)
{
    return transport_at(packet) + (packet->protocol == TCP ? TCP_HEADER : UDP_HEADER);
}

static size_t check_offset(const struct packet *packet)
{
    return packet->protocol == TCP ? TCP_CHECK : UDP_CHECK;
}

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static unsigned sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* The pseudo header's sum of a packet whose IP header is there. */
static unsigned pseudo_sum(const struct packet *packet, const uint8_t *frame, size_t len)
{
    size_t addresses = packet->version == 4 ? 12 : 8;
    size_t addresses_len = packet->version == 4 ? 8 : 32;
    return sum_of(frame + ETHERNET + addresses, addresses_len,
                  (uint32_t)(packet->protocol + len - transport_at(packet)));
}

static void make_ip(const struct packet *packet, uint8_t *ip, size_t len)
{
    if (packet->version == 4) {
        ip[0] = 0x45;
        put16(ip + 2, len - ETHERNET);
        put16(ip + 4, 7); /* its number */
        ip[8] = 64;
        ip[9] = (uint8_t)packet->protocol;
        memcpy(ip + 12, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
        put16(ip + 10, ~sum_of(ip, IPV4_HEADER, 0));
    } else {
        ip[0] = 0x60;
        put16(ip + 4, len - ETHERNET - IPV6_HEADER);
        ip[6] = (uint8_t)packet->protocol;
        ip[7] = 64;
        ip[8] = ip[24] = 0xfd;
        ip[23] = 1;
        ip[39] = 2;
    }
}

static void make_transport(const struct packet *packet, uint8_t *at)
{
    put16(at, 1234);
    put16(at + 2, 80);
    if (packet->protocol == TCP) {
        put16(at + 4, SEQUENCE >> 16);
        put16(at + 6, SEQUENCE & 0xffff);
        at[12] = TCP_HEADER / 4 << 4;
        at[13] = TCP_ACK | TCP_PSH | TCP_FIN | (packet->ecn ? TCP_CWR : 0);
        put16(at + 14, 8192);
    } else {
        put16(at + 4, UDP_HEADER + packet->payload_len);
    }
}

/* Makes the frame as a driver's client does that leaves the checksum to the device; its length. */
static size_t packet_make(const struct packet *packet)
{
    size_t at = payload_at(packet), len = at + packet->payload_len;
    memset(made, 0, at);
    frame_make(made, ETHERNET, &(struct wish){.kind = 0}, 0);
    put16(made + 12, packet->version == 4 ? 0x0800 : 0x86dd);
    make_ip(packet, made + ETHERNET, len);
    make_transport(packet, made + transport_at(packet));
    put16(made + transport_at(packet) + check_offset(packet), pseudo_sum(packet, made, len));
    for (size_t i = 0; i < packet->payload_len; i++)
        made[at + i] = (uint8_t)(i * 31 >> 3);
    made[at] = packet->kind;
    made[at + 1] = 1;
    return len;
}

static uint64_t offload_of(const struct packet *packet, bool cut)
{
    size_t start = transport_at(packet);
    return cut ? NET_OFFLOAD(start, check_offset(packet), MSS, payload_at(packet))
               : NET_OFFLOAD(start, check_offset(packet), 0, 0);
}

/* Whether IP's and the transport's checksums and lengths of a frame are right. */
static bool packet_valid(const struct packet *packet, const uint8_t *frame, size_t len)
{
    const uint8_t *ip = frame + ETHERNET;
    size_t start = transport_at(packet);
    size_t told = packet->version == 4 ? get16(ip + 2) + ETHERNET
                                       : get16(ip + 4) + ETHERNET + IPV6_HEADER;
    if (len < payload_at(packet) || told != len ||
        (packet->version == 4 && sum_of(ip, IPV4_HEADER, 0) != 0xffff))
        return false;
    return sum_of(frame + start, len - start, pseudo_sum(packet, frame, len)) == 0xffff;
}

/* ---- there and back ---- */

static void begin(void)
{
    find_driver();
    need_peer();
    port_start(&port, NET_MODE_UNICAST);
}

static void post(unsigned count)
{
    posts = count;
    port_post(&port, count, &first_post);
}

/* Sends what was made; the one before it may still be on its way, and lies elsewhere. */
static void send(size_t len, uint32_t flags, uint64_t offload)
{
    static unsigned turn;
    size_t offset = turn++ % 2 * SEND_SPACE;
    memcpy(port.pool + offset, made, len);
    (void)port_put(&port, NET_TX, flags, offload, NET_PIECE(offset, len), 0);
    EXPECT(port_kick(&port), 0);
}

/* The next frame's first answer, with all of it put together in `whole`; its length, 0: none came. */
static size_t receive(struct message *head)
{
    size_t len = 0;
    bool more = true;
    while (more) {
        struct message reply;
        if (!EXPECT(port_reply(&port, &reply, PATIENCE_US), 0) ||
            !EXPECT(message_status(&reply), 0))
            return 0;
        uint32_t id = NET_ID_OF(reply.word[0]);
        if (id - first_post >= posts)
            continue; /* the answer to what was sent */
        uint64_t bytes = reply.word[1], prefix = reply.word[4];
        if (!CHECK(bytes <= BUFFER_LEN && prefix <= NET_PREFIX_BYTES) ||
            !CHECK(len + bytes + prefix <= sizeof whole))
            return 0;
        CHECK((len == 0) == ((NET_FLAGS_OF(reply.word[0]) & NET_RX_LATER) == 0));
        if (len == 0)
            *head = reply;
        memcpy(whole + len, &reply.word[5], prefix);
        memcpy(whole + len + prefix, port_buffer(&port, id, first_post), bytes);
        len += bytes + prefix;
        more = (NET_FLAGS_OF(reply.word[0]) & NET_RX_MORE) != 0;
    }
    CHECK(len == head->word[3]);
    return len;
}

/* All but the addresses, and a checksum that the device has completed. */
static bool same(const struct packet *packet, size_t len, bool completed)
{
    size_t check = transport_at(packet) + check_offset(packet);
    if (completed)
        memcpy(made + check, whole + check, 2);
    return memcmp(whole + 12, made + 12, len - 12) == 0;
}

/* ---- checksums ---- */

static void checksum_completed(const struct packet *packet)
{
    struct message head = {0};
    size_t len = packet_make(packet);
    post(BUFFERS);
    send(len, NET_TX_CSUM, offload_of(packet, false));
    CHECK(receive(&head) == len);
    CHECK(packet_valid(packet, whole, len));
    CHECK(same(packet, len, true));
    CHECK(head.word[2] == 0);
    uint32_t expected = (net.flags & NET_INFO_RX_CSUM) != 0 ? NET_RX_CSUM_GOOD : 0;
    CHECK(NET_FLAGS_OF(head.word[0]) == expected);
}

static void checksum_left_open(const struct packet *packet)
{
    struct message head = {0};
    size_t len = packet_make(packet);
    post(BUFFERS);
    send(len, NET_TX_CSUM, offload_of(packet, false));
    CHECK(receive(&head) == len);
    CHECK(same(packet, len, false));
    CHECK(NET_FLAGS_OF(head.word[0]) == NET_RX_CSUM_PARTIAL);
    CHECK(head.word[2] == offload_of(packet, false));
}

static void each_kind(void (*test)(const struct packet *packet), uint8_t kind)
{
    static const size_t lengths[] = {18, 19, 700, 1401};
    for (unsigned i = 0; i < 4 * sizeof lengths / sizeof lengths[0]; i++) {
        const struct packet packet = {
            .version = i % 2 == 0 ? 4 : 6,
            .protocol = i / 2 % 2 == 0 ? TCP : UDP,
            .payload_len = lengths[i / 4],
            .kind = kind,
        };
        /* Buffers are those of one frame: what wasn't used is given back by detaching. */
        port_start(&port, NET_MODE_UNICAST);
        test(&packet);
        port_end(&port);
    }
}

void group_checksums(void)
{
    find_driver();
    need_peer();
    if ((net.flags & NET_INFO_TX_CSUM) == 0)
        skip("the device completes no checksums");
    each_kind(checksum_completed, 'E');
    if ((net.flags & NET_INFO_RX_CSUM) != 0)
        each_kind(checksum_left_open, 'L');
}

/* ---- segments ---- */

static uint32_t segment_flags(const struct packet *packet)
{
    return NET_TX_CSUM | (packet->version == 4 ? NET_TX_TSO4 : NET_TX_TSO6) |
           (packet->ecn ? NET_TX_ECN : 0);
}

/* One of the frames that a segment was cut into. */
static void check_piece(const struct packet *packet, size_t done, size_t part)
{
    const uint8_t *tcp = whole + transport_at(packet);
    size_t at = payload_at(packet);
    bool last = done + part == packet->payload_len;
    uint32_t sequence = get16(tcp + 4) << 16 | get16(tcp + 6);
    unsigned flags = TCP_ACK | (last ? TCP_PSH | TCP_FIN : 0) |
                     (packet->ecn && done == 0 ? TCP_CWR : 0);
    CHECK(packet_valid(packet, whole, at + part));
    CHECK(sequence == (uint32_t)(SEQUENCE + done));
    CHECK(tcp[13] == flags);
    if (packet->version == 4)
        CHECK(get16(whole + ETHERNET + 4) == 7 + done / MSS);
    CHECK(memcmp(whole + at, made + at + done, part) == 0);
}

/* The network sees frames of the right size, each complete. */
static void segment_cut(const struct packet *packet)
{
    struct message head = {0};
    size_t len = packet_make(packet);
    port_start(&port, NET_MODE_UNICAST);
    post(BUFFERS);
    send(len, segment_flags(packet), offload_of(packet, true));
    for (size_t done = 0; done < packet->payload_len; done += MSS) {
        size_t left = packet->payload_len - done, part = left < MSS ? left : MSS;
        if (!CHECK(receive(&head) == payload_at(packet) + part))
            break;
        check_piece(packet, done, part);
    }
    port_end(&port);
}

/* A segment that comes long, in as many buffers as it takes. */
static void segment_whole(const struct packet *packet)
{
    struct message head = {0};
    size_t len = packet_make(packet);
    uint32_t expected = NET_RX_CSUM_PARTIAL | (packet->version == 4 ? NET_RX_TSO4 : NET_RX_TSO6) |
                        (packet->ecn ? NET_RX_ECN : 0);
    port_start(&port, NET_MODE_UNICAST);
    post(BUFFERS);
    send(len, segment_flags(packet), offload_of(packet, true));
    CHECK(receive(&head) == len);
    CHECK((NET_FLAGS_OF(head.word[0]) & ~NET_RX_MORE) == expected);
    CHECK((NET_FLAGS_OF(head.word[0]) & NET_RX_MORE) != 0);
    CHECK(head.word[2] == offload_of(packet, true));
    CHECK(same(packet, len, false));
    port_end(&port);
}

void group_segments(void)
{
    const struct packet packets[] = {
        {.version = 4, .protocol = TCP, .payload_len = 20500},
        {.version = 6, .protocol = TCP, .payload_len = 20500},
        {.version = 4, .protocol = TCP, .payload_len = 5000, .ecn = true},
        {.version = 4, .protocol = TCP, .payload_len = 65535 - IPV4_HEADER - TCP_HEADER},
    };
    find_driver();
    need_peer();
    if (net.tx_segments_max_bytes == 0)
        skip("the device cuts no segments");
    for (unsigned i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        struct packet packet = packets[i];
        uint32_t need = packet.version == 4 ? NET_INFO_TX_TSO4 : NET_INFO_TX_TSO6;
        if ((net.flags & need) == 0 || (packet.ecn && (net.flags & NET_INFO_TX_ECN) == 0))
            continue;
        packet.kind = 'E';
        if (packet.payload_len / MSS < BUFFERS)
            segment_cut(&packet);
        packet.kind = 'L';
        if ((net.flags & NET_INFO_RX_TSO) != 0)
            segment_whole(&packet);
    }
}

/* ---- headers ---- */

/* A device's header (virtio 1.4, 5.1.6), as the peer is asked to write it. */
struct device_header {
    uint8_t flags, gso_type;
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset, num_buffers;
};
static_assert(sizeof(struct device_header) == 12, "virtio 1.4, 5.1.6");

#define ASKED_LEN 200u
#define WISH_BYTES 14u
#define AS_TOLD 1u /* the peer writes num_buffers, too */

/* Asks for a frame with that header. */
static void ask(const struct device_header *header, unsigned as_told)
{
    uint8_t *payload = made + ETHERNET;
    frame_make(made, 64, &(struct wish){'H', 1, ASKED_LEN, NULL, NO_VLAN}, 0);
    put16(payload + WISH_BYTES - 2, as_told);
    memcpy(payload + WISH_BYTES, header, sizeof *header);
    send(64, 0, 0);
}

static const struct {
    struct device_header header;
    bool good;
} headers[] = {
    {{.flags = 0}, true},
    {{.flags = 0xf8}, true}, /* flags that don't exist are ignored */
    {{.flags = 2}, true},    /* vouched for */
    {{.flags = 1, .csum_start = 34, .csum_offset = 16}, true},
    {{.flags = 1, .csum_start = 34, .csum_offset = ASKED_LEN - 36}, true},
    {{.flags = 1, .csum_start = 34, .csum_offset = ASKED_LEN - 35}, false}, /* beyond the frame */
    {{.flags = 1, .csum_start = ASKED_LEN, .csum_offset = 0}, false},
    {{.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff}, false},
    {{.flags = 1, .csum_start = 13, .csum_offset = 2}, false}, /* in Ethernet's header */
    {{.flags = 1, .gso_type = 1, .gso_bytes = 100, .csum_start = 34, .csum_offset = 16}, true},
    {{.flags = 1, .gso_type = 1, .gso_bytes = 0, .csum_start = 34, .csum_offset = 16}, false},
    {{.flags = 0, .gso_type = 1, .gso_bytes = 100}, false}, /* nobody can complete those */
    {{.flags = 1, .gso_type = 3, .gso_bytes = 100, .csum_start = 34, .csum_offset = 6}, false},
    {{.flags = 1, .gso_type = 5, .gso_bytes = 100, .csum_start = 34, .csum_offset = 16}, false},
    {{.flags = 1, .gso_type = 0x7f, .gso_bytes = 100, .csum_start = 34, .csum_offset = 16}, false},
};

/* What a header says is checked; a frame with one that can't be is dropped, counted, and harms none. */
void group_headers(void)
{
    const uint32_t needed = NET_INFO_RX_CSUM | NET_INFO_RX_TSO;
    begin();
    if ((net.flags & needed) != needed)
        skip("the device has little to say in its headers");
    for (unsigned i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct net_stats before, after;
        struct message head;
        EXPECT(read_stats(NULL, &before), 0);
        post(2);
        ask(&headers[i].header, 0);
        if (!headers[i].good)
            ask(&(struct device_header){.flags = 0}, 0);
        check(receive(&head) == ASKED_LEN, __LINE__, "header %u", i);
        CHECK(frame_number(whole, ASKED_LEN) == 0);
        /* The other buffer is used, too, so that the next header finds its own. */
        ask(&(struct device_header){.flags = 0}, 0);
        CHECK(receive(&head) == ASKED_LEN);
        EXPECT(read_stats(NULL, &after), 0);
        uint64_t bad = after.rx_bad_frames - before.rx_bad_frames;
        check(bad == !headers[i].good, __LINE__, "header %u: %lu bad frames", i,
              (unsigned long)bad);
    }
    port_end(&port);
}

/* ---- lies about the number of buffers ---- */

/* The driver, which can't know any more what is where, has its device reset. */
static void lie(const char *service, uint16_t num_buffers)
{
    struct rs_service_info info;
    endpoint_t now = driver;
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    port_start(&port, NET_MODE_UNICAST);
    post(4);
    ask(&(struct device_header){.num_buffers = num_buffers}, AS_TOLD);
    /* While it dies its name is still there. */
    while ((name_lookup(test_subject, &now) != 0 || now == driver) && ticks_now() < deadline)
        sleep_us(1000);
    check(now != driver, __LINE__, "it lives with %u buffers", num_buffers);
    CHECK(revoke(port.pool_grant));
    EXPECT(rs_find(service, &info), 0);
    CHECK(info.last_cause == DEATH_DEVICE_RESET);
    find_driver();
}

void group_lies(void)
{
    static const uint16_t numbers[] = {0, 300, 0xffff};
    char service[RS_NAME_LEN];
    begin();
    if ((net.flags & NET_INFO_RX_TSO) == 0)
        skip("a frame is always in one buffer");
    port_end(&port);
    service_of_driver(service);
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        lie(service, numbers[i]);
    begin();
    port_end(&port);
}

/* ---- a back end that goes and comes ---- */

static uint64_t wait_for_link(uint64_t known, bool up)
{
    uint64_t deadline = deadline_in_us(2 * PATIENCE_US);
    struct message state;
    do {
        state = (struct message){.word = {NET_ID(21, NET_LINK_CHANGE), port.id, known}};
        int status = anole_call(driver, NET_LINK, &state, deadline);
        if (!EXPECT(status, 0))
            exit(1);
        known = state.word[2];
    } while (((state.word[1] & NET_LINK_UP) != 0) != up);
    return known;
}

/* The link is down meanwhile; afterwards the same session goes on. */
void group_reconnect(void)
{
    struct message head, link = {.word = {1}};
    begin();
    EXPECT(net_call(NET_LINK, &link), 0);
    post(BUFFERS);
    frame_make(made, 64, &(struct wish){.kind = 'D'}, 0);
    send(64, 0, 0);
    (void)wait_for_link(wait_for_link(link.word[2], false), true);
    frame_make(made, 300, &(struct wish){.kind = 'E'}, 5);
    send(300, 0, 0);
    CHECK(receive(&head) == 300);
    CHECK(frame_is(whole, 300, made));
    port_end(&port);
}
