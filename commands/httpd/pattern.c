/*
 * /pattern/SIZE[/SEED]: a file whose every word another machine can compute, and of which no two
 * blocks are alike, so that a sum over it tells whatever was lost, repeated or moved. Little-endian
 * words of 64 bits; word i of block b (4096 bytes each) is
 *
 *     mix(i) ^ (b + 1 + (seed << 32)) * 0x9e3779b97f4a7c15
 *
 * where mix(i) is splitmix64's output for state i.
 */
#include "httpd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_WORDS 512u
#define BLOCK_BYTES (BLOCK_WORDS * 8u)
#define ODD 0x9e3779b97f4a7c15u
#define SIZE_MAX_BYTES (1ull << 40)

static uint64_t mix(uint64_t state)
{
    uint64_t z = state + ODD;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* One block, from a position within it on. */
static void block_read(uint64_t key, size_t from, uint8_t *to, size_t len)
{
    static uint64_t words[BLOCK_WORDS];

    if (words[0] == 0)
        for (unsigned i = 0; i < BLOCK_WORDS; i++)
            words[i] = mix(i);
    while (len > 0) {
        uint64_t word = words[from / 8] ^ key;
        size_t part = 8 - from % 8 < len ? 8 - from % 8 : len;
        memcpy(to, (const uint8_t *)&word + from % 8, part);
        from += part;
        to += part;
        len -= part;
    }
}

static bool pattern_read(const struct document *document, uint64_t offset, void *buffer, size_t len)
{
    uint8_t *to = buffer;

    while (len > 0) {
        size_t from = offset % BLOCK_BYTES;
        size_t part = BLOCK_BYTES - from < len ? BLOCK_BYTES - from : len;
        block_read((offset / BLOCK_BYTES + 1 + (document->seed << 32)) * ODD, from, to, part);
        offset += part;
        to += part;
        len -= part;
    }
    return true;
}

/* A decimal number and what stands behind it; false: there is none. */
static bool number_read(const char **text, uint64_t *number)
{
    size_t digits = strspn(*text, "0123456789");
    struct http_text all = {*text, digits};

    *text += digits;
    return http_number(all, number);
}

bool pattern_find(const char *name, struct document *document)
{
    static const char units[] = "KMG";
    uint64_t size, seed = 0, shift = 0;

    if (!number_read(&name, &size))
        return false;
    const char *unit = *name ? strchr(units, *name) : NULL;
    if (unit) {
        shift = 10u * (unsigned)(unit - units + 1);
        name++;
    }
    if (*name == '/') {
        name++;
        if (!number_read(&name, &seed) || seed > UINT32_MAX)
            return false;
    }
    if (*name || size > SIZE_MAX_BYTES >> shift)
        return false;
    *document = (struct document){.type = "application/octet-stream",
                                  .size = size << shift,
                                  .read = pattern_read,
                                  .seed = seed};
    snprintf(document->etag, sizeof(document->etag), "\"p%llx-%llx\"",
             (unsigned long long)document->size, (unsigned long long)seed);
    return true;
}
