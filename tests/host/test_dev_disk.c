/*
 * Disks as files (servers/memfs/disk*.c), over a fake disk.
 */
#include "fake_disk.h"
#include "servers/memfs/disk.h"

#include <anole/error.h>
#include <libanole/anole.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODE 7u
#define LONG (1u << 20)

/* ---- a client's memory ---- */

struct fs_data {
    uint8_t *bytes;
    uint64_t len; /* a copy beyond that fails */
};

int fs_data_to_client(struct fs_data *data, uint64_t offset, const void *from, size_t len)
{
    if (offset > data->len || len > data->len - offset)
        return -ANOLE_ERANGE;
    memcpy(data->bytes + offset, from, len);
    return 0;
}

int fs_data_from_client(struct fs_data *data, uint64_t offset, void *to, size_t len)
{
    if (offset > data->len || len > data->len - offset)
        return -ANOLE_ERANGE;
    memcpy(to, data->bytes + offset, len);
    return 0;
}

uint64_t fs_data_at_end(struct fs_data *data, uint64_t end)
{
    (void)data;
    return end;
}

/* ---- requests, each on a coroutine ---- */

enum what { OPEN, READ, WRITE, FLUSH };

struct task {
    enum what what;
    bool write; /* OPEN */
    uint64_t node, position, len;
    struct fs_data data;
    int64_t result;
    unsigned ended; /* the how manieth; 0: not yet */
};
static unsigned ended;

static void perform(void *argument)
{
    struct task *task = argument;

    switch (task->what) {
    case OPEN:
        task->result = disk_open(task->node, "vda", task->write);
        break;
    case READ:
        task->result = disk_read(task->node, task->position, &task->data, task->len);
        break;
    case WRITE:
        task->result = disk_write(task->node, task->position, &task->data, task->len);
        break;
    case FLUSH:
        task->result = disk_flush(task->node);
        break;
    }
    task->ended = ++ended;
}

/* The service's loop, until it would wait. */
static void settle(void)
{
    unsigned rounds = 0;

    do {
        disks_step();
        assert_true(++rounds < 1000); /* who waits for a driver doesn't keep the loop busy */
    } while (coro_run() || disks_deadline() == DEADLINE_POLL);
}

static void start(struct task *task)
{
    task->ended = 0;
    assert_int_equal(coro_start(perform, task), 0);
}

static int64_t run(struct task *task)
{
    start(task);
    settle();
    assert_true(task->ended);
    return task->result;
}

static int open_disk(uint64_t node, bool write)
{
    return (int)run(&(struct task){.what = OPEN, .node = node, .write = write});
}

static int64_t move(enum what what, uint64_t position, void *bytes, uint64_t len)
{
    return run(&(struct task){
        .what = what, .node = NODE, .position = position, .len = len, .data = {bytes, len}});
}

static int set_up(void **state)
{
    (void)state;
    fake_disk_new(1);
    ended = 0;
    disks_init(2);
    for (unsigned i = 0; i < FAKE_DISK_BYTES; i++)
        fake_disk.current[i] = fake_disk.durable[i] = (uint8_t)fake_disk_chance(256);
    return 0;
}

/* All was given back. */
static int tear_down(void **state)
{
    (void)state;
    disk_close(NODE, false);
    disk_close(NODE, true);
    fake_disk.status = 0;
    for (unsigned i = 0; i < DISKS_OPEN; i++)
        assert_int_equal(open_disk(1000 + i, false), 0);
    for (unsigned i = 0; i < DISKS_OPEN; i++)
        disk_close(1000 + i, false);
    assert_int_equal(coro_count(), 0);
    return 0;
}

/* ---- tests ---- */

/* Any position and length, against a copy; what was answered is durable. */
static void bytes_are_where_they_belong(uint32_t block_bytes)
{
    uint8_t *model = malloc(FAKE_DISK_BYTES), *bytes = malloc(LONG);

    fake_disk.block_bytes = block_bytes;
    memcpy(model, fake_disk.current, FAKE_DISK_BYTES);
    assert_int_equal(open_disk(NODE, true), 0);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t most = i % 8 == 0 ? LONG : 3 * block_bytes;
        uint64_t len = fake_disk_chance((uint32_t)most) + 1;
        uint64_t position = fake_disk_chance(FAKE_DISK_BYTES - (uint32_t)len + 1);
        if (i % 3 == 0)
            position -= position % block_bytes;
        if (i % 2 == 0) {
            memset(bytes, (int)i, len);
            assert_int_equal(move(WRITE, position, bytes, len), len);
            memset(model + position, (int)i, len);
        } else {
            assert_int_equal(move(READ, position, bytes, len), len);
            assert_memory_equal(bytes, model + position, len);
        }
        if (i % 10 == 0)
            fake_disk_reset();
    }
    assert_memory_equal(fake_disk.durable, model, FAKE_DISK_BYTES);
    free(model);
    free(bytes);
}

static void small_blocks(void **state)
{
    (void)state;
    bytes_are_where_they_belong(512);
}

static void large_blocks(void **state)
{
    (void)state;
    bytes_are_where_they_belong(4096);
}

static void largest_blocks(void **state)
{
    (void)state;
    bytes_are_where_they_belong(65536);
}

static void the_end(void **state)
{
    uint8_t bytes[2000] = {1, 2, 3};
    uint64_t size;

    (void)state;
    assert_false(disk_open_bytes(NODE, &size));
    assert_int_equal(open_disk(NODE, true), 0);
    assert_true(disk_open_bytes(NODE, &size));
    assert_int_equal(size, FAKE_DISK_BYTES);
    assert_int_equal(move(READ, size - 100, bytes, sizeof(bytes)), 100);
    assert_memory_equal(bytes, fake_disk.current + size - 100, 100);
    assert_int_equal(move(READ, size, bytes, sizeof(bytes)), 0);
    assert_int_equal(move(READ, INT64_MAX, bytes, sizeof(bytes)), 0);
    assert_int_equal(move(READ, UINT64_MAX, bytes, sizeof(bytes)), 0);
    assert_int_equal(move(WRITE, size - 1000, bytes, sizeof(bytes)), 1000);
    assert_int_equal(move(WRITE, size, bytes, sizeof(bytes)), -ANOLE_ENOSPC);
    assert_int_equal(move(WRITE, INT64_MAX - 5, bytes, 1), -ANOLE_ENOSPC);
    assert_int_equal(move(WRITE, FS_END, bytes, 1), -ANOLE_ENOSPC); /* appended */
    assert_int_equal(move(READ, 0, bytes, 0), 0);
    assert_int_equal(move(WRITE, 0, bytes, 0), 0);
}

/* A driver's word about its disk is no reason to compute nonsense. */
static void impossible_sizes(void **state)
{
    struct blk_info info = {.capacity_sectors = UINT64_MAX, .logical_block_bytes = 4096};

    (void)state;
    assert_true(disk_bytes(&info) <= INT64_MAX);
    assert_int_equal(disk_bytes(&info) % 4096, 0);
    info.logical_block_bytes = 0;
    assert_int_equal(disk_bytes(&info), 0);
    info = (struct blk_info){.capacity_sectors = 15, .logical_block_bytes = 4096};
    assert_int_equal(disk_bytes(&info), 4096); /* a block that isn't whole can't be read */
}

/* A grant that is too short, or gone. */
static void memory_that_fails(void **state)
{
    uint8_t *bytes = calloc(1, LONG);
    struct task task = {.what = READ, .node = NODE, .len = 0x40000000, .data = {bytes, 300000}};

    (void)state;
    assert_int_equal(open_disk(NODE, true), 0);
    assert_int_equal(run(&task), 2 * 131072); /* as far as there are whole pieces */
    task.data.len = 1000;
    assert_int_equal(run(&task), -ANOLE_ERANGE);
    task = (struct task){.what = WRITE, .node = NODE, .position = 100, .len = 1000};
    assert_int_equal(run(&task), -ANOLE_ERANGE);
    assert_int_equal(fake_disk.writes, 0);
    free(bytes);
}

static void disk_that_fails(void **state)
{
    uint8_t *bytes = calloc(1, LONG);

    (void)state;
    assert_int_equal(open_disk(NODE, true), 0);
    fake_disk.read_error = fake_disk.write_error = -ANOLE_EIO;
    fake_disk.bad_sector = 300; /* in the second piece */
    assert_int_equal(move(READ, 0, bytes, LONG), 131072);
    assert_int_equal(move(READ, 131072, bytes, LONG), -ANOLE_EIO);
    assert_int_equal(move(WRITE, 0, bytes, LONG), 131072);
    assert_int_equal(move(WRITE, 300 * 512 + 100, bytes, 10), -ANOLE_EIO);
    assert_int_equal(fake_disk.writes, 1); /* what couldn't be read wasn't written */
    fake_disk.flush_error = -ANOLE_EIO;
    assert_int_equal(move(FLUSH, 0, NULL, 0), -ANOLE_EIO);
    fake_disk.flush_error = 0;
    assert_int_equal(move(FLUSH, 0, NULL, 0), 0);
    assert_int_equal(fake_disk.flushes, 1);
    free(bytes);
}

static void refused(void **state)
{
    static const int errors[] = {-ANOLE_EBUSY, -ANOLE_ENOENT, -ANOLE_EROFS, -ANOLE_EGIVENUP};
    uint8_t byte = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fake_disk.status = errors[i];
        assert_int_equal(open_disk(NODE, true), errors[i]);
        assert_int_equal(disks_deadline(), DEADLINE_NEVER);
    }
    assert_int_equal(move(READ, 0, &byte, 1), -ANOLE_EBADF);
    assert_int_equal(move(WRITE, 0, &byte, 1), -ANOLE_EBADF);
    assert_int_equal(move(FLUSH, 0, NULL, 0), 0);
    fake_disk.status = 0;
    assert_int_equal(open_disk(NODE, false), 0);
    assert_int_equal(move(WRITE, 0, &byte, 1), -ANOLE_EBADF);
}

static void not_too_many(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DISKS_OPEN; i++)
        assert_int_equal(open_disk(100 + i, i % 2), 0);
    assert_int_equal(open_disk(100, true), -ANOLE_EMFILE);
    assert_int_equal(open_disk(100, false), 0); /* the same once more */
    disk_close(100, false);
    disk_close(101, true);
    assert_int_equal(open_disk(100, true), 0);
    disk_close(100, true);
    for (unsigned i = 0; i < DISKS_OPEN; i++)
        disk_close(100 + i, i % 2);
}

/* Several wait for a driver on its way; when there is none, they are told in time. */
static void a_driver_that_comes(void **state)
{
    struct task one = {.what = OPEN, .node = NODE}, two = one;

    (void)state;
    fake_disk.status = -ANOLE_EAGAIN;
    start(&one);
    settle();
    start(&two);
    settle();
    assert_true(disks_deadline() != DEADLINE_NEVER);
    fake_disk.now += 3000000;
    settle();
    assert_false(one.ended || two.ended);
    fake_disk.status = 0;
    settle();
    assert_true(one.ended && two.ended);
    assert_int_equal(one.result, 0);
    assert_int_equal(two.result, 0);
    disk_close(NODE, false);

    fake_disk.status = -ANOLE_EAGAIN;
    struct task late = {.what = OPEN, .node = 9};
    start(&late);
    settle();
    fake_disk.now += 10000000;
    settle();
    assert_true(late.ended);
    assert_int_equal(late.result, -ANOLE_EAGAIN);
}

/* Who asks for little doesn't wait for who asks for much; a file may be closed meanwhile. */
static void in_turn(void **state)
{
    uint8_t *bytes = calloc(1, LONG), few[10];
    struct task much = {.what = READ, .node = NODE, .len = LONG, .data = {bytes, LONG}};
    struct task little = {
        .what = READ, .node = NODE, .position = 5, .len = sizeof(few), .data = {few, sizeof(few)}};

    (void)state;
    assert_int_equal(open_disk(NODE, false), 0);
    start(&much);
    start(&little);
    disk_close(NODE, false);
    settle();
    assert_int_equal(little.ended, 2); /* the first was the open */
    assert_int_equal(much.ended, 3);
    assert_int_equal(much.result, LONG);
    assert_memory_equal(bytes, fake_disk.current, LONG);
    assert_memory_equal(few, fake_disk.current + 5, sizeof(few));
    free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(small_blocks),     TEST(large_blocks),        TEST(largest_blocks),  TEST(the_end),
        TEST(impossible_sizes), TEST(memory_that_fails),   TEST(disk_that_fails), TEST(refused),
        TEST(not_too_many),     TEST(a_driver_that_comes), TEST(in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
