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
#define HOST_DEVICES 0x10000000ul /* ranges that devman may map */
#define HOST_DEVICES_LEN (1ul << 20)
#define HOST_CONFIGURATION (HOST_DEVICES + (1ul << 19)) /* from here on no driver's */
#define HOST_MSI_PAGES 0x28000000ul                     /* of hart 0; the others' follow */

#define HOST_LINES 96 /* interrupt lines are 1..HOST_LINES */

struct host_options {
    unsigned harts;
    unsigned late;             /* the last so many of them haven't started yet */
    uint64_t ram_len;          /* 0: HOST_RAM_LEN */
    uint32_t first_generation; /* of endpoints; 0: 1 */
    uint32_t identities;       /* of each hart, for messages; 0: the machine has none */
};

/* A fresh kernel with that many harts; no processes. */
void host_boot(unsigned harts);
void host_boot_with(const struct host_options *options);
/* Frees what host_boot made. */
void host_shutdown(void);

extern uint64_t host_now; /* what time_now() says */

/* Which thread runs on that hart now, NULL if it is idle. */
struct thread *host_running(unsigned hart);
/* A late hart starts. */
void host_start(unsigned hart);
/* Lets an idle hart look for work, and run what timers are due. */
void host_poll(unsigned hart);
/* The current thread of the hart makes a system call with what is in its registers. */
void host_system_call(unsigned hart);
/* The current thread of the hart faults. */
void host_fault(unsigned hart, enum death_cause cause, uint64_t address);
/* An interrupt line is raised and claimed on that hart, if it is enabled there. */
void host_interrupt_line(unsigned hart, uint32_t line);
/* Completions find the line up from now on, or down, as they do before. */
void host_hold_line(uint32_t line, bool up);
/* A device writes the data that belongs to that number, to where that belongs: false if the hart that
 * it goes to isn't told of it. */
bool host_message(uint32_t number);
/* The kernel, on that hart, sets notification bits of a thread. */
void host_ring(unsigned hart, struct thread *thread, uint64_t bits);

/* Called whenever a hart lets go of the lock in the midst of a call: may enter through others. */
void host_at_lock_break(void (*hook)(void));
/* The hart has let go of the lock but not left the kernel: it can't be entered now. */
bool host_in_kernel(unsigned hart);
/* The hart was interrupted by another one and hasn't looked since. */
bool host_interrupted(unsigned hart);
/* The nth mapping of a page from now on finds no memory for its table; 0: none does. */
void host_fail_map(unsigned nth);
/* How many pages the process has mapped. */
size_t host_translations(const struct process *process);
void host_spaces_free(void);

/* A started process with one page of stack at HOST_DATA and all rights; `creator` NULL: the kernel. */
#define HOST_DATA 0x100000ul
struct process *host_process(const char *name, struct process *creator, uint32_t max_frames);
/* Makes the thread the hart's current one (it must be ready or running there). */
void host_run(unsigned hart, struct thread *thread);
/* The same, if the kernel lets it: the thread may be outranked. It must be ready. */
void host_try_run(unsigned hart, struct thread *thread);
/* A kernel call of the thread, run on hart 0 to its end: the status; results in result[0..6]. */
int host_kcall(struct thread *thread, uint32_t call, const uint64_t *arguments, unsigned count,
               uint64_t *result);

/* Whether the hart that a message goes to is told of it, or will be when it looks. */
bool host_listens(uint32_t number);
/* Whether a line is enabled, and claimed but not completed. */
bool host_line_enabled(uint32_t line);
bool host_line_pending_completion(uint32_t line);

#endif
