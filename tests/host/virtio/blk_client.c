/*
 * A client of the block protocol, over the fake kernel.
 */
#include "blk_client.h"

#include <libblk/server.h>
#include <stdlib.h>
#include <string.h>

#define DOORBELL_OF_CLIENT 0x7777u

int blk_send(endpoint_t from, uint64_t call_id, struct message *message)
{
    const struct service *service = fake_kernel.service;
    struct ipc_delivery delivery = {.message = *message, .call_id = call_id};
    delivery.message.endpoint = from;
    for (unsigned i = 0; i < service->entry_count; i++) {
        if (service->entries[i].type != message->type)
            continue;
        int status = service->entries[i].handler(&delivery);
        *message = delivery.message;
        return status;
    }
    fail_msg("type %#x has no handler", message->type);
    return 0;
}

void blk_work(void)
{
    fake_kernel.service->before_wait();
    while (fake_kernel.service->deadline() == DEADLINE_POLL) {
        fake_kernel.service->timeout();
        fake_kernel.service->before_wait();
    }
}

void blk_notify(uint64_t bits)
{
    fake_kernel.service->notified(bits);
    blk_work();
}

void blk_pass(uint64_t microseconds)
{
    uint64_t end = fake_kernel.now_ticks + microseconds * FAKE_TICKS_PER_US;
    for (;;) {
        uint64_t deadline = fake_kernel.service->deadline();
        if (deadline > end)
            break;
        CHECK(deadline > fake_kernel.now_ticks); /* it would never sleep */
        fake_kernel.now_ticks = deadline;
        fake_kernel.service->timeout();
        fake_kernel.service->before_wait();
        if (fake_kernel.died)
            return;
    }
    fake_kernel.now_ticks = end;
}

struct message blk_message(uint32_t type, uint64_t word0, uint64_t session, uint64_t sector,
                           handle_t grant, uint64_t offset, uint64_t length)
{
    return (struct message){.type = type,
                            .word = {word0, session, sector, grant, offset, length, 0}};
}

uint64_t blk_open_as(endpoint_t from, unsigned minor, uint32_t flags)
{
    struct message message = {.type = BLK_OPEN, .word = {BLK_ID(1, flags), minor}};
    int status = blk_send(from, 1, &message);
    if (status != 0)
        fail_msg("open: %d", status);
    CHECK(message.word[0] == 1);
    return message.word[1];
}

int blk_close_as(endpoint_t from, uint64_t session)
{
    struct message message = {.type = BLK_CLOSE, .word = {2, session}};
    return blk_send(from, 1, &message);
}

int blk_attach_as(endpoint_t from, uint64_t session, struct blk_test_channel *test,
                  uint32_t entries, handle_t pool, uint64_t pool_len)
{
    *test = (struct blk_test_channel){.len = channel_size(entries)};
    test->memory = aligned_alloc(4096, (test->len + 4095) / 4096 * 4096);
    memset(test->memory, 0, test->len);
    CHECK(channel_init(&test->channel, CHANNEL_CLIENT, test->memory, test->len, entries) == 0);
    test->region = fake_region(from, test->memory, test->len, 3);
    struct message message = {
        .type = BLK_ATTACH,
        .word = {3, session, test->region, DOORBELL_OF_CLIENT, pool, pool_len, entries}};
    int status = blk_send(from, 1, &message);
    test->doorbell = message.word[1];
    return status;
}

void blk_channel_free(struct blk_test_channel *test)
{
    free(test->memory);
}

void blk_channel_send(struct blk_test_channel *test, const struct message *message)
{
    CHECK(channel_put(&test->channel, message) == 0);
}

void blk_channel_go(struct blk_test_channel *test)
{
    int rc = channel_publish(&test->channel);
    CHECK(rc >= 0);
    if (rc > 0)
        fake_kernel.service->notified(NOTIFY_BIT(0));
    blk_work();
}

int blk_channel_reply_next(struct blk_test_channel *test, uint32_t *id)
{
    struct message message;
    int rc = channel_take(&test->channel, &message);
    CHECK(rc >= 0);
    if (rc == 0)
        return PENDING;
    CHECK(message.endpoint == 0);
    *id = (uint32_t)message.word[0];
    return message_status(&message);
}
