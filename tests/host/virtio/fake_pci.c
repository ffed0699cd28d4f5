/*
 * The registers of fake_pci.h, from virtio 1.4, 4.1.4.3, written here once more.
 */
#include "fake_pci.h"

#define DRIVER_OK 4u
#define NOTIFICATION_DATA 38
#define NOTIF_CONFIG_DATA 39
#define RING_RESET 40
#define NO_VECTOR 0xffffu

static struct fake_pci *pci_of(struct virtio_platform *platform)
{
    return (struct fake_pci *)platform;
}

static bool accepted(const struct fake_pci *fake, unsigned bit)
{
    return (fake->device.accepted >> bit & 1) != 0;
}

/* Offset in the common structure, or ~0: elsewhere. */
static uint32_t common_offset(const struct fake_pci *fake, uintptr_t address, unsigned width)
{
    uint64_t offset = address - FAKE_PCI_REGISTERS - FAKE_PCI_COMMON;
    CHECK(address % width == 0);
    return offset + width <= fake->described.parts[DEVICE_PART_COMMON].len_bytes ? (uint32_t)offset
                                                                                 : UINT32_MAX;
}

static uint32_t config_offset(uintptr_t address)
{
    uint64_t offset = address - FAKE_PCI_REGISTERS - FAKE_PCI_CONFIG;
    CHECK(offset < FAKE_PCI_WINDOW_LEN);
    return (uint32_t)offset;
}

static uint64_t config(struct fake_pci *fake, uintptr_t address, unsigned width)
{
    return fake_config_read(&fake->device, config_offset(address), width);
}

static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    struct fake_pci *fake = pci_of(platform);
    if (address == FAKE_PCI_REGISTERS + FAKE_PCI_ISR) {
        uint8_t causes = (uint8_t)fake->device.interrupt_status;
        CHECK((fake->described.flags & DEVICE_MSIX) == 0); /* PCI-ISR-01 */
        fake->isr_reads++;
        fake->device.interrupt_status = 0;
        return causes;
    }
    switch (common_offset(fake, address, 1)) {
    case 20:
        return (uint8_t)fake_status_read(&fake->device);
    case 21:
        return (uint8_t)fake->device.generation;
    default:
        return (uint8_t)config(fake, address, 1);
    }
}

static uint16_t queue_reset_read(struct fake_pci *fake)
{
    CHECK(accepted(fake, RING_RESET));
    if (fake->stuck_in_queue_reset)
        return 1;
    fake->device.queue_ready = false;
    return 0;
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    struct fake_pci *fake = pci_of(platform);
    bool exists = fake->device.queue_sel == 0;
    switch (common_offset(fake, address, 2)) {
    case 16:
        return fake->config_vector;
    case 18:
        return 1;
    case 24:
        return exists ? (uint16_t)fake->device.queue_max : 0;
    case 26:
        return fake->queue_vector;
    case 28:
        return fake->device.queue_ready || fake->device.queue_ready_before;
    case 30:
        return fake->notify_off;
    case 56:
        CHECK(accepted(fake, NOTIF_CONFIG_DATA));
        return fake->notif_config_data;
    case 58:
        return queue_reset_read(fake);
    default:
        return (uint16_t)config(fake, address, 2);
    }
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    struct fake_pci *fake = pci_of(platform);
    uint32_t offset = common_offset(fake, address, 4);
    if (offset == UINT32_MAX)
        return (uint32_t)config(fake, address, 4);
    CHECK(offset == 4 && fake->device.features_sel <= 1);
    return (uint32_t)(fake->device.offered >> (32 * fake->device.features_sel));
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    struct fake_pci *fake = pci_of(platform);
    uint32_t offset = common_offset(fake, address, 1);
    if (offset == UINT32_MAX) {
        fake_config_write(&fake->device, config_offset(address), value);
        return;
    }
    CHECK(offset == 20);
    fake_status_write(&fake->device, value);
    if (value == 0)
        fake->config_vector = fake->queue_vector = NO_VECTOR;
}

static uint16_t vector(const struct fake_pci *fake, uint16_t value)
{
    CHECK((fake->described.flags & DEVICE_MSIX) != 0);
    CHECK(value < fake->described.interrupts); /* PCI-MSIX-04 */
    return value < fake->vectors_that_it_has ? value : NO_VECTOR;
}

/* A notification, at the right place, width and value. */
static void notified(struct fake_pci *fake, uintptr_t address, unsigned width, uint32_t value)
{
    uint64_t place = FAKE_PCI_NOTIFY + FAKE_PCI_NOTIFY_OFFSET +
                     (uint64_t)fake->notify_off * fake->described.notify_multiplier;
    uint16_t id = accepted(fake, NOTIF_CONFIG_DATA) ? fake->notif_config_data : 0;
    CHECK(address == place && (fake->device.status & DRIVER_OK) != 0);
    CHECK(width == (accepted(fake, NOTIFICATION_DATA) ? 4 : 2));
    CHECK((value & 0xffff) == id);
    fake->last_notify = value;
    fake->device.notifies++;
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    struct fake_pci *fake = pci_of(platform);
    struct fake_mmio *device = &fake->device;
    switch (common_offset(fake, address, 2)) {
    case 16:
        fake->config_vector = vector(fake, value);
        break;
    case 22:
        device->queue_sel = value;
        break;
    case 24: /* PCI-COMMON-03 */
        CHECK(device->queue_sel == 0 && !device->queue_ready && (value & (value - 1)) == 0);
        device->queue_size = value;
        break;
    case 26:
        CHECK(device->queue_sel == 0 && !device->queue_ready);
        fake->queue_vector = vector(fake, value);
        break;
    case 28:
        CHECK(device->queue_sel == 0 && value == 1); /* PCI-COMMON-06 */
        fake_queue_start(device);
        break;
    case 58:
        CHECK(accepted(fake, RING_RESET) && value == 1 && device->queue_ready);
        fake->queue_resets++;
        break;
    default:
        notified(fake, address, 2, value);
    }
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    struct fake_pci *fake = pci_of(platform);
    uint32_t offset = common_offset(fake, address, 4);
    if (offset >= 32 && offset < 56) {
        CHECK(fake->device.queue_sel == 0);
        fake_address_write(&fake->device, (offset - 32) / 8, (offset & 4) != 0 ? 32 : 0, value);
        return;
    }
    switch (offset) {
    case 0:
        fake->device.features_sel = value;
        break;
    case 8:
        fake->device.driver_features_sel = value;
        break;
    case 12:
        fake_driver_features_write(&fake->device, value);
        break;
    default:
        notified(fake, address, 4, value);
    }
}

void fake_pci_vectors(struct fake_pci *fake, uint8_t vectors)
{
    fake->described.flags = DEVICE_MSIX;
    fake->described.interrupts = vectors;
    fake->vectors_that_it_has = vectors;
}

void fake_pci_init(struct fake_pci *fake, uint64_t sectors, uint64_t offered)
{
    *fake = (struct fake_pci){
        .described = {.virtio_id = 2,
                      .transport = DEVICE_VIRTIO_PCI,
                      .windows = 2,
                      .interrupts = 1,
                      .notify_multiplier = 4,
                      .parts = {[DEVICE_PART_COMMON] = {0, FAKE_PCI_COMMON, 60},
                                [DEVICE_PART_NOTIFY] = {1, FAKE_PCI_NOTIFY_OFFSET, 16},
                                [DEVICE_PART_ISR] = {0, FAKE_PCI_ISR, 1},
                                [DEVICE_PART_CONFIG] = {0, FAKE_PCI_CONFIG, 60}}},
        .windows = {{FAKE_PCI_REGISTERS, FAKE_PCI_WINDOW_LEN}, {FAKE_PCI_NOTIFY, 0x2000}},
        .notify_off = 3,
        .config_vector = NO_VECTOR,
        .queue_vector = NO_VECTOR,
    };
    fake_mmio_init(&fake->device, sectors, offered);
    struct virtio_platform *platform = &fake->device.platform;
    platform->read8 = read8;
    platform->read16 = read16;
    platform->read32 = read32;
    platform->write8 = write8;
    platform->write16 = write16;
    platform->write32 = write32;
}
