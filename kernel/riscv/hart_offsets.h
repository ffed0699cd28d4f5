/*
 * What assembly knows of C's structures; kernel/riscv/trap.c asserts each number.
 */
#ifndef KERNEL_RISCV_HART_OFFSETS_H
#define KERNEL_RISCV_HART_OFFSETS_H

#define DIRECT_MAP_BASE 0xffffffc000000000

/* struct hart */
#define HART_STACK_TOP 0
#define HART_CURRENT 8
#define HART_SCRATCH 16
#define HART_ID 72 /* known to start.S */

/* struct thread: regs[0] is the pc, regs[n] is xn */
#define THREAD_REGS 0

#endif
