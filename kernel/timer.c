#include "timer.h"
#include "config.h"
#include "hart.h"
#include <anole/endpoint.h>

/* Two for each thread, one for each process, one for the interrupts. */
#define TIMERS_MAX (ENDPOINT_SLOTS * 3 + 1)

static struct timer *heap[TIMERS_MAX + 1]; /* from index 1; the earliest on top */
static uint32_t heap_len;

void timers_init(void)
{
    heap_len = 0;
}

void timer_init(struct timer *timer, enum timer_kind kind)
{
    timer->index = 0;
    timer->kind = kind;
}

static void place(struct timer *timer, uint32_t index)
{
    heap[index] = timer;
    timer->index = index;
}

static void sift_up(struct timer *timer, uint32_t index)
{
    for (; index > 1 && heap[index / 2]->deadline > timer->deadline; index /= 2)
        place(heap[index / 2], index);
    place(timer, index);
}

static void sift_down(struct timer *timer, uint32_t index)
{
    for (;;) {
        uint32_t child = index * 2;
        if (child > heap_len)
            break;
        if (child < heap_len && heap[child + 1]->deadline < heap[child]->deadline)
            child++;
        if (heap[child]->deadline >= timer->deadline)
            break;
        place(heap[child], index);
        index = child;
    }
    place(timer, index);
}

void timer_arm(struct timer *timer, uint64_t deadline_ticks)
{
    struct hart *hart = this_hart();

    timer_cancel(timer);
    timer->deadline = deadline_ticks;
    sift_up(timer, ++heap_len);
    if (deadline_ticks < hart->programmed)
        timer_program(deadline_ticks);
}

void timer_cancel(struct timer *timer)
{
    uint32_t index = timer->index;
    struct timer *last;

    if (index == 0)
        return;
    timer->index = 0;
    last = heap[heap_len--];
    if (last == timer)
        return;
    if (index > 1 && heap[index / 2]->deadline > last->deadline)
        sift_up(last, index);
    else
        sift_down(last, index);
}

void timer_run(uint64_t now)
{
    static void (*const expired[])(struct timer *) = {
        [TIMER_WAIT] = thread_wait_expired,
        [TIMER_ALARM] = thread_alarm_expired,
        [TIMER_BUDGET] = process_budget_renewed,
        [TIMER_IRQ] = irq_check_overdue,
    };

    for (unsigned i = 0; i < STEP_ITEMS && heap_len > 0 && heap[1]->deadline <= now; i++) {
        struct timer *timer = heap[1];
        timer_cancel(timer);
        expired[timer->kind](timer);
    }
}

uint64_t timer_next(void)
{
    return heap_len > 0 ? heap[1]->deadline : ~(uint64_t)0;
}
