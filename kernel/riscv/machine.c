/*
 * The machine as its device tree describes it, read through libfdt; power and early console.
 */
#include "machine.h"
#include "hart.h"
#include "kprintf.h"
#include "mmu.h"
#include "riscv/sbi.h"
#include "riscv/tree.h"
#include <string.h>

#define TEST_DEVICE "sifive,test0"
#define TEST_FAIL 0x3333u
#define TEST_PASS 0x5555u
#define TEST_RESET 0x7777u

extern char kernel_start[], kernel_text_end[];

struct machine machine;

/* ---- the device tree ---- */

static void read_memory(const void *fdt)
{
    int node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", 7);
    uint64_t base, len;

    if (node < 0 || !tree_reg(fdt, node, 0, &base, &len))
        kernel_panic("the device tree has no memory node");
    machine.ram_start = paddr(base);
    machine.ram_end = paddr((base + len) & ~(PAGE_SIZE - 1));
}

static bool has_extension(const char *isa, const char *name)
{
    const char *at = isa ? strstr(isa, name) : NULL;

    return at && at > isa && at[-1] == '_';
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

    ticks_per_second = tree_cell(fdt, cpus, "timebase-frequency", 0);
    if (ticks_per_second == 0)
        kernel_panic("the device tree has no timebase-frequency");
    add_hart(machine.boot_hart_id);
    machine.has_stimecmp = true;
    fdt_for_each_subnode(node, fdt, cpus)
    {
        const char *type = fdt_getprop(fdt, node, "device_type", NULL);
        uint32_t id = tree_cell(fdt, node, "reg", UINT32_MAX);
        if (!type || strcmp(type, "cpu") != 0)
            continue;
        if (!has_extension(fdt_getprop(fdt, node, "riscv,isa", NULL), "sstc"))
            machine.has_stimecmp = false;
        if (id != machine.boot_hart_id)
            add_hart(id);
    }
}

/* The firmware's timers and interprocessor interrupts are nobody's business but its own. */
static void read_controllers(const void *fdt)
{
    static const char *const firmwares[] = {"riscv,clint0", "riscv,aclint-mswi",
                                            "riscv,aclint-mtimer", "riscv,aclint-sswi"};

    for (unsigned i = 0; i < ARRAY_SIZE(firmwares); i++)
        tree_reserve(fdt, firmwares[i], false);
    tree_reserve(fdt, TEST_DEVICE, false);
    tree_reserve(fdt, "pci-host-ecam-generic", true); /* configuration space of all devices */
    if (!imsic_find(fdt) && !plic_find(fdt))
        kernel_panic("no interrupt controller that this kernel knows: a PLIC, or IMSICs with an "
                     "APLIC");
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
    node = fdt_node_offset_by_compatible(fdt, -1, TEST_DEVICE);
    if (node >= 0 && tree_reg(fdt, node, 0, &base, &len))
        machine.test_device = paddr(base);
    read_chosen(fdt);
    read_cpus(fdt);
    read_memory(fdt);
    read_controllers(fdt);
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

/* ---- console, power ---- */

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
