/*
 * Types that keep different kinds of addresses apart, and helpers everyone needs.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <anole/error.h>
#include <anole/layout.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A physical address. Device addresses are the same numbers (design 3.2) in struct dma_segment. */
typedef struct {
    uint64_t raw;
} paddr_t;

static inline paddr_t paddr(uint64_t raw)
{
    return (paddr_t){raw};
}

/* User virtual addresses are plain uint64_t named ..._uaddr or `address`, and never dereferenced. */

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t page_round_up(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static inline bool page_aligned(uint64_t value)
{
    return (value & (PAGE_SIZE - 1)) == 0;
}

/* True if [start, start + len) neither wraps nor leaves [0, limit). */
static inline bool range_within(uint64_t start, uint64_t len, uint64_t limit)
{
    return start <= limit && len <= limit - start;
}

#endif
