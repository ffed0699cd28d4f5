/*
 * httpd's connections over this machine's own sockets, with a clock that stands still: a client says
 * something, the connection has its turns, the client looks at what came.
 */
#ifndef TESTS_HOST_HTTPD_FIXTURE_H
#define TESTS_HOST_HTTPD_FIXTURE_H

#include <commands/httpd/httpd.h>

struct client {
    int fd;
    struct connection *connection; /* NULL: it is over */
    char answer[1 << 20];          /* all that came since it was looked at */
    size_t answer_len;
    uint64_t appetite; /* bytes: then it looks no more */
};

extern uint64_t fixture_now_us;

/* Its appetite is endless. */
void client_open(struct client *client, bool refused);
/* What doesn't fit into the socket is given as the connection takes it. */
void client_say(struct client *client, const char *text, size_t len);
/* Says no more. */
void client_end(struct client *client);
/* Turns, until none gets further; reads what comes. */
void client_turns(struct client *client);
/* The same with nothing read: a client that doesn't look. */
void client_turns_unread(struct client *client);
void client_close(struct client *client);

#endif
