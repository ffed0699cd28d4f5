/*
 * Processes: address space + rights + quota + handle table + threads.
 *
 * A process and its main thread live in one frame, so that an IPC touches few pages.
 */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include "config.h"
#include "fence.h"
#include "frame.h"
#include "list.h"
#include "thread.h"
#include "types.h"
#include <anole/kcall.h>
#include <anole/process.h>

#define HANDLES_PER_PAGE 64
#define HANDLE_PAGES 64
#define AREA_PAGES 6

struct area;

/* A device's window, or consecutive interrupts, that RS gave to this process. */
struct resource {
    uint32_t kind; /* RESOURCE_*, 0: free */
    uint64_t base; /* physical address, first number */
    uint64_t len;  /* bytes, how many */
};

/* What a process may write (kcall_log.c). */
struct log_share {
    uint64_t paid_ticks; /* when what it wrote is paid for */
    bool refused;        /* it wrote too much, and hasn't been silent for long enough yet */
};

struct process {
    struct thread main; /* first: its registers are what trap.S saves */

    uint64_t satp;
    struct space_fence fence;
    uint64_t callable[SERVICE_ID_WORDS];
    uint64_t kcalls;
    endpoint_t endpoint;
    endpoint_t creator;
    endpoint_t parent; /* what its creator said: told to who asks, used for nothing */
    uint32_t tag;      /* likewise */
    uint8_t service_id;
    uint8_t state; /* enum process_state */
    uint8_t priority;
    uint8_t flags;
    bool throttled;      /* over its budget in this period */
    bool death_reported; /* by DEATH_NEXT */
    bool bury_pins;      /* buried but for its quarantined pins */
    uint32_t frames, max_frames;
    uint32_t handles, max_handles;
    uint32_t thread_count, max_threads;
    uint32_t running_threads; /* on some hart now */
    uint64_t cpu_ticks;
    struct counters counters;

    struct area *areas;     /* sorted by address */
    struct area *area_free; /* unused ones in area_page[] */
    paddr_t area_page[AREA_PAGES];
    uint32_t area_pages;

    struct handle *handle_page[HANDLE_PAGES];
    uint32_t handle_pages;
    uint32_t handle_free; /* index of the first free entry, 0: none */
    uint64_t pinned_frames;
    struct list watchers; /* watch handles that name this process */

    uint64_t budget_ticks, period_ticks, budget_used;
    struct timer budget_timer;
    struct list threads;
    struct list regions; /* that it created and that still exist */
    struct resource resources[PROCESS_RESOURCES];

    uint64_t give_kcalls;
    uint64_t give_callable[SERVICE_ID_WORDS];
    uint64_t give_ids[SERVICE_ID_WORDS];
    uint64_t start_ticks;
    struct log_share log_written, log_shown; /* in the log; of that, on the console */
    char name[PROCESS_NAME_LEN];
    struct death_record death;
};
_Static_assert(sizeof(struct process) <= PAGE_SIZE, "a process fits in a frame");

/* The process that an endpoint belongs to, in any state but FREE; NULL if there is none. */
struct process *process_lookup(endpoint_t endpoint);
/* The same, only if NEW or RUNNING. */
struct process *process_lookup_live(endpoint_t endpoint);
/* The process whose main thread has that slot. */
struct process *process_in_slot(uint32_t slot);

/* Creates a process without threads running; checks nothing about rights. */
int process_create(const struct process_create *request, endpoint_t creator,
                   struct process **process);

/* The last of the machine's frames are for services: whatever programs take, a driver can come back. */
#define SERVICE_RESERVE 32 /* one part in so many */
bool process_may_take(unsigned priority, uint64_t frames);

/* Quota: everything that a process has is charged in frames. */
int process_frame_alloc(struct process *process, paddr_t *frame); /* zeroed */
void process_frame_free(struct process *process, paddr_t frame);  /* puts one reference */

/* Starts the death of a process: DYING now, DEAD when no hart runs it any more. */
void process_kill(struct process *process, enum death_cause cause, uint64_t detail,
                  const struct thread *culprit);
/* A running thread of a dying process is off its hart. */
void process_thread_stopped(struct process *process);
/* Frees what a dead process had, but for its record if that is to be kept, one bounded step:
 * KCALL_AGAIN or 0. */
int process_bury_step(struct process *process, bool keep_record);
/* Releases the pins of a dead process's DMA, one bounded step. */
int process_quarantine_end_step(struct process *process);

static inline bool process_is_live(const struct process *process)
{
    return process->state == PROCESS_NEW || process->state == PROCESS_RUNNING;
}

#endif
