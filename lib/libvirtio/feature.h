/*
 * Feature bits and their negotiation (virtio 1.4, 2.2). A bit is a number, a set is a struct: the
 * compiler keeps them apart. Drivers say what they can use in an allow-list; nothing else is ever
 * accepted.
 */
#ifndef LIBVIRTIO_FEATURE_H
#define LIBVIRTIO_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers of the bits that belong to no device type (virtio 1.4, 6). */
enum virtio_feature {
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_ACCESS_PLATFORM = 33,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_ORDER_PLATFORM = 36,
    VIRTIO_F_SR_IOV = 37,
    VIRTIO_F_NOTIFICATION_DATA = 38,
    VIRTIO_F_NOTIF_CONFIG_DATA = 39,
    VIRTIO_F_RING_RESET = 40,
    VIRTIO_F_ADMIN_VQ = 41,
};
#define VIRTIO_FEATURES 64u

struct feature_set {
    uint64_t mask;
};

static inline bool feature_has(struct feature_set set, unsigned bit)
{
    return bit < VIRTIO_FEATURES && (set.mask >> bit & 1) != 0;
}

static inline struct feature_set feature_with(struct feature_set set, unsigned bit)
{
    if (bit < VIRTIO_FEATURES)
        set.mask |= (uint64_t)1 << bit;
    return set;
}

static inline struct feature_set feature_without(struct feature_set set, unsigned bit)
{
    if (bit < VIRTIO_FEATURES)
        set.mask &= ~((uint64_t)1 << bit);
    return set;
}

#define FEATURE_NEEDS_NOTHING 0xffu

/* One line of a driver's allow-list. */
struct feature_rule {
    uint8_t bit;
    uint8_t needs; /* a bit without which this one is not accepted, or FEATURE_NEEDS_NOTHING */
    bool required; /* the driver can't work without it */
};

/*
 * Picks from what the device offers what the rules allow and the transport doesn't bar, without bits
 * whose need isn't met. 0, or -ENODEV with the number of a required bit that is missing.
 */
int feature_negotiate(struct feature_set offered, struct feature_set barred,
                      const struct feature_rule *rules, unsigned count,
                      struct feature_set *accepted, unsigned *missing);

#endif
