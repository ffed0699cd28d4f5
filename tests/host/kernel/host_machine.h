/*
 * The machine-independent kernel on the build machine: a thin machine layer of plain memory, page
 * tables that are lists, a clock that the test moves, and harts that exist only while a test enters
 * the kernel through them.
 */
#ifndef TESTS_HOST_KERNEL_HOST_MACHINE_H
#define TESTS_HOST_KERNEL_HOST_MACHINE_H

#include "process.h"
#include "thread.h"

#define HOST_RAM_BASE 0x80000000ul
#define HOST_RAM_LEN (16ul << 20)

/* A fresh kernel with that many harts; no processes. */
void host_boot(unsigned harts);
/* Frees what host_boot made. */
void host_shutdown(void);

extern uint64_t host_now; /* what time_now() says */

/* Which thread runs on that hart now, NULL if it is idle. */
struct thread *host_running(unsigned hart);
/* Lets an idle hart look for work, and run what timers are due. */
void host_poll(unsigned hart);
/* The current thread of the hart makes a system call with what is in its registers. */
void host_system_call(unsigned hart);
/* The current thread of the hart faults. */
void host_fault(unsigned hart, enum death_cause cause, uint64_t address);
/* An interrupt line is raised and claimed on that hart. */
void host_interrupt_line(unsigned hart, uint32_t line);

/* A started process with one page of stack at HOST_DATA and all rights; `creator` NULL: the kernel. */
#define HOST_DATA 0x100000ul
struct process *host_process(const char *name, struct process *creator, uint32_t max_frames);
/* Makes the thread the hart's current one (it must be ready or running there). */
void host_run(unsigned hart, struct thread *thread);
/* A kernel call of the thread, run on hart 0 to its end: the status; results in result[0..6]. */
int host_kcall(struct thread *thread, uint32_t call, const uint64_t *arguments, unsigned count,
               uint64_t *result);

/* Whether a line is enabled, and claimed but not completed. */
bool host_line_enabled(uint32_t line);
bool host_line_pending_completion(uint32_t line);

#endif
