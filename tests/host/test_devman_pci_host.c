/*
 * The PCI host bridge in a device tree: QEMU's, ones with parts missing, and broken ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libanole/anole.h>
#include <libfdt.h>
#include <servers/devman/pci.h>
#include <stdlib.h>
#include <string.h>

#define PLIC 3u
#define CELLS_MAX 256

static uint8_t blob[8192];
static struct pci_host host;
static unsigned warnings;

void log_printf(enum log_level level, const char *format, ...)
{
    (void)format;
    warnings += level == LOG_WARNING ? 1 : 0;
}

/* What a test may change in the tree before it is read. */
static struct tree {
    uint32_t parent_cells;
    uint32_t interrupt_cells; /* of the interrupt controller */
    uint32_t plic;            /* its phandle, as interrupt-map has it */
    uint32_t reg[4];
    uint32_t bus;
    uint32_t ranges[24];
    int range_cells;
    uint32_t mask[4];
    const char *status;
    unsigned bridges;
} tree;

static void cells_put(const char *name, const uint32_t *cells, int count)
{
    fdt32_t value[CELLS_MAX];
    for (int i = 0; i < count; i++) {
        fdt32_st(&value[i], cells[i]);
    }
    assert_int_equal(fdt_property(blob, name, value, (int)((size_t)count * sizeof(value[0]))), 0);
}

static void text_put(const char *name, const char *text)
{
    assert_int_equal(fdt_property(blob, name, text, (int)strlen(text) + 1), 0);
}

/* As QEMU does: pin p of device d leads to line 32 + (d + p) mod 4. */
static void map_put(void)
{
    uint32_t rows[16 * 8];
    int count = 0;
    for (uint32_t device = 0; device < 4; device++) {
        for (uint32_t pin = 0; pin < 4; pin++) {
            rows[count++] = device << 11;
            rows[count++] = 0;
            rows[count++] = 0;
            rows[count++] = pin + 1;
            rows[count++] = tree.plic;
            rows[count++] = 32 + (device + pin) % 4;
            for (uint32_t i = 1; i < tree.interrupt_cells; i++) {
                rows[count++] = 4;
            }
        }
    }
    cells_put("interrupt-map", rows, count);
    cells_put("interrupt-map-mask", tree.mask, 4);
}

static void bridge_put(const char *name)
{
    const uint32_t buses[] = {tree.bus, 0xff};
    assert_int_equal(fdt_begin_node(blob, name), 0);
    text_put("compatible", "pci-host-ecam-generic");
    fdt_property_u32(blob, "#address-cells", 3);
    fdt_property_u32(blob, "#size-cells", 2);
    cells_put("reg", tree.reg, 4);
    cells_put("bus-range", buses, 2);
    cells_put("ranges", tree.ranges, tree.range_cells);
    map_put();
    if (tree.status) {
        text_put("status", tree.status);
    }
    fdt_end_node(blob);
}

static bool find(void)
{
    memset(blob, 0, sizeof(blob));
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    fdt_finish_reservemap(blob);
    fdt_begin_node(blob, "");
    fdt_property_u32(blob, "#address-cells", tree.parent_cells);
    fdt_property_u32(blob, "#size-cells", 2);
    fdt_begin_node(blob, "plic");
    fdt_property_u32(blob, "phandle", PLIC);
    fdt_property_u32(blob, "#interrupt-cells", tree.interrupt_cells);
    fdt_end_node(blob);
    for (unsigned i = 0; i < tree.bridges; i++) {
        bridge_put(i ? "pci@50000000" : "pci@30000000");
    }
    fdt_end_node(blob);
    assert_int_equal(fdt_finish(blob), 0);
    return pci_host_find(blob, &host);
}

static int setup(void **state)
{
    (void)state;
    warnings = 0;
    tree = (struct tree){
        .parent_cells = 2,
        .interrupt_cells = 1,
        .plic = PLIC,
        .reg = {0, 0x30000000, 0, 0x10000000},
        .ranges = {0x1000000, 0, 0,          0, 0x3000000,  0, 0x10000, /* ports */
                   0x2000000, 0, 0x40000000, 0, 0x40000000, 0, 0x40000000,
                   0x3000000, 4, 0,          4, 0,          4, 0},
        .range_cells = 21,
        .mask = {0x1800, 0, 0, 7},
        .bridges = 1,
    };
    return 0;
}

static void test_qemu(void **state)
{
    (void)state;
    assert_true(find());
    assert_int_equal(host.config_base, 0x30000000);
    assert_int_equal(host.bus, 0);
    assert_int_equal(host.window_count, 2);
    assert_int_equal(host.windows[0].base, 0x400000000); /* the highest first */
    assert_int_equal(host.windows[0].bus_base, 0x400000000);
    assert_int_equal(host.windows[0].len_bytes, 0x400000000);
    assert_int_equal(host.windows[1].base, 0x40000000);
    assert_int_equal(host.windows[1].len_bytes, 0x40000000);
    for (unsigned device = 0; device < PCI_DEVICES; device++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            assert_int_equal(host.lines[device][pin], 32 + (device + pin) % 4);
        }
    }
    assert_int_equal(warnings, 0);
}

/* APLIC: a line's number is followed by its kind. */
static void test_two_interrupt_cells(void **state)
{
    (void)state;
    tree.interrupt_cells = 2;
    assert_true(find());
    assert_int_equal(host.lines[5][2], 35);
    assert_int_equal(host.lines[31][3], 34);
}

static void test_whole_mask(void **state)
{
    (void)state;
    tree.mask[0] = 0xf800;
    assert_true(find());
    assert_int_equal(host.lines[3][0], 35);
    assert_int_equal(host.lines[4][0], 0); /* no row is for it */
}

static void test_unknown_interrupt_parent(void **state)
{
    (void)state;
    tree.plic = 99;
    assert_true(find());
    assert_int_equal(host.lines[0][0], 0);
    tree.plic = PLIC;
    tree.interrupt_cells = 0;
    assert_true(find());
    assert_int_equal(host.lines[0][0], 0);
}

static void test_odd_windows(void **state)
{
    (void)state;
    tree.ranges[9]++; /* not on a page, on the bus */
    tree.ranges[20] = tree.ranges[19] = 0;
    assert_true(find());
    assert_int_equal(host.window_count, 0);
    (void)setup(NULL);
    tree.ranges[11]++; /* nor for the processor */
    tree.ranges[15] = 0xffffffff;
    assert_true(find());
    assert_int_equal(host.window_count, 0);
    tree.range_cells = 13; /* cut off */
    assert_true(find());
    assert_int_equal(host.window_count, 0);
}

static void test_no_bridge(void **state)
{
    (void)state;
    tree.bridges = 0;
    assert_false(find());
    tree.bridges = 1;
    tree.status = "disabled";
    assert_false(find());
    tree.status = "okay";
    assert_true(find());
    tree.reg[3] = PCI_BUS_BYTES - 1; /* less than a bus */
    assert_false(find());
    (void)setup(NULL);
    tree.reg[1]++;
    assert_false(find());
    (void)setup(NULL);
    tree.bus = 0x100;
    assert_false(find());
    (void)setup(NULL);
    tree.parent_cells = 3;
    assert_false(find());
}

static void test_two_bridges(void **state)
{
    (void)state;
    tree.bridges = 2;
    assert_true(find());
    assert_int_equal(host.config_base, 0x30000000);
    assert_int_equal(warnings, 1);
}

/* Any byte of the tree may be another. */
static void test_broken_trees(void **state)
{
    (void)state;
    srand(4);
    assert_true(find());
    size_t len = fdt_totalsize(blob);
    uint8_t *good = malloc(len);
    assert_non_null(good);
    memcpy(good, blob, len);
    for (unsigned i = 0; i < 20000; i++) {
        memcpy(blob, good, len);
        for (unsigned j = 0; j < 4; j++) {
            blob[sizeof(struct fdt_header) + (size_t)rand() % (len - sizeof(struct fdt_header))] =
                (uint8_t)rand();
        }
        if (pci_host_find(blob, &host)) {
            assert_true(host.window_count <= PCI_WINDOWS);
        }
    }
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_qemu, setup),
        cmocka_unit_test_setup(test_two_interrupt_cells, setup),
        cmocka_unit_test_setup(test_whole_mask, setup),
        cmocka_unit_test_setup(test_unknown_interrupt_parent, setup),
        cmocka_unit_test_setup(test_odd_windows, setup),
        cmocka_unit_test_setup(test_no_bridge, setup),
        cmocka_unit_test_setup(test_two_bridges, setup),
        cmocka_unit_test_setup(test_broken_trees, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
