/*
 * host NAME: the addresses that belong to a name, of IPv4 and of IPv6. Exit status: 0 if there is one.
 */
#include "common/arguments.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>

static const void *ip_of(const struct addrinfo *found)
{
    return found->ai_family == AF_INET6
               ? (const void *)&((const struct sockaddr_in6 *)(const void *)found->ai_addr)
                     ->sin6_addr
               : (const void *)&((const struct sockaddr_in *)(const void *)found->ai_addr)
                     ->sin_addr;
}

/* EAI_*: 0, it has one. */
static int look_up(const char *name, int family)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found;
    char text[INET6_ADDRSTRLEN];
    int error = getaddrinfo(name, NULL, &hints, &found);

    if (error != 0)
        return error;
    printf("%s has %s address %s\n", name, family == AF_INET6 ? "IPv6" : "IPv4",
           inet_ntop(family, ip_of(found), text, sizeof(text)));
    freeaddrinfo(found);
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return print_usage("host NAME");
    int error4 = look_up(argv[1], AF_INET), error6 = error4;
    if (error4 != EAI_AGAIN) /* who doesn't answer isn't asked twice */
        error6 = look_up(argv[1], AF_INET6);
    if (error4 != 0 && error6 != 0)
        fprintf(stderr, "host: %s: %s\n", argv[1],
                gai_strerror(error4 == EAI_NONAME ? error6 : error4));
    return error4 != 0 && error6 != 0;
}
