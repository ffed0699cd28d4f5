/*
 * Reads the console by messages instead of through stdio, because the shell wants every byte at once
 * and must know when the console has died.
 */
#include "terminal.h"

#include <libanole/anole.h>
#include <string.h>

#define NOTIFY_CONSOLE_NAME 0 /* own bit: the console's name was published */
#define DRAIN_TIMEOUT_US 5000000ul
#define RETRY_US 1000000ul

size_t terminal_read(char bytes[TTY_INLINE_MAX])
{
    struct message message = {.word = {TTY_INLINE_MAX}};
    endpoint_t console;

    /* Given up or never there: nobody can type, and somebody may still start it again. */
    if (name_wait("console", &console, NOTIFY_CONSOLE_NAME, DEADLINE_NEVER) != 0) {
        sleep_us(RETRY_US);
        return 0;
    }
    int status = anole_call(console, TTY_READ, &message, DEADLINE_NEVER);
    if (status == -ANOLE_EDEADENDPOINT)
        return 0;
    if (status != 0 || message.word[0] > TTY_INLINE_MAX) {
        log_printf(LOG_WARNING, "the console answers a read with %s, %lu bytes",
                   anole_error_name(status), (unsigned long)message.word[0]);
        sleep_us(RETRY_US);
        return 0;
    }
    memcpy(bytes, &message.word[1], message.word[0]);
    return message.word[0];
}

void terminal_drain(void)
{
    uint64_t deadline = deadline_in_us(DRAIN_TIMEOUT_US);
    int status;

    do {
        struct message message = {0};
        endpoint_t console;

        status = name_wait("console", &console, NOTIFY_CONSOLE_NAME, deadline);
        if (status == 0)
            status = anole_call(console, TTY_DRAIN, &message, deadline);
    } while (status == -ANOLE_EDEADENDPOINT);
    if (status != 0)
        log_printf(LOG_WARNING, "console not drained: %s", anole_error_text(status));
}
