/*
 * libnet, driver side: everything of a network driver that isn't its device. It serves the protocol of
 * <proto/net.h> by messages and channels, validates it, keeps sessions, pools and filters, turns
 * frames into DMA segments, gives each received frame to whom it belongs, shares the device fairly and
 * watches over it. A driver brings a struct net_device and calls net_server_start() and
 * net_server_run(). One interface a process.
 */
#ifndef LIBNET_SERVER_H
#define LIBNET_SERVER_H

#include <anole/handle.h>
#include <libanole/service.h>
#include <proto/net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Own notification bits 0 and 1 are the server's; the device's start here. */
#define NET_DEVICE_BIT 8u

#define NET_FRAME_BYTES_MAX                                                                        \
    65550u                      /* of any frame: a TCP segment of 64 KiB and its Ethernet header */
#define NET_RX_PIECES_MAX 6u    /* segments of a receive buffer, at most */
#define NET_RX_BYTES_MAX 16384u /* of a receive buffer, at most */
#define NET_RX_PARTS_MAX 256u   /* receive buffers of one frame, at most */
#define NET_LANES_MAX 4u
#define NET_COPIES_A_LANE 64u /* buffers of the driver's own, at most */

/* A frame to be sent. A lane's frames stay in order; each session's take one lane, but for a change to
 * another one when the number of receivers changes. */
struct net_outgoing {
    unsigned lane;
    uint16_t token;   /* to be given back to net_server_sent() */
    uint32_t flags;   /* NET_TX_*, checked against the device's */
    uint64_t offload; /* NET_OFFLOAD */
    uint32_t bytes;
    const struct dma_segment *segments; /* together `bytes`; valid during the call */
    unsigned segment_count;             /* up to tx_pieces_max */
};

/* A receive buffer that has a frame, or a part of one, in it. */
struct net_part {
    uint16_t token;        /* as given to ops->post */
    uint32_t bytes;        /* in the buffer */
    uint32_t prefix_bytes; /* that belong before them: of later parts only */
    uint8_t prefix[NET_PREFIX_BYTES];
};

struct net_incoming {
    uint32_t flags; /* NET_RX_* */
    uint64_t offload;
    uint32_t bytes; /* of all parts */
    const struct net_part *parts;
    unsigned count;
};

/* What the device should let through: the union of what the sessions want. */
struct net_filter {
    bool promiscuous;
    bool all_multicast;
    unsigned unicast_count, multicast_count;
    uint8_t unicast[NET_ADDRESSES_MAX][NET_ADDRESS_BYTES];
    uint8_t multicast[NET_ADDRESSES_MAX][NET_ADDRESS_BYTES];
};

struct net_device;

struct net_device_ops {
    /* Takes a frame; false: there is no room in its lane now. The device needn't see it before kick(). */
    bool (*send)(struct net_device *device, const struct net_outgoing *frame);
    /* Takes a receive buffer of 1..NET_RX_PIECES_MAX segments; false: no room in that lane now. */
    bool (*post)(struct net_device *device, unsigned lane, uint16_t token,
                 const struct dma_segment *segments, unsigned count);
    void (*kick)(struct net_device *device);
    /* Calls net_server_sent(), net_server_received() and net_server_rejected() for what is finished,
     * at most `budget` received frames; returns how many they were. */
    unsigned (*reap)(struct net_device *device, unsigned budget);
    /* Before a wait: asks to be interrupted at the next frame received, and when all that is being
     * sent (if `sending`) is sent. True: that is there already, reap. */
    bool (*arm)(struct net_device *device, bool sending);
    /* Notification bits from NET_DEVICE_BIT on. Reaping follows by itself. */
    void (*notified)(struct net_device *device, uint64_t bits);
    /* Looks whether the device is sound; called now and then. */
    void (*check)(struct net_device *device);
    /* Takes all receive buffers back from the device; none of them is reported any more. True: the
     * whole device was reset: what was being sent is taken back, too, and it knows no filter. */
    bool (*take_back)(struct net_device *device);
    /* All lanes are used from now on, or lane 0 alone, as after each reset: 0 or -EIO. Not called for a
     * device with one lane. */
    int (*spread)(struct net_device *device, bool wide);
    /* 0 or -EIO. NULL: the device has no such thing. */
    int (*filter)(struct net_device *device, const struct net_filter *filter);
    int (*vlan)(struct net_device *device, unsigned vlan, bool wanted);
    int (*mac_set)(struct net_device *device, const uint8_t address[NET_ADDRESS_BYTES]);
    /* A frame was not sent for too long: ends the process as DEATH_DEVICE_RESET. */
    void (*stuck)(struct net_device *device);
    /* Makes the device quiet at the end of the process. */
    void (*quiesce)(struct net_device *device);
};

/* Filled in by the driver before net_server_start. */
struct net_device {
    const struct net_device_ops *ops;
    const char *name;     /* "eth0", for the log */
    unsigned lanes;       /* 1..NET_LANES_MAX: ways that frames take beside each other, in order */
    struct net_info info; /* link and speed: by net_server_link() */
    struct net_stats stats; /* the driver counts kicks, kicks_suppressed, (spurious_)interrupts */
};

/* A frame that the device hasn't sent for so long makes it stuck. */
#define NET_STUCK_US 10000000u
/* How often the server looks at the device by itself: while it is busy, and else. */
#define NET_POLL_US 100000u
#define NET_IDLE_POLL_US 1000000u

/* Takes the device over, with len bytes of memory that both reach for frames that are copied. */
void net_server_start(struct net_device *device, void *memory, uint64_t device_address, size_t len);
/* Serves for ever. The driver has made itself known before. */
_Noreturn void net_server_run(void);

/* Called from ops->reap only. A frame isn't the device's any more: status 0 or a negated error. */
void net_server_sent(struct net_device *device, uint16_t token, int status);
/* A frame has come. Its parts' buffers are the device's no more. */
void net_server_received(struct net_device *device, const struct net_incoming *frame);
/* Buffers come back with nothing that makes sense in them. */
void net_server_rejected(struct net_device *device, const struct net_part *parts, unsigned count);

/* The link's state as the device has it: when it changed, and once before the start. announce: the
 * device asks that peers be told where this interface is. */
struct net_link {
    bool up, full_duplex;
    uint32_t speed_mbits; /* 0: unknown */
};
void net_server_link(struct net_device *device, const struct net_link *link, bool announce);

#endif
