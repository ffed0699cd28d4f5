/*
 * The common configuration structure, ISR and notification of virtio PCI (virtio 1.4, 4.1.4.3 to
 * 4.1.4.5), device side.
 */
#include <libvirtio/device/pci.h>
#include <stdatomic.h>

/* ---- interrupts ---- */

static void interrupt(void *transport, unsigned cause, uint16_t queue)
{
    struct vdev_pci *pci = transport;
    if (!pci->msix) {
        if (atomic_fetch_or(&pci->isr, cause) == 0)
            pci->hooks->line_changed(pci);
        return;
    }
    uint16_t vector = cause == VIRTIO_INTERRUPT_CONFIG ? pci->config_vector
                                                       : pci->queue_vectors[queue];
    if (vector != PCI_NO_VECTOR)
        pci->hooks->send(pci, vector);
}

bool vdev_pci_line(const struct vdev_pci *pci)
{
    return atomic_load(&pci->isr) != 0;
}

uint8_t vdev_pci_isr_read(struct vdev_pci *pci)
{
    uint32_t causes = atomic_exchange(&pci->isr, 0);
    if (causes != 0)
        pci->hooks->line_changed(pci);
    return (uint8_t)causes;
}

static void reset(struct vdev_pci *pci)
{
    (void)vdev_pci_isr_read(pci);
    pci->config_vector = PCI_NO_VECTOR;
    for (unsigned i = 0; i < pci->device->queue_count; i++)
        pci->queue_vectors[i] = PCI_NO_VECTOR;
}

void vdev_pci_init(struct vdev_pci *pci, struct vdev *device, const struct vdev_pci_hooks *hooks,
                   uint16_t vectors, uint16_t *queue_vectors)
{
    *pci = (struct vdev_pci){
        .device = device,
        .hooks = hooks,
        .vectors = vectors,
        .queue_vectors = queue_vectors,
    };
    device->interrupt = interrupt;
    device->transport = pci;
    vdev_status_write(device, 0);
    reset(pci);
}

/* ---- fields ---- */

/* Whether that is a field, at its own width; addresses go by halves (virtio 1.4, 4.1.3.1). */
static bool field_valid(uint64_t offset, unsigned width)
{
    if (offset < PCI_CONFIG_MSIX_VECTOR || (offset >= PCI_QUEUE_DESC && offset < PCI_COMMON_LEN))
        return width == 4 && offset % 4 == 0;
    if (offset == PCI_DEVICE_STATUS || offset == PCI_CONFIG_GENERATION)
        return width == 1;
    return width == 2 && offset % 2 == 0 && offset < PCI_COMMON_LEN_RESET;
}

static uint32_t address_read(const struct vdev_queue *queue, uint32_t offset)
{
    const uint64_t addresses[] = {queue->addresses.descriptors, queue->addresses.driver_area,
                                  queue->addresses.device_area};
    return (uint32_t)(addresses[(offset - PCI_QUEUE_DESC) / 8] >> ((offset & 4) != 0 ? 32 : 0));
}

static uint32_t queue_read(struct vdev_pci *pci, uint32_t offset)
{
    const struct vdev_queue *queue = vdev_queue_at(pci->device, pci->queue_sel);
    if (queue == NULL)
        return 0;
    switch (offset) {
    case PCI_QUEUE_SIZE:
        return queue->size;
    case PCI_QUEUE_MSIX_VECTOR:
        return pci->queue_vectors[pci->queue_sel];
    case PCI_QUEUE_ENABLE:
        return queue->ring != NULL;
    case PCI_QUEUE_NOTIFY_OFF:
        return pci->queue_sel;
    case PCI_QUEUE_NOTIF_CONFIG_DATA: /* that feature isn't offered */
    case PCI_QUEUE_RESET:             /* what was asked for is done already */
        return 0;
    default:
        return address_read(queue, offset);
    }
}

uint32_t vdev_pci_common_read(struct vdev_pci *pci, uint64_t offset, unsigned width)
{
    struct vdev *device = pci->device;
    if (!field_valid(offset, width)) {
        vdev_complain(device, "the common structure read beside its fields");
        return 0;
    }
    switch (offset) {
    case PCI_DEVICE_FEATURE_SELECT:
        return pci->device_features_sel;
    case PCI_DEVICE_FEATURE:
        return vdev_offered_word(device, pci->device_features_sel);
    case PCI_DRIVER_FEATURE_SELECT:
        return pci->driver_features_sel;
    case PCI_DRIVER_FEATURE:
        return vdev_accepted_word(device, pci->driver_features_sel);
    case PCI_CONFIG_MSIX_VECTOR:
        return pci->config_vector;
    case PCI_NUM_QUEUES:
        return device->queue_count;
    case PCI_DEVICE_STATUS:
        return vdev_status(device);
    case PCI_CONFIG_GENERATION:
        return (uint8_t)device->config_generation;
    case PCI_QUEUE_SELECT:
        return pci->queue_sel;
    default:
        return queue_read(pci, (uint32_t)offset);
    }
}

/* What there is no room for reads back as none (virtio 1.4, 4.1.5.1.2). */
static uint16_t vector_of(const struct vdev_pci *pci, uint32_t value)
{
    return value < pci->vectors ? (uint16_t)value : PCI_NO_VECTOR;
}

static void queue_reset_write(struct vdev_pci *pci, struct vdev_queue *queue, uint32_t value)
{
    if (!vdev_queue_reset_asked(pci->device, queue, value))
        return;
    pci->queue_vectors[pci->queue_sel] = PCI_NO_VECTOR;
}

static void queue_write(struct vdev_pci *pci, uint32_t offset, uint32_t value)
{
    struct vdev *device = pci->device;
    struct vdev_queue *queue = vdev_queue_at(device, pci->queue_sel);
    if (queue == NULL) {
        vdev_complain(device, "a field written of a queue that doesn't exist");
        return;
    }
    switch (offset) {
    case PCI_QUEUE_SIZE:
        vdev_queue_set_size(device, queue, value);
        break;
    case PCI_QUEUE_MSIX_VECTOR:
        pci->queue_vectors[pci->queue_sel] = vector_of(pci, value);
        break;
    case PCI_QUEUE_ENABLE:
        if (value == 1)
            vdev_queue_enable(device, queue);
        else
            vdev_complain(device, "queue_enable written with something other than 1");
        break;
    case PCI_QUEUE_RESET:
        queue_reset_write(pci, queue, value);
        break;
    case PCI_QUEUE_NOTIFY_OFF:
    case PCI_QUEUE_NOTIF_CONFIG_DATA:
        vdev_complain(device, "a field written that is for reading");
        break;
    default:
        vdev_queue_set_address(device, queue, (offset - PCI_QUEUE_DESC) / 8, (offset & 4) != 0,
                               value);
    }
}

static void status_write(struct vdev_pci *pci, uint32_t value)
{
    vdev_status_write(pci->device, value);
    if (value == 0)
        reset(pci);
}

void vdev_pci_common_write(struct vdev_pci *pci, uint64_t offset, unsigned width, uint32_t value)
{
    struct vdev *device = pci->device;
    if (!field_valid(offset, width)) {
        vdev_complain(device, "the common structure written beside its fields");
        return;
    }
    switch (offset) {
    case PCI_DEVICE_FEATURE_SELECT:
        pci->device_features_sel = value;
        break;
    case PCI_DRIVER_FEATURE_SELECT:
        pci->driver_features_sel = value;
        break;
    case PCI_DRIVER_FEATURE:
        vdev_accept_word(device, pci->driver_features_sel, value);
        break;
    case PCI_CONFIG_MSIX_VECTOR:
        pci->config_vector = vector_of(pci, value);
        break;
    case PCI_DEVICE_STATUS:
        status_write(pci, value);
        break;
    case PCI_QUEUE_SELECT:
        pci->queue_sel = (uint16_t)value;
        break;
    case PCI_DEVICE_FEATURE:
    case PCI_NUM_QUEUES:
    case PCI_CONFIG_GENERATION:
        vdev_complain(device, "a field written that is for reading");
        break;
    default:
        queue_write(pci, (uint32_t)offset, value);
    }
}

void vdev_pci_notify(struct vdev_pci *pci, uint64_t offset, unsigned width, uint32_t value)
{
    struct vdev *device = pci->device;
    bool data = feature_has(device->accepted, VIRTIO_F_NOTIFICATION_DATA);
    if (width != (data ? 4 : 2) ||
        offset != (uint64_t)(value & 0xffff) * VDEV_PCI_NOTIFY_MULTIPLIER)
        vdev_complain(device, "a notification of the wrong width, or at another queue's place");
    else
        vdev_notified(device, value);
}
