/*
 * Traps, as the rest of the machine layer uses them.
 */
#ifndef KERNEL_RISCV_TRAP_H
#define KERNEL_RISCV_TRAP_H

#include <stdint.h>

extern char trap_entry[];
/* Sets this hart's trap vector, interrupt enables and user-mode counters. */
void trap_init_hart(void);
_Noreturn void trap_from_user(uint64_t scause, uint64_t stval);
_Noreturn void trap_from_kernel(uint64_t scause, uint64_t stval, uint64_t sepc);

#endif
