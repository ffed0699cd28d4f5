/*
 * Device initialization (virtio 1.4, 3.1.1) and configuration space (virtio 1.4, 2.5).
 */
#include <anole/error.h>
#include <libvirtio/device.h>
#include <string.h>

#define CONFIG_TRIES 16u

/* Status bits are only ever added (virtio 1.4, 2.1.1); reset alone takes them away. */
static void add_status(struct virtio_device *device, unsigned bits)
{
    device->status = (uint8_t)(device->status | bits);
    device->transport->ops->set_status(device->transport, device->status);
}

void virtio_device_fail(struct virtio_device *device)
{
    add_status(device, VIRTIO_STATUS_FAILED);
}

bool virtio_device_needs_reset(struct virtio_device *device)
{
    uint8_t status = device->transport->ops->status(device->transport);
    return (status & VIRTIO_STATUS_NEEDS_RESET) != 0 || (status & device->status) != device->status;
}

/* Devices exist that work without VERSION_1 and then mean the legacy layout. */
static int accept_modern(struct virtio_device *device)
{
    struct virtio_transport *transport = device->transport;
    if (!feature_has(device->features, VIRTIO_F_VERSION_1)) {
        device->missing_feature = VIRTIO_F_VERSION_1;
        return -ANOLE_ENODEV;
    }
    transport->ops->accept(transport, device->features);
    add_status(device, VIRTIO_STATUS_FEATURES_OK);
    if ((transport->ops->status(transport) & VIRTIO_STATUS_FEATURES_OK) == 0)
        return -ANOLE_EPROTO;
    return 0;
}

/* No FEATURES_OK, and ANY_LAYOUT is accepted whenever it is offered (virtio 1.4, 3.1.2, 6.3). */
static int accept_legacy(struct virtio_device *device, struct feature_set offered)
{
    struct virtio_transport *transport = device->transport;
    device->features = feature_without(device->features, VIRTIO_F_VERSION_1);
    if (feature_has(offered, VIRTIO_F_ANY_LAYOUT))
        device->features = feature_with(device->features, VIRTIO_F_ANY_LAYOUT);
    transport->ops->accept(transport, device->features);
    return 0;
}

static int negotiate(struct virtio_device *device, const struct feature_rule *rules,
                     unsigned rule_count)
{
    struct virtio_transport *transport = device->transport;
    struct feature_set offered = transport->ops->offered(transport);
    device->offered = offered;
    if (transport->legacy)
        offered = feature_with(offered, VIRTIO_F_VERSION_1);
    int rc = feature_negotiate(offered, transport->barred, rules, rule_count, &device->features,
                               &device->missing_feature);
    if (rc < 0)
        return rc;
    transport->notification_data = feature_has(device->features, VIRTIO_F_NOTIFICATION_DATA);
    return transport->legacy ? accept_legacy(device, offered) : accept_modern(device);
}

uint16_t virtio_vector_of(const struct virtio_transport *transport, unsigned queue)
{
    if (queue == VIRTIO_CONFIG_VECTOR || transport->vectors <= 1)
        return 0;
    return (uint16_t)(1 + queue % (transport->vectors - 1u));
}

static int choose_vector(struct virtio_transport *transport, unsigned queue)
{
    if (transport->vectors == 0)
        return 0;
    return transport->ops->set_vector(transport, queue, virtio_vector_of(transport, queue));
}

int virtio_device_open(struct virtio_device *device, struct virtio_transport *transport,
                       const struct feature_rule *rules, unsigned rule_count)
{
    *device = (struct virtio_device){
        .transport = transport,
        .missing_feature = FEATURE_NEEDS_NOTHING,
    };
    int rc = transport->ops->reset(transport);
    if (rc == 0) {
        add_status(device, VIRTIO_STATUS_ACKNOWLEDGE);
        add_status(device, VIRTIO_STATUS_DRIVER);
        rc = negotiate(device, rules, rule_count);
    }
    if (rc == 0)
        rc = choose_vector(transport, VIRTIO_CONFIG_VECTOR);
    if (rc < 0)
        virtio_device_fail(device);
    return rc;
}

static int queue_set_up(struct virtio_device *device, struct virtq *queue, uint16_t index,
                        uint16_t size_limit, struct virtq_chain *chains)
{
    struct virtio_transport *transport = device->transport;
    const struct virtq_format *format = virtq_format_for(transport, device->features);
    if (index >= VIRTIO_QUEUES)
        return -ANOLE_ENODEV;
    int size_max = transport->ops->queue_size_max(transport, index);
    if (size_max < 0)
        return size_max;
    unsigned limit = (unsigned)size_max < size_limit ? (unsigned)size_max : size_limit;
    uint16_t size = virtq_size_below(format, limit);

    struct dma_memory memory;
    int rc = transport->platform->dma_alloc(transport->platform, format->memory_len(size), &memory);
    if (rc == 0)
        rc = choose_vector(transport, index);
    if (rc < 0)
        return rc;
    struct virtq_addresses addresses;
    virtq_init(queue, format, transport, index, size, device->features, &memory, chains,
               &addresses);
    return transport->ops->queue_enable(transport, index, size, &addresses);
}

int virtio_device_queue(struct virtio_device *device, struct virtq *queue, uint16_t index,
                        uint16_t size_limit, struct virtq_chain *chains)
{
    int rc = queue_set_up(device, queue, index, size_limit, chains);
    if (rc == 0)
        device->queues[index] = queue;
    else
        virtio_device_fail(device);
    return rc;
}

int virtio_device_queue_again(struct virtio_device *device, struct virtq *queue)
{
    struct virtio_transport *transport = device->transport;
    struct dma_memory memory = queue->memory;
    struct virtq_addresses addresses;
    int rc = transport->ops->queue_size_max(transport, queue->index);
    if (rc >= 0)
        rc = (unsigned)rc < queue->size ? -ANOLE_EPROTO : choose_vector(transport, queue->index);
    if (rc == 0) {
        memset(memory.address, 0, memory.len_bytes);
        virtq_init(queue, queue->format, transport, queue->index, queue->size, device->features,
                   &memory, queue->chains, &addresses);
        rc = transport->ops->queue_enable(transport, queue->index, queue->size, &addresses);
    }
    if (rc == 0)
        device->queues[queue->index] = queue;
    else
        virtio_device_fail(device);
    return rc;
}

int virtio_device_queue_reset(struct virtio_device *device, struct virtq *queue,
                              void (*lost)(void *context, uint16_t token), void *context)
{
    struct virtio_transport *transport = device->transport;
    struct virtq_addresses addresses;
    if (!feature_has(device->features, VIRTIO_F_RING_RESET))
        return -ANOLE_ENOSYS;
    int rc = virtq_reset(queue, lost, context, &addresses);
    if (rc == 0)
        rc = choose_vector(transport, queue->index);
    if (rc == 0)
        rc = transport->ops->queue_enable(transport, queue->index, queue->size, &addresses);
    return rc;
}

int virtio_device_start(struct virtio_device *device)
{
    add_status(device, VIRTIO_STATUS_DRIVER_OK);
    if (!virtio_device_needs_reset(device))
        return 0;
    virtio_device_fail(device);
    return -ANOLE_EPROTO;
}

static bool field_valid(const struct virtio_device *device, const struct virtio_config_field *field)
{
    uint32_t alignment = field->width == 8 ? 4 : field->width;
    return (field->width == 1 || field->width == 2 || field->width == 4 || field->width == 8) &&
           field->offset % alignment == 0 &&
           (uint64_t)field->offset + field->width <= device->transport->config_len;
}

unsigned virtio_interrupt_causes(struct virtio_transport *transport, bool config_vector,
                                 bool queue_vector)
{
    if (transport->vectors == 0)
        return transport->ops->interrupt(transport);
    bool both = transport->vectors == 1 && (config_vector || queue_vector);
    return (config_vector || both ? VIRTIO_INTERRUPT_CONFIG : 0) |
           (queue_vector || both ? VIRTIO_INTERRUPT_RING : 0);
}

/* Reads each field once more into its place; whether none has changed. */
static bool fields_read(struct virtio_transport *transport, struct virtio_config_field *fields,
                        unsigned count)
{
    bool same = true;
    for (unsigned i = 0; i < count; i++) {
        uint64_t value = transport->ops->config_field(transport, fields[i].offset, fields[i].width);
        same &= value == fields[i].value;
        fields[i].value = value;
    }
    return same;
}

int virtio_config_read(struct virtio_device *device, struct virtio_config_field *fields,
                       unsigned count)
{
    struct virtio_transport *transport = device->transport;
    for (unsigned i = 0; i < count; i++)
        if (!field_valid(device, &fields[i]))
            return -ANOLE_ERANGE;
    for (unsigned try = 0; try < CONFIG_TRIES; try++) {
        uint32_t before = transport->ops->config_generation(transport);
        bool same = fields_read(transport, fields, count);
        if (transport->legacy ? same && try > 0
                              : transport->ops->config_generation(transport) == before)
            return 0;
    }
    return -ANOLE_EAGAIN;
}

int virtio_config_write(struct virtio_device *device, const struct virtio_config_field *field)
{
    if (field->width > 4 || !field_valid(device, field))
        return -ANOLE_ERANGE;
    device->transport->ops->config_write(device->transport, field->offset, field->width,
                                         (uint32_t)field->value);
    return 0;
}
