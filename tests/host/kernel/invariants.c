#include "invariants.h"
#include "hart.h"
#include "host_machine.h"
#include "kernel_inside.h"
#include <stdarg.h>
#include <stdio.h>

#define LIST_MAX 2048 /* a longer list has a loop in it */

static char text[256];

const char *invariant_text(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return text;
}

struct thread *invariants_thread(uint32_t slot)
{
    static struct thread *const *threads;

    if (!threads)
        threads = inside_threads();
    return threads[slot];
}

struct process *invariants_process(uint32_t slot)
{
    struct thread *thread = invariants_thread(slot);

    return thread && thread == &thread->process->main ? thread->process : NULL;
}

/* ---- lists ---- */

static bool list_whole(const struct list *list)
{
    const struct list *node = list;

    for (unsigned i = 0; i < LIST_MAX; i++) {
        if (node->next->prev != node)
            return false;
        node = node->next;
        if (node == list)
            return true;
    }
    return false;
}

static unsigned times_in(const struct list *list, const struct list *wanted)
{
    unsigned times = 0;

    for (const struct list *node = list->next; node != list; node = node->next)
        times += node == wanted;
    return times;
}

static unsigned list_length(const struct list *list)
{
    unsigned length = 0;

    for (const struct list *node = list->next; node != list; node = node->next)
        length++;
    return length;
}

/* ---- threads ---- */

static bool is_known(const struct thread *thread)
{
    return thread && invariants_thread(endpoint_slot(thread->endpoint)) == thread;
}

/* Those that call this thread, in one of its two lists. */
static const char *check_callers(const struct thread *thread, const struct list *list, bool taken)
{
    const struct thread *before = NULL;

    REQUIRE(list_whole(list), "callers of %x: the list is broken", thread->endpoint);
    for (const struct list *node = list->next; node != list; node = node->next) {
        const struct thread *caller = container_of(node, struct thread, queue_link);
        REQUIRE(is_known(caller), "%x has a caller that doesn't exist", thread->endpoint);
        REQUIRE(caller->state == THREAD_CALLING && caller->partner == thread,
                "%x is queued at %x, state %u, without calling it", caller->endpoint,
                thread->endpoint, caller->state);
        REQUIRE(caller->call_taken == taken, "%x is in the wrong list of %x", caller->endpoint,
                thread->endpoint);
        REQUIRE(taken || !before || before->priority <= caller->priority,
                "the callers of %x aren't queued by priority", thread->endpoint);
        before = caller;
    }
    return NULL;
}

static const char *check_calling(const struct thread *thread)
{
    const struct thread *partner = thread->partner;
    const struct list *list;

    REQUIRE(is_known(partner), "%x calls a thread that doesn't exist", thread->endpoint);
    REQUIRE(partner->process->state != PROCESS_DEAD && partner->process->state != PROCESS_BURYING,
            "%x waits for %x, whose process is dead", thread->endpoint, partner->endpoint);
    list = thread->call_taken ? &partner->takens : &partner->senders;
    REQUIRE(times_in(list, &thread->queue_link) == 1, "%x calls %x but isn't queued there once",
            thread->endpoint, partner->endpoint);
    for (unsigned i = 0; partner && partner->state == THREAD_CALLING; i++) {
        REQUIRE(i < LIST_MAX, "%x is in a cycle of calls", thread->endpoint);
        partner = partner->partner;
    }
    return NULL;
}

/* It waits because there is nothing that it could have. */
static const char *check_receiving(const struct thread *thread)
{
    REQUIRE(!(thread->pending & thread->mask), "%x sleeps with bits 0x%lx pending",
            thread->endpoint, thread->pending & thread->mask);
    REQUIRE(thread->no_requests || list_empty(&thread->senders), "%x sleeps with a caller waiting",
            thread->endpoint);
    REQUIRE(list_empty(&thread->queue_link), "%x waits for messages and is in a list",
            thread->endpoint);
    return NULL;
}

static const char *check_ready(const struct thread *thread)
{
    const struct hart *hart = thread->hart;
    unsigned times = 0;

    REQUIRE(hart && thread->hart_mask >> hart->index & 1,
            "%x is ready on a hart where it may not run", thread->endpoint);
    for (unsigned i = 0; i < PRIORITIES; i++)
        times += times_in(&hart->ready[i], &thread->queue_link);
    REQUIRE(times == 1, "%x is ready and %u times in a queue", thread->endpoint, times);
    return NULL;
}

static const char *check_state(const struct thread *thread)
{
    switch (thread->state) {
    case THREAD_NEW:
        REQUIRE(thread->process->state == PROCESS_NEW && thread == &thread->process->main &&
                    list_empty(&thread->queue_link),
                "%x is new in a process that isn't", thread->endpoint);
        return NULL;
    case THREAD_READY:
        return check_ready(thread);
    case THREAD_RUNNING:
        REQUIRE(thread->hart && thread->hart->current == thread, "%x runs nowhere",
                thread->endpoint);
        REQUIRE(list_empty(&thread->queue_link), "%x runs and is in a list", thread->endpoint);
        return NULL;
    case THREAD_CALLING:
        return check_calling(thread);
    case THREAD_RECEIVING:
        return check_receiving(thread);
    default:
        REQUIRE(thread->state == THREAD_DEAD && !process_is_live(thread->process) &&
                    list_empty(&thread->queue_link),
                "%x: state %u in a process of state %u", thread->endpoint, thread->state,
                thread->process->state);
        return NULL;
    }
}

static const char *check_thread(uint32_t slot, const struct thread *thread)
{
    const struct process *process = thread->process;
    bool waits = thread->state == THREAD_CALLING || thread->state == THREAD_RECEIVING;

    REQUIRE(endpoint_slot(thread->endpoint) == slot, "slot %u has the thread %x", slot,
            thread->endpoint);
    REQUIRE(times_in(&process->threads, &thread->process_link) == 1,
            "%x isn't one of its process's threads", thread->endpoint);
    REQUIRE_OK(check_callers(thread, &thread->senders, false));
    REQUIRE_OK(check_callers(thread, &thread->takens, true));
    REQUIRE_OK(check_state(thread));
    REQUIRE(waits || thread->wait_timer.index == 0, "%x doesn't wait and has a deadline",
            thread->endpoint);
    REQUIRE(!thread->in_kcall || thread->state == THREAD_READY || thread->state == THREAD_RUNNING,
            "%x waits in the midst of a kernel call", thread->endpoint);
    REQUIRE(thread->state == THREAD_DEAD || !(thread->irq_delivered & ~thread->irq_bits),
            "%x owes for bits it didn't bind", thread->endpoint);
    return NULL;
}

/* ---- processes ---- */

static const char *check_corpse(const struct process *process)
{
    for (const struct list *node = process->threads.next; node != &process->threads;
         node = node->next) {
        const struct thread *thread = container_of(node, struct thread, process_link);
        REQUIRE(thread->state == THREAD_DEAD && list_empty(&thread->senders) &&
                    list_empty(&thread->takens) && !thread->irq_bits &&
                    thread->wait_timer.index == 0 && thread->alarm_timer.index == 0,
                "%x is of a dead process and has something left", thread->endpoint);
    }
    REQUIRE(process->budget_timer.index == 0, "%x is dead and its budget's timer runs",
            process->endpoint);
    REQUIRE(list_empty(&process->watchers), "%x is dead and still watched", process->endpoint);
    return NULL;
}

static const char *check_process(const struct process *process)
{
    const struct process *creator = process_lookup(process->creator);
    uint32_t running = 0;

    REQUIRE(process->state > PROCESS_FREE && process->state <= PROCESS_BURYING,
            "%x: process state %u", process->endpoint, process->state);
    REQUIRE(list_whole(&process->threads) &&
                list_length(&process->threads) == process->thread_count,
            "%x has not the %u threads that are counted", process->endpoint, process->thread_count);
    REQUIRE(process->thread_count <= process->max_threads || process->thread_count == 1,
            "%x has %u threads, at most %u are allowed", process->endpoint, process->thread_count,
            process->max_threads);
    for (unsigned i = 0; i < hart_count; i++)
        running += harts[i]->current && harts[i]->current->process == process;
    REQUIRE(process->running_threads == running, "%x runs on %u harts, %u are counted",
            process->endpoint, running, process->running_threads);
    REQUIRE(process->creator == ENDPOINT_KERNEL || creator, "%x: nobody can bury it",
            process->endpoint);
    if (process->state == PROCESS_DEAD || process->state == PROCESS_BURYING)
        REQUIRE_OK(check_corpse(process));
    REQUIRE(process->state != PROCESS_DYING || running > 0, "%x dies and nobody runs it",
            process->endpoint);
    return NULL;
}

/* ---- harts ---- */

static const char *check_queues(const struct hart *hart)
{
    for (unsigned i = 0; i < PRIORITIES; i++) {
        const struct list *queue = &hart->ready[i];
        REQUIRE(list_whole(queue), "hart %u: queue %u is broken", hart->index, i);
        REQUIRE((hart->ready_mask >> i & 1) == !list_empty(queue),
                "hart %u: the mask is wrong about queue %u", hart->index, i);
        for (const struct list *node = queue->next; node != queue; node = node->next) {
            const struct thread *thread = container_of(node, struct thread, queue_link);
            REQUIRE(is_known(thread) && thread->state == THREAD_READY && thread->hart == hart,
                    "hart %u: a thread that isn't ready there is in queue %u", hart->index, i);
        }
    }
    return NULL;
}

/* A hart that is in user mode or idle, and must look at something, has been told. */
static const char *check_told(const struct hart *hart)
{
    const struct thread *current = hart->current;

    if (host_in_kernel(hart->index) || host_interrupted(hart->index))
        return NULL;
    REQUIRE(current || !hart->ready_mask, "hart %u idles with a ready thread", hart->index);
    REQUIRE(!hart->drop_space, "hart %u wasn't told to drop a space", hart->index);
    REQUIRE(!current || process_is_live(current->process), "hart %u runs a killed process",
            hart->index);
    REQUIRE(!current || !current->regs_edited, "hart %u doesn't know the registers that were set",
            hart->index);
    REQUIRE(!hart->fp_thread || hart->fp_thread == current, "hart %u has foreign FP state",
            hart->index);
    return NULL;
}

static const char *check_hart(const struct hart *hart)
{
    REQUIRE_OK(check_queues(hart));
    REQUIRE(!hart->current || (is_known(hart->current) && hart->current->state == THREAD_RUNNING &&
                               hart->current->hart == hart),
            "hart %u: its current thread doesn't run there", hart->index);
    REQUIRE(!hart->space || is_known(&hart->space->main), "hart %u has a freed space loaded",
            hart->index);
    return check_told(hart);
}

/* ---- timers ---- */

static bool timer_is_known(const struct timer *timer)
{
    if (timer == inside_overdue_timer())
        return timer->kind == TIMER_IRQ;
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        const struct thread *thread = invariants_thread(slot);
        if (!thread)
            continue;
        if ((timer == &thread->wait_timer && timer->kind == TIMER_WAIT) ||
            (timer == &thread->alarm_timer && timer->kind == TIMER_ALARM) ||
            (timer == &thread->process->budget_timer && timer->kind == TIMER_BUDGET))
            return true;
    }
    return false;
}

static uint32_t armed_timers(void)
{
    uint32_t armed = inside_overdue_timer()->index != 0;

    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        const struct thread *thread = invariants_thread(slot);
        if (!thread)
            continue;
        armed += thread->wait_timer.index != 0;
        armed += thread->alarm_timer.index != 0;
        if (thread == &thread->process->main)
            armed += thread->process->budget_timer.index != 0;
    }
    return armed;
}

static const char *check_timers(void)
{
    uint64_t earliest = ~(uint64_t)0;
    const struct timer *timer;
    uint32_t i;

    for (i = 1; (timer = inside_timer(i)); i++) {
        REQUIRE(timer_is_known(timer), "timer %u belongs to nobody", i);
        REQUIRE(timer->index == i, "timer %u believes to be %u", i, timer->index);
        REQUIRE(i == 1 || inside_timer(i / 2)->deadline <= timer->deadline,
                "timer %u is earlier than the one above it", i);
    }
    REQUIRE(armed_timers() == i - 1, "%u timers are armed, %u are in the heap", armed_timers(),
            i - 1);
    for (unsigned hart = 0; hart < hart_count; hart++)
        if (harts[hart]->programmed < earliest)
            earliest = harts[hart]->programmed;
    REQUIRE(i == 1 || earliest <= inside_timer(1)->deadline, "no clock goes off for a deadline");
    return NULL;
}

/* ---- all ---- */

/* Each slot has a thread, waits to be used, or is spent. */
static const char *check_slots(void)
{
    bool is_free[ENDPOINT_SLOTS];
    uint32_t counted = inside_free_slots(is_free), unused = 0;

    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        const struct thread *thread = invariants_thread(slot);
        unused += is_free[slot];
        REQUIRE(!thread || !is_free[slot], "slot %u is used and free", slot);
        REQUIRE(thread || is_free[slot] || inside_slot_is_spent(slot), "slot %u is lost", slot);
        if (!thread)
            continue;
        REQUIRE_OK(check_thread(slot, thread));
        if (thread == &thread->process->main)
            REQUIRE_OK(check_process(thread->process));
    }
    REQUIRE(unused == counted, "%u slots are free, %u are counted", unused, counted);
    return NULL;
}

const char *invariants_broken(void)
{
    REQUIRE_OK(check_slots());
    for (unsigned i = 0; i < hart_count; i++)
        REQUIRE_OK(check_hart(harts[i]));
    REQUIRE_OK(check_timers());
    REQUIRE_OK(invariants_irq_broken());
    return invariants_memory_broken();
}
