/*
 * Page tables, as the machine-independent kernel sees them. Implemented in riscv/mmu.c.
 */
#ifndef KERNEL_MMU_H
#define KERNEL_MMU_H

#include "arch.h"
#include "types.h"

struct process;
struct hart;

/* Any physical address in the kernel's direct map. */
static inline void *direct(paddr_t address)
{
    return (void *)(address.raw + DIRECT_MAP_OFFSET);
}

static inline paddr_t direct_to_paddr(const void *pointer)
{
    return paddr((uint64_t)pointer - DIRECT_MAP_OFFSET);
}

/* Sets up the kernel's own tables, W^X, over [ram_start, ram_end) and low device space. */
void mmu_init(paddr_t ram_start, paddr_t ram_end);
/* The calling hart goes over to the kernel's own tables. */
void mmu_load_kernel(void);

/* A new root, charged to the process. */
int mmu_space_create(struct process *process);
/* Frees page-table pages, one bounded step: KCALL_AGAIN or 0. Nothing may be mapped any more. */
int mmu_space_free_step(struct process *process);

/* Maps one page; what was there must have been unmapped. Table pages are charged to the process. */
int mmu_map(struct process *process, uint64_t address, paddr_t frame, unsigned prot);
/* Removes one page's mapping: true and its frame if there was one. The caller fences. */
bool mmu_unmap(struct process *process, uint64_t address, paddr_t *frame);
/* Translates for the kernel's own checked accesses. */
bool mmu_lookup(const struct process *process, uint64_t address, paddr_t *frame, unsigned *prot);
/* Makes sure that no hart uses removed translations any more. */
void mmu_fence(struct process *process);
/* Loads the process's root on this hart (NULL: the kernel's). Writes satp only if it changes. */
void mmu_load(struct process *process);
/* True when no hart has the space loaded; harts that have it are told to drop it. */
bool mmu_dropped(struct process *process);
/* New code was mapped: each hart executes fence.i before it runs user code again. */
void mmu_code_changed(void);

#endif
