/*
 * lwIP as this system uses it: one thread, raw interface, IPv4 and IPv6. Every pool is bounded, so that
 * no flood takes more memory than stands here.
 */
#ifndef INET_PORT_LWIPOPTS_H
#define INET_PORT_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_RAW 1
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_SINGLE_NETIF 0

/* ---- memory ---- */
#define MEM_LIBC_MALLOC 1
#define MEM_ALIGNMENT 8
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8) /* two an interface */
#define MEMP_NUM_TCP_PCB 1024
#define MEMP_NUM_TCP_PCB_LISTEN 64
#define MEMP_NUM_TCP_SEG 32768
#define MEMP_NUM_UDP_PCB 256
#define MEMP_NUM_RAW_PCB 32
#define MEMP_NUM_PBUF 4096
#define MEMP_NUM_REASSDATA 32
#define MEMP_NUM_FRAG_PBUF 128
#define MEMP_NUM_ARP_QUEUE 64
#define MEMP_NUM_ND6_QUEUE 64
#define PBUF_POOL_SIZE 1024
#define IP_REASS_MAX_PBUFS 64
#define IPV6_FRAG_COPYHEADER 1 /* pointers are larger than the header that lwIP would overlay */

/* ---- link, IP ---- */
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_MLD 1
#define LWIP_ND6_NUM_NEIGHBORS 32
#define LWIP_ND6_NUM_DESTINATIONS 32
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_MULTICAST_PING 0
#define LWIP_BROADCAST_PING 0
#define LWIP_IGMP 1
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* an address is there at once */
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 3
#define DNS_TABLE_SIZE 32
#define DNS_MAX_SOURCE_PORTS 32
#define DNS_MAX_RETRIES 3 /* four seconds */
#define DNS_LOCAL_HOSTLIST 1
#define DNS_LOCAL_HOSTLIST_INIT                                                                    \
    {                                                                                              \
        DNS_LOCAL_HOSTLIST_ELEM("localhost", IPADDR4_INIT_BYTES(127, 0, 0, 1))                     \
    }
#define LWIP_DNS_SECURE                                                                            \
    (LWIP_DNS_SECURE_RAND_XID | LWIP_DNS_SECURE_NO_MULTIPLE_OUTSTANDING |                          \
     LWIP_DNS_SECURE_RAND_SRC_PORT)
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_LOOPBACK_MAX_PBUFS 256
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_LINK_CALLBACK 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 0 /* the device may make them */

/* ---- TCP ---- */
#define TCP_TMR_INTERVAL                                                                           \
    50 /* milliseconds: what is lost is sent again after 300 ms at the earliest */
#define LWIP_TCP_RTO_TIME 1000 /* milliseconds, before anything was measured (RFC 6298, 2.1) */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, len, near, far, packet)                            \
    sieve_options(header, len, near, far)
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) inet_random()
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN 512
#define TCP_SNDLOWAT (32 * 1024)
#define TCP_OVERSIZE TCP_MSS
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 255
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 0

/* ---- UDP ---- */
#define LWIP_UDP 1
#define LWIP_NETBUF_RECVINFO 0

/* ---- counters, for netstat ---- */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MIB2_STATS 1
#define LWIP_STATS_DISPLAY 0

#endif
