/*
 * Coroutines: code that waits in the middle, inside a service with one thread. Each has a stack of
 * its own, with a guard page; the one that runs goes on until it waits. Nothing here is preemptive,
 * and nothing depends on the kernel but where stacks come from.
 */
#ifndef LIBCORO_CORO_H
#define LIBCORO_CORO_H

#include <stdbool.h>
#include <stddef.h>

#define CORO_STACK_BYTES (64u * 1024u)

struct coro;

/* Runs function(argument) on a coroutine, at once, until it waits or ends; then returns. -ENOMEM: no
 * stack. Stacks are used again. May be called inside a coroutine. */
int coro_start(void (*function)(void *argument), void *argument);
/* The one that runs, or NULL. */
struct coro *coro_current(void);
/* Waits until coro_wake: only inside a coroutine. A wake that came before is not forgotten, but many
 * of them count once. */
void coro_wait(void);
/* It goes on at the next coro_run. One that waits in coro_lock or coro_queue_wait goes on when it has
 * what it waits for there, and finds this at its next coro_wait. */
void coro_wake(struct coro *coro);
/* Runs all that were woken until all wait or have ended. False: there were none. Not inside one. */
bool coro_run(void);
/* How many have not ended. */
unsigned coro_count(void);

/* First come, first served. Zeroed memory is an open lock. */
struct coro_waiter;
struct coro_queue {
    struct coro_waiter *first, *last;
};
struct coro_lock {
    struct coro *holder;
    struct coro_queue waiters;
};
void coro_lock(struct coro_lock *lock);
void coro_unlock(struct coro_lock *lock);

/* Several wait for one event. Zeroed memory is an empty queue. */
void coro_queue_wait(struct coro_queue *queue);
void coro_queue_wake_all(struct coro_queue *queue);

#endif
