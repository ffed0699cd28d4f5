/*
 * What the files of libnet's client side share. Which file does what:
 *
 *   client.c           what programs call
 *   client_path.c      frames and answers through the channel
 *   client_session.c   one driver instance: coming, leaving, wishes; from one to the next
 */
#ifndef LIBNET_CLIENT_INTERNAL_H
#define LIBNET_CLIENT_INTERNAL_H

#include <libanole/anole.h>
#include <libnet/client.h>
#include <libpeer/peer.h>
#include <string.h>

#define CALL_US 1000000u /* that a call to a driver may take */
/* A frame's vector of pieces, one slot each. */
#define VECTOR_BYTES (NET_PIECES_MAX * sizeof(struct net_piece))

enum net_client_state {
    NET_CLIENT_LOOKING,   /* for a driver: rung when the name is published */
    NET_CLIENT_UP,        /* attached */
    NET_CLIENT_LEAVING,   /* a driver that lives and can't be trusted has our memory */
    NET_CLIENT_RELEASING, /* grants can't be revoked yet: a device may still write */
};

/* A frame under way: slot `number % depth` of a ring, in the order of submission. */
struct net_client_tx {
    bool answered;
    bool was_sent; /* to this instance or one before */
    uint8_t piece_count;
    uint32_t flags;
    uint64_t offload;
    uint64_t tag;
    uint64_t sent_ticks; /* to this instance */
    int status;
    struct net_piece piece[NET_PIECES_MAX];
};

enum net_client_buffer {
    NET_BUFFER_IDLE,   /* to be posted */
    NET_BUFFER_POSTED, /* the driver has it */
    NET_BUFFER_HELD,   /* a frame, or a part of one, is in it */
};

struct net_client {
    char name[RS_NAME_LEN];
    struct net_client_options options; /* defaults filled in, sizes rounded */
    enum net_client_state state;
    bool broken;          /* this instance is to be left: it died or can't be trusted */
    bool given_up;        /* by RS */
    bool was_up;          /* at least once */
    uint64_t retry_ticks; /* when to go on in a state other than UP */
    uint64_t complained_ticks;
    uint64_t down_ticks; /* since when; 0: the first answer has come since */
    struct net_info info;
    struct net_info info_buffer; /* the driver writes here */

    /* One instance. */
    endpoint_t driver;
    uint64_t session; /* 0: none */
    bool attached;
    handle_t watch, info_grant, pool_grant, addresses_grant;
    struct peer_channel channel;
    bool subscribed;       /* to the name */
    handle_t subscription; /* doorbell that RS rings */
    uint64_t link_number;

    /* What is wanted. */
    uint32_t mode_flags;
    unsigned address_count;
    uint8_t address[NET_ADDRESSES_MAX][NET_ADDRESS_BYTES];
    uint8_t vlan[NET_VLANS / 8];

    /* Memory: the program's part, receive buffers, vectors. */
    uint8_t *pool;
    size_t pool_len, rx_offset, vector_offset;

    struct net_client_tx *tx;
    uint64_t tx_head, tx_next, tx_tail; /* oldest, next to be sent, next to be queued */
    uint8_t *buffer;                    /* enum net_client_buffer of each */
    uint16_t *idle;                     /* stack of buffers to be posted */
    unsigned idle_count;
    unsigned posted_count; /* that the driver has */

    /* The frame that is being put together, and news. */
    struct net_event frame;
    bool frame_begun, frame_complete, link_news, up_news, down_news;
    uint32_t link, speed_mbits;
    struct net_client_stats stats;
};

static inline unsigned client_channel_bit(const struct net_client *client)
{
    return client->options.notify_bit;
}

/* For all that is rare: deaths, names, pins. */
static inline unsigned client_event_bit(const struct net_client *client)
{
    return client->options.notify_bit + 1;
}

/* Events are large for frames in many parts, and there are many of one part or none: what is beyond the
 * part count isn't touched. */
static inline void event_begin(struct net_event *event, enum net_event_kind kind)
{
    memset(event, 0, offsetof(struct net_event, part));
    event->kind = kind;
}

static inline uint8_t *client_buffer_data(const struct net_client *client, unsigned buffer)
{
    return client->pool + client->rx_offset + buffer * client->options.rx_buffer_bytes +
           NET_RX_HEADROOM;
}

/* ---- client_session.c ---- */
/* Goes on in a state other than UP. */
void net_client_recover(struct net_client *client);
/* UP, but the instance is to be left. */
void net_client_leave(struct net_client *client);
/* Ends it all, waiting for as long as a call may take. */
void net_client_quit(struct net_client *client);
/* Tells the instance one wish: 0 or its error. */
int net_client_tell_mode(struct net_client *client);
int net_client_tell_vlan(struct net_client *client, unsigned vlan, bool wanted);
void net_client_complain(struct net_client *client, enum rs_complaint complaint);

/* ---- client_path.c ---- */
/* What the new instance must be given again. */
void path_begin(struct net_client *client);
void path_send(struct net_client *client);
/* Whether there is something that the driver must be woken for. */
bool path_has_work(const struct net_client *client);
void path_receive(struct net_client *client);
/* Looks whether the instance leaves frames unanswered for too long. */
void path_watch(struct net_client *client);
/* When path_watch is to be called; DEADLINE_NEVER. */
uint64_t path_deadline(const struct net_client *client);

#endif
