/*
 * The rules of a block driver, over a device that is only memory: who may open, what is refused, how
 * memory is mapped and given back, and each type of request. Each test ends by checking that nothing
 * that was taken from the kernel is left.
 */
#include "blk_fixture.h"
#include "check.h"
#include "fake_kernel.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- sessions ---- */

static void test_exclusive_writers(void **state)
{
    (void)state;
    uint64_t a, b, c;
    enum { W = BLK_OPEN_WRITE, WS = BLK_OPEN_WRITE | BLK_OPEN_SHARED };
    static const struct {
        uint32_t first_minor, first_flags, second_minor, second_flags;
        int status;
    } cases[] = {
        {0, W, 0, W, -ANOLE_EBUSY},
        {0, W, 1, W, -ANOLE_EBUSY},
        {1, W, 0, W, -ANOLE_EBUSY},
        {1, W, 1, W, -ANOLE_EBUSY},
        {1, W, 2, W, 0},
        {0, 0, 0, W, 0},
        {0, W, 0, 0, 0},
        {0, WS, 0, WS, 0},
        {0, WS, 1, WS, 0},
        {0, W, 0, WS, -ANOLE_EBUSY},
        {1, WS, 0, W, -ANOLE_EBUSY},
        {0, 0, 0, 0, 0},
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
    uint64_t bad[] = {0,    session + 1, session + (1u << 8), session | (uint64_t)1 << 63,
                      0xff, UINT64_MAX};
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
        assert_int_equal(request(BLK_WRITE, 0, session, cases[i].sector, grant, 0, cases[i].length),
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
    assert_int_equal(request(BLK_READ, 0, session, 4, grant, UINT64_MAX - 511, 512), -ANOLE_ERANGE);
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
    static const uint64_t lengths[] = {
        0, 1, 511, 513, 1u << 20, UINT64_MAX, UINT64_MAX - 511, (uint64_t)1 << 63};
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
        assert_int_equal(fake_reply_to(call)->status, 0);
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
            uint64_t sector = random_below(&random,
                                           (SECTORS - (unsigned)(len / 512)) * 512 / block) *
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, blk_set_up, blk_tear_down)
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
