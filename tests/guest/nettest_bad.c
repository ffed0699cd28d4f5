/*
 * Groups: what must be refused, and leave the driver as it was.
 */
#include "nettest.h"

#include <string.h>

static struct port port;
static uint8_t frame[FRAME_MOST];

void group_bad_grants(void)
{
    find_driver();
    EXPECT(port_open(&port), 0);
    frame_make(frame, 100, &(struct wish){.kind = 'Q'}, 0);
    handle_t write_only = grant(frame, 100, GRANT_WRITE);
    handle_t read_only = grant(frame, 100, GRANT_READ);
    handle_t stale = grant(frame, 100, GRANT_READ);
    CHECK(revoke(stale));
    const struct {
        handle_t handle;
        uint64_t offset, len;
        int status;
    } sends[] = {
        {HANDLE_NONE, 0, 100, -ANOLE_EBADHANDLE}, {stale, 0, 100, -ANOLE_EBADHANDLE},
        {write_only, 0, 100, -ANOLE_EPERM},       {read_only, 0, 101, -ANOLE_ERANGE},
        {read_only, 1, 100, -ANOLE_ERANGE},       {read_only, ~0ull, 100, -ANOLE_ERANGE},
        {read_only, 0, ~0ull, -ANOLE_EINVAL},     {read_only, 0, 100, 0},
    };
    for (unsigned i = 0; i < sizeof sends / sizeof sends[0]; i++) {
        struct message message = {
            .word = {1, port.id, 0, sends[i].handle, sends[i].offset, sends[i].len, 0}};
        int status = net_call(NET_SEND, &message);
        check(status == sends[i].status, __LINE__, "SEND %u: expected %d, found %d", i,
              sends[i].status, status);
    }
    struct message message = {.word = {1, port.id, 0, read_only, 0, 0, 0}};
    EXPECT(net_call(NET_RECEIVE, &message), -ANOLE_EINVAL);
    message = (struct message){.word = {1, port.id, 0, read_only, 0, 100, 1}};
    EXPECT(net_call(NET_RECEIVE, &message), -ANOLE_ETIMEDOUT);
    CHECK(revoke(write_only) && revoke(read_only));
    EXPECT(port_close(&port), 0);
}

static int tx(uint32_t flags, uint64_t w2, uint64_t w3, uint64_t w4)
{
    struct message reply;
    uint32_t id = port_put(&port, NET_TX, flags, w2, w3, w4);
    EXPECT(port_kick(&port), 0);
    EXPECT(port_reply(&port, &reply, PATIENCE_US), 0);
    CHECK(NET_ID_OF(reply.word[0]) == id);
    return message_status(&reply);
}

/* A feature that isn't there: ENOSYS; else this. */
static int with(uint32_t feature, int status)
{
    return (net.flags & feature) != 0 ? status : -ANOLE_ENOSYS;
}

void group_bad_frames(void)
{
    find_driver();
    port_start(&port, 0);
    EXPECT(tx(0, 0, 0, 0), -ANOLE_EINVAL);
    EXPECT(tx(0, 0, NET_PIECE(POOL_LEN - 63, 64), 0), -ANOLE_ERANGE);
    EXPECT(tx(0, 0, NET_PIECE(POOL_LEN, 64), 0), -ANOLE_ERANGE);
    EXPECT(tx(0, 0, NET_PIECE(0xffffffffu, 64), 0), -ANOLE_ERANGE);
    EXPECT(tx(0, 0, NET_PIECE(0, 0xffffffffu), 0), -ANOLE_ERANGE);
    EXPECT(tx(0, 0, NET_PIECE(0, 64), NET_PIECE(64, 0)), -ANOLE_EINVAL);
    EXPECT(tx(0, 0, NET_PIECE(0, 10), NET_PIECE(POOL_LEN - 1, 2)), -ANOLE_ERANGE);
    EXPECT(tx(0x80, 0, NET_PIECE(0, 64), 0), -ANOLE_EINVAL);
    EXPECT(tx(0, 1, NET_PIECE(0, 64), 0), -ANOLE_EINVAL);
    EXPECT(tx(NET_TX_VECTOR, 0, 0, 0), -ANOLE_EINVAL);
    EXPECT(tx(NET_TX_VECTOR, 0, 0, NET_PIECES_MAX + 1), -ANOLE_EINVAL);
    EXPECT(tx(NET_TX_VECTOR, 0, 0, ~0ull), -ANOLE_EINVAL);
    EXPECT(tx(NET_TX_VECTOR, 0, POOL_LEN - 4, 1), -ANOLE_ERANGE);
    EXPECT(tx(NET_TX_VECTOR, 0, ~0ull, 1), -ANOLE_ERANGE);
    struct net_piece *vector = (struct net_piece *)(void *)port.pool;
    vector[0] = (struct net_piece){POOL_LEN - 1, 100};
    EXPECT(tx(NET_TX_VECTOR, 0, 0, 1), -ANOLE_ERANGE);
    vector[0] = (struct net_piece){64, 100};
    vector[1] = (struct net_piece){64, 0};
    EXPECT(tx(NET_TX_VECTOR, 0, 0, 2), -ANOLE_EINVAL);

    uint64_t beyond = NET_OFFLOAD(60, 3, 0, 0), early = NET_OFFLOAD(13, 4, 0, 0);
    uint64_t piece = NET_PIECE(0, 64);
    EXPECT(tx(NET_TX_CSUM, beyond, piece, 0), with(NET_INFO_TX_CSUM, -ANOLE_EINVAL));
    EXPECT(tx(NET_TX_CSUM, early, piece, 0), with(NET_INFO_TX_CSUM, -ANOLE_EINVAL));
    EXPECT(tx(NET_TX_CSUM, NET_OFFLOAD(0xffff, 0xffff, 0, 0), piece, 0),
           with(NET_INFO_TX_CSUM, -ANOLE_EINVAL));
    EXPECT(tx(NET_TX_CSUM, NET_OFFLOAD(34, 16, 536, 54), piece, 0),
           with(NET_INFO_TX_CSUM, -ANOLE_EINVAL));
    EXPECT(tx(NET_TX_TSO4, NET_OFFLOAD(34, 16, 536, 54), piece, 0),
           with(NET_INFO_TX_TSO4, -ANOLE_EINVAL));
    EXPECT(tx(NET_TX_ECN, 0, piece, 0), with(NET_INFO_TX_ECN, -ANOLE_EINVAL));
    EXPECT(tx(0, 0, piece, 0), 0);
    port_end(&port);
}

static int post(uint64_t offset, uint64_t len)
{
    struct message reply;
    uint32_t id = port_put(&port, NET_RX_POST, 0, offset, len, 0);
    EXPECT(port_kick(&port), 0);
    int status = port_reply(&port, &reply, 50000);
    if (status != 0)
        return status;
    CHECK(NET_ID_OF(reply.word[0]) == id);
    return message_status(&reply);
}

void group_bad_posts(void)
{
    find_driver();
    port_start(&port, 0);
    uint32_t least = net.rx_buffer_min_bytes;
    EXPECT(post(0, 0), -ANOLE_EINVAL);
    EXPECT(post(0, least - 1), -ANOLE_EINVAL);
    EXPECT(post(0, (uint64_t)net.rx_buffer_max_bytes + 1), -ANOLE_EINVAL);
    EXPECT(post(0, ~0ull), -ANOLE_EINVAL);
    EXPECT(post(POOL_LEN - least + 1, least), -ANOLE_ERANGE);
    EXPECT(post(~0ull, least), -ANOLE_ERANGE);
    EXPECT(post(POOL_LEN - least, least), -ANOLE_ETIMEDOUT); /* it waits */
    port_end(&port);
}

/* Attaches with one thing wrong. */
static int attach_with(uint32_t entries, uint64_t told_entries, uint64_t pool_len, unsigned access,
                       bool offer)
{
    struct port bad;
    EXPECT(port_open(&bad), 0);
    size_t len = (channel_size(entries) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    handle_t region, region_offer, doorbell;
    void *pool;
    EXPECT(kcall_region_create(len, 0, &region), 0);
    EXPECT(kcall_region_offer(region, driver, PROT_READ_BIT | (offer ? PROT_WRITE_BIT : 0),
                              &region_offer),
           0);
    EXPECT(kcall_doorbell(driver, BIT_CHANNEL, &doorbell), 0);
    EXPECT(kcall_map(65536, PROT_READ_BIT | PROT_WRITE_BIT, &pool), 0);
    handle_t pool_grant = access != 0 ? grant(pool, 65536, access) : HANDLE_NONE;
    struct message message = {
        .word = {1, bad.id, region_offer, doorbell, pool_grant, pool_len, told_entries}};
    int status = net_call(NET_ATTACH, &message);
    if (status == 0) {
        message = (struct message){.word = {1, bad.id}};
        EXPECT(net_call(NET_DETACH, &message), 0);
    }
    EXPECT(port_close(&bad), 0);
    if (pool_grant != HANDLE_NONE)
        CHECK(revoke(pool_grant));
    EXPECT(kcall_unmap(pool, 65536), 0);
    EXPECT(kcall_close(doorbell), 0);
    EXPECT(kcall_close(region_offer), 0);
    EXPECT(kcall_close(region), 0);
    return status;
}

void group_bad_attach(void)
{
    const unsigned both = GRANT_READ | GRANT_WRITE;
    find_driver();
    EXPECT(attach_with(64, 64, 65536, both, true), 0);
    EXPECT(attach_with(64, 64, 65536, both, false), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 1024, 65536, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 0, 65536, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 63, 65536, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 2048, 65536, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, ~0ull, 65536, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 64, 0, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 64, 65537, both, true), -ANOLE_ERANGE);
    EXPECT(attach_with(64, 64, NET_POOL_BYTES_MAX + 1ull, both, true), -ANOLE_EINVAL);
    EXPECT(attach_with(64, 64, 65536, GRANT_READ, true), -ANOLE_EPERM);
    EXPECT(attach_with(64, 64, 65536, GRANT_WRITE, true), -ANOLE_EPERM);
    EXPECT(attach_with(64, 64, 65536, 0, true), -ANOLE_EINVAL);
    /* Twice is once too often; a session with a channel receives through that. */
    port_start(&port, 0);
    struct message message = {
        .word = {1, port.id, port.offer, port.doorbell, port.pool_grant, POOL_LEN, RING_ENTRIES}};
    EXPECT(net_call(NET_ATTACH, &message), -ANOLE_EBUSY);
    EXPECT(port_close(&port), -ANOLE_EBUSY);
    message = (struct message){.word = {1, port.id, 0, port.pool_grant, 0, 100, 0}};
    EXPECT(net_call(NET_RECEIVE, &message), -ANOLE_EINVAL);
    port_end(&port);
}

/* A client that writes what it likes into the ring is shut out, alone. */
void group_ring_abuse(void)
{
    static const uint32_t jumps[] = {4 + RING_ENTRIES + 1, 0x80000000u, 0xffffffffu};
    struct port other;
    find_driver();
    EXPECT(port_open(&other), 0);
    frame_make(frame, 64, &(struct wish){.kind = 'Q'}, 0);
    for (unsigned i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        port_start(&port, NET_MODE_UNICAST);
        uint32_t first;
        port_post(&port, 4, &first);
        struct channel_shared *shared = port.memory;
        atomic_store(&shared->requests.produced, jumps[i]);
        EXPECT(ipc_notify(driver, port.driver_doorbell), 0);
        EXPECT(send_frame(&other, frame, 64), 0);
        struct message reply;
        EXPECT(port_reply(&port, &reply, 20000), -ANOLE_ETIMEDOUT);
        port_end(&port);
    }
    /* Garbage in the messages themselves. */
    port_start(&port, 0);
    unsigned refused = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct message message = {.type = MESSAGE_TYPE(PROTO_NET, i % 20)};
        for (unsigned k = 0; k < MESSAGE_WORDS; k++)
            message.word[k] = (i * 7 + k) * 0x9e3779b97f4a7c15ull;
        EXPECT(channel_put(&port.channel, &message), 0);
    }
    EXPECT(port_kick(&port), 0);
    struct message reply;
    for (unsigned i = 0; i < 100; i++)
        if (EXPECT(port_reply(&port, &reply, PATIENCE_US), 0))
            refused += message_status(&reply) < 0;
    check(refused == 100, __LINE__, "%u of 100 were refused", refused);
    EXPECT(send_frame(&other, frame, 64), 0);
    port_end(&port);
    EXPECT(port_close(&other), 0);
}

void group_cancel(void)
{
    struct message reply;
    find_driver();
    port_start(&port, 0); /* deaf: buffers stay with the driver */
    uint32_t first;
    port_post(&port, 3, &first);
    (void)port_put(&port, NET_CANCEL, 0, first + 1, 0, 0);
    (void)port_put(&port, NET_CANCEL, 0, first + 77, 0, 0);
    EXPECT(port_kick(&port), 0);
    unsigned canceled = 0, done = 0, unknown = 0;
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(port_reply(&port, &reply, PATIENCE_US), 0);
        uint32_t id = NET_ID_OF(reply.word[0]);
        canceled += id == first + 1 && message_status(&reply) == -ANOLE_ECANCELED;
        done += id == first + 3 && message_status(&reply) == 0;
        unknown += id == first + 4 && message_status(&reply) == -ANOLE_ENOENT;
    }
    CHECK(canceled == 1 && done == 1 && unknown == 1);
    struct net_stats stats;
    EXPECT(read_stats(&port, &stats), 0);
    CHECK(stats.session_rx_posted == 2);
    port_end(&port);
}
