/*
 * Inside the network server. Sockets stand between clients' requests and lwIP's control blocks:
 *
 *   socket.c     the table of sockets, their owners, what happens when an owner dies
 *   waiter.c     requests that wait: until something happens, or their deadline
 *   stream.c     TCP
 *   received.c   what came on a stream and wasn't read yet
 *   datagram.c   UDP, and ICMP echo
 *   options.c    what SOCK_OPTION_GET and SET reach
 *   requests.c   from a message to a checked operation; the table of request types
 *   resolve.c    names
 *   list.c       what netstat shows of sockets
 *   halfopen.c   floods of half-open connections
 *   intake.c     floods of datagrams
 *
 * and interface.h is about what carries their packets.
 *
 * lwIP calls back out of its input and its timers, never while a request of ours is half done but for
 * what is said at the place.
 */
#ifndef INET_INET_H
#define INET_INET_H

#include <libanole/anole.h>
#include <libanole/service.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>
#include <proto/sock.h>

#define SOCKETS 1024u
#define SOCKETS_A_PROCESS 512u
#define WAITERS 512u
#define WAITERS_A_PROCESS 64u
#define OWNERS 128u
#define DATAGRAMS_BYTES_MAX (256u * 1024u)    /* unread ones of a socket */
#define DATAGRAMS_BEHIND (64u * 1024u)        /* with so many a reader is behind ... */
#define DATAGRAMS_CAUGHT_UP (48u * 1024u)     /* ... until there are no more than these */
#define OWNER_BYTES_MAX (8u * 1024u * 1024u)  /* unread and unsent ones of all its sockets */
#define ORPHAN_BYTES_MAX (8u * 1024u * 1024u) /* unsent ones of sockets that were closed */
#define ROOM_TO_WRITE (8u * 1024u)            /* that a stream has to have to be writable */
#define SEGMENT_COST 1024u /* that a segment is taken to need besides its data: bounds small ones */
#define COPY_BUFFER_LEN (64u * 1024u) /* of stream data, moved at a time */
#define DATAGRAM_LEN_MAX 65507u

#define BIT_OWNER_DIED 0u

/* What a request waits for. */
enum waits_for {
    WAITS_ACCEPT = 0,
    WAITS_RECEIVE = 1,
    WAITS_SEND = 2,
    WAITS_CONNECT = 3,
    WAITS_KINDS = 4,
    WAITS_RESOLVE = 4, /* for no socket */
};

struct socket;

struct waiter {
    struct waiter *next; /* of its socket's list, or free */
    struct socket *socket;
    enum waits_for what;
    bool used;
    endpoint_t process;
    uint64_t deadline_ticks;
    struct ipc_delivery request;
};

struct waiter_list {
    struct waiter *first, *last;
};

/* A datagram that waits to be read. */
struct datagram {
    struct datagram *next;
    struct pbuf *data;
    ip_addr_t from;
    uint16_t port;
};

/* A stream's unread data, in a chain of buffers. */
struct received {
    struct pbuf *first, *last;
    uint32_t bytes;
    uint32_t gather_room; /* behind the last one's data, if it is one that gathers */
};

struct socket {
    endpoint_t owner; /* process; ENDPOINT_NONE: free */
    uint32_t number;  /* as clients know it: index and generation */
    uint8_t type;     /* enum sock_type; 0: free */
    uint8_t family;   /* SOCK_INET, SOCK_INET6 */
    bool listening;
    bool connecting;
    bool connected;
    bool peer_done; /* the peer sends no more */
    bool write_shut;
    bool read_shut;
    bool reads;  /* its datagrams were being read lately */
    bool behind; /* and frames aren't taken in until more of them are (intake.c) */
    int error;   /* -ANOLE_E*, to be told once */
    union {
        struct tcp_pcb *tcp; /* NULL: closed, reset, or none yet */
        struct udp_pcb *udp;
        struct raw_pcb *raw;
    };
    struct received received; /* of a stream */
    struct datagram *datagrams, *datagrams_last;
    uint32_t datagrams_bytes;
    uint32_t charged; /* bytes that its owner has in this socket */
    struct waiter_list waiting[WAITS_KINDS];
    struct socket *listener;               /* of a connection not accepted yet */
    struct socket *backlog, *backlog_last; /* connections to be accepted */
    struct socket *next;                   /* in a backlog, or free */
    uint32_t poll_events;
    handle_t poll_doorbell;
};

/* ---- socket.c ---- */
void sockets_init(void);
/* A new socket: *made, or why not. */
int socket_make(endpoint_t owner, uint8_t family, uint8_t type, struct socket **made);
/* The caller's socket of that number, or NULL. Connections that wait to be accepted aren't there yet. */
struct socket *socket_of(endpoint_t process, uint32_t number);
/* Ends all that waits on it and frees it; what lwIP still has to send is sent. */
void socket_close(struct socket *socket);
/* Something happened: rings the doorbell of who polls for it. */
void socket_changed(struct socket *socket);
/* SOCK_READABLE ... as it is now. */
uint32_t socket_events(const struct socket *socket);
/* The pending error, which is forgotten: 0 if there is none. */
int socket_error_take(struct socket *socket);
/* How many bytes wait in a socket now. */
void socket_charge(struct socket *socket, uint32_t bytes);
/*
 * How many more it may have: what is left of its owner's share, less what it has already. So however
 * many sockets there are that nobody reads, as much as each of them has is left for the next one.
 */
uint32_t socket_room(const struct socket *socket);
/* Whether it may have as many more. If not, sockets_relieve() goes on with it. */
bool socket_may_have(const struct socket *socket, uint32_t bytes);
/* Goes on with sockets that had no room, once their owners have less. */
void sockets_relieve(void);
/* Processes died: their sockets end. */
void sockets_bury(void);
/* All sockets in use, one after another: NULL to begin, NULL at the end. */
struct socket *socket_next(struct socket *socket);

/* ---- waiter.c ---- */
void waiters_init(void);
/* Lets a request of the socket's owner wait. SERVICE_NO_REPLY; -EAGAIN: it doesn't want to; -ENOMEM. */
int waiter_add(struct socket *socket, enum waits_for what, const struct ipc_delivery *request);
/* For resolve.c, which has no socket: NULL if there is no room. */
struct waiter *waiter_alone(endpoint_t process, const struct ipc_delivery *request,
                            uint64_t deadline_ticks);
/* The first request that waits for that, or NULL. */
struct waiter *waiter_first(const struct socket *socket, enum waits_for what);
/* Answers it with the words in its message, and frees it. */
void waiter_answer(struct waiter *waiter, int status);
/* Lets those who wait try again, in their order, until one has to go on waiting (-EAGAIN). */
void waiters_serve(struct socket *socket, enum waits_for what,
                   int (*attempt)(struct socket *socket, struct message *message));
/* Answers all that waits for `what` on the socket. */
void waiters_end(struct socket *socket, enum waits_for what, int status);
uint64_t waiters_deadline(void);
void waiters_expire(void);
/* Requests of a dead process are forgotten. */
void waiters_bury(endpoint_t process);

/* ---- address.c ---- */
/* From a message's three words: 0, -EAFNOSUPPORT, -EINVAL. */
int address_read(const uint64_t words[3], ip_addr_t *ip, uint16_t *port);
void address_write(uint64_t words[3], const ip_addr_t *ip, uint16_t port);
/* Likewise, and -EAFNOSUPPORT if the socket can't have to do with it. */
int address_for(const struct socket *socket, const uint64_t words[3], ip_addr_t *ip,
                uint16_t *port);
/* Whether a socket may be bound to it: one of this machine's, or any. */
bool address_is_own(const ip_addr_t *ip);
/* What lwIP's error means to a client. */
int error_of(err_t error);

/* ---- stream.c ---- */
int stream_init(struct socket *socket);
int stream_bind(struct socket *socket, const ip_addr_t *ip, uint16_t port);
int stream_listen(struct socket *socket, uint64_t backlog);
int stream_connect(struct socket *socket, const ip_addr_t *ip, uint16_t port);
/* Each of these does what is possible now: the status, and the reply's words in the message, or
 * -EAGAIN. */
int stream_accept(struct socket *socket, struct message *message);
int stream_send(struct socket *socket, struct message *message);
int stream_receive(struct socket *socket, struct message *message);
/* Bytes of its client's that aren't acknowledged yet. */
uint32_t stream_unsent(const struct tcp_pcb *tcp);
int stream_shutdown(struct socket *socket, uint64_t how);
void stream_close(struct socket *socket);
/* Serves those who wait, as far as there is something for them. */
void stream_serve(struct socket *socket);

/* ---- received.c ---- */
/* Takes data over from lwIP. False: there is no memory, and it is lwIP's as before. */
bool received_add(struct received *received, struct pbuf *data);
/* Copies its first bytes to a client's grant; len is no more than there are. */
int received_copy(const struct received *received, endpoint_t client, handle_t grant,
                  uint64_t offset, uint64_t len);
/* Forgets its first bytes. */
void received_drop(struct received *received, uint32_t len);

/* ---- datagram.c ---- */
int datagram_init(struct socket *socket);
int datagram_bind(struct socket *socket, const ip_addr_t *ip, uint16_t port);
int datagram_connect(struct socket *socket, const ip_addr_t *ip, uint16_t port);
/* As the message says, a SOCK_SEND or a SOCK_SENDTO. -EAGAIN: the interface's queue is full. */
int datagram_send(struct socket *socket, struct message *message);
/* Copies the oldest datagram to the client. */
int datagram_receive(struct socket *socket, struct message *message);
void datagram_close(struct socket *socket);
/* How many came and were dropped since nobody read. */
uint64_t datagrams_dropped(void);
/* Whether a datagram of so many bytes to that port would only be dropped; then it is counted as that. */
bool datagram_is_futile(uint16_t port, uint32_t len);
/* Serves those who wait to send. */
void datagram_serve(struct socket *socket);

/* ---- options.c ---- */
int option_get(struct socket *socket, uint64_t option, uint64_t *value);
int option_set(struct socket *socket, uint64_t option, uint64_t value);

/* ---- requests.c ---- */
extern const struct service_entry inet_entries[];
extern const unsigned inet_entry_count;

/* ---- halfopen.c ---- */
/* After packets came: there is room for the next request to connect. */
void half_open_shed(void);
uint64_t half_open_count(void);

/* ---- intake.c ---- */
/* Whether frames are to be taken in now. */
bool intake_open(void);
/* One was. */
void intake_frame(void);
/* A socket has much unread, or little again. */
void intake_behind(struct socket *socket);
void intake_caught_up(struct socket *socket);
/* Before each wait, and when to wait no longer: a pause may be over. */
void intake_check(void);
uint64_t intake_deadline(void);

/* ---- interface.c ---- */
#define INTERFACES 4u
#define BIT_INTERFACES 1u   /* two for each */
#define EVENTS_A_ROUND 256u /* before requests have their turn */
/* Uses a network driver from now on, whenever it is there: its name and what is wanted of it
 * (arguments.c). */
int interface_open(const char *argument);
void interfaces_notified(uint64_t bits);
/* Before a wait. True: there is more already. */
bool interfaces_step(void);
uint64_t interfaces_deadline(void);
/* Whether one has no room for frames to be sent; sockets hear when it has again. */
bool interfaces_full(void);

/* ---- resolve.c, list.c ---- */
/* Around lwIP's timers: a question that ends in there had no answer. */
void resolve_timers(bool run);
int request_resolve(struct ipc_delivery *request);
int request_list(struct ipc_delivery *request);

#endif
