/*
 * Device resources: which process may map which window and bind which interrupt line.
 */
#include "handle.h"
#include "irq.h"
#include "kcall.h"
#include "machine.h"
#include "vm.h"

static struct resource *resource_of(struct process *process, uint64_t index, uint32_t kind)
{
    if (index >= PROCESS_RESOURCES || process->resources[index].kind != kind)
        return NULL;
    return &process->resources[index];
}

/* True if a live process has that resource, or part of it, already. */
static bool resource_taken(uint32_t kind, uint64_t base, uint64_t len)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        struct process *process = process_in_slot(slot);
        bool alive = process && (process_is_live(process) || process->state == PROCESS_DYING);
        /* A corpse keeps its resources until quarantine has ended. */
        if (!process || (!alive && process->pinned_frames == 0))
            continue;
        for (unsigned i = 0; i < PROCESS_RESOURCES; i++) {
            const struct resource *other = &process->resources[i];
            if (other->kind != kind)
                continue;
            if (kind == RESOURCE_WINDOW && base < other->base + other->len &&
                other->base < base + len)
                return true;
        }
    }
    return false;
}

/* child, RESOURCE_*, base or irq, len -> index. Interrupt lines may be shared. */
int kcall_process_resource(struct thread *caller)
{
    struct process *child = process_lookup_live((endpoint_t)kcall_arg(caller, 0));
    uint64_t kind = kcall_arg(caller, 1), base = kcall_arg(caller, 2), len = kcall_arg(caller, 3);

    if (!child)
        return -ANOLE_EDEADENDPOINT;
    if (child->creator != caller->process->endpoint)
        return -ANOLE_EPERM;
    if (kind == RESOURCE_WINDOW) {
        if (len == 0 || !page_aligned(base) || !machine_is_device_range(base, len))
            return -ANOLE_EINVAL;
        if (resource_taken(RESOURCE_WINDOW, base, page_round_up(len)))
            return -ANOLE_EBUSY;
    } else if (kind != RESOURCE_IRQ || base == 0 || base > machine.irq_count) {
        return -ANOLE_EINVAL;
    }
    for (uint32_t i = 0; i < PROCESS_RESOURCES; i++) {
        if (child->resources[i].kind != 0)
            continue;
        child->resources[i] = (struct resource){
            .kind = (uint32_t)kind,
            .irq = kind == RESOURCE_IRQ ? (uint32_t)base : 0,
            .base = kind == RESOURCE_WINDOW ? base : 0,
            .len = kind == RESOURCE_WINDOW ? page_round_up(len) : 0,
        };
        kcall_result(0, i);
        return 0;
    }
    return -ANOLE_ENOMEM;
}

static int map_device(struct thread *caller, uint64_t base, uint64_t len)
{
    struct area_request request = {
        .pages = page_round_up(len) / PAGE_SIZE,
        .kind = AREA_DEVICE,
        .prot = PROT_READ_BIT | PROT_WRITE_BIT,
        .physical = base,
    };
    uint64_t address = 0;
    int status = vm_map_step(caller->process, &request, &caller->progress, &address);

    kcall_result(0, address);
    kcall_result(1, len);
    return status;
}

/* index -> address, len */
int kcall_window_map(struct thread *caller)
{
    struct resource *window = resource_of(caller->process, kcall_arg(caller, 0), RESOURCE_WINDOW);

    return window ? map_device(caller, window->base, window->len) : -ANOLE_ENOENT;
}

/* index, bit */
int kcall_irq_bind(struct thread *caller)
{
    struct resource *irq = resource_of(caller->process, kcall_arg(caller, 0), RESOURCE_IRQ);
    uint64_t bit = kcall_arg(caller, 1);

    if (!irq)
        return -ANOLE_ENOENT;
    if (bit >= NOTIFY_OWN_BITS || caller->irq_bits & NOTIFY_BIT(bit))
        return -ANOLE_EINVAL;
    return irq_bind(caller, irq->irq, (unsigned)bit);
}

/* physical address, len -> address */
int kcall_device_map(struct thread *caller)
{
    uint64_t base = kcall_arg(caller, 0), len = kcall_arg(caller, 1);

    if (len == 0 || !page_aligned(base) || !machine_is_device_range(base, len))
        return -ANOLE_EINVAL;
    return map_device(caller, base, page_round_up(len));
}
