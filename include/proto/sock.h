/*
 * Sockets. The network server publishes the name "inet". A socket is a number bound to the process
 * that made it; it ends with that process.
 *
 *   word[0]  SOCK_ID(socket, flags)
 *   word[6]  of requests that may wait: deadline in ticks; 0: don't wait, EAGAIN instead. The server
 *            answers ETIMEDOUT when it has passed. The call itself should have no deadline, or a byte
 *            stream could lose what was answered too late
 *
 * Addresses take three words, see struct sock_address. Data goes through grants: w1 grant, w2 offset
 * into it, w3 length in bytes. Several requests of a process may wait at a time, one in each thread;
 * those that wait for the same thing are served first come, first served.
 *
 * Errors of any request: EINVAL, EBADHANDLE (socket, grant), EPERM (the grant's direction), ENOMEM (the
 * client's or the server's quota), ENOSYS (the socket's type hasn't that operation), and those that
 * the network names (ECONNREFUSED, ...), each told once.
 */
#ifndef PROTO_SOCK_H
#define PROTO_SOCK_H

#include <anole/handle.h>
#include <anole/message.h>
#include <assert.h>
#include <stdint.h>

enum sock_request {
    SOCK_SOCKET = MESSAGE_TYPE(PROTO_SOCK, 1),  /* w0 SOCK_INET or SOCK_INET6, w1 SOCK_STREAM ...
                                                    -> w0 socket */
    SOCK_BIND = MESSAGE_TYPE(PROTO_SOCK, 2),    /* w1-3 address: EADDRINUSE, EADDRNOTAVAIL */
    SOCK_LISTEN = MESSAGE_TYPE(PROTO_SOCK, 3),  /* w1 backlog */
    SOCK_ACCEPT = MESSAGE_TYPE(PROTO_SOCK, 4),  /* -> w0 new socket, w1-3 the peer's address */
    SOCK_CONNECT = MESSAGE_TYPE(PROTO_SOCK, 5), /* w1-3 address. Not waiting: EINPROGRESS */
    SOCK_SEND = MESSAGE_TYPE(PROTO_SOCK, 6),    /* w1-3 data -> w0 bytes taken, at least 1 */
    SOCK_RECEIVE = MESSAGE_TYPE(PROTO_SOCK, 7), /* w1-3 buffer; flag SOCK_PEEK -> w0 bytes; 0: the
                                                    peer sends no more */
    SOCK_SENDTO = MESSAGE_TYPE(PROTO_SOCK, 8),  /* w1 grant, w2 offset | length << 32, w3-5 address:
                                                    a whole datagram. Waits when the
                                                    interface has no room */
    SOCK_RECVFROM = MESSAGE_TYPE(PROTO_SOCK,
                                 9), /* w1 grant, w2 offset | length << 32 -> w0 length of
                                                    the datagram, which may be more than fitted,
                                                    w1-3 its source */
    SOCK_SHUTDOWN = MESSAGE_TYPE(PROTO_SOCK, 10), /* w1 SOCK_SHUT_* */
    SOCK_CLOSE = MESSAGE_TYPE(PROTO_SOCK, 11), /* unsent data is still sent; what others wait for on
                                                     it ends with ECANCELED */
    SOCK_OPTION_GET = MESSAGE_TYPE(PROTO_SOCK, 12), /* w1 enum sock_option -> w0 value */
    SOCK_OPTION_SET = MESSAGE_TYPE(PROTO_SOCK, 13), /* w1 enum sock_option, w2 value */
    SOCK_NAME = MESSAGE_TYPE(PROTO_SOCK, 14),       /* w1 0: own, 1: the peer's -> w1-3 address */
    SOCK_POLL = MESSAGE_TYPE(PROTO_SOCK, 15),    /* w1 SOCK_READABLE ... wanted, w2 a doorbell made
                                                     for inet or HANDLE_NONE -> w0 those that are
                                                     there now. If there are none, the doorbell is
                                                     rung once when that changes; a later POLL of
                                                     the same socket replaces it */
    SOCK_RESOLVE = MESSAGE_TYPE(PROTO_SOCK, 16), /* w1 grant of a name, w2 offset, w3 length, w4
                                                     SOCK_INET, SOCK_INET6 or 0 for any -> w1-3
                                                     address. Needs no socket. ENOENT: no such name */
    SOCK_LIST = MESSAGE_TYPE(PROTO_SOCK, 17), /* w0 grant (write) for struct sock_info[], w1 bytes
                                                     -> w0 how many there are, w1 copied */
};

#define SOCK_ID(socket, flags) ((uint64_t)(uint32_t)(socket) | (uint64_t)(flags) << 32)
#define SOCK_ID_OF(word0) ((uint32_t)(word0))
#define SOCK_FLAGS_OF(word0) ((uint32_t)((word0) >> 32))
#define SOCK_PEEK 1u

#define SOCK_INET 4u
#define SOCK_INET6 6u

enum sock_type {
    SOCK_TYPE_STREAM = 1,   /* TCP */
    SOCK_TYPE_DATAGRAM = 2, /* UDP */
    SOCK_TYPE_ECHO = 3,     /* ICMP echo requests and their answers, headers included */
};

#define SOCK_SHUT_READ 1u
#define SOCK_SHUT_WRITE 2u

#define SOCK_READABLE 1u /* data, a connection to accept, the end of data */
#define SOCK_WRITABLE 2u
#define SOCK_FAILED 4u /* always told */

enum sock_option {
    SOCK_OPTION_REUSE = 1,          /* bind although old connections still use the port */
    SOCK_OPTION_KEEPALIVE = 2,      /* 0 or 1 */
    SOCK_OPTION_NODELAY = 3,        /* 0 or 1 */
    SOCK_OPTION_BROADCAST = 4,      /* 0 or 1: datagrams to broadcast addresses */
    SOCK_OPTION_TTL = 5,            /* 1..255 */
    SOCK_OPTION_ERROR = 6,          /* get: the pending error, which is then forgotten */
    SOCK_OPTION_TYPE = 7,           /* get: enum sock_type */
    SOCK_OPTION_RECEIVE_BUFFER = 8, /* get: bytes */
    SOCK_OPTION_SEND_BUFFER = 9,    /* get: bytes */
    SOCK_OPTION_LISTENING = 10,     /* get */
    SOCK_OPTION_ONLY_V6 = 11,       /* 0 or 1: an unbound IPv6 socket takes no IPv4 */
};

/*
 * As it lies in three words. Ports in host byte order, IP addresses as they travel (IPv4 in the first
 * four bytes, the rest 0).
 */
struct sock_address {
    uint16_t family; /* SOCK_INET, SOCK_INET6 */
    uint16_t port;
    uint32_t scope; /* interface number of a link-local address, or 0 */
    uint8_t ip[16];
};
static_assert(sizeof(struct sock_address) == 24, "three words");

/* SOCK_LIST */
struct sock_info {
    uint32_t socket;
    uint16_t type;              /* enum sock_type */
    uint16_t state;             /* of TCP: enum sock_state; 0: none */
    endpoint_t owner;           /* process */
    uint32_t received;          /* bytes that wait to be read */
    uint32_t unsent;            /* bytes that wait to be sent or acknowledged */
    uint32_t retransmissions;   /* of the oldest segment, so far */
    uint32_t retransmission_ms; /* time after which a segment is sent again */
    uint32_t congestion_bytes;  /* that TCP has under way at most, for the network's sake */
    struct sock_address local, peer;
};
static_assert(sizeof(struct sock_info) == 80, "shared layout");

/* RFC 9293, 3.3.2 */
enum sock_state {
    SOCK_STATE_CLOSED = 1,
    SOCK_STATE_LISTEN = 2,
    SOCK_STATE_SYN_SENT = 3,
    SOCK_STATE_SYN_RECEIVED = 4,
    SOCK_STATE_ESTABLISHED = 5,
    SOCK_STATE_FIN_WAIT_1 = 6,
    SOCK_STATE_FIN_WAIT_2 = 7,
    SOCK_STATE_CLOSE_WAIT = 8,
    SOCK_STATE_CLOSING = 9,
    SOCK_STATE_LAST_ACK = 10,
    SOCK_STATE_TIME_WAIT = 11,
};

#endif
