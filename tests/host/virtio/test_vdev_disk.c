/*
 * The disk of lib/libvirtio/device: its configuration space, its options, and requests that it refuses.
 */
#include "hand_driver.h"

#include <string.h>

/* ---- configuration space ---- */

/* DEV-CORE-CFG-01: all of it before FEATURES_OK. */
static void configuration(void **state)
{
    (void)state;
    hand_put(MMIO_STATUS, 3);
    CHECK(hand_get(MMIO_CONFIG) == HAND_SECTORS && hand_get(MMIO_CONFIG + 4) == 0);
    CHECK(hand_get(MMIO_CONFIG + 8) == 65536 && hand_get(MMIO_CONFIG + 12) == 126);
    CHECK(hand_get(MMIO_CONFIG + 16) == (17 | 4 << 16 | 63 << 24) &&
          hand_get(MMIO_CONFIG + 20) == 512);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 24, 1) == 3);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 26, 2) == 0 && hand_get(MMIO_CONFIG + 28) == 8);
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 33, 1) == 0); /* DEV-BLK-INIT-04 */
    CHECK(hand_get(MMIO_CONFIG + 36) == 1000 && hand_get(MMIO_CONFIG + 40) == 4);
    CHECK(hand_get(MMIO_CONFIG + 44) == 8 && hand_get(MMIO_CONFIG + 48) == 500);
    CHECK(hand_get(MMIO_CONFIG + 52) == 3 && hand_get(MMIO_CONFIG + 56) == 1); /* DEV-BLK-REQ-10 */
}

/* DEV-BLK-REQ-01, 02, DEV-MMIO-06 */
static void resize(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    uint32_t generation = hand_get(MMIO_CONFIG_GENERATION);
    rig.store.bytes = 32 * 512;
    vdev_blk_resized(&rig.blk);
    CHECK(hand_get(MMIO_CONFIG) == 32 && hand_get(MMIO_CONFIG_GENERATION) != generation);
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 2);
}

/* The disk is flushed with each write as long as the driver doesn't take care of it: DEV-BLK-REQ-13,
 * DEV-BLK-INIT-03. */
static void cache_mode(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    hand_request(1);
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 32, 1) == 1);
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 0 && rig.flushes == 0);
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 0);
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 0 && rig.flushes == 1);
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 1);
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 0 && rig.flushes == 1);
    rig.hostile_driver = true;
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, 2);
    vdev_mmio_write(&rig.mmio, MMIO_CONFIG, 4, 2);
    CHECK(rig.driver_errors == 2 && hand_get(MMIO_CONFIG) == HAND_SECTORS);

    hand_bring_up_without(hand_bit(VIRTIO_BLK_F_FLUSH));
    CHECK(vdev_mmio_read(&rig.mmio, MMIO_CONFIG + 32, 1) == 0);
    hand_request(1);
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 0 && rig.flushes == 2);
    hand_bring_up_without(hand_bit(VIRTIO_BLK_F_CONFIG_WCE));
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

/* ---- the disk ---- */

/* DEV-BLK-REQ-03, 04 */
static void read_only(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    options.features = feature_with(options.features, VIRTIO_BLK_F_RO);
    hand_again_with(&options);
    hand_bring_up_without(hand_bit(VIRTIO_BLK_F_RO)); /* not even if the driver doesn't know */
    hand_request(1);
    data[512] = 0x77;
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    rig.hostile_driver = true;
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1 && data[16] == 1 && rig.disk[0] == 0);
    uint32_t type = 13;
    memcpy(data, &type, 4);
    driver->descriptors[1].len_bytes = 16;
    hand_offer(0);
    hand_go();
    CHECK(used->index == 2 && data[16] == 1 && rig.zeroes == 0);
}

static void failing_store(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    rig.store_fails = true;
    memset(rig.disk, 0x33, 512);
    hand_request(0);
    memset(data + 512, 0x44, 512);
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 1 && used->ring[0].len == 513 && data[512] == 0 && data[1023] == 0);
    hand_request(4);
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 1 && rig.flushes == 1);
    /* Writethrough: what can't be made safe isn't written. */
    hand_bring_up_without(hand_bit(VIRTIO_BLK_F_FLUSH) | hand_bit(VIRTIO_BLK_F_CONFIG_WCE));
    hand_request(1);
    driver->descriptors[1].flags = SPLIT_DESCRIPTOR_NEXT;
    hand_offer(0);
    hand_go();
    CHECK(data[16] == 1);
}

static void limits(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    options.size_max = 256;
    options.seg_max = 2;
    hand_again_with(&options);
    rig.hostile_driver = true;
    hand_bring_up_without(0);
    hand_request(0);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1 && data[16] == 1 && rig.driver_errors == 1);
    hand_describe(1, data_address + 512, 256, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 3);
    hand_describe(3, data_address + 768, 256, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 2);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 2 && data[16] == 0 && rig.driver_errors == 1);
    hand_describe(3, data_address + 768, 128, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 4);
    hand_describe(4, data_address + 896, 128, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 2);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 3 && data[16] == 1 && rig.driver_errors == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND(configuration), HAND(resize),        HAND(cache_mode), HAND(options_that_contradict),
        HAND(read_only),     HAND(failing_store), HAND(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
