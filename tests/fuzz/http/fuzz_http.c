/*
 * HTTP as strangers speak it. The first byte says to whom: a server's connection, which gets the rest
 * in pieces and with pauses as the input has them; or a client's reading of a response and its body.
 *
 * Whatever comes, every answer of the server is well-formed, nothing is said twice or out of turn, and
 * a connection whose client has ended ends, too.
 */
#include "../input.h"
#include "../require.h"

#include <stdlib.h>
#include <string.h>
#include <tests/host/httpd_fixture.h>

#define SAID_MAX 65536u
#define APPETITE (1u << 18) /* bytes of an answer: patterns may have any size */

static struct client client;
static char said[SAID_MAX];

/* ---- a server's connection ---- */

/* Reads all that was answered: heads, and content of the lengths that they name. HEAD's answers have
 * none, so what follows a head may be the next one. */
static void judge(void)
{
    struct http_response response;
    size_t at = 0;

    while (at < client.answer_len) {
        int head = http_response_read(client.answer + at, client.answer_len - at, &response);
        REQUIRE(head > 0);
        REQUIRE(response.length.known && !response.length.chunked);
        at += (size_t)head;
        size_t left = client.answer_len - at;
        if (left >= 5 && memcmp(client.answer + at, "HTTP/", 5) == 0)
            continue;
        REQUIRE(response.length.bytes <= left || left == 0 || client.appetite == 0);
        at += response.length.bytes < left ? response.length.bytes : left;
    }
}

static void serve(struct input *input)
{
    size_t len = input->len < SAID_MAX ? input->len : SAID_MAX;

    client_open(&client, input_byte(input) == 0);
    client.appetite = APPETITE;
    while (input->len > 0 && client.connection && len > 0) {
        uint8_t choice = input_byte(input);
        size_t piece = choice < 0xf0 ? (size_t)choice * 4 + 1 : 1;
        if (choice == 0xff)
            fixture_now_us += 3000000;
        if (piece > input->len)
            piece = input->len;
        /* Exactly as long as it is: what is read behind it is found. */
        char *exact = malloc(piece + 1);
        REQUIRE(exact);
        memcpy(exact, input->data, piece);
        client_say(&client, exact, piece);
        free(exact);
        input->data += piece;
        input->len -= piece;
        client_turns(&client);
    }
    client_end(&client);
    client_turns(&client);
    for (unsigned i = 0; i < 50 && client.connection; i++) {
        fixture_now_us += IDLE_US + STALL_US;
        client_turns(&client);
    }
    REQUIRE(!client.connection);
    judge();
    client_close(&client);
}

/* ---- a client ---- */

static void read_answer(struct input *input)
{
    struct http_response response;
    struct http_body body;
    struct http_text content;
    size_t taken = 0;

    size_t len = input->len < SAID_MAX ? input->len : SAID_MAX;
    memcpy(said, input->data, len);
    int head = http_response_read(said, len, &response);
    REQUIRE(head <= (int)len && (head >= 0 || head == HTTP_FAILED));
    if (head <= 0)
        return;
    REQUIRE(response.status >= 100 && response.status <= 999);
    http_body_begin(&body, &response.length, true);
    struct http_text rest = {said + head, len - (size_t)head};
    while (rest.len > 0 && !http_body_done(&body)) {
        size_t before = rest.len;
        if (http_body_take(&body, &rest, &content) != 0)
            return;
        REQUIRE(rest.len < before && content.len <= before - rest.len);
        taken += content.len;
    }
    REQUIRE(taken <= len);
    if (response.length.known && response.status != 304)
        REQUIRE(taken <= response.length.bytes);
    struct http_url url;
    if (http_url_read("http://a/b", &url) && http_url_follow(&url, response.location)) {
        REQUIRE(url.host[0] && url.target[0] == '/');
        REQUIRE(!strpbrk(url.target, " \r\n") && !strpbrk(url.host, " \r\n"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input input = {data, len};

    if (input_byte(&input) % 4 == 0)
        read_answer(&input);
    else
        serve(&input);
    return 0;
}
