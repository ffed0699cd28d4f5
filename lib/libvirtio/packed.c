/*
 * Packed rings, driver side (virtio 1.4, 2.8).
 *
 * One ring of descriptors that both sides write. A position in it is a slot and the wrap counter that
 * goes with the lap; from `used` to `available` slots are the device's, and all of them carry the
 * AVAIL bit of their lap. A buffer's id is private state here: the device gives it back, the slots it
 * took are ours to know.
 *
 * A batch becomes visible at once: its very first descriptor's flags are written last, and a device
 * takes slots in ring order, so it finds nothing before that and everything after.
 *
 * Order (virtio 1.4, 2.8.21): descriptors, dma_wmb, the first one's flags, io_mb, look at the device's
 * event structure, notify. The other way: used flags, dma_rmb, id and length.
 */
#include <anole/error.h>
#include <libanole/fault.h>
#include <libvirtio/barrier.h>
#include <libvirtio/chain.h>
#include <libvirtio/packed.h>
#include <stdatomic.h>

#define BOTH_BITS (PACKED_DESCRIPTOR_AVAIL | PACKED_DESCRIPTOR_USED)

/* Each side's event structure has a cache line of its own (4 bytes alignment are demanded). */
#define EVENT_ALIGNMENT 64u

/* What an id is off by for FAULT_USED: no ring has that many. */
#define FAULTY_ID 0x8000u

static uint64_t driver_event_offset(uint16_t size)
{
    uint64_t ring = (uint64_t)size * sizeof(struct packed_descriptor);
    return (ring + EVENT_ALIGNMENT - 1) & ~(uint64_t)(EVENT_ALIGNMENT - 1);
}

static uint64_t packed_memory_len(uint16_t size)
{
    return driver_event_offset(size) + 2 * EVENT_ALIGNMENT;
}

static void packed_init(struct virtq *queue, const struct dma_memory *memory,
                        struct virtq_addresses *addresses)
{
    char *base = memory->address;
    uint64_t driver_event = driver_event_offset(queue->size);
    uint64_t device_event = driver_event + EVENT_ALIGNMENT;
    queue->packed = (struct virtq_packed){
        .ring = memory->address,
        .driver_event = (struct packed_event *)(void *)(base + driver_event),
        .device_event = (struct packed_event *)(void *)(base + device_event),
        .available_wrap = true,
        .used_wrap = true,
    };
    *addresses = (struct virtq_addresses){
        .descriptors = memory->device_address,
        .driver_area = memory->device_address + driver_event,
        .device_area = memory->device_address + device_event,
    };
}

/* Moves a position on by at most one lap. */
static void advance(const struct virtq *queue, uint16_t *slot, bool *wrap, unsigned slots)
{
    unsigned next = *slot + slots;
    if (next >= queue->size) {
        next -= queue->size;
        *wrap = !*wrap;
    }
    *slot = (uint16_t)next;
}

/* A position as event structures and notifications have it. */
static uint16_t position_word(uint16_t slot, bool wrap)
{
    return (uint16_t)(slot | (wrap ? 0x8000u : 0));
}

/* ---- driver to device ---- */

/* The buffer in the caller's table: its flags are WRITE alone, its ids unused (virtio 1.4, 2.8.7). */
static struct virtq_segment put_indirect(const struct virtq_segment *segments, unsigned readable,
                                         unsigned count, const struct virtq_table *table)
{
    struct packed_descriptor *entries = table->address;
    for (unsigned i = 0; i < count; i++) {
        entries[i].address = segments[i].device_address;
        atomic_store_explicit(&entries[i].len_bytes, segments[i].len_bytes, memory_order_relaxed);
        atomic_store_explicit(&entries[i].id, 0, memory_order_relaxed);
        atomic_store_explicit(&entries[i].flags, i < readable ? 0 : PACKED_DESCRIPTOR_WRITE,
                              memory_order_relaxed);
    }
    return (struct virtq_segment){
        .device_address = table->device_address,
        .len_bytes = (uint32_t)(count * sizeof(struct packed_descriptor)),
    };
}

/* Fills in a buffer's slots from `available` on; the flags of a batch's first one wait for
 * packed_publish. `flags` are for all of them. */
static void put_chain(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
                      unsigned count, unsigned flags)
{
    struct virtq_packed *packed = &queue->packed;
    uint16_t slot = packed->available;
    bool wrap = packed->available_wrap;
    for (unsigned i = 0; i < count; i++) {
        struct packed_descriptor *descriptor = &packed->ring[slot];
        unsigned own = flags | (wrap ? PACKED_DESCRIPTOR_AVAIL : PACKED_DESCRIPTOR_USED) |
                       (i < readable ? 0 : PACKED_DESCRIPTOR_WRITE) |
                       (i + 1 < count ? PACKED_DESCRIPTOR_NEXT : 0);
        descriptor->address = segments[i].device_address;
        atomic_store_explicit(&descriptor->len_bytes, segments[i].len_bytes, memory_order_relaxed);
        atomic_store_explicit(&descriptor->id, queue->free_head, memory_order_relaxed);
        if (i > 0 || packed->batch_slots > 0) {
            atomic_store_explicit(&descriptor->flags, (uint16_t)own, memory_order_relaxed);
        } else {
            packed->batch_first = slot;
            packed->batch_flags = (uint16_t)own;
        }
        advance(queue, &slot, &wrap, 1);
    }
    packed->batch_slots = (uint16_t)(packed->batch_slots + count);
    packed->available = slot;
    packed->available_wrap = wrap;
}

static void packed_add(struct virtq *queue, const struct virtq_segment *segments, unsigned readable,
                       unsigned count, const struct virtq_table *table)
{
    if (table != NULL) {
        struct virtq_segment indirect = put_indirect(segments, readable, count, table);
        put_chain(queue, &indirect, 1, 1, PACKED_DESCRIPTOR_INDIRECT);
        count = 1;
    } else {
        put_chain(queue, segments, readable, count, 0);
    }
    if (queue->free_slots == queue->size)
        queue->packed.longest = 0;
    if (count > queue->packed.longest)
        queue->packed.longest = (uint16_t)count;
    chain_open(queue, queue->free_head, count);
}

/* Whether the device asks for a notification anywhere in a batch of so many slots that ends at
 * `available` (virtio 1.4, 2.8.10, and 2.7.10 for the arithmetic). Its slot is at most a lap behind
 * or before; what is before is not in the batch. */
static bool notification_wanted(const struct virtq *queue, uint16_t batch_slots)
{
    const struct virtq_packed *packed = &queue->packed;
    uint32_t event = atomic_load_explicit(&packed->device_event->word, memory_order_relaxed);
    switch (PACKED_EVENT_FLAGS(event)) {
    case PACKED_EVENT_DISABLE:
        return false;
    case PACKED_EVENT_DESCRIPTOR:
        break;
    default: /* ENABLE, or nothing that the specification knows */
        return true;
    }
    if (!queue->event_index)
        return true;
    unsigned slot = PACKED_EVENT_SLOT(event);
    if (PACKED_EVENT_WRAP(event) != packed->available_wrap)
        slot -= queue->size;
    return (uint16_t)(packed->available - slot - 1) < batch_slots;
}

static bool packed_publish(struct virtq *queue)
{
    struct virtq_packed *packed = &queue->packed;
    struct packed_descriptor *first = &packed->ring[packed->batch_first];
    uint16_t batch_slots = packed->batch_slots;
    /* Of the wrong lap: nothing from here on is there for the device. (QEMU 7.2 must not be told
     * anything that is wrong in itself: it looks at a packed ring that it gave up for ever.) */
    if (fault_here(FAULT_AVAIL))
        packed->batch_flags ^= BOTH_BITS;
    dma_wmb();
    atomic_store_explicit(&first->flags, packed->batch_flags, memory_order_relaxed);
    packed->batch_slots = 0;
    queue->position = position_word(packed->available, packed->available_wrap);
    /* Pairs with the device's fence between publishing its event structure and looking at the ring:
     * one of the two sees the other. Also before the register write of a notification. */
    io_mb();
    return notification_wanted(queue, batch_slots);
}

/* ---- device to driver ---- */

/*
 * Looks for a used element at a position, with `left` buffers that the device still has: 1 with its
 * id and length, 0, -EPROTO. While the device has buffers the position's slot is one of theirs, of
 * this lap; otherwise nothing there is of this lap yet.
 */
static int used_at(const struct virtq *queue, uint16_t slot, bool wrap, unsigned left, uint16_t *id,
                   uint32_t *len_bytes)
{
    const struct packed_descriptor *element = &queue->packed.ring[slot];
    unsigned flags = atomic_load_explicit(&element->flags, memory_order_relaxed);
    bool ours = ((flags & PACKED_DESCRIPTOR_AVAIL) != 0) == wrap;
    if (ours != (left > 0))
        return -ANOLE_EPROTO;
    if (!ours || ((flags & PACKED_DESCRIPTOR_USED) != 0) != wrap)
        return 0;
    dma_rmb();
    *id = atomic_load_explicit(&element->id, memory_order_relaxed);
    *len_bytes = atomic_load_explicit(&element->len_bytes, memory_order_relaxed);
    if (fault_here(FAULT_USED))
        *id |= FAULTY_ID;
    /* Without WRITE the length may be anything (virtio 1.4, 2.8.5). But QEMU never sets WRITE: what
     * the length says is believed as far as it can be true. */
    bool exact = (flags & PACKED_DESCRIPTOR_WRITE) != 0;
    return chain_used(queue, *id, len_bytes, exact) ? 1 : -ANOLE_EPROTO;
}

static int packed_take(struct virtq *queue, struct virtq_used *used)
{
    struct virtq_packed *packed = &queue->packed;
    if (queue->run_left == 0) {
        uint16_t id;
        uint32_t len_bytes;
        int rc = used_at(queue, packed->used, packed->used_wrap, queue->shown, &id, &len_bytes);
        if (rc <= 0)
            return rc;
        if (!queue->in_order) {
            advance(queue, &packed->used, &packed->used_wrap, queue->chains[id].descriptors);
            chain_free(queue, id, 1);
            chain_close(queue, id, len_bytes, used);
            return 1;
        }
        if (!chain_start_run(queue, id, len_bytes, queue->shown))
            return -ANOLE_EPROTO;
    }
    advance(queue, &packed->used, &packed->used_wrap, queue->chains[queue->oldest].descriptors);
    chain_close_oldest(queue, 1, used);
    return 1;
}

/* A look ahead over used elements that aren't taken yet. */
struct cursor {
    uint16_t slot;
    bool wrap;
    uint16_t id;       /* IN_ORDER: of the next buffer, */
    unsigned run_left; /* and how many an element still stands for */
    unsigned count;    /* used buffers seen */
    unsigned slots;    /* that they took */
};

static void cursor_step(const struct virtq *queue, struct cursor *cursor, unsigned slots)
{
    advance(queue, &cursor->slot, &cursor->wrap, slots);
    cursor->slots += slots;
    cursor->count++;
}

/* Moves on over what is used, to `after` buffers at most: 0, -EPROTO. */
static int look(const struct virtq *queue, struct cursor *cursor, unsigned after)
{
    while (cursor->count < after) {
        unsigned left = queue->shown - cursor->count;
        if (cursor->run_left == 0) {
            uint16_t id;
            uint32_t len_bytes;
            int rc = used_at(queue, cursor->slot, cursor->wrap, left, &id, &len_bytes);
            if (rc <= 0)
                return rc;
            if (!queue->in_order) {
                cursor_step(queue, cursor, queue->chains[id].descriptors);
                continue;
            }
            cursor->run_left = queue->chains[id].order - queue->chains[cursor->id].order + 1;
            if (cursor->run_left > left)
                return -ANOLE_EPROTO;
        }
        cursor_step(queue, cursor, queue->chains[cursor->id].descriptors);
        cursor->id = queue->chains[cursor->id].next;
        cursor->run_left--;
    }
    return 0;
}

/*
 * The slot where the element of the after-th used buffer will be, as far as that can be known: the
 * device picks the order, so of the slots that are still in flight the longest chains may come last.
 * Never later than that slot, and exact if all chains are of one length.
 */
static uint16_t event_position(const struct virtq *queue, const struct cursor *cursor,
                               unsigned after)
{
    const struct virtq_packed *packed = &queue->packed;
    uint16_t slot = cursor->slot;
    bool wrap = cursor->wrap;
    unsigned least = after - cursor->count - 1;
    unsigned in_flight = (unsigned)queue->size - queue->free_slots - packed->batch_slots;
    unsigned most_of_rest = cursor->slots + (queue->shown - after + 1u) * packed->longest;
    if (least != 0 && in_flight > most_of_rest + least)
        least = in_flight - most_of_rest;
    advance(queue, &slot, &wrap, least);
    return position_word(slot, wrap);
}

/*
 * An element may pass over the slot that was asked for while, or before, it is asked for: then the
 * question is put again from behind that element. Each time at least one more has been used.
 */
static int packed_arm(struct virtq *queue, uint16_t after)
{
    struct virtq_packed *packed = &queue->packed;
    struct cursor cursor = {
        .slot = packed->used,
        .wrap = packed->used_wrap,
        .id = queue->oldest,
        .run_left = queue->run_left,
    };
    unsigned seen;
    do {
        seen = cursor.count;
        uint32_t word = PACKED_EVENT_WORD(PACKED_EVENT_ENABLE, 0);
        if (queue->event_index)
            word = PACKED_EVENT_WORD(PACKED_EVENT_DESCRIPTOR,
                                     event_position(queue, &cursor, after));
        atomic_store_explicit(&packed->driver_event->word, word, memory_order_relaxed);
        /* Pairs with the device's fence between marking an element used and looking at this. */
        io_mb();
        int rc = look(queue, &cursor, after);
        if (rc < 0)
            return rc;
        if (cursor.count >= after)
            return 1;
    } while (cursor.count != seen);
    return 0;
}

static void packed_disarm(struct virtq *queue)
{
    atomic_store_explicit(&queue->packed.driver_event->word,
                          PACKED_EVENT_WORD(PACKED_EVENT_DISABLE, 0), memory_order_relaxed);
}

static void packed_describe(const struct virtq *queue, struct virtq_state *state)
{
    const struct virtq_packed *packed = &queue->packed;
    state->available = position_word(packed->available, packed->available_wrap);
    state->used = position_word(packed->used, packed->used_wrap);
    state->driver_event = atomic_load_explicit(&packed->driver_event->word, memory_order_relaxed);
    state->device_event = atomic_load_explicit(&packed->device_event->word, memory_order_relaxed);
}

const struct virtq_format virtq_packed_format = {
    .name = "packed",
    .any_size = true,
    .memory_len = packed_memory_len,
    .init = packed_init,
    .add = packed_add,
    .publish = packed_publish,
    .take = packed_take,
    .arm = packed_arm,
    .disarm = packed_disarm,
    .describe = packed_describe,
};
