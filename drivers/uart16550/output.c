/*
 * Output: requests and kernel log to the transmit ring, the ring to the device. Called by main.c
 * for every tty request that writes, before every wait and for every interrupt.
 */
#include "output.h"
#include "klog.h"
#include "ring.h"
#include "uart.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/tty.h>
#include <string.h>

#define PUMP_BYTES 4096u /* sent in one go at most: requests and input wait meanwhile */
#define CHUNK_BYTES 1024u
#define MORE 1 /* a request goes on when there is room */

enum output_kind { OUTPUT_NONE, OUTPUT_PUT, OUTPUT_WRITE, OUTPUT_DRAIN };

struct output_request {
    enum output_kind kind; /* NONE: given up; its place is passed over */
    struct ipc_delivery delivery;
    uint32_t done, len; /* bytes */
};

static uint8_t ring_bytes[OUTPUT_RING_BYTES];
static struct ring ring = {.bytes = ring_bytes, .size = OUTPUT_RING_BYTES};
static struct output_request queue[OUTPUT_REQUESTS];
static uint32_t queue_head, queue_tail; /* where the next goes, where the oldest is; run freely */
static bool line_open;                  /* the last byte queued was no newline */
static struct klog_filter log_filter;
static uint64_t log_position;
static bool log_pending;

/* ---- bytes ---- */

/* How many bytes surely fit, each of which may become two. */
static size_t text_room(void)
{
    return ring_room(&ring) / 2;
}

static void text_add(const void *text, size_t len)
{
    const uint8_t *bytes = text;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            (void)ring_put(&ring, '\r');
        }
        (void)ring_put(&ring, bytes[i]);
    }
    if (len > 0) {
        line_open = bytes[len - 1] != '\n';
    }
}

static size_t ring_send(size_t budget)
{
    size_t sent = 0, room;
    uint8_t byte;

    while (sent < budget && ring_used(&ring) > 0 && (room = uart_room()) > 0) {
        for (; room > 0 && ring_get(&ring, &byte); room--) {
            uart_put(byte);
            sent++;
        }
    }
    return sent;
}

/* ---- one request ---- */

static int put_advance(struct output_request *request)
{
    const uint8_t *text = (const uint8_t *)&request->delivery.message.word[1];
    size_t len = request->len - request->done;

    len = len < text_room() ? len : text_room();
    text_add(text + request->done, len);
    request->done += (uint32_t)len;
    return request->done < request->len ? MORE : 0;
}

static int write_advance(struct output_request *request)
{
    static uint8_t chunk[CHUNK_BYTES];
    const struct message *message = &request->delivery.message;

    while (request->done < request->len) {
        size_t len = request->len - request->done;
        int error;

        len = len < text_room() ? len : text_room();
        len = len < CHUNK_BYTES ? len : CHUNK_BYTES;
        if (len == 0) {
            return MORE;
        }
        error = kcall_copy(message->endpoint, message->word[1], message->word[2] + request->done,
                           chunk, len, COPY_FROM_GRANT);
        if (error) {
            return error;
        }
        text_add(chunk, len);
        request->done += (uint32_t)len;
    }
    return 0;
}

/* Takes a request as far as there is room: MORE, 0 when it is done, or -error. */
static int request_advance(struct output_request *request)
{
    switch (request->kind) {
    case OUTPUT_PUT:
        return put_advance(request);
    case OUTPUT_WRITE:
        return write_advance(request);
    case OUTPUT_DRAIN:
        return output_sent() ? 0 : MORE;
    case OUTPUT_NONE:
        break;
    }
    return 0;
}

/* ---- the queue ---- */

static struct output_request *queue_at(uint32_t index)
{
    return &queue[index % OUTPUT_REQUESTS];
}

/* The caller has called anew, so nobody waits for its older request. */
static void queue_drop_caller(endpoint_t caller)
{
    for (uint32_t i = queue_tail; i != queue_head; i++) {
        if (queue_at(i)->delivery.message.endpoint == caller) {
            queue_at(i)->kind = OUTPUT_NONE;
        }
    }
}

/* Serves the requests at the head for as long as there is room. True if any was finished. */
static bool queue_advance(void)
{
    bool finished = false;

    while (queue_tail != queue_head) {
        struct output_request *request = queue_at(queue_tail);
        int status = request_advance(request);

        if (status == MORE) {
            break;
        }
        if (request->kind != OUTPUT_NONE) {
            service_reply(&request->delivery, status);
        }
        queue_tail++;
        finished = true;
    }
    return finished;
}

/* Serves the request at once if it can be, else queues it. */
static int request_start(enum output_kind kind, struct ipc_delivery *delivery, uint32_t len)
{
    struct output_request request = {.kind = kind, .delivery = *delivery, .len = len};

    queue_drop_caller(delivery->message.endpoint);
    if (queue_tail == queue_head) {
        int status = request_advance(&request);

        if (status != MORE) {
            return status;
        }
    }
    if (queue_head - queue_tail == OUTPUT_REQUESTS) {
        return -ANOLE_EBUSY;
    }
    *queue_at(queue_head++) = request;
    return SERVICE_NO_REPLY;
}

int output_put(struct ipc_delivery *request)
{
    if (request->message.word[0] > TTY_INLINE_MAX) {
        return -ANOLE_EINVAL;
    }
    return request_start(OUTPUT_PUT, request, (uint32_t)request->message.word[0]);
}

int output_write(struct ipc_delivery *request)
{
    uint64_t end;

    if (request->message.word[3] > TTY_WRITE_MAX) {
        return -ANOLE_EINVAL;
    }
    if (__builtin_add_overflow(request->message.word[2], request->message.word[3], &end)) {
        return -ANOLE_ERANGE;
    }
    return request_start(OUTPUT_WRITE, request, (uint32_t)request->message.word[3]);
}

int output_drain(struct ipc_delivery *request)
{
    return request_start(OUTPUT_DRAIN, request, 0);
}

/* ---- the kernel's log ---- */

void output_log_from(uint64_t position)
{
    log_position = position;
    log_pending = true;
}

void output_log_grown(void)
{
    log_pending = true;
}

/* One piece of the log: false if there is no more of it. */
static bool log_piece(bool *first)
{
    static char text[CHUNK_BYTES / 2], shown[KLOG_SHOWN_MAX(sizeof(text))];
    size_t count = 0, len;

    if (kcall_log_read(log_position, text, sizeof(text), &log_position, &count) || count == 0 ||
        count > sizeof(text)) {
        return false;
    }
    len = klog_filter(&log_filter, text, count, shown);
    if (len > 0 && line_open && *first) {
        text_add("\n", 1);
    }
    text_add(shown, len);
    *first = *first && len == 0;
    return true;
}

/* Between two requests, not within one; a line that is open then is ended first. */
static void log_advance(void)
{
    bool first = true;

    if (queue_tail != queue_head && queue_at(queue_tail)->done > 0) {
        return;
    }
    while (log_pending && text_room() > CHUNK_BYTES) {
        log_pending = log_piece(&first);
    }
}

/* ---- moving on ---- */

void output_pump(void)
{
    size_t budget = PUMP_BYTES, sent;

    do {
        log_advance();
        queue_advance();
        sent = ring_send(budget);
        budget -= sent < budget ? sent : budget;
    } while (sent > 0 && budget > 0);
    uart_want_room(ring_used(&ring) > 0);
}

bool output_draining(void)
{
    return queue_tail != queue_head && queue_at(queue_tail)->kind == OUTPUT_DRAIN;
}

bool output_sent(void)
{
    return ring_used(&ring) == 0 && uart_idle();
}
