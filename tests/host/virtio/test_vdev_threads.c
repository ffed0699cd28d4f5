/*
 * Driver and device of a queue in two threads, with real memory orders: each works as long as there
 * is something and then sleeps until the other one wakes it. Data that arrives late, and a wake-up
 * that doesn't come, fail the test. Built twice: as it is, and for ThreadSanitizer.
 */
#include "check.h"

#include <libvirtio/barrier.h>
#include <libvirtio/device/queue.h>
#include <libvirtio/virtq.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE_MAX_TESTED 64u
#define TOKENS 64u
#define OUT_BYTES 32u
#define IN_BYTES 40u
#define MEMORY_BYTES 65536u
#define MEMORY_ADDRESS 0x80000000u
#define PATIENCE_S 20
#define BUFFERS 15000u

#ifdef LIBVIRTIO_TSAN
_Atomic unsigned tsan_barrier;
#endif

/* In both threads: cmocka's checks are for the main one alone. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct slot_memory {
    unsigned char table[3 * VIRTQ_DESCRIPTOR_SIZE];
    unsigned char out[OUT_BYTES];
    unsigned char in[IN_BYTES];
};

/* What both reach. */
static union {
    _Alignas(4096) unsigned char bytes[MEMORY_BYTES];
    struct {
        struct slot_memory slots[TOKENS];
        _Alignas(64) unsigned char ring[];
    };
} memory;

static struct virtio_transport transport;
static struct virtq driver;
static struct virtq_chain chains[SIZE_MAX_TESTED];
static struct vdev_host host;
static struct vdev_queue device;
static uint32_t in_use[VDEV_QUEUE_WORDS(SIZE_MAX_TESTED)];
static sem_t kick, interrupt;
static _Atomic bool stop;

static void sleep_on(sem_t *semaphore)
{
    struct timespec deadline;
    MUST(clock_gettime(CLOCK_REALTIME, &deadline) == 0);
    deadline.tv_sec += PATIENCE_S;
    MUST(sem_timedwait(semaphore, &deadline) == 0);
}

static uint64_t address_of(const void *place)
{
    return MEMORY_ADDRESS + (uint64_t)((const unsigned char *)place - memory.bytes);
}

static unsigned char answer_to(const unsigned char *out, unsigned at)
{
    return (unsigned char)(out[at % OUT_BYTES] * 3 + at);
}

/* ---- device ---- */

static void *translate(struct vdev_host *asked, uint64_t address, uint64_t len_bytes, bool writable)
{
    (void)writable;
    MUST(asked == &host);
    if (address < MEMORY_ADDRESS || address - MEMORY_ADDRESS > MEMORY_BYTES ||
        len_bytes > MEMORY_BYTES - (address - MEMORY_ADDRESS))
        return NULL;
    return memory.bytes + (address - MEMORY_ADDRESS);
}

static void show(void)
{
    if (vdev_queue_publish(&device))
        MUST(sem_post(&interrupt) == 0);
}

/* Takes and answers all that is there. */
static void device_works(struct random *random)
{
    struct vdev_segment segments[3];
    struct vdev_chain chain = {.segments = segments, .capacity = 3};
    const char *what;
    int rc;
    while ((rc = vdev_queue_take(&device, &chain, &what)) > 0) {
        MUST(chain.readable == 1 && segments[0].len_bytes == OUT_BYTES);
        MUST(chain.writable == 2 && chain.writable_bytes == IN_BYTES);
        for (unsigned i = 0; i < IN_BYTES; i++) {
            unsigned first = segments[1].len_bytes;
            unsigned char byte = answer_to(segments[0].data, i);
            if (i < first)
                segments[1].data[i] = byte;
            else
                segments[2].data[i - first] = byte;
        }
        vdev_queue_use(&device, &chain, IN_BYTES);
        if (random_below(random, 3) == 0)
            show();
    }
    MUST(rc == 0);
    show();
}

static void *device_main(void *unused)
{
    struct random random = {0x2545f4914f6cdd1du};
    (void)unused;
    while (!atomic_load(&stop)) {
        vdev_queue_awake(&device);
        device_works(&random);
        if (vdev_queue_sleep(&device))
            sleep_on(&kick);
    }
    return NULL;
}

/* ---- driver ---- */

static void notify(struct virtio_transport *asked, uint16_t index, uint16_t position)
{
    (void)position;
    MUST(asked == &transport && index == 0);
    MUST(sem_post(&kick) == 0);
}

static const struct virtio_transport_ops transport_ops = {.notify = notify};

static uint16_t free_tokens[TOKENS];
static unsigned free_count;

static void add(struct random *random)
{
    uint16_t token = free_tokens[--free_count];
    struct slot_memory *slot = &memory.slots[token];
    uint32_t cut = 1 + random_below(random, IN_BYTES - 1);
    for (unsigned i = 0; i < OUT_BYTES; i++)
        slot->out[i] = (unsigned char)random_next(random);
    const struct virtq_segment segments[3] = {
        {address_of(slot->out), OUT_BYTES},
        {address_of(slot->in), cut},
        {address_of(slot->in + cut), IN_BYTES - cut},
    };
    struct virtq_table table = {slot->table, address_of(slot->table), 3};
    bool with_table = random_below(random, 2) == 0;
    MUST(virtq_add(&driver, segments, 1, 2, with_table ? &table : NULL, token) == 0);
}

static unsigned take_all(void)
{
    struct virtq_used used;
    unsigned count = 0;
    int rc;
    while ((rc = virtq_take(&driver, &used)) > 0) {
        struct slot_memory *slot = &memory.slots[used.token];
        MUST(used.token < TOKENS && used.len_bytes == IN_BYTES);
        for (unsigned i = 0; i < IN_BYTES; i++)
            MUST(slot->in[i] == answer_to(slot->out, i));
        memset(slot->in, 0, IN_BYTES);
        free_tokens[free_count++] = used.token;
        count++;
    }
    MUST(rc == 0);
    return count;
}

static void driver_works(void)
{
    struct random random = {0x9e3779b97f4a7c15u};
    unsigned done = 0;
    while (done < BUFFERS) {
        for (unsigned burst = random_below(&random, 12); burst > 0; burst--)
            if (free_count > 0 && driver.free_slots >= 3)
                add(&random);
        MUST(virtq_kick(&driver) >= 0);
        done += take_all();
        if (free_count == TOKENS || random_below(&random, 2) == 0)
            continue;
        unsigned in_flight = TOKENS - free_count;
        int rc = virtq_arm(&driver, (uint16_t)(1 + random_below(&random, in_flight)));
        MUST(rc >= 0);
        if (rc == 0)
            sleep_on(&interrupt);
    }
}

/* ---- both ---- */

static void live(bool packed, bool event_index, bool indirect, uint16_t size)
{
    struct feature_set features = {0};
    if (packed)
        features = feature_with(features, VIRTIO_F_RING_PACKED);
    if (event_index)
        features = feature_with(features, VIRTIO_F_EVENT_IDX);
    if (indirect)
        features = feature_with(features, VIRTIO_F_INDIRECT_DESC);
    memset(memory.bytes, 0, sizeof(memory.bytes));
    transport = (struct virtio_transport){.ops = &transport_ops};
    host = (struct vdev_host){.translate = translate};
    const struct virtq_format *format = virtq_format_for(&transport, features);
    struct dma_memory ring = {memory.ring, address_of(memory.ring), format->memory_len(size)};
    CHECK(ring.len_bytes <= sizeof(memory) - offsetof(__typeof__(memory), ring));
    vdev_queue_init(&device, &host, size, in_use);
    virtq_init(&driver, format, &transport, 0, size, features, &ring, chains, &device.addresses);
    CHECK(vdev_queue_start(&device, features) == NULL);
    for (free_count = 0; free_count < TOKENS; free_count++)
        free_tokens[free_count] = (uint16_t)free_count;
    CHECK(sem_init(&kick, 0, 0) == 0 && sem_init(&interrupt, 0, 0) == 0);
    atomic_store(&stop, false);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, device_main, NULL) == 0);
    driver_works();
    atomic_store(&stop, true);
    CHECK(sem_post(&kick) == 0 && pthread_join(thread, NULL) == 0);
    (void)sem_destroy(&kick);
    (void)sem_destroy(&interrupt);
}

static void every_kind(bool packed)
{
    for (unsigned features = 0; features < 4; features++) {
        live(packed, (features & 1) != 0, (features & 2) != 0, SIZE_MAX_TESTED);
        live(packed, (features & 1) != 0, (features & 2) != 0, 4);
    }
}

static void split_rings(void **state)
{
    (void)state;
    every_kind(false);
}

static void packed_rings(void **state)
{
    (void)state;
    every_kind(true);
    live(true, true, true, 61);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_rings),
        cmocka_unit_test(packed_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
