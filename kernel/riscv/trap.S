/*
 * The way into the kernel from user mode and back. The kernel itself runs with interrupts off and
 * touches no user address, so a trap from supervisor mode is always a kernel bug.
 *
 * In user mode sscratch holds this hart's struct hart; in the kernel tp does and sscratch is 0.
 */
#include "riscv/csr.h"
#include "riscv/hart_offsets.h"

    .section .text.trap, "ax"
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw tp, sscratch, tp
    beqz tp, kernel_trap
    sd t6, HART_SCRATCH(tp)
    ld t6, HART_CURRENT(tp)
    sd x1, 8(t6)
    sd x2, 16(t6)
    sd x3, 24(t6)
    sd x5, 40(t6)
    sd x6, 48(t6)
    sd x7, 56(t6)
    sd x8, 64(t6)
    sd x9, 72(t6)
    sd x10, 80(t6)
    sd x11, 88(t6)
    sd x12, 96(t6)
    sd x13, 104(t6)
    sd x14, 112(t6)
    sd x15, 120(t6)
    sd x16, 128(t6)
    sd x17, 136(t6)
    sd x18, 144(t6)
    sd x19, 152(t6)
    sd x20, 160(t6)
    sd x21, 168(t6)
    sd x22, 176(t6)
    sd x23, 184(t6)
    sd x24, 192(t6)
    sd x25, 200(t6)
    sd x26, 208(t6)
    sd x27, 216(t6)
    sd x28, 224(t6)
    sd x29, 232(t6)
    sd x30, 240(t6)
    ld t0, HART_SCRATCH(tp)
    csrr t1, sepc
    csrrw t2, sscratch, zero
    sd t0, 248(t6)
    sd t1, 0(t6)
    sd t2, 32(t6)
    ld sp, HART_STACK_TOP(tp)
    li s0, 0 /* ends backtraces */
    csrr a0, scause
    csrr a1, stval
    /* Never returns: it leaves through return_to_user. */
    j trap_from_user

/* a0 = struct thread to continue; tp = hart. The space is loaded and the lock released. */
    .globl return_to_user
return_to_user:
    ld t0, 0(a0)
    csrw sepc, t0
    csrw sscratch, tp
    mv x31, a0
    ld x1, 8(x31)
    ld x2, 16(x31)
    ld x3, 24(x31)
    ld x4, 32(x31)
    ld x5, 40(x31)
    ld x6, 48(x31)
    ld x7, 56(x31)
    ld x8, 64(x31)
    ld x9, 72(x31)
    ld x10, 80(x31)
    ld x11, 88(x31)
    ld x12, 96(x31)
    ld x13, 104(x31)
    ld x14, 112(x31)
    ld x15, 120(x31)
    ld x16, 128(x31)
    ld x17, 136(x31)
    ld x18, 144(x31)
    ld x19, 152(x31)
    ld x20, 160(x31)
    ld x21, 168(x31)
    ld x22, 176(x31)
    ld x23, 184(x31)
    ld x24, 192(x31)
    ld x25, 200(x31)
    ld x26, 208(x31)
    ld x27, 216(x31)
    ld x28, 224(x31)
    ld x29, 232(x31)
    ld x30, 240(x31)
    ld x31, 248(x31)
    sret

/* A trap in the kernel: tp and sscratch have been swapped; swap back and panic. */
kernel_trap:
    csrrw tp, sscratch, tp
    csrr a0, scause
    csrr a1, stval
    csrr a2, sepc
    ld sp, HART_STACK_TOP(tp)
    j trap_from_kernel
