/*
 * The block cache of a living server: what is read, written and flushed when, in how many
 * requests, and what an error means to whom.
 */
#include "cache_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 128u

static int set_up(void **state)
{
    (void)state;
    fixture_new(1, SLOTS);
    for (unsigned block = 0; block < BLOCKS; block++) {
        memset(fake_disk.current + block * BLOCK, (int)block, BLOCK);
    }
    memcpy(fake_disk.durable, fake_disk.current, FAKE_DISK_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static void expect_block(uint64_t block, uint8_t expected)
{
    uint8_t fill = 0;

    assert_int_equal(read_block(block, &fill), 0);
    assert_int_equal(fill, expected);
}

/* ---- reading ---- */

static void test_read_once(void **state)
{
    struct cache_stats stats;

    (void)state;
    assert_int_equal(open_cache(), 0);
    expect_block(7, 7);
    expect_block(7, 7);
    assert_int_equal(fake_disk.reads, 1);
    cache_stats(cache, &stats);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 1);
    assert_true(cache_has(cache, 7));
    assert_false(cache_has(cache, 8));
}

static void test_more_than_fits(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned block = 0; block < BLOCKS; block++) {
            expect_block(block, (uint8_t)block);
        }
    }
}

static unsigned readers_done;
static int reader_status[4];

static void reader(void *argument)
{
    struct cache_block *block;
    uint8_t *data;
    unsigned self = (unsigned)(uintptr_t)argument;

    reader_status[self] = cache_get(cache, 9, 0, &block, &data);
    if (reader_status[self] == 0) {
        assert_int_equal(data[0], 9);
        cache_put(cache, block, false);
    }
    readers_done++;
}

static void start_readers(void)
{
    readers_done = 0;
    fake_disk.speed = 0;
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(coro_start(reader, (void *)i), 0);
    }
    assert_int_equal(readers_done, 0);
    assert_int_equal(fake_disk.pending_count, 1);
    fake_disk.speed = 10;
    settle();
    assert_int_equal(readers_done, 4);
}

static void test_many_wait_for_one_read(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    start_readers();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(reader_status[i], 0);
    }
}

static void test_all_who_wait_hear_of_an_error(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    fake_disk.read_error = -ANOLE_EIO;
    start_readers();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(reader_status[i], -ANOLE_EIO);
    }
    fake_disk.read_error = 0;
    expect_block(9, 9);
}

static void test_read_ahead_in_few_requests(void **state)
{
    uint64_t blocks[40];

    (void)state;
    assert_int_equal(open_cache(), 0);
    expect_block(120, 120);
    for (unsigned i = 0; i < 40; i++) {
        blocks[i] = 100 + i;
    }
    assert_int_equal(cache_read_ahead(cache, blocks, 40), 40);
    settle();
    assert_int_equal(fake_disk.reads, 3); /* before 120, and behind it */
    for (unsigned i = 0; i < 40; i++) {
        assert_true(cache_has(cache, 100 + i));
        expect_block(100 + i, (uint8_t)(100 + i));
    }
    assert_int_equal(fake_disk.reads, 3);
    blocks[0] = BLOCKS - 1;
    blocks[1] = BLOCKS; /* there is no such block */
    (void)cache_read_ahead(cache, blocks, 2);
    settle();
    assert_true(cache_has(cache, BLOCKS - 1));
}

#define AHEAD (SLOTS / 4)

/* Someone reads all of the disk, from end to end, twice; what lies ahead of him is asked for in time. */
static void streams(void *argument)
{
    struct cache_block *block;
    uint64_t blocks[AHEAD];
    uint8_t *data;

    (void)argument;
    for (uint64_t at = 0; at < BLOCKS; at += AHEAD) {
        for (unsigned i = 0; i < AHEAD; i++) {
            blocks[i] = at + AHEAD + i;
        }
        cache_read_ahead(cache, blocks, AHEAD);
        for (uint64_t number = at; number < at + AHEAD; number++) {
            assert_int_equal(cache_get(cache, number, 0, &block, &data), 0);
            assert_int_equal(data[0], (uint8_t)number);
            cache_put(cache, block, false);
        }
    }
}

static void test_reads_in_large_pieces(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    for (unsigned block = 0; block < BLOCKS; block++) {
        assert_int_equal(put_block(block, (uint8_t)block), 0);
        if (block % 3 == 0) {
            uint64_t some = block;
            assert_int_equal(write_blocks(&some, 1, true), 0);
        }
    }
    assert_int_equal(sync_cache(), 0);
    for (unsigned round = 0; round < 4; round++) {
        run(streams, NULL);
    }
    assert_true(fake_disk.reads < 3 * 4 * (BLOCKS / AHEAD)); /* some in two or three pieces */
}

static void test_beyond_the_end(void **state)
{
    uint8_t fill;

    (void)state;
    assert_int_equal(open_cache(), 0);
    assert_int_equal(read_block(BLOCKS, &fill), -ANOLE_EIO);
    assert_int_equal(read_block(UINT64_MAX, &fill), -ANOLE_EIO);
}

/* ---- writing ---- */

static void test_written_by_age(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(put_block(200 + i, (uint8_t)(i + 1)), 0);
    }
    expect_block(200, 1);
    assert_int_equal(fake_disk.reads, 0);
    pass_us(AGE_US / 2);
    assert_int_equal(fake_disk.writes, 0);
    assert_true(cache_deadline(cache) <= fake_disk.now + AGE_US / 2);
    pass_us(AGE_US / 2);
    assert_int_equal(fake_disk.writes, 1); /* neighbours in one request */
    assert_int_equal(fake_disk.flushes, 0);
    assert_true(cache_deadline(cache) <= fake_disk.now + CACHE_FLUSH_US);
    pass_us(CACHE_FLUSH_US);
    assert_int_equal(fake_disk.flushes, 1);
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(durable(200 + i), i + 1);
    }
    assert_int_equal(cache->dirty.count + cache->written.count, 0);
    for (uint32_t slot = 0; slot < cache->kept.slot_count; slot++) {
        assert_int_equal(cache->kept.words[slot], 0);
    }
    pass_us(10 * AGE_US);
    assert_int_equal(fake_disk.writes, 1);
    assert_int_equal(fake_disk.flushes, 1);
}

static void test_written_under_pressure(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    for (unsigned block = 0; block < BLOCKS; block++) {
        assert_int_equal(put_block(BLOCKS - 1 - block, (uint8_t)(block + 3)), 0);
    }
    for (unsigned block = 0; block < BLOCKS; block++) {
        expect_block(BLOCKS - 1 - block, (uint8_t)(block + 3));
    }
    assert_int_equal(sync_cache(), 0);
    for (unsigned block = 0; block < BLOCKS; block++) {
        assert_int_equal(durable(BLOCKS - 1 - block), (uint8_t)(block + 3));
    }
}

/* A file that grows: a few blocks of data, then a transaction over the same metadata, again and
 * again. Data still lies together, and is written in large pieces. */
static void grows(void *argument)
{
    uint64_t next = 500;

    (void)argument;
    for (unsigned piece = 0; piece < 60; piece++) {
        struct cache_block *block;
        uint8_t *data;

        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(cache_get(cache, next++, CACHE_OVERWRITE, &block, &data), 0);
            memset(data, 0x99, BLOCK);
            cache_put(cache, block, true);
        }
        cache_begin(cache);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(cache_change(cache, 10 * i, 0, &data), 0);
            data[0]++;
        }
        cache_commit(cache, (struct fs_operation){1, piece}, 0, 0);
    }
}

static void test_data_lies_together(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    run(grows, NULL);
    assert_int_equal(sync_cache(), 0);
    assert_true(fake_disk.writes < 40); /* 240 blocks, and 5 of metadata some times */
    for (uint64_t block = 500; block < 740; block++) {
        assert_int_equal(durable(block), 0x99);
    }
}

static void test_sync_of_some_blocks(void **state)
{
    const uint64_t some[] = {10, 11, 500};

    (void)state;
    assert_int_equal(open_cache(), 0);
    for (unsigned block = 10; block < 14; block++) {
        assert_int_equal(put_block(block, 0xaa), 0);
    }
    assert_int_equal(write_blocks(some, 3, false), 0);
    assert_int_equal(on_disk(10), 0xaa);
    assert_int_equal(durable(10), 10);
    assert_int_equal(put_block(12, 0xbb), 0);
    assert_int_equal(write_blocks(some, 3, true), 0);
    assert_int_equal(durable(10), 0xaa);
    assert_int_equal(durable(11), 0xaa);
    uint64_t flushes = fake_disk.flushes;
    assert_int_equal(write_blocks(some, 3, true), 0); /* it is durable: nothing is to be done */
    assert_int_equal(fake_disk.flushes, flushes);
}

static void test_new_block_that_came_to_nothing(void **state)
{
    struct cache_block *block;
    uint8_t *data;

    (void)state;
    assert_int_equal(open_cache(), 0);
    assert_int_equal(cache_get(cache, 30, CACHE_ZERO, &block, &data), 0);
    assert_int_equal(data[5], 0);
    cache_put(cache, block, false);
    expect_block(30, 30);
}

static void test_forgotten_blocks_are_not_written(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    for (unsigned block = 40; block < 50; block++) {
        assert_int_equal(put_block(block, 0xcc), 0);
    }
    cache_forget(cache, 40, 9);
    cache_forget(cache, 400, UINT32_MAX);
    assert_int_equal(sync_cache(), 0);
    assert_int_equal(on_disk(48), 48);
    assert_int_equal(on_disk(49), 0xcc);
    expect_block(40, 40);
}

/* ---- a disk that is reset ---- */

/* The write was answered, its flush wasn't: the next disk doesn't have it. */
static void test_reset_between_write_and_flush(void **state)
{
    const uint64_t some[] = {20, 21};

    (void)state;
    assert_int_equal(open_cache(), 0);
    assert_int_equal(put_block(20, 0x77), 0);
    assert_int_equal(put_block(21, 0x78), 0);
    assert_int_equal(write_blocks(some, 2, false), 0);
    assert_int_equal(on_disk(20), 0x77);
    fake_disk_reset();
    assert_int_equal(on_disk(20), 20);
    assert_int_equal(write_blocks(some, 2, true), 0);
    assert_int_equal(durable(20), 0x77);
    assert_int_equal(durable(21), 0x78);
}

/* A flush that was submitted before the reset says nothing about what was written before it. */
static void test_reset_under_a_flush(void **state)
{
    const uint64_t some[] = {20};

    (void)state;
    assert_int_equal(open_cache(), 0);
    assert_int_equal(put_block(20, 0x77), 0);
    assert_int_equal(write_blocks(some, 1, false), 0);
    fake_disk.speed = 0;
    fake_disk.now += CACHE_FLUSH_US;
    cache_step(cache);
    assert_int_equal(fake_disk.pending_count, 1);
    assert_int_equal(fake_disk.pending[0].io.op, BLK_OP_FLUSH);
    fake_disk_reset();
    fake_disk.speed = 1;
    cache_step(cache); /* the flush is answered, by the next disk */
    assert_int_equal(fake_disk.flushes, 1);
    assert_int_equal(durable(20), 20);
    assert_int_equal(cache->dirty.count + cache->writing + cache->written.count, 1);
    assert_int_equal(write_blocks(some, 1, true), 0);
    assert_int_equal(durable(20), 0x77);
}

/* ---- a disk that fails ---- */

static void test_unwritable_block_is_kept_and_told(void **state)
{
    const uint64_t some[] = {60, 61};

    (void)state;
    assert_int_equal(open_cache(), 0);
    fake_disk.write_error = -ANOLE_EIO;
    fake_disk.bad_sector = 60 * BLOCK / BLK_SECTOR_SIZE;
    assert_int_equal(put_block(60, 1), 0);
    assert_int_equal(put_block(70, 2), 0);
    pass_us(AGE_US);
    assert_int_equal(on_disk(70), 2);
    assert_int_equal(on_disk(60), 60);
    pass_us(CACHE_RETRY_US * 3);
    expect_block(60, 1);
    assert_int_equal(write_blocks(some, 2, true), -ANOLE_EIO);
    assert_int_equal(sync_cache(), -ANOLE_EIO);
    assert_int_equal(close_cache(false), -ANOLE_EIO);
    fake_disk.write_error = 0;
    pass_us(CACHE_RETRY_US); /* by itself */
    pass_us(CACHE_FLUSH_US);
    assert_int_equal(durable(60), 1);
    assert_int_equal(write_blocks(some, 2, true), 0);
    assert_int_equal(close_cache(false), 0);
}

static void test_flush_that_fails(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    fake_disk.flush_error = -ANOLE_EIO;
    assert_int_equal(put_block(60, 1), 0);
    assert_int_equal(sync_cache(), -ANOLE_EIO);
    uint64_t writes = fake_disk.writes;
    pass_us(CACHE_RETRY_US / 2);
    assert_int_equal(fake_disk.writes, writes); /* it isn't tried again and again */
    fake_disk.flush_error = 0;
    fake_disk_reset();
    assert_int_equal(sync_cache(), 0);
    assert_int_equal(durable(60), 1);
}

static void test_full_of_what_can_not_be_written(void **state)
{
    unsigned put = 0;
    int status;

    (void)state;
    assert_int_equal(open_cache(), 0);
    fake_disk.write_error = -ANOLE_EIO;
    while ((status = put_block(put, 0xee)) == 0) {
        put++;
        assert_true(put < BLOCKS);
    }
    assert_int_equal(status, -ANOLE_EIO);
    assert_true(put > cache->kept.slot_count / 2);
    for (unsigned block = 500; block < 700; block++) { /* readers are served all the same */
        expect_block(block, (uint8_t)block);
    }
    fake_disk.write_error = 0;
    pass_us(CACHE_RETRY_US);
    assert_int_equal(put_block(put, 0xee), 0);
    assert_int_equal(sync_cache(), 0);
    for (unsigned block = 0; block <= put; block++) {
        assert_int_equal(durable(block), 0xee);
    }
}

static void hold_all(void *argument)
{
    struct cache_block *blocks[4 * SLOTS];
    unsigned held = 0;
    uint8_t *data;
    int status;

    (void)argument;
    while ((status = cache_get(cache, held, 0, &blocks[held], &data)) == 0) {
        held++;
        assert_true(held < 4 * SLOTS);
    }
    assert_int_equal(status, -ANOLE_ENOMEM);
    while (held > 0) {
        cache_put(cache, blocks[--held], false);
    }
}

static void test_all_slots_held(void **state)
{
    (void)state;
    assert_int_equal(open_cache(), 0);
    run(hold_all, NULL);
    expect_block(900, (uint8_t)900);
}

/* ---- opening ---- */

static void test_opening(void **state)
{
    uint8_t fill;

    (void)state;
    assert_int_equal(cache_found(kept_memory, kept_len, "vda"), 0);
    assert_int_equal(open_cache_with(3000, false), -ANOLE_EINVAL);
    assert_int_equal(open_cache(), 0);
    assert_int_equal(cache_found(kept_memory, kept_len, "vda"), BLOCK);
    assert_int_equal(cache_found(kept_memory, kept_len, "vdb"), 0);
    assert_int_equal(cache_found(kept_memory, kept_len - PAGE_SIZE, "vda"), 0);
    assert_int_equal(put_block(1, 99), 0);
    assert_int_equal(close_cache(false), 0);
    assert_int_equal(durable(1), 99);
    assert_int_equal(cache_found(kept_memory, kept_len, "vda"), 0);

    assert_int_equal(open_cache_with(65536, false), -ANOLE_EINVAL); /* too few would fit */
    for (uint32_t size = 1024; size <= 16384; size *= 2) {
        assert_int_equal(open_cache_with(size, true), 0);
        assert_int_equal(read_block(BLOCK / 1024 * 5, &fill) == 0, size <= BLOCK);
        assert_int_equal(close_cache(false), 0);
        assert_int_equal(cache_found(kept_memory, kept_len, "vda"), 0);
    }
    kept_len = 16 * BLOCK;
    assert_int_equal(open_cache(), -ANOLE_EINVAL);
}

static void test_drivers_that_do_not_come(void **state)
{
    static const int status[] = {-ANOLE_EGIVENUP, -ANOLE_EROFS, -ANOLE_ENOENT, -ANOLE_EBUSY,
                                 -ANOLE_EAGAIN};

    (void)state;
    for (unsigned i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        uint64_t began = fake_disk.now;

        fake_disk.status = status[i];
        fake_disk.speed = 0;
        assert_int_equal(open_cache(), status[i]);
        assert_true(fake_disk.now - began <= 31000000);
        assert_null(cache);
    }
    fake_disk.status = 0;
    assert_int_equal(open_cache(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_read_once),
        TEST(test_more_than_fits),
        TEST(test_many_wait_for_one_read),
        TEST(test_all_who_wait_hear_of_an_error),
        TEST(test_read_ahead_in_few_requests),
        TEST(test_reads_in_large_pieces),
        TEST(test_beyond_the_end),
        TEST(test_written_by_age),
        TEST(test_written_under_pressure),
        TEST(test_data_lies_together),
        TEST(test_sync_of_some_blocks),
        TEST(test_new_block_that_came_to_nothing),
        TEST(test_forgotten_blocks_are_not_written),
        TEST(test_reset_between_write_and_flush),
        TEST(test_reset_under_a_flush),
        TEST(test_unwritable_block_is_kept_and_told),
        TEST(test_flush_that_fails),
        TEST(test_full_of_what_can_not_be_written),
        TEST(test_all_slots_held),
        TEST(test_opening),
        TEST(test_drivers_that_do_not_come),
    };

    return cmocka_run_group_tests_name("ext2 cache", tests, NULL, NULL);
}
