/*
 * Kernel calls with which rs and pm make, run, inspect and bury processes.
 */
#include "doorbell.h"
#include "handle.h"
#include "hart.h"
#include "kcall.h"
#include "kprintf.h"
#include "mmu.h"
#include "process.h"
#include "region.h"
#include "sched.h"
#include "vm.h"
#include <string.h>

/* Only rs holds the calls of the RS group; it may act on everyone. */
static bool is_rs(const struct thread *caller)
{
    return caller->process->kcalls & KCALL_BIT(PROCESS_REGS);
}

static bool is_subset(const uint64_t *wanted, const uint64_t *given)
{
    for (unsigned i = 0; i < SERVICE_ID_WORDS; i++)
        if (wanted[i] & ~given[i])
            return false;
    return true;
}

static bool request_allowed(const struct process *creator, const struct process_create *request)
{
    unsigned id = request->service_id;

    return creator->give_ids[id / 64] >> (id % 64) & 1 &&
           !(request->kcalls & ~creator->give_kcalls) &&
           !(request->give_kcalls & ~creator->give_kcalls) &&
           is_subset(request->callable, creator->give_callable) &&
           is_subset(request->give_callable, creator->give_callable) &&
           is_subset(request->give_ids, creator->give_ids) &&
           request->priority >= creator->priority;
}

/* address of struct process_create -> endpoint */
int kcall_process_create(struct thread *caller)
{
    struct process_create request;
    struct process *process;
    int status = vm_read(caller->process, kcall_arg(caller, 0), &request, sizeof(request));

    if (status)
        return status;
    if (request.priority >= PRIORITIES || request.flags & ~PROCESS_FLOAT ||
        (request.budget_us != 0 && request.budget_us > request.period_us))
        return -ANOLE_EINVAL;
    if (!request_allowed(caller->process, &request))
        return -ANOLE_EPERM;
    status = process_create(&request, caller->process->endpoint, &process);
    if (status)
        return status;
    status = vm_map_info_page(process);
    if (status) {
        process->state = PROCESS_DEAD;
        process->death_reported = true;
        while (process_bury_step(process, false) == KCALL_AGAIN)
            continue;
        return status;
    }
    kcall_result(0, process->endpoint);
    return 0;
}

/* My child in that state. */
static int child_lookup(struct thread *caller, endpoint_t endpoint, struct process **child)
{
    *child = process_lookup(endpoint);
    if (!*child)
        return -ANOLE_ENOENT;
    return (*child)->creator == caller->process->endpoint ? 0 : -ANOLE_EPERM;
}

static int new_child_lookup(struct thread *caller, struct process **child)
{
    int status = child_lookup(caller, (endpoint_t)kcall_arg(caller, 0), child);

    return status ? status : (*child)->state == PROCESS_NEW ? 0 : -ANOLE_EBUSY;
}

/* child, vaddr, len, PROT_*, maker (0: zeroed; region KERNEL's: as is), handle, offset */
int kcall_process_map(struct thread *caller)
{
    uint64_t vaddr = kcall_arg(caller, 1), len = kcall_arg(caller, 2);
    uint64_t handle = kcall_arg(caller, 5);
    struct area_request request = {
        .address = vaddr,
        .pages = page_round_up(len) / PAGE_SIZE,
        .kind = AREA_ANONYMOUS,
        .prot = (unsigned)min_u64(kcall_arg(caller, 3), UINT32_MAX),
    };
    struct process *child;
    uint64_t address;
    int status = new_child_lookup(caller, &child);

    if (status)
        return status;
    if (!range_within(vaddr, len, USER_END) || vaddr == 0)
        return -ANOLE_EINVAL;
    if (handle != HANDLE_NONE) {
        status = region_request(caller->process, (endpoint_t)kcall_arg(caller, 4), handle,
                                kcall_arg(caller, 6), len, &request);
        if (status)
            return status;
    }
    return vm_map_step(child, &request, &caller->progress, &address);
}

/* Copies a step between the caller and another process. To the other one, write protection is ignored: a
 * child's read-only pages are filled before its start. */
static int copy_step(struct thread *caller, struct process *other, bool to_other)
{
    uint64_t remote = kcall_arg(caller, 1) + caller->progress;
    uint64_t local = kcall_arg(caller, 2) + caller->progress;
    uint64_t len = kcall_arg(caller, 3);
    int64_t copied;

    if (!range_within(kcall_arg(caller, 1), len, USER_END) ||
        !range_within(kcall_arg(caller, 2), len, USER_END))
        return -ANOLE_EFAULT;
    if (len == 0)
        return 0;
    if (to_other)
        copied = vm_copy_step(caller->process, local, other, remote, len - caller->progress,
                              VM_IGNORE_WRITE_PROTECTION);
    else
        copied = vm_copy_step(other, remote, caller->process, local, len - caller->progress, 0);
    if (copied < 0)
        return (int)copied;
    caller->progress += (uint64_t)copied;
    return caller->progress < len ? KCALL_AGAIN : 0;
}

/* child, its address, my address, len */
int kcall_process_write(struct thread *caller)
{
    struct process *child;
    int status = new_child_lookup(caller, &child);

    return status ? status : copy_step(caller, child, true);
}

/* process or corpse, its address, my address, len */
int kcall_process_read(struct thread *caller)
{
    struct process *process = process_lookup((endpoint_t)kcall_arg(caller, 0));

    if (!process || process->satp == 0)
        return -ANOLE_ENOENT;
    return copy_step(caller, process, false);
}

/* child, pc, sp, argument */
int kcall_process_start(struct thread *caller)
{
    struct process *child;
    int status = new_child_lookup(caller, &child);

    if (status)
        return status;
    child->state = PROCESS_RUNNING;
    thread_start(&child->main, kcall_arg(caller, 1), kcall_arg(caller, 2), kcall_arg(caller, 3));
    return 0;
}

/* process, cause, detail */
int kcall_process_kill(struct thread *caller)
{
    struct process *process = process_lookup((endpoint_t)kcall_arg(caller, 0));
    uint64_t cause = kcall_arg(caller, 1);

    if (!process)
        return -ANOLE_ENOENT;
    if (process->creator != caller->process->endpoint && !is_rs(caller))
        return -ANOLE_EPERM;
    if (cause < DEATH_KILLED || cause >= DEATH_CAUSES || process == caller->process)
        return -ANOLE_EINVAL;
    if (!process_is_live(process))
        return -ANOLE_EDEADENDPOINT;
    process_kill(process, (enum death_cause)cause, kcall_arg(caller, 2), &process->main);
    return 0;
}

/* dead child, BURY_* */
int kcall_process_bury(struct thread *caller)
{
    uint64_t flags = kcall_arg(caller, 1);
    struct process *child;
    int status = child_lookup(caller, (endpoint_t)kcall_arg(caller, 0), &child);

    if (flags & ~(uint64_t)BURY_KEEP_RECORD)
        return -ANOLE_EINVAL;
    if (status)
        return caller->progress != 0 && status == -ANOLE_ENOENT ? 0 : status;
    if (child->state == PROCESS_NEW) {
        child->state = PROCESS_DEAD;
        thread_detach(&child->main);
        watchers_ring(child);
    }
    if (child->state != PROCESS_DEAD && child->state != PROCESS_BURYING)
        return -ANOLE_EBUSY;
    caller->progress = 1;
    return process_bury_step(child, flags & BURY_KEEP_RECORD);
}

/* Could that process have made this one, with the rights that it has? */
static bool could_have_created(const struct process *creator, const struct process *child)
{
    struct process_create rights = {
        .service_id = child->service_id,
        .priority = child->priority,
        .kcalls = child->kcalls,
        .give_kcalls = child->give_kcalls,
    };

    memcpy(rights.callable, child->callable, sizeof(rights.callable));
    memcpy(rights.give_callable, child->give_callable, sizeof(rights.give_callable));
    memcpy(rights.give_ids, child->give_ids, sizeof(rights.give_ids));
    return creator->kcalls & KCALL_BIT(PROCESS_CREATE) && request_allowed(creator, &rights);
}

/* child in any state, another child: that is its creator from now on, and told of its death anew */
int kcall_process_give(struct thread *caller)
{
    struct process *child, *heir;
    int status = child_lookup(caller, (endpoint_t)kcall_arg(caller, 0), &child);

    if (!status)
        status = child_lookup(caller, (endpoint_t)kcall_arg(caller, 1), &heir);
    if (status)
        return status;
    if (child == heir)
        return -ANOLE_EINVAL;
    if (!process_is_live(heir))
        return -ANOLE_EDEADENDPOINT;
    if (!could_have_created(heir, child))
        return -ANOLE_EPERM;
    child->creator = heir->endpoint;
    child->death_reported = false;
    if (child->state == PROCESS_DEAD)
        thread_ring(&heir->main, NOTIFY_BIT(NOTIFY_DEATH));
    return 0;
}

/* -> endpoint of a dead child not yet reported */
int kcall_death_next(struct thread *caller)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        struct process *child = process_in_slot(slot);
        if (!child || child->creator != caller->process->endpoint || child->state != PROCESS_DEAD ||
            child->death_reported)
            continue;
        child->death_reported = true;
        kcall_result(0, child->endpoint);
        return 0;
    }
    return -ANOLE_EAGAIN;
}

/* dead child, address of struct death_record */
int kcall_death_record(struct thread *caller)
{
    struct process *child;
    int status = child_lookup(caller, (endpoint_t)kcall_arg(caller, 0), &child);

    if (status)
        return status;
    if (child->state != PROCESS_DEAD && child->state != PROCESS_BURYING)
        return -ANOLE_EBUSY;
    return vm_write(caller->process, kcall_arg(caller, 1), &child->death, sizeof(child->death));
}

/* process, new pc, sp (0: as it is): the main thread's wait or kernel call ends */
int kcall_process_regs(struct thread *caller)
{
    struct process *process = process_lookup_live((endpoint_t)kcall_arg(caller, 0));
    struct thread *thread;

    if (!process || process->state != PROCESS_RUNNING)
        return -ANOLE_EDEADENDPOINT;
    thread = &process->main;
    if (thread == caller)
        return -ANOLE_EINVAL;
    thread->regs_edited = true;
    thread->edit_mask = 1u | (kcall_arg(caller, 2) ? 2u : 0);
    thread->edit_pc = kcall_arg(caller, 1);
    thread->edit_sp = kcall_arg(caller, 2);
    if (thread->state == THREAD_CALLING) {
        list_remove(&thread->queue_link);
        thread->partner = NULL;
    }
    if (thread->state == THREAD_CALLING || thread->state == THREAD_RECEIVING)
        thread_wake(thread, -ANOLE_ECANCELED);
    else if (thread->state == THREAD_RUNNING)
        hart_interrupt((uint64_t)1 << thread->hart->index);
    return 0;
}

/* process, reserved bit */
int kcall_process_notify(struct thread *caller)
{
    struct process *process = process_lookup_live((endpoint_t)kcall_arg(caller, 0));
    uint64_t bit = kcall_arg(caller, 1);

    if (!process)
        return -ANOLE_EDEADENDPOINT;
    if (bit < NOTIFY_INJECT || bit > NOTIFY_WORK)
        return -ANOLE_EINVAL;
    thread_ring(&process->main, NOTIFY_BIT(bit));
    return 0;
}
