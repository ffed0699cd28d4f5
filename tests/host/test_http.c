/*
 * lib/libhttp: requests, responses, bodies, paths and addresses as they come from strangers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libhttp/http.h>

#define HOST "Host: a\r\n"

static struct http_request request;
static struct http_response response;

/* Reads a head out of memory that ends where the text does. */
static int read_request(const char *text, size_t len)
{
    char *exact = malloc(len ? len : 1);

    memcpy(exact, text, len);
    memset(&request, 0xaa, sizeof(request));
    int result = http_request_read(exact, len, &request);
    free(exact);
    return result;
}

static int get(const char *fields)
{
    char text[1024];

    snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\n" HOST "%s\r\n", fields);
    int result = read_request(text, strlen(text));
    return result == (int)strlen(text) ? 0 : result;
}

/* ---- requests ---- */

static void requests(void **state)
{
    static const struct {
        const char *text;
        int result; /* 1: all of it */
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 1},
        {"GET / HTTP/1.1\n" HOST "\n", 1},
        {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 1},
        {"GET / HTTP/1.0\r\n\r\n", 1},
        {"BREW / HTTP/1.1\r\n" HOST "\r\n", 1},
        {"GET http://a/b HTTP/1.1\r\n" HOST "\r\n", 1},
        {"", 0},
        {"\r\n\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\n" HOST, 0},
        {"GET / HTTP/1.1\r\n" HOST "\r", 0},
        {"GET / HTTP/1.1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", -400},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", -400},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", -400},
        {"GET / http/1.1\r\n" HOST "\r\n", -400},
        {"GET /\r\n\r\n", -400},
        {"GET\r\n\r\n", -400},
        {"G(T / HTTP/1.1\r\n" HOST "\r\n", -400},
        {" / HTTP/1.1\r\n" HOST "\r\n", -400},
        {"GET * HTTP/1.1\r\n" HOST "\r\n", -400},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", -505},
        {"GET / HTTP/1.2\r\n" HOST "\r\n", -505},
        {"GET / HTTP/1.1\r\n" HOST "a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST ":a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "a : b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST " a: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "a: b\r\n c\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "a: b\rc\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", -501},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", -501},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n",
         -400},
        {"GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", -417},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int len = (int)strlen(cases[i].text), wanted = cases[i].result == 1 ? len : cases[i].result;
        int result = read_request(cases[i].text, (size_t)len);
        if (result != wanted)
            fail_msg("\"%s\": %d, not %d", cases[i].text, result, wanted);
    }
    static const char zero[] = "GET / HTTP/1.1\r\n" HOST "a: b\0c\r\n\r\n";
    assert_int_equal(read_request(zero, sizeof(zero) - 1), -400);
}

/* A head that comes byte by byte is read once it is whole, and not what is behind it. */
static void pieces(void **state)
{
    static const char text[] =
        "HEAD /a%20b?c HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\nGET /";
    size_t whole = sizeof(text) - 1 - 5;

    (void)state;
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(read_request(text, len), 0);
    for (size_t len = whole; len < sizeof(text); len++)
        assert_int_equal(read_request(text, len), whole);
    assert_int_equal(request.method, HTTP_HEAD);
    assert_string_equal(request.path, "/a b");
    assert_false(request.keep_alive);
}

static void fields(void **state)
{
    (void)state;
    assert_int_equal(get(""), 0);
    assert_true(request.keep_alive && request.version_1_1 && !request.range.wanted);
    assert_false(request.length.known || request.length.chunked || request.expects_continue);
    assert_string_equal(request.if_none_match, "");
    assert_int_equal(get("content-LENGTH:\t7 \r\nContent-Length: 7\r\nExpect: 100-Continue\r\n"),
                     0);
    assert_true(request.length.known && request.length.bytes == 7 && request.expects_continue);
    assert_int_equal(get("Transfer-Encoding: Chunked\r\nIf-None-Match: \"a\", W/\"b\"\r\n"), 0);
    assert_true(request.length.chunked);
    assert_true(http_tag_matches(request.if_none_match, "\"a\""));
    assert_true(http_tag_matches(request.if_none_match, "\"b\""));
    assert_false(http_tag_matches(request.if_none_match, "\"c\""));
    assert_true(http_tag_matches("*", "\"c\""));
    assert_int_equal(read_request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 43), 43 - 1);
    assert_true(request.keep_alive);
}

static void ranges(void **state)
{
    static const struct {
        const char *range;
        bool wanted, fits; /* 100 bytes */
        uint64_t first, count;
    } cases[] = {
        {"bytes=0-0", true, true, 0, 1},
        {"bytes=5-9", true, true, 5, 5},
        {"bytes=5-", true, true, 5, 95},
        {"bytes=-5", true, true, 95, 5},
        {"bytes=-500", true, true, 0, 100},
        {"bytes=99-500", true, true, 99, 1},
        {"bytes=0-18446744073709551615", true, true, 0, 100},
        {"bytes=100-", true, false, 0, 0},
        {"bytes=-0", true, false, 0, 0},
        {"bytes=9-5", false, false, 0, 0},
        {"bytes=-", false, false, 0, 0},
        {"bytes=5", false, false, 0, 0},
        {"bytes=", false, false, 0, 0},
        {"bytes=1-2,4-5", false, false, 0, 0},
        {"bytes=a-b", false, false, 0, 0},
        {"lines=1-2", false, false, 0, 0},
        {"", false, false, 0, 0},
    };
    char line[64];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t first = 0, count = 0;
        snprintf(line, sizeof(line), "Range: %s\r\n", cases[i].range);
        assert_int_equal(get(line), 0);
        assert_int_equal(request.range.wanted, cases[i].wanted);
        if (!cases[i].wanted)
            continue;
        assert_int_equal(http_range_fit(&request.range, 100, &first, &count), cases[i].fits);
        if (cases[i].fits)
            assert_true(first == cases[i].first && count == cases[i].count);
        assert_false(http_range_fit(&request.range, 0, &first, &count));
    }
}

static void too_long(void **state)
{
    static char text[HTTP_HEAD_MAX + 100];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(read_request(text, HTTP_HEAD_MAX - 1), 0);
    assert_int_equal(read_request(text, HTTP_HEAD_MAX), -414);
    memcpy(text, "GET / HTTP/1.1\r\n", 16);
    assert_int_equal(read_request(text, HTTP_HEAD_MAX), -431);
    /* Whole, and one byte longer than it may be. */
    memcpy(text + 16, HOST "b: ", strlen(HOST "b: "));
    memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(read_request(text, HTTP_HEAD_MAX), HTTP_HEAD_MAX);
    memcpy(text + HTTP_HEAD_MAX - 4, "a\r\n\r\n", 5);
    assert_int_equal(read_request(text, HTTP_HEAD_MAX + 1), -431);
    /* A path. */
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    memcpy(text + 4 + HTTP_PATH_MAX, " HTTP/1.0\r\n\r\n", 13);
    assert_int_equal(read_request(text, sizeof(text)), 4 + HTTP_PATH_MAX + 13);
    assert_int_equal(strlen(request.path), HTTP_PATH_MAX);
    memcpy(text + 4 + HTTP_PATH_MAX, "a HTTP/1.0\r\n\r\n", 14);
    assert_int_equal(read_request(text, sizeof(text)), -414);
}

/* ---- paths ---- */

static void paths(void **state)
{
    static const struct {
        const char *target, *path; /* NULL: 400 */
    } cases[] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"/a//b", "/a/b"},
        {"//", "/"},
        {"/.", "/"},
        {"/./a/.", "/a/"},
        {"/..", "/"},
        {"/../../a", "/a"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a/"},
        {"/a/b/../..", "/"},
        {"/a/b/../../../c", "/c"},
        {"/%2e%2e/%2E/a", "/a"},
        {"/a%2f..%2fb", "/b"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
        {"/a?b=/../c", "/a"},
        {"/%41%62", "/Ab"},
        {"http://host", "/"},
        {"HTTP://host/a/../b", "/b"},
        {"", NULL},
        {"a", NULL},
        {"?", NULL},
        {"%2f", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4g", NULL},
        {"/%00", NULL},
        {"/%0a", NULL},
        {"/\x7f", NULL},
    };
    char path[HTTP_PATH_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_text target = {cases[i].target, strlen(cases[i].target)};
        int error = http_path_read(target, path);
        if (error != (cases[i].path ? 0 : -400))
            fail_msg("\"%s\": %d", cases[i].target, error);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
    }
}

/* ---- bodies ---- */

/* The content in pieces of that size, and where the body ended. -1: refused; 0: isn't over. */
static int decode(const char *text, bool chunked, uint64_t bytes, size_t piece, char *content)
{
    struct http_length length = {.known = !chunked, .chunked = chunked, .bytes = bytes};
    size_t len = strlen(text), at = 0, got = 0;
    struct http_body body;

    http_body_begin(&body, &length, false);
    while (!http_body_done(&body) && at < len) {
        struct http_text input = {text + at, len - at < piece ? len - at : piece}, part;
        const char *start = input.start;
        if (http_body_take(&body, &input, &part) != 0)
            return -1;
        memcpy(content + got, part.start, part.len);
        got += part.len;
        at += (size_t)(input.start - start);
    }
    content[got] = '\0';
    return http_body_done(&body) ? (int)at : 0;
}

static void chunks(void **state)
{
    static const struct {
        const char *text, *content; /* NULL: refused */
        unsigned behind;            /* bytes that don't belong to it */
    } cases[] = {
        {"0\r\n\r\n", "", 0},
        {"3\r\nabc\r\n0\r\n\r\n", "abc", 0},
        {"3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nGET", "abc0123456789", 3},
        {"3;x=y\r\nabc\r\n0 ;\r\n\r\n", "abc", 0},
        {"3\nabc\n0\n\n", "abc", 0},
        {"1\r\na\r\n0\r\nTrailer: x\r\nb: c\r\n\r\n", "a", 0},
        {"\r\n", NULL, 0},
        {"g\r\n", NULL, 0},
        {"-1\r\n", NULL, 0},
        {";\r\n", NULL, 0},
        {"3\r\nabcd\r\n", NULL, 0},
        {"3\r\nabc\rx", NULL, 0},
        {"3\rabc", NULL, 0},
        {"ffffffffffffffff\r\n", NULL, 0},
        {"3\r\nabc\r\n\r\n", NULL, 0},
    };
    char content[256];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece < 8; piece++) {
            int len = decode(cases[i].text, true, 0, piece, content);
            int wanted = cases[i].content ? (int)(strlen(cases[i].text) - cases[i].behind) : -1;
            if (len != wanted)
                fail_msg("\"%s\" by %zu: %d, not %d", cases[i].text, piece, len, wanted);
            if (cases[i].content)
                assert_string_equal(content, cases[i].content);
        }
    }
    assert_int_equal(decode("3\r\nab", true, 0, 9, content), 0);
    assert_int_equal(decode("abcdef", false, 4, 3, content), 4);
    assert_string_equal(content, "abcd");
    assert_int_equal(decode("abc", false, 4, 3, content), 0);
}

/* Extensions and trailers are bounded, even if nothing else comes. */
static void endless(void **state)
{
    struct http_length length = {.chunked = true};
    struct http_body body;
    unsigned taken = 0;
    int error = 0;

    (void)state;
    http_body_begin(&body, &length, false);
    struct http_text begin = {"0\r\n", 3}, part;
    assert_int_equal(http_body_take(&body, &begin, &part), 0);
    for (; !error && taken < 100000; taken++) {
        struct http_text input = {taken % 10 == 9 ? "\n" : "a", 1};
        error = http_body_take(&body, &input, &part);
    }
    assert_int_equal(error, HTTP_FAILED);
    assert_in_range(taken, 1000, 20000);
}

/* ---- responses and addresses ---- */

static int read_response(const char *text)
{
    int len = http_response_read(text, strlen(text), &response);
    return len == (int)strlen(text) ? 1 : len;
}

static void responses(void **state)
{
    (void)state;
    assert_int_equal(read_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n"
                                   "Accept-Ranges: bytes\r\n\r\n"),
                     1);
    assert_true(response.status == 200 && response.keep_alive && response.length.bytes == 5);
    assert_true(response.accepts_ranges && !response.has_range);
    assert_string_equal(response.etag, "\"x\"");
    assert_int_equal(read_response("HTTP/1.0 302\r\nLocation: /a?b\r\n\r\n"), 1);
    assert_true(response.status == 302 && !response.keep_alive && !response.length.known);
    assert_string_equal(response.location, "/a?b");
    assert_int_equal(read_response("HTTP/1.1 206 x\r\nContent-Range: bytes 7-9/10\r\n"
                                   "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"),
                     1);
    assert_true(response.has_range && response.range_first == 7 && response.length.chunked);
    assert_false(response.keep_alive);
    assert_int_equal(read_response("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"), 1);
    assert_true(response.length.known && response.length.bytes == 0);
    assert_int_equal(read_response("HTTP/1.1 200 OK\r\n"), 0);
    assert_int_equal(read_response("HTTP/1.1 20 OK\r\n\r\n"), HTTP_FAILED);
    assert_int_equal(read_response("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_FAILED);
    assert_int_equal(read_response("HTTP/2 200 OK\r\n\r\n"), HTTP_FAILED);
    assert_int_equal(read_response("SSH-2.0-x\r\n\r\n"), HTTP_FAILED);
    assert_int_equal(read_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
                     HTTP_FAILED);
}

static void addresses(void **state)
{
    static const struct {
        const char *text, *host, *port, *target; /* NULL: none */
    } cases[] = {
        {"http://a.b/c?d#e", "a.b", "80", "/c?d"},
        {"HTTP://a:8080", "a", "8080", "/"},
        {"a/b", "a", "80", "/b"},
        {"a?b", "a", "80", "/?b"},
        {"10.0.2.2:1", "10.0.2.2", "1", "/"},
        {"http://[fe80::1]:81/x", "fe80::1", "81", "/x"},
        {"http://[::1]", "::1", "80", "/"},
        {"", NULL, NULL, NULL},
        {"http:///x", NULL, NULL, NULL},
        {"a:/", NULL, NULL, NULL},
        {"[::1]:/", NULL, NULL, NULL},
        {"[::1", NULL, NULL, NULL},
        {"a:0/", NULL, NULL, NULL},
        {"a:65536/", NULL, NULL, NULL},
        {"a:b/", NULL, NULL, NULL},
        {"a b/", NULL, NULL, NULL},
        {"a/b c", NULL, NULL, NULL},
        {"a/b\r\nc: d", NULL, NULL, NULL},
        {"[::1]x", NULL, NULL, NULL},
        {"ftp://a/b", NULL, NULL, NULL},
    };
    struct http_url url;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (http_url_read(cases[i].text, &url) != (cases[i].host != NULL))
            fail_msg("\"%s\"", cases[i].text);
        if (!cases[i].host)
            continue;
        assert_string_equal(url.host, cases[i].host);
        assert_string_equal(url.port, cases[i].port);
        assert_string_equal(url.target, cases[i].target);
    }
}

static void redirections(void **state)
{
    static const struct {
        const char *location, *host, *target; /* NULL: refused */
    } cases[] = {
        {"http://c/d", "c", "/d"}, {"/x#y", "a", "/x"},     {"x?y", "a", "/b/x?y"},
        {"?y", "a", "/b/?y"},      {"//evil/", NULL, NULL}, {"https://a/", NULL, NULL},
        {"", NULL, NULL},          {"/a b", NULL, NULL},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_url url;
        assert_true(http_url_read("http://a/b/c?d/e", &url));
        assert_int_equal(http_url_follow(&url, cases[i].location), cases[i].host != NULL);
        if (cases[i].host) {
            assert_string_equal(url.host, cases[i].host);
            assert_string_equal(url.target, cases[i].target);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),  cmocka_unit_test(pieces),       cmocka_unit_test(fields),
        cmocka_unit_test(ranges),    cmocka_unit_test(too_long),     cmocka_unit_test(paths),
        cmocka_unit_test(chunks),    cmocka_unit_test(endless),      cmocka_unit_test(responses),
        cmocka_unit_test(addresses), cmocka_unit_test(redirections),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
