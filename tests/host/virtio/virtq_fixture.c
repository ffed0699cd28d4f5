/*
 * A queue and its device's end, and the transport between them.
 */
#include "virtq_fixture.h"

#include "fake_memory.h"

#include <stdlib.h>

static struct fixture *fixture_of(struct virtio_transport *transport)
{
    return (struct fixture *)(void *)((char *)transport - offsetof(struct fixture, transport));
}

static void notify(struct virtio_transport *transport, uint16_t index, uint16_t position)
{
    struct fixture *fixture = fixture_of(transport);
    CHECK(index == FIXTURE_INDEX);
    CHECK(fixture->kind.notification_data || position == 0); /* CORE-NOTIF-01 */
    fixture->notified++;
    fixture->position = position;
}

static int queue_reset(struct virtio_transport *transport, uint16_t index)
{
    struct fixture *fixture = fixture_of(transport);
    CHECK(index == FIXTURE_INDEX);
    fixture->resets++;
    return fixture->reset_result;
}

static const struct virtio_transport_ops transport_ops = {
    .notify = notify,
    .queue_reset = queue_reset,
};

static struct feature_set features_of(struct ring_kind kind)
{
    const struct {
        bool has;
        struct feature_bit bit;
    } bits[] = {
        {kind.packed, VIRTIO_F_RING_PACKED},
        {kind.event_index, VIRTIO_F_EVENT_IDX},
        {kind.indirect, VIRTIO_F_INDIRECT_DESC},
        {kind.in_order, VIRTIO_F_IN_ORDER},
        {kind.notification_data, VIRTIO_F_NOTIFICATION_DATA},
    };
    struct feature_set features = {0};
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (bits[i].has)
            features = feature_with(features, bits[i].bit);
    return features;
}

void fixture_device(struct fixture *fixture)
{
    const struct virtq_addresses *at = &fixture->addresses;
    const struct ring_kind *kind = &fixture->kind;
    if (kind->packed) {
        packed_model_init(&fixture->packed, at->descriptors, at->driver_area, at->device_area,
                          kind->size, kind->event_index, kind->indirect);
        return;
    }
    model_init(&fixture->split, at->descriptors, at->driver_area, at->device_area, kind->size,
               kind->event_index, kind->indirect);
    fixture->split.in_order = kind->in_order;
}

void fixture_set_up(struct fixture *fixture, struct ring_kind kind)
{
    fake_memory_reset();
    *fixture = (struct fixture){
        .kind = kind,
        .transport = {.ops = &transport_ops, .legacy = kind.legacy},
        .chains = calloc(kind.size, sizeof(*fixture->chains)),
    };
    struct feature_set features = features_of(kind);
    const struct virtq_format *format = virtq_format_for(&fixture->transport, features);
    struct dma_memory memory = {.len_bytes = format->memory_len(kind.size)};
    memory.address = fake_memory_alloc(memory.len_bytes, &memory.device_address);
    virtq_init(&fixture->queue, format, &fixture->transport, FIXTURE_INDEX, kind.size, features,
               &memory, fixture->chains, &fixture->addresses);
    fixture_device(fixture);
}

void fixture_tear_down(struct fixture *fixture)
{
    free(fixture->chains);
    fake_memory_reset();
}

bool fixture_available(const struct fixture *fixture)
{
    if (fixture->kind.packed)
        return packed_model_available(&fixture->packed);
    return model_waiting(&fixture->split) > 0;
}

bool fixture_pop(struct fixture *fixture, struct model_chain *chain)
{
    if (fixture->kind.packed)
        return packed_model_pop(&fixture->packed, chain);
    return model_pop(&fixture->split, chain);
}

bool fixture_push(struct fixture *fixture, const uint16_t *heads, unsigned count, uint32_t len)
{
    if (fixture->kind.packed)
        return packed_model_push(&fixture->packed, heads, count, len);
    return model_push_run(&fixture->split, heads, count, len);
}

bool fixture_sleep(struct fixture *fixture)
{
    if (fixture->kind.packed)
        return packed_model_sleep(&fixture->packed);
    return model_sleep(&fixture->split);
}

void fixture_wake(struct fixture *fixture)
{
    if (fixture->kind.packed)
        packed_model_wake(&fixture->packed);
    else
        model_wake(&fixture->split);
}
