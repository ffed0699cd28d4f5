/*
 * See httpd_fixture.h.
 */
#include "httpd_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <libanole/anole.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t fixture_now_us;

/* ---- what httpd has of the system ---- */

uint64_t ticks_now(void)
{
    return fixture_now_us + 1;
}

uint64_t ticks_from_us(uint64_t microseconds)
{
    return microseconds;
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return ticks_now() + microseconds;
}

/* As if RS had no memory for the one, and said little with the other. */
unsigned services_json(struct document *document)
{
    (void)document;
    return 503;
}

unsigned services_text(struct document *document)
{
    struct page page = {0};

    page_add(&page, "%s\n", "all is well");
    return page_done(&page, "text/plain", document);
}

/* As site.S makes them. */
const struct {
    const char *path, *data;
    uint64_t size;
} site_files[] = {
    {"/index.html", "<p>hello", 8},
    {"/sub/one.txt", "one", 3},
    {"/sub/<two>", "22", 2},
    {"/sub/empty", "", 0},
    {NULL, NULL, 0},
};

/* ---- clients ---- */

void client_open(struct client *client, bool refused)
{
    int fds[2];

    client->answer_len = 0;
    client->appetite = UINT64_MAX;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        abort();
    client->fd = fds[0];
    client->connection = connection_open(fds[1], refused);
    if (!client->connection)
        abort();
}

void client_close(struct client *client)
{
    if (client->connection)
        connection_close(client->connection);
    if (client->fd >= 0)
        (void)close(client->fd);
    client->connection = NULL;
    client->fd = -1;
}

/* One turn, if poll() finds something or it is time. False: nothing happened. */
static bool turn(struct client *client)
{
    if (!client->connection)
        return false;
    struct pollfd fd = {.fd = connection_fd(client->connection),
                        .events = connection_events(client->connection)};
    if (poll(&fd, 1, 0) == 0 && connection_deadline(client->connection) > ticks_now())
        return false;
    if (!connection_step(client->connection)) {
        connection_close(client->connection);
        client->connection = NULL;
    }
    return true;
}

static void look(struct client *client)
{
    ssize_t got;

    do {
        if (client->answer_len == sizeof(client->answer))
            client->answer_len = 0;
        size_t room = sizeof(client->answer) - client->answer_len;
        if (room > client->appetite)
            room = (size_t)client->appetite;
        got = recv(client->fd, client->answer + client->answer_len, room, 0);
        client->answer_len += got > 0 ? (size_t)got : 0;
        client->appetite -= got > 0 ? (uint64_t)got : 0;
    } while (got > 0);
}

void client_turns_unread(struct client *client)
{
    while (turn(client))
        continue;
}

void client_turns(struct client *client)
{
    do
        look(client);
    while (turn(client));
    look(client);
}

void client_say(struct client *client, const char *text, size_t len)
{
    while (len > 0 && client->fd >= 0) {
        ssize_t said = send(client->fd, text, len, MSG_NOSIGNAL);
        if (said < 0 && errno != EAGAIN)
            return; /* the connection is over */
        if (said < 0 && client->appetite == 0)
            return; /* neither wants what the other says */
        if (said < 0)
            client_turns(client);
        text += said > 0 ? said : 0;
        len -= said > 0 ? (size_t)said : 0;
    }
}

void client_end(struct client *client)
{
    (void)shutdown(client->fd, SHUT_WR);
}
