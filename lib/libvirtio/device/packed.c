/*
 * Packed rings, device side (virtio 1.4, 2.8).
 *
 * Order: a descriptor's flags, dma_rmb, the rest of it and of the list behind it; the other way data
 * and used descriptors, dma_wmb, the flags of the first of them, io_mb, the driver's event structure.
 */
#include <libvirtio/barrier.h>
#include <libvirtio/device/queue.h>
#include <stdatomic.h>

static const char *packed_start(struct vdev_queue *queue)
{
    struct vdev_packed *packed = &queue->packed;
    const struct virtq_addresses *at = &queue->addresses;
    const struct vdev_place first = {.wrap = true};
    uint64_t ring_len = queue->size * sizeof(struct packed_descriptor);
    if (queue->size > VIRTIO_QUEUE_SIZE_LIMIT)
        return "a packed queue has more than 32768 slots";
    *packed = (struct vdev_packed){
        .ring = vdev_queue_part(queue, at->descriptors, ring_len, 16, true),
        .driver_event = vdev_queue_part(queue, at->driver_area, 4, 4, false),
        .device_event = vdev_queue_part(queue, at->device_area, 4, 4, true),
        .available = first,
        .used = first,
        .shown = first,
    };
    if (packed->ring == NULL || packed->driver_event == NULL || packed->device_event == NULL)
        return "a queue's parts aren't in memory, or not aligned";
    return NULL;
}

/* On by at most one lap. */
static void advance(const struct vdev_queue *queue, struct vdev_place *place, unsigned slots)
{
    unsigned next = place->offset + slots;
    if (next >= queue->size) {
        next -= queue->size;
        place->wrap = !place->wrap;
    }
    place->offset = (uint16_t)next;
}

/* ---- taking ---- */

static bool says_available(unsigned flags, bool wrap)
{
    return ((flags & PACKED_DESCRIPTOR_AVAIL) != 0) == wrap &&
           ((flags & PACKED_DESCRIPTOR_USED) != 0) != wrap;
}

/* The flags in a slot, and whether they say that it is available; then the rest of it is, too. */
static bool flags_at(const struct vdev_queue *queue, struct vdev_place place, uint16_t *flags)
{
    const struct packed_descriptor *slot = &queue->packed.ring[place.offset];
    *flags = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    dma_rmb();
    return says_available(*flags, place.wrap);
}

static bool packed_pending(struct vdev_queue *queue)
{
    uint16_t flags;
    return flags_at(queue, queue->packed.available, &flags);
}

/* A descriptor as it was at one moment. */
struct snapshot {
    uint64_t address;
    uint32_t len_bytes;
    uint16_t id;
    uint16_t flags;
};
static_assert(sizeof(struct snapshot) == sizeof(struct packed_descriptor), "virtio 1.4, 2.8.14");

/* The entries of an indirect table are one behind the other; of their flags only WRITE counts (virtio
 * 1.4, 2.8.7). */
static const char *walk_table(const struct vdev_queue *queue, struct vdev_chain *chain,
                              const struct snapshot *descriptor)
{
    if (!queue->indirect || chain->slots > 0 || (descriptor->flags & PACKED_DESCRIPTOR_NEXT) != 0)
        return "an indirect table where none may be";
    if (descriptor->len_bytes == 0 || descriptor->len_bytes % sizeof(*descriptor) != 0)
        return "an indirect table of a length that isn't one of descriptors";
    const uint8_t *entries = queue->host->translate(queue->host, descriptor->address,
                                                    descriptor->len_bytes, false);
    if (entries == NULL)
        return "an indirect table isn't in memory";
    /* Ends: each turn makes the chain longer, and a long one is refused. */
    for (uint32_t at = 0; at < descriptor->len_bytes; at += (uint32_t)sizeof(*descriptor)) {
        struct snapshot entry;
        vdev_read_once(&entry, entries + at, sizeof(entry));
        const char *wrong = vdev_chain_add(queue, chain, entry.address, entry.len_bytes,
                                           (entry.flags & PACKED_DESCRIPTOR_WRITE) != 0);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* Adds the descriptor in one slot to the chain. */
static const char *walk_slot(const struct vdev_queue *queue, struct vdev_chain *chain,
                             struct vdev_place place, bool *more)
{
    struct snapshot descriptor = {0};
    if (queue->packed.in_flight + chain->slots >= queue->size)
        return "more slots are available than the queue has";
    if (!flags_at(queue, place, &descriptor.flags))
        return "a list goes on in a slot that isn't available";
    vdev_read_once(&descriptor, &queue->packed.ring[place.offset],
                   offsetof(struct snapshot, flags));
    chain->id = descriptor.id; /* the last one's counts */
    *more = (descriptor.flags & PACKED_DESCRIPTOR_NEXT) != 0;
    if ((descriptor.flags & PACKED_DESCRIPTOR_INDIRECT) != 0)
        return walk_table(queue, chain, &descriptor);
    return vdev_chain_add(queue, chain, descriptor.address, descriptor.len_bytes,
                          (descriptor.flags & PACKED_DESCRIPTOR_WRITE) != 0);
}

static int packed_take(struct vdev_queue *queue, struct vdev_chain *chain, const char **what)
{
    struct vdev_packed *packed = &queue->packed;
    struct vdev_place place = packed->available;
    bool more = true;
    if (!packed_pending(queue))
        return 0;
    while (more) {
        *what = walk_slot(queue, chain, place, &more);
        if (*what != NULL)
            return -1;
        chain->slots++;
        advance(queue, &place, 1);
    }
    packed->available = place;
    packed->in_flight = (uint16_t)(packed->in_flight + chain->slots);
    return 1;
}

/* ---- using ---- */

static void packed_release(struct vdev_queue *queue, const struct vdev_chain *chain)
{
    queue->packed.in_flight = (uint16_t)(queue->packed.in_flight - chain->slots);
}

static void packed_put(struct vdev_queue *queue, uint16_t id, uint32_t len_bytes, unsigned slots)
{
    struct vdev_packed *packed = &queue->packed;
    struct packed_descriptor *element = &packed->ring[packed->used.offset];
    unsigned flags = packed->used.wrap ? PACKED_DESCRIPTOR_AVAIL | PACKED_DESCRIPTOR_USED : 0;
    if (len_bytes > 0) /* without it the length means nothing (virtio 1.4, 2.8.5) */
        flags |= PACKED_DESCRIPTOR_WRITE;
    atomic_store_explicit(&element->id, id, memory_order_relaxed);
    atomic_store_explicit(&element->len_bytes, len_bytes, memory_order_relaxed);
    /* The driver takes used descriptors one after the other: those behind the first wait with it. */
    if (packed->moved_slots == 0)
        packed->held_flags = (uint16_t)flags;
    else
        atomic_store_explicit(&element->flags, (uint16_t)flags, memory_order_relaxed);
    packed->moved_slots += slots;
    advance(queue, &packed->used, slots);
}

/* Whether the driver wants an interrupt for some of the slots from a place on. */
static bool interrupt_wanted(const struct vdev_queue *queue, struct vdev_place from, unsigned slots)
{
    uint32_t event = atomic_load_explicit(&queue->packed.driver_event->word, memory_order_relaxed);
    if (PACKED_EVENT_FLAGS(event) == PACKED_EVENT_DISABLE)
        return false;
    if (PACKED_EVENT_FLAGS(event) != PACKED_EVENT_DESCRIPTOR || !queue->event_index)
        return true;
    int distance = PACKED_EVENT_SLOT(event) - from.offset;
    if (PACKED_EVENT_WRAP(event) != from.wrap)
        distance += queue->size;
    return distance >= 0 && (unsigned)distance < slots;
}

static bool packed_publish(struct vdev_queue *queue)
{
    struct vdev_packed *packed = &queue->packed;
    struct vdev_place first = packed->shown;
    unsigned slots = packed->moved_slots;
    if (slots == 0)
        return false;
    dma_wmb();
    atomic_store_explicit(&packed->ring[first.offset].flags, packed->held_flags,
                          memory_order_relaxed);
    packed->shown = packed->used;
    packed->moved_slots = 0;
    /* Pairs with the driver's fence between asking for an interrupt and looking at the ring. */
    io_mb();
    return interrupt_wanted(queue, first, slots);
}

static void packed_ask(struct vdev_queue *queue, bool notifications)
{
    struct vdev_packed *packed = &queue->packed;
    uint32_t wrap = packed->available.wrap ? 0x8000u : 0;
    uint32_t word = PACKED_EVENT_WORD(PACKED_EVENT_DISABLE, 0);
    if (notifications)
        word = queue->event_index
                   ? PACKED_EVENT_WORD(PACKED_EVENT_DESCRIPTOR, packed->available.offset | wrap)
                   : PACKED_EVENT_WORD(PACKED_EVENT_ENABLE, 0);
    atomic_store_explicit(&packed->device_event->word, word, memory_order_relaxed);
}

const struct vdev_ring vdev_packed_ring = {
    .start = packed_start,
    .take = packed_take,
    .release = packed_release,
    .put = packed_put,
    .publish = packed_publish,
    .ask = packed_ask,
    .pending = packed_pending,
};
