/*
 * The block device itself: takes requests from its ring, does them now, later or never, as the faults
 * want, and answers.
 */
#ifndef VHOST_DEVICE_H
#define VHOST_DEVICE_H

#include "fault.h"
#include "identity.h"
#include "memory.h"
#include "ring.h"
#include "store.h"

struct device_request;

struct device {
    struct memory memory;
    struct ring ring;
    struct store store;
    struct faults faults;
    struct identity identity;
    uint64_t config_changes;       /* that the driver is still to be told of */
    bool size_moves;               /* each of them is one: the capacity goes to and fro */
    struct device_request *held;   /* by time of arrival */
    uint64_t paused_until_ms;      /* silent before */
    bool dying;                    /* is to disconnect */
    bool gone;                     /* ... for good */
    uint64_t requests, late, lost; /* lost: sectors */
    uint64_t resets;
};

uint64_t now_ms(void); /* of a clock that only goes forward */

/* Does all that is to be done now. */
void device_work(struct device *device);
/* When there is more to be done though nobody kicks; UINT64_MAX: never. */
uint64_t device_next_ms(const struct device *device);
/* The driver resets the device: returns when that is over. */
void device_reset(struct device *device);
/* The machine is gone, or the device is for the machine: nothing is in flight any more. */
void device_forget(struct device *device);

#endif
