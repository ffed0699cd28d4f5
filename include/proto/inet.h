/*
 * The network server's own side: interfaces and counters, for anyone to read, and changes to interfaces,
 * for programs that may control services (system.dts: may-control-services; EPERM for all others).
 * Sockets are in proto/sock.h; the server, name "inet", answers both.
 *
 * Interfaces have the names of their drivers ("eth0"); "lo" is the loopback one, which can't be changed.
 * A name takes two words (rs_name_pack).
 */
#ifndef PROTO_INET_H
#define PROTO_INET_H

#include <proto/rs.h>
#include <proto/sock.h>

enum inet_request {
    INET_INTERFACES = MESSAGE_TYPE(PROTO_SOCK, 32), /* w0 grant (write) for struct inet_interface[],
                                                       w1 bytes -> w0 how many there are, w1 copied */
    INET_STATUS = MESSAGE_TYPE(PROTO_SOCK, 33),     /* w0 grant (write) for struct inet_status */
    INET_SET = MESSAGE_TYPE(PROTO_SOCK, 34), /* w0-1 interface (none for a name server), w2-4 struct
                                                sock_address, w5 enum inet_setting, w6 value.
                                                ENOENT: no such interface; EINVAL; ENOSPC;
                                                EADDRNOTAVAIL: there is no such address */
};

enum inet_setting {
    INET_UP = 1,      /* value 0 or 1 */
    INET_DHCP = 2,    /* value 0 or 1 */
    INET_ADDRESS = 3, /* IPv4 address, value: bits of its network, 0..32. No DHCP from then on */
    INET_GATEWAY = 4, /* IPv4 address */
    INET_ADDRESS_ADD = 5, /* IPv6 address, of a network of 64 bits */
    INET_ADDRESS_REMOVE = 6,
    INET_MTU = 7,         /* value: INET_MTU_MIN up to what the driver allows */
    INET_NAME_SERVER = 8, /* address, or of the family 0 for none; value: which one. It stays,
                             whatever DHCP says */
};

#define INET_MTU_MIN 1280u /* RFC 8200, 5 */
#define INET_ADDRESSES_6 4u
#define INET_NAME_SERVERS 3u

#define INET_IS_UP 1u     /* it is to be used */
#define INET_IS_THERE 2u  /* its driver has been there */
#define INET_IS_LINKED 4u /* there is a driver, and its device has a link */
#define INET_HAS_DHCP 8u  /* its IPv4 address is to come by DHCP ... */
#define INET_IS_BOUND 16u /* ... and has */
#define INET_IS_DEFAULT 32u
#define INET_IS_LOOPBACK 64u
#define INET_TX_CSUM 128u /* the device makes TCP's checksums */
#define INET_TX_TSO 256u  /* ... and cuts what is longer than a segment */

enum inet_address_state {
    INET_ADDRESS_NONE = 0,
    INET_ADDRESS_TENTATIVE = 1, /* it is being asked whether somebody else has it */
    INET_ADDRESS_PREFERRED = 2,
    INET_ADDRESS_DEPRECATED = 3,
    INET_ADDRESS_DUPLICATED = 4, /* somebody else has it */
};

/* X(field, what it is): of one interface. */
#define INET_TRAFFIC(X)                                                                            \
    X(rx_frames, "frames received")                                                                \
    X(rx_bytes, "bytes received")                                                                  \
    X(rx_copied, "of them copied, since too many buffers were in use")                             \
    X(rx_dropped, "received frames dropped for want of memory")                                    \
    X(rx_errors, "received frames that were too long, or too short for their headers")             \
    X(tx_frames, "frames sent")                                                                    \
    X(tx_bytes, "bytes sent")                                                                      \
    X(tx_segments, "of them sent together, for the device to cut")                                 \
    X(tx_full, "frames that had to wait for room")                                                 \
    X(tx_errors, "frames that the driver refused")                                                 \
    X(drivers, "driver instances")                                                                 \
    X(sent_again, "frames that a second driver was asked to send")                                 \
    X(resumed, "connections resumed with a new driver or link")                                    \
    X(recovery_us, "longest time without a driver, in microseconds")

/* Of all of them together. */
#define INET_COUNTERS(X)                                                                           \
    X(arp_received, "ARP packets received")                                                        \
    X(arp_dropped, "ARP packets dropped")                                                          \
    X(ip_received, "IPv4 packets received")                                                        \
    X(ip_sent, "IPv4 packets sent")                                                                \
    X(ip_dropped, "IPv4 packets dropped")                                                          \
    X(ip_bad_checksum, "IPv4 headers with a wrong checksum")                                       \
    X(ip_bad_length, "IPv4 packets with a wrong length")                                           \
    X(ip_bad_options, "IPv4 packets with bad options")                                             \
    X(fragments_received, "IPv4 fragments received")                                               \
    X(fragments_dropped, "IPv4 fragments dropped")                                                 \
    X(ip6_received, "IPv6 packets received")                                                       \
    X(ip6_sent, "IPv6 packets sent")                                                               \
    X(ip6_dropped, "IPv6 packets dropped")                                                         \
    X(fragments6_received, "IPv6 fragments received")                                              \
    X(fragments6_dropped, "IPv6 fragments dropped")                                                \
    X(icmp_received, "ICMP messages received")                                                     \
    X(icmp_dropped, "ICMP messages dropped")                                                       \
    X(icmp6_received, "ICMPv6 messages received")                                                  \
    X(icmp6_dropped, "ICMPv6 messages dropped")                                                    \
    X(udp_received, "UDP datagrams received")                                                      \
    X(udp_sent, "UDP datagrams sent")                                                              \
    X(udp_dropped, "UDP datagrams dropped")                                                        \
    X(udp_bad_checksum, "UDP datagrams with a wrong checksum")                                     \
    X(udp_no_room, "UDP datagrams dropped since nobody read")                                      \
    X(tcp_received, "TCP segments received")                                                       \
    X(tcp_sent, "TCP segments sent")                                                               \
    X(tcp_sent_again, "TCP segments sent again")                                                   \
    X(tcp_dropped, "TCP segments dropped")                                                         \
    X(tcp_bad_checksum, "TCP segments with a wrong checksum")                                      \
    X(tcp_bad_length, "TCP segments with a wrong length")                                          \
    X(tcp_bad_options, "TCP segments with bad options")                                            \
    X(tcp_active_opens, "TCP connections that were asked for here")                                \
    X(tcp_passive_opens, "TCP connections that a peer asked for")                                  \
    X(tcp_half_open_shed, "TCP half-open connections given up for newer ones")                     \
    X(tcp_resets_sent, "TCP resets sent")                                                          \
    X(memory_short, "times that memory or a pool was short")

struct inet_traffic {
#define INET_FIELD(name, text) uint64_t name;
    INET_TRAFFIC(INET_FIELD)
};

struct inet_interface {
    char name[RS_NAME_LEN];
    uint32_t flags; /* INET_IS_* ... */
    uint32_t speed_mbits;
    uint32_t mtu_bytes;
    uint32_t number;    /* as in the scope of link-local addresses; 0: not there yet */
    uint8_t address[8]; /* Ethernet's, in the first six */
    uint8_t ip[4], mask[4], gateway[4]; /* as they travel */
    uint8_t unused[4];
    struct {
        uint8_t ip[16];
        uint32_t state; /* enum inet_address_state */
        uint32_t unused;
    } ip6[INET_ADDRESSES_6];
    struct inet_traffic traffic;
};
static_assert(sizeof(struct inet_interface) == 56 + 4 * 24 + 14 * 8, "shared layout");

struct inet_counters {
    INET_COUNTERS(INET_FIELD)
#undef INET_FIELD
};

struct inet_status {
    struct sock_address name_servers[INET_NAME_SERVERS]; /* family 0: none */
    struct inet_counters counters;
};
static_assert(sizeof(struct inet_status) == 3 * 24 + 36 * 8, "shared layout");

#endif
