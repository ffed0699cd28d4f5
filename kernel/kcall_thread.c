/*
 * Kernel calls about the caller's own process and threads.
 */
#include "hart.h"
#include "kcall.h"
#include "mmu.h"
#include "process.h"
#include "sched.h"

static bool exit_cause_valid(uint64_t cause)
{
    return cause == DEATH_EXIT || cause == DEATH_PANIC || cause == DEATH_DEVICE_RESET ||
           cause == DEATH_UNUSABLE;
}

/* kind, status */
int kcall_exit(struct thread *caller)
{
    uint64_t cause = kcall_arg(caller, 0);

    if (!exit_cause_valid(cause))
        return -ANOLE_EINVAL;
    process_kill(caller->process, (enum death_cause)cause, kcall_arg(caller, 1), caller);
    return KCALL_GONE;
}

/* pc, sp, argument, hart mask, tp -> endpoint */
int kcall_thread_create(struct thread *caller)
{
    struct process *process = caller->process;
    uint64_t mask = kcall_arg(caller, 3);
    struct thread *thread;
    paddr_t frame;
    int status;

    if (mask != 0 && (mask & harts_usable) == 0)
        return -ANOLE_EINVAL;
    if (process->thread_count >= process->max_threads)
        return -ANOLE_ENOMEM;
    status = process_frame_alloc(process, &frame);
    if (status)
        return status;
    thread = direct(frame);
    status = thread_init(thread, process);
    if (status) {
        process_frame_free(process, frame);
        return status;
    }
    if (mask != 0)
        thread->hart_mask = mask;
    thread->regs[REG_TP] = kcall_arg(caller, 4);
    thread_start(thread, kcall_arg(caller, 0), kcall_arg(caller, 1), kcall_arg(caller, 2));
    kcall_result(0, thread->endpoint);
    return 0;
}

/* The main thread's end is the process's. */
int kcall_thread_exit(struct thread *caller)
{
    struct process *process = caller->process;

    if (caller == &process->main) {
        process_kill(process, DEATH_EXIT, 0, caller);
        return KCALL_GONE;
    }
    fp_leave(NULL); /* while there is a thread to leave */
    sched_current_stopped();
    thread_detach(caller);
    thread_release_slot(caller);
    process_frame_free(process, direct_to_paddr(caller));
    return KCALL_GONE;
}

/* hart mask */
int kcall_thread_pin(struct thread *caller)
{
    uint64_t mask = kcall_arg(caller, 0);

    if (mask == 0)
        mask = ~(uint64_t)0;
    if ((mask & harts_usable) == 0)
        return -ANOLE_EINVAL;
    sched_pin_current(mask);
    return 0;
}

/* deadline or 0, bit */
int kcall_alarm(struct thread *caller)
{
    uint64_t deadline = kcall_arg(caller, 0), bit = kcall_arg(caller, 1);

    if (bit >= NOTIFY_OWN_BITS)
        return -ANOLE_EINVAL;
    timer_cancel(&caller->alarm_timer);
    caller->alarm_bit = (uint32_t)bit;
    if (deadline != 0)
        timer_arm(&caller->alarm_timer, deadline);
    return 0;
}

/* endpoint -> its process's endpoint, service id; EDEADENDPOINT if it is dead */
int kcall_endpoint_info(struct thread *caller)
{
    endpoint_t endpoint = (endpoint_t)kcall_arg(caller, 0);
    struct process *process = endpoint == ENDPOINT_SELF ? caller->process
                                                        : process_lookup_live(endpoint);

    if (!process)
        return -ANOLE_EDEADENDPOINT;
    kcall_result(0, process->endpoint);
    kcall_result(1, process->service_id);
    return 0;
}
