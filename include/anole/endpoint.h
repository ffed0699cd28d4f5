/*
 * Endpoints: the names of threads. 32 bits: a 10-bit slot and a 22-bit generation. A slot is reused
 * first-in first-out, each time under the next generation; a slot whose generations are spent is
 * retired. The endpoint of a process is that of its main thread: whoever is asked for "a process"
 * accepts the endpoint of any of its threads.
 */
#ifndef ANOLE_ENDPOINT_H
#define ANOLE_ENDPOINT_H

#include <stdint.h>

typedef uint32_t endpoint_t;

#define ENDPOINT_SLOT_BITS 10
#define ENDPOINT_SLOTS (1u << ENDPOINT_SLOT_BITS)
#define ENDPOINT_GENERATION_MAX ((1u << (32 - ENDPOINT_SLOT_BITS)) - 1)

/* Slot 0 is never a thread's. Kernel calls go to KERNEL; SELF names the caller where a call says so. */
#define ENDPOINT_KERNEL ((endpoint_t)0)
#define ENDPOINT_SELF ((endpoint_t)(1u << ENDPOINT_SLOT_BITS))
#define ENDPOINT_NONE ((endpoint_t)(2u << ENDPOINT_SLOT_BITS))

static inline uint32_t endpoint_slot(endpoint_t endpoint)
{
    return endpoint & (ENDPOINT_SLOTS - 1);
}

static inline uint32_t endpoint_generation(endpoint_t endpoint)
{
    return endpoint >> ENDPOINT_SLOT_BITS;
}

static inline endpoint_t endpoint_make(uint32_t slot, uint32_t generation)
{
    return (generation << ENDPOINT_SLOT_BITS) | slot;
}

#endif
