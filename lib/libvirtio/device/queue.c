/*
 * What both ring formats share: pieces of chains and their checks, batches of buffers used in order,
 * and the rule that a broken queue stays broken.
 */
#include <libvirtio/barrier.h>
#include <libvirtio/device/queue.h>
#include <string.h>

#define CHAIN_BYTES_MAX ((uint64_t)1 << 32) /* virtio 1.4, 2.7.5 */

void vdev_queue_init(struct vdev_queue *queue, struct vdev_host *host, uint16_t size_max,
                     uint32_t *in_use)
{
    *queue = (struct vdev_queue){.host = host, .in_use = in_use, .size_max = size_max};
    vdev_queue_reset(queue);
}

void vdev_queue_reset(struct vdev_queue *queue)
{
    *queue = (struct vdev_queue){
        .host = queue->host,
        .in_use = queue->in_use,
        .size_max = queue->size_max,
        .size = queue->size_max,
    };
    memset(queue->in_use, 0, VDEV_QUEUE_WORDS(queue->size_max) * sizeof(*queue->in_use));
}

const char *vdev_queue_start(struct vdev_queue *queue, struct feature_set features)
{
    if (queue->size == 0 || queue->size > queue->size_max)
        return "a queue's size is 0 or above its maximum";
    queue->event_index = feature_has(features, VIRTIO_F_EVENT_IDX);
    queue->indirect = feature_has(features, VIRTIO_F_INDIRECT_DESC);
    queue->in_order = feature_has(features, VIRTIO_F_IN_ORDER);
    const struct vdev_ring *ring = feature_has(features, VIRTIO_F_RING_PACKED) ? &vdev_packed_ring
                                                                               : &vdev_split_ring;
    const char *wrong = ring->start(queue);
    if (wrong == NULL)
        queue->ring = ring;
    return wrong;
}

void *vdev_queue_part(const struct vdev_queue *queue, uint64_t address, uint64_t len_bytes,
                      unsigned alignment, bool writable)
{
    if (address % alignment != 0)
        return NULL;
    void *place = queue->host->translate(queue->host, address, len_bytes, writable);
    return (uintptr_t)place % alignment == 0 ? place : NULL;
}

void vdev_read_once(void *to, const void *from, size_t len_bytes)
{
    memcpy(to, from, len_bytes);
    /* The compiler may not look at the source again instead of the copy. */
    __asm__ volatile("" ::: "memory");
}

const char *vdev_chain_add(const struct vdev_queue *queue, struct vdev_chain *chain,
                           uint64_t address, uint32_t len_bytes, bool writable)
{
    unsigned count = chain->readable + chain->writable;
    if (count == chain->capacity || count == queue->size)
        return "a chain is longer than its queue, or has a loop";
    if (!writable && chain->writable > 0)
        return "a readable descriptor follows a writable one";
    if (chain->readable_bytes + chain->writable_bytes + len_bytes > CHAIN_BYTES_MAX)
        return "a chain has more than 2^32 bytes";
    uint8_t *data = NULL;
    if (len_bytes > 0) {
        data = queue->host->translate(queue->host, address, len_bytes, writable);
        if (data == NULL)
            return "a buffer isn't in memory";
    }
    chain->segments[count] = (struct vdev_segment){data, len_bytes};
    if (writable) {
        chain->writable++;
        chain->writable_bytes += len_bytes;
    } else {
        chain->readable++;
        chain->readable_bytes += len_bytes;
    }
    return NULL;
}

int vdev_queue_take(struct vdev_queue *queue, struct vdev_chain *chain, const char **what)
{
    if (!vdev_queue_runs(queue))
        return 0;
    *chain = (struct vdev_chain){.segments = chain->segments, .capacity = chain->capacity};
    int rc = queue->ring->take(queue, chain, what);
    if (rc < 0)
        queue->broken = true;
    return rc;
}

/* Writes the element that speaks of the whole batch: its last buffer's, in its first one's place. */
static void put_batch(struct vdev_queue *queue)
{
    const struct vdev_batch *batch = &queue->batch;
    if (batch->slots > 0)
        queue->ring->put(queue, batch->id, batch->len_bytes, batch->slots);
    queue->batch = (struct vdev_batch){0};
}

void vdev_queue_use(struct vdev_queue *queue, const struct vdev_chain *chain, uint32_t len_bytes)
{
    if (!vdev_queue_runs(queue))
        return;
    queue->ring->release(queue, chain);
    queue->batch = (struct vdev_batch){
        .slots = queue->batch.slots + chain->slots,
        .len_bytes = len_bytes,
        .id = chain->id,
    };
    /* A buffer without an element of its own counts as wholly used (virtio 1.4, 2.7.9). */
    if (!queue->in_order || len_bytes < chain->writable_bytes)
        put_batch(queue);
}

bool vdev_queue_publish(struct vdev_queue *queue)
{
    if (!vdev_queue_runs(queue))
        return false;
    put_batch(queue);
    return queue->ring->publish(queue);
}

void vdev_queue_awake(struct vdev_queue *queue)
{
    if (vdev_queue_runs(queue))
        queue->ring->ask(queue, false);
}

bool vdev_queue_sleep(struct vdev_queue *queue)
{
    if (!vdev_queue_runs(queue))
        return true;
    queue->ring->ask(queue, true);
    /* Pairs with the driver's fence between making a buffer available and looking at what was asked
     * for: one of the two sees the other. */
    io_mb();
    return !queue->ring->pending(queue);
}
