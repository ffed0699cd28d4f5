/*
 * Coroutines: when each runs, what a wake means, locks and queues, and thousands of them by chance
 * against what must hold.
 */
#include <anole/error.h>
#include <libcoro/coro.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char trace[256]; /* what ran, in order */
static struct coro *who[8];

static void say(char letter)
{
    size_t len = strlen(trace);

    assert_true(len + 1 < sizeof(trace));
    trace[len] = letter;
    trace[len + 1] = '\0';
}

static void expect(const char *text)
{
    assert_string_equal(trace, text);
    trace[0] = '\0';
}

static void start(void (*function)(void *argument), void *argument)
{
    assert_int_equal(coro_start(function, argument), 0);
}

static void *number(uintptr_t value)
{
    return (void *)value;
}

/* ---- start, wait, wake ---- */

static void ends_at_once(void *argument)
{
    assert_non_null(coro_current());
    say(*(const char *)argument);
}

static void test_runs_to_its_end_at_once(void **state)
{
    (void)state;
    start(ends_at_once, "a");
    expect("a");
    assert_null(coro_current());
    assert_int_equal(coro_count(), 0);
    assert_false(coro_run());
}

/* Says its letter, waits twice. */
static void waits_twice(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    who[self] = coro_current();
    for (unsigned i = 0; i < 3; i++) {
        say((char)('a' + self));
        if (i < 2) {
            coro_wait();
        }
        assert_ptr_equal(coro_current(), who[self]);
    }
}

static void test_goes_on_when_woken(void **state)
{
    (void)state;
    start(waits_twice, number(0));
    start(waits_twice, number(1));
    expect("ab");
    assert_false(coro_run());
    assert_int_equal(coro_count(), 2);
    coro_wake(who[1]);
    coro_wake(who[0]);
    coro_wake(who[1]); /* counts once */
    expect("");
    assert_true(coro_run());
    expect("ba");
    coro_wake(who[0]);
    coro_wake(who[1]);
    assert_true(coro_run());
    expect("ab");
    assert_int_equal(coro_count(), 0);
}

static void waits_after_its_wake(void *argument)
{
    (void)argument;
    who[0] = coro_current();
    coro_wake(coro_current());
    coro_wake(coro_current());
    coro_wait();
    say('x');
    coro_wait();
    say('y');
}

static void test_an_early_wake_is_not_forgotten(void **state)
{
    (void)state;
    start(waits_after_its_wake, NULL);
    expect("x");
    assert_false(coro_run());
    expect("");
    coro_wake(who[0]);
    assert_true(coro_run());
    expect("y");
}

static void inner(void *argument)
{
    (void)argument;
    who[1] = coro_current();
    say('i');
    coro_wait();
    say('j');
    coro_wake(who[0]);
}

static void outer(void *argument)
{
    (void)argument;
    who[0] = coro_current();
    say('o');
    start(inner, NULL);
    assert_ptr_equal(coro_current(), who[0]);
    say('p');
    coro_wake(who[1]);
    coro_wait();
    say('q');
}

static void test_starts_inside_another(void **state)
{
    (void)state;
    start(outer, NULL);
    expect("oip");
    assert_true(coro_run());
    expect("jq");
    assert_int_equal(coro_count(), 0);
}

/* ---- locks and queues ---- */

static struct coro_lock lock;
static struct coro_queue queue;

static void locks(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    who[self] = coro_current();
    coro_lock(&lock);
    say((char)('a' + self));
    coro_wait();
    say((char)('A' + self));
    coro_unlock(&lock);
}

static void test_a_lock_is_handed_on_in_order(void **state)
{
    (void)state;
    for (uintptr_t i = 0; i < 3; i++) {
        start(locks, number(i));
    }
    expect("a");
    coro_wake(who[2]); /* it has not the lock yet, and keeps this wake */
    assert_false(coro_run());
    coro_wake(who[0]);
    assert_true(coro_run());
    expect("Ab");
    assert_ptr_equal(lock.holder, who[1]);
    coro_wake(who[1]);
    assert_true(coro_run());
    expect("BcC");
    assert_null(lock.holder);
}

static void waits_for_event(void *argument)
{
    coro_queue_wait(&queue);
    say(*(const char *)argument);
}

static void wakes_all(void *argument)
{
    (void)argument;
    coro_queue_wake_all(&queue);
    say('w');
}

static void test_an_event_wakes_all(void **state)
{
    (void)state;
    coro_queue_wake_all(&queue);
    start(waits_for_event, "1");
    start(waits_for_event, "2");
    start(wakes_all, NULL);
    expect("w");
    start(waits_for_event, "3");
    assert_true(coro_run());
    expect("12");
    coro_queue_wake_all(&queue);
    assert_true(coro_run());
    expect("3");
}

/* ---- many, by chance ---- */

#define MANY 200u

static struct {
    struct coro *coro;
    bool waits;
} many[MANY];
static uint32_t seed = 1;
static unsigned inside;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Its stack holds what nobody else may change, and the lock is never held by two. */
static void by_chance(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint8_t mine[512];

    memset(mine, (int)self, sizeof(mine));
    many[self].coro = coro_current();
    for (unsigned rounds = chance(20); rounds > 0; rounds--) {
        if (chance(2)) {
            coro_lock(&lock);
            assert_int_equal(inside++, 0);
        }
        many[self].waits = true;
        coro_wait();
        many[self].waits = false;
        for (unsigned i = 0; i < sizeof(mine); i++) {
            assert_int_equal(mine[i], (uint8_t)self);
        }
        if (lock.holder == coro_current()) {
            inside--;
            coro_unlock(&lock);
        }
    }
    many[self].coro = NULL;
}

static void test_many_by_chance(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        unsigned one = chance(MANY);

        if (!many[one].coro) {
            start(by_chance, number(one));
        } else {
            coro_wake(many[one].coro);
        }
        if (chance(4) == 0) {
            (void)coro_run();
        }
    }
    for (unsigned i = 0; coro_count() > 0; i++) {
        assert_in_range(i, 0, 20 * MANY * 2);
        for (unsigned one = 0; one < MANY; one++) {
            if (many[one].coro) {
                coro_wake(many[one].coro);
            }
        }
        (void)coro_run();
    }
    assert_null(lock.holder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_to_its_end_at_once),
        cmocka_unit_test(test_goes_on_when_woken),
        cmocka_unit_test(test_an_early_wake_is_not_forgotten),
        cmocka_unit_test(test_starts_inside_another),
        cmocka_unit_test(test_a_lock_is_handed_on_in_order),
        cmocka_unit_test(test_an_event_wakes_all),
        cmocka_unit_test(test_many_by_chance),
    };

    return cmocka_run_group_tests_name("coro", tests, NULL, NULL);
}
