/*
 * Addresses of pages, as a client is given them by people and by servers.
 */
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "http://";
#define SCHEME_LEN (sizeof(scheme) - 1)

/* What would end a request's line, or begin another one. */
static bool is_clean(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.start[i] <= ' ' || text.start[i] == 0x7f)
            return false;
    return true;
}

static bool copy(char *to, size_t room, struct http_text text)
{
    if (text.len >= room)
        return false;
    memcpy(to, text.start, text.len);
    to[text.len] = '\0';
    return true;
}

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT" */
static bool authority_read(struct http_text text, struct http_url *url)
{
    bool bracket = text.len > 0 && *text.start == '[';
    uint64_t port = 80;

    if (bracket)
        (void)http_until(&text, '[');
    struct http_text host = http_until(&text, bracket ? ']' : ':');
    bool marked = text.start > host.start + host.len;
    bool has_port = bracket ? text.len > 0 : marked;
    if (bracket && (!marked || (has_port && http_until(&text, ':').len > 0)))
        return false;
    if (has_port && (!http_number(text, &port) || port == 0 || port > UINT16_MAX))
        return false;
    snprintf(url->port, sizeof(url->port), "%u", (unsigned)(uint16_t)port);
    return host.len > 0 && is_clean(host) && copy(url->host, sizeof(url->host), host);
}

bool http_url_read(const char *text, struct http_url *url)
{
    struct http_text rest = {text, strlen(text)};

    if (strncasecmp(text, scheme, SCHEME_LEN) == 0) {
        rest.start += SCHEME_LEN;
        rest.len -= SCHEME_LEN;
    }
    size_t len = strcspn(rest.start, "/?#");
    struct http_text authority = {rest.start, len};
    struct http_text target = {rest.start + len, strcspn(rest.start + len, "#")};
    if (!authority_read(authority, url) || !is_clean(target))
        return false;
    url->target[0] = '/';
    bool slash = target.len > 0 && *target.start == '/';
    return copy(url->target + (slash ? 0 : 1), sizeof(url->target) - 1, target);
}

bool http_url_follow(struct http_url *url, const char *location)
{
    struct http_text target = {location, strcspn(location, "#")};

    if (strncasecmp(location, scheme, SCHEME_LEN) == 0)
        return http_url_read(location, url);
    if (target.len == 0 || !is_clean(target))
        return false;
    /* "//HOST/..." and "https:..." are other places than this client goes to. */
    if (strncmp(location, "//", 2) == 0 || strcspn(location, ":") < strcspn(location, "/?"))
        return false;
    if (*location == '/')
        return copy(url->target, sizeof(url->target), target);
    /* Behind the last slash of the path; the server takes ".." out. */
    size_t path = strcspn(url->target, "?");
    while (url->target[path - 1] != '/')
        path--;
    return copy(url->target + path, sizeof(url->target) - path, target);
}
