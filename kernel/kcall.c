#include "kcall.h"
#include "hart.h"
#include "process.h"
#include "sched.h"
#include <anole/kcall.h>

static const kcall_handler handlers[KCALL_LIMIT] = {
    [KCALL_EXIT] = kcall_exit,
    [KCALL_THREAD_CREATE] = kcall_thread_create,
    [KCALL_THREAD_EXIT] = kcall_thread_exit,
    [KCALL_THREAD_PIN] = kcall_thread_pin,
    [KCALL_MAP] = kcall_map,
    [KCALL_UNMAP] = kcall_unmap,
    [KCALL_ALARM] = kcall_alarm,
    [KCALL_WATCH] = kcall_watch,
    [KCALL_DOORBELL] = kcall_doorbell,
    [KCALL_CLOSE] = kcall_close,
    [KCALL_ENDPOINT_INFO] = kcall_endpoint_info,
    [KCALL_REGION_CREATE] = kcall_region_create,
    [KCALL_REGION_OFFER] = kcall_region_offer,
    [KCALL_REGION_MAP] = kcall_region_map,
    [KCALL_REGION_INFO] = kcall_region_info,
    [KCALL_GRANT] = kcall_grant,
    [KCALL_GRANT_BATCH] = kcall_grant_batch,
    [KCALL_REVOKE] = kcall_revoke,
    [KCALL_REVOKE_BATCH] = kcall_revoke_batch,
    [KCALL_COPY] = kcall_copy,
    [KCALL_COPY_VECTOR] = kcall_copy_vector,
    [KCALL_SYSTEM_INFO] = kcall_system_info,
    [KCALL_PROCESS_INFO] = kcall_process_info,
    [KCALL_COUNTERS] = kcall_counters,
    [KCALL_RANDOM] = kcall_random,
    [KCALL_RANDOM_MIX] = kcall_random_mix,
    [KCALL_LOG_WRITE] = kcall_log_write,
    [KCALL_LOG_READ] = kcall_log_read,
    [KCALL_BOOT_ARGUMENTS] = kcall_boot_arguments,
    [KCALL_DMA_ALLOC] = kcall_dma_alloc,
    [KCALL_DMA_MAP] = kcall_dma_map,
    [KCALL_DMA_MAP_OWN] = kcall_dma_map_own,
    [KCALL_DMA_UNMAP] = kcall_dma_unmap,
    [KCALL_WINDOW_MAP] = kcall_window_map,
    [KCALL_IRQ_BIND] = kcall_irq_bind,
    [KCALL_CONSOLE_TAKE] = kcall_console_take,
    [KCALL_DEVICE_MAP] = kcall_device_map,
    [KCALL_QUARANTINE_END] = kcall_quarantine_end,
    [KCALL_QUARANTINE_INFO] = kcall_quarantine_info,
    [KCALL_WALL_CLOCK_SET] = kcall_wall_clock_set,
    [KCALL_PROCESS_CREATE] = kcall_process_create,
    [KCALL_PROCESS_MAP] = kcall_process_map,
    [KCALL_PROCESS_WRITE] = kcall_process_write,
    [KCALL_PROCESS_START] = kcall_process_start,
    [KCALL_PROCESS_KILL] = kcall_process_kill,
    [KCALL_PROCESS_BURY] = kcall_process_bury,
    [KCALL_DEATH_NEXT] = kcall_death_next,
    [KCALL_DEATH_RECORD] = kcall_death_record,
    [KCALL_PROCESS_RESOURCE] = kcall_process_resource,
    [KCALL_MSI_ALLOC] = kcall_msi_alloc,
    [KCALL_MSI_INFO] = kcall_msi_info,
    [KCALL_PROCESS_READ] = kcall_process_read,
    [KCALL_PROCESS_REGS] = kcall_process_regs,
    [KCALL_PROCESS_NOTIFY] = kcall_process_notify,
    [KCALL_LIVENESS] = kcall_liveness,
    [KCALL_POWER] = kcall_power,
    [KCALL_PROCESS_GIVE] = kcall_process_give,
    [KCALL_ORPHANS] = kcall_orphans,
};

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
        caller->process->counters.kernel_calls++;
        this_hart()->counters.kernel_calls++;
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
