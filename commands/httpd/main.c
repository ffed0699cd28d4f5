/*
 * httpd [-c CONNECTIONS] [-p PORT] [-r DIRECTORY] [-t SECONDS] [--service]: a web server (HTTP/1.1). RS starts one on port 80
 * (etc/system.dts); it owns its sockets, and when it dies its connections end.
 *
 * When the network server dies, all sockets are dead: the next one is waited for, and listened at.
 *
 *   -c  connections at a time: a few beyond them are told 503
 *   -r  the files below it are served, too
 *   -t  seconds that a client has for the head of a request
 */
#include "httpd.h"

#include "../common/arguments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <libanole/anole.h>
#include <libanole/service.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_US 200000ul /* without a socket, or room for a connection */
#define ACCEPTED_AT_ONCE 16u

struct options {
    uint16_t port;
    bool service;
};

static struct connection *connections[CONNECTIONS + REFUSALS];
static unsigned connection_count, connection_limit;
static struct pollfd fds[1 + CONNECTIONS + REFUSALS];
static uint64_t accept_again; /* not before */

/* Of an option that is one. */
static bool read_number(int option, uint64_t *limit, uint64_t *port, uint64_t *seconds)
{
    if (option == 'c')
        return parse_number(optarg, CONNECTIONS, limit);
    if (option == 'p')
        return parse_number(optarg, UINT16_MAX, port);
    return option == 't' && parse_number(optarg, 3600, seconds);
}

static bool read_options(int argc, char *argv[], struct options *options)
{
    static const struct option longs[] = {{"service", no_argument, NULL, 'S'}, {0}};
    uint64_t port = 80, seconds = request_us / 1000000, limit = CONNECTIONS;
    int option;

    *options = (struct options){0};
    while ((option = getopt_long(argc, argv, "c:p:r:t:", longs, NULL)) != -1) {
        if (option == 'S')
            options->service = true;
        else if (option == 'r' && strlen(optarg) <= FILES_ROOT_MAX)
            files_root = optarg;
        else if (!read_number(option, &limit, &port, &seconds))
            return false;
    }
    options->port = (uint16_t)port;
    connection_limit = (unsigned)limit;
    request_us = seconds * 1000000;
    return optind == argc && port > 0 && seconds > 0 && limit > 0;
}

/* ---- the listening socket ---- */

/* A descriptor, or -1 with errno. Waits for the network server. */
static int listener_try(uint16_t port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
        bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return -1;
}

/* Goes on until there is one: the port's last user may be on its way out. */
static int listener_open(uint16_t port)
{
    bool told = false;

    for (;;) {
        int fd = listener_try(port);
        if (fd >= 0)
            return fd;
        if (!told)
            log_printf(LOG_WARNING, "httpd: port %u can't be listened at: %s", port,
                       strerror(errno));
        told = true;
        sleep_us(RETRY_US);
    }
}

/* ---- connections ---- */

static void connection_remove(unsigned index)
{
    connection_close(connections[index]);
    connections[index] = connections[--connection_count];
}

/* The connection that has been idle for the longest makes room. */
static void make_room(void)
{
    unsigned oldest = connection_count;

    for (unsigned i = 0; i < connection_count; i++) {
        if (connection_is_idle(connections[i]) &&
            (oldest == connection_count ||
             connection_deadline(connections[i]) < connection_deadline(connections[oldest])))
            oldest = i;
    }
    if (oldest < connection_count)
        connection_remove(oldest);
}

static void take_over(int fd)
{
    int yes = 1;

    /* Answers are complete when they are sent: waiting for more of them gains nothing. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connection_count >= connection_limit)
        make_room();
    struct connection *connection = connection_count < connection_limit + REFUSALS
                                        ? connection_open(fd, connection_count >= connection_limit)
                                        : NULL;
    if (connection)
        connections[connection_count++] = connection;
    else
        (void)close(fd);
}

static void accept_all(int listener)
{
    for (unsigned i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd >= 0) {
            take_over(fd);
            continue;
        }
        if (errno != EAGAIN && errno != ECONNABORTED)
            accept_again = deadline_in_us(RETRY_US); /* nothing is left for more sockets */
        return;
    }
}

/* ---- turns ---- */

static int timeout_ms(void)
{
    uint64_t next = accept_again ? accept_again : DEADLINE_NEVER, now = ticks_now();

    for (unsigned i = 0; i < connection_count; i++) {
        uint64_t deadline = connection_deadline(connections[i]);
        next = deadline < next ? deadline : next;
    }
    if (next == DEADLINE_NEVER)
        return -1;
    return next <= now ? 0 : (int)(ticks_to_us(next - now) / 1000 + 1);
}

/* Waits until there is something to do. False: the network server is gone. */
static bool await(int listener)
{
    if (accept_again && accept_again <= ticks_now())
        accept_again = 0;
    fds[0] = (struct pollfd){.fd = accept_again ? -1 : listener, .events = POLLIN};
    for (unsigned i = 0; i < connection_count; i++)
        fds[1 + i] = (struct pollfd){.fd = connection_fd(connections[i]),
                                     .events = connection_events(connections[i])};
    return poll(fds, 1 + connection_count, timeout_ms()) >= 0 &&
           (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* For RS, which looks at services that never wait: under load poll() doesn't. */
static void show_life(void)
{
    struct ipc_delivery delivery;

    (void)ipc_receive(&delivery, 0, DEADLINE_POLL, RECEIVE_NO_REQUESTS);
}

/* Backwards, since the last one takes the place of one that is over. */
static void serve(void)
{
    uint64_t now = ticks_now();

    for (unsigned i = connection_count; i-- > 0;) {
        if (!fds[1 + i].revents && connection_deadline(connections[i]) > now)
            continue;
        show_life();
        if (!connection_step(connections[i]))
            connection_remove(i);
    }
}

int main(int argc, char *argv[])
{
    struct options options;

    if (!read_options(argc, argv, &options))
        return print_usage("httpd [-c CONNECTIONS] [-p PORT] [-r DIRECTORY] [-t SECONDS]");
    if (options.service)
        service_ready();
    int listener = listener_open(options.port);
    for (;;) {
        show_life();
        if (!await(listener)) {
            while (connection_count > 0)
                connection_remove(connection_count - 1);
            (void)close(listener);
            listener = listener_open(options.port);
            continue;
        }
        serve();
        if (fds[0].revents & POLLIN)
            accept_all(listener);
    }
}
