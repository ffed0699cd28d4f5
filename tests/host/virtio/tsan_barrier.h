/*
 * The barriers of libvirtio for ThreadSanitizer, which doesn't know fences: operations on one variable
 * instead, given to the compiler before everything else. A release then synchronizes with each later
 * acquire, more than a fence promises; but where a barrier is missing, nothing does.
 */
#ifndef LIBVIRTIO_BARRIER_H
#define LIBVIRTIO_BARRIER_H

#include <stdatomic.h>

extern _Atomic unsigned tsan_barrier;

static inline void dma_wmb(void)
{
    atomic_fetch_add_explicit(&tsan_barrier, 1, memory_order_release);
}

static inline void dma_rmb(void)
{
    (void)atomic_load_explicit(&tsan_barrier, memory_order_acquire);
}

static inline void io_mb(void)
{
    atomic_fetch_add_explicit(&tsan_barrier, 1, memory_order_seq_cst);
}

#endif
