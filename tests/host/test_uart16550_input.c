/*
 * The console driver's input: who gets which bytes, readers that are gone, Ctrl-C.
 */
#include "drivers/uart16550/input.h"
#include <anole/error.h>
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/pm.h>
#include <proto/tty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define READER 60u
#define DOOMED 1000u           /* endpoints from here on die when they are told to */
#define SECOND_THREAD 0x10000u /* of the process of the endpoint without it */

static struct message answer;
static unsigned answers, pm_calls;
static int reply_status;
static bool doomed_died;
static int pm_status = -ANOLE_ENOENT;
static uint64_t pm_killed;
static uint64_t now = 1; /* microseconds are ticks here */

/* ---- the system ---- */

static bool is_dead(endpoint_t endpoint)
{
    return doomed_died && endpoint >= DOOMED;
}

int ipc_reply(const struct message *reply, uint64_t call_id)
{
    if (reply_status || is_dead(reply->endpoint)) {
        return -ANOLE_ENOTWAITING;
    }
    assert_true(call_id != 0);
    answer = *reply;
    answers++;
    return 0;
}

int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id)
{
    *process = endpoint & ~SECOND_THREAD;
    *service_id = 0;
    return is_dead(endpoint) ? -ANOLE_EDEADENDPOINT : 0;
}

int name_lookup(const char *name, endpoint_t *endpoint)
{
    assert_string_equal(name, "pm");
    *endpoint = 5;
    return pm_status == -ANOLE_ENOENT ? pm_status : 0;
}

uint64_t ticks_now(void)
{
    return now;
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return now + microseconds;
}

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline)
{
    assert_int_equal(endpoint, 5);
    assert_int_equal(type, PM_INTERRUPT);
    assert_true(deadline != DEADLINE_NEVER);
    pm_calls++;
    message->word[0] = pm_killed;
    return pm_status;
}

/* ---- helpers ---- */

static int read_up_to(endpoint_t reader, uint64_t most)
{
    static uint64_t call_id = 1;
    struct ipc_delivery request = {{.endpoint = reader, .type = TTY_READ, .word = {most}},
                                   call_id++};

    return input_read(&request);
}

static void type(const char *text)
{
    for (; *text; text++) {
        input_byte((uint8_t)*text);
    }
    input_deliver();
}

static int start_over(void **state)
{
    (void)state;
    reply_status = 0;
    pm_status = 0;
    pm_killed = 0;
    doomed_died = false;
    do { /* empty the ring and forget all readers */
        answers = 0;
        answer.word[0] = 0;
        read_up_to(1, TTY_INLINE_MAX);
    } while (answers > 0);
    reply_status = -1;
    type("x");
    reply_status = 0;
    read_up_to(1, 1);
    answers = pm_calls = 0;
    return 0;
}

/* ---- tests ---- */

static void reader_first(void **state)
{
    (void)state;
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    assert_int_equal(answers, 0);
    type("abc");
    assert_int_equal(answers, 1);
    assert_int_equal(answer.endpoint, READER);
    assert_int_equal(message_status(&answer), 0);
    assert_int_equal(answer.word[0], 3);
    assert_memory_equal(&answer.word[1], "abc", 3);
}

static void bytes_first(void **state)
{
    char text[61] = "012345678901234567890123456789012345678901234567890123456789";

    (void)state;
    type(text);
    assert_int_equal(read_up_to(READER, 5), SERVICE_NO_REPLY);
    assert_int_equal(answer.word[0], 5);
    assert_int_equal(read_up_to(READER, UINT64_MAX), SERVICE_NO_REPLY);
    assert_int_equal(answer.word[0], TTY_INLINE_MAX);
    assert_memory_equal(&answer.word[1], text + 5, 48);
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    assert_int_equal(answer.word[0], 7);
    assert_int_equal(read_up_to(READER, 0), -ANOLE_EINVAL);
}

/* Bytes never go to a reader that isn't there to take them. */
static void reader_gone(void **state)
{
    (void)state;
    assert_int_equal(read_up_to(DOOMED, 48), SERVICE_NO_REPLY);
    assert_int_equal(read_up_to(DOOMED + 1, 48), SERVICE_NO_REPLY);
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    doomed_died = true;
    assert_int_equal(read_up_to(DOOMED + 2, 48), -ANOLE_EDEADENDPOINT);
    type("k");
    assert_int_equal(answers, 1);
    assert_int_equal(answer.endpoint, READER);
    reply_status = -1; /* alive, but timed out */
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    type("l");
    reply_status = 0;
    assert_int_equal(read_up_to(READER + 1, 48), SERVICE_NO_REPLY);
    assert_int_equal(answers, 2);
    assert_memory_equal(&answer.word[1], "l", 1);
}

static void readers_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INPUT_READERS; i++) {
        assert_int_equal(read_up_to(DOOMED + i, 1), SERVICE_NO_REPLY);
    }
    assert_int_equal(read_up_to(READER, 1), -ANOLE_EBUSY);
    assert_int_equal(read_up_to(DOOMED, 1), SERVICE_NO_REPLY); /* its second replaces its first */
    type("ab");
    assert_int_equal(answers, 2);
    assert_int_equal(answer.endpoint, DOOMED + 2);
    assert_int_equal(read_up_to(DOOMED + 1, 1), SERVICE_NO_REPLY);
    assert_int_equal(read_up_to(DOOMED + 2, 1), SERVICE_NO_REPLY);
    doomed_died = true; /* the dead don't take places away */
    assert_int_equal(read_up_to(READER, 1), SERVICE_NO_REPLY);
    type("c");
    assert_int_equal(answer.endpoint, READER);
}

/* So a process has one place, however many threads it has. */
static void one_reader_a_process(void **state)
{
    (void)state;
    assert_int_equal(read_up_to(DOOMED | SECOND_THREAD, 1), SERVICE_NO_REPLY);
    assert_int_equal(read_up_to(DOOMED, 1), -ANOLE_EBUSY);
    assert_int_equal(read_up_to(READER, 1), SERVICE_NO_REPLY);
    type("a");
    assert_int_equal(answer.endpoint, DOOMED | SECOND_THREAD);
    assert_int_equal(read_up_to(DOOMED, 1), SERVICE_NO_REPLY);
    type("bc");
    assert_int_equal(answers, 3);
    assert_int_equal(answer.endpoint, DOOMED);
}

/* A thread that ended doesn't keep the place of its process. */
static void a_thread_gone(void **state)
{
    (void)state;
    assert_int_equal(read_up_to(READER | SECOND_THREAD, 1), SERVICE_NO_REPLY);
    doomed_died = true; /* and it, by its number, is one of them */
    assert_int_equal(read_up_to(READER, 1), SERVICE_NO_REPLY);
    type("a");
    assert_int_equal(answers, 1);
    assert_int_equal(answer.endpoint, READER);
}

static void input_overflows(void **state)
{
    uint64_t before = input_lost();

    (void)state;
    for (unsigned i = 0; i < INPUT_RING_BYTES + 10; i++) {
        input_byte('z');
    }
    assert_int_equal(input_lost() - before, 10);
}

static void ctrl_c(void **state)
{
    (void)state;
    pm_killed = 1;
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    type("\003");
    assert_int_equal(pm_calls, 1);
    assert_int_equal(answers, 0);
    pm_killed = 0;
    type("\003");
    assert_int_equal(answers, 1);
    assert_memory_equal(&answer.word[1], "\003", 1);
}

static void ctrl_c_without_pm(void **state)
{
    (void)state;
    pm_status = -ANOLE_EDEADENDPOINT; /* forgets who it was */
    type("\003");
    pm_status = -ANOLE_ENOENT;
    input_retry();
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    assert_int_equal(answers, 1);
    pm_calls = 0;
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    type("\003");
    assert_int_equal(answers, 2);
    assert_int_equal(pm_calls, 0);
}

/* pm dies: the Ctrl-C waits for the next one, and reaches the program. */
static void ctrl_c_while_pm_returns(void **state)
{
    (void)state;
    assert_int_equal(input_deadline(), DEADLINE_NEVER);
    pm_status = -ANOLE_EDEADENDPOINT;
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    type("\003");
    assert_int_equal(answers, 0);
    assert_true(input_deadline() > now && input_deadline() != DEADLINE_NEVER);
    input_retry();
    assert_int_equal(answers, 0);
    pm_status = 0;
    pm_killed = 1;
    input_retry();
    assert_int_equal(answers, 0);
    assert_int_equal(input_deadline(), DEADLINE_NEVER);
}

/* pm doesn't return: the Ctrl-C is input like any other byte. */
static void ctrl_c_that_pm_never_takes(void **state)
{
    (void)state;
    pm_status = -ANOLE_EDEADENDPOINT;
    assert_int_equal(read_up_to(READER, 48), SERVICE_NO_REPLY);
    type("\003");
    assert_int_equal(answers, 0);
    now += 10000000;
    input_retry();
    assert_int_equal(answers, 1);
    assert_memory_equal(&answer.word[1], "\003", 1);
    assert_int_equal(input_deadline(), DEADLINE_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reader_first, start_over),
        cmocka_unit_test_setup(bytes_first, start_over),
        cmocka_unit_test_setup(reader_gone, start_over),
        cmocka_unit_test_setup(readers_bounded, start_over),
        cmocka_unit_test_setup(one_reader_a_process, start_over),
        cmocka_unit_test_setup(a_thread_gone, start_over),
        cmocka_unit_test_setup(input_overflows, start_over),
        cmocka_unit_test_setup(ctrl_c, start_over),
        cmocka_unit_test_setup(ctrl_c_without_pm, start_over),
        cmocka_unit_test_setup(ctrl_c_while_pm_returns, start_over),
        cmocka_unit_test_setup(ctrl_c_that_pm_never_takes, start_over),
    };

    return cmocka_run_group_tests_name("uart16550_input", tests, NULL, NULL);
}
