/*
 * Ordinary life of a ring against independent models of the device's end: both formats, all features
 * and many sizes, random operations of both sides, a million and more of them, and in some rings more
 * than 65536 buffers, so that every index wraps. The test knows of each buffer what must come of it, and when who must be woken.
 */
#include "check.h"
#include "fake_memory.h"
#include "virtq_fixture.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_ENTRIES 8u
#define TABLE_BYTES (TABLE_ENTRIES * VIRTQ_DESCRIPTOR_SIZE)
/* Buffers of one step at most: keeps large rings from taking all the time. */
#define STEP_MAX 300u

/* What the test knows of each buffer, by token. */
struct buffer {
    bool in_flight;
    uint16_t slots;
    unsigned readable, writable;
    struct virtq_segment segment[TABLE_ENTRIES];
    uint32_t writable_bytes, used_len;
};

/* A chain that the device has. */
struct held {
    uint16_t head, token;
    uint64_t order; /* counts chains as they are taken */
};

struct life {
    struct fixture fixture;
    struct random random;
    struct buffer *buffer;
    struct held *held;       /* a queue of what the device has, */
    unsigned first, count;   /* from here on, so many, round and round */
    char *tables;            /* one for each token */
    uint64_t tables_address; /* as the device sees them */
    unsigned slots;          /* ring slots in use */
    unsigned unshown;        /* added since the last kick */
    unsigned with_device;    /* shown and not used */
    unsigned waiting;        /* used and not taken */
    uint64_t taken;          /* by the device, ever */
    uint64_t shown_chains, shown_slots, unshown_slots;
    bool device_sleeps; /* and must be notified */
    bool device_awake;  /* and has said that it needn't be */
    bool disarmed;
    bool interrupted;
    unsigned after;        /* armed: the interrupt must come at the latest when that many of the */
    uint64_t armed_before; /* chains with an order below this are used; 0: not armed */
    unsigned not_before;   /* and it is a mistake before that many are used; 0: isn't */
    uint64_t total;
};

static struct life life;

static uint16_t size(void)
{
    return life.fixture.kind.size;
}

static unsigned some(unsigned most)
{
    return random_below(&life.random, (most < STEP_MAX ? most : STEP_MAX) + 1);
}

/* ---- the driver ---- */

static void make_segments(struct buffer *buffer, unsigned count, uint16_t token)
{
    buffer->readable = random_below(&life.random, count + 1);
    buffer->writable = count - buffer->readable;
    buffer->writable_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        buffer->segment[i] = (struct virtq_segment){
            .device_address = (1ull << 40) + ((uint64_t)token << 20) + ((uint64_t)i << 12),
            .len_bytes = 1 + random_below(&life.random, 4096),
        };
        if (i >= buffer->readable)
            buffer->writable_bytes += buffer->segment[i].len_bytes;
    }
}

static void add_one(void)
{
    uint16_t token = (uint16_t)random_below(&life.random, size());
    struct buffer *buffer = &life.buffer[token];
    if (buffer->in_flight)
        return;
    unsigned most = size() < TABLE_ENTRIES ? size() : TABLE_ENTRIES;
    unsigned count = 1 + random_below(&life.random, most);
    make_segments(buffer, count, token);
    struct virtq_table table = {
        .address = life.tables + (size_t)token * TABLE_BYTES,
        .device_address = life.tables_address + (uint64_t)token * TABLE_BYTES,
        .entries = TABLE_ENTRIES,
    };
    bool with_table = random_below(&life.random, 4) != 0;
    buffer->slots = with_table && life.fixture.kind.indirect ? 1 : (uint16_t)count;
    int rc = virtq_add(&life.fixture.queue, buffer->segment, buffer->readable, buffer->writable,
                       with_table ? &table : NULL, token);
    if (buffer->slots > size() - life.slots) {
        CHECK(rc == -ANOLE_EAGAIN);
        return;
    }
    CHECK(rc == 0);
    if (buffer->slots != 1 && life.fixture.kind.packed)
        life.not_before = 0;
    buffer->in_flight = true;
    life.slots += buffer->slots;
    life.unshown++;
    life.unshown_slots += buffer->slots;
    CHECK(life.fixture.queue.free_slots == size() - life.slots);
}

/* next_off and next_wrap after all that was shown (virtio 1.4, 2.9). */
static uint16_t expected_position(void)
{
    if (!life.fixture.kind.packed)
        return (uint16_t)life.shown_chains;
    uint64_t laps = life.shown_slots / size();
    return (uint16_t)(life.shown_slots % size() | (laps % 2 == 0 ? 0x8000u : 0));
}

static void kick(void)
{
    unsigned batch = life.unshown;
    unsigned notified = life.fixture.notified;
    int rc = virtq_kick(&life.fixture.queue);
    CHECK(rc >= 0 && life.fixture.notified - notified == (unsigned)rc);
    life.shown_chains += batch;
    life.shown_slots += life.unshown_slots;
    life.with_device += batch;
    life.unshown = 0;
    life.unshown_slots = 0;
    if (batch == 0)
        CHECK(rc == 0);
    else if (life.device_sleeps)
        CHECK(rc == 1); /* else the device would sleep for ever */
    else if (life.device_awake && (life.fixture.kind.packed || !life.fixture.kind.event_index))
        CHECK(rc == 0);
    if (rc == 0)
        return;
    life.device_sleeps = false;
    if (life.fixture.kind.notification_data)
        CHECK(life.fixture.position == expected_position()); /* CORE-NOTIF-02 */
}

static void driver_take(void)
{
    for (unsigned n = some(size()); n > 0; n--) {
        struct virtq_used used = {0};
        int rc = virtq_take(&life.fixture.queue, &used);
        CHECK(rc == (life.waiting > 0));
        if (rc == 0)
            break;
        struct buffer *buffer = &life.buffer[used.token];
        CHECK(buffer->in_flight && buffer->used_len == used.len_bytes);
        buffer->in_flight = false;
        life.slots -= buffer->slots;
        CHECK(life.fixture.queue.free_slots == size() - life.slots);
        life.waiting--;
        life.total++;
        life.after = life.not_before = 0;
    }
}

/* Whether positions of the next interrupt and buffers used are the same thing. */
static bool arms_exactly(void)
{
    if (!life.fixture.kind.event_index || life.fixture.kind.in_order)
        return false;
    for (unsigned token = 0; token < size() && life.fixture.kind.packed; token++)
        if (life.buffer[token].in_flight && life.buffer[token].slots != 1)
            return false;
    return true;
}

static void arm(void)
{
    unsigned after = 1 + random_below(&life.random, size());
    unsigned shown = life.with_device + life.waiting;
    int rc = virtq_arm(&life.fixture.queue, (uint16_t)after);
    if (after > shown)
        after = shown;
    if (after == 0 || !life.fixture.kind.event_index)
        after = 1;
    CHECK(rc == (life.waiting >= after));
    life.interrupted = false;
    life.disarmed = false;
    life.after = rc == 0 && shown > 0 ? after - life.waiting : 0;
    /* A packed ring's positions count slots: buffers added later may be used before. */
    life.armed_before = life.fixture.kind.packed ? life.shown_chains : UINT64_MAX;
    life.not_before = size() <= 256 && arms_exactly() ? life.after : 0;
}

static void disarm(void)
{
    virtq_disarm(&life.fixture.queue);
    life.disarmed = true;
    life.after = life.not_before = 0;
}

/* ---- the device ---- */

static void check_chain(const struct model_chain *chain, uint16_t token)
{
    const struct buffer *buffer = &life.buffer[token];
    CHECK(buffer->in_flight && chain->count == buffer->readable + buffer->writable);
    for (unsigned i = 0; i < chain->count; i++) {
        CHECK(chain->segment[i].address == buffer->segment[i].device_address);
        CHECK(chain->segment[i].len == buffer->segment[i].len_bytes);
        CHECK(chain->segment[i].writable == (i >= buffer->readable));
    }
}

static struct held *held_at(unsigned i)
{
    return &life.held[(life.first + i) % size()];
}

static void device_take(void)
{
    static struct model_chain chain;
    fixture_wake(&life.fixture);
    life.device_sleeps = false;
    life.device_awake = true;
    for (unsigned n = some(size()); n > 0; n--) {
        CHECK(fixture_available(&life.fixture) == (life.count < life.with_device));
        if (!fixture_pop(&life.fixture, &chain))
            break;
        /* Which buffer is it? Its address says so. */
        uint16_t token = (uint16_t)(chain.segment[0].address >> 20 & 0x7fff);
        check_chain(&chain, token);
        *held_at(life.count++) = (struct held){chain.head, token, life.taken++};
    }
    if (random_below(&life.random, 2) == 0) {
        life.device_sleeps = fixture_sleep(&life.fixture);
        life.device_awake = false;
    }
}

/* The interrupt that was armed for, when a run of buffers is used, some of which count for it. */
static void check_interrupt(bool wanted, unsigned run, unsigned counted)
{
    CHECK(!wanted || !life.disarmed);
    life.interrupted |= wanted;
    if (life.not_before > run)
        CHECK(!wanted);
    life.not_before -= run < life.not_before ? run : life.not_before;
    if (life.after == 0)
        return;
    life.after -= counted < life.after ? counted : life.after;
    if (life.after == 0)
        CHECK(life.interrupted); /* what was armed for has happened */
}

/* Uses a run of the oldest that it has: as one with IN_ORDER, else one by one. */
static void use(unsigned run)
{
    uint16_t heads[STEP_MAX];
    uint32_t len = 0;
    unsigned counted = 0;
    for (unsigned i = 0; i < run; i++) {
        struct held *held = held_at(i);
        struct buffer *buffer = &life.buffer[held->token];
        len = random_below(&life.random, buffer->writable_bytes + 1);
        buffer->used_len = i + 1 < run ? buffer->writable_bytes : len; /* SPLIT-ORDER-02 */
        heads[i] = held->head;
        counted += held->order < life.armed_before;
    }
    check_interrupt(fixture_push(&life.fixture, heads, run, len), run, counted);
    life.first += run;
    life.count -= run;
    life.with_device -= run;
    life.waiting += run;
}

static void device_use(void)
{
    unsigned n = some(life.count);
    while (n > 0) {
        unsigned run = life.fixture.kind.in_order ? 1 + random_below(&life.random, n) : 1;
        if (!life.fixture.kind.in_order) { /* any order */
            struct held *other = held_at(random_below(&life.random, life.count));
            struct held first = *held_at(0);
            *held_at(0) = *other;
            *other = first;
        }
        use(run);
        n -= run;
    }
}

/* ---- both ---- */

static void live(struct ring_kind kind, uint64_t total, uint64_t seed)
{
    life = (struct life){.random = {seed}};
    fixture_set_up(&life.fixture, kind);
    life.fixture.packed.no_write_flag = seed % 2 == 0;
    life.buffer = calloc(kind.size, sizeof(*life.buffer));
    life.held = calloc(kind.size, sizeof(*life.held));
    life.tables = fake_memory_alloc((size_t)kind.size * TABLE_BYTES, &life.tables_address);
    life.device_sleeps = fixture_sleep(&life.fixture);
    static void (*const steps[])(void) = {add_one, kick, device_take, device_use, driver_take, arm};
    while (life.total < total) {
        unsigned step = random_below(&life.random, 16);
        if (step == 15)
            disarm();
        else if (step < 6)
            steps[step]();
        else
            for (unsigned n = some(kind.size); n > 0; n--)
                add_one();
    }
    free(life.buffer);
    free(life.held);
    fixture_tear_down(&life.fixture);
}

static void test_life(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {1, 2, 3, 4, 7, 8, 32, 256, 1000, 1024};
    for (unsigned features = 0; features < 16; features++)
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct ring_kind kind = {
                .size = sizes[i],
                .packed = features & 8,
                .in_order = features & 4,
                .indirect = features & 2,
                .event_index = features & 1,
                .notification_data = i % 2,
            };
            bool wrap = !kind.packed && (kind.size == 2 || kind.size == 256);
            if (kind.packed || (kind.size & (kind.size - 1)) == 0)
                live(kind, wrap ? 70000 : 8000, 16 * sizes[i] + features + 1);
        }
}

/* The largest rings there can be: positions take all of 15 bits, and one for the wrap. */
static void test_largest(void **state)
{
    (void)state;
    for (unsigned features = 0; features < 8; features++) {
        struct ring_kind kind = {
            .size = features & 4 && features & 2 ? 32767 : 32768,
            .packed = features & 4,
            .in_order = features & 2,
            .event_index = features & 1,
            .notification_data = true,
        };
        if (kind.packed || kind.size == 32768)
            live(kind, 100000, features + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
