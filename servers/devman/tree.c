/*
 * The machine's device tree: which devices of a known kind it names, where their registers are and
 * which interrupt they have. The blob comes from the firmware; whatever is odd in it is skipped.
 */
#include "devman.h"
#include "tree.h"
#include <anole/error.h>
#include <anole/layout.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct device_kind *kind_of(const void *fdt, int node)
{
    for (size_t i = 0; i < device_kind_count; i++) {
        if (fdt_node_check_compatible(fdt, node, device_kinds[i].compatible) == 0) {
            return &device_kinds[i];
        }
    }
    return NULL;
}

/* In whole pages, which is how windows are mapped. */
static bool window_read(const void *fdt, int node, struct device *device)
{
    int parent = fdt_parent_offset(fdt, node);
    int address_cells = parent >= 0 ? fdt_address_cells(fdt, parent) : -1;
    int size_cells = parent >= 0 ? fdt_size_cells(fdt, parent) : -1;
    int len;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &len);
    if (!reg || address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2 ||
        len < (address_cells + size_cells) * (int)sizeof(*reg)) {
        return false;
    }
    uint64_t window_len = tree_cells(reg + address_cells, size_cells);
    device->told.description.windows = 1;
    device->told.windows[0].base = tree_cells(reg, address_cells);
    device->told.windows[0].len_bytes = (window_len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    return window_len > 0 && window_len <= UINT32_MAX;
}

/* The first interrupt: its number is the first cell for PLIC and APLIC. */
static void irq_read(const void *fdt, int node, struct rs_device_told *told)
{
    int len;
    const fdt32_t *interrupts = fdt_getprop(fdt, node, "interrupts", &len);
    told->interrupt = interrupts && len >= (int)sizeof(*interrupts) ? fdt32_ld(interrupts) : 0;
    told->description.interrupts = told->interrupt ? 1 : 0;
}

static int by_address(const void *a, const void *b)
{
    const struct device *left = a;
    const struct device *right = b;
    uint64_t at = left->told.windows[0].base;
    uint64_t other = right->told.windows[0].base;
    return at < other ? -1 : at > other;
}

const void *tree_locate(const void *region, size_t *len)
{
    const uint8_t *bytes = region;
    for (size_t offset = 0; offset < PAGE_SIZE && offset + sizeof(struct fdt_header) <= *len;
         offset += 8) {
        if (fdt_magic(bytes + offset) == FDT_MAGIC) {
            *len -= offset;
            return bytes + offset;
        }
    }
    return NULL;
}

int tree_find(const void *blob, size_t len, struct device *devices, unsigned max)
{
    unsigned count = 0;
    if (len < sizeof(struct fdt_header) || fdt_check_header(blob) != 0 ||
        fdt_totalsize(blob) > len) {
        return -ANOLE_EINVAL;
    }
    for (int node = fdt_next_node(blob, -1, NULL); node >= 0 && count < max;
         node = fdt_next_node(blob, node, NULL)) {
        struct device device = {.kind = kind_of(blob, node), .dead = ENDPOINT_NONE};
        if (!device.kind || tree_is_disabled(blob, node) || !window_read(blob, node, &device)) {
            continue;
        }
        const char *name = fdt_get_name(blob, node, NULL);
        snprintf(device.node, sizeof(device.node), "%.31s", name ? name : "?");
        irq_read(blob, node, &device.told);
        devices[count++] = device;
    }
    qsort(devices, count, sizeof(devices[0]), by_address);
    for (unsigned i = 0; i < count; i++) {
        devices[i].told.description.number = i;
    }
    return (int)count;
}
