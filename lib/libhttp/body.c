/*
 * Bodies, see body.h.
 */
#include "body.h"

#define EXTRA_MAX 8192u     /* bytes of extensions and trailers in one body */
#define SIZE_DIGITS_MAX 15u /* of a chunk: nobody has more */

static enum http_body_state bytes_or_done(uint64_t bytes)
{
    return bytes > 0 ? HTTP_BODY_BYTES : HTTP_BODY_DONE;
}

void http_body_begin(struct http_body *body, const struct http_length *length, bool to_end)
{
    *body = (struct http_body){
        .state = length->chunked            ? HTTP_CHUNK_SIZE
                 : to_end && !length->known ? HTTP_BODY_TO_END
                                            : bytes_or_done(length->bytes),
        .left = length->bytes,
    };
}

/* The line with the chunk's size is over. */
static int size_end(struct http_body *body)
{
    if (body->digits == 0)
        return HTTP_FAILED;
    body->state = body->left > 0 ? HTTP_CHUNK_DATA : HTTP_TRAILER;
    body->digits = 0;
    body->line_bytes = 0;
    return 0;
}

static int size_byte(struct http_body *body, char c)
{
    int digit = http_hex(c);

    if (digit < 0) {
        if (c != ';' && c != ' ' && c != '\t')
            return HTTP_FAILED;
        body->state = HTTP_CHUNK_EXTENSION;
        return body->digits > 0 ? 0 : HTTP_FAILED;
    }
    if (++body->digits > SIZE_DIGITS_MAX)
        return HTTP_FAILED;
    body->left = body->left << 4 | (unsigned)digit;
    return 0;
}

static int line_end(struct http_body *body)
{
    switch (body->state) {
    case HTTP_CHUNK_END:
        body->state = HTTP_CHUNK_SIZE;
        body->left = 0;
        return 0;
    case HTTP_TRAILER:
        if (body->line_bytes == 0)
            body->state = HTTP_BODY_DONE;
        body->line_bytes = 0;
        return 0;
    default:
        return size_end(body);
    }
}

/* A byte that is about chunks and no content. */
static int framing_byte(struct http_body *body, char c)
{
    if (body->cr && c != '\n')
        return HTTP_FAILED;
    body->cr = c == '\r';
    if (c == '\r')
        return 0;
    if (c == '\n')
        return line_end(body);
    if (body->state == HTTP_CHUNK_SIZE)
        return size_byte(body, c);
    body->line_bytes++;
    return body->state == HTTP_CHUNK_END || ++body->extra > EXTRA_MAX ? HTTP_FAILED : 0;
}

/* Content, as much as there is of it. */
static struct http_text content_take(struct http_body *body, struct http_text *input)
{
    struct http_text content = *input;

    if (body->state != HTTP_BODY_TO_END) {
        if (content.len > body->left)
            content.len = (size_t)body->left;
        body->left -= content.len;
        if (body->left == 0)
            body->state = body->state == HTTP_CHUNK_DATA ? HTTP_CHUNK_END : HTTP_BODY_DONE;
    }
    input->start += content.len;
    input->len -= content.len;
    return content;
}

int http_body_take(struct http_body *body, struct http_text *input, struct http_text *content)
{
    *content = (struct http_text){input->start, 0};
    while (input->len > 0 && body->state != HTTP_BODY_DONE) {
        if (body->state == HTTP_BODY_BYTES || body->state == HTTP_CHUNK_DATA ||
            body->state == HTTP_BODY_TO_END) {
            *content = content_take(body, input);
            return 0;
        }
        int error = framing_byte(body, *input->start);
        if (error)
            return error;
        input->start++;
        input->len--;
    }
    return 0;
}
