/*
 * The virtio block driver (all but its main) under libblk's server, over the MMIO device model: data
 * through every kind of ring, configurations that make no sense, and a device that lies, loses
 * interrupts, stops answering or asks for a reset.
 */
#include "blk_client.h"
#include "check.h"
#include "fake_kernel.h"
#include "fake_memory.h"
#include "fake_mmio.h"

#include <anole/error.h>
#include <drivers/virtio_blk/disk.h>
#include <libvirtio/mmio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) ((uint64_t)1 << (n))
#define RING (BIT(VIRTIO_F_EVENT_IDX.number) | BIT(VIRTIO_F_INDIRECT_DESC.number))
#define SEG_MAX 2
#define SIZE_MAX_BIT 1
#define GEOMETRY 4
#define RO 5
#define BLK_SIZE 6
#define FLUSH 9
#define TOPOLOGY 10
#define CONFIG_WCE 11
#define MQ 12
#define DISCARD 13
#define WRITE_ZEROES 14
#define GOOD                                                                                       \
    (BIT(VIRTIO_F_VERSION_1.number) | RING | BIT(SEG_MAX) | BIT(BLK_SIZE) | BIT(FLUSH) |           \
     BIT(TOPOLOGY) | BIT(DISCARD) | BIT(WRITE_ZEROES))

#define SECTORS 4096u
#define BUFFER_LEN (256u * 1024u)

static struct fake_mmio fake;
static struct virtio_mmio mmio;
static struct disk disk;
static unsigned char *buffer;
static handle_t grant;
static uint64_t session;
static uint64_t next_call;
static uint32_t max_request_bytes;
static unsigned died;

struct startup_page fake_startup_page;

/* For queues with vectors, which this device hasn't. */
int virtio_attach_queue(struct virtio_attached *attached, unsigned queue)
{
    (void)attached;
    fail_msg("a vector for queue %u", queue);
    return 0;
}

void disk_die(struct disk *dying, enum disk_evidence evidence)
{
    CHECK(dying == &disk);
    died = evidence;
}

static void config_default(void)
{
    fake_config_put(&fake, 8, 4, 65536); /* size_max */
    fake_config_put(&fake, 12, 4, 126);  /* seg_max */
    fake_config_put(&fake, 20, 4, 512);  /* blk_size */
    fake_config_put(&fake, 24, 1, 3);    /* physical_block_exp */
    fake_config_put(&fake, 28, 4, 8);    /* opt_io_size */
    fake_config_put(&fake, 36, 4, 1000); /* max_discard_sectors */
    fake_config_put(&fake, 40, 4, 1);    /* max_discard_seg */
    fake_config_put(&fake, 48, 4, 1000); /* max_write_zeroes_sectors */
    fake_config_put(&fake, 52, 4, 1);    /* max_write_zeroes_seg */
    fake_config_put(&fake, 16, 2, 1024); /* cylinders, heads, sectors */
    fake_config_put(&fake, 18, 1, 16);
    fake_config_put(&fake, 19, 1, 63);
    fake_config_put(&fake, 25, 1, 3);  /* alignment_offset */
    fake_config_put(&fake, 26, 2, 8);  /* min_io_size */
    fake_config_put(&fake, 32, 1, 1);  /* writeback */
    fake_config_put(&fake, 44, 4, 10); /* discard_sector_alignment */
}

static void device_with(uint64_t features)
{
    fake_mmio_free(&fake);
    fake_kernel_reset();
    fake_mmio_init(&fake, SECTORS, features);
    config_default();
    for (unsigned i = 1024; i < SECTORS * 512; i++)
        fake.disk[i] = (unsigned char)(i / 512 * 13 + i);
    fake_thread(CLIENT_A, CLIENT_A);
    grant = fake_grant(CLIENT_A, buffer, BUFFER_LEN, GRANT_READ | GRANT_WRITE);
    died = 0;
    next_call = 100;
}

/* The fake device's time is the kernel's. */
static void waiting(struct fake_mmio *device)
{
    fake_mmio_run(device);
    fake_kernel.now_ticks += 1000 * FAKE_TICKS_PER_US;
}

static int open_disk(void)
{
    CHECK(virtio_mmio_probe(&mmio, &fake.platform, FAKE_MMIO_BASE, FAKE_MMIO_LEN) == 0);
    return disk_open(&disk, &mmio.transport, NULL, "vda", 1);
}

static void serve(uint32_t flags)
{
    CHECK(open_disk() == 0);
    fake.waiting = waiting;
    uint64_t address;
    void *scan = fake_memory_alloc(16384, &address);
    blk_server_start(&disk.first.blk, scan, address, 16384);
    fake_kernel_enter(blk_server_run);
    CHECK(fake_kernel.service != NULL);
    memset(fake.requests, 0, sizeof(fake.requests));
    fake.notifies = fake.ranges = 0;
    struct message info = {.type = BLK_INFO, .word = {1, 0, grant, 0}};
    CHECK(blk_send(CLIENT_A, 1, &info) == 0);
    max_request_bytes = ((struct blk_info *)(void *)buffer)->max_request_bytes;
    session = blk_open_as(CLIENT_A, 0, flags);
}

static int set_up(void **state)
{
    (void)state;
    buffer = aligned_alloc(4096, BUFFER_LEN);
    memset(buffer, 0, BUFFER_LEN);
    device_with(GOOD);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_mmio_free(&fake);
    memset(&fake, 0, sizeof(fake));
    fake_kernel_reset();
    free(buffer);
    return 0;
}

/* Lets device and driver work until neither has anything to do. */
static void run(void)
{
    blk_work();
    do {
        fake_mmio_run(&fake);
        if (!fake.interrupt_line)
            break;
        fake.interrupt_line = false;
        blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    } while (died == 0);
}

static void send(uint64_t call, uint32_t type, uint32_t flags, uint64_t sector, uint64_t offset,
                 uint64_t bytes)
{
    struct message message = blk_message(type, BLK_ID(call, flags), session, sector, grant, offset,
                                         bytes);
    CHECK(blk_send(CLIENT_A, call, &message) == SERVICE_NO_REPLY);
}

static int request(uint32_t type, uint32_t flags, uint64_t sector, uint64_t offset, uint64_t bytes)
{
    uint64_t call = next_call++;
    send(call, type, flags, sector, offset, bytes);
    run();
    const struct fake_reply *reply = blk_reply_to(call);
    CHECK(reply != NULL);
    return reply->status;
}

/* ---- bringing up ---- */

static void test_description(void **state)
{
    (void)state;
    serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, GOOD);
    assert_int_equal(fake.status, 1 | 2 | 4 | 8);
    assert_int_equal(disk.first.blk.capacity_sectors, SECTORS);
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
    device_with(GOOD | BIT(GEOMETRY) | BIT(CONFIG_WCE));
    fake_config_put(&fake, 32, 1, 0);
    fake_config_put(&fake, 56, 1, 1); /* write_zeroes_may_unmap */
    serve(BLK_OPEN_WRITE);
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
    device_with((GOOD & ~BIT(FLUSH)) | BIT(CONFIG_WCE));
    serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, GOOD & ~BIT(FLUSH));
    assert_int_equal(disk.first.blk.flags & (BLK_INFO_FLUSH | BLK_INFO_WRITE_BACK), 0);

    device_with(GOOD | BIT(CONFIG_WCE));
    serve(BLK_OPEN_WRITE);
    for (unsigned mode = BLK_CACHE_WRITE_THROUGH; mode <= BLK_CACHE_WRITE_BACK; mode++) {
        struct message message = {.type = BLK_CACHE, .word = {1, session, mode}};
        uint64_t call = next_call++;
        assert_int_equal(blk_send(CLIENT_A, call, &message), SERVICE_NO_REPLY);
        run();
        assert_int_equal(blk_reply_to(call)->status, 0);
        assert_int_equal(blk_reply_to(call)->word[1], mode);
        assert_int_equal(fake.config[32], mode == BLK_CACHE_WRITE_BACK);
    }
}

/* A legacy device: rings in one block, lengths that mean nothing, and its status byte still does. */
static void test_legacy(void **state)
{
    (void)state;
    device_with(GOOD & UINT32_MAX);
    fake.version = 1;
    serve(BLK_OPEN_WRITE);
    assert_int_equal(fake.accepted, GOOD & UINT32_MAX);
    assert_int_equal(disk.first.blk.capacity_sectors, SECTORS);
    static const int32_t changes[] = {0, -1, -4097, 100000};
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        fake.used_len_change = changes[i];
        memset(buffer, 0, 4096);
        assert_int_equal(request(BLK_READ, 0, 64, 0, 4096), 0);
        assert_memory_equal(buffer, fake.disk + 64 * 512, 4096);
        memset(buffer, (int)i + 1, 4096);
        assert_int_equal(request(BLK_WRITE, BLK_FUA, 128, 0, 4096), 0);
        assert_memory_equal(buffer, fake.disk + 128 * 512, 4096);
    }
    fake.status_byte = 1;
    assert_int_equal(request(BLK_READ, 0, 64, 0, 512), -ANOLE_EIO);
    fake.status_byte = -2;
    send(next_call, BLK_READ, 0, 64, 0, 512);
    run();
    assert_int_equal(died, DISK_BROKEN_RING);
}

/* One request for many ranges, each within the limits. */
static void test_ranges(void **state)
{
    (void)state;
    static const uint32_t segments[] = {1, 2, 7, 58, 59, 1000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        for (unsigned indirect = 0; indirect < 2; indirect++) {
            device_with(indirect ? GOOD : GOOD & ~BIT(VIRTIO_F_INDIRECT_DESC.number));
            fake_config_put(&fake, 36, 4, 30);
            fake_config_put(&fake, 40, 4, segments[i]);
            fake_config_put(&fake, 44, 4, 0);
            fake_config_put(&fake, 48, 4, 30);
            fake_config_put(&fake, 52, 4, segments[i]);
            serve(BLK_OPEN_WRITE);
            unsigned most = segments[i] < 58 ? segments[i] : 58;
            unsigned ranges = indirect ? 100 : 10; /* long chains leave few requests in flight */
            unsigned requests = (ranges + most - 1) / most;
            assert_int_equal(request(BLK_WRITE_ZEROES, 0, 200, 0, ranges * 30 * 512), 0);
            assert_int_equal(request(BLK_DISCARD, 0, 210, 0, ranges * 30 * 512), 0);
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
    device_with(BIT(VIRTIO_F_VERSION_1.number));
    fake.config_len = 8;
    serve(BLK_OPEN_WRITE);
    assert_int_equal(disk.first.blk.flags, 0);
    assert_int_equal(disk.first.blk.logical_block_bytes, 512);
    assert_int_equal(request(BLK_READ, 0, 9, 0, 4096), 0);
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
        device_with(GOOD | BIT(SIZE_MAX_BIT));
        fake_config_put(&fake, fields[i].offset, fields[i].width, fields[i].value);
        serve(0);
        assert_int_equal(disk.first.blk.logical_block_bytes, 512);
        assert_true(disk.first.blk.max_segments >= 1 && disk.first.blk.max_segments <= 59);
        assert_true(disk.first.blk.max_segment_bytes >= 512);
        assert_int_equal(request(BLK_READ, 0, 77, 0, 8192), 0);
        assert_memory_equal(buffer, fake.disk + 77 * 512, 8192);
        assert_int_equal(died, 0);
    }
    /* A capacity whose bytes don't fit 64 bits. */
    device_with(GOOD);
    fake_config_put(&fake, 0, 8, UINT64_MAX);
    serve(0);
    assert_true(disk.first.blk.capacity_sectors <= INT64_MAX / 512);
    device_with(GOOD);
    fake_config_put(&fake, 0, 8, 0);
    serve(0);
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
            device_with((GOOD & ~RING) | rings[r]);
            fake.queue_max = size;
            fake.shuffle = true;
            if (size < 4) { /* 2 is too few for a request, 3 becomes 2 */
                assert_int_equal(open_disk(), -ANOLE_EINVAL);
                assert_int_equal(fake.status & 128, 128);
                continue;
            }
            serve(0);
            fake_kernel.scatter = true;
            unsigned count = disk.first.blk.max_in_flight + 10;
            for (unsigned i = 0; i < count && i < 300; i++)
                send(1000 + i, BLK_READ, 0, 10 + i, i % 64 * 4096 + i % 3 * 128, 2048);
            run();
            for (unsigned i = 0; i < count && i < 300; i++)
                assert_int_equal(blk_reply_to(1000 + i)->status, 0);
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
        device_with(GOOD | BIT(MQ));
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
    assert_int_equal(open_disk(), -ANOLE_ETIMEDOUT);
    device_with(GOOD & ~BIT(VIRTIO_F_VERSION_1.number));
    assert_int_equal(open_disk(), -ANOLE_ENODEV);
    device_with(GOOD);
    fake.refuse_features = true;
    assert_int_equal(open_disk(), -ANOLE_EPROTO);
    device_with(GOOD);
    fake.queue_max = 0;
    assert_int_equal(open_disk(), -ANOLE_ENODEV);
    device_with(GOOD);
    fake.unstable_reads = UINT32_MAX;
    assert_int_equal(open_disk(), -ANOLE_EAGAIN);
    assert_int_equal(fake.status & (4 | 128), 128);
    device_with(GOOD);
    fake.dma_fails = true;
    assert_int_equal(open_disk(), -ANOLE_ENOMEM);
    device_with(GOOD);
    fake.needs_reset = false;
    fake.unstable_reads = 5;
    assert_int_equal(open_disk(), 0);
}

/* A device that never answers the first read: no start, but no hang either. */
static void test_silent_from_the_start(void **state)
{
    (void)state;
    fake.hold_requests = true;
    serve(0);
    assert_int_equal(died, DISK_STUCK);
}

/* ---- data ---- */

static void test_random_life(void **state)
{
    (void)state;
    struct random random = {0x2545f4914f6cdd1du};
    static unsigned char expected[SECTORS * 512];
    for (unsigned round = 0; round < 24; round++) {
        device_with((GOOD & ~RING) | (round & 1 ? BIT(VIRTIO_F_EVENT_IDX.number) : 0) |
                    (round & 2 ? BIT(VIRTIO_F_INDIRECT_DESC.number) : 0));
        fake.queue_max = 4u << random_below(&random, 8);
        fake.shuffle = true;
        serve(BLK_OPEN_WRITE);
        fake_kernel.scatter = (round & 4) != 0;
        memcpy(expected, fake.disk, sizeof(expected));
        for (unsigned step = 0; step < 200; step++) {
            uint32_t blocks = max_request_bytes < 65536 ? max_request_bytes / 512 : 128;
            uint64_t bytes = 512u * (1 + random_below(&random, blocks));
            uint64_t sector = random_below(&random, SECTORS - 128);
            uint64_t offset = random_below(&random, BUFFER_LEN - 65536);
            switch (random_below(&random, 5)) {
            case 0:
                assert_int_equal(request(BLK_FLUSH, 0, 0, 0, 0), 0);
                break;
            case 1:
                for (unsigned i = 0; i < bytes; i++)
                    buffer[offset + i] = (unsigned char)random_next(&random);
                memcpy(expected + sector * 512, buffer + offset, bytes);
                assert_int_equal(request(BLK_WRITE, step & 1 ? BLK_FUA : 0, sector, offset, bytes),
                                 0);
                break;
            case 2:
                memset(expected + sector * 512, 0, bytes);
                assert_int_equal(
                    request(step & 1 ? BLK_DISCARD : BLK_WRITE_ZEROES, 0, sector, 0, bytes), 0);
                break;
            default:
                assert_int_equal(request(BLK_READ, 0, sector, offset, bytes), 0);
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
    serve(0);
    fake.hold_requests = true;
    for (unsigned i = 0; i < 300; i++)
        send(1000 + i, BLK_READ, 0, 10 + i, 0, 512);
    blk_work();
    assert_int_equal(disk.first.blk.stats.in_flight_now, 256);
    assert_int_equal(fake.notifies, 1); /* a batch is one kick */
    fake.hold_requests = false;
    run();
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(blk_reply_to(1000 + i)->status, 0);
}

static void test_read_only(void **state)
{
    (void)state;
    device_with(GOOD | BIT(RO));
    serve(0);
    assert_int_equal(disk.first.blk.flags & BLK_INFO_READ_ONLY, BLK_INFO_READ_ONLY);
    struct message message = blk_message(BLK_WRITE, 1, session, 0, grant, 0, 512);
    assert_int_equal(blk_send(CLIENT_A, 99, &message), -ANOLE_EROFS);
}

/* ---- lies ---- */

static void test_status_bytes(void **state)
{
    (void)state;
    serve(0);
    for (int byte = 0; byte < 255; byte++) {
        fake.status_byte = byte;
        int expected = byte == 0 ? 0 : byte == 2 ? -ANOLE_ENOSYS : -ANOLE_EIO;
        assert_int_equal(request(BLK_READ, 0, 10, 0, 512), expected);
    }
    fake.status_byte = -1;
    assert_int_equal(request(BLK_READ, 0, 10, 0, 512), 0);
    assert_int_equal(died, 0);
    fake.status_byte = -2; /* never written, and no one else's is taken for it */
    send(50, BLK_READ, 0, 10, 0, 512);
    run();
    assert_int_equal(died, DISK_BROKEN_RING);
    assert_null(blk_reply_to(50)); /* its buffer is the device's still */
    assert_int_equal(fake_grant_pins(grant), 1);
}

static void test_used_len(void **state)
{
    (void)state;
    serve(BLK_OPEN_WRITE);
    fake.used_len_change = -1;
    assert_int_equal(request(BLK_READ, 0, 10, 0, 512), -ANOLE_EIO);
    assert_int_equal(request(BLK_WRITE, 0, 10, 0, 512), -ANOLE_EIO);
    fake.used_len_change = -513;
    assert_int_equal(request(BLK_READ, 0, 10, 0, 512), -ANOLE_EIO);
    fake.used_len_change = 0;
    assert_int_equal(request(BLK_READ, 0, 10, 0, 512), 0);
    assert_int_equal(died, 0);
    fake.used_len_change = 1;
    send(50, BLK_READ, 0, 10, 0, 512);
    run();
    assert_int_equal(died, DISK_BROKEN_RING);
    assert_null(blk_reply_to(50)); /* its buffer is the device's still */
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
        device_with(GOOD);
        serve(0);
        fake.used_id = ids[i];
        send(50, BLK_READ, 0, 10, 0, 512);
        run();
        assert_int_equal(died, DISK_BROKEN_RING);
        assert_null(blk_reply_to(50));
    }
}

/* ---- interrupts, changes, silence ---- */

static void test_spurious_interrupts(void **state)
{
    (void)state;
    serve(0);
    uint64_t before = disk.first.blk.stats.spurious_interrupts;
    for (unsigned i = 0; i < 10; i++)
        blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(disk.first.blk.stats.spurious_interrupts, before + 10);
    assert_int_equal(request(BLK_READ, 0, 10, 0, 512), 0);
}

static void test_lost_interrupts(void **state)
{
    (void)state;
    serve(0);
    fake.lose_interrupts = true;
    send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake_mmio_run(&fake);
    assert_null(blk_reply_to(50));
    blk_pass(150000);
    assert_int_equal(blk_reply_to(50)->status, 0);
}

static void test_stuck(void **state)
{
    (void)state;
    serve(0);
    fake.hold_requests = true;
    send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake_mmio_run(&fake);
    for (unsigned i = 0; i < 9; i++)
        blk_pass(1000000);
    assert_int_equal(died, 0);
    for (unsigned i = 0; i < 2 && died == 0; i++)
        blk_pass(1000000);
    assert_int_equal(died, DISK_STUCK);
    assert_null(blk_reply_to(50));
}

static void test_needs_reset(void **state)
{
    (void)state;
    serve(0);
    fake.needs_reset = true;
    fake_mmio_config_changed(&fake);
    run();
    blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(died, DISK_NEEDS_RESET);
    /* Without the interrupt: the poll finds it. */
    device_with(GOOD);
    serve(0);
    fake.hold_requests = true;
    send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake.needs_reset = true;
    blk_pass(150000);
    assert_int_equal(died, DISK_NEEDS_RESET);
}

static void test_resize(void **state)
{
    (void)state;
    serve(0);
    fake_config_put(&fake, 0, 8, 100);
    fake.disk_len = 100 * 512;
    fake_mmio_config_changed(&fake);
    blk_notify(NOTIFY_BIT(BLK_DEVICE_BIT));
    assert_int_equal(disk.first.blk.capacity_sectors, 100);
    assert_int_equal(request(BLK_READ, 0, 99, 0, 512), 0);
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
    serve(BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE, 0, 10, 0, 512), 0);
    send(50, BLK_READ, 0, 10, 0, 512);
    blk_work();
    fake_kernel.service->stop();
    assert_int_equal(blk_reply_to(50)->status, 0);
    assert_int_equal(fake.requests[4], 1);
    assert_int_equal(fake.status, 0); /* reset */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_description),
        TEST(test_full_description),
        TEST(test_cache_modes),
        TEST(test_legacy),
        TEST(test_ranges),
        TEST(test_minimal_device),
        TEST(test_absurd_configuration),
        TEST(test_queue_sizes),
        TEST(test_numbers_of_queues),
        TEST(test_bring_up_fails),
        TEST(test_silent_from_the_start),
        TEST(test_random_life),
        TEST(test_as_many_as_the_ring_holds),
        TEST(test_read_only),
        TEST(test_status_bytes),
        TEST(test_used_len),
        TEST(test_used_id),
        TEST(test_spurious_interrupts),
        TEST(test_lost_interrupts),
        TEST(test_stuck),
        TEST(test_needs_reset),
        TEST(test_resize),
        TEST(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
