/*
 * Sockets, by the names of POSIX. What isn't here isn't there: no ancillary data, no raw sockets but
 * SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6, which send echo requests.
 */
#ifndef LIBSOCK_SYS_SOCKET_H
#define LIBSOCK_SYS_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint16_t sa_family_t;
typedef uint32_t socklen_t;

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

/* Large enough for any address. */
struct sockaddr_storage {
    sa_family_t ss_family;
    uint16_t ss_reserved[3];
    uint64_t ss_space[3];
};

#define AF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 10
#define PF_UNSPEC AF_UNSPEC
#define PF_INET AF_INET
#define PF_INET6 AF_INET6

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_NONBLOCK 0x800 /* with the type, and accept4() */

#define SOL_SOCKET 0xffff
#define SO_REUSEADDR 1
#define SO_KEEPALIVE 2
#define SO_BROADCAST 3
#define SO_ERROR 4
#define SO_TYPE 5
#define SO_RCVBUF 6 /* can be read only */
#define SO_SNDBUF 7 /* likewise */
#define SO_RCVTIMEO 8
#define SO_SNDTIMEO 9
#define SO_ACCEPTCONN 10

#define MSG_PEEK 1
#define MSG_DONTWAIT 2
#define MSG_NOSIGNAL 4 /* there are no signals */
#define MSG_TRUNC 8    /* recvfrom() returns the datagram's whole length */
#define MSG_WAITALL 16

#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

#define SOMAXCONN 255

int socket(int family, int type, int protocol);
int bind(int fd, const struct sockaddr *address, socklen_t len);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *address, socklen_t *len);
int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int connect(int fd, const struct sockaddr *address, socklen_t len);
ssize_t send(int fd, const void *data, size_t len, int flags);
ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len);
ssize_t recv(int fd, void *buffer, size_t len, int flags);
ssize_t recvfrom(int fd, void *buffer, size_t len, int flags, struct sockaddr *from,
                 socklen_t *from_len);
int shutdown(int fd, int how);
int getsockname(int fd, struct sockaddr *address, socklen_t *len);
int getpeername(int fd, struct sockaddr *address, socklen_t *len);
int getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int setsockopt(int fd, int level, int option, const void *value, socklen_t len);

#endif
