/*
 * Addresses and errors, between messages and lwIP.
 */
#include "inet.h"
#include <lwip/netif.h>
#include <string.h>

int address_read(const uint64_t words[3], ip_addr_t *ip, uint16_t *port)
{
    struct sock_address address;

    memcpy(&address, words, sizeof(address));
    *port = address.port;
    switch (address.family) {
    case SOCK_INET:
        IP_ADDR4(ip, address.ip[0], address.ip[1], address.ip[2], address.ip[3]);
        return 0;
    case SOCK_INET6:
        if (address.scope > UINT8_MAX)
            return -ANOLE_EINVAL;
        memset(ip, 0, sizeof(*ip));
        IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_V6);
        memcpy(ip_2_ip6(ip)->addr, address.ip, sizeof(address.ip));
        ip6_addr_set_zone(ip_2_ip6(ip), (uint8_t)address.scope);
        /* An address that says nothing without a link, and names none, is on the default one. */
        if (netif_default && ip6_addr_lacks_zone(ip_2_ip6(ip), IP6_UNKNOWN))
            ip6_addr_assign_zone(ip_2_ip6(ip), IP6_UNKNOWN, netif_default);
        return 0;
    default:
        return -ANOLE_EAFNOSUPPORT;
    }
}

void address_write(uint64_t words[3], const ip_addr_t *ip, uint16_t port)
{
    struct sock_address address = {.port = port};

    if (IP_IS_V6(ip)) {
        address.family = SOCK_INET6;
        address.scope = ip6_addr_zone(ip_2_ip6(ip));
        memcpy(address.ip, ip_2_ip6(ip)->addr, sizeof(address.ip));
    } else {
        address.family = SOCK_INET;
        memcpy(address.ip, &ip_2_ip4(ip)->addr, sizeof(ip_2_ip4(ip)->addr));
    }
    memcpy(words, &address, sizeof(address));
}

static bool suits(const struct socket *socket, const ip_addr_t *ip)
{
    if (IP_IS_V6(ip))
        return socket->family == SOCK_INET6;
    /* A socket for IPv6 that hears datagrams of IPv4, too, can answer them. */
    return socket->family == SOCK_INET || socket->type == SOCK_TYPE_DATAGRAM;
}

int address_for(const struct socket *socket, const uint64_t words[3], ip_addr_t *ip, uint16_t *port)
{
    int error = address_read(words, ip, port);

    return !error && !suits(socket, ip) ? -ANOLE_EAFNOSUPPORT : error;
}

static bool netif_has(struct netif *netif, const ip_addr_t *ip)
{
    if (IP_IS_V6(ip))
        return netif_get_ip6_addr_match(netif, ip_2_ip6(ip)) >= 0;
    return ip4_addr_eq(netif_ip4_addr(netif), ip_2_ip4(ip));
}

bool address_is_own(const ip_addr_t *ip)
{
    struct netif *netif;

    if (ip_addr_isany(ip) || ip_addr_isloopback(ip))
        return true;
    NETIF_FOREACH(netif)
    {
        if (netif_has(netif, ip))
            return true;
    }
    return false;
}

int error_of(err_t error)
{
    static const uint16_t numbers[] = {
        [-ERR_OK] = 0,
        [-ERR_MEM] = ANOLE_ENOMEM,
        [-ERR_BUF] = ANOLE_ENOMEM,
        [-ERR_TIMEOUT] = ANOLE_ETIMEDOUT,
        [-ERR_RTE] = ANOLE_ENETUNREACH,
        [-ERR_INPROGRESS] = ANOLE_EINPROGRESS,
        [-ERR_VAL] = ANOLE_EINVAL,
        [-ERR_WOULDBLOCK] = ANOLE_EAGAIN,
        [-ERR_USE] = ANOLE_EADDRINUSE,
        [-ERR_ALREADY] = ANOLE_EINPROGRESS,
        [-ERR_ISCONN] = ANOLE_EISCONN,
        [-ERR_CONN] = ANOLE_ENOTCONN,
        [-ERR_IF] = ANOLE_EIO,
        [-ERR_ABRT] = ANOLE_ECONNABORTED,
        [-ERR_RST] = ANOLE_ECONNRESET,
        [-ERR_CLSD] = ANOLE_ENOTCONN,
        [-ERR_ARG] = ANOLE_EINVAL,
    };
    unsigned index = (unsigned)-error;

    return index < sizeof(numbers) / sizeof(numbers[0]) ? -(int)numbers[index] : -ANOLE_EIO;
}
