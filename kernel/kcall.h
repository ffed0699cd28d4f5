/*
 * Kernel calls: the dispatch, and how a long one is done in bounded steps.
 */
#ifndef KERNEL_KCALL_H
#define KERNEL_KCALL_H

#include "thread.h"
#include "types.h"

/*
 * A handler finds its arguments with kcall_arg (the caller's registers), puts results with
 * kcall_result and returns a status. KCALL_AGAIN: the work of one lock hold is done, progress is saved
 * in thread->progress (0 at the first step); the handler is called again and checks everything
 * again. KCALL_GONE: there is no caller to return to.
 */
#define KCALL_AGAIN 1
#define KCALL_GONE 2
typedef int (*kcall_handler)(struct thread *caller);

/* Runs (or goes on with) the kernel call in the thread's registers until it is done, preempted or
 * the thread is gone. */
void kcall_run(struct thread *caller);

static inline uint64_t kcall_arg(const struct thread *caller, unsigned n)
{
    return caller->regs[REG_A1 + n];
}

/* Results are kept aside until the call is done: its arguments stay as they are meanwhile. */
void kcall_result(unsigned n, uint64_t value);

/* The handlers, by the file they are in. */
#define KCALL_HANDLER(name) int kcall_##name(struct thread *caller)
/* kcall_thread.c */
KCALL_HANDLER(exit);
KCALL_HANDLER(thread_create);
KCALL_HANDLER(thread_exit);
KCALL_HANDLER(thread_pin);
KCALL_HANDLER(alarm);
KCALL_HANDLER(endpoint_info);
/* vm.c */
KCALL_HANDLER(map);
KCALL_HANDLER(unmap);
/* doorbell.c */
KCALL_HANDLER(watch);
KCALL_HANDLER(doorbell);
KCALL_HANDLER(close);
/* region.c */
KCALL_HANDLER(region_create);
KCALL_HANDLER(region_offer);
KCALL_HANDLER(region_map);
KCALL_HANDLER(region_info);
/* grant.c */
KCALL_HANDLER(grant);
KCALL_HANDLER(grant_batch);
KCALL_HANDLER(revoke);
KCALL_HANDLER(revoke_batch);
KCALL_HANDLER(copy);
KCALL_HANDLER(copy_vector);
/* orphans.c */
KCALL_HANDLER(orphans);
/* info.c */
KCALL_HANDLER(system_info);
KCALL_HANDLER(process_info);
KCALL_HANDLER(counters);
KCALL_HANDLER(random);
KCALL_HANDLER(random_mix);
KCALL_HANDLER(log_write);
KCALL_HANDLER(log_read);
KCALL_HANDLER(boot_arguments);
KCALL_HANDLER(liveness);
KCALL_HANDLER(console_take);
KCALL_HANDLER(wall_clock_set);
KCALL_HANDLER(power);
/* dma.c */
KCALL_HANDLER(dma_alloc);
KCALL_HANDLER(dma_map);
KCALL_HANDLER(dma_map_own);
KCALL_HANDLER(dma_unmap);
KCALL_HANDLER(quarantine_end);
KCALL_HANDLER(quarantine_info);
/* device.c */
KCALL_HANDLER(window_map);
KCALL_HANDLER(irq_bind);
KCALL_HANDLER(device_map);
KCALL_HANDLER(process_resource);
/* msi.c */
KCALL_HANDLER(msi_alloc);
KCALL_HANDLER(msi_info);
/* kcall_process.c */
KCALL_HANDLER(process_create);
KCALL_HANDLER(process_map);
KCALL_HANDLER(process_write);
KCALL_HANDLER(process_start);
KCALL_HANDLER(process_kill);
KCALL_HANDLER(process_bury);
KCALL_HANDLER(death_next);
KCALL_HANDLER(death_record);
KCALL_HANDLER(process_read);
KCALL_HANDLER(process_regs);
KCALL_HANDLER(process_notify);
KCALL_HANDLER(process_give);

#endif
