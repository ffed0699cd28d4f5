/*
 * Answers: from a request to a head and the bytes behind it (RFC 9110, 13 to 15).
 */
#include "httpd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Adds to the head. All that is ever added fits: ANSWER_HEAD_MAX is made for the longest path. */
__attribute__((format(printf, 2, 3))) static void add(struct answer *answer, const char *format,
                                                      ...)
{
    size_t room = sizeof(answer->head) - answer->head_len;
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(answer->head + answer->head_len, room, format, arguments);
    va_end(arguments);
    if (len > 0)
        answer->head_len += (size_t)len < room ? (size_t)len : room - 1;
}

static void begin(struct answer *answer, const struct http_request *request, unsigned status)
{
    answer->head_len = 0;
    add(answer, "HTTP/1.1 %u %s\r\nServer: Anole\r\n", status, http_status_text(status));
    if (!request->keep_alive)
        add(answer, "Connection: close\r\n");
    else if (!request->version_1_1)
        add(answer, "Connection: keep-alive\r\n");
}

/* The rest of a head, and a line of text as the content. */
static void finish(struct answer *answer, const struct http_request *request, const char *fields,
                   const char *text)
{
    add(answer, "%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s",
        fields, strlen(text), request->method == HTTP_HEAD ? "" : text);
}

void answer_status(struct answer *answer, const struct http_request *request, unsigned status,
                   const char *fields)
{
    char text[64];

    answer_end(answer);
    begin(answer, request, status);
    snprintf(text, sizeof(text), "%u %s\n", status, http_status_text(status));
    finish(answer, request, fields, text);
}

void answer_text(struct answer *answer, const struct http_request *request, const char *text)
{
    answer_end(answer);
    begin(answer, request, 200);
    finish(answer, request, "", text);
}

void answer_continue(struct answer *answer)
{
    answer_end(answer);
    add(answer, "HTTP/1.1 100 %s\r\n\r\n", http_status_text(100));
}

static void answer_moved(struct answer *answer, const struct http_request *request)
{
    struct page fields = {0};

    page_add(&fields, "Location: ");
    page_add_path(&fields, request->path);
    page_add(&fields, "/\r\n");
    answer_status(answer, request, fields.failed ? 503 : 301, fields.failed ? "" : fields.text);
    page_drop(&fields);
}

/* 206 with its part, or 416. */
static unsigned range_choose(struct answer *answer, const struct http_request *request)
{
    const struct document *document = &answer->document;
    uint64_t count;

    answer->at = 0;
    answer->end = document->size;
    /* A range of what it isn't any more is of no use (RFC 9110, 13.1.5). */
    if (!request->range.wanted || document->etag[0] == '\0' ||
        (request->if_range[0] && strcmp(request->if_range, document->etag) != 0))
        return 200;
    if (!http_range_fit(&request->range, document->size, &answer->at, &count))
        return 416;
    answer->end = answer->at + count;
    return 206;
}

static void document_head(struct answer *answer, const struct http_request *request,
                          unsigned status)
{
    const struct document *document = &answer->document;
    unsigned long long at = answer->at, end = answer->end;

    begin(answer, request, status);
    if (status != 304)
        add(answer, "Content-Type: %s\r\nContent-Length: %llu\r\n", document->type, end - at);
    if (status == 206)
        add(answer, "Content-Range: bytes %llu-%llu/%llu\r\n", at, end - 1,
            (unsigned long long)document->size);
    if (document->etag[0])
        add(answer, "Accept-Ranges: bytes\r\nETag: %s\r\n\r\n", document->etag);
    else
        add(answer, "Cache-Control: no-store\r\n\r\n");
    if (status == 304 || request->method == HTTP_HEAD)
        answer->at = answer->end;
}

void answer_find(struct answer *answer, const struct http_request *request)
{
    char fields[64];

    answer_end(answer);
    unsigned status = tree_find(request->path, &answer->document);
    if (status == 301) {
        answer_moved(answer, request);
        return;
    }
    if (status != 200) {
        answer_status(answer, request, status, "");
        return;
    }
    const char *etag = answer->document.etag;
    if (etag[0] && request->if_none_match[0] && http_tag_matches(request->if_none_match, etag))
        status = 304;
    else
        status = range_choose(answer, request);
    if (status == 416) {
        snprintf(fields, sizeof(fields), "Content-Range: bytes */%llu\r\n",
                 (unsigned long long)answer->document.size);
        answer_status(answer, request, status, fields);
        return;
    }
    document_head(answer, request, status);
}

void answer_end(struct answer *answer)
{
    document_close(&answer->document);
    answer->at = answer->end = 0;
    answer->head_len = 0;
}
