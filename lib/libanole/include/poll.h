/*
 * poll() over files and sockets.
 */
#ifndef LIBANOLE_POLL_H
#define LIBANOLE_POLL_H

#define POLLIN 1
#define POLLOUT 2
#define POLLERR 4
#define POLLHUP 8
#define POLLNVAL 16

typedef unsigned long nfds_t;

struct pollfd {
    int fd; /* negative: ignored */
    short events;
    short revents;
};

/* timeout_ms: negative: for ever. How many descriptors have something, 0 at the time-out, -1. */
int poll(struct pollfd fds[], nfds_t count, int timeout_ms);

#endif
