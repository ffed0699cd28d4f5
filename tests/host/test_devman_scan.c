/*
 * devman on a PCI bus: which functions it uses and which it makes quiet, and that a second devman
 * disturbs nobody.
 */
#include "pci_bus.h"

#include <string.h>

/* ---- what is used ---- */

static void test_finds(void **state)
{
    (void)state;
    fake_pci_put16(fake_pci_add(0, 0x1b36, 8), PCI_COMMAND, COMMAND_BITS); /* a host bridge */
    (void)fake_pci_disk(8);
    (void)fake_pci_disk(9); /* function 1 of a device that has one function */
    fake_pci_put8(fake_pci_disk(16), PCI_HEADER_TYPE, PCI_HEADER_MULTI);
    fake_pci_put8(fake_pci_disk(19), PCI_INTERRUPT_PIN, 4);
    bus_scan(true);
    assert_int_equal(bus.count, 3);
    bus_assert_quiet(0);
    assert_string_equal(bus.devices[0].node, "pci:00:01.0");
    assert_string_equal(bus.devices[0].told.label, "virtio,2@pci:00:01.0");
    assert_string_equal(bus.devices[0].told.compatible, "virtio,2");
    assert_int_equal(bus.devices[0].told.description.number, DEVICES + 8);
    assert_int_equal(bus.devices[0].told.description.virtio_id, 2);
    assert_int_equal(bus.devices[0].told.description.windows, 1);
    assert_int_equal(bus.devices[0].told.interrupt, 33); /* INTA of device 1 */
    assert_int_equal(bus.devices[0].told.description.interrupts, 1);
    assert_string_equal(bus.devices[1].node, "pci:00:02.0");
    assert_string_equal(bus.devices[2].told.label, "virtio,2@pci:00:02.3");
    assert_int_equal(bus.devices[2].told.interrupt, 33); /* INTD of device 2: the same line */
    for (unsigned i = 0; i < bus.count; i++) {
        assert_true(bus.devices[i].present);
        assert_int_equal(bus_command(bus.devices[i].pci.function) & COMMAND_BITS,
                         PCI_COMMAND_MEMORY);
        for (unsigned j = 0; j < i; j++) {
            assert_int_not_equal(bus.devices[i].told.windows[0].base,
                                 bus.devices[j].told.windows[0].base);
        }
    }
}

static void test_ids(void **state)
{
    struct fake_function *function;
    (void)state;
    function = fake_pci_disk(8); /* transitional: the subsystem says which */
    fake_pci_put16(function, PCI_DEVICE_ID, VIRTIO_PCI_TRANSITIONAL + 5);
    fake_pci_put16(function, PCI_SUBSYSTEM_ID, 4);
    fake_pci_put16(fake_pci_disk(16), PCI_DEVICE_ID, VIRTIO_PCI_MODERN + 0x3f);
    fake_pci_put16(fake_pci_disk(24), PCI_DEVICE_ID, VIRTIO_PCI_MODERN + 0x40); /* too high */
    fake_pci_put16(fake_pci_disk(32), PCI_DEVICE_ID, VIRTIO_PCI_MODERN);        /* id 0 */
    fake_pci_put16(fake_pci_disk(40), PCI_VENDOR_ID, 0x1af5);
    fake_pci_put8(fake_pci_disk(48), PCI_HEADER_TYPE, 2); /* neither device nor bridge */
    fake_pci_put16(fake_pci_disk(56), PCI_DEVICE_ID, 0xfff);
    bus_scan(true);
    assert_int_equal(bus.count, 2);
    assert_string_equal(bus.devices[0].told.compatible, "virtio,4");
    assert_string_equal(bus.devices[1].told.compatible, "virtio,63");
    for (unsigned address = 24; address <= 56; address += 8) {
        bus_assert_quiet(address);
    }
}

/* What is odd is quiet, and the others are used. */
static void test_refuses(void **state)
{
    struct fake_function *function;
    (void)state;
    (void)fake_pci_disk(8);
    (void)fake_pci_add(16, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2); /* no capabilities */
    function = fake_pci_disk(24);
    fake_pci_put8(function, function->capability_last, PCI_CAPABILITY_FIRST);
    fake_pci_bar(fake_pci_disk(32), 2, 0, 0x8000000);
    fake_pci_put8(fake_pci_disk(40), PCI_BAR_0, 6);
    function = fake_pci_add(48, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2);
    fake_pci_bar(function, 0, 0, 0x1000); /* everything in one page */
    (void)fake_pci_msix(function, 2, 0x800, 0xc00);
    (void)fake_pci_virtio(function, 1, 0, 0, 64);
    (void)fake_pci_virtio(function, 2, 0, 0x100, 64);
    (void)fake_pci_virtio(function, 3, 0, 0x200, 1);
    (void)fake_pci_disk(56);
    bus_scan(true);
    assert_int_equal(bus.count, 7);
    for (unsigned i = 0; i < bus.count; i++) {
        bool good = i == 0 || i == 6;
        assert_int_equal(bus.devices[i].present, good);
        if (!good) {
            assert_int_equal(bus.devices[i].state, DEVICE_REFUSED);
            bus_assert_quiet(bus.devices[i].pci.function);
        }
    }
}

static void test_too_many(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= BUS_DEVICES + 1; i++) {
        (void)fake_pci_disk((pci_address)(8 * i));
    }
    bus_scan(true);
    assert_int_equal(bus.count, BUS_DEVICES);
    bus_assert_quiet(8 * (BUS_DEVICES + 1));
}

static void test_registers_that_cannot_be_mapped(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    bus.map_error = -ANOLE_ENOMEM;
    bus_scan(true);
    assert_false(bus.devices[0].present);
    bus_assert_quiet(8);
}

static void test_no_line(void **state)
{
    (void)state;
    fake_pci_put8(fake_pci_disk(8), PCI_INTERRUPT_PIN, 0);
    fake_pci_put8(fake_pci_disk(16), PCI_INTERRUPT_PIN, 5);
    bus.host.lines[3][0] = 0;
    (void)fake_pci_disk(24);
    bus_scan(true);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(bus.devices[i].present);
        assert_int_equal(bus.devices[i].told.description.interrupts, 0);
        assert_int_equal(bus.devices[i].told.interrupt, 0);
    }
}

/* ---- a second devman ---- */

static void test_disturbs_nobody(void **state)
{
    struct rs_device_told before[2];
    struct fake_function *disk = fake_pci_disk(8);
    (void)state;
    (void)fake_pci_disk(24);
    bus_scan(true);
    before[0] = bus.devices[0].told;
    before[1] = bus.devices[1].told;
    fake_pci_put16(disk, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER); /* at work */
    (void)fake_pci_disk(16); /* one more, that nobody knows */
    bus_scan(false);
    assert_int_equal(bus.count, 3);
    assert_memory_equal(&bus.devices[0].told, &before[0], sizeof(before[0]));
    assert_memory_equal(&bus.devices[2].told, &before[1], sizeof(before[1]));
    assert_true(bus.devices[1].present);
    assert_int_equal(disk->decoded_writes, 0);
    assert_int_equal(bus_command(8), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    uint64_t added = bus.devices[1].told.windows[0].base;
    assert_true(added != before[0].windows[0].base && added != before[1].windows[0].base);
}

/* A first devman trusts no place that it didn't choose. */
static void test_places_afresh(void **state)
{
    struct fake_function *disk = fake_pci_disk(8);
    (void)state;
    fake_pci_put32(disk, PCI_BAR_0 + 4, 0x30001000);
    fake_pci_put16(disk, PCI_COMMAND, COMMAND_BITS);
    bus_scan(true);
    assert_true(bus.devices[0].present);
    assert_int_equal(disk->decoded_writes, 0); /* not decoded while that is asked and changed */
    assert_int_equal(bus_command(8) & COMMAND_BITS, PCI_COMMAND_MEMORY);
    assert_true(fake_pci_bar_at(disk, 1) >= 0x40000000);
}

static void test_moved_onto_another(void **state)
{
    struct fake_function *disk = fake_pci_disk(8);
    (void)state;
    struct fake_function *other = fake_pci_disk(16);
    bus_scan(true);
    fake_pci_put32(other, PCI_BAR_0 + 4, (uint32_t)fake_pci_bar_at(disk, 1));
    bus_scan(false);
    assert_true(bus.devices[0].present);
    assert_false(bus.devices[1].present);
    bus_assert_quiet(16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS(test_finds),
        BUS(test_ids),
        BUS(test_refuses),
        BUS(test_too_many),
        BUS(test_registers_that_cannot_be_mapped),
        BUS(test_no_line),
        BUS(test_disturbs_nobody),
        BUS(test_places_afresh),
        BUS(test_moved_onto_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
