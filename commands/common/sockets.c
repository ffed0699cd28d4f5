#include "sockets.h"
#include "files.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct addrinfo *addresses_of(const char *program, const char *host, const char *port, int family,
                              int type)
{
    struct addrinfo hints = {
        .ai_flags = host ? 0 : AI_PASSIVE, .ai_family = family, .ai_socktype = type};
    struct addrinfo *addresses;
    int error = getaddrinfo(host, port, &hints, &addresses);

    if (error == 0)
        return addresses;
    fprintf(stderr, "%s: %s port %s: %s\n", program, host ? host : "*", port, gai_strerror(error));
    return NULL;
}

int socket_at(const char *program, const char *host, const char *port, int family, int type)
{
    int one = 1;

    /* Both families are heard by a socket for the newer one. */
    if (!host && family == AF_UNSPEC)
        family = AF_INET6;
    struct addrinfo *address = addresses_of(program, host, port, family, type);
    if (!address)
        return -1;
    int fd = socket(address->ai_family, type, 0);
    if (fd < 0) {
        complain(program, "socket");
    } else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
               bind(fd, address->ai_addr, address->ai_addrlen) != 0) {
        complain(program, "bind");
        (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(address);
    return fd;
}

bool socket_patience(int fd, int direction, uint64_t ms)
{
    struct timeval time = {.tv_sec = (time_t)(ms / 1000),
                           .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    return setsockopt(fd, SOL_SOCKET, direction, &time, sizeof(time)) == 0;
}

bool socket_patience_both(int fd, uint64_t ms)
{
    return socket_patience(fd, SO_RCVTIMEO, ms) && socket_patience(fd, SO_SNDTIMEO, ms);
}
