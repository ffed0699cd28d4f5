/*
 * The PCI transport: the only file that touches virtio PCI registers. Each field is accessed at its
 * own width, 64 bits as two halves (virtio 1.4, 4.1.3.1); the selected queue is selected anew in each
 * function. Nothing that the device says leads out of the parts that devman has described.
 */
#include <anole/error.h>
#include <libvirtio/pci.h>
#include <libvirtio/pci_regs.h>

static struct virtio_pci *pci_of(struct virtio_transport *transport)
{
    return (struct virtio_pci *)transport; /* its first member */
}

/* ---- the common structure ---- */

static uint16_t get16(struct virtio_transport *transport, uint32_t offset)
{
    return transport->platform->read16(transport->platform, pci_of(transport)->common + offset);
}

static void put16(struct virtio_transport *transport, uint32_t offset, uint16_t value)
{
    transport->platform->write16(transport->platform, pci_of(transport)->common + offset, value);
}

static uint32_t get32(struct virtio_transport *transport, uint32_t offset)
{
    return transport->platform->read32(transport->platform, pci_of(transport)->common + offset);
}

static void put32(struct virtio_transport *transport, uint32_t offset, uint32_t value)
{
    transport->platform->write32(transport->platform, pci_of(transport)->common + offset, value);
}

static void put64(struct virtio_transport *transport, uint32_t offset, uint64_t value)
{
    put32(transport, offset, (uint32_t)value);
    put32(transport, offset + 4, (uint32_t)(value >> 32));
}

static uint8_t pci_status(struct virtio_transport *transport)
{
    return transport->platform->read8(transport->platform,
                                      pci_of(transport)->common + PCI_DEVICE_STATUS);
}

static void pci_set_status(struct virtio_transport *transport, uint8_t status)
{
    transport->platform->write8(transport->platform, pci_of(transport)->common + PCI_DEVICE_STATUS,
                                status);
}

static bool is_reset(struct virtio_transport *transport)
{
    return pci_status(transport) == 0;
}

static int pci_reset(struct virtio_transport *transport)
{
    pci_set_status(transport, 0);
    return virtio_reset_wait(transport, is_reset);
}

/* ---- features ---- */

static struct feature_set pci_offered(struct virtio_transport *transport)
{
    put32(transport, PCI_DEVICE_FEATURE_SELECT, 0);
    uint64_t low = get32(transport, PCI_DEVICE_FEATURE);
    put32(transport, PCI_DEVICE_FEATURE_SELECT, 1);
    uint64_t high = get32(transport, PCI_DEVICE_FEATURE);
    return (struct feature_set){.mask = high << 32 | low};
}

static void pci_accept(struct virtio_transport *transport, struct feature_set features)
{
    put32(transport, PCI_DRIVER_FEATURE_SELECT, 0);
    put32(transport, PCI_DRIVER_FEATURE, (uint32_t)features.mask);
    put32(transport, PCI_DRIVER_FEATURE_SELECT, 1);
    put32(transport, PCI_DRIVER_FEATURE, (uint32_t)(features.mask >> 32));
    pci_of(transport)->notif_config_data = feature_has(features, VIRTIO_F_NOTIF_CONFIG_DATA);
}

/* ---- queues ---- */

static int pci_queue_size_max(struct virtio_transport *transport, uint16_t index)
{
    if (index >= get16(transport, PCI_NUM_QUEUES))
        return -ANOLE_ENODEV;
    put16(transport, PCI_QUEUE_SELECT, index);
    if (get16(transport, PCI_QUEUE_ENABLE) != 0)
        return -ANOLE_EBUSY;
    uint16_t size = get16(transport, PCI_QUEUE_SIZE);
    if (size == 0)
        return -ANOLE_ENODEV;
    return size < VIRTIO_QUEUE_SIZE_LIMIT ? size : (int)VIRTIO_QUEUE_SIZE_LIMIT;
}

/*
 * Where and with what the selected queue is notified (virtio 1.4, 4.1.4.4, 4.1.5.2): the device's
 * multiple of its own unit, which must lie within its part, aligned to what is written there.
 */
static int find_doorbell(struct virtio_pci *pci, uint16_t index)
{
    struct virtio_transport *transport = &pci->transport;
    unsigned width = transport->notification_data ? 4 : 2;
    uint64_t offset = (uint64_t)get16(transport, PCI_QUEUE_NOTIFY_OFF) * pci->notify_multiplier;
    if (offset + width > pci->notify_len || (pci->notify + offset) % width != 0)
        return -ANOLE_ERANGE;
    pci->doorbells[index] = (struct virtio_pci_doorbell){
        .address = pci->notify + offset,
        .id = pci->notif_config_data ? get16(transport, PCI_QUEUE_NOTIF_CONFIG_DATA) : index,
    };
    return 0;
}

static int pci_queue_enable(struct virtio_transport *transport, uint16_t index, uint16_t size,
                            const struct virtq_addresses *addresses)
{
    put16(transport, PCI_QUEUE_SELECT, index);
    int rc = find_doorbell(pci_of(transport), index);
    if (rc < 0)
        return rc;
    put16(transport, PCI_QUEUE_SIZE, size);
    put64(transport, PCI_QUEUE_DESC, addresses->descriptors);
    put64(transport, PCI_QUEUE_DRIVER, addresses->driver_area);
    put64(transport, PCI_QUEUE_DEVICE, addresses->device_area);
    put16(transport, PCI_QUEUE_ENABLE, 1);
    return 0;
}

static bool queue_is_reset(struct virtio_transport *transport)
{
    return get16(transport, PCI_QUEUE_RESET) == 0;
}

static int pci_queue_reset(struct virtio_transport *transport, uint16_t index)
{
    put16(transport, PCI_QUEUE_SELECT, index);
    put16(transport, PCI_QUEUE_RESET, 1);
    return virtio_reset_wait(transport, queue_is_reset);
}

static void pci_notify(struct virtio_transport *transport, uint16_t index, uint16_t position)
{
    struct virtio_platform *platform = transport->platform;
    const struct virtio_pci_doorbell *bell = &pci_of(transport)->doorbells[index];
    if (transport->notification_data)
        platform->write32(platform, bell->address, (uint32_t)position << 16 | bell->id);
    else
        platform->write16(platform, bell->address, bell->id);
}

/* ---- interrupts ---- */

static int pci_set_vector(struct virtio_transport *transport, unsigned queue, uint16_t vector)
{
    uint32_t offset = PCI_CONFIG_MSIX_VECTOR;
    if (queue != VIRTIO_CONFIG_VECTOR) {
        put16(transport, PCI_QUEUE_SELECT, (uint16_t)queue);
        offset = PCI_QUEUE_MSIX_VECTOR;
    }
    put16(transport, offset, vector);
    /* PCI_NO_VECTOR, or what else it may have made of it (virtio 1.4, 4.1.5.1.2). */
    return get16(transport, offset) == vector ? 0 : -ANOLE_EBUSY;
}

/* Reading the status acknowledges it. With vectors it means nothing (virtio 1.4, 4.1.4.5.2). */
static unsigned pci_interrupt(struct virtio_transport *transport)
{
    if (transport->vectors > 0)
        return VIRTIO_INTERRUPT_RING;
    return transport->platform->read8(transport->platform, pci_of(transport)->isr) &
           (VIRTIO_INTERRUPT_RING | VIRTIO_INTERRUPT_CONFIG);
}

/* ---- configuration space ---- */

static uint64_t pci_config_field(struct virtio_transport *transport, uint32_t offset,
                                 unsigned width)
{
    return virtio_field_read(transport->platform, pci_of(transport)->config + offset, width);
}

static void pci_config_write(struct virtio_transport *transport, uint32_t offset, unsigned width,
                             uint32_t value)
{
    virtio_field_write(transport->platform, pci_of(transport)->config + offset, width, value);
}

static uint32_t pci_config_generation(struct virtio_transport *transport)
{
    return transport->platform->read8(transport->platform,
                                      pci_of(transport)->common + PCI_CONFIG_GENERATION);
}

/* Not the ISR: reading it acknowledges what it says. */
static unsigned pci_registers(struct virtio_transport *transport,
                              struct virtio_register_info *registers, unsigned max)
{
    static const struct virtio_register readable[] = {
        {"num_queues", PCI_NUM_QUEUES, 2},
        {"device_status", PCI_DEVICE_STATUS, 1},
        {"config_generation", PCI_CONFIG_GENERATION, 1},
        {"config_msix_vector", PCI_CONFIG_MSIX_VECTOR, 2},
    };
    return virtio_registers_read(transport->platform, pci_of(transport)->common, readable,
                                 sizeof(readable) / sizeof(readable[0]), registers, max);
}

static const struct virtio_transport_ops pci_ops = {
    .reset = pci_reset,
    .status = pci_status,
    .set_status = pci_set_status,
    .offered = pci_offered,
    .accept = pci_accept,
    .queue_size_max = pci_queue_size_max,
    .queue_enable = pci_queue_enable,
    .notify = pci_notify,
    .queue_reset = pci_queue_reset,
    .set_vector = pci_set_vector,
    .interrupt = pci_interrupt,
    .config_field = pci_config_field,
    .config_write = pci_config_write,
    .config_generation = pci_config_generation,
    .registers = pci_registers,
};

/* ---- finding the parts ---- */

/* A part of at least min_len bytes at an address that is a multiple of alignment; 0: it isn't. */
static uintptr_t part_address(const struct device_description *described,
                              const struct virtio_window *windows, enum device_part_kind kind,
                              uint32_t min_len, unsigned alignment)
{
    const struct device_part *part = &described->parts[kind];
    if (part->window >= described->windows || part->window >= DEVICE_WINDOWS ||
        part->len_bytes < min_len)
        return 0;
    const struct virtio_window *window = &windows[part->window];
    if ((uint64_t)part->offset + part->len_bytes > window->len_bytes)
        return 0;
    uintptr_t address = window->base + part->offset;
    return address % alignment == 0 ? address : 0;
}

int virtio_pci_probe(struct virtio_pci *pci, struct virtio_platform *platform,
                     const struct device_description *described,
                     const struct virtio_window *windows)
{
    const struct device_part *parts = described->parts;
    *pci = (struct virtio_pci){
        .transport = {.ops = &pci_ops,
                      .platform = platform,
                      .device_id = described->virtio_id,
                      .config_len = parts[DEVICE_PART_CONFIG].len_bytes},
        .common = part_address(described, windows, DEVICE_PART_COMMON, PCI_COMMON_LEN, 4),
        .notify = part_address(described, windows, DEVICE_PART_NOTIFY, 2, 2),
        .isr = part_address(described, windows, DEVICE_PART_ISR, 1, 1),
        .config = part_address(described, windows, DEVICE_PART_CONFIG, 1, 4),
        .notify_len = parts[DEVICE_PART_NOTIFY].len_bytes,
        .notify_multiplier = described->notify_multiplier,
    };
    struct virtio_transport *transport = &pci->transport;
    if (pci->common == 0 || pci->notify == 0 || pci->isr == 0 ||
        (pci->config == 0 && transport->config_len > 0))
        return -ANOLE_EINVAL;
    if (transport->device_id == 0)
        return -ANOLE_ENODEV;
    if ((described->flags & DEVICE_MSIX) != 0)
        transport->vectors = described->interrupts;
    /* SR_IOV and ADMIN_VQ are for who owns configuration space; the others need their registers. */
    transport->barred = feature_with(transport->barred, VIRTIO_F_SR_IOV);
    transport->barred = feature_with(transport->barred, VIRTIO_F_ADMIN_VQ);
    if (parts[DEVICE_PART_COMMON].len_bytes < PCI_COMMON_LEN_NOTIF_CONFIG_DATA)
        transport->barred = feature_with(transport->barred, VIRTIO_F_NOTIF_CONFIG_DATA);
    if (parts[DEVICE_PART_COMMON].len_bytes < PCI_COMMON_LEN_RESET)
        transport->barred = feature_with(transport->barred, VIRTIO_F_RING_RESET);
    return 0;
}
