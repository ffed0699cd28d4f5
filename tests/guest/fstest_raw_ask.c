/*
 * Requests of the group raw, made again at the next instance when a server dies.
 */
#include "fstest_raw.h"

#include <errno.h>
#include <libanole/internal.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS_FROM (1ull << 40) /* the C library's are others */
#define SERVER_WAIT_US 60000000u
#define BUSY_US 1000u
#define REPEATED_ONE_IN 3u

static int ask_instance(endpoint_t server, const struct raw_request *request, uint64_t number,
                        struct message *message)
{
    handle_t grants[2] = {HANDLE_NONE, HANDLE_NONE};
    int error = 0;

    *message = (struct message){0};
    memcpy(message->word, request->word, sizeof(request->word));
    message->word[6] = number;
    for (unsigned i = 0; i < 2 && !error; i++) {
        const struct raw_grant *grant = &request->grant[i];

        if (grant->bytes == NULL)
            continue;
        error = kcall_grant(server, grant->bytes, grant->len, grant->access, &grants[i]);
        message->word[grant->at] = grants[i];
    }
    if (!error)
        error = anole_call(server, request->type, message, DEADLINE_NEVER);
    for (unsigned i = 0; i < 2; i++) {
        if (grants[i] != HANDLE_NONE)
            (void)kcall_revoke(grants[i], -1);
    }
    return error;
}

static int ask_numbered(const struct raw_request *request, uint64_t number, struct message *answer)
{
    for (;;) {
        endpoint_t server;
        int error = name_wait(request->service, &server, ANOLE_NOTIFY_BIT,
                              deadline_in_us(SERVER_WAIT_US));

        if (!error)
            error = ask_instance(server, request, number, answer);
        if (error == -ANOLE_EAGAIN)
            sleep_until(deadline_in_us(BUSY_US));
        else if (error != -ANOLE_EDEADENDPOINT)
            return error;
    }
}

int raw_ask(struct raw *raw, const struct raw_request *request, struct message *answer)
{
    return ask_numbered(request, NUMBERS_FROM + ++raw->number, answer);
}

bool raw_ask_judged(struct raw *raw, const struct raw_request *request, unsigned word,
                    const struct verdict *verdict, struct message *answer)
{
    int status = raw_ask(raw, request, answer);

    if (chance_one_in(&raw->chance, REPEATED_ONE_IN)) {
        struct message again;
        int again_status = ask_numbered(request, NUMBERS_FROM + raw->number, &again);

        raw->repeated++;
        if (again_status != status || (status == 0 && again.word[word] != answer->word[word]))
            return fail(&raw->stage, "asked again: %d, %lx, and at first %d, %lx", again_status,
                        (unsigned long)again.word[word], status, (unsigned long)answer->word[word]);
    }
    errno = errno_of(status);
    return judge(&raw->stage, verdict, status);
}

void raw_paths(struct raw *raw, struct raw_request *request, const char *first, const char *second)
{
    static char text[2 * sizeof(raw->stage.directory) + 64];
    const char *directory = raw->stage.directory;
    size_t first_len = (size_t)snprintf(text, sizeof(text) / 2, "%s/%s", directory, first);
    size_t second_len = 0;

    if (second != NULL) {
        second_len = (size_t)snprintf(text + first_len, sizeof(text) / 2, "%s/%s", directory,
                                      second);
        request->word[2] = second_len;
    }
    request->service = "vfs";
    request->word[1] = (uint64_t)first_len << 32;
    request->grant[0] = (struct raw_grant){text, first_len + second_len, GRANT_READ, 0};
}

const char *raw_path_make(struct raw *raw, char path[8])
{
    static const char names[] = "abcdef";
    unsigned first = (unsigned)chance_below(&raw->chance, sizeof(names) - 1);
    unsigned second = (unsigned)chance_below(&raw->chance, sizeof(names) - 1);

    if (chance_one_in(&raw->chance, 3))
        snprintf(path, 8, "%c/%c", names[first], names[second]);
    else
        snprintf(path, 8, "%c", names[first]);
    return path;
}
