/*
 * Split rings, device side (virtio 1.4, 2.7).
 *
 * Order: available index, dma_rmb, ring slot and descriptors; the other way data and used elements,
 * dma_wmb, used index, io_mb, used_event or the available flags.
 */
#include <libvirtio/barrier.h>
#include <libvirtio/device/queue.h>
#include <stdatomic.h>

static const char *split_start(struct vdev_queue *queue)
{
    struct vdev_split *split = &queue->split;
    const struct virtq_addresses *at = &queue->addresses;
    uint64_t size = queue->size;
    if (size > VIRTIO_QUEUE_SIZE_LIMIT || (size & (size - 1)) != 0)
        return "a split queue's size isn't a power of two";
    *split = (struct vdev_split){
        .descriptors = vdev_queue_part(queue, at->descriptors, 16 * size, 16, false),
        .available = vdev_queue_part(queue, at->driver_area, 6 + 2 * size, 2, false),
        .used = vdev_queue_part(queue, at->device_area, 6 + 8 * size, 4, true),
    };
    if (split->descriptors == NULL || split->available == NULL || split->used == NULL)
        return "a queue's parts aren't in memory, or not aligned";
    split->used_event = &split->available->ring[size];
    split->avail_event = (_Atomic uint16_t *)(void *)&split->used->ring[size];
    return NULL;
}

/* ---- taking ---- */

/* How many wait, looking at the index only if none is known of. */
static uint16_t waiting(struct vdev_split *split)
{
    if (split->seen_available == split->next_available) {
        split->seen_available = atomic_load_explicit(&split->available->index,
                                                     memory_order_relaxed);
        dma_rmb();
    }
    return (uint16_t)(split->seen_available - split->next_available);
}

static bool split_pending(struct vdev_queue *queue)
{
    return waiting(&queue->split) > 0;
}

/* A table of descriptors: the queue's own, or one that a descriptor points to. */
struct table {
    const uint8_t *entries;
    uint32_t count;
    bool indirect;
};

/* Goes from a descriptor into the table that it points to (virtio 1.4, 2.7.5.3). Its WRITE flag means
 * nothing. */
static const char *enter(const struct vdev_queue *queue, const struct split_descriptor *descriptor,
                         struct table *table)
{
    if (!queue->indirect || table->indirect || (descriptor->flags & SPLIT_DESCRIPTOR_NEXT) != 0)
        return "an indirect table where none may be";
    if (descriptor->len_bytes == 0 || descriptor->len_bytes % sizeof(*descriptor) != 0)
        return "an indirect table of a length that isn't one of descriptors";
    *table = (struct table){
        .entries = queue->host->translate(queue->host, descriptor->address, descriptor->len_bytes,
                                          false),
        .count = descriptor->len_bytes / (uint32_t)sizeof(*descriptor),
        .indirect = true,
    };
    return table->entries == NULL ? "an indirect table isn't in memory" : NULL;
}

/* Ends: each turn makes the chain longer, but for the one that enters the indirect table. */
static const char *walk(const struct vdev_queue *queue, struct vdev_chain *chain)
{
    struct table table = {.entries = queue->split.descriptors, .count = queue->size};
    uint16_t at = chain->id;
    for (;;) {
        struct split_descriptor descriptor;
        const char *wrong;
        if (at >= table.count)
            return "a descriptor's number is beyond its table";
        vdev_read_once(&descriptor, table.entries + at * sizeof(descriptor), sizeof(descriptor));
        if ((descriptor.flags & SPLIT_DESCRIPTOR_INDIRECT) != 0) {
            wrong = enter(queue, &descriptor, &table);
            at = 0;
        } else {
            wrong = vdev_chain_add(queue, chain, descriptor.address, descriptor.len_bytes,
                                   (descriptor.flags & SPLIT_DESCRIPTOR_WRITE) != 0);
            if (wrong == NULL && (descriptor.flags & SPLIT_DESCRIPTOR_NEXT) == 0)
                return NULL;
            at = descriptor.next;
        }
        if (wrong != NULL)
            return wrong;
    }
}

static bool in_use(const struct vdev_queue *queue, uint16_t head)
{
    return (queue->in_use[head / 32] >> head % 32 & 1) != 0;
}

static int split_take(struct vdev_queue *queue, struct vdev_chain *chain, const char **what)
{
    struct vdev_split *split = &queue->split;
    uint16_t count = waiting(split);
    if (count == 0)
        return 0;
    *what = "more buffers are available than the queue is long";
    if (count > queue->size)
        return -1;
    unsigned slot = split->next_available & (queue->size - 1u);
    uint16_t head = atomic_load_explicit(&split->available->ring[slot], memory_order_relaxed);
    *what = "an available head is beyond the queue, or in flight already";
    if (head >= queue->size || in_use(queue, head))
        return -1;
    chain->id = head;
    chain->slots = 1;
    *what = walk(queue, chain);
    if (*what != NULL)
        return -1;
    split->next_available++;
    queue->in_use[head / 32] |= (uint32_t)1 << head % 32;
    return 1;
}

/* ---- using ---- */

static void split_release(struct vdev_queue *queue, const struct vdev_chain *chain)
{
    queue->in_use[chain->id / 32] &= ~((uint32_t)1 << chain->id % 32);
}

static void split_put(struct vdev_queue *queue, uint16_t id, uint32_t len_bytes, unsigned slots)
{
    struct vdev_split *split = &queue->split;
    struct split_used_element *element = &split->used->ring[split->used_index & (queue->size - 1u)];
    atomic_store_explicit(&element->id, id, memory_order_relaxed);
    atomic_store_explicit(&element->len_bytes, len_bytes, memory_order_relaxed);
    split->used_index = (uint16_t)(split->used_index + slots);
}

static bool split_publish(struct vdev_queue *queue)
{
    struct vdev_split *split = &queue->split;
    uint16_t old = split->shown_index;
    uint16_t new = split->used_index;
    if (new == old)
        return false;
    dma_wmb();
    atomic_store_explicit(&split->used->index, new, memory_order_relaxed);
    split->shown_index = new;
    /* Pairs with the driver's fence between asking for an interrupt and looking at the index. */
    io_mb();
    if (!queue->event_index) {
        unsigned flags = atomic_load_explicit(&split->available->flags, memory_order_relaxed);
        return (flags & SPLIT_AVAILABLE_NO_INTERRUPT) == 0;
    }
    uint16_t event = atomic_load_explicit(split->used_event, memory_order_relaxed);
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static void split_ask(struct vdev_queue *queue, bool notifications)
{
    struct vdev_split *split = &queue->split;
    uint16_t flags = (uint16_t)(notifications ? 0 : SPLIT_USED_NO_NOTIFY);
    if (!queue->event_index)
        atomic_store_explicit(&split->used->flags, flags, memory_order_relaxed);
    else if (notifications) /* who isn't asked for a new index has none to notify at */
        atomic_store_explicit(split->avail_event, split->next_available, memory_order_relaxed);
}

const struct vdev_ring vdev_split_ring = {
    .start = split_start,
    .take = split_take,
    .release = split_release,
    .put = split_put,
    .publish = split_publish,
    .ask = split_ask,
    .pending = split_pending,
};
