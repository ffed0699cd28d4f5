/*
 * Both directions at once: what is sent has a thread of its own. A stream's directions end one by one
 * (half-close); datagrams have no end, but for what the console and time say.
 */
#include "nc.h"

#include <errno.h>
#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES 16384u

static void take(struct transfer *transfer, const void *data, size_t len)
{
    transfer->received.bytes += len;
    if (transfer->options->digest)
        sha256_add(&transfer->received.sha, data, len);
    else
        (void)write(STDOUT_FILENO, data, len);
}

static void receive_all(struct transfer *transfer)
{
    static char block[BLOCK_BYTES];
    ssize_t count;

    while ((count = recv(transfer->fd, block, sizeof(block), 0)) > 0 ||
           (count == 0 && transfer->options->datagrams))
        take(transfer, block, (size_t)count);
    if (count < 0)
        transfer->received.error = errno;
}

static void receiver_main(void *argument)
{
    receive_all(argument);
    kcall_thread_exit();
}

static void sender_main(void *argument)
{
    struct transfer *transfer = argument;

    source_run(transfer);
    /* The peer learns that this is all. What is wrong with the connection is known otherwise. */
    if (!transfer->options->datagrams)
        (void)shutdown(transfer->fd, SHUT_WR);
    kcall_thread_exit();
}

static endpoint_t start(void (*entry)(void *), struct transfer *transfer)
{
    endpoint_t thread;
    int status = thread_start(entry, transfer, STACK_BYTES, 0, &thread);

    if (status != 0) {
        fprintf(stderr, "nc: no thread: %s\n", anole_error_text(status));
        exit(1);
    }
    return thread;
}

void transfer_run(struct transfer *transfer, const void *first, size_t len)
{
    const struct options *options = transfer->options;
    endpoint_t sender = ENDPOINT_NONE;

    sha256_begin(&transfer->received.sha);
    take(transfer, first, len);
    if (options->datagrams && options->patience_s == 0 && options->source != SOURCE_NONE) {
        /* Nothing but the end of what is sent can end it. */
        (void)start(receiver_main, transfer);
        source_run(transfer);
        return;
    }
    if (options->source != SOURCE_NONE)
        sender = start(sender_main, transfer);
    receive_all(transfer);
    /* The peer's end doesn't end what is under way to it; but nobody waits for a typist. */
    if (options->source == SOURCE_GENERATED)
        thread_wait(sender);
}
