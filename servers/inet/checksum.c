/*
 * The sum is taken four bytes at a time, where they are aligned, with all carries in the upper half of a
 * wide sum. Bytes that begin at an odd address are summed as if they were one further on, and the two
 * bytes of the sum change places (RFC 1071, 2 (B)).
 */
#include "checksum.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static uint16_t read_16(const uint8_t *at)
{
    uint16_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static uint32_t read_32(const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, __builtin_assume_aligned(at, sizeof(word)), sizeof(word));
    return word;
}

/* From an even address on. */
static uint64_t sum_even(const uint8_t *at, size_t len)
{
    uint64_t sum = 0;

    if (((uintptr_t)at & 2) != 0 && len >= 2) {
        sum += read_16(at);
        at += 2;
        len -= 2;
    }
    for (; len >= 16; at += 16, len -= 16)
        sum += (uint64_t)read_32(at) + read_32(at + 4) + read_32(at + 8) + read_32(at + 12);
    for (; len >= 4; at += 4, len -= 4)
        sum += read_32(at);
    if (len >= 2) {
        sum += read_16(at);
        at += 2;
        len -= 2;
    }
    if (len > 0)
        sum += read_16((const uint8_t[2]){*at, 0});
    return sum;
}

uint16_t inet_checksum(const void *data, int len)
{
    const uint8_t *at = data;
    size_t left = len > 0 ? (size_t)len : 0;
    bool odd = ((uintptr_t)at & 1) != 0 && left > 0;
    uint64_t sum = 0;

    if (odd) {
        sum = read_16((const uint8_t[2]){0, *at});
        at++;
        left--;
    }
    sum += sum_even(at, left);
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 32) + (sum & UINT32_MAX);
    uint16_t folded = checksum_fold((uint32_t)sum);
    return odd ? __builtin_bswap16(folded) : folded;
}
