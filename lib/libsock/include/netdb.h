/*
 * Names of hosts.
 */
#ifndef LIBSOCK_NETDB_H
#define LIBSOCK_NETDB_H

#include <sys/socket.h>

struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname; /* always NULL */
    struct addrinfo *ai_next;
};

#define AI_PASSIVE 1     /* without a name: an address to bind to */
#define AI_NUMERICHOST 2 /* no question to a name server */
#define AI_NUMERICSERV 4 /* services are always numbers */

#define EAI_AGAIN 1
#define EAI_BADFLAGS 2
#define EAI_FAIL 3
#define EAI_FAMILY 4
#define EAI_MEMORY 5
#define EAI_NONAME 6
#define EAI_SERVICE 7
#define EAI_SOCKTYPE 8
#define EAI_SYSTEM 9

/* 0 or EAI_*; one address for each socket type asked for (both, if none is). */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list);
void freeaddrinfo(struct addrinfo *list);
const char *gai_strerror(int error);

#endif
