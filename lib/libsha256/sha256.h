/*
 * SHA-256 (FIPS 180-4), for claims about data that another machine can verify.
 */
#ifndef LIBSHA256_SHA256_H
#define LIBSHA256_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_TEXT 65 /* the digest in hexadecimal, and its end */

struct sha256 {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t bytes;
};

void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t len);

void sha256_end(struct sha256 *sha, char hex[SHA256_TEXT]);

#endif
