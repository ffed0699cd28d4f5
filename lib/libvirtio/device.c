/*
 * Device initialization (virtio 1.4, 3.1.1) and configuration space (virtio 1.4, 2.5).
 */
#include <anole/error.h>
#include <libvirtio/device.h>

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

static int negotiate(struct virtio_device *device, const struct feature_rule *rules,
                     unsigned rule_count)
{
    struct virtio_transport *transport = device->transport;
    int rc = feature_negotiate(transport->ops->offered(transport), transport->barred, rules,
                               rule_count, &device->features, &device->missing_feature);
    if (rc < 0)
        return rc;
    /* Devices exist that work without VERSION_1 and then mean the legacy layout. */
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

int virtio_device_open(struct virtio_device *device, struct virtio_transport *transport,
                       const struct feature_rule *rules, unsigned rule_count)
{
    *device = (struct virtio_device){.transport = transport};
    int rc = transport->ops->reset(transport);
    if (rc == 0) {
        add_status(device, VIRTIO_STATUS_ACKNOWLEDGE);
        add_status(device, VIRTIO_STATUS_DRIVER);
        rc = negotiate(device, rules, rule_count);
    }
    if (rc < 0)
        virtio_device_fail(device);
    return rc;
}

static uint16_t power_of_two_below(unsigned limit)
{
    unsigned size = 1;
    while (size * 2 <= limit)
        size *= 2;
    return (uint16_t)size;
}

int virtio_device_queue(struct virtio_device *device, struct virtq *queue, uint16_t index,
                        uint16_t size_limit, struct virtq_chain *chains)
{
    struct virtio_transport *transport = device->transport;
    const struct virtq_format *format = &virtq_split_format;
    int size_max = transport->ops->queue_size_max(transport, index);
    if (size_max < 0) {
        virtio_device_fail(device);
        return size_max;
    }
    unsigned limit = (unsigned)size_max < size_limit ? (unsigned)size_max : size_limit;
    uint16_t size = power_of_two_below(limit);

    struct dma_memory memory;
    int rc = transport->platform->dma_alloc(transport->platform, format->memory_len(size), &memory);
    if (rc < 0) {
        virtio_device_fail(device);
        return rc;
    }
    struct virtq_addresses addresses;
    virtq_init(queue, format, transport, index, size, device->features, &memory, chains,
               &addresses);
    transport->ops->queue_enable(transport, index, size, &addresses);
    return 0;
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

int virtio_config_read(struct virtio_device *device, struct virtio_config_field *fields,
                       unsigned count)
{
    struct virtio_transport *transport = device->transport;
    for (unsigned i = 0; i < count; i++)
        if (!field_valid(device, &fields[i]))
            return -ANOLE_ERANGE;
    for (unsigned try = 0; try < CONFIG_TRIES; try++) {
        uint32_t before = transport->ops->config_generation(transport);
        for (unsigned i = 0; i < count; i++)
            fields[i].value = transport->ops->config_field(transport, fields[i].offset,
                                                           fields[i].width);
        if (transport->ops->config_generation(transport) == before)
            return 0;
    }
    return -ANOLE_EAGAIN;
}
