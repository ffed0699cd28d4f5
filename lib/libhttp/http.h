/*
 * HTTP/1.1 (RFC 9110, RFC 9112) as text: what a server reads of a request and a client of a response.
 * No sockets and no memory but the caller's; all that comes is a stranger's.
 */
#ifndef LIBHTTP_HTTP_H
#define LIBHTTP_HTTP_H

#include "body.h"
#include "text.h"

#define HTTP_HEAD_MAX 8192u /* bytes of a head: what is longer is refused */
#define HTTP_PATH_MAX 1024u /* bytes of a path, decoded */
#define HTTP_ETAG_MAX 64u   /* bytes of an entity tag, with its quotes */

/* What a status code is called; never NULL. */
const char *http_status_text(unsigned status);

/* ---- path.c ---- */

/*
 * The path of a request's target, decoded, without "." and ".." and without its query; it begins with a
 * slash and never leads above it. 0, HTTP_FAILED, or -414.
 */
int http_path_read(struct http_text target, char path[HTTP_PATH_MAX + 1]);

/* ---- request.c ---- */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_OTHER };

/* Which bytes are wanted: of a size that the reader of the request doesn't know. */
struct http_range {
    bool wanted;
    bool from_end;  /* the last `first` bytes */
    uint64_t first; /* counted from 0 */
    uint64_t last;  /* UINT64_MAX: to the end */
};

struct http_request {
    enum http_method method;
    bool version_1_1;
    bool keep_alive;
    bool expects_continue; /* sends its body when it is told so */
    char path[HTTP_PATH_MAX + 1];
    struct http_length length; /* of its body */
    struct http_range range;
    char if_none_match[HTTP_ETAG_MAX + 1]; /* empty: wasn't there */
    char if_range[HTTP_ETAG_MAX + 1];
};

/*
 * Reads a request's head at the beginning of the bytes. How long it is; 0: it isn't complete yet; or a
 * negative status that it deserves (-400, -414, -431, -501, -505): then nothing behind it can be read.
 */
int http_request_read(const char *bytes, size_t len, struct http_request *request);
/* Fits a range to a size. False: nothing of it is there (416). */
bool http_range_fit(const struct http_range *range, uint64_t size, uint64_t *first,
                    uint64_t *count);
/* Whether If-None-Match names the tag. */
bool http_tag_matches(const char *list, const char *tag);

/* ---- response.c ---- */

struct http_response {
    unsigned status;
    bool keep_alive;
    struct http_length length;
    bool has_range; /* Content-Range: this is from `range_first` on */
    uint64_t range_first;
    bool accepts_ranges;
    char etag[HTTP_ETAG_MAX + 1]; /* empty: none, or one too long */
    char location[HTTP_PATH_MAX + 1];
};

/* As http_request_read: its length, 0, or HTTP_FAILED. */
int http_response_read(const char *bytes, size_t len, struct http_response *response);

/* ---- url.c ---- */

struct http_url {
    char host[256];
    char port[6];
    char target[HTTP_PATH_MAX + 1]; /* path and query, as they are sent */
};

/* "http://HOST[:PORT][/TARGET]", or without "http://"; an IPv6 address in brackets. */
bool http_url_read(const char *text, struct http_url *url);
/* Where a Location leads from `url`, which is changed; relative ones, too. */
bool http_url_follow(struct http_url *url, const char *location);

#endif
