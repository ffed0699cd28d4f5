#include "inet.h"

#include <libanole/anole.h>
#include <stdlib.h>

#define TIMEOUT_US 5000000ul
#define NOTIFY_NAME 0 /* own bit: the name was published */
#define LIST_MORE 8u  /* that there may be by the next time */

/* Words 0 and 1 are a grant of the buffer and its length; the reply's are the message's. */
static int ask_with_buffer(uint32_t type, void *buffer, size_t len, struct message *message)
{
    uint64_t deadline = deadline_in_us(TIMEOUT_US);
    endpoint_t inet;
    handle_t grant;
    int status = name_wait("inet", &inet, NOTIFY_NAME, deadline);

    if (status == 0)
        status = kcall_grant(inet, buffer, len, GRANT_WRITE, &grant);
    if (status != 0)
        return status;
    *message = (struct message){.word = {grant, len}};
    status = anole_call(inet, type, message, deadline);
    /* The grant of a peer that died went with it. */
    int revoked = kcall_revoke(grant, -1);
    return status != 0 || revoked == -ANOLE_EBADHANDLE ? status : revoked;
}

int inet_read(uint32_t type, void *buffer, size_t len)
{
    struct message message;

    return ask_with_buffer(type, buffer, len, &message);
}

int inet_read_list(uint32_t type, size_t entry_bytes, void **list, unsigned *count)
{
    size_t room = LIST_MORE;

    for (;;) {
        struct message message;
        void *entries = calloc(room, entry_bytes);
        if (!entries)
            return -ANOLE_ENOMEM;
        int status = ask_with_buffer(type, entries, room * entry_bytes, &message);
        if (status == 0 && message.word[0] == message.word[1] && message.word[1] <= room) {
            *list = entries;
            *count = (unsigned)message.word[1];
            return 0;
        }
        free(entries);
        if (status != 0)
            return status;
        if (message.word[0] <= room || message.word[0] > UINT16_MAX)
            return -ANOLE_EPROTO;
        room = message.word[0] + LIST_MORE;
    }
}

int inet_ask(uint32_t type, struct message *message)
{
    uint64_t deadline = deadline_in_us(TIMEOUT_US);
    endpoint_t inet;
    int status = name_wait("inet", &inet, NOTIFY_NAME, deadline);

    return status == 0 ? anole_call(inet, type, message, deadline) : status;
}
