/*
 * The fixture of blk_fixture.h.
 */
#include "blk_fixture.h"

#include "fake_memory.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

struct fake_disk disk;
unsigned char *buffer; /* of client A, page-aligned */
handle_t grant;        /* of it, both ways */
uint64_t next_call;

static void put_partition(unsigned slot, uint32_t start, uint32_t sectors)
{
    unsigned char *entry = disk.data + 446 + 16 * slot;
    entry[4] = 0x83;
    for (unsigned i = 0; i < 4; i++) {
        entry[8 + i] = (unsigned char)(start >> (8 * i));
        entry[12 + i] = (unsigned char)(sectors >> (8 * i));
    }
    disk.data[510] = 0x55;
    disk.data[511] = 0xaa;
}

void start_with(unsigned in_flight, unsigned segments, uint32_t block, uint32_t flags)
{
    fake_memory_reset();
    fake_kernel_reset();
    fake_disk_free(&disk);
    fake_disk_init(&disk, SECTORS, in_flight, segments);
    disk.blk.logical_block_bytes = block;
    disk.blk.flags = flags;
    for (unsigned i = 1024; i < SECTORS * 512; i++)
        disk.data[i] = (unsigned char)(i / 512 * 7 + i);
    put_partition(0, PART_START * 512 / block, PART_LEN * 512 / block);
    put_partition(1, (PART_START + PART_LEN) * 512 / block, PART_LEN * 512 / block);
    fake_thread(CLIENT_A, CLIENT_A);
    fake_thread(CLIENT_A_THREAD, CLIENT_A);
    fake_thread(CLIENT_B, CLIENT_B);
    grant = fake_grant(CLIENT_A, buffer, BUFFER_LEN, GRANT_READ | GRANT_WRITE);
    next_call = 100;
    fake_disk_start(&disk);
}

int blk_set_up(void **state)
{
    (void)state;
    buffer = aligned_alloc(4096, BUFFER_LEN);
    memset(buffer, 0, BUFFER_LEN);
    start_with(8, 8, 512, ALL_FLAGS);
    return 0;
}

int blk_tear_down(void **state)
{
    (void)state;
    CHECK(fake_kernel_held() == 0);
    fake_disk_free(&disk);
    disk.data = NULL;
    free(buffer);
    fake_kernel_reset();
    fake_memory_reset();
    return 0;
}

/* A request by message, finished by a device that doesn't wait. */
int call_as(endpoint_t from, struct message *message)
{
    uint64_t call = next_call++;
    int status = blk_send(from, call, message);
    if (status != SERVICE_NO_REPLY) {
        assert_null(fake_reply_to(call));
        return status;
    }
    blk_work();
    const struct fake_reply *reply = fake_reply_to(call);
    assert_non_null(reply);
    assert_int_equal(reply->endpoint, from);
    memcpy(message->word, reply->word, sizeof(message->word));
    return reply->status;
}

int request(uint32_t type, uint32_t flags, uint64_t session, uint64_t sector, handle_t memory,
            uint64_t offset, uint64_t length)
{
    struct message message = blk_message(type, BLK_ID(77, flags), session, sector, memory, offset,
                                         length);
    int status = call_as(CLIENT_A, &message);
    assert_int_equal(message.word[0], 77);
    if (status < 0)
        assert_int_equal(message.word[1], 0);
    else if (type == BLK_READ || type == BLK_WRITE)
        assert_true(message.word[1] > 0);
    return status;
}

int read_at(uint64_t session, uint64_t sector, uint64_t bytes)
{
    return request(BLK_READ, 0, session, sector, grant, 0, bytes);
}

int open_status(endpoint_t from, uint64_t minor, uint32_t flags, uint64_t *session)
{
    struct message message = {.type = BLK_OPEN, .word = {BLK_ID(1, flags), minor}};
    int status = blk_send(from, next_call++, &message);
    *session = message.word[1];
    return status;
}

void send_reads(endpoint_t from, uint64_t session, handle_t memory, uint64_t first_call,
                unsigned count, uint64_t sector)
{
    for (unsigned i = 0; i < count; i++) {
        struct message message = blk_message(BLK_READ, first_call + i, session, sector + i, memory,
                                             0, 512);
        assert_int_equal(blk_send(from, first_call + i, &message), SERVICE_NO_REPLY);
    }
}
