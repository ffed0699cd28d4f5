/*
 * RS: services that spin or fall silent, and complaints about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"

static void test_spinning_service(void **state)
{
    (void)state;
    boot();
    struct fake_process *disk = fake_named("disk");
    disk->liveness.state = THREAD_RUNNING;
    disk->liveness.cpu_since_wait_ticks = 251 * FAKE_TICKS_PER_MS;
    fake_wait_ms(LIVENESS_PERIOD_MS + 1);
    assert_false(disk->killed);
    disk->liveness.cpu_since_wait_ticks = 351 * FAKE_TICKS_PER_MS;
    fake_wait_ms(LIVENESS_PERIOD_MS);
    assert_true(disk->killed);
    assert_int_equal(service_find("disk")->last_cause, DEATH_NO_PROGRESS);
    assert_int_equal(service_find("disk")->history.count, 0); /* counted after the reset */
    do_reset(0, NULL);
    assert_int_equal(service_find("disk")->history.count, 1);
}

static void test_silent_service(void **state)
{
    (void)state;
    boot();
    struct fake_process *disk = fake_named("disk");
    struct message message = {0};
    disk->liveness.oldest_caller_ticks = fake.now;
    fake_wait_ms(320);
    assert_true(disk->notified & NOTIFY_BIT(NOTIFY_PING));
    assert_int_equal(say("disk", request_pong, &message), 0);
    disk->notified = 0;
    fake_wait_ms(200);
    assert_false(disk->killed);
    disk->liveness.oldest_caller_ticks = fake.now;
    fake_wait_ms(500);
    assert_true(disk->killed); /* within half a second of the call that it didn't answer */
}

static void test_complaints(void **state)
{
    (void)state;
    boot();
    struct fake_process *disk = fake_named("disk");
    fake_add("client", ID_PROGRAM);
    struct message message = {.word = {disk->endpoint, RS_COMPLAINT_TIMEOUT}};
    assert_int_equal(say("client", request_complain, &message), 0);
    message.word[1] = 77;
    assert_int_equal(say("client", request_complain, &message), -ANOLE_EINVAL);
    message.word[1] = RS_COMPLAINT_TIMEOUT;
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(say("client", request_complain, &message), 0);
    }
    assert_int_equal(say("client", request_complain, &message), -ANOLE_EAGAIN);
    fake_wait_ms(101);
    assert_true(disk->notified & NOTIFY_BIT(NOTIFY_PING));
    fake_wait_ms(200);
    assert_true(disk->killed);
    assert_int_equal(service_find("disk")->last_cause, DEATH_COMPLAINT);
}

static void test_two_complainers_with_the_right(void **state)
{
    (void)state;
    boot();
    const struct fake_process *disk = fake_named("disk");
    shell_config->rights.may_complain = true;
    rs.config.services[ID_PM].rights.may_complain = true;
    struct message message = {.word = {disk->endpoint, RS_COMPLAINT_PROTOCOL}};
    assert_int_equal(say("shell", request_complain, &message), 0);
    assert_int_equal(say("shell", request_complain, &message), 0);
    assert_false(disk->killed);
    assert_int_equal(say("pm", request_complain, &message), 0);
    assert_true(disk->killed);
}

/* What somebody said long ago, and RS has found nothing since, is no longer a corroboration. */
static void test_two_complaints_far_apart(void **state)
{
    (void)state;
    boot();
    const struct fake_process *disk = fake_named("disk");
    shell_config->rights.may_complain = true;
    rs.config.services[ID_PM].rights.may_complain = true;
    struct message message = {.word = {disk->endpoint, RS_COMPLAINT_TIMEOUT}};
    assert_int_equal(say("shell", request_complain, &message), 0);
    fake_wait_ms(101);
    assert_int_equal(say("disk", request_pong, &(struct message){0}), 0);
    fake_wait_ms(10000);
    assert_int_equal(say("pm", request_complain, &message), 0);
    assert_false(disk->killed);
    fake_wait_ms(101);
    assert_int_equal(say("disk", request_pong, &(struct message){0}), 0);
    assert_int_equal(say("shell", request_complain, &message), 0);
    assert_true(disk->killed);
}

/* Who complains about what really hangs may go on complaining. */
static void test_justified_complaints_are_not_charged(void **state)
{
    (void)state;
    disk_config->recovery.limit = CONFIG_NO_LIMIT;
    disk_config->recovery.backoff_max_ms = 10;
    boot();
    fake_add("client", ID_PROGRAM);
    for (unsigned i = 0; i < 20; i++) {
        struct message message = {.word = {fake_named("disk")->endpoint, RS_COMPLAINT_TIMEOUT}};
        assert_int_equal(say("client", request_complain, &message), 0);
        fake_wait_ms(300); /* it doesn't answer the ping */
        assert_int_equal(service_find("disk")->last_cause, DEATH_COMPLAINT);
        do_reset(0, NULL);
        fake_wait_ms(10);
        assert_int_equal(ready("disk"), 0);
    }
}

/* Who has no service loop can't answer a ping: complaints about it would kill it. */
static void test_no_complaints_about_who_serves_nobody(void **state)
{
    (void)state;
    shell_config->liveness.caller_ms = 0;
    boot();
    fake_add("client", ID_PROGRAM);
    const struct fake_process *shell = fake_named("shell");
    struct message message = {.word = {shell->endpoint, RS_COMPLAINT_TIMEOUT}};
    assert_int_equal(say("client", request_complain, &message), -ANOLE_EINVAL);
    fake_wait_ms(1000);
    assert_false(shell->killed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(spinning_service),
        RS_TEST(silent_service),
        RS_TEST(complaints),
        RS_TEST(no_complaints_about_who_serves_nobody),
        RS_TEST(two_complainers_with_the_right),
        RS_TEST(two_complaints_far_apart),
        RS_TEST(justified_complaints_are_not_charged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
