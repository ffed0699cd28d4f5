/*
 * The three barriers between a driver and its device. On the build machine, where the device is a
 * model in the same thread or another one, they are C11 fences.
 */
#ifndef LIBVIRTIO_BARRIER_H
#define LIBVIRTIO_BARRIER_H

#if defined(__riscv)

/* Earlier writes to memory or registers are seen before later ones. */
static inline void dma_wmb(void)
{
    __asm__ volatile("fence ow, ow" ::: "memory");
}

/* Earlier reads of memory or registers happen before later ones. */
static inline void dma_rmb(void)
{
    __asm__ volatile("fence ir, ir" ::: "memory");
}

/* Everything earlier happens before everything later, writes before reads too. */
static inline void io_mb(void)
{
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}

#else

#include <stdatomic.h>

static inline void dma_wmb(void)
{
    atomic_thread_fence(memory_order_release);
}

static inline void dma_rmb(void)
{
    atomic_thread_fence(memory_order_acquire);
}

static inline void io_mb(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif

#endif
