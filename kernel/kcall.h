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

/* clang-format off */
/* The handlers, by the file they are in: X(CALL, name) */
#define KCALL_HANDLERS(X)                                                                          \
    /* kcall_thread.c */                                                                           \
    X(EXIT, exit) X(THREAD_CREATE, thread_create) X(THREAD_EXIT, thread_exit)                      \
    X(THREAD_PIN, thread_pin) X(ALARM, alarm) X(ENDPOINT_INFO, endpoint_info)                      \
    /* vm.c */                                                                                     \
    X(MAP, map) X(UNMAP, unmap)                                                                    \
    /* doorbell.c */                                                                               \
    X(WATCH, watch) X(DOORBELL, doorbell) X(CLOSE, close)                                          \
    /* region.c */                                                                                 \
    X(REGION_CREATE, region_create) X(REGION_OFFER, region_offer) X(REGION_MAP, region_map)        \
    X(REGION_INFO, region_info)                                                                    \
    /* grant.c */                                                                                  \
    X(GRANT, grant) X(GRANT_BATCH, grant_batch) X(REVOKE, revoke) X(REVOKE_BATCH, revoke_batch)    \
    X(COPY, copy) X(COPY_VECTOR, copy_vector)                                                      \
    /* orphans.c */                                                                                \
    X(ORPHANS, orphans)                                                                            \
    /* info.c */                                                                                   \
    X(SYSTEM_INFO, system_info) X(PROCESS_INFO, process_info) X(COUNTERS, counters)                \
    X(RANDOM, random) X(RANDOM_MIX, random_mix) X(BOOT_ARGUMENTS, boot_arguments)                  \
    X(LIVENESS, liveness) X(WALL_CLOCK_SET, wall_clock_set) X(POWER, power)                        \
    /* kcall_log.c */                                                                              \
    X(LOG_WRITE, log_write) X(LOG_READ, log_read) X(CONSOLE_TAKE, console_take)                    \
    /* dma.c */                                                                                    \
    X(DMA_ALLOC, dma_alloc) X(DMA_MAP, dma_map) X(DMA_MAP_OWN, dma_map_own)                        \
    X(DMA_UNMAP, dma_unmap) X(QUARANTINE_END, quarantine_end)                                      \
    X(QUARANTINE_INFO, quarantine_info)                                                            \
    /* device.c */                                                                                 \
    X(WINDOW_MAP, window_map) X(IRQ_BIND, irq_bind) X(DEVICE_MAP, device_map)                      \
    X(PROCESS_RESOURCE, process_resource)                                                          \
    /* msi.c */                                                                                    \
    X(MSI_ALLOC, msi_alloc) X(MSI_INFO, msi_info)                                                  \
    /* kcall_process.c */                                                                          \
    X(PROCESS_CREATE, process_create) X(PROCESS_MAP, process_map)                                  \
    X(PROCESS_WRITE, process_write) X(PROCESS_START, process_start)                                \
    X(PROCESS_KILL, process_kill) X(PROCESS_BURY, process_bury) X(DEATH_NEXT, death_next)          \
    X(DEATH_RECORD, death_record) X(PROCESS_READ, process_read) X(PROCESS_REGS, process_regs)      \
    X(PROCESS_NOTIFY, process_notify) X(PROCESS_GIVE, process_give)
/* clang-format on */

#define KCALL_HANDLER(call, name) int kcall_##name(struct thread *caller);
KCALL_HANDLERS(KCALL_HANDLER)
#undef KCALL_HANDLER

#endif
