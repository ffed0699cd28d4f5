/*
 * PCI, as far as devman needs it: one host bridge with configuration space in memory (ECAM), the
 * functions of its first bus and behind that bus's bridges, and of these what virtio devices have.
 *
 * Configuration space is what a device says of itself: nothing in it is believed before it is
 * checked. Functions that refuse say why in a text for the log; NULL: all is well.
 */
#ifndef DEVMAN_PCI_H
#define DEVMAN_PCI_H

#include "pci_regs.h"
#include <proto/rs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_BARS 6u
#define PCI_WINDOWS 4u /* of a host bridge */
#define PCI_DEVICES 32u
#define PCI_FUNCTIONS 8u
#define PCI_PINS 4u
#define PCI_BUS_BYTES 0x100000u /* of configuration space */

/* bus << 8 | device << 3 | function */
typedef uint16_t pci_address;

static inline pci_address pci_address_make(unsigned bus, unsigned device, unsigned function)
{
    return (pci_address)(bus << 8 | device << 3 | function);
}

/* ---- pci_config.c: configuration space; reads of what isn't there have all bits set ---- */
#define PCI_BUSES 16u /* at most that many are used */
/* Where the configuration space of bus number first + index is mapped, index below PCI_BUSES. */
void pci_config_use(void *registers, unsigned first, unsigned index);
uint8_t pci_read8(pci_address function, unsigned offset);
uint16_t pci_read16(pci_address function, unsigned offset);
uint32_t pci_read32(pci_address function, unsigned offset);
void pci_write16(pci_address function, unsigned offset, uint16_t value);
void pci_write32(pci_address function, unsigned offset, uint32_t value);

/* ---- pci_host.c: the host bridge in the machine's device tree ---- */
struct pci_window {
    uint64_t base;     /* physical */
    uint64_t bus_base; /* the same place, as BARs have it */
    uint64_t len_bytes;
    bool prefetchable; /* of a bridge: only for BARs of 64 bits that may be prefetched */
};

struct pci_host {
    uint64_t config_base; /* physical: of the first bus */
    uint32_t bus;         /* the first one */
    uint32_t buses;       /* how many there may be, with this one */
    unsigned window_count;
    struct pci_window windows[PCI_WINDOWS]; /* for memory; the highest first */
    uint32_t lines[PCI_DEVICES][PCI_PINS];  /* interrupt line of each device's pin; 0: none */
};

/* The tree's host bridge. False: there is none that can be used. */
bool pci_host_find(const void *tree, struct pci_host *host);

/* ---- pci_bars.c: base address registers ---- */
/*
 * A BAR of n bytes is placed at an odd multiple of n, and in pages of its own. So its address alone
 * says how long it is: the lowest bit set. A devman that is started again reads that, and needn't
 * turn the device off under its driver in order to ask for the size.
 */
struct pci_bar {
    uint64_t base;      /* physical; 0: not placed */
    uint64_t len_bytes; /* 0: there is no such memory BAR */
    bool wide;          /* 64 bits: takes the next one, too */
    bool prefetchable;  /* reads have no side effects */
};

/* Where BARs are: no two overlap. */
struct pci_space {
    const struct pci_host *host;
    unsigned count;
    unsigned room;
    struct pci_range {
        uint64_t base;
        uint64_t len_bytes;
    } * used;
};

/* Finds a place for a BAR of known length, and takes it; *place is where that is on the bus. */
const char *pci_space_place(struct pci_space *space, struct pci_bar *bar, uint64_t *place);
/* Takes a place that pci_space_place() could have found: the length follows from it. */
const char *pci_space_keep(struct pci_space *space, uint64_t place, struct pci_bar *bar);

/* Asks for the sizes. Nobody may be using the function: it must not decode addresses. */
const char *pci_bars_size(pci_address function, struct pci_bar bars[PCI_BARS]);
/* Places BARs of known size. */
const char *pci_bars_place(struct pci_space *space, pci_address function,
                           struct pci_bar bars[PCI_BARS]);
/* Reads BARs that a former devman placed. */
const char *pci_bars_keep(struct pci_space *space, pci_address function,
                          struct pci_bar bars[PCI_BARS]);

/* ---- pci_capability.c: the list of capabilities ---- */
struct pci_region {
    unsigned bar;
    uint32_t offset;
    uint32_t len_bytes; /* 0: there is none */
};

struct pci_msix {
    unsigned capability; /* its offset; 0: there is none */
    unsigned entries;
    struct pci_region table;
    struct pci_region pending;
};

struct pci_capabilities {
    struct pci_region parts[DEVICE_PARTS]; /* the first usable one of each */
    uint32_t notify_multiplier;
    struct pci_msix msix;
};

const char *pci_capabilities_read(pci_address function, const struct pci_bar bars[PCI_BARS],
                                  struct pci_capabilities *found);

/* ---- pci_describe.c: what the driver is told ---- */
/* Windows around the parts, with no page of the MSI-X tables; where the parts are in them. */
const char *pci_describe(const struct pci_bar bars[PCI_BARS],
                         const struct pci_capabilities *capabilities, struct rs_device_told *told);

/* ---- pci_bridge.c: bridges to other buses ---- */
struct pci_bridge {
    pci_address function;
    bool placed;
    struct pci_bar windows[2]; /* for BARs of 64 bits that may be prefetched; for all others */
    uint64_t places[2];        /* of the windows, on the bus */
    struct pci_host behind;    /* the bus behind it, like that of a host bridge */
};

/* Reads windows and bus number that a former devman gave to it. */
const char *pci_bridge_keep(struct pci_space *space, struct pci_bridge *bridge);
/* Gives it windows, and `bus` to the bus behind it. */
const char *pci_bridge_place(struct pci_space *space, struct pci_bridge *bridge, unsigned bus);

/* ---- pci_scan.c: the functions of the bus ---- */
struct device;
/*
 * Finds the virtio devices and appends them to devices. `first`: devman wasn't up before, so no
 * function is anybody's and all are placed afresh. Returns how many were appended.
 */
unsigned pci_scan(const struct pci_host *host, bool first, struct device *devices, unsigned room);

#endif
