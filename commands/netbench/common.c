/*
 * What client and server have in common.
 */
#include "netbench.h"

#include "../common/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libanole/anole.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t now_us(void)
{
    return ticks_to_us(ticks_now());
}

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "netbench: %s: %s\n", what, strerror(errno));
    exit(1);
}

void be_patient_sending(int fd)
{
    if (!socket_patience(fd, SO_SNDTIMEO, PATIENCE_MS))
        fail("time-out");
}

void be_patient(int fd)
{
    if (!socket_patience_both(fd, PATIENCE_MS))
        fail("time-out");
}

const char *address_text(const struct sockaddr *address, char text[ADDRESS_TEXT])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    const void *ip = address->sa_family == AF_INET6 ? (const void *)&v6->sin6_addr
                                                    : (const void *)&v4->sin_addr;

    return inet_ntop(address->sa_family, ip, text, ADDRESS_TEXT) ? text : "?";
}

void print_rate(const char *what, const char *address, uint64_t bytes, uint64_t us,
                const char *more)
{
    uint64_t kbits = us > 0 ? bytes * 8000 / us : 0;

    printf("%s %s: %lu bytes in %lu.%03lu s, %lu.%02lu Mbit/s%s\n", what, address,
           (unsigned long)bytes, (unsigned long)(us / 1000000), (unsigned long)(us / 1000 % 1000),
           (unsigned long)(kbits / 1000), (unsigned long)(kbits % 1000 / 10), more);
}
