/*
 * RS: publishing, looking up, subscribing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"
#include <stdio.h>

static int publish(const char *who, const char *name)
{
    struct message message = {0};
    rs_name_pack(message.word, name);
    return say(who, request_publish, &message);
}

static int subscribe(const char *who, const char *name, handle_t doorbell)
{
    struct message message = {.word = {0, 0, doorbell}};
    rs_name_pack(message.word, name);
    return say(who, request_subscribe, &message);
}

static void test_publish(void **state)
{
    struct message reply;
    endpoint_t endpoint;
    (void)state;
    boot();
    assert_int_equal(look_up("vda", &endpoint), -ANOLE_ENOENT);
    assert_int_equal(publish("disk", "vda"), 0);
    assert_int_equal(publish("disk", "vda"), 0);
    assert_int_equal(look_up("vda", &endpoint), 0);
    assert_int_equal(publish("disk", "console"), -ANOLE_EPERM);
    assert_int_equal(publish("disk", ""), -ANOLE_EINVAL);
    assert_int_equal(publish("shell", "vdb"), -ANOLE_EPERM);
    tell_device(5, 0x10003000, &reply);
    do_reset(0, NULL);
    assert_int_equal(publish("disk.1", "vda"), -ANOLE_EEXIST);
    assert_int_equal(publish("disk.1", "vdb"), 0);
    /* A name outlives its service's death, and leads nowhere meanwhile. */
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    assert_int_equal(look_up("vda", &endpoint), -ANOLE_EAGAIN);
    assert_int_equal(look_up("vdb", &endpoint), 0);
    do_reset(0, NULL);
    assert_int_equal(look_up("vda", &endpoint), -ANOLE_EAGAIN);
    assert_int_equal(publish("disk", "vda"), 0);
    assert_int_equal(look_up("vda", &endpoint), 0);
}

static void test_publish_bounded(void **state)
{
    char name[] = "vd00";
    unsigned published = 0;
    (void)state;
    boot();
    for (; published < 100; published++) {
        name[2] = (char)('0' + published / 10);
        name[3] = (char)('0' + published % 10);
        if (publish("disk", name)) {
            break;
        }
    }
    assert_int_equal(published, 15); /* and its own name */
    assert_int_equal(publish("disk", name), -ANOLE_ENOSPC);
}

static void test_subscribe(void **state)
{
    (void)state;
    boot();
    struct fake_process *client = fake_add("client", ID_PROGRAM);
    assert_int_equal(subscribe("client", "vda", 3), 0);
    assert_int_equal(subscribe("client", "vda", 4), 0); /* replaces the first */
    assert_int_equal(subscribe("client", "disk", 5), 0);
    assert_int_equal(subscribe("client", "disk", HANDLE_NONE), -ANOLE_EINVAL);
    publish("disk", "vda");
    assert_int_equal(client->rung, 1u << 4);
    client->rung = 0;
    fake_die(fake_named("disk"), DEATH_DEVICE_RESET, 0);
    assert_int_equal(client->rung, 0);
    do_reset(-ANOLE_EIO, NULL);
    assert_int_equal(client->rung, 1u << 4 | 1u << 5); /* it was given up */
    struct message message = {0};
    rs_name_pack(message.word, "vda");
    assert_int_equal(say("client", request_unsubscribe, &message), 0);
    assert_int_equal(say("client", request_unsubscribe, &message), -ANOLE_ENOENT);
}

/* As many as a process may have. */
static unsigned subscribe_all(const char *who)
{
    char name[16];
    unsigned made = 0;
    int status = 0;
    while (made < 100 && status == 0) {
        snprintf(name, sizeof(name), "name%u", made);
        status = subscribe(who, name, 1);
        made += status == 0 ? 1u : 0u;
    }
    assert_int_equal(status, -ANOLE_ENOSPC);
    return made;
}

static void test_subscriptions_bounded(void **state)
{
    (void)state;
    boot();
    for (unsigned round = 0; round < 2; round++) {
        struct fake_process *client = NULL;
        for (unsigned i = 0; i < RS_PROGRAMS; i++) {
            client = fake_add("client", ID_PROGRAM);
            assert_int_equal(subscribe_all("client"), RS_SUBSCRIPTIONS_EACH);
        }
        for (unsigned i = 0; i < fake.count; i++) { /* the dead give way when room is needed */
            if (fake.processes[i].service_id == ID_PROGRAM) {
                fake.processes[i].state = PROCESS_FREE;
            }
        }
        assert_non_null(client);
    }
    assert_int_equal(subscribe_all("shell"), RS_SUBSCRIPTIONS_EACH);
}

/* Who has its share gets room again when its threads are gone. */
static void test_subscriptions_of_dead_threads(void **state)
{
    (void)state;
    boot();
    struct fake_process *process = fake_add("client", ID_PROGRAM);
    struct fake_process *thread = fake_add("thread", ID_PROGRAM);
    struct rs_caller caller = {.process = process->endpoint, .service_id = ID_PROGRAM};
    struct message message = {.endpoint = thread->endpoint, .word = {0, 0, 1}};
    for (unsigned i = 0; i < RS_SUBSCRIPTIONS_EACH; i++) {
        message.word[0] = 'a' + i;
        assert_int_equal(request_subscribe(&message, &caller), 0);
    }
    message.endpoint = process->endpoint;
    assert_int_equal(request_subscribe(&message, &caller), -ANOLE_ENOSPC);
    thread->state = PROCESS_FREE;
    assert_int_equal(request_subscribe(&message, &caller), 0);
}

static void test_publishing_again_tells_nobody(void **state)
{
    (void)state;
    boot();
    struct fake_process *client = fake_add("client", ID_PROGRAM);
    assert_int_equal(subscribe("client", "vda", 4), 0);
    assert_int_equal(publish("disk", "vda"), 0);
    client->rung = 0;
    assert_int_equal(publish("disk", "vda"), 0);
    assert_int_equal(client->rung, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(publish),
        RS_TEST(publish_bounded),
        RS_TEST(subscribe),
        RS_TEST(subscriptions_bounded),
        RS_TEST(subscriptions_of_dead_threads),
        RS_TEST(publishing_again_tells_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
