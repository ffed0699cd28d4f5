/*
 * One direction of a connection. Whoever waits for the peer is patient for a while only, so that a peer
 * that says nothing, or closes its window for ever, costs one connection for that long.
 */
#include "netbench.h"

#include <errno.h>
#include <libanole/anole.h>
#include <sys/socket.h>

void fill_block(char *block, size_t len)
{
    for (size_t i = 0; i < len; i++)
        block[i] = (char)('0' + i % 10);
}

uint64_t test_deadline(const struct iperf_test *test)
{
    bool sensible = test->duration_us > 0 && test->duration_us < DURATION_MAX_US;

    return deadline_in_us(sensible ? test->duration_us : DURATION_MAX_US);
}

void stream_pour(struct stream *stream, const struct iperf_test *test)
{
    uint64_t deadline = test_deadline(test), start = now_us();
    size_t block_bytes = test->block_bytes > 0 && test->block_bytes < BLOCK_BYTES
                             ? test->block_bytes
                             : BLOCK_BYTES;

    while (ticks_now() < deadline && (test->duration_us > 0 || stream->bytes < test->bytes)) {
        uint64_t left = test->duration_us > 0 ? block_bytes : test->bytes - stream->bytes;
        ssize_t sent = send(stream->fd, stream->block, left < block_bytes ? left : block_bytes, 0);
        if (sent < 0) {
            stream->error = errno;
            break;
        }
        stream->bytes += (size_t)sent;
    }
    stream->us = now_us() - start;
}

void stream_sink(struct stream *stream)
{
    uint64_t start = now_us();
    ssize_t count;

    while ((count = recv(stream->fd, stream->block, BLOCK_BYTES, 0)) > 0)
        stream->bytes += (size_t)count;
    if (count < 0)
        stream->error = errno;
    stream->us = now_us() - start;
}

bool receive_exactly(int fd, void *data, size_t len)
{
    return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

bool send_all(int fd, const void *data, size_t len)
{
    return send(fd, data, len, 0) == (ssize_t)len;
}
