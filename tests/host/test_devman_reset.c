/*
 * devman's resets of PCI devices: what is on and off between a reset and a hand-over, and MSI-X.
 */
#include "pci_bus.h"

#include <libvirtio/pci_regs.h>

static uint8_t *status_register(const struct device *device)
{
    return device->registers + PCI_DEVICE_STATUS;
}

static void test_reset_with_a_line(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    bus_scan(true);
    *status_register(&bus.devices[0]) = 0xf;
    fake_pci_put16(&fake_pci[8], PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    assert_int_equal(*status_register(&bus.devices[0]), 0);
    assert_int_equal(bus.devices[0].state, DEVICE_READY);
    assert_int_equal(bus_command(8), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_int_equal(pci_read16(8, 0x40 + MSIX_CONTROL), 1); /* off */
    assert_int_equal(bus.said_count, 1);
    assert_int_equal(bus.said[0], RS_RESET_DONE);
    assert_int_equal(bus.said_words[0], 0);
}

static bool never(const struct device *device)
{
    (void)device;
    return false;
}

/* It doesn't come out of reset: it may write nowhere. */
static void test_stuck(void **state)
{
    struct device_kind kind = pci_virtio_kind;
    (void)state;
    (void)fake_pci_disk(8);
    bus_scan(true);
    fake_pci_put16(&fake_pci[8], PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    kind.is_reset = never;
    bus.devices[0].kind = &kind;
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    assert_int_equal(bus.devices[0].state, DEVICE_RESETTING);
    assert_int_equal(bus.said_count, 0);
    fake.now = bus.devices[0].reset_deadline;
    reset_poll(bus.devices, 1);
    assert_int_equal(bus.devices[0].state, DEVICE_FAILED);
    assert_int_equal(bus.said_words[0], (uint64_t)-ANOLE_EIO);
    assert_int_equal(bus_command(8) & PCI_COMMAND_MASTER, 0);
}

static void test_gone(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    bus_scan(true);
    fake_pci[8].gone = true;
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    assert_int_equal(bus.devices[0].state, DEVICE_GONE);
    assert_int_equal(bus.said_count, 1);
    assert_int_equal(bus.said[0], RS_DEVICE_GONE);
}

/* ---- MSI-X ---- */

static const volatile uint32_t *entry_of(const struct device *device, unsigned index)
{
    return (const volatile uint32_t *)(const void *)(device->pci.table +
                                                     (size_t)index * MSIX_ENTRY_BYTES);
}

static void test_vectors(void **state)
{
    (void)state;
    bus.msi_room = 100;
    fake_pci_put16(fake_pci_disk(8), 0x40 + MSIX_CONTROL, 4); /* five entries */
    bus_scan(true);
    assert_int_equal(bus.devices[0].told.description.flags, DEVICE_MSIX);
    assert_int_equal(bus.devices[0].told.description.interrupts, 5);
    assert_int_equal(bus.devices[0].told.interrupt, BUS_FIRST_MSI);
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    assert_int_equal(bus.devices[0].state, DEVICE_READY);
    for (unsigned i = 0; i < 5; i++) {
        const volatile uint32_t *entry = entry_of(&bus.devices[0], i);
        assert_int_equal(entry[0], 0x28000000);
        assert_int_equal(entry[1], 1);
        assert_int_equal(entry[2], i + 1);
        assert_int_equal(entry[3], 0);
    }
    assert_int_equal(pci_read16(8, 0x40 + MSIX_CONTROL), MSIX_CONTROL_ENABLE | 4);
    assert_int_equal(bus_command(8),
                     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
}

/* More entries than a driver could use: the others stay masked. */
static void test_more_entries_than_vectors(void **state)
{
    (void)state;
    bus.msi_room = 1000;
    fake_pci_put16(fake_pci_disk(8), 0x40 + MSIX_CONTROL, 63);
    bus_scan(true);
    assert_int_equal(bus.devices[0].told.description.interrupts, DEVICE_VECTORS);
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    assert_int_equal(entry_of(&bus.devices[0], DEVICE_VECTORS - 1)[3], 0);
    for (unsigned i = DEVICE_VECTORS; i < 64; i++) {
        assert_int_equal(entry_of(&bus.devices[0], i)[3], MSIX_ENTRY_MASKED);
    }
}

static void test_few_vectors_left(void **state)
{
    (void)state;
    fake_pci_put16(fake_pci_disk(8), 0x40 + MSIX_CONTROL, 8); /* nine */
    bus.msi_room = 3;
    bus_scan(true);
    assert_int_equal(bus.devices[0].told.description.interrupts, 2);
    bus.msi_room = 1; /* one is no better than the line */
    bus_scan(true);
    assert_int_equal(bus.devices[0].told.description.flags, 0);
    assert_int_equal(bus.devices[0].told.interrupt, 33);
}

/* Interrupts are off from the beginning of the reset on; the bus is taken away once it is quiet. */
static void test_msix_is_off_during_a_reset(void **state)
{
    (void)state;
    bus.msi_room = 100;
    (void)fake_pci_disk(8);
    bus_scan(true);
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    bus.devices[0].kind->reset(&bus.devices[0]);
    assert_int_equal(pci_read16(8, 0x40 + MSIX_CONTROL), 1);
    assert_int_equal(bus_command(8),
                     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
    bus.devices[0].kind->cut_off(&bus.devices[0]);
    assert_int_equal(bus_command(8), PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
}

/* It says that MSI-X is off when it was turned on. */
static void test_msix_that_stays_off(void **state)
{
    (void)state;
    bus.msi_room = 100;
    struct fake_function *disk = fake_pci_disk(8);
    disk->writable[0x40 + MSIX_CONTROL + 1] = 0;
    bus_scan(true);
    reset_begin(&bus.devices[0], ENDPOINT_NONE);
    assert_int_equal(bus.devices[0].state, DEVICE_FAILED);
    assert_int_equal(bus.said_words[0], (uint64_t)-ANOLE_EIO);
    assert_int_equal(bus_command(8) & PCI_COMMAND_MASTER, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS(test_reset_with_a_line),
        BUS(test_stuck),
        BUS(test_gone),
        BUS(test_vectors),
        BUS(test_more_entries_than_vectors),
        BUS(test_few_vectors_left),
        BUS(test_msix_is_off_during_a_reset),
        BUS(test_msix_that_stays_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
