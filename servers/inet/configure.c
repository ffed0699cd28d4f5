/*
 * What an interface is to be, and its becoming that: once its driver is there, and whenever somebody who
 * may changes it. lwIP keeps addresses and leases; the wish is what lwIP is told again.
 */
#include "interface.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/prot/ethernet.h>
#include <lwip/timeouts.h>
#include <string.h>

#define NO_ANSWER_MS 5000u /* without one by DHCP is worth a word */
#define RS_TIMEOUT_US 1000000u

/* ---- name servers ---- */

static_assert(INET_NAME_SERVERS == DNS_MAX_SERVERS, "a place in the protocol for each");
static struct {
    bool by_hand;
    ip_addr_t ip;
} name_servers[INET_NAME_SERVERS];

int name_server_set(uint64_t index, const ip_addr_t *ip)
{
    if (index >= INET_NAME_SERVERS)
        return -ANOLE_ENOSPC;
    name_servers[index].by_hand = true;
    name_servers[index].ip = *ip;
    name_servers_apply();
    return 0;
}

void name_servers_apply(void)
{
    for (uint8_t i = 0; i < INET_NAME_SERVERS; i++)
        if (name_servers[i].by_hand)
            dns_setserver(i, &name_servers[i].ip);
}

/* ---- what lwIP does with it ---- */

static void on_status(struct netif *netif)
{
    struct interface *interface = netif->state;
    bool news = !ip4_addr_eq(netif_ip4_addr(netif), &interface->told);

    interface->told = *netif_ip4_addr(netif);
    if (news && !ip4_addr_isany(netif_ip4_addr(netif)))
        log_printf(LOG_INFO, "%s: %s", interface->name, ip4addr_ntoa(netif_ip4_addr(netif)));
}

static void on_no_answer(void *argument)
{
    struct interface *interface = argument;

    if (interface->wish.dhcp && interface->wish.up && netif_is_link_up(&interface->netif) &&
        !dhcp_supplied_address(&interface->netif))
        log_printf(LOG_WARNING, "%s: no answer by DHCP so far", interface->name);
}

static void dhcp_begin(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    if (!interface->wish.dhcp || netif_dhcp_data(netif) || !netif_is_up(netif) ||
        !netif_is_link_up(netif))
        return;
    if (dhcp_start(netif) != ERR_OK)
        log_printf(LOG_ERROR, "%s: no memory for DHCP", interface->name);
    sys_untimeout(on_no_answer, interface);
    sys_timeout(NO_ANSWER_MS, on_no_answer, interface);
}

static void dhcp_end(struct interface *interface)
{
    if (!netif_dhcp_data(&interface->netif))
        return;
    dhcp_release_and_stop(&interface->netif);
    dhcp_cleanup(&interface->netif);
}

static void mtu_apply(struct interface *interface)
{
    uint16_t most = LWIP_MIN(net_client_info(interface->client)->mtu_bytes,
                             TX_FRAME_MAX - SIZEOF_ETH_HDR);
    uint16_t wanted = interface->wish.mtu_bytes;

    interface->netif.mtu = wanted != 0 && wanted < most ? wanted : most;
    interface->netif.mtu6 = interface->netif.mtu;
    frames_begin(interface);
}

static void address_apply(struct interface *interface)
{
    const struct interface_wish *wish = &interface->wish;

    if (!wish->dhcp)
        netif_set_addr(&interface->netif, &wish->ip, &wish->mask, &wish->gateway);
}

static void mode_apply(struct interface *interface)
{
    uint32_t mode = NET_MODE_UNICAST | NET_MODE_BROADCAST | NET_MODE_ALL_MULTICAST;

    (void)net_mode(interface->client, interface->wish.up ? mode : 0, NULL, 0);
}

static int address6_apply(struct interface *interface, const ip6_addr_t *ip)
{
    int8_t index;

    return netif_add_ip6_address(&interface->netif, ip, &index) == ERR_OK ? 0 : -ANOLE_ENOSPC;
}

void configure_begin(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    mtu_apply(interface);
    netif_set_status_callback(netif, on_status);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    netif_create_ip6_linklocal_address(netif, 1);
    for (unsigned i = 0; i < interface->wish.ip6_count; i++)
        (void)address6_apply(interface, &interface->wish.ip6[i]); /* there is room for so many */
    address_apply(interface);
    if (!netif_default)
        netif_set_default(netif);
    mode_apply(interface);
    if (interface->wish.up)
        netif_set_up(netif);
}

void configure_link(struct interface *interface, bool up)
{
    log_printf(up ? LOG_INFO : LOG_WARNING, "%s: %s", interface->name, up ? "link" : "no link");
    if (!up) {
        netif_set_link_down(&interface->netif);
        return;
    }
    netif_set_link_up(&interface->netif);
    dhcp_begin(interface);
}

/* ---- changes ---- */

static int set_up(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    (void)ip;
    if (value > 1)
        return -ANOLE_EINVAL;
    interface->wish.up = value == 1;
    mode_apply(interface);
    if (!interface->known)
        return 0;
    if (value == 0) {
        netif_set_down(&interface->netif);
        return 0;
    }
    netif_set_up(&interface->netif);
    dhcp_begin(interface);
    connections_resume(interface);
    return 0;
}

static int set_dhcp(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    struct interface_wish *wish = &interface->wish;

    (void)ip;
    if (value > 1)
        return -ANOLE_EINVAL;
    wish->dhcp = value == 1;
    ip4_addr_set_zero(&wish->ip);
    ip4_addr_set_zero(&wish->mask);
    ip4_addr_set_zero(&wish->gateway);
    if (!interface->known)
        return 0;
    dhcp_end(interface);
    address_apply(interface);
    dhcp_begin(interface);
    return 0;
}

static uint32_t mask_of(uint64_t bits)
{
    return bits == 0 ? 0 : lwip_htonl(UINT32_MAX << (32 - bits));
}

static int set_address(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    struct interface_wish *wish = &interface->wish;

    if (!IP_IS_V4(ip) || value > 32 || ip4_addr_isany(ip_2_ip4(ip)) ||
        ip4_addr_ismulticast(ip_2_ip4(ip)) || ip4_addr_isloopback(ip_2_ip4(ip)))
        return -ANOLE_EINVAL;
    wish->dhcp = false;
    wish->ip = *ip_2_ip4(ip);
    ip4_addr_set_u32(&wish->mask, mask_of(value));
    if (interface->known) {
        dhcp_end(interface);
        address_apply(interface);
    }
    return 0;
}

static int set_gateway(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    if (!IP_IS_V4(ip) || value != 0)
        return -ANOLE_EINVAL;
    interface->wish.gateway = *ip_2_ip4(ip);
    if (interface->known)
        netif_set_gw(&interface->netif, ip_2_ip4(ip));
    return 0;
}

static int add_address(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    struct interface_wish *wish = &interface->wish;
    ip6_addr_t ip6 = *ip_2_ip6(ip);

    if (!IP_IS_V6(ip) || value != 0 || ip6_addr_isany(&ip6) || ip6_addr_ismulticast(&ip6) ||
        ip6_addr_isloopback(&ip6) || ip6_addr_islinklocal(&ip6))
        return -ANOLE_EINVAL;
    if (wish->ip6_count == INET_ADDRESSES_6 - 1)
        return -ANOLE_ENOSPC;
    int error = interface->known ? address6_apply(interface, &ip6) : 0;
    if (!error)
        wish->ip6[wish->ip6_count++] = ip6;
    return error;
}

static int remove_address(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    struct interface_wish *wish = &interface->wish;
    int error = -ANOLE_EADDRNOTAVAIL;

    if (!IP_IS_V6(ip) || value != 0)
        return -ANOLE_EINVAL;
    for (unsigned i = 0; i < wish->ip6_count; i++)
        if (ip6_addr_eq(&wish->ip6[i], ip_2_ip6(ip))) {
            wish->ip6[i--] = wish->ip6[--wish->ip6_count];
            error = 0;
        }
    if (!interface->known)
        return error;
    /* One that came by router advertisement comes back with the next one. */
    int8_t index = netif_get_ip6_addr_match(&interface->netif, ip_2_ip6(ip));
    if (index > 0) {
        netif_ip6_addr_set_state(&interface->netif, index, IP6_ADDR_INVALID);
        error = 0;
    }
    return error;
}

static int set_mtu(struct interface *interface, const ip_addr_t *ip, uint64_t value)
{
    (void)ip;
    if (value < INET_MTU_MIN || value > TX_FRAME_MAX - SIZEOF_ETH_HDR ||
        (interface->known && value > net_client_info(interface->client)->mtu_bytes))
        return -ANOLE_EINVAL;
    interface->wish.mtu_bytes = (uint16_t)value;
    if (interface->known)
        mtu_apply(interface);
    return 0;
}

static const struct {
    int (*set)(struct interface *interface, const ip_addr_t *ip, uint64_t value);
    bool has_address;
} settings[] = {
    [INET_UP] = {set_up, false},
    [INET_DHCP] = {set_dhcp, false},
    [INET_ADDRESS] = {set_address, true},
    [INET_GATEWAY] = {set_gateway, true},
    [INET_ADDRESS_ADD] = {add_address, true},
    [INET_ADDRESS_REMOVE] = {remove_address, true},
    [INET_MTU] = {set_mtu, false},
};

/* RS knows who is an operator. */
static int may_set(endpoint_t caller)
{
    struct message message = {.word = {caller}};

    return anole_call(startup_page()->rs, RS_MAY_CONTROL, &message, deadline_in_us(RS_TIMEOUT_US));
}

static int set_name_server(const struct message *message)
{
    ip_addr_t ip = *IP4_ADDR_ANY;
    struct sock_address address;
    uint16_t port;

    memcpy(&address, &message->word[2], sizeof(address));
    int error = address.family == 0 ? 0 : address_read(&message->word[2], &ip, &port);
    return error ? error : name_server_set(message->word[6], &ip);
}

int request_set(struct ipc_delivery *request)
{
    const struct message *message = &request->message;
    uint64_t setting = message->word[5];
    char name[RS_NAME_LEN];
    ip_addr_t ip;
    uint16_t port;
    int error = may_set(message->endpoint);

    if (error || setting == INET_NAME_SERVER)
        return error ? error : set_name_server(message);
    if (setting >= sizeof(settings) / sizeof(settings[0]) || !settings[setting].set)
        return -ANOLE_EINVAL;
    memcpy(name, message->word, sizeof(name));
    struct interface *interface = name[RS_NAME_LEN - 1] == '\0' ? interface_find(name) : NULL;
    if (!interface)
        return -ANOLE_ENOENT;
    if (settings[setting].has_address)
        error = address_read(&message->word[2], &ip, &port);
    return error ? error : settings[setting].set(interface, &ip, message->word[6]);
}
