/*
 * pm's table of programs: parents and children, results that wait, whose share it is, what gives way
 * when it is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <anole/error.h>
#include <servers/pm/pm.h>
#include <string.h>

#define NOBODY ENDPOINT_NONE

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

/* What program_room says, and what gives way is dropped, as pm does. */
static int room_for(endpoint_t leader)
{
    struct program *giving_way = NULL;
    int status = program_room(&table, leader, &giving_way);
    if (status == 1) {
        assert_int_equal(giving_way->state, PROGRAM_DEAD);
        giving_way->state = PROGRAM_FREE;
    }
    return status;
}

/* That many programs of a leader, running. */
static void crowd(endpoint_t leader, unsigned count, endpoint_t first)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(room_for(leader), 0);
        assert_non_null(program_add(&table, first + i, leader, leader));
    }
}

static void test_result_waits(void **state)
{
    (void)state;
    struct program *program = program_add(&table, 0x1001, 0x900, NOBODY);
    assert_ptr_equal(program_find(&table, 0x1001), program);
    assert_null(program_find(&table, 0x1002));
    die(program, DEATH_EXIT, 7);
    assert_ptr_equal(program_find(&table, 0x1001), program);
    assert_int_equal(program->state, PROGRAM_DEAD);
    assert_int_equal(program->detail, 7);
    assert_int_equal(program->waiter.call_id, 0);
    assert_int_equal(program->pc, 0); /* no fault */
    program = program_add(&table, 0x1003, 0x900, NOBODY);
    die(program, DEATH_ILLEGAL, 0);
    assert_int_equal(program->pc, 0x12345);
}

static void test_children(void **state)
{
    (void)state;
    struct program *a = program_add(&table, 1, 100, NOBODY);
    program_add(&table, 2, 200, NOBODY);
    struct program *c = program_add(&table, 3, 100, NOBODY);
    assert_ptr_equal(program_next_child(&table, 100, PROGRAM_RUNNING, NULL), a);
    assert_ptr_equal(program_next_child(&table, 100, PROGRAM_RUNNING, a), c);
    assert_null(program_next_child(&table, 100, PROGRAM_RUNNING, c));
    assert_null(program_next_child(&table, 100, PROGRAM_DEAD, NULL));
    die(a, DEATH_KILLED, 0);
    assert_ptr_equal(program_next_child(&table, 100, PROGRAM_RUNNING, NULL), c);
    assert_ptr_equal(program_next_child(&table, 100, PROGRAM_DEAD, NULL), a);
}

static void test_tags(void **state)
{
    (void)state;
    struct program *a = program_add(&table, 1, 100, NOBODY);
    struct program *b = program_add(&table, 2, 200, NOBODY);
    a->tag = b->tag = 7;
    assert_ptr_equal(program_find_tag(&table, 100, 7), a);
    assert_ptr_equal(program_find_tag(&table, 200, 7), b);
    assert_null(program_find_tag(&table, 100, 8));
    a->tag = 0;
    assert_null(program_find_tag(&table, 100, 0)); /* no tag is nobody's */
}

static void test_foreground_returns_to_the_parent(void **state)
{
    (void)state;
    struct program *parent = program_add(&table, 10, 99, NOBODY);
    struct program *child = program_add(&table, 11, 10, 10);
    table.foreground = 11;
    die(child, DEATH_INTERRUPT, 0);
    assert_int_equal(table.foreground, 10);
    die(parent, DEATH_EXIT, 0);
    assert_int_equal(table.foreground, ENDPOINT_NONE); /* 99 is no program */
}

static void test_leaders(void **state)
{
    (void)state;
    assert_int_equal(program_leader(&table, 99, true), NOBODY); /* of a shell */
    assert_int_equal(program_leader(&table, 98, false), 98);    /* of a service */
    program_add(&table, 10, 99, program_leader(&table, 99, true));
    program_add(&table, 11, 10, program_leader(&table, 10, false));
    assert_int_equal(program_find(&table, 11)->leader, 10);
    program_add(&table, 12, 11, program_leader(&table, 11, false));
    assert_int_equal(program_find(&table, 12)->leader, 10); /* generations count together */
}

static void test_a_group_has_its_share(void **state)
{
    (void)state;
    program_add(&table, 50, 99, NOBODY);
    crowd(50, PM_GROUP, 1000);
    assert_int_equal(room_for(50), -ANOLE_ENOMEM);
    assert_int_equal(room_for(51), 0); /* others aren't refused */
    die(program_find(&table, 1003), DEATH_EXIT, 0);
    die(program_find(&table, 1001), DEATH_EXIT, 0);
    assert_int_equal(room_for(50), 1); /* its own oldest result gives way */
    assert_null(program_find(&table, 1003));
    assert_non_null(program_find(&table, 1001));
}

static void test_the_largest_group_gives_way(void **state)
{
    (void)state;
    crowd(50, PM_GROUP, 1000);
    crowd(51, PM_GROUP, 2000);
    crowd(52, PM_PROGRAMS - PM_RESERVED - 2 * PM_GROUP - 1, 3000);
    crowd(53, 1, 4000);
    assert_int_equal(room_for(54), -ANOLE_ENOMEM);
    die(program_find(&table, 4000), DEATH_EXIT, 0); /* the oldest result of all */
    die(program_find(&table, 2005), DEATH_EXIT, 0);
    assert_int_equal(room_for(54), 1);
    assert_non_null(program_find(&table, 4000));
    assert_null(program_find(&table, 2005));
}

static void test_room_is_kept_for_operators(void **state)
{
    (void)state;
    crowd(50, PM_GROUP, 1000);
    crowd(51, PM_GROUP, 2000);
    crowd(52, PM_GROUP, 3000);
    assert_int_equal(room_for(53), -ANOLE_ENOMEM);
    crowd(NOBODY, PM_RESERVED, 4000);
    assert_int_equal(room_for(NOBODY), -ANOLE_ENOMEM);
    assert_null(program_add(&table, 5000, 6, NOBODY));
    die(program_find(&table, 4000), DEATH_EXIT, 0);
    die(program_find(&table, 1000), DEATH_EXIT, 0);
    assert_int_equal(room_for(NOBODY), 1);
    assert_non_null(program_find(&table, 4000));
    assert_null(program_find(&table, 1000));
}

/* An operator may have many; when they are dead, others still get all that is theirs. */
static void test_operators_results_give_way_last(void **state)
{
    (void)state;
    crowd(NOBODY, PM_PROGRAMS, 1000);
    assert_int_equal(room_for(50), -ANOLE_ENOMEM);
    die(program_find(&table, 1007), DEATH_EXIT, 0);
    assert_int_equal(room_for(50), 1);
    assert_null(program_find(&table, 1007));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_result_waits, setup),
        cmocka_unit_test_setup(test_children, setup),
        cmocka_unit_test_setup(test_tags, setup),
        cmocka_unit_test_setup(test_foreground_returns_to_the_parent, setup),
        cmocka_unit_test_setup(test_leaders, setup),
        cmocka_unit_test_setup(test_a_group_has_its_share, setup),
        cmocka_unit_test_setup(test_the_largest_group_gives_way, setup),
        cmocka_unit_test_setup(test_room_is_kept_for_operators, setup),
        cmocka_unit_test_setup(test_operators_results_give_way_last, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
