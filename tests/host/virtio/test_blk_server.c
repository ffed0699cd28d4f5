/*
 * The rules of a block driver, over a device that is only memory: who may open, what is refused, how
 * memory is mapped and given back, turns between clients, canceling, deadlines, deaths. Each test
 * ends by checking that nothing that was taken from the kernel is left.
 */
#include "blk_client.h"
#include "check.h"
#include "fake_disk.h"
#include "fake_kernel.h"
#include "fake_memory.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 2048u
#define PART_START 100u /* partition 1; partition 2 follows it */
#define PART_LEN 50u
#define BUFFER_LEN (64u * 4096u)

static struct fake_disk disk;
static unsigned char *buffer; /* of client A, page-aligned */
static handle_t grant;        /* of it, both ways */
static uint64_t next_call;

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

static void start_with(unsigned in_flight, unsigned segments, uint32_t block, uint32_t flags)
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

#define ALL_FLAGS (BLK_INFO_FLUSH | BLK_INFO_DISCARD | BLK_INFO_WRITE_ZEROES)

static int set_up(void **state)
{
    (void)state;
    buffer = aligned_alloc(4096, BUFFER_LEN);
    memset(buffer, 0, BUFFER_LEN);
    start_with(8, 8, 512, ALL_FLAGS);
    return 0;
}

static int tear_down(void **state)
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
static int call_as(endpoint_t from, struct message *message)
{
    uint64_t call = next_call++;
    int status = blk_send(from, call, message);
    if (status != SERVICE_NO_REPLY) {
        assert_null(blk_reply_to(call));
        return status;
    }
    blk_work();
    const struct fake_reply *reply = blk_reply_to(call);
    assert_non_null(reply);
    assert_int_equal(reply->endpoint, from);
    memcpy(message->word, reply->word, sizeof(message->word));
    return reply->status;
}

static int request(uint32_t type, uint32_t flags, uint64_t session, uint64_t sector, handle_t memory,
                   uint64_t offset, uint64_t length)
{
    struct message message =
        blk_message(type, BLK_ID(77, flags), session, sector, memory, offset, length);
    int status = call_as(CLIENT_A, &message);
    assert_int_equal(message.word[0], 77);
    if (status < 0)
        assert_int_equal(message.word[1], 0);
    else if (type == BLK_READ || type == BLK_WRITE)
        assert_true(message.word[1] > 0);
    return status;
}

static int read_at(uint64_t session, uint64_t sector, uint64_t bytes)
{
    return request(BLK_READ, 0, session, sector, grant, 0, bytes);
}

/* ---- sessions ---- */

static int open_status(endpoint_t from, uint64_t minor, uint32_t flags, uint64_t *session)
{
    struct message message = {.type = BLK_OPEN, .word = {BLK_ID(1, flags), minor}};
    int status = blk_send(from, next_call++, &message);
    *session = message.word[1];
    return status;
}

static void test_exclusive_writers(void **state)
{
    (void)state;
    uint64_t a, b, c;
    enum { W = BLK_OPEN_WRITE, WS = BLK_OPEN_WRITE | BLK_OPEN_SHARED };
    static const struct {
        uint32_t first_minor, first_flags, second_minor, second_flags;
        int status;
    } cases[] = {
        {0, W, 0, W, -ANOLE_EBUSY},  {0, W, 1, W, -ANOLE_EBUSY},   {1, W, 0, W, -ANOLE_EBUSY},
        {1, W, 1, W, -ANOLE_EBUSY},  {1, W, 2, W, 0},              {0, 0, 0, W, 0},
        {0, W, 0, 0, 0},             {0, WS, 0, WS, 0},            {0, WS, 1, WS, 0},
        {0, W, 0, WS, -ANOLE_EBUSY}, {1, WS, 0, W, -ANOLE_EBUSY},  {0, 0, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(open_status(CLIENT_A, cases[i].first_minor, cases[i].first_flags, &a), 0);
        int status = open_status(CLIENT_B, cases[i].second_minor, cases[i].second_flags, &b);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(blk_close_as(CLIENT_A, a), 0);
        if (status == 0)
            assert_int_equal(blk_close_as(CLIENT_B, b), 0);
    }
    assert_int_equal(open_status(CLIENT_A, 0, BLK_OPEN_SHARED, &c), -ANOLE_EINVAL);
    assert_int_equal(open_status(CLIENT_A, 0, 4, &c), -ANOLE_EINVAL);
    assert_int_equal(open_status(CLIENT_A, 3, 0, &c), -ANOLE_ENOENT);
    assert_int_equal(open_status(CLIENT_A, BLK_MINORS, 0, &c), -ANOLE_ENOENT);
    assert_int_equal(open_status(CLIENT_A, UINT64_MAX, 0, &c), -ANOLE_ENOENT);
}

static void test_session_is_its_process_s(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    assert_int_equal(read_at(session, 10, 512), 0);
    struct message message = blk_message(BLK_READ, 5, session, 10, grant, 0, 512);
    assert_int_equal(call_as(CLIENT_A_THREAD, &message), 0);
    message = blk_message(BLK_READ, 5, session, 10, grant, 0, 512);
    assert_int_equal(call_as(CLIENT_B, &message), -ANOLE_EBADHANDLE);
    assert_int_equal(blk_close_as(CLIENT_B, session), -ANOLE_EBADHANDLE);
    uint64_t bad[] = {0, session + 1, session + (1u << 8), session | (uint64_t)1 << 63, 0xff,
                      UINT64_MAX};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_at(bad[i], 10, 512), -ANOLE_EBADHANDLE);
    assert_int_equal(blk_close_as(CLIENT_A_THREAD, session), 0);
    assert_int_equal(read_at(session, 10, 512), -ANOLE_EBADHANDLE);
    assert_int_equal(blk_close_as(CLIENT_A, session), -ANOLE_EBADHANDLE);
    /* The same place, another generation. */
    uint64_t again = blk_open_as(CLIENT_A, 0, 0);
    assert_int_not_equal(again, session);
    assert_int_equal(read_at(session, 10, 512), -ANOLE_EBADHANDLE);
    assert_int_equal(blk_close_as(CLIENT_A, again), 0);
}

static void test_sessions_are_limited(void **state)
{
    (void)state;
    uint64_t session[17];
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(open_status(CLIENT_A, 0, 0, &session[i]), 0);
    assert_int_equal(open_status(CLIENT_A_THREAD, 0, 0, &session[16]), -ANOLE_EBUSY);
    assert_int_equal(open_status(CLIENT_B, 0, 0, &session[16]), 0);
    assert_int_equal(blk_close_as(CLIENT_B, session[16]), 0);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(blk_close_as(CLIENT_A, session[i]), 0);
}

static void test_read_only(void **state)
{
    (void)state;
    uint64_t session;
    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_READ_ONLY);
    assert_int_equal(open_status(CLIENT_A, 0, BLK_OPEN_WRITE, &session), -ANOLE_EROFS);
    session = blk_open_as(CLIENT_A, 0, 0);
    assert_int_equal(read_at(session, 10, 512), 0);
    assert_int_equal(request(BLK_WRITE, 0, session, 10, grant, 0, 512), -ANOLE_EROFS);
    assert_int_equal(request(BLK_DISCARD, 0, session, 10, 0, 0, 512), -ANOLE_EROFS);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- what is refused ---- */

static void test_fields(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    uint64_t reader = blk_open_as(CLIENT_A, 1, 0);
    static const struct {
        uint64_t sector, length;
        int status;
    } cases[] = {
        {0, 0, -ANOLE_EINVAL},
        {0, 1, -ANOLE_EINVAL},
        {0, 511, -ANOLE_EINVAL},
        {0, 513, -ANOLE_EINVAL},
        {0, UINT64_MAX, -ANOLE_EINVAL},
        {0, UINT64_MAX - 511, -ANOLE_EINVAL},
        {SECTORS - 1, 512, 0},
        {SECTORS - 1, 1024, -ANOLE_ERANGE},
        {SECTORS, 512, -ANOLE_ERANGE},
        {SECTORS + 1, 512, -ANOLE_ERANGE},
        {UINT64_MAX, 512, -ANOLE_ERANGE},
        {UINT64_MAX / 512, 512, -ANOLE_ERANGE},
        {(uint64_t)1 << 55, 512, -ANOLE_ERANGE},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_at(session, cases[i].sector, cases[i].length), cases[i].status);
        assert_int_equal(
            request(BLK_WRITE, 0, session, cases[i].sector, grant, 0, cases[i].length),
            cases[i].status);
    }
    assert_int_equal(request(BLK_READ, BLK_FUA, session, 0, grant, 0, 512), -ANOLE_EINVAL);
    assert_int_equal(request(BLK_WRITE, BLK_UNMAP, session, 0, grant, 0, 512), -ANOLE_EINVAL);
    assert_int_equal(request(BLK_WRITE, 1u << 31, session, 0, grant, 0, 512), -ANOLE_EINVAL);
    assert_int_equal(request(BLK_FLUSH, 1, session, 0, 0, 0, 0), -ANOLE_EINVAL);
    assert_int_equal(request(BLK_WRITE, 0, reader, 0, grant, 0, 512), -ANOLE_EPERM);
    assert_int_equal(request(BLK_WRITE_ZEROES, 0, reader, 0, 0, 0, 512), -ANOLE_EPERM);
    /* A partition ends where it ends. */
    assert_int_equal(read_at(reader, PART_LEN - 1, 512), 0);
    assert_memory_equal(buffer, disk.data + (PART_START + PART_LEN - 1) * 512, 512);
    assert_int_equal(read_at(reader, PART_LEN - 1, 1024), -ANOLE_ERANGE);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_A, reader), 0);
}

static void test_large_blocks(void **state)
{
    (void)state;
    start_with(8, 8, 4096, ALL_FLAGS);
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    for (uint64_t sector = 1; sector < 8; sector++)
        assert_int_equal(read_at(session, sector, 4096), -ANOLE_EINVAL);
    for (uint64_t bytes = 512; bytes < 4096; bytes += 512)
        assert_int_equal(read_at(session, 8, bytes), -ANOLE_EINVAL);
    assert_int_equal(read_at(session, 8, 8192), 0);
    assert_memory_equal(buffer, disk.data + 4096, 8192);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_grants(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    handle_t readable = fake_grant(CLIENT_A, buffer, 4096, GRANT_READ);
    handle_t writable = fake_grant(CLIENT_A, buffer, 4096, GRANT_WRITE);
    handle_t foreign = fake_grant(CLIENT_B, buffer, 4096, GRANT_READ | GRANT_WRITE);
    assert_int_equal(request(BLK_READ, 0, session, 4, readable, 0, 512), -ANOLE_EPERM);
    assert_int_equal(request(BLK_READ, 0, session, 4, writable, 0, 512), 0);
    assert_int_equal(request(BLK_WRITE, 0, session, 4, writable, 0, 512), -ANOLE_EPERM);
    assert_int_equal(request(BLK_WRITE, 0, session, 4, readable, 0, 512), 0);
    assert_int_equal(request(BLK_READ, 0, session, 4, foreign, 0, 512), -ANOLE_EBADHANDLE);
    assert_int_equal(request(BLK_READ, 0, session, 4, 0, 0, 512), -ANOLE_EBADHANDLE);
    assert_int_equal(request(BLK_READ, 0, session, 4, UINT64_MAX, 0, 512), -ANOLE_EBADHANDLE);
    assert_int_equal(request(BLK_READ, 0, session, 4, grant, BUFFER_LEN - 511, 512), -ANOLE_ERANGE);
    assert_int_equal(request(BLK_READ, 0, session, 4, grant, UINT64_MAX - 511, 512),
                     -ANOLE_ERANGE);
    assert_int_equal(request(BLK_READ, 0, session, 4, grant, BUFFER_LEN - 512, 512), 0);
    assert_int_equal(fake_grant_pins(grant), 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static int vector_request(uint64_t session, struct blk_segment *vector, uint64_t count,
                          uint64_t sector)
{
    memcpy(buffer + 8192, vector, BLK_VECTOR_MAX * sizeof(*vector));
    return request(BLK_READ, BLK_VECTOR, session, sector, grant, 8192, count);
}

static void test_vectors(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    struct blk_segment vector[BLK_VECTOR_MAX];
    fake_kernel.scatter = true;
    for (unsigned i = 0; i < BLK_VECTOR_MAX; i++)
        vector[i] = (struct blk_segment){grant, 32768 + i * 1024 + 3, 512};
    memset(buffer + 32768, 0xee, 65536);
    assert_int_equal(vector_request(session, vector, BLK_VECTOR_MAX, 20), 0);
    for (unsigned i = 0; i < BLK_VECTOR_MAX; i++) {
        assert_memory_equal(buffer + 32768 + i * 1024 + 3, disk.data + (20 + i) * 512, 512);
        assert_int_equal(buffer[32768 + i * 1024 + 2], 0xee);
        assert_int_equal(buffer[32768 + i * 1024 + 515], 0xee);
    }
    assert_int_equal(vector_request(session, vector, 0, 20), -ANOLE_EINVAL);
    assert_int_equal(vector_request(session, vector, BLK_VECTOR_MAX + 1, 20), -ANOLE_EINVAL);
    assert_int_equal(vector_request(session, vector, UINT64_MAX, 20), -ANOLE_EINVAL);
    assert_int_equal(vector_request(session, vector, 2, SECTORS - 1), -ANOLE_ERANGE);
    static const uint64_t lengths[] = {0, 1, 511, 513, 1u << 20, UINT64_MAX, UINT64_MAX - 511,
                                       (uint64_t)1 << 63};
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        vector[1].len_bytes = lengths[i];
        assert_int_equal(vector_request(session, vector, 3, 20), -ANOLE_EINVAL);
    }
    vector[1] = (struct blk_segment){grant + 1, 0, 512}; /* the middle one is bad */
    assert_int_equal(vector_request(session, vector, 3, 20), -ANOLE_EBADHANDLE);
    vector[1] = (struct blk_segment){grant, BUFFER_LEN, 512};
    assert_int_equal(vector_request(session, vector, 3, 20), -ANOLE_ERANGE);
    assert_int_equal(fake_grant_pins(grant), 0);
    /* The vector itself can't be read. */
    handle_t blind = fake_grant(CLIENT_A, buffer, 4096, GRANT_WRITE);
    assert_int_equal(request(BLK_READ, BLK_VECTOR, session, 20, blind, 0, 2), -ANOLE_EPERM);
    assert_int_equal(request(BLK_READ, BLK_VECTOR, session, 20, grant, BUFFER_LEN - 24, 2),
                     -ANOLE_ERANGE);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_more_vectors_than_are_kept(void **state)
{
    (void)state;
    start_with(FAKE_PIECES, 8, 512, ALL_FLAGS);
    disk.hold = true;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    struct blk_segment *vector = (struct blk_segment *)(void *)buffer;
    for (unsigned i = 0; i < 2; i++)
        vector[i] = (struct blk_segment){grant, 4096 + i * 512, 512};
    for (uint64_t call = 1000; call < 1040; call++) {
        struct message message = blk_message(BLK_READ, BLK_ID(call, BLK_VECTOR), session, 20, grant,
                                             0, 2);
        assert_int_equal(blk_send(CLIENT_A, call, &message), SERVICE_NO_REPLY);
    }
    blk_work();
    assert_int_equal(disk.held_count, 16); /* the others wait for room */
    fake_disk_finish_all(&disk);
    for (uint64_t call = 1000; call < 1040; call++)
        assert_int_equal(blk_reply_to(call)->status, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- memory ---- */

/* Every kind of scattering, block and segment limit: the bytes are right, or it is a clear error. */
static void test_pieces(void **state)
{
    (void)state;
    struct random random = {0x853c49e6748fea9bu};
    for (unsigned round = 0; round < 300; round++) {
        uint32_t block = 512u << random_below(&random, 4);
        start_with(1 + random_below(&random, FAKE_PIECES), 1 + random_below(&random, 12), 512,
                   ALL_FLAGS);
        fake_disk_free(&disk);
        fake_disk_init(&disk, SECTORS, 1 + random_below(&random, FAKE_PIECES),
                       1 + random_below(&random, 12));
        for (unsigned i = 1024; i < SECTORS * 512; i++)
            disk.data[i] = (unsigned char)random_next(&random);
        disk.blk.logical_block_bytes = block;
        disk.blk.max_segment_bytes = block << random_below(&random, 6);
        fake_disk_start(&disk);
        fake_kernel.scatter = random_below(&random, 4) != 0;
        uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
        struct message info = {.type = BLK_INFO, .word = {1, 0, grant, 0}};
        assert_int_equal(blk_send(CLIENT_A, 1, &info), 0);
        uint32_t most = ((struct blk_info *)(void *)buffer)->max_request_bytes;
        assert_true(most >= block && most % block == 0);
        for (unsigned n = 0; n < 4; n++) {
            unsigned limit = most < BUFFER_LEN / 2 ? most : BUFFER_LEN / 2;
            uint64_t len = block * (1 + random_below(&random, limit / block));
            uint64_t offset = random_below(&random, 4096) * (random_below(&random, 2) ? 1u : 512u);
            offset %= BUFFER_LEN / 2;
            uint64_t sector = random_below(&random, (SECTORS - (unsigned)(len / 512)) * 512 / block) *
                              block / 512;
            int status = request(BLK_READ, 0, session, sector, grant, offset, len);
            /* A device that can't take a block across scattered pages can't be helped. */
            unsigned pages = disk.blk.max_segments / (4095 / disk.blk.max_segment_bytes + 1);
            if (status == -ANOLE_EINVAL && pages * 4096 < block + 4096)
                continue;
            assert_int_equal(status, 0);
            assert_memory_equal(buffer + offset, disk.data + sector * 512, len);
        }
        assert_int_equal(fake_grant_pins(grant), 0);
        assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    }
}

static void test_mapping_fails(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    fake_kernel.fail_dma_map = -ANOLE_ENOMEM;
    assert_int_equal(read_at(session, 4, 512), -ANOLE_ENOMEM);
    assert_int_equal(read_at(session, 4, 512), 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_device_error(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    disk.fail_next = -ANOLE_EIO;
    assert_int_equal(read_at(session, 4, 512), -ANOLE_EIO);
    assert_int_equal(disk.blk.stats.errors, 1);
    fake_kernel.scatter = true;
    start_with(8, 2, 512, ALL_FLAGS); /* several pieces, one fails: the request fails, once */
    fake_kernel.scatter = true;
    session = blk_open_as(CLIENT_A, 0, 0);
    disk.fail_next = -ANOLE_EIO;
    assert_int_equal(request(BLK_READ, 0, session, 4, grant, 0, 16384), -ANOLE_EIO);
    assert_true(disk.pieces[BLK_READ & 0xf] > 1);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- other requests ---- */

static void test_flush_and_fua(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_FLUSH, 0, session, 0, 0, 0, 0), 0);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 1);
    memset(buffer, 0x5a, 512);
    assert_int_equal(request(BLK_WRITE, BLK_FUA, session, 9, grant, 0, 512), 0);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 2);
    assert_int_equal(disk.data[9 * 512], 0x5a);
    disk.fail_next = -ANOLE_EIO; /* not written: not flushed */
    assert_int_equal(request(BLK_WRITE, BLK_FUA, session, 9, grant, 0, 512), -ANOLE_EIO);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 2);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);

    start_with(8, 8, 512, 0); /* write-through: nothing to be flushed */
    session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_FLUSH, 0, session, 0, 0, 0, 0), 0);
    assert_int_equal(request(BLK_WRITE, BLK_FUA, session, 9, grant, 0, 512), 0);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 0);
    assert_int_equal(request(BLK_DISCARD, 0, session, 0, 0, 0, 512), -ANOLE_ENOSYS);
    assert_int_equal(request(BLK_WRITE_ZEROES, 0, session, 0, 0, 0, 512), -ANOLE_ENOSYS);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_space(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 1, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE_ZEROES, BLK_UNMAP, session, 1, 0, 0, 48 * 512), 0);
    assert_int_not_equal(disk.data[PART_START * 512 + 511], 0);
    for (unsigned i = 0; i < 48 * 512; i++)
        assert_int_equal(disk.data[(PART_START + 1) * 512 + i], 0);
    assert_int_not_equal(disk.data[(PART_START + 49) * 512 + 1], 0);
    assert_int_equal(request(BLK_DISCARD, 0, session, 0, 0, 0, (PART_LEN + 1) * 512),
                     -ANOLE_ERANGE);
    assert_int_equal(request(BLK_DISCARD, BLK_UNMAP, session, 0, 0, 0, 512), -ANOLE_EINVAL);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    /* More than a piece may have: 64 sectors each, and at most what fits at once. */
    session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    unsigned before = disk.pieces[BLK_DISCARD & 0xf];
    assert_int_equal(request(BLK_DISCARD, 0, session, 200, 0, 0, 200 * 512), 0);
    assert_int_equal(disk.pieces[BLK_DISCARD & 0xf], before + 4);
    assert_int_equal(request(BLK_DISCARD, 0, session, 200, 0, 0, (8 * 64 + 1) * 512),
                     -ANOLE_EINVAL);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_info(void **state)
{
    (void)state;
    struct blk_info *info = (struct blk_info *)(void *)(buffer + 16);
    struct message message = {.type = BLK_INFO, .word = {9, 1, grant, 16}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    assert_int_equal(info->capacity_sectors, PART_LEN);
    assert_int_equal(info->start_sector, PART_START);
    assert_int_equal(info->partition_type, 0x83);
    assert_int_equal(info->minors, 3);
    message = (struct message){.type = BLK_INFO, .word = {9, 3, grant, 16}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), -ANOLE_ENOENT);
    message = (struct message){.type = BLK_INFO, .word = {9, 0, grant, BUFFER_LEN - 8}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), -ANOLE_ERANGE);
    message = (struct message){.type = BLK_INFO, .word = {BLK_ID(9, 1), 0, grant, 0}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), -ANOLE_EINVAL);
    message = (struct message){.type = BLK_IDENTIFY, .word = {9}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    assert_memory_equal(&message.word[1], "0123456789abcdefghij", 20);
    message = (struct message){.type = BLK_STATS, .word = {9, 0, grant, 16}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    assert_int_equal(((struct blk_stats *)(void *)(buffer + 16))->refused, 3);
}

/* ---- many requests ---- */

static void send_reads(endpoint_t from, uint64_t session, handle_t memory, uint64_t first_call,
                       unsigned count, uint64_t sector)
{
    for (unsigned i = 0; i < count; i++) {
        struct message message = blk_message(BLK_READ, first_call + i, session, sector + i, memory,
                                             0, 512);
        assert_int_equal(blk_send(from, first_call + i, &message), SERVICE_NO_REPLY);
    }
}

static void test_more_than_the_device_holds(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 100, 10);
    blk_work();
    assert_int_equal(disk.held_count, 8);
    assert_int_equal(disk.kicks, 1); /* a batch is one kick */
    assert_int_equal(disk.blk.stats.in_flight_now, 8);
    assert_int_equal(blk_close_as(CLIENT_A, session), -ANOLE_EBUSY);
    fake_disk_finish_all(&disk);
    for (uint64_t call = 1000; call < 1100; call++)
        assert_int_equal(blk_reply_to(call)->status, 0);
    assert_int_equal(disk.blk.stats.in_flight_now, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_too_many(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    uint64_t other = blk_open_as(CLIENT_B, 0, 0);
    unsigned char *other_buffer = buffer + 4096;
    handle_t other_grant = fake_grant(CLIENT_B, other_buffer, 512, GRANT_WRITE);
    disk.hold = true;
    unsigned sent = 0;
    for (;; sent++) {
        struct message message = blk_message(BLK_READ, sent, session, 10, grant, 0, 512);
        int status = blk_send(CLIENT_A, 1000 + sent, &message);
        if (status == SERVICE_NO_REPLY)
            continue;
        assert_int_equal(status, -ANOLE_EBUSY);
        break;
    }
    assert_true(sent > 256);
    send_reads(CLIENT_B, other, other_grant, 5000, 4, 500); /* its share is there */
    blk_work();
    fake_disk_finish_all(&disk);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(blk_reply_to(1000 + i)->status, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_B, other), 0);
}

static void test_turns(void **state)
{
    (void)state;
    uint64_t a = blk_open_as(CLIENT_A, 0, 0);
    uint64_t b = blk_open_as(CLIENT_B, 0, 0);
    handle_t b_grant = fake_grant(CLIENT_B, buffer + 4096, 512, GRANT_WRITE);
    disk.hold = true;
    send_reads(CLIENT_A, a, grant, 1000, 100, 100);
    blk_work();
    send_reads(CLIENT_B, b, b_grant, 2000, 5, 500);
    fake_disk_finish_all(&disk);
    /* 8 were in the device already; after that the few of B alternate with A's many. */
    unsigned seen = 0;
    for (unsigned i = 8; i < 19; i++)
        seen += disk.order[i] >= 500;
    assert_int_equal(seen, 5);
    assert_int_equal(blk_close_as(CLIENT_A, a), 0);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
}

static int cancel(uint64_t session, uint64_t id)
{
    struct message message = {.type = BLK_CANCEL, .word = {1, session, id}};
    return blk_send(CLIENT_A, next_call++, &message);
}

static void test_cancel(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    uint64_t other = blk_open_as(CLIENT_A, 0, 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 12, 10);
    assert_int_equal(cancel(session, 1003), 0); /* before the device has seen it */
    assert_int_equal(blk_reply_to(1003)->status, -ANOLE_ECANCELED);
    blk_work();
    assert_int_equal(cancel(session, 1000), 0); /* in the device: its real result */
    assert_null(blk_reply_to(1000));
    assert_int_equal(cancel(session, 1011), 0); /* the last one that waits */
    assert_int_equal(blk_reply_to(1011)->status, -ANOLE_ECANCELED);
    assert_int_equal(cancel(session, 1009), 0); /* in the middle */
    assert_int_equal(cancel(session, 1009), -ANOLE_ENOENT);
    assert_int_equal(cancel(session, 1003), -ANOLE_ENOENT);
    assert_int_equal(cancel(other, 1001), -ANOLE_ENOENT);
    assert_int_equal(cancel(session, 1001 + ((uint64_t)1 << 32)), -ANOLE_ENOENT);
    assert_int_equal(cancel(session + 2, 1001), -ANOLE_EBADHANDLE);
    send_reads(CLIENT_A, session, grant, 1100, 1, 10); /* the list is in order still */
    fake_disk_finish_all(&disk);
    unsigned ok = 0;
    for (uint64_t call = 1000; call < 1012; call++)
        ok += blk_reply_to(call)->status == 0;
    assert_int_equal(ok, 9);
    assert_int_equal(blk_reply_to(1100)->status, 0);
    assert_int_equal(cancel(session, 1000), -ANOLE_ENOENT);
    assert_int_equal(disk.blk.stats.canceled, 3);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_A, other), 0);
}

/* ---- deadlines ---- */

static void send_with_deadline(uint64_t session, uint64_t call, uint64_t deadline)
{
    struct message message = blk_message(BLK_READ, call, session, 10, grant, 0, 512);
    message.word[6] = deadline;
    assert_int_equal(blk_send(CLIENT_A, call, &message), SERVICE_NO_REPLY);
}

static void test_deadlines(void **state)
{
    (void)state;
    start_with(1, 8, 512, ALL_FLAGS);
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    struct message message = blk_message(BLK_READ, 1, session, 10, grant, 0, 512);
    message.word[6] = fake_kernel.now_ticks;
    assert_int_equal(blk_send(CLIENT_A, 900, &message), -ANOLE_ETIMEDOUT);
    assert_int_equal(fake_kernel.service->deadline(), DEADLINE_NEVER); /* idle: no timer */

    disk.hold = true;
    uint64_t soon = fake_kernel.now_ticks + 250000 * FAKE_TICKS_PER_US;
    send_with_deadline(session, 1000, soon); /* in the device */
    send_with_deadline(session, 1001, soon); /* waits */
    send_with_deadline(session, 1002, 0);
    blk_work();
    blk_pass(400000);
    assert_int_equal(blk_reply_to(1001)->status, -ANOLE_ETIMEDOUT);
    assert_null(blk_reply_to(1000));
    assert_false(disk.stuck); /* that short a time says nothing about a device */
    fake_disk_finish(&disk, 0);
    assert_int_equal(blk_reply_to(1000)->status, 0); /* late, but its real result */
    blk_pass(9000000);
    assert_false(disk.stuck);
    blk_pass(2000000);
    assert_true(disk.stuck);
    disk.stuck = false;
    fake_disk_finish_all(&disk);
    blk_pass(200000);
    assert_int_equal(fake_kernel.service->deadline(), DEADLINE_NEVER);

    send_with_deadline(session, 1003, fake_kernel.now_ticks + 2000000 * FAKE_TICKS_PER_US);
    blk_work();
    blk_pass(1900000);
    assert_false(disk.stuck);
    blk_pass(300000);
    assert_true(disk.stuck);
    fake_disk_finish_all(&disk);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 3, 10);
    blk_work();
    disk.hold = false; /* all done, and nobody rings */
    blk_pass(150000);
    for (uint64_t call = 1000; call < 1003; call++)
        assert_int_equal(blk_reply_to(call)->status, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- deaths ---- */

static void test_client_dies(void **state)
{
    (void)state;
    uint64_t a = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    uint64_t b;
    disk.hold = true;
    send_reads(CLIENT_A, a, grant, 1000, 20, 10);
    blk_work();
    assert_int_equal(fake_grant_pins(grant), 8);
    fake_process_die(CLIENT_A);
    blk_notify(NOTIFY_BIT(1));
    assert_null(blk_reply_to(1000)); /* nobody to be told */
    assert_int_equal(disk.held_count, 8);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &b), -ANOLE_EBUSY);
    fake_disk_finish_all(&disk);
    assert_int_equal(fake_grant_pins(grant), 0);
    assert_int_equal(disk.blk.stats.in_flight_now, 0);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &b), 0);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
}

/* The news of a death may come after the next client. */
static void test_dead_writer_in_the_way(void **state)
{
    (void)state;
    uint64_t b;
    (void)blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    fake_process_die(CLIENT_A);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &b), 0);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
    assert_int_equal(open_status(CLIENT_A, 0, 0, &b), -ANOLE_EDEADENDPOINT);
}

/* ---- size and stop ---- */

static void test_resize(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    uint64_t part = blk_open_as(CLIENT_A, 1, 0);
    blk_server_resized(&disk.blk, PART_START + 10);
    assert_int_equal(read_at(session, PART_START + 9, 512), 0);
    assert_int_equal(read_at(session, PART_START + 10, 512), -ANOLE_ERANGE);
    assert_int_equal(read_at(part, 9, 512), 0);
    assert_int_equal(read_at(part, 10, 512), -ANOLE_ERANGE);
    blk_server_resized(&disk.blk, 0);
    assert_int_equal(read_at(session, 0, 512), -ANOLE_ERANGE);
    assert_int_equal(read_at(part, 0, 512), -ANOLE_ERANGE);
    blk_server_resized(&disk.blk, SECTORS);
    assert_int_equal(read_at(part, PART_LEN - 1, 512), 0);
    blk_server_resized(&disk.blk, UINT64_MAX);
    assert_true(disk.blk.capacity_sectors <= INT64_MAX / 512);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_A, part), 0);
}

static void test_stop(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE, 0, session, 10, grant, 0, 512), 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 3, 10);
    blk_work();
    disk.hold = false;
    fake_kernel.service->stop();
    for (uint64_t call = 1000; call < 1003; call++)
        assert_int_equal(blk_reply_to(call)->status, 0);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 1);
    assert_true(disk.quiesced);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* Whatever a device says of itself, the server works with something that makes sense. */
static void test_absurd_devices(void **state)
{
    (void)state;
    static const uint32_t absurd[] = {0, 1, 511, 513, 3000, 1u << 17, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++) {
        start_with(8, 8, 512, ALL_FLAGS);
        fake_disk_free(&disk);
        fake_disk_init(&disk, SECTORS, 8, 8);
        disk.blk.logical_block_bytes = absurd[i];
        disk.blk.physical_block_bytes = absurd[i];
        disk.blk.max_segment_bytes = absurd[i];
        disk.blk.max_segments = absurd[i] % 8;
        disk.blk.max_discard_sectors = 0;
        fake_disk_start(&disk);
        assert_int_equal(disk.blk.logical_block_bytes, 512);
        assert_int_equal(disk.blk.flags & BLK_INFO_DISCARD, 0);
        uint64_t session = blk_open_as(CLIENT_A, 0, 0);
        assert_int_equal(read_at(session, 10, 512), 0);
        assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_exclusive_writers),
        TEST(test_session_is_its_process_s),
        TEST(test_sessions_are_limited),
        TEST(test_read_only),
        TEST(test_fields),
        TEST(test_large_blocks),
        TEST(test_grants),
        TEST(test_vectors),
        TEST(test_more_vectors_than_are_kept),
        TEST(test_pieces),
        TEST(test_mapping_fails),
        TEST(test_device_error),
        TEST(test_flush_and_fua),
        TEST(test_space),
        TEST(test_info),
        TEST(test_more_than_the_device_holds),
        TEST(test_too_many),
        TEST(test_turns),
        TEST(test_cancel),
        TEST(test_deadlines),
        TEST(test_lost_interrupt),
        TEST(test_client_dies),
        TEST(test_dead_writer_in_the_way),
        TEST(test_resize),
        TEST(test_stop),
        TEST(test_absurd_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
