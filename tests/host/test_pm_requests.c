/*
 * pm: who may do what to which program, who is told of a death, and what the next pm finds out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pm_boot.h"

#include <string.h>
#include <anole/error.h>
#include <libanole/service.h>
#include <proto/pm.h>

static struct fake_process *shell, *program;

static int setup(void **state)
{
    (void)state;
    pm_boot();
    shell = fake_named("shell");
    return pm_spawn(shell, "demo", PM_SPAWN_FOREGROUND, 1, &program);
}

static unsigned alive(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < fake.count; i++) {
        count += fake.processes[i].state != PROCESS_FREE ? 1u : 0u;
    }
    return count;
}

static void test_spawn(void **state)
{
    struct fake_process *child;
    (void)state;
    assert_int_equal(program->service_id, ID_PROGRAM);
    assert_int_equal(program->parent, shell->endpoint);
    assert_true(shell->watched);
    assert_int_equal(pm_spawn(shell, "missing", 0, 2, &child), -ANOLE_ENOENT);
    assert_int_equal(pm_spawn(shell, "", 0, 2, &child), -ANOLE_EINVAL);
    assert_int_equal(pm_spawn(shell, "demo", 2, 2, &child), -ANOLE_EINVAL);
    struct message message = {.word = {1, PM_ARGUMENTS_MAX + 1}};
    assert_int_equal(pm_ask(shell, request_spawn, &message), -ANOLE_EINVAL);
    /* A file that is no program, one that isn't there, one that is too short for its length. */
    memcpy(fake.granted, "demo", 5);
    fake.granted_len = 5;
    message = (struct message){.word = {1, 5, 0, 9, 0, 1, 5}};
    assert_int_equal(pm_ask(shell, request_spawn, &message), -ANOLE_EINVAL);
    message = (struct message){.word = {1, 5, 0, 9, 0, HANDLE_NONE, 5}};
    assert_int_equal(pm_ask(shell, request_spawn, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {1, 5, 0, 9, 0, 1, UINT64_MAX}};
    assert_int_equal(pm_ask(shell, request_spawn, &message), -ANOLE_ERANGE);
    message = (struct message){.word = {HANDLE_NONE, 5}};
    assert_int_equal(pm_ask(shell, request_spawn, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {1, 4, 0, (uint64_t)UINT32_MAX + 1}};
    assert_int_equal(pm_ask(shell, request_spawn, &message), -ANOLE_EINVAL);
}

static void test_an_operators_program_is_an_operators(void **state)
{
    struct fake_process *child;
    (void)state;
    assert_int_equal(pm_spawn(program, "poweroff", 0, 1, &child), -ANOLE_EPERM);
    assert_int_equal(pm_spawn(shell, "poweroff", 0, 2, &child), 0);
    assert_int_equal(child->service_id, ID_CONTROL);
}

static void test_a_spawn_bomb_hits_itself(void **state)
{
    struct fake_process *child, *other;
    unsigned count = 0;
    (void)state;
    assert_int_equal(pm_spawn(shell, "other", 0, 2, &other), 0);
    while (pm_spawn(program, "bomb", 0, 0, &child) == 0) {
        count++;
    }
    assert_int_equal(count, PM_GROUP);
    assert_int_equal(pm_spawn(fake_named("bomb"), "bomb", 0, 0, &child), -ANOLE_ENOMEM);
    assert_int_equal(pm_spawn(other, "demo", 0, 0, &child), 0);
    assert_int_equal(pm_spawn(shell, "demo", 0, 3, &child), 0);
}

static void test_wait(void **state)
{
    (void)state;
    assert_int_equal(pm_wait(fake_named("console"), program->endpoint), -ANOLE_ENOENT);
    assert_int_equal(pm_wait(shell, 12345), -ANOLE_ENOENT);
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY);
    pm_program_dies(program, DEATH_EXIT, 9);
    assert_int_equal(shell->answers, 1);
    assert_int_equal(shell->answer.word[0], DEATH_EXIT);
    assert_int_equal(shell->answer.word[1], 9);
    assert_int_equal(program->state, PROCESS_FREE);
    assert_int_equal(pm_wait(shell, program->endpoint), -ANOLE_ENOENT); /* once only */
}

static void test_a_result_stays_until_it_is_taken(void **state)
{
    (void)state;
    pm_program_dies(program, DEATH_EXIT, 4);
    assert_int_equal(program->state, PROCESS_BURYING); /* its memory is gone, its record is there */
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY);
    assert_int_equal(shell->answer.word[1], 4);
    assert_int_equal(program->state, PROCESS_FREE);
}

/* Who waits and is gone takes no result with him; a second one of his process takes his place. */
static void test_waiters_that_are_gone(void **state)
{
    struct fake_process *parent, *child;
    (void)state;
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY);
    uint64_t first = shell->waits_for;
    shell->waits_for = 0; /* its deadline passed */
    pm_program_dies(program, DEATH_EXIT, 5);
    assert_int_equal(shell->answers, 0);
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY);
    assert_int_not_equal(shell->waits_for, first);
    assert_int_equal(shell->answer.word[1], 5);
    assert_int_equal(pm_spawn(shell, "parent", 0, 2, &parent), 0);
    assert_int_equal(pm_spawn(parent, "child", 0, 1, &child), 0);
    assert_int_equal(pm_wait(parent, child->endpoint), SERVICE_NO_REPLY);
    pm_program_dies(parent, DEATH_EXIT, 0);
    assert_true(child->killed);
    deaths_collect();
    assert_int_equal(child->state, PROCESS_FREE);
}

static void test_kill_and_foreground(void **state)
{
    struct fake_process *other;
    struct message message = {.word = {program->endpoint}};
    (void)state;
    assert_int_equal(pm_spawn(shell, "other", 0, 2, &other), 0);
    assert_int_equal(pm_ask(other, request_kill, &message), -ANOLE_EPERM);
    assert_int_equal(pm_ask(other, request_foreground, &message), -ANOLE_EPERM);
    assert_int_equal(pm_ask(other, request_interrupt, &message), -ANOLE_EPERM);
    message.word[0] = shell->endpoint;
    assert_int_equal(pm_ask(shell, request_kill, &message), -ANOLE_EPERM);
    message.word[0] = other->endpoint;
    assert_int_equal(pm_ask(shell, request_foreground, &message), 0);
    assert_int_equal(pm_kept, other->endpoint);
    assert_int_equal(pm_ask(fake_named("console"), request_interrupt, &message), 0);
    assert_int_equal(message.word[0], 1);
    assert_int_equal(other->cause, DEATH_INTERRUPT);
    message.word[0] = program->endpoint;
    assert_int_equal(pm_ask(shell, request_kill, &message), 0);
    assert_true(program->killed);
}

static void test_programs_end_with_the_shell(void **state)
{
    (void)state;
    fake_kill(shell, DEATH_KILLED, 0);
    parents_check(children_end);
    deaths_collect();
    assert_int_equal(program->state, PROCESS_FREE);
}

/* ---- the next pm ---- */

static void test_successor_knows_the_programs(void **state)
{
    struct fake_process *child;
    (void)state;
    assert_int_equal(pm_spawn(program, "child", PM_SPAWN_FOREGROUND, 1, &child), 0);
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY);
    pm_succeed();
    assert_int_equal(program->state, PROCESS_RUNNING);
    assert_int_equal(pm.table.foreground, child->endpoint);
    assert_int_equal(program_find(&pm.table, child->endpoint)->leader, program->endpoint);
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY); /* it asks again */
    pm_program_dies(child, DEATH_EXIT, 0);
    assert_int_equal(pm.table.foreground, program->endpoint);
    pm_program_dies(program, DEATH_EXIT, 6);
    assert_int_equal(shell->answer.word[1], 6);
}

static void test_successor_knows_the_results(void **state)
{
    struct fake_process *meanwhile;
    (void)state;
    assert_int_equal(pm_spawn(shell, "meanwhile", 0, 2, &meanwhile), 0);
    pm_program_dies(program, DEATH_EXIT, 1);
    fake_kill(meanwhile, DEATH_EXIT, 2); /* nobody was there to be told */
    pm_succeed();
    assert_int_equal(pm_wait(shell, program->endpoint), SERVICE_NO_REPLY);
    assert_int_equal(shell->answer.word[1], 1);
    assert_int_equal(pm_wait(shell, meanwhile->endpoint), SERVICE_NO_REPLY);
    assert_int_equal(shell->answer.word[1], 2);
    assert_int_equal(alive(), 2); /* shell and console */
}

/* pm died before its answer: the same spawn again finds what it made, or what it hadn't started. */
static void test_successor_spawns_only_once(void **state)
{
    struct fake_process *again;
    unsigned before = alive();
    (void)state;
    pm_succeed();
    assert_int_equal(pm_spawn(shell, "demo", PM_SPAWN_FOREGROUND, 1, &again), 0);
    assert_ptr_equal(again, program);
    assert_int_equal(alive(), before);
    program->started = false;
    pm_succeed();
    assert_int_equal(program->state, PROCESS_FREE);
    assert_int_equal(pm_spawn(shell, "demo", PM_SPAWN_FOREGROUND, 1, &again), 0);
    assert_int_equal(alive(), before);
    assert_int_equal(pm.table.foreground, again->endpoint);
}

static void test_successor_ends_what_lost_its_parent(void **state)
{
    struct fake_process *child;
    (void)state;
    assert_int_equal(pm_spawn(program, "child", 0, 1, &child), 0);
    fake_kill(program, DEATH_EXIT, 0);
    fake_kill(shell, DEATH_KILLED, 0);
    pm_succeed();
    assert_true(child->killed);
    deaths_collect();
    assert_int_equal(alive(), 2); /* console, and the shell's corpse, which is RS's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_spawn, setup),
        cmocka_unit_test_setup(test_an_operators_program_is_an_operators, setup),
        cmocka_unit_test_setup(test_a_spawn_bomb_hits_itself, setup),
        cmocka_unit_test_setup(test_wait, setup),
        cmocka_unit_test_setup(test_a_result_stays_until_it_is_taken, setup),
        cmocka_unit_test_setup(test_waiters_that_are_gone, setup),
        cmocka_unit_test_setup(test_kill_and_foreground, setup),
        cmocka_unit_test_setup(test_programs_end_with_the_shell, setup),
        cmocka_unit_test_setup(test_successor_knows_the_programs, setup),
        cmocka_unit_test_setup(test_successor_knows_the_results, setup),
        cmocka_unit_test_setup(test_successor_spawns_only_once, setup),
        cmocka_unit_test_setup(test_successor_ends_what_lost_its_parent, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
