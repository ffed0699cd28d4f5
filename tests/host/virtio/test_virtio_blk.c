/*
 * The virtio block driver at work: data through every kind of ring, and a device that lies, loses interrupts,
 * stops answering or asks for a reset.
 */
#include "disk_fixture.h"

#include <string.h>

/* ---- data ---- */

static void test_random_life(void **state)
{
    (void)state;
    struct random random = {0x2545f4914f6cdd1du};
    static unsigned char expected[DISK_SECTORS * 512];
    for (unsigned round = 0; round < 24; round++) {
        disk_device((GOOD & ~RING) | (round & 1 ? BIT(VIRTIO_F_EVENT_IDX.number) : 0) |
                    (round & 2 ? BIT(VIRTIO_F_INDIRECT_DESC.number) : 0));
        fake.queue_max = 4u << random_below(&random, 8);
        fake.shuffle = true;
        disk_serve(BLK_OPEN_WRITE);
        fake_kernel.scatter = (round & 4) != 0;
        memcpy(expected, fake.disk, sizeof(expected));
        for (unsigned step = 0; step < 200; step++) {
            uint32_t blocks = max_request_bytes < 65536 ? max_request_bytes / 512 : 128;
            uint64_t bytes = 512u * (1 + random_below(&random, blocks));
            uint64_t sector = random_below(&random, DISK_SECTORS - 128);
            uint64_t offset = random_below(&random, DISK_BUFFER_LEN - 65536);
            switch (random_below(&random, 5)) {
            case 0:
                assert_int_equal(disk_request(BLK_FLUSH, 0, 0, 0, 0), 0);
                break;
            case 1:
                for (unsigned i = 0; i < bytes; i++)
                    buffer[offset + i] = (unsigned char)random_next(&random);
                memcpy(expected + sector * 512, buffer + offset, bytes);
                assert_int_equal(
                    disk_request(BLK_WRITE, step & 1 ? BLK_FUA : 0, sector, offset, bytes), 0);
                break;
            case 2:
                memset(expected + sector * 512, 0, bytes);
                assert_int_equal(
                    disk_request(step & 1 ? BLK_DISCARD : BLK_WRITE_ZEROES, 0, sector, 0, bytes),
                    0);
                break;
            default:
                assert_int_equal(disk_request(BLK_READ, 0, sector, offset, bytes), 0);
                assert_memory_equal(buffer + offset, expected + sector * 512, bytes);
                break;
            }
        }
        assert_memory_equal(fake.disk, expected, sizeof(expected));
        assert_int_equal(died, 0);
        assert_int_equal(fake_grant_pins(grant), 0);
    }
}

static void test_as_many_as_the_ring_holds(void **state)
{
    (void)state;
    disk_serve(0);
    fake.hold_requests = true;
    for (unsigned i = 0; i < 300; i++)
        disk_send(1000 + i, BLK_READ, 0, 10 + i, 0, 512);
    blk_work();
    assert_int_equal(disk.first.blk.stats.in_flight_now, 256);
    assert_int_equal(fake.notifies, 1); /* a batch is one kick */
    fake.hold_requests = false;
    disk_run();
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(fake_reply_to(1000 + i)->status, 0);
}

static void test_read_only(void **state)
{
    (void)state;
    disk_device(GOOD | BIT(RO));
    disk_serve(0);
    assert_int_equal(disk.first.blk.flags & BLK_INFO_READ_ONLY, BLK_INFO_READ_ONLY);
    struct message message = blk_message(BLK_WRITE, 1, session, 0, grant, 0, 512);
    assert_int_equal(blk_send(CLIENT_A, 99, &message), -ANOLE_EROFS);
}

/* ---- lies ---- */

static void test_status_bytes(void **state)
{
    (void)state;
    disk_serve(0);
    for (int byte = 0; byte < 255; byte++) {
        fake.status_byte = byte;
        int expected = byte == 0 ? 0 : byte == 2 ? -ANOLE_ENOSYS : -ANOLE_EIO;
        assert_int_equal(disk_request(BLK_READ, 0, 10, 0, 512), expected);
    }
    fake.status_byte = -1;
    assert_int_equal(disk_request(BLK_READ, 0, 10, 0, 512), 0);
    assert_int_equal(died, 0);
    fake.status_byte = -2; /* never written, and no one else's is taken for it */
    disk_send(50, BLK_READ, 0, 10, 0, 512);
    disk_run();
    assert_int_equal(died, DISK_BROKEN_RING);
    assert_null(fake_reply_to(50)); /* its buffer is the device's still */
    assert_int_equal(fake_grant_pins(grant), 1);
}

static void test_used_len(void **state)
{
    (void)state;
    disk_serve(BLK_OPEN_WRITE);
    fake.used_len_change = -1;
    assert_int_equal(disk_request(BLK_READ, 0, 10, 0, 512), -ANOLE_EIO);
    assert_int_equal(disk_request(BLK_WRITE, 0, 10, 0, 512), -ANOLE_EIO);
    fake.used_len_change = -513;
    assert_int_equal(disk_request(BLK_READ, 0, 10, 0, 512), -ANOLE_EIO);
    fake.used_len_change = 0;
    assert_int_equal(disk_request(BLK_READ, 0, 10, 0, 512), 0);
    assert_int_equal(died, 0);
    fake.used_len_change = 1;
    disk_send(50, BLK_READ, 0, 10, 0, 512);
    disk_run();
    assert_int_equal(died, DISK_BROKEN_RING);
    assert_null(fake_reply_to(50)); /* its buffer is the device's still */
    assert_int_equal(fake_grant_pins(grant), 1);
}

static uint32_t wrong_id(struct fake_mmio *device, uint16_t head)
{
    (void)device;
    return (uint32_t)head + 1;
}

static uint32_t huge_id(struct fake_mmio *device, uint16_t head)
{
    (void)device;
    return (uint32_t)head | 0x10000;
}

static void test_used_id(void **state)
{
    (void)state;
    uint32_t (*const ids[])(struct fake_mmio *, uint16_t) = {wrong_id, huge_id};
    for (unsigned i = 0; i < 2; i++) {
        disk_device(GOOD);
        disk_serve(0);
        fake.used_id = ids[i];
        disk_send(50, BLK_READ, 0, 10, 0, 512);
        disk_run();
        assert_int_equal(died, DISK_BROKEN_RING);
        assert_null(fake_reply_to(50));
    }
}

/* ---- interrupts, changes, silence ---- */

static void test_spurious_interrupts(void **state)
{
    (void)state;
    disk_serve(0);
    uint64_t before = disk.first.blk.stats.spurious_interrupts;
    for (unsigned i = 0; i < 10; i++)
        blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(disk.first.blk.stats.spurious_interrupts, before + 10);
    assert_int_equal(disk_request(BLK_READ, 0, 10, 0, 512), 0);
}

static void test_lost_interrupts(void **state)
{
    (void)state;
    disk_serve(0);
    fake.lose_interrupts = true;
    disk_send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake_mmio_run(&fake);
    assert_null(fake_reply_to(50));
    blk_pass(150000);
    assert_int_equal(fake_reply_to(50)->status, 0);
}

static void test_stuck(void **state)
{
    (void)state;
    disk_serve(0);
    fake.hold_requests = true;
    disk_send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake_mmio_run(&fake);
    for (unsigned i = 0; i < 9; i++)
        blk_pass(1000000);
    assert_int_equal(died, 0);
    for (unsigned i = 0; i < 2 && died == 0; i++)
        blk_pass(1000000);
    assert_int_equal(died, DISK_STUCK);
    assert_null(fake_reply_to(50));
}

static void test_needs_reset(void **state)
{
    (void)state;
    disk_serve(0);
    fake.needs_reset = true;
    fake_mmio_config_changed(&fake);
    disk_run();
    blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(died, DISK_NEEDS_RESET);
    /* Without the interrupt: the poll finds it. */
    disk_device(GOOD);
    disk_serve(0);
    fake.hold_requests = true;
    disk_send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake.needs_reset = true;
    blk_pass(150000);
    assert_int_equal(died, DISK_NEEDS_RESET);
}

static void test_resize(void **state)
{
    (void)state;
    disk_serve(0);
    fake_config_put(&fake, 0, 8, 100);
    fake.disk_len = 100 * 512;
    fake_mmio_config_changed(&fake);
    blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(disk.first.blk.capacity_sectors, 100);
    assert_int_equal(disk_request(BLK_READ, 0, 99, 0, 512), 0);
    struct message message = blk_message(BLK_READ, 1, session, 100, grant, 0, 512);
    assert_int_equal(blk_send(CLIENT_A, 99, &message), -ANOLE_ERANGE);
    /* A change that can't be read leaves things as they are. */
    fake.unstable_reads = UINT32_MAX;
    fake_mmio_config_changed(&fake);
    blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(disk.first.blk.capacity_sectors, 100);
    assert_int_equal(died, 0);
}

static void test_stop(void **state)
{
    (void)state;
    disk_serve(BLK_OPEN_WRITE);
    assert_int_equal(disk_request(BLK_WRITE, 0, 10, 0, 512), 0);
    disk_send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake_kernel.service->stop();
    assert_int_equal(fake_reply_to(50)->status, 0);
    assert_int_equal(fake.requests[4], 1);
    assert_int_equal(fake.status, 0); /* reset */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK(test_random_life),
        DISK(test_as_many_as_the_ring_holds),
        DISK(test_read_only),
        DISK(test_status_bytes),
        DISK(test_used_len),
        DISK(test_used_id),
        DISK(test_spurious_interrupts),
        DISK(test_lost_interrupts),
        DISK(test_stuck),
        DISK(test_needs_reset),
        DISK(test_resize),
        DISK(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
