/*
 * What RS sends a victim's pc to when a processor fault is ordered (enum inject_gadget of
 * include/anole/bootimage.h), 16 bytes each, and behind them the address of the ring of the last
 * messages, so that RS finds it in the corpse. No program calls any of it.
 */
#include <anole/ipc.h>

    .option norelax

/* Pads to 16 bytes; the assembler refuses to move back if there are more already. */
    .macro gadget_end start
    .org    \start + 16, 0
    .endm

    .section .text_inject, "ax"
    .balign 16
    .globl anole_inject
    .type anole_inject, @object
anole_inject:

load_unmapped:
    ld      t0, 8(zero)
    gadget_end load_unmapped

store_unmapped:
    sd      zero, 8(zero)
    gadget_end store_unmapped

illegal:
    .4byte  0
    gadget_end illegal

privileged:
    csrw    sscratch, zero
    gadget_end privileged

overflow:
    addi    sp, sp, -16
    sd      zero, 0(sp)
    j       overflow
    gadget_end overflow

spin:
    j       spin
    gadget_end spin

sleep:
    li      t0, SYS_IPC_RECEIVE
    li      t3, 0
    li      t1, -1              /* DEADLINE_NEVER */
    li      t4, RECEIVE_NO_REQUESTS
    ecall
    j       sleep
    gadget_end sleep

    .8byte  anole_recent
    .size anole_inject, . - anole_inject
