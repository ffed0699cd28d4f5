/*
 * One request and its answer. The server is a stranger: what it says of lengths and ranges is checked
 * against what was asked for.
 */
#include "wget.h"

#include "../common/sockets.h"

#include <errno.h>
#include <libanole/anole.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRESS_US 1000000ul

/* The answer, as far as it came. */
struct answer {
    int fd;
    struct http_response response;
    struct http_body body;
    char input[TRANSFER_BYTES];
    size_t len; /* of input that wasn't looked at */
};

static struct answer answer;

enum outcome fails(const char *what, const char *text)
{
    fprintf(stderr, "wget: %s: %s\n", what, text);
    return OUTCOME_FAILED;
}

/* ---- the connection ---- */

/* A connected socket, or -1 with *outcome. */
static int connect_to(const struct http_url *url, enum outcome *outcome)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
    int error = getaddrinfo(url->host, url->port, &hints, &address);

    if (error != 0) {
        *outcome = fails(url->host, gai_strerror(error));
        return -1;
    }
    int fd = socket(address->ai_family, SOCK_STREAM, 0);
    bool well = fd >= 0 && socket_patience_both(fd, PATIENCE_MS) &&
                connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    freeaddrinfo(address);
    if (well)
        return fd;
    (void)fails(url->host, strerror(errno));
    *outcome = OUTCOME_BROKEN;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool ask(int fd, const struct download *download)
{
    static char text[HTTP_HEAD_MAX];
    const struct http_url *url = &download->url;
    bool v6 = strchr(url->host, ':') != NULL;
    char range[HTTP_ETAG_MAX + 64] = "";

    if (download->target.bytes > 0)
        snprintf(range, sizeof(range), "Range: bytes=%llu-\r\nIf-Range: %s\r\n",
                 (unsigned long long)download->target.bytes, download->etag);
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: Anole wget\r\n"
                       "Connection: close\r\n%s\r\n",
                       url->target, v6 ? "[" : "", url->host, v6 ? "]" : "", url->port, range);
    return send(fd, text, (size_t)len, 0) == len;
}

/* More of the answer. False: its end, or the connection's. */
static bool receive_more(void)
{
    ssize_t got = recv(answer.fd, answer.input + answer.len, sizeof(answer.input) - answer.len, 0);

    answer.len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Reads heads until one is final: OUTCOME_DONE. */
static enum outcome head_read(const char *host)
{
    for (;;) {
        int head = http_response_read(answer.input, answer.len, &answer.response);
        if (head < 0)
            return fails(host, "what it answers is no HTTP");
        answer.len -= (size_t)head;
        memmove(answer.input, answer.input + head, answer.len);
        if (head > 0 && answer.response.status >= 200)
            return OUTCOME_DONE;
        if (head == 0 && !receive_more())
            return OUTCOME_BROKEN;
    }
}

/* ---- the content ---- */

static void progress(struct download *download)
{
    const struct target *target = &download->target;

    if (download->quiet || ticks_now() - download->told_ticks < ticks_from_us(PROGRESS_US))
        return;
    download->told_ticks = ticks_now();
    if (download->size_known && download->size > 0)
        fprintf(stderr, "%llu of %llu bytes\n", (unsigned long long)target->bytes,
                (unsigned long long)download->size);
    else
        fprintf(stderr, "%llu bytes\n", (unsigned long long)target->bytes);
}

static enum outcome content_read(struct download *download)
{
    struct http_text content;

    while (!http_body_done(&answer.body)) {
        if (answer.len == 0 && !receive_more())
            return answer.body.state == HTTP_BODY_TO_END ? OUTCOME_DONE : OUTCOME_BROKEN;
        struct http_text input = {answer.input, answer.len};
        while (input.len > 0 && !http_body_done(&answer.body)) {
            if (http_body_take(&answer.body, &input, &content) != 0)
                return fails(download->url.host, "a chunk of the content is no chunk");
            if (!target_add(&download->target, content))
                return fails(download->target.name, strerror(errno));
        }
        answer.len = 0;
        progress(download);
    }
    return OUTCOME_DONE;
}

/* Whether the answer goes on where the last one broke off, or is a first one. */
static bool fits(const struct download *download)
{
    const struct http_response *response = &answer.response;

    if (download->target.bytes == 0)
        return response->status == 200;
    return response->status == 206 && response->has_range &&
           response->range_first == download->target.bytes &&
           strcmp(response->etag, download->etag) == 0;
}

static enum outcome moved(struct download *download)
{
    if (download->target.bytes > 0 || !http_url_follow(&download->url, answer.response.location))
        return fails(answer.response.location, "the redirection leads nowhere");
    return OUTCOME_MOVED;
}

static enum outcome answer_take(struct download *download)
{
    const struct http_response *response = &answer.response;
    char status[16];

    if (response->status >= 301 && response->status <= 308 && response->location[0])
        return moved(download);
    if (!fits(download)) {
        snprintf(status, sizeof(status), "%u", response->status);
        return fails(status, download->target.bytes > 0 ? "it doesn't go on where it broke off"
                                                        : http_status_text(response->status));
    }
    if (download->target.bytes == 0) {
        strcpy(download->etag, response->etag);
        download->size_known = response->length.known;
        download->size = response->length.bytes;
    }
    if (!target_open(&download->target))
        return fails(download->target.name, strerror(errno));
    http_body_begin(&answer.body, &response->length, true);
    return content_read(download);
}

enum outcome exchange(struct download *download)
{
    enum outcome outcome = OUTCOME_BROKEN;

    answer.len = 0;
    answer.fd = connect_to(&download->url, &outcome);
    if (answer.fd < 0)
        return outcome;
    if (ask(answer.fd, download))
        outcome = head_read(download->url.host);
    if (outcome == OUTCOME_DONE)
        outcome = answer_take(download);
    (void)close(answer.fd);
    return outcome;
}
