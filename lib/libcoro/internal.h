/*
 * Between coro.c and sync.c.
 */
#ifndef LIBCORO_INTERNAL_H
#define LIBCORO_INTERNAL_H

#include <libcoro/coro.h>

/* The running one stops until coro_unpark; coro_wake leaves it where it is. */
void coro_park(void);
void coro_unpark(struct coro *coro);

#endif
