/*
 * Slots and generations of endpoints: reused first-in first-out, retired when spent. Pure.
 */
#ifndef KERNEL_ENDPOINT_H
#define KERNEL_ENDPOINT_H

#include <anole/endpoint.h>
#include <stdbool.h>

struct endpoint_table {
    uint32_t generation[ENDPOINT_SLOTS];
    uint16_t fifo[ENDPOINT_SLOTS];
    uint32_t head, count; /* of the free slots in fifo */
};

/* All slots but 0 free; each starts at that generation (1..ENDPOINT_GENERATION_MAX). */
void endpoint_table_init(struct endpoint_table *table, uint32_t first_generation);
/* ENDPOINT_NONE if no slot is left. */
endpoint_t endpoint_take(struct endpoint_table *table);
/* Gives the slot back; it is retired when its generations are spent. */
void endpoint_give_back(struct endpoint_table *table, endpoint_t endpoint);

#endif
