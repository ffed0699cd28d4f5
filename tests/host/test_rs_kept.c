/*
 * RS: the region that a service's instances hand down. The same one for each of them, once; gone when
 * the service is stopped, and not before.
 */
#include "rs_boot.h"
#include <anole/error.h>
#include <stdarg.h>

#include <cmocka.h>

#define BYTES 0x10000u

static void boot_with_region(void)
{
    disk_config->kept_bytes = BYTES;
    boot();
}

/* The newest instance asks: the region behind the offer that it gets. */
static handle_t ask(uint64_t before)
{
    struct message message = {0};

    assert_int_equal(say("disk", request_kept_region, &message), 0);
    const struct fake_region *offer = fake_region(message.word[0]);
    assert_non_null(offer);
    assert_true(offer->open);
    assert_int_equal(offer->peer, fake_named("disk")->endpoint);
    assert_int_equal(offer->len, BYTES);
    assert_int_equal(message.word[1], BYTES);
    assert_int_equal(message.word[2], before);
    assert_true(fake_region(offer->of)->open);
    return offer->of;
}

static void die(void)
{
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    assert_int_equal(do_reset(0, NULL), 0);
}

static unsigned open_handles(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake.region_count; i++) {
        count += fake.regions[i].open ? 1 : 0;
    }
    return count;
}

static void test_the_same_for_each_instance(void **state)
{
    (void)state;
    boot_with_region();
    handle_t region = ask(0);
    assert_int_equal(ask(0), region); /* asked twice is had once */
    for (unsigned i = 1; i <= 3; i++) {
        die();
        assert_int_equal(ask(i), region);
        assert_int_equal(open_handles(), 2); /* no offer of the dead is left */
    }
    assert_int_equal(order("disk", RS_RESTART), 0);
    fake_die(fake_named("disk"), DEATH_EXIT, 0);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(ask(4), region);
}

static void test_an_instance_that_never_asked(void **state)
{
    (void)state;
    boot_with_region();
    assert_int_equal(open_handles(), 0);
    handle_t region = ask(0);
    die();
    die();
    assert_int_equal(ask(1), region);
}

static void test_freed_when_stopped(void **state)
{
    (void)state;
    boot_with_region();
    handle_t region = ask(0);
    assert_int_equal(order("disk", RS_STOP), 0);
    assert_int_equal(open_handles(), 2); /* it may need it until its end */
    fake_die(fake_named("disk"), DEATH_EXIT, 0);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(open_handles(), 0);
    assert_int_equal(order("disk", RS_START), 0);
    assert_int_not_equal(ask(0), region);
}

static void test_outlives_giving_up(void **state)
{
    (void)state;
    disk_config->kept_bytes = BYTES;
    disk_config->recovery.limit = 1;
    boot();
    handle_t region = ask(0);
    die();
    assert_int_equal(state_of("disk"), RS_STATE_FAILED);
    assert_true(fake_region(region)->open);
    assert_int_equal(order("disk", RS_START), 0);
    assert_int_equal(ask(1), region);
    die();
    assert_int_equal(state_of("disk"), RS_STATE_FAILED);
    assert_int_equal(order("disk", RS_STOP), 0);
    assert_int_equal(open_handles(), 0);
}

static void test_refused(void **state)
{
    struct message message = {0};

    (void)state;
    boot_with_region();
    assert_int_equal(say("pm", request_kept_region, &message), -ANOLE_ENOENT);
    fake.region_error = -ANOLE_ENOMEM;
    assert_int_equal(say("disk", request_kept_region, &message), -ANOLE_ENOMEM);
    assert_int_equal(open_handles(), 0);
    (void)ask(0); /* there is memory again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(the_same_for_each_instance),
        RS_TEST(an_instance_that_never_asked),
        RS_TEST(freed_when_stopped),
        RS_TEST(outlives_giving_up),
        RS_TEST(refused),
    };

    return cmocka_run_group_tests_name("rs kept region", tests, NULL, NULL);
}
