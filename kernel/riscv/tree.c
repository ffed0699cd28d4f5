/*
 * Properties of the device tree, and the ranges that no driver is ever given.
 */
#include "riscv/tree.h"
#include "kprintf.h"
#include "machine.h"

#define RESERVED_RANGES 32
#define PHYSICAL_END ((uint64_t)1 << 40)

uint32_t tree_cell(const void *fdt, int node, const char *name, uint32_t otherwise)
{
    int len;
    const fdt32_t *value = fdt_getprop(fdt, node, name, &len);

    return value && len >= 4 ? fdt32_to_cpu(value[0]) : otherwise;
}

bool tree_reg(const void *fdt, int node, unsigned n, uint64_t *base, uint64_t *len)
{
    int size;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &size);

    if (!reg || n >= (unsigned)size / 16)
        return false;
    reg += 4 * n;
    *base = (uint64_t)fdt32_to_cpu(reg[0]) << 32 | fdt32_to_cpu(reg[1]);
    *len = (uint64_t)fdt32_to_cpu(reg[2]) << 32 | fdt32_to_cpu(reg[3]);
    return true;
}

/* ---- interrupts of harts ---- */

static uint32_t hart_of_interrupt_controller(const void *fdt, uint32_t phandle)
{
    int node = fdt_node_offset_by_phandle(fdt, phandle);
    int cpu = node < 0 ? node : fdt_parent_offset(fdt, node);
    uint32_t id = cpu < 0 ? UINT32_MAX : tree_cell(fdt, cpu, "reg", UINT32_MAX), index = 0;

    while (index < machine.hart_count && machine.hart_ids[index] != id)
        index++;
    return index < machine.hart_count ? index : MAX_HARTS;
}

bool tree_hart_interrupt(const void *fdt, int node, unsigned n, uint32_t *hart, uint32_t *interrupt)
{
    int len;
    const fdt32_t *pairs = fdt_getprop(fdt, node, "interrupts-extended", &len);

    if (!pairs || n >= (unsigned)len / 8)
        return false;
    *hart = hart_of_interrupt_controller(fdt, fdt32_to_cpu(pairs[2 * n]));
    *interrupt = fdt32_to_cpu(pairs[2 * n + 1]);
    return true;
}

/* ---- ranges that no driver is given ---- */

static struct {
    uint64_t base, len;
    bool for_devman;
} reserved[RESERVED_RANGES];
static unsigned reserved_count;

static void reserve(uint64_t base, uint64_t len, bool for_devman)
{
    if (reserved_count == RESERVED_RANGES)
        kernel_panic("the device tree has more than %u controllers of the system's own",
                     RESERVED_RANGES);
    reserved[reserved_count].base = base;
    reserved[reserved_count].len = page_round_up(len);
    reserved[reserved_count++].for_devman = for_devman;
}

void tree_reserve(const void *fdt, const char *compatible, bool for_devman)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, compatible);
    uint64_t base, len;

    for (; node >= 0; node = fdt_node_offset_by_compatible(fdt, node, compatible))
        for (unsigned n = 0; tree_reg(fdt, node, n, &base, &len); n++)
            reserve(base, len, for_devman);
}

static bool overlaps(uint64_t base, uint64_t len, uint64_t other, uint64_t other_len)
{
    return base < other + other_len && other < base + len;
}

static bool is_device_range(uint64_t base, uint64_t len, bool for_devman)
{
    if (len == 0 || !range_within(base, len, PHYSICAL_END) ||
        overlaps(base, len, machine.ram_start.raw, machine.ram_end.raw - machine.ram_start.raw))
        return false;
    for (unsigned i = 0; i < reserved_count; i++)
        if (overlaps(base, len, reserved[i].base, reserved[i].len) &&
            !(for_devman && reserved[i].for_devman))
            return false;
    return true;
}

bool machine_is_device_range(uint64_t base, uint64_t len)
{
    return is_device_range(base, len, true);
}

bool machine_is_driver_range(uint64_t base, uint64_t len)
{
    return is_device_range(base, len, false);
}
