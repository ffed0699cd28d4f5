/*
 * Reading the phases of a recovery out of RS's log, and the words for RS's numbers.
 */
#include <librs/rs_client.h>

#include <anole/process.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct recovery recovery;
static uint64_t now;

static void add(const char *service, uint32_t event, uint32_t cause, endpoint_t endpoint)
{
    struct rs_log_entry entry = {
        .time_ticks = ++now, .event = event, .cause = cause, .endpoint = endpoint, .detail = 5};

    strncpy(entry.service, service, sizeof(entry.service) - 1);
    recovery_add(&recovery, "disk", &entry);
}

static int setup(void **state)
{
    (void)state;
    recovery = (struct recovery){0};
    now = 0;
    return 0;
}

static void test_whole(void **state)
{
    (void)state;
    add("disk", RS_EVENT_PUBLISHED, 0, 10); /* still of the life before */
    add("disk", RS_EVENT_INJECT, 0, 10);
    add("other", RS_EVENT_DEAD, DEATH_EXIT, 99);
    add("disk", RS_EVENT_DETECTED, DEATH_NO_PROGRESS, 10);
    add("disk", RS_EVENT_DEAD, DEATH_NO_PROGRESS, 10);
    add("disk", RS_EVENT_QUIESCED, 0, 10);
    add("disk", RS_EVENT_START, 0, 0);
    add("disk", RS_EVENT_SPAWNED, 0, 11);
    add("other", RS_EVENT_READY, 0, 99);
    add("disk", RS_EVENT_PUBLISHED, 0, 11);
    add("disk", RS_EVENT_PUBLISHED, 0, 11);
    add("disk", RS_EVENT_READY, 0, 11);
    assert_false(recovery.reached[PHASE_SERVED]);
    add("disk", RS_EVENT_SERVED, 0, 11);
    add("disk", RS_EVENT_DEAD, DEATH_EXIT, 11); /* the next death is another recovery's */

    static const uint64_t times[PHASES] = {4, 5, 6, 8, 12, 11, 13};
    for (unsigned phase = 0; phase < PHASES; phase++) {
        assert_true(recovery.reached[phase]);
        assert_int_equal(recovery.time_ticks[phase], times[phase]);
    }
    assert_int_equal(recovery.cause, DEATH_NO_PROGRESS);
    assert_int_equal(recovery.detail, 5);
    assert_int_equal(recovery.dead_endpoint, 10);
    assert_int_equal(recovery.new_endpoint, 11);
    assert_false(recovery.given_up);
}

static void test_crash(void **state)
{
    (void)state;
    add("disk", RS_EVENT_DEAD, DEATH_LOAD_FAULT, 10);
    assert_false(recovery.reached[PHASE_DETECTED]);
    assert_int_equal(recovery.cause, DEATH_LOAD_FAULT);
    add("disk", RS_EVENT_DETECTED, DEATH_NO_PROGRESS, 10); /* too late to be of this death */
    assert_false(recovery.reached[PHASE_DETECTED]);
    add("disk", RS_EVENT_GIVEN_UP, 0, 0);
    assert_true(recovery.given_up);
}

/* ---- strikes ---- */

static struct strike strike;

static void order(enum fault_kind kind)
{
    strike_ordered(&strike, kind);
}

static void tell(const char *service, uint32_t event, uint32_t cause, endpoint_t endpoint,
                 uint64_t detail)
{
    struct rs_log_entry entry = {
        .event = event, .cause = cause, .endpoint = endpoint, .detail = detail};

    strncpy(entry.service, service, sizeof(entry.service) - 1);
    strike_add(&strike, "disk", &entry);
}

static void test_strike_that_is_told(void **state)
{
    (void)state;
    order(FAULT_EARLY);
    tell("other", RS_EVENT_INJECT, 0, 9, FAULT_EARLY);
    tell("disk", RS_EVENT_INJECT, 0, 10, FAULT_CHANNEL);
    tell("disk", RS_EVENT_COMMITTED, 0, 10, FAULT_EARLY); /* of an order before */
    assert_int_equal(strike.state, STRIKE_ORDERED);
    tell("disk", RS_EVENT_INJECT, 0, 10, FAULT_EARLY);
    tell("disk", RS_EVENT_COMMITTED, 0, 10, FAULT_CHANNEL);
    tell("disk", RS_EVENT_COMPLAINT, 0, 10, FAULT_EARLY);
    tell("other", RS_EVENT_COMMITTED, 0, 10, FAULT_EARLY);
    tell("disk", RS_EVENT_COMMITTED, 0, 11, FAULT_EARLY);
    assert_int_equal(strike.state, STRIKE_ORDERED);
    tell("disk", RS_EVENT_COMMITTED, 0, 10, FAULT_EARLY);
    assert_int_equal(strike.state, STRIKE_STRUCK);
    tell("disk", RS_EVENT_DEAD, DEATH_KILLED, 10, 0); /* doesn't matter any more */
    assert_int_equal(strike.state, STRIKE_STRUCK);

    /* A death alone doesn't say that it was committed. */
    order(FAULT_USED);
    tell("disk", RS_EVENT_INJECT, 0, 11, FAULT_USED);
    tell("disk", RS_EVENT_DEAD, DEATH_DEVICE_RESET, 11, 0);
    assert_int_equal(strike.state, STRIKE_LOST);
}

static void test_strike_that_is_a_death(void **state)
{
    (void)state;
    order(FAULT_SPIN);
    tell("disk", RS_EVENT_INJECT, 0, 10, FAULT_SPIN);
    tell("disk", RS_EVENT_DETECTED, DEATH_NO_PROGRESS, 10, DEATH_NO_PROGRESS);
    assert_int_equal(strike.state, STRIKE_ORDERED);
    tell("disk", RS_EVENT_DEAD, DEATH_NO_PROGRESS, 10, 0);
    assert_int_equal(strike.state, STRIKE_STRUCK);
    for (uint32_t cause = DEATH_KILLED;; cause = DEATH_STOPPED) {
        order(FAULT_PANIC);
        tell("disk", RS_EVENT_INJECT, 0, 11, FAULT_PANIC);
        tell("disk", RS_EVENT_DEAD, cause, 11, 0);
        assert_int_equal(strike.state, STRIKE_LOST);
        if (cause == DEATH_STOPPED)
            break;
    }
}

static void test_strike_that_is_replaced(void **state)
{
    (void)state;
    order(FAULT_CHANNEL);
    tell("disk", RS_EVENT_INJECT, 0, 10, FAULT_CHANNEL);
    tell("disk", RS_EVENT_INJECT, 0, 10, FAULT_EARLY);
    assert_int_equal(strike.state, STRIKE_LOST);
    tell("disk", RS_EVENT_COMMITTED, 0, 10, FAULT_CHANNEL);
    assert_int_equal(strike.state, STRIKE_LOST);
    strike = (struct strike){0}; /* without an order nothing happens */
    tell("disk", RS_EVENT_INJECT, 0, 10, 0);
    assert_int_equal(strike.state, STRIKE_NONE);
}

static void test_words(void **state)
{
    (void)state;
    for (uint32_t state_ = RS_STATE_WAITING_DEVICE; state_ <= RS_STATE_DEVICE_FAILED; state_++)
        assert_string_not_equal(rs_state_text(state_), "?");
    for (uint32_t event = RS_EVENT_START; event <= RS_EVENT_SPARE; event++)
        assert_string_not_equal(rs_event_text(event), "?");
    for (uint32_t kind = FAULT_LOAD; kind < FAULT_KIND_LIMIT; kind++) {
        assert_int_equal(fault_kind_find(fault_kind_name(kind)), kind);
        assert_string_not_equal(fault_kind_text(kind), "?");
    }
    assert_int_equal(fault_kind_find("nothing"), 0);
    assert_string_equal(rs_state_text(0), "?");
    assert_string_equal(rs_state_text(UINT32_MAX), "?");
    assert_string_equal(rs_event_text(UINT32_MAX), "?");
    assert_string_equal(rs_order_text(0), "?");
    assert_string_equal(rs_order_text(RS_RESTART), "restart");
    assert_string_equal(rs_order_text(RS_SPARE_OFF), "spare off");
    assert_string_equal(rs_spare_text(RS_SPARE_READY), "ready");
    assert_string_equal(rs_spare_text(RS_SPARE_READY + 1), "?");
    assert_string_equal(rs_complaint_text(RS_COMPLAINT_PROTOCOL), "protocol");
    assert_string_equal(rs_complaint_text(0), "?");
    assert_string_equal(recovery_phase_name(PHASE_SERVED), "served");
    assert_string_equal(recovery_phase_name(PHASES), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole, setup),
        cmocka_unit_test_setup(test_crash, setup),
        cmocka_unit_test(test_strike_that_is_told),
        cmocka_unit_test(test_strike_that_is_a_death),
        cmocka_unit_test(test_strike_that_is_replaced),
        cmocka_unit_test_setup(test_words, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
