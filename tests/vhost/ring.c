/* The device's ring: see ring.h. */
#include "ring.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GARBAGE 0xa5
#define DESCRIPTOR_LEN 16u
#define WRAP 0x8000u /* a packed ring's wrap counter beside a slot's number, in QEMU's base */

static void *translate(struct vdev_host *host, uint64_t address, uint64_t len, bool writable)
{
    const struct ring *ring = (const struct ring *)(const void *)host; /* its first member */
    (void)writable;
    return memory_at(ring->memory, address, len);
}

void ring_init(struct ring *ring, const struct memory *memory)
{
    ring->host.translate = translate;
    ring->memory = memory;
    ring->kick_fd = ring->call_fd = -1;
    vdev_queue_init(&ring->queue, &ring->host, RING_SIZE_MAX, ring->in_use);
}

static bool is_packed(const struct ring *ring)
{
    return ring->queue.ring == &vdev_packed_ring;
}

/* ---- start and stop ---- */

static struct vdev_place place_of(uint32_t half)
{
    return (struct vdev_place){.offset = (uint16_t)(half & (WRAP - 1)), .wrap = half & WRAP};
}

static uint32_t half_of(struct vdev_place place)
{
    return place.offset | (place.wrap ? WRAP : 0);
}

static void packed_go_on(struct vdev_packed *packed, uint32_t base)
{
    packed->available = place_of(base & 0xffff);
    packed->used = packed->shown = place_of(base >> 16);
}

/* What was used is known to the driver's memory alone. */
static void split_go_on(struct vdev_split *split, uint32_t base)
{
    split->next_available = split->seen_available = (uint16_t)base;
    split->used_index = split->shown_index = atomic_load(&split->used->index);
}

int ring_place(struct ring *ring)
{
    ring->queue.addresses = (struct virtq_addresses){
        .descriptors = memory_guest_address(ring->memory, ring->parts.descriptors),
        .driver_area = memory_guest_address(ring->memory, ring->parts.available),
        .device_area = memory_guest_address(ring->memory, ring->parts.used),
    };
    const char *wrong = vdev_queue_start(&ring->queue, ring->features);
    if (wrong) {
        printf("the ring can't be used: %s\n", wrong);
        return -1;
    }
    printf("ring: %s, %u\n", is_packed(ring) ? "packed" : "split", ring->queue.size);
    if (!is_packed(ring))
        split_go_on(&ring->queue.split, ring->base);
    else if ((ring->base & (WRAP - 1)) >= ring->queue.size ||
             (ring->base >> 16 & (WRAP - 1)) >= ring->queue.size)
        return -1;
    else
        packed_go_on(&ring->queue.packed, ring->base);
    return 0;
}

bool ring_runs(const struct ring *ring)
{
    return vdev_queue_runs(&ring->queue) && ring->enabled && ring->kick_fd >= 0;
}

uint32_t ring_base(const struct ring *ring)
{
    const struct vdev_queue *queue = &ring->queue;
    if (!queue->ring)
        return ring->base;
    if (is_packed(ring))
        return half_of(queue->packed.available) | half_of(queue->packed.used) << 16;
    return queue->split.next_available;
}

void ring_stop(struct ring *ring)
{
    vdev_queue_reset(&ring->queue);
    memset(ring->in_flight, 0, sizeof ring->in_flight);
}

/* ---- buffers ---- */

int ring_take(struct ring *ring, struct chain *chain)
{
    const char *what = NULL;
    chain->buffer = (struct vdev_chain){.segments = chain->segment, .capacity = CHAIN_SEGMENTS_MAX};
    int taken = vdev_queue_take(&ring->queue, &chain->buffer, &what);
    if (taken == 0 && !vdev_queue_sleep(&ring->queue))
        taken = vdev_queue_take(&ring->queue, &chain->buffer, &what);
    if (taken < 0)
        printf("the driver broke the ring: %s\n", what);
    if (taken > 0 && chain->buffer.id < RING_SIZE_MAX)
        ring->in_flight[chain->buffer.id] = true;
    return taken;
}

/* Of an indirect table, then of the descriptor that points to it. */
static void scribble_descriptor(const struct ring *ring, struct split_descriptor *descriptor,
                                size_t len)
{
    if (descriptor->flags & SPLIT_DESCRIPTOR_INDIRECT) { /* the same bit in both formats */
        void *inner = memory_at(ring->memory, descriptor->address, descriptor->len_bytes);
        if (inner)
            memset(inner, GARBAGE, descriptor->len_bytes);
    }
    memset(descriptor, GARBAGE, len);
}

static void split_scribble(struct ring *ring, struct split_descriptor *table, uint16_t head)
{
    const struct vdev_split *split = &ring->queue.split;
    uint16_t at = head;
    bool more = true;
    for (unsigned steps = 0; more && steps < ring->queue.size && at < ring->queue.size; steps++) {
        struct split_descriptor *descriptor = &table[at];
        at = descriptor->next;
        more = descriptor->flags & SPLIT_DESCRIPTOR_NEXT;
        scribble_descriptor(ring, descriptor, sizeof *descriptor);
    }
    unsigned slot = (split->next_available - 1u) & (ring->queue.size - 1u);
    atomic_store(&split->available->ring[slot], 0xffff);
}

/* All but the flags, which are the last thing there: by them both sides see how far the other is. */
static void packed_scribble(struct ring *ring, struct split_descriptor *table, unsigned slots)
{
    unsigned size = ring->queue.size;
    unsigned first = (ring->queue.packed.available.offset + size - slots) % size;
    for (unsigned i = 0; i < slots; i++) {
        /* The flags of a packed descriptor are where a split one has `next`. */
        struct split_descriptor *descriptor = &table[(first + i) % size];
        uint16_t flags = descriptor->next;
        descriptor->flags = flags & SPLIT_DESCRIPTOR_INDIRECT;
        scribble_descriptor(ring, descriptor, offsetof(struct split_descriptor, next));
    }
}

void ring_scribble(struct ring *ring, const struct chain *chain)
{
    struct split_descriptor *table = memory_at(ring->memory, ring->queue.addresses.descriptors,
                                               (uint64_t)ring->queue.size * DESCRIPTOR_LEN);
    if (!table)
        return;
    if (is_packed(ring))
        packed_scribble(ring, table, chain->buffer.slots);
    else
        split_scribble(ring, table, chain->buffer.id);
}

/* ---- answers ---- */

static void interrupt(const struct ring *ring)
{
    const uint64_t one = 1;
    /* A full counter is an interrupt that is pending already. */
    if (ring->call_fd >= 0 && write(ring->call_fd, &one, sizeof one) < 0)
        return;
}

/* The queue takes ids that fit; this one may not. */
static void split_put(struct vdev_queue *queue, const struct ring_answer *answer)
{
    struct vdev_split *split = &queue->split;
    unsigned slot = split->used_index & (queue->size - 1u);
    queue->ring->put(queue, (uint16_t)answer->id, answer->len, 1);
    atomic_store(&split->used->ring[slot].id, answer->id);
}

/* Leaves slots out that the driver waits for. */
static void packed_jump(struct vdev_queue *queue, unsigned slots)
{
    struct vdev_packed *packed = &queue->packed;
    unsigned next = packed->used.offset + slots % queue->size;
    packed->used.wrap ^= next >= queue->size;
    packed->used.offset = (uint16_t)(next % queue->size);
    packed->shown = packed->used;
}

void ring_answer(struct ring *ring, const struct chain *chain, const struct ring_answer *answer)
{
    struct vdev_queue *queue = &ring->queue;
    if (!vdev_queue_runs(queue))
        return;
    if (chain)
        queue->ring->release(queue, &chain->buffer);
    if (is_packed(ring) && answer->index_jump > 0)
        packed_jump(queue, answer->index_jump);
    for (unsigned i = 0; i < answer->copies; i++) {
        if (is_packed(ring))
            queue->ring->put(queue, (uint16_t)answer->id, answer->len,
                             chain ? chain->buffer.slots : 1);
        else
            split_put(queue, answer);
    }
    if (!is_packed(ring))
        queue->split.used_index = (uint16_t)(queue->split.used_index + answer->index_jump);
    bool wanted = vdev_queue_publish(queue);
    if (answer->id < RING_SIZE_MAX)
        ring->in_flight[answer->id] = false;
    if (answer->interrupts == 1 && wanted)
        interrupt(ring);
    for (unsigned i = 1; i < answer->interrupts; i++)
        interrupt(ring);
}

void ring_use(struct ring *ring, const struct chain *chain, uint32_t len_bytes)
{
    vdev_queue_use(&ring->queue, &chain->buffer, len_bytes);
    if (chain->buffer.id < RING_SIZE_MAX)
        ring->in_flight[chain->buffer.id] = false;
}

void ring_show(struct ring *ring)
{
    if (vdev_queue_publish(&ring->queue))
        interrupt(ring);
}
