/*
 * Configuration space, a mapping for each bus: 4 KiB a function (PCI Express 4.0, 7.2.2).
 */
#include "pci.h"
#include <libvirtio/barrier.h>

static uint8_t *spaces[PCI_BUSES];
static unsigned first_bus;

void pci_config_use(void *registers, unsigned first, unsigned index)
{
    first_bus = first;
    spaces[index] = registers;
}

static void *at(pci_address function, unsigned offset)
{
    return spaces[(function >> 8) - first_bus] + ((size_t)(function & 0xff) << 12) + offset;
}

uint8_t pci_read8(pci_address function, unsigned offset)
{
    return *(const volatile uint8_t *)at(function, offset);
}

uint16_t pci_read16(pci_address function, unsigned offset)
{
    return *(const volatile uint16_t *)at(function, offset);
}

uint32_t pci_read32(pci_address function, unsigned offset)
{
    return *(const volatile uint32_t *)at(function, offset);
}

/* A write to configuration space is in force before anything that follows. */

void pci_write16(pci_address function, unsigned offset, uint16_t value)
{
    *(volatile uint16_t *)at(function, offset) = value;
    io_mb();
}

void pci_write32(pci_address function, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)at(function, offset) = value;
    io_mb();
}
