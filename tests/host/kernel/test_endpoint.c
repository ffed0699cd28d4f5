/*
 * Endpoint slots: first-in first-out reuse, generations that go up, slots retired when spent.
 */
#include "endpoint.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct endpoint_table table;

static void every_slot_once(void **state)
{
    bool seen[ENDPOINT_SLOTS] = {false};

    (void)state;
    endpoint_table_init(&table, 1);
    for (unsigned i = 1; i < ENDPOINT_SLOTS; i++) {
        endpoint_t endpoint = endpoint_take(&table);
        assert_int_not_equal(endpoint, ENDPOINT_NONE);
        assert_false(seen[endpoint_slot(endpoint)]);
        assert_int_not_equal(endpoint_slot(endpoint), 0);
        seen[endpoint_slot(endpoint)] = true;
    }
    assert_int_equal(endpoint_take(&table), ENDPOINT_NONE);
}

static void slots_come_back_in_order_and_newer(void **state)
{
    endpoint_t first, second;

    (void)state;
    endpoint_table_init(&table, 7);
    first = endpoint_take(&table);
    second = endpoint_take(&table);
    endpoint_give_back(&table, second);
    endpoint_give_back(&table, first);
    for (unsigned i = 0; i < ENDPOINT_SLOTS - 3; i++)
        (void)endpoint_take(&table);
    assert_int_equal(endpoint_take(&table), endpoint_make(endpoint_slot(second), 8));
    assert_int_equal(endpoint_take(&table), endpoint_make(endpoint_slot(first), 8));
}

static void no_endpoint_ever_twice_and_spent_slots_retire(void **state)
{
    unsigned taken = 0;

    (void)state;
    endpoint_table_init(&table, ENDPOINT_GENERATION_MAX - 2);
    for (;;) {
        endpoint_t endpoint = endpoint_take(&table);
        if (endpoint == ENDPOINT_NONE)
            break;
        assert_true(endpoint_generation(endpoint) >= ENDPOINT_GENERATION_MAX - 2);
        endpoint_give_back(&table, endpoint);
        taken++;
    }
    assert_int_equal(taken, 3 * (ENDPOINT_SLOTS - 1));
}

static void a_silly_first_generation_is_taken_as_one(void **state)
{
    (void)state;
    endpoint_table_init(&table, 0);
    assert_int_equal(endpoint_generation(endpoint_take(&table)), 1);
    endpoint_table_init(&table, ENDPOINT_GENERATION_MAX + 1);
    assert_int_equal(endpoint_generation(endpoint_take(&table)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_once),
        cmocka_unit_test(slots_come_back_in_order_and_newer),
        cmocka_unit_test(no_endpoint_ever_twice_and_spent_slots_retire),
        cmocka_unit_test(a_silly_first_generation_is_taken_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
