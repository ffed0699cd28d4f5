/*
 * Paths: what a server looks things up by must be decoded once and in one way.
 */
#include "http.h"

#include <string.h>

/* The next character, decoded: -1 for what may not stand in a path. */
static int next_char(struct http_text *text)
{
    int c = (unsigned char)*text->start;
    size_t used = 1;

    if (c == '%') {
        if (text->len < 3 || http_hex(text->start[1]) < 0 || http_hex(text->start[2]) < 0)
            return -1;
        c = http_hex(text->start[1]) * 16 + http_hex(text->start[2]);
        used = 3;
    }
    text->start += used;
    text->len -= used;
    return c < ' ' || c == 0x7f ? -1 : c;
}

/* A segment is complete: "." goes, ".." takes the one before with it. The path's new length. */
static size_t segment_end(const char *path, size_t start, size_t len)
{
    size_t segment = len - start;

    if (segment == 1 && path[start] == '.')
        return start;
    if (segment == 2 && path[start] == '.' && path[start + 1] == '.') {
        if (start <= 1)
            return start;
        start--; /* its slash */
        while (start > 0 && path[start - 1] != '/')
            start--;
        return start;
    }
    return len;
}

/* "http://host/path", as a proxy would be asked: the path of it (RFC 9112, 3.2.2). */
static struct http_text without_authority(struct http_text target)
{
    static const char scheme[] = "http://";
    size_t len = sizeof(scheme) - 1;

    if (target.len < len || !http_is_word((struct http_text){target.start, len}, scheme))
        return target;
    const char *slash = memchr(target.start + len, '/', target.len - len);
    if (!slash)
        return (struct http_text){"/", 1};
    return (struct http_text){slash, target.len - (size_t)(slash - target.start)};
}

int http_path_read(struct http_text target, char path[HTTP_PATH_MAX + 1])
{
    struct http_text rest = without_authority(target);
    struct http_text text = http_until(&rest, '?');
    size_t len = 0, segment = 1;

    if (text.len == 0 || text.start[0] != '/')
        return HTTP_FAILED;
    while (text.len > 0) {
        int c = next_char(&text);
        if (c < 0)
            return HTTP_FAILED;
        if (len == HTTP_PATH_MAX)
            return -414;
        if (c == '/' && len > 0) {
            len = segment_end(path, segment, len);
            if (path[len - 1] != '/') /* else nothing stood between two slashes */
                path[len++] = '/';
            segment = len;
        } else {
            path[len++] = (char)c;
        }
    }
    path[segment_end(path, segment, len)] = '\0';
    return 0;
}
