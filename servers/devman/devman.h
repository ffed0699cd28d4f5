/*
 * The device manager's own interfaces.
 */
#ifndef DEVMAN_DEVMAN_H
#define DEVMAN_DEVMAN_H

#include "pci.h"
#include <anole/endpoint.h>
#include <proto/devman.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICES 64
#define RESET_BOUND_US 1000000u /* for a device to come out of reset */
#define RESET_POLL_US 1000u

struct device;

/* What devman knows about a kind of device: how to see that it is there, and how to quiet it. */
struct device_kind {
    const char *compatible; /* in the machine's device tree; NULL: it isn't found there */
    /* Fills in what RS matches drivers by; false: nothing is there that could be driven. */
    bool (*identify)(struct device *device);
    void (*reset)(struct device *device);
    bool (*is_reset)(const struct device *device);
    /* Whether it can still be reached; NULL: its kind doesn't go away. */
    bool (*is_there)(const struct device *device);
    /* Keeps it from all memory, once it is reset or won't be; NULL: its kind has no such thing. */
    void (*cut_off)(struct device *device);
    /* After a reset, before a driver gets it: 0 or an error. NULL: there is nothing to do. */
    int (*hand_over)(struct device *device);
};
extern const struct device_kind device_kinds[];
extern const size_t device_kind_count;
extern const struct device_kind pci_virtio_kind; /* pci_virtio.c */

/* Of a device on PCI. */
struct pci_function {
    pci_address function;
    uint32_t ids; /* device id << 16 | vendor id */
    bool placed;  /* its BARs are where they stay */
    struct pci_bar bars[PCI_BARS];
    struct pci_msix msix;
    uint8_t *table; /* its MSI-X table; NULL: it has its interrupt line */
};

/* A candidate of the device tree or of the PCI bus. Its number is its rank by address, or DEVICES
 * and its address on the bus: the same after each restart. */
struct device {
    const struct device_kind *kind;
    char node[32];
    struct rs_device_told told; /* compatible and label are for identify() to fill in */
    bool present;
    uint8_t *registers; /* its window, or virtio's common configuration; NULL: not mapped */
    enum device_state state;
    uint32_t resets;
    /* state == DEVICE_RESETTING */
    endpoint_t dead;         /* the late driver, or ENDPOINT_NONE */
    uint64_t reset_deadline; /* ticks */

    struct pci_function pci;
};

/* kinds.c: what a virtio device is matched by, and what people see. */
void device_name(struct device *device, uint32_t virtio_id);

/* map.c: maps whole pages around [address, address + len). NULL: it can't be; the log says why. */
uint8_t *registers_map(const char *node, uint64_t address, uint64_t len);

/* pci_virtio.c: all that is needed of a device with BARs in place. NULL, or why it isn't used. */
const char *pci_virtio_take(const struct pci_host *host, struct device *device);

/* tree.c: where in its region the blob begins (in the first page, aligned to 8 bytes); *len becomes
 * what follows from there. NULL: there is none. */
const void *tree_locate(const void *region, size_t *len);
/* Finds the candidates in a device tree blob, sorted by address. How many, or -EINVAL. */
int tree_find(const void *blob, size_t len, struct device *devices, unsigned max);

/* reset.c */
void reset_begin(struct device *device, endpoint_t dead);
/* Looks at every device that is being reset. */
void reset_poll(struct device *devices, unsigned count);
/* When to look again; DEADLINE_NEVER: nothing is being reset. */
uint64_t reset_next_poll(const struct device *devices, unsigned count);

#endif
