/*
 * Interfaces on the server's command line (system.dts: arguments), what is wanted of each behind an
 * equals sign:
 *
 *   eth0                                           DHCP, and router advertisements for IPv6
 *   eth1=10.0.3.15/24,gw=10.0.3.2,dns=10.0.3.3     as it is said
 *   eth2=none,v6=fec0::15,mtu=1400,down
 */
#include "interface.h"

#include <stdlib.h>
#include <string.h>

#define WORD_LEN_MAX 63u

/* The number at the end of a word: up to most; false: it is none. */
static bool number_of(const char *text, unsigned long most, unsigned long *number)
{
    char *end;

    *number = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *number <= most;
}

/* ADDRESS/BITS */
static int read_address(char *word, struct interface_wish *wish)
{
    char *slash = strchr(word, '/');
    unsigned long bits = 0;

    if (!slash || !number_of(slash + 1, 32, &bits))
        return -ANOLE_EINVAL;
    *slash = '\0';
    if (!ip4addr_aton(word, &wish->ip))
        return -ANOLE_EINVAL;
    ip4_addr_set_u32(&wish->mask, bits == 0 ? 0 : lwip_htonl(UINT32_MAX << (32 - bits)));
    wish->dhcp = false;
    return 0;
}

static int read_name_server(const char *text)
{
    static uint64_t count; /* of all interfaces */
    ip_addr_t ip;

    return ipaddr_aton(text, &ip) ? name_server_set(count++, &ip) : -ANOLE_EINVAL;
}

static int read_ip6(const char *text, struct interface_wish *wish)
{
    if (wish->ip6_count == INET_ADDRESSES_6 - 1)
        return -ANOLE_ENOSPC;
    return ip6addr_aton(text, &wish->ip6[wish->ip6_count++]) ? 0 : -ANOLE_EINVAL;
}

static int read_mtu(const char *text, struct interface_wish *wish)
{
    unsigned long mtu;

    if (!number_of(text, UINT16_MAX, &mtu) || mtu < INET_MTU_MIN)
        return -ANOLE_EINVAL;
    wish->mtu_bytes = (uint16_t)mtu;
    return 0;
}

static int read_word(char *word, struct interface_wish *wish)
{
    if (strcmp(word, "dhcp") == 0)
        return 0;
    if (strcmp(word, "none") == 0) {
        wish->dhcp = false;
        return 0;
    }
    if (strcmp(word, "down") == 0) {
        wish->up = false;
        return 0;
    }
    if (strncmp(word, "gw=", 3) == 0)
        return ip4addr_aton(word + 3, &wish->gateway) ? 0 : -ANOLE_EINVAL;
    if (strncmp(word, "dns=", 4) == 0)
        return read_name_server(word + 4);
    if (strncmp(word, "v6=", 3) == 0)
        return read_ip6(word + 3, wish);
    if (strncmp(word, "mtu=", 4) == 0)
        return read_mtu(word + 4, wish);
    return read_address(word, wish);
}

int wish_read(const char *argument, char name[RS_NAME_LEN], struct interface_wish *wish)
{
    size_t len = strcspn(argument, "=");
    const char *at = argument + len;
    int error = 0;

    if (len == 0 || len >= RS_NAME_LEN)
        return -ANOLE_EINVAL;
    memset(name, 0, RS_NAME_LEN);
    memcpy(name, argument, len);
    *wish = (struct interface_wish){.up = true, .dhcp = true};
    while (*at != '\0' && !error) {
        char word[WORD_LEN_MAX + 1] = "";
        len = strcspn(++at, ",");
        if (len == 0 || len > WORD_LEN_MAX)
            return -ANOLE_EINVAL;
        memcpy(word, at, len);
        at += len;
        error = read_word(word, wish);
    }
    return error;
}
