/*
 * RS: programs outlive their pm. They go to the next one, dead ones' records with them, and end only
 * when there will be none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"

static struct fake_process *program_of_pm(const char *name)
{
    struct fake_process *program = fake_add(name, ID_PROGRAM);
    program->creator = fake_named("pm")->endpoint;
    return program;
}

static void test_go_to_the_next_pm(void **state)
{
    (void)state;
    boot();
    struct fake_process *program = program_of_pm("hexdump");
    endpoint_t old = fake_named("pm")->endpoint;
    fake_die(fake_named("pm"), DEATH_PANIC, 1);
    assert_int_equal(program->state, PROCESS_RUNNING);
    assert_int_not_equal(program->creator, old);
    assert_int_equal(program->creator, fake_named("pm")->endpoint);
    assert_int_equal(state_of("shell"), RS_STATE_UP);
}

/* pm comes back after a wait; a program dies meanwhile, another has died before and was told. */
static void test_the_dead_wait_for_pm(void **state)
{
    (void)state;
    boot();
    struct fake_process *later = program_of_pm("later");
    struct fake_process *before = program_of_pm("before");
    before->state = PROCESS_DEAD;
    before->reported = true;
    while (state_of("pm") != RS_STATE_BACKOFF) {
        fake_die(fake_named("pm"), DEATH_PANIC, 1);
    }
    assert_int_equal(later->creator, FAKE_RS);
    fake_die(later, DEATH_EXIT, 3);
    assert_int_equal(later->state, PROCESS_DEAD);
    fake_wait_ms(2000);
    assert_int_equal(later->creator, fake_named("pm")->endpoint);
    assert_int_equal(later->state, PROCESS_DEAD);
    assert_false(later->reported);
    assert_int_equal(before->creator, fake_named("pm")->endpoint);
    assert_false(before->reported);
}

static void test_a_service_is_never_given(void **state)
{
    (void)state;
    boot();
    fake_die(fake_named("pm"), DEATH_PANIC, 1);
    assert_int_equal(fake_named("disk")->creator, FAKE_RS);
    assert_int_equal(fake_named("shell")->creator, FAKE_RS);
    assert_int_equal(fake_named("pm")->creator, FAKE_RS);
}

#define DOORBELL 3 /* handle and bit of the shell's */

static int look_up_pm(struct message *message)
{
    *message = (struct message){0};
    rs_name_pack(message->word, "pm");
    return say("shell", request_lookup, message);
}

/* Who waits for pm is told that it waits in vain. */
static void test_end_when_pm_is_stopped(void **state)
{
    struct message message = {.word = {0, 0, DOORBELL}};
    (void)state;
    boot();
    struct fake_process *program = program_of_pm("hexdump");
    struct fake_process *dead = program_of_pm("dead");
    dead->state = PROCESS_BURYING;
    rs_name_pack(message.word, "pm");
    assert_int_equal(say("shell", request_subscribe, &message), 0);
    assert_int_equal(order("pm", RS_STOP), 0);
    assert_int_equal(program->state, PROCESS_RUNNING);
    fake_die(fake_named("pm"), DEATH_EXIT, 0);
    assert_int_equal(state_of("pm"), RS_STATE_STOPPED);
    assert_int_equal(program->state, PROCESS_FREE);
    assert_int_equal(dead->state, PROCESS_FREE);
    assert_int_equal(fake_named("shell")->rung, 1u << DOORBELL);
    assert_int_equal(look_up_pm(&message), -ANOLE_EGIVENUP);
    assert_int_equal(order("pm", RS_START), 0);
    assert_int_equal(look_up_pm(&message), -ANOLE_EAGAIN);
}

static void test_end_when_pm_is_stopped_before_it_is_back(void **state)
{
    (void)state;
    boot();
    struct fake_process *program = program_of_pm("hexdump");
    while (state_of("pm") != RS_STATE_BACKOFF) {
        fake_die(fake_named("pm"), DEATH_PANIC, 1);
    }
    assert_int_equal(order("pm", RS_STOP), 0);
    assert_int_equal(state_of("pm"), RS_STATE_STOPPED);
    assert_int_equal(program->state, PROCESS_FREE);
}

static void test_end_when_pm_is_given_up(void **state)
{
    (void)state;
    boot();
    struct fake_process *program = program_of_pm("hexdump");
    for (unsigned i = 0; i < 100 && state_of("pm") != RS_STATE_FAILED; i++) {
        fake_die(fake_named("pm"), DEATH_PANIC, 1);
        fake_wait_ms(1000);
    }
    assert_int_equal(state_of("pm"), RS_STATE_FAILED);
    assert_int_equal(program->state, PROCESS_FREE);
}

static void test_a_restart_by_order_hurts_none(void **state)
{
    (void)state;
    boot();
    struct fake_process *program = program_of_pm("hexdump");
    assert_int_equal(order("pm", RS_RESTART), 0);
    fake_die(fake_named("pm"), DEATH_EXIT, 0);
    assert_int_equal(state_of("pm"), RS_STATE_STARTING);
    assert_int_equal(program->state, PROCESS_RUNNING);
    assert_int_equal(program->creator, fake_named("pm")->endpoint);
}

static void test_words_are_kept(void **state)
{
    struct message message = {.word = {1, 2, 3, 4}};
    (void)state;
    boot();
    assert_int_equal(say("pm", request_keep, &message), 0);
    message = (struct message){.word = {9}};
    assert_int_equal(say("disk", request_kept, &message), 0);
    assert_int_equal(message.word[0], 0);
    fake_die(fake_named("pm"), DEATH_PANIC, 1);
    message = (struct message){0};
    assert_int_equal(say("pm", request_kept, &message), 0);
    assert_int_equal(message.word[0], 1);
    assert_int_equal(message.word[3], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(go_to_the_next_pm),
        RS_TEST(the_dead_wait_for_pm),
        RS_TEST(a_service_is_never_given),
        RS_TEST(end_when_pm_is_stopped),
        RS_TEST(end_when_pm_is_stopped_before_it_is_back),
        RS_TEST(end_when_pm_is_given_up),
        RS_TEST(a_restart_by_order_hurts_none),
        RS_TEST(words_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
