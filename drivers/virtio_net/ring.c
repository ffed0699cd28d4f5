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

void nic_ring_init(struct nic_ring *ring)
{
    unsigned count = ring->queue.size;
    for (unsigned i = 0; i < count; i++)
        ring->slots[i].next_free = (uint16_t)(i + 1 < count ? i + 1 : NO_SLOT);
    ring->free_slot = 0;
    ring->full = false;
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
    uint16_t slot = nic->tx.free_slot;
    if (slot == NO_SLOT)
        return added(nic, &nic->tx, -ANOLE_EAGAIN, 0);
    struct nic_tx_memory *memory = &nic->tx_memory[slot];
    uint64_t address = nic->tx.memory_device_address + slot * sizeof(*memory);
    struct virtq_segment chain[NIC_TX_TABLE_ENTRIES];
    const struct virtq_table table = {memory->table, address, NIC_TX_TABLE_ENTRIES};

    memory->header = tx_header(frame);
    chain[0] = (struct virtq_segment){
        .device_address = address + offsetof(struct nic_tx_memory, header),
        .len_bytes = nic->header_len,
    };
    put_data(&chain[1], frame->segments, frame->segment_count);
    nic->tx.slots[slot].bytes = frame->bytes;
    int rc = virtq_add(&nic->tx.queue, chain, 1 + frame->segment_count, 0, &table, slot);
    return added(nic, &nic->tx, rc, frame->token);
}

static void reap_sent(struct nic *nic)
{
    struct virtq_used used;
    int rc;
    while ((rc = virtq_take(&nic->tx.queue, &used)) > 0) {
        virtio_count(&nic->counters, nic->tx.slots[used.token].bytes, false);
        net_server_sent(&nic->net, slot_free(&nic->tx, used.token), 0);
    }
    if (rc < 0)
        nic_die(nic, NIC_BROKEN_RING);
}

/* ---- receiving ---- */

static bool nic_post(struct net_device *device, uint16_t token, const struct dma_segment *segments,
                     unsigned count)
{
    struct nic *nic = nic_of(device);
    uint16_t slot = nic->rx.free_slot;
    if (slot == NO_SLOT)
        return false;
    struct nic_rx_memory *memory = &nic->rx_memory[slot];
    uint64_t address = nic->rx.memory_device_address + slot * sizeof(*memory);
    struct virtq_segment chain[NIC_RX_TABLE_ENTRIES];
    const struct virtq_table table = {memory->table, address, NIC_RX_TABLE_ENTRIES};

    chain[0] = (struct virtq_segment){
        .device_address = address + offsetof(struct nic_rx_memory, header),
        .len_bytes = nic->header_len,
    };
    put_data(&chain[1], segments, count);
    int rc = virtq_add(&nic->rx.queue, chain, 0, 1 + count, &table, slot);
    return added(nic, &nic->rx, rc, token);
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
static bool first_part(struct nic *nic, uint16_t slot, uint32_t len, struct net_part *part)
{
    struct nic_header header = {.flags = 0};
    memcpy(&header, &nic->rx_memory[slot].header, nic->header_len); /* read once */
    nic->frame = (struct net_incoming){.parts = nic->parts};
    nic->frame_bad = len < nic->header_len || !header_read(nic, &header, &nic->frame);
    nic->parts_wanted = nic_has(nic, VIRTIO_NET_F_MRG_RXBUF) ? header.num_buffers : 1;
    *part = (struct net_part){.bytes = len < nic->header_len ? 0 : len - nic->header_len};
    return nic->parts_wanted >= 1 && nic->parts_wanted <= NET_RX_PARTS_MAX &&
           nic->parts_wanted <= nic->rx.queue.shown + 1u;
}

/* A later buffer: what would be the header's place has the frame's bytes, too. */
static void later_part(const struct nic *nic, uint16_t slot, uint32_t len, struct net_part *part)
{
    *part = (struct net_part){.prefix_bytes = len < nic->header_len ? len : nic->header_len};
    part->bytes = len - part->prefix_bytes;
    memcpy(part->prefix, &nic->rx_memory[slot].header, part->prefix_bytes);
}

/* A buffer is used. 1: that completes a frame, 0: there is more to come, -EPROTO: it can't be. */
static int take_part(struct nic *nic, const struct virtq_used *used)
{
    struct net_part part;
    if (nic->parts_wanted > 0)
        later_part(nic, used->token, used->len_bytes, &part);
    else if (!first_part(nic, used->token, used->len_bytes, &part))
        return -ANOLE_EPROTO;
    part.token = slot_free(&nic->rx, used->token);
    nic->parts[nic->frame.count++] = part;
    nic->frame.bytes += part.prefix_bytes + part.bytes;
    return nic->frame.count == nic->parts_wanted;
}

static void hand_over(struct nic *nic)
{
    nic->parts_wanted = 0;
    virtio_count(&nic->counters, nic->frame.bytes, nic->frame_bad);
    if (nic->frame_bad)
        net_server_rejected(&nic->net, nic->parts, nic->frame.count);
    else
        net_server_received(&nic->net, &nic->frame);
}

static unsigned reap_received(struct nic *nic, unsigned budget)
{
    struct virtq_used used;
    unsigned frames = 0;
    int rc = 1;
    while (frames < budget && rc > 0) {
        rc = virtq_take(&nic->rx.queue, &used);
        int complete = rc > 0 ? take_part(nic, &used) : 0;
        if (complete > 0) {
            hand_over(nic);
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
    /* Awake, it looks by itself: a device without EVENT_IDX needn't interrupt. */
    virtq_disarm(&nic->rx.queue);
    virtq_disarm(&nic->tx.queue);
    reap_sent(nic);
    return reap_received(nic, budget);
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
    virtq_set_time(&nic->tx.queue, now_ms);
    virtq_set_time(&nic->rx.queue, now_ms);
    kick(nic, &nic->tx.queue);
    kick(nic, &nic->rx.queue);
}

static bool nic_arm(struct net_device *device, bool sending)
{
    struct nic *nic = nic_of(device);
    int received = virtq_arm(&nic->rx.queue, 1);
    int sent = 0;
    if (sending) {
        /* One interrupt when all is sent; earlier if somebody waits for room. */
        unsigned shown = nic->tx.queue.shown;
        sent = virtq_arm(&nic->tx.queue, (uint16_t)(nic->tx.full ? shown / 2 + 1 : shown));
    }
    if (received < 0 || sent < 0)
        nic_die(nic, NIC_BROKEN_RING);
    return received > 0 || sent > 0;
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
    else if (nic->tx.queue.shown > 0)
        transport->ops->notify(transport, NIC_QUEUE_TX, 0);
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
    .filter = nic_filter,
    .vlan = nic_vlan,
    .mac_set = nic_mac_set,
    .stuck = nic_stuck,
    .quiesce = nic_quiesce,
};
