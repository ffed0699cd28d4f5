/*
 * Interrupts: what is bound, claimed and masked, and whether the controllers know it.
 */
#include "handle.h"
#include "hart.h"
#include "host_machine.h"
#include "invariants.h"
#include "irq.h"
#include "kernel_inside.h"
#include "machine.h"
#include <anole/kcall.h>

#define BINDINGS_MAX 48 /* of a thread: each has a bit of its own */

/* The process was given the interrupt, and pays for the binding. */
static const char *check_owner(const struct irq_binding *binding)
{
    const struct process *process = binding->thread->process;
    const struct handle *handle = container_of(binding, struct handle, irq);

    REQUIRE(handle_lookup(process, handle_id(process, handle), HANDLE_IRQ) == handle,
            "interrupt %u: %x doesn't pay for its binding", binding->number, process->endpoint);
    for (unsigned i = 0; i < PROCESS_RESOURCES; i++)
        if (process->resources[i].kind == RESOURCE_IRQ &&
            binding->number - process->resources[i].base < process->resources[i].len)
            return NULL;
    return invariant_text("interrupt %u isn't %x's", binding->number, process->endpoint);
}

static const char *check_binding(const struct irq_binding *binding, uint32_t number)
{
    const struct thread *thread = binding->thread;
    const struct irq_binding *found = NULL;

    REQUIRE(binding->number == number, "interrupt %u is in the list of %u", binding->number,
            number);
    REQUIRE(thread && invariants_thread(endpoint_slot(thread->endpoint)) == thread,
            "interrupt %u is bound to a thread that is gone", number);
    REQUIRE(thread->irq_bits & NOTIFY_BIT(binding->bit),
            "interrupt %u rings a bit of %x that isn't an interrupt's", number, thread->endpoint);
    for (found = thread->irqs; found && found != binding; found = found->next)
        continue;
    REQUIRE(found, "interrupt %u: %x doesn't know that it is bound", number, thread->endpoint);
    return check_owner(binding);
}

static const char *check_line(uint32_t number, const struct source_view *source, unsigned bound)
{
    REQUIRE(host_line_enabled(number) == (bound > 0 && !source->masked),
            "line %u is %s, with %u bindings", number,
            host_line_enabled(number) ? "enabled" : "disabled", bound);
    REQUIRE(host_line_pending_completion(number) == source->claimed,
            "line %u: the controller and the kernel don't agree", number);
    return NULL;
}

/* Nobody is told of a message that is masked, or at most by a request that is under way. */
static const char *check_message(uint32_t number, const struct source_view *source, unsigned bound)
{
    REQUIRE(bound <= 1, "message %u has %u owners", number, bound);
    REQUIRE(!source->claimed && source->owing <= 1, "message %u waits for its driver", number);
    REQUIRE(!bound || source->masked || host_listens(number), "message %u of a driver is lost",
            number);
    return NULL;
}

static const char *check_source(uint32_t number, const struct source_view *source)
{
    unsigned bound = 0, owing = 0;

    for (const struct list *node = source->bindings->next; node != source->bindings;
         node = node->next) {
        const struct irq_binding *binding = container_of(node, struct irq_binding, link);
        REQUIRE(node->next->prev == node, "interrupt %u: its list is broken", number);
        REQUIRE_OK(check_binding(binding, number));
        bound++;
        owing += binding->owes;
    }
    REQUIRE(!source->claimed || (owing == source->owing && owing > 0),
            "interrupt %u: %u owe a wait, %u are counted", number, owing, source->owing);
    REQUIRE(source->busy == (source->claimed || source->masked),
            "nobody will look after interrupt %u, or without need", number);
    REQUIRE(!source->busy || inside_overdue_timer()->index != 0,
            "interrupt %u is claimed or masked and no clock goes off for it", number);
    return number <= machine.irq_count ? check_line(number, source, bound)
                                       : check_message(number, source, bound);
}

static const char *check_thread(const struct thread *thread)
{
    uint64_t bits = 0;
    unsigned count = 0;

    for (const struct irq_binding *binding = thread->irqs; binding; binding = binding->next) {
        REQUIRE(count++ < BINDINGS_MAX, "%x is bound in circles", thread->endpoint);
        REQUIRE(!(bits & NOTIFY_BIT(binding->bit)), "%x: two interrupts on bit %u",
                thread->endpoint, binding->bit);
        bits |= NOTIFY_BIT(binding->bit);
    }
    REQUIRE(bits == thread->irq_bits, "%x has other interrupts than bits for them",
            thread->endpoint);
    return NULL;
}

const char *invariants_irq_broken(void)
{
    struct source_view source;

    for (uint32_t number = 1; inside_source(number, &source); number++)
        REQUIRE_OK(check_source(number, &source));
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++)
        if (invariants_thread(slot))
            REQUIRE_OK(check_thread(invariants_thread(slot)));
    return NULL;
}
