/*
 * Per-hart state. tp points to it in the kernel.
 */
#ifndef KERNEL_HART_H
#define KERNEL_HART_H

#include "arch.h"
#include "config.h"
#include "list.h"
#include "types.h"
#include <anole/process.h>

struct thread;
struct process;

struct hart {
    uint64_t stack_top; /* known to trap.S */
    struct thread *current;
    uint64_t scratch;
    struct process *space; /* whose page table satp holds; NULL: the kernel's own */
    uint64_t now;          /* time at the kernel's entry, or at the last switch */
    uint64_t programmed;   /* what the timer is set to; ~0: off */
    uint64_t slice_end;    /* of the current thread's time slice; ~0: nobody competes */
    uint64_t ran_since;    /* when the current thread was charged last */
    endpoint_t payer;      /* the thread for which, and on whose process's budget, it runs */
    uint32_t index;        /* 0.. in order of start */
    uint32_t hart_id;      /* the machine's */
    bool idle;
    bool drop_space;     /* the loaded space is being torn down: load the kernel's */
    bool fence_i;        /* new code was mapped since this hart last ran it */
    bool started;        /* it takes part in scheduling */
    uint32_t ready_mask; /* bit p: ready[p] isn't empty */
    struct list ready[PRIORITIES];
    struct counters counters;
    uint64_t idle_ticks;
    uint64_t kcall_results[7]; /* of the call that this hart is doing */
    uint32_t kcall_result_mask;
    struct thread *fp_thread; /* whose FP registers are enabled */
    uint64_t lock_ticks;      /* when the big lock was taken */
};

/* Counts for a process and for this hart. */
#define COUNT(process, counter, by)                                                                \
    do {                                                                                           \
        (process)->counters.counter += (by);                                                       \
        this_hart()->counters.counter += (by);                                                     \
    } while (0)

extern struct hart *harts[MAX_HARTS];
extern unsigned hart_count;
extern uint64_t harts_usable; /* a bit for each that runs, or will when it has started */

/* The big lock: around everything the kernel does, held for bounded work. */
void kernel_lock(void);
void kernel_unlock(void);
/* Lets others in. The caller looks at everything again afterwards. */
void kernel_lock_break(void);

/* riscv/hart.c */
void hart_boot_init(uint32_t hart_id); /* first of all: tp */
void harts_init(void);                 /* the machine is known: structures, this hart's traps */
/* True for the page below a hart's stack, which mmu_init leaves out. */
bool hart_is_guard_page(uint64_t address);
void harts_start(void);                   /* the other harts, which go to kernel_exit */
void hart_interrupt(uint64_t index_mask); /* makes those harts enter the kernel */
void hart_wait(void);                     /* wfi */
uint64_t time_now(void);
void timer_program(uint64_t deadline_ticks);
_Noreturn void return_to_user(struct thread *thread);

extern uint64_t ticks_per_second;

static inline uint64_t ticks_from_ms(uint64_t ms)
{
    return ms * ticks_per_second / 1000;
}

#endif
