/*
 * What all ring formats share: argument checks, the free list of slots, the private record of what is
 * in flight, and the rule that a broken queue stays broken.
 */
#include <anole/error.h>
#include <libanole/fault.h>
#include <libvirtio/barrier.h>
#include <libvirtio/virtq.h>

void virtq_init(struct virtq *queue, const struct virtq_format *format,
                struct virtio_transport *transport, uint16_t index, uint16_t size,
                struct feature_set features, const struct dma_memory *memory,
                struct virtq_chain *chains, struct virtq_addresses *addresses)
{
    *queue = (struct virtq){
        .format = format,
        .transport = transport,
        .chains = chains,
        .index = index,
        .size = size,
        .free_slots = size,
        .batch = 1,
        .event_index = feature_has(features, VIRTIO_F_EVENT_IDX),
        .indirect = feature_has(features, VIRTIO_F_INDIRECT_DESC),
    };
    for (unsigned i = 0; i < size; i++)
        chains[i] = (struct virtq_chain){.next = (uint16_t)(i + 1)};
    format->init(queue, memory, addresses);
}

/* Whether the segments make a buffer that the specification allows (virtio 1.4, 2.7.5). */
static bool buffer_valid(const struct virtq *queue, const struct virtq_segment *segments,
                         unsigned count)
{
    if (count == 0 || count > queue->size)
        return false;
    uint64_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].len_bytes == 0)
            return false;
        total += segments[i].len_bytes;
    }
    return total <= UINT32_MAX;
}

int virtq_add(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
              unsigned writable, const struct virtq_table *table, uint16_t token)
{
    if (queue->broken)
        return -ANOLE_EPROTO;
    if (readable > queue->size || writable > queue->size)
        return -ANOLE_EINVAL;
    unsigned count = readable + writable;
    if (!buffer_valid(queue, segments, count))
        return -ANOLE_EINVAL;
    if (!queue->indirect || count == 1 || (table != NULL && table->entries < count))
        table = NULL;
    if ((table != NULL ? 1 : count) > queue->free_slots)
        return -ANOLE_EAGAIN;
    fault_step(FAULT_DIE_RING);
    queue->format->add(queue, segments, readable, writable, table, token);
    queue->added++;
    return 0;
}

int virtq_kick(struct virtq *queue)
{
    if (queue->broken)
        return -ANOLE_EPROTO;
    if (queue->added == 0)
        return 0;
    fault_step(FAULT_DIE_RING);
    queue->shown = (uint16_t)(queue->shown + queue->added);
    queue->added = 0;
    bool wanted = queue->format->publish(queue);
    queue->batch++;
    if (!wanted)
        return 0;
    queue->transport->ops->notify(queue->transport, queue->index, 0);
    return 1;
}

int virtq_take(struct virtq *queue, struct virtq_used *used)
{
    if (queue->broken)
        return -ANOLE_EPROTO;
    fault_step(FAULT_DIE_RING);
    int rc = queue->format->take(queue, used);
    if (rc < 0)
        queue->broken = true;
    return rc;
}

int virtq_arm(struct virtq *queue, uint16_t after)
{
    if (queue->broken)
        return -ANOLE_EPROTO;
    if (after > queue->shown)
        after = queue->shown;
    if (after == 0 || !queue->event_index)
        after = 1;
    fault_step(FAULT_DIE_RING);
    int rc = queue->format->arm(queue, after);
    if (rc < 0)
        queue->broken = true;
    return rc;
}
