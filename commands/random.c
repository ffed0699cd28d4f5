/*
 * random: bytes of the entropy device, in hexadecimal. A driver that dies meanwhile is waited for.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <proto/rng.h>
#include <stdio.h>

#define DEFAULT_BYTES 16u
#define LINE_BYTES 32u
#define TIMEOUT_US 5000000ul
#define NOTIFY_NAME 0 /* own bit: the name was published */

static int read_bytes(endpoint_t rng, unsigned char *bytes, size_t len)
{
    struct message message = {.word = {0, 0, len}};
    handle_t grant;
    int status = kcall_grant(rng, bytes, len, GRANT_WRITE, &grant);
    if (status != 0)
        return status;
    message.word[0] = grant;
    status = anole_call(rng, RNG_READ, &message, deadline_in_us(TIMEOUT_US));
    /* The grant of a peer that died went with it. */
    int revoked = kcall_revoke(grant, -1);
    return status != 0 || revoked == -ANOLE_EBADHANDLE ? status : revoked;
}

static int read_from_next(unsigned char *bytes, size_t len)
{
    int status;
    do {
        endpoint_t rng;
        status = name_wait("random", &rng, NOTIFY_NAME, deadline_in_us(TIMEOUT_US));
        if (status == 0)
            status = read_bytes(rng, bytes, len);
    } while (status == -ANOLE_EDEADENDPOINT);
    return status;
}

int main(int argc, char *argv[])
{
    static unsigned char bytes[RNG_READ_MAX];
    uint64_t count = DEFAULT_BYTES;

    if (argc > 2 || (argc == 2 && (!parse_number(argv[1], RNG_READ_MAX, &count) || count == 0)))
        return print_usage("random [BYTES]    1 to 65536");
    int status = read_from_next(bytes, count);
    if (status != 0) {
        fprintf(stderr, "random: %s\n", anole_error_text(status));
        return 1;
    }
    for (uint64_t i = 0; i < count; i++)
        printf("%02x%s", bytes[i], (i + 1) % LINE_BYTES == 0 || i + 1 == count ? "\n" : "");
    return 0;
}
