/*
 * PCI configuration space for tests, see fake_pci_config.h.
 */
#include "fake_pci_config.h"
#include <assert.h>
#include <string.h>

struct fake_function fake_pci[FAKE_PCI_ADDRESSES];
bool fake_pci_mapped[FAKE_PCI_BUSES];

void fake_pci_reset(void)
{
    memset(fake_pci, 0, sizeof(fake_pci));
    memset(fake_pci_mapped, 0, sizeof(fake_pci_mapped));
    fake_pci_mapped[0] = true;
}

void fake_pci_put8(struct fake_function *function, unsigned offset, uint8_t value)
{
    function->config[offset] = value;
}

void fake_pci_put16(struct fake_function *function, unsigned offset, uint16_t value)
{
    fake_pci_put8(function, offset, (uint8_t)value);
    fake_pci_put8(function, offset + 1, (uint8_t)(value >> 8));
}

void fake_pci_put32(struct fake_function *function, unsigned offset, uint32_t value)
{
    fake_pci_put16(function, offset, (uint16_t)value);
    fake_pci_put16(function, offset + 2, (uint16_t)(value >> 16));
}

static uint32_t get32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

struct fake_function *fake_pci_add(pci_address address, uint16_t vendor, uint16_t device)
{
    struct fake_function *function = &fake_pci[address];
    *function = (struct fake_function){
        .there = true,
        .capabilities_end = PCI_CAPABILITY_FIRST,
        .capability_last = PCI_CAPABILITIES,
    };
    fake_pci_put16(function, PCI_VENDOR_ID, vendor);
    fake_pci_put16(function, PCI_DEVICE_ID, device);
    memset(&function->writable[PCI_COMMAND], 0xff, 2);
    return function;
}

void fake_pci_bar(struct fake_function *function, unsigned index, uint32_t flags,
                  uint64_t len_bytes)
{
    uint64_t mask = -len_bytes;
    unsigned bytes = (flags & PCI_BAR_TYPE) == PCI_BAR_TYPE_64 && !(flags & PCI_BAR_IO) ? 8 : 4;
    unsigned at = PCI_BAR_0 + 4 * index;
    fake_pci_put8(function, at, (uint8_t)flags);
    for (unsigned i = 0; i < bytes; i++) {
        function->writable[at + i] = (uint8_t)(mask >> 8 * i);
    }
}

uint64_t fake_pci_bar_at(const struct fake_function *function, unsigned index)
{
    const uint8_t *bar = &function->config[PCI_BAR_0 + 4 * index];
    uint64_t value = get32(bar);
    if ((value & PCI_BAR_TYPE) == PCI_BAR_TYPE_64) {
        value |= (uint64_t)get32(bar + 4) << 32;
    }
    return value & ~(uint64_t)PCI_BAR_FLAGS;
}

unsigned fake_pci_capability(struct fake_function *function, uint8_t id, unsigned len_bytes)
{
    unsigned at = function->capabilities_end;
    assert(at + len_bytes <= PCI_CONFIG_BYTES);
    fake_pci_put16(function, PCI_STATUS, PCI_STATUS_CAPABILITIES);
    fake_pci_put8(function, function->capability_last, (uint8_t)at);
    fake_pci_put8(function, at, id);
    function->capability_last = at + 1;
    function->capabilities_end = (at + len_bytes + 3) & ~3u;
    return at;
}

unsigned fake_pci_virtio(struct fake_function *function, uint8_t type, uint8_t bar, uint32_t offset,
                         uint32_t len_bytes)
{
    unsigned bytes = type == 2 ? VIRTIO_CAP_NOTIFY_BYTES : VIRTIO_CAP_BYTES;
    unsigned at = fake_pci_capability(function, PCI_CAPABILITY_VENDOR, bytes);
    fake_pci_put8(function, at + VIRTIO_CAP_LEN, (uint8_t)bytes);
    fake_pci_put8(function, at + VIRTIO_CAP_TYPE, type);
    fake_pci_put8(function, at + VIRTIO_CAP_BAR, bar);
    fake_pci_put32(function, at + VIRTIO_CAP_OFFSET, offset);
    fake_pci_put32(function, at + VIRTIO_CAP_LENGTH, len_bytes);
    if (type == 2) {
        fake_pci_put32(function, at + VIRTIO_CAP_MULTIPLIER, 4);
    }
    return at;
}

unsigned fake_pci_msix(struct fake_function *function, unsigned entries, uint32_t table,
                       uint32_t pending)
{
    unsigned at = fake_pci_capability(function, PCI_CAPABILITY_MSIX, MSIX_BYTES);
    fake_pci_put16(function, at + MSIX_CONTROL, (uint16_t)(entries - 1));
    fake_pci_put32(function, at + MSIX_TABLE, table);
    fake_pci_put32(function, at + MSIX_PENDING, pending);
    function->writable[at + MSIX_CONTROL + 1] = 0xc0;
    return at;
}

struct fake_function *fake_pci_disk(pci_address address)
{
    struct fake_function *disk = fake_pci_add(address, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2);
    fake_pci_bar(disk, 1, 0, 0x1000);
    fake_pci_bar(disk, 4, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCHABLE, 0x4000);
    (void)fake_pci_msix(disk, 2, 1, 0x800 | 1);
    (void)fake_pci_virtio(disk, 5, 0, 0, 0);
    (void)fake_pci_virtio(disk, 2, 4, 0x3000, 0x1000);
    (void)fake_pci_virtio(disk, 4, 4, 0x2000, 0x1000);
    (void)fake_pci_virtio(disk, 3, 4, 0x1000, 0x1000);
    (void)fake_pci_virtio(disk, 1, 4, 0, 0x1000);
    fake_pci_put8(disk, PCI_INTERRUPT_PIN, 1);
    return disk;
}

struct fake_function *fake_pci_bridge(pci_address address)
{
    struct fake_function *bridge = fake_pci_add(address, 0x1b36, 0xc);
    fake_pci_put8(bridge, PCI_HEADER_TYPE, PCI_HEADER_BRIDGE);
    memset(&bridge->writable[BRIDGE_BUSES], 0xff, 4);
    memset(&bridge->writable[BRIDGE_IO], 0xf0, 2);
    for (unsigned at = BRIDGE_MEMORY_BASE; at <= BRIDGE_PREFETCH_LIMIT; at += 2) {
        bridge->writable[at] = 0xf0;
        bridge->writable[at + 1] = 0xff;
    }
    fake_pci_put8(bridge, BRIDGE_PREFETCH_BASE, 1); /* 64 bits */
    fake_pci_put8(bridge, BRIDGE_PREFETCH_LIMIT, 1);
    memset(&bridge->writable[BRIDGE_PREFETCH_BASE_HIGH], 0xff, 8);
    return bridge;
}

/* ---- what devman reads and writes ---- */

void pci_config_use(void *registers, unsigned first, unsigned index)
{
    assert(registers && first == 0 && index < FAKE_PCI_BUSES);
    fake_pci_mapped[index] = true;
}

static uint32_t read_bytes(pci_address address, unsigned offset, unsigned width)
{
    const struct fake_function *function = &fake_pci[address];
    uint32_t value = 0;
    assert(address < FAKE_PCI_ADDRESSES && fake_pci_mapped[address >> 8] && offset % width == 0 &&
           offset + width <= PCI_CONFIG_BYTES);
    for (unsigned i = 0; i < width; i++) {
        bool there = function->there && !function->gone;
        value |= (uint32_t)(there ? function->config[offset + i] : 0xff) << 8 * i;
    }
    return value;
}

static void write_bytes(pci_address address, unsigned offset, unsigned width, uint32_t value)
{
    struct fake_function *function = &fake_pci[address];
    assert(address < FAKE_PCI_ADDRESSES && fake_pci_mapped[address >> 8] && offset % width == 0 &&
           offset + width <= PCI_CONFIG_BYTES);
    if (offset >= PCI_BAR_0 && offset < PCI_BAR_0 + 4 * PCI_BARS) {
        bool decoded = function->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
        function->decoded_writes += decoded ? 1 : 0;
        function->undecoded_writes += decoded ? 0 : 1;
    }
    for (unsigned i = 0; i < width; i++) {
        uint8_t *byte = &function->config[offset + i];
        uint8_t mask = function->writable[offset + i];
        *byte = (uint8_t)((*byte & ~mask) | ((value >> 8 * i) & mask));
    }
}

uint8_t pci_read8(pci_address function, unsigned offset)
{
    return (uint8_t)read_bytes(function, offset, 1);
}

uint16_t pci_read16(pci_address function, unsigned offset)
{
    return (uint16_t)read_bytes(function, offset, 2);
}

uint32_t pci_read32(pci_address function, unsigned offset)
{
    return read_bytes(function, offset, 4);
}

void pci_write16(pci_address function, unsigned offset, uint16_t value)
{
    write_bytes(function, offset, 2, value);
}

void pci_write32(pci_address function, unsigned offset, uint32_t value)
{
    write_bytes(function, offset, 4, value);
}
