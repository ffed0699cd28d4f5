/*
 * From bytes to a request, for a server.
 */
#include "http.h"

#include <string.h>
#include <strings.h>

static enum http_method method_of(struct http_text text)
{
    return http_is(text, "GET")    ? HTTP_GET
           : http_is(text, "HEAD") ? HTTP_HEAD
           : http_is(text, "PUT")  ? HTTP_PUT
           : http_is(text, "POST") ? HTTP_POST
                                   : HTTP_OTHER;
}

/* "bytes=1-2", "bytes=1-", "bytes=-2". Others, and several ranges, may be ignored (RFC 9110, 14.2). */
static void range_read(struct http_text value, struct http_range *range)
{
    struct http_text unit = http_until(&value, '=');
    uint64_t first = 0, last = UINT64_MAX;

    if (!http_is_word(unit, "bytes") || !value.len || !memchr(value.start, '-', value.len))
        return;
    struct http_text left = http_until(&value, '-');
    if (left.len == 0 && value.len == 0)
        return;
    if (left.len > 0 && !http_number(left, &first))
        return;
    if (value.len > 0 && !http_number(value, left.len > 0 ? &last : &first))
        return;
    if (last < first)
        return;
    *range = (struct http_range){true, left.len == 0, first, last};
}

/* A tag that is too long is as good as another one. */
static void tag_read(struct http_text value, char tag[HTTP_ETAG_MAX + 1])
{
    size_t len = value.len <= HTTP_ETAG_MAX ? value.len : 0;

    memcpy(tag, value.start, len);
    tag[len] = '\0';
    if (len == 0)
        strcpy(tag, "-"); /* there was one, and it is none of ours: those have quotes */
}

/* What reading the fields needs besides the request. */
struct reading {
    struct http_request *request;
    bool host;
};

static int field_read(void *context, struct http_text name, struct http_text value)
{
    struct reading *reading = context;
    struct http_request *request = reading->request;

    if (http_is_word(name, "Host")) {
        if (reading->host)
            return HTTP_FAILED;
        reading->host = true;
    } else if (http_is_word(name, "Connection")) {
        if (http_lists(value, "close"))
            request->keep_alive = false;
        else if (http_lists(value, "keep-alive"))
            request->keep_alive = true;
    } else if (http_is_word(name, "Range")) {
        range_read(value, &request->range);
    } else if (http_is_word(name, "If-None-Match")) {
        tag_read(value, request->if_none_match);
    } else if (http_is_word(name, "If-Range")) {
        tag_read(value, request->if_range);
    } else if (http_is_word(name, "Expect")) {
        if (!http_is_word(value, "100-continue"))
            return -417;
        request->expects_continue = request->version_1_1;
    }
    return http_length_field(&request->length, name, value);
}

/* 0, or what is wrong with "METHOD TARGET VERSION". */
static int first_line(struct http_text line, struct http_request *request)
{
    struct http_text method = http_until(&line, ' '), target = http_until(&line, ' ');

    if (!http_is_token(method) || line.len != 8 || memcmp(line.start, "HTTP/", 5) != 0)
        return HTTP_FAILED;
    request->method = method_of(method);
    request->version_1_1 = http_is(line, "HTTP/1.1");
    request->keep_alive = request->version_1_1;
    if (!request->version_1_1 && !http_is(line, "HTTP/1.0"))
        return -505;
    return http_path_read(target, request->path);
}

/* It is too long: is that the fault of its first line? */
static int too_long(const char *bytes, size_t len)
{
    return memchr(bytes, '\n', len) ? -431 : -414;
}

int http_request_read(const char *bytes, size_t len, struct http_request *request)
{
    size_t whole = http_head_len(bytes, len);
    struct http_text head = {bytes, whole};
    struct http_text line = {bytes, 0};
    struct reading reading = {.request = request};

    if (whole > HTTP_HEAD_MAX || (whole == 0 && len >= HTTP_HEAD_MAX))
        return too_long(bytes, HTTP_HEAD_MAX);
    if (whole == 0)
        return 0;
    *request = (struct http_request){0};
    while (line.len == 0)
        line = http_line(&head);
    int error = first_line(line, request);
    if (!error)
        error = http_fields(head, field_read, &reading);
    if (!error && request->version_1_1 && !reading.host)
        error = HTTP_FAILED;
    return error ? error : (int)whole;
}

bool http_range_fit(const struct http_range *range, uint64_t size, uint64_t *first, uint64_t *count)
{
    if (size == 0)
        return false;
    if (range->from_end) {
        *count = range->first < size ? range->first : size;
        *first = size - *count;
        return *count > 0;
    }
    uint64_t last = range->last < size ? range->last : size - 1;
    if (range->first >= size)
        return false;
    *first = range->first;
    *count = last - *first + 1;
    return true;
}

bool http_tag_matches(const char *list, const char *tag)
{
    struct http_text rest = {list, strlen(list)};

    while (rest.len > 0) {
        struct http_text one = http_trimmed(http_until(&rest, ','));
        if (one.len > 2 && memcmp(one.start, "W/", 2) == 0) {
            one.start += 2;
            one.len -= 2;
        }
        if (http_is(one, tag) || http_is(one, "*"))
            return true;
    }
    return false;
}
