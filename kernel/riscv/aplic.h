/*
 * The wired lines of a machine whose harts have IMSICs, as imsic.c uses them.
 */
#ifndef KERNEL_RISCV_APLIC_H
#define KERNEL_RISCV_APLIC_H

#include "types.h"

/* The APLIC that tells its lines to the IMSICs of that node: true if there is one. */
bool aplic_find(const void *fdt, int imsic_node);
void aplic_init(void);
/* The line becomes that identity of the hart whose IMSIC has that place among all. */
void aplic_enable(uint32_t line, uint32_t place, uint32_t identity);
void aplic_disable(uint32_t line);
/* Who was told of the line has looked: if it is still up (true), it is told once more. */
bool aplic_complete(uint32_t line);

#endif
