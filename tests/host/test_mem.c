/*
 * lib/libmem against byte loops: every alignment of both sides, lengths around each threshold, every
 * overlap, and nothing touched outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 512u
#define LENGTHS 200u
#define ALIGNMENTS 9u

static unsigned char work[SIZE], expected[SIZE], source[SIZE];

static void fill(unsigned char *bytes, unsigned seed)
{
    for (unsigned i = 0; i < SIZE; i++) {
        seed = seed * 1103515245u + 12345u;
        bytes[i] = (unsigned char)(seed >> 16);
    }
}

static void check_work(const char *what, size_t a, size_t b, size_t len)
{
    for (unsigned i = 0; i < SIZE; i++) {
        if (work[i] != expected[i])
            fail_msg("%s(%zu, %zu, %zu): byte %u is %#x, expected %#x", what, a, b, len, i, work[i],
                     expected[i]);
    }
}

static void test_memcpy(void **state)
{
    (void)state;
    fill(source, 1);
    for (size_t to = 64; to < 64 + ALIGNMENTS; to++) {
        for (size_t from = 64; from < 64 + ALIGNMENTS; from++) {
            for (size_t len = 0; len < LENGTHS; len++) {
                fill(work, 2);
                fill(expected, 2);
                for (size_t i = 0; i < len; i++)
                    expected[to + i] = source[from + i];
                assert_ptr_equal(memcpy(work + to, source + from, len), work + to);
                check_work("memcpy", to, from, len);
            }
        }
    }
}

static void test_memmove(void **state)
{
    (void)state;
    for (size_t to = 100; to < 200; to += 3) {
        for (size_t from = 100; from < 200; from++) {
            for (size_t len = 0; len < LENGTHS; len += 7) {
                fill(work, 3);
                fill(source, 3);
                fill(expected, 3);
                for (size_t i = 0; i < len; i++)
                    expected[to + i] = source[from + i];
                assert_ptr_equal(memmove(work + to, work + from, len), work + to);
                check_work("memmove", to, from, len);
            }
        }
    }
}

static void test_memset(void **state)
{
    (void)state;
    for (size_t to = 64; to < 64 + ALIGNMENTS; to++) {
        for (size_t len = 0; len < LENGTHS; len++) {
            fill(work, 4);
            fill(expected, 4);
            for (size_t i = 0; i < len; i++)
                expected[to + i] = 0xa5;
            assert_ptr_equal(memset(work + to, (int)0xffffffa5u, len), work + to);
            check_work("memset", to, 0, len);
        }
    }
}

static void test_memcmp(void **state)
{
    (void)state;
    for (size_t a = 0; a < ALIGNMENTS; a++) {
        for (size_t b = 0; b < ALIGNMENTS; b++) {
            for (size_t len = 0; len < LENGTHS; len += 5) {
                fill(source, 5);
                for (size_t i = 0; i < len; i++)
                    work[b + i] = source[a + i];
                assert_int_equal(memcmp(source + a, work + b, len), 0);
                for (size_t i = 0; i < len; i += 3) {
                    work[b + i] ^= 0x80;
                    int less = source[a + i] < work[b + i];
                    int order = memcmp(source + a, work + b, len);
                    assert_true(less ? order < 0 : order > 0);
                    work[b + i] ^= 0x80;
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memcpy),
        cmocka_unit_test(test_memmove),
        cmocka_unit_test(test_memset),
        cmocka_unit_test(test_memcmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
