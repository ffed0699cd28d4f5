/*
 * RS: restart policy, orders, faults by order, the shutdown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"

static void test_backoff_and_limit(void **state)
{
    endpoint_t endpoint;
    unsigned deaths = 0;
    (void)state;
    boot();
    struct rs_service *disk = service_find("disk");
    for (; disk->state != RS_STATE_FAILED && deaths < 100; deaths++) {
        fake_die(fake_named("disk"), DEATH_EXIT, 3);
        do_reset(0, NULL);
        if (deaths >= 3 && disk->state != RS_STATE_FAILED) {
            assert_int_equal(disk->state, RS_STATE_BACKOFF);
            fake_wait_ms(disk->history.backoff_ms);
        }
    }
    assert_int_equal(deaths, 12);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_EGIVENUP);
    assert_int_equal(state_of("shell"), RS_STATE_UP);
    assert_int_equal(order("disk", RS_START), 0);
    assert_int_equal(disk->state, RS_STATE_STARTING);
    assert_int_equal(disk->history.count, 0);
}

static void test_limit_that_powers_off(void **state)
{
    (void)state;
    disk_config->recovery.given_up = CONFIG_GIVEN_UP_POWER_OFF;
    disk_config->recovery.limit = 2;
    boot();
    if (setjmp(fake.power_off) == 0) {
        fake_die(fake_named("disk"), DEATH_PANIC, 1);
        do_reset(0, NULL);
        ready("disk");
        assert_false(fake.powered);
        fake_die(fake_named("disk"), DEATH_PANIC, 1);
        do_reset(0, NULL);
        deaths_collect();
        fake_wait_ms(5000);
    }
    assert_true(fake.powered);
    assert_int_equal(fake.power, POWER_OFF);
    assert_int_equal(fake.status, 1);
}

static void test_causes_that_are_not_answered(void **state)
{
    (void)state;
    disk_config->recovery.restart_on = 1u << CONFIG_CAUSE_FAULT;
    boot();
    fake_die(fake_named("disk"), DEATH_LOAD_FAULT, 1);
    do_reset(0, NULL);
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
    ready("disk");
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    do_reset(0, NULL);
    assert_int_equal(state_of("disk"), RS_STATE_FAILED);
}

static void test_ordered_deaths_count_for_nothing(void **state)
{
    (void)state;
    boot();
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(order("disk", RS_KILL), 0);
        assert_int_equal(do_reset(0, NULL), 0);
        assert_int_equal(ready("disk"), 0);
    }
    assert_int_equal(service_find("disk")->history.count, 0);
    assert_int_equal(service_find("disk")->starts, 51);
    assert_int_equal(order("rs", RS_KILL), -ANOLE_EPERM);
    assert_int_equal(order("nobody", RS_KILL), -ANOLE_ENOENT);
    assert_int_equal(order("disk", (enum rs_order)9), -ANOLE_EINVAL);
}

static void test_stop_and_start(void **state)
{
    (void)state;
    boot();
    struct fake_process *disk = fake_named("disk");
    assert_int_equal(order("disk", RS_STOP), 0);
    assert_true(disk->notified & NOTIFY_BIT(NOTIFY_STOP));
    fake_wait_ms(500);
    assert_false(disk->killed);
    fake_die(disk, DEATH_EXIT, 0);
    do_reset(0, NULL);
    assert_int_equal(state_of("disk"), RS_STATE_STOPPED);
    assert_int_equal(order("disk", RS_KILL), -ANOLE_EDEADENDPOINT);
    assert_int_equal(order("disk", RS_START), 0);
    assert_int_equal(order("disk", RS_START), -ANOLE_EBUSY);
    assert_int_equal(ready("disk"), 0);
}

static void test_stop_that_is_not_heard(void **state)
{
    (void)state;
    boot();
    const struct fake_process *disk = fake_named("disk");
    assert_int_equal(order("disk", RS_RESTART), 0);
    fake_wait_ms(999);
    assert_false(disk->killed);
    fake_wait_ms(2);
    assert_true(disk->killed);
    assert_int_equal(disk->cause, DEATH_STOPPED);
    do_reset(0, NULL);
    assert_int_equal(ready("disk"), 0);
    assert_int_equal(service_find("disk")->history.count, 0);
}

static void test_clean_exit_is_an_end(void **state)
{
    (void)state;
    boot();
    fake_die(fake_named("shell"), DEATH_EXIT, 0);
    assert_int_equal(state_of("shell"), RS_STATE_STOPPED);
}

static void test_fallback_program(void **state)
{
    (void)state;
    shell_config->recovery.given_up = CONFIG_GIVEN_UP_PROGRAM;
    shell_config->recovery.fallback = "rescue";
    shell_config->recovery.limit = 1;
    boot();
    const struct rs_service *shell = service_find("shell");
    fake_die(fake_named("shell"), DEATH_PANIC, 1);
    assert_string_equal(shell->program, "rescue");
    assert_int_equal(shell->state, RS_STATE_STARTING);
    fake_die(fake_named("shell"), DEATH_PANIC, 1);
    assert_int_equal(shell->state, RS_STATE_FAILED);
}

static void test_dependents_restart(void **state)
{
    (void)state;
    disk_config->dependents = 1u << ID_SHELL;
    boot();
    const struct fake_process *shell = fake_named("shell");
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    deaths_collect();
    assert_true(shell->killed);
    assert_int_equal(state_of("shell"), RS_STATE_STARTING);
    assert_int_equal(service_find("shell")->history.count, 0);
}

static int inject_at(const char *name, enum fault_kind kind, uint64_t count)
{
    struct rs_caller nobody = {.process = ENDPOINT_NONE};
    struct message message = {.word = {0, 0, kind, count}};
    rs_name_pack(message.word, name);
    return request_inject(&message, &nobody);
}

static int inject(const char *name, enum fault_kind kind)
{
    return inject_at(name, kind, 0);
}

static void test_inject(void **state)
{
    struct message message = {0};
    (void)state;
    boot();
    struct fake_process *disk = fake_named("disk");
    assert_int_equal(inject("disk", FAULT_OVERFLOW), 0);
    assert_int_equal(disk->pc, 0x11000 + 4 * 16);
    assert_int_equal(inject("disk", FAULT_JUMP), 0);
    assert_int_equal(disk->pc, 0);
    assert_int_equal(say("disk", request_inject_fetch, &message), -ANOLE_EAGAIN);
    assert_int_equal(inject("disk", FAULT_SILENT), 0);
    assert_true(disk->notified & NOTIFY_BIT(NOTIFY_INJECT));
    assert_int_equal(say("disk", request_inject_fetch, &message), 0);
    assert_int_equal(message.word[0], FAULT_SILENT);
    assert_int_equal(inject("disk", FAULT_KIND_LIMIT), -ANOLE_EINVAL);
    assert_int_equal(inject("rs", FAULT_LOAD), -ANOLE_EPERM);
    assert_int_equal(inject("none", FAULT_LOAD), -ANOLE_ENOENT);
    fake_die(disk, DEATH_FETCH_FAULT, 0);
    assert_int_equal(inject("disk", FAULT_LOAD), -ANOLE_EAGAIN);
    do_reset(0, NULL);
    assert_int_equal(service_find("disk")->history.count, 0);
}

static int commit(const char *name, uint64_t kind)
{
    struct message message = {.word = {kind}};
    return say(name, request_inject_committed, &message);
}

static void test_inject_next_instance(void **state)
{
    (void)state;
    boot();
    assert_int_equal(inject_at("disk", FAULT_DIE_RING, (uint64_t)UINT32_MAX + 1), -ANOLE_EINVAL);
    assert_int_equal(inject_at("disk", FAULT_DIE_RING, 7), 0);
    assert_int_equal(fake_named("disk")->notified & NOTIFY_BIT(NOTIFY_INJECT), 0);
    assert_int_equal(commit("disk", FAULT_DIE_RING), -ANOLE_EPERM); /* nothing was ordered of it */

    /* The death of the present instance counts as any other, that of the next one doesn't. */
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(service_find("disk")->history.count, 1);
    assert_int_equal(fake_named("disk")->header.fault, FAULT_DIE_RING);
    assert_int_equal(fake_named("disk")->header.fault_count, 7);
    assert_int_equal(commit("disk", FAULT_DIE_RING), 0);
    assert_int_equal(commit("disk", FAULT_KIND_LIMIT), -ANOLE_EINVAL);
    fake_die(fake_named("disk"), DEATH_BREAKPOINT, 0);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(service_find("disk")->history.count, 1);

    /* And the one after that is none the worse. */
    assert_int_equal(fake_named("disk")->header.fault, 0);
    assert_int_equal(ready("disk"), 0);
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    do_reset(0, NULL);
    assert_int_equal(service_find("disk")->history.count, 2);
}

static void stop_politely(const char *name, const char *next)
{
    struct fake_process *process = fake_named(name);
    assert_true(process->notified & NOTIFY_BIT(NOTIFY_STOP));
    if (next) {
        assert_false(fake_named(next)->notified & NOTIFY_BIT(NOTIFY_STOP));
    }
    fake_die(process, DEATH_EXIT, 0);
}

static void test_shutdown(void **state)
{
    struct rs_caller nobody = {.process = ENDPOINT_NONE};
    struct message message = {.word = {POWER_OFF, 256}};
    (void)state;
    boot();
    assert_int_equal(request_shutdown(&message, &nobody), -ANOLE_EINVAL);
    message.word[1] = 42;
    if (setjmp(fake.power_off) == 0) {
        assert_int_equal(request_shutdown(&message, &nobody), 0);
        deaths_collect();
        assert_true(fake_named("shell")->killed); /* its stop-ms is 0 */
        assert_int_equal(request_shutdown(&message, &nobody), -ANOLE_EBUSY);
        assert_int_equal(order("disk", RS_RESTART), -ANOLE_EBUSY);
        stop_politely("disk", "pm");
        stop_politely("pm", "devman");
        fake_wait_ms(1001); /* devman doesn't hear */
    }
    assert_true(fake.powered);
    assert_true(fake_named("devman")->killed);
    assert_int_equal(fake.power, POWER_OFF);
    assert_int_equal(fake.status, 42);
}

static void test_reboot_when_given_up(void **state)
{
    (void)state;
    rs.config.services[ID_DEVMAN].recovery.given_up = CONFIG_GIVEN_UP_REBOOT;
    rs.config.services[ID_DEVMAN].recovery.limit = 1;
    boot();
    if (setjmp(fake.power_off) == 0) {
        fake_die(fake_named("devman"), DEATH_PANIC, 1);
        deaths_collect();
        fake_wait_ms(5000);
    }
    assert_true(fake.powered);
    assert_int_equal(fake.power, POWER_REBOOT);
}

static int may_control(const char *who)
{
    struct message message = {.word = {fake_named(who)->endpoint}};

    return say("disk", request_may_control, &message);
}

static void test_who_may_control(void **state)
{
    struct message nobody = {.word = {0x7fffffff}};
    (void)state;
    boot();
    rs.config.services[ID_SHELL].rights.may_control = true;
    assert_int_equal(may_control("shell"), 0);
    assert_int_equal(may_control("disk"), -ANOLE_EPERM);
    assert_int_not_equal(say("disk", request_may_control, &nobody), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(backoff_and_limit),
        RS_TEST(limit_that_powers_off),
        RS_TEST(causes_that_are_not_answered),
        RS_TEST(ordered_deaths_count_for_nothing),
        RS_TEST(who_may_control),
        RS_TEST(stop_and_start),
        RS_TEST(stop_that_is_not_heard),
        RS_TEST(clean_exit_is_an_end),
        RS_TEST(fallback_program),
        RS_TEST(dependents_restart),
        RS_TEST(inject),
        RS_TEST(inject_next_instance),
        RS_TEST(shutdown),
        RS_TEST(reboot_when_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
