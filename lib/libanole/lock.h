/*
 * A lock among the threads of a process that its holder may take again. Zeroed memory is an open one.
 * It is for a few instructions at a time: who finds it taken sleeps between its looks. picolibc's own
 * locks are of this kind, which is why the struct has this name (sys/lock.h).
 */
#ifndef LIBANOLE_LOCK_H
#define LIBANOLE_LOCK_H

#include <stdint.h>

struct __lock {
    _Atomic uintptr_t owner; /* the holder's thread pointer; 0: open */
    uint32_t depth;
};

void lock_acquire(struct __lock *lock);
void lock_release(struct __lock *lock);

#endif
