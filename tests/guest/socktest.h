/*
 * What the files of socktest share: sockets over the loopback interface.
 */
#ifndef TESTS_SOCKTEST_H
#define TESTS_SOCKTEST_H

#include "testkit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define POLL_MS 5000

#define WORKS(call) check((call) >= 0, __LINE__, "%s: %s", #call, strerror(errno))
#define FAILS(call, error)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long failed_ = (call);                                                                     \
        check(failed_ == -1 && errno == (error), __LINE__, "%s: found %ld, %s", #call, failed_,    \
              strerror(errno));                                                                    \
    } while (0)

#define ADDRESS(address) ((const struct sockaddr *)&(address)), sizeof(address)

static inline struct sockaddr_in v4(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
}

/* The port that a socket is bound to. */
uint16_t port_of(int fd);
/* A connected pair through a listener. */
void pair(int fds[2]);
/* Which of them come within a while. */
short wait_for(int fd, short events);

/* ---- socktest_limits.c ---- */
void group_unread(void);
void group_hoard(void);
void group_quota(void);
void group_flood(void);

#endif
