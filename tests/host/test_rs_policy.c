/*
 * The restart policy: at once, then waits that double, quiet time, the window, the limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <servers/rs/policy.h>

static const struct config_recovery usual = {
    .window_ms = 30000,
    .limit = 12,
    .at_once = 3,
    .backoff_ms = 10,
    .backoff_max_ms = 1000,
    .quiet_ms = 10000,
};

static uint32_t restart(const struct config_recovery *recovery, struct policy_history *history,
                        uint64_t now_ms)
{
    uint32_t wait_ms = 12345;
    assert_int_equal(policy_death(recovery, history, now_ms, &wait_ms), POLICY_RESTART);
    return wait_ms;
}

static void test_first_at_once_then_doubling(void **state)
{
    static const uint32_t waits[] = {0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000};
    struct config_recovery recovery = usual;
    struct policy_history history = {0};
    (void)state;
    recovery.limit = CONFIG_NO_LIMIT;
    for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        assert_int_equal(restart(&recovery, &history, 1000 + i), waits[i]);
    }
}

static void test_limit_gives_up(void **state)
{
    struct policy_history history = {0};
    uint32_t wait_ms;
    (void)state;
    for (unsigned i = 0; i < 11; i++) {
        restart(&usual, &history, 500 + i * 100);
    }
    assert_int_equal(policy_death(&usual, &history, 1700, &wait_ms), POLICY_GIVE_UP);
}

static void test_quiet_time_resets(void **state)
{
    struct policy_history history = {0};
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        restart(&usual, &history, i);
    }
    assert_int_equal(restart(&usual, &history, 10004), 80); /* 9,999 ms after the last */
    assert_int_equal(restart(&usual, &history, 20004), 0);
    assert_int_equal(history.count, 1);
    assert_int_equal(history.backoff_ms, 0);
}

static void test_window_forgets_old_deaths(void **state)
{
    struct policy_history history = {0};
    (void)state;
    /* One in nine seconds is never quiet, but no more than four are within the window. */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(restart(&usual, &history, i * 9000), 0);
    }
    for (unsigned i = 3; i < 100; i++) {
        assert_true(restart(&usual, &history, i * 9000) > 0);
        assert_int_equal(history.count, 4);
    }
}

static void test_history_is_bounded(void **state)
{
    struct config_recovery recovery = usual;
    struct policy_history history = {0};
    (void)state;
    recovery.limit = CONFIG_NO_LIMIT;
    recovery.window_ms = 3600000;
    for (unsigned i = 0; i < 1000; i++) {
        restart(&recovery, &history, i);
        assert_true(history.count <= POLICY_DEATHS);
    }
    policy_forget(&history);
    assert_int_equal(restart(&recovery, &history, 2000), 0);
}

static void test_limit_of_all_that_is_remembered(void **state)
{
    struct config_recovery recovery = usual;
    struct policy_history history = {0};
    uint32_t wait_ms;
    (void)state;
    recovery.limit = POLICY_DEATHS;
    for (unsigned i = 0; i < POLICY_DEATHS - 1; i++) {
        restart(&recovery, &history, i);
    }
    assert_int_equal(policy_death(&recovery, &history, 100, &wait_ms), POLICY_GIVE_UP);
}

/* What another death would bring is what it brings; and asking changes nothing. */
static void test_outlook(void **state)
{
    struct policy_history history = {0};
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        uint64_t now = 100 + i * 50;
        uint32_t foretold, wait_ms;
        enum policy_verdict verdict = policy_outlook(&usual, &history, now, &foretold);
        assert_int_equal(history.count, i);
        assert_int_equal(policy_death(&usual, &history, now, &wait_ms), verdict);
        assert_int_equal(wait_ms, foretold);
        assert_int_equal(verdict, i == 11 ? POLICY_GIVE_UP : POLICY_RESTART);
    }
}

static void test_counting(void **state)
{
    struct config_recovery recovery = usual;
    struct policy_history history = {0};
    (void)state;
    recovery.quiet_ms = 60000;
    assert_int_equal(policy_counting(&recovery, &history, 5), 0);
    for (unsigned i = 0; i < 4; i++) {
        restart(&recovery, &history, i * 10000);
    }
    assert_int_equal(policy_counting(&recovery, &history, 30001), 3);
    assert_int_equal(policy_counting(&recovery, &history, 59999), 1);
    assert_int_equal(policy_counting(&recovery, &history, 60000), 0);
}

/* Starts that take long and come to nothing: the limit is reached all the same. */
static void test_starts_in_vain(void **state)
{
    struct policy_history history = {0};
    uint64_t now_ms = 1000;
    uint32_t wait_ms;
    unsigned deaths = 1;
    (void)state;
    policy_vain(&history, now_ms); /* of no death yet */
    while (policy_death(&usual, &history, now_ms, &wait_ms) == POLICY_RESTART) {
        now_ms += wait_ms + usual.window_ms + usual.quiet_ms;
        policy_vain(&history, now_ms);
        deaths++;
        assert_true(deaths <= usual.limit);
    }
    assert_int_equal(deaths, usual.limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_at_once_then_doubling),
        cmocka_unit_test(test_starts_in_vain),
        cmocka_unit_test(test_limit_gives_up),
        cmocka_unit_test(test_quiet_time_resets),
        cmocka_unit_test(test_window_forgets_old_deaths),
        cmocka_unit_test(test_history_is_bounded),
        cmocka_unit_test(test_limit_of_all_that_is_remembered),
        cmocka_unit_test(test_outlook),
        cmocka_unit_test(test_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
