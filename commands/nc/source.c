/*
 * What nc sends. Generated data depends on the seed alone, and doesn't repeat itself: so a block that
 * is lost, repeated or misplaced changes the digest.
 */
#include "nc.h"

#include "line.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* False: the connection takes no more. */
static bool put(struct transfer *transfer, const void *data, size_t len)
{
    struct direction *sent = &transfer->sent;
    const char *bytes = data;

    while (len > 0) {
        ssize_t count = send(transfer->fd, bytes, len, 0);
        if (count < 0) {
            sent->error = errno;
            return false;
        }
        sha256_add(&sent->sha, bytes, (size_t)count);
        sent->bytes += (size_t)count;
        bytes += count;
        len -= (size_t)count;
    }
    return true;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void send_generated(struct transfer *transfer)
{
    static uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];
    const struct options *options = transfer->options;
    size_t block_bytes = options->datagrams ? DATAGRAM_BYTES : BLOCK_BYTES;
    uint64_t state = options->seed * 2 + 1; /* never 0 */

    for (uint64_t left = options->bytes; left > 0;) {
        size_t part = left < block_bytes ? left : block_bytes;
        for (size_t i = 0; i < (part + sizeof(block[0]) - 1) / sizeof(block[0]); i++)
            block[i] = random_next(&state);
        if (!put(transfer, block, part))
            return;
        left -= part;
    }
}

static void send_typed(struct transfer *transfer)
{
    static struct line line;
    char byte, echo[LINE_ECHO_BYTES];
    size_t shown;

    for (;;) {
        ssize_t count = read(STDIN_FILENO, &byte, 1);
        if (count != 1) {
            transfer->sent.error = errno;
            return;
        }
        enum line_result result = line_input(&line, byte, echo, &shown);
        (void)write(STDOUT_FILENO, echo, shown);
        if (result == LINE_END)
            return;
        if (result == LINE_READY) {
            if (!put(transfer, line.text, line.len))
                return;
            line.len = 0;
        }
    }
}

void source_run(struct transfer *transfer)
{
    sha256_begin(&transfer->sent.sha);
    if (transfer->options->source == SOURCE_CONSOLE)
        send_typed(transfer);
    else if (transfer->options->source == SOURCE_GENERATED)
        send_generated(transfer);
}
