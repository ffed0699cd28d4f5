/*
 * Stretches of a message's head, and how they are cut: lines, words, fields (RFC 9112, 2 and 5). Nothing
 * is copied, and nothing is terminated.
 */
#ifndef LIBHTTP_TEXT_H
#define LIBHTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FAILED (-400) /* the syntax is wrong: for a server 400, for a client the end */

struct http_text {
    const char *start;
    size_t len;
};

bool http_is(struct http_text text, const char *word);
/* The same with upper and lower case alike. */
bool http_is_word(struct http_text text, const char *word);
/* Whether the word is one of a list with commas ("a, b"); case doesn't matter. */
bool http_lists(struct http_text list, const char *word);
/* A decimal number of at least one digit, all of the text. */
bool http_number(struct http_text text, uint64_t *number);
/* The value of a digit of base 16, or -1. */
int http_hex(char digit);
/* Up to the next such character, which is taken away with it; all, if there is none. */
struct http_text http_until(struct http_text *text, char mark);
/* Without spaces and tabs around it. */
struct http_text http_trimmed(struct http_text text);
/* A name of a field or method: characters of a token (RFC 9110, 5.6.2). */
bool http_is_token(struct http_text text);

/*
 * How long the head at the beginning of the bytes is, its empty line included; 0: that isn't there yet.
 * Empty lines in front are part of it (RFC 9112, 2.2).
 */
size_t http_head_len(const char *bytes, size_t len);
/* The next line of a whole head, without its end. */
struct http_text http_line(struct http_text *head);

/* Called for each field; what isn't 0 ends the reading. */
typedef int (*http_field_reader)(void *context, struct http_text name, struct http_text value);
/* Reads the rest of a head. 0, what the reader said, or HTTP_FAILED. */
int http_fields(struct http_text head, http_field_reader reader, void *context);

/* What fields say about the body behind the head. */
struct http_length {
    bool known;   /* Content-Length was there */
    bool chunked; /* Transfer-Encoding: chunked was */
    uint64_t bytes;
};
/* If it is one of those fields, reads it. 0, HTTP_FAILED, or -501 for a coding that isn't known. */
int http_length_field(struct http_length *length, struct http_text name, struct http_text value);

#endif
