/*
 * Page tables of the build machine: a sorted list of translations a process.
 */
#include "hart.h"
#include "host_machine.h"
#include "mmu.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct translation {
    uint64_t address;
    paddr_t frame;
    unsigned prot;
};

/* By slot of the process's main thread. */
static struct translations {
    struct translation *entries;
    size_t count, room;
} spaces[ENDPOINT_SLOTS];

static unsigned maps_before_failure; /* 0: mmu_map doesn't fail */

void host_fail_map(unsigned nth)
{
    maps_before_failure = nth;
}

static struct translations *space_of(const struct process *process)
{
    return &spaces[endpoint_slot(process->endpoint)];
}

/* Where the translation of that page is, or would be. */
static size_t position_of(const struct translations *space, uint64_t address)
{
    size_t low = 0, high = space->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (space->entries[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct translation *find(const struct process *process, uint64_t address)
{
    const struct translations *space = space_of(process);
    uint64_t page = address & ~(PAGE_SIZE - 1);
    size_t position = position_of(space, page);

    if (position == space->count || space->entries[position].address != page)
        return NULL;
    return &space->entries[position];
}

size_t host_translations(const struct process *process)
{
    return space_of(process)->count;
}

void host_spaces_free(void)
{
    for (unsigned i = 0; i < ENDPOINT_SLOTS; i++) {
        free(spaces[i].entries);
        spaces[i] = (struct translations){0};
    }
    maps_before_failure = 0;
}

int mmu_space_create(struct process *process)
{
    process->satp = 1;
    assert(space_of(process)->count == 0);
    return 0;
}

int mmu_space_free_step(struct process *process)
{
    assert(space_of(process)->count == 0); /* everything was unmapped before */
    process->satp = 0;
    return 0;
}

int mmu_map(struct process *process, uint64_t address, paddr_t frame, unsigned prot)
{
    struct translations *space = space_of(process);
    size_t position = position_of(space, address);

    assert(!find(process, address));
    if (maps_before_failure > 0 && --maps_before_failure == 0)
        return -ANOLE_ENOMEM; /* as if no page-table page could be had */
    if (space->count == space->room) {
        space->room = space->room * 2 + 16;
        space->entries = realloc(space->entries, space->room * sizeof(space->entries[0]));
    }
    memmove(&space->entries[position + 1], &space->entries[position],
            (space->count - position) * sizeof(space->entries[0]));
    space->entries[position] = (struct translation){address, frame, prot};
    space->count++;
    return 0;
}

bool mmu_unmap(struct process *process, uint64_t address, paddr_t *frame)
{
    struct translations *space = space_of(process);
    struct translation *entry = find(process, address);

    if (!entry)
        return false;
    *frame = entry->frame;
    space->count--;
    memmove(entry, entry + 1,
            (size_t)(&space->entries[space->count] - entry) * sizeof(space->entries[0]));
    return true;
}

bool mmu_lookup(const struct process *process, uint64_t address, paddr_t *frame, unsigned *prot)
{
    struct translation *entry = address < USER_END ? find(process, address) : NULL;

    if (!entry)
        return false;
    *frame = entry->frame;
    *prot = entry->prot;
    return true;
}

void mmu_fence(struct process *process)
{
    process->counters.fences++;
}

void mmu_load(struct process *process)
{
    host_hart->space = process;
    host_hart->drop_space = false;
}

bool mmu_dropped(struct process *process)
{
    uint64_t mask = 0, told = 0;

    if (host_hart->space == process)
        mmu_load(NULL);
    for (unsigned i = 0; i < hart_count; i++) {
        if (harts[i]->space != process)
            continue;
        mask |= (uint64_t)1 << i;
        if (harts[i]->drop_space)
            told |= (uint64_t)1 << i;
        harts[i]->drop_space = true;
    }
    hart_interrupt(mask & ~told);
    return mask == 0;
}

void mmu_code_changed(void)
{
}
