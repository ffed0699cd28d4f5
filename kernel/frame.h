/*
 * Physical memory: 4 KiB frames with reference counts. Under the big lock.
 *
 * A frame is freed when its last reference is put: a mapping's, a region's, a kernel object's, or a
 * pin's. So a frame that a device may still write is never reused, whatever else happened to it.
 */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

#include "types.h"

/* Takes over all RAM of [base, base + len) but for the kernel's [used_start, used_end). */
void frame_init(paddr_t base, uint64_t len, paddr_t used_start, paddr_t used_end);
/* Keeps the frames that a piece of RAM lies in, for good. Before the first allocation. */
void frame_reserve_range(paddr_t start, uint64_t len);

/* One zeroed frame with one reference. False: none left. */
bool frame_alloc(paddr_t *frame);
/* count physically contiguous zeroed frames, one reference each. */
bool frame_alloc_contiguous(uint64_t count, paddr_t *first);
void frame_get(paddr_t frame);
void frame_put(paddr_t frame);
/* True if the address lies in RAM that frames are made of. */
bool frame_is_ram(paddr_t address);

uint64_t frame_total(void);
uint64_t frame_free_count(void);

#endif
