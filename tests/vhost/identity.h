/*
 * What the device says of itself: the features that it offers and its configuration space, by default
 * those of a sound disk, and as wrong as a test wants.
 *
 *   --config FIELD=N   a field of the configuration space (and the feature that it belongs to)
 *   --without FEATURE  one that is not offered
 */
#ifndef VHOST_IDENTITY_H
#define VHOST_IDENTITY_H

#include <libvirtio/blk_wire.h>
#include <libvirtio/feature.h>
#include <stdio.h>

struct identity {
    struct feature_set features; /* offered */
    struct virtio_blk_config config;
};

/* A sound disk of so many sectors; the capacity stays as it is if a test has set it. */
void identity_default(struct identity *identity);
void identity_size(struct identity *identity, uint64_t sectors);
/* What --config and --without say. 0, or -1 with what is wrong with it on standard error. */
int identity_set(struct identity *identity, const char *text);
int identity_withhold(struct identity *identity, const char *name);
/* The names, one a line. */
void identity_help(FILE *out);

#endif
