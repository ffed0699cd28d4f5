/*
 * What lwIP wants to know about compiler and C library.
 */
#ifndef INET_PORT_CC_H
#define INET_PORT_CC_H

#include <libanole/anole.h>

#define LWIP_RAND() inet_random()
uint32_t inet_random(void);

/* sieve.c: an err_t */
signed char sieve_options(const void *header, uint16_t len, uint16_t near, const uint8_t *far);

#define LWIP_CHKSUM inet_checksum
uint16_t inet_checksum(const void *data, int len); /* checksum.h */

/* lwIP's own invariants: a bug in this very program. Packets never reach one. */
#define LWIP_PLATFORM_ASSERT(text) panic("lwIP: %s", text)
#define LWIP_PLATFORM_DIAG(arguments) ((void)0)

#endif
