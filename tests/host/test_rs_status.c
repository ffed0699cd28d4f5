/*
 * RS: what it tells of one service and why, and the records of deaths that it keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"
#include <stdio.h>

static const struct rs_caller nobody = {.process = ENDPOINT_NONE};

static const struct rs_status *status_of(const char *name)
{
    struct message message = {.word = {0, 0, 1}};
    rs_name_pack(message.word, name);
    assert_int_equal(request_status(&message, &nobody), 0);
    assert_int_equal(fake.copied_len, sizeof(struct rs_status));
    return (const void *)fake.copied;
}

static void die_and_return(const char *name, enum death_cause cause, uint64_t detail)
{
    fake_die(fake_named(name), cause, detail);
    do_reset(0, NULL);
    fake_wait_ms(1000); /* the longest wait there is */
    assert_int_equal(ready(name), 0);
}

static void test_refused(void **state)
{
    struct message message = {.word = {0, 0, 1}};
    (void)state;
    boot();
    assert_int_equal(request_status(&message, &nobody), -ANOLE_EINVAL);
    rs_name_pack(message.word, "nobody");
    assert_int_equal(request_status(&message, &nobody), -ANOLE_ENOENT);
    rs_name_pack(message.word, "disk");
    message.word[2] = HANDLE_NONE;
    assert_int_equal(request_status(&message, &nobody), -ANOLE_EBADHANDLE);
}

static void test_policy_in_force(void **state)
{
    (void)state;
    boot();
    const struct rs_status *status = status_of("disk");
    assert_int_equal(status->info.state, RS_STATE_UP);
    assert_int_equal(status->limit, 12);
    assert_int_equal(status->at_once, 3);
    assert_int_equal(status->window_ms, 30000);
    assert_int_equal(status->death_count, 0);
    assert_int_equal(status->info.backoff_ms, 0);
    assert_false(status->gives_up_next);
    for (unsigned i = 0; i < 5; i++) {
        die_and_return("disk", DEATH_PANIC, 1);
    }
    status = status_of("disk");
    assert_int_equal(status->deaths, 5);
    assert_int_equal(status->death_count, 5);
    assert_int_equal(status->info.deaths_in_window, 5);
    assert_int_equal(status->info.backoff_ms, 40); /* after 10 and 20 */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(status->death_age_ms[i], (5 - i) * 1000);
    }
    fake_wait_ms(10000);
    status = status_of("disk");
    assert_int_equal(status->death_count, 0);
    assert_int_equal(status->info.backoff_ms, 0);
    assert_int_equal(status->deaths, 5);
}

static void test_the_next_would_be_the_last(void **state)
{
    (void)state;
    disk_config->recovery.limit = 3;
    boot();
    die_and_return("disk", DEATH_PANIC, 1);
    assert_false(status_of("disk")->gives_up_next);
    die_and_return("disk", DEATH_PANIC, 1);
    assert_true(status_of("disk")->gives_up_next);
    assert_int_equal(service_find("disk")->history.count, 2); /* asking counts for nothing */
}

static void test_backoff_and_what_ends_it(void **state)
{
    (void)state;
    disk_config->recovery.at_once = 0;
    disk_config->recovery.backoff_ms = 500;
    boot();
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    do_reset(0, NULL);
    fake_wait_ms(100);
    const struct rs_status *status = status_of("disk");
    assert_int_equal(status->info.state, RS_STATE_BACKOFF);
    assert_int_equal(status->timer_ms, 400);
    assert_int_equal(status_of("shell")->timer_ms, UINT32_MAX);
}

static void test_ordered_death(void **state)
{
    (void)state;
    boot();
    assert_false(status_of("disk")->ordered);
    assert_int_equal(order("disk", RS_RESTART), 0);
    assert_true(status_of("disk")->ordered);
    assert_int_equal(status_of("disk")->info.state, RS_STATE_DYING);
}

static void test_liveness_facts(void **state)
{
    (void)state;
    boot();
    struct fake_process *disk = fake_named("disk");
    assert_int_equal(status_of("disk")->caller_ms, 200);
    assert_int_equal(status_of("disk")->spin_ms, 250);
    disk->liveness.state = THREAD_RUNNING;
    disk->liveness.cpu_since_wait_ticks = 30 * FAKE_TICKS_PER_MS;
    disk->liveness.oldest_caller_ticks = fake.now;
    fake_wait_ms(LIVENESS_PERIOD_MS + 1);
    const struct rs_status *status = status_of("disk");
    assert_true(status->looked);
    assert_true(status->looked_ago_ms <= LIVENESS_PERIOD_MS);
    assert_true(status->busy);
    assert_int_equal(status->cpu_ms, 30);
    assert_in_range(status->caller_age_ms, 1, 200);
    assert_false(status->pinged);
    fake_wait_ms(2 * LIVENESS_PERIOD_MS);
    assert_true(status_of("disk")->pinged);
}

static void test_complaints_and_who_made_them(void **state)
{
    (void)state;
    boot();
    const struct fake_process *disk = fake_named("disk");
    endpoint_t client = fake_add("client", ID_PROGRAM)->endpoint;
    rs.config.services[ID_PM].rights.may_complain = true;
    struct message message = {.word = {disk->endpoint, RS_COMPLAINT_TIMEOUT}};
    assert_int_equal(say("client", request_complain, &message), 0);
    message.word[1] = RS_COMPLAINT_PROTOCOL;
    assert_int_equal(say("pm", request_complain, &message), 0);
    struct message log = {.word = {1, sizeof(fake.copied), 0}};
    assert_int_equal(request_log(&log, &nobody), 0);
    const struct rs_log_entry *entries = (const void *)fake.copied;
    assert_int_equal(entries[log.word[1] - 1].event, RS_EVENT_COMPLAINT); /* the first of them */
    assert_int_equal(entries[log.word[1] - 1].detail, RS_COMPLAINT_TIMEOUT);
    const struct rs_status *status = status_of("disk");
    assert_int_equal(status->complaints, 2);
    assert_int_equal(status->complaint_count, 2);
    assert_string_equal(status->complaint[0].who, "default");
    assert_int_equal(status->complaint[0].process, client);
    assert_int_equal(status->complaint[0].about, disk->endpoint);
    assert_int_equal(status->complaint[0].kind, RS_COMPLAINT_TIMEOUT);
    assert_false(status->complaint[0].counts);
    assert_string_equal(status->complaint[1].who, "pm");
    assert_true(status->complaint[1].counts);
}

static void test_complaints_are_bounded(void **state)
{
    (void)state;
    boot();
    for (unsigned i = 0; i < RS_STATUS_COMPLAINTS + 3; i++) {
        struct message message = {.word = {fake_named("disk")->endpoint, RS_COMPLAINT_TIMEOUT}};
        fake_add("client", ID_PROGRAM);
        assert_int_equal(say("client", request_complain, &message), 0);
    }
    const struct rs_status *status = status_of("disk");
    assert_int_equal(status->complaints, RS_STATUS_COMPLAINTS + 3);
    assert_int_equal(status->complaint_count, RS_STATUS_COMPLAINTS);
    endpoint_t newest = fake_named("client")->endpoint;
    assert_int_equal(status->complaint[RS_STATUS_COMPLAINTS - 1].process, newest);
}

/* ---- records ---- */

static int record_of(const char *name, unsigned index, unsigned *kept)
{
    struct message message = {.word = {0, 0, 1, index}};
    rs_name_pack(message.word, name);
    int status = request_record(&message, &nobody);
    *kept = (unsigned)message.word[0];
    return status;
}

static const struct rs_death *told_death(void)
{
    return (const void *)fake.copied;
}

static void test_last_few_records(void **state)
{
    unsigned kept;
    (void)state;
    disk_config->recovery.limit = CONFIG_NO_LIMIT;
    boot();
    assert_int_equal(record_of("disk", 0, &kept), -ANOLE_ENOENT);
    for (unsigned i = 1; i <= RS_RECORDS_PER_SERVICE + 4; i++) {
        die_and_return("disk", DEATH_EXIT, i);
    }
    for (unsigned i = 0; i < RS_RECORDS_PER_SERVICE; i++) {
        assert_int_equal(record_of("disk", i, &kept), 0);
        assert_int_equal(kept, RS_RECORDS_PER_SERVICE);
        assert_int_equal(told_death()->record.detail, RS_RECORDS_PER_SERVICE + 4 - i);
        assert_int_equal(told_death()->number, RS_RECORDS_PER_SERVICE + 4 - i);
    }
    assert_int_equal(record_of("disk", RS_RECORDS_PER_SERVICE, &kept), -ANOLE_ENOENT);
    assert_int_equal(record_of("pm", 0, &kept), -ANOLE_ENOENT);
}

/* With more services than the pool has places for at the full number each, every one that died has
 * its last record. */
static void test_nobody_is_driven_out(void **state)
{
    unsigned kept;
    struct message reply;
    char name[RS_NAME_LEN] = "disk";
    (void)state;
    disk_config->liveness.ready_ms = 0;
    disk_config->recovery.limit = CONFIG_NO_LIMIT;
    boot();
    for (unsigned unit = 1; unit < 12; unit++) {
        assert_int_equal(tell_device(3 + unit, 0x10002000 + unit * 0x1000, &reply), 0);
        do_reset(0, NULL);
    }
    for (unsigned round = 1; round <= RS_RECORDS_PER_SERVICE; round++) {
        for (unsigned unit = 0; unit < 12; unit++) {
            snprintf(name + 4, sizeof(name) - 4, unit ? ".%u" : "", unit);
            if (state_of(name) == RS_STATE_STARTING) {
                assert_int_equal(ready(name), 0);
            }
            fake_die(fake_named(name), DEATH_EXIT, round);
            do_reset(0, NULL);
            fake_wait_ms(1000);
        }
    }
    for (unsigned unit = 0; unit < 12; unit++) {
        snprintf(name + 4, sizeof(name) - 4, unit ? ".%u" : "", unit);
        assert_int_equal(record_of(name, 0, &kept), 0);
        assert_int_equal(told_death()->record.detail, RS_RECORDS_PER_SERVICE);
        assert_true(kept >= 1 && kept <= RS_RECORDS_PER_SERVICE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(refused),
        RS_TEST(policy_in_force),
        RS_TEST(the_next_would_be_the_last),
        RS_TEST(backoff_and_what_ends_it),
        RS_TEST(ordered_death),
        RS_TEST(liveness_facts),
        RS_TEST(complaints_and_who_made_them),
        RS_TEST(complaints_are_bounded),
        RS_TEST(last_few_records),
        RS_TEST(nobody_is_driven_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
