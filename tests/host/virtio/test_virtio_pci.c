/*
 * The PCI transport: finding the parts, initialization, vectors, notification registers, queue reset
 * and configuration space, with devices and descriptions that are wrong in each way that they can be.
 */
#include "check.h"
#include "fake_memory.h"
#include "fake_pci.h"

#include <anole/error.h>
#include <libvirtio/device.h>
#include <libvirtio/feature_bits.h>
#include <libvirtio/pci.h>

#define MASK(feature) ((uint64_t)1 << (feature).number)
#define GOOD (MASK(VIRTIO_F_VERSION_1) | MASK(VIRTIO_F_EVENT_IDX) | MASK(VIRTIO_F_INDIRECT_DESC))
#define ALLOW(feature)                                                                             \
    {                                                                                              \
        .bit = (feature), .needs = FEATURE_NEEDS_NOTHING                                           \
    }

static struct fake_pci fake;
static struct virtio_pci pci;
static struct virtio_device device;
static struct virtq queue;
static struct virtq_chain chains[256];

static const struct feature_rule rules[] = {
    {.bit = VIRTIO_F_VERSION_1, .needs = FEATURE_NEEDS_NOTHING, .required = true},
    ALLOW(VIRTIO_F_EVENT_IDX),
    ALLOW(VIRTIO_F_INDIRECT_DESC),
    ALLOW(VIRTIO_BLK_F_CONFIG_WCE),
    ALLOW(VIRTIO_F_RING_RESET),
    ALLOW(VIRTIO_F_NOTIFICATION_DATA),
    ALLOW(VIRTIO_F_NOTIF_CONFIG_DATA),
    ALLOW(VIRTIO_F_SR_IOV),
    ALLOW(VIRTIO_F_ADMIN_VQ),
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static int set_up(void **state)
{
    (void)state;
    fake_pci_init(&fake, 8, GOOD);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_mmio_free(&fake.device);
    return 0;
}

static int probe(void)
{
    return virtio_pci_probe(&pci, &fake.device.platform, &fake.described, fake.windows);
}

static int open_device(void)
{
    assert_int_equal(probe(), 0);
    return virtio_device_open(&device, &pci.transport, rules, RULES);
}

static int open_queue(void)
{
    int rc = open_device();
    return rc < 0 ? rc : virtio_device_queue(&device, &queue, 0, 256, chains);
}

static void start(void)
{
    assert_int_equal(open_queue(), 0);
    assert_int_equal(virtio_device_start(&device), 0);
}

static void test_good(void **state)
{
    (void)state;
    fake.device.reset_reads = 3;
    start();
    assert_int_equal(pci.transport.device_id, 2);
    assert_int_equal(pci.transport.vectors, 0);
    assert_int_equal(fake.device.status, 1 | 2 | 4 | 8);
    assert_int_equal(fake.device.accepted, GOOD);
    assert_int_equal(queue.size, 256);
    assert_true(fake.device.queue_ready);
    assert_int_equal(fake.config_vector, 0xffff);
    pci.transport.ops->notify(&pci.transport, 0, 0);
    assert_int_equal(fake.device.notifies, 1);
}

/* Sets a part up wrongly; the probe refuses it without touching a register. */
static void refuse(enum device_part_kind kind, struct device_part part)
{
    struct device_part good = fake.described.parts[kind];
    fake.described.parts[kind] = part;
    assert_int_equal(probe(), -ANOLE_EINVAL);
    fake.described.parts[kind] = good;
    assert_int_equal(probe(), 0);
}

static void test_parts(void **state)
{
    (void)state;
    refuse(DEVICE_PART_COMMON, (struct device_part){0, FAKE_PCI_COMMON, 55});
    refuse(DEVICE_PART_COMMON, (struct device_part){0, 2, 60});
    refuse(DEVICE_PART_COMMON, (struct device_part){2, 0, 60});
    refuse(DEVICE_PART_COMMON, (struct device_part){0, FAKE_PCI_WINDOW_LEN - 56, 60});
    refuse(DEVICE_PART_COMMON, (struct device_part){0, UINT32_MAX - 3, 60});
    refuse(DEVICE_PART_COMMON, (struct device_part){0, 0, UINT32_MAX});
    refuse(DEVICE_PART_NOTIFY, (struct device_part){1, 0, 1});
    refuse(DEVICE_PART_NOTIFY, (struct device_part){1, 1, 16});
    refuse(DEVICE_PART_NOTIFY, (struct device_part){1, 0x2000, 2});
    refuse(DEVICE_PART_ISR, (struct device_part){0, FAKE_PCI_ISR, 0});
    refuse(DEVICE_PART_ISR, (struct device_part){UINT32_MAX, 0, 1});
    refuse(DEVICE_PART_CONFIG, (struct device_part){0, FAKE_PCI_CONFIG + 2, 60});
    refuse(DEVICE_PART_CONFIG, (struct device_part){0, FAKE_PCI_CONFIG, 0x1001});
    fake.described.windows = UINT8_MAX;
    refuse(DEVICE_PART_COMMON, (struct device_part){DEVICE_WINDOWS, 0, 60});
    fake.described.virtio_id = 0;
    assert_int_equal(probe(), -ANOLE_ENODEV);
    assert_int_equal(fake.device.resets, 0);
}

static void test_no_configuration_space(void **state)
{
    (void)state;
    fake.described.parts[DEVICE_PART_CONFIG] = (struct device_part){0};
    assert_int_equal(open_device(), 0);
    struct virtio_config_field field = {.offset = 0, .width = 1};
    assert_int_equal(virtio_config_read(&device, &field, 1), -ANOLE_ERANGE);
}

static void test_undrivable(void **state)
{
    (void)state;
    fake.device.stuck_in_reset = true;
    assert_int_equal(open_device(), -ANOLE_ETIMEDOUT);
    assert_in_range(fake.device.now_us, 1000000, 1100000);
    fake.device.stuck_in_reset = false;
    fake.device.refuse_features = true;
    assert_int_equal(open_device(), -ANOLE_EPROTO);
    assert_int_equal(fake.device.status & 128, 128);
    fake.device.refuse_features = false;
    fake.device.offered = MASK(VIRTIO_F_EVENT_IDX);
    assert_int_equal(open_device(), -ANOLE_ENODEV);
    assert_int_equal(device.missing_feature.number, VIRTIO_F_VERSION_1.number);
    assert_int_equal(fake.device.status & 128, 128);
}

static void test_features_of_the_bus(void **state)
{
    (void)state;
    uint64_t all = MASK(VIRTIO_F_RING_RESET) | MASK(VIRTIO_F_NOTIFICATION_DATA) |
                   MASK(VIRTIO_F_NOTIF_CONFIG_DATA);
    fake.device.offered = ~(MASK(VIRTIO_F_ACCESS_PLATFORM) | MASK(VIRTIO_BLK_F_CONFIG_WCE));
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.device.accepted, GOOD | all);
    /* Registers that the structure doesn't have. */
    fake.described.parts[DEVICE_PART_COMMON].len_bytes = 58;
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.device.accepted, (GOOD | all) & ~MASK(VIRTIO_F_RING_RESET));
    fake.described.parts[DEVICE_PART_COMMON].len_bytes = 56;
    assert_int_equal(open_device(), 0);
    assert_int_equal(fake.device.accepted, GOOD | MASK(VIRTIO_F_NOTIFICATION_DATA));
}

static void test_queue(void **state)
{
    (void)state;
    static const struct {
        uint32_t max;
        uint16_t limit, size;
    } sizes[] = {{1, 256, 1}, {3, 256, 2}, {100, 256, 64}, {1024, 100, 64}, {UINT16_MAX, 256, 256}};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(open_device(), 0);
        fake.device.queue_max = sizes[i].max;
        assert_int_equal(virtio_device_queue(&device, &queue, 0, sizes[i].limit, chains), 0);
        assert_int_equal(queue.size, sizes[i].size);
    }
    fake.device.queue_max = 0;
    assert_int_equal(open_queue(), -ANOLE_ENODEV);
    assert_int_equal(fake.device.status & 128, 128);
    fake.device.queue_max = 256;
    assert_int_equal(open_device(), 0);
    assert_int_equal(virtio_device_queue(&device, &queue, 1, 256, chains), -ANOLE_ENODEV);
    assert_int_equal(virtio_device_queue(&device, &queue, VIRTIO_QUEUES, 256, chains),
                     -ANOLE_ENODEV);
    fake.device.queue_ready_before = true;
    assert_int_equal(open_queue(), -ANOLE_EBUSY);
}

static void test_doorbell_bounds(void **state)
{
    (void)state;
    fake.described.parts[DEVICE_PART_NOTIFY].len_bytes = 14; /* 12 and 13 */
    assert_int_equal(open_queue(), 0);
    fake.described.parts[DEVICE_PART_NOTIFY].len_bytes = 13;
    assert_int_equal(open_queue(), -ANOLE_ERANGE);
    assert_false(fake.device.queue_ready);
    assert_int_equal(fake.device.status & 128, 128);
    fake.described.parts[DEVICE_PART_NOTIFY].len_bytes = 0x1000;
    fake.notify_off = UINT16_MAX;
    fake.described.notify_multiplier = UINT32_MAX;
    assert_int_equal(open_queue(), -ANOLE_ERANGE);
    fake.notify_off = 1;
    fake.described.notify_multiplier = 1;
    assert_int_equal(open_queue(), -ANOLE_ERANGE); /* misaligned */
    fake.described.notify_multiplier = 0;          /* one register for all queues */
    start();
    pci.transport.ops->notify(&pci.transport, 0, 0);
    assert_int_equal(fake.device.notifies, 1);
    /* Two bytes more are written with NOTIFICATION_DATA. */
    fake.device.offered |= MASK(VIRTIO_F_NOTIFICATION_DATA);
    fake.described.parts[DEVICE_PART_NOTIFY].len_bytes = 3;
    assert_int_equal(open_queue(), -ANOLE_ERANGE);
}

static void test_notification_data(void **state)
{
    (void)state;
    const struct {
        uint64_t features;
        uint32_t written;
    } cases[] = {
        {0, 0},
        {MASK(VIRTIO_F_NOTIFICATION_DATA), 0x81230000},
        {MASK(VIRTIO_F_NOTIF_CONFIG_DATA), 0xabcd},
        {MASK(VIRTIO_F_NOTIFICATION_DATA) | MASK(VIRTIO_F_NOTIF_CONFIG_DATA), 0x8123abcd},
    };
    fake.notif_config_data = 0xabcd;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake.device.offered = GOOD | cases[i].features;
        start();
        pci.transport.ops->notify(&pci.transport, 0, 0x8123);
        assert_int_equal(fake.last_notify, cases[i].written);
    }
    assert_int_equal(fake.device.notifies, 4);
}

static void test_vectors(void **state)
{
    (void)state;
    fake_pci_vectors(&fake, 3);
    start();
    assert_int_equal(pci.transport.vectors, 3);
    assert_int_equal(fake.config_vector, 0);
    assert_int_equal(fake.queue_vector, 1);
    assert_int_equal(virtio_vector_of(&pci.transport, 1), 2);
    assert_int_equal(virtio_vector_of(&pci.transport, 2), 1);
    /* What an interrupt means follows from its vector: the fake fails a read of the ISR. */
    assert_int_equal(virtio_interrupt_causes(&pci.transport, true, false), VIRTIO_INTERRUPT_CONFIG);
    assert_int_equal(virtio_interrupt_causes(&pci.transport, false, true), VIRTIO_INTERRUPT_RING);
    assert_int_equal(virtio_interrupt_causes(&pci.transport, true, true), 3);
    assert_int_equal(virtio_interrupt_causes(&pci.transport, false, false), 0);
    assert_int_equal(pci.transport.ops->interrupt(&pci.transport), VIRTIO_INTERRUPT_RING);
    /* No room for the second one. */
    fake.vectors_that_it_has = 1;
    assert_int_equal(open_queue(), -ANOLE_EBUSY);
    assert_int_equal(fake.device.status & 128, 128);
    fake.vectors_that_it_has = 0;
    assert_int_equal(open_device(), -ANOLE_EBUSY);
    /* One for everything. */
    fake_pci_vectors(&fake, 1);
    start();
    assert_int_equal(fake.config_vector, 0);
    assert_int_equal(fake.queue_vector, 0);
    assert_int_equal(virtio_interrupt_causes(&pci.transport, true, false), 3);
}

static void test_line(void **state)
{
    (void)state;
    start();
    assert_int_equal(virtio_interrupt_causes(&pci.transport, false, true), 0); /* not ours */
    fake.device.interrupt_status = 0xff; /* undefined bits mean nothing */
    assert_int_equal(virtio_interrupt_causes(&pci.transport, false, true), 3);
    assert_int_equal(fake.isr_reads, 2); /* which acknowledges it */
    assert_int_equal(fake.device.interrupt_status, 0);
}

/* A request goes through: the addresses, the doorbell and the interrupt lead where they should. */
static void test_request(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i++)
        fake.device.disk[3 * 512 + i] = (unsigned char)(i * 7);
    start();
    uint64_t address;
    unsigned char *memory = fake_memory_alloc(1024, &address);
    memory[8] = 3; /* sector 3 */
    memory[16 + 512] = 0xff;
    const struct virtq_segment segments[] = {
        {address, 16}, {address + 16, 512}, {address + 528, 1}};
    assert_int_equal(virtq_add(&queue, segments, 1, 2, NULL, 77), 0);
    assert_int_equal(virtq_kick(&queue), 1);
    assert_int_equal(fake.device.notifies, 1);
    assert_true(fake_mmio_run(&fake.device));
    assert_int_equal(virtio_interrupt_causes(&pci.transport, true, false), VIRTIO_INTERRUPT_RING);
    struct virtq_used used;
    assert_int_equal(virtq_take(&queue, &used), 1);
    assert_int_equal(used.token, 77);
    assert_int_equal(used.len_bytes, 513);
    assert_memory_equal(memory + 16, fake.device.disk + 3 * 512, 512);
    assert_int_equal(memory[16 + 512], 0);
}

static void test_queue_reset(void **state)
{
    (void)state;
    fake.device.offered |= MASK(VIRTIO_F_RING_RESET);
    start();
    assert_int_equal(pci.transport.ops->queue_reset(&pci.transport, 0), 0);
    assert_int_equal(fake.queue_resets, 1);
    assert_false(fake.device.queue_ready);
    start();
    fake.stuck_in_queue_reset = true;
    uint64_t before = fake.device.now_us;
    assert_int_equal(pci.transport.ops->queue_reset(&pci.transport, 0), -ANOLE_ETIMEDOUT);
    assert_in_range(fake.device.now_us - before, 1000000, 1100000);
}

static void test_config(void **state)
{
    (void)state;
    fake_config_put(&fake.device, 0, 8, 0x1122334455667788u);
    fake_config_put(&fake.device, 20, 4, 0xaabbccddu);
    fake_config_put(&fake.device, 24, 1, 0x7f);
    fake_config_put(&fake.device, 26, 2, 0xbeef);
    assert_int_equal(open_device(), 0);
    struct virtio_config_field fields[] = {{.offset = 0, .width = 8},
                                           {.offset = 20, .width = 4},
                                           {.offset = 24, .width = 1},
                                           {.offset = 26, .width = 2}};
    fake.device.unstable_reads = 17;
    assert_int_equal(virtio_config_read(&device, fields, 4), 0);
    assert_int_equal(fields[0].value, 0x1122334455667788u);
    assert_int_equal(fields[1].value, 0xaabbccddu);
    assert_int_equal(fields[2].value, 0x7f);
    assert_int_equal(fields[3].value, 0xbeef);
    fake.device.unstable_reads = UINT32_MAX;
    assert_int_equal(virtio_config_read(&device, fields, 4), -ANOLE_EAGAIN);
    struct virtio_config_field beyond = {.offset = 60, .width = 1};
    assert_int_equal(virtio_config_read(&device, &beyond, 1), -ANOLE_ERANGE);
}

static void test_config_write(void **state)
{
    (void)state;
    fake.device.offered |= MASK(VIRTIO_BLK_F_CONFIG_WCE);
    assert_int_equal(open_device(), 0);
    struct virtio_config_field mode = {.offset = 32, .width = 1, .value = 1};
    assert_int_equal(virtio_config_write(&device, &mode), 0);
    assert_int_equal(fake.device.config[32], 1);
    static const struct virtio_config_field bad[] = {
        {.offset = 32, .width = 8}, {.offset = UINT32_MAX, .width = 1}, {.offset = 33, .width = 2}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(virtio_config_write(&device, &bad[i]), -ANOLE_ERANGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_good),
        TEST(test_parts),
        TEST(test_no_configuration_space),
        TEST(test_undrivable),
        TEST(test_features_of_the_bus),
        TEST(test_queue),
        TEST(test_doorbell_bounds),
        TEST(test_notification_data),
        TEST(test_vectors),
        TEST(test_line),
        TEST(test_request),
        TEST(test_queue_reset),
        TEST(test_config),
        TEST(test_config_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
