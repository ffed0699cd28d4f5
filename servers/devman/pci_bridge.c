/*
 * Bridges on the first bus (PCIe root ports are some): each gets two windows out of the host
 * bridge's, which are placed like BARs, and a number for the bus behind it. That bus is then scanned
 * like the first. What a bridge has been given is read back from it when devman is started again.
 */
#include "pci.h"

#define PREFETCH_BYTES (64u << 20)
#define MEMORY_BYTES (2u << 20)
#define PREFETCH 0
#define MEMORY 1

/* Pins behind a bridge lead to its own ones, turned by the device's number (9.1). */
static void lines_turn(const struct pci_host *host, struct pci_bridge *bridge)
{
    const uint32_t *lines = host->lines[bridge->function >> 3 & (PCI_DEVICES - 1)];
    for (unsigned device = 0; device < PCI_DEVICES; device++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            bridge->behind.lines[device][pin] = lines[(pin + device) % PCI_PINS];
        }
    }
}

static void behind_fill(const struct pci_host *host, struct pci_bridge *bridge, unsigned bus)
{
    bridge->behind.config_base = host->config_base + (uint64_t)(bus - host->bus) * PCI_BUS_BYTES;
    bridge->behind.bus = bus;
    bridge->behind.buses = 1;
    bridge->behind.window_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        bridge->behind.windows[i] = (struct pci_window){
            .base = bridge->windows[i].base,
            .bus_base = bridge->places[i],
            .len_bytes = bridge->windows[i].len_bytes,
            .prefetchable = i == PREFETCH,
        };
    }
    lines_turn(host, bridge);
}

/* ---- its registers ---- */

static uint64_t address_read(pci_address function, unsigned low, unsigned high)
{
    uint64_t address = (uint64_t)(pci_read16(function, low) & BRIDGE_ADDRESS) << 16;
    return high ? address | (uint64_t)pci_read32(function, high) << 32 : address;
}

static void address_write(pci_address function, unsigned low, unsigned high, uint64_t address)
{
    pci_write16(function, low, (uint16_t)(address >> 16 & BRIDGE_ADDRESS));
    if (high) {
        pci_write32(function, high, (uint32_t)(address >> 32));
    }
}

/* Bases of both windows; false: they aren't as long as they are made. */
static bool windows_read(pci_address function, uint64_t places[2])
{
    places[PREFETCH] = address_read(function, BRIDGE_PREFETCH_BASE, BRIDGE_PREFETCH_BASE_HIGH);
    places[MEMORY] = address_read(function, BRIDGE_MEMORY_BASE, 0);
    /* Limits are the last MiB that is inside. */
    return address_read(function, BRIDGE_PREFETCH_LIMIT, BRIDGE_PREFETCH_LIMIT_HIGH) ==
               places[PREFETCH] + PREFETCH_BYTES - (1u << 20) &&
           address_read(function, BRIDGE_MEMORY_LIMIT, 0) ==
               places[MEMORY] + MEMORY_BYTES - (1u << 20);
}

static void windows_write(pci_address function, const uint64_t places[2])
{
    address_write(function, BRIDGE_PREFETCH_BASE, BRIDGE_PREFETCH_BASE_HIGH, places[PREFETCH]);
    address_write(function, BRIDGE_PREFETCH_LIMIT, BRIDGE_PREFETCH_LIMIT_HIGH,
                  places[PREFETCH] + PREFETCH_BYTES - 1);
    address_write(function, BRIDGE_MEMORY_BASE, 0, places[MEMORY]);
    address_write(function, BRIDGE_MEMORY_LIMIT, 0, places[MEMORY] + MEMORY_BYTES - 1);
    pci_write16(function, BRIDGE_IO, BRIDGE_IO_CLOSED);
}

/* Primary, secondary and subordinate bus. */
static uint32_t buses_of(const struct pci_host *host, unsigned bus)
{
    return host->bus | bus << 8 | bus << 16;
}

/* ---- both ways ---- */

const char *pci_bridge_keep(struct pci_space *space, struct pci_bridge *bridge)
{
    const struct pci_host *host = space->host;
    uint32_t buses = pci_read32(bridge->function, BRIDGE_BUSES) & 0xffffff;
    unsigned bus = buses >> 8 & 0xff;
    if (bus <= host->bus || bus >= host->bus + host->buses || buses != buses_of(host, bus)) {
        return "its bus numbers are odd";
    }
    if (!windows_read(bridge->function, bridge->places)) {
        return "its windows are odd";
    }
    for (unsigned i = 0; i < 2; i++) {
        const char *error = pci_space_keep(space, bridge->places[i], &bridge->windows[i]);
        if (error) {
            return error;
        }
    }
    if (bridge->windows[PREFETCH].len_bytes != PREFETCH_BYTES ||
        bridge->windows[MEMORY].len_bytes != MEMORY_BYTES) {
        return "its windows are odd";
    }
    behind_fill(host, bridge, bus);
    return NULL;
}

const char *pci_bridge_place(struct pci_space *space, struct pci_bridge *bridge, unsigned bus)
{
    uint64_t places[2];
    bridge->windows[PREFETCH] = (struct pci_bar){
        .len_bytes = PREFETCH_BYTES, .wide = true, .prefetchable = true};
    bridge->windows[MEMORY] = (struct pci_bar){.len_bytes = MEMORY_BYTES};
    for (unsigned i = 0; i < 2; i++) {
        const char *error = pci_space_place(space, &bridge->windows[i], &bridge->places[i]);
        if (error) {
            return error;
        }
    }
    windows_write(bridge->function, bridge->places);
    pci_write32(bridge->function, BRIDGE_BUSES, buses_of(space->host, bus));
    if (!windows_read(bridge->function, places) || places[PREFETCH] != bridge->places[PREFETCH] ||
        places[MEMORY] != bridge->places[MEMORY] ||
        (pci_read32(bridge->function, BRIDGE_BUSES) & 0xffffff) != buses_of(space->host, bus)) {
        return "its registers don't keep what is written to them";
    }
    pci_write16(bridge->function, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    behind_fill(space->host, bridge, bus);
    return NULL;
}
