#include "endpoint.h"

void endpoint_table_init(struct endpoint_table *table, uint32_t first_generation)
{
    /* Generations 1 and 2 of slot 0 are ENDPOINT_SELF and _NONE; other slots can't collide with them. */
    if (first_generation == 0 || first_generation > ENDPOINT_GENERATION_MAX)
        first_generation = 1;
    table->head = 0;
    table->count = 0;
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        table->generation[slot] = first_generation;
        table->fifo[table->count++] = (uint16_t)slot;
    }
}

endpoint_t endpoint_take(struct endpoint_table *table)
{
    uint32_t slot;

    if (table->count == 0)
        return ENDPOINT_NONE;
    slot = table->fifo[table->head];
    table->head = (table->head + 1) % ENDPOINT_SLOTS;
    table->count--;
    return endpoint_make(slot, table->generation[slot]);
}

void endpoint_give_back(struct endpoint_table *table, endpoint_t endpoint)
{
    uint32_t slot = endpoint_slot(endpoint);

    if (table->generation[slot] >= ENDPOINT_GENERATION_MAX)
        return;
    table->generation[slot]++;
    table->fifo[(table->head + table->count) % ENDPOINT_SLOTS] = (uint16_t)slot;
    table->count++;
}
