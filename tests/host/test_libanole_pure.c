/*
 * What of libanole is plain computation: texts of errors, conversions of time, the ring of the last
 * messages, packing of arguments.
 */
#include <anole/error.h>
#include <anole/layout.h>
#include <libanole/anole.h>
#include <libanole/arguments.h>
#include <libanole/convert.h>
#include <libanole/recent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RATE 10000000u /* ticks per second of QEMU's virt machine */

/* ---- texts ---- */

static void error_texts(void **state)
{
    (void)state;
    assert_string_equal(anole_error_name(-ANOLE_EINVAL), "EINVAL");
    assert_string_equal(anole_error_name(ANOLE_EINVAL), "EINVAL");
    assert_string_equal(anole_error_text(-ANOLE_EDEADENDPOINT), "the endpoint is dead");
    assert_string_equal(anole_error_name(0), "OK");
    assert_string_equal(anole_error_name(-9999), "E?");
    assert_string_equal(anole_error_text(INT32_MIN), "unknown error");
    assert_string_equal(anole_error_text(INT32_MAX), "unknown error");
}

static void death_causes(void **state)
{
    (void)state;
    for (unsigned cause = 0; cause < DEATH_CAUSES; cause++) {
        assert_non_null(death_cause_text(cause));
    }
    assert_string_equal(death_cause_text(DEATH_LOAD_FAULT), "load fault");
    assert_string_equal(death_cause_text(DEATH_CAUSES), "unknown cause");
    assert_string_equal(death_cause_text(~0u), "unknown cause");
}

/* ---- time ---- */

static void conversions_exact(void **state)
{
    (void)state;
    assert_int_equal(convert_us_to_ticks(1, RATE), 10);
    assert_int_equal(convert_us_to_ticks(0, RATE), 0);
    assert_int_equal(convert_us_to_ticks(3600ul * 1000000, RATE), 36000000000ul);
    assert_int_equal(convert_ticks_to_us(19, RATE), 1);
    assert_int_equal(convert_ticks_to_ns(19, RATE), 1900);
    /* A slow clock: waits are rounded up, times down. */
    assert_int_equal(convert_us_to_ticks(1, 32768), 1);
    assert_int_equal(convert_us_to_ticks(31, 32768), 2);
    assert_int_equal(convert_ticks_to_us(1, 32768), 30);
}

static void conversions_saturate(void **state)
{
    (void)state;
    assert_true(convert_us_to_ticks(UINT64_MAX, RATE) == UINT64_MAX);
    assert_true(convert_us_to_ticks(UINT64_MAX / 10, RATE) >= UINT64_MAX - 10);
    assert_true(convert_ticks_to_ns(UINT64_MAX, RATE) == UINT64_MAX);
    assert_int_equal(convert_ticks_to_us(UINT64_MAX, RATE), UINT64_MAX / 10);
    assert_true(convert_add(UINT64_MAX - 1, 1) == UINT64_MAX);
    assert_true(convert_add(UINT64_MAX - 1, 2) == UINT64_MAX);
    assert_int_equal(convert_add(40, 2), 42);
}

/* No wait is shorter than asked for, and none more than a tick longer. */
static void conversions_round_trip(void **state)
{
    (void)state;
    srandom(1);
    for (int i = 0; i < 100000; i++) {
        uint64_t rate = 1 + (uint64_t)random() % 100000000;
        uint64_t us = (uint64_t)random() << (random() % 12);
        uint64_t ticks = convert_us_to_ticks(us, rate);
        __uint128_t exact = (__uint128_t)us * rate;

        assert_true((__uint128_t)ticks * 1000000 >= exact);
        assert_true((__uint128_t)ticks * 1000000 < exact + 1000000);
        assert_true(convert_ticks_to_us(ticks, rate) >= us || rate < 1000000);
    }
}

/* ---- the ring of the last messages ---- */

static void recent_keeps_the_last(void **state)
{
    struct recent_message out[RECENT_MESSAGES];

    (void)state;
    assert_int_equal(recent_read(&anole_recent, out), 0);
    for (uint32_t i = 0; i < RECENT_MESSAGES + 3; i++) {
        struct message message = {.endpoint = 7, .type = i, .word = {i, i + 1, i + 2}};

        recent_record(&message);
        assert_int_equal(recent_read(&anole_recent, out),
                         i + 1 < RECENT_MESSAGES ? i + 1 : RECENT_MESSAGES);
    }
    for (uint32_t i = 0; i < RECENT_MESSAGES; i++) {
        assert_int_equal(out[i].type, i + 3);
        assert_int_equal(out[i].source, 7);
        assert_int_equal(out[i].word[2], i + 5);
    }
}

/* A corpse's memory may hold anything. */
static void recent_hostile(void **state)
{
    struct recent_message out[RECENT_MESSAGES];
    struct recent_ring ring = anole_recent;

    (void)state;
    ring.magic++;
    assert_int_equal(recent_read(&ring, out), 0);
    ring = anole_recent;
    ring.capacity = 1u << 31;
    assert_int_equal(recent_read(&ring, out), 0);
    ring = anole_recent;
    atomic_store(&ring.count, UINT64_MAX);
    assert_int_equal(recent_read(&ring, out), RECENT_MESSAGES);
    atomic_store(&ring.count, 3);
    assert_int_equal(recent_read(&ring, out), 3);
}

/* ---- arguments ---- */

static void arguments_packed(void **state)
{
    const char *const argv[] = {"blktest", "vda", "", NULL};
    char buffer[64];
    size_t len;

    (void)state;
    assert_int_equal(arguments_pack(argv, buffer, sizeof(buffer), &len), 0);
    assert_int_equal(len, 13);
    assert_memory_equal(buffer, "blktest\0vda\0", 13);
    assert_int_equal(arguments_pack(argv, buffer, 13, &len), 0);
    assert_int_equal(arguments_pack(argv, buffer, 12, &len), -ANOLE_ERANGE);
    assert_int_equal(arguments_pack(argv, buffer, 0, &len), -ANOLE_ERANGE);
}

static void arguments_refused(void **state)
{
    static const char *many[STARTUP_ARGUMENTS_MAX + 2];
    const char *const none[] = {NULL}, *const empty[] = {"", "x", NULL};
    static char buffer[2 * STARTUP_ARGUMENTS_MAX + 2];
    size_t len;

    (void)state;
    assert_int_equal(arguments_pack(none, buffer, sizeof(buffer), &len), -ANOLE_EINVAL);
    assert_int_equal(arguments_pack(empty, buffer, sizeof(buffer), &len), -ANOLE_EINVAL);
    for (unsigned i = 0; i < STARTUP_ARGUMENTS_MAX; i++) {
        many[i] = "a";
    }
    assert_int_equal(arguments_pack(many, buffer, sizeof(buffer), &len), 0);
    many[STARTUP_ARGUMENTS_MAX] = "a";
    assert_int_equal(arguments_pack(many, buffer, sizeof(buffer), &len), -ANOLE_ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_texts),
        cmocka_unit_test(death_causes),
        cmocka_unit_test(conversions_exact),
        cmocka_unit_test(conversions_saturate),
        cmocka_unit_test(conversions_round_trip),
        cmocka_unit_test(recent_keeps_the_last),
        cmocka_unit_test(recent_hostile),
        cmocka_unit_test(arguments_packed),
        cmocka_unit_test(arguments_refused),
    };

    return cmocka_run_group_tests_name("libanole_pure", tests, NULL, NULL);
}
