/*
 * Network interfaces inside the network server: lwIP's netif on one side, libnet's client on the other.
 *
 *   interface.c  the table; drivers that come and go; the server's loop
 *   frames.c     frames from lwIP to the driver and back
 *   offload.c    what is left to the device: checksums, cutting
 *   sieve.c      frames that lwIP must not see
 *   resume.c     connections, once frames travel again
 *   configure.c  what an interface is to be: addresses, DHCP, up and down
 *   arguments.c  the same as words of the server's command line
 *   status.c     what ifconfig and netstat -s show
 */
#ifndef INET_INTERFACE_H
#define INET_INTERFACE_H

#include "inet.h"

#include <libnet/client.h>
#include <lwip/netif.h>
#include <proto/inet.h>

#define TX_SLOTS 256u
#define TX_SLOT_BYTES 2048u
#define TX_ALIGNMENT 8u
#define TX_FRAME_MAX (TX_SLOT_BYTES - TX_ALIGNMENT)
#define NO_SLOT UINT16_MAX
#define RX_BUFFERS 512u
#define RX_BUFFER_BYTES 2048u

/* A receive buffer that lwIP has. */
struct rx_buffer {
    struct pbuf_custom pbuf; /* first: lwIP gives it back */
    struct interface *interface;
    uint16_t number;
};

/* What an interface is to be, with any driver. The first IPv6 address that there is, the link-local
 * one, isn't in it. */
struct interface_wish {
    bool up;
    bool dhcp;
    ip4_addr_t ip, mask, gateway;
    ip6_addr_t ip6[INET_ADDRESSES_6 - 1];
    unsigned ip6_count;
    uint16_t mtu_bytes; /* 0: as the driver says */
};

/* Segments that go as one frame, so far; piece_count 0: none. Its tag is the first one's slot. */
struct tx_gather {
    struct net_frame frame;
    uint8_t *first; /* piece */
    uint16_t last_slot;
    size_t bytes; /* of the frame */
    size_t segment_bytes;
    uint32_t next_sequence;
    bool push;
};

struct interface {
    char name[RS_NAME_LEN];
    struct netif netif;
    struct net_client *client;
    struct interface_wish wish;
    ip4_addr_t told; /* the last address in the log */
    bool known;      /* the device's address is, and so the interface is there for lwIP */
    bool given_up;   /* RS starts its driver no more */
    uint8_t *slots;  /* TX_SLOTS of them, in the pool */
    uint16_t free_slots[TX_SLOTS];
    unsigned free_count;
    uint16_t next_slot[TX_SLOTS]; /* of the same frame, or NO_SLOT */
    struct tx_gather gather;
    bool full; /* something couldn't be sent for want of a slot */
    unsigned rx_kept;
    struct rx_buffer rx[RX_BUFFERS];
    struct inet_traffic traffic;
};

/* ---- interface.c ---- */
/* One after another: NULL to begin, NULL at the end. */
struct interface *interface_next(const struct interface *interface);
struct interface *interface_find(const char *name);

/* ---- frames.c ---- */
void frames_init(struct interface *interface);
/* A driver is there: what its device does for us is used. */
void frames_begin(struct interface *interface);
err_t frames_send(struct netif *netif, struct pbuf *packet);
/* A frame of one piece. Most of a frame is room for pieces, which isn't touched. */
static inline void frame_of_slot(struct net_frame *frame, uint16_t slot, const uint8_t *data,
                                 size_t len)
{
    frame->flags = 0;
    frame->offload = 0;
    frame->piece_count = 1;
    frame->piece[0] = data;
    frame->piece_bytes[0] = (uint32_t)len;
    frame->tag = slot;
}

/* Gives a frame, that lies in slots, to libnet. */
void frames_put(struct interface *interface, const struct net_frame *frame);
void frames_sent(struct interface *interface, const struct net_event *event);
void frames_received(struct interface *interface, const struct net_event *event);
/* Goes on with what had to wait, if there is room now. */
void frames_drained(struct interface *interface);

/* ---- offload.c ---- */
/* Sends a frame in a slot with a device that makes checksums; it may wait for others to go with. */
void offload_send(struct interface *interface, uint16_t slot, uint8_t *data, size_t len);
/* What waits for others goes. */
void offload_flush(struct interface *interface);

/* ---- sieve.c ---- */
/* Whether lwIP may have that frame. */
bool sieve_passes(const struct pbuf *frame);
/* Whether a frame, of which that is the first part, is a datagram that nobody would have room for. */
bool sieve_is_futile(const uint8_t *data, size_t len);

/* ---- resume.c ---- */
/* Frames travel again: every connection over the interface goes on at once. */
void connections_resume(struct interface *interface);

/* ---- configure.c ---- */
/* The interface is there for lwIP: it becomes what it is to be. */
void configure_begin(struct interface *interface);
void configure_link(struct interface *interface, bool up);
int request_set(struct ipc_delivery *request);
/* Name servers that were set by hand count, whatever DHCP said meanwhile. */
void name_servers_apply(void);
int name_server_set(uint64_t index, const ip_addr_t *ip);

/* ---- arguments.c ---- */
/* NAME[=WORD,...]: the name, and what is wanted. 0, or -EINVAL. */
int wish_read(const char *argument, char name[RS_NAME_LEN], struct interface_wish *wish);

/* ---- status.c ---- */
int request_interfaces(struct ipc_delivery *request);
int request_status(struct ipc_delivery *request);

#endif
