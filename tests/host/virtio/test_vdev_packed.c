/*
 * Packed rings from the device's end, slot by slot: what it takes, where it writes, when it
 * interrupts, and what it refuses.
 */
#include "check.h"
#include "fake_memory.h"

#include <libvirtio/device/queue.h>
#include <string.h>

#define SIZE 5u
#define AVAIL PACKED_DESCRIPTOR_AVAIL
#define USED PACKED_DESCRIPTOR_USED
#define NEXT PACKED_DESCRIPTOR_NEXT
#define WRITE PACKED_DESCRIPTOR_WRITE
#define INDIRECT PACKED_DESCRIPTOR_INDIRECT
#define LAP1 AVAIL /* available in the first lap, and in the second */
#define LAP2 USED

struct slot {
    uint64_t address;
    uint32_t len;
    uint16_t id;
    uint16_t flags;
};

static struct vdev_host host;
static struct vdev_queue queue;
static uint32_t in_use[VDEV_QUEUE_WORDS(SIZE)];
static struct slot *ring;
static uint32_t *driver_event, *device_event;
static unsigned char *data;
static uint64_t ring_address, data_address;
static struct vdev_segment segments[4][SIZE];
static struct vdev_chain chains[4];

static void *translate(struct vdev_host *asked, uint64_t address, uint64_t len_bytes, bool writable)
{
    CHECK(asked == &host);
    return fake_memory_find(address, len_bytes, writable ? FAKE_WRITE : FAKE_READ);
}

static void start(bool event_index, bool in_order)
{
    uint64_t driver_address, device_address;
    struct feature_set features = feature_with((struct feature_set){0}, VIRTIO_F_RING_PACKED);
    features = feature_with(features, VIRTIO_F_INDIRECT_DESC);
    if (event_index)
        features = feature_with(features, VIRTIO_F_EVENT_IDX);
    if (in_order)
        features = feature_with(features, VIRTIO_F_IN_ORDER);
    fake_memory_reset();
    host = (struct vdev_host){.translate = translate};
    ring = fake_memory_alloc(SIZE * sizeof(*ring), &ring_address);
    driver_event = fake_memory_alloc(4, &driver_address);
    device_event = fake_memory_alloc(4, &device_address);
    data = fake_memory_alloc(4096, &data_address);
    vdev_queue_init(&queue, &host, SIZE, in_use);
    queue.addresses = (struct virtq_addresses){ring_address, driver_address, device_address};
    CHECK(vdev_queue_start(&queue, features) == NULL);
}

static int tear_down(void **state)
{
    (void)state;
    fake_memory_reset();
    return 0;
}

static void put(unsigned at, uint16_t id, unsigned flags)
{
    ring[at] = (struct slot){data_address + 64u * at, 16 + at, id, (uint16_t)flags};
}

static int take(unsigned which)
{
    const char *what = NULL;
    chains[which] = (struct vdev_chain){.segments = segments[which], .capacity = SIZE};
    int rc = vdev_queue_take(&queue, &chains[which], &what);
    CHECK((rc < 0) == (what != NULL && queue.broken));
    return rc;
}

static void finish(unsigned which, uint32_t len)
{
    vdev_queue_use(&queue, &chains[which], len);
}

static void takes_in_order_and_goes_round(void **state)
{
    (void)state;
    start(false, false);
    CHECK(take(0) == 0);
    put(0, 7, LAP1 | NEXT);
    put(1, 8, LAP1 | NEXT | WRITE);
    put(2, 9, LAP1 | WRITE);
    CHECK(take(0) == 1 && chains[0].id == 9 && chains[0].slots == 3);
    CHECK(chains[0].readable == 1 && chains[0].readable_bytes == 16);
    CHECK(chains[0].writable == 2 && chains[0].writable_bytes == 17 + 18);
    CHECK(segments[0][2].data == data + 128 && segments[0][2].len_bytes == 18);
    CHECK(take(1) == 0);
    finish(0, 33);
    CHECK(ring[0].flags == (LAP1 | NEXT)); /* DEV-PACKED-07: nothing is shown yet */
    CHECK(vdev_queue_publish(&queue));
    CHECK(ring[0].id == 9 && ring[0].len == 33 && ring[0].flags == (AVAIL | USED | WRITE));
    CHECK(ring[1].flags == (LAP1 | NEXT | WRITE) && ring[2].flags == (LAP1 | WRITE));

    put(4, 2, LAP1); /* not before slot 3: DEV-PACKED-01, 06 */
    CHECK(take(0) == 0);
    put(3, 1, LAP1);
    CHECK(take(0) == 1 && chains[0].id == 1 && chains[0].slots == 1);
    CHECK(take(1) == 1 && chains[1].id == 2);
    CHECK(take(2) == 0); /* slot 0 is used, and of the lap before */
    put(0, 3, LAP2 | NEXT);
    put(1, 3, LAP2);
    CHECK(take(2) == 1 && chains[2].id == 3 && chains[2].slots == 2);
    finish(2, 0); /* out of order: its element goes where the next one belongs */
    finish(0, 5);
    finish(1, 0);
    CHECK(vdev_queue_publish(&queue) && !vdev_queue_publish(&queue));
    CHECK(ring[3].id == 3 && ring[3].flags == (AVAIL | USED)); /* no WRITE: nothing was written */
    CHECK(ring[0].id == 1 && ring[0].len == 5 && ring[0].flags == WRITE); /* the second lap */
    CHECK(ring[1].id == 2 && ring[1].flags == 0);
}

static void batches_in_order(void **state)
{
    (void)state;
    start(false, true);
    put(0, 10, LAP1 | WRITE);
    put(1, 11, LAP1 | NEXT);
    put(2, 12, LAP1 | WRITE);
    put(3, 13, LAP1 | WRITE);
    for (unsigned i = 0; i < 3; i++)
        CHECK(take(i) == 1);
    finish(0, 16); /* whole: the next one speaks for it */
    finish(1, 18);
    finish(2, 3); /* not whole: it has a length of its own, and ends the batch */
    CHECK(vdev_queue_publish(&queue));
    CHECK(ring[0].id == 13 && ring[0].len == 3 && ring[0].flags == (AVAIL | USED | WRITE));
    CHECK(queue.packed.used.offset == 4);
}

static void put_table(const struct slot *entries, unsigned count)
{
    memcpy(data + 1024, entries, count * sizeof(*entries));
    ring[0] = (struct slot){data_address + 1024, count * 16, 21, LAP1 | INDIRECT};
}

static void tables(void **state)
{
    (void)state;
    start(false, false);
    const struct slot entries[] = {
        {data_address, 4, 99, NEXT | AVAIL}, /* only WRITE means something */
        {data_address + 64, 8, 99, WRITE},
        {data_address + 128, 2, 99, WRITE | INDIRECT},
    };
    put_table(entries, 3);
    CHECK(take(0) == 1 && chains[0].id == 21 && chains[0].slots == 1);
    CHECK(chains[0].readable_bytes == 4 && chains[0].writable == 2 && take(1) == 0);
}

static void event_put(unsigned slot, bool wrap)
{
    *driver_event = PACKED_EVENT_WORD(PACKED_EVENT_DESCRIPTOR, slot | (wrap ? 0x8000u : 0));
}

/* Makes the next buffer of one slot and uses it: whether that interrupts. */
static bool one(unsigned at, unsigned lap)
{
    put(at, 1, lap);
    CHECK(take(0) == 1);
    finish(0, 0);
    return vdev_queue_publish(&queue);
}

static void interrupts(void **state)
{
    (void)state;
    start(true, false);
    *driver_event = PACKED_EVENT_WORD(PACKED_EVENT_DISABLE, 0);
    CHECK(!one(0, LAP1));
    *driver_event = PACKED_EVENT_WORD(PACKED_EVENT_ENABLE, 0);
    CHECK(one(1, LAP1));
    event_put(3, true);
    CHECK(!one(2, LAP1) && one(3, LAP1) && !one(4, LAP1) && !one(0, LAP2) && !one(1, LAP2));
    event_put(3, false);
    CHECK(!one(2, LAP2) && one(3, LAP2));
    event_put(4, true); /* of the lap before: it is past */
    CHECK(!one(4, LAP2));
    event_put(2, true);
    CHECK(!one(0, LAP1));
    /* A batch that goes round: the event is in its middle, at its end, behind it. */
    for (unsigned event = 0; event < 3; event++) {
        start(true, false);
        CHECK(one(0, LAP1) == true); /* the event structure is zero: ENABLE */
        event_put(event, false);
        for (unsigned i = 0; i < 4; i++)
            put(1 + i, 1, LAP1);
        for (unsigned i = 0; i < 4; i++)
            CHECK(take(i) == 1);
        for (unsigned i = 0; i < 4; i++)
            finish(i, 0);
        put(0, 1, LAP2 | NEXT);
        put(1, 1, LAP2);
        CHECK(take(0) == 1);
        finish(0, 0);
        CHECK(vdev_queue_publish(&queue) == (event < 2));
    }
    start(false, false); /* without EVENT_IDX there is no such mode; better once too often */
    event_put(4, true);
    CHECK(one(0, LAP1));
}

static void asks_for_notifications(void **state)
{
    (void)state;
    start(true, false);
    vdev_queue_awake(&queue);
    CHECK(*device_event == PACKED_EVENT_WORD(PACKED_EVENT_DISABLE, 0));
    CHECK(vdev_queue_sleep(&queue));
    CHECK(*device_event == PACKED_EVENT_WORD(PACKED_EVENT_DESCRIPTOR, 0x8000u));
    for (unsigned i = 0; i < SIZE; i++)
        CHECK(one(i, LAP1)); /* the driver's structure is zero: ENABLE */
    put(0, 1, LAP2);
    CHECK(!vdev_queue_sleep(&queue)); /* there is one already */
    CHECK(take(0) == 1 && vdev_queue_sleep(&queue));
    CHECK(*device_event == PACKED_EVENT_WORD(PACKED_EVENT_DESCRIPTOR, 1));
    start(false, false);
    vdev_queue_awake(&queue);
    CHECK(*device_event == PACKED_EVENT_WORD(PACKED_EVENT_DISABLE, 0));
    CHECK(vdev_queue_sleep(&queue));
    CHECK(*device_event == PACKED_EVENT_WORD(PACKED_EVENT_ENABLE, 0));
}

static void refuses(void **state)
{
    (void)state;
    start(false, false); /* a list that goes on into nothing */
    put(0, 1, LAP1 | NEXT);
    CHECK(take(0) == -1);
    CHECK(take(0) == 0); /* broken is broken */
    start(false, false); /* a list longer than the ring */
    for (unsigned i = 0; i < SIZE; i++)
        put(i, 1, LAP1 | NEXT);
    CHECK(take(0) == -1);
    start(false, false); /* slots that the device has */
    for (unsigned i = 0; i < SIZE; i++)
        put(i, 1, LAP1);
    for (unsigned i = 0; i < SIZE; i++)
        CHECK(take(0) == 1);
    put(0, 1, LAP2);
    CHECK(take(0) == -1);
    start(false, false); /* readable behind writable */
    put(0, 1, LAP1 | NEXT | WRITE);
    put(1, 1, LAP1);
    CHECK(take(0) == -1);
    start(false, false); /* not in memory */
    put(0, 1, LAP1);
    ring[0].address = 16;
    CHECK(take(0) == -1);
    start(false, false); /* a table in a list */
    put(0, 1, LAP1 | NEXT);
    put(1, 1, LAP1 | INDIRECT);
    CHECK(take(0) == -1);
    start(false, false); /* a list behind a table */
    put(0, 1, LAP1 | INDIRECT | NEXT);
    put(1, 1, LAP1);
    CHECK(take(0) == -1);
    static const uint32_t lengths[] = {0, 15, 17, 16 * (SIZE + 1), 8192};
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        start(false, false);
        put(0, 1, LAP1 | INDIRECT);
        ring[0].address = data_address + 1024;
        ring[0].len = lengths[i];
        CHECK(take(0) == -1);
    }
}

static void bad_parts(void **state)
{
    (void)state;
    start(false, false);
    const struct virtq_addresses good = queue.addresses;
    struct feature_set features = feature_with((struct feature_set){0}, VIRTIO_F_RING_PACKED);
    for (unsigned i = 0; i < 6; i++) {
        vdev_queue_reset(&queue);
        queue.addresses = good;
        queue.addresses.descriptors += i == 0 ? 8 : i == 1 ? 4096 : 0;
        queue.addresses.driver_area += i == 2 ? 2 : 0;
        queue.addresses.device_area += i == 3 ? 2 : i == 4 ? 4096 : 0;
        queue.size = i == 5 ? SIZE + 1 : SIZE;
        CHECK(vdev_queue_start(&queue, features) != NULL && !vdev_queue_runs(&queue));
        CHECK(take(0) == 0 && vdev_queue_sleep(&queue) && !vdev_queue_publish(&queue));
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_in_order_and_goes_round),
        TEST(batches_in_order),
        TEST(tables),
        TEST(interrupts),
        TEST(asks_for_notifications),
        TEST(refuses),
        TEST(bad_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
