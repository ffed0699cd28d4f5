/*
 * The device manager, as seen from programs. Its work for RS is in proto/rs.h: devman calls up.
 */
#ifndef PROTO_DEVMAN_H
#define PROTO_DEVMAN_H

#include <anole/message.h>
#include <assert.h>
#include <proto/rs.h>
#include <stdint.h>

enum devman_request {
    DEVMAN_LIST = MESSAGE_TYPE(PROTO_DEVMAN, 1), /* w0 grant (write) for struct device_info[], w1
                                                    bytes -> w0 how many there are, w1 copied */
};

enum device_state {
    DEVICE_READY = 1,  /* reset, handed over or waiting for a driver */
    DEVICE_FAILED = 2, /* it didn't come out of reset */
    DEVICE_RESETTING = 3,
    DEVICE_GONE = 4,    /* it can't be reached any more */
    DEVICE_REFUSED = 5, /* it isn't used; the log says why */
};

struct device_info {
    struct rs_device_told told; /* as RS has it */
    char node[32];              /* where it is: "serial@10000000", "pci:00:01.0" */
    uint32_t state;             /* enum device_state */
    uint32_t resets;            /* done so far */
    uint16_t pci_vendor;        /* 0: it isn't on PCI */
    uint16_t pci_device;
    uint32_t reserved;
};
static_assert(sizeof(struct device_info) == sizeof(struct rs_device_told) + 48, "shared layout");

#endif
