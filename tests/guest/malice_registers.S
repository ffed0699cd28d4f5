/*
 * A system call with every register as the caller says. Only s11 is the routine's own: it holds the
 * pointer to struct registers, x[0..31] at 0, saved[] at 256.
 */
#include <anole/ipc.h>

#define SAVED 256
#define THREAD_EXIT 3 /* KCALL_THREAD_EXIT */

    .macro for_all_but_s11 instruction
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,28,29,30,31
    \instruction x\n, 8*\n(x27)
    .endr
    .endm

    .macro for_own instruction, base
    \instruction ra, SAVED+0(\base)
    \instruction sp, SAVED+8(\base)
    \instruction gp, SAVED+16(\base)
    \instruction tp, SAVED+24(\base)
    \instruction s0, SAVED+32(\base)
    \instruction s1, SAVED+40(\base)
    \instruction s2, SAVED+48(\base)
    \instruction s3, SAVED+56(\base)
    \instruction s4, SAVED+64(\base)
    \instruction s5, SAVED+72(\base)
    \instruction s6, SAVED+80(\base)
    \instruction s7, SAVED+88(\base)
    \instruction s8, SAVED+96(\base)
    \instruction s9, SAVED+104(\base)
    \instruction s10, SAVED+112(\base)
    \instruction s11, SAVED+120(\base)
    .endm

    .text
    .option norelax
/* void registers_call(struct registers *registers) */
    .globl registers_call
    .type registers_call, @function
registers_call:
    for_own sd, a0
    mv      s11, a0
    for_all_but_s11 ld
    ecall
    for_all_but_s11 sd
    mv      t0, s11
    for_own ld, t0
    ret
    .size registers_call, . - registers_call

/* void registers_thread_exit(void) */
    .globl registers_thread_exit
    .type registers_thread_exit, @function
registers_thread_exit:
    li      a0, THREAD_EXIT
    slli    a0, a0, 32
    li      t0, SYS_IPC_CALL
    ecall
    ebreak
    .size registers_thread_exit, . - registers_thread_exit
