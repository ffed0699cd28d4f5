/*
 * The functions of the host bridge's bus: which are virtio devices, and where their BARs are put.
 * All others are made quiet: they decode no address, master no bus and raise no interrupt.
 */
#include "devman.h"
#include <libanole/anole.h>
#include <stdio.h>

struct scan {
    const struct pci_host *host;
    bool first;
    struct device *devices;
    unsigned room;
    unsigned count;
    struct pci_space space;
};

static void function_quiet(pci_address function)
{
    uint32_t command = pci_read16(function, PCI_COMMAND);
    command &= ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_write16(function, PCI_COMMAND, (uint16_t)(command | PCI_COMMAND_INTX_OFF));
}

/* The virtio device id (virtio 1.4, 4.1.2); 0: it is none. */
static uint32_t virtio_id_of(pci_address function)
{
    uint32_t id = pci_read16(function, PCI_DEVICE_ID);
    if (pci_read16(function, PCI_VENDOR_ID) != VIRTIO_PCI_VENDOR) {
        return 0;
    }
    if (id >= VIRTIO_PCI_MODERN && id < VIRTIO_PCI_MODERN + VIRTIO_PCI_IDS) {
        return id - VIRTIO_PCI_MODERN;
    }
    if (id >= VIRTIO_PCI_TRANSITIONAL && id < VIRTIO_PCI_TRANSITIONAL + VIRTIO_PCI_IDS) {
        return pci_read16(function, PCI_SUBSYSTEM_ID);
    }
    return 0;
}

static void device_refuse(struct device *device, const char *why)
{
    log_printf(LOG_WARNING, "%s: not used: %s", device->node, why);
    function_quiet(device->pci.function);
    device->state = DEVICE_REFUSED;
}

/* ---- one function ---- */

static void other_found(struct device *device)
{
    pci_address function = device->pci.function;
    bool bridge = (pci_read8(function, PCI_HEADER_TYPE) & PCI_HEADER_LAYOUT) != 0;
    log_printf(bridge ? LOG_WARNING : LOG_INFO, "%s: no virtio device (%04x:%04x)%s", device->node,
               (unsigned)pci_read16(function, PCI_VENDOR_ID),
               (unsigned)pci_read16(function, PCI_DEVICE_ID),
               bridge ? ": a bridge; what is behind it isn't looked for" : "");
    function_quiet(function);
}

/* The BARs of a device that a former devman has placed stay where they are: its driver may be at
 * work. */
static void virtio_found(struct scan *scan, struct device *device)
{
    struct pci_function *pci = &device->pci;
    const char *error;
    pci->placed = !scan->first && pci_read16(pci->function, PCI_COMMAND) & PCI_COMMAND_MEMORY;
    if (pci->placed) {
        error = pci_bars_keep(&scan->space, pci->function, pci->bars);
    } else {
        function_quiet(pci->function);
        error = pci_bars_size(pci->function, pci->bars);
    }
    if (error) {
        device_refuse(device, error);
    }
}

static void function_found(struct scan *scan, pci_address function)
{
    struct device device = {
        .kind = &pci_virtio_kind,
        .dead = ENDPOINT_NONE,
        .pci = {.function = function, .ids = pci_read32(function, PCI_VENDOR_ID)},
    };
    uint32_t virtio_id = virtio_id_of(function);
    snprintf(device.node, sizeof(device.node), "pci:%02x:%02x.%x", function >> 8,
             function >> 3 & (PCI_DEVICES - 1), function & (PCI_FUNCTIONS - 1));
    if ((pci_read8(function, PCI_HEADER_TYPE) & PCI_HEADER_LAYOUT) != 0 || virtio_id == 0) {
        other_found(&device);
        return;
    }
    if (scan->count == scan->room) {
        device_refuse(&device, "there are too many devices");
        return;
    }
    device.told.description.number = DEVICES + function;
    device.told.description.virtio_id = virtio_id;
    device_name(&device, virtio_id);
    virtio_found(scan, &device);
    scan->devices[scan->count++] = device;
}

static bool function_is_there(pci_address function)
{
    return pci_read16(function, PCI_VENDOR_ID) != PCI_NO_VENDOR;
}

/* ---- the bus ---- */

static void bus_walk(struct scan *scan)
{
    for (unsigned device = 0; device < PCI_DEVICES; device++) {
        pci_address first = pci_address_make(scan->host->bus, device, 0);
        if (!function_is_there(first)) {
            continue;
        }
        unsigned functions = pci_read8(first, PCI_HEADER_TYPE) & PCI_HEADER_MULTI ? PCI_FUNCTIONS
                                                                                  : 1;
        for (unsigned i = 0; i < functions; i++) {
            pci_address function = pci_address_make(scan->host->bus, device, i);
            if (function_is_there(function)) {
                function_found(scan, function);
            }
        }
    }
}

/* New devices are placed when it is known where all the others are. */
static void devices_place(struct scan *scan)
{
    for (unsigned i = 0; i < scan->count; i++) {
        struct device *device = &scan->devices[i];
        struct pci_function *pci = &device->pci;
        if (device->state == DEVICE_REFUSED || pci->placed) {
            continue;
        }
        const char *error = pci_bars_place(&scan->space, pci->function, pci->bars);
        if (error) {
            device_refuse(device, error);
            continue;
        }
        uint32_t command = pci_read16(pci->function, PCI_COMMAND);
        pci_write16(pci->function, PCI_COMMAND, (uint16_t)(command | PCI_COMMAND_MEMORY));
        pci->placed = true;
    }
}

unsigned pci_scan(const struct pci_host *host, bool first, struct device *devices, unsigned room)
{
    static struct pci_range used[DEVICES * PCI_BARS];
    struct scan scan = {
        .host = host,
        .first = first,
        .devices = devices,
        .room = room,
        .space = {.host = host, .used = used, .room = DEVICES * PCI_BARS},
    };
    bus_walk(&scan);
    devices_place(&scan);
    for (unsigned i = 0; i < scan.count; i++) {
        if (devices[i].state == DEVICE_REFUSED) {
            continue;
        }
        const char *error = pci_virtio_take(host, &devices[i]);
        if (error) {
            device_refuse(&devices[i], error);
        }
        devices[i].present = !error;
    }
    return scan.count;
}
