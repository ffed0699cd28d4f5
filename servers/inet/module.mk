LWIP_DIR := $(BUILD)/deps/lwip
# Core with IPv4 and IPv6, and Ethernet; its own socket layer stays out.
LIBS += liblwip
liblwip_SRCS := $(addprefix $(LWIP_DIR)/core/,init.c def.c dns.c inet_chksum.c ip.c mem.c memp.c \
        netif.c pbuf.c raw.c stats.c sys.c tcp.c tcp_in.c tcp_out.c timeouts.c udp.c) \
    $(addprefix $(LWIP_DIR)/core/ipv4/,acd.c dhcp.c etharp.c icmp.c igmp.c ip4_frag.c ip4.c \
        ip4_addr.c) \
    $(addprefix $(LWIP_DIR)/core/ipv6/,ethip6.c icmp6.c inet6.c ip6.c ip6_addr.c ip6_frag.c mld6.c \
        nd6.c) \
    $(LWIP_DIR)/netif/ethernet.c
LWIP_INCLUDES := -Iservers/inet/port -isystem $(LWIP_DIR)/include
liblwip_CFLAGS := $(LWIP_INCLUDES)
# Included by what counts as system headers, which the compiler lists no dependencies on.
LWIP_PORT := $(wildcard servers/inet/port/*.h servers/inet/port/arch/*.h)
liblwip_DEPS := $(LWIP_PORT)

PROGRAMS += inet
# All that knows of no frame, and what moves frames: the fuzzer takes them, too.
INET_SERVER := $(addprefix servers/inet/,requests.c socket.c waiter.c stream.c received.c \
    datagram.c address.c options.c resolve.c list.c halfopen.c intake.c interface.c frames.c offload.c resume.c \
    configure.c arguments.c status.c checksum.c sieve.c)
inet_SRCS := servers/inet/main.c $(INET_SERVER)
inet_CFLAGS := $(LWIP_INCLUDES)
inet_LIBS := liblwip libnet libpeer libchan libanole
inet_DEPS := $(LWIP_PORT)
