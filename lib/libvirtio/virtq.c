/*
 * What all ring formats share: argument checks, the free list of slots, the private record of what is
 * in flight, and the rule that a broken queue stays broken.
 */
#include <anole/error.h>
#include <libanole/fault.h>
#include <libvirtio/barrier.h>
#include <libvirtio/virtq.h>
#include <string.h>

const struct virtq_format *virtq_format_for(const struct virtio_transport *transport,
                                            struct feature_set features)
{
    if (transport->legacy)
        return &virtq_split_legacy_format;
    return feature_has(features, VIRTIO_F_RING_PACKED) ? &virtq_packed_format : &virtq_split_format;
}

uint16_t virtq_size_below(const struct virtq_format *format, unsigned limit)
{
    unsigned size = 1;
    if (format->any_size)
        return (uint16_t)limit;
    while (size * 2 <= limit)
        size *= 2;
    return (uint16_t)size;
}

/* The state of a queue that nothing was ever added to; its memory is zero. */
static void start(struct virtq *queue, struct virtq_addresses *addresses)
{
    queue->free_slots = queue->size;
    queue->free_head = queue->oldest = 0;
    queue->shown = queue->added = queue->run_left = 0;
    queue->broken = false;
    for (unsigned id = 0; id < queue->size; id++) /* a circle: IN_ORDER goes round */
        queue->chains[id] = (struct virtq_chain){
            .next = (uint16_t)(id + 1 < queue->size ? id + 1 : 0)};
    queue->format->init(queue, &queue->memory, addresses);
}

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
        .event_index = feature_has(features, VIRTIO_F_EVENT_IDX),
        .indirect = feature_has(features, VIRTIO_F_INDIRECT_DESC),
        .in_order = feature_has(features, VIRTIO_F_IN_ORDER),
        .notification_data = feature_has(features, VIRTIO_F_NOTIFICATION_DATA),
        .legacy = transport->legacy,
        .memory = *memory,
    };
    start(queue, addresses);
}

static void hand_back(const struct virtq *queue, void (*lost)(void *context, uint16_t token),
                      void *context)
{
    for (unsigned id = 0; id < queue->size; id++)
        if (queue->chains[id].descriptors != 0)
            lost(context, queue->chains[id].token);
}

int virtq_reset(struct virtq *queue, void (*lost)(void *context, uint16_t token), void *context,
                struct virtq_addresses *addresses)
{
    struct virtio_transport *transport = queue->transport;
    int rc = transport->ops->queue_reset(transport, queue->index);
    if (rc < 0) {
        queue->broken = true;
        return rc;
    }
    hand_back(queue, lost, context);
    memset(queue->memory.address, 0, queue->format->memory_len(queue->size));
    start(queue, addresses);
    return 0;
}

/* Whether the segments make a buffer that the specification allows (virtio 1.4, 2.7.5). */
static bool buffer_valid(const struct virtq_segment *segments, unsigned count)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].len_bytes == 0)
            return false;
        total += segments[i].len_bytes;
    }
    return total <= UINT32_MAX;
}

/* Records a buffer, all but what it takes of the ring, as the chain of the next free id. */
static void chain_begin(struct virtq *queue, const struct virtq_segment *writable,
                        unsigned writable_count, uint16_t token)
{
    struct virtq_chain *chain = &queue->chains[queue->free_head];
    uint32_t writable_bytes = 0;
    for (unsigned i = 0; i < writable_count; i++)
        writable_bytes += writable[i].len_bytes;
    chain->writable_bytes = writable_bytes;
    chain->order = queue->order++;
    chain->added_ms = queue->now_ms;
    chain->token = token;
}

int virtq_add(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
              unsigned writable, const struct virtq_table *table, uint16_t token)
{
    if (queue->broken)
        return -ANOLE_EPROTO;
    unsigned count = readable + writable;
    if (count < readable || count == 0 || count > queue->size || !buffer_valid(segments, count))
        return -ANOLE_EINVAL;
    if (!queue->indirect || count == 1 || (table != NULL && table->entries < count))
        table = NULL;
    if ((table != NULL ? 1 : count) > queue->free_slots)
        return -ANOLE_EAGAIN;
    fault_step(FAULT_DIE_RING);
    chain_begin(queue, segments + readable, writable, token);
    queue->format->add(queue, segments, readable, count, table);
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
    if (!queue->format->publish(queue))
        return 0;
    queue->transport->ops->notify(queue->transport, queue->index,
                                  queue->notification_data ? queue->position : 0);
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

void virtq_disarm(struct virtq *queue)
{
    if (!queue->broken)
        queue->format->disarm(queue);
}

void virtq_describe(const struct virtq *queue, uint32_t now_ms, struct virtq_state *state)
{
    *state = (struct virtq_state){
        .index = queue->index,
        .size = queue->size,
        .in_flight = queue->shown,
        .added = queue->added,
        .free_slots = queue->free_slots,
        .broken = queue->broken,
    };
    for (unsigned id = 0; id < queue->size; id++) {
        uint32_t age_ms = now_ms - queue->chains[id].added_ms;
        if (queue->chains[id].descriptors != 0 && age_ms > state->oldest_ms)
            state->oldest_ms = age_ms;
    }
    queue->format->describe(queue, state);
}
