/*
 * Channels, one thread at a time: order and content, full and empty rings, the wrap of the 32-bit
 * indices, doorbell suppression, and a peer that writes anything into the shared words.
 */
#include <anole/error.h>
#include <libchan/channel.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct pair {
    struct channel_shared *shared;
    struct channel client;
    struct channel server;
};

static void pair_open(struct pair *pair, uint32_t entries)
{
    size_t len = channel_size(entries);
    pair->shared = aligned_alloc(64, len);
    assert_non_null(pair->shared);
    memset(pair->shared, 0, len);
    assert_int_equal(channel_init(&pair->client, CHANNEL_CLIENT, pair->shared, len, entries), 0);
    assert_int_equal(channel_init(&pair->server, CHANNEL_SERVER, pair->shared, len, entries), 0);
}

static void pair_close(struct pair *pair)
{
    free(pair->shared);
}

/* Moves both sides of the request ring to an index, as if that many messages had passed. */
static void pair_seek(struct pair *pair, uint32_t index)
{
    pair->client.send.index = index;
    pair->client.send.flushed = index;
    pair->server.receive.index = index;
    atomic_store(&pair->shared->requests.produced, index);
    atomic_store(&pair->shared->requests.consumed, index);
    atomic_store(&pair->shared->requests.event, index);
}

static struct message message_numbered(uint64_t number)
{
    struct message message = {.endpoint = (endpoint_t)number, .type = (uint32_t)(number * 3)};
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        message.word[i] = number * 0x9e3779b97f4a7c15u + i;
    return message;
}

static void assert_numbered(const struct message *message, uint64_t number)
{
    struct message expected = message_numbered(number);
    assert_memory_equal(message, &expected, sizeof expected);
}

static void test_sizes(void **state)
{
    (void)state;
    struct channel channel;
    static _Alignas(64) uint8_t memory[1 << 18];
    for (uint32_t entries = 0; entries <= 4096; entries++) {
        bool good = entries == 4 || entries == 8 || entries == 16 || entries == 32 ||
                    entries == 64 || entries == 128 || entries == 256 || entries == 512 ||
                    entries == 1024;
        int expected = good ? 0 : -ANOLE_EINVAL;
        assert_int_equal(channel_init(&channel, CHANNEL_CLIENT, memory, sizeof memory, entries),
                         expected);
        if (good)
            assert_int_equal(
                channel_init(&channel, CHANNEL_SERVER, memory, channel_size(entries) - 1, entries),
                -ANOLE_EINVAL);
    }
    assert_int_equal(channel_size(4), 256 + 8 * 64);
}

static void test_order_both_ways(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, 8);
    uint64_t sent = 0;
    uint64_t taken = 0;
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < round % 9; i++) {
            struct message message = message_numbered(sent++);
            assert_int_equal(channel_put(&pair.client, &message), 0);
        }
        struct message got;
        assert_int_equal(channel_take(&pair.server, &got), 0); /* not published yet */
        assert_true(channel_publish(&pair.client) >= 0);
        while (channel_take(&pair.server, &got) == 1) {
            assert_numbered(&got, taken);
            struct message answer = message_numbered(~taken++);
            assert_int_equal(channel_put(&pair.server, &answer), 0);
        }
        assert_true(channel_publish(&pair.server) >= 0);
        for (uint64_t answered = taken - round % 9; answered < taken; answered++) {
            assert_int_equal(channel_take(&pair.client, &got), 1);
            assert_numbered(&got, ~answered);
        }
    }
    assert_int_equal(sent, taken);
    pair_close(&pair);
}

static void test_full(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, 4);
    struct message message = message_numbered(0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(channel_room(&pair.client), 4 - i);
        assert_int_equal(channel_put(&pair.client, &message), 0);
    }
    assert_int_equal(channel_room(&pair.client), 0);
    assert_int_equal(channel_put(&pair.client, &message), -ANOLE_EAGAIN);
    assert_int_equal(channel_publish(&pair.client), 1);
    assert_int_equal(channel_put(&pair.client, &message), -ANOLE_EAGAIN);
    struct message got;
    assert_int_equal(channel_take(&pair.server, &got), 1);
    assert_int_equal(channel_room(&pair.client), 1);
    assert_int_equal(channel_put(&pair.client, &message), 0);
    assert_int_equal(channel_put(&pair.client, &message), -ANOLE_EAGAIN);
    pair_close(&pair);
}

static void test_index_wrap(void **state)
{
    (void)state;
    for (uint32_t before = 0; before <= 9; before++) {
        struct pair pair;
        pair_open(&pair, 4);
        pair_seek(&pair, UINT32_MAX - before);
        for (uint64_t i = 0; i < 20; i++) {
            struct message message = message_numbered(i);
            assert_int_equal(channel_arm(&pair.server), 0);
            assert_int_equal(channel_put(&pair.client, &message), 0);
            assert_int_equal(channel_publish(&pair.client), 1);
            assert_int_equal(channel_arm(&pair.server), 1);
            assert_int_equal(channel_take(&pair.server, &message), 1);
            assert_numbered(&message, i);
        }
        /* And full across the wrap. */
        pair_seek(&pair, UINT32_MAX - before);
        struct message message = message_numbered(7);
        for (int i = 0; i < 4; i++)
            assert_int_equal(channel_put(&pair.client, &message), 0);
        assert_int_equal(channel_put(&pair.client, &message), -ANOLE_EAGAIN);
        assert_int_equal(channel_publish(&pair.client), 1);
        for (int i = 0; i < 4; i++)
            assert_int_equal(channel_take(&pair.server, &message), 1);
        assert_int_equal(channel_take(&pair.server, &message), 0);
        pair_close(&pair);
    }
}

static void test_doorbells_are_suppressed(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, 8);
    struct message message = message_numbered(1);
    assert_int_equal(channel_arm(&pair.server), 0);
    assert_int_equal(channel_publish(&pair.client), 0); /* nothing was put */
    assert_int_equal(channel_put(&pair.client, &message), 0);
    assert_int_equal(channel_publish(&pair.client), 1);
    /* Awake: takes without arming, so nobody rings. */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(channel_take(&pair.server, &message), 1);
        assert_int_equal(channel_put(&pair.client, &message), 0);
        assert_int_equal(channel_publish(&pair.client), 0);
    }
    assert_int_equal(channel_arm(&pair.server), 1);
    assert_int_equal(channel_take(&pair.server, &message), 1);
    assert_int_equal(channel_arm(&pair.server), 0);
    /* A batch is one ring, also when the event lies inside it. */
    for (int i = 0; i < 5; i++)
        assert_int_equal(channel_put(&pair.client, &message), 0);
    assert_int_equal(channel_publish(&pair.client), 1);
    pair_close(&pair);
}

/* Every value near what is legal, and a stride through all the others. */
static uint32_t hostile_value(uint32_t i, uint32_t base)
{
    return i < 4096 ? base - 2048 + i : i * 1048573u;
}

static void test_hostile_produced(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, 16);
    struct message message;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t index = 0xfffffff0u + i % 37;
        uint32_t value = hostile_value(i, index);
        pair.server = (struct channel){0};
        assert_int_equal(
            channel_init(&pair.server, CHANNEL_SERVER, pair.shared, channel_size(16), 16), 0);
        pair.server.receive.index = index;
        atomic_store(&pair.shared->requests.produced, value);
        uint32_t there = value - index;
        if (there > 16) {
            assert_int_equal(channel_take(&pair.server, &message), -ANOLE_EPROTO);
            /* And stays broken, both ways, whatever the peer writes now. */
            atomic_store(&pair.shared->requests.produced, index);
            assert_int_equal(channel_take(&pair.server, &message), -ANOLE_EPROTO);
            assert_int_equal(channel_arm(&pair.server), -ANOLE_EPROTO);
            assert_int_equal(channel_put(&pair.server, &message), -ANOLE_EPROTO);
            assert_int_equal(channel_publish(&pair.server), -ANOLE_EPROTO);
            assert_int_equal(channel_room(&pair.server), -ANOLE_EPROTO);
        } else {
            assert_int_equal(channel_arm(&pair.server), there > 0);
            for (uint32_t n = 0; n < there; n++)
                assert_int_equal(channel_take(&pair.server, &message), 1);
            assert_int_equal(channel_take(&pair.server, &message), 0);
        }
    }
    pair_close(&pair);
}

static void test_hostile_consumed(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, 16);
    struct message message = message_numbered(3);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t index = 0xfffffff0u + i % 37;
        uint32_t unpublished = i % 5;
        uint32_t value = hostile_value(i, index);
        pair.client = (struct channel){0};
        assert_int_equal(
            channel_init(&pair.client, CHANNEL_CLIENT, pair.shared, channel_size(16), 16), 0);
        pair.client.send.index = index;
        pair.client.send.flushed = index - unpublished;
        atomic_store(&pair.shared->requests.consumed, value);
        bool legal = index - unpublished - value <= 16 && index - value <= 16;
        int room = channel_room(&pair.client);
        if (legal) {
            assert_int_equal(room, 16 - (index - value));
            assert_int_equal(channel_put(&pair.client, &message), room ? 0 : -ANOLE_EAGAIN);
        } else {
            assert_int_equal(room, -ANOLE_EPROTO);
            assert_int_equal(channel_put(&pair.client, &message), -ANOLE_EPROTO);
            assert_int_equal(channel_take(&pair.client, &message), -ANOLE_EPROTO);
        }
    }
    pair_close(&pair);
}

static void test_hostile_event(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, 16);
    struct message message = message_numbered(3);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t index = 0xfffffff8u + i % 16;
        uint32_t batch = 1 + i % 16;
        pair_seek(&pair, index);
        uint32_t event = hostile_value(i, index);
        atomic_store(&pair.shared->requests.event, event);
        for (uint32_t n = 0; n < batch; n++)
            assert_int_equal(channel_put(&pair.client, &message), 0);
        assert_int_equal(channel_publish(&pair.client), event - index < batch);
    }
    pair_close(&pair);
}

/* Whatever is in the rings; the peer may be taking meanwhile. */
static void test_shut(void **state)
{
    (void)state;
    struct message message = message_numbered(3);
    for (uint32_t put = 0; put <= 16; put++) {
        struct pair pair;
        pair_open(&pair, 16);
        pair_seek(&pair, 0xfffffff8u);
        for (uint32_t i = 0; i < put; i++)
            assert_int_equal(channel_put(&pair.client, &message), 0);
        assert_true(channel_publish(&pair.client) >= 0);
        for (uint32_t i = 0; i < put / 2; i++)
            assert_int_equal(channel_take(&pair.server, &message), 1);
        channel_shut(&pair.client);
        assert_int_equal(channel_put(&pair.client, &message), -ANOLE_EPROTO);
        assert_int_equal(channel_publish(&pair.client), -ANOLE_EPROTO);
        assert_int_equal(channel_take(&pair.client, &message), -ANOLE_EPROTO);
        assert_int_equal(channel_take(&pair.server, &message), -ANOLE_EPROTO);
        assert_int_equal(channel_put(&pair.server, &message), -ANOLE_EPROTO);
        assert_int_equal(channel_arm(&pair.server), -ANOLE_EPROTO);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_order_both_ways),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_index_wrap),
        cmocka_unit_test(test_doorbells_are_suppressed),
        cmocka_unit_test(test_hostile_produced),
        cmocka_unit_test(test_hostile_consumed),
        cmocka_unit_test(test_hostile_event),
        cmocka_unit_test(test_shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
