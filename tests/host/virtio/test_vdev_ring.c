/*
 * Both ends of a queue against each other: libvirtio's driver side and its device side, over every
 * ring kind, set of features and size. What the device reads and writes is known byte by byte, each
 * index goes round, and both sides sleep until the other one wakes them: a notification that isn't
 * sent is found.
 */
#include "check.h"
#include "fake_memory.h"

#include <anole/error.h>
#include <libvirtio/device/queue.h>
#include <libvirtio/virtq.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_TESTED 1024u
#define TOKENS 96u
#define PIECES 6u
#define PIECE_BYTES 24u
#define ARENA (2 * PIECES * PIECE_BYTES)
#define HELD_MAX 32u
#define TURNS_MAX 1000u

struct kind {
    bool packed, event_index, indirect, in_order;
    uint16_t size;
};

/* A buffer of the driver's: what it sends, and what must come back. */
struct buffer {
    bool in_flight;
    unsigned char *out, *in;
    uint64_t out_address, in_address;
    unsigned out_len, in_len;
    struct virtq_table table;
};

struct held {
    struct vdev_chain chain;
    struct vdev_segment segments[PIECES];
};

static struct life {
    struct kind kind;
    struct random random;
    struct virtio_transport transport;
    struct virtq driver;
    struct virtq_chain chains[SIZE_MAX_TESTED];
    struct buffer buffers[TOKENS];
    unsigned in_flight;
    uint64_t done;

    struct vdev_host host;
    struct vdev_queue device;
    uint32_t in_use[VDEV_QUEUE_WORDS(SIZE_MAX_TESTED)];
    struct held held[HELD_MAX];
    unsigned held_count;
    bool notified, interrupted;
    unsigned notifications, interrupts;
} life;

static unsigned below(unsigned limit)
{
    return random_below(&life.random, limit);
}

/* ---- what both know: what the device answers ---- */

static unsigned sum_of(const unsigned char *bytes, unsigned len, unsigned sum)
{
    for (unsigned i = 0; i < len; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

/* How much of a buffer the device writes. */
static unsigned answer_len(unsigned sum, unsigned in_len)
{
    return sum % 3 == 0 ? (sum >> 4) % (in_len + 1) : in_len;
}

static unsigned char answer_byte(unsigned sum, unsigned at)
{
    return (unsigned char)(sum * 7 + at);
}

/* ---- driver ---- */

static void notify(struct virtio_transport *transport, uint16_t index, uint16_t position)
{
    (void)position;
    CHECK(transport == &life.transport && index == 5);
    life.notified = true;
    life.notifications++;
}

static const struct virtio_transport_ops transport_ops = {.notify = notify};

static unsigned cut(struct virtq_segment *segments, unsigned most, uint64_t address, unsigned *len)
{
    unsigned count = below(most + 1);
    *len = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t part = 1 + below(PIECE_BYTES);
        segments[i] = (struct virtq_segment){address + *len, part};
        *len += part;
    }
    return count;
}

/* False: the ring is full. */
static bool add(struct buffer *buffer)
{
    struct virtq_segment segments[PIECES];
    unsigned most = life.kind.size < PIECES ? life.kind.size : PIECES;
    unsigned readable = cut(segments, most, buffer->out_address, &buffer->out_len);
    unsigned writable = cut(segments + readable, most - readable, buffer->in_address,
                            &buffer->in_len);
    if (readable + writable == 0)
        return true;
    for (unsigned i = 0; i < buffer->out_len; i++)
        buffer->out[i] = (unsigned char)random_next(&life.random);
    memset(buffer->in, 0xee, ARENA);
    int rc = virtq_add(&life.driver, segments, readable, writable,
                       below(4) == 0 ? NULL : &buffer->table, (uint16_t)(buffer - life.buffers));
    CHECK(rc == 0 || rc == -ANOLE_EAGAIN);
    buffer->in_flight = rc == 0;
    life.in_flight += rc == 0;
    return rc == 0;
}

static void add_some(void)
{
    for (unsigned n = below(16); n > 0; n--) {
        struct buffer *buffer = &life.buffers[below(TOKENS)];
        if (!buffer->in_flight && !add(buffer))
            break;
    }
    CHECK(virtq_kick(&life.driver) >= 0);
}

static void check_answer(const struct virtq_used *used)
{
    CHECK(used->token < TOKENS);
    struct buffer *buffer = &life.buffers[used->token];
    unsigned sum = sum_of(buffer->out, buffer->out_len, buffer->in_len);
    unsigned len = answer_len(sum, buffer->in_len);
    CHECK(buffer->in_flight && used->len_bytes == len);
    for (unsigned i = 0; i < buffer->in_len; i++)
        CHECK(buffer->in[i] == (i < len ? answer_byte(sum, i) : 0xee));
    buffer->in_flight = false;
    life.in_flight--;
    life.done++;
}

/* Takes what there is, and goes to sleep again: for a while, or until so many are there. */
static void driver_wakes(void)
{
    struct virtq_used used;
    int rc;
    life.interrupted = false;
    do {
        while ((rc = virtq_take(&life.driver, &used)) > 0)
            check_answer(&used);
        CHECK(rc == 0);
        rc = virtq_arm(&life.driver, (uint16_t)(1 + below(2) * below(TOKENS)));
        CHECK(rc >= 0);
    } while (rc > 0);
}

/* ---- device ---- */

static void *translate(struct vdev_host *host, uint64_t address, uint64_t len_bytes, bool writable)
{
    CHECK(host == &life.host);
    return fake_memory_at(address, len_bytes, writable ? FAKE_WRITE : FAKE_READ);
}

static void answer(struct held *held)
{
    const struct vdev_chain *chain = &held->chain;
    unsigned sum = (unsigned)chain->writable_bytes;
    for (unsigned i = 0; i < chain->readable; i++)
        sum = sum_of(chain->segments[i].data, chain->segments[i].len_bytes, sum);
    unsigned len = answer_len(sum, (unsigned)chain->writable_bytes);
    unsigned at = 0;
    for (unsigned i = 0; i < chain->writable; i++) {
        const struct vdev_segment *segment = &chain->segments[chain->readable + i];
        for (unsigned j = 0; j < segment->len_bytes && at < len; j++)
            segment->data[j] = answer_byte(sum, at++);
    }
    vdev_queue_use(&life.device, chain, len);
}

static void finish_some(unsigned count)
{
    while (count-- > 0 && life.held_count > 0) {
        unsigned which = life.kind.in_order ? 0 : below(life.held_count);
        answer(&life.held[which]);
        life.held_count--;
        if (life.kind.in_order) {
            memmove(&life.held[0], &life.held[1], life.held_count * sizeof(life.held[0]));
        } else {
            life.held[which] = life.held[life.held_count];
        }
        for (unsigned i = 0; i < HELD_MAX; i++)
            life.held[i].chain.segments = life.held[i].segments;
        if (below(3) == 0 && vdev_queue_publish(&life.device)) {
            life.interrupts++;
            life.interrupted = true;
        }
    }
    if (vdev_queue_publish(&life.device)) {
        life.interrupts++;
        life.interrupted = true;
    }
}

static void device_wakes(void)
{
    const char *what = "";
    life.notified = false;
    vdev_queue_awake(&life.device);
    for (;;) {
        struct held *next = &life.held[life.held_count];
        if (life.held_count == HELD_MAX) {
            finish_some(1 + below(HELD_MAX));
            continue;
        }
        next->chain = (struct vdev_chain){.segments = next->segments, .capacity = PIECES};
        int rc = vdev_queue_take(&life.device, &next->chain, &what);
        if (rc < 0)
            fail_msg("the driver: %s", what);
        if (rc > 0)
            life.held_count++;
        else if (vdev_queue_sleep(&life.device))
            break;
    }
    finish_some(below(HELD_MAX));
}

/* ---- their life ---- */

static struct feature_set features_of(const struct kind *kind)
{
    struct feature_set set = feature_with((struct feature_set){0}, VIRTIO_F_VERSION_1);
    if (kind->packed)
        set = feature_with(set, VIRTIO_F_RING_PACKED);
    if (kind->event_index)
        set = feature_with(set, VIRTIO_F_EVENT_IDX);
    if (kind->indirect)
        set = feature_with(set, VIRTIO_F_INDIRECT_DESC);
    if (kind->in_order)
        set = feature_with(set, VIRTIO_F_IN_ORDER);
    return set;
}

static void buffers_alloc(void)
{
    static unsigned char out[TOKENS * ARENA];
    uint64_t out_address = fake_memory_address(sizeof(out));
    fake_memory_add(out_address, out, sizeof(out), FAKE_READ);
    uint64_t in_address;
    unsigned char *in = fake_memory_alloc(TOKENS * ARENA, &in_address);
    uint64_t table_address;
    unsigned char *tables = fake_memory_alloc(TOKENS * PIECES * VIRTQ_DESCRIPTOR_SIZE,
                                              &table_address);
    for (unsigned i = 0; i < TOKENS; i++) {
        unsigned table = i * PIECES * VIRTQ_DESCRIPTOR_SIZE;
        life.buffers[i] = (struct buffer){
            .out = out + (size_t)i * ARENA,
            .in = in + (size_t)i * ARENA,
            .out_address = out_address + (uint64_t)i * ARENA,
            .in_address = in_address + (uint64_t)i * ARENA,
            .table = {tables + table, table_address + table, PIECES},
        };
    }
}

static void connect(const struct kind *kind)
{
    struct feature_set features = features_of(kind);
    const struct virtq_format *format = virtq_format_for(&life.transport, features);
    struct dma_memory memory = {.len_bytes = format->memory_len(kind->size)};
    memory.address = fake_memory_alloc(memory.len_bytes, &memory.device_address);
    vdev_queue_init(&life.device, &life.host, kind->size, life.in_use);
    virtq_init(&life.driver, format, &life.transport, 5, kind->size, features, &memory, life.chains,
               &life.device.addresses);
    CHECK(vdev_queue_start(&life.device, features) == NULL);
    CHECK(vdev_queue_sleep(&life.device) && virtq_arm(&life.driver, 1) == 0);
}

static void live(const struct kind *kind, uint64_t count)
{
    fake_memory_reset();
    life = (struct life){
        .kind = *kind,
        .random = {0x9e3779b97f4a7c15u * (kind->size + 1u)},
        .transport = {.ops = &transport_ops},
        .host = {.translate = translate},
    };
    buffers_alloc();
    connect(kind);
    uint64_t done_before = 0;
    unsigned turns = 0; /* without anything done */
    while (life.done < count) {
        turns = life.done == done_before ? turns + 1 : 0;
        done_before = life.done;
        CHECK(turns < TURNS_MAX);
        add_some();
        if (life.notified && below(2) == 0)
            device_wakes();
        else if (below(2) == 0)
            finish_some(below(4));
        if (life.interrupted && below(2) == 0)
            driver_wakes();
    }
    while (life.in_flight > 0) {
        CHECK(life.notified || life.interrupted || life.held_count > 0);
        if (life.notified)
            device_wakes();
        finish_some(HELD_MAX);
        if (life.interrupted)
            driver_wakes();
    }
    CHECK(life.held_count == 0 && life.driver.free_slots == kind->size);
    CHECK(life.notifications > 0 && life.interrupts > 0);
    fake_memory_reset();
}

static void every_feature(bool packed, uint16_t size, uint64_t count)
{
    for (unsigned features = 0; features < 8; features++) {
        struct kind kind = {
            .packed = packed,
            .event_index = (features & 1) != 0,
            .indirect = (features & 2) != 0,
            .in_order = (features & 4) != 0,
            .size = size,
        };
        live(&kind, count);
    }
}

/* Enough for each 16-bit index to go round. */
static void split_rings(void **state)
{
    static const uint16_t sizes[] = {1, 2, 8, 128, 1024};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        every_feature(false, sizes[i], 70000);
}

static void packed_rings(void **state)
{
    static const uint16_t sizes[] = {1, 2, 3, 7, 8, 61, 128, 1000, 1024};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        every_feature(true, sizes[i], 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_rings),
        cmocka_unit_test(packed_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
