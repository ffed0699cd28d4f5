/*
 * pm's table of programs: parents and children, results that wait, what gives way when it is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <servers/pm/pm.h>
#include <string.h>

static struct program_table table;

static int setup(void **state)
{
    (void)state;
    memset(&table, 0, sizeof(table));
    table.foreground = ENDPOINT_NONE;
    return 0;
}

static void die(struct program *program, enum death_cause cause, uint64_t detail)
{
    struct death_record record = {.cause = cause, .detail = detail, .pc = 0x12345};
    program_died(&table, program, &record);
}

static void test_result_waits(void **state)
{
    (void)state;
    struct program *program = program_add(&table, 0x1001, 0x900);
    assert_ptr_equal(program_find(&table, 0x1001), program);
    assert_null(program_find(&table, 0x1002));
    die(program, DEATH_EXIT, 7);
    assert_ptr_equal(program_find(&table, 0x1001), program);
    assert_int_equal(program->state, PROGRAM_DEAD);
    assert_int_equal(program->detail, 7);
    assert_int_equal(program->waiter.call_id, 0);
    assert_int_equal(program->pc, 0); /* no fault */
    program = program_add(&table, 0x1003, 0x900);
    die(program, DEATH_ILLEGAL, 0);
    assert_int_equal(program->pc, 0x12345);
}

static void test_children(void **state)
{
    (void)state;
    struct program *a = program_add(&table, 1, 100);
    program_add(&table, 2, 200);
    struct program *c = program_add(&table, 3, 100);
    assert_ptr_equal(program_next_child(&table, 100, NULL), a);
    assert_ptr_equal(program_next_child(&table, 100, a), c);
    assert_null(program_next_child(&table, 100, c));
    die(a, DEATH_KILLED, 0);
    assert_ptr_equal(program_next_child(&table, 100, NULL), c);
    program_forget_children(&table, 100);
    assert_null(program_find(&table, 1));
    assert_non_null(program_find(&table, 3));
}

static void test_foreground_returns_to_the_parent(void **state)
{
    (void)state;
    struct program *parent = program_add(&table, 10, 99);
    struct program *child = program_add(&table, 11, 10);
    table.foreground = 11;
    die(child, DEATH_INTERRUPT, 0);
    assert_int_equal(table.foreground, 10);
    die(parent, DEATH_EXIT, 0);
    assert_int_equal(table.foreground, ENDPOINT_NONE); /* 99 is no program */
}

static void test_full_of_results(void **state)
{
    (void)state;
    for (endpoint_t i = 0; i < PM_PROGRAMS; i++) {
        struct program *program = program_add(&table, 1000 + i, 5);
        assert_non_null(program);
        die(program, DEATH_EXIT, 0);
    }
    assert_true(program_room(&table, false));
    assert_non_null(program_add(&table, 5000, 5));
    assert_null(program_find(&table, 1000)); /* the oldest gave way */
    assert_non_null(program_find(&table, 1001));
}

static void test_room_is_kept_for_operators(void **state)
{
    (void)state;
    for (endpoint_t i = 0; i < PM_PROGRAMS - PM_RESERVED; i++) {
        assert_true(program_room(&table, false));
        program_add(&table, 1000 + i, 5);
    }
    assert_false(program_room(&table, false));
    for (endpoint_t i = 0; i < PM_RESERVED; i++) {
        assert_true(program_room(&table, true));
        program_add(&table, 2000 + i, 6);
    }
    assert_false(program_room(&table, true));
    assert_null(program_add(&table, 3000, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_result_waits, setup),
        cmocka_unit_test_setup(test_children, setup),
        cmocka_unit_test_setup(test_foreground_returns_to_the_parent, setup),
        cmocka_unit_test_setup(test_full_of_results, setup),
        cmocka_unit_test_setup(test_room_is_kept_for_operators, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
