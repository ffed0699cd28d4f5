/*
 * RS and devman: hand-over, resets, and what happens when either side of one dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"

static void test_second_device(void **state)
{
    struct message reply;
    (void)state;
    boot();
    assert_int_equal(tell_device(5, 0x10003000, &reply), 0);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(fake_named("disk.1")->header.unit, 1);
    assert_int_equal(state_of("disk.1"), RS_STATE_STARTING);
    /* Nonsense is refused. */
    assert_int_equal(tell_device(6, 0x10003000, &reply), -ANOLE_ENOSPC);    /* the same window */
    assert_int_equal(tell_device(5, 0x10004000, &reply), -ANOLE_EEXIST);    /* moved */
    assert_int_equal(tell_device(7, 0x10005004, &reply), -ANOLE_EINVAL);    /* not on a page */
    assert_int_equal(tell_device(5000, 0x10005000, &reply), -ANOLE_EINVAL); /* its interrupt */
}

static void test_devman_dies_during_a_reset(void **state)
{
    struct message message = {0};
    (void)state;
    boot();
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    assert_int_equal(say("devman", request_reset_fetch, &message), 0);
    fake_die(fake_named("devman"), DEATH_STORE_FAULT, 0);
    assert_int_equal(state_of("devman"), RS_STATE_STARTING); /* it has no device to wait for */
    assert_int_equal(tell_device(3, 0x10001000, &message), 0);
    assert_int_equal(message.word[0], DEVICE_RESETTING);
    assert_int_equal(message.word[1], 1);
    assert_int_equal(ready("devman"), 0);
    assert_true(fake_named("devman")->notified & NOTIFY_BIT(NOTIFY_WORK));
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
}

static void test_restarted_devman_disturbs_nobody(void **state)
{
    struct message message;
    (void)state;
    boot();
    fake_die(fake_named("devman"), DEATH_STORE_FAULT, 0);
    assert_int_equal(tell_device(3, 0x10001000, &message), 0);
    assert_int_equal(message.word[0], DEVICE_READY);
    assert_int_equal(do_reset(0, NULL), -ANOLE_EAGAIN);
    assert_int_equal(state_of("disk"), RS_STATE_UP);
}

static void test_silent_devman(void **state)
{
    (void)state;
    boot();
    const struct fake_process *devman = fake_named("devman");
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    fake_wait_ms(RESET_OVERDUE_MS + 1);
    assert_true(devman->killed);
    assert_ptr_not_equal(fake_named("devman"), devman);
    assert_int_equal(state_of("disk"), RS_STATE_RESET);
}

static void test_reset_fails(void **state)
{
    endpoint_t endpoint;
    (void)state;
    boot();
    fake_die(fake_named("disk"), DEATH_DEVICE_RESET, 0);
    assert_int_equal(do_reset(-ANOLE_EIO, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_DEVICE_FAILED);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_EGIVENUP);
    assert_int_equal(order("disk", RS_START), 0); /* the operator may have another try */
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
}

static void test_device_gone(void **state)
{
    struct message message = {.word = {3}};
    (void)state;
    boot();
    assert_int_equal(say("devman", request_device_gone, &message), 0);
    deaths_collect();
    assert_int_equal(state_of("disk"), RS_STATE_WAITING_DEVICE);
    assert_int_equal(service_find("disk")->last_cause, DEATH_DEVICE_GONE);
    assert_int_equal(tell_device(9, 0x10001000, &message), 0); /* and here it is again */
    assert_int_equal(do_reset(0, NULL), 0);
    fake_wait_ms(20);
    assert_int_equal(ready("disk"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(second_device),
        RS_TEST(devman_dies_during_a_reset),
        RS_TEST(restarted_devman_disturbs_nobody),
        RS_TEST(silent_devman),
        RS_TEST(reset_fails),
        RS_TEST(device_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
