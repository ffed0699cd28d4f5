/*
 * What the machine-independent kernel needs inline of the machine. Found by the include path: the
 * host tests of the kernel have their own.
 */
#ifndef KERNEL_RISCV_ARCH_H
#define KERNEL_RISCV_ARCH_H

#include "types.h"

struct hart;

/* All of physical memory is mapped from here on, in every address space. */
#define DIRECT_MAP_OFFSET 0xffffffc000000000ul

/* tp points to the hart's structure while the kernel runs. */
static inline struct hart *this_hart(void)
{
    struct hart *hart;
    __asm__("mv %0, tp" : "=r"(hart));
    return hart;
}

/* This hart sees instructions that were written before. */
static inline void instruction_fence(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

#endif
