/*
 * Writes at the end of a file, and cuts, that take several transactions: whenever the server dies
 * between them, what was written is there whole or not at all, and what was cut is gone; others may
 * write before it is asked for again.
 */
#include "servers/ext2/ext2.h"
#include "tests/host/ext2/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define LARGE 2700001u /* bytes: several transactions anywhere, and no whole blocks */
#define SMALL 5000u
#define BEFORE 1500u
#define NOWHERE UINT64_MAX

static const char *const KINDS[] = {"-t ext2 -b 1024", "-t ext4 -b 1024", "-t ext4 -b 4096"};
#define KIND_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

#define TOTAL (BEFORE + LARGE + SMALL)
#define SPREAD (16u << 20) /* the size of a file with many holes */

static uint8_t before[BEFORE], large[LARGE], small[SMALL], found[SPREAD];

static int set_up(void **state)
{
    (void)state;
    fake_cache_reset();
    memset(before, 'b', sizeof(before));
    memset(small, 's', sizeof(small));
    for (uint32_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)(i * 2654435761u >> 13);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (mounted)
        mount_discard(mounted);
    mounted = NULL;
    fake_cache_reset();
    return 0;
}

/* With a file that has some bytes; whether it is open and has no name. */
static uint64_t begin(const char *kind, const char *size, bool unnamed)
{
    uint64_t node;

    image_make(kind, size);
    assert_int_equal(fs_mount(false), 0);
    assert_int_equal(fs_create(root, "file", FS_MODE(FS_TYPE_FILE, 0644), &node), 0);
    assert_int_equal(fs_write(node, 0, before, BEFORE), BEFORE);
    assert_int_equal(fs_opened(node), 0);
    if (unnamed)
        assert_int_equal(fs_remove(root, "file", false), 0);
    return node;
}

static void end(uint64_t node)
{
    fs_closed(node);
    assert_int_equal(fs_unmount(), 0);
    assert_true(image_clean());
}

/* Back to when the server died, and its next instance. False: it was done before that. */
static bool die_back(uint64_t node)
{
    fs_die();
    bool died = fake_cache_go_back();

    assert_int_equal(fs_mount(false), 0);
    assert_false(fs_is_read_only());
    assert_int_equal(fs_opened(node), 0);
    return died;
}

static uint64_t size_of(uint64_t node)
{
    struct fs_stat stat;

    assert_int_equal(fs_stat(node, &stat), 0);
    return stat.size;
}

static uint64_t blocks_free(void)
{
    struct fs_statvfs statvfs;

    assert_int_equal(fs_statvfs(&statvfs), 0);
    return statvfs.blocks_free;
}

static void expect(const uint8_t *bytes, uint64_t position, uint64_t len)
{
    assert_memory_equal(found + position, bytes, len);
}

/* ---- what is appended ---- */

/* Another program comes first after the death. */
static bool append_over_death(const char *kind, unsigned commits, bool unnamed)
{
    uint64_t node = begin(kind, "16M", unnamed);
    uint64_t free = blocks_free();
    uint64_t first = NOWHERE, second = NOWHERE;

    fake_cache.commits_until_death = commits;
    assert_int_equal(fs_append(node, large, LARGE, &first), LARGE);
    bool died = die_back(node);
    bool undone = size_of(node) == BEFORE;

    assert_true(undone || size_of(node) == BEFORE + LARGE);
    assert_int_equal(fs_append(node, small, SMALL, &second), SMALL);
    if (undone) {
        assert_in_range(blocks_free(), free - 10, free); /* what was begun is given back */
        first = NOWHERE;                                 /* as libfs finds out */
    }
    assert_int_equal(fs_append(node, large, LARGE, &first), LARGE);
    assert_int_equal(second, undone ? BEFORE : BEFORE + LARGE);
    assert_int_equal(first, undone ? BEFORE + SMALL : BEFORE);
    assert_int_equal(size_of(node), TOTAL);
    assert_int_equal(fs_read(node, 0, found, sizeof(found)), TOTAL);
    expect(before, 0, BEFORE);
    expect(large, first, LARGE);
    expect(small, second, SMALL);
    end(node);
    return died;
}

static void test_appending_is_whole_or_not_at_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        unsigned commits = 1;

        while (append_over_death(KINDS[i], commits, (commits + i) % 2))
            commits++;
        assert_true(commits > 3);
    }
}

/* What was begun and isn't asked for again leaves nothing. */
static void test_what_was_begun_is_cut_off(void **state)
{
    (void)state;
    for (unsigned unnamed = 0; unnamed < 2; unnamed++) {
        uint64_t node = begin(KINDS[1], "16M", unnamed);
        uint64_t first = NOWHERE;

        fake_cache.commits_until_death = 2;
        assert_int_equal(fs_append(node, large, LARGE, &first), LARGE);
        assert_true(die_back(node));
        assert_int_equal(fs_truncate(node, LARGE), 0);
        assert_int_equal(fs_read(node, BEFORE, found, LARGE), LARGE - BEFORE);
        for (uint32_t i = 0; i < LARGE - BEFORE; i++)
            assert_int_equal(found[i], 0);
        end(node);
    }
}

struct writer {
    uint64_t node, position;
    struct fs_data data;
    int64_t result;
};

static void write_at_end(void *argument)
{
    struct writer *writer = argument;

    writer->result = ext2_ops.write(mounted, writer->node, writer->position, &writer->data,
                                    writer->data.len);
}

/* Where the end is is only known when nobody else can move it. */
static void test_several_at_once(void **state)
{
    const struct fs_data datas[] = {
        {.bytes = small, .len = SMALL, .fails_at = UINT64_MAX},
        {.bytes = large, .len = LARGE, .fails_at = UINT64_MAX},
        {.bytes = small, .len = SMALL, .fails_at = UINT64_MAX},
        {.bytes = before, .len = BEFORE, .fails_at = UINT64_MAX},
    };
    struct writer writers[4];
    uint64_t node = begin(KINDS[0], "16M", false);
    uint64_t ends = BEFORE;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        writers[i] = (struct writer){.node = node, .position = FS_END, .data = datas[i]};
        if (i == 0) /* where others append */
            writers[i].position = BEFORE;
        assert_int_equal(coro_start(write_at_end, &writers[i]), 0);
    }
    while (coro_run()) {
    }
    (void)fs_read(node, 0, found, sizeof(found));
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(writers[i].result, datas[i].len);
        ends += datas[i].len;
        if (i > 0)
            expect(datas[i].bytes, writers[i].data.position, datas[i].len);
    }
    assert_int_equal(size_of(node), ends);
    end(node);
}

/* ---- what ends early ---- */

static void test_as_much_as_fits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint64_t node = begin(KINDS[i], "2M", false);
        uint64_t position = NOWHERE;
        int64_t count = fs_append(node, large, LARGE, &position);

        assert_in_range(count, 900000, LARGE - 1);
        assert_int_equal(size_of(node), BEFORE + (uint64_t)count);
        assert_int_equal(fs_read(node, BEFORE, found, LARGE), count);
        assert_memory_equal(found, large, (size_t)count);
        position = NOWHERE;
        assert_int_equal(fs_append(node, large, LARGE, &position), -ANOLE_ENOSPC);
        end(node);
    }
}

/* The client's memory goes: what was copied by then is in the file. */
static void test_half_a_client(void **state)
{
    struct fs_data data = {.bytes = large, .len = LARGE, .fails_at = 2000000};
    uint64_t node = begin(KINDS[1], "16M", false);
    struct writer writer = {.node = node, .position = FS_END, .data = data};

    (void)state;
    run_to_end(write_at_end, &writer);
    assert_in_range(writer.result, 1, 2000000);
    assert_int_equal(size_of(node), BEFORE + (uint64_t)writer.result);
    assert_int_equal(fs_read(node, BEFORE, found, LARGE), writer.result);
    assert_memory_equal(found, large, (size_t)writer.result);
    end(node);
}

/* ---- what is cut ---- */

/* Blocks that have much metadata of their own: indirect ones, leaves of extents. */
static void spread(uint64_t node)
{
    for (uint64_t i = 0; i < 2200; i++)
        assert_int_equal(fs_write(node, (2 * i + 2) * 1024, small, 1024), 1024);
    for (uint64_t at = 5u << 20; at < SPREAD; at += 256 * 1024)
        assert_int_equal(fs_write(node, at, small, 1024), 1024);
}

static bool cut_over_death(const char *kind, unsigned commits, bool unnamed)
{
    uint64_t node = begin(kind, "16M", unnamed);

    spread(node);
    fake_cache.commits_until_death = commits;
    assert_int_equal(fs_truncate(node, BEFORE), 0);
    bool died = die_back(node);

    assert_int_equal(fs_truncate(node, BEFORE), 0);
    assert_int_equal(fs_truncate(node, SPREAD), 0);
    assert_int_equal(fs_read(node, 0, found, SPREAD), SPREAD);
    expect(before, 0, BEFORE);
    for (uint32_t i = BEFORE; i < SPREAD; i++)
        assert_int_equal(found[i], 0);
    end(node);
    return died;
}

static void test_cutting_goes_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * 2; i++) {
        unsigned commits = 1;

        while (cut_over_death(KINDS[i / 2], commits, i % 2))
            commits++;
        assert_true(commits > 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_appending_is_whole_or_not_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_begun_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_as_much_as_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_a_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cutting_goes_on, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    image_remove();
    return failed;
}
