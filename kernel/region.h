/*
 * Regions: frames with a reference count, shared between processes. A region lives until its last
 * handle and its last mapping are gone; then its creator's quota gets the frames back.
 */
#ifndef KERNEL_REGION_H
#define KERNEL_REGION_H

#include "process.h"

struct region;

void region_get(struct region *region);
void region_put(struct region *region);
/* Frame of page n, n < region_pages(). */
paddr_t region_frame(const struct region *region, uint64_t page);
uint64_t region_pages(const struct region *region);
/* The kernel's own regions over memory that is never freed. */
void region_init_fixed(handle_t id, paddr_t start, uint64_t len);
/* Frames of regions whose creators are dead. */
uint64_t region_orphaned_frames(void);
/* Frames of the region if its creator is dead, and since when; else 0. */
uint64_t region_orphaned(const struct region *region, uint64_t *since_ticks);
/* Their creator is being buried: the frames of its regions go to the orphans' account. */
void region_orphan_all(struct process *creator);
/* Frees a bounded part of regions that nobody uses any more: true if there is more to do. */
bool region_reap_step(void);
extern struct list dead_regions; /* they wait here */

#endif
