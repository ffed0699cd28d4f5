/*
 * libvirtio's queues, driver side, in memory that the device writes as it likes: split and packed,
 * with every feature, in order and reset one by one. A buffer comes back once at most and no longer
 * than it is, none is taken for one that the device wasn't shown, and a broken queue stays broken.
 */
#include "../input.h"
#include "../require.h"
#include "used.h"

#include <anole/error.h>
#include <libvirtio/virtq.h>
#include <stdbool.h>
#include <string.h>

#define STEPS 400u
#define SIZE_MAX_FUZZED 24u
#define TOKENS 64u
#define PIECES 6u

static struct input input;
static struct virtio_transport transport;
static struct virtq queue;
static struct virtq_chain chains[SIZE_MAX_FUZZED];
static struct dma_memory memory;
static struct virtq_addresses addresses;
static _Alignas(16) uint8_t tables[TOKENS][PIECES * VIRTQ_DESCRIPTOR_SIZE];

static struct buffer {
    bool added, shown;
    uint32_t writable_bytes;
} buffers[TOKENS];
static unsigned in_flight;
static bool reset_fails;

static void notify(struct virtio_transport *asked, uint16_t index, uint16_t position)
{
    REQUIRE(asked == &transport && index == 3);
    REQUIRE((position & 0x7fff) < queue.size || !queue.notification_data ||
            queue.format != &virtq_packed_format);
}

static int queue_reset(struct virtio_transport *asked, uint16_t index)
{
    REQUIRE(asked == &transport && index == 3);
    return reset_fails ? -ANOLE_ETIMEDOUT : 0;
}

static const struct virtio_transport_ops ops = {.notify = notify, .queue_reset = queue_reset};

/* ---- the driver ---- */

static void add(void)
{
    struct virtq_segment segments[PIECES];
    uint16_t token = (uint16_t)input_below(&input, TOKENS);
    unsigned readable = input_below(&input, PIECES / 2 + 1);
    unsigned writable = input_below(&input, PIECES / 2 + 1);
    uint32_t writable_bytes = 0;
    struct virtq_table table = {tables[token], 0x1000 + token,
                                (uint16_t)input_below(&input, PIECES + 1)};
    if (buffers[token].added)
        return;
    for (unsigned i = 0; i < readable + writable; i++) {
        segments[i] = (struct virtq_segment){0x100000 + i, input_below(&input, 512)};
        writable_bytes += i < readable ? 0 : segments[i].len_bytes;
    }
    int rc = virtq_add(&queue, segments, readable, writable,
                       input_below(&input, 2) == 0 ? NULL : &table, token);
    REQUIRE(rc == 0 || rc == -ANOLE_EAGAIN || rc == -ANOLE_EINVAL || rc == -ANOLE_EPROTO);
    if (rc != 0)
        return;
    buffers[token] = (struct buffer){.added = true, .writable_bytes = writable_bytes};
    in_flight++;
}

static void kick(void)
{
    int rc = virtq_kick(&queue);
    REQUIRE(rc == 0 || rc == 1 || rc == -ANOLE_EPROTO);
    for (unsigned i = 0; i < TOKENS; i++)
        buffers[i].shown = buffers[i].added;
}

static void take(void)
{
    struct virtq_used used;
    bool broken = queue.broken;
    int rc = virtq_take(&queue, &used);
    REQUIRE(rc == 0 || rc == 1 || rc == -ANOLE_EPROTO);
    REQUIRE(!broken || rc == -ANOLE_EPROTO);
    if (rc != 1)
        return;
    REQUIRE(used.token < TOKENS && buffers[used.token].added && buffers[used.token].shown);
    REQUIRE(used.len_bytes <= buffers[used.token].writable_bytes);
    buffers[used.token].added = false;
    in_flight--;
}

static void arm(void)
{
    int rc = virtq_arm(&queue, (uint16_t)input_below(&input, TOKENS));
    REQUIRE(rc == 0 || rc == 1 || rc == -ANOLE_EPROTO);
}

static void lose(void *context, uint16_t token)
{
    REQUIRE(context == &queue && token < TOKENS && buffers[token].added);
    buffers[token].added = false;
    in_flight--;
}

static void reset(void)
{
    reset_fails = input_below(&input, 4) == 0;
    int rc = virtq_reset(&queue, lose, &queue, &addresses);
    REQUIRE(rc == (reset_fails ? -ANOLE_ETIMEDOUT : 0) || rc == -ANOLE_EPROTO);
    REQUIRE(rc != 0 || (in_flight == 0 && queue.free_slots == queue.size && !queue.broken));
}

/* ---- the device ---- */

static void scribble(void)
{
    uint8_t *bytes = memory.address;
    size_t at = input_below(&input, (uint32_t)memory.len_bytes);
    for (unsigned len = input_below(&input, 9); len > 0 && at < memory.len_bytes; len--)
        bytes[at++] = input_byte(&input);
}

/* A used element that may well be true. */
static void answer(void)
{
    uint16_t id = (uint16_t)input_below(&input, queue.size + 1u);
    uint32_t len = input_below(&input, 8) == 0 ? (uint32_t)input_word(&input)
                                               : input_below(&input, 600);
    used_put(&queue, id, len, (uint16_t)(input_below(&input, 4) == 0 ? in_flight : 0));
}

/* ---- a life ---- */

static void make(void)
{
    struct feature_set features = {0};
    uint8_t bits = input_byte(&input);
    if ((bits & 1) != 0)
        features = feature_with(features, VIRTIO_F_RING_PACKED);
    if ((bits & 2) != 0)
        features = feature_with(features, VIRTIO_F_EVENT_IDX);
    if ((bits & 4) != 0)
        features = feature_with(features, VIRTIO_F_INDIRECT_DESC);
    if ((bits & 8) != 0)
        features = feature_with(features, VIRTIO_F_IN_ORDER);
    if ((bits & 16) != 0)
        features = feature_with(features, VIRTIO_F_NOTIFICATION_DATA);
    if ((bits & 32) != 0)
        features = feature_with(features, VIRTIO_F_RING_RESET);
    transport = (struct virtio_transport){.ops = &ops, .legacy = (bits & 64) != 0};
    if (transport.legacy)
        features = feature_without(features, VIRTIO_F_RING_PACKED);
    const struct virtq_format *format = virtq_format_for(&transport, features);
    uint16_t size = virtq_size_below(format, 1 + input_below(&input, SIZE_MAX_FUZZED));
    REQUIRE(size >= 1 && size <= SIZE_MAX_FUZZED);
    memory.len_bytes = format->memory_len(size);
    memory.device_address = 0x80000000u;
    memory.address = aligned_alloc(4096, (memory.len_bytes + 4095) / 4096 * 4096);
    REQUIRE(memory.address != NULL);
    memset(memory.address, 0, memory.len_bytes);
    virtq_init(&queue, format, &transport, 3, size, features, &memory, chains, &addresses);
}

static void step(void)
{
    struct virtq_state state;
    switch (input_below(&input, 10)) {
    case 0:
    case 1:
        add();
        break;
    case 2:
        kick();
        break;
    case 3:
    case 4:
        take();
        break;
    case 5:
        arm();
        break;
    case 6:
        virtq_disarm(&queue);
        break;
    case 7:
        answer();
        break;
    case 8:
        scribble();
        break;
    default:
        if (input_below(&input, 8) == 0)
            reset();
    }
    virtq_describe(&queue, 0, &state);
    REQUIRE(state.free_slots <= queue.size);
    REQUIRE(state.broken || state.in_flight + state.added == in_flight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = (struct input){data, len};
    memset(buffers, 0, sizeof(buffers));
    in_flight = 0;
    make();
    for (unsigned i = 0; i < STEPS && input.len > 0; i++)
        step();
    free(memory.address);
    return 0;
}
