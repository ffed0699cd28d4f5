/*
 * The block cache by chance: many coroutines read, write, change and sync, while the disk is slow,
 * loses its cache, fails, and the server dies. Whoever reads finds the newest version of a block,
 * and what was synced is on the disk for good.
 */
#include "cache_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 96u
#define AREA 300u /* blocks that are used: more than fit */
#define COROUTINES 12u
#define STEPS 4000u
#define SYNCED 6u

static uint32_t version[AREA]; /* the newest one that was finished */
static struct coro_lock transactions;
static unsigned busy;
static unsigned syncs, refusals, deaths;

static uint32_t random_block(void)
{
    return fake_disk_chance(AREA);
}

static void fill(uint8_t *data, uint32_t block, uint32_t number)
{
    uint32_t *words = (uint32_t *)(void *)data;

    for (unsigned i = 0; i < BLOCK / 4; i++) {
        words[i] = number * AREA + block;
    }
}

/* The version that these bytes are; they are one version. */
static uint32_t version_of(const uint8_t *data, uint32_t block)
{
    const uint32_t *words = (const uint32_t *)(const void *)data;

    assert_memory_equal(data, data + 4, BLOCK - 4);
    assert_int_equal(words[0] % AREA, block);
    return words[0] / AREA;
}

/* What is refused is refused for a reason. */
static bool refused(int status)
{
    assert_true(status == 0 || status == -ANOLE_EIO);
    refusals += status != 0 ? 1 : 0;
    return status != 0;
}

static void reads(void)
{
    uint32_t number = random_block();
    uint64_t ahead[] = {number, number + 1, number + 2, number + 3};
    struct cache_block *block;
    uint8_t *data;

    if (fake_disk_chance(3) == 0) {
        cache_read_ahead(cache, ahead, 4);
    }
    if (!refused(cache_get(cache, number, 0, &block, &data))) {
        assert_int_equal(version_of(data, number), version[number]);
        cache_put(cache, block, false);
    }
}

static void writes(void)
{
    uint32_t number = random_block();
    unsigned flags = fake_disk_chance(2) ? CACHE_OVERWRITE : CACHE_CHANGE;
    struct cache_block *block;
    uint8_t *data;

    if (!refused(cache_get(cache, number, flags, &block, &data))) {
        fill(data, number, ++version[number]);
        cache_put(cache, block, true);
    }
}

static void changes(void)
{
    uint32_t numbers[5];
    uint32_t wanted[5];
    unsigned count = 0;
    uint8_t *data;

    coro_lock(&transactions);
    cache_begin(cache);
    for (unsigned tries = 1 + fake_disk_chance(5); tries > 0; tries--) {
        uint32_t number = random_block();

        if (refused(cache_change(cache, number, CACHE_OVERWRITE, &data))) {
            cache_abort(cache);
            coro_unlock(&transactions);
            return;
        }
        numbers[count] = number;
        wanted[count++] = number;
    }
    for (unsigned i = 0; i < count; i++) { /* no other data is written while these lines run */
        assert_int_equal(cache_change(cache, numbers[i], CACHE_OVERWRITE, &data), 0);
        fill(data, wanted[i], version[numbers[i]] + 1);
    }
    cache_commit(cache, (struct fs_operation){1, 1}, 0, 0);
    for (unsigned i = 0; i < count; i++) {
        bool again = false;

        for (unsigned j = 0; j < i; j++) {
            again = again || numbers[j] == numbers[i];
        }
        version[numbers[i]] += again ? 0 : 1;
    }
    coro_unlock(&transactions);
}

static void makes_durable(void)
{
    uint64_t blocks[SYNCED];
    uint32_t before[SYNCED];

    for (unsigned i = 0; i < SYNCED; i++) {
        blocks[i] = random_block();
        before[i] = version[blocks[i]];
    }
    if (!refused(cache_write(cache, blocks, SYNCED, true))) {
        for (unsigned i = 0; i < SYNCED; i++) {
            const uint8_t *data = fake_disk.durable + blocks[i] * BLOCK;

            assert_true(version_of(data, (uint32_t)blocks[i]) >= before[i]);
        }
        syncs++;
    }
}

static void does_something(void *argument)
{
    static void (*const things[])(void) = {reads, reads, writes, writes, changes, makes_durable};

    (void)argument;
    things[fake_disk_chance(sizeof(things) / sizeof(things[0]))]();
    busy--;
}

/* ---- the world ---- */

static void one_step(void)
{
    uint32_t what = fake_disk_chance(100);

    fake_disk.speed = fake_disk_chance(4);
    fake_disk.now += fake_disk_chance(50000);
    if (what < 4) {
        fake_disk_reset();
    } else if (what < 6) {
        fake_disk.write_error = fake_disk_chance(3) == 0 ? -ANOLE_EIO : 0;
        fake_disk.bad_sector = random_block() * (BLOCK / BLK_SECTOR_SIZE);
    } else if (what < 7) {
        fake_disk.flush_error = fake_disk_chance(4) == 0 ? -ANOLE_EIO : 0;
    }
    cache_step(cache);
    (void)coro_run();
    if (busy < COROUTINES) {
        busy++;
        assert_int_equal(coro_start(does_something, NULL), 0);
    }
}

static void die(void)
{
    kill_server();
    deaths++;
    busy = 0;
    transactions = (struct coro_lock){0};
    fake_disk.speed = 1;
    assert_int_equal(open_cache(), 0);
}

static void live(uint32_t seed, unsigned death_every)
{
    fixture_new(seed, SLOTS);
    memset(version, 0, sizeof(version));
    for (uint32_t block = 0; block < AREA + 4; block++) {
        fill(fake_disk.current + (size_t)block * BLOCK, block, 0);
    }
    memcpy(fake_disk.durable, fake_disk.current, FAKE_DISK_BYTES);
    assert_int_equal(open_cache(), 0);
    for (unsigned step = 0; step < STEPS; step++) {
        one_step();
        if (death_every > 0 && fake_disk_chance(death_every) == 0) {
            die();
        }
    }
    fake_disk.write_error = fake_disk.flush_error = 0;
    fake_disk.speed = 100;
    for (unsigned i = 0; i < 4; i++) {
        pass_us(CACHE_RETRY_US);
    }
    assert_int_equal(busy, 0);
    assert_int_equal(sync_cache(), 0);
    for (uint32_t block = 0; block < AREA; block++) {
        assert_int_equal(version_of(fake_disk.durable + (size_t)block * BLOCK, block),
                         version[block]);
    }
    assert_int_equal(close_cache(false), 0);
    fixture_end();
}

static void test_disk_dies(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        live(seed, 0);
    }
    assert_true(syncs > 200 && refusals > 0);
}

static void test_server_dies_too(void **state)
{
    (void)state;
    syncs = 0;
    for (uint32_t seed = 10; seed <= 14; seed++) {
        live(seed, 100);
    }
    assert_true(syncs > 100 && deaths > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_dies),
        cmocka_unit_test(test_server_dies_too),
    };

    return cmocka_run_group_tests_name("ext2 survival", tests, NULL, NULL);
}
