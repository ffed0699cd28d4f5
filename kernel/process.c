#include "process.h"
#include "doorbell.h"
#include "handle.h"
#include "hart.h"
#include "kcall.h"
#include "kprintf.h"
#include "mmu.h"
#include "region.h"
#include "sched.h"
#include "vm.h"
#include <string.h>

/* ---- quota ---- */

bool process_may_take(unsigned priority, uint64_t frames)
{
    return priority < PRIORITY_PROGRAM ||
           frame_free_count() >= frames + frame_total() / SERVICE_RESERVE;
}

int process_frame_alloc(struct process *process, paddr_t *frame)
{
    if (process->frames >= process->max_frames || !process_may_take(process->priority, 1) ||
        !frame_alloc(frame))
        return -ANOLE_ENOMEM;
    process->frames++;
    return 0;
}

void process_frame_free(struct process *process, paddr_t frame)
{
    process->frames--;
    frame_put(frame);
}

/* ---- birth ---- */

static void apply_request(struct process *process, const struct process_create *request)
{
    memcpy(process->name, request->name, PROCESS_NAME_LEN - 1);
    process->service_id = request->service_id;
    process->priority = request->priority;
    process->parent = request->parent;
    process->tag = request->tag;
    process->flags = request->flags;
    process->max_threads = request->max_threads;
    process->max_frames = request->max_frames;
    process->max_handles = request->max_handles;
    process->budget_ticks = (uint64_t)request->budget_us * ticks_per_second / 1000000;
    process->period_ticks = (uint64_t)request->period_us * ticks_per_second / 1000000;
    process->kcalls = request->kcalls;
    process->give_kcalls = request->give_kcalls;
    memcpy(process->callable, request->callable, sizeof(process->callable));
    memcpy(process->give_callable, request->give_callable, sizeof(process->give_callable));
    memcpy(process->give_ids, request->give_ids, sizeof(process->give_ids));
}

int process_create(const struct process_create *request, endpoint_t creator,
                   struct process **result)
{
    struct process *process;
    paddr_t frame;
    int status;

    if (request->max_frames < 2 || !process_may_take(request->priority, 1) || !frame_alloc(&frame))
        return -ANOLE_ENOMEM;
    process = direct(frame);
    apply_request(process, request);
    process->frames = 1;
    process->creator = creator;
    process->state = PROCESS_NEW;
    process->start_ticks = this_hart()->now;
    list_init(&process->watchers);
    list_init(&process->threads);
    list_init(&process->regions);
    timer_init(&process->budget_timer, TIMER_BUDGET);
    status = thread_init(&process->main, process);
    if (status) {
        frame_put(frame);
        return status;
    }
    process->endpoint = process->main.endpoint;
    status = mmu_space_create(process);
    if (status) {
        thread_release_slot(&process->main);
        frame_put(frame);
        return status;
    }
    *result = process;
    return 0;
}

/* ---- death ---- */

static void backtrace(const struct process *process, uint64_t fp, struct death_record *record)
{
    /* With frame pointers: fp[-8] is the return address, fp[-16] the caller's fp. */
    for (unsigned i = 0; i < DEATH_BACKTRACE; i++) {
        uint64_t frame[2];
        if (fp < 16 || fp & 7 || vm_read(process, fp - 16, frame, sizeof(frame)))
            return;
        record->backtrace[i] = frame[1];
        if (frame[0] <= fp)
            return;
        fp = frame[0];
    }
}

static void record_death(struct process *process, enum death_cause cause, uint64_t detail,
                         const struct thread *culprit)
{
    struct death_record *record = &process->death;

    record->cause = cause;
    record->thread = culprit->endpoint;
    record->detail = detail;
    record->time_ticks = this_hart()->now;
    record->pc = culprit->regs[REG_PC];
    memcpy(record->regs, &culprit->regs[1], sizeof(record->regs));
    backtrace(process, culprit->regs[REG_FP], record);
}

/* No hart runs it any more: its peers are told, what it had is left for its creator to bury. */
static void process_dead(struct process *process)
{
    struct thread *creator;

    if (process->creator == ENDPOINT_KERNEL)
        kernel_panic("%s died, and nothing can go on without it: cause %u, detail 0x%lx, pc 0x%lx",
                     process->name, process->death.cause, process->death.detail, process->death.pc);
    process->state = PROCESS_DEAD;
    timer_cancel(&process->budget_timer);
    for (struct list *node = process->threads.next; node != &process->threads; node = node->next)
        thread_detach(container_of(node, struct thread, process_link));
    (void)mmu_dropped(process); /* idle harts let go of it before it is buried */
    watchers_ring(process);
    creator = thread_lookup_live(process->creator);
    if (creator)
        thread_ring(creator, NOTIFY_BIT(NOTIFY_DEATH));
}

void process_thread_stopped(struct process *process)
{
    if (process->state == PROCESS_DYING && process->running_threads == 0)
        process_dead(process);
}

void process_kill(struct process *process, enum death_cause cause, uint64_t detail,
                  const struct thread *culprit)
{
    uint64_t mask = 0;

    if (!process_is_live(process))
        return;
    record_death(process, cause, detail, culprit);
    process->state = PROCESS_DYING;
    for (unsigned i = 0; i < hart_count; i++)
        if (harts[i]->current && harts[i]->current->process == process && harts[i] != this_hart())
            mask |= (uint64_t)1 << i;
    hart_interrupt(mask);
    /* A current thread of this hart is stopped by kernel_exit. */
    process_thread_stopped(process);
}

/* ---- burial ---- */

/* Its children become RS's, whose endpoint created everything else first. */
static void orphan_children(struct process *process)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        struct process *child = process_in_slot(slot);
        struct thread *creator;
        if (!child || child->creator != process->endpoint)
            continue;
        child->creator = process->creator;
        creator = thread_lookup_live(child->creator);
        if (creator && child->state == PROCESS_DEAD && !child->death_reported)
            thread_ring(creator, NOTIFY_BIT(NOTIFY_DEATH));
    }
}

static void close_handles(struct process *process)
{
    struct handle *handle;

    for (uint32_t i = 0; (handle = handle_at(process, i)); i++) {
        if (handle->kind == HANDLE_GRANT)
            handle_free(process, handle);
        else if (handle->kind != HANDLE_FREE && handle->kind != HANDLE_PIN)
            (void)handle_close(process, handle);
    }
}

static void free_threads(struct process *process)
{
    struct list *node = process->threads.next;

    while (node != &process->threads) {
        struct thread *thread = container_of(node, struct thread, process_link);
        node = node->next;
        if (thread == &process->main)
            continue;
        thread_release_slot(thread);
        process_frame_free(process, direct_to_paddr(thread));
    }
}

static bool has_pins(const struct process *process)
{
    const struct handle *handle;

    for (uint32_t i = 0; (handle = handle_at(process, i)); i++)
        if (handle->kind == HANDLE_PIN)
            return true;
    return false;
}

/* Who drives no device leaves none behind that could touch its pins: nobody would end that quarantine. */
static bool has_device(const struct process *process)
{
    for (unsigned i = 0; i < PROCESS_RESOURCES; i++)
        if (process->resources[i].kind != 0)
            return true;
    return false;
}

int process_bury_step(struct process *process, bool keep_record)
{
    int status;

    if (process->state == PROCESS_DEAD) {
        process->state = PROCESS_BURYING;
        orphan_children(process);
        close_handles(process);
        free_threads(process);
    }
    if (process->areas)
        return vm_unmap_step(process, process->areas) < 0 ? -ANOLE_EINVAL : KCALL_AGAIN;
    if (process->satp != 0) {
        if (!mmu_dropped(process))
            return KCALL_AGAIN;
        status = mmu_space_free_step(process);
        if (status)
            return status;
        vm_free(process);
        region_orphan_all(process);
    }
    if (!has_device(process)) {
        status = process_quarantine_end_step(process);
        if (status)
            return status;
    }
    process->bury_pins = has_pins(process);
    if (process->bury_pins)
        return 0; /* the rest follows the end of quarantine */
    handle_table_free(process);
    if (keep_record)
        return 0;
    thread_release_slot(&process->main);
    process->state = PROCESS_FREE;
    frame_put(direct_to_paddr(process));
    return 0;
}
