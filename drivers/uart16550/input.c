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

static uint8_t ring_bytes[INPUT_RING_BYTES];
static struct ring ring = {.bytes = ring_bytes, .size = INPUT_RING_BYTES};
static struct ipc_delivery readers[INPUT_READERS]; /* oldest first */
static unsigned reader_count;
static uint64_t lost;
static endpoint_t pm = ENDPOINT_NONE;

/* ---- readers ---- */

static void reader_remove(unsigned index)
{
    reader_count--;
    for (unsigned i = index; i < reader_count; i++) {
        readers[i] = readers[i + 1];
    }
}

/* Forgets those that are dead, and the caller's own older request: it stopped waiting for it. */
static void readers_purge(endpoint_t caller)
{
    unsigned i = 0;

    while (i < reader_count) {
        endpoint_t reader = readers[i].message.endpoint, process;
        unsigned service_id;

        if (reader == caller || kcall_endpoint_info(reader, &process, &service_id)) {
            reader_remove(i);
        } else {
            i++;
        }
    }
}

/* Answers the oldest reader with the oldest bytes; they stay if it is gone. */
static void reader_answer(void)
{
    struct ipc_delivery reader = readers[0];
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
    if (request->message.word[0] == 0) {
        return -ANOLE_EINVAL;
    }
    readers_purge(request->message.endpoint);
    if (reader_count == INPUT_READERS) {
        return -ANOLE_EBUSY;
    }
    readers[reader_count++] = *request;
    input_deliver();
    return SERVICE_NO_REPLY;
}

/* ---- bytes ---- */

/* True if pm had a foreground program and has killed it. */
static bool interrupt_foreground(void)
{
    struct message message = {0};
    int error;

    if (pm == ENDPOINT_NONE && name_lookup(PM_NAME, &pm)) {
        pm = ENDPOINT_NONE;
        return false;
    }
    error = anole_call(pm, PM_INTERRUPT, &message, deadline_in_us(PM_TIMEOUT_US));
    if (error) {
        pm = ENDPOINT_NONE; /* looked up anew the next time */
        return false;
    }
    return message.word[0] == 1;
}

void input_byte(uint8_t byte)
{
    if (byte == CTRL_C && interrupt_foreground()) {
        return;
    }
    if (!ring_put(&ring, byte)) {
        lost++;
    }
}

uint64_t input_lost(void)
{
    return lost;
}
