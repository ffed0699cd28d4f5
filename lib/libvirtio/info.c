/*
 * Telling about a device and its queues, see info.h. What the device says is handed on as it is.
 */
#include <libanole/service.h>
#include <libvirtio/info.h>
#include <string.h>

static const struct virtio_attached *attached;
static struct virtio_device *device;
static void (*driver_count)(struct virtio_counters *counters);

static int give(const struct ipc_delivery *request, const void *data, size_t len)
{
    const struct message *message = &request->message;
    return kcall_copy(message->endpoint, message->word[0], 0, (void *)(uintptr_t)data, len,
                      COPY_TO_GRANT);
}

static uint32_t queue_count(void)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
        count += device->queues[i] != NULL;
    return count;
}

static int info(struct ipc_delivery *request)
{
    struct virtio_transport *transport = attached->transport;
    struct virtio_info info = {
        .device_id = transport->device_id,
        .transport = startup_page()->described.transport,
        .legacy = transport->legacy,
        .driver_status = device->status,
        .device_status = transport->ops->status(transport),
        .offered = device->offered.mask,
        .accepted = device->features.mask,
        .queues = queue_count(),
        .vectors = transport->vectors,
        .config_len_bytes = transport->config_len,
    };
    info.registers = transport->ops->registers(transport, info.reg, VIRTIO_REGISTERS);
    driver_count(&info.counters);
    info.counters.resets = startup_page()->instance;
    memcpy(info.label, startup_page()->device, sizeof(info.label));
    return give(request, &info, sizeof(info));
}

static int queue_info(struct ipc_delivery *request)
{
    uint64_t wanted = request->message.word[1];
    unsigned i = 0;
    while (i < VIRTIO_QUEUES && (device->queues[i] == NULL || wanted-- > 0))
        i++;
    if (i == VIRTIO_QUEUES)
        return -ANOLE_ENOENT;
    struct virtq_state state;
    virtq_describe(device->queues[i], virtio_clock_ms(), &state);
    struct virtio_queue_info queue = {
        .index = state.index,
        .size = state.size,
        .vector = virtio_vector_of(attached->transport, i),
        .packed = feature_has(device->features, VIRTIO_F_RING_PACKED),
        .broken = state.broken,
        .in_flight = state.in_flight,
        .added = state.added,
        .free_slots = state.free_slots,
        .available = state.available,
        .used = state.used,
        .driver_event = state.driver_event,
        .device_event = state.device_event,
        .oldest_ms = state.oldest_ms,
    };
    return give(request, &queue, sizeof(queue));
}

void virtio_info_serve(const struct virtio_attached *of, struct virtio_device *its_device,
                       void (*count)(struct virtio_counters *counters))
{
    static const struct service_entry entries[] = {{VIRTIO_INFO, info}, {VIRTIO_QUEUE, queue_info}};
    attached = of;
    device = its_device;
    driver_count = count;
    service_also(entries, sizeof(entries) / sizeof(entries[0]));
}
