/* The device's side of a split virtqueue: see ring.h. */
#include "ring.h"

#include <string.h>
#include <unistd.h>

#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
#define DESCRIPTOR_INDIRECT 4u
#define AVAILABLE_NO_INTERRUPT 1u
#define GARBAGE 0xa5

struct used_element {
    uint32_t id, len;
};

static uint16_t *used_index_place(const struct ring *ring)
{
    return (uint16_t *)(void *)ring->used + 1;
}

int ring_place(struct ring *ring, const struct memory *memory, const struct ring_addresses *at)
{
    size_t size = ring->size;
    if (size == 0 || size > RING_SIZE_MAX || (size & (size - 1)) != 0 ||
        at->descriptors % 16 != 0 || at->available % 2 != 0 || at->used % 4 != 0)
        return -1;
    ring->descriptors = memory_at_user(memory, at->descriptors,
                                       size * sizeof(struct ring_descriptor));
    ring->available = memory_at_user(memory, at->available, (size + 3) * sizeof(uint16_t));
    ring->used = memory_at_user(memory, at->used,
                                3 * sizeof(uint16_t) + size * sizeof(struct used_element));
    if (!ring->descriptors || !ring->available || !ring->used) {
        ring_stop(ring);
        return -1;
    }
    ring->used_index = *used_index_place(ring);
    return 0;
}

bool ring_runs(const struct ring *ring)
{
    return ring->descriptors && ring->enabled && !ring->broken && ring->kick_fd >= 0;
}

void ring_stop(struct ring *ring)
{
    ring->descriptors = NULL;
    ring->available = NULL;
    ring->used = NULL;
    ring->broken = false;
    memset(ring->in_flight, 0, sizeof ring->in_flight);
}

/* ---- buffers ---- */

/* Adds a descriptor's segment; false: the chain is too long. */
static bool chain_add(struct chain *chain, const struct ring_descriptor *descriptor)
{
    if (chain->count == CHAIN_SEGMENTS_MAX)
        return false;
    chain->segment[chain->count++] = (struct chain_segment){
        .guest_address = descriptor->address,
        .len = descriptor->len,
        .writable = (descriptor->flags & DESCRIPTOR_WRITE) != 0,
    };
    return true;
}

/* Follows a chain through a table of `size` descriptors, into one indirect table at most. */
static bool chain_walk(struct chain *chain, const struct memory *memory,
                       const struct ring_descriptor *table, unsigned size, uint16_t at,
                       bool indirect)
{
    for (unsigned steps = 0; steps < size; steps++) {
        if (at >= size)
            return false;
        struct ring_descriptor descriptor = table[at];
        if (descriptor.flags & DESCRIPTOR_INDIRECT) {
            unsigned entries = descriptor.len / (unsigned)sizeof descriptor;
            const void *inner = memory_at(memory, descriptor.address, descriptor.len);
            if (indirect || !inner || (descriptor.flags & DESCRIPTOR_NEXT) || entries == 0)
                return false;
            return chain_walk(chain, memory, inner, entries, 0, true);
        }
        if (!chain_add(chain, &descriptor))
            return false;
        if (!(descriptor.flags & DESCRIPTOR_NEXT))
            return true;
        at = descriptor.next;
    }
    return false;
}

/* Tells from which buffer on the driver is to kick (virtio 1.4, 2.7.10). */
static void ask_for_kick(const struct ring *ring)
{
    if (!ring->event_index)
        return;
    void *end = ring->used + 2 * sizeof(uint16_t) + ring->size * sizeof(struct used_element);
    __atomic_store_n((uint16_t *)end, ring->next_available, __ATOMIC_RELAXED);
    /* Pairs with the driver's fence between publishing its index and looking at this event. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint16_t available_count(const struct ring *ring)
{
    uint16_t index = __atomic_load_n(&ring->available[1], __ATOMIC_ACQUIRE);
    return (uint16_t)(index - ring->next_available);
}

int ring_take(struct ring *ring, const struct memory *memory, struct chain *chain)
{
    if (available_count(ring) == 0) {
        ask_for_kick(ring);
        if (available_count(ring) == 0)
            return 0;
    }
    uint16_t head = ring->available[2 + (ring->next_available & (ring->size - 1))];
    chain->head = head;
    chain->count = 0;
    if (available_count(ring) > ring->size || head >= ring->size || ring->in_flight[head] ||
        !chain_walk(chain, memory, ring->descriptors, ring->size, head, false)) {
        ring->broken = true;
        return -1;
    }
    ring->next_available++;
    ring->in_flight[head] = true;
    return 1;
}

void ring_scribble(struct ring *ring, const struct memory *memory, const struct chain *chain)
{
    uint16_t at = chain->head;
    bool more = true;
    for (unsigned steps = 0; more && steps < ring->size && at < ring->size; steps++) {
        const struct ring_descriptor descriptor = ring->descriptors[at];
        void *inner = descriptor.flags & DESCRIPTOR_INDIRECT
                          ? memory_at(memory, descriptor.address, descriptor.len)
                          : NULL;
        if (inner)
            memset(inner, GARBAGE, descriptor.len);
        memset(&ring->descriptors[at], GARBAGE, sizeof descriptor);
        at = descriptor.next;
        more = descriptor.flags & DESCRIPTOR_NEXT;
    }
    ring->available[2 + ((ring->next_available - 1) & (ring->size - 1))] = 0xffff;
}

/* ---- answers ---- */

/* Whether the driver wants to be interrupted after the used index went from old on (2.7.7). */
static bool interrupt_wanted(const struct ring *ring, uint16_t old)
{
    /* Pairs with the driver's fence between asking for an interrupt and looking at the index. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!ring->event_index)
        return !(__atomic_load_n(&ring->available[0], __ATOMIC_RELAXED) & AVAILABLE_NO_INTERRUPT);
    uint16_t event = __atomic_load_n(&ring->available[2 + ring->size], __ATOMIC_RELAXED);
    return (uint16_t)(ring->used_index - event - 1) < (uint16_t)(ring->used_index - old);
}

static void interrupt(const struct ring *ring)
{
    const uint64_t one = 1;
    /* A full counter is an interrupt that is pending already. */
    if (ring->call_fd >= 0 && write(ring->call_fd, &one, sizeof one) < 0)
        return;
}

void ring_answer(struct ring *ring, const struct ring_answer *answer)
{
    struct used_element *elements = (void *)(ring->used + 2 * sizeof(uint16_t));
    uint16_t old = ring->used_index;
    for (unsigned i = 0; i < answer->copies; i++)
        elements[ring->used_index++ & (ring->size - 1)] = (struct used_element){.id = answer->id,
                                                                                .len = answer->len};
    ring->used_index = (uint16_t)(ring->used_index + answer->index_jump);
    __atomic_store_n(used_index_place(ring), ring->used_index, __ATOMIC_RELEASE);
    if (answer->id < ring->size)
        ring->in_flight[answer->id] = false;
    if (answer->interrupts == 1 && interrupt_wanted(ring, old))
        interrupt(ring);
    for (unsigned i = 1; i < answer->interrupts; i++)
        interrupt(ring);
}
