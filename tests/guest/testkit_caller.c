/*
 * Threads that make one call each and say what came of it, so that the main thread can be the server.
 */
#include "testkit.h"

#include <stdio.h>
#include <stdlib.h>

#define STACK_BYTES 8192u
#define WAIT_US 200ul

endpoint_t start_thread(void (*entry)(void *), void *argument, uint64_t hart_mask)
{
    endpoint_t thread = ENDPOINT_NONE;
    int status = thread_start(entry, argument, STACK_BYTES, hart_mask, &thread);

    if (status != 0) {
        EXPECT(status, 0);
        printf("a thread can't be had: %s\n", anole_error_text(status));
        exit(1);
    }
    return thread;
}

static void caller_run(void *argument)
{
    struct caller *caller = argument;

    while (!atomic_load_explicit(&caller->go, memory_order_acquire))
        continue;
    caller->status = ipc_call(&caller->message, caller->deadline_ticks);
    /* Pairs with caller_wait: what the call returned is visible before done is. */
    atomic_store_explicit(&caller->done, true, memory_order_release);
}

static uint64_t system_calls(void)
{
    struct counters counters = {0};

    EXPECT(kcall_counters(ENDPOINT_SELF, &counters), 0);
    return counters.system_calls;
}

/*
 * The kernel counts this process's system calls: when there is one more than this thread has made,
 * the caller's ipc_call has begun, and under the kernel's lock it then has got as far as it can.
 */
void caller_start(struct caller *caller)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US), made;

    caller->thread = start_thread(caller_run, caller, 0);
    made = system_calls() + 1;
    atomic_store_explicit(&caller->go, true, memory_order_release);
    for (; system_calls() == made && ticks_now() < deadline; made += 2)
        sleep_us(WAIT_US);
    CHECK(ticks_now() < deadline);
}

bool caller_wait(struct caller *caller)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);

    while (!atomic_load_explicit(&caller->done, memory_order_acquire)) {
        if (ticks_now() > deadline)
            return false;
        sleep_us(WAIT_US);
    }
    return true;
}

int take_request(struct ipc_delivery *delivery)
{
    return ipc_receive(delivery, 0, deadline_in_us(PATIENCE_US), 0);
}
