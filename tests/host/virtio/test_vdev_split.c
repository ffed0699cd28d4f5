/*
 * Split rings by hand: drivers that break the rules are refused, and the device says that it needs a reset;
 * and when the device interrupts and wants to be notified.
 */
#include "hand_driver.h"
#include "fake_memory.h"

#include <string.h>

/* ---- rings that make no sense ---- */

/* DEV-CORE-STATUS-02, 03 */
static void check_broken(void)
{
    CHECK(hand_get(MMIO_STATUS) == (READY | NEEDS_RESET));
    CHECK((hand_get(MMIO_INTERRUPT_STATUS) & 2) != 0 && rig.driver_errors > 0);
    uint16_t index = used->index;
    driver->index++;
    hand_put(MMIO_QUEUE_NOTIFY, 0);
    CHECK(!vdev_blk_work(&rig.blk, 0, 10) && used->index == index);
}

static void expect_broken(void)
{
    rig.hostile_driver = true;
    rig.driver_errors = 0;
    hand_go();
    check_broken();
}

static void broken_rings(void **state)
{
    enum { HEAD, INDEX, TWICE, LOOP, NEXT, ORDER, ADDRESS, RIGHTS, LEN, HEADER, STATUS, CASES };
    (void)state;
    for (int i = 0; i < CASES; i++) {
        hand_bring_up_without(0);
        hand_request(0);
        hand_offer(i == HEAD ? HAND_SIZE : 0);
        if (i == INDEX)
            driver->index = HAND_SIZE + 1;
        if (i == LOOP)
            driver->descriptors[2] = driver->descriptors[1];
        if (i == NEXT)
            driver->descriptors[1].next = HAND_SIZE;
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
            struct vdev_segment segments[HAND_SIZE];
            struct vdev_blk_request held = {.chain = {.segments = segments, .capacity = HAND_SIZE}};
            CHECK(vdev_blk_take(&rig.blk, 0, &held) == 1);
            hand_offer(0);
        }
        expect_broken();
        rig.hostile_driver = false;
    }
    /* A reset cures it. */
    hand_bring_up_without(0);
    hand_request(0);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1 && data[16] == 0);
}

/* Lays slots 0 to 2 into a table of their own, to which slot 0 points. */
static struct split_descriptor *table_put(unsigned count)
{
    struct split_descriptor *table = (void *)(data + 4096);
    hand_request(0);
    memcpy(table, driver->descriptors, 3 * sizeof(*table));
    hand_describe(0, data_address + 4096, count * 16, SPLIT_DESCRIPTOR_INDIRECT, 0);
    hand_offer(0);
    return table;
}

static void broken_tables(void **state)
{
    (void)state;
    hand_bring_up_without(hand_bit(VIRTIO_F_INDIRECT_DESC));
    table_put(3);
    expect_broken();
    hand_bring_up_without(0);
    table_put(0);
    expect_broken();
    hand_bring_up_without(0);
    table_put(3);
    driver->descriptors[0].len_bytes = 47;
    expect_broken();
    hand_bring_up_without(0);
    table_put(3)[1].flags |= SPLIT_DESCRIPTOR_INDIRECT; /* nested */
    expect_broken();
    hand_bring_up_without(0);
    table_put(3);
    driver->descriptors[0].flags |= SPLIT_DESCRIPTOR_NEXT;
    expect_broken();
    hand_bring_up_without(0);
    table_put(3)[2].next = 1; /* a loop */
    ((struct split_descriptor *)(void *)(data + 4096))[2].flags |= SPLIT_DESCRIPTOR_NEXT;
    expect_broken();
    hand_bring_up_without(0);
    table_put(600); /* beyond the memory */
    expect_broken();
}

/* DEV-SPLIT-IND-01, 02, and a table that isn't aligned. */
static void good_tables(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    table_put(3);
    driver->descriptors[0].flags |= SPLIT_DESCRIPTOR_WRITE;
    hand_go();
    CHECK(used->index == 1 && data[16] == 0);

    struct split_descriptor *table = table_put(2);
    memcpy(data + 6001, &table[1], 2 * sizeof(*table));
    struct split_descriptor first;
    memcpy(&first, data + 6001, sizeof(first));
    first.next = 1;
    memcpy(data + 6001, &first, sizeof(first));
    hand_describe(0, data_address, 16, SPLIT_DESCRIPTOR_NEXT, 5);
    hand_describe(5, data_address + 6001, 32, SPLIT_DESCRIPTOR_INDIRECT, 0);
    data[16] = 0xff;
    hand_go();
    CHECK(used->index == 2 && used->ring[1].id == 0 && used->ring[1].len == 513 && data[16] == 0);
}

/* Empty descriptors are none of the specification's errors: DEV-SPLIT-FRAME-01. */
static void empty_segments(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    hand_request(0);
    hand_describe(2, 0xdead, 0, SPLIT_DESCRIPTOR_NEXT | SPLIT_DESCRIPTOR_WRITE, 3);
    hand_describe(3, data_address + 16, 1, SPLIT_DESCRIPTOR_WRITE, 0);
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1 && used->ring[0].len == 513 && data[16] == 0);
}

/* ---- notifications ---- */

static void complete_one(void)
{
    hand_request(0);
    hand_offer(0);
    hand_put(MMIO_INTERRUPT_ACK, 3);
    hand_go();
}

/* DEV-SPLIT-UNOTIF-01 to 06, DEV-SPLIT-KICK-01 to 04 */
static void suppression(void **state)
{
    (void)state;
    hand_bring_up_without(hand_bit(VIRTIO_F_EVENT_IDX));
    driver->used_event = 7;
    complete_one();
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 1 && used->flags == 0);
    driver->flags = 1;
    complete_one();
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 0 && used->avail_event == 0);

    hand_bring_up_without(0);
    driver->flags = 1;
    driver->used_event = 1;
    complete_one();
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 0 && used->avail_event == 1 && used->flags == 0);
    complete_one();
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 1 && used->avail_event == 2);
    complete_one();
    CHECK(hand_get(MMIO_INTERRUPT_STATUS) == 0 && used->avail_event == 3);
    hand_go(); /* DEV-SPLIT-KICK-05 */
    CHECK(used->index == 3 && hand_get(MMIO_STATUS) == READY);
}

/* DEV-CORE-STATUS-01 */
static void nothing_before_driver_ok(void **state)
{
    (void)state;
    hand_negotiate(rig.blk.device.offered.mask);
    hand_queue(driver_address, driver_address + offsetof(struct hand_ring, flags), used_address,
               HAND_SIZE);
    hand_request(0);
    hand_offer(0);
    rig.hostile_driver = true;
    hand_put(MMIO_QUEUE_NOTIFY, 0);
    CHECK(rig.notifies == 0 && !vdev_blk_work(&rig.blk, 0, 10) && used->index == 0);
    hand_put(MMIO_STATUS, READY);
    hand_go();
    CHECK(used->index == 1);
    hand_put(MMIO_STATUS, READY | 128); /* FAILED */
    hand_offer(0);
    hand_go();
    CHECK(used->index == 1);
}

static void budget(void **state)
{
    (void)state;
    hand_bring_up_without(0);
    hand_request(0);
    for (unsigned i = 0; i < 2; i++) {
        hand_describe((uint16_t)(3 + i), data_address, 16, SPLIT_DESCRIPTOR_NEXT, 1);
        hand_offer((uint16_t)(3 + i));
    }
    hand_offer(0);
    CHECK(vdev_blk_work(&rig.blk, 0, 1) && used->index == 1);
    CHECK(vdev_blk_work(&rig.blk, 0, 2) && used->index == 3);
    CHECK(!vdev_blk_work(&rig.blk, 0, 1) && used->index == 3 && used->avail_event == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND(broken_rings),   HAND(broken_tables), HAND(good_tables),
        HAND(empty_segments), HAND(suppression),   HAND(nothing_before_driver_ok),
        HAND(budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
