/*
 * commands/httpd: what clients get for what they send, in whatever pieces and however slowly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd_fixture.h"
#include <cmocka.h>

#define HOST " HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n"

static struct client client;

static int set_up(void **state)
{
    (void)state;
    client_open(&client, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&client);
    return 0;
}

static void say(const char *text)
{
    client_say(&client, text, strlen(text));
    client_turns(&client);
}

/* Takes the next answer off what came: its status, 0 without one. *body is its content. */
static unsigned answer(char *fields, const char **body, size_t *len)
{
    static char taken[sizeof(client.answer) + 1];
    struct http_response response;
    int head = http_response_read(client.answer, client.answer_len, &response);

    if (head <= 0)
        return 0;
    size_t whole = (size_t)head + (response.length.known ? response.length.bytes : 0);
    assert_true(whole <= client.answer_len);
    memcpy(taken, client.answer, whole);
    taken[whole] = '\0';
    if (fields)
        snprintf(fields, 512, "%.*s", head, taken);
    if (body)
        *body = taken + head;
    if (len)
        *len = whole - (size_t)head;
    client.answer_len -= whole;
    memmove(client.answer, client.answer + whole, client.answer_len);
    return response.status;
}

static void gives(const char *text, unsigned status, const char *content)
{
    const char *body = "";

    say(text);
    unsigned got = answer(NULL, &body, NULL);
    if (got != status || (content && strcmp(body, content) != 0))
        fail_msg("\"%s\": %u \"%s\"", text, got, body);
}

static bool is_over(void)
{
    return client.connection == NULL;
}

/* ---- documents ---- */

static void documents(void **state)
{
    (void)state;
    gives("GET /" HOST END, 200, "<p>hello");
    gives("GET /sub/one.txt" HOST END, 200, "one");
    gives("GET /sub/empty" HOST END, 200, "");
    gives("GET /services.txt" HOST END, 200, "all is well\n");
    gives("GET /services.json" HOST END, 503, NULL);
    gives("GET /none" HOST END, 404, NULL);
    gives("GET /index.html/" HOST END, 404, NULL);
    gives("GET /pattern/4" HOST END, 200, NULL);
    gives("GET /pattern/" HOST END, 404, NULL);
    gives("GET /pattern/1T" HOST END, 404, NULL);
    gives("GET /pattern/1/2/3" HOST END, 404, NULL);
    gives("GET /pattern/18446744073709551615G" HOST END, 404, NULL);
    assert_false(is_over());
}

static void directories(void **state)
{
    char fields[512];
    const char *body;

    (void)state;
    say("GET /sub" HOST END);
    assert_int_equal(answer(fields, NULL, NULL), 301);
    assert_non_null(strstr(fields, "\r\nLocation: /sub/\r\n"));
    say("GET /sub/" HOST END);
    assert_int_equal(answer(NULL, &body, NULL), 200);
    assert_non_null(strstr(body, "<a href=\"/sub/%3Ctwo%3E\">&#60;two&#62;</a>"));
    assert_non_null(strstr(body, "one.txt"));
    assert_null(strstr(body, "index.html"));
}

static void heads(void **state)
{
    char fields[512];

    (void)state;
    /* What would come without its head can't be told apart from another answer. */
    say("HEAD /pattern/7" HOST END "HEAD /none" HOST END "GET /sub/one.txt" HOST END);
    assert_non_null(strstr(client.answer, "Content-Length: 7\r\n"));
    client.answer[client.answer_len] = '\0';
    const char *second = strstr(client.answer, "\r\n\r\n") + 4;
    assert_memory_equal(second, "HTTP/1.1 404", 12);
    const char *third = strstr(second, "\r\n\r\n") + 4;
    assert_memory_equal(third, "HTTP/1.1 200", 12);
    client.answer_len = 0;
    say("GET /sub/one.txt HTTP/1.0\r\n\r\n");
    assert_int_equal(answer(fields, NULL, NULL), 200);
    assert_non_null(strstr(fields, "Connection: close"));
}

static void ranges(void **state)
{
    const char *body;
    char fields[512], first[64];
    size_t len;

    (void)state;
    say("GET /pattern/5000" HOST END);
    assert_int_equal(answer(NULL, &body, &len), 200);
    assert_int_equal(len, 5000);
    memcpy(first, body + 4090, sizeof(first));
    say("GET /pattern/5000" HOST "Range: bytes=4090-4153\r\n" END);
    assert_int_equal(answer(fields, &body, &len), 206);
    assert_non_null(strstr(fields, "\r\nContent-Range: bytes 4090-4153/5000\r\n"));
    assert_int_equal(len, 64);
    assert_memory_equal(body, first, 64);
    say("GET /pattern/5000" HOST "Range: bytes=5000-\r\n" END);
    assert_int_equal(answer(fields, NULL, NULL), 416);
    assert_non_null(strstr(fields, "\r\nContent-Range: bytes */5000\r\n"));
    gives("GET /sub/one.txt" HOST "Range: bytes=1-1,2-2\r\n" END, 200, "one");
    gives("GET /services.txt" HOST "Range: bytes=1-1\r\n" END, 200, "all is well\n");
    gives("GET /pattern/9" HOST "If-Range: \"p9-0\"\r\nRange: bytes=1-1\r\n" END, 206, NULL);
    gives("GET /pattern/9" HOST "If-Range: \"p9-1\"\r\nRange: bytes=1-1\r\n" END, 200, NULL);
    gives("GET /pattern/9" HOST "If-None-Match: \"x\", \"p9-0\"\r\n" END, 304, "");
    gives("GET /pattern/9" HOST "If-None-Match: \"x\"\r\n" END, 200, NULL);
}

/* Puts a text into a file of that directory. */
static void file_make(const char *directory, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void files(void **state)
{
    char root[] = "/tmp/httpdXXXXXX", path[256], fields[512];
    const char *body;

    (void)state;
    assert_non_null(mkdtemp(root));
    files_root = root;
    file_make(root, "a b.txt", "content");
    file_make(root, "index.html", "not this one");
    snprintf(path, sizeof(path), "%s/deep", root);
    assert_int_equal(mkdir(path, 0700), 0);
    file_make(path, "x&y", "");
    gives("GET /a%20b.txt" HOST END, 200, "content");
    gives("GET /a%20b.txt" HOST "Range: bytes=-3\r\n" END, 206, "ent");
    gives("GET /a%20b.txt/" HOST END, 404, NULL);
    gives("GET /../../../../etc/passwd" HOST END, 404, NULL);
    gives("GET /" HOST END, 200, "<p>hello");
    say("GET /deep" HOST END);
    assert_int_equal(answer(fields, NULL, NULL), 301);
    assert_non_null(strstr(fields, "\r\nLocation: /deep/\r\n"));
    say("GET /deep/" HOST END);
    assert_int_equal(answer(fields, &body, NULL), 200);
    assert_non_null(strstr(body, "<a href=\"/deep/x%26y\">x&#38;y</a>"));
    file_make(path, "index.html", "deeper");
    gives("GET /deep/" HOST END, 200, "deeper");
    /* A file that becomes shorter while it is sent: the connection ends. */
    snprintf(path, sizeof(path), "%s/large", root);
    file_make(root, "large", "");
    assert_int_equal(truncate(path, 1 << 24), 0);
    client_say(&client, "GET /large" HOST END, strlen("GET /large" HOST END));
    client_turns_unread(&client);
    assert_int_equal(truncate(path, 0), 0);
    client_turns(&client);
    assert_true(is_over());
    files_root = NULL;
    snprintf(path, sizeof(path), "rm -r %s", root);
    assert_int_equal(system(path), 0);
}

/* Word 3 of block 1 with seed 2, as the comment in pattern.c has it, and as another program would
 * compute it. */
static void pattern(void **state)
{
    const char *body;
    size_t len;
    uint64_t word;

    (void)state;
    say("GET /pattern/8K/2" HOST "Range: bytes=4120-4127\r\n" END);
    assert_int_equal(answer(NULL, &body, &len), 206);
    memcpy(&word, body, sizeof(word));
    uint64_t z = 3 + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    assert_true(word == (z ^ (2 + (2ull << 32)) * 0x9e3779b97f4a7c15u));
}

/* ---- bodies ---- */

static void uploads(void **state)
{
    static const char abc[] =
        "3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    static const char none[] =
        "0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

    (void)state;
    gives("PUT /upload" HOST "Content-Length: 3\r\n" END "abc", 200, abc);
    gives("POST /upload" HOST "Content-Length: 0\r\n" END, 200, none);
    gives("PUT /upload" HOST "Transfer-Encoding: chunked\r\n" END "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
          200, abc);
    gives("PUT /other" HOST "Content-Length: 3\r\n" END "abc", 405, NULL);
    gives("BREW /" HOST "Content-Length: 3\r\n" END "abc", 501, NULL);
    gives("GET /sub/one.txt" HOST "Content-Length: 3\r\n" END "abc", 200, "one");
    assert_false(is_over());
    gives("PUT /upload" HOST END, 411, NULL);
}

static void expects_continue(void **state)
{
    (void)state;
    gives("PUT /upload" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n" END, 100, NULL);
    gives("abc", 200, NULL);
    /* Who sends it all the same needs no telling. */
    gives("PUT /upload" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n" END "abc", 200, NULL);
    gives("PUT /upload" HOST "Expect: 100-continue\r\nContent-Length: 99999999999\r\n" END, 413,
          NULL);
}

static void too_large(void **state)
{
    static char chunk[0x1000 + 8];

    (void)state;
    gives("GET /" HOST "Content-Length: 65537\r\n" END, 413, NULL);
    client_close(&client);
    client_open(&client, false);
    say("GET /" HOST "Transfer-Encoding: chunked\r\n" END);
    memset(chunk, 'x', sizeof(chunk));
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 0x1000, "\r\n", 2);
    for (unsigned i = 0; i < 20; i++)
        client_say(&client, chunk, sizeof(chunk));
    client_turns(&client);
    assert_int_equal(answer(NULL, NULL, NULL), 413);
}

/* ---- connections ---- */

/* Everything at once, byte by byte, and cut anywhere, gives the same. */
static void pieces(void **state)
{
    static const char text[] = "GET /sub/one.txt" HOST END "PUT /upload" HOST
                               "Transfer-Encoding: chunked\r\n" END "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
                               "PUT /upload" HOST "Content-Length: 5\r\n" END "12345"
                               "GET /none" HOST "Connection: close\r\n" END;
    static char whole[4096];
    size_t len = sizeof(text) - 1, whole_len;

    (void)state;
    say(text);
    assert_int_equal(client.answer_len > 0 && client.answer_len < sizeof(whole), 1);
    whole_len = client.answer_len;
    memcpy(whole, client.answer, whole_len);
    for (size_t piece = 1; piece < 90; piece++) {
        client_close(&client);
        client_open(&client, false);
        for (size_t at = 0; at < len; at += piece) {
            client_say(&client, text + at, len - at < piece ? len - at : piece);
            client_turns(&client);
        }
        assert_int_equal(client.answer_len, whole_len);
        assert_memory_equal(client.answer, whole, whole_len);
    }
}

static void malformed(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        {"rubbish\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/3.0\r\n\r\n", 505},
        {"GET /%zz" HOST END, 400},
        {"GET /" HOST "Transfer-Encoding: br\r\n" END, 501},
        {"PUT /upload" HOST "Transfer-Encoding: chunked\r\n" END "x\r\n", 400},
        {"GET /" HOST "Expect: miracles\r\n" END, 417},
    };
    char fields[512];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        client_close(&client);
        client_open(&client, false);
        say(cases[i].text);
        assert_int_equal(answer(fields, NULL, NULL), cases[i].status);
        assert_non_null(strstr(fields, "Connection: close"));
        /* Whatever follows is thrown away, until the client ends. */
        say("GET /" HOST END);
        assert_int_equal(client.answer_len, 0);
        assert_false(is_over());
        client_end(&client);
        client_turns(&client);
        assert_true(is_over());
    }
}

static void endless_head(void **state)
{
    static char text[10000];

    (void)state;
    memset(text, 'a', sizeof(text));
    client_say(&client, text, sizeof(text));
    client_turns(&client);
    assert_int_equal(answer(NULL, NULL, NULL), 414);
    client_close(&client);
    client_open(&client, false);
    memcpy(text, "GET / HTTP/1.1\r\n", 16);
    client_say(&client, text, sizeof(text));
    client_turns(&client);
    assert_int_equal(answer(NULL, NULL, NULL), 431);
}

static void pass(uint64_t us)
{
    fixture_now_us += us;
    client_turns(&client);
}

static void slow_head(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\n";

    (void)state;
    pass(IDLE_US - 1000);
    for (unsigned i = 0; i < 10; i++) {
        client_say(&client, &text[i], 1);
        client_turns(&client);
        pass(request_us / 10 - 1);
        assert_int_equal(client.answer_len, 0);
    }
    pass(20);
    assert_int_equal(answer(NULL, NULL, NULL), 408);
    pass(LINGER_US + 1);
    assert_true(is_over());
}

/* Its deadline moves with what it sends. */
static void slow_body(void **state)
{
    static char kilobyte[BODY_RATE];

    (void)state;
    say("PUT /upload" HOST "Content-Length: 40960\r\n" END);
    for (unsigned i = 0; i < 20; i++) {
        client_say(&client, kilobyte, sizeof(kilobyte));
        pass(1000000);
        assert_int_equal(client.answer_len, 0);
    }
    pass(request_us + 1000);
    assert_int_equal(answer(NULL, NULL, NULL), 408);
}

static void idle(void **state)
{
    (void)state;
    assert_true(connection_is_idle(client.connection));
    gives("GET /sub/one.txt" HOST END, 200, "one");
    assert_true(connection_is_idle(client.connection));
    say("G");
    assert_false(connection_is_idle(client.connection));
    say("ET /sub/one.txt" HOST END);
    assert_int_equal(answer(NULL, NULL, NULL), 200);
    pass(IDLE_US - 1);
    assert_false(is_over());
    pass(2);
    assert_true(is_over());
    assert_int_equal(client.answer_len, 0);
}

static void unread(void **state)
{
    (void)state;
    client_say(&client, "GET /pattern/1G" HOST END, strlen("GET /pattern/1G" HOST END));
    client_turns_unread(&client);
    assert_false(is_over());
    /* A socket may take some more, although poll() says that it doesn't. */
    for (unsigned i = 0; i < 20 && !is_over(); i++) {
        fixture_now_us += STALL_US + 1;
        client_turns_unread(&client);
    }
    assert_true(is_over());
}

static void client_that_goes(void **state)
{
    (void)state;
    say("GET / HT");
    client_end(&client);
    client_turns(&client);
    assert_true(is_over() && client.answer_len == 0);
    client_close(&client);
    client_open(&client, false);
    /* What it asked for before its end is answered. */
    client_say(&client, "GET /sub/one.txt" HOST END, strlen("GET /sub/one.txt" HOST END));
    client_end(&client);
    client_turns(&client);
    assert_int_equal(answer(NULL, NULL, NULL), 200);
    assert_true(is_over());
}

static void refused(void **state)
{
    (void)state;
    client_close(&client);
    client_open(&client, true);
    client_turns(&client);
    assert_int_equal(answer(NULL, NULL, NULL), 503);
    client_end(&client);
    client_turns(&client);
    assert_true(is_over());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(documents),
        TEST(directories),
        TEST(heads),
        TEST(ranges),
        TEST(files),
        TEST(pattern),
        TEST(uploads),
        TEST(pieces),
        TEST(expects_continue),
        TEST(too_large),
        TEST(malformed),
        TEST(endless_head),
        TEST(slow_head),
        TEST(slow_body),
        TEST(idle),
        TEST(unread),
        TEST(client_that_goes),
        TEST(refused),
    };
    return cmocka_run_group_tests_name("httpd", tests, NULL, NULL);
}
