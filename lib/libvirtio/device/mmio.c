/*
 * The MMIO transport's registers (virtio 1.4, 4.2.2), device side.
 */
#include <libvirtio/device/mmio_legacy.h>
#include <libvirtio/mmio_regs.h>
#include <stdatomic.h>

#define EVENTS (VIRTIO_INTERRUPT_RING | VIRTIO_INTERRUPT_CONFIG)
#define NO_SHARED_MEMORY UINT32_MAX /* length and base of a region that isn't there */

static void interrupt(void *transport, unsigned cause, uint16_t queue)
{
    (void)queue; /* one line for all of them */
    struct vdev_mmio *mmio = transport;
    if (atomic_fetch_or(&mmio->interrupt_status, cause) == 0)
        mmio->line_changed(mmio);
}

bool vdev_mmio_line(const struct vdev_mmio *mmio)
{
    return atomic_load(&mmio->interrupt_status) != 0;
}

static void acknowledge(struct vdev_mmio *mmio, uint32_t events)
{
    if ((events & ~EVENTS) != 0)
        vdev_complain(mmio->device, "an event acknowledged that doesn't exist");
    uint32_t old = atomic_fetch_and(&mmio->interrupt_status, ~events);
    if (old != 0 && (old & ~events) == 0)
        mmio->line_changed(mmio);
}

void vdev_mmio_init(struct vdev_mmio *mmio, struct vdev *device, uint32_t vendor_id,
                    void (*line_changed)(struct vdev_mmio *mmio))
{
    *mmio = (struct vdev_mmio){
        .device = device,
        .vendor_id = vendor_id,
        .line_changed = line_changed,
    };
    device->interrupt = interrupt;
    device->transport = mmio;
    vdev_status_write(device, 0);
}

/* Registers that only one of the two versions has: of the other it is as if they weren't there. */
static bool in_version(const struct vdev_mmio *mmio, uint32_t offset)
{
    switch (offset) {
    case MMIO_LEGACY_PAGE_SIZE:
    case MMIO_LEGACY_QUEUE_ALIGN:
    case MMIO_LEGACY_QUEUE_PFN:
        return mmio->device->legacy;
    default: /* from QueueReady on, and four */
        return !mmio->device->legacy || offset < MMIO_QUEUE_READY || offset == MMIO_QUEUE_NOTIFY ||
               offset == MMIO_INTERRUPT_STATUS || offset == MMIO_INTERRUPT_ACK ||
               offset == MMIO_STATUS;
    }
}

/* ---- reading ---- */

static uint32_t queue_register_read(struct vdev_mmio *mmio, uint32_t offset)
{
    const struct vdev_queue *queue = vdev_queue_at(mmio->device, mmio->queue_sel);
    if (queue == NULL)
        return 0;
    switch (offset) {
    case MMIO_QUEUE_SIZE_MAX:
        return queue->size_max;
    case MMIO_QUEUE_READY:
        return queue->ring != NULL;
    default: /* MMIO_QUEUE_RESET: what was asked for is done already */
        return 0;
    }
}

static uint32_t register_read(struct vdev_mmio *mmio, uint32_t offset)
{
    struct vdev *device = mmio->device;
    switch (offset) {
    case MMIO_MAGIC_VALUE:
        return MMIO_MAGIC;
    case MMIO_VERSION:
        return device->legacy ? MMIO_VERSION_LEGACY : MMIO_VERSION_MODERN;
    case MMIO_DEVICE_ID:
        return device->type->id;
    case MMIO_VENDOR_ID:
        return mmio->vendor_id;
    case MMIO_DEVICE_FEATURES:
        return vdev_offered_word(device, mmio->device_features_sel);
    case MMIO_QUEUE_SIZE_MAX:
    case MMIO_QUEUE_READY:
    case MMIO_QUEUE_RESET:
        return queue_register_read(mmio, offset);
    case MMIO_LEGACY_QUEUE_PFN:
        return vdev_mmio_legacy_page(mmio);
    case MMIO_INTERRUPT_STATUS:
        return atomic_load(&mmio->interrupt_status);
    case MMIO_STATUS:
        return vdev_status(device);
    case MMIO_SHM_LEN_LOW:
    case MMIO_SHM_LEN_HIGH:
    case MMIO_SHM_BASE_LOW:
    case MMIO_SHM_BASE_HIGH:
        return NO_SHARED_MEMORY;
    case MMIO_CONFIG_GENERATION:
        return device->config_generation;
    default:
        vdev_complain(device, "a register read that isn't there, or is for writing");
        return 0;
    }
}

uint64_t vdev_mmio_read(struct vdev_mmio *mmio, uint64_t offset, unsigned width)
{
    if (offset > UINT32_MAX) {
        vdev_complain(mmio->device, "a read far behind the window");
        return 0;
    }
    if (offset >= MMIO_CONFIG)
        return vdev_config_read(mmio->device, (uint32_t)offset - MMIO_CONFIG, width);
    if (width == 4 && offset % 4 == 0 && in_version(mmio, (uint32_t)offset))
        return register_read(mmio, (uint32_t)offset);
    vdev_complain(mmio->device, "a register read that isn't 4 bytes wide, aligned, and there");
    return 0;
}

/* ---- writing ---- */

static void queue_ready_write(struct vdev_mmio *mmio, struct vdev_queue *queue, uint32_t value)
{
    if (value > 1)
        vdev_complain(mmio->device, "QueueReady written with neither 0 nor 1");
    if (value == 0)
        vdev_queue_stop(mmio->device, queue);
    else
        vdev_queue_enable(mmio->device, queue);
}

static void queue_register_write(struct vdev_mmio *mmio, uint32_t offset, uint32_t value)
{
    struct vdev_queue *queue = vdev_queue_at(mmio->device, mmio->queue_sel);
    if (queue == NULL)
        vdev_complain(mmio->device, "a register written of a queue that doesn't exist");
    else if (offset == MMIO_QUEUE_READY)
        queue_ready_write(mmio, queue, value);
    else if (offset == MMIO_QUEUE_RESET)
        (void)vdev_queue_reset_asked(mmio->device, queue, value);
    else if (offset == MMIO_QUEUE_SIZE)
        vdev_queue_set_size(mmio->device, queue, value);
    else
        vdev_queue_set_address(mmio->device, queue, (offset - MMIO_QUEUE_DESC_LOW) / 0x10,
                               (offset & 4) != 0, value);
}

static void status_write(struct vdev_mmio *mmio, uint32_t value)
{
    vdev_status_write(mmio->device, value);
    if (value == 0)
        acknowledge(mmio, EVENTS);
}

static void register_write(struct vdev_mmio *mmio, uint32_t offset, uint32_t value)
{
    struct vdev *device = mmio->device;
    switch (offset) {
    case MMIO_DEVICE_FEATURES_SEL:
        mmio->device_features_sel = value;
        break;
    case MMIO_DRIVER_FEATURES_SEL:
        mmio->driver_features_sel = value;
        break;
    case MMIO_DRIVER_FEATURES:
        vdev_accept_word(device, mmio->driver_features_sel, value);
        break;
    case MMIO_QUEUE_SEL:
        mmio->queue_sel = value;
        break;
    case MMIO_QUEUE_SIZE:
    case MMIO_QUEUE_READY:
    case MMIO_QUEUE_RESET:
    case MMIO_QUEUE_DESC_LOW:
    case MMIO_QUEUE_DESC_HIGH:
    case MMIO_QUEUE_DRIVER_LOW:
    case MMIO_QUEUE_DRIVER_HIGH:
    case MMIO_QUEUE_DEVICE_LOW:
    case MMIO_QUEUE_DEVICE_HIGH:
        queue_register_write(mmio, offset, value);
        break;
    case MMIO_LEGACY_PAGE_SIZE:
    case MMIO_LEGACY_QUEUE_ALIGN:
    case MMIO_LEGACY_QUEUE_PFN:
        vdev_mmio_legacy_write(mmio, offset, value);
        break;
    case MMIO_QUEUE_NOTIFY:
        vdev_notified(device, value);
        break;
    case MMIO_INTERRUPT_ACK:
        acknowledge(mmio, value);
        break;
    case MMIO_STATUS:
        status_write(mmio, value);
        break;
    case MMIO_SHM_SEL: /* of regions there are none */
        break;
    default:
        vdev_complain(device, "a register written that isn't there, or is for reading");
    }
}

void vdev_mmio_write(struct vdev_mmio *mmio, uint64_t offset, unsigned width, uint64_t value)
{
    if (offset > UINT32_MAX)
        vdev_complain(mmio->device, "a write far behind the window");
    else if (offset >= MMIO_CONFIG)
        vdev_config_write(mmio->device, (uint32_t)offset - MMIO_CONFIG, width, (uint32_t)value);
    else if (width == 4 && offset % 4 == 0 && in_version(mmio, (uint32_t)offset))
        register_write(mmio, (uint32_t)offset, (uint32_t)value);
    else
        vdev_complain(mmio->device,
                      "a register written that isn't 4 bytes wide, aligned, and there");
}
