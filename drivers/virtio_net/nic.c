/*
 * Bringing a virtio network device up: features, configuration, queues. What the device says of itself
 * is checked here, and replaced by what makes sense.
 */
#include "nic.h"

#include <libanole/anole.h>
#include <libvirtio/feature_bits.h>
#include <proto/rs.h>
#include <string.h>

#define ALLOW(feature)                                                                             \
    {                                                                                              \
        .bit = feature, .needs = FEATURE_NEEDS_NOTHING                                             \
    }
#define ALLOW_WITH(feature, need)                                                                  \
    {                                                                                              \
        .bit = feature, .needs = need                                                              \
    }

/* Needs are those of virtio 1.4, 5.1.3.1, and our own: a frame longer than a buffer needs MRG_RXBUF. */
/* Not VIRTIO_F_RING_RESET: QEMU 7.2 ends with a failed assertion when the receive ring is reset while
 * its back end holds a frame to be sent. The whole device is reset instead. */
static const struct feature_rule allowed[] = {
    {.bit = VIRTIO_F_VERSION_1, .needs = FEATURE_NEEDS_NOTHING, .required = true},
    ALLOW(VIRTIO_F_EVENT_IDX),
    ALLOW(VIRTIO_F_INDIRECT_DESC),
    ALLOW(VIRTIO_F_RING_PACKED),
    ALLOW(VIRTIO_F_ACCESS_PLATFORM),
    ALLOW(VIRTIO_F_ORDER_PLATFORM),
    ALLOW(VIRTIO_NET_F_MAC),
    ALLOW(VIRTIO_NET_F_STATUS),
    ALLOW(VIRTIO_NET_F_MTU),
    ALLOW(VIRTIO_NET_F_SPEED_DUPLEX),
    ALLOW(VIRTIO_NET_F_MRG_RXBUF),
    ALLOW(VIRTIO_NET_F_CSUM),
    ALLOW(VIRTIO_NET_F_GUEST_CSUM),
    ALLOW_WITH(VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM),
    ALLOW_WITH(VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM),
    ALLOW_WITH(VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_MRG_RXBUF),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_MRG_RXBUF),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4),
    ALLOW(VIRTIO_NET_F_GUEST_HDRLEN),
    ALLOW(VIRTIO_NET_F_CTRL_VQ),
    ALLOW_WITH(VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ),
    ALLOW_WITH(VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ),
    ALLOW_WITH(VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ),
    ALLOW_WITH(VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ),
    ALLOW_WITH(VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_STATUS),
};

/* Which of our features are there with which of the device's. */
static const struct {
    struct feature_bit bit;
    uint32_t flag;
} meanings[] = {
    {VIRTIO_NET_F_CSUM, NET_INFO_TX_CSUM},          {VIRTIO_NET_F_HOST_TSO4, NET_INFO_TX_TSO4},
    {VIRTIO_NET_F_HOST_TSO6, NET_INFO_TX_TSO6},     {VIRTIO_NET_F_HOST_ECN, NET_INFO_TX_ECN},
    {VIRTIO_NET_F_GUEST_CSUM, NET_INFO_RX_CSUM},    {VIRTIO_NET_F_GUEST_TSO4, NET_INFO_RX_TSO},
    {VIRTIO_NET_F_GUEST_TSO6, NET_INFO_RX_TSO},     {VIRTIO_NET_F_CTRL_RX, NET_INFO_RX_FILTER},
    {VIRTIO_NET_F_CTRL_VLAN, NET_INFO_VLAN_FILTER}, {VIRTIO_NET_F_CTRL_MAC_ADDR, NET_INFO_MAC_SET},
    {VIRTIO_NET_F_STATUS, NET_INFO_LINK_EVENTS},
};

/* Configuration space (virtio 1.4, 5.1.4): offset and width of each field. */
#define CONFIG_MAC_LOW 0u, 4u
#define CONFIG_MAC_HIGH 4u, 2u
#define CONFIG_STATUS 6u, 2u
#define CONFIG_PAIRS 8u, 2u
#define CONFIG_MTU 10u, 2u
#define CONFIG_SPEED 12u, 4u
#define CONFIG_DUPLEX 16u, 1u

#define STATUS_LINK_UP 1u
#define STATUS_ANNOUNCE 2u
#define SPEED_MAX 0x7fffffffu /* beyond: unknown */
#define DUPLEX_FULL 1u

#define MTU_DEFAULT 1500u
#define MTU_MIN 68u
/* With MRG_RXBUF any buffer will do; but not so small that a long frame takes too many of them. */
#define RX_BUFFER_MIN 512u
static_assert(NET_FRAME_BYTES_MAX / RX_BUFFER_MIN < NET_RX_PARTS_MAX, "the longest frame fits");

static int field(struct nic *nic, uint32_t offset, uint32_t width, uint64_t *value)
{
    struct virtio_config_field one = {.offset = offset, .width = width};
    int rc = virtio_config_read(&nic->device, &one, 1);
    *value = one.value;
    return rc;
}

/* ---- the link ---- */

/* Without STATUS the link is up (virtio 1.4, 5.1.4.2). */
static int link_read(struct nic *nic, struct net_link *link, bool *announce)
{
    struct virtio_config_field fields[3];
    unsigned count = 0;
    bool status = nic_has(nic, VIRTIO_NET_F_STATUS);
    bool speed = nic_has(nic, VIRTIO_NET_F_SPEED_DUPLEX);
    *link = (struct net_link){.up = true};
    *announce = false;
    if (status)
        fields[count++] = (struct virtio_config_field){CONFIG_STATUS, 0};
    if (speed) {
        fields[count++] = (struct virtio_config_field){CONFIG_SPEED, 0};
        fields[count++] = (struct virtio_config_field){CONFIG_DUPLEX, 0};
    }
    int rc = virtio_config_read(&nic->device, fields, count);
    if (rc < 0)
        return rc;
    if (status) {
        link->up = (fields[0].value & STATUS_LINK_UP) != 0;
        *announce = (fields[0].value & STATUS_ANNOUNCE) != 0 &&
                    nic_has(nic, VIRTIO_NET_F_GUEST_ANNOUNCE);
    }
    if (speed && fields[count - 2].value <= SPEED_MAX) {
        link->speed_mbits = (uint32_t)fields[count - 2].value;
        link->full_duplex = fields[count - 1].value == DUPLEX_FULL;
    }
    return 0;
}

void nic_link_read(struct nic *nic)
{
    struct net_link link;
    bool announce;
    if (virtio_device_needs_reset(&nic->device)) {
        nic_die(nic, NIC_NEEDS_RESET);
        return;
    }
    int rc = link_read(nic, &link, &announce);
    if (rc < 0) {
        log_printf(LOG_WARNING, "%s: configuration space after a change: %s", nic->net.name,
                   anole_error_text(rc));
        return;
    }
    net_server_link(&nic->net, &link, announce);
    if (announce && nic_announced(nic) < 0)
        log_printf(LOG_WARNING, "%s: the device doesn't want to know that it is announced",
                   nic->net.name);
}

/* ---- the address ---- */

static bool address_valid(const uint8_t *address)
{
    static const uint8_t zero[NET_ADDRESS_BYTES];
    return (address[0] & 1) == 0 && memcmp(address, zero, NET_ADDRESS_BYTES) != 0;
}

/* A locally administered address (virtio 1.4, 5.1.4.2), the same for each instance of the driver. */
static int make_address(uint8_t address[NET_ADDRESS_BYTES])
{
    struct message message = {.word = {0}};
    int rc = anole_call(startup_page()->rs, RS_KEPT, &message, DEADLINE_NEVER);
    uint64_t kept = message.word[0];
    if (rc < 0 || kept == 0) {
        uint64_t words[4];
        rc = kcall_random(words);
        if (rc < 0)
            return rc;
        kept = (words[0] & ~(uint64_t)1) | 2; /* not multicast, local */
        message = (struct message){.word = {kept}};
        rc = anole_call(startup_page()->rs, RS_KEEP, &message, DEADLINE_NEVER);
    }
    memcpy(address, &kept, NET_ADDRESS_BYTES);
    return rc;
}

static int read_address(struct nic *nic)
{
    struct net_info *info = &nic->net.info;
    struct virtio_config_field fields[] = {{CONFIG_MAC_LOW, 0}, {CONFIG_MAC_HIGH, 0}};
    if (nic_has(nic, VIRTIO_NET_F_MAC)) {
        int rc = virtio_config_read(&nic->device, fields, 2);
        if (rc < 0)
            return rc;
        uint64_t address = fields[0].value | fields[1].value << 32;
        memcpy(info->address, &address, NET_ADDRESS_BYTES);
        if (address_valid(info->address))
            return 0;
        log_printf(LOG_WARNING, "%s: its address %012lx can't be one, making one up", nic->net.name,
                   (unsigned long)address);
    }
    info->flags |= NET_INFO_MAC_RANDOM;
    return make_address(info->address);
}

/* ---- limits ---- */

static int read_mtu(struct nic *nic)
{
    struct net_info *info = &nic->net.info;
    uint64_t most = nic_has(nic, VIRTIO_NET_F_MRG_RXBUF) ? NET_FRAME_BYTES_MAX : NET_RX_BYTES_MAX;
    uint64_t mtu = MTU_DEFAULT;
    most -= NET_FRAME_MIN + NET_TAG_BYTES;
    int rc = nic_has(nic, VIRTIO_NET_F_MTU) ? field(nic, CONFIG_MTU, &mtu) : 0;
    if (rc < 0)
        return rc;
    if (mtu < MTU_MIN || mtu > most) {
        uint64_t instead = mtu < MTU_MIN ? MTU_DEFAULT : most;
        log_printf(LOG_WARNING, "%s: an MTU of %lu can't be used, taking %lu", nic->net.name,
                   (unsigned long)mtu, (unsigned long)instead);
        mtu = instead;
    }
    info->mtu_bytes = (uint16_t)mtu;
    info->tx_frame_max_bytes = (uint32_t)mtu + NET_FRAME_MIN;
    info->rx_buffer_min_bytes = nic_has(nic, VIRTIO_NET_F_MRG_RXBUF)
                                    ? RX_BUFFER_MIN
                                    : (uint32_t)mtu + NET_FRAME_MIN + NET_TAG_BYTES;
    return 0;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Of all pairs together. */
static unsigned slots_of(const struct nic *nic, const struct virtq *queue)
{
    /* Without indirect descriptors a buffer takes a ring slot for its header and one for each piece. */
    return nic->pairs * (queue->size / (virtq_has_indirect(queue) ? 1u : 2u));
}

static void describe(struct nic *nic)
{
    struct net_info *info = &nic->net.info;
    const struct virtq *rx = &nic->pair[0].rx.queue, *tx = &nic->pair[0].tx.queue;
    for (unsigned i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (nic_has(nic, meanings[i].bit))
            info->flags |= meanings[i].flag;
    if ((info->flags & (NET_INFO_TX_TSO4 | NET_INFO_TX_TSO6)) != 0)
        info->tx_segments_max_bytes = NET_FRAME_BYTES_MAX;
    info->rx_buffer_max_bytes = NET_RX_BYTES_MAX;
    info->tx_pieces_max = least(NET_PIECES_MAX, tx->size - 1u);
    info->tx_slots = slots_of(nic, tx);
    info->rx_slots = slots_of(nic, rx);
    nic->net.lanes = nic->pairs;
}

/* ---- bringing it up ---- */

static int memory_alloc(struct nic *nic, size_t len, void **address, uint64_t *device_address)
{
    struct virtio_platform *platform = nic->device.transport->platform;
    struct dma_memory memory;
    int rc = platform->dma_alloc(platform, len, &memory);
    if (rc < 0)
        return rc;
    *address = memory.address;
    *device_address = memory.device_address;
    return 0;
}

static int slots_alloc(struct nic *nic)
{
    void *rx, *tx, *control;
    uint64_t rx_device_address, tx_device_address;
    unsigned each = NIC_QUEUE_SIZE / nic->pairs;
    int rc = memory_alloc(nic, NIC_QUEUE_SIZE * sizeof(struct nic_rx_memory), &rx,
                          &rx_device_address);
    if (rc == 0)
        rc = memory_alloc(nic, NIC_QUEUE_SIZE * sizeof(struct nic_tx_memory), &tx,
                          &tx_device_address);
    if (rc == 0)
        rc = memory_alloc(nic, sizeof(struct nic_control_memory), &control,
                          &nic->control_device_address);
    if (rc < 0)
        return rc;
    nic->control_memory = control;
    for (unsigned i = 0; i < nic->pairs; i++) {
        struct nic_pair *pair = &nic->pair[i];
        size_t from = (size_t)i * each;
        pair->rx_memory = (struct nic_rx_memory *)rx + from;
        pair->tx_memory = (struct nic_tx_memory *)tx + from;
        pair->rx.memory_device_address = rx_device_address + from * sizeof(*pair->rx_memory);
        pair->tx.memory_device_address = tx_device_address + from * sizeof(*pair->tx_memory);
        pair->rx.slots = &nic->rx_slots[from];
        pair->tx.slots = &nic->tx_slots[from];
        nic_pair_init(pair, true);
    }
    return 0;
}

/* How many pairs the device has and we use, and where control is behind the former. */
static int read_pairs(struct nic *nic)
{
    uint64_t pairs = 1;
    int rc = nic_has(nic, VIRTIO_NET_F_MQ) ? field(nic, CONFIG_PAIRS, &pairs) : 0;
    if (rc < 0)
        return rc;
    if (pairs < 1 || NIC_QUEUE_RX(pairs) >= VIRTIO_QUEUES) {
        log_printf(LOG_WARNING, "%s: %lu pairs of queues can't be", nic->net.name,
                   (unsigned long)pairs);
        return -ANOLE_EPROTO;
    }
    nic->control_queue = (uint16_t)NIC_QUEUE_RX(pairs);
    nic->pairs = least((unsigned)pairs, NIC_PAIRS_MAX);
    return 0;
}

static int pair_open(struct nic *nic, unsigned i)
{
    struct nic_pair *pair = &nic->pair[i];
    uint16_t size = (uint16_t)(NIC_QUEUE_SIZE / nic->pairs);
    size_t from = (size_t)i * size;
    int rc = virtio_device_queue(&nic->device, &pair->rx.queue, (uint16_t)NIC_QUEUE_RX(i), size,
                                 &nic->rx_chains[from]);
    if (rc == 0)
        rc = virtio_device_queue(&nic->device, &pair->tx.queue, (uint16_t)NIC_QUEUE_TX(i), size,
                                 &nic->tx_chains[from]);
    /* A chain is never longer than its ring (virtio 1.4, 2.7.5.3.1). */
    if (rc == 0 && (pair->rx.queue.size < NIC_RX_TABLE_ENTRIES || pair->tx.queue.size < 2))
        rc = -ANOLE_EINVAL;
    return rc;
}

static int queues_open(struct nic *nic)
{
    int rc = read_pairs(nic);
    for (unsigned i = 0; i < nic->pairs && rc == 0; i++)
        rc = pair_open(nic, i);
    if (rc == 0 && nic_has(nic, VIRTIO_NET_F_CTRL_VQ))
        rc = virtio_device_queue(&nic->device, &nic->control, nic->control_queue,
                                 NIC_CONTROL_QUEUE_SIZE, nic->control_chains);
    if (rc == 0 && nic_has(nic, VIRTIO_NET_F_CTRL_VQ) && nic->control.size < 4)
        rc = -ANOLE_EINVAL;
    return rc;
}

static int open_failed(struct nic *nic, const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", nic->net.name, step, anole_error_text(error));
    virtio_device_fail(&nic->device);
    return error;
}

static int negotiate(struct nic *nic, struct virtio_transport *transport)
{
    int rc = virtio_device_open(&nic->device, transport, allowed,
                                sizeof(allowed) / sizeof(allowed[0]));
    bool long_header = nic_has(nic, VIRTIO_F_VERSION_1) || nic_has(nic, VIRTIO_NET_F_MRG_RXBUF);
    nic->header_len = long_header ? sizeof(struct nic_header)
                                  : offsetof(struct nic_header, num_buffers);
    return rc;
}

int nic_open(struct nic *nic, struct virtio_transport *transport, const char *name)
{
    memset(nic, 0, sizeof(*nic));
    nic->net = (struct net_device){.ops = &nic_ops, .name = name};
    int rc = negotiate(nic, transport);
    if (rc == -ANOLE_ENODEV)
        log_printf(LOG_ERROR, "%s: the device lacks feature %u", name,
                   nic->device.missing_feature.number);
    if (rc < 0)
        return open_failed(nic, "negotiation", rc);
    rc = queues_open(nic);
    if (rc < 0)
        return open_failed(nic, "its queues", rc);
    rc = read_address(nic);
    if (rc == 0)
        rc = read_mtu(nic);
    if (rc < 0)
        return open_failed(nic, "configuration space", rc);
    describe(nic);
    rc = slots_alloc(nic);
    if (rc < 0)
        return open_failed(nic, "memory for frames", rc);
    rc = virtio_device_start(&nic->device);
    return rc < 0 ? open_failed(nic, "start", rc) : 0;
}

/* Starting anew without dying: the queues and what was agreed upon are those of before. */
static int reopen(struct nic *nic)
{
    struct feature_set before = nic->device.features;
    int rc = negotiate(nic, nic->device.transport);
    if (rc == 0 && nic->device.features.mask != before.mask)
        rc = -ANOLE_EPROTO;
    for (unsigned i = 0; i < nic->pairs && rc == 0; i++) {
        rc = virtio_device_queue_again(&nic->device, &nic->pair[i].rx.queue);
        if (rc == 0)
            rc = virtio_device_queue_again(&nic->device, &nic->pair[i].tx.queue);
    }
    if (rc == 0 && nic_has(nic, VIRTIO_NET_F_CTRL_VQ))
        rc = virtio_device_queue_again(&nic->device, &nic->control);
    return rc < 0 ? rc : virtio_device_start(&nic->device);
}

static void forget(void *context, uint16_t token)
{
    (void)context;
    (void)token; /* libnet knows what the device had */
}

/* The receive rings alone: the first error, after which they are in no state to go on. */
static int rings_reset(struct nic *nic)
{
    int rc = 0;
    for (unsigned i = 0; i < nic->pairs && rc == 0; i++)
        rc = virtio_device_queue_reset(&nic->device, &nic->pair[i].rx.queue, forget, NULL);
    return rc;
}

bool nic_take_back(struct nic *nic)
{
    int rc = rings_reset(nic);
    bool all = rc < 0;
    if (all)
        rc = reopen(nic);
    if (rc < 0) {
        log_printf(LOG_ERROR, "%s: after a reset: %s", nic->net.name, anole_error_text(rc));
        nic_die(nic, NIC_NO_RESET);
        return all;
    }
    for (unsigned i = 0; i < nic->pairs; i++)
        nic_pair_init(&nic->pair[i], all);
    nic->config_changed = true; /* what it would have told meanwhile */
    return all;
}
