/*
 * The virtio network driver (all but its main) under libnet's server, over a model of its device:
 * frames both ways in every shape, several clients, filters, and all ways in which a session ends.
 */
#include "net_fixture.h"

#include <anole/error.h>
#include <string.h>

/* ---- sending ---- */

static void sends_by_message(void **state)
{
    (void)state;
    client_open(&a, CLIENT_A);
    net_make(net_own, 1514);
    handle_t grant = fake_grant(CLIENT_A, net_frame, sizeof(net_frame), GRANT_READ);
    static const struct {
        uint64_t len;
        int status;
    } cases[] = {{0, -ANOLE_EINVAL},    {13, -ANOLE_EINVAL},   {14, 0}, {60, 0}, {1514, 0},
                 {1515, -ANOLE_EINVAL}, {65535, -ANOLE_EINVAL}};
    unsigned sent = 0;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message message = {.word = {7, a.session, 0, grant, 0, cases[i].len, 0}};
        assert_int_equal(net_call_as(&a, NET_SEND, &message), SERVICE_NO_REPLY);
        net_work();
        const struct fake_reply *reply = fake_reply_to(net_last_call);
        assert_non_null(reply);
        assert_int_equal(reply->status, cases[i].status);
        if (reply->status < 0)
            continue;
        const struct nic_model_frame *got = &model.sent[sent++];
        assert_int_equal(got->len, cases[i].len);
        assert_memory_equal(got->bytes, net_frame, got->len);
        for (unsigned k = 0; k < NIC_MODEL_HEADER; k++)
            assert_int_equal(got->header[k], 0);
    }
    assert_int_equal(model.sent_count, sent);
    assert_int_equal(fake_grant_pins(grant), 0);
    client_end(&a);
}

static void sends_pieces(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, 0);
    net_make(net_own, 1000);
    for (fake_kernel.scatter = false;; fake_kernel.scatter = true) {
        struct net_piece *vector = (struct net_piece *)(void *)a.pool;
        for (unsigned i = 0; i < 20; i++) {
            vector[i] = (struct net_piece){8192 + i * 1000, 50};
            memcpy(a.pool + vector[i].offset, net_frame + i * 50, 50);
        }
        memcpy(a.pool + 65536 - 300, net_frame, 1000);
        unsigned before = model.sent_count;
        (void)client_put(&a, NET_TX, NET_TX_VECTOR, 0, 0, 20);
        (void)client_put(&a, NET_TX, 0, 0, NET_PIECE(65536 - 300, 600),
                         NET_PIECE(65536 + 300, 400));
        client_go(&a);
        struct message answer;
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(client_answer(&a, &answer), 1);
            assert_int_equal(message_status(&answer), 0);
            assert_int_equal(answer.word[1], 1000);
            assert_int_equal(model.sent[before + i].len, 1000);
            assert_memory_equal(model.sent[before + i].bytes, net_frame, 1000);
        }
        if (fake_kernel.scatter)
            break;
    }
    struct net_stats stats;
    net_statistics(&stats);
    assert_int_equal(stats.dma_maps, 0);
    assert_int_equal(stats.copied_bytes, 0);
    assert_true(stats.kicks <= 4); /* two for each batch, with the control queue's */
    client_end(&a);
}

static void refuses_bad_pieces(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, 0);
    const struct {
        uint32_t flags;
        uint64_t w2, w3, w4;
        int status;
    } cases[] = {
        {0, 0, 0, 0, -ANOLE_EINVAL},
        {0, 0, NET_PIECE(POOL_BYTES, 64), 0, -ANOLE_ERANGE},
        {0, 0, NET_PIECE(UINT32_MAX, UINT32_MAX), 0, -ANOLE_ERANGE},
        {0, 0, NET_PIECE(0, 64), NET_PIECE(100, 0), -ANOLE_EINVAL},
        {NET_TX_VECTOR, 0, POOL_BYTES - 7, 1, -ANOLE_ERANGE},
        {NET_TX_VECTOR, 0, 0, 63, -ANOLE_EINVAL},
        {NET_TX_VECTOR, 0, UINT64_MAX, 62, -ANOLE_ERANGE},
        {NET_TX_CSUM, NET_OFFLOAD(34, 16, 0, 0), NET_PIECE(0, 64), 0, -ANOLE_ENOSYS},
        {0, 1, NET_PIECE(0, 64), 0, -ANOLE_EINVAL},
        {0x40, 0, NET_PIECE(0, 64), 0, -ANOLE_EINVAL},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message answer;
        (void)client_put(&a, NET_TX, cases[i].flags, cases[i].w2, cases[i].w3, cases[i].w4);
        client_go(&a);
        assert_int_equal(client_answer(&a, &answer), 1);
        if (message_status(&answer) != cases[i].status)
            fail_msg("case %u: %d", i, message_status(&answer));
    }
    assert_int_equal(model.sent_count, 0);
    client_end(&a);
}

static void offloads(void **state)
{
    (void)state;
    net_start(NET_USUAL | NET_OFFLOADS);
    assert_int_equal(nic.net.info.tx_segments_max_bytes, NET_FRAME_BYTES_MAX);
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    net_make(net_own, 65000);
    memcpy(a.pool + 65536, net_frame, 65000);
    (void)client_put(&a, NET_TX, NET_TX_CSUM | NET_TX_TSO4, NET_OFFLOAD(34, 16, 1460, 54),
                     NET_PIECE(65536, 65000), 0);
    (void)client_put(&a, NET_TX, NET_TX_CSUM, NET_OFFLOAD(34, 16, 0, 0), NET_PIECE(65536, 100), 0);
    const uint64_t bad[] = {NET_OFFLOAD(34, 65, 0, 0), NET_OFFLOAD(13, 6, 0, 0),
                            NET_OFFLOAD(34, 16, 9, 0), NET_OFFLOAD(65535, 65535, 0, 0)};
    for (unsigned i = 0; i < 4; i++)
        (void)client_put(&a, NET_TX, NET_TX_CSUM, bad[i], NET_PIECE(65536, 100), 0);
    (void)client_put(&a, NET_TX, NET_TX_CSUM | NET_TX_TSO4 | NET_TX_TSO6,
                     NET_OFFLOAD(34, 16, 1460, 54), NET_PIECE(65536, 100), 0);
    client_go(&a);
    struct message answer;
    unsigned refused = 0, done = 0;
    while (client_answer(&a, &answer)) {
        done += message_status(&answer) == 0;
        refused += message_status(&answer) == -ANOLE_EINVAL;
    }
    assert_int_equal(done, 2);
    assert_int_equal(refused, 5);
    static const unsigned char header[] = {1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0};
    assert_int_equal(model.sent[0].len, 65000);
    assert_memory_equal(model.sent[0].bytes, net_frame, 65000);
    assert_memory_equal(model.sent[0].header, header, sizeof(header));
    client_end(&a);
}

/* ---- receiving ---- */

static void receives_in_place(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    assert_false(model.promiscuous);
    uint32_t first = client_post(&a, 8);
    static const size_t lengths[] = {14, 60, 1514, 2048 - 1};
    for (unsigned i = 0; i < 4; i++) {
        net_make(net_own, lengths[i]);
        assert_true(nic_model_receive(&model, net_frame, lengths[i]));
        net_work();
        struct message answer;
        assert_int_equal(client_answer(&a, &answer), 1);
        assert_int_equal(answer.word[0], first + i);
        assert_int_equal(answer.word[1], lengths[i]);
        assert_int_equal(answer.word[3], lengths[i]);
        assert_memory_equal(a.pool + i * BUFFER_BYTES, net_frame, lengths[i]);
        assert_int_equal(a.pool[i * BUFFER_BYTES + lengths[i]], 0xee);
    }
    struct net_stats stats;
    net_statistics(&stats);
    assert_int_equal(stats.rx_direct_frames, 4);
    assert_int_equal(stats.copied_bytes, 0);
    client_end(&a);
    assert_int_equal(model.resets, 1); /* four buffers were in the device still */
}

/* A frame of several buffers: the later ones' first bytes come with the answers. */
static void receives_parts(void **state)
{
    (void)state;
    net_start(NET_USUAL | NET_OFFLOADS);
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    uint32_t first = client_post(&a, 64);
    static const unsigned char header[NIC_MODEL_HEADER] = {1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0};
    static unsigned char got[NIC_MODEL_FRAME];
    size_t len = 60000, at = 0;
    net_make(net_own, len);
    assert_true(nic_model_deliver(&model, header, net_frame, len));
    net_work();
    struct message answer = {.word = {NET_ID(0, NET_RX_MORE)}};
    for (unsigned i = 0; (NET_FLAGS_OF(answer.word[0]) & NET_RX_MORE) != 0; i++) {
        assert_int_equal(client_answer(&a, &answer), 1);
        assert_int_equal(NET_ID_OF(answer.word[0]), first + i);
        uint32_t expected = i == 0 ? NET_RX_CSUM_PARTIAL | NET_RX_TSO4 : NET_RX_LATER;
        assert_int_equal(NET_FLAGS_OF(answer.word[0]) & ~NET_RX_MORE, expected);
        assert_int_equal(answer.word[3], len);
        assert_int_equal(answer.word[4], i == 0 ? 0 : NET_PREFIX_BYTES);
        memcpy(got + at, &answer.word[5], answer.word[4]);
        at += answer.word[4];
        memcpy(got + at, a.pool + i * BUFFER_BYTES, answer.word[1]);
        at += answer.word[1];
    }
    assert_int_equal(at, len);
    assert_memory_equal(got, net_frame, len);
    assert_int_equal(client_answer(&a, &answer), 0);
    client_end(&a);
}

/* With two receivers frames are copied to who wants them, whatever they came in. */
static void two_receivers(void **state)
{
    (void)state;
    static const unsigned char all[6] = {255, 255, 255, 255, 255, 255};
    client_start(&a, CLIENT_A, NET_MODE_UNICAST | NET_MODE_BROADCAST);
    (void)client_post(&a, 4); /* the device has these */
    client_start(&b, CLIENT_B, NET_MODE_BROADCAST);
    (void)client_post(&b, 3);
    struct message answer;
    for (unsigned i = 0; i < 6; i++) {
        net_make(all, 600 + i);
        assert_true(nic_model_receive(&model, net_frame, 600 + i));
        net_work();
        assert_int_equal(client_answer(&b, &answer), i < 3);
        if (i < 3)
            assert_memory_equal(b.pool + i * BUFFER_BYTES, net_frame, 600 + i);
        assert_int_equal(client_answer(&a, &answer), i < 4);
        if (i < 4)
            assert_memory_equal(a.pool + i * BUFFER_BYTES, net_frame, 600 + i);
    }
    net_make(net_own, 100);
    (void)client_post(&a, 2);
    (void)client_post(&b, 2);
    assert_true(nic_model_receive(&model, net_frame, 100));
    net_work();
    assert_int_equal(client_answer(&a, &answer), 1);
    assert_int_equal(client_answer(&b, &answer), 0);
    struct net_stats stats;
    net_statistics(&stats);
    assert_int_equal(stats.rx_dropped_frames, 2);
    assert_int_equal(stats.rx_copied_frames, 5);
    client_end(&b);
    assert_true(nic_model_receive(&model, net_frame, 100)); /* in a buffer of the driver's still */
    net_work();
    assert_int_equal(client_answer(&a, &answer), 1);
    client_end(&a);
}

static void receive_by_message(void **state)
{
    (void)state;
    static unsigned char buffer[2000];
    client_open(&a, CLIENT_A);
    assert_int_equal(client_mode(&a, NET_MODE_PROMISCUOUS), 0);
    assert_true(model.promiscuous);
    handle_t grant = fake_grant(CLIENT_A, buffer, sizeof(buffer), GRANT_WRITE);
    net_work();
    net_make(net_own, 700);
    struct message message = {.word = {9, a.session, 0, grant, 0, 700, 0}};
    assert_int_equal(net_call_as(&a, NET_RECEIVE, &message), SERVICE_NO_REPLY);
    uint64_t first = net_last_call;
    message = (struct message){.word = {9, a.session, 0, grant, 0, 699, 0}};
    assert_int_equal(net_call_as(&a, NET_RECEIVE, &message), SERVICE_NO_REPLY);
    uint64_t second = net_last_call;
    message = (struct message){
        .word = {9, a.session, 0, grant, 0, 699, fake_kernel.now_ticks + 1000}};
    assert_int_equal(net_call_as(&a, NET_RECEIVE, &message), SERVICE_NO_REPLY);
    assert_true(nic_model_receive(&model, net_frame, 700));
    assert_true(nic_model_receive(&model, net_frame, 700));
    net_work();
    assert_int_equal(fake_reply_to(first)->status, 0);
    assert_memory_equal(buffer, net_frame, 700);
    assert_int_equal(fake_reply_to(second)->status, -ANOLE_ERANGE);
    assert_int_equal(fake_reply_to(second)->word[1], 700);
    net_pass(200000);
    assert_int_equal(fake_reply_to(net_last_call)->status, -ANOLE_ETIMEDOUT);
    client_end(&a);
}

/* ---- ends ---- */

/* Frames that were under way are sent after the device was reset for the buffers' sake. */
static void detach_takes_back(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    (void)client_post(&a, 32);
    client_start(&b, CLIENT_B, 0);
    model.hold_sends = true;
    for (unsigned i = 0; i < 5; i++) {
        b.pool[i * 100] = (unsigned char)i;
        (void)client_put(&b, NET_TX, 0, 0, NET_PIECE(i * 100, 64), 0);
    }
    client_go(&b);
    assert_int_equal(model.sent_count, 0);
    client_end(&a);
    assert_int_equal(model.resets, 1);
    model.hold_sends = false;
    net_work();
    nic_model_work(&model);
    net_pass(200000);
    assert_int_equal(model.sent_count, 5);
    struct message answer;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(model.sent[i].bytes[0], i); /* in order */
        assert_int_equal(client_answer(&b, &answer), 1);
        assert_int_equal(message_status(&answer), 0);
    }
    client_end(&b);
}

static void clients_die(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    (void)client_post(&a, 32);
    client_start(&b, CLIENT_B, 0);
    model.hold_sends = true;
    (void)client_put(&b, NET_TX, 0, 0, NET_PIECE(0, 64), 0);
    client_go(&b);
    fake_process_die(CLIENT_A);
    fake_process_die(CLIENT_B);
    fake_kernel.service->notified(NOTIFY_BIT(1));
    net_work();
    assert_int_equal(fake_grant_pins(a.grant), 0);
    model.hold_sends = false;
    net_work();
    net_pass(200000);
    assert_int_equal(fake_grant_pins(b.grant), 0);
    assert_int_equal(fake_kernel_held(), 0);
}

static void broken_channel(void **state)
{
    (void)state;
    client_start(&a, CLIENT_A, NET_MODE_UNICAST);
    (void)client_post(&a, 4);
    struct channel_shared *shared = a.memory;
    atomic_store(&shared->requests.produced, 0x80000000u);
    fake_kernel.service->notified(NOTIFY_BIT(0));
    net_work();
    net_make(net_own, 100);
    (void)nic_model_receive(&model, net_frame, 100); /* nobody hears it */
    net_work();
    assert_int_equal(died, 0);
    client_end(&a);
}

/* Anything at any time; nothing is lost, nothing is held at the end. */
static void soak(void **state)
{
    (void)state;
    const uint64_t variants[] = {NET_USUAL,
                                 NET_USUAL | NET_OFFLOADS,
                                 NET_USUAL & ~BIT(VIRTIO_F_INDIRECT_DESC),
                                 NET_USUAL & ~BIT(VIRTIO_F_EVENT_IDX),
                                 NET_USUAL | BIT(VIRTIO_F_RING_PACKED),
                                 NET_USUAL & ~BIT(VIRTIO_NET_F_MRG_RXBUF),
                                 BIT(VIRTIO_NET_F_MAC)};
    struct random random = {4711};
    for (unsigned variant = 0; variant < sizeof(variants) / sizeof(variants[0]); variant++) {
        net_start(variants[variant]);
        client_start(&a, CLIENT_A, NET_MODE_UNICAST);
        client_start(&b, CLIENT_B, 0);
        unsigned posted = 0, sent = 0, received = 0, answered = 0, lost = 0;
        for (unsigned i = 0; i < 5000; i++) {
            struct message answer;
            size_t len = 14 + random_below(&random, 1501);
            switch (random_below(&random, 6)) {
            case 0:
                if (posted - received < 100)
                    posted += client_post(&a, 10) != 0 ? 10 : 0;
                break;
            case 1:
                if (sent - answered < 60)
                    sent += client_put(&b, NET_TX, 0, 0,
                                       NET_PIECE(random_below(&random, 100000), len), 0) != 0;
                client_go(&b);
                break;
            case 2:
                net_make(net_own, len);
                lost += !nic_model_receive(&model, net_frame, len);
                net_work();
                break;
            case 3:
                assert_int_equal(client_mode(&b, random_below(&random, 2) * NET_MODE_BROADCAST), 0);
                break;
            case 4:
                net_pass(random_below(&random, 200000));
                break;
            default:
                model.hold_sends = random_below(&random, 2) != 0;
                break;
            }
            while (client_answer(&a, &answer)) {
                assert_int_equal(message_status(&answer), 0);
                received++;
            }
            while (client_answer(&b, &answer)) {
                assert_int_equal(message_status(&answer), 0);
                answered++;
            }
            assert_int_equal(died, 0);
        }
        model.hold_sends = false;
        net_pass(500000);
        struct message answer;
        while (client_answer(&b, &answer))
            answered++;
        assert_int_equal(answered, sent);
        assert_true(received > 100 && sent > 100);
        struct net_stats stats;
        net_statistics(&stats);
        assert_int_equal(stats.rx_bad_frames, 0);
        client_end(&b);
        client_end(&a);
        assert_int_equal(fake_kernel_held(), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, net_set_up, net_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_by_message), TEST(sends_pieces),       TEST(refuses_bad_pieces),
        TEST(offloads),         TEST(receives_in_place),  TEST(receives_parts),
        TEST(two_receivers),    TEST(receive_by_message), TEST(detach_takes_back),
        TEST(clients_die),      TEST(broken_channel),     TEST(soak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
