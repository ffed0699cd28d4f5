/*
 * ifconfig [NAME [CHANGE...]]: network interfaces, what they have and what they did; and changes, one
 * after the other, for the operator:
 *
 *   up, down, dhcp, nodhcp       ADDRESS/BITS: an IPv4 address   gw ADDRESS
 *   add ADDRESS, del ADDRESS: IPv6       mtu BYTES       dns ADDRESS|none: the name server
 */
#include "common/arguments.h"
#include "common/inet.h"

#include <arpa/inet.h>
#include <libanole/anole.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                      \
    "ifconfig [NAME [up|down|dhcp|nodhcp|IP/BITS|gw IP|add IP6|del IP6|mtu BYTES|dns IP|none]...]"

/* ---- showing ---- */

static const char *text_of(int family, const void *ip)
{
    static char text[INET6_ADDRSTRLEN];

    return inet_ntop(family, ip, text, sizeof(text));
}

static void print_flags(const struct inet_interface *interface)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } flags[] = {
        {INET_IS_UP, "up"},           {INET_IS_LINKED, "link"},   {INET_IS_LOOPBACK, "loopback"},
        {INET_IS_DEFAULT, "default"}, {INET_TX_CSUM, "checksum"}, {INET_TX_TSO, "tso"},
    };

    printf("%s:", interface->name);
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (interface->flags & flags[i].flag)
            printf(" %s", flags[i].text);
    if ((interface->flags & INET_IS_UP) == 0)
        printf(" down");
    if ((interface->flags & INET_IS_THERE) == 0)
        printf(" no driver");
    else if ((interface->flags & INET_IS_LINKED) == 0)
        printf(" no link");
    printf(" mtu %u", interface->mtu_bytes);
    if (interface->speed_mbits != 0)
        printf(" %u Mbit/s", interface->speed_mbits);
    printf("\n");
}

static unsigned bits_of(const uint8_t mask[4])
{
    unsigned bits = 0;

    while (bits < 32 && (mask[bits / 8] >> (7 - bits % 8) & 1) != 0)
        bits++;
    return bits;
}

static void print_addresses(const struct inet_interface *interface)
{
    static const uint8_t none[4];
    static const char *const states[] = {
        [INET_ADDRESS_TENTATIVE] = " tentative",
        [INET_ADDRESS_PREFERRED] = "",
        [INET_ADDRESS_DEPRECATED] = " deprecated",
        [INET_ADDRESS_DUPLICATED] = " duplicated",
    };
    const uint8_t *mac = interface->address;
    bool has = memcmp(interface->ip, none, 4) != 0;

    if ((interface->flags & (INET_IS_LOOPBACK | INET_IS_THERE)) == INET_IS_THERE)
        printf("    ether %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4],
               mac[5]);
    if (has)
        printf("    inet %s/%u", text_of(AF_INET, interface->ip), bits_of(interface->mask));
    if (has && memcmp(interface->gateway, none, 4) != 0)
        printf(" gw %s", text_of(AF_INET, interface->gateway));
    if (has)
        printf("%s\n", interface->flags & INET_IS_BOUND ? " dhcp" : "");
    else if (interface->flags & INET_HAS_DHCP)
        printf("    no inet address, dhcp\n");
    for (unsigned i = 0; i < INET_ADDRESSES_6; i++) {
        uint32_t state = interface->ip6[i].state;
        if (state != INET_ADDRESS_NONE && state <= INET_ADDRESS_DUPLICATED)
            printf("    inet6 %s%s\n", text_of(AF_INET6, interface->ip6[i].ip), states[state]);
    }
}

static void print_traffic(const struct inet_traffic *traffic)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        INET_TRAFFIC(TEXT)
#undef TEXT
    };
    const uint64_t values[] = {
#define VALUE(name, text) traffic->name,
        INET_TRAFFIC(VALUE)
#undef VALUE
    };

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i] != 0)
            printf("    %lu %s\n", (unsigned long)values[i], texts[i]);
}

static int print_name_servers(void)
{
    struct inet_status server;
    int status = inet_read(INET_STATUS, &server, sizeof(server));

    for (unsigned i = 0; status == 0 && i < INET_NAME_SERVERS; i++) {
        const struct sock_address *address = &server.name_servers[i];
        if (address->family != 0)
            printf("dns: %s\n",
                   text_of(address->family == SOCK_INET6 ? AF_INET6 : AF_INET, address->ip));
    }
    return status;
}

static int show(const char *name)
{
    struct inet_interface *interfaces;
    void *list;
    unsigned count, shown = 0;
    int status = inet_read_list(INET_INTERFACES, sizeof(*interfaces), &list, &count);

    interfaces = list;
    for (unsigned i = 0; status == 0 && i < count; i++) {
        if (name && strncmp(name, interfaces[i].name, RS_NAME_LEN) != 0)
            continue;
        interfaces[i].name[RS_NAME_LEN - 1] = '\0';
        print_flags(&interfaces[i]);
        print_addresses(&interfaces[i]);
        print_traffic(&interfaces[i].traffic);
        shown++;
    }
    if (status == 0)
        free(list);
    if (status == 0 && name && shown == 0)
        status = -ANOLE_ENOENT;
    if (status == 0 && !name)
        status = print_name_servers();
    if (status != 0)
        fprintf(stderr, "ifconfig: %s: %s\n", name ? name : "inet", anole_error_text(status));
    return status != 0;
}

/* ---- changing ---- */

struct change {
    enum inet_setting setting;
    struct sock_address address;
    uint64_t value;
};

static bool read_address(const char *text, int family, struct sock_address *address)
{
    if (inet_pton(family, text, address->ip) != 1)
        return false;
    address->family = family == AF_INET6 ? SOCK_INET6 : SOCK_INET;
    return true;
}

/* ADDRESS/BITS */
static bool read_network(const char *text, struct change *change)
{
    char ip[INET_ADDRSTRLEN] = "";
    size_t len = strcspn(text, "/");

    if (text[len] == '\0' || len >= sizeof(ip))
        return false;
    memcpy(ip, text, len);
    change->setting = INET_ADDRESS;
    return read_address(ip, AF_INET, &change->address) &&
           parse_number(text + len + 1, 32, &change->value);
}

static bool read_server(const char *text, struct change *change)
{
    return strcmp(text, "none") == 0 || read_address(text, AF_INET, &change->address) ||
           read_address(text, AF_INET6, &change->address);
}

/* Reads a change from the first of so many words. How many it took; 0: it isn't one. */
static int read_change(int count, char *const words[], struct change *change)
{
    static const struct {
        const char *word;
        struct change change;
        int family; /* of the address that follows */
    } known[] = {
        {"up", {.setting = INET_UP, .value = 1}, 0},
        {"down", {.setting = INET_UP}, 0},
        {"dhcp", {.setting = INET_DHCP, .value = 1}, 0},
        {"nodhcp", {.setting = INET_DHCP}, 0},
        {"gw", {.setting = INET_GATEWAY}, AF_INET},
        {"add", {.setting = INET_ADDRESS_ADD}, AF_INET6},
        {"del", {.setting = INET_ADDRESS_REMOVE}, AF_INET6},
        {"mtu", {.setting = INET_MTU}, -1},
        {"dns", {.setting = INET_NAME_SERVER}, -1},
    };

    *change = (struct change){0};
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(words[0], known[i].word) != 0)
            continue;
        *change = known[i].change;
        if (known[i].family == 0)
            return 1;
        if (count < 2)
            return 0;
        bool good = change->setting == INET_MTU ? parse_number(words[1], UINT16_MAX, &change->value)
                    : change->setting == INET_NAME_SERVER
                        ? read_server(words[1], change)
                        : read_address(words[1], known[i].family, &change->address);
        return good ? 2 : 0;
    }
    return read_network(words[0], change) ? 1 : 0;
}

static int make(const char *name, const struct change *change)
{
    struct message message = {.word = {[5] = change->setting, [6] = change->value}};

    rs_name_pack(message.word, name);
    memcpy(&message.word[2], &change->address, sizeof(change->address));
    return inet_ask(INET_SET, &message);
}

/* Reads them all before the first one is made. */
static int change(const char *name, int count, char *const words[])
{
    struct change change;
    int used;

    for (int i = 0; i < count; i += used)
        if ((used = read_change(count - i, words + i, &change)) == 0)
            return print_usage(USAGE);
    for (int i = 0; i < count; i += used) {
        used = read_change(count - i, words + i, &change);
        int status = make(name, &change);
        if (status != 0) {
            fprintf(stderr, "ifconfig: %s: %s: %s\n", name, words[i], anole_error_text(status));
            return 1;
        }
    }
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc > 1 && (argv[1][0] == '-' || strlen(argv[1]) >= RS_NAME_LEN))
        return print_usage(USAGE);
    return argc <= 2 ? show(argv[1]) : change(argv[1], argc - 2, argv + 2);
}
