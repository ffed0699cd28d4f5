/*
 * The kernel's random numbers: the cipher against its specification's test vector, output that never
 * repeats, and what mixing does to it.
 */
#include "random.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* RFC 8439, A.1, test vector 1: no key, no nonce, block 0. */
static void test_cipher(void **state)
{
    static const uint8_t expected[16] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
                                         0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28};
    uint32_t block[16];
    (void)state;
    memset(key, 0, sizeof(key));
    counter = 0;
    chacha_block(block);
    assert_memory_equal(block, expected, sizeof(expected));
    assert_int_equal(counter, 1);
}

static void test_never_the_same(void **state)
{
    enum { ROUNDS = 1000 };
    static const uint8_t seed[40] = {1, 2, 3};
    static uint64_t words[ROUNDS][4];
    unsigned ones = 0;
    (void)state;
    random_init(seed, sizeof(seed), 7);
    for (unsigned i = 0; i < ROUNDS; i++) {
        random_words(words[i]);
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(words[i], words[k], sizeof(words[i]));
        for (unsigned k = 0; k < 4; k++)
            ones += (unsigned)__builtin_popcountll(words[i][k]);
    }
    /* Of 256,000 bits; five standard deviations are 1265. */
    assert_in_range(ones, 128000 - 1265, 128000 + 1265);
}

/* What follows depends on each bit that is mixed in, and on what was there before. */
static void test_mix(void **state)
{
    uint32_t saved[8];
    uint64_t saved_counter, plain[4], zero[4] = {0};
    (void)state;
    random_words(plain);
    memcpy(saved, key, sizeof(key));
    saved_counter = counter;
    random_mix(zero);
    random_words(plain);
    for (unsigned bit = 0; bit < 256; bit++) {
        uint64_t mixed[4] = {0}, words[4] = {0}, again[4] = {0};
        mixed[bit / 64] = (uint64_t)1 << (bit % 64);
        for (unsigned round = 0; round < 2; round++) {
            memcpy(key, saved, sizeof(key));
            counter = saved_counter;
            random_mix(mixed);
            random_words(round == 0 ? words : again);
        }
        assert_memory_equal(words, again, sizeof(words));
        assert_memory_not_equal(words, plain, sizeof(words));
        assert_memory_not_equal(words, mixed, sizeof(words));
    }
    /* Not even who mixes in the key itself makes the state known: it has none left of it. */
    uint64_t same[4], words[4];
    memcpy(key, saved, sizeof(key));
    memcpy(same, saved, sizeof(same));
    random_words(words);
    random_mix(same);
    for (unsigned i = 0; i < 8; i++)
        assert_int_not_equal(key[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cipher),
        cmocka_unit_test(test_never_the_same),
        cmocka_unit_test(test_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
