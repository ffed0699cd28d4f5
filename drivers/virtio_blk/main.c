/*
 * The virtio block driver: one process, one disk. RS starts it with the device's register window and
 * interrupt in its resource table; clients reach it as "vda", "vdb" ... It owns the device, its rings
 * and nothing else. When it can't go on it exits and is started anew over a fresh device: starting is
 * its only recovery. The protocol is libblk's business, rings and registers are libvirtio's.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libanole/service.h>
#include <libvirtio/mmio.h>
#include <stdlib.h>

#define SCAN_BUFFER_LEN 16384u

static struct disk disk;
static struct virtio_platform platform;
static struct virtio_mmio mmio;
static char disk_name[8];

void disk_die(struct disk *dying, enum disk_evidence evidence)
{
    static const char *const text[] = {
        [DISK_NO_RESET] = "it doesn't come out of reset",
        [DISK_NEEDS_RESET] = "it needs a reset",
        [DISK_BROKEN_RING] = "it broke its ring",
        [DISK_STUCK] = "it doesn't answer",
    };
    log_printf(LOG_ERROR, "%s: giving the device up for a reset: %s", dying->blk.name,
               text[evidence]);
    kcall_exit(DEATH_DEVICE_RESET, evidence);
}

static _Noreturn void fail(const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", disk_name, step, anole_error_text(error));
    exit(1);
}

/* "vda" for the first disk, "vdz" for the 26th, "vdaa" for the next one. */
static void make_name(unsigned unit)
{
    char *at = disk_name;
    *at++ = 'v';
    *at++ = 'd';
    if (unit >= 26)
        *at++ = (char)('a' + (unit / 26 - 1) % 26);
    *at = (char)('a' + unit % 26);
}

/* Finds the window and the interrupt among this driver's resources, whatever their order. */
static int take_resources(void **window, size_t *len)
{
    unsigned count = startup_page()->resources;
    int window_rc = -ANOLE_ENODEV;
    int irq_rc = -ANOLE_ENODEV;
    for (unsigned i = 0; i < count; i++) {
        if (window_rc < 0)
            window_rc = kcall_window_map(i, window, len);
        if (irq_rc < 0)
            irq_rc = kcall_irq_bind(i, 0, BLK_DEVICE_BIT);
    }
    return window_rc < 0 ? window_rc : irq_rc;
}

static void probe(void)
{
    void *window = NULL;
    size_t len = 0;
    int rc = take_resources(&window, &len);
    if (rc < 0)
        fail("register window and interrupt", rc);
    virtio_platform_anole(&platform, BLK_DEVICE_BIT);
    rc = virtio_mmio_probe(&mmio, &platform, (uintptr_t)window, len);
    if (rc < 0) {
        log_printf(LOG_ERROR, "%s: magic %#x (want 0x74726976), version %u (want 1 or 2)",
                   disk_name, mmio.magic, mmio.version);
        fail("probing", rc);
    }
    if (mmio.transport.device_id != VIRTIO_ID_BLOCK) {
        log_printf(LOG_ERROR, "%s: device id %u (want %u)", disk_name, mmio.transport.device_id,
                   VIRTIO_ID_BLOCK);
        fail("probing", -ANOLE_ENODEV);
    }
    rc = disk_open(&disk, &mmio.transport, disk_name);
    if (rc == -ANOLE_ETIMEDOUT)
        disk_die(&disk, DISK_NO_RESET);
    if (rc < 0)
        fail("bringing the device up", rc);
}

static void announce(void)
{
    const struct blk_device *blk = &disk.blk;
    if (blk->capacity_sectors == 0)
        log_printf(LOG_WARNING, "%s: the disk is empty: there is nothing to read or write",
                   disk_name);
    log_printf(LOG_INFO, "%s: %lu sectors, blocks of %u bytes%s%s, %u requests of %u segments",
               disk_name, (unsigned long)blk->capacity_sectors, blk->logical_block_bytes,
               (blk->flags & BLK_INFO_READ_ONLY) != 0 ? ", read-only" : "",
               (blk->flags & BLK_INFO_FLUSH) != 0 ? ", write-back" : ", write-through",
               blk->max_in_flight, blk->max_segments);
}

int main(void)
{
    make_name(startup_page()->unit);
    probe();

    struct dma_memory buffer;
    size_t len = disk.blk.logical_block_bytes > SCAN_BUFFER_LEN ? disk.blk.logical_block_bytes
                                                                : SCAN_BUFFER_LEN;
    int rc = platform.dma_alloc(&platform, len < 65536 ? len : 65536, &buffer);
    if (rc < 0)
        fail("memory for reading partition tables", rc);
    blk_server_start(&disk.blk, buffer.address, buffer.device_address, buffer.len_bytes);
    announce();

    service_ready();
    rc = service_publish(disk_name);
    if (rc < 0)
        fail("publishing its name", rc);
    blk_server_run();
}
