/*
 * Threads that make one call each and say what came of it, so that the main thread can be the server.
 */
#include "ipctest.h"

#include <stdio.h>
#include <stdlib.h>

#define STACK_BYTES 8192u

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

    caller->status = ipc_call(&caller->message, caller->deadline_ticks);
    caller->end_ticks = ticks_now();
    /* Pairs with caller_wait: what the call returned is visible before done is. */
    atomic_store_explicit(&caller->done, true, memory_order_release);
}

void caller_start(struct caller *caller)
{
    caller->thread = start_thread(caller_run, caller, 0);
}

bool caller_wait(struct caller *caller)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);

    while (!atomic_load_explicit(&caller->done, memory_order_acquire)) {
        if (ticks_now() > deadline)
            return false;
        sleep_us(200);
    }
    return true;
}

int take_request(struct ipc_delivery *delivery)
{
    return ipc_receive(delivery, 0, deadline_in_us(PATIENCE_US), 0);
}
