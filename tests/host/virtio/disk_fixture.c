/*
 * The fixture of disk_fixture.h.
 */
#include "disk_fixture.h"

#include <stdlib.h>
#include <string.h>

struct fake_mmio fake;
struct virtio_mmio mmio;
struct disk disk;
unsigned char *buffer;
handle_t grant;
uint64_t session;
uint64_t next_call;
uint32_t max_request_bytes;
unsigned died;

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

void disk_device(uint64_t features)
{
    fake_mmio_free(&fake);
    fake_kernel_reset();
    fake_mmio_init(&fake, DISK_SECTORS, features);
    config_default();
    for (unsigned i = 1024; i < DISK_SECTORS * 512; i++)
        fake.disk[i] = (unsigned char)(i / 512 * 13 + i);
    fake_thread(CLIENT_A, CLIENT_A);
    grant = fake_grant(CLIENT_A, buffer, DISK_BUFFER_LEN, GRANT_READ | GRANT_WRITE);
    died = 0;
    next_call = 100;
}

/* The fake device's time is the kernel's. */
static void waiting(struct fake_mmio *device)
{
    fake_mmio_run(device);
    fake_kernel.now_ticks += 1000 * FAKE_TICKS_PER_US;
}

int disk_bring_up(void)
{
    CHECK(virtio_mmio_probe(&mmio, &fake.platform, FAKE_MMIO_BASE, FAKE_MMIO_LEN) == 0);
    return disk_open(&disk, &mmio.transport, NULL, "vda", 1);
}

void disk_serve(uint32_t flags)
{
    CHECK(disk_bring_up() == 0);
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

int disk_set_up(void **state)
{
    (void)state;
    buffer = aligned_alloc(4096, DISK_BUFFER_LEN);
    memset(buffer, 0, DISK_BUFFER_LEN);
    disk_device(GOOD);
    return 0;
}

int disk_tear_down(void **state)
{
    (void)state;
    fake_mmio_free(&fake);
    memset(&fake, 0, sizeof(fake));
    fake_kernel_reset();
    free(buffer);
    return 0;
}

void disk_run(void)
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

void disk_send(uint64_t call, uint32_t type, uint32_t flags, uint64_t sector, uint64_t offset,
               uint64_t bytes)
{
    struct message message = blk_message(type, BLK_ID(call, flags), session, sector, grant, offset,
                                         bytes);
    CHECK(blk_send(CLIENT_A, call, &message) == SERVICE_NO_REPLY);
}

int disk_request(uint32_t type, uint32_t flags, uint64_t sector, uint64_t offset, uint64_t bytes)
{
    uint64_t call = next_call++;
    disk_send(call, type, flags, sector, offset, bytes);
    disk_run();
    const struct fake_reply *reply = fake_reply_to(call);
    CHECK(reply != NULL);
    return reply->status;
}
