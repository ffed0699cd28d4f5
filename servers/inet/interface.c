/*
 * The table of interfaces, and drivers that come and go.
 *
 * A driver may die at any time. The interface keeps its addresses, routes and neighbours, and every
 * connection is kept; when the next driver is there, libnet sends again what wasn't confirmed, and
 * resume.c goes on with the connections. A link that goes and comes takes the same path.
 */
#include "interface.h"

#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MS 3000u /* an interface that isn't there by then is worth a word */

static struct interface *interfaces[INTERFACES];
static unsigned interface_count;

struct interface *interface_next(const struct interface *interface)
{
    unsigned i = 0;

    while (interface && interfaces[i++] != interface)
        continue;
    return i < interface_count ? interfaces[i] : NULL;
}

struct interface *interface_find(const char *name)
{
    for (unsigned i = 0; i < interface_count; i++)
        if (strcmp(interfaces[i]->name, name) == 0)
            return interfaces[i];
    return NULL;
}

/* ---- the driver comes and goes ---- */

static err_t netif_begin(struct netif *netif)
{
    const struct interface *interface = netif->state;

    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = frames_send;
    netif->flags |= NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                    NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->hostname = "anole";
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, net_client_info(interface->client)->address, ETH_HWADDR_LEN);
    return ERR_OK;
}

/* The first driver: now it is known what the interface is. */
static void interface_begin(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    if (!netif_add(netif, NULL, NULL, NULL, interface, netif_begin, ethernet_input))
        panic("%s: lwIP refuses it", interface->name);
    interface->known = true;
    configure_begin(interface);
}

static void link_is(struct interface *interface, uint32_t link)
{
    struct netif *netif = &interface->netif;
    bool up = (link & NET_LINK_UP) != 0, was_up = netif_is_link_up(netif);

    if (!interface->known)
        return;
    if (up != was_up)
        configure_link(interface, up);
    if (up && !was_up)
        connections_resume(interface);
    else if (up && (link & NET_LINK_ANNOUNCE))
        etharp_gratuitous(netif);
}

static void driver_up(struct interface *interface, const struct net_event *event)
{
    bool resumes = interface->known && netif_is_link_up(&interface->netif);

    interface->given_up = false;
    if (!interface->known)
        interface_begin(interface);
    frames_begin(interface);
    link_is(interface, event->link);
    if (resumes && (event->link & NET_LINK_UP))
        connections_resume(interface);
}

static void driver_down(struct interface *interface, const struct net_event *event)
{
    if (event->status != -ANOLE_EGIVENUP)
        return;
    interface->given_up = true;
    link_is(interface, 0);
}

static void happened(struct interface *interface, const struct net_event *event)
{
    switch (event->kind) {
    case NET_EVENT_SENT:
        frames_sent(interface, event);
        break;
    case NET_EVENT_FRAME:
        frames_received(interface, event);
        break;
    case NET_EVENT_LINK:
        link_is(interface, event->link);
        break;
    case NET_EVENT_UP:
        driver_up(interface, event);
        break;
    case NET_EVENT_DOWN:
        driver_down(interface, event);
        break;
    }
}

/* ---- in the server's loop ---- */

static void on_late(void *argument)
{
    const struct interface *interface = argument;

    if (!interface->known)
        log_printf(LOG_INFO, "%s: no driver so far", interface->name);
    else if (!netif_is_link_up(&interface->netif))
        log_printf(LOG_WARNING, "%s: no link so far", interface->name);
}

static struct interface *interface_make(const char *name, const struct interface_wish *wish)
{
    struct interface *interface = calloc(1, sizeof(*interface));

    if (!interface)
        return NULL;
    memcpy(interface->name, name, sizeof(interface->name));
    interface->wish = *wish;
    return interface;
}

int interface_open(const char *argument)
{
    struct net_client_options options = {
        .pool_bytes = TX_SLOTS * TX_SLOT_BYTES,
        .rx_buffers = RX_BUFFERS,
        .rx_buffer_bytes = RX_BUFFER_BYTES,
        .tx_depth = TX_SLOTS,
        .notify_bit = BIT_INTERFACES + 2 * interface_count,
    };
    struct interface_wish wish;
    char name[RS_NAME_LEN];
    int error = wish_read(argument, name, &wish);

    if (!error && interface_find(name))
        error = -ANOLE_EEXIST;
    if (!error && interface_count == INTERFACES)
        error = -ANOLE_ENOSPC;
    if (error)
        return error;
    struct interface *interface = interface_make(name, &wish);
    error = interface ? net_open(&interface->client, name, &options) : -ANOLE_ENOMEM;
    if (error) {
        free(interface);
        return error;
    }
    frames_init(interface);
    sys_timeout(LATE_MS, on_late, interface);
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

    offload_flush(interface);
    net_step(interface->client);
    for (unsigned taken = 0;
         taken < EVENTS_A_ROUND && intake_open() && net_next(interface->client, &event); taken++)
        happened(interface, &event);
    frames_drained(interface);
    offload_flush(interface);
    net_step(interface->client); /* what that made to be sent */
}

bool interfaces_step(void)
{
    bool more = false;

    for (unsigned i = 0; i < interface_count; i++)
        interface_step(interfaces[i]);
    /* In a pause nobody is told of what comes. */
    for (unsigned i = 0; i < interface_count && intake_open(); i++)
        more |= net_arm(interfaces[i]->client);
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

bool interfaces_full(void)
{
    for (unsigned i = 0; i < interface_count; i++)
        if (interfaces[i]->full)
            return true;
    return false;
}
