#include "irq.h"
#include "hart.h"
#include "kprintf.h"
#include "machine.h"
#include "process.h"
#include <string.h>

#define BINDINGS 64 /* of all lines together */
#define LINES 128

/* A thread's interest in a line. */
struct binding {
    struct thread *thread; /* NULL: free */
    uint16_t line;
    uint8_t bit;
    bool owes; /* it was rung and hasn't waited since the bit was delivered */
};

struct line {
    uint32_t bindings;
    uint32_t owing;     /* bindings that owe a wait before it is completed */
    uint32_t context;   /* where it is enabled, and was claimed */
    bool claimed;       /* and not yet completed */
    bool masked;        /* because of a storm, until window_start + 1 ms */
    uint32_t in_window; /* claims since window_start */
    uint64_t window_start;
    uint64_t claimed_ticks;
    uint64_t storms;
};

static struct binding bindings[BINDINGS];
static struct line lines[LINES];
static struct timer overdue_timer;

void irq_init(void)
{
    memset(bindings, 0, sizeof(bindings));
    memset(lines, 0, sizeof(lines));
    timer_init(&overdue_timer, TIMER_IRQ);
}

static void complete(uint32_t number)
{
    struct line *line = &lines[number];

    line->claimed = false;
    line->owing = 0;
    plic_complete(number, line->context);
}

static void watch_overdue(uint64_t deadline)
{
    if (overdue_timer.index == 0 || overdue_timer.deadline > deadline)
        timer_arm(&overdue_timer, deadline);
}

/* Counts a claim; true if there were so many lately that the line must rest. */
static bool is_storm(struct line *line, uint64_t now)
{
    if (now - line->window_start > ticks_from_ms(1)) {
        line->window_start = now;
        line->in_window = 0;
    }
    return ++line->in_window > IRQ_STORM_PER_MS;
}

void irq_claimed(uint32_t number)
{
    struct hart *hart = this_hart();
    struct line *line = &lines[number];

    hart->counters.interrupts++;
    line->claimed = true;
    line->claimed_ticks = hart->now;
    line->context = hart->plic_context;
    line->owing = 0;
    for (unsigned i = 0; i < BINDINGS; i++) {
        struct binding *binding = &bindings[i];
        if (!binding->thread || binding->line != number)
            continue;
        binding->owes = true;
        line->owing++;
        binding->thread->process->counters.interrupts++;
        thread_ring(binding->thread, NOTIFY_BIT(binding->bit));
    }
    if (is_storm(line, hart->now) && !line->masked) {
        line->masked = true;
        if (line->storms++ == 0)
            kprintf(LOG_WARNING, "interrupt %u: a storm, masked for a millisecond at a time",
                    number);
        plic_complete(number, line->context);
        plic_disable(number, line->context);
        watch_overdue(hart->now + ticks_from_ms(1));
    } else if (line->owing == 0) {
        complete(number);
        plic_disable(number, line->context);
    } else {
        watch_overdue(hart->now + ticks_from_ms(IRQ_OVERDUE_MS));
    }
}

static void binding_paid(struct binding *binding)
{
    struct line *line = &lines[binding->line];

    if (!binding->owes)
        return;
    binding->owes = false;
    if (line->owing > 0 && --line->owing == 0 && line->claimed && !line->masked)
        complete(binding->line);
}

void irq_thread_waits(struct thread *thread)
{
    for (unsigned i = 0; i < BINDINGS; i++)
        if (bindings[i].thread == thread && thread->irq_delivered & NOTIFY_BIT(bindings[i].bit))
            binding_paid(&bindings[i]);
    thread->irq_delivered = 0;
}

/* The end of a storm's rest: the line may come again; its claim was completed when it was masked. */
static void unmask(uint32_t number, struct line *line, uint64_t now)
{
    line->masked = false;
    line->claimed = false;
    line->owing = 0;
    line->window_start = now;
    line->in_window = 0;
    if (line->bindings > 0)
        plic_enable(number, line->context);
}

static void skip_overdue(uint32_t number)
{
    for (unsigned i = 0; i < BINDINGS; i++) {
        if (!bindings[i].thread || bindings[i].line != number || !bindings[i].owes)
            continue;
        bindings[i].owes = false;
        kprintf(LOG_INFO, "interrupt %u: %s hasn't waited for %u ms, skipped", number,
                bindings[i].thread->process->name, IRQ_OVERDUE_MS);
    }
    complete(number);
}

void irq_check_overdue(struct timer *timer)
{
    uint64_t now = this_hart()->now, next = ~(uint64_t)0;

    (void)timer;
    for (uint32_t i = 1; i < LINES; i++) {
        struct line *line = &lines[i];
        uint64_t due;
        if (!line->claimed)
            continue;
        due = line->masked ? line->window_start + ticks_from_ms(1)
                           : line->claimed_ticks + ticks_from_ms(IRQ_OVERDUE_MS);
        if (due > now)
            next = min_u64(next, due);
        else if (line->masked)
            unmask(i, line, now);
        else
            skip_overdue(i);
    }
    if (next != ~(uint64_t)0)
        watch_overdue(next);
}

int irq_bind(struct thread *thread, uint32_t number, unsigned bit)
{
    struct binding *free = NULL;

    if (number == 0 || number >= LINES || number > machine.irq_count)
        return -ANOLE_EINVAL;
    for (unsigned i = 0; i < BINDINGS; i++) {
        if (!bindings[i].thread)
            free = free ? free : &bindings[i];
        else if (bindings[i].line == number && bindings[i].thread->process == thread->process)
            return -ANOLE_EEXIST;
    }
    if (!free)
        return -ANOLE_ENOMEM;
    *free = (struct binding){.thread = thread, .line = (uint16_t)number, .bit = (uint8_t)bit};
    thread->irq_bits |= NOTIFY_BIT(bit);
    if (lines[number].bindings++ == 0) {
        lines[number].context = this_hart()->plic_context;
        if (!lines[number].masked)
            plic_enable(number, lines[number].context);
    }
    return 0;
}

void irq_unbind_thread(struct thread *thread)
{
    if (!thread->irq_bits)
        return;
    for (unsigned i = 0; i < BINDINGS; i++) {
        struct binding *binding = &bindings[i];
        if (binding->thread != thread)
            continue;
        /* Complete while the source is still enabled, then mask (design 3.3). */
        binding_paid(binding);
        if (--lines[binding->line].bindings == 0)
            plic_disable(binding->line, lines[binding->line].context);
        binding->thread = NULL;
    }
    thread->irq_bits = 0;
}
