/*
 * Device resources: which process may map which window and bind which interrupts.
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

/* True if a live process has such a resource, or part of it, already. */
static bool resource_taken(const struct resource *resource)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        struct process *process = process_in_slot(slot);
        bool alive = process && (process_is_live(process) || process->state == PROCESS_DYING);
        /* A corpse keeps its resources until quarantine has ended. */
        if (!process || (!alive && process->pinned_frames == 0))
            continue;
        for (unsigned i = 0; i < PROCESS_RESOURCES; i++) {
            const struct resource *other = &process->resources[i];
            if (other->kind == resource->kind && resource->base < other->base + other->len &&
                other->base < resource->base + resource->len)
                return true;
        }
    }
    return false;
}

static int check_window(struct resource *window)
{
    if (window->len == 0 || !page_aligned(window->base) ||
        !machine_is_driver_range(window->base, window->len))
        return -ANOLE_EINVAL;
    window->len = page_round_up(window->len);
    return resource_taken(window) ? -ANOLE_EBUSY : 0;
}

/* Lines may be shared, messages are one process's. */
static int check_interrupts(const struct resource *interrupts)
{
    if (!irq_exist(interrupts->base, interrupts->len))
        return -ANOLE_EINVAL;
    return interrupts->base > machine.irq_count && resource_taken(interrupts) ? -ANOLE_EBUSY : 0;
}

/* child, RESOURCE_*, base or first interrupt, len or number of interrupts -> index */
int kcall_process_resource(struct thread *caller)
{
    struct process *child = process_lookup_live((endpoint_t)kcall_arg(caller, 0));
    uint64_t kind = kcall_arg(caller, 1);
    struct resource new = {.base = kcall_arg(caller, 2), .len = kcall_arg(caller, 3)};
    int status = -ANOLE_EINVAL;

    if (!child)
        return -ANOLE_EDEADENDPOINT;
    if (child->creator != caller->process->endpoint)
        return -ANOLE_EPERM;
    if (kind == RESOURCE_WINDOW || kind == RESOURCE_IRQ) {
        new.kind = (uint32_t)kind;
        status = kind == RESOURCE_WINDOW ? check_window(&new) : check_interrupts(&new);
    }
    if (status)
        return status;
    for (uint32_t i = 0; i < PROCESS_RESOURCES; i++) {
        if (child->resources[i].kind != 0)
            continue;
        child->resources[i] = new;
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

/* index, bit, which */
int kcall_irq_bind(struct thread *caller)
{
    struct resource *irqs = resource_of(caller->process, kcall_arg(caller, 0), RESOURCE_IRQ);
    uint64_t bit = kcall_arg(caller, 1), which = kcall_arg(caller, 2);

    if (!irqs || which >= irqs->len)
        return -ANOLE_ENOENT;
    if (bit >= NOTIFY_OWN_BITS || caller->irq_bits & NOTIFY_BIT(bit))
        return -ANOLE_EINVAL;
    return irq_bind(caller, (uint32_t)(irqs->base + which), (unsigned)bit);
}

/* physical address, len -> address */
int kcall_device_map(struct thread *caller)
{
    uint64_t base = kcall_arg(caller, 0), len = kcall_arg(caller, 1);

    if (len == 0 || !page_aligned(base) || !machine_is_device_range(base, len))
        return -ANOLE_EINVAL;
    return map_device(caller, base, page_round_up(len));
}
