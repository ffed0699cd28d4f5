/*
 * Input: typed bytes to readers, Ctrl-C to pm. Called by main.c for every interrupt and every
 * TTY_READ.
 */
#include "input.h"
#include "ring.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/pm.h>
#include <proto/tty.h>

#define CTRL_C 3
#define PM_NAME "pm"
#define PM_TIMEOUT_US 1000000u
#define PM_RETRY_US 5000u
#define PM_PATIENCE_US 2000000u /* for a pm that is about to come back */

static uint8_t ring_bytes[INPUT_RING_BYTES];
static struct ring ring = {.bytes = ring_bytes, .size = INPUT_RING_BYTES};
static struct reader {
    struct ipc_delivery request;
    endpoint_t process;
} readers[INPUT_READERS]; /* oldest first */
static unsigned reader_count;
static uint64_t lost;
static endpoint_t pm = ENDPOINT_NONE;
static uint64_t owed_until; /* a Ctrl-C that pm wasn't there to take; ticks, 0: none */

/* ---- readers ---- */

static void reader_remove(unsigned index)
{
    reader_count--;
    for (unsigned i = index; i < reader_count; i++) {
        readers[i] = readers[i + 1];
    }
}

/* Forgets the caller's own older request, which it stopped waiting for. False: another thread of its
 * process is reading. */
static bool process_may_read(endpoint_t process, endpoint_t caller)
{
    for (unsigned i = 0; i < reader_count; i++) {
        if (readers[i].process == process) {
            endpoint_t reader = readers[i].request.message.endpoint;

            if (reader != caller && endpoint_is_alive(reader)) {
                return false;
            }
            reader_remove(i);
            return true;
        }
    }
    return true;
}

static void readers_purge(void)
{
    unsigned i = 0;

    while (i < reader_count) {
        if (!endpoint_is_alive(readers[i].request.message.endpoint)) {
            reader_remove(i);
        } else {
            i++;
        }
    }
}

/* Answers the oldest reader with the oldest bytes; they stay if it is gone. */
static void reader_answer(void)
{
    struct ipc_delivery reader = readers[0].request;
    uint64_t most = reader.message.word[0];
    size_t count = ring_peek(&ring, (uint8_t *)&reader.message.word[1],
                             most < TTY_INLINE_MAX ? most : TTY_INLINE_MAX);

    reader_remove(0);
    reader.message.type = 0;
    reader.message.word[0] = count;
    if (!ipc_reply(&reader.message, reader.call_id)) {
        ring_drop(&ring, count);
    }
}

void input_deliver(void)
{
    while (reader_count > 0 && ring_used(&ring) > 0) {
        reader_answer();
    }
}

int input_read(struct ipc_delivery *request)
{
    struct reader reader = {.request = *request};
    unsigned service_id;
    int error;

    if (request->message.word[0] == 0) {
        return -ANOLE_EINVAL;
    }
    error = kcall_endpoint_info(request->message.endpoint, &reader.process, &service_id);
    if (error) {
        return error; /* it is gone already */
    }
    if (!process_may_read(reader.process, request->message.endpoint)) {
        return -ANOLE_EBUSY;
    }
    if (reader_count == INPUT_READERS) {
        readers_purge();
    }
    if (reader_count == INPUT_READERS) {
        return -ANOLE_EBUSY;
    }
    readers[reader_count++] = reader;
    input_deliver();
    return SERVICE_NO_REPLY;
}

/* ---- bytes ---- */

static void input_put(uint8_t byte)
{
    if (!ring_put(&ring, byte)) {
        lost++;
    }
}

/* Asks pm to kill the foreground program. 1: done; 0: there is none; -EAGAIN: pm is coming back. */
static int interrupt_try(void)
{
    struct message message = {0};
    int error = 0;

    if (pm == ENDPOINT_NONE) {
        error = name_lookup(PM_NAME, &pm);
    }
    if (!error) {
        error = anole_call(pm, PM_INTERRUPT, &message, deadline_in_us(PM_TIMEOUT_US));
    }
    if (error) {
        pm = ENDPOINT_NONE; /* looked up anew the next time */
        return error == -ANOLE_EDEADENDPOINT || error == -ANOLE_EAGAIN ? -ANOLE_EAGAIN : 0;
    }
    return message.word[0] == 1;
}

void input_byte(uint8_t byte)
{
    int status = byte == CTRL_C && owed_until == 0 ? interrupt_try() : 0;

    if (status == -ANOLE_EAGAIN) {
        owed_until = deadline_in_us(PM_PATIENCE_US);
    } else if (status == 0) {
        input_put(byte);
    }
}

uint64_t input_deadline(void)
{
    return owed_until != 0 ? deadline_in_us(PM_RETRY_US) : DEADLINE_NEVER;
}

void input_retry(void)
{
    int status;

    if (owed_until == 0) {
        return;
    }
    status = interrupt_try();
    if (status == -ANOLE_EAGAIN && ticks_now() < owed_until) {
        return;
    }
    owed_until = 0;
    if (status != 1) {
        input_put(CTRL_C);
        input_deliver();
    }
}

uint64_t input_lost(void)
{
    return lost;
}
