/*
 * The machine's memory as QEMU shares it: regions of a memory file, mapped here. Addresses come from
 * a guest; none is used before its whole range was found inside a region.
 */
#ifndef VHOST_MEMORY_H
#define VHOST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_REGIONS_MAX 8u

/* As SET_MEM_TABLE has it. */
struct memory_region {
    uint64_t guest_address;
    uint64_t size;
    uint64_t user_address; /* where QEMU has it */
    uint64_t mmap_offset;
};

struct memory {
    struct {
        struct memory_region region;
        uint8_t *mapping; /* of mmap_offset + size bytes */
    } slot[MEMORY_REGIONS_MAX];
    unsigned count;
};

/* Maps one region more; fd stays the caller's. 0, or -1: no room, nonsense, can't be mapped. */
int memory_add(struct memory *memory, const struct memory_region *region, int fd);
void memory_clear(struct memory *memory);
/* Where len bytes at a guest's address are; NULL: not in one region. */
void *memory_at(const struct memory *memory, uint64_t guest_address, uint64_t len);
/* The guest's address of what QEMU has at its own one; UINT64_MAX: nowhere. */
uint64_t memory_guest_address(const struct memory *memory, uint64_t user_address);

#endif
