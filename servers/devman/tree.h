/*
 * What the readers of the machine's device tree share.
 */
#ifndef DEVMAN_TREE_H
#define DEVMAN_TREE_H

#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool tree_is_disabled(const void *fdt, int node)
{
    int len;
    const char *status = fdt_getprop(fdt, node, "status", &len);
    return status && (!memchr(status, '\0', (size_t)len) ||
                      (strcmp(status, "okay") != 0 && strcmp(status, "ok") != 0));
}

/* A number of one or two cells. */
static inline uint64_t tree_cells(const fdt32_t *cells, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) {
        value = value << 32 | fdt32_ld(&cells[i]);
    }
    return value;
}

#endif
