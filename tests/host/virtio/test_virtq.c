/*
 * The split ring against an independent model of the device: all sizes and features, more than
 * 65536 buffers through each so that every index wraps, and a device that misbehaves in every way
 * that a ring allows.
 */
#include "check.h"
#include "fake_memory.h"
#include "ring_model.h"

#include <anole/error.h>
#include <libvirtio/virtq.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_TESTED 1024u
#define TABLE_ENTRIES 8u

struct fixture {
    struct virtq queue;
    struct virtio_transport transport;
    struct ring_model model;
    struct virtq_chain *chains;
    unsigned notified;
};

static struct fixture *current;

static void notify(struct virtio_transport *transport, uint16_t index, uint16_t position)
{
    CHECK(transport == &current->transport && index == 3 && position == 0);
    current->notified++;
}

static const struct virtio_transport_ops transport_ops = {.notify = notify};

static void set_up(struct fixture *fixture, uint16_t size, bool event_index, bool indirect)
{
    fake_memory_reset();
    current = fixture;
    *fixture = (struct fixture){.transport = {.ops = &transport_ops}};
    fixture->chains = calloc(size, sizeof(*fixture->chains));
    struct feature_set features = {0};
    if (event_index)
        features = feature_with(features, VIRTIO_F_EVENT_IDX);
    if (indirect)
        features = feature_with(features, VIRTIO_F_INDIRECT_DESC);
    struct dma_memory memory = {.len_bytes = virtq_split_format.memory_len(size)};
    memory.address = fake_memory_alloc(memory.len_bytes, &memory.device_address);
    struct virtq_addresses addresses;
    virtq_init(&fixture->queue, &virtq_split_format, &fixture->transport, 3, size, features,
               &memory, fixture->chains, &addresses);
    model_init(&fixture->model, addresses.descriptors, addresses.driver_area, addresses.device_area,
               size, event_index, indirect);
}

static void tear_down(struct fixture *fixture)
{
    free(fixture->chains);
    fake_memory_reset();
}

/* ---- ordinary life ---- */

/* What the test knows of each buffer, by token. */
struct buffer {
    bool in_flight;
    bool with_table;
    unsigned readable, writable;
    struct virtq_segment segment[TABLE_ENTRIES];
    struct virtq_table table;
    uint32_t used_len;
};

struct life {
    struct fixture fixture;
    struct random random;
    struct buffer buffer[SIZE_MAX_TESTED];
    uint16_t held[SIZE_MAX_TESTED]; /* heads that the device has */
    uint16_t held_token[SIZE_MAX_TESTED];
    unsigned held_count;
    unsigned added;     /* and not taken */
    unsigned slots;     /* ring slots in use */
    bool device_sleeps; /* and must be notified */
    bool device_awake;  /* and has said that it needn't be */
    bool interrupted;
    unsigned after; /* armed for that many; 0: not armed */
    uint64_t total;
    uint16_t size;
};

static struct life life;

static void make_segments(struct buffer *buffer, unsigned count, uint16_t token)
{
    buffer->readable = random_below(&life.random, count + 1);
    buffer->writable = count - buffer->readable;
    for (unsigned i = 0; i < count; i++)
        buffer->segment[i] = (struct virtq_segment){
            .device_address = 0x100000000ull + ((uint64_t)token << 20) + ((uint64_t)i << 12),
            .len_bytes = 1 + random_below(&life.random, 4096),
        };
}

static void add_one(void)
{
    uint16_t token = (uint16_t)random_below(&life.random, life.size);
    struct buffer *buffer = &life.buffer[token];
    if (buffer->in_flight)
        return;
    unsigned most = life.size < TABLE_ENTRIES ? life.size : TABLE_ENTRIES;
    unsigned count = 1 + random_below(&life.random, most);
    make_segments(buffer, count, token);
    if (buffer->table.address == NULL) {
        buffer->table.entries = TABLE_ENTRIES;
        buffer->table.address = fake_memory_alloc(TABLE_ENTRIES * VIRTQ_DESCRIPTOR_SIZE,
                                                  &buffer->table.device_address);
    }
    bool table = random_below(&life.random, 4) != 0;
    buffer->with_table = table && life.fixture.model.indirect && count > 1;
    unsigned need = buffer->with_table ? 1 : count;
    int rc = virtq_add(&life.fixture.queue, buffer->segment, buffer->readable, buffer->writable,
                       table ? &buffer->table : NULL, token);
    if (need > life.size - life.slots) {
        CHECK(rc == -ANOLE_EAGAIN);
        return;
    }
    CHECK(rc == 0);
    buffer->in_flight = true;
    life.slots += need;
    life.added++;
    CHECK(life.fixture.queue.free_slots == life.size - life.slots);
}

static void kick(void)
{
    unsigned before = model_waiting(&life.fixture.model);
    unsigned notified = life.fixture.notified;
    int rc = virtq_kick(&life.fixture.queue);
    CHECK(rc >= 0);
    bool published = model_waiting(&life.fixture.model) > before;
    CHECK((life.fixture.notified > notified) == (rc > 0));
    if (!published)
        CHECK(rc == 0);
    else if (life.device_sleeps)
        CHECK(rc == 1); /* else the device would sleep for ever */
    else if (life.device_awake && !life.fixture.model.event_index)
        CHECK(rc == 0);
    if (rc > 0)
        life.device_sleeps = false;
}

static void device_take(void)
{
    static struct model_chain chain;
    struct ring_model *model = &life.fixture.model;
    model_wake(model);
    life.device_sleeps = false;
    life.device_awake = true;
    for (unsigned n = random_below(&life.random, life.size + 1); n > 0; n--) {
        if (!model_pop(model, &chain))
            break;
        /* Which buffer is it? Its address says so. */
        uint16_t token = (uint16_t)(chain.segment[0].address >> 20 & 0xfff);
        struct buffer *buffer = &life.buffer[token];
        CHECK(buffer->in_flight && chain.count == buffer->readable + buffer->writable);
        uint32_t writable = 0;
        for (unsigned i = 0; i < chain.count; i++) {
            CHECK(chain.segment[i].address == buffer->segment[i].device_address);
            CHECK(chain.segment[i].len == buffer->segment[i].len_bytes);
            CHECK(chain.segment[i].writable == (i >= buffer->readable));
            if (chain.segment[i].writable)
                writable += chain.segment[i].len;
        }
        buffer->used_len = random_below(&life.random, writable + 1);
        life.held[life.held_count] = chain.head;
        life.held_token[life.held_count++] = token;
    }
    if (random_below(&life.random, 2) == 0) {
        life.device_sleeps = model_sleep(model);
        life.device_awake = false;
    }
}

/* Uses some of what it has, in any order. */
static void device_use(void)
{
    for (unsigned n = random_below(&life.random, life.held_count + 1); n > 0; n--) {
        unsigned i = random_below(&life.random, life.held_count);
        uint32_t len = life.buffer[life.held_token[i]].used_len;
        if (model_push(&life.fixture.model, life.held[i], len))
            life.interrupted = true;
        life.held_count--;
        life.held[i] = life.held[life.held_count];
        life.held_token[i] = life.held_token[life.held_count];
        if (life.after > 0 && --life.after == 0) {
            CHECK(life.interrupted); /* what was armed for has happened */
            life.interrupted = false;
        }
    }
}

static void driver_take(void)
{
    for (unsigned n = random_below(&life.random, life.size + 1); n > 0; n--) {
        struct virtq_used used = {0};
        int rc = virtq_take(&life.fixture.queue, &used);
        CHECK(rc >= 0);
        if (rc == 0)
            break;
        struct buffer *buffer = &life.buffer[used.token];
        CHECK(buffer->in_flight && buffer->used_len == used.len_bytes);
        buffer->in_flight = false;
        life.slots -= buffer->with_table ? 1 : buffer->readable + buffer->writable;
        life.added--;
        life.total++;
        life.after = 0;
    }
}

static void arm(void)
{
    uint16_t after = (uint16_t)(1 + random_below(&life.random, life.size));
    uint16_t shown = life.fixture.queue.shown;
    uint16_t waits = (uint16_t)(life.fixture.model.pushed - life.fixture.queue.split.used_index);
    int rc = virtq_arm(&life.fixture.queue, after);
    if (after > shown)
        after = shown;
    if (after == 0 || !life.fixture.model.event_index)
        after = 1;
    CHECK(rc == (waits >= after));
    life.interrupted = false;
    life.after = rc == 0 && shown > 0 ? after - waits : 0;
}

static void live(uint16_t size, bool event_index, bool indirect, uint64_t total, uint64_t seed)
{
    set_up(&life.fixture, size, event_index, indirect);
    life = (struct life){.fixture = life.fixture, .random = {seed}, .size = size};
    current = &life.fixture;
    life.fixture.queue.transport = &life.fixture.transport;
    life.device_sleeps = model_sleep(&life.fixture.model);
    while (life.total < total) {
        switch (random_below(&life.random, 8)) {
        case 0:
        case 1:
        case 2:
            for (unsigned n = random_below(&life.random, size) + 1; n > 0; n--)
                add_one();
            break;
        case 3:
            kick();
            break;
        case 4:
            device_take();
            break;
        case 5:
            device_use();
            break;
        case 6:
            driver_take();
            break;
        default:
            arm();
            break;
        }
    }
    tear_down(&life.fixture);
}

static void test_life(void **state)
{
    (void)state;
    for (unsigned features = 0; features < 4; features++)
        for (unsigned size = 1; size <= 256; size *= 2)
            live((uint16_t)size, features & 1, features & 2, size < 8 ? 70000 : 140000,
                 size * 4 + features + 1);
}

/* ---- arguments ---- */

static void test_arguments(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, 4, true, true);
    struct virtq_segment segments[8];
    for (unsigned i = 0; i < 8; i++)
        segments[i] = (struct virtq_segment){0x1000 * (i + 1), 16};
    assert_int_equal(virtq_add(&fixture.queue, segments, 0, 0, NULL, 0), -ANOLE_EINVAL);
    assert_int_equal(virtq_add(&fixture.queue, segments, 5, 0, NULL, 0), -ANOLE_EINVAL);
    assert_int_equal(virtq_add(&fixture.queue, segments, 0, UINT32_MAX, NULL, 0), -ANOLE_EINVAL);
    assert_int_equal(virtq_add(&fixture.queue, segments, 1, UINT32_MAX, NULL, 0), -ANOLE_EINVAL);
    segments[1].len_bytes = 0;
    assert_int_equal(virtq_add(&fixture.queue, segments, 1, 1, NULL, 0), -ANOLE_EINVAL);
    segments[0].len_bytes = segments[1].len_bytes = UINT32_MAX; /* SPLIT-DESC-01 */
    assert_int_equal(virtq_add(&fixture.queue, segments, 1, 1, NULL, 0), -ANOLE_EINVAL);
    assert_int_equal(virtq_kick(&fixture.queue), 0);
    assert_int_equal(fixture.queue.free_slots, 4);
    tear_down(&fixture);
}

/* A batch is one kick, decided over all of it: the device slept at its first index. */
static void test_batch_kick(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, 8, true, false);
    struct virtq_segment segment = {0x1000, 16};
    for (uint16_t token = 0; token < 5; token++)
        assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, token), 0);
    assert_int_equal(fixture.notified, 0);
    assert_int_equal(model_waiting(&fixture.model), 0);
    assert_int_equal(virtq_kick(&fixture.queue), 1);
    assert_int_equal(model_waiting(&fixture.model), 5);
    assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, 5), 0);
    assert_int_equal(virtq_kick(&fixture.queue), 0);
    assert_int_equal(fixture.notified, 1);
    tear_down(&fixture);
}

/* ---- a device that misbehaves ---- */

#define HOSTILE_SIZE 8u

/* A queue with three buffers in flight: 16 writable bytes, 2 * 16 writable ones (two slots or a
 * table), 16 readable bytes. Heads in that order. */
static void hostile_set_up(struct fixture *fixture, uint16_t heads[3], bool event_index)
{
    static struct model_chain chain;
    set_up(fixture, HOSTILE_SIZE, event_index, false);
    struct virtq_segment segments[2] = {{0x1000, 16}, {0x2000, 16}};
    assert_int_equal(virtq_add(&fixture->queue, segments, 0, 1, NULL, 10), 0);
    assert_int_equal(virtq_add(&fixture->queue, segments, 0, 2, NULL, 11), 0);
    assert_int_equal(virtq_add(&fixture->queue, segments, 1, 0, NULL, 12), 0);
    assert_int_equal(virtq_kick(&fixture->queue), 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(model_pop(&fixture->model, &chain));
        heads[i] = chain.head;
    }
}

static void assert_broken(struct fixture *fixture)
{
    struct virtq_used used;
    struct virtq_segment segment = {0x1000, 16};
    assert_int_equal(virtq_take(&fixture->queue, &used), -ANOLE_EPROTO);
    /* And so it stays, even if the ring looks right again. */
    model_write_used_index(&fixture->model, 0);
    assert_int_equal(virtq_take(&fixture->queue, &used), -ANOLE_EPROTO);
    assert_int_equal(virtq_add(&fixture->queue, &segment, 1, 0, NULL, 0), -ANOLE_EPROTO);
    assert_int_equal(virtq_kick(&fixture->queue), -ANOLE_EPROTO);
    assert_int_equal(virtq_arm(&fixture->queue, 1), -ANOLE_EPROTO);
    tear_down(fixture);
}

static void hostile_element(uint32_t id_of, uint32_t id, uint32_t len)
{
    struct fixture fixture;
    uint16_t heads[3];
    hostile_set_up(&fixture, heads, true);
    model_write_used(&fixture.model, 0, id_of < 3 ? heads[id_of] : id, len);
    model_write_used_index(&fixture.model, 1);
    assert_broken(&fixture);
}

static void test_used_id(void **state)
{
    (void)state;
    hostile_element(3, HOSTILE_SIZE, 0);
    hostile_element(3, UINT32_MAX, 0);
    hostile_element(3, 0x10000, 0);          /* 0 if cut to 16 bits */
    hostile_element(3, HOSTILE_SIZE - 1, 0); /* never used */
    hostile_element(3, 2, 0);                /* the middle of the second chain */
}

static void test_used_len(void **state)
{
    (void)state;
    hostile_element(0, 0, 17);
    hostile_element(0, 0, UINT32_MAX);
    hostile_element(1, 0, 33);
    hostile_element(2, 0, 1); /* it could write nothing at all */
}

static void test_used_twice(void **state)
{
    (void)state;
    struct fixture fixture;
    uint16_t heads[3];
    struct virtq_used used;
    hostile_set_up(&fixture, heads, true);
    model_write_used(&fixture.model, 0, heads[1], 32);
    model_write_used(&fixture.model, 1, heads[1], 32);
    model_write_used_index(&fixture.model, 2);
    assert_int_equal(virtq_take(&fixture.queue, &used), 1);
    assert_int_equal(used.token, 11);
    assert_int_equal(used.len_bytes, 32);
    assert_broken(&fixture);
}

/* A head that the driver has prepared and not shown yet. */
static void test_used_before_shown(void **state)
{
    (void)state;
    struct fixture fixture;
    uint16_t heads[3];
    hostile_set_up(&fixture, heads, true);
    struct virtq_segment segment = {0x3000, 16};
    uint16_t next = fixture.queue.free_head;
    assert_int_equal(virtq_add(&fixture.queue, &segment, 0, 1, NULL, 13), 0);
    model_write_used(&fixture.model, 0, next, 16);
    model_write_used_index(&fixture.model, 1);
    assert_broken(&fixture);
}

static void hostile_index(uint16_t index)
{
    struct fixture fixture;
    uint16_t heads[3];
    hostile_set_up(&fixture, heads, true);
    for (uint16_t i = 0; i < 3; i++)
        model_write_used(&fixture.model, i, heads[i], 0);
    model_write_used_index(&fixture.model, index);
    assert_broken(&fixture);
}

static void test_used_index(void **state)
{
    (void)state;
    hostile_index(4); /* more than is in flight */
    hostile_index(HOSTILE_SIZE);
    hostile_index(HOSTILE_SIZE + 1);
    hostile_index(0x8000);
    hostile_index(0xffff); /* backwards */
}

static void test_used_index_seen_by_arm(void **state)
{
    (void)state;
    struct fixture fixture;
    uint16_t heads[3];
    hostile_set_up(&fixture, heads, false);
    model_write_used_index(&fixture.model, 7);
    assert_int_equal(virtq_arm(&fixture.queue, 1), -ANOLE_EPROTO);
    assert_broken(&fixture);
}

/* The device scribbles over all that the driver wrote: it must not matter to the driver. */
static void test_scribbled_rings(void **state)
{
    (void)state;
    struct fixture fixture;
    uint16_t heads[3];
    struct virtq_used used;
    hostile_set_up(&fixture, heads, true);
    memset(fixture.queue.split.descriptors, 0xff, 16 * HOSTILE_SIZE);
    memset((void *)fixture.queue.split.available, 0xff, 6 + 2 * HOSTILE_SIZE);
    for (uint16_t i = 0; i < 3; i++)
        model_write_used(&fixture.model, i, heads[i], i == 2 ? 0 : 16);
    model_write_used_index(&fixture.model, 3);
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(virtq_take(&fixture.queue, &used), 1);
        assert_int_equal(used.token, 10 + i);
    }
    assert_int_equal(virtq_take(&fixture.queue, &used), 0);
    assert_int_equal(fixture.queue.free_slots, HOSTILE_SIZE);
    /* All slots are there and distinct: fill the ring. */
    struct virtq_segment segment = {0x1000, 16};
    for (uint16_t token = 0; token < HOSTILE_SIZE; token++)
        assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, token), 0);
    assert_int_equal(virtq_add(&fixture.queue, &segment, 1, 0, NULL, 9), -ANOLE_EAGAIN);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_batch_kick),
        cmocka_unit_test(test_used_id),
        cmocka_unit_test(test_used_len),
        cmocka_unit_test(test_used_twice),
        cmocka_unit_test(test_used_before_shown),
        cmocka_unit_test(test_used_index),
        cmocka_unit_test(test_used_index_seen_by_arm),
        cmocka_unit_test(test_scribbled_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
