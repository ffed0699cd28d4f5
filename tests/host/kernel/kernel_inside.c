/*
 * The files of the kernel whose statics the checker needs are compiled as part of this one.
 */
#include "frame.c"
#include "irq.c"
#include "kprintf.c"
#include "region.c"
#include "thread.c"
#include "timer.c"

#include "kernel_inside.h"

void inside_reset(void)
{
    free_count = 0;
    search_from = 0;
    memset(fixed_regions, 0, sizeof(fixed_regions));
    list_init(&dead_regions);
    orphaned = 0;
    log_position = 0;
    console_position = 0;
    log_quiet = false;
    console_owner = ENDPOINT_NONE;
}

/* ---- frame.c ---- */

struct frames_view inside_frames(void)
{
    return (struct frames_view){ram_base, frame_count, references, free_bits};
}

/* ---- region.c ---- */

static uint64_t counted;

static void count_frame(paddr_t frame)
{
    (void)frame;
    counted++;
}

struct region_view inside_region(const struct region *region)
{
    counted = 0;
    inside_region_frames(region, count_frame);
    return (struct region_view){
        .references = region->references,
        .fixed = region->fixed,
        .creator = region->creator,
        .on_dead_list = !region->fixed && region->dead_link.next != &region->dead_link,
        .frames = counted,
        .cost = region->fixed ? 0 : region_cost(region),
    };
}

struct region *inside_region_of_creator(struct list *link)
{
    return container_of(link, struct region, creator_link);
}

struct region *inside_region_of_dead(struct list *link)
{
    return container_of(link, struct region, dead_link);
}

void inside_region_frames(const struct region *region, void (*visit)(paddr_t frame))
{
    if (region->fixed)
        return;
    visit(direct_to_paddr(region));
    for (uint64_t i = 0; i < region->pages; i++)
        visit(region_frame(region, i));
    for (unsigned i = 0; i < INDEX_FRAMES; i++)
        if (region->index[i])
            visit(direct_to_paddr(region->index[i]));
}

/* ---- timer.c ---- */

const struct timer *inside_timer(uint32_t index)
{
    return index >= 1 && index <= heap_len ? heap[index] : NULL;
}

/* ---- irq.c ---- */

bool inside_source(uint32_t number, struct source_view *view)
{
    if (!irq_exist(number, 1))
        return false;
    *view = (struct source_view){
        .bindings = &sources[number].bindings,
        .owing = sources[number].owing,
        .claimed = sources[number].claimed,
        .masked = sources[number].masked,
        .busy = !list_empty(&sources[number].busy_link),
    };
    return true;
}

const struct timer *inside_overdue_timer(void)
{
    return &overdue_timer;
}

/* ---- thread.c ---- */

struct thread *const *inside_threads(void)
{
    return slots;
}

uint32_t inside_free_slots(bool is_free_slot[ENDPOINT_SLOTS])
{
    memset(is_free_slot, 0, ENDPOINT_SLOTS * sizeof(is_free_slot[0]));
    for (uint32_t i = 0; i < endpoints.count; i++)
        is_free_slot[endpoints.fifo[(endpoints.head + i) % ENDPOINT_SLOTS]] = true;
    return endpoints.count;
}

bool inside_slot_is_spent(uint32_t slot)
{
    return endpoints.generation[slot] >= ENDPOINT_GENERATION_MAX;
}
