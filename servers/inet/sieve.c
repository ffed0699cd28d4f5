/*
 * What lwIP would read beyond a frame's end. It looks into a header of IP or ARP before it looks whether
 * all of it is there, and believes the lengths of IPv6's extension headers, and of options in them,
 * before it looks where the packet ends. Here a frame whose headers don't fit into its first part is
 * dropped before. A first fragment must have the whole chain (RFC 7112, 5), so that what is put together
 * of fragments is safe, too. A segment whose options don't fit into its header is dropped as well.
 *
 * And what lwIP would look at in vain: datagrams for sockets that are full. A flood of them is to cost
 * as little as it can.
 */
#include "interface.h"

#include <lwip/prot/etharp.h>
#include <lwip/prot/ethernet.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ieee.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/udp.h>
#include <lwip/stats.h>

#define UNIT 8u /* bytes: extension headers are multiples of it (RFC 8200, 4) */
#define PAD_1 0u

static bool options_fit(const uint8_t *at, size_t len)
{
    while (len > 0) {
        size_t option = 1;
        if (*at != PAD_1 && len < 2)
            return false;
        if (*at != PAD_1)
            option = 2u + at[1];
        if (option > len)
            return false;
        at += option;
        len -= option;
    }
    return true;
}

static bool chain_fits(const uint8_t *at, size_t len, uint8_t header)
{
    for (;;) {
        size_t header_len = UNIT;
        bool has_options = header == IP6_NEXTH_HOPBYHOP || header == IP6_NEXTH_DESTOPTS;

        if (!has_options && header != IP6_NEXTH_ROUTING && header != IP6_NEXTH_FRAGMENT)
            return true;
        if (len < UNIT)
            return false;
        if (header != IP6_NEXTH_FRAGMENT)
            header_len = UNIT * (1u + at[1]);
        else if ((at[2] << 8 | (at[3] & 0xf8)) != 0)
            return true; /* what is in it is no header */
        if (header_len > len || (has_options && !options_fit(at + 2, header_len - 2)))
            return false;
        header = at[0];
        at += header_len;
        len -= header_len;
    }
}

static bool passes_6(const uint8_t *ip, size_t len)
{
    if (len < IP6_HLEN)
        return false;
    size_t chain_len = LWIP_MIN(len - IP6_HLEN, (size_t)(ip[4] << 8 | ip[5]));
    return chain_fits(ip + IP6_HLEN, chain_len, ip[6]);
}

bool sieve_passes(const struct pbuf *frame)
{
    const uint8_t *data = frame->payload;

    if (frame->len < SIZEOF_ETH_HDR)
        return false;
    switch (data[12] << 8 | data[13]) {
    case ETHTYPE_IP:
        return frame->len >= SIZEOF_ETH_HDR + IP_HLEN;
    case ETHTYPE_ARP:
        return frame->len >= SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR;
    case ETHTYPE_IPV6:
        return passes_6(data + SIZEOF_ETH_HDR, frame->len - (size_t)SIZEOF_ETH_HDR);
    default:
        return true;
    }
}

static unsigned word_at(const uint8_t *data)
{
    return (unsigned)(data[0] << 8 | data[1]);
}

/* Where UDP's header begins, in a frame that has nothing unusual before it; 0: elsewhere, or nowhere. */
static size_t udp_offset(const uint8_t *data, size_t len)
{
    const uint8_t *ip = data + SIZEOF_ETH_HDR;

    if (len < SIZEOF_ETH_HDR + IP_HLEN + UDP_HLEN)
        return 0;
    if (word_at(data + 12) == ETHTYPE_IP && ip[0] == (4 << 4 | IP_HLEN / 4) &&
        (word_at(ip + 6) & (IP_MF | IP_OFFMASK)) == 0 && ip[9] == IP_PROTO_UDP)
        return SIZEOF_ETH_HDR + IP_HLEN;
    if (word_at(data + 12) == ETHTYPE_IPV6 && ip[6] == IP6_NEXTH_UDP &&
        len >= SIZEOF_ETH_HDR + IP6_HLEN + UDP_HLEN)
        return SIZEOF_ETH_HDR + IP6_HLEN;
    return 0;
}

bool sieve_is_futile(const uint8_t *data, size_t len)
{
    size_t offset = udp_offset(data, len);

    return offset != 0 &&
           datagram_is_futile((uint16_t)word_at(data + offset + 2), word_at(data + offset + 4));
}

/* Options end with their list, or with the header (RFC 9293, 3.1); the first `near` bytes of them are
 * behind the header, others may be elsewhere. */
signed char sieve_options(const void *header, uint16_t len, uint16_t near, const uint8_t *far)
{
    const uint8_t *own = (const uint8_t *)header + TCP_HLEN;
    unsigned at = 0;

    while (at < len) {
        unsigned next = at + 1;
        uint8_t kind = at < near ? own[at] : far[at - near];
        if (kind == LWIP_TCP_OPT_EOL)
            break;
        if (kind == LWIP_TCP_OPT_NOP) {
            at = next;
            continue;
        }
        unsigned option = next >= len ? 0 : next < near ? own[next] : far[next - near];
        if (option < 2 || at + option > len) {
            TCP_STATS_INC(tcp.opterr);
            TCP_STATS_INC(tcp.drop);
            return ERR_VAL;
        }
        at += option;
    }
    return ERR_OK;
}
