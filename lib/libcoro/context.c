/*
 * Stacks on Anole: each at a place of its own with as much unmapped below it, so that an overflow
 * faults. What a switch saves lies on the stack that is left (switch.S); a context is its stack
 * pointer.
 */
#include <anole/layout.h>
#include <anole/handle.h>
#include <assert.h>
#include <libanole/internal.h>
#include <libcoro/context.h>
#include <libcoro/coro.h>
#include <string.h>

#define STRIDE (2ul * CORO_STACK_BYTES)
#define SAVED_REGISTERS 14u /* as switch.S lays them out; the first is ra */

struct coro_context {
    uintptr_t sp;
};

static struct coro_context own; /* the thread's */
static uintptr_t next_place = CORO_STACKS_BASE;

/* switch.S: saves the callee's registers and sp in *from, takes those of `to`. */
void coro_switch(uintptr_t *from, uintptr_t to);

struct coro_context *coro_context_new(void (*entry)(void))
{
    uintptr_t base = next_place + STRIDE - CORO_STACK_BYTES;
    /* The context itself lies at the stack's upper end, which stays 16-byte aligned. */
    uintptr_t top = base + CORO_STACK_BYTES - 16;
    struct coro_context *context = (struct coro_context *)top;
    uintptr_t *saved = (uintptr_t *)top - SAVED_REGISTERS;

    static_assert(sizeof(*context) <= 16, "fits above the stack");
    if (next_place + STRIDE > CORO_STACKS_END ||
        map_at((void *)base, CORO_STACK_BYTES, PROT_READ_BIT | PROT_WRITE_BIT)) {
        return NULL;
    }
    next_place += STRIDE;
    saved[0] = (uintptr_t)entry; /* the rest is zero: s0 too, which ends a backtrace */
    context->sp = (uintptr_t)saved;
    return context;
}

void coro_context_switch(struct coro_context *from, struct coro_context *to)
{
    coro_switch(from ? &from->sp : &own.sp, to ? to->sp : own.sp);
}
