#include "sched.h"
#include "hart.h"
#include "kcall.h"
#include "mmu.h"
#include "process.h"
#include "region.h"

#define HOT __attribute__((section(".text.hot")))

static unsigned priority_of(const struct thread *thread)
{
    return thread->process->throttled ? PRIORITY_BACKGROUND : thread->priority;
}

void sched_init_hart(struct hart *hart)
{
    for (unsigned i = 0; i < PRIORITIES; i++)
        list_init(&hart->ready[i]);
    hart->programmed = ~(uint64_t)0;
    hart->slice_end = ~(uint64_t)0;
    hart->payer = ENDPOINT_NONE;
}

/* ---- run queues ---- */

static void enqueue(struct hart *hart, struct thread *thread, bool at_head)
{
    unsigned priority = priority_of(thread);

    thread->state = THREAD_READY;
    thread->hart = hart;
    if (at_head)
        list_prepend(&hart->ready[priority], &thread->queue_link);
    else
        list_append(&hart->ready[priority], &thread->queue_link);
    hart->ready_mask |= 1u << priority;
}

void sched_remove(struct thread *thread)
{
    struct hart *hart = thread->hart;

    list_remove(&thread->queue_link);
    for (unsigned i = 0; i < PRIORITIES; i++)
        if (hart->ready_mask & 1u << i && list_empty(&hart->ready[i]))
            hart->ready_mask &= ~(1u << i);
}

static struct thread *queue_first(struct hart *hart, uint64_t runnable_on)
{
    for (uint32_t mask = hart->ready_mask; mask; mask &= mask - 1) {
        struct list *queue = &hart->ready[__builtin_ctz(mask)];
        for (struct list *node = queue->next; node != queue; node = node->next) {
            struct thread *thread = container_of(node, struct thread, queue_link);
            if (thread->hart_mask & runnable_on)
                return thread;
        }
    }
    return NULL;
}

static bool allowed(const struct thread *thread, const struct hart *hart)
{
    return thread->hart_mask >> hart->index & 1;
}

/* How urgent what the hart does is: smaller is more, PRIORITIES is idle. */
static unsigned busy_with(const struct hart *hart)
{
    unsigned queued = hart->ready_mask ? (unsigned)__builtin_ctz(hart->ready_mask) : PRIORITIES;
    unsigned running = hart->current ? priority_of(hart->current) : PRIORITIES;

    return queued < running ? queued : running;
}

/* From 0, it hasn't started, to IDLE. */
#define IDLE (PRIORITIES + 1)

static unsigned freedom(const struct hart *hart)
{
    return hart->started ? busy_with(hart) + 1 : 0;
}

/* The hart where the thread runs soonest: its last one if that is idle, any idle one, else where
 * what runs is least urgent, its last one preferred. One that hasn't started only if it may run
 * nowhere else: it waits there for the hart to come. */
static struct hart *choose_hart(const struct thread *thread)
{
    struct hart *best = NULL;

    if (thread->hart && allowed(thread, thread->hart) && freedom(thread->hart) == IDLE)
        return thread->hart;
    for (unsigned i = 0; i < hart_count; i++) {
        if (!allowed(thread, harts[i]))
            continue;
        if (!best || freedom(harts[i]) > freedom(best) ||
            (freedom(harts[i]) == freedom(best) && harts[i] == thread->hart))
            best = harts[i];
    }
    return best; /* nobody is pinned to none of them (kcall_thread.c) */
}

void sched_ready(struct thread *thread)
{
    struct hart *hart = choose_hart(thread);
    bool urgent = priority_of(thread) <= busy_with(hart);

    enqueue(hart, thread, false);
    if (hart != this_hart() && urgent)
        hart_interrupt((uint64_t)1 << hart->index);
}

void sched_pin_current(uint64_t hart_mask)
{
    struct hart *hart = this_hart();
    struct thread *thread = hart->current;

    thread->hart_mask = hart_mask;
    if (!allowed(thread, hart)) {
        sched_current_stopped();
        sched_ready(thread);
    }
}

/* ---- charging ---- */

static void budget_charge(struct process *process, uint64_t ticks, uint64_t now)
{
    if (process->budget_ticks == 0)
        return;
    process->budget_used += ticks;
    if (process->budget_timer.index == 0)
        timer_arm(&process->budget_timer, now + process->period_ticks);
    if (process->budget_used >= process->budget_ticks)
        process->throttled = true;
}

/* The budget's next period begins; it is counted anew when the process runs again. */
void process_budget_renewed(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, budget_timer);

    process->budget_used = 0;
    if (!process->throttled)
        return;
    /* The ready threads leave the background queue under their old priority first. */
    for (struct list *node = process->threads.next; node != &process->threads; node = node->next) {
        struct thread *thread = container_of(node, struct thread, process_link);
        if (thread->state == THREAD_READY)
            sched_remove(thread);
    }
    process->throttled = false;
    for (struct list *node = process->threads.next; node != &process->threads; node = node->next) {
        struct thread *thread = container_of(node, struct thread, process_link);
        if (thread->state == THREAD_READY)
            sched_ready(thread);
    }
}

/* Charges the time since the last charge to who ran and to who pays. */
static void charge(struct hart *hart)
{
    uint64_t ticks = hart->now - hart->ran_since;
    struct thread *thread = hart->current;
    struct thread *payer;

    hart->ran_since = hart->now;
    if (!thread) {
        hart->idle_ticks += ticks;
        return;
    }
    thread->cpu_ticks += ticks;
    thread->process->cpu_ticks += ticks;
    payer = hart->payer == thread->endpoint ? thread : thread_lookup_live(hart->payer);
    if (!payer)
        return;
    if (payer != thread)
        payer->lent_ticks += ticks;
    budget_charge(payer->process, ticks, hart->now);
}

void sched_account(void)
{
    charge(this_hart());
}

/* ---- switching ---- */

void sched_current_stopped(void)
{
    struct hart *hart = this_hart();

    charge(hart);
    if (hart->current)
        hart->current->process->running_threads--;
    hart->current = NULL;
}

static void run(struct hart *hart, struct thread *thread)
{
    hart->current = thread;
    thread->hart = hart;
    thread->state = THREAD_RUNNING;
    thread->process->running_threads++;
}

void sched_switch_to(struct thread *thread)
{
    struct hart *hart = this_hart();

    sched_current_stopped();
    if (!allowed(thread, hart)) {
        sched_ready(thread);
        return;
    }
    run(hart, thread);
}

/* Gives up the current thread's place: at the head of its queue, or at the tail if its slice ended. */
static void put_current_back(struct hart *hart, bool slice_ended)
{
    struct thread *thread = hart->current;

    sched_current_stopped();
    if (allowed(thread, hart))
        enqueue(hart, thread, !slice_ended);
    else
        sched_ready(thread);
}

static struct thread *steal(struct hart *hart)
{
    for (unsigned i = 0; i < hart_count; i++) {
        struct thread *thread;
        if (harts[i] == hart)
            continue;
        thread = queue_first(harts[i], (uint64_t)1 << hart->index);
        if (thread)
            return thread;
    }
    return NULL;
}

/* True if a thread in the queue should run instead of the current one. */
static inline bool is_outranked(const struct hart *hart, bool *slice_ended)
{
    unsigned current = priority_of(hart->current);
    uint32_t rivals = hart->ready_mask & ((2u << current) - 1);

    *slice_ended = false;
    if (!rivals)
        return false;
    *slice_ended = rivals == 1u << current;
    return !*slice_ended || hart->now >= hart->slice_end;
}

bool sched_must_yield(void)
{
    struct hart *hart = this_hart();
    bool slice_ended;

    return !hart->current || !process_is_live(hart->current->process) ||
           is_outranked(hart, &slice_ended);
}

static void pick(struct hart *hart)
{
    struct thread *thread = queue_first(hart, ~(uint64_t)0);

    if (!thread)
        thread = steal(hart);
    charge(hart);
    if (!thread)
        return;
    sched_remove(thread);
    run(hart, thread);
    hart->payer = thread->endpoint;
    hart->slice_end = hart->now + ticks_from_ms(TIME_SLICE_MS);
}

static void idle(struct hart *hart)
{
    fp_leave(NULL);
    hart->idle = true;
    kernel_unlock();
    hart_wait();
    kernel_lock();
    hart->idle = false;
    if (hart->drop_space)
        mmu_load(NULL);
    charge(hart);
    interrupts_poll();
}

/* RS set other registers while the thread ran or waited to run. */
static void apply_edited_registers(struct thread *thread)
{
    if (thread->edit_mask & 1)
        thread->regs[REG_PC] = thread->edit_pc;
    if (thread->edit_mask & 2)
        thread->regs[REG_SP] = thread->edit_sp;
    thread->regs_edited = false;
    thread->in_kcall = false;
}

/* Lets the current thread go on if it may: false if something else must be picked. */
static bool current_goes_on(struct hart *hart)
{
    struct thread *thread = hart->current;
    bool slice_ended;

    if (!process_is_live(thread->process)) {
        struct process *process = thread->process;
        thread->state = THREAD_DEAD;
        thread->in_kcall = false;
        sched_current_stopped();
        process_thread_stopped(process);
        return false;
    }
    if (is_outranked(hart, &slice_ended) || !allowed(thread, hart)) {
        put_current_back(hart, slice_ended);
        return false;
    }
    if (thread->regs_edited)
        apply_edited_registers(thread);
    if (thread->in_kcall) {
        fp_leave(thread); /* its owner may be run, or buried, when the call lets go of the lock */
        kcall_run(thread);
        return false;
    }
    return true;
}

/* Has the clock end the slice if somebody waits for it, and a budget when it is used up. */
static void program_slice(struct hart *hart)
{
    uint32_t rivals = hart->ready_mask >> priority_of(hart->current) & 1;
    uint64_t want = rivals ? hart->slice_end : ~(uint64_t)0;

    if (hart->current->process->budget_ticks != 0)
        want = min_u64(want, hart->now + hart->current->process->budget_ticks);
    if (want < hart->programmed)
        timer_program(want);
}

/* Finds what this hart runs next, or idles until there is something. */
static void decide(struct hart *hart)
{
    for (;;) {
        bool more = region_reap_step();
        if (!hart->current)
            pick(hart);
        if (!hart->current) {
            if (more) {
                fp_leave(NULL); /* its owner may be run, or buried, by another hart meanwhile */
                kernel_lock_break();
            } else {
                idle(hart);
            }
            continue;
        }
        if (current_goes_on(hart))
            return;
    }
}

/* True if the current thread just goes on: nothing waits to be decided or done. */
static inline bool nothing_to_decide(const struct hart *hart)
{
    const struct thread *thread = hart->current;

    return thread && hart->ready_mask == 0 && !thread->in_kcall && !thread->regs_edited &&
           process_is_live(thread->process) && list_empty(&dead_regions);
}

HOT _Noreturn void kernel_exit(void)
{
    struct hart *hart = this_hart();
    struct thread *thread;

    if (!nothing_to_decide(hart))
        decide(hart);
    thread = hart->current;
    if (hart->fp_thread)
        fp_leave(thread);
    if (hart->space != thread->process)
        mmu_load(thread->process);
    if (hart->fence_i) {
        hart->fence_i = false;
        instruction_fence();
    }
    if (hart->ready_mask != 0 || thread->process->budget_ticks != 0)
        program_slice(hart);
    kernel_unlock();
    return_to_user(thread);
}
