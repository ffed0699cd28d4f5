#include "random.h"
#include <string.h>

static uint32_t key[8];
static uint64_t counter;

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 7);
}

static void chacha_block(uint32_t out[16])
{
    static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t in[16];

    memcpy(in, constants, sizeof(constants));
    memcpy(in + 4, key, sizeof(key));
    memcpy(in + 12, &counter, sizeof(counter));
    in[14] = in[15] = 0;
    counter++;
    memcpy(out, in, sizeof(in));
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++)
            quarter_round(out, i, 4 + i, 8 + i, 12 + i);
        for (unsigned i = 0; i < 4; i++)
            quarter_round(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] += in[i];
}

void random_init(const uint8_t *seed, unsigned len, uint64_t more)
{
    uint64_t ignored[4];

    for (unsigned i = 0; i < len; i++)
        ((uint8_t *)key)[i % sizeof(key)] ^= seed[i];
    counter = more;
    random_words(ignored);
}

void random_words(uint64_t words[4])
{
    uint32_t block[16];

    chacha_block(block);
    memcpy(key, block, sizeof(key));
    memcpy(words, block + 8, 4 * sizeof(words[0]));
}

void random_mix(const uint64_t words[4])
{
    uint32_t more[8];
    uint64_t ignored[4];

    memcpy(more, words, sizeof(more));
    for (unsigned i = 0; i < 8; i++)
        key[i] ^= more[i];
    random_words(ignored);
}
