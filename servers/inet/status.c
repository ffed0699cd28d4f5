/*
 * What ifconfig and netstat show: interfaces, name servers, counters.
 */
#include "interface.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/stats.h>
#include <string.h>

static void describe_addresses(const struct netif *netif, struct inet_interface *info)
{
    static_assert(LWIP_IPV6_NUM_ADDRESSES == INET_ADDRESSES_6, "a place in the protocol for each");

    memcpy(info->ip, netif_ip4_addr(netif), sizeof(info->ip));
    memcpy(info->mask, netif_ip4_netmask(netif), sizeof(info->mask));
    memcpy(info->gateway, netif_ip4_gw(netif), sizeof(info->gateway));
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        uint8_t state = netif_ip6_addr_state(netif, i);
        memcpy(info->ip6[i].ip, netif_ip6_addr(netif, i)->addr, sizeof(info->ip6[i].ip));
        info->ip6[i].state = ip6_addr_istentative(state)    ? INET_ADDRESS_TENTATIVE
                             : ip6_addr_isduplicated(state) ? INET_ADDRESS_DUPLICATED
                             : ip6_addr_ispreferred(state)  ? INET_ADDRESS_PREFERRED
                             : ip6_addr_isvalid(state)      ? INET_ADDRESS_DEPRECATED
                                                            : INET_ADDRESS_NONE;
    }
}

static void describe_netif(const struct netif *netif, struct inet_interface *info)
{
    info->flags |= (netif_is_link_up(netif) ? INET_IS_LINKED : 0) |
                   (dhcp_supplied_address(netif) ? INET_IS_BOUND : 0) |
                   (netif == netif_default ? INET_IS_DEFAULT : 0);
    info->number = netif_get_index(netif);
    info->mtu_bytes = netif->mtu;
    describe_addresses(netif, info);
}

static void describe(const struct interface *interface, struct inet_interface *info)
{
    const struct net_info *driver = net_client_info(interface->client);
    struct net_client_stats stats;

    *info = (struct inet_interface){
        .flags = (interface->known ? INET_IS_THERE : 0) | (interface->wish.up ? INET_IS_UP : 0) |
                 (interface->wish.dhcp ? INET_HAS_DHCP : 0) |
                 (driver->flags & NET_INFO_TX_CSUM ? INET_TX_CSUM : 0) |
                 (driver->flags & NET_INFO_TX_TSO4 ? INET_TX_TSO : 0),
        .speed_mbits = driver->speed_mbits,
        .traffic = interface->traffic,
    };
    memcpy(info->name, interface->name, sizeof(info->name));
    memcpy(info->address, driver->address, sizeof(driver->address));
    net_client_stats(interface->client, &stats);
    info->traffic.drivers = stats.epochs;
    info->traffic.sent_again = stats.sent_again;
    info->traffic.recovery_us = ticks_to_us(stats.longest_recovery_ticks);
    if (interface->known)
        describe_netif(&interface->netif, info);
}

static void describe_loopback(struct inet_interface *info)
{
    const struct netif *netif = netif_get_by_index(1); /* lwIP adds it first of all */
    const struct stats_mib2_netif_ctrs *counters = &netif->mib2_counters;

    *info = (struct inet_interface){
        .name = "lo",
        .flags = INET_IS_UP | INET_IS_THERE | INET_IS_LOOPBACK,
        .traffic.rx_frames = counters->ifinucastpkts,
        .traffic.rx_bytes = counters->ifinoctets,
        .traffic.tx_frames = counters->ifoutucastpkts,
        .traffic.tx_bytes = counters->ifoutoctets,
    };
    describe_netif(netif, info);
    info->flags |= INET_IS_LINKED;
    memset(info->gateway, 0, sizeof(info->gateway));
    info->ip6[0].state = INET_ADDRESS_PREFERRED; /* nobody ever announces it */
}

int request_interfaces(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    uint64_t room = message->word[1] / sizeof(struct inet_interface), count = 0, copied = 0;
    const struct interface *interface = NULL;

    do {
        struct inet_interface info;
        if (count == 0) {
            describe_loopback(&info);
        } else {
            describe(interface, &info);
        }
        if (count++ < room) {
            int error = kcall_copy(message->endpoint, message->word[0], copied * sizeof(info),
                                   &info, sizeof(info), COPY_TO_GRANT);
            if (error)
                return error;
            copied++;
        }
        interface = interface_next(interface);
    } while (interface);
    message->word[0] = count;
    message->word[1] = copied;
    return 0;
}

/* ---- counters ---- */

static uint64_t short_of_memory(void)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < MEMP_MAX; i++)
        count += lwip_stats.memp[i]->err;
    return count;
}

static void count(struct inet_counters *counters)
{
    const struct stats_ *s = &lwip_stats;

    *counters = (struct inet_counters){
        .arp_received = s->etharp.recv,
        .arp_dropped = s->etharp.drop,
        .ip_received = s->ip.recv,
        .ip_sent = s->ip.xmit,
        .ip_dropped = s->ip.drop,
        .ip_bad_checksum = s->ip.chkerr,
        .ip_bad_length = s->ip.lenerr,
        .ip_bad_options = s->ip.opterr,
        .fragments_received = s->ip_frag.recv,
        .fragments_dropped = s->ip_frag.drop,
        .ip6_received = s->ip6.recv,
        .ip6_sent = s->ip6.xmit,
        .ip6_dropped = s->ip6.drop,
        .fragments6_received = s->ip6_frag.recv,
        .fragments6_dropped = s->ip6_frag.drop,
        .icmp_received = s->icmp.recv,
        .icmp_dropped = s->icmp.drop,
        .icmp6_received = s->icmp6.recv,
        .icmp6_dropped = s->icmp6.drop,
        .udp_received = s->udp.recv,
        .udp_sent = s->udp.xmit,
        .udp_dropped = s->udp.drop,
        .udp_bad_checksum = s->udp.chkerr,
        .udp_no_room = datagrams_dropped(),
        .tcp_received = s->tcp.recv,
        .tcp_sent = s->tcp.xmit,
        .tcp_sent_again = s->mib2.tcpretranssegs,
        .tcp_dropped = s->tcp.drop,
        .tcp_bad_checksum = s->tcp.chkerr,
        .tcp_bad_length = s->tcp.lenerr,
        .tcp_bad_options = s->tcp.opterr,
        .tcp_active_opens = s->mib2.tcpactiveopens,
        .tcp_passive_opens = s->mib2.tcppassiveopens,
        .tcp_half_open_shed = half_open_count(),
        .tcp_resets_sent = s->mib2.tcpoutrsts,
        .memory_short = short_of_memory(),
    };
}

int request_status(struct ipc_delivery *request)
{
    const struct message *message = &request->message;
    struct inet_status status = {0};

    name_servers_apply();
    for (uint8_t i = 0; i < INET_NAME_SERVERS; i++) {
        uint64_t words[3];
        if (ip_addr_isany(dns_getserver(i)))
            continue;
        address_write(words, dns_getserver(i), 0);
        memcpy(&status.name_servers[i], words, sizeof(status.name_servers[i]));
    }
    count(&status.counters);
    return kcall_copy(message->endpoint, message->word[0], 0, &status, sizeof(status),
                      COPY_TO_GRANT);
}
