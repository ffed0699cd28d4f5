/*
 * What came on a stream and wasn't read yet. lwIP's buffers are kept as they are, in one chain; what
 * comes in small pieces is gathered into buffers of our own, so that a window full of it needs little
 * more memory than its bytes.
 *
 * The chain is longer than what lwIP's count of a packet's bytes can say: only `next` and each one's
 * own `len` mean anything here.
 */
#include "inet.h"
#include <string.h>

#define GATHER_BYTES 2000u
#define GATHERED_LEN_MAX 512u /* longer ones stay where they are */
#define OPS 16u               /* buffers that are copied by one kernel call */

static void append(struct received *received, struct pbuf *data)
{
    if (received->last)
        received->last->next = data;
    else
        received->first = data;
    while (data->next)
        data = data->next;
    received->last = data;
    received->gather_room = 0;
}

static bool gather_begin(struct received *received)
{
    struct pbuf *buffer = pbuf_alloc(PBUF_RAW, GATHER_BYTES, PBUF_RAM);

    if (!buffer)
        return false;
    buffer->len = 0;
    append(received, buffer);
    received->gather_room = GATHER_BYTES;
    return true;
}

bool received_add(struct received *received, struct pbuf *data)
{
    uint16_t len = data->tot_len;

    if (len > GATHERED_LEN_MAX) {
        append(received, data);
    } else {
        if (received->gather_room < len && !gather_begin(received))
            return false;
        struct pbuf *buffer = received->last;
        (void)pbuf_copy_partial(data, (uint8_t *)buffer->payload + buffer->len, len, 0);
        buffer->len = (uint16_t)(buffer->len + len);
        received->gather_room -= len;
        pbuf_free(data);
    }
    received->bytes += len;
    return true;
}

int received_copy(const struct received *received, endpoint_t client, handle_t grant,
                  uint64_t offset, uint64_t len)
{
    const struct pbuf *buffer = received->first;
    struct copy_op ops[OPS];

    while (len > 0) {
        unsigned count = 0, moved;
        for (; count < OPS && len > 0; count++, buffer = buffer->next) {
            uint64_t part = LWIP_MIN(buffer->len, len);
            ops[count] = (struct copy_op){
                .maker = client,
                .direction = COPY_TO_GRANT,
                .grant = grant,
                .offset = offset,
                .local_address = (uintptr_t)buffer->payload,
                .len_bytes = part,
            };
            offset += part;
            len -= part;
        }
        int error = kcall_copy_vector(ops, count, &moved);
        if (error)
            return error;
    }
    return 0;
}

void received_drop(struct received *received, uint32_t len)
{
    received->bytes -= len;
    while (len > 0) {
        struct pbuf *buffer = received->first;
        if (buffer->len > len) {
            (void)pbuf_remove_header(buffer, len);
            return;
        }
        len -= buffer->len;
        received->first = buffer->next;
        buffer->next = NULL;
        pbuf_free(buffer);
    }
    if (!received->first)
        *received = (struct received){0};
}
