/*
 * What the machine layer reads of the device tree: properties, and what the kernel keeps for itself.
 */
#ifndef KERNEL_RISCV_TREE_H
#define KERNEL_RISCV_TREE_H

#include "types.h"
#include <libfdt.h>

#define INTERRUPT_SUPERVISOR_EXTERNAL 9u /* of a hart's own interrupt controller */

/* A property's first cell. */
uint32_t tree_cell(const void *fdt, int node, const char *name, uint32_t otherwise);
/* The nth range of "reg", with two cells each for address and size. */
bool tree_reg(const void *fdt, int node, unsigned n, uint64_t *base, uint64_t *len);
/*
 * The nth of the interrupts of harts in "interrupts-extended" that a controller raises: which one, and
 * of which hart by index, MAX_HARTS if that one isn't used. False: there are no more.
 */
bool tree_hart_interrupt(const void *fdt, int node, unsigned n, uint32_t *hart,
                         uint32_t *interrupt);

/* The ranges of all nodes that are compatible with that are never a driver's; nor devman's, unless
 * for_devman. */
void tree_reserve(const void *fdt, const char *compatible, bool for_devman);

/* The interrupt controllers: true if the machine has this one and it is the kernel's now. */
bool plic_find(const void *fdt);
bool imsic_find(const void *fdt);

#endif
