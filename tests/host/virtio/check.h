/*
 * cmocka, and checks for the fakes: they fail the running test with the place that found it.
 */
#ifndef TESTS_VIRTIO_CHECK_H
#define TESTS_VIRTIO_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, #condition);                                 \
    } while (0)

/* A small generator of reproducible numbers (xorshift64*). */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t x = random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * 0x2545f4914f6cdd1dull;
}

static inline unsigned random_below(struct random *random, unsigned limit)
{
    return (unsigned)(random_next(random) >> 33) % limit;
}

#endif
