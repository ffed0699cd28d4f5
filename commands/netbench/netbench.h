/*
 * netbench: what its files share.
 *
 *   main.c       arguments
 *   common.c     what client and server have in common
 *   client.c     TCP: streams and exchanges with a server, and what they cost
 *   client_udp.c the same with datagrams
 *   server.c     TCP: answers clients of netbench and of iperf 2
 *   server_udp.c the same for datagrams
 *   stream.c     moves bytes in one direction of a connection
 *   datagrams.c  sends numbered datagrams
 *   flow.c       numbered datagrams as their receiver sees them
 *   counts.c     the kernel's and the driver's counters around a measurement
 *   latency.c    times of exchanges
 *   iperf.c      the protocol
 */
#ifndef NETBENCH_NETBENCH_H
#define NETBENCH_NETBENCH_H

#include "flow.h"
#include "iperf.h"

#include <anole/endpoint.h>
#include <anole/process.h>
#include <netdb.h>
#include <proto/net.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define BLOCK_BYTES 65536u
#define DATAGRAM_BYTES 1470u
#define DATAGRAM_BYTES_MAX 65507u
#define PATIENCE_MS 10000u /* for which a peer may say nothing */
#define DURATION_MAX_US 3600000000ul
#define STACK_BYTES 16384u /* of a thread */
#define ADDRESS_TEXT 64u

struct options {
    const char *host; /* NULL: be a server */
    const char *port;
    const char *interface; /* whose driver's counts are shown */
    int family;
    bool datagrams;
    uint64_t tests; /* after which a server ends; 0: never */
    struct iperf_test test;
};

/* ---- common.c ---- */
/* Prints "netbench: what: errno's text" and ends the program. */
_Noreturn void fail(const char *what);
/* Neither direction waits for longer than PATIENCE_MS; only sending doesn't. */
void be_patient(int fd);
void be_patient_sending(int fd);
const char *address_text(const struct sockaddr *address, char text[ADDRESS_TEXT]);
/* "tcp to ADDRESS: 123 bytes in 1.000 s, 0.98 Mbit/s", and more in brackets. */
void print_rate(const char *what, const char *address, uint64_t bytes, uint64_t us,
                const char *more);
uint64_t now_us(void);

/* ---- stream.c ---- */
struct stream {
    int fd;
    char *block; /* of BLOCK_BYTES */
    uint64_t bytes, us;
    int error; /* an errno; 0: it ended in order */
};
/* When a sender is to end, whatever it is to send. */
uint64_t test_deadline(const struct iperf_test *test);
/* Sends until the test's time or bytes are over, or the peer takes no more. */
void stream_pour(struct stream *stream, const struct iperf_test *test);
/* Receives until the end of data. */
void stream_sink(struct stream *stream);
/* What both send. */
void fill_block(char *block, size_t len);
/* The next `len` bytes. False: the connection ended before, or failed. */
bool receive_exactly(int fd, void *data, size_t len);
bool send_all(int fd, const void *data, size_t len);

/* ---- counts.c ---- */
struct counts {
    struct counters kernel;
    struct net_stats driver;
    bool has_driver;
};
void counts_read(const char *interface, struct counts *counts);
/* What was spent for each frame, or for each of so many exchanges (0: none were made). */
void counts_print(const struct counts *before, const struct counts *after, uint64_t exchanges);

/* ---- datagrams.c ---- */
struct sender {
    int fd;
    const struct sockaddr *to; /* NULL: the socket is connected */
    socklen_t to_len;
    const struct iperf_test *test;
    bool announces; /* each datagram says what the test is: a client's */
    uint64_t sent, bytes, us;
    uint64_t refused; /* times that there was no room for one */
    int error;        /* an errno; 0: it ended in order */
};
/* Sends numbered datagrams at the test's rate until its time or bytes are over. */
void datagrams_pour(struct sender *sender);
/* The last one, which has no data. */
void datagrams_end(struct sender *sender);

/* ---- latency.c ---- */
struct latency {
    uint64_t *ticks;
    unsigned count, room;
};
bool latency_init(struct latency *latency);
/* False: there is room for no more. */
bool latency_add(struct latency *latency, uint64_t ticks);
void latency_print(struct latency *latency, const char *what, const char *address, size_t len,
                   uint64_t us);

/* ---- client.c, client_udp.c ---- */
int client_run(const struct options *options);
int client_run_datagrams(const struct options *options, const struct addrinfo *server);
/* Connected to the server, whose address goes into text; ends the program if that fails. */
int client_socket(const struct addrinfo *server, char text[ADDRESS_TEXT]);

/* ---- server.c, server_udp.c ---- */
_Noreturn void server_run(const struct options *options);
/* A thread's: argument is the options. */
void server_run_datagrams(void *argument);
/* A test is over: the last one ends the program. */
void server_finished(void);
int server_socket(const struct options *options, int type);

#endif
