/*
 * From bytes to a response, for a client.
 */
#include "http.h"

#include <string.h>

/* "bytes 1-2/3": where it begins. */
static bool content_range_read(struct http_text value, uint64_t *first)
{
    struct http_text unit = http_until(&value, ' ');

    return http_is_word(unit, "bytes") && http_number(http_until(&value, '-'), first);
}

/* What doesn't fit is left out. */
static void copy(char *to, size_t max, struct http_text value)
{
    size_t len = value.len <= max ? value.len : 0;

    memcpy(to, value.start, len);
    to[len] = '\0';
}

static int field_read(void *context, struct http_text name, struct http_text value)
{
    struct http_response *response = context;

    if (http_is_word(name, "Connection")) {
        if (http_lists(value, "close"))
            response->keep_alive = false;
    } else if (http_is_word(name, "Content-Range")) {
        response->has_range = content_range_read(value, &response->range_first);
    } else if (http_is_word(name, "Accept-Ranges")) {
        response->accepts_ranges = http_is_word(value, "bytes");
    } else if (http_is_word(name, "ETag")) {
        copy(response->etag, HTTP_ETAG_MAX, value);
    } else if (http_is_word(name, "Location")) {
        copy(response->location, HTTP_PATH_MAX, value);
    }
    /* An encoding that a server chose by itself can't be read. */
    return http_length_field(&response->length, name, value) ? HTTP_FAILED : 0;
}

/* "HTTP/1.1 200 OK" */
static bool first_line(struct http_text line, struct http_response *response)
{
    struct http_text version = http_until(&line, ' '), number = http_until(&line, ' ');
    uint64_t status;

    if (!http_is(version, "HTTP/1.1") && !http_is(version, "HTTP/1.0"))
        return false;
    if (number.len != 3 || !http_number(number, &status) || status < 100)
        return false;
    response->status = (unsigned)status;
    response->keep_alive = http_is(version, "HTTP/1.1");
    return true;
}

int http_response_read(const char *bytes, size_t len, struct http_response *response)
{
    size_t whole = http_head_len(bytes, len);
    struct http_text head = {bytes, whole};

    if (whole > HTTP_HEAD_MAX || (whole == 0 && len >= HTTP_HEAD_MAX))
        return HTTP_FAILED;
    if (whole == 0)
        return 0;
    *response = (struct http_response){0};
    if (!first_line(http_line(&head), response) || http_fields(head, field_read, response) != 0)
        return HTTP_FAILED;
    /* These have no body, whatever their fields say (RFC 9112, 6.3). */
    if (response->status < 200 || response->status == 204 || response->status == 304)
        response->length = (struct http_length){.known = true};
    return (int)whole;
}
