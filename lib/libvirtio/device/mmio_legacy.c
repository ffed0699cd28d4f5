/*
 * What is different in the window of a legacy device (virtio 1.4, 4.2.4): a queue is one block of
 * pages, named by the number of the first, and there is neither VERSION_1 nor FEATURES_OK.
 */
#include <libvirtio/device/mmio_legacy.h>
#include <libvirtio/mmio_regs.h>

#define LEGACY_FEATURES UINT32_MAX /* those above aren't to be seen */

void vdev_mmio_legacy_init(struct vdev_mmio *mmio, struct vdev *device, uint32_t vendor_id,
                           void (*line_changed)(struct vdev_mmio *mmio))
{
    struct feature_set offered = device->offered;
    offered.mask &= LEGACY_FEATURES & ~device->type->modern_only.mask;
    device->offered = feature_with(offered, VIRTIO_F_ANY_LAYOUT);
    device->legacy = true;
    vdev_mmio_init(mmio, device, vendor_id, line_changed);
}

static bool power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

/* Descriptors, available ring, padding, used ring (virtio 1.4, 2.7.2). */
static void lay_out(const struct vdev_mmio *mmio, struct vdev_queue *queue, uint32_t page)
{
    uint64_t align = mmio->legacy_queue_align;
    uint64_t size = queue->size;
    uint64_t descriptors = (uint64_t)page * mmio->legacy_page_size;
    uint64_t available = descriptors + 16 * size;
    uint64_t available_end = available + 6 + 2 * size;
    queue->addresses = (struct virtq_addresses){
        .descriptors = descriptors,
        .driver_area = available,
        .device_area = (available_end + align - 1) & ~(align - 1),
    };
}

/* Which page the queue is at: that starts it; none stops it. */
static void page_write(struct vdev_mmio *mmio, struct vdev_queue *queue, uint32_t page)
{
    struct vdev *device = mmio->device;
    if (page == 0) {
        vdev_queue_stop(device, queue);
        return;
    }
    if (queue->ring != NULL) {
        vdev_complain(device, "a queue's page written while it is in use");
        return;
    }
    if (mmio->legacy_page_size == 0 || mmio->legacy_queue_align == 0) {
        vdev_break(device, "a queue's page written before page size or alignment");
        return;
    }
    lay_out(mmio, queue, page);
    vdev_queue_enable(device, queue);
}

uint32_t vdev_mmio_legacy_page(struct vdev_mmio *mmio)
{
    const struct vdev_queue *queue = vdev_queue_at(mmio->device, mmio->queue_sel);
    if (queue == NULL || queue->ring == NULL)
        return 0;
    return (uint32_t)(queue->addresses.descriptors / mmio->legacy_page_size);
}

void vdev_mmio_legacy_write(struct vdev_mmio *mmio, uint32_t offset, uint32_t value)
{
    struct vdev_queue *queue = vdev_queue_at(mmio->device, mmio->queue_sel);
    if (offset != MMIO_LEGACY_QUEUE_PFN && !power_of_two(value))
        vdev_complain(mmio->device, "a page size or alignment that isn't a power of two");
    else if (offset == MMIO_LEGACY_PAGE_SIZE)
        mmio->legacy_page_size = value;
    else if (offset == MMIO_LEGACY_QUEUE_ALIGN)
        mmio->legacy_queue_align = value;
    else if (queue == NULL)
        vdev_complain(mmio->device, "a register written of a queue that doesn't exist");
    else
        page_write(mmio, queue, value);
}
