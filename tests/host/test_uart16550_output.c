/*
 * The console driver's output over a fake device and fake clients: order, waiting for room, dead
 * and lying clients, the kernel's log between requests, and drains.
 */
#include "drivers/uart16550/output.h"
#include "drivers/uart16550/uart.h"
#include <anole/error.h>
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/tty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENT 50u
#define GRANT 1234u

static char sent[400000];
static size_t sent_len;
static size_t device_room; /* bytes that the device takes before it is stuck */
static bool room_wanted, device_busy;

static char client_memory[TTY_WRITE_MAX];
static size_t client_len = TTY_WRITE_MAX;
static int copy_status;

static const char *log_text = "";
static struct ipc_delivery answers[200];
static unsigned answer_count;

/* ---- the device, the kernel ---- */

size_t uart_room(void)
{
    return device_room < 16 ? device_room : 16;
}

void uart_put(uint8_t byte)
{
    assert_true(device_room > 0);
    assert_true(sent_len < sizeof(sent));
    device_room--;
    sent[sent_len++] = (char)byte;
}

void uart_want_room(bool on)
{
    room_wanted = on;
}

bool uart_idle(void)
{
    return !device_busy;
}

int kcall_copy(endpoint_t maker, handle_t grant, uint64_t offset, void *local, size_t len,
               unsigned direction)
{
    assert_int_equal(direction, COPY_FROM_GRANT);
    if (copy_status || maker < CLIENT || grant != GRANT) {
        return copy_status ? copy_status : -ANOLE_EBADHANDLE;
    }
    if (offset > client_len || len > client_len - offset) {
        return -ANOLE_ERANGE;
    }
    memcpy(local, client_memory + offset, len);
    return 0;
}

int kcall_log_read(uint64_t position, char *buffer, size_t len, uint64_t *next, size_t *count)
{
    size_t end = strlen(log_text);

    assert_true(position <= end);
    *count = end - position < len ? end - position : len;
    memcpy(buffer, log_text + position, *count);
    *next = position + *count;
    return 0;
}

void service_reply(struct ipc_delivery *request, int status)
{
    assert_true(answer_count < 200);
    answers[answer_count] = *request;
    answers[answer_count++].message.type = (uint32_t)status;
}

/* ---- clients ---- */

static uint64_t next_call = 1;

static int put(endpoint_t client, const char *text)
{
    struct ipc_delivery request = {{.endpoint = client, .type = TTY_PUT, .word = {strlen(text)}},
                                   next_call++};

    memcpy(&request.message.word[1], text, strlen(text));
    return output_put(&request);
}

static int write_words(endpoint_t client, uint64_t grant, uint64_t offset, uint64_t len)
{
    struct ipc_delivery request = {
        {.endpoint = client, .type = TTY_WRITE, .word = {1, grant, offset, len}}, next_call++};

    return output_write(&request);
}

static int drain(endpoint_t client)
{
    struct ipc_delivery request = {{.endpoint = client, .type = TTY_DRAIN}, next_call++};

    return output_drain(&request);
}

static void pump_all(void)
{
    do {
        output_pump();
    } while (room_wanted && device_room > 0);
}

static int start_over(void **state)
{
    (void)state;
    device_room = SIZE_MAX;
    device_busy = false;
    copy_status = 0;
    pump_all();
    sent_len = answer_count = 0;
    for (size_t i = 0; i < sizeof(client_memory); i++) {
        client_memory[i] = (char)('a' + i % 26);
    }
    return 0;
}

/* Fills the ring behind a stuck device with a request that waits for more room. */
#define FILL_BYTES (OUTPUT_RING_BYTES + 100)
static void fill(void)
{
    device_room = 0;
    assert_int_equal(write_words(CLIENT, GRANT, 0, FILL_BYTES), SERVICE_NO_REPLY);
}

/* ---- tests ---- */

static void newlines(void **state)
{
    (void)state;
    assert_int_equal(put(CLIENT, "one\ntwo\n"), 0);
    pump_all();
    sent[sent_len] = '\0';
    assert_string_equal(sent, "one\r\ntwo\r\n");
    assert_false(room_wanted);
}

static void fields_checked(void **state)
{
    struct ipc_delivery request = {{.endpoint = CLIENT, .word = {TTY_INLINE_MAX + 1}}, 1};

    (void)state;
    assert_int_equal(output_put(&request), -ANOLE_EINVAL);
    request.message.word[0] = UINT64_MAX;
    assert_int_equal(output_put(&request), -ANOLE_EINVAL);
    assert_int_equal(write_words(CLIENT, GRANT, 0, TTY_WRITE_MAX + 1), -ANOLE_EINVAL);
    assert_int_equal(write_words(CLIENT, GRANT, 0, UINT64_MAX), -ANOLE_EINVAL);
    assert_int_equal(write_words(CLIENT, GRANT, UINT64_MAX, 2), -ANOLE_ERANGE);
    assert_int_equal(write_words(CLIENT, GRANT, TTY_WRITE_MAX, 1), -ANOLE_ERANGE);
    assert_int_equal(write_words(CLIENT, GRANT + 1, 0, 1), -ANOLE_EBADHANDLE);
    assert_int_equal(write_words(CLIENT, GRANT, 0, 0), 0);
    assert_int_equal(put(CLIENT, ""), 0);
    pump_all();
    assert_int_equal(sent_len, 0);
}

/* More than the ring holds, through a device that takes a few bytes at a time. */
static void waits_for_room(void **state)
{
    (void)state;
    device_room = 0;
    assert_int_equal(write_words(CLIENT, GRANT, 0, TTY_WRITE_MAX), SERVICE_NO_REPLY);
    assert_int_equal(put(CLIENT + 1, "after\n"), SERVICE_NO_REPLY);
    for (unsigned i = 0; answer_count < 2 && i < 100000; i++) {
        device_room = (size_t)(i % 17);
        output_pump();
        assert_true(room_wanted || answer_count == 2);
    }
    assert_int_equal(answer_count, 2);
    assert_int_equal(answers[0].message.endpoint, CLIENT);
    assert_int_equal(answers[1].message.endpoint, CLIENT + 1);
    device_room = SIZE_MAX;
    pump_all();
    assert_int_equal(sent_len, TTY_WRITE_MAX + 7);
    assert_memory_equal(sent, client_memory, TTY_WRITE_MAX);
    assert_memory_equal(sent + TTY_WRITE_MAX, "after\r\n", 7);
}

static void client_dies(void **state)
{
    (void)state;
    fill();
    assert_int_equal(put(CLIENT + 1, "other\n"), SERVICE_NO_REPLY);
    copy_status = -ANOLE_EDEADENDPOINT;
    device_room = SIZE_MAX;
    pump_all();
    assert_int_equal(answer_count, 2);
    assert_int_equal(message_status(&answers[0].message), -ANOLE_EDEADENDPOINT);
    assert_int_equal(message_status(&answers[1].message), 0);
    assert_memory_equal(sent + sent_len - 7, "other\r\n", 7);
}

/* A caller that calls again has stopped waiting for its first request. */
static void caller_calls_again(void **state)
{
    (void)state;
    fill();
    assert_int_equal(put(CLIENT + 1, "old"), SERVICE_NO_REPLY);
    assert_int_equal(put(CLIENT + 2, "between"), SERVICE_NO_REPLY);
    assert_int_equal(put(CLIENT + 1, "new"), SERVICE_NO_REPLY);
    device_room = SIZE_MAX;
    pump_all();
    assert_int_equal(answer_count, 3);
    assert_memory_equal(sent + sent_len - 10, "betweennew", 10);
}

static void queue_is_bounded(void **state)
{
    (void)state;
    fill();
    for (unsigned i = 1; i < OUTPUT_REQUESTS; i++) {
        assert_int_equal(put(CLIENT + i, "x"), SERVICE_NO_REPLY);
    }
    assert_int_equal(put(CLIENT + OUTPUT_REQUESTS, "x"), -ANOLE_EBUSY);
    device_room = SIZE_MAX;
    pump_all();
    assert_int_equal(answer_count, OUTPUT_REQUESTS);
}

static void drains(void **state)
{
    (void)state;
    assert_int_equal(drain(CLIENT), 0);
    assert_int_equal(put(CLIENT, "text"), 0);
    device_room = 0;
    assert_int_equal(drain(CLIENT), SERVICE_NO_REPLY);
    assert_true(output_draining());
    device_room = SIZE_MAX;
    device_busy = true;
    pump_all();
    assert_int_equal(sent_len, 4);
    assert_int_equal(answer_count, 0);
    assert_false(output_sent());
    device_busy = false;
    pump_all();
    assert_int_equal(answer_count, 1);
    assert_false(output_draining());
}

/* The log comes between two requests, on lines of its own. */
static void log_between(void **state)
{
    (void)state;
    assert_int_equal(put(CLIENT, "prompt> "), 0);
    pump_all();
    log_text = "2    0.1 not shown\n1    1.5 shown\n0    2.5 too\n";
    output_log_from(0);
    pump_all();
    assert_int_equal(put(CLIENT, "more\n"), 0);
    pump_all();
    sent[sent_len] = '\0';
    assert_string_equal(sent, "prompt> \r\n[   1.5] shown\r\n[   2.5] too\r\nmore\r\n");

    sent_len = 0;
    fill();
    log_text = "1 3.5 later\n";
    output_log_from(0);
    output_log_grown();
    device_room = SIZE_MAX;
    pump_all();
    assert_memory_equal(sent, client_memory, FILL_BYTES);
    sent[sent_len] = '\0';
    assert_string_equal(sent + FILL_BYTES, "\r\n[3.5] later\r\n");
}

static void log_longer_than_the_ring(void **state)
{
    static char text[100000];
    size_t len = 0;

    (void)state;
    while (len < sizeof(text) - 100) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "1 %4zu.000000 line\n", len);
    }
    assert_int_equal(put(CLIENT, "\n"), 0);
    pump_all();
    sent_len = 0;
    log_text = text;
    device_room = 0;
    output_log_from(0);
    output_pump();
    for (unsigned i = 0; room_wanted && i < 100000; i++) {
        device_room = 16;
        output_pump();
    }
    assert_int_equal(sent[0], '[');
    assert_memory_equal(sent + sent_len - 6, "line\r\n", 6);
    assert_true(sent_len > len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(newlines, start_over),
        cmocka_unit_test_setup(fields_checked, start_over),
        cmocka_unit_test_setup(waits_for_room, start_over),
        cmocka_unit_test_setup(client_dies, start_over),
        cmocka_unit_test_setup(caller_calls_again, start_over),
        cmocka_unit_test_setup(queue_is_bounded, start_over),
        cmocka_unit_test_setup(drains, start_over),
        cmocka_unit_test_setup(log_between, start_over),
        cmocka_unit_test_setup(log_longer_than_the_ring, start_over),
    };

    return cmocka_run_group_tests_name("uart16550_output", tests, NULL, NULL);
}
