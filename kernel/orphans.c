/*
 * Who still maps regions whose creators are dead.
 *
 * A live mapping is never withdrawn under a peer, so a dead creator's frames may stay in use; nobody's
 * quota has them. RS asks who holds them, and ends what holds them for too long.
 */
#include "kcall.h"
#include "process.h"
#include "region.h"
#include "vm.h"

/* What the process holds; frames is 0 if nothing. A region that it maps twice counts twice. */
static struct orphan_holder holder_of(const struct process *process)
{
    struct orphan_holder holder = {.process = process->endpoint, .since_ticks = ~(uint64_t)0};

    for (const struct area *area = process->areas; area; area = area->next) {
        uint64_t since, frames = area->region ? region_orphaned(area->region, &since) : 0;
        if (frames == 0)
            continue;
        holder.frames += (uint32_t)frames;
        holder.since_ticks = min_u64(holder.since_ticks, since);
    }
    return holder;
}

/* array of struct orphan_holder, max -> count. progress: the next slot; progress_object: so far */
int kcall_orphans(struct thread *caller)
{
    uint64_t array = kcall_arg(caller, 0), max = kcall_arg(caller, 1);

    for (unsigned i = 0;
         i < STEP_ITEMS && caller->progress < ENDPOINT_SLOTS && caller->progress_object < max;
         i++) {
        struct process *process = process_in_slot((uint32_t)caller->progress++);
        struct orphan_holder holder;
        int status;
        if (!process || !process_is_live(process))
            continue;
        holder = holder_of(process);
        if (holder.frames == 0)
            continue;
        status = vm_write(caller->process, array + caller->progress_object * sizeof(holder),
                          &holder, sizeof(holder));
        if (status)
            return status;
        caller->progress_object++;
    }
    kcall_result(0, caller->progress_object);
    return caller->progress < ENDPOINT_SLOTS && caller->progress_object < max ? KCALL_AGAIN : 0;
}
