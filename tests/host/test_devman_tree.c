/*
 * devman's walk over the machine's device tree: what it finds, in which order, what it skips, and
 * that no broken tree hurts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <anole/error.h>
#include <anole/layout.h>
#include <libfdt.h>
#include <servers/devman/devman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct device_kind device_kinds[] = {
    {.compatible = "virtio,mmio"},
    {.compatible = "ns16550a"},
};
const size_t device_kind_count = 2;

static uint8_t blob[8192];
static struct device devices[DEVICES];

static void device_node(const char *name, const void *compatible, int compatible_len, uint64_t base,
                        uint64_t len, uint32_t irq)
{
    fdt64_t reg[2] = {cpu_to_fdt64(base), cpu_to_fdt64(len)};
    assert_int_equal(fdt_begin_node(blob, name), 0);
    fdt_property(blob, "compatible", compatible, compatible_len);
    fdt_property(blob, "reg", reg, sizeof(reg));
    if (irq) {
        fdt_property_u32(blob, "interrupts", irq);
    }
}

static void node_end(void)
{
    assert_int_equal(fdt_end_node(blob), 0);
}

static void tree_make(void)
{
    memset(blob, 0, sizeof(blob));
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    fdt_finish_reservemap(blob);
    fdt_begin_node(blob, "");
    fdt_property_u32(blob, "#address-cells", 2);
    fdt_property_u32(blob, "#size-cells", 2);
    fdt_begin_node(blob, "soc");
    fdt_property_u32(blob, "#address-cells", 2);
    fdt_property_u32(blob, "#size-cells", 2);
    device_node("virtio_mmio@10002000", "virtio,mmio", 12, 0x10002000, 0x1000, 2);
    node_end();
    device_node("serial@10000000", "snps,uart\0ns16550a", 19, 0x10000000, 0x100, 10);
    node_end();
    device_node("virtio_mmio@10001000", "virtio,mmio", 12, 0x10001000, 0x1000, 1);
    node_end();
    device_node("off@10003000", "virtio,mmio", 12, 0x10003000, 0x1000, 3);
    fdt_property(blob, "status", "disabled", 9);
    node_end();
    device_node("empty@10004000", "virtio,mmio", 12, 0x10004000, 0, 3);
    node_end();
    device_node("rtc@101000", "google,goldfish-rtc", 20, 0x101000, 0x1000, 11);
    node_end();
    fdt_begin_node(blob, "windowless");
    fdt_property(blob, "compatible", "virtio,mmio", 12);
    node_end();
    node_end();
    node_end();
    assert_int_equal(fdt_finish(blob), 0);
}

static void test_finds_by_address(void **state)
{
    (void)state;
    tree_make();
    assert_int_equal(tree_find(blob, sizeof(blob), devices, DEVICES), 3);
    assert_string_equal(devices[0].node, "serial@10000000");
    assert_int_equal(devices[0].told.interrupt, 10);
    assert_int_equal(devices[0].told.description.interrupts, 1);
    assert_int_equal(devices[0].told.windows[0].len_bytes, PAGE_SIZE); /* windows are whole pages */
    assert_int_equal(devices[1].told.windows[0].base, 0x10001000);
    assert_int_equal(devices[2].told.windows[0].base, 0x10002000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(devices[i].told.description.number, i);
        assert_int_equal(devices[i].told.description.windows, 1);
    }
}

static void test_locate(void **state)
{
    static uint64_t region[1024];
    size_t len = sizeof(region);
    (void)state;
    tree_make();
    assert_null(tree_locate(region, &len));
    memcpy(&region[5], blob, fdt_totalsize(blob));
    assert_ptr_equal(tree_locate(region, &len), &region[5]);
    assert_int_equal(len, sizeof(region) - 40);
    len = 44;
    assert_null(tree_locate(region, &len)); /* a header wouldn't fit */
}

static void test_bounded(void **state)
{
    (void)state;
    tree_make();
    assert_int_equal(tree_find(blob, sizeof(blob), devices, 1), 1);
    assert_int_equal(tree_find(blob, 16, devices, DEVICES), -ANOLE_EINVAL);
    blob[0]++;
    assert_int_equal(tree_find(blob, sizeof(blob), devices, DEVICES), -ANOLE_EINVAL);
}

static void test_broken_trees(void **state)
{
    (void)state;
    srand(2);
    tree_make();
    size_t len = fdt_totalsize(blob);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t *bad = malloc(len);
        memcpy(bad, blob, len);
        for (int flips = rand() % 4; flips >= 0; flips--) {
            bad[(size_t)rand() % len] = (uint8_t)rand();
        }
        assert_true(tree_find(bad, len, devices, DEVICES) <= DEVICES);
        free(bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_by_address),
        cmocka_unit_test(test_locate),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_broken_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
