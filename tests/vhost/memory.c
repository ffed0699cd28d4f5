/* The machine's memory: see memory.h. */
#include "memory.h"

#include <sys/mman.h>

int memory_add(struct memory *memory, const struct memory_region *region, int fd)
{
    size_t len;
    if (memory->count == MEMORY_REGIONS_MAX || region->size == 0 ||
        __builtin_add_overflow(region->mmap_offset, region->size, &len))
        return -1;
    void *mapping = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED)
        return -1;
    memory->slot[memory->count].region = *region;
    memory->slot[memory->count++].mapping = mapping;
    return 0;
}

void memory_clear(struct memory *memory)
{
    while (memory->count > 0) {
        const struct memory_region *region = &memory->slot[--memory->count].region;
        (void)munmap(memory->slot[memory->count].mapping, region->mmap_offset + region->size);
    }
}

/* offset: of the address in the region; wraps to something huge if it is below its start. */
static void *place(const struct memory *memory, unsigned i, uint64_t offset, uint64_t len)
{
    const struct memory_region *region = &memory->slot[i].region;
    if (offset >= region->size || len > region->size - offset)
        return NULL;
    return memory->slot[i].mapping + region->mmap_offset + offset;
}

void *memory_at(const struct memory *memory, uint64_t guest_address, uint64_t len)
{
    void *found = NULL;
    for (unsigned i = 0; i < memory->count && !found; i++)
        found = place(memory, i, guest_address - memory->slot[i].region.guest_address, len);
    return found;
}

uint64_t memory_guest_address(const struct memory *memory, uint64_t user_address)
{
    for (unsigned i = 0; i < memory->count; i++) {
        const struct memory_region *region = &memory->slot[i].region;
        if (user_address - region->user_address < region->size)
            return user_address - region->user_address + region->guest_address;
    }
    return UINT64_MAX;
}
