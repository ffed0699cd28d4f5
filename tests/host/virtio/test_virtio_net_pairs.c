/*
 * virtio_net with several pairs of queues (virtio 1.4, 5.1.6.5.6): one receiver has the first pair to
 * itself, several share all of them, and whatever changes that loses no frame.
 */
#include "net_fixture.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

#define NET_PAIRS (NET_USUAL | BIT(VIRTIO_NET_F_MQ))
#define FRAME_LEN 100u

static const unsigned char to_all[6] = {255, 255, 255, 255, 255, 255};

static int set_up(void **state)
{
    (void)state;
    net_start(NET_PAIRS);
    return 0;
}

static void deliver(unsigned pair, unsigned char mark)
{
    unsigned char frame[FRAME_LEN] = {0};
    memcpy(frame, to_all, sizeof(to_all));
    frame[20] = mark;
    model.by_pair = pair;
    assert_true(nic_model_receive(&model, frame, sizeof(frame)));
    net_work();
}

/* The next answer of a client is a frame with that mark, whichever buffer it is in. */
static void expect_frame(struct client *client, uint32_t first, unsigned char mark)
{
    struct message answer;
    assert_int_equal(client_answer(client, &answer), 1);
    assert_int_equal(message_status(&answer), 0);
    assert_int_equal(answer.word[1], FRAME_LEN);
    size_t offset = (NET_ID_OF(answer.word[0]) - first) * (size_t)BUFFER_BYTES;
    assert_int_equal(client->pool[offset + 20], mark);
}

static void put_frames(struct client *client, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        client->pool[POOL_BYTES - (i + 1) * 100ul] = (unsigned char)i;
        (void)client_put(client, NET_TX, 0, 0, NET_PIECE(POOL_BYTES - (i + 1) * 100ul, 64), 0);
    }
    client_go(client);
}

static void expect_sent(struct client *client, unsigned count)
{
    struct message answer;
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(client_answer(client, &answer), 1);
        assert_int_equal(message_status(&answer), 0);
    }
}

static void one_receiver_has_one_pair(void **state)
{
    (void)state;
    struct net_stats stats;
    assert_int_equal(nic.pairs, 4);
    assert_int_equal(nic.net.info.rx_slots, 256);
    client_start(&a, CLIENT_A, NET_MODE_BROADCAST);
    uint32_t first = client_post(&a, 100);
    assert_int_equal(model.pairs, 1);
    deliver(0, 7);
    expect_frame(&a, first, 7);
    put_frames(&a, 3);
    assert_int_equal(model.sent_by[0], 3);
    expect_sent(&a, 3);
    net_statistics(&stats);
    assert_int_equal(stats.rx_direct_frames, 1);
    client_end(&a);
}

static void several_receivers_have_all(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_BROADCAST);
    client_start(&b, CLIENT_B, NET_MODE_BROADCAST);
    uint32_t first_a = client_post(&a, 20), first_b = client_post(&b, 20);
    assert_int_equal(model.pairs, 4);
    for (unsigned pair = 0; pair < 4; pair++) {
        deliver(pair, (unsigned char)pair);
        expect_frame(&a, first_a, (unsigned char)pair);
        expect_frame(&b, first_b, (unsigned char)pair);
    }
    put_frames(&a, 3);
    put_frames(&b, 5);
    assert_int_equal(model.sent_by[0], 3);
    assert_int_equal(model.sent_by[1], 5);
    expect_sent(&a, 3);
    expect_sent(&b, 5);
    /* A pair each: what one sends doesn't wait behind the other. */
    client_end(&b);
    assert_int_equal(model.pairs, 1);
    deliver(0, 9);
    expect_frame(&a, first_a, 9);
    client_end(&a);
}

/* Parts of frames come mixed from several rings: each frame is put together of its own. */
static void long_frames_by_two_pairs(void **state)
{
    (void)state;
    static unsigned char frame[5000];
    client_start(&a, CLIENT_A, NET_MODE_BROADCAST);
    client_start(&b, CLIENT_B, NET_MODE_BROADCAST);
    uint32_t first = client_post(&a, 20);
    memcpy(frame, to_all, sizeof(to_all));
    for (unsigned pair = 0; pair < 4; pair++) {
        memset(frame + 14, (int)pair + 1, sizeof(frame) - 14);
        model.by_pair = pair;
        assert_true(nic_model_receive(&model, frame, sizeof(frame)));
    }
    net_work();
    struct message answer;
    size_t bytes[5] = {0};
    while (client_answer(&a, &answer) == 1) {
        size_t offset = (NET_ID_OF(answer.word[0]) - first) * (size_t)BUFFER_BYTES;
        unsigned mark = a.pool[offset + answer.word[1] - 1];
        assert_in_range(mark, 1, 4);
        bytes[mark] += answer.word[1] + answer.word[4];
    }
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(bytes[i], sizeof(frame));
    client_end(&b);
    client_end(&a);
}

/* A pair that still sends isn't given up before it has. */
static void narrowing_waits(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_BROADCAST);
    client_start(&b, CLIENT_B, NET_MODE_BROADCAST);
    uint32_t first = client_post(&a, 20);
    model.hold_sends = true;
    put_frames(&b, 5);
    assert_int_equal(client_mode(&b, 0), 0);
    net_work();
    assert_int_equal(model.pairs, 4);
    /* What it sends meanwhile goes by the pair that stays, and what comes is still for everybody. */
    put_frames(&b, 2);
    deliver(3, 1);
    expect_frame(&a, first, 1);
    model.hold_sends = false;
    net_work();
    nic_model_work(&model);
    net_pass(200000);
    assert_int_equal(model.sent_by[1], 5);
    assert_int_equal(model.sent_by[0], 2);
    expect_sent(&b, 7);
    assert_int_equal(model.pairs, 1);
    deliver(0, 2);
    expect_frame(&a, first, 2);
    client_end(&b);
    client_end(&a);
}

static void one_lane_is_full(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_BROADCAST);
    client_start(&b, CLIENT_B, NET_MODE_BROADCAST);
    model.hold_sends = true;
    for (unsigned i = 0; i < 200; i++) /* more than a ring of 64 takes */
        (void)client_put(&b, NET_TX, 0, 0, NET_PIECE(0, 64), 0);
    client_go(&b);
    put_frames(&a, 3);
    /* The device has a's frames though b's wait for room. */
    assert_int_equal(nic.pair[0].tx.queue.shown, 3);
    assert_int_equal(nic.pair[1].tx.queue.shown, 64);
    model.hold_sends = false;
    for (unsigned i = 0; i < 10; i++) {
        nic_model_work(&model);
        net_pass(200000);
    }
    expect_sent(&a, 3);
    expect_sent(&b, 200);
    client_end(&b);
    client_end(&a);
}

/* After the reset that takes buffers back the device knows of one pair until it is told again. */
static void a_reset_in_between(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_BROADCAST);
    (void)client_post(&a, 100);
    client_start(&b, CLIENT_B, NET_MODE_BROADCAST);
    net_work();
    unsigned resets = model.resets;
    struct client c = {0};
    client_start(&c, CLIENT_B, NET_MODE_BROADCAST);
    client_end(&a); /* its buffers are in the device */
    assert_true(model.resets > resets);
    assert_int_equal(model.pairs, 4);
    uint32_t first = client_post(&b, 10);
    deliver(2, 5);
    expect_frame(&b, first, 5);
    client_end(&c);
    assert_int_equal(model.pairs, 1);
    client_end(&b);
    free(c.memory);
    free(c.pool);
}

/* It is heard all the same, by the one pair that there is. */
static void a_device_that_refuses(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, 0);
    client_start(&b, CLIENT_B, 0);
    model.refuses = true; /* filters, too: said, and tried no more */
    assert_int_equal(client_mode(&a, NET_MODE_BROADCAST), -ANOLE_EIO);
    assert_int_equal(client_mode(&b, NET_MODE_BROADCAST), -ANOLE_EIO);
    uint32_t first = client_post(&a, 10);
    assert_int_equal(model.pairs, 1);
    deliver(0, 3);
    expect_frame(&a, first, 3);
    put_frames(&b, 2);
    assert_int_equal(model.sent_by[0], 2);
    client_end(&b);
    client_end(&a);
}

static void numbers_of_pairs(void **state)
{
    static const struct {
        unsigned char low, high;
        int expected;
    } rows[] = {{0, 0, -ANOLE_EPROTO}, {1, 0x80, -ANOLE_EPROTO}, {32, 0, -ANOLE_EPROTO}};
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        net_device(NET_PAIRS);
        model.config[8] = rows[i].low;
        model.config[9] = rows[i].high;
        assert_int_equal(net_driver(), rows[i].expected);
        nic_model_free(&model);
        fake_kernel_reset();
    }
    /* Without a control queue nobody can choose: one pair. */
    net_start(NET_PAIRS & ~BIT(VIRTIO_NET_F_CTRL_VQ));
    assert_int_equal(nic.pairs, 1);
    assert_int_equal(nic.net.lanes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, net_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_receiver_has_one_pair), TEST(several_receivers_have_all),
        TEST(long_frames_by_two_pairs),  TEST(narrowing_waits),
        TEST(one_lane_is_full),          TEST(a_reset_in_between),
        TEST(a_device_that_refuses),     cmocka_unit_test_teardown(numbers_of_pairs, net_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
