/*
 * A host on eth0's wire, 10.0.2.2, that speaks as much TCP, UDP, ICMP and ARP as a test tells it to. What
 * it sends is right in every field unless a test breaks it.
 */
#ifndef TESTS_INET_PEER_H
#define TESTS_INET_PEER_H

#include "inet_fixture.h"

#define PEER_FIN 1u
#define PEER_SYN 2u
#define PEER_RST 4u
#define PEER_PSH 8u
#define PEER_ACK 16u

#define ETHER_BYTES 14u
#define IP_BYTES 20u
#define TCP_BYTES 20u
#define UDP_BYTES 8u

/* A connection as the peer sees it. */
struct peer {
    uint16_t own_port, port; /* port: of inet's side */
    uint32_t sequence;       /* next to be sent */
    uint32_t acknowledged;   /* next that is expected */
    uint16_t window;
};

/* What a frame that inet sent is. */
struct peer_seen {
    uint8_t protocol; /* IP's; 0: not IPv4 */
    uint16_t port, own_port;
    uint32_t sequence, acknowledgement;
    uint8_t flags;
    uint16_t window;
    const uint8_t *data;
    size_t data_len;
    bool sums_right; /* of IP, and of TCP or UDP if it isn't left to the device */
};

/* Builds a frame from the peer to inet around a payload; its length. */
size_t peer_frame(uint8_t *frame, uint8_t protocol, const void *payload, size_t len);
/* Sets IP's and TCP's, UDP's or ICMP's checksums. */
void peer_sums(uint8_t *frame, size_t len);
size_t peer_segment(uint8_t *frame, const struct peer *peer, uint8_t flags, const void *data,
                    size_t len);
/* Sends a segment, and counts what it carries. */
void peer_send(struct peer *peer, uint8_t flags, const void *data, size_t len);
size_t peer_datagram(uint8_t *frame, uint16_t from, uint16_t to, const void *data, size_t len);
/* Answers inet's question who 10.0.2.2 is. */
void peer_introduce(void);
void peer_look(const struct wire_frame *frame, struct peer_seen *seen);
/* The next TCP segment that inet sent on that connection, which the peer takes note of. False: none. The
 * frame is to be freed. */
bool peer_take(struct peer *peer, struct peer_seen *seen, struct wire_frame *frame);
/* Connects to a port of inet's: whether it did. */
bool peer_connect(struct peer *peer, uint16_t own_port, uint16_t port);

uint16_t naive_sum(const uint8_t *data, size_t len, uint32_t start);

#endif
