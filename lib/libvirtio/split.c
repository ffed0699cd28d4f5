/*
 * Split rings, driver side (virtio 1.4, 2.7).
 *
 * Of the shared memory only three things are ever read: the used index, the used elements (each
 * once), and what the device says about notifications. Indices run freely through 16 bits; all
 * comparisons are of distances.
 *
 * Order (virtio 1.4, 2.7.13): descriptors and ring slot, dma_wmb, available index, io_mb, look at
 * avail_event or the used flags, notify. The other way: used index, dma_rmb, used element.
 */
#include <anole/error.h>
#include <libanole/fault.h>
#include <libvirtio/barrier.h>
#include <libvirtio/chain.h>
#include <libvirtio/split.h>
#include <stdatomic.h>

/* How far an index is off by order: further than any ring is long. Not every device minds (QEMU 7.2
 * goes on from slot to slot); what it finds there names heads that have nothing in them, see forget(). */
#define FAULTY_DISTANCE 0x9000u

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

/* Offsets of the parts in one block of memory. The used ring is aligned to 4 bytes (virtio 1.4, 2.7),
 * or for a legacy device to a page: it finds the parts by itself (virtio 1.4, 2.7.2). */
#define LEGACY_ALIGNMENT 4096u

static uint64_t available_offset(uint16_t size)
{
    return (uint64_t)size * sizeof(struct split_descriptor);
}

static uint64_t used_offset(uint16_t size, uint64_t alignment)
{
    return align_up(available_offset(size) + 6 + 2 * (uint64_t)size, alignment);
}

static uint64_t memory_len(uint16_t size, uint64_t alignment)
{
    return used_offset(size, alignment) + align_up(6 + 8 * (uint64_t)size, alignment);
}

static uint64_t split_memory_len(uint16_t size)
{
    return memory_len(size, 4);
}

static uint64_t legacy_memory_len(uint16_t size)
{
    return memory_len(size, LEGACY_ALIGNMENT);
}

static void lay_out(struct virtq *queue, const struct dma_memory *memory, uint64_t used,
                    struct virtq_addresses *addresses)
{
    char *base = memory->address;
    uint64_t available = available_offset(queue->size);
    struct virtq_split *split = &queue->split;
    *split = (struct virtq_split){
        .descriptors = (struct split_descriptor *)(void *)base,
        .available = (struct split_available *)(void *)(base + available),
        .used = (struct split_used *)(void *)(base + used),
    };
    split->used_event = &split->available->ring[queue->size];
    split->avail_event = (_Atomic uint16_t *)(void *)&split->used->ring[queue->size];
    *addresses = (struct virtq_addresses){
        .descriptors = memory->device_address,
        .driver_area = memory->device_address + available,
        .device_area = memory->device_address + used,
    };
}

static void split_init(struct virtq *queue, const struct dma_memory *memory,
                       struct virtq_addresses *addresses)
{
    lay_out(queue, memory, used_offset(queue->size, 4), addresses);
}

static void legacy_init(struct virtq *queue, const struct dma_memory *memory,
                        struct virtq_addresses *addresses)
{
    lay_out(queue, memory, used_offset(queue->size, LEGACY_ALIGNMENT), addresses);
}

static inline void put(struct split_descriptor *descriptor, const struct virtq_segment *segment,
                       unsigned flags, unsigned next)
{
    *descriptor = (struct split_descriptor){
        .address = segment->device_address,
        .len_bytes = segment->len_bytes,
        .flags = (uint16_t)flags,
        .next = (uint16_t)next,
    };
}

/* The buffer in the caller's table (virtio 1.4, 2.7.5.3). */
static void put_table(const struct virtq_table *table, const struct virtq_segment *segments,
                      unsigned readable, unsigned count)
{
    struct split_descriptor *entries = table->address;
    unsigned i = 0;
    for (; i + 1 < count; i++)
        put(&entries[i], &segments[i],
            SPLIT_DESCRIPTOR_NEXT | (i < readable ? 0 : SPLIT_DESCRIPTOR_WRITE), i + 1);
    put(&entries[i], &segments[i], i < readable ? 0 : SPLIT_DESCRIPTOR_WRITE, 0);
}

/* The buffer in ring slots from a head on; returns the last of them. */
static uint16_t put_slots(struct virtq *queue, uint16_t slot, const struct virtq_segment *segments,
                          unsigned readable, unsigned count)
{
    struct split_descriptor *descriptors = queue->split.descriptors;
    unsigned i = 0;
    for (; i + 1 < count; i++) {
        uint16_t next = queue->chains[slot].next;
        put(&descriptors[slot], &segments[i],
            SPLIT_DESCRIPTOR_NEXT | (i < readable ? 0 : SPLIT_DESCRIPTOR_WRITE), next);
        slot = next;
    }
    put(&descriptors[slot], &segments[i], i < readable ? 0 : SPLIT_DESCRIPTOR_WRITE, 0);
    return slot;
}

static void split_add(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
                      unsigned count, const struct virtq_table *table)
{
    struct virtq_split *split = &queue->split;
    uint16_t head = queue->free_head;
    uint16_t last = head;
    if (table != NULL) {
        put_table(table, segments, readable, count);
        struct virtq_segment whole = {
            .device_address = table->device_address,
            .len_bytes = (uint32_t)(count * sizeof(struct split_descriptor)),
        };
        put(&split->descriptors[head], &whole, SPLIT_DESCRIPTOR_INDIRECT, 0);
        count = 1;
    } else {
        last = put_slots(queue, head, segments, readable, count);
    }
    chain_open(queue, last, count);

    unsigned position = split->available_index & (queue->size - 1u);
    atomic_store_explicit(&split->available->ring[position], head, memory_order_relaxed);
    split->available_index++;
}

static bool split_publish(struct virtq *queue)
{
    struct virtq_split *split = &queue->split;
    uint16_t old = split->shown_index;
    uint16_t new = split->available_index;
    if (fault_here(FAULT_AVAIL))
        new = (uint16_t)(new + FAULTY_DISTANCE);
    dma_wmb();
    atomic_store_explicit(&split->available->index, new, memory_order_relaxed);
    split->shown_index = new;
    queue->position = new;
    /* Pairs with the device's fence between publishing avail_event (or flags) and looking at the
     * index: one of the two sees the other. Also before the register write of a notification. */
    io_mb();
    if (!queue->event_index) {
        unsigned flags = atomic_load_explicit(&split->used->flags, memory_order_relaxed);
        return (flags & SPLIT_USED_NO_NOTIFY) == 0;
    }
    uint16_t event = atomic_load_explicit(split->avail_event, memory_order_relaxed);
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* Used elements that are there and not taken, or -EPROTO if there can't be that many. */
static int used_pending(const struct virtq *queue)
{
    const struct virtq_split *split = &queue->split;
    uint16_t index = atomic_load_explicit(&split->used->index, memory_order_relaxed);
    uint16_t pending = (uint16_t)(index - split->used_index);
    return pending > queue->shown ? -ANOLE_EPROTO : pending;
}

/* Reads the next used element. False: it can't be true. */
static inline bool read_used(const struct virtq *queue, uint16_t *id, uint32_t *len_bytes)
{
    const struct virtq_split *split = &queue->split;
    const struct split_used_element *element = &split->used
                                                    ->ring[split->used_index & (queue->size - 1u)];
    uint32_t head = atomic_load_explicit(&element->id, memory_order_relaxed);
    *len_bytes = atomic_load_explicit(&element->len_bytes, memory_order_relaxed);
    *id = (uint16_t)head;
    /* Legacy devices' lengths are often wrong (virtio 1.4, 2.7.8.1). */
    return chain_used(queue, head, len_bytes, !queue->legacy);
}

/* A head that isn't the device's describes nothing, so that one which it should come to by a wrong
 * index stops it (a buffer of no length, virtio 1.4, 2.7.5), rather than doing an old request again. */
static inline void forget(struct virtq *queue, uint16_t head)
{
    queue->split.descriptors[head] = (struct split_descriptor){0};
}

static int split_take(struct virtq *queue, struct virtq_used *used)
{
    struct virtq_split *split = &queue->split;
    if (fault_here(FAULT_USED))
        split->used_index = (uint16_t)(split->used_index - FAULTY_DISTANCE);
    if (queue->run_left == 0) {
        uint16_t id;
        uint32_t len_bytes;
        int pending = used_pending(queue);
        if (pending <= 0)
            return pending;
        dma_rmb();
        if (!read_used(queue, &id, &len_bytes))
            return -ANOLE_EPROTO;
        if (!queue->in_order) {
            split->used_index++;
            forget(queue, id);
            chain_free(queue, id, queue->chains[id].descriptors);
            chain_close(queue, id, len_bytes, used);
            return 1;
        }
        if (!chain_start_run(queue, id, len_bytes, (unsigned)pending))
            return -ANOLE_EPROTO;
    }
    split->used_index++;
    forget(queue, queue->oldest);
    chain_close_oldest(queue, queue->chains[queue->oldest].descriptors, used);
    return 1;
}

static int split_arm(struct virtq *queue, uint16_t after)
{
    struct virtq_split *split = &queue->split;
    if (queue->event_index)
        atomic_store_explicit(split->used_event, (uint16_t)(split->used_index + after - 1),
                              memory_order_relaxed);
    else
        atomic_store_explicit(&split->available->flags, 0, memory_order_relaxed);
    /* Pairs with the device's fence between publishing the used index and looking at used_event or
     * the flags. */
    io_mb();
    int pending = used_pending(queue);
    return pending < 0 ? pending : pending >= after;
}

static void split_disarm(struct virtq *queue)
{
    struct virtq_split *split = &queue->split;
    if (queue->event_index) /* where the device has been already, as far from it as can be */
        atomic_store_explicit(split->used_event, (uint16_t)(split->used_index - 1),
                              memory_order_relaxed);
    else
        atomic_store_explicit(&split->available->flags, SPLIT_AVAILABLE_NO_INTERRUPT,
                              memory_order_relaxed);
}

static void split_describe(const struct virtq *queue, struct virtq_state *state)
{
    const struct virtq_split *split = &queue->split;
    state->available = split->available_index;
    state->used = split->used_index;
    state->driver_event = atomic_load_explicit(split->used_event, memory_order_relaxed);
    state->device_event = atomic_load_explicit(split->avail_event, memory_order_relaxed);
}

const struct virtq_format virtq_split_format = {
    .name = "split",
    .memory_len = split_memory_len,
    .init = split_init,
    .add = split_add,
    .publish = split_publish,
    .take = split_take,
    .arm = split_arm,
    .disarm = split_disarm,
    .describe = split_describe,
};

const struct virtq_format virtq_split_legacy_format = {
    .name = "split, legacy layout",
    .memory_len = legacy_memory_len,
    .init = legacy_init,
    .add = split_add,
    .publish = split_publish,
    .take = split_take,
    .arm = split_arm,
    .disarm = split_disarm,
    .describe = split_describe,
};
