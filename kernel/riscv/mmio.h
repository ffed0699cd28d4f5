/*
 * Registers of interrupt controllers.
 */
#ifndef KERNEL_RISCV_MMIO_H
#define KERNEL_RISCV_MMIO_H

#include "mmu.h"

static inline uint32_t mmio_read(paddr_t base, uint64_t offset)
{
    uint32_t value = *(volatile uint32_t *)direct(paddr(base.raw + offset));
    __asm__ volatile("fence i, ir" ::: "memory");
    return value;
}

static inline void mmio_write(paddr_t base, uint64_t offset, uint32_t value)
{
    __asm__ volatile("fence ow, o" ::: "memory");
    *(volatile uint32_t *)direct(paddr(base.raw + offset)) = value;
}

#endif
