/*
 * Transactions of the block cache: all or nothing, whenever the server dies, which is tried after
 * each store into the kept memory; what was done is known; and kept memory that can't be right is
 * refused.
 */
#include "cache_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 128u
#define OLD 0x11u
#define NEW 0x22u

static const struct fs_operation operation = {.origin = 7, .number = 100};

/* ---- the server dies after a certain store ---- */

static unsigned stores, die_after; /* 0: it lives */
static uint8_t *kept_then;
static struct fake_disk *disk_then;

void kept_stored(void)
{
    if (die_after == 0 || ++stores != die_after) {
        return;
    }
    memcpy(kept_then, kept_memory, kept_len);
    *disk_then = fake_disk;
}

static void life_begin(unsigned after)
{
    kept_then = malloc(kept_len);
    disk_then = malloc(sizeof(*disk_then));
    assert_true(kept_then && disk_then);
    stores = 0;
    die_after = after;
}

/* Back to where it died. False: it made fewer stores, and lives. */
static bool life_end(void)
{
    bool died = stores >= die_after;

    die_after = 0;
    if (died) {
        memcpy(kept_memory, kept_then, kept_len);
        fake_disk = *disk_then;
        kill_server();
    }
    free(kept_then);
    free(disk_then);
    return died;
}

static int set_up(void **state)
{
    (void)state;
    fixture_new(1, SLOTS);
    memset(fake_disk.current, OLD, FAKE_DISK_BYTES);
    memset(fake_disk.durable, OLD, FAKE_DISK_BYTES);
    assert_int_equal(open_cache(), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

/* ---- a transaction ---- */

static void change_block(uint64_t block, uint8_t fill)
{
    uint8_t *data;

    assert_int_equal(cache_change(cache, block, 0, &data), 0);
    memset(data, fill, BLOCK);
}

static uint8_t metadata(uint64_t block)
{
    const uint8_t *data;

    assert_int_equal(cache_metadata(cache, block, &data), 0);
    assert_memory_equal(data, data + 1, BLOCK - 1);
    return data[0];
}

/* Block 1 is on the disk only, 2 is dirty from an earlier transaction, 3 is clean in the cache, 4
 * is new, 5 is freed. */
static void before(void *argument)
{
    (void)argument;
    cache_begin(cache);
    change_block(2, OLD);
    change_block(5, OLD);
    cache_commit(cache, (struct fs_operation){7, 99}, -ANOLE_ENOENT, 1);
    assert_int_equal(metadata(3), OLD);
}

static void transaction(void *argument)
{
    uint8_t *data;

    (void)argument;
    cache_begin(cache);
    for (uint64_t block = 1; block <= 3; block++) {
        change_block(block, NEW);
    }
    assert_int_equal(cache_change(cache, 4, CACHE_ZERO, &data), 0);
    assert_int_equal(data[BLOCK - 1], 0);
    memset(data, NEW, BLOCK);
    assert_int_equal(cache_free(cache, 5, 1), 0);
    cache_commit(cache, operation, 3, 42);
    assert_int_equal(cache_sync(cache), 0);
}

static void check_all_or_nothing(void *argument)
{
    bool *done = argument;
    int result;
    uint64_t value;

    *done = cache_done(cache, operation, &result, &value);
    if (*done) {
        assert_int_equal(result, 3);
        assert_int_equal(value, 42);
    }
    for (uint64_t block = 1; block <= 4; block++) {
        assert_int_equal(metadata(block), *done ? NEW : OLD);
    }
    assert_int_equal(metadata(5), OLD);
    assert_true(cache_done(cache, (struct fs_operation){7, 99}, &result, &value));
    assert_int_equal(result, -ANOLE_ENOENT);
    assert_int_equal(value, 1);
}

static void test_death_after_each_store(void **state)
{
    unsigned undone = 0, done_count = 0;
    bool done = false;

    for (unsigned after = 1;; after++) {
        if (after > 1) {
            assert_int_equal(set_up(state), 0);
        }
        run(before, NULL);
        life_begin(after);
        run(transaction, NULL);
        if (!life_end()) {
            break;
        }
        assert_int_equal(open_cache(), 0);
        run(check_all_or_nothing, &done);
        undone += done ? 0 : 1;
        done_count += done ? 1 : 0;
        if (!done) { /* it is asked for again */
            run(transaction, NULL);
            run(check_all_or_nothing, &done);
            assert_true(done);
        }
        assert_int_equal(close_cache(false), 0);
        for (uint64_t block = 1; block <= 4; block++) {
            assert_int_equal(durable(block), NEW);
        }
        fixture_end();
    }
    assert_true(undone >= 7 && done_count >= 20);
}

/* The redo itself may die, and be redone. */
static void test_death_after_each_store_of_a_redo(void **state)
{
    bool done;

    for (unsigned after = 1; after < 30; after++) {
        if (after > 1) {
            assert_int_equal(set_up(state), 0);
        }
        run(before, NULL);
        life_begin(8); /* the one that commits */
        run(transaction, NULL);
        assert_true(life_end());
        life_begin(after);
        assert_int_equal(open_cache(), 0);
        struct cache_stats stats;
        cache_stats(cache, &stats);
        assert_int_equal(stats.redone, 1);
        if (life_end()) {
            assert_int_equal(open_cache(), 0);
        }
        run(check_all_or_nothing, &done);
        assert_true(done);
        fixture_end();
    }
    fixture_new(1, SLOTS);
}

/* ---- what transactions see of each other ---- */

static void sees_its_own_changes(void *argument)
{
    struct cache_block *held;
    uint8_t *data;

    (void)argument;
    cache_begin(cache);
    change_block(1, NEW);
    assert_int_equal(metadata(1), NEW);
    assert_int_equal(cache_get(cache, 1, 0, &held, &data), 0);
    assert_int_equal(data[0], OLD); /* others don't */
    cache_abort(cache);
    assert_int_equal(metadata(1), OLD);

    cache_begin(cache);
    change_block(1, NEW);
    change_block(1, NEW + 1);
    cache_commit(cache, operation, 0, 0);
    assert_int_equal(metadata(1), NEW + 1);
    assert_int_equal(data[0], OLD); /* who held it keeps what he had */
    cache_put(cache, held, true);   /* ... and can't bring it back */
    assert_int_equal(metadata(1), NEW + 1);
}

static void test_sees_its_own_changes(void **state)
{
    (void)state;
    run(sees_its_own_changes, NULL);
    assert_int_equal(sync_cache(), 0);
    assert_int_equal(durable(1), NEW + 1);
}

static void change_one(void *argument)
{
    cache_begin(cache);
    change_block(1, *(const uint8_t *)argument);
    cache_commit(cache, (struct fs_operation){0, 0}, 0, 0);
}

/* The block's older bytes are on their way to the disk when it is changed. */
static void test_commit_under_a_write(void **state)
{
    uint8_t fill = 0x31;

    (void)state;
    run(change_one, &fill);
    fake_disk.speed = 0;
    pass_us(AGE_US);
    assert_int_equal(fake_disk.pending_count, 1);
    fill = 0x32;
    run(change_one, &fill);
    fake_disk.speed = 10;
    settle();
    assert_int_equal(on_disk(1), 0x31);
    assert_int_equal(sync_cache(), 0);
    assert_int_equal(durable(1), 0x32);
}

static void changes_too_much(void *argument)
{
    unsigned changed = 0;
    uint8_t *data;
    int status;

    (void)argument;
    cache_begin(cache);
    while ((status = cache_change(cache, changed, CACHE_OVERWRITE, &data)) == 0) {
        memset(data, NEW, BLOCK);
        changed++;
        assert_true(changed < SLOTS * 2);
    }
    assert_int_equal(status, -ANOLE_ENOSPC);
    assert_true(changed >= SLOTS / 4);
    assert_int_equal(cache_change(cache, BLOCKS, 0, &data), -ANOLE_EIO);
    cache_abort(cache);
    for (unsigned block = 0; block < changed; block++) {
        assert_int_equal(metadata(block), OLD);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) { /* nothing is left behind */
        run(changes_too_much, NULL);
    }
}

static void changes_unreadable(void *argument)
{
    const uint8_t *read;
    uint8_t *data;

    (void)argument;
    cache_begin(cache);
    assert_int_equal(cache_change(cache, 1, 0, &data), -ANOLE_EIO);
    assert_int_equal(cache_metadata(cache, 1, &read), -ANOLE_EIO);
    cache_abort(cache);
}

static void test_unreadable(void **state)
{
    (void)state;
    fake_disk.read_error = -ANOLE_EIO;
    for (unsigned i = 0; i < 3 * SLOTS; i++) {
        run(changes_unreadable, NULL);
    }
}

static void frees_what_it_changed(void *argument)
{
    (void)argument;
    cache_begin(cache);
    assert_int_equal(cache_free(cache, 10, 5), 0);
    assert_int_equal(cache_free(cache, 15, 5), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(cache_free(cache, 100 + 2 * i, 1), 0);
    }
    change_block(12, NEW); /* given out again */
    cache_commit(cache, operation, 0, 0);
    assert_int_equal(metadata(12), NEW);
}

static void test_freed_and_given_out_again(void **state)
{
    (void)state;
    assert_int_equal(put_block(100, NEW), 0);
    assert_int_equal(put_block(101, NEW), 0);
    run(frees_what_it_changed, NULL);
    assert_int_equal(sync_cache(), 0);
    assert_int_equal(durable(12), NEW);
    assert_int_equal(durable(100), OLD); /* not worth writing */
    assert_int_equal(durable(101), NEW);
}

/* ---- results ---- */

static void commit_many(void *argument)
{
    (void)argument;
    cache_begin(cache);
    cache_commit(cache, (struct fs_operation){3, 1}, -5, 6);
    for (uint64_t number = 1; number <= 1000; number++) {
        cache_begin(cache);
        cache_commit(cache, (struct fs_operation){4, number}, (int)number, number << 40);
    }
    cache_begin(cache);
    cache_commit(cache, (struct fs_operation){0, 1}, 1, 1);
}

static void check_results(void)
{
    int result;
    uint64_t value;

    for (uint64_t number = 1; number <= 1000; number++) {
        bool known = cache_done(cache, (struct fs_operation){4, number}, &result, &value);

        assert_int_equal(known, number > 1000 - KEPT_BANK_RESULTS);
        assert_true(!known || (result == (int)number && value == number << 40));
    }
    assert_true(cache_done(cache, (struct fs_operation){3, 1}, &result, &value));
    assert_int_equal(result, -5);
    assert_false(cache_done(cache, (struct fs_operation){0, 1}, &result, &value));
}

static void test_results_of_many_operations(void **state)
{
    (void)state;
    run(commit_many, NULL);
    check_results();
    kill_server();
    assert_int_equal(open_cache(), 0);
    check_results();
}

/* ---- kept memory that is wrong ---- */

static void test_any_leftovers_are_survived(void **state)
{
    size_t control = (size_t)(cache->kept.slots - kept_memory);
    uint8_t *good = malloc(kept_len);
    struct fake_disk *disk = malloc(sizeof(*disk));
    unsigned refused = 0;

    (void)state;
    assert_true(good && disk);
    run(before, NULL);
    life_begin(8);
    run(transaction, NULL);
    assert_true(life_end());
    memcpy(good, kept_memory, kept_len);
    *disk = fake_disk;
    for (unsigned i = 0; i < 1500; i++) {
        memcpy(kept_memory, good, kept_len);
        fake_disk = *disk;
        fake_disk.seed = i;
        for (unsigned flips = 1 + fake_disk_chance(3); flips > 0; flips--) {
            size_t part = fake_disk_chance(2) ? 256 : control;
            kept_memory[fake_disk_chance((uint32_t)part)] ^= (uint8_t)(1u << fake_disk_chance(8));
        }
        uint8_t *wrong = malloc(control);
        memcpy(wrong, kept_memory, control);
        int status = open_cache();
        if (status == -ANOLE_EPROTO) {
            assert_memory_equal(wrong, kept_memory, control);
            refused++;
        } else {
            assert_int_equal(status, 0);
            assert_int_equal(sync_cache(), 0);
            kill_server();
        }
        free(wrong);
    }
    assert_true(refused > 300);
    free(good);
    free(disk);
}

static void test_one_block_in_two_slots(void **state)
{
    (void)state;
    assert_int_equal(put_block(1, NEW), 0);
    kept_set_dirty(&cache->kept, 100, 1);
    kill_server();
    assert_int_equal(open_cache(), -ANOLE_EPROTO);
    assert_int_equal(open_cache_with(BLOCK, true), 0); /* but to be read it is good */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_death_after_each_store),
        TEST(test_death_after_each_store_of_a_redo),
        TEST(test_sees_its_own_changes),
        TEST(test_commit_under_a_write),
        TEST(test_too_large),
        TEST(test_unreadable),
        TEST(test_freed_and_given_out_again),
        TEST(test_results_of_many_operations),
        TEST(test_any_leftovers_are_survived),
        TEST(test_one_block_in_two_slots),
    };

    return cmocka_run_group_tests_name("ext2 log", tests, NULL, NULL);
}
