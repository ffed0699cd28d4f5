/*
 * The frame of small drivers, and the entropy driver on it, from bringing the device up to its end:
 * devices that can't be driven, that lie about what they wrote, fall silent or lose interrupts, and
 * clients that ask for too much. Both sources are within this one, so that each test has a process
 * that has just been started.
 */
#include "driver_world.h"
#include "fake_kernel.h"
#include "fake_memory.h"

#include "../../../lib/libvirtio/driver.c"

int rng_main(void);
#define main rng_main
#include "../../../drivers/virtio_rng/main.c"
#undef main

#define CLIENT 0x2000u
#define OTHER 0x3000u
#define MASK(feature) ((uint64_t)1 << (feature).number)
#define GOOD MASK(VIRTIO_F_VERSION_1)

static struct fake_mmio fake;
static uint64_t next_call;

static int fresh(void **state)
{
    (void)state;
    world_start(&fake, VIRTIO_ID_RNG, GOOD);
    poll_ticks = DEADLINE_NEVER;
    virtio_driver_counters = (struct virtio_counters){0};
    asked = mixing = mix_wanted = false;
    waiting_count = 0;
    next_call = 1;
    fake_thread(CLIENT, CLIENT);
    for (endpoint_t thread = CLIENT + 1; thread < CLIENT + 8; thread++)
        fake_thread(thread, CLIENT);
    for (endpoint_t process = OTHER; process < OTHER + 40; process++)
        fake_thread(process, process);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_mmio_free(&fake);
    return 0;
}

static void start(void)
{
    (void)rng_main();
}

/* ---- the device ---- */

/* Fills the next buffer with a pattern and says that it wrote len bytes; -1: all of it. */
static uint32_t fill(int64_t len)
{
    static struct model_chain chain;
    CHECK(model_pop(&fake.ring, &chain));
    CHECK(chain.count == 1 && chain.segment[0].writable); /* RNG-01 */
    uint32_t asked_for = chain.segment[0].len;
    unsigned char *memory = fake_memory_at(chain.segment[0].address, asked_for, FAKE_WRITE);
    for (uint32_t i = 0; i < asked_for; i++) {
        CHECK(memory[i] == 0); /* what others got isn't left there */
        memory[i] = (unsigned char)(i + 1);
    }
    (void)model_push(&fake.ring, chain.head, len < 0 ? asked_for : (uint32_t)len);
    fake.interrupt_status |= 1;
    return asked_for;
}

static void interrupt(void)
{
    fake_kernel.service->notified(NOTIFY_BIT(VIRTIO_DRIVER_BIT));
}

static void time_out(void)
{
    fake_kernel.service->timeout();
}

/* Brings it up; the first buffer is for the kernel. */
static void begin(void)
{
    fake_kernel_enter(start);
    assert_false(fake_kernel.died);
    assert_int_equal(fill(-1), MIX_BYTES);
    interrupt();
}

/* ---- devices that can't be driven ---- */

static void expect_end(enum death_cause cause)
{
    fake_kernel_enter(start);
    assert_true(fake_kernel.died);
    assert_int_equal(fake_kernel.death_cause, cause);
    assert_int_equal(fake_kernel.logs, 1); /* one clear line */
    assert_false(world.ready);
}

static void test_wrong_registers(void **state)
{
    (void)state;
    fake.magic = 0x12345678;
    expect_end(DEATH_UNUSABLE);
    assert_int_equal(fake_kernel.death_detail, ANOLE_EINVAL);
}

static void test_wrong_version(void **state)
{
    (void)state;
    fake.version = 3;
    expect_end(DEATH_UNUSABLE);
}

static void test_other_device(void **state)
{
    (void)state;
    fake.device_id = VIRTIO_ID_NET;
    expect_end(DEATH_UNUSABLE);
    assert_int_equal(fake.resets, 0); /* somebody else's may be using it */
}

static void test_no_device(void **state)
{
    (void)state;
    fake.device_id = 0;
    fake_kernel_enter(start);
    assert_int_equal(fake_kernel.death_cause, DEATH_UNUSABLE);
    assert_int_equal(fake_kernel.logs, 0); /* MMIO-REG-11 */
}

static void test_no_version_1(void **state)
{
    (void)state;
    fake.offered = MASK(VIRTIO_F_EVENT_IDX);
    expect_end(DEATH_UNUSABLE);
    assert_int_equal(fake.status & 128, 128);
}

static void test_features_refused(void **state)
{
    (void)state;
    fake.refuse_features = true;
    expect_end(DEATH_UNUSABLE);
    assert_int_equal(fake.status & 128, 128);
}

static void test_no_queue(void **state)
{
    (void)state;
    fake.queue_max = 0;
    expect_end(DEATH_UNUSABLE);
    assert_int_equal(fake.status & 128, 128);
}

static void test_stuck_in_reset(void **state)
{
    (void)state;
    fake.stuck_in_reset = true;
    expect_end(DEATH_DEVICE_RESET);
}

static void test_needs_reset_at_once(void **state)
{
    (void)state;
    fake.needs_reset = true;
    fake.keep_needs_reset = true;
    expect_end(DEATH_DEVICE_RESET);
}

/* ---- entropy ---- */

static struct ipc_delivery request_of(endpoint_t client, uint64_t w0, uint64_t w1, uint64_t w2)
{
    return (struct ipc_delivery){
        .message = {.endpoint = client, .word = {w0, w1, w2}},
        .call_id = next_call++,
    };
}

static int get(endpoint_t client, uint64_t count)
{
    struct ipc_delivery request = request_of(client, count, 0, 0);
    return world_request(&request, RNG_GET);
}

static int read_to(endpoint_t client, handle_t grant, uint64_t count)
{
    struct ipc_delivery request = request_of(client, grant, 0, count);
    return world_request(&request, RNG_READ);
}

static const struct fake_reply *last_reply(void)
{
    CHECK(fake_kernel.replies > 0);
    return &fake_kernel.reply[fake_kernel.replies - 1];
}

static void test_start(void **state)
{
    (void)state;
    begin();
    assert_string_equal(world.published, "random");
    assert_int_equal(world.binds, 1);
    assert_int_equal(fake.status, 1 | 2 | 4 | 8);
    assert_int_equal(world.mixes, 1);
    assert_int_equal(world.mixed[0], 0x0807060504030201);
    /* Again in a minute, and only then. */
    assert_int_equal(fake_kernel.service->deadline(), mix_ticks);
    fake_kernel.now_ticks = mix_ticks;
    time_out();
    assert_int_equal(fill(-1), MIX_BYTES);
    interrupt();
    assert_int_equal(world.mixes, 2);
}

/* The kernel's turn comes while a client has his: both get what is theirs. */
static void test_mix_in_between(void **state)
{
    (void)state;
    begin();
    assert_int_equal(get(CLIENT, 10), SERVICE_NO_REPLY);
    fake_kernel.now_ticks = mix_ticks;
    progress_ticks = mix_ticks; /* it has only just been asked */
    time_out();
    assert_int_equal(fill(-1), 10);
    interrupt();
    assert_int_equal(fake_kernel.replies, 1);
    assert_int_equal(last_reply()->word[0], 10);
    assert_int_equal(world.mixes, 1);
    assert_int_equal(fill(-1), MIX_BYTES);
    interrupt();
    assert_int_equal(world.mixes, 2);
    assert_int_equal(fake_kernel.replies, 1);
}

static void test_short_entropy_is_not_mixed(void **state)
{
    (void)state;
    fake_kernel_enter(start);
    fill(MIX_BYTES - 1);
    interrupt();
    assert_int_equal(world.mixes, 0);
}

static void test_second_unit(void **state)
{
    (void)state;
    fake_startup_page.unit = 1;
    begin();
    assert_string_equal(world.published, "random1");
}

static void test_get(void **state)
{
    (void)state;
    begin();
    assert_int_equal(get(CLIENT, 0), -ANOLE_EINVAL);
    assert_int_equal(get(CLIENT, RNG_INLINE_MAX + 1), -ANOLE_EINVAL);
    assert_int_equal(get(CLIENT, 10), SERVICE_NO_REPLY);
    assert_int_equal(fake_kernel.replies, 0);
    assert_int_equal(fill(-1), 10);
    interrupt();
    assert_int_equal(last_reply()->status, 0);
    assert_int_equal(last_reply()->word[0], 10);
    assert_int_equal(last_reply()->word[1], 0x0807060504030201);
    assert_int_equal(last_reply()->word[2], 0x0a09);
    /* Less than was asked for is less. */
    assert_int_equal(get(CLIENT, 48), SERVICE_NO_REPLY);
    fill(3);
    interrupt();
    assert_int_equal(last_reply()->word[0], 3);
    assert_int_equal(last_reply()->word[1], 0x030201);
    /* Nothing is an error, and the next one is served. */
    assert_int_equal(get(CLIENT, 48), SERVICE_NO_REPLY);
    fill(0);
    interrupt();
    assert_int_equal(last_reply()->status, -ANOLE_EIO);
    assert_int_equal(get(CLIENT, 1), SERVICE_NO_REPLY);
    fill(-1);
    interrupt();
    assert_int_equal(last_reply()->status, 0);
    assert_int_equal(virtio_driver_counters.operations, 4);
    assert_int_equal(virtio_driver_counters.errors, 1);
}

static void test_read(void **state)
{
    static unsigned char memory[BUFFER_BYTES * 2 + 100];
    (void)state;
    begin();
    handle_t grant = fake_grant(CLIENT, memory, sizeof(memory), GRANT_WRITE);
    assert_int_equal(read_to(CLIENT, grant, 0), -ANOLE_EINVAL);
    assert_int_equal(read_to(CLIENT, grant, RNG_READ_MAX + 1), -ANOLE_EINVAL);
    assert_int_equal(read_to(CLIENT, grant, sizeof(memory)), SERVICE_NO_REPLY);
    /* Who came later isn't kept waiting by who wants more. */
    assert_int_equal(get(OTHER, 8), SERVICE_NO_REPLY);
    assert_int_equal(fill(-1), BUFFER_BYTES);
    interrupt();
    assert_int_equal(fill(-1), 8);
    interrupt();
    assert_int_equal(fake_kernel.replies, 1);
    assert_int_equal(last_reply()->endpoint, OTHER);
    assert_int_equal(fill(BUFFER_BYTES - 50), BUFFER_BYTES);
    interrupt();
    assert_int_equal(fill(-1), 150);
    interrupt();
    assert_int_equal(fake_kernel.replies, 2);
    assert_int_equal(last_reply()->status, 0);
    assert_int_equal(memory[BUFFER_BYTES], 1);
    assert_int_equal(memory[2 * BUFFER_BYTES - 51], (unsigned char)(BUFFER_BYTES - 50));
    assert_int_equal(memory[2 * BUFFER_BYTES - 50], 1);
    assert_int_equal(memory[sizeof(memory) - 1], 150);
}

static void test_bad_grants(void **state)
{
    static unsigned char memory[100];
    (void)state;
    begin();
    handle_t small = fake_grant(CLIENT, memory, 10, GRANT_WRITE);
    handle_t read_only = fake_grant(CLIENT, memory, 100, GRANT_READ);
    const struct {
        handle_t grant;
        int status;
    } cases[] = {{small, -ANOLE_ERANGE}, {read_only, -ANOLE_EPERM}, {77, -ANOLE_EBADHANDLE}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_to(CLIENT, cases[i].grant, 11), SERVICE_NO_REPLY);
        fill(-1);
        interrupt();
        assert_int_equal(last_reply()->status, cases[i].status);
    }
}

static void test_crowd(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < WAITING_OF_ONE_MAX; i++)
        assert_int_equal(get(CLIENT + i, 4), SERVICE_NO_REPLY);
    assert_int_equal(get(CLIENT + WAITING_OF_ONE_MAX, 4), -ANOLE_EBUSY);
    for (unsigned i = WAITING_OF_ONE_MAX; i < WAITING_MAX; i++)
        assert_int_equal(get(OTHER + i, 4), SERVICE_NO_REPLY);
    assert_int_equal(get(OTHER, 4), -ANOLE_EBUSY);
    for (unsigned i = 0; i < WAITING_MAX; i++) {
        fill(-1);
        interrupt();
    }
    assert_int_equal(fake_kernel.replies, WAITING_MAX);
    for (unsigned i = 0; i < WAITING_MAX; i++)
        assert_int_equal(fake_kernel.reply[i].status, 0);
    assert_int_equal(get(OTHER, 4), SERVICE_NO_REPLY);
}

/* ---- a device that misbehaves later ---- */

static void expect_reset(void (*step)(void))
{
    unsigned logs = fake_kernel.logs;
    fake_kernel_enter(step);
    assert_true(fake_kernel.died);
    assert_int_equal(fake_kernel.death_cause, DEATH_DEVICE_RESET);
    assert_int_equal(fake_kernel.logs, logs + 1);
}

static void test_too_long(void **state)
{
    (void)state;
    begin();
    assert_int_equal(get(CLIENT, 10), SERVICE_NO_REPLY);
    fill(11);
    expect_reset(interrupt);
    assert_int_equal(fake_kernel.replies, 0);
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    begin();
    assert_int_equal(get(CLIENT, 10), SERVICE_NO_REPLY);
    uint64_t look_ticks = fake_kernel.service->deadline();
    assert_int_equal(look_ticks, fake_kernel.now_ticks + POLL_US * FAKE_TICKS_PER_US);
    fill(-1);
    fake_kernel.now_ticks = look_ticks;
    time_out();
    assert_int_equal(fake_kernel.replies, 1);
    assert_int_equal(last_reply()->status, 0);
}

static void test_silent(void **state)
{
    (void)state;
    begin();
    assert_int_equal(get(CLIENT, 10), SERVICE_NO_REPLY);
    uint64_t begun = fake_kernel.now_ticks;
    while (fake_kernel.now_ticks - begun < 1900000 * (uint64_t)FAKE_TICKS_PER_US) {
        fake_kernel.now_ticks = fake_kernel.service->deadline();
        time_out();
    }
    fake_kernel.now_ticks = fake_kernel.service->deadline();
    expect_reset(time_out);
    assert_int_equal(fake_kernel.now_ticks - begun, 2000000 * (uint64_t)FAKE_TICKS_PER_US);
}

static void test_needs_reset_later(void **state)
{
    (void)state;
    begin();
    fake.needs_reset = true;
    fake.interrupt_status = 2;
    expect_reset(interrupt);
}

static void test_spurious(void **state)
{
    (void)state;
    begin();
    interrupt();
    interrupt();
    assert_int_equal(virtio_driver_counters.spurious_interrupts, 2);
    assert_int_equal(virtio_driver_counters.interrupts, 3);
}

/* ---- what it tells of itself ---- */

static void test_info(void **state)
{
    static struct virtio_info told;
    static struct virtio_queue_info queue_told;
    (void)state;
    begin();
    handle_t grant = fake_grant(CLIENT, &told, sizeof(told), GRANT_WRITE);
    handle_t small = fake_grant(CLIENT, &told, sizeof(told) - 1, GRANT_WRITE);
    handle_t of_queue = fake_grant(CLIENT, &queue_told, sizeof(queue_told), GRANT_WRITE);
    struct ipc_delivery request = request_of(CLIENT, grant, 0, 0);
    assert_int_equal(world_request(&request, VIRTIO_INFO), 0);
    assert_int_equal(told.device_id, VIRTIO_ID_RNG);
    assert_int_equal(told.driver_status, 1 | 2 | 4 | 8);
    assert_int_equal(told.device_status, 1 | 2 | 4 | 8);
    assert_int_equal(told.offered, GOOD);
    assert_int_equal(told.accepted, GOOD);
    assert_int_equal(told.queues, 1);
    assert_int_equal(told.vectors, 0);
    assert_int_equal(told.registers, 7);
    assert_string_equal(told.reg[0].name, "MagicValue");
    assert_int_equal(told.reg[0].value, 0x74726976);
    assert_int_equal(told.counters.interrupts, 1);
    assert_int_equal(told.counters.resets, 3);
    assert_string_equal(told.label, "virtio@here");

    assert_int_equal(get(CLIENT, 10), SERVICE_NO_REPLY);
    fake_kernel.now_ticks += 7000 * (uint64_t)FAKE_TICKS_PER_US;
    request = request_of(CLIENT, of_queue, 0, 0);
    assert_int_equal(world_request(&request, VIRTIO_QUEUE), 0);
    assert_int_equal(queue_told.oldest_ms, 7);
    assert_int_equal(queue_told.size, 1);
    assert_int_equal(queue_told.in_flight, 1);
    assert_int_equal(queue_told.free_slots, 0);
    assert_int_equal(queue_told.available, 2);
    assert_int_equal(queue_told.used, 1);
    request = request_of(CLIENT, of_queue, 1, 0);
    assert_int_equal(world_request(&request, VIRTIO_QUEUE), -ANOLE_ENOENT);
    request = request_of(CLIENT, of_queue, ~(uint64_t)0, 0);
    assert_int_equal(world_request(&request, VIRTIO_QUEUE), -ANOLE_ENOENT);
    request = request_of(CLIENT, small, 0, 0);
    assert_int_equal(world_request(&request, VIRTIO_INFO), -ANOLE_ERANGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_registers),
        TEST(test_wrong_version),
        TEST(test_other_device),
        TEST(test_no_device),
        TEST(test_no_version_1),
        TEST(test_features_refused),
        TEST(test_no_queue),
        TEST(test_stuck_in_reset),
        TEST(test_needs_reset_at_once),
        TEST(test_start),
        TEST(test_mix_in_between),
        TEST(test_short_entropy_is_not_mixed),
        TEST(test_second_unit),
        TEST(test_get),
        TEST(test_read),
        TEST(test_bad_grants),
        TEST(test_crowd),
        TEST(test_too_long),
        TEST(test_lost_interrupt),
        TEST(test_silent),
        TEST(test_needs_reset_later),
        TEST(test_spurious),
        TEST(test_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
