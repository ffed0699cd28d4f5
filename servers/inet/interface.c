/*
 * Network interfaces: lwIP's netif on one side, libnet's client on the other.
 *
 * Frames that come stay where the device wrote them: a packet buffer refers to them until lwIP or a
 * socket is done with it. Frames that go are copied once, into slots of the pool that the driver's
 * device reads.
 *
 * A driver may die at any time. The interface keeps its addresses, routes and neighbours, and every
 * connection is kept; when the next driver is there, each of them sends its oldest unacknowledged
 * segment at once, and a window update, rather than wait for timers of a second.
 */
#include "inet.h"

#include <libnet/client.h>
#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/snmp.h>
#include <netif/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TX_SLOTS 128u
#define TX_SLOT_BYTES 2048u
#define RX_BUFFERS 512u
#define RX_BUFFER_BYTES 2048u
/* When lwIP and the sockets keep so many, what comes is copied: nobody who doesn't read takes from
 * others what they receive with. */
#define RX_KEPT_MAX (RX_BUFFERS / 4)

#define RESUME_ACKS 4 /* a window update, and three that repeat it */

/* A receive buffer that lwIP has. */
struct rx_buffer {
    struct pbuf_custom pbuf; /* first: lwIP gives it back */
    struct interface *interface;
    uint16_t number;
};

struct interface {
    char name[8];
    struct netif netif;
    struct net_client *client;
    uint8_t *slots; /* TX_SLOTS of them, in the pool */
    uint16_t free_slots[TX_SLOTS];
    unsigned free_count;
    bool full;  /* something couldn't be sent for want of a slot */
    bool known; /* the device's address is, and so the interface is there for lwIP */
    unsigned rx_kept;
    struct rx_buffer rx[RX_BUFFERS];
};

static struct interface *interfaces[INTERFACES];
static unsigned interface_count;

/* ---- sending ---- */

static err_t send(struct netif *netif, struct pbuf *packet)
{
    struct interface *interface = netif->state;
    struct net_frame frame = {.piece_count = 1};

    if (packet->tot_len > TX_SLOT_BYTES)
        return ERR_BUF;
    if (interface->free_count == 0) {
        interface->full = true;
        MIB2_STATS_NETIF_INC(netif, ifoutdiscards);
        return ERR_MEM; /* see drained() */
    }
    uint16_t slot = interface->free_slots[interface->free_count - 1];
    uint8_t *data = interface->slots + slot * TX_SLOT_BYTES;
    (void)pbuf_copy_partial(packet, data, packet->tot_len, 0);
    frame.piece[0] = data;
    frame.piece_bytes[0] = packet->tot_len;
    frame.tag = slot;
    if (net_send(interface->client, &frame) != 0) {
        MIB2_STATS_NETIF_INC(netif, ifoutdiscards);
        return ERR_MEM;
    }
    interface->free_count--;
    MIB2_STATS_NETIF_ADD(netif, ifoutoctets, packet->tot_len);
    MIB2_STATS_NETIF_INC(netif, ifoutucastpkts);
    return ERR_OK;
}

static void sent(struct interface *interface, const struct net_event *event)
{
    interface->free_slots[interface->free_count++] = (uint16_t)event->tag;
    if (event->status != 0)
        MIB2_STATS_NETIF_INC(&interface->netif, ifouterrors);
}

bool interfaces_full(void)
{
    for (unsigned i = 0; i < interface_count; i++)
        if (interfaces[i]->full)
            return true;
    return false;
}

/* There is room for what couldn't be sent. */
static void drained(struct interface *interface)
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
    return packet;
}

static void received(struct interface *interface, const struct net_event *event)
{
    struct netif *netif = &interface->netif;

    if (!interface->known || event->bytes > UINT16_MAX) {
        give_back(interface, event);
        if (interface->known)
            MIB2_STATS_NETIF_INC(netif, ifinerrors);
        return;
    }
    /* What the device vouches for, or what never left this machine, isn't summed again. */
    bool good = (event->flags & (NET_RX_CSUM_GOOD | NET_RX_CSUM_PARTIAL)) != 0;
    NETIF_SET_CHECKSUM_CTRL(netif, good ? NETIF_CHECKSUM_ENABLE_ALL &
                                              ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)
                                        : NETIF_CHECKSUM_ENABLE_ALL);
    struct pbuf *packet = interface->rx_kept < RX_KEPT_MAX ? rx_chain(interface, event)
                                                           : rx_copy(interface, event);
    if (!packet)
        MIB2_STATS_NETIF_INC(netif, ifindiscards);
    else if (netif->input(packet, netif) != ERR_OK)
        pbuf_free(packet);
}

/* ---- the driver comes and goes ---- */

static err_t netif_begin(struct netif *netif)
{
    const struct interface *interface = netif->state;
    const struct net_info *info = net_client_info(interface->client);

    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send;
    netif->flags |= NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                    NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->hostname = "anole";
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, info->address, sizeof(info->address));
    netif->mtu = LWIP_MIN(info->mtu_bytes, TX_SLOT_BYTES - SIZEOF_ETH_HDR);
    netif->mtu6 = netif->mtu;
    return ERR_OK;
}

/* The first driver: now it is known what the interface is. */
static void interface_begin(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    if (!netif_add(netif, NULL, NULL, NULL, interface, netif_begin, ethernet_input))
        panic("%s: lwIP refuses it", interface->name);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    netif_create_ip6_linklocal_address(netif, 1);
    if (!netif_default)
        netif_set_default(netif);
    netif_set_up(netif);
    interface->known = true;
}

/*
 * What was on its way when a driver died may be lost. Each connection sends its oldest unacknowledged
 * segment; losing it says nothing of the network, and counts for nothing. What the peer may have sent
 * it hears of by as many acknowledgements as make it send again at once (RFC 5681, 3.2).
 */
static void connection_resume(struct tcp_pcb *tcp)
{
    tcp->nrtx = 0;
    if (tcp->unacked && tcp_rexmit(tcp) == ERR_OK) {
        tcp->nrtx = 0;
        tcp->rtime = 0;
        (void)tcp_output(tcp);
    }
    if (tcp->persist_backoff > 0)
        (void)tcp_zero_window_probe(tcp);
    for (unsigned i = 0; tcp->state >= ESTABLISHED && i < RESUME_ACKS; i++)
        (void)tcp_send_empty_ack(tcp);
}

static void connections_resume(const struct netif *netif)
{
    for (struct tcp_pcb *tcp = tcp_active_pcbs; tcp; tcp = tcp->next)
        if (ip_route(&tcp->local_ip, &tcp->remote_ip) == netif)
            connection_resume(tcp);
}

static void link_is(struct interface *interface, uint32_t link)
{
    struct netif *netif = &interface->netif;
    bool up = (link & NET_LINK_UP) != 0;

    if (!interface->known)
        return;
    if (up && !netif_is_link_up(netif)) {
        netif_set_link_up(netif);
        if (!netif_dhcp_data(netif))
            (void)dhcp_start(netif);
    } else if (!up) {
        netif_set_link_down(netif);
    } else if (link & NET_LINK_ANNOUNCE) {
        etharp_gratuitous(netif);
    }
}

static void driver_up(struct interface *interface, const struct net_event *event)
{
    bool again = interface->known;

    if (!again)
        interface_begin(interface);
    link_is(interface, event->link);
    if (again && (event->link & NET_LINK_UP))
        connections_resume(&interface->netif);
}

static void happened(struct interface *interface, const struct net_event *event)
{
    switch (event->kind) {
    case NET_EVENT_SENT:
        sent(interface, event);
        break;
    case NET_EVENT_FRAME:
        received(interface, event);
        break;
    case NET_EVENT_LINK:
        link_is(interface, event->link);
        break;
    case NET_EVENT_UP:
        driver_up(interface, event);
        break;
    case NET_EVENT_DOWN:
        if (event->status == -ANOLE_EGIVENUP && interface->known)
            netif_set_link_down(&interface->netif);
        break;
    }
}

/* ---- in the server's loop ---- */

int interface_open(const char *name)
{
    struct net_client_options options = {
        .pool_bytes = TX_SLOTS * TX_SLOT_BYTES,
        .rx_buffers = RX_BUFFERS,
        .rx_buffer_bytes = RX_BUFFER_BYTES,
        .tx_depth = TX_SLOTS,
        .notify_bit = BIT_INTERFACES + 2 * interface_count,
    };
    struct interface *interface;
    size_t len;

    if (interface_count == INTERFACES)
        return -ANOLE_ENOSPC;
    interface = calloc(1, sizeof(*interface));
    if (!interface)
        return -ANOLE_ENOMEM;
    snprintf(interface->name, sizeof(interface->name), "%s", name);
    int error = net_open(&interface->client, name, &options);
    if (error) {
        free(interface);
        return error;
    }
    interface->slots = net_client_pool(interface->client, &len);
    for (uint16_t i = 0; i < TX_SLOTS; i++)
        interface->free_slots[interface->free_count++] = i;
    (void)net_mode(interface->client,
                   NET_MODE_UNICAST | NET_MODE_BROADCAST | NET_MODE_ALL_MULTICAST, NULL, 0);
    interfaces[interface_count++] = interface;
    return 0;
}

void interfaces_notified(uint64_t bits)
{
    for (unsigned i = 0; i < interface_count; i++)
        net_notified(interfaces[i]->client, bits);
}

static void interface_step(struct interface *interface)
{
    static struct net_event event;

    net_step(interface->client);
    for (unsigned taken = 0; taken < EVENTS_A_ROUND && net_next(interface->client, &event); taken++)
        happened(interface, &event);
    drained(interface);
    net_step(interface->client); /* what that made to be sent */
}

bool interfaces_step(void)
{
    bool more = false;

    for (unsigned i = 0; i < interface_count; i++) {
        interface_step(interfaces[i]);
        more |= net_arm(interfaces[i]->client);
    }
    return more;
}

uint64_t interfaces_deadline(void)
{
    uint64_t deadline = DEADLINE_NEVER;

    for (unsigned i = 0; i < interface_count; i++) {
        uint64_t due = net_deadline(interfaces[i]->client);
        deadline = due < deadline ? due : deadline;
    }
    return deadline;
}
