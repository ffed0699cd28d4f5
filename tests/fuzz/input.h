/*
 * A fuzzer's input, eaten from the front. What lies behind its end reads as zeroes, so that every
 * input means something.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *data;
    size_t len;
};

static inline uint8_t input_byte(struct input *input)
{
    if (input->len == 0)
        return 0;
    input->len--;
    return *input->data++;
}

static inline uint64_t input_word(struct input *input)
{
    uint64_t word = 0;

    for (unsigned i = 0; i < sizeof(word); i++)
        word |= (uint64_t)input_byte(input) << (8 * i);
    return word;
}

/* A number below `limit`, which isn't 0. */
static inline uint32_t input_below(struct input *input, uint32_t limit)
{
    uint32_t number = input_byte(input);

    if (limit > 256)
        number |= (uint32_t)input_byte(input) << 8;
    return number % limit;
}

#endif
