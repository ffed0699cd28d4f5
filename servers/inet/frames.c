/*
 * Frames. Those that come stay where the device wrote them: a packet buffer refers to them until lwIP or
 * a socket is done with it. Those that go are copied once, into slots of the pool that the driver's
 * device reads, and from there may go together (offload.c).
 */
#include "interface.h"

#include <lwip/prot/ethernet.h>
#include <lwip/tcp.h>
#include <lwip/priv/tcp_priv.h>
#include <string.h>

/* When lwIP and the sockets keep so many, what comes is copied: nobody who doesn't read takes from
 * others what they receive with. */
#define RX_KEPT_MAX (RX_BUFFERS / 4)

void frames_init(struct interface *interface)
{
    size_t len;

    interface->slots = net_client_pool(interface->client, &len);
    for (uint16_t i = 0; i < TX_SLOTS; i++)
        interface->free_slots[interface->free_count++] = i;
}

/* Not of what may have to be cut into fragments: connections that are older than an MTU set by hand send
 * what is longer than it. */
static bool makes_checksums(const struct interface *interface)
{
    return (net_client_info(interface->client)->flags & NET_INFO_TX_CSUM) != 0 &&
           interface->wish.mtu_bytes == 0;
}

/* Whether what came is to be summed, and what goes. UDP's checksums are lwIP's: it cuts long datagrams
 * into fragments, which no device can sum. */
static void checksums(struct interface *interface, bool vouched_for)
{
    uint16_t control = NETIF_CHECKSUM_ENABLE_ALL;

    if (vouched_for)
        control &= (uint16_t) ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
    if (makes_checksums(interface))
        control &= (uint16_t)~NETIF_CHECKSUM_GEN_TCP;
    NETIF_SET_CHECKSUM_CTRL(&interface->netif, control);
}

void frames_begin(struct interface *interface)
{
    checksums(interface, false);
}

/* ---- sending ---- */

void frames_put(struct interface *interface, const struct net_frame *frame)
{
    /* It takes as many frames as there are slots. */
    if (net_send(interface->client, frame) != 0)
        panic("%s: libnet refuses a frame", interface->name);
}

err_t frames_send(struct netif *netif, struct pbuf *packet)
{
    struct interface *interface = netif->state;
    struct inet_traffic *traffic = &interface->traffic;

    if (packet->tot_len > TX_FRAME_MAX || packet->tot_len < SIZEOF_ETH_HDR)
        return ERR_BUF;
    if (interface->free_count == 0) {
        interface->full = true;
        traffic->tx_full++;
        return ERR_MEM; /* see frames_drained() */
    }
    uint16_t slot = interface->free_slots[--interface->free_count];
    /* Aligned as it is: most of it is copied in whole words. */
    uint8_t *data = interface->slots + slot * TX_SLOT_BYTES +
                    (uintptr_t)packet->payload % TX_ALIGNMENT;
    (void)pbuf_copy_partial(packet, data, packet->tot_len, 0);
    interface->next_slot[slot] = NO_SLOT;
    traffic->tx_frames++;
    traffic->tx_bytes += packet->tot_len;
    if (makes_checksums(interface)) {
        offload_send(interface, slot, data, packet->tot_len);
    } else {
        struct net_frame frame;
        frame_of_slot(&frame, slot, data, packet->tot_len);
        frames_put(interface, &frame);
    }
    return ERR_OK;
}

void frames_sent(struct interface *interface, const struct net_event *event)
{
    for (uint16_t slot = (uint16_t)event->tag; slot != NO_SLOT; slot = interface->next_slot[slot])
        interface->free_slots[interface->free_count++] = slot;
    if (event->status != 0)
        interface->traffic.tx_errors++;
}

void frames_drained(struct interface *interface)
{
    if (!interface->full || interface->free_count < TX_SLOTS / 2)
        return;
    interface->full = false;
    for (struct tcp_pcb *tcp = tcp_active_pcbs; tcp; tcp = tcp->next)
        if (tcp->unsent)
            (void)tcp_output(tcp);
    for (struct socket *socket = socket_next(NULL); socket; socket = socket_next(socket))
        if (socket->type != SOCK_TYPE_STREAM)
            datagram_serve(socket);
}

/* ---- receiving ---- */

static void rx_free(struct pbuf *pbuf)
{
    struct rx_buffer *buffer = (struct rx_buffer *)(void *)pbuf;

    buffer->interface->rx_kept--;
    net_give_back(buffer->interface->client, buffer->number);
}

static struct pbuf *rx_wrap(struct interface *interface, const struct net_client_part *part)
{
    struct rx_buffer *buffer = &interface->rx[part->buffer];

    *buffer = (struct rx_buffer){
        .pbuf.custom_free_function = rx_free,
        .interface = interface,
        .number = part->buffer,
    };
    interface->rx_kept++;
    return pbuf_alloced_custom(PBUF_RAW, (uint16_t)part->bytes, PBUF_REF, &buffer->pbuf, part->data,
                               (uint16_t)part->bytes);
}

static struct pbuf *rx_chain(struct interface *interface, const struct net_event *event)
{
    struct pbuf *packet = NULL;

    for (unsigned i = 0; i < event->part_count; i++) {
        struct pbuf *part = rx_wrap(interface, &event->part[i]);
        if (packet)
            pbuf_cat(packet, part);
        else
            packet = part;
    }
    return packet;
}

static void give_back(struct interface *interface, const struct net_event *event)
{
    for (unsigned i = 0; i < event->part_count; i++)
        net_give_back(interface->client, event->part[i].buffer);
}

/* NULL: there is no memory. The frame's buffers are the driver's again. */
static struct pbuf *rx_copy(struct interface *interface, const struct net_event *event)
{
    struct pbuf *packet = pbuf_alloc(PBUF_RAW, (uint16_t)event->bytes, PBUF_RAM);
    uint8_t *to = packet ? packet->payload : NULL;

    for (unsigned i = 0; packet && i < event->part_count; i++) {
        memcpy(to, event->part[i].data, event->part[i].bytes);
        to += event->part[i].bytes;
    }
    give_back(interface, event);
    interface->traffic.rx_copied += packet != NULL;
    return packet;
}

void frames_received(struct interface *interface, const struct net_event *event)
{
    struct netif *netif = &interface->netif;
    struct inet_traffic *traffic = &interface->traffic;

    if (!interface->known || event->bytes > UINT16_MAX) {
        give_back(interface, event);
        traffic->rx_errors++;
        return;
    }
    traffic->rx_frames++;
    traffic->rx_bytes += event->bytes;
    intake_frame();
    if (sieve_is_futile(event->part[0].data, event->part[0].bytes)) {
        give_back(interface, event);
        return;
    }
    /* What the device vouches for, or what never left this machine, isn't summed again. */
    checksums(interface, (event->flags & (NET_RX_CSUM_GOOD | NET_RX_CSUM_PARTIAL)) != 0);
    struct pbuf *packet = interface->rx_kept < RX_KEPT_MAX ? rx_chain(interface, event)
                                                           : rx_copy(interface, event);
    if (!packet) {
        traffic->rx_dropped++;
        return;
    }
    bool passes = sieve_passes(packet);
    traffic->rx_errors += !passes;
    if (!passes || netif->input(packet, netif) != ERR_OK)
        pbuf_free(packet);
    half_open_shed();
}
