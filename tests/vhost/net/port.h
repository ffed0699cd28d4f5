/*
 * One network device: takes frames from its transmit rings and gives them to whatever is on its wire;
 * puts frames from there into its receive rings. A frame that finds no buffer waits.
 */
#ifndef VHOST_NET_PORT_H
#define VHOST_NET_PORT_H

#include "../session.h"
#include "frame.h"

#define PAIRS_MAX 8u
#define WAITING_MAX 1024u /* frames */

struct waiting_frame;

/* A receive ring's buffers that were taken: a frame was longer than all of them. */
struct taken {
    struct chain *chain; /* RING_SIZE_MAX of them */
    unsigned count;
};

struct port {
    struct backend backend; /* first */
    struct ring ring[2 * PAIRS_MAX];
    struct taken taken[PAIRS_MAX];
    struct waiting_frame *waiting, **waiting_end;
    unsigned waiting_count;
    /* The wire: a frame of the driver's, which may be changed, sent by that pair. */
    void (*sent)(struct port *port, struct frame *frame, unsigned pair);
    struct port *other; /* the port at the wire's other end, or NULL: the peer */
    uint64_t frames[2 * PAIRS_MAX];
    uint64_t lost, wrong, connections;
};

/* 0, or -1: no memory. */
int port_init(struct port *port, unsigned pairs, struct feature_set features,
              void (*sent)(struct port *port, struct frame *frame, unsigned pair));
void port_free(struct port *port);
/* What the driver has accepted. */
bool port_has(const struct port *port, struct feature_bit feature);
/* A frame for the driver, by that pair if it is in use. */
void port_deliver(struct port *port, const struct frame *frame, unsigned pair);
/* What it did, on standard output. */
void port_report(const struct port *port);

#endif
