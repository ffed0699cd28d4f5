/*
 * The client's side of UDP. The server counts what it got, and says so when it is told that a flow is
 * over; what comes from it is counted here.
 */
#include "netbench.h"

#include "../common/sockets.h"

#include <errno.h>
#include <libanole/anole.h>
#include <stdio.h>
#include <string.h>

#define ATTEMPTS 10u
#define ANSWER_MS 250u   /* that an answer may take before the question is repeated */
#define SILENCE_MS 2000u /* after which a flow is over, though its last datagram got lost */

struct client {
    const struct options *options;
    int fd;
    char server[ADDRESS_TEXT];
    struct sender out;
    struct flow in;
};

static char block[DATAGRAM_BYTES_MAX];

static void wait_at_most(const struct client *client, uint64_t ms)
{
    if (!socket_patience(client->fd, SO_RCVTIMEO, ms))
        fail("time-out");
}

/* The next datagram of the server. False: nothing came, or the server isn't there. */
static bool receive(struct client *client, struct iperf_datagram *datagram, size_t *len)
{
    ssize_t count;

    do {
        count = recv(client->fd, block, sizeof(block), 0);
        if (count < 0)
            return false;
    } while (!iperf_read_datagram((const uint8_t *)block, (size_t)count, datagram));
    *len = (size_t)count;
    return true;
}

static void print_flow(const char *what, const struct client *client,
                       const struct iperf_report *report)
{
    char more[160];

    snprintf(more, sizeof(more),
             ", %lu of %lu datagrams lost, %lu out of order, jitter %lu us, %lu/s",
             (unsigned long)report->lost, (unsigned long)report->datagrams,
             (unsigned long)report->out_of_order, (unsigned long)report->jitter_us,
             (unsigned long)(report->duration_us > 0 ? (report->datagrams - report->lost) *
                                                           1000000ul / report->duration_us
                                                     : 0));
    print_rate(what, client->server, report->bytes, report->duration_us, more);
}

/* Says that the flow is over until the server's report is there. */
static bool ask_for_report(struct client *client, struct iperf_report *report)
{
    struct iperf_datagram datagram;
    size_t len;

    wait_at_most(client, ANSWER_MS);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        datagrams_end(&client->out);
        while (receive(client, &datagram, &len))
            if (datagram.is_report)
                return iperf_read_report((const uint8_t *)block, len, report);
    }
    return false;
}

/* Has the server begin: the first datagram is its first. */
static bool ask_for_flow(struct client *client, struct iperf_datagram *first, size_t *len)
{
    const struct iperf_test *test = &client->options->test;
    char request[DATAGRAM_BYTES] = {0};
    struct iperf_datagram datagram = {.number = 1, .has_test = true, .test = *test};

    wait_at_most(client, ANSWER_MS);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        datagram.sent_us = now_us();
        iperf_write_datagram((uint8_t *)request, sizeof(request), &datagram);
        if (send(client->fd, request, sizeof(request), 0) < 0)
            return false;
        if (receive(client, first, len))
            return true;
        if (errno != EAGAIN)
            return false;
    }
    return false;
}

/* Counts what comes, until the last one or silence. */
static void take_flow(struct client *client, struct iperf_datagram *datagram, size_t len)
{
    wait_at_most(client, SILENCE_MS);
    do
        if (!datagram->is_report)
            flow_take(&client->in, datagram, len, now_us());
    while (!datagram->last && receive(client, datagram, &len));
}

static void pour_main(void *argument)
{
    struct client *client = argument;

    datagrams_pour(&client->out);
    kcall_thread_exit();
}

static bool run_both(struct client *client)
{
    struct iperf_datagram datagram;
    endpoint_t thread;
    size_t len;

    wait_at_most(client, ANSWER_MS * ATTEMPTS);
    int status = thread_start(pour_main, client, STACK_BYTES, 0, &thread);
    if (status != 0)
        panic("no thread: %s", anole_error_text(status));
    bool answered = receive(client, &datagram, &len);
    if (answered)
        take_flow(client, &datagram, len);
    thread_wait(thread);
    return answered;
}

/* What the server sent to this machine, if it was asked to. */
static bool run_flows(struct client *client)
{
    struct iperf_datagram datagram;
    size_t len;

    switch (client->options->test.kind) {
    case IPERF_FROM_SERVER:
        if (!ask_for_flow(client, &datagram, &len))
            return false;
        take_flow(client, &datagram, len);
        return true;
    case IPERF_BOTH_WAYS:
        return run_both(client);
    default:
        datagrams_pour(&client->out);
        return client->out.error == 0;
    }
}

static int flow_test(struct client *client)
{
    enum iperf_kind kind = client->options->test.kind;
    struct iperf_report report, received;
    struct counts before, after;

    counts_read(client->options->interface, &before);
    bool good = run_flows(client);
    counts_read(client->options->interface, &after);
    if (kind != IPERF_TO_SERVER) {
        flow_report(&client->in, &received);
        print_flow("udp from", client, &received);
    }
    if (kind != IPERF_FROM_SERVER) {
        print_rate("udp to", client->server, client->out.bytes, client->out.us, "");
        good = good && ask_for_report(client, &report);
        if (good)
            print_flow("udp as got by", client, &report);
    }
    counts_print(&before, &after, 0);
    if (!good)
        fprintf(stderr, "netbench: the server doesn't answer%s%s\n", errno == EAGAIN ? "" : ": ",
                errno == EAGAIN ? "" : strerror(errno));
    return good ? 0 : 1;
}

/* One request, and its response: 1; 0: it got lost; -1: there is no server. */
static int exchange_once(struct client *client, struct iperf_datagram *request, size_t request_len)
{
    static char out[BLOCK_BYTES];
    struct iperf_datagram response;
    size_t len;

    request->sent_us = now_us();
    iperf_write_datagram((uint8_t *)out, request_len, request);
    if (send(client->fd, out, request_len, 0) < 0)
        return -1;
    do
        if (!receive(client, &response, &len))
            return errno == EAGAIN ? 0 : -1;
    while (response.number != request->number || response.last != request->last);
    return 1;
}

static int exchange_test(struct client *client)
{
    const struct iperf_test *test = &client->options->test;
    struct iperf_datagram request = {.has_test = true, .test = *test};
    struct counts before, after;
    struct latency latency;
    uint64_t lost = 0;
    int answered = latency_init(&latency) ? 1 : -1;

    wait_at_most(client, ANSWER_MS);
    counts_read(client->options->interface, &before);
    uint64_t deadline = deadline_in_us(test->duration_us), start = now_us();
    while (answered >= 0 && ticks_now() < deadline) {
        uint64_t sent = ticks_now();
        request.number++;
        answered = exchange_once(client, &request, test->block_bytes);
        lost += answered == 0;
        if (answered > 0 && !latency_add(&latency, ticks_now() - sent))
            break;
    }
    uint64_t us = now_us() - start;
    counts_read(client->options->interface, &after);
    request.last = true;
    for (unsigned i = 0; i < ATTEMPTS && exchange_once(client, &request, test->block_bytes) == 0;
         i++)
        continue;
    latency_print(&latency, "udp with", client->server, test->block_bytes, us);
    if (lost > 0)
        printf("  %lu got lost\n", (unsigned long)lost);
    counts_print(&before, &after, latency.count);
    return latency.count > 0 ? 0 : 1;
}

int client_run_datagrams(const struct options *options, const struct addrinfo *server)
{
    static struct client client;

    client.options = options;
    client.fd = client_socket(server, client.server);
    client.out = (struct sender){.fd = client.fd, .test = &options->test, .announces = true};
    return options->test.kind == IPERF_EXCHANGE ? exchange_test(&client) : flow_test(&client);
}
