/*
 * Threads: what is scheduled and what has an endpoint.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "list.h"
#include "timer.h"
#include "types.h"
#include <anole/endpoint.h>
#include <anole/ipc.h>
#include <anole/process.h>

struct process;
struct irq_binding;

/* Register numbers by ABI name, for regs[]; regs[REG_PC] is the pc. */
enum reg {
    REG_PC = 0,
    REG_SP = 2,
    REG_TP = 4,
    REG_T0 = 5,
    REG_T1 = 6,
    REG_T2 = 7,
    REG_FP = 8,
    REG_A0 = 10,
    REG_A1 = 11,
    REG_T3 = 28,
    REG_T4 = 29
};

struct fp_state {
    uint64_t f[32];
    uint64_t fcsr;
};

struct thread {
    uint64_t regs[32]; /* known to trap.S */
    struct process *process;
    endpoint_t endpoint;
    uint8_t state; /* enum thread_state */
    uint8_t priority;
    bool call_taken;        /* CALLING: the server has received the request */
    bool notified_last;     /* the last delivery was of notifications */
    bool in_kcall;          /* a kernel call saved its progress and goes on when scheduled */
    bool no_requests;       /* RECEIVING: notifications only */
    bool regs_edited;       /* RS changed the registers while the thread ran */
    bool fp_loaded;         /* the FP registers of its hart are this thread's */
    struct hart *hart;      /* where it runs or last ran */
    uint64_t hart_mask;     /* where it may run */
    struct list queue_link; /* in a ready list, or in partner's senders or takens */
    struct list senders;    /* callers not yet taken, by priority */
    struct list takens;     /* callers taken, not yet answered, oldest first */
    struct thread *partner; /* CALLING: whom */
    uint64_t call_id;       /* CALLING: of this call */
    uint64_t call_ticks;    /* CALLING: since when */
    uint64_t pending;       /* notification bits */
    uint64_t mask;          /* RECEIVING: which bits end the wait */
    struct irq_binding *irqs;
    uint64_t irq_bits;      /* bits that interrupts are bound to */
    uint64_t irq_delivered; /* of these, delivered and not yet completed */
    uint64_t last_wait_ticks;
    uint64_t cpu_ticks;    /* charged so far */
    uint64_t lent_ticks;   /* what servers ran for its calls on the harts that it handed them */
    uint64_t lent_at_call; /* CALLING: what that was before this call */
    uint64_t cpu_at_wait;  /* what both were at the last wait */
    struct timer wait_timer;
    struct timer alarm_timer;
    uint32_t alarm_bit;
    uint32_t edit_mask; /* regs_edited: which of pc, sp */
    uint64_t edit_pc, edit_sp;
    uint64_t progress; /* of a kernel call that goes on; its meaning is the call's */
    uint64_t progress_object;
    struct list process_link; /* in process->threads */
    struct fp_state fp;
};

/* The thread of that name, NULL if there is none; it may be of a dying or dead process. */
struct thread *thread_lookup(endpoint_t endpoint);
/* The same, only if its process can still be talked to. */
struct thread *thread_lookup_live(endpoint_t endpoint);

/* Prepares a thread in caller-provided, zeroed memory and gives it an endpoint. -ENOMEM: no slot. */
int thread_init(struct thread *thread, struct process *process);
/* Makes a NEW thread runnable. */
void thread_start(struct thread *thread, uint64_t pc, uint64_t sp, uint64_t argument);
/* Takes the thread out of every queue, fails its callers and frees its endpoint if `release`. The
 * thread must not be running on another hart. */
void thread_detach(struct thread *thread);
void thread_release_slot(struct thread *thread);

/* Ends a wait with status in t0 and makes the thread ready. */
void thread_wake(struct thread *thread, int status);
/* Sets notification bits; wakes the thread if it waits for them. */
void thread_ring(struct thread *thread, uint64_t bits);

/* Threads by slot, for those who list them. */
struct thread *thread_in_slot(uint32_t slot);
void endpoints_init(uint32_t first_generation);

#endif
