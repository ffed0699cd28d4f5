/*
 * The PCI host bridge in the machine's device tree ("pci-host-ecam-generic"; the binding of the PCI
 * Bus Binding to Open Firmware): where configuration space and the windows for BARs are, and which
 * interrupt line each device's pins lead to. Whatever is odd in it is skipped.
 */
#include "pci.h"
#include "tree.h"
#include <anole/layout.h>
#include <libanole/anole.h>

/* Cells of an address on the PCI bus: flags, then 64 bits. */
#define ADDRESS_CELLS 3
#define SIZE_CELLS 2
#define PIN_CELLS 1

/* The first cell of an address. */
#define SPACE(flags) ((flags) >> 24 & 3u)
#define SPACE_MEMORY_32 2u
#define SPACE_MEMORY_64 3u

#define ADDRESS_LIMIT ((uint64_t)1 << 56) /* no physical address of this architecture is larger */

static uint32_t property_u32(const void *fdt, int node, const char *name, uint32_t otherwise)
{
    int len;
    const fdt32_t *value = fdt_getprop(fdt, node, name, &len);
    return value && len >= (int)sizeof(*value) ? fdt32_ld(value) : otherwise;
}

/* A property's cells and how many there are. */
static const fdt32_t *property_cells(const void *fdt, int node, const char *name, int *count)
{
    int len;
    const fdt32_t *cells = fdt_getprop(fdt, node, name, &len);
    *count = cells ? len / (int)sizeof(*cells) : 0;
    return cells;
}

/* ---- configuration space ---- */

/* Of the first bus at least. */
static bool config_read(const void *fdt, int node, int parent_cells, struct pci_host *host)
{
    int count;
    int parent_size_cells = fdt_size_cells(fdt, fdt_parent_offset(fdt, node));
    const fdt32_t *reg = property_cells(fdt, node, "reg", &count);
    if (parent_size_cells < 1 || parent_size_cells > 2 ||
        count < parent_cells + parent_size_cells ||
        tree_cells(reg + parent_cells, parent_size_cells) < PCI_BUS_BYTES) {
        return false;
    }
    host->config_base = tree_cells(reg, parent_cells);
    host->bus = property_u32(fdt, node, "bus-range", 0);
    uint64_t buses = tree_cells(reg + parent_cells, parent_size_cells) / PCI_BUS_BYTES;
    host->buses = buses < PCI_BUSES ? (uint32_t)buses : PCI_BUSES;
    host->buses = host->buses < 0x100 - host->bus ? host->buses : 0x100 - host->bus;
    return host->config_base % PAGE_SIZE == 0 && host->config_base < ADDRESS_LIMIT &&
           host->bus <= 0xff;
}

/* ---- windows ---- */

/* Windows that reach higher come first: they are for BARs of 64 bits, which leaves the lower ones
 * to those that have no choice. */
static void window_add(struct pci_host *host, struct pci_window window)
{
    unsigned at = host->window_count;
    if (at == PCI_WINDOWS || window.len_bytes == 0 || window.base % PAGE_SIZE != 0 ||
        window.bus_base % PAGE_SIZE != 0 || window.base >= ADDRESS_LIMIT ||
        window.bus_base >= ADDRESS_LIMIT || window.len_bytes > ADDRESS_LIMIT) {
        return;
    }
    while (at > 0 && host->windows[at - 1].bus_base < window.bus_base) {
        host->windows[at] = host->windows[at - 1];
        at--;
    }
    host->windows[at] = window;
    host->window_count++;
}

static void windows_read(const void *fdt, int node, int parent_cells, struct pci_host *host)
{
    int count;
    int row_cells = ADDRESS_CELLS + parent_cells + SIZE_CELLS;
    const fdt32_t *row = property_cells(fdt, node, "ranges", &count);
    for (; count >= row_cells; count -= row_cells, row += row_cells) {
        uint32_t kind = SPACE(fdt32_ld(row));
        if (kind == SPACE_MEMORY_32 || kind == SPACE_MEMORY_64) {
            window_add(host,
                       (struct pci_window){
                           .bus_base = tree_cells(row + 1, 2),
                           .base = tree_cells(row + ADDRESS_CELLS, parent_cells),
                           .len_bytes = tree_cells(row + ADDRESS_CELLS + parent_cells, SIZE_CELLS),
                       });
        }
    }
}

/* ---- interrupts ---- */

/* Cells of a row of interrupt-map behind the parent's phandle, or -1: nothing to go on from. */
static int parent_row_cells(const void *fdt, uint32_t phandle, int *address_cells)
{
    int parent = fdt_node_offset_by_phandle(fdt, phandle);
    if (parent < 0) {
        return -1;
    }
    uint32_t address = property_u32(fdt, parent, "#address-cells", 0);
    uint32_t interrupt = property_u32(fdt, parent, "#interrupt-cells", 0);
    if (address > 2 || interrupt < 1 || interrupt > 4) {
        return -1;
    }
    *address_cells = (int)address;
    return (int)(address + interrupt);
}

/* One row says where pins go whose masked address and number are those in it. */
static void row_apply(const fdt32_t *row, uint32_t address_mask, uint32_t pin_mask, uint32_t line,
                      struct pci_host *host)
{
    for (unsigned device = 0; device < PCI_DEVICES; device++) {
        uint32_t address = (uint32_t)pci_address_make(host->bus, device, 0) << 8;
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            if ((address & address_mask) == (fdt32_ld(row) & address_mask) &&
                ((pin + 1) & pin_mask) == (fdt32_ld(row + ADDRESS_CELLS) & pin_mask) &&
                host->lines[device][pin] == 0) {
                host->lines[device][pin] = line;
            }
        }
    }
}

static void lines_read(const void *fdt, int node, struct pci_host *host)
{
    int count;
    const fdt32_t *mask = property_cells(fdt, node, "interrupt-map-mask", &count);
    uint32_t address_mask = count > ADDRESS_CELLS ? fdt32_ld(mask) : UINT32_MAX;
    uint32_t pin_mask = count > ADDRESS_CELLS ? fdt32_ld(mask + ADDRESS_CELLS) : UINT32_MAX;
    const fdt32_t *row = property_cells(fdt, node, "interrupt-map", &count);
    const int head = ADDRESS_CELLS + PIN_CELLS + 1;
    uint32_t parent = 0;
    int address_cells = 0;
    int rest = -1;
    while (count > head) {
        uint32_t phandle = fdt32_ld(row + head - 1);
        if (phandle != parent) { /* nearly always the same one: looking for it takes time */
            parent = phandle;
            rest = parent_row_cells(fdt, phandle, &address_cells);
        }
        if (rest < 0 || count < head + rest) {
            return;
        }
        /* The line's number is the first cell for PLIC and APLIC. */
        row_apply(row, address_mask, pin_mask, fdt32_ld(row + head + address_cells), host);
        count -= head + rest;
        row += head + rest;
    }
}

bool pci_host_find(const void *tree, struct pci_host *host)
{
    int node = fdt_node_offset_by_compatible(tree, -1, "pci-host-ecam-generic");
    int parent = node >= 0 ? fdt_parent_offset(tree, node) : -1;
    int parent_cells = parent >= 0 ? fdt_address_cells(tree, parent) : -1;
    *host = (struct pci_host){0};
    if (parent_cells < 1 || parent_cells > 2 || tree_is_disabled(tree, node) ||
        fdt_address_cells(tree, node) != ADDRESS_CELLS ||
        fdt_size_cells(tree, node) != SIZE_CELLS || !config_read(tree, node, parent_cells, host)) {
        return false;
    }
    windows_read(tree, node, parent_cells, host);
    lines_read(tree, node, host);
    if (fdt_node_offset_by_compatible(tree, node, "pci-host-ecam-generic") >= 0) {
        log_printf(LOG_WARNING, "only the first of several PCI host bridges is used");
    }
    return true;
}
