/*
 * Supervisor CSRs and their bits (RISC-V Privileged Architecture 20211203, chapter 4).
 */
#ifndef KERNEL_RISCV_CSR_H
#define KERNEL_RISCV_CSR_H

#define SSTATUS_SPIE (1ul << 5)
#define SSTATUS_FS_MASK (3ul << 13)
#define SSTATUS_FS_CLEAN (2ul << 13)
#define SSTATUS_FS_DIRTY (3ul << 13)
#define SSTATUS_UXL_64 (2ul << 32)

#define SIE_SOFTWARE (1ul << 1)
#define SIE_TIMER (1ul << 5)
#define SIE_EXTERNAL (1ul << 9)

#define SCAUSE_INTERRUPT (1ul << 63)
#define SCAUSE_FETCH_ACCESS 1
#define SCAUSE_ILLEGAL 2
#define SCAUSE_BREAKPOINT 3
#define SCAUSE_LOAD_ACCESS 5
#define SCAUSE_STORE_ACCESS 7
#define SCAUSE_ECALL_USER 8
#define SCAUSE_FETCH_PAGE 12
#define SCAUSE_LOAD_PAGE 13
#define SCAUSE_STORE_PAGE 15

#define SATP_SV39 (8ul << 60)
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK 0xfffful

#define SCOUNTEREN_TIME (1ul << 1)

#ifndef __ASSEMBLER__
#include <stdint.h>

#define csr_read(name)                                                                             \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory");                              \
        value_;                                                                                    \
    })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"(value) : "memory")
#define csr_set(name, value) __asm__ volatile("csrs " #name ", %0" ::"r"(value) : "memory")
#define csr_clear(name, value) __asm__ volatile("csrc " #name ", %0" ::"r"(value) : "memory")
/* stimecmp (Sstc) by number: binutils knows the name only with the extension in -march. */
#define CSR_STIMECMP "0x14d"
#endif

#endif
