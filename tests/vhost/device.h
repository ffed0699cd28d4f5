/*
 * The block device itself: takes requests from its ring, does them now, later or never, as the faults
 * want, and answers.
 */
#ifndef VHOST_DEVICE_H
#define VHOST_DEVICE_H

#include "fault.h"
#include "identity.h"
#include "session.h"
#include "store.h"

struct device_request;

struct device {
    struct backend backend; /* first */
    struct ring ring;
    struct store store;
    struct faults faults;
    struct identity identity;
    uint64_t config_changes;       /* that the driver is still to be told of */
    bool size_moves;               /* each of them is one: the capacity goes to and fro */
    struct device_request *held;   /* by time of arrival */
    uint64_t paused_until_ms;      /* silent before */
    uint64_t requests, late, lost; /* lost: sectors */
    uint64_t resets;
};

/* The ring isn't there yet, faults are none, and it says of itself what a sound disk does. */
void device_init(struct device *device);
/* Identity and image are as they are to be. */
void device_ready(struct device *device);

#endif
