/*
 * What coroutines need of the machine: stacks and the way from one to another. context.c and
 * switch.S on Anole, tests/host/coro_host.c on the build machine.
 */
#ifndef LIBCORO_CONTEXT_H
#define LIBCORO_CONTEXT_H

struct coro_context;

/* A stack of CORO_STACK_BYTES, nothing mapped below it, on which `entry` begins when it is first
 * switched to; entry never returns. NULL: no memory. It stays for ever. */
struct coro_context *coro_context_new(void (*entry)(void));
/* Leaves `from` as it is until somebody switches to it, and goes on with `to`. NULL is the thread's
 * own stack. */
void coro_context_switch(struct coro_context *from, struct coro_context *to);

#endif
