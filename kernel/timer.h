/*
 * Deadlines: one heap for the machine. Whoever arms a timer has its own hart's clock cover it; the
 * hart whose clock goes off runs all that is due and then covers the next.
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include "types.h"

enum timer_kind { TIMER_WAIT, TIMER_ALARM, TIMER_BUDGET, TIMER_IRQ };

struct timer {
    uint64_t deadline;
    uint32_t index; /* in the heap, from 1; 0: not armed */
    enum timer_kind kind;
};

/* No timer is armed. */
void timers_init(void);
void timer_init(struct timer *timer, enum timer_kind kind);
void timer_arm(struct timer *timer, uint64_t deadline_ticks);
void timer_cancel(struct timer *timer);
/* Runs what is due at `now`, at most STEP_ITEMS; the rest is due again at once. */
void timer_run(uint64_t now);
/* The earliest deadline, ~0 if none. */
uint64_t timer_next(void);

/* Implemented where the kinds belong. */
void thread_wait_expired(struct timer *timer);
void thread_alarm_expired(struct timer *timer);
void process_budget_renewed(struct timer *timer);
void irq_check_overdue(struct timer *timer);

#endif
