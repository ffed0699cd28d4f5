/*
 * Byte order, and addresses as text.
 */
#ifndef LIBSOCK_ARPA_INET_H
#define LIBSOCK_ARPA_INET_H

#include <stdint.h>
#include <sys/socket.h>

static inline uint16_t htons(uint16_t value)
{
    return __builtin_bswap16(value);
}

static inline uint32_t htonl(uint32_t value)
{
    return __builtin_bswap32(value);
}

static inline uint16_t ntohs(uint16_t value)
{
    return __builtin_bswap16(value);
}

static inline uint32_t ntohl(uint32_t value)
{
    return __builtin_bswap32(value);
}

/* 1: converted; 0: it is no such address; -1 with EAFNOSUPPORT. */
int inet_pton(int family, const char *text, void *address);
/* NULL with ENOSPC or EAFNOSUPPORT. */
const char *inet_ntop(int family, const void *address, char *text, socklen_t len);

#endif
