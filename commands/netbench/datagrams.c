/*
 * A flow of datagrams, at a rate or as fast as there is room for them.
 */
#include "netbench.h"

#include <errno.h>
#include <libanole/anole.h>
#include <stdlib.h>

#define ROOM_US 100u /* after which there may be room again */
#define BITS_A_SECOND_US 8000000ul

/* Waits for room until the deadline. */
static bool send_one(struct sender *sender, const void *data, size_t len, uint64_t deadline)
{
    while (sendto(sender->fd, data, len, 0, sender->to, sender->to_len) < 0) {
        if (errno != ENOBUFS) {
            sender->error = errno;
            return false;
        }
        sender->refused++;
        if (ticks_now() >= deadline)
            return false;
        sleep_us(ROOM_US);
    }
    return true;
}

static void write_datagram(const struct sender *sender, char *block, size_t len, bool last)
{
    struct iperf_datagram datagram = {
        .number = sender->sent,
        .last = last,
        .sent_us = now_us(),
        .has_test = sender->announces,
        .test = *sender->test,
    };

    iperf_write_datagram((uint8_t *)block, len, &datagram);
}

static size_t length(const struct sender *sender)
{
    size_t wanted = sender->test->block_bytes;

    return wanted >= IPERF_DATAGRAM_HEADER && wanted <= DATAGRAM_BYTES_MAX ? wanted
                                                                           : DATAGRAM_BYTES;
}

static void pour(struct sender *sender, char *block, size_t len, uint64_t deadline)
{
    const struct iperf_test *test = sender->test;
    uint64_t start = ticks_now(), due_us = 0;

    fill_block(block, len);
    while (ticks_now() < deadline && (test->duration_us > 0 || sender->bytes < test->bytes)) {
        sender->sent++;
        write_datagram(sender, block, len, false);
        if (!send_one(sender, block, len, deadline))
            break;
        sender->bytes += len;
        if (test->rate_bits == 0)
            continue;
        due_us += len * BITS_A_SECOND_US / test->rate_bits;
        uint64_t due = start + ticks_from_us(due_us);
        sleep_until(due < deadline ? due : deadline);
    }
}

void datagrams_pour(struct sender *sender)
{
    uint64_t start = now_us();
    size_t len = length(sender);
    char *block = malloc(len);

    if (block)
        pour(sender, block, len, test_deadline(sender->test));
    else
        sender->error = ENOMEM;
    free(block);
    sender->us = now_us() - start;
}

void datagrams_end(struct sender *sender)
{
    char block[IPERF_DATAGRAM_HEADER + IPERF_HEADER_MAX] = {0};

    sender->sent++;
    write_datagram(sender, block, sizeof(block), true);
    (void)send_one(sender, block, sizeof(block), DEADLINE_POLL);
    sender->sent--; /* it can be repeated */
}
