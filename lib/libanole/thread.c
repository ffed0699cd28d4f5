/*
 * Threads with memory of their own: each has a place in the address space with its stack and, above
 * it, its thread-local storage. Below the stack nothing is mapped, so an overflow faults. What a
 * finished thread leaves is unmapped when the next one is started.
 */
#include <libanole/anole.h>
#include <libanole/internal.h>

#define STACK_MAX (THREAD_STACK_STRIDE / 2)
#define TLS_ALIGN 16u

struct stack {
    endpoint_t thread; /* valid while len != 0 */
    size_t len;        /* mapped bytes below the place's end */
};

static struct stack stacks[THREAD_STACKS];
static struct __lock stacks_lock;

static uintptr_t stack_end(unsigned place)
{
    return THREAD_STACKS_BASE + (place + 1) * THREAD_STACK_STRIDE;
}

/* Frees the place if its thread is gone; true if it is free. */
static bool stack_reclaim(unsigned place)
{
    struct stack *stack = &stacks[place];

    if (stack->len != 0 && !endpoint_is_alive(stack->thread) &&
        !kcall_unmap((void *)(stack_end(place) - stack->len), stack->len)) {
        stack->len = 0;
    }
    return stack->len == 0;
}

/* Starts the thread in a free place. */
static int stack_start(unsigned place, void (*entry)(void *), void *argument, size_t stack_bytes,
                       uint64_t hart_mask)
{
    size_t tls_len = ((size_t)(uintptr_t)__tls_size + TLS_ALIGN - 1) & ~(size_t)(TLS_ALIGN - 1);
    size_t len = (stack_bytes + tls_len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    void *base = (void *)(stack_end(place) - len);
    void *tls = (void *)(stack_end(place) - tls_len);
    int error = map_at(base, len, PROT_READ_BIT | PROT_WRITE_BIT);

    if (error) {
        return error;
    }
    tls_init(tls);
    error = thread_create_with_tls(entry, tls, argument, hart_mask, tls, &stacks[place].thread);
    if (error) {
        (void)kcall_unmap(base, len); /* mapped just now, so it can be unmapped */
        return error;
    }
    stacks[place].len = len;
    return 0;
}

int thread_start(void (*entry)(void *), void *argument, size_t stack_bytes, uint64_t hart_mask,
                 endpoint_t *endpoint)
{
    unsigned place = THREAD_STACKS;
    int error = -ANOLE_ENOMEM;

    if (stack_bytes == 0 || stack_bytes > STACK_MAX) {
        return -ANOLE_EINVAL;
    }
    lock_acquire(&stacks_lock);
    for (unsigned i = 0; i < THREAD_STACKS; i++) {
        if (stack_reclaim(i) && place == THREAD_STACKS) {
            place = i;
        }
    }
    if (place < THREAD_STACKS) {
        error = stack_start(place, entry, argument, stack_bytes, hart_mask);
        *endpoint = stacks[place].thread;
    }
    lock_release(&stacks_lock);
    return error;
}

/* A call that nobody takes ends with the thread that it waits for. */
void thread_wait(endpoint_t thread)
{
    struct message message;

    do
        message = (struct message){.endpoint = thread};
    while (ipc_call(&message, DEADLINE_NEVER) != -ANOLE_EDEADENDPOINT);
}
