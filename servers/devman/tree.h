/*
 * What the readers of the machine's device tree share.
 */
#ifndef DEVMAN_TREE_H
#define DEVMAN_TREE_H

#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>

bool tree_is_disabled(const void *fdt, int node);
/* A number of one or two cells. */
uint64_t tree_cells(const fdt32_t *cells, int count);

#endif
