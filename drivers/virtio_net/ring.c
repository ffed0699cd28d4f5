/*
 * Frames: what libnet sends becomes a chain of header and data in the transmit ring, its buffers become
 * chains of header and space in the receive ring, and used elements become frames. This is the hot
 * path: one slot of memory and one ring slot a frame, no allocation, nothing read back but the used
 * element and, of what was received, the header, once.
 */
#include "nic.h"

#include <libanole/anole.h>
#include <libvirtio/barrier.h>
#include <libvirtio/feature_bits.h>
#include <string.h>

/* Header flags and segmentation types (virtio 1.4, 5.1.6). */
#define HDR_NEEDS_CSUM 1u
#define HDR_DATA_VALID 2u
#define HDR_GSO_NONE 0u
#define HDR_GSO_TCPV4 1u
#define HDR_GSO_TCPV6 4u
#define HDR_GSO_ECN 0x80u

#define NO_SLOT 0xffffu

static void ring_init(struct nic_ring *ring)
{
    unsigned count = ring->queue.size;
    for (unsigned i = 0; i < count; i++)
        ring->slots[i].next_free = (uint16_t)(i + 1 < count ? i + 1 : NO_SLOT);
    ring->free_slot = 0;
    ring->full = false;
}

void nic_pair_init(struct nic_pair *pair, bool both)
{
    ring_init(&pair->rx);
    if (both)
        ring_init(&pair->tx);
    pair->assembly.parts_wanted = 0;
}

static uint16_t slot_free(struct nic_ring *ring, uint16_t slot)
{
    ring->slots[slot].next_free = ring->free_slot;
    ring->free_slot = slot;
    ring->full = false;
    return ring->slots[slot].token;
}

/* A chain's data, behind its header. */
static void put_data(struct virtq_segment *chain, const struct dma_segment *segments,
                     unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        chain[i] = (struct virtq_segment){
            .device_address = segments[i].device_address,
            .len_bytes = (uint32_t)segments[i].len_bytes,
        };
}

/* What became of adding a chain in the next free slot. True: the slot is the token's. */
static bool added(struct nic *nic, struct nic_ring *ring, int rc, uint16_t token)
{
    if (rc == 0) {
        uint16_t slot = ring->free_slot;
        ring->free_slot = ring->slots[slot].next_free;
        ring->slots[slot].token = token;
        return true;
    }
    if (rc != -ANOLE_EAGAIN)
        nic_die(nic, NIC_BROKEN_RING);
    ring->full = true;
    return false;
}

/* ---- sending ---- */

static struct nic_header tx_header(const struct net_outgoing *frame)
{
    struct nic_header header = {.gso_type = HDR_GSO_NONE};
    if ((frame->flags & NET_TX_CSUM) == 0)
        return header;
    header.flags = HDR_NEEDS_CSUM;
    header.csum_start = NET_CSUM_START(frame->offload);
    header.csum_offset = NET_CSUM_OFFSET(frame->offload);
    header.gso_bytes = NET_GSO_BYTES(frame->offload);
    header.header_bytes = NET_HEADER_BYTES(frame->offload);
    if ((frame->flags & NET_TX_TSO4) != 0)
        header.gso_type = HDR_GSO_TCPV4;
    else if ((frame->flags & NET_TX_TSO6) != 0)
        header.gso_type = HDR_GSO_TCPV6;
    if ((frame->flags & NET_TX_ECN) != 0)
        header.gso_type |= HDR_GSO_ECN;
    return header;
}

static bool nic_send(struct net_device *device, const struct net_outgoing *frame)
{
    struct nic *nic = nic_of(device);
    struct nic_pair *pair = &nic->pair[frame->lane];
    uint16_t slot = pair->tx.free_slot;
    if (slot == NO_SLOT)
        return added(nic, &pair->tx, -ANOLE_EAGAIN, 0);
    struct nic_tx_memory *memory = &pair->tx_memory[slot];
    uint64_t address = pair->tx.memory_device_address + slot * sizeof(*memory);
    struct virtq_segment chain[NIC_TX_TABLE_ENTRIES];
    const struct virtq_table table = {memory->table, address, NIC_TX_TABLE_ENTRIES};

    memory->header = tx_header(frame);
    chain[0] = (struct virtq_segment){
        .device_address = address + offsetof(struct nic_tx_memory, header),
        .len_bytes = nic->header_len,
    };
    put_data(&chain[1], frame->segments, frame->segment_count);
    pair->tx.slots[slot].bytes = frame->bytes;
    int rc = virtq_add(&pair->tx.queue, chain, 1 + frame->segment_count, 0, &table, slot);
    return added(nic, &pair->tx, rc, frame->token);
}

static void reap_sent(struct nic *nic, struct nic_ring *ring)
{
    struct virtq_used used;
    int rc;
    while ((rc = virtq_take(&ring->queue, &used)) > 0) {
        virtio_count(&nic->counters, ring->slots[used.token].bytes, false);
        net_server_sent(&nic->net, slot_free(ring, used.token), 0);
    }
    if (rc < 0)
        nic_die(nic, NIC_BROKEN_RING);
}

/* ---- receiving ---- */

static bool nic_post(struct net_device *device, unsigned lane, uint16_t token,
                     const struct dma_segment *segments, unsigned count)
{
    struct nic *nic = nic_of(device);
    struct nic_pair *pair = &nic->pair[lane];
    uint16_t slot = pair->rx.free_slot;
    if (slot == NO_SLOT)
        return false;
    struct nic_rx_memory *memory = &pair->rx_memory[slot];
    uint64_t address = pair->rx.memory_device_address + slot * sizeof(*memory);
    struct virtq_segment chain[NIC_RX_TABLE_ENTRIES];
    const struct virtq_table table = {memory->table, address, NIC_RX_TABLE_ENTRIES};

    chain[0] = (struct virtq_segment){
        .device_address = address + offsetof(struct nic_rx_memory, header),
        .len_bytes = nic->header_len,
    };
    put_data(&chain[1], segments, count);
    int rc = virtq_add(&pair->rx.queue, chain, 0, 1 + count, &table, slot);
    return added(nic, &pair->rx, rc, token);
}

/* What the device says of a frame in our words; false: it says what was not agreed upon. Unknown flags
 * are ignored (virtio 1.4, 5.1.6.4.1); lengths and positions are libnet's to check. */
static bool header_read(const struct nic *nic, const struct nic_header *header,
                        struct net_incoming *frame)
{
    unsigned type = header->gso_type & ~HDR_GSO_ECN;
    if ((header->flags & HDR_NEEDS_CSUM) != 0) {
        frame->flags = NET_RX_CSUM_PARTIAL;
        frame->offload = NET_OFFLOAD(header->csum_start, header->csum_offset, 0, 0);
    } else if ((header->flags & HDR_DATA_VALID) != 0 && nic_has(nic, VIRTIO_NET_F_GUEST_CSUM)) {
        frame->flags = NET_RX_CSUM_GOOD;
    }
    if (type == HDR_GSO_NONE)
        return true;
    frame->offload |= NET_OFFLOAD(0, 0, header->gso_bytes, header->header_bytes);
    if ((header->gso_type & HDR_GSO_ECN) != 0)
        frame->flags |= NET_RX_ECN;
    frame->flags |= type == HDR_GSO_TCPV4 ? NET_RX_TSO4 : NET_RX_TSO6;
    return (type == HDR_GSO_TCPV4 && nic_has(nic, VIRTIO_NET_F_GUEST_TSO4)) ||
           (type == HDR_GSO_TCPV6 && nic_has(nic, VIRTIO_NET_F_GUEST_TSO6));
}

/* The first buffer of a frame: its header says how many there are. False: there can't be so many. */
static bool first_part(const struct nic *nic, struct nic_pair *pair, uint16_t slot, uint32_t len,
                       struct net_part *part)
{
    struct nic_assembly *assembly = &pair->assembly;
    struct nic_header header = {.flags = 0};
    memcpy(&header, &pair->rx_memory[slot].header, nic->header_len); /* read once */
    assembly->frame = (struct net_incoming){.parts = assembly->parts};
    assembly->bad = len < nic->header_len || !header_read(nic, &header, &assembly->frame);
    assembly->parts_wanted = nic_has(nic, VIRTIO_NET_F_MRG_RXBUF) ? header.num_buffers : 1;
    *part = (struct net_part){.bytes = len < nic->header_len ? 0 : len - nic->header_len};
    return assembly->parts_wanted >= 1 && assembly->parts_wanted <= NET_RX_PARTS_MAX &&
           assembly->parts_wanted <= pair->rx.queue.shown + 1u;
}

/* A later buffer: what would be the header's place has the frame's bytes, too. */
static void later_part(const struct nic *nic, const struct nic_pair *pair, uint16_t slot,
                       uint32_t len, struct net_part *part)
{
    *part = (struct net_part){.prefix_bytes = len < nic->header_len ? len : nic->header_len};
    part->bytes = len - part->prefix_bytes;
    memcpy(part->prefix, &pair->rx_memory[slot].header, part->prefix_bytes);
}

/* A buffer is used. 1: that completes a frame, 0: there is more to come, -EPROTO: it can't be. */
static int take_part(const struct nic *nic, struct nic_pair *pair, const struct virtq_used *used)
{
    struct nic_assembly *assembly = &pair->assembly;
    struct net_part part;
    if (assembly->parts_wanted > 0)
        later_part(nic, pair, used->token, used->len_bytes, &part);
    else if (!first_part(nic, pair, used->token, used->len_bytes, &part))
        return -ANOLE_EPROTO;
    part.token = slot_free(&pair->rx, used->token);
    assembly->parts[assembly->frame.count++] = part;
    assembly->frame.bytes += part.prefix_bytes + part.bytes;
    return assembly->frame.count == assembly->parts_wanted;
}

static void hand_over(struct nic *nic, struct nic_assembly *assembly)
{
    assembly->parts_wanted = 0;
    virtio_count(&nic->counters, assembly->frame.bytes, assembly->bad);
    if (assembly->bad)
        net_server_rejected(&nic->net, assembly->parts, assembly->frame.count);
    else
        net_server_received(&nic->net, &assembly->frame);
}

static unsigned reap_received(struct nic *nic, struct nic_pair *pair, unsigned budget)
{
    struct virtq_used used;
    unsigned frames = 0;
    int rc = 1;
    while (frames < budget && rc > 0) {
        rc = virtq_take(&pair->rx.queue, &used);
        int complete = rc > 0 ? take_part(nic, pair, &used) : 0;
        if (complete > 0) {
            hand_over(nic, &pair->assembly);
            frames++;
        } else if (complete < 0) {
            rc = complete;
        }
    }
    if (rc < 0)
        nic_die(nic, NIC_BROKEN_RING);
    return frames;
}

/* ---- both ---- */

static unsigned nic_reap(struct net_device *device, unsigned budget)
{
    struct nic *nic = nic_of(device);
    if (nic->config_changed) {
        nic->config_changed = false;
        nic_link_read(nic);
    }
    unsigned received = 0;
    for (unsigned i = 0; i < nic->pairs; i++) {
        struct nic_pair *pair = &nic->pair[(nic->turn + i) % nic->pairs];
        /* Awake, it looks by itself: a device without EVENT_IDX needn't interrupt. */
        virtq_disarm(&pair->rx.queue);
        virtq_disarm(&pair->tx.queue);
        reap_sent(nic, &pair->tx);
        received += reap_received(nic, pair, budget - received);
    }
    nic->turn = nic->turn + 1 < nic->pairs ? nic->turn + 1 : 0;
    return received;
}

static void kick(struct nic *nic, struct virtq *queue)
{
    bool news = queue->added != 0;
    int rc = virtq_kick(queue);
    if (rc < 0)
        nic_die(nic, NIC_BROKEN_RING);
    else if (rc > 0)
        nic->net.stats.kicks++;
    else if (news)
        nic->net.stats.kicks_suppressed++;
}

static void nic_kick(struct net_device *device)
{
    struct nic *nic = nic_of(device);
    struct virtio_platform *platform = nic->device.transport->platform;
    uint32_t now_ms = (uint32_t)(platform->now_us(platform) / 1000);
    for (unsigned i = 0; i < nic->pairs; i++) {
        struct nic_pair *pair = &nic->pair[i];
        virtq_set_time(&pair->tx.queue, now_ms);
        virtq_set_time(&pair->rx.queue, now_ms);
        kick(nic, &pair->tx.queue);
        kick(nic, &pair->rx.queue);
    }
}

/* One interrupt when all is sent; earlier if somebody waits for room. */
static int arm_sent(struct nic_ring *ring)
{
    unsigned shown = ring->queue.shown;
    return shown == 0 ? 0 : virtq_arm(&ring->queue, (uint16_t)(ring->full ? shown / 2 + 1 : shown));
}

static bool nic_arm(struct net_device *device, bool sending)
{
    struct nic *nic = nic_of(device);
    bool more = false;
    for (unsigned i = 0; i < nic->pairs; i++) {
        int received = virtq_arm(&nic->pair[i].rx.queue, 1);
        int sent = sending ? arm_sent(&nic->pair[i].tx) : 0;
        if (received < 0 || sent < 0)
            nic_die(nic, NIC_BROKEN_RING);
        more |= received > 0 || sent > 0;
    }
    return more;
}

bool nic_interrupt(struct nic *nic, uint64_t bits)
{
    uint64_t first = NOTIFY_BIT(NET_DEVICE_BIT);
    unsigned causes = virtio_interrupt_causes(nic->device.transport, (bits & first) != 0,
                                              (bits & ~first) != 0);
    /* The acknowledgement comes before the look at the rings: what is used later interrupts anew. */
    io_mb();
    if ((causes & VIRTIO_INTERRUPT_CONFIG) != 0)
        nic->config_changed = true;
    return causes != 0;
}

static void nic_notified(struct net_device *device, uint64_t bits)
{
    device->stats.interrupts++;
    if (!nic_interrupt(nic_of(device), bits))
        device->stats.spurious_interrupts++;
}

static void nic_check(struct net_device *device)
{
    struct nic *nic = nic_of(device);
    struct virtio_transport *transport = nic->device.transport;
    if (virtio_device_needs_reset(&nic->device))
        nic_die(nic, NIC_NEEDS_RESET);
    /* QEMU's device asks for the wrong kick, with packed rings and EVENT_IDX, after what is behind it
     * has taken no frames for a while; and a kick may get lost. What lies there for long is shown
     * again. */
    else
        for (unsigned i = 0; i < nic->pairs; i++)
            if (nic->pair[i].tx.queue.shown > 0)
                transport->ops->notify(transport, (uint16_t)NIC_QUEUE_TX(i), 0);
}

static int nic_spread(struct net_device *device, bool wide)
{
    struct nic *nic = nic_of(device);
    return nic_pairs_set(nic, wide ? nic->pairs : 1);
}

static bool take_back(struct net_device *device)
{
    return nic_take_back(nic_of(device));
}

static void nic_stuck(struct net_device *device)
{
    nic_die(nic_of(device), NIC_STUCK);
}

static void nic_quiesce(struct net_device *device)
{
    struct virtio_transport *transport = nic_of(device)->device.transport;
    (void)transport->ops->reset(transport); /* devman resets it again before anyone gets it */
}

const struct net_device_ops nic_ops = {
    .send = nic_send,
    .post = nic_post,
    .kick = nic_kick,
    .reap = nic_reap,
    .arm = nic_arm,
    .notified = nic_notified,
    .check = nic_check,
    .take_back = take_back,
    .spread = nic_spread,
    .filter = nic_filter,
    .vlan = nic_vlan,
    .mac_set = nic_mac_set,
    .stuck = nic_stuck,
    .quiesce = nic_quiesce,
};
