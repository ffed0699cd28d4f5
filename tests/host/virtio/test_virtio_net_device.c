/*
 * virtio_net's device: frames, counts, answers and configurations that make no sense, and one that stops
 * answering.
 */
#include "net_fixture.h"

#include <anole/error.h>
#include <string.h>

/* What can't be is dropped and counted, and its buffers are used again. */
static void bad_frames(void **state)
{
    (void)state;
    net_start(NET_USUAL | BIT(VIRTIO_NET_F_GUEST_CSUM));
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    (void)client_post(&a, 2);
    static const struct {
        unsigned char header[NIC_MODEL_HEADER];
        size_t len;
    } bad[] = {
        {{0}, 13},
        {{0}, 0},
        {{1, 0, 0, 0, 0, 0, 90, 0, 9, 0}, 100},       /* checksum behind the end */
        {{1, 0, 0, 0, 0, 0, 255, 255, 255, 255}, 90}, /* far behind */
        {{1, 0, 0, 0, 0, 0, 13, 0, 9, 0}, 90},        /* in the Ethernet header */
        {{0, 1, 54, 0, 10, 0}, 100},                  /* segments, not agreed upon */
        {{1, 3, 54, 0, 10, 0, 34, 0, 6}, 100},        /* UDP fragments */
        {{0, 77}, 100},                               /* no such type */
    };
    net_make(net_own, 100);
    struct message answer;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(nic_model_deliver(&model, bad[i].header, net_frame, bad[i].len));
        net_work();
        if (client_answer(&a, &answer))
            fail_msg("case %u is let through", i);
    }
    static const unsigned char good[NIC_MODEL_HEADER] = {0xf1 | 2, 0, 0, 0, 0, 0, 34, 0, 16, 0};
    assert_true(nic_model_deliver(&model, good, net_frame, 100)); /* unknown flags are nothing */
    net_work();
    assert_int_equal(client_answer(&a, &answer), 1);
    assert_int_equal(NET_FLAGS_OF(answer.word[0]), NET_RX_CSUM_PARTIAL);
    assert_int_equal(answer.word[2], NET_OFFLOAD(34, 16, 0, 0));
    struct net_stats stats;
    net_statistics(&stats);
    assert_int_equal(stats.rx_bad_frames, sizeof(bad) / sizeof(bad[0]));
    assert_int_equal(stats.rx_frames, 1);
    client_end(&a);
}

static void impossible_buffer_counts(void **state)
{
    (void)state;
    static const int counts[] = {0, 3, 257, 65535};
    for (unsigned i = 0; i < 4; i++) {
        net_start(NET_USUAL);
        client_start(&a, CLIENT_A, NET_MODE_UNICAST);
        (void)client_post(&a, 2);
        model.num_buffers = counts[i];
        net_make(net_own, 100);
        assert_true(nic_model_receive(&model, net_frame, 100));
        net_work();
        assert_int_equal(died, NIC_BROKEN_RING);
    }
}

/* Two were promised and the second one takes its time. */
static void a_frame_in_two_goes(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    (void)client_post(&a, 4);
    net_make(net_own, 100);
    model.num_buffers = 2;
    assert_true(nic_model_receive(&model, net_frame, 100));
    net_work();
    struct message answer;
    assert_int_equal(client_answer(&a, &answer), 0);
    assert_true(nic_model_receive(&model, net_frame, 50));
    net_work();
    assert_int_equal(client_answer(&a, &answer), 1);
    assert_int_equal(NET_FLAGS_OF(answer.word[0]), NET_RX_MORE);
    assert_int_equal(answer.word[3], 100 + NIC_MODEL_HEADER + 50);
    assert_int_equal(client_answer(&a, &answer), 1);
    assert_int_equal(answer.word[1], 50);
    model.num_buffers = -1;
    client_end(&a);
}

static void commands(void **state)
{
    (void)state;
    static unsigned char addresses[2][6] = {{2, 9, 9, 9, 9, 9}, {1, 0, 0x5e, 0, 0, 1}};
    client_open(&a, CLIENT_A);
    handle_t grant = fake_grant(CLIENT_A, addresses, sizeof(addresses), GRANT_READ);
    struct message message = {.word = {NET_ID(1, NET_MODE_ALL_MULTICAST), a.session, grant, 0, 2}};
    assert_int_equal(net_call_as(&a, NET_RX_MODE, &message), 0);
    assert_true(model.all_multicast && !model.promiscuous);
    assert_int_equal(model.unicast_count, 1);
    assert_memory_equal(model.unicast[0], addresses[0], 6);
    assert_int_equal(model.multicast_count, 1);
    assert_memory_equal(model.multicast[0], addresses[1], 6);
    message = (struct message){.word = {1, a.session, 77, 1}};
    assert_int_equal(net_call_as(&a, NET_VLAN, &message), 0);
    assert_int_equal(model.vlans[77], 1);
    message = (struct message){.word = {1, a.session, 0x070000000002ull}};
    assert_int_equal(net_call_as(&a, NET_MAC_SET, &message), 0);
    assert_int_equal(model.config[5], 7);
    model.refuses = true;
    assert_int_equal(client_mode(&a, NET_MODE_UNICAST), -ANOLE_EIO);
    message = (struct message){.word = {1, a.session, 78, 1}};
    assert_int_equal(net_call_as(&a, NET_VLAN, &message), -ANOLE_EIO);
    model.refuses = false;
    client_end(&a); /* its VLANs with it */
    assert_int_equal(model.vlans[77], 0);
    assert_int_equal(model.unicast_count, 0);
}

static void silent_control_queue(void **state)
{
    (void)state;
    client_open(&a, CLIENT_A);
    model.silent = true;
    uint64_t before = model.now_us;
    (void)client_mode(&a, NET_MODE_UNICAST);
    assert_int_equal(died, NIC_STUCK);
    assert_true(model.now_us - before <= 1100000);
}

static void frame_is_never_sent(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, 0);
    model.hold_sends = true;
    (void)client_put(&a, NET_TX, 0, 0, NET_PIECE(0, 64), 0);
    client_go(&a);
    net_pass(NET_STUCK_US - 300000);
    assert_int_equal(died, 0);
    net_pass(600000);
    assert_int_equal(died, NIC_STUCK);
}

static void needs_reset(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    model.hostile = true;
    vdev_break(&model.device, "by order");
    net_work();
    assert_int_equal(died, NIC_NEEDS_RESET);
}

static void links(void **state)
{
    (void)state;
    client_open(&a, CLIENT_A);
    assert_int_equal(nic.net.info.link, NET_LINK_UP);
    struct message message = {.word = {1}};
    assert_int_equal(net_call_as(&a, NET_LINK, &message), 0);
    uint64_t number = message.word[2];
    message = (struct message){.word = {NET_ID(2, NET_LINK_CHANGE), a.session, number}};
    assert_int_equal(net_call_as(&a, NET_LINK, &message), SERVICE_NO_REPLY);
    uint64_t call = net_last_call;
    nic_model_link(&model, 0);
    net_work();
    assert_int_equal(fake_reply_to(call)->word[1], 0);
    assert_int_equal(fake_reply_to(call)->word[2], number + 1);
    message = (struct message){.word = {NET_ID(2, NET_LINK_CHANGE), a.session, number + 1}};
    assert_int_equal(net_call_as(&a, NET_LINK, &message), SERVICE_NO_REPLY);
    call = net_last_call;
    nic_model_link(&model, 3);
    net_work();
    assert_int_equal(fake_reply_to(call)->word[1], NET_LINK_UP | NET_LINK_ANNOUNCE);
    assert_int_equal(model.announced, 1);
    message = (struct message){.word = {NET_ID(2, NET_LINK_CHANGE), a.session, number}};
    assert_int_equal(net_call_as(&a, NET_LINK, &message), 0);
    assert_int_equal(message.word[1], NET_LINK_UP); /* it was told */
    client_end(&a);
}

static void odd_configurations(void **state)
{
    (void)state;
    static const struct {
        unsigned mtu, used;
        bool parts;
    } cases[] = {{0, 1500, true},      {67, 1500, true},     {68, 68, true},
                 {9000, 9000, true},   {65535, 65532, true}, {9000, 9000, false},
                 {65535, 16366, false}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t features = NET_USUAL | BIT(VIRTIO_NET_F_MTU);
        net_device(cases[i].parts ? features : features & ~BIT(VIRTIO_NET_F_MRG_RXBUF));
        model.config[10] = (unsigned char)cases[i].mtu;
        model.config[11] = (unsigned char)(cases[i].mtu >> 8);
        assert_int_equal(net_driver(), 0);
        assert_int_equal(nic.net.info.mtu_bytes, cases[i].used);
        assert_true(cases[i].parts ||
                    nic.net.info.rx_buffer_min_bytes == cases[i].used + NET_FRAME_MIN + 4);
    }
    static const unsigned char none[2][6] = {{0}, {3, 0, 0, 0, 0, 1}};
    unsigned char made[6];
    for (unsigned i = 0; i < 2; i++) {
        net_device(NET_USUAL);
        memcpy(model.config, none[i], 6);
        assert_int_equal(net_driver(), 0);
        assert_true((nic.net.info.flags & NET_INFO_MAC_RANDOM) != 0);
        assert_int_equal(nic.net.info.address[0] & 3, 2);
        if (i > 0) /* the next instance has the same */
            assert_memory_equal(nic.net.info.address, made, 6);
        memcpy(made, nic.net.info.address, 6);
    }
    net_start(BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_SPEED_DUPLEX));
    assert_int_equal(nic.net.info.speed_mbits, 1000);
    assert_int_equal(nic.net.info.link, NET_LINK_UP | NET_LINK_FULL_DUPLEX);
    client_open(&a, CLIENT_A); /* no control queue: nothing can be refused */
    assert_int_equal(client_mode(&a, NET_MODE_PROMISCUOUS), 0);
    struct message message = {.word = {1, a.session, 0x070000000002ull}};
    assert_int_equal(net_call_as(&a, NET_MAC_SET, &message), -ANOLE_ENOSYS);
    client_end(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, net_set_up, net_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_frames),           TEST(impossible_buffer_counts),
        TEST(a_frame_in_two_goes),  TEST(commands),
        TEST(silent_control_queue), TEST(frame_is_never_sent),
        TEST(needs_reset),          TEST(links),
        TEST(odd_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
