/*
 * What the programs that have sockets share: addresses, sockets to be found at, patience.
 */
#ifndef COMMANDS_SOCKETS_H
#define COMMANDS_SOCKETS_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

/* getaddrinfo() with a complaint in the program's name: NULL then. Without a host: addresses to be found at. */
struct addrinfo *addresses_of(const char *program, const char *host, const char *port, int family,
                              int type);
/* A socket to be found at that port, or -1 after a complaint. Without host and family it hears both families. */
int socket_at(const char *program, const char *host, const char *port, int family, int type);

/* How long a socket waits for one direction, SO_RCVTIMEO or SO_SNDTIMEO. False: errno says why. */
bool socket_patience(int fd, int direction, uint64_t ms);
/* The same for both. */
bool socket_patience_both(int fd, uint64_t ms);

#endif
