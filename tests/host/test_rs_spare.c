/*
 * RS: hot spares. When one is made, woken and dropped, and that none is missed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"

#define MADE_MS 20u /* after that a spare is there */

static struct fake_process *spare_of(const char *name)
{
    return fake_find(service_find(name)->spare);
}

static void boot_with_spare(void)
{
    disk_config->hot_spare = true;
    boot();
    fake_wait_ms(MADE_MS);
}

static void test_made_when_up(void **state)
{
    (void)state;
    disk_config->hot_spare = true;
    boot();
    assert_null(spare_of("disk")); /* its clients come first */
    fake_wait_ms(MADE_MS);
    const struct fake_process *spare = spare_of("disk");
    assert_non_null(spare);
    assert_ptr_not_equal(spare, fake_find(service_find("disk")->endpoint));
    assert_false(spare->started);
    assert_int_equal(spare->resource_count, 0);
    assert_null(spare_of("shell"));
}

static void test_woken_at_a_death(void **state)
{
    endpoint_t endpoint;
    (void)state;
    boot_with_spare();
    struct fake_process *first = fake_find(service_find("disk")->endpoint);
    const struct fake_process *spare = spare_of("disk");
    unsigned processes = fake.count;
    fake_die(first, DEATH_LOAD_FAULT, 8);
    assert_int_equal(spare->resource_count, 0); /* not before its device is quiet */
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(fake.count, processes); /* nothing new was made */
    assert_true(spare->started);
    assert_int_equal(spare->resource_count, 2);
    assert_int_equal(spare->header.instance, 1);
    assert_int_equal(spare->header.resources, 2);
    assert_int_equal(service_find("disk")->endpoint, spare->endpoint);
    assert_int_equal(first->state, PROCESS_FREE);
    assert_int_equal(ready("disk"), 0);
    assert_int_equal(look_up("disk", &endpoint), 0);
    assert_int_equal(endpoint, spare->endpoint);
    assert_int_equal(spare->resource_count, 2);
    assert_int_equal(spare->header.resources, 2);
    assert_int_equal(spare->header.described.transport, DEVICE_VIRTIO_MMIO);
    fake_wait_ms(MADE_MS);
    assert_non_null(spare_of("disk")); /* the next one */
    assert_int_equal(service_find("disk")->spares_woken, 1);
}

/* A start before the next spare is there goes without. */
static void test_deaths_in_quick_succession(void **state)
{
    (void)state;
    boot_with_spare();
    for (unsigned i = 0; i < 2; i++) {
        fake_die(fake_find(service_find("disk")->endpoint), DEATH_PANIC, 1);
        assert_int_equal(do_reset(0, NULL), 0);
        assert_int_equal(ready("disk"), 0);
    }
    assert_int_equal(service_find("disk")->spares_woken, 1);
    assert_int_equal(service_find("disk")->starts, 3);
}

static void test_told_what_changed(void **state)
{
    (void)state;
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    fake_die(fake_named("pm"), DEATH_PANIC, 1);
    assert_int_equal(ready("pm"), 0);
    fake_die(fake_find(service_find("disk")->endpoint), DEATH_PANIC, 1);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(spare->header.pm, fake_named("pm")->endpoint);
}

static void gone(const struct fake_process *spare)
{
    assert_int_equal(service_find("disk")->spare, ENDPOINT_NONE);
    assert_int_equal(spare->state, PROCESS_FREE);
    fake_wait_ms(5000);
    assert_int_equal(service_find("disk")->spare, ENDPOINT_NONE);
}

static void test_dropped_when_stopped(void **state)
{
    (void)state;
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    struct fake_process *disk = fake_find(service_find("disk")->endpoint);
    assert_int_equal(order("disk", RS_STOP), 0);
    fake_die(disk, DEATH_EXIT, 0);
    do_reset(0, NULL);
    assert_int_equal(state_of("disk"), RS_STATE_STOPPED);
    gone(spare);
}

static void test_dropped_when_given_up(void **state)
{
    (void)state;
    disk_config->recovery.limit = 1;
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    fake_die(fake_find(service_find("disk")->endpoint), DEATH_PANIC, 1);
    do_reset(0, NULL);
    assert_int_equal(state_of("disk"), RS_STATE_FAILED);
    gone(spare);
}

static void test_dropped_when_the_device_fails(void **state)
{
    (void)state;
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    fake_die(fake_find(service_find("disk")->endpoint), DEATH_PANIC, 1);
    do_reset(-ANOLE_EIO, NULL);
    assert_int_equal(state_of("disk"), RS_STATE_DEVICE_FAILED);
    gone(spare);
}

static void test_dropped_when_the_device_is_gone(void **state)
{
    struct message message = {.word = {3}};
    (void)state;
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    assert_int_equal(say("devman", request_device_gone, &message), 0);
    deaths_collect();
    assert_int_equal(state_of("disk"), RS_STATE_WAITING_DEVICE);
    gone(spare);
}

static void test_no_memory_for_one(void **state)
{
    (void)state;
    disk_config->hot_spare = true;
    boot();
    fake.create_error = -ANOLE_ENOMEM;
    fake_wait_ms(500);
    assert_int_equal(service_find("disk")->spare, ENDPOINT_NONE);
    assert_int_equal(state_of("disk"), RS_STATE_UP);
    fake.create_error = 0;
    fake_wait_ms(2000);
    assert_int_not_equal(service_find("disk")->spare, ENDPOINT_NONE);
}

/* What others need to start with is worth more than a spare. */
static void test_sacrificed_for_a_start(void **state)
{
    (void)state;
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    fake.create_error = -ANOLE_ENOMEM;
    fake.create_errors = 1;
    fake_die(fake_named("pm"), DEATH_PANIC, 1);
    assert_int_equal(state_of("pm"), RS_STATE_STARTING);
    assert_int_equal(service_find("pm")->deaths, 1); /* the start itself didn't fail */
    assert_int_equal(spare->state, PROCESS_FREE);
    fake_wait_ms(2000);
    assert_int_not_equal(service_find("disk")->spare, ENDPOINT_NONE);
}

static void test_fallback_is_not_the_old_program(void **state)
{
    (void)state;
    disk_config->recovery.limit = 1;
    disk_config->recovery.given_up = CONFIG_GIVEN_UP_PROGRAM;
    disk_config->recovery.fallback = "rescue";
    boot_with_spare();
    const struct fake_process *spare = spare_of("disk");
    fake_die(fake_find(service_find("disk")->endpoint), DEATH_PANIC, 1);
    do_reset(0, NULL);
    assert_int_equal(spare->state, PROCESS_FREE);
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
    assert_string_equal(service_find("disk")->program, "rescue");
}

static void test_by_order(void **state)
{
    (void)state;
    boot();
    assert_int_equal(spare_state(service_find("disk")), RS_SPARE_NONE);
    assert_int_equal(order("disk", RS_SPARE_ON), 0);
    assert_int_equal(spare_state(service_find("disk")), RS_SPARE_WANTED);
    fake_wait_ms(MADE_MS);
    assert_int_equal(spare_state(service_find("disk")), RS_SPARE_READY);
    const struct fake_process *spare = spare_of("disk");
    assert_int_equal(order("disk", RS_SPARE_OFF), 0);
    assert_int_equal(spare_state(service_find("disk")), RS_SPARE_NONE);
    gone(spare);
    assert_int_equal(order("rs", RS_SPARE_ON), -ANOLE_EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(made_when_up),
        RS_TEST(woken_at_a_death),
        RS_TEST(deaths_in_quick_succession),
        RS_TEST(told_what_changed),
        RS_TEST(dropped_when_stopped),
        RS_TEST(dropped_when_given_up),
        RS_TEST(dropped_when_the_device_fails),
        RS_TEST(dropped_when_the_device_is_gone),
        RS_TEST(no_memory_for_one),
        RS_TEST(sacrificed_for_a_start),
        RS_TEST(fallback_is_not_the_old_program),
        RS_TEST(by_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
