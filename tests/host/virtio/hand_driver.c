/*
 * The driver of hand_driver.h.
 */
#include "hand_driver.h"
#include "fake_memory.h"

#include <string.h>

struct rig rig;
struct hand_ring *driver;
struct hand_used *used;
uint64_t driver_address, used_address;
unsigned char *data;
uint64_t data_address;

uint32_t hand_get(uint32_t offset)
{
    return rig_read(&rig, offset);
}

void hand_put(uint32_t offset, uint32_t value)
{
    rig_write(&rig, offset, value);
}

static int set_up_with(const struct vdev_blk_options *options)
{
    rig_init(&rig, RIG_MMIO, options, HAND_SECTORS);
    driver = fake_memory_alloc(sizeof(*driver), &driver_address);
    used = fake_memory_alloc(sizeof(*used), &used_address);
    data = fake_memory_alloc(8192, &data_address);
    return 0;
}

int hand_set_up(void **state)
{
    (void)state;
    struct vdev_blk_options options = rig_options();
    return set_up_with(&options);
}

int hand_tear_down(void **state)
{
    (void)state;
    rig_free(&rig);
    return 0;
}

void hand_again_with(const struct vdev_blk_options *options)
{
    rig_free(&rig);
    set_up_with(options);
}

void hand_accept(uint64_t features)
{
    hand_put(MMIO_DRIVER_FEATURES_SEL, 0);
    hand_put(MMIO_DRIVER_FEATURES, (uint32_t)features);
    hand_put(MMIO_DRIVER_FEATURES_SEL, 1);
    hand_put(MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

void hand_queue(uint64_t descriptors, uint64_t available, uint64_t used_part, uint32_t size)
{
    hand_put(MMIO_QUEUE_SEL, 0);
    hand_put(MMIO_QUEUE_SIZE, size);
    hand_put(MMIO_QUEUE_DESC_LOW, (uint32_t)descriptors);
    hand_put(MMIO_QUEUE_DESC_HIGH, (uint32_t)(descriptors >> 32));
    hand_put(MMIO_QUEUE_DRIVER_LOW, (uint32_t)available);
    hand_put(MMIO_QUEUE_DRIVER_HIGH, (uint32_t)(available >> 32));
    hand_put(MMIO_QUEUE_DEVICE_LOW, (uint32_t)used_part);
    hand_put(MMIO_QUEUE_DEVICE_HIGH, (uint32_t)(used_part >> 32));
    hand_put(MMIO_QUEUE_READY, 1);
}

void hand_negotiate(uint64_t features)
{
    hand_put(MMIO_STATUS, 0);
    hand_put(MMIO_STATUS, 1);
    hand_put(MMIO_STATUS, 3);
    hand_accept(features);
    hand_put(MMIO_STATUS, 0xb);
}

void hand_bring_up_without(uint64_t features)
{
    hand_negotiate(rig.blk.device.offered.mask & ~features);
    CHECK(hand_get(MMIO_STATUS) == 0xb);
    memset(driver, 0, sizeof(*driver));
    memset(used, 0, sizeof(*used));
    hand_queue(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
               HAND_SIZE);
    CHECK(hand_get(MMIO_QUEUE_READY) == 1);
    hand_put(MMIO_STATUS, READY);
    CHECK(hand_get(MMIO_STATUS) == READY);
}

uint64_t hand_bit(struct feature_bit feature)
{
    return (uint64_t)1 << feature.number;
}

void hand_describe(uint16_t slot, uint64_t address, uint32_t len, unsigned flags, uint16_t next)
{
    driver->descriptors[slot] = (struct split_descriptor){address, len, (uint16_t)flags, next};
}

void hand_request(uint32_t type)
{
    struct virtio_blk_header header = {.type = type};
    memcpy(data, &header, sizeof(header));
    hand_describe(0, data_address, 16, SPLIT_DESCRIPTOR_NEXT, 1);
    hand_describe(1, data_address + 512, 512, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 2);
    hand_describe(2, data_address + 16, 1, SPLIT_DESCRIPTOR_WRITE, 0);
}

void hand_offer(uint16_t head)
{
    driver->ring[driver->index++ % HAND_SIZE] = head;
}

void hand_go(void)
{
    hand_put(MMIO_QUEUE_NOTIFY, 0);
    rig_work(&rig);
}
