/*
 * The Internet's checksum (RFC 1071).
 */
#ifndef INET_CHECKSUM_H
#define INET_CHECKSUM_H

#include <stdint.h>

/* Adds the upper half to the lower one until there is none. */
static inline uint16_t checksum_fold(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + sum);
}

/* The sum of 16-bit words as they lie in memory, folded, not complemented; an odd last byte counts as if
 * a 0 followed. lwIP's LWIP_CHKSUM. */
uint16_t inet_checksum(const void *data, int len);

#endif
