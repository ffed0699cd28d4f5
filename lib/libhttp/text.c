/*
 * Cutting heads into pieces, see text.h. What isn't understood is refused, not guessed: two readers of
 * one message that guess differently are how requests are smuggled.
 */
#include "text.h"

#include <string.h>
#include <strings.h>

bool http_is(struct http_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.start, word, text.len) == 0;
}

bool http_is_word(struct http_text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.start, word, text.len) == 0;
}

bool http_lists(struct http_text list, const char *word)
{
    while (list.len > 0)
        if (http_is_word(http_trimmed(http_until(&list, ',')), word))
            return true;
    return false;
}

bool http_number(struct http_text text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.start[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, digit, number))
            return false;
    }
    return text.len > 0;
}

int http_hex(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

struct http_text http_until(struct http_text *text, char mark)
{
    const char *at = text->len > 0 ? memchr(text->start, mark, text->len) : NULL;
    size_t len = at ? (size_t)(at - text->start) : text->len;
    struct http_text part = {text->start, len};
    size_t taken = at ? len + 1 : len;

    text->start += taken;
    text->len -= taken;
    return part;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct http_text http_trimmed(struct http_text text)
{
    while (text.len > 0 && is_blank(*text.start)) {
        text.start++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.start[text.len - 1]))
        text.len--;
    return text;
}

bool http_is_token(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.start[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.len > 0;
}

/* ---- heads ---- */

size_t http_head_len(const char *bytes, size_t len)
{
    size_t line = 0; /* where it begins */
    bool begun = false;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n')
            continue;
        bool empty = i == line || (i == line + 1 && bytes[line] == '\r');
        if (empty && begun)
            return i + 1;
        begun |= !empty;
        line = i + 1;
    }
    return 0;
}

struct http_text http_line(struct http_text *head)
{
    struct http_text line = http_until(head, '\n');

    if (line.len > 0 && line.start[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Control characters have no place in a value; a lone CR could be a line's end to somebody else. */
static bool is_value(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.start[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

int http_fields(struct http_text head, http_field_reader reader, void *context)
{
    for (;;) {
        struct http_text line = http_line(&head);
        if (line.len == 0)
            return 0;
        /* A line that begins with a space would go on with the one before: obsolete (RFC 9112, 5.2).
         * So is one before the colon (5.1). Neither is a token. */
        if (!memchr(line.start, ':', line.len))
            return HTTP_FAILED;
        struct http_text name = http_until(&line, ':');
        if (!http_is_token(name) || !is_value(line))
            return HTTP_FAILED;
        int error = reader(context, name, http_trimmed(line));
        if (error)
            return error;
    }
}

int http_length_field(struct http_length *length, struct http_text name, struct http_text value)
{
    if (http_is_word(name, "Content-Length")) {
        uint64_t bytes;
        if (!http_number(value, &bytes) || (length->known && bytes != length->bytes))
            return HTTP_FAILED;
        length->known = true;
        length->bytes = bytes;
    } else if (http_is_word(name, "Transfer-Encoding")) {
        if (length->chunked)
            return HTTP_FAILED;
        if (!http_is_word(value, "chunked"))
            return -501;
        length->chunked = true;
    }
    /* Both at once are an attack on somebody in between (RFC 9112, 6.1). */
    return length->known && length->chunked ? HTTP_FAILED : 0;
}
