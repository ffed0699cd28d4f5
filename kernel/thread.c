#include "thread.h"
#include "endpoint.h"
#include "hart.h"
#include "irq.h"
#include "kprintf.h"
#include "process.h"
#include "sched.h"
#include <string.h>

static struct endpoint_table endpoints;
static struct thread *slots[ENDPOINT_SLOTS];

void endpoints_init(uint32_t first_generation)
{
    memset(slots, 0, sizeof(slots));
    endpoint_table_init(&endpoints, first_generation);
}

struct thread *thread_in_slot(uint32_t slot)
{
    return slot < ENDPOINT_SLOTS ? slots[slot] : NULL;
}

struct thread *thread_lookup(endpoint_t endpoint)
{
    struct thread *thread = slots[endpoint_slot(endpoint)];

    return thread && thread->endpoint == endpoint ? thread : NULL;
}

struct thread *thread_lookup_live(endpoint_t endpoint)
{
    struct thread *thread = thread_lookup(endpoint);

    return thread && thread->state != THREAD_DEAD && process_is_live(thread->process) ? thread
                                                                                      : NULL;
}

struct process *process_lookup(endpoint_t endpoint)
{
    struct thread *thread = thread_lookup(endpoint);

    return thread ? thread->process : NULL;
}

struct process *process_lookup_live(endpoint_t endpoint)
{
    struct thread *thread = thread_lookup_live(endpoint);

    return thread ? thread->process : NULL;
}

struct process *process_in_slot(uint32_t slot)
{
    struct thread *thread = thread_in_slot(slot);

    return thread && thread == &thread->process->main ? thread->process : NULL;
}

int thread_init(struct thread *thread, struct process *process)
{
    endpoint_t endpoint = endpoint_take(&endpoints);

    if (endpoint == ENDPOINT_NONE)
        return -ANOLE_ENOMEM;
    thread->process = process;
    thread->endpoint = endpoint;
    thread->state = THREAD_NEW;
    thread->priority = process->priority;
    thread->hart_mask = ~(uint64_t)0;
    list_init(&thread->queue_link);
    list_init(&thread->senders);
    list_init(&thread->takens);
    timer_init(&thread->wait_timer, TIMER_WAIT);
    timer_init(&thread->alarm_timer, TIMER_ALARM);
    slots[endpoint_slot(endpoint)] = thread;
    list_append(&process->threads, &thread->process_link);
    process->thread_count++;
    return 0;
}

void thread_start(struct thread *thread, uint64_t pc, uint64_t sp, uint64_t argument)
{
    thread->regs[REG_PC] = pc;
    thread->regs[REG_SP] = sp;
    thread->regs[REG_A0] = argument;
    thread->last_wait_ticks = this_hart()->now;
    sched_ready(thread);
}

static void fail_callers(struct list *callers)
{
    while (!list_empty(callers)) {
        struct thread *caller = container_of(callers->next, struct thread, queue_link);
        list_remove(&caller->queue_link);
        caller->partner = NULL;
        thread_wake(caller, -ANOLE_EDEADENDPOINT);
    }
}

void thread_detach(struct thread *thread)
{
    if (thread->state == THREAD_READY)
        sched_remove(thread);
    else if (thread->state == THREAD_CALLING)
        list_remove(&thread->queue_link);
    thread->state = THREAD_DEAD;
    thread->in_kcall = false;
    timer_cancel(&thread->wait_timer);
    timer_cancel(&thread->alarm_timer);
    irq_unbind_thread(thread);
    log_take_back(thread);
    fail_callers(&thread->senders);
    fail_callers(&thread->takens);
}

void thread_release_slot(struct thread *thread)
{
    slots[endpoint_slot(thread->endpoint)] = NULL;
    endpoint_give_back(&endpoints, thread->endpoint);
    list_remove(&thread->process_link);
    thread->process->thread_count--;
}
