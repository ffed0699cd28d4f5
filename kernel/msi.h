/*
 * Message-signalled interrupts: which number is which identity of which hart. Numbers are given out
 * once and never taken back: a device may fire whatever becomes of its driver.
 *
 * A hart's identities are handed out from both ends: to messages of devices upwards, on each hart for
 * itself; to wired lines downwards, the same on all harts, so that a line can go to any of them.
 */
#ifndef KERNEL_MSI_H
#define KERNEL_MSI_H

#include "types.h"

#define MSI_IDENTITY_HARTS 1 /* what harts interrupt each other with; the others follow */

struct msi {
    uint64_t key; /* of the allocation */
    uint16_t count;
    uint16_t hart;
    uint32_t identity;
};

/* How many numbers there can be above the lines'. */
uint32_t msi_capacity(void);
void msi_init(void);
/* Any number above the lines' that is allocated; NULL for others. */
const struct msi *msi_of(uint32_t number);
/* The number, a line's too, that an identity of a hart stands for; 0: none. */
uint32_t msi_number(unsigned hart, uint32_t identity);
/* The identity that the line has on all harts, from the first time on: -ENOMEM if there is none left. */
int msi_take_for_line(uint32_t line);

#endif
