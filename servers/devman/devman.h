/*
 * The device manager's own interfaces.
 */
#ifndef DEVMAN_DEVMAN_H
#define DEVMAN_DEVMAN_H

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
    const char *compatible; /* in the machine's device tree */
    /* Fills in what RS matches drivers by; false: nothing is there that could be driven. */
    bool (*identify)(struct device *device);
    void (*reset)(struct device *device);
    bool (*is_reset)(const struct device *device);
};
extern const struct device_kind device_kinds[];
extern const size_t device_kind_count;

/* A candidate of the device tree. Its number is its rank by address: the same after each restart. */
struct device {
    const struct device_kind *kind;
    char node[32];
    struct rs_device_told told; /* one window; its compatible is for identify() to fill in */
    bool present;
    uint8_t *registers; /* its window; NULL: not mapped */
    enum device_state state;
    uint32_t resets;
    /* state == DEVICE_RESETTING */
    endpoint_t dead;         /* the late driver, or ENDPOINT_NONE */
    uint64_t reset_deadline; /* ticks */
};

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
