/*
 * Which coroutine runs, which are to go on, which can be used again. The state is one thread's.
 */
#include <anole/error.h>
#include <assert.h>
#include <libcoro/context.h>
#include <libcoro/internal.h>
#include <stdlib.h>

enum coro_state {
    CORO_IDLE,    /* its last function has ended */
    CORO_RUNNING, /* or it started the one that runs */
    CORO_WAITING, /* for coro_wake */
    CORO_PARKED,  /* for coro_unpark */
    CORO_READY,   /* on the ready list */
};

struct coro {
    struct coro_context *context;
    struct coro *resumer; /* who waits until this one waits or ends; NULL: the thread itself */
    struct coro *next;    /* on the list that it is on */
    void (*function)(void *argument);
    void *argument;
    enum coro_state state;
    bool woken;
};

static struct coro *current;
static struct coro *idle; /* list */
static struct coro *ready_first, *ready_last;
static unsigned running_count;

static struct coro_context *context_of(const struct coro *coro)
{
    return coro ? coro->context : NULL;
}

/* Goes on with that one until it waits or ends. */
static void resume(struct coro *coro)
{
    struct coro *self = current;

    coro->resumer = self;
    coro->state = CORO_RUNNING;
    current = coro;
    coro_context_switch(context_of(self), coro->context);
    current = self;
}

/* Back to who resumed this one. */
static void leave(enum coro_state state)
{
    struct coro *self = current;

    self->state = state;
    coro_context_switch(self->context, context_of(self->resumer));
}

/* What each stack begins with: one function after the other, whatever coro_start has put there. */
static void run_functions(void)
{
    for (;;) {
        struct coro *self = current;

        self->function(self->argument);
        self->next = idle;
        idle = self;
        running_count--;
        leave(CORO_IDLE);
    }
}

static struct coro *take_idle(void)
{
    struct coro *coro = idle;

    if (coro) {
        idle = coro->next;
        return coro;
    }
    coro = calloc(1, sizeof(*coro));
    if (coro) {
        coro->context = coro_context_new(run_functions);
        if (!coro->context) {
            free(coro);
            coro = NULL;
        }
    }
    return coro;
}

int coro_start(void (*function)(void *argument), void *argument)
{
    struct coro *coro = take_idle();

    if (!coro) {
        return -ANOLE_ENOMEM;
    }
    coro->function = function;
    coro->argument = argument;
    coro->woken = false;
    running_count++;
    resume(coro);
    return 0;
}

struct coro *coro_current(void)
{
    return current;
}

static void make_ready(struct coro *coro)
{
    coro->state = CORO_READY;
    coro->next = NULL;
    if (ready_last) {
        ready_last->next = coro;
    } else {
        ready_first = coro;
    }
    ready_last = coro;
}

void coro_wait(void)
{
    assert(current);
    if (!current->woken) {
        leave(CORO_WAITING);
    }
    current->woken = false;
}

void coro_wake(struct coro *coro)
{
    coro->woken = true;
    if (coro->state == CORO_WAITING) {
        make_ready(coro);
    }
}

void coro_park(void)
{
    assert(current);
    leave(CORO_PARKED);
}

void coro_unpark(struct coro *coro)
{
    assert(coro->state == CORO_PARKED);
    make_ready(coro);
}

bool coro_run(void)
{
    bool any = false;

    assert(!current);
    while (ready_first) {
        struct coro *coro = ready_first;

        ready_first = coro->next;
        if (!ready_first) {
            ready_last = NULL;
        }
        resume(coro);
        any = true;
    }
    return any;
}

unsigned coro_count(void)
{
    return running_count;
}
