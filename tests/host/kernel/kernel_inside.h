/*
 * What files of the kernel keep to themselves, opened for the checker of invariants: nothing of this
 * is part of the kernel.
 */
#ifndef TESTS_HOST_KERNEL_KERNEL_INSIDE_H
#define TESTS_HOST_KERNEL_KERNEL_INSIDE_H

#include "list.h"
#include "process.h"
#include "thread.h"
#include "timer.h"
#include "types.h"

struct region;

/* As after power-on: statics that a boot on the real machine finds zeroed. */
void inside_reset(void);

/* frame.c: frames are numbered from 0, the first is at `base`. */
struct frames_view {
    uint64_t base, count;
    const uint32_t *references;
    const uint64_t *free_bits; /* one a frame */
};

struct frames_view inside_frames(void);

/* region.c */
struct region_view {
    uint32_t references;
    bool fixed;
    const struct process *creator;
    bool on_dead_list;
    uint64_t frames; /* that it has: itself, its index, its pages; 0 for a fixed one */
    uint64_t cost;   /* what the kernel thinks it has */
};

struct region_view inside_region(const struct region *region);
struct region *inside_region_of_creator(struct list *link);
struct region *inside_region_of_dead(struct list *link);
/* Calls `visit` with each frame that the region has. */
void inside_region_frames(const struct region *region, void (*visit)(paddr_t frame));

/* timer.c: armed timers, from 1; NULL past the last. */
const struct timer *inside_timer(uint32_t index);

/* irq.c: false if there is no such interrupt. */
struct source_view {
    const struct list *bindings; /* link of struct irq_binding */
    uint32_t owing;
    bool claimed, masked, busy;
};
bool inside_source(uint32_t number, struct source_view *view);
const struct timer *inside_overdue_timer(void);

/* thread.c: threads by slot. */
struct thread *const *inside_threads(void);
/* Which slots wait to be used, and how many. */
uint32_t inside_free_slots(bool is_free[ENDPOINT_SLOTS]);
/* True if the slot's generations are spent: after this use it is never used again. */
bool inside_slot_is_spent(uint32_t slot);

#endif
