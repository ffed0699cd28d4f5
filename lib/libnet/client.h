/*
 * libnet, client side: a network interface that survives its driver.
 *
 * One struct net_client is used by one thread. Frames lie in the client's pool, which is granted once
 * per driver instance, so that a frame is a few offsets. When the driver dies, libnet waits for the
 * next instance, attaches and grants anew, posts all receive buffers, sets mode, VLANs and address as
 * they were, and sends what was not answered once more, in order: a peer may see a frame twice. What
 * the program sees is a NET_EVENT_DOWN, later a NET_EVENT_UP, and frames that take longer.
 *
 * Nothing here waits for a driver longer than a call to it may take (CALL_US in client_internal.h), so
 * a server can use it in its loop: net_notified() with its notification bits, net_step() and net_arm()
 * before it waits, net_deadline() for its timer. A program that has nothing else to wait for calls
 * net_wait().
 */
#ifndef LIBNET_CLIENT_H
#define LIBNET_CLIENT_H

#include <proto/net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_client; /* opaque */

struct net_client_options {
    size_t pool_bytes;   /* of the program's own part of the pool; 0: 256 KiB */
    unsigned rx_buffers; /* 0: 128 */
    size_t
        rx_buffer_bytes; /* of each, with NET_RX_HEADROOM; 0: 2048. Longer frames come in parts if
                                 the device can do that, else such a device is refused */
    unsigned tx_depth;   /* frames under way, at most; 0: 128 */
    unsigned notify_bit; /* first of two own notification bits that libnet may use */
    uint64_t timeout_us; /* that a driver may leave a frame unanswered; 0: 5 s */
};

/* Before each receive buffer, the program's to use once it has the frame. What follows an Ethernet header
 * is aligned by it, and so is the data of TCP over IPv4 without options. */
#define NET_RX_HEADROOM 18u
#define NET_CLIENT_PARTS_MAX 64u

/* Takes the memory that is needed; doesn't wait for the driver: NET_EVENT_UP says that it is there.
 * EINVAL, ENOMEM. */
int net_open(struct net_client **client, const char *name,
             const struct net_client_options *options);
/* Detaches and frees. Frames that aren't sent yet are given up. */
void net_close(struct net_client *client);

/* What the newest instance said; all zeroes before the first. */
const struct net_info *net_client_info(const struct net_client *client);
/* The program's part of the pool: what it sends lies there or in receive buffers that it holds. */
void *net_client_pool(const struct net_client *client, size_t *len);

/* What is wanted, now and of each instance to come. 0, or why this instance refuses: it holds for the
 * next one nevertheless, and for this one as far as it goes. -EINVAL: nonsense, nothing is changed. */
int net_mode(struct net_client *client, uint32_t flags,
             const uint8_t (*addresses)[NET_ADDRESS_BYTES], unsigned count);
int net_vlan(struct net_client *client, unsigned vlan, bool wanted);

/* A frame in pieces, whose memory must stay as it is until NET_EVENT_SENT. */
struct net_frame {
    uint32_t flags; /* NET_TX_*, without NET_TX_VECTOR */
    unsigned piece_count;
    const void *piece[NET_PIECES_MAX]; /* in the pool */
    uint32_t piece_bytes[NET_PIECES_MAX];
    uint64_t offload;
    uint64_t tag; /* the program's, given back with NET_EVENT_SENT */
};

/* Queues a frame. -EAGAIN: tx_depth reached; -EINVAL: no piece, too many, not in the pool. The driver's
 * judgement comes with NET_EVENT_SENT. While there is no driver frames wait for the next one. */
int net_send(struct net_client *client, const struct net_frame *frame);

enum net_event_kind {
    NET_EVENT_SENT,
    NET_EVENT_FRAME,
    NET_EVENT_LINK, /* the link has changed, or peers should be told where we are */
    NET_EVENT_UP,   /* a driver is there (again): what it says may be different from before */
    NET_EVENT_DOWN, /* it is gone; another one will come, unless status says EGIVENUP */
};

/* A stretch of a received frame. */
struct net_client_part {
    uint8_t *data;
    uint32_t bytes;
    uint16_t buffer; /* to be given back */
};

struct net_event {
    enum net_event_kind kind;
    int status;    /* SENT; DOWN: 0 or -EGIVENUP */
    uint64_t tag;  /* SENT */
    uint32_t link; /* LINK, UP: NET_LINK_* */
    uint32_t speed_mbits;
    uint32_t flags; /* FRAME: NET_RX_* */
    uint64_t offload;
    uint32_t bytes; /* of the whole frame */
    unsigned part_count;
    struct net_client_part part[NET_CLIENT_PARTS_MAX]; /* the program's until given back */
};

/* The next thing that has happened; false: none. */
bool net_next(struct net_client *client, struct net_event *event);
/* The program is done with a receive buffer: it is posted again. */
void net_give_back(struct net_client *client, uint16_t buffer);

/* One round: publishes what was queued, takes what is answered, goes on with a recovery. */
void net_step(struct net_client *client);
/* Notification bits that were rung; others than its own don't matter. */
void net_notified(struct net_client *client, uint64_t bits);
/* Before a wait: true if there is something already, and another step is due. */
bool net_arm(struct net_client *client);
/* When to call net_step() at the latest; DEADLINE_NEVER. */
uint64_t net_deadline(const struct net_client *client);
/* Steps until an event is there: 0, or -ETIMEDOUT. */
int net_wait(struct net_client *client, uint64_t deadline_ticks);

struct net_client_stats {
    uint64_t epochs;      /* driver instances used */
    uint64_t sent_again;  /* frames that more than one instance was asked to send */
    uint64_t frames_lost; /* of which a part was missing when an instance died */
    uint64_t complaints;
    uint64_t longest_recovery_ticks;
};
void net_client_stats(const struct net_client *client, struct net_client_stats *stats);

#endif
