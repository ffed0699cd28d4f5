/*
 * From one stack to another. By the calling convention the caller of a function expects only these
 * registers to stay: ra and s0..s11 are saved on the stack that is left; gp and tp are the thread's,
 * and the same on all of its stacks.
 */
    .section .text.coro_switch, "ax"

/* void coro_switch(uintptr_t *from, uintptr_t to) */
    .globl coro_switch
    .type coro_switch, @function
coro_switch:
    addi    sp, sp, -14*8       /* one more than there are: sp stays 16-byte aligned */
    sd      ra, 0*8(sp)
    sd      s0, 1*8(sp)
    sd      s1, 2*8(sp)
    sd      s2, 3*8(sp)
    sd      s3, 4*8(sp)
    sd      s4, 5*8(sp)
    sd      s5, 6*8(sp)
    sd      s6, 7*8(sp)
    sd      s7, 8*8(sp)
    sd      s8, 9*8(sp)
    sd      s9, 10*8(sp)
    sd      s10, 11*8(sp)
    sd      s11, 12*8(sp)
    sd      sp, 0(a0)
    mv      sp, a1
    ld      ra, 0*8(sp)
    ld      s0, 1*8(sp)
    ld      s1, 2*8(sp)
    ld      s2, 3*8(sp)
    ld      s3, 4*8(sp)
    ld      s4, 5*8(sp)
    ld      s5, 6*8(sp)
    ld      s6, 7*8(sp)
    ld      s7, 8*8(sp)
    ld      s8, 9*8(sp)
    ld      s9, 10*8(sp)
    ld      s10, 11*8(sp)
    ld      s11, 12*8(sp)
    addi    sp, sp, 14*8
    ret
    .size coro_switch, . - coro_switch
