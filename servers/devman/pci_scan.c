/*
 * The functions of the host bridge's bus and of the buses behind its bridges: which are virtio
 * devices, and where their BARs are put. All others are made quiet: they decode no address, master
 * no bus and raise no interrupt.
 */
#include "devman.h"
#include <libanole/anole.h>
#include <stdio.h>

#define BRIDGES (PCI_BUSES - 1)

/* Of one bus. */
struct scan {
    const struct pci_host *host;
    bool first;
    struct pci_bridge *bridges; /* room for BRIDGES; NULL: those of this bus aren't used */
    unsigned bridge_count;
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

/* What a former devman has placed stays where it is: a driver may be at work. */
static bool is_placed(const struct scan *scan, pci_address function)
{
    return !scan->first && pci_read16(function, PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

static void function_name(char *name, size_t room, pci_address function)
{
    snprintf(name, room, "pci:%02x:%02x.%x", function >> 8, function >> 3 & (PCI_DEVICES - 1),
             function & (PCI_FUNCTIONS - 1));
}

static void function_refuse(pci_address function, const char *why)
{
    char name[16];
    function_name(name, sizeof(name), function);
    log_printf(LOG_WARNING, "%s: not used: %s", name, why);
    function_quiet(function);
}

static void device_refuse(struct device *device, const char *why)
{
    function_refuse(device->pci.function, why);
    device->state = DEVICE_REFUSED;
}

/* ---- one function ---- */

static void other_found(pci_address function)
{
    char name[16];
    function_name(name, sizeof(name), function);
    log_printf(LOG_INFO, "%s: no virtio device (%04x:%04x)", name,
               (unsigned)pci_read16(function, PCI_VENDOR_ID),
               (unsigned)pci_read16(function, PCI_DEVICE_ID));
    function_quiet(function);
}

static bool bus_is_taken(const struct scan *scan, unsigned bus)
{
    for (unsigned i = 0; i < scan->bridge_count; i++) {
        if (scan->bridges[i].behind.bus == bus) {
            return true;
        }
    }
    return false;
}

/* Its own BARs, if it has any, stay at address 0, where no window is. */
static void bridge_found(struct scan *scan, pci_address function)
{
    if (!scan->bridges || scan->bridge_count == BRIDGES) {
        function_refuse(function,
                        scan->bridges ? "there are too many bridges" : "a bridge behind a bridge");
        return;
    }
    struct pci_bridge *bridge = &scan->bridges[scan->bridge_count];
    *bridge = (struct pci_bridge){.function = function, .placed = is_placed(scan, function)};
    const char *error = NULL;
    if (bridge->placed) {
        error = pci_bridge_keep(&scan->space, bridge);
    } else {
        function_quiet(function);
    }
    if (!error && bridge->placed && bus_is_taken(scan, bridge->behind.bus)) {
        error = "another bridge has its bus number";
    }
    if (error) {
        function_refuse(function, error);
    } else {
        scan->bridge_count++;
    }
}

static void virtio_found(struct scan *scan, struct device *device)
{
    struct pci_function *pci = &device->pci;
    const char *error;
    pci->placed = is_placed(scan, pci->function);
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
    unsigned layout = pci_read8(function, PCI_HEADER_TYPE) & PCI_HEADER_LAYOUT;
    if (layout == PCI_HEADER_BRIDGE) {
        bridge_found(scan, function);
        return;
    }
    if (layout != PCI_HEADER_DEVICE || virtio_id == 0) {
        other_found(function);
        return;
    }
    if (scan->count == scan->room) {
        device_refuse(&device, "there are too many devices");
        return;
    }
    function_name(device.node, sizeof(device.node), function);
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

static void devices_take(struct scan *scan)
{
    for (unsigned i = 0; i < scan->count; i++) {
        struct device *device = &scan->devices[i];
        if (device->state == DEVICE_REFUSED) {
            continue;
        }
        const char *error = pci_virtio_take(scan->host, device);
        if (error) {
            device_refuse(device, error);
        }
        device->present = !error;
    }
}

static void bus_scan(struct scan *scan)
{
    bus_walk(scan);
    devices_place(scan);
    devices_take(scan);
}

/* ---- buses behind bridges ---- */

/* A number that no bridge has; 0: there is none. */
static unsigned bus_free(const struct scan *scan)
{
    for (unsigned bus = scan->host->bus + 1; bus < scan->host->bus + scan->host->buses; bus++) {
        if (!bus_is_taken(scan, bus)) {
            return bus;
        }
    }
    return 0;
}

static void bridge_open(struct scan *scan, struct pci_bridge *bridge)
{
    unsigned bus = bridge->placed ? 0 : bus_free(scan);
    const char *error = NULL;
    if (!bridge->placed) {
        error = bus ? pci_bridge_place(&scan->space, bridge, bus) : "there are too many buses";
    }
    const struct pci_host *behind = &bridge->behind;
    uint8_t *config = NULL;
    if (!error) {
        config = registers_map("pci", behind->config_base, PCI_BUS_BYTES);
        error = config ? NULL : "the bus behind it can't be mapped";
    }
    bridge->placed = !error;
    if (error) {
        function_refuse(bridge->function, error);
    } else {
        pci_config_use(config, scan->host->bus, behind->bus - scan->host->bus);
    }
}

/* How many devices are behind it. */
static unsigned bridge_scan(const struct scan *scan, const struct pci_bridge *bridge,
                            struct device *devices, unsigned room)
{
    static struct pci_range used[DEVICES * PCI_BARS];
    struct scan behind = {
        .host = &bridge->behind,
        .first = scan->first,
        .devices = devices,
        .room = room,
        .space = {.host = &bridge->behind, .used = used, .room = DEVICES * PCI_BARS},
    };
    bus_scan(&behind);
    return behind.count;
}

unsigned pci_scan(const struct pci_host *host, bool first, struct device *devices, unsigned room)
{
    static struct pci_range used[DEVICES * PCI_BARS + 2 * BRIDGES];
    static struct pci_bridge bridges[BRIDGES];
    struct scan scan = {
        .host = host,
        .first = first,
        .bridges = bridges,
        .devices = devices,
        .room = room,
        .space = {.host = host, .used = used, .room = sizeof(used) / sizeof(used[0])},
    };
    bus_scan(&scan);
    unsigned count = scan.count;
    for (unsigned i = 0; i < scan.bridge_count; i++) {
        bridge_open(&scan, &bridges[i]);
    }
    for (unsigned i = 0; i < scan.bridge_count; i++) {
        if (bridges[i].placed) {
            count += bridge_scan(&scan, &bridges[i], &devices[count], room - count);
        }
    }
    return count;
}
