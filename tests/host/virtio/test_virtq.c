/*
 * The rest of a ring's interface: arguments, batches, layouts, notification, interrupts that aren't
 * wanted, resetting a queue, describing it. Ordinary life is in test_virtq_life.c, devices that
 * misbehave in test_virtq_hostile.c.
 */
#include "check.h"
#include "fake_memory.h"
#include "virtq_fixture.h"

#include <anole/error.h>
#include <libvirtio/split.h>
#include <string.h>

static struct fixture fixture;

static const struct virtq_segment segment = {0x1000, 16};

static void add(uint16_t token)
{
    assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, token), 0);
}

static void test_arguments(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        fixture_set_up(&fixture, (struct ring_kind){.size = 4, .packed = packed, .indirect = true});
        struct virtq *queue = &fixture.queue;
        struct virtq_segment segments[8];
        for (unsigned i = 0; i < 8; i++)
            segments[i] = (struct virtq_segment){0x1000 * (i + 1), 16};
        assert_int_equal(virtq_add(queue, segments, 0, 0, NULL, 0), -ANOLE_EINVAL);
        assert_int_equal(virtq_add(queue, segments, 5, 0, NULL, 0), -ANOLE_EINVAL);
        assert_int_equal(virtq_add(queue, segments, 0, UINT32_MAX, NULL, 0), -ANOLE_EINVAL);
        assert_int_equal(virtq_add(queue, segments, 1, UINT32_MAX, NULL, 0), -ANOLE_EINVAL);
        segments[1].len_bytes = 0;
        assert_int_equal(virtq_add(queue, segments, 1, 1, NULL, 0), -ANOLE_EINVAL);
        segments[0].len_bytes = segments[1].len_bytes = UINT32_MAX; /* SPLIT-DESC-01 */
        assert_int_equal(virtq_add(queue, segments, 1, 1, NULL, 0), -ANOLE_EINVAL);
        assert_int_equal(virtq_kick(queue), 0);
        assert_int_equal(queue->free_slots, 4);
        assert_false(fixture_available(&fixture));
        fixture_tear_down(&fixture);
    }
}

/* A batch is one kick, decided over all of it: the device slept at its first index. */
static void test_batch_kick(void **state)
{
    (void)state;
    static struct model_chain chain;
    for (unsigned packed = 0; packed < 2; packed++) {
        fixture_set_up(&fixture,
                       (struct ring_kind){.size = 8, .packed = packed, .event_index = true});
        fixture_sleep(&fixture);
        for (uint16_t token = 0; token < 5; token++)
            add(token);
        assert_int_equal(fixture.notified, 0);
        assert_false(fixture_available(&fixture));
        assert_int_equal(virtq_kick(&fixture.queue), 1);
        add(5); /* the device was told, and hasn't asked again */
        assert_int_equal(virtq_kick(&fixture.queue), 0);
        for (unsigned i = 0; i < 6; i++)
            assert_true(fixture_pop(&fixture, &chain));
        assert_false(fixture_pop(&fixture, &chain));
        assert_int_equal(fixture.notified, 1);
        fixture_tear_down(&fixture);
    }
}

/* What the device's event structure may say, and what the driver makes of it. */
static void test_packed_event(void **state)
{
    (void)state;
    static const struct {
        bool event_index;
        uint16_t position, flags;
        int kicks; /* with slots 2 to 4 of the first lap of 8 in the batch */
    } cases[] = {
        {false, 0, 0, 1},     {false, 0, 1, 0},
        {false, 0, 2, 1}, /* not negotiated: anything but DISABLE is a wish to know */
        {false, 0, 3, 1},     {true, 0, 0, 1},
        {true, 0x8003, 1, 0}, {true, 0x8001, 2, 0},
        {true, 0x8002, 2, 1}, {true, 0x8004, 2, 1},
        {true, 0x8005, 2, 0}, {true, 0x0003, 2, 0}, /* a lap before, or after */
        {true, 0x8008, 2, 0}, {true, 0xffff, 2, 0}, /* no such slot */
        {true, 0x0000, 3, 1}, {true, 0x8001, 0xfffd, 0},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_set_up(
            &fixture,
            (struct ring_kind){.size = 8, .packed = true, .event_index = cases[i].event_index});
        add(0);
        add(1);
        assert_int_equal(virtq_kick(&fixture.queue), 1);
        packed_model_write_event(&fixture.packed, cases[i].position, cases[i].flags);
        for (uint16_t token = 2; token < 5; token++)
            add(token);
        assert_int_equal(virtq_kick(&fixture.queue), cases[i].kicks);
        fixture_tear_down(&fixture);
    }
}

/* ---- layout and choice of format ---- */

static void test_formats(void **state)
{
    (void)state;
    struct virtio_transport transport = {0};
    struct feature_set none = {0};
    struct feature_set packed = feature_with(none, VIRTIO_F_RING_PACKED);
    assert_ptr_equal(virtq_format_for(&transport, none), &virtq_split_format);
    assert_ptr_equal(virtq_format_for(&transport, packed), &virtq_packed_format);
    transport.legacy = true;
    assert_ptr_equal(virtq_format_for(&transport, none), &virtq_split_legacy_format);
    assert_int_equal(virtq_size_below(&virtq_split_format, 1), 1);
    assert_int_equal(virtq_size_below(&virtq_split_format, 255), 128);
    assert_int_equal(virtq_size_below(&virtq_split_format, 32768), 32768);
    assert_int_equal(virtq_size_below(&virtq_packed_format, 255), 255);
    assert_int_equal(virtq_size_below(&virtq_packed_format, 32768), 32768);
}

/* One block: table and available ring, the used ring at the next 4096 (SPLIT-LEG-02, 03). */
static void test_legacy_layout(void **state)
{
    (void)state;
    static const struct {
        uint16_t size;
        uint64_t used, len;
    } cases[] = {{1, 4096, 8192}, {128, 4096, 8192}, {256, 8192, 12288}, {1024, 20480, 32768}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t size = cases[i].size;
        fixture_set_up(&fixture, (struct ring_kind){.size = size, .legacy = true});
        assert_int_equal(virtq_split_legacy_format.memory_len(size), cases[i].len);
        const struct virtq_addresses *at = &fixture.addresses;
        assert_int_equal(at->descriptors % 4096, 0);
        assert_int_equal(at->driver_area, at->descriptors + 16u * size);
        assert_int_equal(at->device_area, at->descriptors + cases[i].used);
        fixture_tear_down(&fixture);
    }
}

/* ---- interrupts ---- */

/* An awake driver isn't interrupted, and whoever arms sees what came in between. */
static void test_disarm(void **state)
{
    (void)state;
    static struct model_chain chain;
    for (unsigned kind = 0; kind < 4; kind++) {
        fixture_set_up(&fixture,
                       (struct ring_kind){.size = 4, .packed = kind & 1, .event_index = kind & 2});
        struct virtq_used used;
        virtq_disarm(&fixture.queue);
        for (uint16_t round = 0; round < 9; round++) {
            add(round);
            assert_true(virtq_kick(&fixture.queue) >= 0);
            assert_true(fixture_pop(&fixture, &chain));
            if (round % 3 == 2) {
                assert_int_equal(virtq_arm(&fixture.queue, 1), 0);
                assert_true(fixture_push(&fixture, &chain.head, 1, 0));
                virtq_disarm(&fixture.queue);
            } else {
                assert_false(fixture_push(&fixture, &chain.head, 1, 0));
                assert_int_equal(virtq_arm(&fixture.queue, 1), 1);
            }
            assert_int_equal(virtq_take(&fixture.queue, &used), 1);
            assert_int_equal(used.token, round);
            virtq_disarm(&fixture.queue);
        }
        fixture_tear_down(&fixture);
    }
}

/*
 * Chains of several slots in a packed ring: the element of a long one passes over the slot that the
 * driver would ask for if it only looked at what it hasn't taken.
 */
static void test_packed_arm_behind_a_long_chain(void **state)
{
    (void)state;
    static struct model_chain chain[3];
    struct virtq_segment segments[3] = {{0x1000, 1}, {0x2000, 1}, {0x3000, 1}};
    fixture_set_up(&fixture, (struct ring_kind){.size = 8, .packed = true, .event_index = true});
    assert_int_equal(virtq_add(&fixture.queue, segments, 1, 0, NULL, 0), 0);
    assert_int_equal(virtq_add(&fixture.queue, segments, 3, 0, NULL, 1), 0);
    assert_int_equal(virtq_add(&fixture.queue, segments, 1, 0, NULL, 2), 0);
    assert_int_equal(virtq_kick(&fixture.queue), 1);
    for (unsigned i = 0; i < 3; i++)
        assert_true(fixture_pop(&fixture, &chain[i]));
    fixture_push(&fixture, &chain[1].head, 1, 0); /* slots 0 to 2 */
    assert_int_equal(virtq_arm(&fixture.queue, 2), 0);
    assert_true(fixture_push(&fixture, &chain[0].head, 1, 0)); /* slot 3 */
    assert_int_equal(virtq_arm(&fixture.queue, 2), 1);
    fixture_tear_down(&fixture);
}

/* ---- one queue taken back ---- */

static bool lost[8];

static void note_lost(void *context, uint16_t token)
{
    assert_ptr_equal(context, &fixture);
    assert_true(token < 8 && !lost[token]);
    lost[token] = true;
}

static void test_reset(void **state)
{
    (void)state;
    static struct model_chain chain;
    for (unsigned kind = 0; kind < 4; kind++) {
        memset(lost, 0, sizeof(lost));
        fixture_set_up(&fixture,
                       (struct ring_kind){.size = 4, .packed = kind & 1, .in_order = kind & 2});
        struct virtq_used used;
        struct virtq_addresses before = fixture.addresses;
        for (uint16_t token = 0; token < 3; token++)
            add(token);
        assert_int_equal(virtq_kick(&fixture.queue), 1);
        uint16_t heads[2];
        for (unsigned i = 0; i < 2; i++) {
            assert_true(fixture_pop(&fixture, &chain));
            heads[i] = chain.head;
        }
        /* In order: one element for both, of which one is taken. */
        fixture_push(&fixture, heads, kind & 2 ? 2 : 1, 0);
        assert_int_equal(virtq_take(&fixture.queue, &used), 1);
        assert_int_equal(used.token, 0);
        add(3); /* not shown yet: lost all the same */
        fixture.queue.broken = kind % 2 == 0;

        assert_int_equal(virtq_reset(&fixture.queue, note_lost, &fixture, &fixture.addresses), 0);
        assert_int_equal(fixture.resets, 1);
        assert_true(!lost[0] && lost[1] && lost[2] && lost[3]);
        assert_memory_equal(&before, &fixture.addresses, sizeof(before));
        fixture_device(&fixture); /* checks that the ring is as new */
        for (uint16_t token = 4; token < 8; token++)
            add(token);
        assert_int_equal(virtq_kick(&fixture.queue), 1);
        assert_int_equal(virtq_take(&fixture.queue, &used), 0);
        for (uint16_t token = 4; token < 8; token++) {
            assert_true(fixture_pop(&fixture, &chain));
            fixture_push(&fixture, &chain.head, 1, 0);
            assert_int_equal(virtq_take(&fixture.queue, &used), 1);
            assert_int_equal(used.token, token);
        }
        fixture_tear_down(&fixture);
    }
}

/* A device that doesn't give the queue back keeps the buffers: nobody may have them. */
static void test_reset_refused(void **state)
{
    (void)state;
    memset(lost, 0, sizeof(lost));
    fixture_set_up(&fixture, (struct ring_kind){.size = 4});
    fixture.reset_result = -ANOLE_ETIMEDOUT;
    add(1);
    assert_int_equal(virtq_reset(&fixture.queue, note_lost, &fixture, &fixture.addresses),
                     -ANOLE_ETIMEDOUT);
    assert_false(lost[1]);
    assert_int_equal(virtq_kick(&fixture.queue), -ANOLE_EPROTO);
    fixture_tear_down(&fixture);
}

/* ---- for dumps ---- */

static void test_describe(void **state)
{
    (void)state;
    static struct model_chain chain;
    for (unsigned packed = 0; packed < 2; packed++) {
        fixture_set_up(&fixture, (struct ring_kind){.size = 4, .packed = packed});
        struct virtq *queue = &fixture.queue;
        struct virtq_used used;
        struct virtq_state now;
        virtq_set_time(queue, UINT32_MAX - 9); /* goes round in between */
        for (uint16_t token = 0; token < 3; token++)
            add(token);
        assert_int_equal(virtq_kick(queue), 1);
        virtq_set_time(queue, 30);
        add(3);
        virtq_describe(queue, 40, &now);
        assert_int_equal(now.index, FIXTURE_INDEX);
        assert_int_equal(now.size, 4);
        assert_int_equal(now.in_flight, 3);
        assert_int_equal(now.added, 1);
        assert_int_equal(now.free_slots, 0);
        assert_int_equal(now.oldest_ms, 50);
        assert_int_equal(now.available, packed ? 0x0000 : 4); /* the second lap has begun */
        assert_int_equal(now.used, packed ? 0x8000 : 0);
        assert_false(now.broken);
        for (unsigned i = 0; i < 3; i++) {
            assert_true(fixture_pop(&fixture, &chain));
            fixture_push(&fixture, &chain.head, 1, 0);
            assert_int_equal(virtq_take(queue, &used), 1);
        }
        virtq_describe(queue, 90, &now);
        assert_int_equal(now.in_flight, 0);
        assert_int_equal(now.oldest_ms, 60); /* added, if not shown */
        assert_int_equal(now.used, packed ? 0x8003 : 3);
        fixture_tear_down(&fixture);
    }
}

/* Old heads in the available ring lead to nothing: a device that is shown too much stops there. */
static void test_heads_are_forgotten(void **state)
{
    (void)state;
    static struct model_chain chain;
    struct virtq_used used;
    for (unsigned in_order = 0; in_order < 2; in_order++) {
        fixture_set_up(&fixture, (struct ring_kind){.size = 4, .in_order = in_order});
        const struct split_descriptor *descriptors = fixture.queue.split.descriptors;
        uint16_t heads[3];
        for (uint16_t token = 0; token < 3; token++)
            add(token);
        assert_int_equal(virtq_kick(&fixture.queue), 1);
        for (unsigned i = 0; i < 3; i++) {
            assert_true(fixture_pop(&fixture, &chain));
            heads[i] = chain.head;
            assert_int_equal(descriptors[heads[i]].len_bytes, segment.len_bytes);
        }
        if (in_order) /* a run */
            fixture_push(&fixture, heads, 2, 0);
        for (unsigned i = 0; i < 2; i++) {
            if (!in_order)
                fixture_push(&fixture, &heads[i], 1, 0);
            assert_int_equal(virtq_take(&fixture.queue, &used), 1);
            assert_int_equal(descriptors[heads[i]].len_bytes, 0);
            assert_int_equal(descriptors[heads[i]].address, 0);
            assert_int_equal(descriptors[heads[i]].flags, 0);
        }
        assert_int_equal(descriptors[heads[2]].len_bytes, segment.len_bytes);
        fixture_tear_down(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_batch_kick),
        cmocka_unit_test(test_packed_event),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_legacy_layout),
        cmocka_unit_test(test_disarm),
        cmocka_unit_test(test_packed_arm_behind_a_long_chain),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_reset_refused),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_heads_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
