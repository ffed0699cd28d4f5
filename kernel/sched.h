/*
 * Scheduling: fixed priorities, round robin inside one, a run queue per hart.
 *
 * A call hands the hart and the rest of the time slice to the server directly; the time is charged to
 * the caller's budget. Nothing here sleeps on a kernel stack.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "thread.h"

/* Before anything is made ready, of each hart: it may start later than what waits for it. */
void sched_init_hart(struct hart *hart);
/* Makes a thread READY on the hart where it runs soonest, and tells that hart. */
void sched_ready(struct thread *thread);
/* The current thread has blocked or is gone: this hart has nothing to run until kernel_exit picks. */
void sched_current_stopped(void);
/* Charges the time so far to the current thread and to who pays for it. */
void sched_account(void);
/* Hands this hart from the (blocked) current thread to `thread`, with slice and payer. */
void sched_switch_to(struct thread *thread);
/* Takes a READY thread out of its run queue. */
void sched_remove(struct thread *thread);
/* The current thread may run on those harts only from now on: it moves if this isn't one. */
void sched_pin_current(uint64_t hart_mask);
/* True if the current thread must give way at the next exit. */
bool sched_must_yield(void);
/* Leaves the kernel: picks what runs next on this hart, or idles. Called with the lock held. */
_Noreturn void kernel_exit(void);
/* Handles the interrupts that are pending on this hart (riscv/trap.c). */
void interrupts_poll(void);
/* Floating-point state of the thread that this hart leaves (riscv/trap.c). */
void fp_leave(struct thread *next);

#endif
