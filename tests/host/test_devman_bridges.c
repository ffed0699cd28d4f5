/*
 * devman on PCI buses behind bridges: what they are given, what a second devman leaves as it is, and
 * bridges that changed or can't be used.
 */
#include "pci_bus.h"

#include <string.h>

static void test_bridge(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    struct fake_function *bridge = fake_pci_bridge(16);
    (void)fake_pci_bridge(24);
    fake_pci_put8(fake_pci_disk(BEHIND(1, 0)), PCI_INTERRUPT_PIN, 1);
    fake_pci_put8(fake_pci_disk(BEHIND(1, 5)), PCI_INTERRUPT_PIN, 2);
    (void)fake_pci_disk(BEHIND(2, 0));
    bus_scan(true);
    assert_int_equal(bus.count, 4);
    assert_string_equal(bus.devices[1].told.label, "virtio,2@pci:01:00.0");
    assert_int_equal(bus.devices[1].told.description.number, DEVICES + 0x100);
    assert_string_equal(bus.devices[2].node, "pci:01:05.0");
    assert_string_equal(bus.devices[3].node, "pci:02:00.0");
    /* INTA of device 0 is the bridge's INTA; INTB of device 5 its INTC. */
    assert_int_equal(bus.devices[1].told.interrupt, 34);
    assert_int_equal(bus.devices[2].told.interrupt, 32);
    assert_int_equal(pci_read32(16, BRIDGE_BUSES), 0x010100);
    assert_int_equal(pci_read32(24, BRIDGE_BUSES), 0x020200);
    assert_int_equal(bus_command(16) & COMMAND_BITS, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_true((pci_read16(16, BRIDGE_IO) & 0xf0) > (pci_read16(16, BRIDGE_IO) >> 8));
    /* BARs behind it are in its windows. */
    uint64_t low = (uint64_t)(pci_read16(16, BRIDGE_MEMORY_BASE) & BRIDGE_ADDRESS) << 16;
    uint64_t high = (uint64_t)pci_read32(16, BRIDGE_PREFETCH_BASE_HIGH) << 32 |
                    (uint64_t)(pci_read16(16, BRIDGE_PREFETCH_BASE) & BRIDGE_ADDRESS) << 16;
    for (unsigned i = 0; i < bus.count; i++) {
        assert_true(bus.devices[i].present);
        bool behind = i == 1 || i == 2;
        uint64_t bar_1 = bus.devices[i].pci.bars[1].base;
        uint64_t bar_4 = bus.devices[i].pci.bars[4].base;
        assert_int_equal(bar_1 >= low && bar_1 < low + (2u << 20), behind);
        assert_int_equal(bar_4 >= high && bar_4 < high + (64u << 20), behind);
    }
    assert_int_equal(bridge->decoded_writes, 0);
}

/* A BAR of 64 bits that may not be prefetched has to be among those of 32 bits. */
static void test_not_prefetchable(void **state)
{
    (void)state;
    (void)fake_pci_bridge(16);
    struct fake_function *disk = fake_pci_disk(BEHIND(1, 0));
    fake_pci_bar(disk, 4, PCI_BAR_TYPE_64, 0x4000);
    bus_scan(true);
    assert_true(bus.devices[0].present);
    assert_true(bus.devices[0].pci.bars[4].base < 0x80000000);
}

static void test_bridge_is_kept(void **state)
{
    struct rs_device_told before;
    (void)state;
    struct fake_function *bridge = fake_pci_bridge(16);
    struct fake_function *disk = fake_pci_disk(BEHIND(1, 0));
    bus_scan(true);
    before = bus.devices[0].told;
    struct fake_function bridge_before = *bridge;
    (void)fake_pci_disk(8); /* two more that nobody knows */
    (void)fake_pci_bridge(24);
    (void)fake_pci_disk(BEHIND(2, 0));
    memset(&fake_pci_mapped[1], 0, FAKE_PCI_BUSES - 1);
    bus_scan(false);
    assert_int_equal(bus.count, 3);
    assert_memory_equal(&bus.devices[1].told, &before, sizeof(before));
    assert_memory_equal(bridge, &bridge_before, sizeof(bridge_before));
    assert_int_equal(disk->decoded_writes, 0);
    assert_int_equal(pci_read32(24, BRIDGE_BUSES), 0x020200);
    for (unsigned i = 0; i < bus.count; i++) {
        assert_true(bus.devices[i].present);
    }
}

/* What it was given has changed: it is closed, and what is behind it is gone. */
static void test_bridges_that_changed(void **state)
{
    static const struct {
        unsigned offset;
        uint16_t value;
    } changes[] = {
        {BRIDGE_BUSES, 0x0001},
        {BRIDGE_BUSES, 0x0000},
        {BRIDGE_BUSES, FAKE_PCI_BUSES << 8},
        {BRIDGE_BUSES + 2, 0x0002},
        {BRIDGE_BUSES, 0x0200},
        {BRIDGE_MEMORY_BASE, 0x3000},
        {BRIDGE_MEMORY_LIMIT, 0x4100},
        {BRIDGE_PREFETCH_LIMIT, 0xfff1},
        {BRIDGE_PREFETCH_BASE_HIGH, 9},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        (void)bus_setup(NULL);
        struct fake_function *bridge = fake_pci_bridge(16);
        (void)fake_pci_disk(BEHIND(1, 0));
        (void)fake_pci_disk(8);
        bus_scan(true);
        assert_int_equal(bus.count, 2);
        fake_pci_put16(bridge, changes[i].offset, changes[i].value);
        bus_scan(false);
        assert_int_equal(bus.count, 1);
        assert_int_equal(bus.devices[0].pci.function, 8);
        bus_assert_quiet(16);
    }
}

/* Two bridges with one bus number, or with one window. */
static void test_bridge_like_another(void **state)
{
    (void)state;
    (void)fake_pci_bridge(16);
    struct fake_function *other = fake_pci_bridge(24);
    (void)fake_pci_disk(BEHIND(1, 0));
    bus_scan(true);
    fake_pci_put32(other, BRIDGE_BUSES, 0x010100);
    bus_scan(false);
    assert_int_equal(bus.count, 1);
    bus_assert_quiet(24);
    *other = fake_pci[16];
    fake_pci_put32(other, BRIDGE_BUSES, 0x020200);
    bus_scan(false);
    assert_int_equal(bus.count, 1);
    bus_assert_quiet(24);
}

static void test_unusable_bridges(void **state)
{
    (void)state;
    struct fake_function *bridge = fake_pci_bridge(16); /* it keeps no bus number */
    memset(&bridge->writable[BRIDGE_BUSES], 0, 4);
    (void)fake_pci_disk(8);
    bus_scan(true);
    assert_int_equal(bus.count, 1);
    bus_assert_quiet(16);
    (void)bus_setup(NULL);
    (void)fake_pci_bridge(16);
    (void)fake_pci_bridge(BEHIND(1, 0)); /* one behind it */
    (void)fake_pci_disk(BEHIND(1, 1));
    bus_scan(true);
    assert_int_equal(bus.count, 1);
    bus_assert_quiet(BEHIND(1, 0));
    (void)bus_setup(NULL);
    (void)fake_pci_bridge(16);
    bus.config_error = -ANOLE_ENOMEM;
    bus_scan(true);
    assert_int_equal(bus.count, 0);
    bus_assert_quiet(16);
}

/* There are no more buses, or no more windows, than there are. */
static void test_too_many_bridges(void **state)
{
    (void)state;
    bus.host.windows[0].len_bytes = 0x40000000;
    for (unsigned i = 1; i <= FAKE_PCI_BUSES; i++) {
        (void)fake_pci_bridge((pci_address)(8 * i));
    }
    bus_scan(true);
    bus_assert_quiet(8 * FAKE_PCI_BUSES);
    assert_true(bus_command(8 * (FAKE_PCI_BUSES - 1)) & PCI_COMMAND_MEMORY);
    (void)bus_setup(NULL);
    bus.host.windows[0].len_bytes = 0x40000000;
    bus.host.windows[1].len_bytes = 0x800000; /* odd multiples of 2 MiB: two */
    for (unsigned i = 1; i < FAKE_PCI_BUSES; i++) {
        (void)fake_pci_bridge((pci_address)(8 * i));
    }
    bus_scan(true);
    assert_true(bus_command(16) & PCI_COMMAND_MEMORY);
    bus_assert_quiet(24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS(test_bridge),
        BUS(test_not_prefetchable),
        BUS(test_bridge_is_kept),
        BUS(test_bridges_that_changed),
        BUS(test_bridge_like_another),
        BUS(test_unusable_bridges),
        BUS(test_too_many_bridges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
