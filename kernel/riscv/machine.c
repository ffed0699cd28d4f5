/*
 * The machine as its device tree describes it, read through libfdt; power and early console.
 */
#include "machine.h"
#include "hart.h"
#include "kprintf.h"
#include "mmu.h"
#include "riscv/sbi.h"
#include <libfdt.h>
#include <string.h>

#define TEST_FAIL 0x3333u
#define TEST_PASS 0x5555u
#define TEST_RESET 0x7777u
#define INTERRUPT_SUPERVISOR_EXTERNAL 9u

extern char kernel_start[], kernel_text_end[];

struct machine machine;

/* ---- reading properties ---- */

static uint32_t read_cell(const void *fdt, int node, const char *name, uint32_t otherwise)
{
    int len;
    const fdt32_t *value = fdt_getprop(fdt, node, name, &len);

    return value && len >= 4 ? fdt32_to_cpu(value[0]) : otherwise;
}

/* The first range of "reg", with two cells each for address and size. */
static bool read_reg(const void *fdt, int node, uint64_t *base, uint64_t *len)
{
    int size;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &size);

    if (!reg || size < 16)
        return false;
    *base = (uint64_t)fdt32_to_cpu(reg[0]) << 32 | fdt32_to_cpu(reg[1]);
    *len = (uint64_t)fdt32_to_cpu(reg[2]) << 32 | fdt32_to_cpu(reg[3]);
    return true;
}

static void read_memory(const void *fdt)
{
    int node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", 7);
    uint64_t base, len;

    if (node < 0 || !read_reg(fdt, node, &base, &len))
        kernel_panic("the device tree has no memory node");
    machine.ram_start = paddr(base);
    machine.ram_end = paddr((base + len) & ~(PAGE_SIZE - 1));
}

static bool has_extension(const char *isa, const char *name)
{
    const char *at = isa ? strstr(isa, name) : NULL;

    return at && at > isa && at[-1] == '_';
}

/* ---- harts and interrupt controller ---- */

static uint32_t hart_of_interrupt_controller(const void *fdt, uint32_t phandle)
{
    int node = fdt_node_offset_by_phandle(fdt, phandle);
    int cpu = node < 0 ? node : fdt_parent_offset(fdt, node);

    return cpu < 0 ? UINT32_MAX : read_cell(fdt, cpu, "reg", UINT32_MAX);
}

static void add_hart(uint32_t hart_id)
{
    if (machine.hart_count == MAX_HARTS) {
        kprintf(LOG_WARNING, "hart %u is left out: at most %u are supported", hart_id, MAX_HARTS);
        return;
    }
    machine.hart_ids[machine.hart_count++] = hart_id;
}

static void read_cpus(const void *fdt)
{
    int cpus = fdt_path_offset(fdt, "/cpus"), node;

    ticks_per_second = read_cell(fdt, cpus, "timebase-frequency", 0);
    if (ticks_per_second == 0)
        kernel_panic("the device tree has no timebase-frequency");
    add_hart(machine.boot_hart_id);
    machine.has_stimecmp = true;
    fdt_for_each_subnode(node, fdt, cpus)
    {
        const char *type = fdt_getprop(fdt, node, "device_type", NULL);
        uint32_t id = read_cell(fdt, node, "reg", UINT32_MAX);
        if (!type || strcmp(type, "cpu") != 0)
            continue;
        if (!has_extension(fdt_getprop(fdt, node, "riscv,isa", NULL), "sstc"))
            machine.has_stimecmp = false;
        if (id != machine.boot_hart_id)
            add_hart(id);
    }
}

static void read_plic(const void *fdt)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, "riscv,plic0"), len;
    const fdt32_t *contexts;
    uint64_t base;

    if (node < 0 || !read_reg(fdt, node, &base, &machine.plic_len)) {
        kprintf(LOG_WARNING, "no interrupt controller that this kernel knows (riscv,plic0)");
        return;
    }
    machine.plic = paddr(base);
    machine.irq_count = read_cell(fdt, node, "riscv,ndev", 0);
    contexts = fdt_getprop(fdt, node, "interrupts-extended", &len);
    for (int i = 0; contexts && i < len / 8; i++) {
        uint32_t hart = hart_of_interrupt_controller(fdt, fdt32_to_cpu(contexts[2 * i]));
        if (fdt32_to_cpu(contexts[2 * i + 1]) != INTERRUPT_SUPERVISOR_EXTERNAL)
            continue;
        for (uint32_t j = 0; j < machine.hart_count; j++)
            if (machine.hart_ids[j] == hart)
                machine.plic_contexts[j] = (uint32_t)i;
    }
}

static void read_chosen(const void *fdt)
{
    int node = fdt_path_offset(fdt, "/chosen"), len;
    const char *arguments = node < 0 ? NULL : fdt_getprop(fdt, node, "bootargs", &len);
    const void *seed;

    if (arguments && len > 0) {
        size_t size = min_u64((uint64_t)len, sizeof(machine.arguments) - 1);
        memcpy(machine.arguments, arguments, size);
    }
    seed = node < 0 ? NULL : fdt_getprop(fdt, node, "rng-seed", &len);
    if (seed && len > 0)
        memcpy(machine.seed, seed, min_u64((uint64_t)len, sizeof(machine.seed)));
}

void machine_read(paddr_t device_tree, uint32_t boot_hart_id)
{
    const void *fdt = direct(device_tree);
    uint64_t base, len;
    int node;

    if (fdt_check_header(fdt) != 0)
        kernel_panic("the firmware gave no valid device tree");
    machine.device_tree = device_tree;
    machine.device_tree_len = fdt_totalsize(fdt);
    machine.boot_hart_id = boot_hart_id;
    machine.boot_ticks = time_now();
    node = fdt_node_offset_by_compatible(fdt, -1, "sifive,test0");
    if (node >= 0 && read_reg(fdt, node, &base, &len))
        machine.test_device = paddr(base);
    read_chosen(fdt);
    read_cpus(fdt);
    read_memory(fdt);
    read_plic(fdt);
}

/* ---- boot arguments ---- */

uint64_t machine_argument(const char *key, uint64_t otherwise)
{
    const char *at = machine.arguments;
    size_t len = strlen(key);

    while (*at && strncmp(at, "-- ", 3) != 0) {
        if (strncmp(at, key, len) == 0 && at[len] == '=') {
            uint64_t value = 0;
            for (at += len + 1; *at >= '0' && *at <= '9'; at++)
                value = value * 10 + (uint64_t)(*at - '0');
            return value;
        }
        while (*at && *at != ' ')
            at++;
        while (*at == ' ')
            at++;
    }
    return otherwise;
}

/* ---- devices that are the kernel's own ---- */

static bool overlaps(uint64_t base, uint64_t len, paddr_t other, uint64_t other_len)
{
    return other_len != 0 && base < other.raw + other_len && other.raw < base + len;
}

bool machine_is_device_range(uint64_t base, uint64_t len)
{
    uint64_t ram_len = machine.ram_end.raw - machine.ram_start.raw;

    return len > 0 && range_within(base, len, (uint64_t)1 << 40) &&
           !overlaps(base, len, machine.ram_start, ram_len) &&
           !overlaps(base, len, machine.plic, machine.plic_len) &&
           !overlaps(base, len, paddr(0x2000000), 0x10000) && /* CLINT: the firmware's */
           !overlaps(base, len, machine.test_device, machine.test_device.raw ? PAGE_SIZE : 0);
}

void machine_putchar(char c)
{
    sbi_putchar(c); /* the firmware puts a carriage return before a line's end */
}

_Noreturn void machine_power(unsigned operation, unsigned status)
{
    uint32_t value = operation == POWER_REBOOT ? TEST_RESET
                     : status == 0             ? TEST_PASS
                                               : TEST_FAIL | status << 16;

    if (machine.test_device.raw != 0)
        *(volatile uint32_t *)direct(machine.test_device) = value;
    sbi_shutdown(operation == POWER_REBOOT);
}

void machine_backtrace(void)
{
    const uint64_t *fp = __builtin_frame_address(0);

    kprintf(LOG_ERROR, "backtrace:");
    for (unsigned i = 0; i < 16; i++) {
        /* fp[-1] is the return address, fp[-2] the caller's frame; all within the kernel's image. */
        if ((const char *)fp < kernel_start || (uint64_t)fp % 8 != 0 || fp[-1] == 0)
            break;
        if (fp[-1] >= (uint64_t)kernel_start && fp[-1] < (uint64_t)kernel_text_end)
            kprintf(LOG_ERROR, "backtrace: 0x%lx", fp[-1]);
        fp = (const uint64_t *)fp[-2];
    }
}
