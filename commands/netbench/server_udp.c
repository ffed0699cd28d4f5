/*
 * The server's side of UDP: one socket for all clients, told apart by their addresses. Nothing is
 * promised to a client: those that come when the table is full are not heard.
 */
#include "netbench.h"

#include <errno.h>
#include <libanole/anole.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SESSIONS 16u
#define RECEIVE_AGAIN_US 100000u
#define ENDS 3u /* how often a flow's end is said, since nobody confirms it */

struct session {
    bool used;
    bool finished;       /* its report was sent */
    atomic_bool pouring; /* a thread sends to it */
    uint64_t last_us;    /* when it was heard */
    struct sockaddr_storage from;
    socklen_t from_len;
    char name[ADDRESS_TEXT];
    struct flow flow;
    struct iperf_test test;
    struct sender sender;
};

static struct session sessions[SESSIONS];
static char block[DATAGRAM_BYTES_MAX];

static bool can_be_replaced(const struct session *session)
{
    bool silent = now_us() - session->last_us > PATIENCE_MS * 1000ul;

    return !atomic_load(&session->pouring) && (!session->used || session->finished || silent);
}

static struct session *session_of(const struct sockaddr_storage *from, socklen_t from_len)
{
    struct session *free_one = NULL;

    for (unsigned i = 0; i < SESSIONS; i++) {
        struct session *session = &sessions[i];
        if (session->used && session->from_len == from_len &&
            memcmp(&session->from, from, from_len) == 0)
            return session;
        if (!free_one && can_be_replaced(session))
            free_one = session;
    }
    if (free_one) {
        memset(free_one, 0, sizeof(*free_one));
        free_one->used = true;
        free_one->from = *from;
        free_one->from_len = from_len;
        (void)address_text((const struct sockaddr *)from, free_one->name);
    }
    return free_one;
}

static void pour_main(void *argument)
{
    struct session *session = argument;

    datagrams_pour(&session->sender);
    for (unsigned i = 0; i < ENDS; i++)
        datagrams_end(&session->sender);
    print_rate("udp to", session->name, session->sender.bytes, session->sender.us, "");
    bool over = session->test.kind == IPERF_FROM_SERVER;
    if (over)
        session->finished = true;
    atomic_store(&session->pouring, false);
    if (over)
        server_finished();
    kcall_thread_exit();
}

/* The first datagram of a client that wants to be sent something. */
static void pour(struct session *session, int fd)
{
    endpoint_t thread;

    session->sender = (struct sender){
        .fd = fd,
        .to = (const struct sockaddr *)&session->from,
        .to_len = session->from_len,
        .test = &session->test,
    };
    atomic_store(&session->pouring, true);
    if (thread_start(pour_main, session, STACK_BYTES, 0, &thread) != 0) {
        fprintf(stderr, "netbench: %s: no thread\n", session->name);
        atomic_store(&session->pouring, false);
    }
}

/* Answers each "last" datagram; the first one is the flow's end, and the last that counts. */
static void finish(struct session *session, int fd, const struct iperf_datagram *last, size_t len)
{
    uint8_t bytes[IPERF_REPORT_BYTES];
    struct iperf_report report;
    char more[80];

    if (!session->finished)
        flow_take(&session->flow, last, len, session->last_us);
    flow_report(&session->flow, &report);
    iperf_write_report(bytes, &report);
    (void)sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&session->from,
                 session->from_len);
    if (session->finished)
        return;
    snprintf(more, sizeof(more), ", %lu of %lu datagrams lost", (unsigned long)report.lost,
             (unsigned long)report.datagrams);
    print_rate("udp from", session->name, report.bytes, report.duration_us, more);
    session->finished = true;
    server_finished();
}

static void send_back(struct session *session, int fd, const struct iperf_datagram *datagram,
                      size_t len)
{
    (void)sendto(fd, block, len, 0, (const struct sockaddr *)&session->from, session->from_len);
    if (datagram->last && !session->finished) {
        session->finished = true;
        server_finished();
    }
}

static bool wants_flow(const struct iperf_datagram *datagram)
{
    return datagram->has_test &&
           (datagram->test.kind == IPERF_FROM_SERVER || datagram->test.kind == IPERF_BOTH_WAYS);
}

static void handle(int fd, const struct sockaddr_storage *from, socklen_t from_len, size_t len)
{
    struct iperf_datagram datagram;
    struct session *session = NULL;

    if (iperf_read_datagram((const uint8_t *)block, len, &datagram))
        session = session_of(from, from_len);
    if (!session)
        return;
    bool first = session->last_us == 0;
    session->last_us = now_us();
    if (datagram.has_test && datagram.test.kind == IPERF_EXCHANGE) {
        send_back(session, fd, &datagram, len);
    } else if (datagram.last) {
        finish(session, fd, &datagram, len);
    } else if (!session->finished) {
        flow_take(&session->flow, &datagram, len, session->last_us);
        if (first && wants_flow(&datagram)) {
            session->test = datagram.test;
            pour(session, fd);
        }
    }
}

void server_run_datagrams(void *argument)
{
    const struct options *options = argument;

    for (;;) {
        int fd = server_socket(options, SOCK_DGRAM);
        be_patient_sending(fd);
        for (;;) {
            struct sockaddr_storage from = {0};
            socklen_t from_len = sizeof(from);
            ssize_t count = recvfrom(fd, block, sizeof(block), 0, (struct sockaddr *)&from,
                                     &from_len);
            if (count < 0)
                break;
            handle(fd, &from, from_len, (size_t)count);
        }
        (void)close(fd);
        sleep_us(RECEIVE_AGAIN_US);
    }
}
