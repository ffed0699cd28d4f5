/*
 * The device's state machine: status, features, queues, configuration (virtio 1.4, 2.1 to 2.6).
 */
#include <libvirtio/device/vdev.h>
#include <stdatomic.h>

#define DRIVER_BITS                                                                                \
    (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |                  \
     VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

struct feature_set vdev_common_features(void)
{
    struct feature_set set = {0};
    set = feature_with(set, VIRTIO_F_INDIRECT_DESC);
    set = feature_with(set, VIRTIO_F_EVENT_IDX);
    set = feature_with(set, VIRTIO_F_VERSION_1);
    set = feature_with(set, VIRTIO_F_ACCESS_PLATFORM);
    set = feature_with(set, VIRTIO_F_RING_PACKED);
    set = feature_with(set, VIRTIO_F_IN_ORDER);
    set = feature_with(set, VIRTIO_F_ORDER_PLATFORM);
    set = feature_with(set, VIRTIO_F_NOTIFICATION_DATA);
    return feature_with(set, VIRTIO_F_RING_RESET);
}

uint8_t vdev_status(const struct vdev *device)
{
    return atomic_load_explicit(&device->status, memory_order_relaxed);
}

static bool status_has(const struct vdev *device, unsigned bit)
{
    return (vdev_status(device) & bit) != 0;
}

bool vdev_runs(const struct vdev *device)
{
    unsigned bits = VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED;
    return (vdev_status(device) & bits) == VIRTIO_STATUS_DRIVER_OK;
}

void vdev_complain(struct vdev *device, const char *what)
{
    if (device->host->driver_error != NULL)
        device->host->driver_error(device->host, device, what);
}

void vdev_break(struct vdev *device, const char *what)
{
    unsigned old = atomic_fetch_or(&device->status, VIRTIO_STATUS_NEEDS_RESET);
    vdev_complain(device, what);
    if ((old & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) == VIRTIO_STATUS_DRIVER_OK)
        device->interrupt(device->transport, VIRTIO_INTERRUPT_CONFIG, 0);
}

/* ---- status and features ---- */

static void take_back(struct vdev *device, struct vdev_queue *queue)
{
    if (queue->ring != NULL && device->host->stopping != NULL)
        device->host->stopping(device->host, device, (uint16_t)(queue - device->queues));
    vdev_queue_reset(queue);
}

static void reset(struct vdev *device)
{
    /* First of all nothing new is taken, nothing shown. */
    atomic_store(&device->status, 0);
    for (unsigned i = 0; i < device->queue_count; i++)
        take_back(device, &device->queues[i]);
    device->accepted = (struct feature_set){0};
    device->queues_usable = device->queue_count;
}

static bool acceptable(struct vdev *device)
{
    struct feature_set accepted = device->accepted;
    if ((accepted.mask & ~device->offered.mask) != 0 ||
        (!device->legacy && !feature_has(accepted, VIRTIO_F_VERSION_1)))
        return false;
    /* Who offers it reaches memory in the platform's way only. */
    if (feature_has(device->offered, VIRTIO_F_ACCESS_PLATFORM) &&
        !feature_has(accepted, VIRTIO_F_ACCESS_PLATFORM))
        return false;
    return device->type->accepts(device, accepted);
}

/* Whether both sides agree on features. Of a legacy device they do when it is to start. */
static bool negotiated(struct vdev *device, unsigned status)
{
    return device->legacy ? acceptable(device) : (status & VIRTIO_STATUS_FEATURES_OK) != 0;
}

/* The order of virtio 1.4, 3.1.1. Returns those of the new bits that are to be set. */
static unsigned judge_status(struct vdev *device, unsigned old, unsigned added)
{
    if ((added & VIRTIO_STATUS_DRIVER) != 0 && ((old | added) & VIRTIO_STATUS_ACKNOWLEDGE) == 0)
        vdev_complain(device, "DRIVER without ACKNOWLEDGE");
    if ((added & VIRTIO_STATUS_FEATURES_OK) != 0) {
        if (((old | added) & VIRTIO_STATUS_DRIVER) == 0)
            vdev_complain(device, "FEATURES_OK without DRIVER");
        if (device->legacy || !acceptable(device))
            added &= ~VIRTIO_STATUS_FEATURES_OK;
    }
    if ((added & VIRTIO_STATUS_DRIVER_OK) != 0 && !negotiated(device, old | added)) {
        vdev_break(device, "DRIVER_OK without FEATURES_OK, or what a legacy device doesn't have");
        added &= ~VIRTIO_STATUS_DRIVER_OK;
    }
    return added;
}

void vdev_status_write(struct vdev *device, uint32_t value)
{
    if (value == 0) {
        reset(device);
        return;
    }
    unsigned old = vdev_status(device);
    if ((value & ~(DRIVER_BITS | VIRTIO_STATUS_NEEDS_RESET)) != 0)
        vdev_complain(device, "a status bit that doesn't exist");
    if ((old & DRIVER_BITS & ~value) != 0)
        vdev_complain(device, "a status bit taken away"); /* virtio 1.4, 2.1.1 */
    unsigned added = judge_status(device, old, value & DRIVER_BITS & ~old);
    atomic_fetch_or(&device->status, (uint8_t)added);
}

uint32_t vdev_offered_word(const struct vdev *device, uint32_t word)
{
    return word < 2 ? (uint32_t)(device->offered.mask >> (32 * word)) : 0;
}

uint32_t vdev_accepted_word(const struct vdev *device, uint32_t word)
{
    return word < 2 ? (uint32_t)(device->accepted.mask >> (32 * word)) : 0;
}

void vdev_accept_word(struct vdev *device, uint32_t word, uint32_t value)
{
    unsigned end = device->legacy ? VIRTIO_STATUS_DRIVER_OK : VIRTIO_STATUS_FEATURES_OK;
    if ((vdev_status(device) & (VIRTIO_STATUS_DRIVER | end)) != VIRTIO_STATUS_DRIVER) {
        vdev_complain(device, "features written before DRIVER or when they are settled");
        return;
    }
    if (word >= 2) {
        if (value != 0)
            vdev_complain(device, "features accepted that there are not");
        return;
    }
    unsigned shift = 32 * word;
    device->accepted.mask &= ~((uint64_t)UINT32_MAX << shift);
    device->accepted.mask |= (uint64_t)value << shift;
}

/* ---- queues ---- */

struct vdev_queue *vdev_queue_at(struct vdev *device, uint32_t index)
{
    return index < device->queues_usable ? &device->queues[index] : NULL;
}

/* Whether size and addresses may be written. */
static bool in_preparation(struct vdev *device, const struct vdev_queue *queue)
{
    if (queue->ring != NULL)
        vdev_complain(device, "a queue's size or address written while it is ready");
    return queue->ring == NULL;
}

void vdev_queue_set_size(struct vdev *device, struct vdev_queue *queue, uint32_t size)
{
    if (!in_preparation(device, queue))
        return;
    if (size == 0 || size > queue->size_max)
        vdev_complain(device, "a queue's size is 0 or above its maximum");
    queue->size = size <= queue->size_max ? (uint16_t)size : 0;
}

void vdev_queue_set_address(struct vdev *device, struct vdev_queue *queue, unsigned part, bool high,
                            uint32_t half)
{
    uint64_t *const addresses[] = {&queue->addresses.descriptors, &queue->addresses.driver_area,
                                   &queue->addresses.device_area};
    unsigned shift = high ? 32 : 0;
    if (!in_preparation(device, queue))
        return;
    *addresses[part] &= ~((uint64_t)UINT32_MAX << shift);
    *addresses[part] |= (uint64_t)half << shift;
}

void vdev_queue_enable(struct vdev *device, struct vdev_queue *queue)
{
    if (!device->legacy && !status_has(device, VIRTIO_STATUS_FEATURES_OK)) {
        vdev_break(device, "a queue enabled before FEATURES_OK");
        return;
    }
    if (queue->ring != NULL) {
        vdev_complain(device, "a queue enabled twice");
        return;
    }
    const char *wrong = vdev_queue_start(queue, device->accepted);
    if (wrong != NULL)
        vdev_break(device, wrong);
}

void vdev_queue_stop(struct vdev *device, struct vdev_queue *queue)
{
    if (queue->ring == NULL)
        vdev_complain(device, "a queue stopped that doesn't run");
    take_back(device, queue);
}

bool vdev_queue_reset_asked(struct vdev *device, struct vdev_queue *queue, uint32_t value)
{
    if (!feature_has(device->accepted, VIRTIO_F_RING_RESET) || value != 1) {
        vdev_complain(device, "a queue's reset without RING_RESET, or not with 1");
        return false;
    }
    vdev_queue_stop(device, queue);
    return true;
}

void vdev_notified(struct vdev *device, uint32_t value)
{
    /* The upper half, with this feature, says how far the driver is: the ring says so, too. */
    uint32_t index = value;
    if (feature_has(device->accepted, VIRTIO_F_NOTIFICATION_DATA))
        index = value & 0xffff;
    const struct vdev_queue *queue = vdev_queue_at(device, index);
    if (!status_has(device, VIRTIO_STATUS_DRIVER_OK) || queue == NULL || queue->ring == NULL) {
        vdev_complain(device, "a notification of a queue that doesn't run");
        return;
    }
    if (vdev_runs(device))
        device->host->notified(device->host, device, (uint16_t)index);
}

int vdev_take(struct vdev *device, uint16_t queue, struct vdev_chain *chain)
{
    const char *what;
    if (!vdev_runs(device) || queue >= device->queue_count)
        return 0;
    int rc = vdev_queue_take(&device->queues[queue], chain, &what);
    if (rc >= 0)
        return rc;
    vdev_break(device, what);
    return 0;
}

void vdev_publish(struct vdev *device, uint16_t queue)
{
    if (vdev_runs(device) && queue < device->queue_count &&
        vdev_queue_publish(&device->queues[queue]))
        device->interrupt(device->transport, VIRTIO_INTERRUPT_RING, queue);
}

/* ---- configuration space ---- */

static bool config_holds(struct vdev *device, uint32_t offset, unsigned width)
{
    if (!device->legacy && !status_has(device, VIRTIO_STATUS_DRIVER))
        vdev_complain(device, "configuration accessed before DRIVER");
    if ((width == 1 || width == 2 || width == 4) && offset % width == 0 &&
        offset < device->config_len && width <= device->config_len - offset)
        return true;
    vdev_complain(device, "configuration accessed misaligned or beyond its end");
    return false;
}

uint32_t vdev_config_read(struct vdev *device, uint32_t offset, unsigned width)
{
    uint32_t value = 0;
    if (!config_holds(device, offset, width))
        return 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)device->config[offset + i] << (8 * i);
    return value;
}

void vdev_config_write(struct vdev *device, uint32_t offset, unsigned width, uint32_t value)
{
    if (!config_holds(device, offset, width))
        return;
    if (!device->type->config_write(device, offset, width, value))
        vdev_complain(device, "a configuration field written that may not be");
}

void vdev_config_changed(struct vdev *device)
{
    device->config_generation++;
    if (vdev_runs(device))
        device->interrupt(device->transport, VIRTIO_INTERRUPT_CONFIG, 0);
}
