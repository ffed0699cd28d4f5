/*
 * Where a program starts and where its threads start: the first instructions before there is a
 * global pointer, and nothing else. The rest is startup.c.
 */
    .section .text.start, "ax"

/* The kernel starts the main thread here. The stack's first bytes are the arguments: see
 * anole/layout.h. */
    .globl _start
    .type _start, @function
_start:
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    li      t0, 0x3ffffe0000    /* startup.c checks both numbers */
    ld      sp, 56(t0)
    li      ra, 0               /* a backtrace ends here */
    li      s0, 0
    la      tp, __tls_main
    tail    anole_start
    .size _start, . - _start

/*
 * Every further thread starts here, tp set, with its entry and its argument in the two words at sp
 * (kcall.c put them there). It ends when the entry returns.
 */
    .globl anole_thread_start
    .type anole_thread_start, @function
anole_thread_start:
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    li      ra, 0
    li      s0, 0
    ld      t0, 0(sp)
    ld      a0, 8(sp)
    jalr    t0
    tail    kcall_thread_exit
    .size anole_thread_start, . - anole_thread_start

/*
 * What must come in from this library though no program asks for it by name, or only after the C
 * library, which has its own, was searched: naming it here is enough. Nothing refers to this
 * section, so the linker drops it, and with it whatever of these a program doesn't use (but not the
 * fault gadgets, which user.ld keeps).
 */
    .section .wanted, "a"
    .8byte  anole_inject
    .8byte  sbrk
    .8byte  vfprintf
    .8byte  abort
    .8byte  __assert_func
    .8byte  __retarget_lock_acquire
