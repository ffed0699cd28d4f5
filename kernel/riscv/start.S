/*
 * Entry from the firmware: a0 = hart id, a1 = physical address of the device tree, no translation.
 * Turns on a provisional page table (identity and direct map of the first gigabytes) and continues
 * in the upper half. Secondary harts enter at secondary_start with a1 = their struct hart, or here.
 */
#include "config.h"
#include "riscv/csr.h"
#include "riscv/hart_offsets.h"

#define PTE_LEAF 0xcf /* V R W X A D: provisional only, mmu_init sets the real rights */

    .section .text.boot, "ax"
    .globl _start
_start:
    csrw sie, zero
    la t0, start_taken
    li t1, 1
    amoswap.w.aqrl t1, t1, (t0)
    bnez t1, second_entry
    mv s0, a0
    mv s1, a1
    /* Clear what isn't in the image, by physical addresses. */
    la t0, bss_start
    la t1, bss_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    /* boot_root: the first four gigapages at 0 and at the direct map. */
    la t0, boot_root
    li t1, PTE_LEAF
    li t2, 4
    li t3, (1 << 28) /* one gigabyte in PTE units */
    li t4, 256 * 8
2:  sd t1, (t0)
    add t5, t0, t4
    sd t1, (t5)
    add t1, t1, t3
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 2b
    la sp, boot_stack_top
    li t0, DIRECT_MAP_BASE
    add sp, sp, t0
    jal enable_translation
    mv a0, s0
    mv a1, s1
    lla t0, kernel_main_address
    ld t0, (t0)
    jr t0

/*
 * A secondary hart that came here. Before OpenSBI 1.2 a hart that is on its way to its first sleep
 * may see that it is to start before it sees where, and then goes to where the kernel starts. Its
 * struct hart is in harts[] (by addresses of the direct map), since it was asked to start.
 */
second_entry:
    la t0, harts
    la t1, harts + 8 * MAX_HARTS
    li t2, DIRECT_MAP_BASE
1:  ld a1, (t0)
    beqz a1, 2f
    sub t3, a1, t2
    lwu t4, HART_ID(t3)
    beq t4, a0, secondary_start
    addi t0, t0, 8
    bltu t0, t1, 1b
2:  wfi /* nobody has asked for it */
    j 2b

    .globl secondary_start
secondary_start:
    csrw sie, zero
    mv s1, a1
    jal enable_translation
    mv tp, s1
    ld sp, HART_STACK_TOP(tp)
    mv a0, s1
    lla t0, secondary_main_address
    ld t0, (t0)
    jr t0

/* Loads boot_root and returns to the caller's address in the direct map. Clobbers t0, t1. */
enable_translation:
    li t1, DIRECT_MAP_BASE
    la t0, boot_root
    srli t0, t0, 12
    li t2, SATP_SV39
    or t0, t0, t2
    sfence.vma
    csrw satp, t0
    sfence.vma
    add ra, ra, t1
    ret

    .balign 8
kernel_main_address:
    .dword kernel_main
secondary_main_address:
    .dword secondary_main

/* Not in .bss, which the first hart clears. */
    .section .data
    .balign 4
start_taken:
    .word 0

    .section .bss
    .balign 4096
    .globl boot_root
boot_root:
    .skip 4096
boot_stack:
    .skip KERNEL_STACK_SIZE
boot_stack_top:
