/*
 * The PCI register structures of the device's side: fields at their widths, vectors, ISR, queue reset
 * and notifications, and drivers that touch what they may not.
 */
#include "device_rig.h"
#include "fake_memory.h"

#include <libvirtio/feature_bits.h>

#define SECTORS 64u
#define READY 0xfu /* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK */

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    options.features = feature_with(options.features, VIRTIO_BLK_F_MQ);
    options.queues = 2;
    rig_init(&rig, RIG_PCI_MSIX, &options, SECTORS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_free(&rig);
    return 0;
}

static uint32_t get(uint64_t offset, unsigned width)
{
    return vdev_pci_common_read(&rig.pci, offset, width);
}

static void put(uint64_t offset, unsigned width, uint32_t value)
{
    vdev_pci_common_write(&rig.pci, offset, width, value);
}

static void negotiate(void)
{
    put(PCI_DEVICE_STATUS, 1, 0);
    put(PCI_DEVICE_STATUS, 1, 1);
    put(PCI_DEVICE_STATUS, 1, 3);
    for (uint32_t word = 0; word < 2; word++) {
        put(PCI_DEVICE_FEATURE_SELECT, 4, word);
        put(PCI_DRIVER_FEATURE_SELECT, 4, word);
        put(PCI_DRIVER_FEATURE, 4, get(PCI_DEVICE_FEATURE, 4));
    }
    put(PCI_DEVICE_STATUS, 1, 0xb);
    CHECK(get(PCI_DEVICE_STATUS, 1) == 0xb);
}

static void enable(uint16_t queue, uint16_t vector)
{
    uint64_t address;
    (void)fake_memory_alloc(4096, &address);
    put(PCI_QUEUE_SELECT, 2, queue);
    put(PCI_QUEUE_SIZE, 2, 8);
    put(PCI_QUEUE_MSIX_VECTOR, 2, vector);
    for (uint32_t part = 0; part < 3; part++) {
        put(PCI_QUEUE_DESC + 8 * part, 4, (uint32_t)(address + 1024 * part));
        put(PCI_QUEUE_DESC + 8 * part + 4, 4, (uint32_t)(address >> 32));
    }
    put(PCI_QUEUE_ENABLE, 2, 1);
    CHECK(get(PCI_QUEUE_ENABLE, 2) == 1);
}

static void fields(void **state)
{
    (void)state;
    CHECK(get(PCI_NUM_QUEUES, 2) == 2 && get(PCI_DEVICE_STATUS, 1) == 0);
    CHECK(get(PCI_CONFIG_MSIX_VECTOR, 2) == PCI_NO_VECTOR);
    for (uint32_t queue = 0; queue < 2; queue++) {
        put(PCI_QUEUE_SELECT, 2, queue);
        CHECK(get(PCI_QUEUE_SELECT, 2) == queue && get(PCI_QUEUE_NOTIFY_OFF, 2) == queue);
        CHECK(get(PCI_QUEUE_SIZE, 2) == 256 && get(PCI_QUEUE_ENABLE, 2) == 0);
        CHECK(get(PCI_QUEUE_MSIX_VECTOR, 2) == PCI_NO_VECTOR);
    }
    put(PCI_QUEUE_SELECT, 2, 2); /* there is none */
    CHECK(get(PCI_QUEUE_SIZE, 2) == 0);
    negotiate();
    put(PCI_DRIVER_FEATURE_SELECT, 4, 0);
    CHECK(get(PCI_DRIVER_FEATURE_SELECT, 4) == 0);
    CHECK(get(PCI_DRIVER_FEATURE, 4) == (uint32_t)rig.blk.device.offered.mask);
    put(PCI_QUEUE_SELECT, 2, 1);
    put(PCI_QUEUE_DRIVER, 4, 0x11223344);
    put(PCI_QUEUE_DRIVER + 4, 4, 0x55667788);
    CHECK(rig.blk.device.queues[1].addresses.driver_area == 0x5566778811223344);
    CHECK(get(PCI_QUEUE_DRIVER, 4) == 0x11223344 && get(PCI_QUEUE_DRIVER + 4, 4) == 0x55667788);
    CHECK(get(PCI_QUEUE_DESC, 4) == 0 && get(PCI_QUEUE_DEVICE + 4, 4) == 0);
}

static void vectors(void **state)
{
    (void)state;
    negotiate();
    put(PCI_CONFIG_MSIX_VECTOR, 2, 3); /* there are three */
    CHECK(get(PCI_CONFIG_MSIX_VECTOR, 2) == PCI_NO_VECTOR);
    put(PCI_CONFIG_MSIX_VECTOR, 2, 2);
    CHECK(get(PCI_CONFIG_MSIX_VECTOR, 2) == 2);
    enable(1, 1);
    CHECK(get(PCI_QUEUE_MSIX_VECTOR, 2) == 1);
    put(PCI_DEVICE_STATUS, 1, READY);
    uint32_t generation = get(PCI_CONFIG_GENERATION, 1);
    vdev_blk_resized(&rig.blk);
    CHECK(rig.messages == 1 << 2 && get(PCI_CONFIG_GENERATION, 1) != generation);
    CHECK(vdev_pci_isr_read(&rig.pci) == 0 && !vdev_pci_line(&rig.pci));
    put(PCI_CONFIG_MSIX_VECTOR, 2, PCI_NO_VECTOR);
    rig.messages = 0;
    vdev_blk_resized(&rig.blk);
    CHECK(rig.messages == 0);
    put(PCI_DEVICE_STATUS, 1, 0);
    CHECK(get(PCI_QUEUE_MSIX_VECTOR, 2) == PCI_NO_VECTOR && get(PCI_QUEUE_ENABLE, 2) == 0);
}

static void isr(void **state)
{
    (void)state;
    rig.pci.msix = false;
    negotiate();
    put(PCI_DEVICE_STATUS, 1, READY);
    vdev_blk_resized(&rig.blk);
    vdev_blk_resized(&rig.blk);
    CHECK(vdev_pci_line(&rig.pci) && rig.interrupts == 1);
    CHECK(vdev_pci_isr_read(&rig.pci) == 2 && !vdev_pci_line(&rig.pci));
    CHECK(vdev_pci_isr_read(&rig.pci) == 0);
    vdev_blk_resized(&rig.blk);
    put(PCI_DEVICE_STATUS, 1, 0);
    CHECK(!vdev_pci_line(&rig.pci));
}

static void queue_reset(void **state)
{
    (void)state;
    negotiate();
    enable(0, 1);
    put(PCI_DEVICE_STATUS, 1, READY);
    put(PCI_QUEUE_RESET, 2, 1);
    CHECK(get(PCI_QUEUE_RESET, 2) == 0 && get(PCI_QUEUE_ENABLE, 2) == 0 && rig.stopped == 1);
    CHECK(get(PCI_QUEUE_SIZE, 2) == 256 && get(PCI_QUEUE_MSIX_VECTOR, 2) == PCI_NO_VECTOR);
    enable(0, 2);
    CHECK(get(PCI_QUEUE_MSIX_VECTOR, 2) == 2 && get(PCI_DEVICE_STATUS, 1) == READY);
}

static void notifications(void **state)
{
    (void)state;
    negotiate();
    enable(1, 1);
    put(PCI_DEVICE_STATUS, 1, READY);
    vdev_pci_notify(&rig.pci, VDEV_PCI_NOTIFY_MULTIPLIER, 2, 1);
    CHECK(rig.notifies == 1 && rig.notified == 1 << 1);
    rig.hostile_driver = true;
    vdev_pci_notify(&rig.pci, 0, 2, 1);                              /* another one's place */
    vdev_pci_notify(&rig.pci, VDEV_PCI_NOTIFY_MULTIPLIER, 4, 1);     /* wide */
    vdev_pci_notify(&rig.pci, 0, 2, 0);                              /* it doesn't run */
    vdev_pci_notify(&rig.pci, 7 * VDEV_PCI_NOTIFY_MULTIPLIER, 2, 7); /* it isn't there */
    CHECK(rig.notifies == 1 && rig.driver_errors == 4);
}

static void accesses_that_are_none(void **state)
{
    (void)state;
    negotiate();
    enable(0, 1);
    rig.hostile_driver = true;
    for (uint64_t offset = 0; offset < 80; offset++)
        for (unsigned width = 1; width <= 4; width++)
            (void)get(offset, width);
    CHECK(rig.driver_errors > 250);
    rig.driver_errors = 0;
    CHECK(get(PCI_QUEUE_DESC, 8) == 0 && get(1ull << 32, 4) == 0 && get(PCI_DEVICE_STATUS, 2) == 0);
    put(PCI_QUEUE_DESC, 8, 0);
    put(1ull << 32, 4, 0);
    CHECK(rig.driver_errors == 5);
    put(PCI_NUM_QUEUES, 2, 1);
    put(PCI_DEVICE_FEATURE, 4, 1);
    put(PCI_CONFIG_GENERATION, 1, 1);
    put(PCI_QUEUE_NOTIFY_OFF, 2, 1);
    put(PCI_QUEUE_NOTIF_CONFIG_DATA, 2, 1);
    put(PCI_QUEUE_ENABLE, 2, 0); /* PCI-COMMON-06 */
    put(PCI_QUEUE_SIZE, 2, 4);   /* while it runs */
    put(PCI_QUEUE_DESC, 4, 0);
    put(PCI_QUEUE_RESET, 2, 2);
    put(PCI_QUEUE_SELECT, 2, 9);
    put(PCI_QUEUE_SIZE, 2, 4); /* of a queue that isn't there */
    CHECK(rig.driver_errors == 15);
    put(PCI_QUEUE_SELECT, 2, 0);
    CHECK(get(PCI_QUEUE_ENABLE, 2) == 1 && get(PCI_QUEUE_SIZE, 2) == 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields),      TEST(vectors),       TEST(isr),
        TEST(queue_reset), TEST(notifications), TEST(accesses_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
