#include "irq.h"
#include "frame.h"
#include "handle.h"
#include "hart.h"
#include "kprintf.h"
#include "machine.h"
#include "mmu.h"
#include "msi.h"
#include "process.h"

struct source {
    struct list bindings;
    struct list busy_link; /* in busy_sources: claimed or masked */
    uint64_t window_start;
    uint64_t claimed_ticks;
    uint32_t in_window; /* claims since window_start */
    uint32_t owing;     /* bindings that owe a wait before it is completed */
    uint32_t still_up;  /* completions of a line, one after the other, that found it up */
    uint16_t hart;      /* where it is enabled */
    bool claimed;       /* a line, and not yet completed */
    bool masked;        /* because of a storm, until window_start + 1 ms */
};

const struct irq_chip *irq_chip;

static struct source *sources; /* by number */
static struct list busy_sources;
static struct timer overdue_timer;

void irq_init(void)
{
    uint32_t count = 1 + machine.irq_count + msi_capacity();
    paddr_t first;

    msi_init();
    if (!frame_alloc_contiguous(page_round_up(count * sizeof(struct source)) / PAGE_SIZE, &first))
        kernel_panic("no memory for %u interrupts", count);
    sources = direct(first);
    for (uint32_t i = 0; i < count; i++) {
        list_init(&sources[i].bindings);
        list_init(&sources[i].busy_link);
    }
    list_init(&busy_sources);
    timer_init(&overdue_timer, TIMER_IRQ);
}

bool irq_exist(uint64_t first, uint64_t count)
{
    if (first == 0 || count == 0 || !range_within(first, count, UINT32_MAX))
        return false;
    if (first <= machine.irq_count)
        return count <= machine.irq_count - first + 1;
    return msi_of((uint32_t)(first + count - 1)) != NULL;
}

static bool is_line(uint32_t number)
{
    return number <= machine.irq_count;
}

static struct irq_binding *binding_of(struct list *link)
{
    return container_of(link, struct irq_binding, link);
}

/* ---- claims ---- */

/* True if the line is up. */
static bool complete(struct source *source)
{
    source->claimed = false;
    source->owing = 0;
    list_remove(&source->busy_link);
    return irq_chip->complete((uint32_t)(source - sources), source->hart);
}

/* Everybody has had the time to let the line down. */
static void complete_served(struct source *source)
{
    source->still_up = complete(source) ? source->still_up + 1 : 0;
}

/* The source is looked at again at the deadline, if it is claimed or masked then. */
static void busy_until(struct source *source, uint64_t deadline)
{
    if (list_empty(&source->busy_link))
        list_append(&busy_sources, &source->busy_link);
    if (overdue_timer.index == 0 || overdue_timer.deadline > deadline)
        timer_arm(&overdue_timer, deadline);
}

/*
 * Counts a claim; true if there were so many lately that the source must rest, or if its drivers have
 * waited so often and left it up: that is slower than a storm, and takes all time from those below.
 */
static bool is_storm(struct source *source, uint64_t now)
{
    if (now - source->window_start > ticks_from_ms(1)) {
        source->window_start = now;
        source->in_window = 0;
    }
    return ++source->in_window > IRQ_STORM_PER_MS || source->still_up > IRQ_STILL_UP;
}

/* The log names each driver of a source that must rest, once. */
static void report_storm(const struct source *source, uint32_t number)
{
    const char *what = source->still_up > IRQ_STILL_UP ? "still up whenever it has waited"
                                                       : "a storm";

    for (struct list *node = source->bindings.next; node != &source->bindings; node = node->next) {
        struct irq_binding *binding = binding_of(node);
        if (!binding->was_stormy)
            kprintf(LOG_WARNING, "interrupt %u of %s: %s, masked for a millisecond at a time",
                    number, binding->thread->process->name, what);
        binding->was_stormy = true;
    }
}

/* A line that is claimed is completed first, while it is still enabled. */
static void mask_storm(struct source *source, uint32_t number, uint64_t now)
{
    report_storm(source, number);
    if (is_line(number))
        (void)complete(source);
    source->masked = true;
    irq_chip->disable(number, source->hart);
    busy_until(source, now + ticks_from_ms(1));
}

void irq_claimed(uint32_t number)
{
    struct hart *hart = this_hart();
    struct source *source = &sources[number];

    hart->counters.interrupts++;
    if (source->masked)
        return; /* it was on its way: those that it rings are rung when it has rested */
    source->owing = 0;
    for (struct list *node = source->bindings.next; node != &source->bindings; node = node->next) {
        struct irq_binding *binding = binding_of(node);
        binding->owes = is_line(number);
        source->owing++;
        binding->thread->process->counters.interrupts++;
        thread_ring(binding->thread, NOTIFY_BIT(binding->bit));
    }
    if (is_storm(source, hart->now)) {
        mask_storm(source, number, hart->now);
    } else if (source->owing == 0) {
        if (is_line(number))
            (void)complete(source);
        irq_chip->disable(number, source->hart);
    } else if (is_line(number)) {
        source->claimed = true;
        source->claimed_ticks = hart->now;
        busy_until(source, hart->now + ticks_from_ms(IRQ_OVERDUE_MS));
    }
}

static void binding_paid(struct irq_binding *binding)
{
    struct source *source = &sources[binding->number];

    if (!binding->owes)
        return;
    binding->owes = false;
    if (source->claimed && --source->owing == 0)
        complete_served(source);
}

void irq_thread_waits(struct thread *thread)
{
    for (struct irq_binding *binding = thread->irqs; binding; binding = binding->next)
        if (thread->irq_delivered & NOTIFY_BIT(binding->bit))
            binding_paid(binding);
    thread->irq_delivered = 0;
}

/* ---- what takes too long, and storms that have passed ---- */

static uint64_t due_ticks(const struct source *source)
{
    return source->masked ? source->window_start + ticks_from_ms(1)
                          : source->claimed_ticks + ticks_from_ms(IRQ_OVERDUE_MS);
}

/* The source may come again. Who is bound to it looks at the device: nobody says what was missed. */
static void unmask(struct source *source, uint64_t now)
{
    source->masked = false;
    source->window_start = now;
    source->in_window = 0;
    /* One claim to see whether it is let down now. */
    source->still_up = (uint32_t)min_u64(source->still_up, IRQ_STILL_UP);
    list_remove(&source->busy_link);
    if (list_empty(&source->bindings))
        return;
    /* It was enabled before, so that the controller has room for it. */
    (void)irq_chip->enable((uint32_t)(source - sources), source->hart);
    for (struct list *node = source->bindings.next; node != &source->bindings; node = node->next)
        thread_ring(binding_of(node)->thread, NOTIFY_BIT(binding_of(node)->bit));
}

static void skip_overdue(struct source *source)
{
    for (struct list *node = source->bindings.next; node != &source->bindings; node = node->next) {
        struct irq_binding *binding = binding_of(node);
        if (!binding->owes)
            continue;
        binding->owes = false;
        if (!binding->was_late)
            kprintf(LOG_INFO, "interrupt %u: %s hasn't waited for %u ms, skipped as often as that",
                    binding->number, binding->thread->process->name, IRQ_OVERDUE_MS);
        binding->was_late = true;
    }
    (void)complete(source);
}

void irq_check_overdue(struct timer *timer)
{
    uint64_t now = this_hart()->now, next = ~(uint64_t)0;
    struct list *node = busy_sources.next;

    (void)timer;
    while (node != &busy_sources) {
        struct source *source = container_of(node, struct source, busy_link);
        uint64_t due = due_ticks(source);
        node = node->next;
        if (due > now)
            next = min_u64(next, due);
        else if (source->masked)
            unmask(source, now);
        else
            skip_overdue(source);
    }
    if (next != ~(uint64_t)0)
        timer_arm(&overdue_timer, next);
}

/* ---- bindings ---- */

/* The first binding of a source decides which hart is told of a line; of a message its number does. */
static int first_bound(struct source *source, uint32_t number)
{
    source->hart = is_line(number) ? (uint16_t)this_hart()->index : msi_of(number)->hart;
    source->still_up = 0;
    return source->masked ? 0 : irq_chip->enable(number, source->hart);
}

int irq_bind(struct thread *thread, uint32_t number, unsigned bit)
{
    struct source *source = &sources[number];
    struct handle *handle;
    handle_t id;
    int status;

    for (struct list *node = source->bindings.next; node != &source->bindings; node = node->next)
        if (binding_of(node)->thread->process == thread->process)
            return -ANOLE_EEXIST;
    status = handle_alloc(thread->process, HANDLE_IRQ, &handle, &id);
    if (status)
        return status;
    if (list_empty(&source->bindings))
        status = first_bound(source, number);
    if (status) {
        handle_free(thread->process, handle);
        return status;
    }
    handle->irq = (struct irq_binding){
        .next = thread->irqs, .thread = thread, .number = number, .bit = (uint8_t)bit};
    list_append(&source->bindings, &handle->irq.link);
    thread->irqs = &handle->irq;
    thread->irq_bits |= NOTIFY_BIT(bit);
    return 0;
}

void irq_unbind_thread(struct thread *thread)
{
    while (thread->irqs) {
        struct irq_binding *binding = thread->irqs;
        struct source *source = &sources[binding->number];
        thread->irqs = binding->next;
        /* Complete while the source is still enabled, then mask (design 3.3). */
        binding_paid(binding);
        list_remove(&binding->link);
        if (list_empty(&source->bindings))
            irq_chip->disable(binding->number, source->hart);
        handle_free(thread->process, container_of(binding, struct handle, irq));
    }
    thread->irq_bits = 0;
}
