#include "kcall.h"
#include "hart.h"
#include "process.h"
#include "sched.h"
#include <anole/kcall.h>

#define ENTRY(call, name) [KCALL_##call] = kcall_##name,
static const kcall_handler handlers[KCALL_LIMIT] = {KCALL_HANDLERS(ENTRY)};
#undef ENTRY

void kcall_result(unsigned n, uint64_t value)
{
    this_hart()->kcall_results[n] = value;
    this_hart()->kcall_result_mask |= 1u << n;
}

/* The call is over: status and results go to the caller's registers. */
static void finish(struct thread *caller, int status)
{
    struct hart *hart = this_hart();

    caller->in_kcall = false;
    caller->regs[REG_T0] = (uint64_t)(int64_t)status;
    for (unsigned i = 0; i < ARRAY_SIZE(hart->kcall_results); i++)
        if (hart->kcall_result_mask & 1u << i)
            caller->regs[REG_A1 + i] = hart->kcall_results[i];
    caller->regs[REG_A0] = ENDPOINT_KERNEL;
}

static bool may_make(const struct thread *caller, uint64_t number)
{
    return number < KCALL_LIMIT && handlers[number] && caller->process->kcalls >> number & 1;
}

/* True if the caller is still this hart's current thread and may go on at once. */
static bool goes_on(struct thread *caller)
{
    kernel_lock_break();
    interrupts_poll();
    return this_hart()->current == caller && !caller->regs_edited && !sched_must_yield();
}

void kcall_run(struct thread *caller)
{
    uint64_t number = caller->regs[REG_A0] >> 32;
    int status;

    if (!caller->in_kcall) {
        COUNT(caller->process, kernel_calls, 1);
        caller->progress = 0;
        caller->progress_object = 0;
        if (!may_make(caller, number)) {
            finish(caller, number < KCALL_LIMIT && handlers[number] ? -ANOLE_EPERM : -ANOLE_ENOSYS);
            return;
        }
    }
    do {
        this_hart()->kcall_result_mask = 0;
        status = handlers[number](caller);
        if (status == KCALL_GONE)
            return;
        caller->in_kcall = status == KCALL_AGAIN;
    } while (status == KCALL_AGAIN && goes_on(caller));
    if (status != KCALL_AGAIN)
        finish(caller, status);
}
