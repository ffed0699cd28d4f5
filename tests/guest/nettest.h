/*
 * nettest: what its files share. The groups of tests speak the raw protocol of <proto/net.h>, with no
 * help from libnet's client, so that they can break every rule of it; some at the end use that client.
 * Most need a peer that answers frames: tests/wire.
 *
 *   nettest.c           arguments, the table of groups, what is printed for tests on the outside
 *   nettest_raw.c       sessions, channels, pools; requests
 *   nettest_frame.c     frames, and the words of the peer's language
 *   nettest_basic.c     groups: information, sessions, modes' arguments, statistics
 *   nettest_data.c      groups: frames by message and through a pool
 *   nettest_bad.c       groups: what must be refused
 *   nettest_clients.c   groups: several sessions, filters, deaths
 *   nettest_libnet.c    groups: libnet's client
 *   nettest_offload.c   groups: checksums, long segments, headers that lie; run when named
 */
#ifndef NETTEST_H
#define NETTEST_H

#include "testkit.h"

#include <libchan/channel.h>
#include <proto/net.h>
#include <proto/rs.h>

#define RING_ENTRIES 256u
#define POOL_LEN (256u * 1024u)
#define BUFFER_LEN 2048u
#define FRAME_TYPE 0x88b5u
#define FRAME_MOST 65536u
#define NO_VLAN 0xffffu

/* Own notification bits. */
enum { BIT_CHANNEL = 0, BIT_UNPINNED = 1, BIT_EVENT = 2, BIT_LIBNET = 4 };

/* The driver under test, and what it says of itself: read at the start of each group. */
extern endpoint_t driver;
extern struct net_info net;

/* ---- nettest_raw.c ---- */

/* A session, perhaps with a channel and a pool. */
struct port {
    uint64_t id;
    uint32_t last_request;
    bool attached;
    struct channel channel;
    void *memory;
    size_t memory_len;
    handle_t region, offer, doorbell, driver_doorbell;
    uint8_t *pool;
    handle_t pool_grant;
};

/* Finds the driver (again) and reads its INFO; ends the group if that can't be done. */
void find_driver(void);
/* Calls the driver: the delivery's error or the reply's status. */
int net_call(enum net_request type, struct message *message);
/* Writes what the driver answers to INFO or STATS into a buffer. */
int read_info(struct net_info *info);
int read_stats(const struct port *port, struct net_stats *stats);
/* A grant of memory to the driver; ends the group if there is none. */
handle_t grant(void *memory, size_t len, unsigned access);
/* Takes it back, waiting for pins to go: false if they don't. */
bool revoke(handle_t handle);

int port_open(struct port *port);
int port_close(struct port *port);
/* Both of them; a failure is a failed check and ends the group. */
void port_start(struct port *port, uint32_t mode);
void port_end(struct port *port);
/* The next request id. */
uint32_t port_next(struct port *port);
/* Puts a message into the channel, with id and session filled in; returns the id. */
uint32_t port_put(struct port *port, uint32_t type, uint32_t flags, uint64_t w2, uint64_t w3,
                  uint64_t w4);
int port_kick(struct port *port);
/* The next reply: 0, -ETIMEDOUT, -EPROTO. */
int port_reply(struct port *port, struct message *reply, uint64_t patience_us);
/* Posts `count` buffers at the pool's end, the last one first; ids go up from *first. */
void port_post(struct port *port, unsigned count, uint32_t *first);
/* Where the buffer that was posted under that id, as by port_post, lies. */
uint8_t *port_buffer(const struct port *port, uint32_t id, uint32_t first);
int mode_set(struct port *port, uint32_t flags, const uint8_t (*addresses)[NET_ADDRESS_BYTES],
             unsigned count);

/* The name of the service that the driver is; ends the group if it has none. */
void service_of_driver(char name[RS_NAME_LEN]);

/* ---- nettest_frame.c ---- */

/* What the peer is asked for, in the frame's payload. */
struct wish {
    char kind; /* E, S, R, Q: tests/wire/wire.py */
    uint8_t count;
    uint16_t length;
    const uint8_t *address; /* S: whom to send to; NULL: us */
    uint16_t vlan;          /* S: NO_VLAN: untagged */
};
/* Fills in a frame of that many bytes (14 or more) to the peer; what of it doesn't fit is left out. The
 * rest is a pattern of the seed. */
void frame_make(uint8_t *frame, size_t len, const struct wish *wish, uint8_t seed);
/* Whether that is what frame_make made, but for the addresses. */
bool frame_is(const uint8_t *frame, size_t len, const uint8_t *made);
/* The number of a frame that the peer sent on S, or -1. */
int frame_number(const uint8_t *frame, size_t len);
extern const uint8_t broadcast_address[NET_ADDRESS_BYTES];

/* Sends by message; receives by message in a thread. */
int send_frame(const struct port *port, const void *frame, size_t len);
struct listener {
    struct caller caller;
    handle_t grant;
    uint8_t frame[FRAME_MOST];
};
/* A thread waits for a frame of up to `room` bytes. */
void listen_start(struct listener *listener, const struct port *port, size_t room,
                  uint64_t patience_us);
/* Its status, and the frame's length. */
int listen_end(struct listener *listener, size_t *len);
/* Ends the group as skipped unless a peer on the wire echoes. */
void need_peer(void);

/* ---- groups ---- */

void group_info(void);
void group_sessions(void);
void group_modes(void);
void group_statistics(void);
void group_single(void);
void group_lengths(void);
void group_pool(void);
void group_many(void);
void group_bad_grants(void);
void group_bad_frames(void);
void group_bad_posts(void);
void group_bad_attach(void);
void group_ring_abuse(void);
void group_cancel(void);
void group_clients(void);
void group_slow_client(void);
void group_filters(void);
void group_malformed(void);
void group_detach(void);
void group_death(void);
void group_client(void);
void group_recovery(void);
void group_checksums(void);
void group_segments(void);
void group_headers(void);
void group_lies(void);
void group_reconnect(void);

#endif
