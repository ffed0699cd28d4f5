/*
 * The host's stand-in for kernel/riscv/arch.h: memory is an arena, the hart is a variable.
 */
#ifndef TESTS_HOST_KERNEL_ARCH_H
#define TESTS_HOST_KERNEL_ARCH_H

#include "types.h"

struct hart;

extern uint64_t host_direct_offset;
extern struct hart *host_hart;

#define DIRECT_MAP_OFFSET host_direct_offset

static inline struct hart *this_hart(void)
{
    return host_hart;
}

static inline void instruction_fence(void)
{
}

#endif
