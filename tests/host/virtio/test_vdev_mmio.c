/*
 * The device's state machine and registers (lib/libvirtio/device) one by one, and drivers that break
 * the rules of rings and requests: each is refused, and the device says that it needs a reset.
 */
#include "device_rig.h"
#include "fake_memory.h"

#include <libvirtio/feature_bits.h>
#include <libvirtio/mmio_regs.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 64u
#define SIZE 8u
#define READY 0xfu /* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK */
#define NEEDS_RESET 64u

/* A split ring by hand. */
struct hand_ring {
    struct split_descriptor descriptors[SIZE];
    uint16_t flags, index, ring[SIZE], used_event;
};
struct hand_used {
    uint16_t flags, index;
    struct {
        uint32_t id, len;
    } ring[SIZE];
    uint16_t avail_event;
};

static struct rig rig;
static struct hand_ring *driver;
static struct hand_used *used;
static uint64_t driver_address, used_address;
static unsigned char *data;
static uint64_t data_address;

static uint32_t get(uint32_t offset)
{
    return rig_read(&rig, offset);
}

static void put(uint32_t offset, uint32_t value)
{
    rig_write(&rig, offset, value);
}

static int set_up_with(const struct vdev_blk_options *options)
{
    rig_init(&rig, RIG_MMIO, options, SECTORS);
    driver = fake_memory_alloc(sizeof(*driver), &driver_address);
    used = fake_memory_alloc(sizeof(*used), &used_address);
    data = fake_memory_alloc(8192, &data_address);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    return set_up_with(&options);
}

static int tear_down(void **state)
{
    (void)state;
    rig_free(&rig);
    return 0;
}

static void again_with(const struct vdev_blk_options *options)
{
    rig_free(&rig);
    set_up_with(options);
}

static void accept_features(uint64_t features)
{
    put(MMIO_DRIVER_FEATURES_SEL, 0);
    put(MMIO_DRIVER_FEATURES, (uint32_t)features);
    put(MMIO_DRIVER_FEATURES_SEL, 1);
    put(MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static void queue_parts(uint64_t descriptors, uint64_t available, uint64_t used_part, uint32_t size)
{
    put(MMIO_QUEUE_SEL, 0);
    put(MMIO_QUEUE_SIZE, size);
    put(MMIO_QUEUE_DESC_LOW, (uint32_t)descriptors);
    put(MMIO_QUEUE_DESC_HIGH, (uint32_t)(descriptors >> 32));
    put(MMIO_QUEUE_DRIVER_LOW, (uint32_t)available);
    put(MMIO_QUEUE_DRIVER_HIGH, (uint32_t)(available >> 32));
    put(MMIO_QUEUE_DEVICE_LOW, (uint32_t)used_part);
    put(MMIO_QUEUE_DEVICE_HIGH, (uint32_t)(used_part >> 32));
    put(MMIO_QUEUE_READY, 1);
}

static void negotiate(uint64_t features)
{
    put(MMIO_STATUS, 0);
    put(MMIO_STATUS, 1);
    put(MMIO_STATUS, 3);
    accept_features(features);
    put(MMIO_STATUS, 0xb);
}

/* A driver that accepts all but these, and has a queue of SIZE. */
static void bring_up_without(uint64_t features)
{
    negotiate(rig.blk.device.offered.mask & ~features);
    CHECK(get(MMIO_STATUS) == 0xb);
    memset(driver, 0, sizeof(*driver));
    memset(used, 0, sizeof(*used));
    queue_parts(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
                SIZE);
    CHECK(get(MMIO_QUEUE_READY) == 1);
    put(MMIO_STATUS, READY);
    CHECK(get(MMIO_STATUS) == READY);
}

static uint64_t bit(struct feature_bit feature)
{
    return (uint64_t)1 << feature.number;
}

static void describe(uint16_t slot, uint64_t address, uint32_t len, unsigned flags, uint16_t next)
{
    driver->descriptors[slot] = (struct split_descriptor){address, len, (uint16_t)flags, next};
}

/* A read of sector 0 in slots 0 to 2: header, data, status. */
static void request_put(uint32_t type)
{
    struct virtio_blk_header header = {.type = type};
    memcpy(data, &header, sizeof(header));
    describe(0, data_address, 16, SPLIT_DESCRIPTOR_NEXT, 1);
    describe(1, data_address + 512, 512, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 2);
    describe(2, data_address + 16, 1, SPLIT_DESCRIPTOR_WRITE, 0);
}

static void offer(uint16_t head)
{
    driver->ring[driver->index++ % SIZE] = head;
}

static void go(void)
{
    put(MMIO_QUEUE_NOTIFY, 0);
    rig_work(&rig);
}

/* ---- registers ---- */

static void identity(void **state)
{
    (void)state;
    CHECK(get(MMIO_MAGIC_VALUE) == 0x74726976); /* DEV-MMIO-01 */
    CHECK(get(MMIO_VERSION) == 2);              /* DEV-MMIO-02 */
    CHECK(get(MMIO_DEVICE_ID) == 2 && get(MMIO_VENDOR_ID) == 0x656c6f6e);
    CHECK(get(MMIO_STATUS) == 0 && get(MMIO_INTERRUPT_STATUS) == 0);
    put(MMIO_SHM_SEL, 0);
    CHECK(get(MMIO_SHM_LEN_LOW) == UINT32_MAX && get(MMIO_SHM_LEN_HIGH) == UINT32_MAX);
    CHECK(get(MMIO_SHM_BASE_LOW) == UINT32_MAX && get(MMIO_SHM_BASE_HIGH) == UINT32_MAX);
}

static void features_offered(void **state)
{
    (void)state;
    uint64_t offered = rig.blk.device.offered.mask;
    CHECK((offered & bit(VIRTIO_F_VERSION_1)) != 0); /* DEV-CORE-RFEAT-01 */
    put(MMIO_DEVICE_FEATURES_SEL, 0);
    CHECK(get(MMIO_DEVICE_FEATURES) == (uint32_t)offered);
    put(MMIO_DEVICE_FEATURES_SEL, 1);
    CHECK(get(MMIO_DEVICE_FEATURES) == (uint32_t)(offered >> 32));
    put(MMIO_DEVICE_FEATURES_SEL, 2);
    CHECK(get(MMIO_DEVICE_FEATURES) == 0);
}

static void features_accepted(void **state)
{
    (void)state;
    uint64_t offered = rig.blk.device.offered.mask;
    negotiate(bit(VIRTIO_F_VERSION_1)); /* DEV-CORE-FEAT-02 */
    CHECK(get(MMIO_STATUS) == 0xb);
    negotiate(offered & ~bit(VIRTIO_F_VERSION_1)); /* DEV-CORE-RFEAT-02 */
    CHECK(get(MMIO_STATUS) == 3);
    negotiate(offered | bit(VIRTIO_F_SR_IOV)); /* DEV-CORE-FEAT-03 */
    CHECK(get(MMIO_STATUS) == 3);
    negotiate(bit(VIRTIO_F_VERSION_1)); /* DEV-CORE-FEAT-05 */
    CHECK(get(MMIO_STATUS) == 0xb);

    struct vdev_blk_options options = rig_options();
    options.features = feature_with(options.features, VIRTIO_F_ACCESS_PLATFORM);
    again_with(&options);
    negotiate(rig.blk.device.offered.mask & ~bit(VIRTIO_F_ACCESS_PLATFORM)); /* DEV-CORE-RFEAT-04 */
    CHECK(get(MMIO_STATUS) == 3);
    negotiate(rig.blk.device.offered.mask);
    CHECK(get(MMIO_STATUS) == 0xb);
}

static void features_only_in_time(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    accept_features(bit(VIRTIO_F_VERSION_1)); /* before DRIVER */
    CHECK(rig.driver_errors == 2 && rig.blk.device.accepted.mask == 0);
    negotiate(bit(VIRTIO_F_VERSION_1));
    CHECK(rig.driver_errors == 2);
    accept_features(0); /* after FEATURES_OK */
    CHECK(rig.driver_errors == 4 && rig.blk.device.accepted.mask == bit(VIRTIO_F_VERSION_1));
}

static void status_rules(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    put(MMIO_STATUS, 2); /* DRIVER alone */
    CHECK(rig.driver_errors == 1);
    put(MMIO_STATUS, 1); /* takes DRIVER away */
    CHECK(rig.driver_errors == 2 && get(MMIO_STATUS) == 3);
    put(MMIO_STATUS, 0x13); /* an unknown bit */
    CHECK(rig.driver_errors == 3 && get(MMIO_STATUS) == 3);
    put(MMIO_STATUS, 7); /* DRIVER_OK without FEATURES_OK */
    CHECK(rig.driver_errors == 4 && get(MMIO_STATUS) == (3 | NEEDS_RESET));
    put(MMIO_STATUS, 0); /* DEV-CORE-RESET-01 */
    CHECK(get(MMIO_STATUS) == 0 && rig.interrupts == 0);
}

/* DEV-CORE-RESET-02, DEV-MMIO-05 */
static void reset_forgets(void **state)
{
    (void)state;
    bring_up_without(0);
    vdev_config_changed(&rig.blk.device);
    CHECK(get(MMIO_INTERRUPT_STATUS) == 2 && vdev_mmio_line(&rig.mmio));
    request_put(0);
    offer(0);
    put(MMIO_QUEUE_NOTIFY, 0);
    put(MMIO_STATUS, 0);
    CHECK(get(MMIO_INTERRUPT_STATUS) == 0 && !vdev_mmio_line(&rig.mmio));
    CHECK(get(MMIO_QUEUE_READY) == 0 && rig.stopped == 1);
    CHECK(!vdev_blk_work(&rig.blk, 0, 10));
    vdev_config_changed(&rig.blk.device);
    CHECK(used->index == 0 && get(MMIO_INTERRUPT_STATUS) == 0);
}

/* DEV-MMIO-03, 04, 13 */
static void interrupt_level(void **state)
{
    (void)state;
    bring_up_without(0);
    request_put(0);
    offer(0);
    go();
    CHECK(used->index == 1 && get(MMIO_INTERRUPT_STATUS) == 1 && rig.interrupts == 1);
    vdev_blk_resized(&rig.blk);
    CHECK(get(MMIO_INTERRUPT_STATUS) == 3 && rig.interrupts == 1);
    put(MMIO_INTERRUPT_ACK, 1);
    CHECK(get(MMIO_INTERRUPT_STATUS) == 2 && vdev_mmio_line(&rig.mmio));
    put(MMIO_INTERRUPT_ACK, 2);
    CHECK(get(MMIO_INTERRUPT_STATUS) == 0 && !vdev_mmio_line(&rig.mmio));
}

static void queue_registers(void **state)
{
    (void)state;
    put(MMIO_QUEUE_SEL, 0);
    CHECK(get(MMIO_QUEUE_SIZE_MAX) == 256 && get(MMIO_QUEUE_READY) == 0);
    put(MMIO_QUEUE_SEL, 1);
    CHECK(get(MMIO_QUEUE_SIZE_MAX) == 0);
    put(MMIO_QUEUE_SEL, 0xffffffff);
    CHECK(get(MMIO_QUEUE_SIZE_MAX) == 0);
    bring_up_without(0);
    rig.hostile_driver = true;
    put(MMIO_QUEUE_DESC_LOW, 1); /* while it is ready */
    put(MMIO_QUEUE_SIZE, 4);
    put(MMIO_QUEUE_READY, 1);
    CHECK(rig.driver_errors == 3 && rig.blk.device.queues[0].size == SIZE);
    put(MMIO_QUEUE_READY, 0);
    CHECK(rig.driver_errors == 3 && get(MMIO_QUEUE_READY) == 0 && rig.stopped == 1);
    put(MMIO_QUEUE_NOTIFY, 0); /* of a queue that doesn't run */
    CHECK(rig.driver_errors == 4 && rig.notifies == 0);
}

/* DEV-CORE-VQRESET-01 to 03, DEV-MMIO-08 to 12 */
static void queue_reset(void **state)
{
    (void)state;
    bring_up_without(0);
    CHECK(get(MMIO_QUEUE_RESET) == 0);
    request_put(0);
    offer(0);
    go();
    CHECK(used->index == 1);
    offer(0);
    put(MMIO_QUEUE_RESET, 1);
    CHECK(get(MMIO_QUEUE_RESET) == 0 && get(MMIO_QUEUE_READY) == 0 && rig.stopped == 1);
    CHECK(!vdev_blk_work(&rig.blk, 0, 10) && used->index == 1);
    memset(driver, 0, sizeof(*driver));
    memset(used, 0, sizeof(*used));
    queue_parts(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
                SIZE / 2);
    CHECK(get(MMIO_QUEUE_READY) == 1 && get(MMIO_QUEUE_RESET) == 0);
    request_put(0);
    offer(0);
    go();
    CHECK(used->index == 1 && used->ring[0].id == 0 && get(MMIO_STATUS) == READY);
}

static void queue_reset_needs_its_feature(void **state)
{
    (void)state;
    bring_up_without(bit(VIRTIO_F_RING_RESET));
    rig.hostile_driver = true;
    put(MMIO_QUEUE_RESET, 1);
    CHECK(rig.driver_errors == 1 && get(MMIO_QUEUE_READY) == 1);
}

static void bad_queues(void **state)
{
    static const struct {
        uint32_t size;
        uint64_t descriptors, available, used;
    } bad[] = {
        {0, 0, 0, 0},
        {3, 0, 0, 0},
        {512, 0, 0, 0},
        {0x10008, 0, 0, 0},
        {SIZE, 8, 0, 0},
        {SIZE, 0, 1, 0},
        {SIZE, 0, 0, 2},
        {SIZE, 1ull << 40, 0, 0},
        {SIZE, 0, 1ull << 41, 0},
        {SIZE, 0, 0, 4096},
        {128, 4096 - 64, 0, 0},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rig.hostile_driver = true;
        negotiate(rig.blk.device.offered.mask);
        rig.driver_errors = 0;
        queue_parts(driver_address + bad[i].descriptors,
                    driver_address + offsetof(struct hand_ring, flags) + bad[i].available,
                    used_address + bad[i].used, bad[i].size);
        CHECK(get(MMIO_QUEUE_READY) == 0 && rig.driver_errors > 0);
        CHECK((get(MMIO_STATUS) & NEEDS_RESET) != 0);
    }
    put(MMIO_STATUS, 0);
    queue_parts(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
                SIZE); /* before FEATURES_OK */
    CHECK(get(MMIO_QUEUE_READY) == 0 && get(MMIO_STATUS) == NEEDS_RESET);
}

static void accesses_of_nothing(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    put(MMIO_STATUS, 3);
    for (uint64_t offset = 0; offset < 0x200; offset++)
        for (unsigned width = 1; width <= 8; width *= 2) {
            (void)vdev_mmio_read(&rig.mmio, offset, width);
            vdev_mmio_write(&rig.mmio, offset + 0x71 < 0x74 ? 0 : offset, width, 3);
        }
    unsigned before = rig.driver_errors;
    CHECK(before > 500);
    CHECK(vdev_mmio_read(&rig.mmio, (1ull << 32) + MMIO_MAGIC_VALUE, 4) == 0);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_MAGIC_VALUE, 2) == 0);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 60, 4) == 0);
    CHECK(vdev_mmio_read(&rig.mmio, 0xfffffffcu, 4) == 0);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_QUEUE_DESC_LOW, 4) == 0);
    CHECK(rig.driver_errors == before + 5);
}

/* ---- legacy ---- */

static uint16_t in_memory(uint64_t address)
{
    uint16_t value;
    memcpy(&value, fake_memory_at(address, sizeof(value), FAKE_READ), sizeof(value));
    return value;
}

static void legacy_start(uint32_t page_size, uint32_t align, uint32_t page)
{
    put(MMIO_STATUS, 0);
    put(MMIO_STATUS, 3);
    put(MMIO_LEGACY_PAGE_SIZE, page_size);
    put(MMIO_DRIVER_FEATURES_SEL, 0);
    put(MMIO_DRIVER_FEATURES, (uint32_t)rig.blk.device.offered.mask);
    put(MMIO_QUEUE_SEL, 0);
    put(MMIO_QUEUE_SIZE, SIZE);
    put(MMIO_LEGACY_QUEUE_ALIGN, align);
    put(MMIO_LEGACY_QUEUE_PFN, page);
}

/* DEV-MMIO-14, DEV-SPLIT-LEG-01, DEV-CORE-LEG-01 to 04, DEV-CORE-RFEAT-13 */
static void legacy(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    uint64_t address;
    rig_free(&rig);
    rig_init(&rig, RIG_MMIO_LEGACY, &options, SECTORS);
    driver = fake_memory_alloc(8192, &address);
    data = fake_memory_alloc(8192, &data_address);
    CHECK(get(MMIO_VERSION) == 1 && get(MMIO_CONFIG) == SECTORS); /* before DRIVER */
    put(MMIO_DEVICE_FEATURES_SEL, 0);
    CHECK((get(MMIO_DEVICE_FEATURES) & bit(VIRTIO_F_ANY_LAYOUT)) != 0);
    CHECK((get(MMIO_DEVICE_FEATURES) & bit(VIRTIO_BLK_F_CONFIG_WCE)) == 0);
    put(MMIO_DEVICE_FEATURES_SEL, 1);
    CHECK(get(MMIO_DEVICE_FEATURES) == 0);
    legacy_start(4096, 4096, (uint32_t)(address / 4096));
    CHECK(get(MMIO_LEGACY_QUEUE_PFN) == address / 4096);
    put(MMIO_STATUS, 7);
    CHECK(get(MMIO_STATUS) == 7);
    request_put(0);
    offer(0);
    go();
    CHECK(in_memory(address + 4096 + 2) == 1 && data[16] == 0);
    put(MMIO_LEGACY_QUEUE_PFN, 0);
    CHECK(get(MMIO_LEGACY_QUEUE_PFN) == 0 && rig.stopped == 1);
    put(MMIO_STATUS, 0);
    CHECK(get(MMIO_LEGACY_QUEUE_PFN) == 0);

    rig.hostile_driver = true;
    (void)get(MMIO_QUEUE_READY);
    (void)get(MMIO_CONFIG_GENERATION);
    put(MMIO_QUEUE_DESC_LOW, 0);
    CHECK(rig.driver_errors == 3);
    legacy_start(0x80000000u, 0x80000000u, 0xffffffff);
    CHECK(get(MMIO_STATUS) == (3 | NEEDS_RESET) && get(MMIO_LEGACY_QUEUE_PFN) == 0);
    legacy_start(4096, 4096, (uint32_t)(address / 4096));
    put(MMIO_LEGACY_QUEUE_PFN, 1); /* it is in use */
    put(MMIO_LEGACY_PAGE_SIZE, 0);
    put(MMIO_LEGACY_QUEUE_ALIGN, 3);
    CHECK(get(MMIO_LEGACY_QUEUE_PFN) == address / 4096);
    put(MMIO_DRIVER_FEATURES, UINT32_MAX); /* not offered */
    put(MMIO_STATUS, 7);
    CHECK(get(MMIO_STATUS) == (3 | NEEDS_RESET));
}

static void legacy_before_page_size(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    rig_free(&rig);
    rig_init(&rig, RIG_MMIO_LEGACY, &options, SECTORS);
    rig.hostile_driver = true;
    put(MMIO_STATUS, 3);
    put(MMIO_LEGACY_QUEUE_PFN, 1);
    CHECK(get(MMIO_STATUS) == (3 | NEEDS_RESET) && get(MMIO_LEGACY_QUEUE_PFN) == 0);
}

/* A modern device doesn't have these. */
static void no_legacy_registers(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    put(MMIO_STATUS, 3);
    put(MMIO_LEGACY_PAGE_SIZE, 4096);
    put(MMIO_LEGACY_QUEUE_ALIGN, 4096);
    put(MMIO_LEGACY_QUEUE_PFN, 1);
    CHECK(get(MMIO_LEGACY_QUEUE_PFN) == 0 && rig.driver_errors == 4);
}

/* ---- configuration space ---- */

/* DEV-CORE-CFG-01: all of it before FEATURES_OK. */
static void configuration(void **state)
{
    (void)state;
    put(MMIO_STATUS, 3);
    CHECK(get(MMIO_CONFIG) == SECTORS && get(MMIO_CONFIG + 4) == 0);
    CHECK(get(MMIO_CONFIG + 8) == 65536 && get(MMIO_CONFIG + 12) == 126);
    CHECK(get(MMIO_CONFIG + 16) == (17 | 4 << 16 | 63 << 24) && get(MMIO_CONFIG + 20) == 512);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 24, 1) == 3);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 26, 2) == 0 && get(MMIO_CONFIG + 28) == 8);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 33, 1) == 0); /* DEV-BLK-INIT-04 */
    CHECK(get(MMIO_CONFIG + 36) == 1000 && get(MMIO_CONFIG + 40) == 4);
    CHECK(get(MMIO_CONFIG + 44) == 8 && get(MMIO_CONFIG + 48) == 500);
    CHECK(get(MMIO_CONFIG + 52) == 3 && get(MMIO_CONFIG + 56) == 1); /* DEV-BLK-REQ-10 */
}

/* DEV-BLK-REQ-01, 02, DEV-MMIO-06 */
static void resize(void **state)
{
    (void)state;
    bring_up_without(0);
    uint32_t generation = get(MMIO_CONFIG_GENERATION);
    rig.store.bytes = 32 * 512;
    vdev_blk_resized(&rig.blk);
    CHECK(get(MMIO_CONFIG) == 32 && get(MMIO_CONFIG_GENERATION) != generation);
    CHECK(get(MMIO_INTERRUPT_STATUS) == 2);
}

/* The disk is flushed with each write as long as the driver doesn't take care of it: DEV-BLK-REQ-13,
 * DEV-BLK-INIT-03. */
static void cache_mode(void **state)
{
    (void)state;
    bring_up_without(0);
    request_put(1);
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 32, 1) == 1);
    offer(0);
    go();
    CHECK(data[16] == 0 && rig.flushes == 0);
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 0);
    offer(0);
    go();
    CHECK(data[16] == 0 && rig.flushes == 1);
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 1);
    offer(0);
    go();
    CHECK(data[16] == 0 && rig.flushes == 1);
    rig.hostile_driver = true;
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 2);
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG, 4, 2);
    CHECK(rig.driver_errors == 2 && get(MMIO_CONFIG) == SECTORS);

    bring_up_without(bit(VIRTIO_BLK_F_FLUSH));
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 32, 1) == 0);
    request_put(1);
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    offer(0);
    go();
    CHECK(data[16] == 0 && rig.flushes == 2);
    bring_up_without(bit(VIRTIO_BLK_F_CONFIG_WCE));
    rig.driver_errors = 0;
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 0);
    CHECK(rig.driver_errors == 1);
}

/* DEV-CORE-FEAT-01, 04, DEV-BLK-INIT-02 */
static void options_that_contradict(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    CHECK(vdev_blk_memory_len(&options) != 0);
    options.features = feature_without(options.features, VIRTIO_BLK_F_FLUSH);
    CHECK(vdev_blk_memory_len(&options) == 0);
    options = rig_options();
    options.features = feature_with(options.features, VIRTIO_BLK_F_ZONED);
    CHECK(vdev_blk_memory_len(&options) == 0);
    options = rig_options();
    options.queues = 2; /* without MQ */
    CHECK(vdev_blk_memory_len(&options) == 0);
    options = rig_options();
    options.block_bytes = 1000;
    CHECK(vdev_blk_memory_len(&options) == 0);
    options = rig_options();
    options.queue_size = 40000;
    CHECK(vdev_blk_memory_len(&options) == 0);
}

/* ---- rings that make no sense ---- */

/* DEV-CORE-STATUS-02, 03 */
static void check_broken(void)
{
    CHECK(get(MMIO_STATUS) == (READY | NEEDS_RESET));
    CHECK((get(MMIO_INTERRUPT_STATUS) & 2) != 0 && rig.driver_errors > 0);
    uint16_t index = used->index;
    driver->index++;
    put(MMIO_QUEUE_NOTIFY, 0);
    CHECK(!vdev_blk_work(&rig.blk, 0, 10) && used->index == index);
}

static void expect_broken(void)
{
    rig.hostile_driver = true;
    rig.driver_errors = 0;
    go();
    check_broken();
}

static void broken_rings(void **state)
{
    enum { HEAD, INDEX, TWICE, LOOP, NEXT, ORDER, ADDRESS, RIGHTS, LEN, HEADER, STATUS, CASES };
    (void)state;
    for (int i = 0; i < CASES; i++) {
        bring_up_without(0);
        request_put(0);
        offer(i == HEAD ? SIZE : 0);
        if (i == INDEX)
            driver->index = SIZE + 1;
        if (i == LOOP)
            driver->descriptors[2] = driver->descriptors[1];
        if (i == NEXT)
            driver->descriptors[1].next = SIZE;
        if (i == ORDER)
            driver->descriptors[2].flags = 0;
        if (i == ADDRESS)
            driver->descriptors[1].address = ~0ull - 4;
        if (i == RIGHTS) {
            fake_memory_add(data_address + (1ull << 32), data, 4096, FAKE_READ);
            driver->descriptors[1].address = data_address + (1ull << 32);
        }
        if (i == LEN)
            driver->descriptors[1].len_bytes = 8192;
        if (i == HEADER)
            driver->descriptors[0].len_bytes = 15;
        if (i == STATUS)
            driver->descriptors[0].flags = 0;
        if (i == TWICE) {
            struct vdev_segment segments[SIZE];
            struct vdev_blk_request held = {.chain = {.segments = segments, .capacity = SIZE}};
            CHECK(vdev_blk_take(&rig.blk, 0, &held) == 1);
            offer(0);
        }
        expect_broken();
        rig.hostile_driver = false;
    }
    /* A reset cures it. */
    bring_up_without(0);
    request_put(0);
    offer(0);
    go();
    CHECK(used->index == 1 && data[16] == 0);
}

/* Lays slots 0 to 2 into a table of their own, to which slot 0 points. */
static struct split_descriptor *table_put(unsigned count)
{
    struct split_descriptor *table = (void *)(data + 4096);
    request_put(0);
    memcpy(table, driver->descriptors, 3 * sizeof(*table));
    describe(0, data_address + 4096, count * 16, SPLIT_DESCRIPTOR_INDIRECT, 0);
    offer(0);
    return table;
}

static void broken_tables(void **state)
{
    (void)state;
    bring_up_without(bit(VIRTIO_F_INDIRECT_DESC));
    table_put(3);
    expect_broken();
    bring_up_without(0);
    table_put(0);
    expect_broken();
    bring_up_without(0);
    table_put(3);
    driver->descriptors[0].len_bytes = 47;
    expect_broken();
    bring_up_without(0);
    table_put(3)[1].flags |= SPLIT_DESCRIPTOR_INDIRECT; /* nested */
    expect_broken();
    bring_up_without(0);
    table_put(3);
    driver->descriptors[0].flags |= SPLIT_DESCRIPTOR_NEXT;
    expect_broken();
    bring_up_without(0);
    table_put(3)[2].next = 1; /* a loop */
    ((struct split_descriptor *)(void *)(data + 4096))[2].flags |= SPLIT_DESCRIPTOR_NEXT;
    expect_broken();
    bring_up_without(0);
    table_put(600); /* beyond the memory */
    expect_broken();
}

/* DEV-SPLIT-IND-01, 02, and a table that isn't aligned. */
static void good_tables(void **state)
{
    (void)state;
    bring_up_without(0);
    table_put(3);
    driver->descriptors[0].flags |= SPLIT_DESCRIPTOR_WRITE;
    go();
    CHECK(used->index == 1 && data[16] == 0);

    struct split_descriptor *table = table_put(2);
    memcpy(data + 6001, &table[1], 2 * sizeof(*table));
    struct split_descriptor first;
    memcpy(&first, data + 6001, sizeof(first));
    first.next = 1;
    memcpy(data + 6001, &first, sizeof(first));
    describe(0, data_address, 16, SPLIT_DESCRIPTOR_NEXT, 5);
    describe(5, data_address + 6001, 32, SPLIT_DESCRIPTOR_INDIRECT, 0);
    data[16] = 0xff;
    go();
    CHECK(used->index == 2 && used->ring[1].id == 0 && used->ring[1].len == 513 && data[16] == 0);
}

/* Empty descriptors are none of the specification's errors: DEV-SPLIT-FRAME-01. */
static void empty_segments(void **state)
{
    (void)state;
    bring_up_without(0);
    request_put(0);
    describe(2, 0xdead, 0, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 3);
    describe(3, data_address + 16, 1, SPLIT_DESCRIPTOR_WRITE, 0);
    offer(0);
    go();
    CHECK(used->index == 1 && used->ring[0].len == 513 && data[16] == 0);
}

/* ---- notifications ---- */

static void complete_one(void)
{
    request_put(0);
    offer(0);
    put(MMIO_INTERRUPT_ACK, 3);
    go();
}

/* DEV-SPLIT-UNOTIF-01 to 06, DEV-SPLIT-KICK-01 to 04 */
static void suppression(void **state)
{
    (void)state;
    bring_up_without(bit(VIRTIO_F_EVENT_IDX));
    driver->used_event = 7;
    complete_one();
    CHECK(get(MMIO_INTERRUPT_STATUS) == 1 && used->flags == 0);
    driver->flags = 1;
    complete_one();
    CHECK(get(MMIO_INTERRUPT_STATUS) == 0 && used->avail_event == 0);

    bring_up_without(0);
    driver->flags = 1;
    driver->used_event = 1;
    complete_one();
    CHECK(get(MMIO_INTERRUPT_STATUS) == 0 && used->avail_event == 1 && used->flags == 0);
    complete_one();
    CHECK(get(MMIO_INTERRUPT_STATUS) == 1 && used->avail_event == 2);
    complete_one();
    CHECK(get(MMIO_INTERRUPT_STATUS) == 0 && used->avail_event == 3);
    go(); /* DEV-SPLIT-KICK-05 */
    CHECK(used->index == 3 && get(MMIO_STATUS) == READY);
}

/* DEV-CORE-STATUS-01 */
static void nothing_before_driver_ok(void **state)
{
    (void)state;
    negotiate(rig.blk.device.offered.mask);
    queue_parts(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
                SIZE);
    request_put(0);
    offer(0);
    rig.hostile_driver = true;
    put(MMIO_QUEUE_NOTIFY, 0);
    CHECK(rig.notifies == 0 && !vdev_blk_work(&rig.blk, 0, 10) && used->index == 0);
    put(MMIO_STATUS, READY);
    go();
    CHECK(used->index == 1);
    put(MMIO_STATUS, READY | 128); /* FAILED */
    offer(0);
    go();
    CHECK(used->index == 1);
}

static void budget(void **state)
{
    (void)state;
    bring_up_without(0);
    request_put(0);
    for (unsigned i = 0; i < 2; i++) {
        describe((uint16_t)(3 + i), data_address, 16, SPLIT_DESCRIPTOR_NEXT, 1);
        offer((uint16_t)(3 + i));
    }
    offer(0);
    CHECK(vdev_blk_work(&rig.blk, 0, 1) && used->index == 1);
    CHECK(vdev_blk_work(&rig.blk, 0, 2) && used->index == 3);
    CHECK(!vdev_blk_work(&rig.blk, 0, 1) && used->index == 3 && used->avail_event == 3);
}

/* ---- the disk ---- */

/* DEV-BLK-REQ-03, 04 */
static void read_only(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    options.features = feature_with(options.features, VIRTIO_BLK_F_RO);
    again_with(&options);
    bring_up_without(bit(VIRTIO_BLK_F_RO)); /* not even if the driver doesn't know */
    request_put(1);
    data[512] = 0x77;
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    rig.hostile_driver = true;
    offer(0);
    go();
    CHECK(used->index == 1 && data[16] == 1 && rig.disk[0] == 0);
    uint32_t type = 13;
    memcpy(data, &type, 4);
    driver->descriptors[1].len_bytes = 16;
    offer(0);
    go();
    CHECK(used->index == 2 && data[16] == 1 && rig.zeroes == 0);
}

static void failing_store(void **state)
{
    (void)state;
    bring_up_without(0);
    rig.store_fails = true;
    memset(rig.disk, 0x33, 512);
    request_put(0);
    memset(data + 512, 0x44, 512);
    offer(0);
    go();
    CHECK(data[16] == 1 && used->ring[0].len == 513 && data[512] == 0 && data[1023] == 0);
    request_put(4);
    offer(0);
    go();
    CHECK(data[16] == 1 && rig.flushes == 1);
    /* Writethrough: what can't be made safe isn't written. */
    bring_up_without(bit(VIRTIO_BLK_F_FLUSH) | bit(VIRTIO_BLK_F_CONFIG_WCE));
    request_put(1);
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    offer(0);
    go();
    CHECK(data[16] == 1);
}

static void limits(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    options.size_max = 256;
    options.seg_max = 2;
    again_with(&options);
    rig.hostile_driver = true;
    bring_up_without(0);
    request_put(0);
    offer(0);
    go();
    CHECK(used->index == 1 && data[16] == 1 && rig.driver_errors == 1);
    describe(1, data_address + 512, 256, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 3);
    describe(3, data_address + 768, 256, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 2);
    offer(0);
    go();
    CHECK(used->index == 2 && data[16] == 0 && rig.driver_errors == 1);
    describe(3, data_address + 768, 128, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 4);
    describe(4, data_address + 896, 128, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 2);
    offer(0);
    go();
    CHECK(used->index == 3 && data[16] == 1 && rig.driver_errors == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identity),
        TEST(features_offered),
        TEST(features_accepted),
        TEST(features_only_in_time),
        TEST(status_rules),
        TEST(reset_forgets),
        TEST(interrupt_level),
        TEST(queue_registers),
        TEST(queue_reset),
        TEST(queue_reset_needs_its_feature),
        TEST(bad_queues),
        TEST(accesses_of_nothing),
        TEST(legacy),
        TEST(legacy_before_page_size),
        TEST(no_legacy_registers),
        TEST(configuration),
        TEST(resize),
        TEST(cache_mode),
        TEST(options_that_contradict),
        TEST(broken_rings),
        TEST(broken_tables),
        TEST(good_tables),
        TEST(empty_segments),
        TEST(suppression),
        TEST(nothing_before_driver_ok),
        TEST(budget),
        TEST(read_only),
        TEST(failing_store),
        TEST(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
