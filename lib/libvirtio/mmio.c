/*
 * The MMIO transport: the only file that touches virtio-mmio registers. Each function follows the
 * register table's rules (virtio 1.4, 4.2.2.2): selectors are written before what they select,
 * nothing write-only is read, nothing of a queue is written while it is ready.
 */
#include <anole/error.h>
#include <libvirtio/mmio.h>
#include <libvirtio/mmio_regs.h>

static struct virtio_mmio *mmio_of(struct virtio_transport *transport)
{
    return (struct virtio_mmio *)transport; /* its first member */
}

static uint32_t reg_read(struct virtio_transport *transport, uint32_t offset)
{
    return transport->platform->read32(transport->platform, mmio_of(transport)->base + offset);
}

static void reg_write(struct virtio_transport *transport, uint32_t offset, uint32_t value)
{
    transport->platform->write32(transport->platform, mmio_of(transport)->base + offset, value);
}

static uint8_t mmio_status(struct virtio_transport *transport)
{
    return (uint8_t)reg_read(transport, MMIO_STATUS);
}

static bool is_reset(struct virtio_transport *transport)
{
    return mmio_status(transport) == 0;
}

static int mmio_reset(struct virtio_transport *transport)
{
    reg_write(transport, MMIO_STATUS, 0);
    return virtio_reset_wait(transport, is_reset);
}

static void mmio_set_status(struct virtio_transport *transport, uint8_t status)
{
    reg_write(transport, MMIO_STATUS, status);
}

static struct feature_set mmio_offered(struct virtio_transport *transport)
{
    reg_write(transport, MMIO_DEVICE_FEATURES_SEL, 0);
    uint64_t low = reg_read(transport, MMIO_DEVICE_FEATURES);
    reg_write(transport, MMIO_DEVICE_FEATURES_SEL, 1);
    uint64_t high = reg_read(transport, MMIO_DEVICE_FEATURES);
    return (struct feature_set){.mask = high << 32 | low};
}

static void mmio_accept(struct virtio_transport *transport, struct feature_set features)
{
    reg_write(transport, MMIO_DRIVER_FEATURES_SEL, 0);
    reg_write(transport, MMIO_DRIVER_FEATURES, (uint32_t)features.mask);
    reg_write(transport, MMIO_DRIVER_FEATURES_SEL, 1);
    reg_write(transport, MMIO_DRIVER_FEATURES, (uint32_t)(features.mask >> 32));
}

/* Of the selected queue; in_use is a register that reads 0 unless it is set up. */
static int queue_size_of(struct virtio_transport *transport, uint32_t in_use)
{
    if (reg_read(transport, in_use) != 0)
        return -ANOLE_EBUSY;
    uint32_t size = reg_read(transport, MMIO_QUEUE_SIZE_MAX);
    if (size == 0)
        return -ANOLE_ENODEV;
    return (int)(size < VIRTIO_QUEUE_SIZE_LIMIT ? size : VIRTIO_QUEUE_SIZE_LIMIT);
}

static int mmio_queue_size_max(struct virtio_transport *transport, uint16_t index)
{
    reg_write(transport, MMIO_QUEUE_SEL, index);
    return queue_size_of(transport, MMIO_QUEUE_READY);
}

static void write_address(struct virtio_transport *transport, uint32_t low_offset, uint64_t address)
{
    reg_write(transport, low_offset, (uint32_t)address);
    reg_write(transport, low_offset + 4, (uint32_t)(address >> 32));
}

static int mmio_queue_enable(struct virtio_transport *transport, uint16_t index, uint16_t size,
                             const struct virtq_addresses *addresses)
{
    reg_write(transport, MMIO_QUEUE_SEL, index);
    reg_write(transport, MMIO_QUEUE_SIZE, size);
    write_address(transport, MMIO_QUEUE_DESC_LOW, addresses->descriptors);
    write_address(transport, MMIO_QUEUE_DRIVER_LOW, addresses->driver_area);
    write_address(transport, MMIO_QUEUE_DEVICE_LOW, addresses->device_area);
    reg_write(transport, MMIO_QUEUE_READY, 1);
    return 0;
}

static void mmio_notify(struct virtio_transport *transport, uint16_t index, uint16_t position)
{
    reg_write(transport, MMIO_QUEUE_NOTIFY, (uint32_t)position << 16 | index);
}

static unsigned mmio_interrupt(struct virtio_transport *transport)
{
    uint32_t causes = reg_read(transport, MMIO_INTERRUPT_STATUS) &
                      (VIRTIO_INTERRUPT_RING | VIRTIO_INTERRUPT_CONFIG);
    if (causes != 0)
        reg_write(transport, MMIO_INTERRUPT_ACK, causes);
    return causes;
}

static uint64_t mmio_config_field(struct virtio_transport *transport, uint32_t offset,
                                  unsigned width)
{
    uintptr_t address = mmio_of(transport)->base + MMIO_CONFIG + offset;
    return virtio_field_read(transport->platform, address, width);
}

static void mmio_config_write(struct virtio_transport *transport, uint32_t offset, unsigned width,
                              uint32_t value)
{
    uintptr_t address = mmio_of(transport)->base + MMIO_CONFIG + offset;
    virtio_field_write(transport->platform, address, width, value);
}

static uint32_t mmio_config_generation(struct virtio_transport *transport)
{
    return reg_read(transport, MMIO_CONFIG_GENERATION);
}

static const struct virtio_register readable[] = {
    {"MagicValue", MMIO_MAGIC_VALUE, 4},
    {"Version", MMIO_VERSION, 4},
    {"DeviceID", MMIO_DEVICE_ID, 4},
    {"VendorID", MMIO_VENDOR_ID, 4},
    {"Status", MMIO_STATUS, 4},
    {"InterruptStatus", MMIO_INTERRUPT_STATUS, 4},
    {"ConfigGeneration", MMIO_CONFIG_GENERATION, 4}, /* the last one: legacy devices have none */
};
#define READABLE (sizeof(readable) / sizeof(readable[0]))

static unsigned mmio_registers(struct virtio_transport *transport,
                               struct virtio_register_info *registers, unsigned max)
{
    return virtio_registers_read(transport->platform, mmio_of(transport)->base, readable,
                                 transport->legacy ? READABLE - 1 : READABLE, registers, max);
}

static const struct virtio_transport_ops mmio_ops = {
    .reset = mmio_reset,
    .status = mmio_status,
    .set_status = mmio_set_status,
    .offered = mmio_offered,
    .accept = mmio_accept,
    .queue_size_max = mmio_queue_size_max,
    .queue_enable = mmio_queue_enable,
    .notify = mmio_notify,
    .interrupt = mmio_interrupt,
    .config_field = mmio_config_field,
    .config_write = mmio_config_write,
    .config_generation = mmio_config_generation,
    .registers = mmio_registers,
};

/* ---- what is different in legacy devices (virtio 1.4, 4.2.4) ---- */

#define LEGACY_PAGE_SIZE                                                                           \
    4096u /* unit of the queue's address, and what its used ring is aligned to */

static int legacy_reset(struct virtio_transport *transport)
{
    int rc = mmio_reset(transport);
    if (rc == 0)
        reg_write(transport, MMIO_LEGACY_PAGE_SIZE, LEGACY_PAGE_SIZE);
    return rc;
}

/* There are 32 features, whatever a device would show behind the selector. */
static struct feature_set legacy_offered(struct virtio_transport *transport)
{
    reg_write(transport, MMIO_DEVICE_FEATURES_SEL, 0);
    return (struct feature_set){.mask = reg_read(transport, MMIO_DEVICE_FEATURES)};
}

static void legacy_accept(struct virtio_transport *transport, struct feature_set features)
{
    reg_write(transport, MMIO_DRIVER_FEATURES_SEL, 0);
    reg_write(transport, MMIO_DRIVER_FEATURES, (uint32_t)features.mask);
}

static int legacy_queue_size_max(struct virtio_transport *transport, uint16_t index)
{
    reg_write(transport, MMIO_QUEUE_SEL, index);
    return queue_size_of(transport, MMIO_LEGACY_QUEUE_PFN);
}

/* The three areas are one block, found by its first page's number (virtio 1.4, 2.7.2). */
static int legacy_queue_enable(struct virtio_transport *transport, uint16_t index, uint16_t size,
                               const struct virtq_addresses *addresses)
{
    uint64_t page = addresses->descriptors / LEGACY_PAGE_SIZE;
    if (page == 0 || page > UINT32_MAX)
        return -ANOLE_ERANGE;
    reg_write(transport, MMIO_QUEUE_SEL, index);
    reg_write(transport, MMIO_QUEUE_SIZE, size);
    reg_write(transport, MMIO_LEGACY_QUEUE_ALIGN, LEGACY_PAGE_SIZE);
    reg_write(transport, MMIO_LEGACY_QUEUE_PFN, (uint32_t)page);
    return 0;
}

static uint32_t legacy_config_generation(struct virtio_transport *transport)
{
    (void)transport;
    return 0; /* there is none: virtio_config_read compares what it read */
}

static const struct virtio_transport_ops legacy_ops = {
    .reset = legacy_reset,
    .status = mmio_status,
    .set_status = mmio_set_status,
    .offered = legacy_offered,
    .accept = legacy_accept,
    .queue_size_max = legacy_queue_size_max,
    .queue_enable = legacy_queue_enable,
    .notify = mmio_notify,
    .interrupt = mmio_interrupt,
    .config_field = mmio_config_field,
    .config_write = mmio_config_write,
    .config_generation = legacy_config_generation,
    .registers = mmio_registers,
};

int virtio_mmio_probe(struct virtio_mmio *mmio, struct virtio_platform *platform, uintptr_t base,
                      size_t window_len)
{
    struct virtio_transport *transport = &mmio->transport;
    *mmio = (struct virtio_mmio){
        .transport = {.ops = &mmio_ops, .platform = platform},
        .base = base,
    };
    if (window_len < MMIO_CONFIG || window_len > UINT32_MAX)
        return -ANOLE_EINVAL;
    mmio->magic = reg_read(transport, MMIO_MAGIC_VALUE);
    if (mmio->magic != MMIO_MAGIC)
        return -ANOLE_EINVAL;
    mmio->version = reg_read(transport, MMIO_VERSION);
    if (mmio->version != MMIO_VERSION_MODERN && mmio->version != MMIO_VERSION_LEGACY)
        return -ANOLE_ENOSYS;
    transport->legacy = mmio->version == MMIO_VERSION_LEGACY;
    if (transport->legacy)
        transport->ops = &legacy_ops;
    transport->device_id = reg_read(transport, MMIO_DEVICE_ID);
    if (transport->device_id == 0)
        return -ANOLE_ENODEV;
    transport->config_len = (uint32_t)window_len - MMIO_CONFIG;
    /* What needs PCI, and queue reset: its register is optional here and missing in QEMU. */
    transport->barred = feature_with(transport->barred, VIRTIO_F_SR_IOV);
    transport->barred = feature_with(transport->barred, VIRTIO_F_ADMIN_VQ);
    transport->barred = feature_with(transport->barred, VIRTIO_F_NOTIF_CONFIG_DATA);
    transport->barred = feature_with(transport->barred, VIRTIO_F_RING_RESET);
    return 0;
}
