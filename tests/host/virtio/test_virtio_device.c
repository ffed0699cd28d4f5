/*
 * Probing, negotiation, queue set-up and configuration space over the MMIO transport, with devices
 * that are wrong in each way that they can be.
 */
#include "check.h"
#include "fake_memory.h"
#include "fake_mmio.h"

#include <anole/error.h>
#include <libvirtio/device.h>
#include <libvirtio/feature_bits.h>
#include <libvirtio/mmio.h>

#define BIT(n) ((uint64_t)1 << (n))
#define MASK(feature) BIT((feature).number)
#define GOOD (MASK(VIRTIO_F_VERSION_1) | MASK(VIRTIO_F_EVENT_IDX) | MASK(VIRTIO_F_INDIRECT_DESC))

static struct fake_mmio fake;
static struct virtio_mmio mmio;
static struct virtio_device device;
static struct virtq queue;
static struct virtq_chain chains[256];

static const struct feature_rule rules[] = {
    {VIRTIO_F_VERSION_1, FEATURE_NEEDS_NOTHING, true},
    {VIRTIO_F_EVENT_IDX, FEATURE_NEEDS_NOTHING, false},
    {VIRTIO_F_INDIRECT_DESC, FEATURE_NEEDS_NOTHING, false},
    {VIRTIO_F_ACCESS_PLATFORM, FEATURE_NEEDS_NOTHING, false},
    {VIRTIO_BLK_F_CONFIG_WCE, FEATURE_NEEDS_NOTHING, false},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static int set_up(void **state)
{
    (void)state;
    fake_mmio_init(&fake, 8, GOOD);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_mmio_free(&fake);
    return 0;
}

static int probe(void)
{
    return virtio_mmio_probe(&mmio, &fake.platform, FAKE_MMIO_BASE, FAKE_MMIO_LEN);
}

static int open_device(void)
{
    assert_int_equal(probe(), 0);
    return virtio_device_open(&device, &mmio.transport, rules, RULES);
}

static void test_probe(void **state)
{
    (void)state;
    assert_int_equal(probe(), 0);
    assert_int_equal(mmio.transport.device_id, 2);
    assert_int_equal(virtio_mmio_probe(&mmio, &fake.platform, FAKE_MMIO_BASE, 0xff), -ANOLE_EINVAL);
    fake.device_id = 0;
    assert_int_equal(probe(), -ANOLE_ENODEV);
    fake.version = 3;
    assert_int_equal(probe(), -ANOLE_ENOSYS);
    assert_int_equal(mmio.version, 3);
    fake.version = 0;
    assert_int_equal(probe(), -ANOLE_ENOSYS);
    fake.magic = 0x74726977;
    assert_int_equal(probe(), -ANOLE_EINVAL);
    assert_int_equal(fake.resets, 0);
}

static void test_good(void **state)
{
    (void)state;
    fake.reset_reads = 3;
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.status, 1 | 2 | 8);
    assert_int_equal(fake.accepted, GOOD);
    assert_int_equal(virtio_device_queue(&device, &queue, 0, 256, chains), 0);
    assert_int_equal(queue.size, 256);
    assert_true(fake.queue_ready);
    assert_int_equal(virtio_device_start(&device), 0);
    assert_int_equal(fake.status, 1 | 2 | 4 | 8);
    assert_false(virtio_device_needs_reset(&device));
}

static void test_reset_that_hangs(void **state)
{
    (void)state;
    fake.stuck_in_reset = true;
    assert_int_equal(open_device(), -ANOLE_ETIMEDOUT);
    assert_in_range(fake.now_us, 1000000, 1100000);
    assert_int_equal(fake.status & 128, 128);
}

static void test_unknown_features_are_left_alone(void **state)
{
    (void)state;
    fake.offered = ~(uint64_t)0;
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.accepted,
                     GOOD | MASK(VIRTIO_F_ACCESS_PLATFORM) | MASK(VIRTIO_BLK_F_CONFIG_WCE));
}

static void test_access_platform_refused_without(void **state)
{
    (void)state;
    fake.offered |= MASK(VIRTIO_F_ACCESS_PLATFORM);
    assert_int_equal(probe(), 0);
    assert_int_equal(virtio_device_open(&device, &mmio.transport, rules, 3), -ANOLE_EPROTO);
    assert_int_equal(fake.status & 128, 128);
}

static void test_features_refused(void **state)
{
    (void)state;
    fake.refuse_features = true;
    assert_int_equal(open_device(), -ANOLE_EPROTO);
    assert_int_equal(fake.status & 128, 128);
    /* FAILED ends it; the next attempt starts with a reset and succeeds. */
    fake.refuse_features = false;
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.resets, 2);
}

static void test_version_1_is_required(void **state)
{
    (void)state;
    fake.offered = MASK(VIRTIO_F_EVENT_IDX);
    assert_int_equal(open_device(), -ANOLE_ENODEV);
    assert_int_equal(device.missing_feature.number, VIRTIO_F_VERSION_1.number);
    assert_int_equal(fake.status & 128, 128);
    /* Also if the driver's rules forget it. */
    fake.offered = GOOD;
    assert_int_equal(virtio_device_open(&device, &mmio.transport, &rules[1], 2), -ANOLE_ENODEV);
    assert_int_equal(device.missing_feature.number, VIRTIO_F_VERSION_1.number);
}

static void test_negotiation(void **state)
{
    (void)state;
    static const struct feature_rule chain[] = {
        {FEATURE_BIT(3), FEATURE_BIT(2), false},         {FEATURE_BIT(2), FEATURE_BIT(1), false},
        {FEATURE_BIT(1), FEATURE_NEEDS_NOTHING, false},  {FEATURE_BIT(7), FEATURE_BIT(5), false},
        {FEATURE_BIT(40), FEATURE_NEEDS_NOTHING, false},
    };
    struct feature_set offered = {BIT(3) | BIT(2) | BIT(1) | BIT(7) | BIT(40) | BIT(50)};
    struct feature_set barred = {BIT(40)};
    struct feature_set accepted = {0};
    struct feature_bit missing = {0};
    assert_int_equal(feature_negotiate(offered, barred, chain, 5, &accepted, &missing), 0);
    assert_int_equal(accepted.mask, BIT(3) | BIT(2) | BIT(1)); /* 7 needs 5, 40 is barred */
    offered.mask &= ~BIT(1);
    assert_int_equal(feature_negotiate(offered, barred, chain, 5, &accepted, &missing), 0);
    assert_int_equal(accepted.mask, 0); /* 2 needs 1, 3 needs 2 */
    static const struct feature_rule required[] = {{FEATURE_BIT(3), FEATURE_BIT(2), true}};
    assert_int_equal(feature_negotiate(offered, barred, required, 1, &accepted, &missing),
                     -ANOLE_ENODEV);
    assert_int_equal(missing.number, 3);
    assert_false(feature_has(offered, FEATURE_BIT(64)));
    assert_false(feature_has((struct feature_set){~(uint64_t)0}, FEATURE_BIT(255)));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(feature_name(VIRTIO_ID_BLOCK, VIRTIO_F_RING_PACKED), "RING_PACKED");
    assert_string_equal(feature_name(99, VIRTIO_F_VERSION_1), "VERSION_1");
    assert_string_equal(feature_name(VIRTIO_ID_BLOCK, FEATURE_BIT(5)), "RO");
    assert_string_equal(feature_name(VIRTIO_ID_NET, FEATURE_BIT(5)), "MAC");
    assert_string_equal(feature_name(VIRTIO_ID_CONSOLE, FEATURE_BIT(1)), "MULTIPORT");
    assert_null(feature_name(VIRTIO_ID_RNG, FEATURE_BIT(5)));
    assert_null(feature_name(VIRTIO_ID_BLOCK, FEATURE_BIT(63)));
    assert_null(feature_name(VIRTIO_ID_BLOCK, FEATURE_BIT(200)));
}

static void test_queue(void **state)
{
    (void)state;
    assert_int_equal(open_device(), 0);
    assert_int_equal(virtio_device_queue(&device, &queue, 1, 256, chains), -ANOLE_ENODEV);
    assert_int_equal(fake.status & 128, 128);

    assert_int_equal(open_device(), 0);
    fake.queue_ready_before = true;
    assert_int_equal(virtio_device_queue(&device, &queue, 0, 256, chains), -ANOLE_EBUSY);
    fake.queue_ready_before = false;

    assert_int_equal(open_device(), 0);
    fake.dma_fails = true;
    assert_int_equal(virtio_device_queue(&device, &queue, 0, 256, chains), -ANOLE_ENOMEM);
    fake.dma_fails = false;

    static const struct {
        uint32_t max;
        uint16_t limit, size;
    } sizes[] = {{1, 256, 1},     {3, 256, 2},     {100, 256, 64},        {1024, 256, 256},
                 {1024, 100, 64}, {256, 256, 256}, {UINT32_MAX, 256, 256}};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(open_device(), 0);
        fake.queue_max = sizes[i].max;
        assert_int_equal(virtio_device_queue(&device, &queue, 0, sizes[i].limit, chains), 0);
        assert_int_equal(queue.size, sizes[i].size);
    }
}

static void test_needs_reset(void **state)
{
    (void)state;
    assert_int_equal(open_device(), 0);
    assert_int_equal(virtio_device_queue(&device, &queue, 0, 256, chains), 0);
    fake.needs_reset = true;
    assert_int_equal(virtio_device_start(&device), -ANOLE_EPROTO);
    assert_true(virtio_device_needs_reset(&device));
    fake.needs_reset = false;
    fake.status = 0; /* someone reset it behind our back */
    assert_true(virtio_device_needs_reset(&device));
}

static void test_config(void **state)
{
    (void)state;
    fake_config_put(&fake, 0, 8, 0x1122334455667788u);
    fake_config_put(&fake, 20, 4, 0xaabbccddu);
    fake_config_put(&fake, 24, 1, 0x7f);
    fake_config_put(&fake, 26, 2, 0xbeef);
    assert_int_equal(open_device(), 0);
    struct virtio_config_field fields[] = {{.offset = 0, .width = 8},
                                           {.offset = 20, .width = 4},
                                           {.offset = 24, .width = 1},
                                           {.offset = 26, .width = 2}};
    /* Torn reads at first; then it is quiet and all is right. */
    fake.unstable_reads = 17;
    assert_int_equal(virtio_config_read(&device, fields, 4), 0);
    assert_int_equal(fields[0].value, 0x1122334455667788u);
    assert_int_equal(fields[1].value, 0xaabbccddu);
    assert_int_equal(fields[2].value, 0x7f);
    assert_int_equal(fields[3].value, 0xbeef);
    /* It never is quiet: an error, not for ever. */
    fake.unstable_reads = UINT32_MAX;
    assert_int_equal(virtio_config_read(&device, fields, 4), -ANOLE_EAGAIN);
    fake.unstable_reads = 0;
    static const struct virtio_config_field bad[] = {
        {.offset = 2, .width = 4},     {.offset = 0, .width = 3},
        {.offset = 0, .width = 0},     {.offset = UINT32_MAX - 3, .width = 4},
        {.offset = 0xf00, .width = 1}, {.offset = 0xefc, .width = 8},
        {.offset = 1, .width = 2},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct virtio_config_field field = bad[i];
        assert_int_equal(virtio_config_read(&device, &field, 1), -ANOLE_ERANGE);
    }
}

static void test_config_write(void **state)
{
    (void)state;
    fake.offered |= MASK(VIRTIO_BLK_F_CONFIG_WCE);
    assert_int_equal(open_device(), 0);
    struct virtio_config_field mode = {.offset = 32, .width = 1, .value = 1};
    assert_int_equal(virtio_config_write(&device, &mode), 0);
    assert_int_equal(fake.config[32], 1);
    static const struct virtio_config_field bad[] = {
        {.offset = 32, .width = 8}, {.offset = UINT32_MAX, .width = 1}, {.offset = 33, .width = 2}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(virtio_config_write(&device, &bad[i]), -ANOLE_ERANGE);
}

static void test_interrupt(void **state)
{
    (void)state;
    assert_int_equal(open_device(), 0);
    const struct virtio_transport_ops *ops = mmio.transport.ops;
    assert_int_equal(ops->interrupt(&mmio.transport), 0);
    assert_int_equal(fake.acks, 0); /* nothing to acknowledge */
    fake.interrupt_status = 1;
    assert_int_equal(ops->interrupt(&mmio.transport), VIRTIO_INTERRUPT_RING);
    assert_int_equal(fake.interrupt_status, 0);
    fake.interrupt_status = 0xfffffffe; /* undefined bits aren't echoed */
    assert_int_equal(ops->interrupt(&mmio.transport), VIRTIO_INTERRUPT_CONFIG);
    assert_int_equal(fake.interrupt_status, 0xfffffffc);
}

/* ---- legacy devices; what is written and what isn't, the fake checks ---- */

#define LEGACY_GOOD                                                                                \
    (MASK(VIRTIO_F_ANY_LAYOUT) | MASK(VIRTIO_F_EVENT_IDX) | MASK(VIRTIO_F_INDIRECT_DESC))

static void test_legacy(void **state)
{
    (void)state;
    fake.version = 1;
    fake.offered = LEGACY_GOOD | BIT(24) | BIT(30) | MASK(VIRTIO_F_RING_PACKED);
    fake.reset_reads = 3;
    assert_int_equal(open_device(), 0);
    assert_true(mmio.transport.legacy);
    assert_int_equal(fake.status, 1 | 2);
    assert_int_equal(fake.accepted, LEGACY_GOOD);
    assert_int_equal(device.features.mask, LEGACY_GOOD);
    assert_int_equal(virtio_device_queue(&device, &queue, 0, 256, chains), 0);
    assert_int_equal(queue.size, 256);
    assert_int_equal(fake.queue_size, 256);
    assert_true(fake.queue_ready);
    assert_int_equal(virtio_device_start(&device), 0);
    assert_int_equal(fake.status, 1 | 2 | 4);
    assert_false(virtio_device_needs_reset(&device));
}

static void test_legacy_without_any_layout(void **state)
{
    (void)state;
    fake.version = 1;
    fake.offered = MASK(VIRTIO_F_EVENT_IDX);
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.accepted, MASK(VIRTIO_F_EVENT_IDX));
    /* A driver's required feature is required of it, too. */
    static const struct feature_rule required[] = {
        {VIRTIO_F_INDIRECT_DESC, FEATURE_NEEDS_NOTHING, true},
    };
    assert_int_equal(virtio_device_open(&device, &mmio.transport, required, 1), -ANOLE_ENODEV);
    assert_int_equal(device.missing_feature.number, VIRTIO_F_INDIRECT_DESC.number);
    assert_int_equal(fake.status & 128, 128);
}

static void test_legacy_queue(void **state)
{
    (void)state;
    fake.version = 1;
    assert_int_equal(open_device(), 0);
    assert_int_equal(virtio_device_queue(&device, &queue, 1, 256, chains), -ANOLE_ENODEV);
    fake.queue_ready_before = true;
    assert_int_equal(open_device(), 0);
    assert_int_equal(virtio_device_queue(&device, &queue, 0, 256, chains), -ANOLE_EBUSY);
    fake.queue_ready_before = false;
    /* A page's number has 32 bits, and 0 means none. */
    assert_int_equal(open_device(), 0);
    struct virtq_addresses high = {.descriptors = (uint64_t)1 << 44};
    const struct virtio_transport_ops *ops = mmio.transport.ops;
    assert_int_equal(ops->queue_enable(&mmio.transport, 0, 8, &high), -ANOLE_ERANGE);
    high.descriptors = 0;
    assert_int_equal(ops->queue_enable(&mmio.transport, 0, 8, &high), -ANOLE_ERANGE);
    assert_false(fake.queue_ready);
}

/* There is no generation: it reads until it has read the same twice. */
static void test_legacy_config(void **state)
{
    (void)state;
    fake.version = 1;
    fake_config_put(&fake, 0, 8, 0x1122334455667788u);
    assert_int_equal(open_device(), 0);
    struct virtio_config_field field = {.offset = 0, .width = 8};
    fake.unstable_reads = 3;
    assert_int_equal(virtio_config_read(&device, &field, 1), 0);
    assert_int_equal(field.value, 0x1122334455667788u);
    /* What the caller's struct happened to hold counts for nothing. */
    fake.unstable_reads = 1;
    assert_int_equal(virtio_config_read(&device, &field, 1), 0);
    assert_int_equal(field.value, 0x1122334455667788u);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_probe),
        TEST(test_good),
        TEST(test_reset_that_hangs),
        TEST(test_unknown_features_are_left_alone),
        TEST(test_access_platform_refused_without),
        TEST(test_features_refused),
        TEST(test_version_1_is_required),
        TEST(test_negotiation),
        TEST(test_names),
        TEST(test_queue),
        TEST(test_needs_reset),
        TEST(test_config),
        TEST(test_config_write),
        TEST(test_interrupt),
        TEST(test_legacy),
        TEST(test_legacy_without_any_layout),
        TEST(test_legacy_queue),
        TEST(test_legacy_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
