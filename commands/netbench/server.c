/*
 * The server's side of TCP, for netbench and iperf 2. Each connection has a thread; what a client says
 * decides what it does. A client that is silent, or takes nothing, is given up after a while.
 */
#include "netbench.h"

#include "../common/sockets.h"

#include <errno.h>
#include <libanole/anole.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS 6u
#define LISTEN_AGAIN_US 100000u

struct connection {
    atomic_bool used;
    int fd;
    struct sockaddr_storage from;
    socklen_t from_len;
    char name[ADDRESS_TEXT];
    struct iperf_test test;
    struct stream in, out;
    char in_block[BLOCK_BYTES], out_block[BLOCK_BYTES];
};

static struct connection connections[CONNECTIONS];
static atomic_ulong finished;
static const struct options *server_options;

void server_finished(void)
{
    if (atomic_fetch_add(&finished, 1) + 1 == server_options->tests)
        exit(0);
}

int server_socket(const struct options *options, int type)
{
    int fd = socket_at("netbench", NULL, options->port, options->family, type);

    if (fd < 0)
        exit(1);
    return fd;
}

/* ---- what a connection may be ---- */

static void complain(const struct connection *connection, const char *what, int error)
{
    fprintf(stderr, "netbench: %s: %s%s%s\n", connection->name, what, error ? ": " : "",
            error ? strerror(error == EAGAIN ? ETIMEDOUT : error) : "");
}

static void report(const struct connection *connection, const char *what,
                   const struct stream *stream)
{
    print_rate(what, connection->name, stream->bytes, stream->us, "");
    if (stream->error)
        complain(connection, "broke off", stream->error);
}

static void pour(struct connection *connection)
{
    stream_pour(&connection->out, &connection->test);
    (void)shutdown(connection->fd, SHUT_WR);
    report(connection, "tcp to", &connection->out);
}

static void pour_main(void *argument)
{
    pour(argument);
    kcall_thread_exit();
}

static void sink(struct connection *connection)
{
    stream_sink(&connection->in);
    report(connection, "tcp from", &connection->in);
}

static void sink_and_pour(struct connection *connection)
{
    endpoint_t thread;

    if (thread_start(pour_main, connection, STACK_BYTES, 0, &thread) != 0) {
        complain(connection, "no thread", 0);
        return;
    }
    sink(connection);
    thread_wait(thread);
}

/* A test in the other direction, on a connection to the client's own port. */
static void pour_back(struct connection *connection)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&connection->from;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&connection->from;
    uint16_t port = htons(connection->test.back_port);

    if (connection->from.ss_family == AF_INET6)
        v6->sin6_port = port;
    else
        v4->sin_port = port;
    connection->out.fd = socket(connection->from.ss_family, SOCK_STREAM, 0);
    if (connection->out.fd >= 0) {
        be_patient(connection->out.fd);
        if (connect(connection->out.fd, (const struct sockaddr *)&connection->from,
                    connection->from_len) == 0) {
            stream_pour(&connection->out, &connection->test);
            report(connection, "tcp back to", &connection->out);
        } else {
            complain(connection, "no connection back", errno);
        }
        (void)close(connection->out.fd);
    }
}

static void pour_back_main(void *argument)
{
    pour_back(argument);
    kcall_thread_exit();
}

static void sink_and_more(struct connection *connection)
{
    uint8_t ack[IPERF_ACK_BYTES];
    endpoint_t thread = ENDPOINT_NONE;

    if (connection->test.wants_ack) {
        iperf_write_ack(ack);
        (void)send_all(connection->fd, ack, sizeof(ack));
    }
    if (connection->test.back == IPERF_BACK_NOW &&
        thread_start(pour_back_main, connection, STACK_BYTES, 0, &thread) != 0)
        complain(connection, "no thread", 0);
    sink(connection);
    if (thread != ENDPOINT_NONE)
        thread_wait(thread);
    if (connection->test.back == IPERF_BACK_AFTER)
        pour_back(connection);
}

/* The first block's header is there already. */
static void exchange(struct connection *connection)
{
    size_t len = connection->test.block_bytes, have = IPERF_EXCHANGE_MIN;
    char *block = connection->in_block;
    uint64_t count = 0;
    ssize_t got;
    int one = 1;

    if (len < IPERF_EXCHANGE_MIN || len > BLOCK_BYTES) {
        complain(connection, "wants exchanges of a length that can't be", 0);
        return;
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    do {
        if (have < len && !receive_exactly(connection->fd, block + have, len - have))
            break;
        iperf_stamp_exchange((uint8_t *)block, now_us(), now_us());
        if (!send_all(connection->fd, block, len))
            break;
        count++;
        got = recv(connection->fd, block, len, MSG_WAITALL);
        have = got > 0 ? (size_t)got : 0;
    } while (have == len);
    printf("tcp with %s: %lu exchanges of %zu bytes\n", connection->name, (unsigned long)count,
           len);
}

static void serve(struct connection *connection)
{
    uint8_t *header = (uint8_t *)connection->in_block;

    if (!receive_exactly(connection->fd, header, IPERF_FLAGS_BYTES)) {
        complain(connection, "ended before it began", 0);
        return;
    }
    size_t len = iperf_header_bytes(header);
    if (len > IPERF_FLAGS_BYTES &&
        !receive_exactly(connection->fd, header + IPERF_FLAGS_BYTES, len - IPERF_FLAGS_BYTES)) {
        complain(connection, "ended inside its header", 0);
        return;
    }
    iperf_read_header(header, len, &connection->test);
    connection->in.bytes = len;
    fill_block(connection->out_block, BLOCK_BYTES);
    switch (connection->test.kind) {
    case IPERF_FROM_SERVER:
        pour(connection);
        stream_sink(&connection->in); /* the client closes when it has all */
        break;
    case IPERF_BOTH_WAYS:
        sink_and_pour(connection);
        break;
    case IPERF_EXCHANGE:
        exchange(connection);
        break;
    default:
        sink_and_more(connection);
        break;
    }
}

static void connection_main(void *argument)
{
    struct connection *connection = argument;

    serve(connection);
    (void)close(connection->fd);
    atomic_store(&connection->used, false);
    server_finished();
    kcall_thread_exit();
}

/* ---- accepting ---- */

static void begin(int fd, const struct sockaddr_storage *from, socklen_t from_len)
{
    struct connection *connection = NULL;
    endpoint_t thread;

    for (unsigned i = 0; i < CONNECTIONS && !connection; i++)
        if (!atomic_load(&connections[i].used))
            connection = &connections[i];
    if (!connection) {
        fprintf(stderr, "netbench: too many connections\n");
        (void)close(fd);
        return;
    }
    be_patient(fd);
    connection->fd = fd;
    connection->from = *from;
    connection->from_len = from_len;
    connection->in = (struct stream){.fd = fd, .block = connection->in_block};
    connection->out = (struct stream){.fd = fd, .block = connection->out_block};
    (void)address_text((const struct sockaddr *)from, connection->name);
    atomic_store(&connection->used, true);
    if (thread_start(connection_main, connection, STACK_BYTES, 0, &thread) != 0) {
        complain(connection, "no thread", 0);
        (void)close(fd);
        atomic_store(&connection->used, false);
    }
}

static void accept_all(int listener)
{
    for (;;) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof(from);
        int fd = accept(listener, (struct sockaddr *)&from, &from_len);
        if (fd < 0)
            return;
        begin(fd, &from, from_len);
    }
}

/* The network server may die; the next one knows nothing of this port. */
_Noreturn void server_run(const struct options *options)
{
    endpoint_t thread;

    server_options = options;
    int status = thread_start(server_run_datagrams, (void *)(uintptr_t)options, STACK_BYTES, 0,
                              &thread);
    if (status != 0)
        panic("no thread: %s", anole_error_text(status));
    for (;;) {
        int listener = server_socket(options, SOCK_STREAM);
        if (listen(listener, CONNECTIONS) == 0) {
            printf("listening at port %s\n", options->port);
            accept_all(listener);
        }
        fprintf(stderr, "netbench: %s; listening again\n", strerror(errno));
        (void)close(listener);
        sleep_us(LISTEN_AGAIN_US);
    }
}
