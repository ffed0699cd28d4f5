/*
 * Stacks of coroutines on the build machine, with ucontext; the address sanitizer is told of every
 * switch, and the leak sanitizer looks at these stacks too.
 */
#include <libcoro/context.h>
#include <libcoro/coro.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Sanitized code needs more stack than the real one. */
#define STACK_BYTES (8u * CORO_STACK_BYTES)
#define GUARD_BYTES 4096u

struct coro_context {
    ucontext_t context;
    const void *stack;
    size_t stack_len;
    void *fake_stack; /* the sanitizer's, while another one runs */
    void (*entry)(void);
};

static struct coro_context own; /* its stack is learned at the first switch */
static struct coro_context *left, *entered;

/* On a stack that was switched to. */
static void arrived(void)
{
    const void *stack;
    size_t stack_len;

    __sanitizer_finish_switch_fiber(entered->fake_stack, &stack, &stack_len);
    if (left == &own) {
        own.stack = stack;
        own.stack_len = stack_len;
    }
}

static void begin(void)
{
    arrived();
    entered->entry();
}

struct coro_context *coro_context_new(void (*entry)(void))
{
    struct coro_context *context = calloc(1, sizeof(*context));
    char *memory = context ? mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                           : MAP_FAILED;

    if (memory == MAP_FAILED || mprotect(memory, GUARD_BYTES, PROT_NONE)) {
        free(context);
        return NULL;
    }
    __lsan_register_root_region(memory + GUARD_BYTES, STACK_BYTES);
    context->stack = memory + GUARD_BYTES;
    context->stack_len = STACK_BYTES;
    context->entry = entry;
    getcontext(&context->context);
    context->context.uc_stack.ss_sp = memory + GUARD_BYTES;
    context->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&context->context, begin, 0);
    return context;
}

void coro_context_switch(struct coro_context *from, struct coro_context *to)
{
    left = from ? from : &own;
    entered = to ? to : &own;
    __sanitizer_start_switch_fiber(&left->fake_stack, entered->stack, entered->stack_len);
    swapcontext(&left->context, &entered->context);
    arrived();
}
