/*
 * See cache_fixture.h.
 */
#include "cache_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t *kept_memory;
size_t kept_len;
struct cache *cache;

/* Dead instances: nothing frees what they had, as nothing of a process is left. */
static struct cache *graveyard[4096];
static unsigned dead;

void fixture_new(uint32_t seed, unsigned slots)
{
    fake_disk_new(seed);
    kept_len = (size_t)slots * (BLOCK + 64) + 256 * 1024;
    kept_len = (kept_len + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    kept_memory = aligned_alloc(PAGE_SIZE, kept_len);
    assert_non_null(kept_memory);
    memset(kept_memory, 0, kept_len);
    cache = NULL;
}

void fixture_end(void)
{
    if (cache) {
        kill_server();
    }
    free(kept_memory);
    for (unsigned i = 0; i < dead; i++) {
        slots_free(graveyard[i]);
        log_free(graveyard[i]);
        free(graveyard[i]->client);
        free(graveyard[i]);
    }
    dead = 0;
}

/* Waiting for a driver, which takes its time, mustn't keep the service's loop busy. */
void settle(void)
{
    uint64_t began = fake_disk.now;
    unsigned looks = 0;

    for (unsigned idle = 0; cache && idle < 2;) {
        bool opening = !cache->opened;
        cache_step(cache);
        bool ran = coro_run();
        looks += ran && opening ? 1 : 0;
        assert_true(looks < 10 + (fake_disk.now - began) / 10000);
        idle = cache && (ran || !cache->opened || cache_deadline(cache) <= fake_disk.now)
                   ? 0
                   : idle + 1;
    }
}

void pass_us(uint64_t microseconds)
{
    fake_disk.now += microseconds;
    settle();
}

static bool ended;
static void (*run_function)(void *argument);

static void run_and_tell(void *argument)
{
    run_function(argument);
    ended = true;
}

void run(void (*function)(void *argument), void *argument)
{
    ended = false;
    run_function = function;
    assert_int_equal(coro_start(run_and_tell, argument), 0);
    settle();
    assert_true(ended);
}

struct opening {
    struct cache_options options;
    int status;
};

static void do_open(void *argument)
{
    struct opening *opening = argument;

    opening->status = cache_open(&cache, &opening->options);
}

int open_cache_with(uint32_t block_size, bool read_only)
{
    struct opening opening = {.options = {.memory = kept_memory,
                                          .memory_len = kept_len,
                                          .disk = "vda",
                                          .block_size = block_size,
                                          .read_only = read_only,
                                          .age_us = AGE_US,
                                          .notify_bit = 4}};

    run(do_open, &opening);
    return opening.status;
}

int open_cache(void)
{
    return open_cache_with(BLOCK, false);
}

static void do_close(void *argument)
{
    int *status = argument;

    *status = cache_close(cache, *status != 0);
    if (*status == 0) {
        cache = NULL;
    }
}

int close_cache(bool force)
{
    int status = force ? 1 : 0;

    run(do_close, &status);
    if (force) {
        cache = NULL;
    }
    return status;
}

void kill_server(void)
{
    assert_true(dead < sizeof(graveyard) / sizeof(graveyard[0]));
    graveyard[dead++] = cache;
    cache = NULL;
    fake_disk_orphan();
}

/* ---- whole operations ---- */

struct operation {
    uint64_t block;
    const uint64_t *blocks;
    unsigned count;
    bool flush;
    uint8_t fill;
    int status;
};

static void do_put(void *argument)
{
    struct operation *operation = argument;
    struct cache_block *block;
    uint8_t *data;

    operation->status = cache_get(cache, operation->block, CACHE_OVERWRITE, &block, &data);
    if (operation->status == 0) {
        memset(data, operation->fill, cache->kept.block_size);
        cache_put(cache, block, true);
    }
}

int put_block(uint64_t block, uint8_t fill)
{
    struct operation operation = {.block = block, .fill = fill};

    run(do_put, &operation);
    return operation.status;
}

static void do_read(void *argument)
{
    struct operation *operation = argument;
    struct cache_block *block;
    uint8_t *data;

    operation->status = cache_get(cache, operation->block, 0, &block, &data);
    if (operation->status == 0) {
        operation->fill = data[0];
        if (memcmp(data, data + 1, cache->kept.block_size - 1) != 0) {
            operation->status = -ANOLE_ERANGE;
        }
        cache_put(cache, block, false);
    }
}

int read_block(uint64_t block, uint8_t *fill)
{
    struct operation operation = {.block = block};

    run(do_read, &operation);
    *fill = operation.fill;
    return operation.status;
}

static void do_write(void *argument)
{
    struct operation *operation = argument;

    operation->status = cache_write(cache, operation->blocks, operation->count, operation->flush);
}

int write_blocks(const uint64_t *blocks, unsigned count, bool flush)
{
    struct operation operation = {.blocks = blocks, .count = count, .flush = flush};

    run(do_write, &operation);
    return operation.status;
}

static void do_sync(void *argument)
{
    *(int *)argument = cache_sync(cache);
}

int sync_cache(void)
{
    int status;

    run(do_sync, &status);
    return status;
}

uint8_t on_disk(uint64_t block)
{
    return fake_disk.current[block * BLOCK];
}

uint8_t durable(uint64_t block)
{
    return fake_disk.durable[block * BLOCK];
}
