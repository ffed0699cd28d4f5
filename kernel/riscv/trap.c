/*
 * Traps from user mode: system calls, interrupts, faults; and the lazily switched FP state.
 */
#include "fence.h"
#include "hart.h"
#include "ipc.h"
#include "irq.h"
#include "kprintf.h"
#include "machine.h"
#include "mmu.h"
#include "process.h"
#include "riscv/csr.h"
#include "riscv/hart_offsets.h"
#include "riscv/trap.h"
#include "sched.h"
#include "timer.h"

_Static_assert(offsetof(struct hart, stack_top) == HART_STACK_TOP, "known to trap.S");
_Static_assert(offsetof(struct hart, current) == HART_CURRENT, "known to trap.S");
_Static_assert(offsetof(struct hart, scratch) == HART_SCRATCH, "known to trap.S");
_Static_assert(offsetof(struct hart, hart_id) == HART_ID, "known to start.S");
_Static_assert(offsetof(struct thread, regs) == THREAD_REGS, "known to trap.S");

void fp_save(struct fp_state *state);
void fp_load(const struct fp_state *state);

void trap_init_hart(void)
{
    csr_write(stvec, trap_entry);
    csr_write(sscratch, 0);
    csr_write(scounteren, SCOUNTEREN_TIME);
    /* FS off: a thread's first FP instruction traps. SPIE: interrupts are on in user mode. */
    csr_write(sstatus, SSTATUS_SPIE | SSTATUS_UXL_64);
    csr_write(sie, SIE_SOFTWARE | SIE_TIMER | SIE_EXTERNAL);
    irq_chip->init_hart();
}

/* ---- interrupts ---- */

static void timer_interrupt(void)
{
    struct hart *hart = this_hart();

    timer_program(~(uint64_t)0);
    timer_run(hart->now);
    if (timer_next() < hart->programmed)
        timer_program(timer_next());
}

void interrupts_poll(void)
{
    uint64_t pending = csr_read(sip);

    if (pending & SIE_SOFTWARE)
        csr_clear(sip, SIE_SOFTWARE);
    if (this_hart()->drop_space)
        mmu_load(NULL);
    if (pending & SIE_TIMER && this_hart()->programmed <= this_hart()->now)
        timer_interrupt();
    if (pending & SIE_EXTERNAL)
        irq_chip->serve();
}

/* ---- floating point ---- */

/* The FP registers still hold a thread's state; `next` is who runs now. */
void fp_leave(struct thread *next)
{
    struct hart *hart = this_hart();
    struct thread *owner = hart->fp_thread;

    if (!owner || owner == next)
        return;
    if ((csr_read(sstatus) & SSTATUS_FS_MASK) == SSTATUS_FS_DIRTY)
        fp_save(&owner->fp);
    csr_clear(sstatus, SSTATUS_FS_MASK);
    hart->fp_thread = NULL;
}

/* An illegal instruction with FS off may be an FP one: true if the thread may try again. */
static bool fp_enter(struct thread *thread)
{
    if (!(thread->process->flags & PROCESS_FLOAT) || csr_read(sstatus) & SSTATUS_FS_MASK)
        return false;
    csr_set(sstatus, SSTATUS_FS_DIRTY);
    fp_load(&thread->fp);
    csr_clear(sstatus, SSTATUS_FS_MASK);
    csr_set(sstatus, SSTATUS_FS_CLEAN);
    this_hart()->fp_thread = thread;
    return true;
}

/* ---- faults ---- */

static enum death_cause cause_of(uint64_t scause)
{
    switch (scause) {
    case SCAUSE_ILLEGAL:
        return DEATH_ILLEGAL;
    case SCAUSE_BREAKPOINT:
        return DEATH_BREAKPOINT;
    case SCAUSE_LOAD_PAGE:
    case SCAUSE_LOAD_ACCESS:
        return DEATH_LOAD_FAULT;
    case SCAUSE_STORE_PAGE:
    case SCAUSE_STORE_ACCESS:
        return DEATH_STORE_FAULT;
    case SCAUSE_FETCH_PAGE:
    case SCAUSE_FETCH_ACCESS:
        return DEATH_FETCH_FAULT;
    default:
        return DEATH_MISALIGNED;
    }
}

/* A fault where the page table allows the access: a translation that this hart cached before the
 * mapping was made (new mappings need no fence). */
static bool is_spurious(struct process *process, uint64_t scause, uint64_t address)
{
    unsigned needed = scause == SCAUSE_FETCH_PAGE   ? PROT_EXEC_BIT
                      : scause == SCAUSE_STORE_PAGE ? PROT_WRITE_BIT
                                                    : PROT_READ_BIT;
    paddr_t frame;
    unsigned prot;

    if (scause != SCAUSE_FETCH_PAGE && scause != SCAUSE_LOAD_PAGE && scause != SCAUSE_STORE_PAGE)
        return false;
    return mmu_lookup(process, address, &frame, &prot) && (prot & needed) == needed;
}

static void fault(struct thread *thread, uint64_t scause, uint64_t stval)
{
    if (scause == SCAUSE_ILLEGAL && fp_enter(thread))
        return;
    if (is_spurious(thread->process, scause, stval)) {
        __asm__ volatile("sfence.vma %0" ::"r"(stval) : "memory");
        return;
    }
    process_kill(thread->process, cause_of(scause), stval, thread);
}

/* ---- entry from trap.S ---- */

_Noreturn void trap_from_user(uint64_t scause, uint64_t stval)
{
    struct thread *thread;

    kernel_lock();
    thread = this_hart()->current;
    COUNT(thread->process, traps, 1);
    if (!process_is_live(thread->process)) {
        kernel_exit(); /* it was killed while it ran: no more calls, no second death */
    } else if (scause == SCAUSE_ECALL_USER) {
        thread->regs[REG_PC] += 4;
        ipc_system_call(thread);
    } else if (scause & SCAUSE_INTERRUPT) {
        interrupts_poll();
    } else {
        fault(thread, scause, stval);
    }
    kernel_exit();
}

_Noreturn void trap_from_kernel(uint64_t scause, uint64_t stval, uint64_t sepc)
{
    kernel_panic("trap in the kernel: scause %lu stval 0x%lx pc 0x%lx", scause, stval, sepc);
}
