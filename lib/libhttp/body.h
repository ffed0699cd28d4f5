/*
 * The body of a message as it comes: so many bytes, chunks (RFC 9112, 7.1), or all until the connection
 * ends. It is eaten piece by piece, however the pieces are cut.
 */
#ifndef LIBHTTP_BODY_H
#define LIBHTTP_BODY_H

#include "text.h"

struct http_body {
    enum http_body_state {
        HTTP_BODY_DONE,
        HTTP_BODY_BYTES,  /* `left` of them */
        HTTP_BODY_TO_END, /* of the connection */
        HTTP_CHUNK_SIZE,
        HTTP_CHUNK_EXTENSION, /* behind the size: ignored */
        HTTP_CHUNK_DATA,      /* `left` bytes */
        HTTP_CHUNK_END,       /* the line's end behind them */
        HTTP_TRAILER,         /* fields behind the last chunk: ignored */
    } state;
    uint64_t left;
    unsigned digits;     /* of a chunk's size */
    unsigned line_bytes; /* of the trailer's line */
    unsigned extra;      /* bytes of extensions and trailers, which are bounded */
    bool cr;             /* a CR came, an LF must follow */
};

/* By the head's fields. to_end: without a length it goes on until the connection ends. */
void http_body_begin(struct http_body *body, const struct http_length *length, bool to_end);
/*
 * Takes bytes off the front of *input, and sets *content to those that are content (a part of what it
 * took; maybe none). 0 or HTTP_FAILED. Call it until *input is empty or the body done.
 */
int http_body_take(struct http_body *body, struct http_text *input, struct http_text *content);
static inline bool http_body_done(const struct http_body *body)
{
    return body->state == HTTP_BODY_DONE;
}

#endif
