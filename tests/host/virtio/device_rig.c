/*
 * The device of device_rig.h.
 */
#include "device_rig.h"

#include "fake_memory.h"

#include <anole/error.h>
#include <libvirtio/device.h>
#include <libvirtio/device/mmio_legacy.h>
#include <libvirtio/feature_bits.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the device stands on ---- */

static struct rig *rig_of_host(struct vdev_host *host)
{
    return (struct rig *)(void *)((char *)host - offsetof(struct rig, host));
}

static struct rig *rig_of_store(struct vdev_store *store)
{
    return (struct rig *)(void *)((char *)store - offsetof(struct rig, store));
}

static void *translate(struct vdev_host *host, uint64_t address, uint64_t len_bytes, bool writable)
{
    (void)host;
    return fake_memory_find(address, len_bytes, writable ? FAKE_WRITE : FAKE_READ);
}

static void notified(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    struct rig *rig = rig_of_host(host);
    CHECK(device == &rig->blk.device && queue < device->queue_count);
    rig->notifies++;
    rig->notified |= (uint64_t)1 << queue;
}

static void stopping(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    struct rig *rig = rig_of_host(host);
    CHECK(device == &rig->blk.device && device->queues[queue].ring != NULL);
    rig->notified &= ~((uint64_t)1 << queue);
    rig->stopped++;
}

static void driver_error(struct vdev_host *host, struct vdev *device, const char *what)
{
    struct rig *rig = rig_of_host(host);
    CHECK(device == &rig->blk.device);
    rig->driver_errors++;
    rig->driver_error = what;
    bool expected = rig->expected_error != NULL &&
                    strncmp(what, rig->expected_error, strlen(rig->expected_error)) == 0;
    if (!rig->hostile_driver && !expected)
        fail_msg("the driver: %s", what);
}

static void line_changed(struct vdev_mmio *mmio)
{
    struct rig *rig = (struct rig *)(void *)((char *)mmio - offsetof(struct rig, mmio));
    if (vdev_mmio_line(mmio))
        rig->interrupts++;
}

static struct rig *rig_of_pci(struct vdev_pci *pci)
{
    return (struct rig *)(void *)((char *)pci - offsetof(struct rig, pci));
}

static void intx_changed(struct vdev_pci *pci)
{
    if (vdev_pci_line(pci))
        rig_of_pci(pci)->interrupts++;
}

static void message_sent(struct vdev_pci *pci, uint16_t vector)
{
    CHECK(vector < pci->vectors);
    rig_of_pci(pci)->messages |= (uint64_t)1 << vector;
    rig_of_pci(pci)->interrupts++;
}

static const struct vdev_pci_hooks pci_hooks = {intx_changed, message_sent};

/* ---- the disk ---- */

/* The device asks for nothing outside. */
static unsigned char *place(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
    CHECK(offset <= store->bytes && len_bytes <= store->bytes - offset);
    return rig_of_store(store)->disk + offset;
}

static bool store_read(struct vdev_store *store, uint64_t offset, void *to, uint32_t len_bytes)
{
    memcpy(to, place(store, offset, len_bytes), len_bytes);
    return !rig_of_store(store)->store_fails;
}

static bool store_write(struct vdev_store *store, uint64_t offset, const void *from,
                        uint32_t len_bytes)
{
    if (rig_of_store(store)->store_fails)
        return false;
    memcpy(place(store, offset, len_bytes), from, len_bytes);
    return true;
}

static bool store_flush(struct vdev_store *store)
{
    rig_of_store(store)->flushes++;
    return !rig_of_store(store)->store_fails;
}

static bool store_discard(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
    rig_of_store(store)->discards++;
    memset(place(store, offset, len_bytes), 0, len_bytes);
    return !rig_of_store(store)->store_fails;
}

static bool store_zero(struct vdev_store *store, uint64_t offset, uint64_t len_bytes,
                       bool deallocate)
{
    struct rig *rig = rig_of_store(store);
    CHECK(!deallocate || rig->blk.config.write_zeroes_may_unmap != 0);
    rig->zeroes++;
    memset(place(store, offset, len_bytes), 0, len_bytes);
    return !rig->store_fails;
}

/* ---- what the driver stands on ---- */

static uint64_t pci_read(struct rig *rig, uintptr_t address, unsigned width)
{
    uintptr_t offset = address - RIG_PCI_BASE;
    CHECK(offset < RIG_PCI_WINDOW);
    if (offset == RIG_PCI_ISR) {
        CHECK(!rig->pci.msix); /* PCI-ISR-01 */
        return vdev_pci_isr_read(&rig->pci);
    }
    if (offset >= RIG_PCI_CONFIG)
        return vdev_config_read(&rig->blk.device, (uint32_t)(offset - RIG_PCI_CONFIG), width);
    return vdev_pci_common_read(&rig->pci, offset, width);
}

static void pci_write(struct rig *rig, uintptr_t address, unsigned width, uint32_t value)
{
    uintptr_t offset = address - RIG_PCI_BASE;
    if (address >= RIG_PCI_NOTIFY + RIG_PCI_NOTIFY_OFFSET)
        vdev_pci_notify(&rig->pci, address - RIG_PCI_NOTIFY - RIG_PCI_NOTIFY_OFFSET, width, value);
    else if (offset >= RIG_PCI_CONFIG)
        vdev_config_write(&rig->blk.device, (uint32_t)(offset - RIG_PCI_CONFIG), width, value);
    else
        vdev_pci_common_write(&rig->pci, offset, width, value);
}

static bool on_pci(const struct rig *rig)
{
    return rig->bus == RIG_PCI || rig->bus == RIG_PCI_MSIX;
}

static uint64_t access_read(struct virtio_platform *platform, uintptr_t address, unsigned width)
{
    struct rig *rig = (struct rig *)platform;
    if (on_pci(rig))
        return pci_read(rig, address, width);
    CHECK(address >= RIG_BASE && address - RIG_BASE < RIG_WINDOW);
    return vdev_mmio_read(&rig->mmio, address - RIG_BASE, width);
}

static void access_write(struct virtio_platform *platform, uintptr_t address, unsigned width,
                         uint32_t value)
{
    struct rig *rig = (struct rig *)platform;
    if (on_pci(rig)) {
        pci_write(rig, address, width, value);
        return;
    }
    CHECK(address >= RIG_BASE && address - RIG_BASE < RIG_WINDOW);
    vdev_mmio_write(&rig->mmio, address - RIG_BASE, width, value);
}

static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    return (uint8_t)access_read(platform, address, 1);
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    return (uint16_t)access_read(platform, address, 2);
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    return (uint32_t)access_read(platform, address, 4);
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    access_write(platform, address, 1, value);
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    access_write(platform, address, 2, value);
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    access_write(platform, address, 4, value);
}

static int dma_alloc(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory)
{
    (void)platform;
    memory->address = fake_memory_alloc(len_bytes, &memory->device_address);
    memory->len_bytes = len_bytes;
    return 0;
}

static uint64_t now_us(struct virtio_platform *platform)
{
    return ((struct rig *)platform)->now_us;
}

static void wait(struct virtio_platform *platform, uint64_t deadline_us)
{
    struct rig *rig = (struct rig *)platform;
    unsigned before = rig->interrupts;
    rig_work(rig);
    if (rig->interrupts == before && rig->now_us < deadline_us)
        rig->now_us = deadline_us;
}

/* ---- the whole ---- */

struct vdev_blk_options rig_options(void)
{
    struct vdev_blk_options options = {
        .queues = 1,
        .queue_size = 256,
        .size_max = 65536,
        .seg_max = 126,
        .block_bytes = 512,
        .cylinders = 17,
        .heads = 4,
        .track_sectors = 63,
        .physical_block_exp = 3,
        .opt_io_blocks = 8,
        .max_discard_sectors = 1000,
        .max_discard_segments = 4,
        .discard_alignment_sectors = 8,
        .max_zeroes_sectors = 500,
        .max_zeroes_segments = 3,
        .zeroes_may_unmap = true,
        .serial = "SERIAL-OF-TWENTY-BYTES",
    };
    struct feature_set *set = &options.features;
    *set = feature_with(*set, VIRTIO_F_EVENT_IDX);
    *set = feature_with(*set, VIRTIO_F_INDIRECT_DESC);
    *set = feature_with(*set, VIRTIO_F_RING_RESET);
    *set = feature_with(*set, VIRTIO_BLK_F_SIZE_MAX);
    *set = feature_with(*set, VIRTIO_BLK_F_SEG_MAX);
    *set = feature_with(*set, VIRTIO_BLK_F_GEOMETRY);
    *set = feature_with(*set, VIRTIO_BLK_F_BLK_SIZE);
    *set = feature_with(*set, VIRTIO_BLK_F_FLUSH);
    *set = feature_with(*set, VIRTIO_BLK_F_TOPOLOGY);
    *set = feature_with(*set, VIRTIO_BLK_F_CONFIG_WCE);
    *set = feature_with(*set, VIRTIO_BLK_F_DISCARD);
    *set = feature_with(*set, VIRTIO_BLK_F_WRITE_ZEROES);
    return options;
}

void rig_init(struct rig *rig, enum rig_bus bus, const struct vdev_blk_options *options,
              uint64_t sectors)
{
    *rig = (struct rig){
        .bus = bus,
        .platform = {read8, read16, read32, write8, write16, write32, dma_alloc, now_us, wait},
        .host = {translate, notified, stopping, driver_error},
        .store = {sectors * 512, store_read, store_write, store_flush, store_discard, store_zero},
        .disk = calloc(sectors, 512),
        .memory = malloc(vdev_blk_memory_len(options)),
        .now_us = 1000,
    };
    CHECK(rig->disk != NULL && rig->memory != NULL && vdev_blk_memory_len(options) != 0 &&
          options->queues <= RIG_QUEUES_MAX);
    vdev_blk_init(&rig->blk, options, &rig->host, &rig->store, rig->memory);
    if (!on_pci(rig)) {
        (bus == RIG_MMIO ? vdev_mmio_init : vdev_mmio_legacy_init)(&rig->mmio, &rig->blk.device,
                                                                   0x656c6f6e, line_changed);
        return;
    }
    uint16_t vectors = bus == RIG_PCI_MSIX ? (uint16_t)(options->queues + 1) : 0;
    vdev_pci_init(&rig->pci, &rig->blk.device, &pci_hooks, vectors, rig->queue_vectors);
    rig->pci.msix = bus == RIG_PCI_MSIX;
}

struct virtio_transport *rig_probe(struct rig *rig)
{
    const struct device_description described = {
        .virtio_id = VIRTIO_ID_BLOCK,
        .transport = DEVICE_VIRTIO_PCI,
        .windows = 2,
        .flags = rig->bus == RIG_PCI_MSIX ? DEVICE_MSIX : 0,
        .interrupts = rig->bus == RIG_PCI_MSIX ? (uint8_t)rig->pci.vectors : 1,
        .notify_multiplier = VDEV_PCI_NOTIFY_MULTIPLIER,
        .parts = {[DEVICE_PART_COMMON] = {0, 0, PCI_COMMON_LEN_RESET},
                  [DEVICE_PART_NOTIFY] = {1, RIG_PCI_NOTIFY_OFFSET,
                                          VDEV_PCI_NOTIFY_MULTIPLIER * RIG_QUEUES_MAX},
                  [DEVICE_PART_ISR] = {0, RIG_PCI_ISR, 1},
                  [DEVICE_PART_CONFIG] = {0, RIG_PCI_CONFIG, VIRTIO_BLK_CONFIG_LEN}},
    };
    const struct virtio_window windows[] = {{RIG_PCI_BASE, RIG_PCI_WINDOW},
                                            {RIG_PCI_NOTIFY, RIG_PCI_WINDOW}};
    if (!on_pci(rig)) {
        CHECK(virtio_mmio_probe(&rig->driver_mmio, &rig->platform, RIG_BASE, RIG_WINDOW) == 0);
        return &rig->driver_mmio.transport;
    }
    CHECK(virtio_pci_probe(&rig->driver_pci, &rig->platform, &described, windows) == 0);
    return &rig->driver_pci.transport;
}

unsigned rig_interrupts(struct rig *rig)
{
    if (!on_pci(rig))
        return vdev_mmio_line(&rig->mmio)
                   ? rig->driver_mmio.transport.ops->interrupt(&rig->driver_mmio.transport)
                   : 0;
    if (rig->bus == RIG_PCI)
        return vdev_pci_line(&rig->pci)
                   ? rig->driver_pci.transport.ops->interrupt(&rig->driver_pci.transport)
                   : 0;
    unsigned causes = virtio_interrupt_causes(&rig->driver_pci.transport, (rig->messages & 1) != 0,
                                              (rig->messages & ~(uint64_t)1) != 0);
    rig->messages = 0;
    return causes;
}

void rig_free(struct rig *rig)
{
    free(rig->disk);
    free(rig->memory);
    rig->disk = NULL;
    rig->memory = NULL;
    fake_memory_reset();
}

void rig_work(struct rig *rig)
{
    for (uint16_t queue = 0; queue < rig->blk.device.queue_count; queue++) {
        uint64_t bit = (uint64_t)1 << queue;
        while ((rig->notified & bit) != 0)
            if (!vdev_blk_work(&rig->blk, queue, RIG_BUDGET))
                rig->notified &= ~bit;
    }
}

uint32_t rig_read(struct rig *rig, uint32_t offset)
{
    return read32(&rig->platform, RIG_BASE + offset);
}

void rig_write(struct rig *rig, uint32_t offset, uint32_t value)
{
    write32(&rig->platform, RIG_BASE + offset, value);
}
