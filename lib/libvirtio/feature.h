/*
 * Feature bits and their negotiation (virtio 1.4, 2.2). A bit is one struct, a set of bits another:
 * neither is a number, so the compiler keeps bits, sets and masks apart. Drivers say what they can use
 * in an allow-list; nothing else is ever accepted.
 */
#ifndef LIBVIRTIO_FEATURE_H
#define LIBVIRTIO_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

struct feature_bit {
    uint8_t number;
};
#define FEATURE_BIT(n) ((struct feature_bit){n})
#define VIRTIO_FEATURES 64u

/* The bits that belong to no device type (virtio 1.4, 6); those of types are in feature_bits.h. */
#define VIRTIO_F_NOTIFY_ON_EMPTY FEATURE_BIT(24) /* legacy */
#define VIRTIO_F_ANY_LAYOUT FEATURE_BIT(27)      /* legacy */
#define VIRTIO_F_INDIRECT_DESC FEATURE_BIT(28)
#define VIRTIO_F_EVENT_IDX FEATURE_BIT(29)
#define VIRTIO_F_VERSION_1 FEATURE_BIT(32)
#define VIRTIO_F_ACCESS_PLATFORM FEATURE_BIT(33)
#define VIRTIO_F_RING_PACKED FEATURE_BIT(34)
#define VIRTIO_F_IN_ORDER FEATURE_BIT(35)
#define VIRTIO_F_ORDER_PLATFORM FEATURE_BIT(36)
#define VIRTIO_F_SR_IOV FEATURE_BIT(37)
#define VIRTIO_F_NOTIFICATION_DATA FEATURE_BIT(38)
#define VIRTIO_F_NOTIF_CONFIG_DATA FEATURE_BIT(39)
#define VIRTIO_F_RING_RESET FEATURE_BIT(40)
#define VIRTIO_F_ADMIN_VQ FEATURE_BIT(41)

struct feature_set {
    uint64_t mask;
};

static inline bool feature_has(struct feature_set set, struct feature_bit bit)
{
    return bit.number < VIRTIO_FEATURES && (set.mask >> bit.number & 1) != 0;
}

static inline struct feature_set feature_with(struct feature_set set, struct feature_bit bit)
{
    if (bit.number < VIRTIO_FEATURES)
        set.mask |= (uint64_t)1 << bit.number;
    return set;
}

static inline struct feature_set feature_without(struct feature_set set, struct feature_bit bit)
{
    if (bit.number < VIRTIO_FEATURES)
        set.mask &= ~((uint64_t)1 << bit.number);
    return set;
}

/* Its name in the specification without the prefix, or NULL: of no type that is known here. */
const char *feature_name(uint32_t device_id, struct feature_bit bit);

#define FEATURE_NEEDS_NOTHING FEATURE_BIT(0xff)

/* One line of a driver's allow-list. */
struct feature_rule {
    struct feature_bit bit;
    struct feature_bit needs; /* without which it is not accepted, or FEATURE_NEEDS_NOTHING */
    bool required;            /* the driver can't work without it */
};

/* A line for what a driver can use and do without. */
#define FEATURE_ALLOW(feature)                                                                     \
    {                                                                                              \
        .bit = (feature), .needs = FEATURE_NEEDS_NOTHING                                           \
    }

/* What this library does for any driver, which has to know nothing of it. */
#define VIRTIO_RULES_COMMON                                                                        \
    {.bit = VIRTIO_F_VERSION_1, .needs = FEATURE_NEEDS_NOTHING, .required = true},                 \
        FEATURE_ALLOW(VIRTIO_F_EVENT_IDX), FEATURE_ALLOW(VIRTIO_F_RING_PACKED),                    \
        FEATURE_ALLOW(VIRTIO_F_IN_ORDER), FEATURE_ALLOW(VIRTIO_F_NOTIFICATION_DATA),               \
        FEATURE_ALLOW(VIRTIO_F_NOTIF_CONFIG_DATA), FEATURE_ALLOW(VIRTIO_F_ACCESS_PLATFORM),        \
        FEATURE_ALLOW(VIRTIO_F_ORDER_PLATFORM)

/*
 * Picks from what the device offers what the rules allow and the transport doesn't bar, without bits
 * whose need isn't met. 0, or -ENODEV with a required bit that is missing.
 */
int feature_negotiate(struct feature_set offered, struct feature_set barred,
                      const struct feature_rule *rules, unsigned count,
                      struct feature_set *accepted, struct feature_bit *missing);

#endif
