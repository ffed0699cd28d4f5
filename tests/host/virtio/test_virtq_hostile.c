/*
 * Devices that misbehave in every way that a ring allows, by hand and at random: the queue breaks, or
 * what the device did doesn't matter; nothing that isn't in flight is ever returned.
 */
#include "check.h"
#include "fake_memory.h"
#include "virtq_fixture.h"

#include <anole/error.h>
#include <libvirtio/packed.h>
#include <libvirtio/split.h>
#include <stdlib.h>
#include <string.h>

#define HOSTILE_SIZE 8u

static struct fixture fixture;
static uint16_t heads[3];

/* Three buffers in flight: 16 writable bytes, 2 * 16 writable ones, 16 readable bytes. Slots 0, 1-2,
 * 3, tokens 10 to 12, `heads` in that order. */
static void set_up(struct ring_kind kind)
{
    static struct model_chain chain;
    static const struct virtq_segment segments[2] = {{0x1000, 16}, {0x2000, 16}};
    kind.size = HOSTILE_SIZE;
    fixture_set_up(&fixture, kind);
    assert_int_equal(virtq_add(&fixture.queue, segments, 0, 1, NULL, 10), 0);
    assert_int_equal(virtq_add(&fixture.queue, segments, 0, 2, NULL, 11), 0);
    assert_int_equal(virtq_add(&fixture.queue, segments, 1, 0, NULL, 12), 0);
    assert_int_equal(virtq_kick(&fixture.queue), 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(fixture_pop(&fixture, &chain));
        heads[i] = chain.head;
    }
}

static void set_up_split(void)
{
    set_up((struct ring_kind){.event_index = true});
}

static void set_up_packed(void)
{
    set_up((struct ring_kind){.packed = true, .event_index = true});
}

/* All calls fail for good, even if the ring looks right again. */
static void assert_stays_broken(void)
{
    struct virtq_used used;
    struct virtq_segment segment = {0x1000, 16};
    if (fixture.kind.packed)
        packed_model_write(&fixture.packed, 0, heads[0], 0, PACKED_AVAIL | PACKED_USED);
    else
        model_write_used_index(&fixture.split, 0);
    assert_int_equal(virtq_take(&fixture.queue, &used), -ANOLE_EPROTO);
    assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, 0), -ANOLE_EPROTO);
    assert_int_equal(virtq_kick(&fixture.queue), -ANOLE_EPROTO);
    assert_int_equal(virtq_arm(&fixture.queue, 1), -ANOLE_EPROTO);
    virtq_disarm(&fixture.queue);
    fixture_tear_down(&fixture);
}

static void assert_broken(void)
{
    struct virtq_used used;
    assert_int_equal(virtq_take(&fixture.queue, &used), -ANOLE_EPROTO);
    assert_stays_broken();
}

static void assert_taken(uint16_t token, uint32_t len_bytes)
{
    struct virtq_used used = {0};
    assert_int_equal(virtq_take(&fixture.queue, &used), 1);
    assert_int_equal(used.token, token);
    assert_int_equal(used.len_bytes, len_bytes);
}

static void assert_nothing(void)
{
    struct virtq_used used;
    assert_int_equal(virtq_take(&fixture.queue, &used), 0);
}

/* ---- split ---- */

static void split_element(uint32_t id, uint32_t len)
{
    model_write_used(&fixture.split, 0, id, len);
    model_write_used_index(&fixture.split, 1);
    assert_broken();
}

static void test_split_id(void **state)
{
    (void)state;
    static const uint32_t ids[] = {
        HOSTILE_SIZE,
        UINT32_MAX,
        0x10000,          /* 0 if cut to 16 bits */
        HOSTILE_SIZE - 1, /* never used */
        2,                /* the middle of the second chain */
    };
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        set_up_split();
        split_element(ids[i], 0);
    }
}

static void test_split_len(void **state)
{
    (void)state;
    static const struct {
        unsigned head;
        uint32_t len;
    } cases[] = {{0, 17}, {0, UINT32_MAX}, {1, 33}, {2, 1} /* it could write nothing at all */};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_up_split();
        split_element(heads[cases[i].head], cases[i].len);
    }
}

/* Lengths of legacy devices are often wrong: they are cut, and break nothing. */
static void test_split_legacy_len(void **state)
{
    (void)state;
    set_up((struct ring_kind){.legacy = true});
    fixture_push(&fixture, &heads[1], 1, 500);
    assert_taken(11, 32);
    fixture_push(&fixture, &heads[2], 1, 1);
    assert_taken(12, 0);
    fixture_tear_down(&fixture);
}

static void test_split_used_twice(void **state)
{
    (void)state;
    set_up_split();
    model_write_used(&fixture.split, 0, heads[1], 32);
    model_write_used(&fixture.split, 1, heads[1], 32);
    model_write_used_index(&fixture.split, 2);
    assert_taken(11, 32);
    assert_broken();
}

/* A head that the driver has prepared and not shown yet. */
static void test_used_before_shown(void **state)
{
    (void)state;
    struct virtq_segment segment = {0x3000, 16};
    for (unsigned packed = 0; packed < 2; packed++) {
        set_up((struct ring_kind){.packed = packed});
        uint16_t next = fixture.queue.free_head;
        assert_int_equal(virtq_add(&fixture.queue, &segment, 0, 1, NULL, 13), 0);
        if (packed)
            packed_model_write(&fixture.packed, 0, next, 16, PACKED_AVAIL | PACKED_USED);
        else
            model_write_used(&fixture.split, 0, next, 16);
        if (!packed)
            model_write_used_index(&fixture.split, 1);
        assert_broken();
    }
}

static void test_split_index(void **state)
{
    (void)state;
    static const uint16_t indices[] = {
        4,                                             /* more than is in flight */
        HOSTILE_SIZE, HOSTILE_SIZE + 1, 0x8000, 0xffff /* backwards */
    };
    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        set_up_split();
        for (uint16_t slot = 0; slot < 3; slot++)
            model_write_used(&fixture.split, slot, heads[slot], 0);
        model_write_used_index(&fixture.split, indices[i]);
        assert_broken();
    }
}

static void test_split_index_seen_by_arm(void **state)
{
    (void)state;
    set_up((struct ring_kind){0});
    model_write_used_index(&fixture.split, 7);
    assert_int_equal(virtq_arm(&fixture.queue, 1), -ANOLE_EPROTO);
    assert_stays_broken();
}

/* The device scribbles over all that the driver wrote: it must not matter to the driver. */
static void test_split_scribbled(void **state)
{
    (void)state;
    set_up_split();
    memset(fixture.queue.split.descriptors, 0xff, 16 * HOSTILE_SIZE);
    memset((void *)fixture.queue.split.available, 0xff, 6 + 2 * HOSTILE_SIZE);
    for (uint16_t i = 0; i < 3; i++)
        model_write_used(&fixture.split, i, heads[i], i == 2 ? 0 : 16);
    model_write_used_index(&fixture.split, 3);
    for (uint16_t i = 0; i < 3; i++)
        assert_taken((uint16_t)(10 + i), i == 2 ? 0 : 16);
    assert_nothing();
    assert_int_equal(fixture.queue.free_slots, HOSTILE_SIZE);
    /* All slots are there and distinct: fill the ring. */
    struct virtq_segment segment = {0x1000, 16};
    for (uint16_t token = 0; token < HOSTILE_SIZE; token++)
        assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, token), 0);
    assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, 9), -ANOLE_EAGAIN);
    fixture_tear_down(&fixture);
}

/* IN_ORDER: an element for more buffers than the index says are used. */
static void test_split_run_too_long(void **state)
{
    (void)state;
    set_up((struct ring_kind){.in_order = true});
    model_write_used(&fixture.split, 0, heads[2], 0);
    model_write_used_index(&fixture.split, 2);
    assert_broken();
}

/* ---- packed ---- */

#define USED_NOW (PACKED_AVAIL | PACKED_USED) /* in the first lap */

static void packed_element(uint16_t slot, uint16_t id, uint32_t len, unsigned flags)
{
    packed_model_write(&fixture.packed, slot, id, len, (uint16_t)flags);
}

static void test_packed_id(void **state)
{
    (void)state;
    static const uint16_t ids[] = {HOSTILE_SIZE, 0x7fff, 0xffff, HOSTILE_SIZE - 1};
    for (unsigned i = 0; i < 2 * sizeof(ids) / sizeof(ids[0]); i++) {
        set_up_packed();
        packed_element(0, ids[i / 2], 0, USED_NOW);
        if (i % 2 == 0)
            assert_broken();
        else { /* whoever looks first */
            assert_int_equal(virtq_arm(&fixture.queue, 3), -ANOLE_EPROTO);
            assert_stays_broken();
        }
    }
}

static void test_packed_len(void **state)
{
    (void)state;
    set_up_packed();
    packed_element(0, heads[0], 17, USED_NOW | PACKED_WRITE);
    assert_broken();
    set_up_packed();
    packed_element(0, heads[2], 1, USED_NOW | PACKED_WRITE);
    assert_broken();
    /* Without WRITE the length means nothing, or it is QEMU's. */
    set_up_packed();
    packed_element(0, heads[0], 9, USED_NOW);
    packed_element(1, heads[1], UINT32_MAX, USED_NOW);
    assert_taken(10, 9);
    assert_taken(11, 32);
    fixture_tear_down(&fixture);
}

static void test_packed_used_twice(void **state)
{
    (void)state;
    set_up_packed();
    packed_element(0, heads[0], 16, USED_NOW | PACKED_WRITE);
    packed_element(1, heads[0], 16, USED_NOW | PACKED_WRITE);
    assert_taken(10, 16);
    assert_broken();
}

/* The element of a chain of two slots, and the next one right behind it, not two slots on. */
static void test_packed_skip(void **state)
{
    (void)state;
    set_up_packed();
    packed_element(0, heads[1], 32, USED_NOW | PACKED_WRITE);
    packed_element(1, heads[0], 16, USED_NOW | PACKED_WRITE);
    assert_taken(11, 32);
    assert_nothing(); /* nothing was used where it should be: the device is slow, as far as we know */
    packed_element(2, heads[0], 16, USED_NOW | PACKED_WRITE);
    assert_taken(10, 16);
    fixture_tear_down(&fixture);
}

static void test_packed_wrap_bits(void **state)
{
    (void)state;
    /* Neither available nor used in this lap, though it is in flight. */
    static const unsigned impossible[] = {0, PACKED_USED};
    for (unsigned i = 0; i < 2; i++) {
        set_up_packed();
        packed_element(0, heads[0], 0, impossible[i]);
        assert_broken();
        set_up_packed();
        packed_element(0, heads[0], 0, impossible[i]);
        assert_int_equal(virtq_arm(&fixture.queue, 1), -ANOLE_EPROTO);
        assert_stays_broken();
    }
    /* Still available: not used, whatever else changed. */
    set_up_packed();
    packed_element(0, 0xffff, UINT32_MAX, PACKED_AVAIL);
    assert_nothing();
    assert_int_equal(virtq_arm(&fixture.queue, 3), 0);
    fixture_tear_down(&fixture);
}

/* A used element when the device has nothing, with and without a batch that waits for its kick. */
static void test_packed_used_nothing(void **state)
{
    (void)state;
    struct virtq_segment segment = {0x1000, 16};
    for (unsigned added = 0; added < 2; added++) {
        set_up_packed();
        for (unsigned i = 0; i < 3; i++)
            fixture_push(&fixture, &heads[i], 1, 0);
        for (unsigned i = 0; i < 3; i++)
            assert_taken((uint16_t)(10 + i), 0);
        assert_nothing();
        if (added > 0)
            assert_int_equal(virtq_add(&fixture.queue, &segment, 0, 1, NULL, 13), 0);
        packed_element(4, heads[0], 0, USED_NOW);
        assert_broken();
    }
}

static void test_packed_scribbled(void **state)
{
    (void)state;
    static const int bytes[] = {0, 0xff};
    for (unsigned i = 0; i < 2; i++) {
        set_up_packed();
        memset((void *)fixture.queue.packed.ring, bytes[i], 16 * HOSTILE_SIZE);
        memset((void *)fixture.queue.packed.driver_event, bytes[i], 4);
        assert_broken();
    }
    /* Addresses and lengths of what is in flight don't matter to the driver. */
    set_up_packed();
    for (unsigned slot = 0; slot < 4; slot++)
        memset((void *)&fixture.queue.packed.ring[slot], 0xff, 12);
    for (unsigned i = 0; i < 3; i++)
        fixture_push(&fixture, &heads[i], 1, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_taken((uint16_t)(10 + i), 0);
    assert_int_equal(fixture.queue.free_slots, HOSTILE_SIZE);
    fixture_tear_down(&fixture);
}

/* IN_ORDER: a run that ends before it begins is seen by the look ahead, too. */
static void test_packed_run_backwards(void **state)
{
    (void)state;
    set_up((struct ring_kind){.packed = true, .in_order = true, .event_index = true});
    packed_element(0, heads[1], 0, USED_NOW); /* slots 0 to 2 */
    packed_element(3, heads[0], 0, USED_NOW);
    assert_int_equal(virtq_arm(&fixture.queue, 3), -ANOLE_EPROTO);
    assert_stays_broken();
}

/* ---- at random ---- */

#define RANDOM_SIZE_MAX 64u

struct wild {
    struct random random;
    bool in_flight[RANDOM_SIZE_MAX];
    uint32_t writable[RANDOM_SIZE_MAX];
    uint64_t taken, broken;
};

static struct wild wild;

static unsigned below(unsigned limit)
{
    return random_below(&wild.random, limit);
}

static void wild_add(void)
{
    uint16_t token = (uint16_t)below(fixture.kind.size);
    if (wild.in_flight[token])
        return;
    struct virtq_segment segments[3] = {
        {0x1000, 1 + below(40)}, {0x2000, 1 + below(40)}, {0x3000, 1}};
    unsigned writable = below(3);
    int rc = virtq_add(&fixture.queue, segments, 1, writable, NULL, token);
    CHECK(rc == 0 || rc == -ANOLE_EAGAIN || rc == -ANOLE_EPROTO || rc == -ANOLE_EINVAL);
    if (rc != 0)
        return;
    wild.in_flight[token] = true;
    wild.writable[token] = (writable > 0 ? segments[1].len_bytes : 0) + (writable > 1 ? 1 : 0);
}

static void wild_take(void)
{
    struct virtq_used used;
    int rc = virtq_take(&fixture.queue, &used);
    CHECK(rc >= 0 || rc == -ANOLE_EPROTO);
    if (rc <= 0)
        return;
    CHECK(used.token < fixture.kind.size && wild.in_flight[used.token]);
    CHECK(used.len_bytes <= wild.writable[used.token]);
    wild.in_flight[used.token] = false;
    wild.taken++;
}

/* Mostly the id of a buffer in flight, or about to be. */
static uint16_t wild_id(void)
{
    if (below(50) == 0)
        return (uint16_t)random_next(&wild.random);
    uint16_t id = (uint16_t)below(fixture.kind.size);
    for (unsigned i = 0; i < fixture.kind.size && fixture.chains[id].descriptors == 0; i++)
        id = (uint16_t)((id + 1u) % fixture.kind.size);
    return id;
}

/* Mostly what a device might do, now and then anything. */
static void wild_device(void)
{
    uint16_t size = fixture.kind.size;
    uint16_t id = wild_id();
    if (fixture.queue.shown == 0 && below(50) != 0)
        return;
    uint32_t len = below(50) == 0 ? (uint32_t)random_next(&wild.random) : below(2);
    if (!fixture.kind.packed) {
        uint16_t index = fixture.queue.split.used_index; /* a device knows where it is */
        model_write_used(&fixture.split, index, id, len);
        model_write_used_index(
            &fixture.split, (uint16_t)(below(100) == 0 ? random_next(&wild.random) : index + 1u));
        return;
    }
    const struct virtq_packed *packed = &fixture.queue.packed;
    uint16_t slot = below(20) == 0 ? (uint16_t)below(size) : packed->used;
    unsigned flags = packed->used_wrap ? USED_NOW : 0;
    if (below(50) == 0)
        flags = (unsigned)random_next(&wild.random);
    packed_element(slot, id, len, (flags & 0xffff) | (below(2) ? PACKED_WRITE : 0));
    packed_model_write_event(&fixture.packed, (uint16_t)random_next(&wild.random),
                             (uint16_t)below(5));
}

static void run_wild(struct ring_kind kind, unsigned steps)
{
    fixture_set_up(&fixture, kind);
    memset(wild.in_flight, 0, sizeof(wild.in_flight));
    for (unsigned step = 0; step < steps && !fixture.queue.broken; step++)
        switch (below(6)) {
        case 0:
        case 1:
            wild_add();
            break;
        case 2:
            (void)!virtq_kick(&fixture.queue);
            break;
        case 3:
            wild_device();
            break;
        case 4:
            wild_take();
            break;
        default: {
            int rc = virtq_arm(&fixture.queue, (uint16_t)below(70));
            CHECK(rc >= 0 || rc == -ANOLE_EPROTO);
        }
        }
    wild.broken += fixture.queue.broken;
    fixture_tear_down(&fixture);
}

static void test_at_random(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {1, 2, 4, 64, 3, 5};
    for (unsigned features = 0; features < 8; features++) {
        wild = (struct wild){.random = {features + 1}};
        for (unsigned run = 0; run < 4000; run++) {
            struct ring_kind kind = {
                .size = sizes[below(features & 1 ? 6 : 4)],
                .packed = features & 1,
                .in_order = features & 2,
                .event_index = features & 4,
            };
            run_wild(kind, 200);
        }
        /* Both happened, often: some of what it did was right, and some was noticed. */
        assert_true(wild.taken > 4000);
        assert_true(wild.broken > 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_id),
        cmocka_unit_test(test_split_len),
        cmocka_unit_test(test_split_legacy_len),
        cmocka_unit_test(test_split_used_twice),
        cmocka_unit_test(test_used_before_shown),
        cmocka_unit_test(test_split_index),
        cmocka_unit_test(test_split_index_seen_by_arm),
        cmocka_unit_test(test_split_scribbled),
        cmocka_unit_test(test_split_run_too_long),
        cmocka_unit_test(test_packed_id),
        cmocka_unit_test(test_packed_len),
        cmocka_unit_test(test_packed_used_twice),
        cmocka_unit_test(test_packed_skip),
        cmocka_unit_test(test_packed_wrap_bits),
        cmocka_unit_test(test_packed_used_nothing),
        cmocka_unit_test(test_packed_scribbled),
        cmocka_unit_test(test_packed_run_backwards),
        cmocka_unit_test(test_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
