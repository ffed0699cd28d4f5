/*
 * A ring of bytes between an interrupt and those who wait. One thread uses it.
 */
#ifndef UART16550_RING_H
#define UART16550_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    uint8_t *bytes;
    uint32_t size; /* a power of two */
    uint32_t head; /* where the next byte goes; both run freely */
    uint32_t tail; /* where the oldest byte is */
};

static inline size_t ring_used(const struct ring *ring)
{
    return ring->head - ring->tail;
}

static inline size_t ring_room(const struct ring *ring)
{
    return ring->size - ring_used(ring);
}

/* false: it is full, and the byte is not taken. */
static inline bool ring_put(struct ring *ring, uint8_t byte)
{
    if (ring_room(ring) == 0) {
        return false;
    }
    ring->bytes[ring->head++ & (ring->size - 1)] = byte;
    return true;
}

/* false: it is empty. */
static inline bool ring_get(struct ring *ring, uint8_t *byte)
{
    if (ring_used(ring) == 0) {
        return false;
    }
    *byte = ring->bytes[ring->tail++ & (ring->size - 1)];
    return true;
}

/* Copies the oldest bytes out without taking them: how many. */
static inline size_t ring_peek(const struct ring *ring, uint8_t *bytes, size_t max)
{
    size_t count = ring_used(ring) < max ? ring_used(ring) : max;

    for (size_t i = 0; i < count; i++) {
        bytes[i] = ring->bytes[(ring->tail + i) & (ring->size - 1)];
    }
    return count;
}

/* Takes the oldest bytes away; there must be as many. */
static inline void ring_drop(struct ring *ring, size_t count)
{
    ring->tail += (uint32_t)count;
}

#endif
