/*
 * The bus of pci_bus.h.
 */
#include "pci_bus.h"

#include <string.h>

#define PAGES 64u

struct pci_bus bus;

/* Registers: a page of memory for each physical page. */
static struct {
    uint64_t base;
    _Alignas(8) uint8_t bytes[PAGE_SIZE];
} pages[PAGES];
static unsigned page_count;

static uint8_t *page_at(uint64_t base)
{
    for (unsigned i = 0; i < page_count; i++) {
        if (pages[i].base == base) {
            return pages[i].bytes;
        }
    }
    assert_true(page_count < PAGES);
    pages[page_count].base = base;
    return pages[page_count++].bytes;
}

static int machine_call(uint32_t call, struct message *message)
{
    switch (call) {
    case KCALL_DEVICE_MAP:
        assert_int_equal(message->word[0] % PAGE_SIZE, 0);
        if (message->word[1] == PCI_BUS_BYTES) {
            assert_true(message->word[0] > 0x30000000 && message->word[0] < 0x30400000);
            return bus.config_error;
        }
        assert_true(message->word[1] <= PAGE_SIZE);
        message->word[0] = (uintptr_t)page_at(message->word[0]);
        return bus.map_error;
    case KCALL_MSI_ALLOC:
        if (bus.msi_room == 0) {
            return -ANOLE_ENOSYS;
        }
        if (message->word[1] > bus.msi_room) {
            return -ANOLE_ENOMEM;
        }
        message->word[0] = BUS_FIRST_MSI;
        return 0;
    case KCALL_MSI_INFO:
        message->word[1] = message->word[0] - BUS_FIRST_MSI + 1;
        message->word[0] = 0x128000000;
        return 0;
    case KCALL_QUARANTINE_END:
        return 0;
    default:
        return -ANOLE_ENOSYS;
    }
}

static int rs_call(uint32_t type, struct message *message)
{
    assert_true(bus.said_count < 4);
    bus.said[bus.said_count] = type;
    bus.said_words[bus.said_count++] = message->word[1];
    return 0;
}

int bus_setup(void **state)
{
    (void)state;
    fake_reset();
    fake_pci_reset();
    fake.kcall = machine_call;
    fake.call = rs_call;
    memset(pages, 0, sizeof(pages));
    page_count = 0;
    bus = (struct pci_bus){0};
    bus.host = (struct pci_host){
        .config_base = 0x30000000,
        .buses = FAKE_PCI_BUSES,
        .window_count = 2,
        .windows = {{0x400000000, 0x400000000, 0x10000000, false},
                    {0x40000000, 0x40000000, 0x1000000, false}},
    };
    for (unsigned i = 0; i < PCI_DEVICES; i++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            bus.host.lines[i][pin] = 32 + (i + pin) % PCI_PINS;
        }
    }
    return 0;
}

void bus_scan(bool first)
{
    memset(bus.devices, 0, sizeof(bus.devices));
    bus.count = pci_scan(&bus.host, first, bus.devices, BUS_DEVICES);
}

uint16_t bus_command(unsigned address)
{
    return pci_read16((pci_address)address, PCI_COMMAND);
}

void bus_assert_quiet(unsigned address)
{
    assert_int_equal(bus_command(address) & COMMAND_BITS, 0);
    assert_true(bus_command(address) & PCI_COMMAND_INTX_OFF);
}
