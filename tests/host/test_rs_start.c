/*
 * RS: the start order, what a service is started with, what is recorded of its death.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"

static void test_start_order(void **state)
{
    struct message reply;
    endpoint_t endpoint;
    (void)state;
    services_init();
    start_ready();
    assert_non_null(fake_named("devman"));
    assert_non_null(fake_named("pm"));
    assert_null(fake_named("disk"));
    assert_null(fake_named("shell"));
    assert_int_equal(state_of("disk"), RS_STATE_WAITING_DEVICE);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_EAGAIN);
    assert_int_equal(ready("pm"), 0);
    assert_int_equal(ready("pm"), -ANOLE_EINVAL);
    assert_int_equal(tell_device(3, 0x10001000, &reply), 0);
    assert_int_equal(reply.word[0], DEVICE_RESETTING);
    assert_null(fake_named("disk")); /* not before its device is reset */
    assert_int_equal(do_reset(0, &endpoint), 0);
    assert_int_equal(endpoint, ENDPOINT_NONE);
    assert_non_null(fake_named("disk"));
    assert_null(fake_named("shell"));
    assert_int_equal(ready("disk"), 0);
    assert_non_null(fake_named("shell"));
    assert_int_equal(look_up("disk", &endpoint), 0);
    assert_int_equal(endpoint, fake_named("disk")->endpoint);
}

static void test_hand_over(void **state)
{
    (void)state;
    boot();
    const struct fake_process *disk = fake_named("disk");
    assert_int_equal(disk->resource_count, 2);
    assert_int_equal(disk->resource_count, 2);
    assert_int_equal(disk->resources[0].kind, RESOURCE_WINDOW);
    assert_int_equal(disk->resources[0].base, 0x10001000);
    assert_int_equal(disk->resources[0].len, PAGE_SIZE);
    assert_int_equal(disk->resources[1].kind, RESOURCE_IRQ);
    assert_int_equal(disk->resources[1].base, 4);
    assert_int_equal(disk->resources[1].len, 1);
    assert_int_equal(disk->header.unit, 0);
    assert_int_equal(disk->header.resources, 2);
    assert_string_equal(disk->header.device, "virtio,2@10001000");
    assert_int_equal(disk->header.described.transport, DEVICE_VIRTIO_MMIO);
    assert_int_equal(disk->header.described.number, 3);
    assert_memory_equal(disk->strings, "disk\0-v", 8);
    assert_int_equal(fake_named("pm")->give_ids, 1u << ID_PROGRAM);
    assert_int_equal(disk->give_ids, 0);
}

static void test_no_device(void **state)
{
    endpoint_t endpoint;
    (void)state;
    services_init();
    start_ready();
    ready("pm");
    assert_null(fake_named("shell"));
    devices_done();
    assert_int_equal(state_of("disk"), RS_STATE_WAITING_DEVICE);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_ENOENT);
    assert_non_null(fake_named("shell")); /* everything else works on */
    assert_int_equal(order("disk", RS_START), -ANOLE_ENODEV);
}

static void test_death_and_return(void **state)
{
    endpoint_t endpoint, dead;
    (void)state;
    boot();
    struct fake_process *first = fake_named("disk");
    fake_named("devman")->notified = 0;
    fake_die(first, DEATH_LOAD_FAULT, 8);
    assert_int_equal(state_of("disk"), RS_STATE_RESET);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_EAGAIN);
    assert_true(fake_named("devman")->notified & NOTIFY_BIT(NOTIFY_WORK));
    assert_int_equal(first->state, PROCESS_DEAD); /* a corpse until its device is quiet */
    assert_int_equal(do_reset(0, &dead), 0);
    assert_int_equal(dead, first->endpoint);
    assert_int_equal(first->state, PROCESS_FREE);
    assert_ptr_not_equal(fake_named("disk"), first);
    assert_int_equal(fake_named("disk")->header.instance, 1);
    assert_int_equal(ready("disk"), 0);
    assert_int_equal(look_up("disk", &endpoint), 0);
    assert_int_equal(endpoint, fake_named("disk")->endpoint);
    assert_int_equal(do_reset(0, NULL), -ANOLE_EAGAIN);
}

static void test_log_of_a_recovery(void **state)
{
    static const uint32_t phases[] = {RS_EVENT_DETECTED, RS_EVENT_DEAD,    RS_EVENT_QUIESCED,
                                      RS_EVENT_START,    RS_EVENT_SPAWNED, RS_EVENT_READY,
                                      RS_EVENT_PUBLISHED};
    struct rs_caller nobody = {.process = ENDPOINT_NONE};
    struct message message = {.word = {1, 0, UINT64_MAX}};
    (void)state;
    boot();
    assert_int_equal(request_log(&message, &nobody), 0);
    uint64_t position = message.word[0];
    fake_die(fake_named("disk"), DEATH_ILLEGAL, 0x30);
    do_reset(0, NULL);
    ready("disk");
    message = (struct message){.word = {1, sizeof(fake.copied), position}};
    assert_int_equal(request_log(&message, &nobody), 0);
    assert_int_equal(message.word[1], 7);
    assert_int_equal(message.word[0], position + 7);
    const struct rs_log_entry *entries = (const void *)fake.copied;
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(entries[i].event, phases[i]);
        assert_int_equal(entries[i].death, 1);
        assert_int_equal(entries[i].sequence, position + i);
        assert_string_equal(entries[i].service, "disk");
    }
    assert_int_equal(entries[1].cause, DEATH_ILLEGAL);
    assert_int_equal(entries[1].detail, 0x30);
}

static void test_never_ready(void **state)
{
    (void)state;
    services_init();
    start_ready();
    const struct fake_process *pm = fake_named("pm");
    fake_wait_ms(4999);
    assert_false(pm->killed);
    fake_wait_ms(2);
    assert_true(pm->killed);
    assert_int_equal(service_find("pm")->last_cause, DEATH_NO_PROGRESS);
    assert_int_equal(state_of("pm"), RS_STATE_STARTING);
}

/* A crash in start-up is tried again like any other, and nobody waits for it for ever. */
static void test_crash_in_start_up(void **state)
{
    (void)state;
    services_init();
    start_ready();
    devices_done();
    assert_null(fake_named("shell"));
    fake_die(fake_named("pm"), DEATH_LOAD_FAULT, 8);
    assert_int_equal(state_of("pm"), RS_STATE_STARTING);
    assert_int_equal(service_find("pm")->history.count, 1);
    assert_non_null(fake_named("shell")); /* pm has died once: start-after is over */
    for (unsigned i = 0; i < 3; i++) {
        fake_die(fake_named("pm"), DEATH_LOAD_FAULT, 8);
    }
    assert_int_equal(state_of("pm"), RS_STATE_BACKOFF);
    fake_wait_ms(10);
    assert_int_equal(ready("pm"), 0);
    assert_int_equal(state_of("pm"), RS_STATE_UP);
}

static void test_program_missing(void **state)
{
    (void)state;
    shell_config->program = "missing";
    services_init();
    start_ready();
    devices_done();
    ready("pm");
    assert_int_equal(state_of("shell"), RS_STATE_FAILED);
}

static void test_start_without_memory(void **state)
{
    (void)state;
    boot();
    fake.create_error = -ANOLE_ENOMEM;
    fake_die(fake_named("pm"), DEATH_PANIC, 1);
    assert_int_equal(state_of("pm"), RS_STATE_BACKOFF); /* it tried again and again at once */
    fake.create_error = 0;
    fake_wait_ms(10);
    assert_int_equal(state_of("pm"), RS_STATE_STARTING);
}

static void test_list_and_record(void **state)
{
    struct rs_caller nobody = {.process = ENDPOINT_NONE};
    struct message message = {.word = {1, 2 * sizeof(struct rs_service_info)}};
    (void)state;
    boot();
    assert_int_equal(request_list(&message, &nobody), 0);
    assert_int_equal(message.word[0], 5);
    assert_int_equal(message.word[1], 2);
    const struct rs_service_info *infos = (const void *)fake.copied;
    assert_string_equal(infos[0].name, "rs");
    assert_int_equal(infos[0].endpoint, FAKE_RS);
    message.word[1] = UINT64_MAX;
    message.word[0] = HANDLE_NONE;
    assert_int_equal(request_list(&message, &nobody), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {0, 0, 1}};
    rs_name_pack(message.word, "disk");
    fake_die(fake_named("disk"), DEATH_MISALIGNED, 17);
    assert_int_equal(request_record(&message, &nobody), 0);
    const struct rs_death *death = (const void *)fake.copied;
    assert_int_equal(death->number, 1);
    assert_int_equal(death->record.cause, DEATH_MISALIGNED);
    assert_int_equal(death->record.detail, 17);
    rs_name_pack(message.word, "nobody");
    assert_int_equal(request_record(&message, &nobody), -ANOLE_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(start_order),       RS_TEST(hand_over),         RS_TEST(no_device),
        RS_TEST(death_and_return),  RS_TEST(log_of_a_recovery), RS_TEST(never_ready),
        RS_TEST(crash_in_start_up), RS_TEST(program_missing),   RS_TEST(start_without_memory),
        RS_TEST(list_and_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
