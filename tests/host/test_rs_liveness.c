/*
 * The judgement on liveness: who spins, who is silent, who is merely slow or starved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <servers/rs/liveness.h>

#define TICKS_PER_MS 10000u

static const struct config_liveness bounds = {.spin_ms = 250, .caller_ms = 200};

static struct liveness thread(uint8_t state, uint64_t cpu_ms, uint64_t caller_ms)
{
    return (struct liveness){
        .state = state,
        .cpu_since_wait_ticks = cpu_ms * TICKS_PER_MS,
        .oldest_caller_ticks = caller_ms * TICKS_PER_MS,
    };
}

static struct liveness_facts facts_of(struct liveness one)
{
    struct liveness_facts facts = {0};
    liveness_add(&facts, &one, TICKS_PER_MS);
    return facts;
}

static void test_idle_is_fine(void **state)
{
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 0));
    struct liveness_memory memory = {0};
    (void)state;
    for (uint64_t now = 0; now < 100000; now += 100) {
        assert_int_equal(liveness_judge(&bounds, &facts, &memory, now), LIVENESS_FINE);
    }
}

static enum liveness_verdict judge_cpu(const struct config_liveness *of, uint64_t cpu_ms,
                                       struct liveness_memory *memory)
{
    struct liveness_facts facts = facts_of(thread(THREAD_RUNNING, cpu_ms, 0));
    return liveness_judge(of, &facts, memory, 1000);
}

static void test_spinning(void **state)
{
    struct liveness_memory memory = {0};
    struct config_liveness off = {.spin_ms = 0};
    (void)state;
    assert_int_equal(judge_cpu(&bounds, 250, &memory), LIVENESS_FINE);
    assert_int_equal(judge_cpu(&bounds, 251, &memory), LIVENESS_FINE);
    assert_int_equal(judge_cpu(&bounds, 351, &memory), LIVENESS_SPINS);
    memory = (struct liveness_memory){0};
    assert_int_equal(judge_cpu(&off, 300, &memory), LIVENESS_FINE);
    assert_int_equal(judge_cpu(&off, 400, &memory), LIVENESS_FINE);
}

/* The build machine took the hart away in the middle of something. */
static void test_charged_in_one_piece(void **state)
{
    struct liveness_memory memory = {0};
    (void)state;
    assert_int_equal(judge_cpu(&bounds, 700, &memory), LIVENESS_FINE);
    assert_int_equal(judge_cpu(&bounds, 700, &memory), LIVENESS_FINE); /* still away */
    assert_int_equal(judge_cpu(&bounds, 1, &memory), LIVENESS_FINE);
    assert_int_equal(judge_cpu(&bounds, 300, &memory), LIVENESS_FINE);
    assert_int_equal(judge_cpu(&bounds, 301, &memory), LIVENESS_SPINS);
}

/* It answers pings, but not its caller: there is a bound for those who never keep one for long. */
static void test_hoarding(void **state)
{
    struct config_liveness both = {.caller_ms = 200, .answer_ms = 1000};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 5000));
    struct liveness_memory memory = {0};
    (void)state;
    for (uint64_t now = 5000; now <= 6000; now += 100) {
        assert_true(liveness_judge(&both, &facts, &memory, now) <= LIVENESS_PING);
        liveness_pong(&memory);
    }
    assert_true(liveness_judge(&both, &facts, &memory, 6001) <= LIVENESS_PING);
    liveness_pong(&memory);
    /* Answered in time, and the next one is as old: the machine stood still. */
    struct liveness_facts next = facts_of(thread(THREAD_RECEIVING, 0, 5050));
    assert_true(liveness_judge(&both, &next, &memory, 6101) <= LIVENESS_PING);
    liveness_pong(&memory);
    assert_int_equal(liveness_judge(&both, &next, &memory, 6201), LIVENESS_HOARDS);
    both.answer_ms = 0;
    memory = (struct liveness_memory){0};
    for (uint64_t now = 6000; now <= 60000; now += 100) {
        assert_true(liveness_judge(&both, &facts, &memory, now) <= LIVENESS_PING);
        liveness_pong(&memory);
    }
}

/* What a waiting thread ran before counts for nothing. */
static void test_waiting_never_spins(void **state)
{
    struct liveness_memory memory = {0};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 5000, 0));
    (void)state;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 9000), LIVENESS_FINE);
}

static void test_one_spinning_thread_of_many(void **state)
{
    struct liveness_memory memory = {0};
    struct liveness calm = thread(THREAD_RECEIVING, 0, 0);
    (void)state;
    for (uint64_t cpu_ms = 300; cpu_ms <= 400; cpu_ms += 100) {
        struct liveness_facts facts = {0};
        struct liveness wild = thread(THREAD_RUNNING, cpu_ms, 0);
        liveness_add(&facts, &calm, TICKS_PER_MS);
        liveness_add(&facts, &wild, TICKS_PER_MS);
        liveness_add(&facts, &calm, TICKS_PER_MS);
        assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1000),
                         cpu_ms == 300 ? LIVENESS_FINE : LIVENESS_SPINS);
    }
}

/* Found within half a second of the first unanswered call. */
static void test_silent(void **state)
{
    struct liveness_memory memory = {0};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 1000));
    (void)state;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1099), LIVENESS_FINE);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1199), LIVENESS_FINE);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1299), LIVENESS_PING);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1398), LIVENESS_FINE);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1399), LIVENESS_SILENT);
}

/* A driver whose device is slow answers pings: it lives, and is asked ever more seldom. */
static void test_slow_but_alive(void **state)
{
    struct liveness_memory memory = {0};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 1000));
    unsigned pings = 0;
    (void)state;
    for (uint64_t now = 1000; now < 61000; now += 100) {
        enum liveness_verdict verdict = liveness_judge(&bounds, &facts, &memory, now);
        if (verdict == LIVENESS_PING) {
            pings++;
            liveness_pong(&memory);
        } else {
            assert_int_equal(verdict, LIVENESS_FINE);
        }
    }
    assert_in_range(pings, 30, 60);
}

static void test_new_caller_is_asked_for_at_once(void **state)
{
    struct liveness_memory memory = {0};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 1000));
    (void)state;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 50000), LIVENESS_PING);
    liveness_pong(&memory);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 50300), LIVENESS_FINE);
    facts = facts_of(thread(THREAD_RECEIVING, 0, 50050));
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 50300), LIVENESS_PING);
}

/* Who gets no CPU, or waits for RS to take its answer, is given longer, not for ever. */
static void test_starved(void **state)
{
    static const uint8_t states[] = {THREAD_READY, THREAD_CALLING};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct liveness_memory memory = {0};
        struct liveness_facts facts = facts_of(thread(states[i], 0, 1000));
        assert_int_equal(liveness_judge(&bounds, &facts, &memory, 2000), LIVENESS_PING);
        assert_int_equal(liveness_judge(&bounds, &facts, &memory, 2900), LIVENESS_FINE);
        assert_int_equal(liveness_judge(&bounds, &facts, &memory, 3000), LIVENESS_SILENT);
    }
}

static void test_complaint(void **state)
{
    struct liveness_memory memory = {.complaint = true};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 0));
    (void)state;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1000), LIVENESS_PING);
    liveness_pong(&memory);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1100), LIVENESS_FINE);
    memory.complaint = true;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1200), LIVENESS_PING);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1300), LIVENESS_CORROBORATED);
}

/* Nobody can call it under a name that isn't there: it is asked as if somebody did. */
static void test_a_name_that_is_owed(void **state)
{
    struct liveness_memory memory = {0};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 0));
    facts.owes_name = 1000;
    (void)state;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1200), LIVENESS_FINE);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1201), LIVENESS_PING);
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1301), LIVENESS_SILENT);
    /* One that lives needn't have it again, and is asked seldom. */
    unsigned pings = 0;
    memory = (struct liveness_memory){0};
    for (uint64_t now = 1000; now <= 61000; now += 100) {
        enum liveness_verdict verdict = liveness_judge(&bounds, &facts, &memory, now);
        assert_true(verdict == LIVENESS_FINE || verdict == LIVENESS_PING);
        pings += verdict == LIVENESS_PING;
        liveness_pong(&memory);
    }
    assert_in_range(pings, 30, 60);
    /* Whoever waited first counts. */
    memory = (struct liveness_memory){0};
    facts.oldest_caller = 500;
    assert_int_equal(liveness_judge(&bounds, &facts, &memory, 1000), LIVENESS_PING);
    assert_int_equal(memory.caller, 500);
}

static void test_callers_not_watched(void **state)
{
    struct config_liveness off = {.spin_ms = 250, .caller_ms = 0};
    struct liveness_memory memory = {0};
    struct liveness_facts facts = facts_of(thread(THREAD_RECEIVING, 0, 1));
    (void)state;
    assert_int_equal(liveness_judge(&off, &facts, &memory, 99999), LIVENESS_FINE);
}

static void test_late_round(void **state)
{
    (void)state;
    assert_false(liveness_late(1000, 999));
    assert_false(liveness_late(1000, 1000));
    assert_false(liveness_late(1000, 1100));
    assert_true(liveness_late(1000, 1101));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_is_fine),
        cmocka_unit_test(test_spinning),
        cmocka_unit_test(test_charged_in_one_piece),
        cmocka_unit_test(test_hoarding),
        cmocka_unit_test(test_waiting_never_spins),
        cmocka_unit_test(test_one_spinning_thread_of_many),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_slow_but_alive),
        cmocka_unit_test(test_new_caller_is_asked_for_at_once),
        cmocka_unit_test(test_starved),
        cmocka_unit_test(test_complaint),
        cmocka_unit_test(test_a_name_that_is_owed),
        cmocka_unit_test(test_callers_not_watched),
        cmocka_unit_test(test_late_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
