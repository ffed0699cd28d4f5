/*
 * Calls to the firmware (RISC-V SBI specification 1.0).
 */
#ifndef KERNEL_RISCV_SBI_H
#define KERNEL_RISCV_SBI_H

#include <stdint.h>

void sbi_putchar(char c); /* legacy console: OpenSBI 1.1 has no debug console extension */
void sbi_set_timer(uint64_t ticks);
void sbi_send_ipi(uint64_t hart_id_mask);
/* Fences the ASID's translations (all of them) on the given harts, and waits. */
void sbi_remote_sfence_asid(uint64_t hart_id_mask, uint64_t asid);
/* Starts a stopped hart at a physical address with a0 = hart id, a1 = opaque. 0 or an SBI error. */
long sbi_hart_start(uint64_t hart_id, uint64_t physical_entry, uint64_t opaque);
_Noreturn void sbi_shutdown(int reboot);

#endif
