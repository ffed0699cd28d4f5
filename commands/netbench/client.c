/*
 * The client's side of TCP. A stream to the server ends when the server has all of it: it closes the
 * connection then, and only that is the time that counts.
 */
#include "netbench.h"

#include "../common/sockets.h"

#include <errno.h>
#include <libanole/anole.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct client {
    const struct options *options;
    int fd;
    char server[ADDRESS_TEXT];
    struct stream out, in;
    uint64_t us; /* for all of it */
};

static char out_block[BLOCK_BYTES], in_block[BLOCK_BYTES];

/* The header stands where the first block begins, and data goes on behind it. */
static void begin(struct client *client)
{
    iperf_write_header((uint8_t *)out_block, &client->options->test);
    if (!send_all(client->fd, out_block, IPERF_HEADER_MAX))
        fail("send");
    client->out.bytes = IPERF_HEADER_MAX;
    fill_block(out_block, sizeof(out_block));
}

static void pour(struct client *client)
{
    stream_pour(&client->out, &client->options->test);
    if (shutdown(client->fd, SHUT_WR) != 0 && client->out.error == 0)
        client->out.error = errno;
}

static void pour_main(void *argument)
{
    pour(argument);
    kcall_thread_exit();
}

static void run_streams(struct client *client)
{
    endpoint_t thread;
    int status;

    switch (client->options->test.kind) {
    case IPERF_FROM_SERVER:
        stream_sink(&client->in);
        break;
    case IPERF_BOTH_WAYS:
        status = thread_start(pour_main, client, STACK_BYTES, 0, &thread);
        if (status != 0)
            panic("no thread: %s", anole_error_text(status));
        stream_sink(&client->in);
        thread_wait(thread);
        break;
    default:
        pour(client);
        stream_sink(&client->in); /* an acknowledgement, and the end */
        break;
    }
}

static int stream_test(struct client *client)
{
    enum iperf_kind kind = client->options->test.kind;
    struct counts before, after;

    counts_read(client->options->interface, &before);
    uint64_t start = now_us();
    begin(client);
    run_streams(client);
    client->us = now_us() - start;
    counts_read(client->options->interface, &after);
    if (kind != IPERF_FROM_SERVER)
        print_rate("tcp to", client->server, client->out.bytes, client->us, "");
    if (kind != IPERF_TO_SERVER)
        print_rate("tcp from", client->server, client->in.bytes, client->in.us, "");
    counts_print(&before, &after, 0);
    int error = client->out.error ? client->out.error : client->in.error;
    if (error)
        fprintf(stderr, "netbench: the connection broke: %s\n", strerror(error));
    return error ? 1 : 0;
}

static bool exchange_once(struct client *client, uint32_t number, size_t len)
{
    iperf_write_exchange((uint8_t *)out_block, len, number, now_us());
    return send_all(client->fd, out_block, len) && receive_exactly(client->fd, in_block, len) &&
           iperf_exchange_number((const uint8_t *)in_block) == number;
}

static int exchange_test(struct client *client)
{
    const struct iperf_test *test = &client->options->test;
    uint64_t deadline, start;
    struct latency latency;
    struct counts before, after;
    uint32_t number = 0;
    bool good = latency_init(&latency);
    int one = 1;

    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fill_block(out_block, sizeof(out_block));
    good = good && exchange_once(client, ++number, test->block_bytes); /* who is who is known now */
    counts_read(client->options->interface, &before);
    start = now_us();
    deadline = deadline_in_us(test->duration_us);
    while (good && ticks_now() < deadline) {
        uint64_t sent = ticks_now();
        good = exchange_once(client, ++number, test->block_bytes);
        if (good && !latency_add(&latency, ticks_now() - sent))
            break;
    }
    uint64_t us = now_us() - start;
    counts_read(client->options->interface, &after);
    latency_print(&latency, "tcp with", client->server, test->block_bytes, us);
    counts_print(&before, &after, latency.count);
    if (!good)
        fprintf(stderr, "netbench: the server doesn't answer as it should\n");
    return good ? 0 : 1;
}

int client_socket(const struct addrinfo *server, char text[ADDRESS_TEXT])
{
    int fd = socket(server->ai_family, server->ai_socktype, 0);

    if (fd < 0)
        fail("socket");
    be_patient(fd);
    if (connect(fd, server->ai_addr, server->ai_addrlen) != 0)
        fail("connect");
    (void)address_text(server->ai_addr, text);
    return fd;
}

int client_run(const struct options *options)
{
    static struct client client;
    struct addrinfo *server = addresses_of("netbench", options->host, options->port,
                                           options->family,
                                           options->datagrams ? SOCK_DGRAM : SOCK_STREAM);

    if (!server)
        return 1;
    if (options->datagrams)
        return client_run_datagrams(options, server);
    client.options = options;
    client.fd = client_socket(server, client.server);
    freeaddrinfo(server);
    client.out = (struct stream){.fd = client.fd, .block = out_block};
    client.in = (struct stream){.fd = client.fd, .block = in_block};
    return options->test.kind == IPERF_EXCHANGE ? exchange_test(&client) : stream_test(&client);
}
