/*
 * The device's state machine and registers (lib/libvirtio/device) one by one, with the legacy interface's.
 */
#include "hand_driver.h"
#include "fake_memory.h"

#include <string.h>

/* ---- registers ---- */

static void identity(void **state)
{
    (void)state;
    CHECK(hand_get(MMIO_MAGIC_VALUE) == 0x74726976); /* DEV-MMIO-01 */
    CHECK(hand_get(MMIO_VERSION) == 2);              /* DEV-MMIO-02 */
    CHECK(hand_get(MMIO_DEVICE_ID) == 2 && hand_get(MMIO_VENDOR_ID) == 0x656c6f6e);
    CHECK(hand_get(MMIO_STATUS) == 0 && hand_get(MMIO_INTERRUPT_STATUS) == 0);
    hand_put(MMIO_SHM_SEL, 0);
    CHECK(hand_get(MMIO_SHM_LEN_LOW) == UINT32_MAX && hand_get(MMIO_SHM_LEN_HIGH) == UINT32_MAX);
    CHECK(hand_get(MMIO_SHM_BASE_LOW) == UINT32_MAX && hand_get(MMIO_SHM_BASE_HIGH) == UINT32_MAX);
}

static void features_offered(void **state)
{
    (void)state;
    uint64_t offered = rig.blk.device.offered.mask;
    CHECK((offered & hand_bit(VIRTIO_F_VERSION_1)) != 0); /* DEV-CORE-RFEAT-01 */
    hand_put(MMIO_DEVICE_FEATURES_SEL, 0);
    CHECK(hand_get(MMIO_DEVICE_FEATURES) == (uint32_t)offered);
    hand_put(MMIO_DEVICE_FEATURES_SEL, 1);
    CHECK(hand_get(MMIO_DEVICE_FEATURES) == (uint32_t)(offered >> 32));
    hand_put(MMIO_DEVICE_FEATURES_SEL, 2);
    CHECK(hand_get(MMIO_DEVICE_FEATURES) == 0);
}

static void features_accepted(void **state)
{
    (void)state;
    uint64_t offered = rig.blk.device.offered.mask;
    hand_negotiate(hand_bit(VIRTIO_F_VERSION_1)); /* DEV-CORE-FEAT-02 */
    CHECK(hand_get(MMIO_STATUS) == 0xb);
    hand_negotiate(offered & ~hand_bit(VIRTIO_F_VERSION_1)); /* DEV-CORE-RFEAT-02 */
    CHECK(hand_get(MMIO_STATUS) == 3);
    hand_negotiate(offered | hand_bit(VIRTIO_F_SR_IOV)); /* DEV-CORE-FEAT-03 */
    CHECK(hand_get(MMIO_STATUS) == 3);
    hand_negotiate(hand_bit(VIRTIO_F_VERSION_1)); /* DEV-CORE-FEAT-05 */
    CHECK(hand_get(MMIO_STATUS) == 0xb);

    struct vdev_blk_options options = rig_options();
    options.features = feature_with(options.features, VIRTIO_F_ACCESS_PLATFORM);
    hand_again_with(&options);
    hand_negotiate(rig.blk.device.offered.mask &
                   ~hand_bit(VIRTIO_F_ACCESS_PLATFORM)); /* DEV-CORE-RFEAT-04 */
    CHECK(hand_get(MMIO_STATUS) == 3);
    hand_negotiate(rig.blk.device.offered.mask);
    CHECK(hand_get(MMIO_STATUS) == 0xb);
}

static void features_only_in_time(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    hand_accept(hand_bit(VIRTIO_F_VERSION_1)); /* before DRIVER */
    CHECK(rig.driver_errors == 2 && rig.blk.device.accepted.mask == 0);
    hand_negotiate(hand_bit(VIRTIO_F_VERSION_1));
    CHECK(rig.driver_errors == 2);
    hand_accept(0); /* after FEATURES_OK */
    CHECK(rig.driver_errors == 4 && rig.blk.device.accepted.mask == hand_bit(VIRTIO_F_VERSION_1));
}

static void status_rules(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    hand_put(MMIO_STATUS, 2); /* DRIVER alone */
    CHECK(rig.driver_errors == 1);
    hand_put(MMIO_STATUS, 1); /* takes DRIVER away */
    CHECK(rig.driver_errors == 2 && hand_get(MMIO_STATUS) == 3);
    hand_put(MMIO_STATUS, 0x13); /* an unknown bit */
    CHECK(rig.driver_errors == 3 && hand_get(MMIO_STATUS) == 3);
    hand_put(MMIO_STATUS, 7); /* DRIVER_OK without FEATURES_OK */
    CHECK(rig.driver_errors == 4 && hand_get(MMIO_STATUS) == (3 | NEEDS_RESET));
    hand_put(MMIO_STATUS, 0); /* DEV-CORE-RESET-01 */
    CHECK(hand_get(MMIO_STATUS) == 0 && rig.interrupts == 0);
}

/* DEV-CORE-RESET-02, DEV-MMIO-05 */
static void reset_forgets(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    vdev_config_changed(&rig.blk.device);
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 2 && vdev_mmio_line(&rig.mmio));
    hand_request(0);
    hand_offer(0);
    hand_put(MMIO_QUEUE_NOTIFY, 0);
    hand_put(MMIO_STATUS, 0);
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 0 && !vdev_mmio_line(&rig.mmio));
    CHECK(hand_get(MMIO_QUEUE_READY) == 0 && rig.stopped == 1);
    CHECK(!vdev_blk_work(&rig.blk, 0, 10));
    vdev_config_changed(&rig.blk.device);
    CHECK(used->index == 0 && hand_get(MMIO_INTERRUPT_STATUS) == 0);
}

/* DEV-MMIO-03, 04, 13 */
static void interrupt_level(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    hand_request(0);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1 && hand_get(MMIO_INTERRUPT_STATUS) == 1 && rig.interrupts == 1);
    vdev_blk_resized(&rig.blk);
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 3 && rig.interrupts == 1);
    hand_put(MMIO_INTERRUPT_ACK, 1);
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 2 && vdev_mmio_line(&rig.mmio));
    hand_put(MMIO_INTERRUPT_ACK, 2);
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 0 && !vdev_mmio_line(&rig.mmio));
}

static void queue_registers(void **state)
{
    (void)state;
    hand_put(MMIO_QUEUE_SEL, 0);
    CHECK(hand_get(MMIO_QUEUE_SIZE_MAX) == 256 && hand_get(MMIO_QUEUE_READY) == 0);
    hand_put(MMIO_QUEUE_SEL, 1);
    CHECK(hand_get(MMIO_QUEUE_SIZE_MAX) == 0);
    hand_put(MMIO_QUEUE_SEL, 0xffffffff);
    CHECK(hand_get(MMIO_QUEUE_SIZE_MAX) == 0);
    hand_bring_up_without(0);
    rig.hostile_driver = true;
    hand_put(MMIO_QUEUE_DESC_LOW, 1); /* while it is ready */
    hand_put(MMIO_QUEUE_SIZE, 4);
    hand_put(MMIO_QUEUE_READY, 1);
    CHECK(rig.driver_errors == 3 && rig.blk.device.queues[0].size == HAND_SIZE);
    hand_put(MMIO_QUEUE_READY, 0);
    CHECK(rig.driver_errors == 3 && hand_get(MMIO_QUEUE_READY) == 0 && rig.stopped == 1);
    hand_put(MMIO_QUEUE_NOTIFY, 0); /* of a queue that doesn't run */
    CHECK(rig.driver_errors == 4 && rig.notifies == 0);
}

/* DEV-CORE-VQRESET-01 to 03, DEV-MMIO-08 to 12 */
static void queue_reset(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    CHECK(hand_get(MMIO_QUEUE_RESET) == 0);
    hand_request(0);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1);
    hand_offer(0);
    hand_put(MMIO_QUEUE_RESET, 1);
    CHECK(hand_get(MMIO_QUEUE_RESET) == 0 && hand_get(MMIO_QUEUE_READY) == 0 && rig.stopped == 1);
    CHECK(!vdev_blk_work(&rig.blk, 0, 10) && used->index == 1);
    memset(driver, 0, sizeof(*driver));
    memset(used, 0, sizeof(*used));
    hand_queue(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
               HAND_SIZE / 2);
    CHECK(hand_get(MMIO_QUEUE_READY) == 1 && hand_get(MMIO_QUEUE_RESET) == 0);
    hand_request(0);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1 && used->ring[0].id == 0 && hand_get(MMIO_STATUS) == READY);
}

static void queue_reset_needs_its_feature(void **state)
{
    (void)state;
    hand_bring_up_without(hand_bit(VIRTIO_F_RING_RESET));
    rig.hostile_driver = true;
    hand_put(MMIO_QUEUE_RESET, 1);
    CHECK(rig.driver_errors == 1 && hand_get(MMIO_QUEUE_READY) == 1);
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
        {HAND_SIZE, 8, 0, 0},
        {HAND_SIZE, 0, 1, 0},
        {HAND_SIZE, 0, 0, 2},
        {HAND_SIZE, 1ull << 40, 0, 0},
        {HAND_SIZE, 0, 1ull << 41, 0},
        {HAND_SIZE, 0, 0, 4096},
        {128, 4096 - 64, 0, 0},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rig.hostile_driver = true;
        hand_negotiate(rig.blk.device.offered.mask);
        rig.driver_errors = 0;
        hand_queue(driver_address + bad[i].descriptors,
                   driver_address + offsetof(struct hand_ring, flags) + bad[i].available,
                   used_address + bad[i].used, bad[i].size);
        CHECK(hand_get(MMIO_QUEUE_READY) == 0 && rig.driver_errors > 0);
        CHECK((hand_get(MMIO_STATUS) & NEEDS_RESET) != 0);
    }
    hand_put(MMIO_STATUS, 0);
    hand_queue(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
               HAND_SIZE); /* before FEATURES_OK */
    CHECK(hand_get(MMIO_QUEUE_READY) == 0 && hand_get(MMIO_STATUS) == NEEDS_RESET);
}

static void accesses_of_nothing(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    hand_put(MMIO_STATUS, 3);
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

static void legacy_start(uint32_t page_size, uint32_t align, uint32_t page)
{
    hand_put(MMIO_STATUS, 0);
    hand_put(MMIO_STATUS, 3);
    hand_put(MMIO_LEGACY_PAGE_SIZE, page_size);
    hand_put(MMIO_DRIVER_FEATURES_SEL, 0);
    hand_put(MMIO_DRIVER_FEATURES, (uint32_t)rig.blk.device.offered.mask);
    hand_put(MMIO_QUEUE_SEL, 0);
    hand_put(MMIO_QUEUE_SIZE, HAND_SIZE);
    hand_put(MMIO_LEGACY_QUEUE_ALIGN, align);
    hand_put(MMIO_LEGACY_QUEUE_PFN, page);
}

/* DEV-MMIO-14, DEV-SPLIT-LEG-01, DEV-CORE-LEG-01 to 04, DEV-CORE-RFEAT-13 */
static void legacy(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    uint64_t address;
    rig_free(&rig);
    rig_init(&rig, RIG_MMIO_LEGACY, &options, HAND_SECTORS);
    driver = fake_memory_alloc(8192, &address);
    data = fake_memory_alloc(8192, &data_address);
    CHECK(hand_get(MMIO_VERSION) == 1 && hand_get(MMIO_CONFIG) == HAND_SECTORS); /* before DRIVER */
    hand_put(MMIO_DEVICE_FEATURES_SEL, 0);
    CHECK((hand_get(MMIO_DEVICE_FEATURES) & hand_bit(VIRTIO_F_ANY_LAYOUT)) != 0);
    CHECK((hand_get(MMIO_DEVICE_FEATURES) & hand_bit(VIRTIO_BLK_F_CONFIG_WCE)) == 0);
    hand_put(MMIO_DEVICE_FEATURES_SEL, 1);
    CHECK(hand_get(MMIO_DEVICE_FEATURES) == 0);
    legacy_start(4096, 4096, (uint32_t)(address / 4096));
    CHECK(hand_get(MMIO_LEGACY_QUEUE_PFN) == address / 4096);
    hand_put(MMIO_STATUS, 7);
    CHECK(hand_get(MMIO_STATUS) == 7);
    hand_request(0);
    hand_offer(0);
    hand_go();
    CHECK(fake_memory_get16(address + 4096 + 2) == 1 && data[16] == 0);
    hand_put(MMIO_LEGACY_QUEUE_PFN, 0);
    CHECK(hand_get(MMIO_LEGACY_QUEUE_PFN) == 0 && rig.stopped == 1);
    hand_put(MMIO_STATUS, 0);
    CHECK(hand_get(MMIO_LEGACY_QUEUE_PFN) == 0);

    rig.hostile_driver = true;
    (void)hand_get(MMIO_QUEUE_READY);
    (void)hand_get(MMIO_CONFIG_GENERATION);
    hand_put(MMIO_QUEUE_DESC_LOW, 0);
    CHECK(rig.driver_errors == 3);
    legacy_start(0x80000000u, 0x80000000u, 0xffffffff);
    CHECK(hand_get(MMIO_STATUS) == (3 | NEEDS_RESET) && hand_get(MMIO_LEGACY_QUEUE_PFN) == 0);
    legacy_start(4096, 4096, (uint32_t)(address / 4096));
    hand_put(MMIO_LEGACY_QUEUE_PFN, 1); /* it is in use */
    hand_put(MMIO_LEGACY_PAGE_SIZE, 0);
    hand_put(MMIO_LEGACY_QUEUE_ALIGN, 3);
    CHECK(hand_get(MMIO_LEGACY_QUEUE_PFN) == address / 4096);
    hand_put(MMIO_DRIVER_FEATURES, UINT32_MAX); /* not offered */
    hand_put(MMIO_STATUS, 7);
    CHECK(hand_get(MMIO_STATUS) == (3 | NEEDS_RESET));
}

static void legacy_before_page_size(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    rig_free(&rig);
    rig_init(&rig, RIG_MMIO_LEGACY, &options, HAND_SECTORS);
    rig.hostile_driver = true;
    hand_put(MMIO_STATUS, 3);
    hand_put(MMIO_LEGACY_QUEUE_PFN, 1);
    CHECK(hand_get(MMIO_STATUS) == (3 | NEEDS_RESET) && hand_get(MMIO_LEGACY_QUEUE_PFN) == 0);
}

/* A modern device doesn't have these. */
static void no_legacy_registers(void **state)
{
    (void)state;
    rig.hostile_driver = true;
    hand_put(MMIO_STATUS, 3);
    hand_put(MMIO_LEGACY_PAGE_SIZE, 4096);
    hand_put(MMIO_LEGACY_QUEUE_ALIGN, 4096);
    hand_put(MMIO_LEGACY_QUEUE_PFN, 1);
    CHECK(hand_get(MMIO_LEGACY_QUEUE_PFN) == 0 && rig.driver_errors == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND(identity),
        HAND(features_offered),
        HAND(features_accepted),
        HAND(features_only_in_time),
        HAND(status_rules),
        HAND(reset_forgets),
        HAND(interrupt_level),
        HAND(queue_registers),
        HAND(queue_reset),
        HAND(queue_reset_needs_its_feature),
        HAND(bad_queues),
        HAND(accesses_of_nothing),
        HAND(legacy),
        HAND(legacy_before_page_size),
        HAND(no_legacy_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
