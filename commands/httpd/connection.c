/*
 * One connection. It reads a request's head, then its body, then sends the answer, and begins anew: what
 * a client sends ahead waits. A client that is slow has deadlines, one that sends rubbish gets a
 * status, and the connection ends.
 */
#include "httpd.h"

#include <errno.h>
#include <libanole/anole.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum state {
    READS_HEAD,
    READS_BODY,
    ANSWERS,
    LINGERS, /* all is said; the client's last bytes are waited for, or a reset would overtake it */
    OVER,
};

struct connection {
    int fd;
    enum state state;
    enum state then;           /* behind an answer */
    uint64_t deadline;         /* of the state */
    uint64_t begun;            /* when the request's first byte came; 0: it hasn't */
    char input[HTTP_HEAD_MAX]; /* read, and not looked at yet */
    size_t input_len;
    struct http_request request;
    struct http_body body;
    uint64_t body_bytes;
    uint64_t body_max;
    bool upload;
    struct sha256 sha; /* of an upload */
    struct answer answer;
    size_t head_sent;
};

uint64_t request_us = 10000000;
static char buffer[ANSWER_HEAD_MAX + MOVED_AT_ONCE]; /* of the connection that has its turn */

/* ---- from state to state ---- */

static void waits_for_request(struct connection *connection)
{
    connection->state = READS_HEAD;
    connection->begun = 0;
    connection->deadline = deadline_in_us(IDLE_US);
}

static void lingers(struct connection *connection)
{
    connection->state = LINGERS;
    connection->deadline = deadline_in_us(LINGER_US);
    connection->input_len = 0;
    if (shutdown(connection->fd, SHUT_WR) != 0)
        connection->state = OVER;
}

/* Sends what stands in connection->answer. */
static void answers(struct connection *connection, enum state then)
{
    connection->state = ANSWERS;
    connection->then = then;
    connection->head_sent = 0;
    connection->deadline = deadline_in_us(STALL_US);
}

/* Refuses the request; what follows in the stream can't be told from its body. */
static void fails(struct connection *connection, unsigned status)
{
    connection->request.keep_alive = false;
    connection->request.method = HTTP_GET;
    answer_status(&connection->answer, &connection->request, status, "");
    answers(connection, LINGERS);
}

/* ---- requests ---- */

static void consume(struct connection *connection, size_t len)
{
    connection->input_len -= len;
    memmove(connection->input, connection->input + len, connection->input_len);
}

static enum state after_answer(const struct connection *connection)
{
    return connection->request.keep_alive ? READS_HEAD : LINGERS;
}

/* The request is whole. */
static void request_done(struct connection *connection)
{
    const struct http_request *request = &connection->request;
    struct answer *answer = &connection->answer;
    char text[SHA256_TEXT + 32], digest[SHA256_TEXT];

    if (connection->upload) {
        sha256_end(&connection->sha, digest);
        snprintf(text, sizeof(text), "%llu %s\n", (unsigned long long)connection->body_bytes,
                 digest);
        answer_text(answer, request, text);
    } else if (request->method == HTTP_GET || request->method == HTTP_HEAD) {
        answer_find(answer, request);
    } else if (request->method == HTTP_OTHER) {
        answer_status(answer, request, 501, "");
    } else {
        answer_status(answer, request, 405, "Allow: GET, HEAD\r\n");
    }
    answers(connection, after_answer(connection));
}

/* Takes what belongs to the body off the input. */
static void body_take(struct connection *connection, struct http_text *input)
{
    struct http_text content;

    while (connection->state == READS_BODY) {
        if (http_body_done(&connection->body)) {
            request_done(connection);
            return;
        }
        if (input->len == 0)
            return;
        if (http_body_take(&connection->body, input, &content) != 0) {
            fails(connection, 400);
            return;
        }
        connection->body_bytes += content.len;
        if (connection->body_bytes > connection->body_max)
            fails(connection, 413);
        else if (connection->upload)
            sha256_add(&connection->sha, content.start, content.len);
    }
}

/* The head is there: the body comes next, if there is one. */
static void request_begins(struct connection *connection)
{
    struct http_request *request = &connection->request;
    bool sends = request->method == HTTP_PUT || request->method == HTTP_POST;

    connection->upload = sends && strcmp(request->path, "/upload") == 0;
    connection->body_max = connection->upload ? UPLOAD_MAX : SKIPPED_MAX;
    connection->body_bytes = 0;
    connection->state = READS_BODY;
    http_body_begin(&connection->body, &request->length, false);
    sha256_begin(&connection->sha);
    struct http_text input = {connection->input, connection->input_len};
    if (connection->upload && !request->length.known && !request->length.chunked)
        fails(connection, 411);
    else if (request->length.bytes > connection->body_max)
        fails(connection, 413);
    else
        body_take(connection, &input);
    consume(connection, connection->input_len - input.len);
    if (connection->state == READS_BODY && request->expects_continue) {
        answer_continue(&connection->answer);
        answers(connection, READS_BODY);
    }
}

/* Looks at the input for a head. */
static void request_look(struct connection *connection)
{
    if (connection->input_len == 0)
        return;
    if (connection->begun == 0) {
        connection->begun = ticks_now();
        connection->deadline = deadline_in_us(request_us);
    }
    int len = http_request_read(connection->input, connection->input_len, &connection->request);
    if (len < 0)
        fails(connection, (unsigned)-len);
    if (len <= 0)
        return;
    consume(connection, (size_t)len);
    request_begins(connection);
}

/* ---- reading ---- */

/* More from the socket. False: there is none, now or ever. */
static bool receives(struct connection *connection, void *to, size_t room, size_t *len)
{
    ssize_t got = recv(connection->fd, to, room, 0);

    *len = got > 0 ? (size_t)got : 0;
    if (got == 0 || (got < 0 && errno != EAGAIN))
        connection->state = OVER;
    return got > 0;
}

static void head_step(struct connection *connection)
{
    size_t len;

    /* There is room: a full buffer is a head or an error. */
    if (receives(connection, connection->input + connection->input_len,
                 sizeof(connection->input) - connection->input_len, &len)) {
        connection->input_len += len;
        request_look(connection);
    }
}

/* The input is empty. What is read at once must fit into it, if it turns out to be the next request. */
static void body_step(struct connection *connection)
{
    bool counted = connection->body.state == HTTP_BODY_BYTES;
    size_t room = counted ? MOVED_AT_ONCE : sizeof(connection->input), len;

    if (counted && connection->body.left < room)
        room = (size_t)connection->body.left;
    if (!receives(connection, buffer, room, &len))
        return;
    connection->deadline = connection->begun + ticks_from_us(request_us) +
                           ticks_from_us(connection->body_bytes * (1000000 / BODY_RATE));
    struct http_text input = {buffer, len};
    body_take(connection, &input);
    memcpy(connection->input, input.start, input.len);
    connection->input_len = input.len;
}

/* Reads and forgets until the client ends, too. */
static void linger_step(struct connection *connection)
{
    size_t len;

    (void)receives(connection, buffer, sizeof(buffer), &len);
}

/* ---- sending ---- */

/* What comes next of the head and the content; 0: the content can't be had. */
static size_t answer_fill(const struct connection *connection, size_t *head)
{
    const struct answer *answer = &connection->answer;
    uint64_t left = answer->end - answer->at;
    size_t content = left < MOVED_AT_ONCE ? (size_t)left : MOVED_AT_ONCE;

    *head = answer->head_len - connection->head_sent;
    memcpy(buffer, answer->head + connection->head_sent, *head);
    if (content > 0 &&
        !answer->document.read(&answer->document, answer->at, buffer + *head, content))
        return 0;
    return *head + content;
}

static void answer_over(struct connection *connection)
{
    answer_end(&connection->answer);
    if (connection->then == LINGERS) {
        lingers(connection);
    } else if (connection->then == READS_BODY) {
        connection->state = READS_BODY;
        connection->deadline = deadline_in_us(request_us);
    } else {
        waits_for_request(connection);
        request_look(connection);
    }
}

static void answer_step(struct connection *connection)
{
    struct answer *answer = &connection->answer;
    size_t head, len = answer_fill(connection, &head);
    ssize_t sent = len > 0 ? send(connection->fd, buffer, len, 0) : 0;

    if (len == 0 || (sent < 0 && errno != EAGAIN)) {
        connection->state = OVER;
        return;
    }
    if (sent < 0)
        return;
    size_t of_head = (size_t)sent < head ? (size_t)sent : head;
    connection->head_sent += of_head;
    answer->at += (size_t)sent - of_head;
    connection->deadline = deadline_in_us(STALL_US);
    if (connection->head_sent == answer->head_len && answer->at == answer->end)
        answer_over(connection);
}

/* ---- for main.c ---- */

struct connection *connection_open(int fd, bool refused)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->fd = fd;
    waits_for_request(connection);
    if (refused)
        fails(connection, 503);
    return connection;
}

void connection_close(struct connection *connection)
{
    answer_end(&connection->answer);
    (void)close(connection->fd);
    free(connection);
}

int connection_fd(const struct connection *connection)
{
    return connection->fd;
}

short connection_events(const struct connection *connection)
{
    return connection->state == ANSWERS ? POLLOUT : POLLIN;
}

uint64_t connection_deadline(const struct connection *connection)
{
    return connection->deadline;
}

bool connection_is_idle(const struct connection *connection)
{
    return connection->state == READS_HEAD && connection->begun == 0;
}

/* Too late. A request that began is answered; who only keeps a connection open isn't. */
static void too_late(struct connection *connection)
{
    bool reads = connection->state == READS_HEAD || connection->state == READS_BODY;

    if (reads && connection->begun != 0)
        fails(connection, 408);
    else
        connection->state = OVER;
}

bool connection_step(struct connection *connection)
{
    static void (*const steps[])(struct connection * connection) = {
        [READS_HEAD] = head_step,
        [READS_BODY] = body_step,
        [ANSWERS] = answer_step,
        [LINGERS] = linger_step,
    };
    enum state before = connection->state;

    steps[before](connection);
    if (connection->state == before && connection->deadline <= ticks_now())
        too_late(connection);
    return connection->state != OVER;
}
