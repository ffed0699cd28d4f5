/*
 * Inside libsock.
 *
 *   client.c   the connection to inet, descriptors, calls and their errors
 *   socket.c   the functions of <sys/socket.h>
 *   options.c  getsockopt() and setsockopt()
 *   poll.c     what poll() asks
 *   names.c    getaddrinfo()
 *   text.c     addresses as text
 */
#ifndef LIBSOCK_INTERNAL_H
#define LIBSOCK_INTERNAL_H

#include <libanole/anole.h>
#include <proto/sock.h>
#include <sys/socket.h>

#define NAME_BIT (NOTIFY_OWN_BITS - 2) /* inet's name was published */

/* Behind a descriptor. */
struct sock {
    endpoint_t inet; /* that has the socket: another one, later, knows nothing of it */
    uint32_t number;
    uint8_t family; /* SOCK_INET, SOCK_INET6 */
    uint8_t type;   /* enum sock_type */
    bool nonblocking;
    uint64_t receive_timeout_us; /* 0: none */
    uint64_t send_timeout_us;
};

/* The server, which is waited for: 0 or an error. */
int inet_endpoint(endpoint_t *inet);
/* A descriptor for a socket that is there. -1 with errno. */
int sock_open(const struct sock *sock);
/* NULL with EBADF or ENOTSOCK. */
struct sock *sock_of(int fd);
/* A request about the socket: its reply's status. word[0] is filled in. */
int sock_call(const struct sock *sock, uint32_t type, uint32_t flags, struct message *message);
/* The same with a buffer, granted for as long as the call lasts, at word[1]. */
int sock_call_data(const struct sock *sock, uint32_t type, uint32_t flags, const void *data,
                   size_t len, unsigned access, struct message *message);
/* What a request that may wait says of it. */
uint64_t sock_deadline(const struct sock *sock, uint64_t timeout_us, int flags);
/* 0 stays 0; an error goes to errno: -1. */
int sock_result(int status);

/* socket.c: send() and recv() once it is known what the descriptor is. */
ssize_t sock_send(const struct sock *sock, const void *data, size_t len, int flags,
                  const struct sockaddr *to, socklen_t to_len);
ssize_t sock_receive(const struct sock *sock, void *buffer, size_t len, int flags,
                     struct sockaddr *from, socklen_t *from_len);

/* poll.c */
endpoint_t sock_poll_server(void *object);
int sock_poll(void *object, int wanted, handle_t doorbell);

int address_in(const struct sockaddr *address, socklen_t len, uint64_t words[3]);
/* As much as there is room for; *len becomes the whole length. */
void address_out(const uint64_t words[3], struct sockaddr *address, socklen_t *len);

#endif
