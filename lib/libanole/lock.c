/*
 * The locks that picolibc takes around malloc, streams and time zones. Nearly always free: one
 * atomic exchange. A holder can be preempted, so who finds a lock taken sleeps between its looks.
 */
#include <libanole/anole.h>
#include <libanole/internal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/lock.h>

#define LOCK_SPINS 64u
#define LOCK_SLEEP_US 50u

struct __lock __lock___libc_recursive_mutex;

/* A thread's pointer to its own storage is unique among the process's threads and never 0. */
static uintptr_t self(void)
{
    uintptr_t tp;

    __asm__("mv %0, tp" : "=r"(tp));
    return tp;
}

static bool lock_try(struct __lock *lock)
{
    uintptr_t open = 0;

    /* Acquire pairs with the release in lock_release. */
    if (atomic_load_explicit(&lock->owner, memory_order_relaxed) != self() &&
        !atomic_compare_exchange_strong_explicit(&lock->owner, &open, self(), memory_order_acquire,
                                                 memory_order_relaxed)) {
        return false;
    }
    lock->depth++;
    return true;
}

void lock_acquire(struct __lock *lock)
{
    unsigned spins = 0;

    while (!lock_try(lock)) {
        if (++spins >= LOCK_SPINS) {
            sleep_us(LOCK_SLEEP_US);
        }
    }
}

void lock_release(struct __lock *lock)
{
    if (--lock->depth == 0) {
        atomic_store_explicit(&lock->owner, 0, memory_order_release);
    }
}

/* ---- picolibc's names for them (sys/lock.h) ---- */

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof(struct __lock));
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    free(lock);
}

/* A lock whose making failed is NULL: its stream goes unprotected. */
void __retarget_lock_acquire(_LOCK_T lock)
{
    if (lock) {
        lock_acquire(lock);
    }
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    __retarget_lock_acquire(lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return !lock || lock_try(lock);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    return __retarget_lock_try_acquire(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    if (lock) {
        lock_release(lock);
    }
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    __retarget_lock_release(lock);
}
