/*
 * A flow of datagrams, at a rate or as fast as there is room for them.
 */
#include "netbench.h"

#include <errno.h>
#include <libanole/anole.h>

#define ROOM_US 100u /* after which there may be room again */
#define BITS_A_SECOND_US 8000000ul

static bool send_one(struct sender *sender, const void *data, size_t len)
{
    for (;;) {
        ssize_t sent = sendto(sender->fd, data, len, 0, sender->to, sender->to_len);
        if (sent >= 0)
            return true;
        sender->error = errno;
        if (errno != ENOBUFS)
            return false;
        sender->error = 0;
        sender->refused++;
        sleep_us(ROOM_US);
    }
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

void datagrams_pour(struct sender *sender)
{
    static _Thread_local char block[DATAGRAM_BYTES];
    const struct iperf_test *test = sender->test;
    size_t len = length(sender);
    uint64_t start = now_us(), due_us = 0;

    fill_block(block, len);
    while (test->duration_us > 0 ? now_us() - start < test->duration_us
                                 : sender->bytes < test->bytes) {
        sender->sent++;
        write_datagram(sender, block, len, false);
        if (!send_one(sender, block, len))
            break;
        sender->bytes += len;
        if (test->rate_bits == 0)
            continue;
        due_us += len * BITS_A_SECOND_US / test->rate_bits;
        if (start + due_us > now_us())
            sleep_us(start + due_us - now_us());
    }
    sender->us = now_us() - start;
}

void datagrams_end(struct sender *sender)
{
    char block[IPERF_DATAGRAM_HEADER + IPERF_HEADER_MAX] = {0};

    sender->sent++;
    write_datagram(sender, block, sizeof(block), true);
    (void)send_one(sender, block, sizeof(block));
    sender->sent--; /* it can be repeated */
}
