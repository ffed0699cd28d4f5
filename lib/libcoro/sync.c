/*
 * What coroutines wait for besides a wake: locks that are handed on in order, events.
 */
#include <assert.h>
#include <libcoro/internal.h>

/* On the stack of the one that waits. */
struct coro_waiter {
    struct coro *coro;
    struct coro_waiter *next;
};

void coro_queue_wait(struct coro_queue *queue)
{
    struct coro_waiter waiter = {.coro = coro_current()};

    if (queue->last) {
        queue->last->next = &waiter;
    } else {
        queue->first = &waiter;
    }
    queue->last = &waiter;
    coro_park(); /* who unparks it has taken it off the queue */
}

/* The one that came first, off the queue; NULL: nobody waits. */
static struct coro *queue_take(struct coro_queue *queue)
{
    struct coro_waiter *waiter = queue->first;

    if (!waiter) {
        return NULL;
    }
    queue->first = waiter->next;
    if (!queue->first) {
        queue->last = NULL;
    }
    return waiter->coro;
}

void coro_queue_wake_all(struct coro_queue *queue)
{
    struct coro *coro;

    while ((coro = queue_take(queue))) {
        coro_unpark(coro);
    }
}

void coro_lock(struct coro_lock *lock)
{
    assert(lock->holder != coro_current());
    if (lock->holder) {
        coro_queue_wait(&lock->waiters); /* coro_unlock made it the holder */
    } else {
        lock->holder = coro_current();
    }
}

void coro_unlock(struct coro_lock *lock)
{
    assert(lock->holder == coro_current());
    lock->holder = queue_take(&lock->waiters);
    if (lock->holder) {
        coro_unpark(lock->holder);
    }
}
