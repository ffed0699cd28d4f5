/*
 * Used elements, in the formats of both rings (virtio 1.4, 2.7.8 and 2.8.5).
 */
#include "used.h"

#include <libvirtio/packed.h>
#include <libvirtio/split.h>

static void packed_put(struct virtq *queue, uint16_t id, uint32_t len_bytes)
{
    struct packed_descriptor *slot = &queue->packed.ring[queue->packed.used];
    unsigned lap = queue->packed.used_wrap ? PACKED_DESCRIPTOR_AVAIL | PACKED_DESCRIPTOR_USED : 0;
    slot->id = id;
    slot->len_bytes = len_bytes;
    slot->flags = (uint16_t)(lap | (len_bytes > 0 ? PACKED_DESCRIPTOR_WRITE : 0));
}

void used_put(struct virtq *queue, uint16_t id, uint32_t len_bytes, uint16_t more)
{
    if (queue->format == &virtq_packed_format) {
        packed_put(queue, id, len_bytes);
        return;
    }
    struct split_used *used = queue->split.used;
    struct split_used_element *element = &used->ring[used->index & (queue->size - 1u)];
    element->id = id;
    element->len_bytes = len_bytes;
    used->index = (uint16_t)(used->index + 1 + more);
}
