/*
 * Address spaces: areas of pages, and checked access to user memory.
 *
 * The kernel never uses a user virtual address: it walks the page table and goes through the direct
 * map, so no user pointer can fault it and sstatus.SUM is never set.
 */
#ifndef KERNEL_VM_H
#define KERNEL_VM_H

#include "process.h"
#include <anole/handle.h>

struct region;

enum area_kind {
    AREA_ANONYMOUS = 1, /* frames of its own, zeroed */
    AREA_DMA,           /* contiguous frames of a DMA_ALLOC, which its pin is charged with */
    AREA_REGION,        /* a region's frames */
    AREA_DEVICE,        /* device registers: no frames */
    AREA_FIXED,         /* a page of the kernel's that everyone sees */
};

struct area {
    struct area *next;
    uint64_t start;
    uint64_t pages;
    uint64_t mapped; /* pages that the steps have mapped so far */
    struct region *region;
    uint64_t region_page; /* first page of the region */
    uint64_t physical;    /* AREA_DEVICE, AREA_FIXED, AREA_DMA: first page, else 0 */
    uint32_t kind;
    uint32_t prot;
    bool unmapping; /* being taken down in steps */
};

/* Describes an area to make; `address` 0: the kernel chooses. */
struct area_request {
    uint64_t address, pages;
    enum area_kind kind;
    unsigned prot;
    struct region *region;
    uint64_t region_page;
    uint64_t physical;
};

/*
 * Maps an area in the process, a bounded step at a time: KCALL_AGAIN until it is done, then 0 or an
 * error after which nothing is left of it. *progress is 0 at first and kept by the caller.
 */
int vm_map_step(struct process *process, const struct area_request *request, uint64_t *progress,
                uint64_t *address);
/* Takes one area down: KCALL_AGAIN or 0. */
int vm_unmap_step(struct process *process, struct area *area);
/* Frees the structures of an address space without areas. */
void vm_free(struct process *process);

/* The page of a user address for kernel access with those rights (PROT_*), NULL if it hasn't them or
 * isn't RAM. Valid for the rest of the page, under the lock. */
void *vm_page(const struct process *process, uint64_t address, unsigned prot);
/* Copies between kernel memory and user memory; small sizes only. -EFAULT. */
int vm_read(const struct process *process, uint64_t address, void *buffer, size_t len);
int vm_write(const struct process *process, uint64_t address, const void *buffer, size_t len);
/* Copies between two processes' memory, at most STEP_COPY_BYTES: how many were copied, -EFAULT. */
#define VM_IGNORE_WRITE_PROTECTION 1u /* of the target: a loader fills read-only pages */
int64_t vm_copy_step(const struct process *from, uint64_t from_address, const struct process *to,
                     uint64_t to_address, uint64_t len, unsigned flags);

/* The read-only page that every process has at USER_INFO_PAGE. */
void vm_info_page_init(void);
struct info_page *vm_info_page(void);
int vm_map_info_page(struct process *process);

#endif
