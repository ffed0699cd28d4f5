/*
 * Names of feature bits for people: `virtio dump` and `lsdev -v`.
 */
#include <libvirtio/device.h>
#include <libvirtio/feature_bits.h>
#include <stddef.h>

struct bit_name {
    struct feature_bit bit;
    const char *name;
};

static const struct bit_name common_names[] = {
#define NAME(feature)                                                                              \
    {                                                                                              \
        VIRTIO_F_##feature, #feature                                                               \
    }
    NAME(NOTIFY_ON_EMPTY), NAME(ANY_LAYOUT),      NAME(INDIRECT_DESC),     NAME(EVENT_IDX),
    NAME(VERSION_1),       NAME(ACCESS_PLATFORM), NAME(RING_PACKED),       NAME(IN_ORDER),
    NAME(ORDER_PLATFORM),  NAME(SR_IOV),          NAME(NOTIFICATION_DATA), NAME(NOTIF_CONFIG_DATA),
    NAME(RING_RESET),      NAME(ADMIN_VQ),
#undef NAME
};

static const struct bit_name block_names[] = {
#define NAME(feature)                                                                              \
    {                                                                                              \
        VIRTIO_BLK_F_##feature, #feature                                                           \
    }
    NAME(BARRIER),      NAME(SIZE_MAX),   NAME(SEG_MAX),      NAME(GEOMETRY),
    NAME(RO),           NAME(BLK_SIZE),   NAME(SCSI),         NAME(FLUSH),
    NAME(TOPOLOGY),     NAME(CONFIG_WCE), NAME(MQ),           NAME(DISCARD),
    NAME(WRITE_ZEROES), NAME(LIFETIME),   NAME(SECURE_ERASE), NAME(ZONED),
#undef NAME
};

static const struct bit_name net_names[] = {
#define NAME(feature)                                                                              \
    {                                                                                              \
        VIRTIO_NET_F_##feature, #feature                                                           \
    }
    NAME(CSUM),        NAME(GUEST_CSUM),    NAME(CTRL_GUEST_OFFLOADS),
    NAME(MTU),         NAME(MAC),           NAME(GSO),
    NAME(GUEST_TSO4),  NAME(GUEST_TSO6),    NAME(GUEST_ECN),
    NAME(GUEST_UFO),   NAME(HOST_TSO4),     NAME(HOST_TSO6),
    NAME(HOST_ECN),    NAME(HOST_UFO),      NAME(MRG_RXBUF),
    NAME(STATUS),      NAME(CTRL_VQ),       NAME(CTRL_RX),
    NAME(CTRL_VLAN),   NAME(CTRL_RX_EXTRA), NAME(GUEST_ANNOUNCE),
    NAME(MQ),          NAME(CTRL_MAC_ADDR), NAME(DEVICE_STATS),
    NAME(HASH_TUNNEL), NAME(VQ_NOTF_COAL),  NAME(NOTF_COAL),
    NAME(GUEST_USO4),  NAME(GUEST_USO6),    NAME(HOST_USO),
    NAME(HASH_REPORT), NAME(GUEST_HDRLEN),  NAME(RSS),
    NAME(RSC_EXT),     NAME(STANDBY),       NAME(SPEED_DUPLEX),
#undef NAME
};

static const struct bit_name console_names[] = {
#define NAME(feature)                                                                              \
    {                                                                                              \
        VIRTIO_CONSOLE_F_##feature, #feature                                                       \
    }
    NAME(SIZE),
    NAME(MULTIPORT),
    NAME(EMERG_WRITE),
#undef NAME
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
    uint32_t device_id;
    const struct bit_name *names;
    size_t count;
} types[] = {
    {VIRTIO_ID_NET, net_names, COUNT(net_names)},
    {VIRTIO_ID_BLOCK, block_names, COUNT(block_names)},
    {VIRTIO_ID_CONSOLE, console_names, COUNT(console_names)},
};

static const char *find(const struct bit_name *names, size_t count, struct feature_bit bit)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].bit.number == bit.number)
            return names[i].name;
    return NULL;
}

const char *feature_name(uint32_t device_id, struct feature_bit bit)
{
    const char *name = find(common_names, COUNT(common_names), bit);
    for (size_t i = 0; i < COUNT(types) && name == NULL; i++)
        if (types[i].device_id == device_id)
            name = find(types[i].names, types[i].count, bit);
    return name;
}
