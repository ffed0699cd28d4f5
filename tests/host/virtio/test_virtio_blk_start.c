/*
 * The virtio block driver brings devices up: what it tells of them, and configurations that are legacy, small
 * or make no sense.
 */
#include "disk_fixture.h"

#include <stdlib.h>
#include <string.h>

static void test_description(void **state)
{
    (void)state;
    disk_serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, GOOD);
    assert_int_equal(fake.status, 1 | 2 | 4 | 8);
    assert_int_equal(disk.first.blk.capacity_sectors, DISK_SECTORS);
    assert_int_equal(disk.first.blk.logical_block_bytes, 512);
    assert_int_equal(disk.first.blk.physical_block_bytes, 4096);
    assert_int_equal(disk.first.blk.optimal_io_bytes, 4096);
    assert_int_equal(disk.first.blk.max_in_flight, 256);
    assert_int_equal(disk.first.blk.max_segments, 59);
    assert_int_equal(disk.first.blk.flags, BLK_INFO_FLUSH | BLK_INFO_WRITE_BACK | BLK_INFO_DISCARD |
                                               BLK_INFO_WRITE_ZEROES | BLK_INFO_BATCHES);
    assert_memory_equal(disk.first.blk.serial, "SERIAL-OF-TWENTY-BYT", 20);
}

static void test_full_description(void **state)
{
    (void)state;
    const struct blk_info *info = (struct blk_info *)(void *)buffer;
    disk_device(GOOD | BIT(GEOMETRY) | BIT(CONFIG_WCE));
    fake_config_put(&fake, 32, 1, 0);
    fake_config_put(&fake, 56, 1, 1); /* write_zeroes_may_unmap */
    disk_serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, fake.offered);
    assert_int_equal(info->cylinders, 1024);
    assert_int_equal(info->heads, 16);
    assert_int_equal(info->track_sectors, 63);
    assert_int_equal(info->physical_block_bytes, 4096);
    assert_int_equal(info->alignment_bytes, 3 * 512);
    assert_int_equal(info->minimum_io_bytes, 4096);
    assert_int_equal(info->optimal_io_bytes, 4096);
    assert_int_equal(info->discard_alignment_sectors, 10);
    assert_int_equal(info->max_discard_sectors, 255 * 1000);
    assert_int_equal(info->max_zeroes_sectors, 256 * 1000);
    assert_int_equal(info->flags, BLK_INFO_FLUSH | BLK_INFO_CACHE_MODES | BLK_INFO_DISCARD |
                                      BLK_INFO_WRITE_ZEROES | BLK_INFO_ZEROES_UNMAP |
                                      BLK_INFO_BATCHES);
}

/* Who can't flush takes no choice of modes: the device then writes through. */
static void test_cache_modes(void **state)
{
    (void)state;
    disk_device((GOOD & ~BIT(FLUSH)) | BIT(CONFIG_WCE));
    disk_serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, GOOD & ~BIT(FLUSH));
    assert_int_equal(disk.first.blk.flags & (BLK_INFO_FLUSH | BLK_INFO_WRITE_BACK), 0);

    disk_device(GOOD | BIT(CONFIG_WCE));
    disk_serve(BLK_OPEN_WRITE);
    for (unsigned mode = BLK_CACHE_WRITE_THROUGH; mode <= BLK_CACHE_WRITE_BACK; mode++) {
        struct message message = {.type = BLK_CACHE, .word = {1, session, mode}};
        uint64_t call = next_call++;
        assert_int_equal(blk_send(CLIENT_A, call, &message), SERVICE_NO_REPLY);
        disk_run();
        assert_int_equal(fake_reply_to(call)->status, 0);
        assert_int_equal(fake_reply_to(call)->word[1], mode);
        assert_int_equal(fake.config[32], mode == BLK_CACHE_WRITE_BACK);
    }
}

/* A legacy device: rings in one block, lengths that mean nothing, and its status byte still does. */
static void test_legacy(void **state)
{
    (void)state;
    disk_device(GOOD & UINT32_MAX);
    fake.version = 1;
    disk_serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, GOOD & UINT32_MAX);
    assert_int_equal(disk.first.blk.capacity_sectors, DISK_SECTORS);
    static const int32_t changes[] = {0, -1, -4097, 100000};
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        fake.used_len_change = changes[i];
        memset(buffer, 0, 4096);
        assert_int_equal(disk_request(BLK_READ, 0, 64, 0, 4096), 0);
        assert_memory_equal(buffer, fake.disk + 64 * 512, 4096);
        memset(buffer, (int)i + 1, 4096);
        assert_int_equal(disk_request(BLK_WRITE, BLK_FUA, 128, 0, 4096), 0);
        assert_memory_equal(buffer, fake.disk + 128 * 512, 4096);
    }
    fake.status_byte = 1;
    assert_int_equal(disk_request(BLK_READ, 0, 64, 0, 512), -ANOLE_EIO);
    fake.status_byte = -2;
    disk_send(next_call, BLK_READ, 0, 64, 0, 512);
    disk_run();
    assert_int_equal(died, DISK_BROKEN_RING);
}

/* One request for many ranges, each within the limits. */
static void test_ranges(void **state)
{
    (void)state;
    static const uint32_t segments[] = {1, 2, 7, 58, 59, 1000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        for (unsigned indirect = 0; indirect < 2; indirect++) {
            disk_device(indirect ? GOOD : GOOD & ~BIT(VIRTIO_F_INDIRECT_DESC.number));
            fake_config_put(&fake, 36, 4, 30);
            fake_config_put(&fake, 40, 4, segments[i]);
            fake_config_put(&fake, 44, 4, 0);
            fake_config_put(&fake, 48, 4, 30);
            fake_config_put(&fake, 52, 4, segments[i]);
            disk_serve(BLK_OPEN_WRITE);
            unsigned most = segments[i] < 58 ? segments[i] : 58;
            unsigned ranges = indirect ? 100 : 10; /* long chains leave few requests in flight */
            unsigned requests = (ranges + most - 1) / most;
            assert_int_equal(disk_request(BLK_WRITE_ZEROES, 0, 200, 0, ranges * 30 * 512), 0);
            assert_int_equal(disk_request(BLK_DISCARD, 0, 210, 0, ranges * 30 * 512), 0);
            unsigned end = (210 + ranges * 30) * 512;
            for (unsigned byte = 200 * 512; byte < end; byte++)
                assert_int_equal(fake.disk[byte], 0);
            assert_int_not_equal(fake.disk[200 * 512 - 1], 0);
            assert_int_not_equal(fake.disk[end + 1], 0);
            assert_int_equal(fake.ranges, 2 * ranges);
            assert_int_equal(fake.requests[11] + fake.requests[13], 2 * requests);
        }
    }
}

/* Fields without their feature are never read: the space may end before them. */
static void test_minimal_device(void **state)
{
    (void)state;
    disk_device(BIT(VIRTIO_F_VERSION_1.number));
    fake.config_len = 8;
    disk_serve(BLK_OPEN_WRITE);
    assert_int_equal(disk.first.blk.flags, 0);
    assert_int_equal(disk.first.blk.logical_block_bytes, 512);
    assert_int_equal(disk_request(BLK_READ, 0, 9, 0, 4096), 0);
    assert_memory_equal(buffer, fake.disk + 9 * 512, 4096);
    assert_int_equal(fake.requests[4], 0); /* no FLUSH without the feature */
}

static void test_absurd_configuration(void **state)
{
    (void)state;
    static const struct {
        unsigned offset, width;
        uint64_t value;
    } fields[] = {
        {20, 4, 0},          {20, 4, 1},          {20, 4, 513},        {20, 4, 1u << 17},
        {20, 4, UINT32_MAX}, {12, 4, 0},          {12, 4, 1},          {12, 4, UINT32_MAX},
        {8, 4, 0},           {8, 4, 1},           {8, 4, 513},         {8, 4, UINT32_MAX},
        {24, 1, 0xff},       {28, 4, UINT32_MAX}, {36, 4, 0},          {40, 4, 0},
        {48, 4, 0},          {52, 4, 0},          {36, 4, UINT32_MAX},
    };
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        disk_device(GOOD | BIT(SIZE_MAX_BIT));
        fake_config_put(&fake, fields[i].offset, fields[i].width, fields[i].value);
        disk_serve(0);
        assert_int_equal(disk.first.blk.logical_block_bytes, 512);
        assert_true(disk.first.blk.max_segments >= 1 && disk.first.blk.max_segments <= 59);
        assert_true(disk.first.blk.max_segment_bytes >= 512);
        assert_int_equal(disk_request(BLK_READ, 0, 77, 0, 8192), 0);
        assert_memory_equal(buffer, fake.disk + 77 * 512, 8192);
        assert_int_equal(died, 0);
    }
    /* A capacity whose bytes don't fit 64 bits. */
    disk_device(GOOD);
    fake_config_put(&fake, 0, 8, UINT64_MAX);
    disk_serve(0);
    assert_true(disk.first.blk.capacity_sectors <= INT64_MAX / 512);
    disk_device(GOOD);
    fake_config_put(&fake, 0, 8, 0);
    disk_serve(0);
    struct message message = blk_message(BLK_READ, 1, session, 0, grant, 0, 512);
    assert_int_equal(blk_send(CLIENT_A, 99, &message), -ANOLE_ERANGE);
}

static void test_queue_sizes(void **state)
{
    (void)state;
    const uint64_t rings[] = {RING, BIT(VIRTIO_F_EVENT_IDX.number),
                              BIT(VIRTIO_F_INDIRECT_DESC.number), 0};
    for (unsigned r = 0; r < 4; r++) {
        for (uint32_t size = 1; size <= 1024; size++) {
            if ((size & (size - 1)) != 0 && size > 9 && size != 100)
                continue;
            disk_device((GOOD & ~RING) | rings[r]);
            fake.queue_max = size;
            fake.shuffle = true;
            if (size < 4) { /* 2 is too few for a request, 3 becomes 2 */
                assert_int_equal(disk_bring_up(), -ANOLE_EINVAL);
                assert_int_equal(fake.status & 128, 128);
                continue;
            }
            disk_serve(0);
            fake_kernel.scatter = true;
            unsigned count = disk.first.blk.max_in_flight + 10;
            for (unsigned i = 0; i < count && i < 300; i++)
                disk_send(1000 + i, BLK_READ, 0, 10 + i, i % 64 * 4096 + i % 3 * 128, 2048);
            disk_run();
            for (unsigned i = 0; i < count && i < 300; i++)
                assert_int_equal(fake_reply_to(1000 + i)->status, 0);
            assert_int_equal(died, 0);
            assert_int_equal(disk.first.free_slots, disk.first.blk.max_in_flight);
            assert_int_equal(disk.first.queue.free_slots, disk.first.queue.size);
        }
    }
}

/* What a device says of its queues is believed as far as they exist. */
static void test_numbers_of_queues(void **state)
{
    (void)state;
    static const struct {
        unsigned said, harts;
        int status;
    } cases[] = {{0, 4, 0}, {1, 4, 0}, {65535, 1, 0}, {2, 4, -ANOLE_EBUSY}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        disk_device(GOOD | BIT(MQ));
        fake_config_put(&fake, 34, 2, cases[i].said);
        CHECK(virtio_mmio_probe(&mmio, &fake.platform, FAKE_MMIO_BASE, FAKE_MMIO_LEN) == 0);
        assert_int_equal(disk_open(&disk, &mmio.transport, NULL, "vda", cases[i].harts),
                         cases[i].status);
        assert_int_equal(fake.status & 128, cases[i].status == 0 ? 0 : 128);
        assert_int_equal(disk.queues, 1);
        free(disk.queue[1]);
    }
}

static void test_bring_up_fails(void **state)
{
    (void)state;
    fake.stuck_in_reset = true;
    assert_int_equal(disk_bring_up(), -ANOLE_ETIMEDOUT);
    disk_device(GOOD & ~BIT(VIRTIO_F_VERSION_1.number));
    assert_int_equal(disk_bring_up(), -ANOLE_ENODEV);
    disk_device(GOOD);
    fake.refuse_features = true;
    assert_int_equal(disk_bring_up(), -ANOLE_EPROTO);
    disk_device(GOOD);
    fake.queue_max = 0;
    assert_int_equal(disk_bring_up(), -ANOLE_ENODEV);
    disk_device(GOOD);
    fake.unstable_reads = UINT32_MAX;
    assert_int_equal(disk_bring_up(), -ANOLE_EAGAIN);
    assert_int_equal(fake.status & (4 | 128), 128);
    disk_device(GOOD);
    fake.dma_fails = true;
    assert_int_equal(disk_bring_up(), -ANOLE_ENOMEM);
    disk_device(GOOD);
    fake.needs_reset = false;
    fake.unstable_reads = 5;
    assert_int_equal(disk_bring_up(), 0);
}

/* A device that never answers the first read: no start, but no hang either. */
static void test_silent_from_the_start(void **state)
{
    (void)state;
    fake.hold_requests = true;
    disk_serve(0);
    assert_int_equal(died, DISK_STUCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK(test_description),
        DISK(test_full_description),
        DISK(test_cache_modes),
        DISK(test_legacy),
        DISK(test_ranges),
        DISK(test_minimal_device),
        DISK(test_absurd_configuration),
        DISK(test_queue_sizes),
        DISK(test_numbers_of_queues),
        DISK(test_bring_up_fails),
        DISK(test_silent_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
