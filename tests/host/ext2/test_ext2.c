/*
 * The ext2 server's file operations on images that mke2fs made, one by one; e2fsck and debugfs
 * judge what is left. tests/host/ext2/test_ext2_random.c does many at random.
 */
#include "servers/ext2/ext2.h"
#include "tests/host/ext2/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define FILE_MODE FS_MODE(FS_TYPE_FILE, 0644)
#define DIRECTORY_MODE FS_MODE(FS_TYPE_DIRECTORY, 0755)

static int set_up(void **state)
{
    (void)state;
    fake_cache_reset();
    last_log[0] = '\0';
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

static uint8_t *pattern(uint64_t len, unsigned seed)
{
    uint8_t *bytes = malloc(len);

    assert_non_null(bytes);
    for (uint64_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((i * 2654435761u + seed * 97u) >> 13);
    return bytes;
}

static void mount_new(const char *options, const char *size)
{
    image_make(options, size);
    assert_int_equal(fs_mount(false), 0);
    assert_false(fs_is_read_only());
}

static void unmount_clean(void)
{
    assert_int_equal(fs_unmount(), 0);
    assert_true(image_clean());
}

static uint64_t new_file(uint64_t in, const char *name)
{
    uint64_t node;

    assert_int_equal(fs_create(in, name, FILE_MODE, &node), 0);
    return node;
}

static uint64_t new_directory(uint64_t in, const char *name)
{
    uint64_t node;

    assert_int_equal(fs_create(in, name, DIRECTORY_MODE, &node), 0);
    return node;
}

static void check_contents(uint64_t node, uint64_t position, const uint8_t *expected, uint64_t len)
{
    uint8_t *bytes = malloc(len + 1);

    assert_non_null(bytes);
    assert_int_equal(fs_read(node, position, bytes, len), len);
    assert_memory_equal(bytes, expected, len);
    free(bytes);
}

/* The kinds of images that the tests below run on. */
static const char *const KINDS[] = {
    "-t ext2 -b 1024",
    "-t ext2 -b 4096 -I 128",
    "-t ext3 -b 2048",
    "-t ext4 -b 1024",
    "-t ext4 -b 4096",
    "-t ext4 -b 4096 -O metadata_csum_seed,meta_bg,^resize_inode",
    "-t ext4 -b 2048 -O ^has_journal,^64bit,^metadata_csum,uninit_bg",
};
#define KIND_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

static void test_mount_and_unmount(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        struct fs_stat stat;
        struct fs_statvfs statvfs;
        uint64_t node;
        enum fs_type type;

        mount_new(KINDS[i], "16M");
        assert_int_equal(fs_stat(root, &stat), 0);
        assert_int_equal(FS_MODE_TYPE(stat.mode), FS_TYPE_DIRECTORY);
        assert_int_equal(stat.links, 3);
        assert_int_equal(fs_lookup(root, "lost+found", &node, &type), 0);
        assert_int_equal(type, FS_TYPE_DIRECTORY);
        assert_int_equal(fs_lookup(root, "nothing", &node, &type), -ANOLE_ENOENT);
        assert_int_equal(fs_statvfs(&statvfs), 0);
        assert_true(statvfs.blocks_free > 0 && statvfs.blocks_free < statvfs.blocks);
        unmount_clean();
    }
}

/* Files of many sizes: in the inode's first blocks and in every level of maps. */
static void test_write_and_read(void **state)
{
    static const uint64_t SIZES[] = {1, 1023, 1024, 4096, 12289, 300 * 1024, 5 * 1024 * 1024 + 3};

    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint64_t nodes[7];

        mount_new(KINDS[i], "24M");
        for (unsigned n = 0; n < 7; n++) {
            uint8_t *bytes = pattern(SIZES[n], n);
            char name[16];

            snprintf(name, sizeof(name), "file%u", n);
            nodes[n] = new_file(root, name);
            assert_int_equal(fs_write(nodes[n], 0, bytes, SIZES[n]), SIZES[n]);
            check_contents(nodes[n], 0, bytes, SIZES[n]);
            free(bytes);
        }
        unmount_clean();
        assert_int_equal(fs_mount(true), 0);
        for (unsigned n = 0; n < 7; n++) {
            uint8_t *bytes = pattern(SIZES[n], n);
            uint8_t end;

            check_contents(nodes[n], 0, bytes, SIZES[n]);
            assert_int_equal(fs_read(nodes[n], SIZES[n], &end, 1), 0);
            free(bytes);
        }
        assert_int_equal(fs_write(nodes[0], 0, "x", 1), -ANOLE_EROFS);
        assert_int_equal(fs_unmount(), 0);
    }
}

static void test_debugfs_sees_the_same(void **state)
{
    uint8_t *bytes = pattern(700000, 5);
    uint64_t directory;
    uint64_t node;
    FILE *expected;

    (void)state;
    mount_new("-t ext4 -b 1024", "16M");
    directory = new_directory(root, "dir");
    node = new_file(directory, "file");
    assert_int_equal(fs_write(node, 0, bytes, 700000), 700000);
    assert_int_equal(fs_symlink(directory, "short", "file"), 0);
    unmount_clean();
    expected = fopen("/tmp/anole-ext2-expected", "wb");
    assert_non_null(expected);
    assert_int_equal(fwrite(bytes, 1, 700000, expected), 700000);
    fclose(expected);
    assert_int_equal(image_command("debugfs -R 'cat /dir/file' %s 2>/dev/null | cmp - "
                                   "/tmp/anole-ext2-expected"),
                     0);
    assert_int_equal(image_command("debugfs -R 'stat /dir/short' %s 2>/dev/null | "
                                   "grep -q 'Fast link dest: \"file\"'"),
                     0);
    remove("/tmp/anole-ext2-expected");
    free(bytes);
}

/* The other way round: what debugfs put there, with holes, indexes and attributes. */
static void test_files_made_on_the_host(void **state)
{
    uint8_t *bytes = pattern(200000, 9);
    FILE *source = fopen("/tmp/anole-ext2-source", "wb");
    uint64_t node;
    enum fs_type type;
    char target[128];

    (void)state;
    assert_non_null(source);
    assert_int_equal(fwrite(bytes, 1, 200000, source), 200000);
    fclose(source);
    image_make("-t ext4 -b 1024", "16M");
    assert_int_equal(image_command("printf 'write /tmp/anole-ext2-source file\\n"
                                   "symlink long "
                                   "/a/target/that/is/much/longer/than/sixty/bytes/so/that/it/"
                                   "needs/a/block/of/its/own\\n"
                                   "ea_set file user.colour green\\n' | debugfs -w %s "
                                   ">/dev/null 2>&1"),
                     0);
    remove("/tmp/anole-ext2-source");
    assert_int_equal(fs_mount(false), 0);
    assert_int_equal(fs_lookup(root, "file", &node, &type), 0);
    check_contents(node, 0, bytes, 200000);
    assert_int_equal(fs_lookup(root, "long", &node, &type), 0);
    assert_int_equal(type, FS_TYPE_LINK);
    assert_int_equal(fs_readlink(node, target, sizeof(target)), 82);
    assert_memory_equal(target, "/a/target/that/is/", 18);
    assert_int_equal(fs_remove(root, "long", false), 0);
    assert_int_equal(fs_remove(root, "file", false), 0);
    unmount_clean();
    free(bytes);
}

static void test_holes_and_large_files(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint8_t zeroes[5000] = {0};
        uint64_t far = (uint64_t)5 << 30;
        struct fs_stat stat;
        uint64_t node;

        if (i == 0)
            far = (uint64_t)3 << 30;
        mount_new(KINDS[i], "16M");
        node = new_file(root, "sparse");
        assert_int_equal(fs_write(node, far, "end", 3), 3);
        assert_int_equal(fs_stat(node, &stat), 0);
        assert_int_equal(stat.size, far + 3);
        assert_true(stat.blocks * 512 < 64 * 1024);
        check_contents(node, 12345, zeroes, sizeof(zeroes));
        check_contents(node, far, (const uint8_t *)"end", 3);
        assert_int_equal(fs_write(node, 1 << 20, "middle", 6), 6);
        check_contents(node, (1 << 20) - 10, zeroes, 10);
        check_contents(node, 1 << 20, (const uint8_t *)"middle", 6);
        check_contents(node, (1 << 20) + 6, zeroes, 5000);
        assert_int_equal(fs_truncate(node, (1 << 20) + 3), 0);
        assert_int_equal(fs_truncate(node, far), 0);
        check_contents(node, 1 << 20, (const uint8_t *)"mid\0\0\0", 6);
        unmount_clean();
    }
}

/* Whoever reads a file from end to end has each of its blocks read ahead, once, although the map
 * comes to be known piece by piece, and if the cache takes little at a time. */
static void test_reads_ahead(void **state)
{
    static const unsigned rooms[] = {0, 100};
    const unsigned len = 3u << 20, piece = 16384;

    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint8_t *bytes = pattern(len, i);
        struct fs_statvfs statvfs;
        enum fs_type type;
        uint64_t node;

        mount_new(KINDS[i], "16M");
        assert_int_equal(fs_write(new_file(root, "file"), 0, bytes, len), len);
        for (unsigned j = 0; j < 2; j++) {
            unmount_clean();
            assert_int_equal(fs_mount(false), 0);
            assert_int_equal(fs_lookup(root, "file", &node, &type), 0);
            assert_int_equal(fs_statvfs(&statvfs), 0);
            fake_cache.ahead_room = rooms[j];
            fake_cache.ahead = 0;
            for (unsigned at = 0; at < len; at += piece)
                check_contents(node, at, bytes + at, piece);
            assert_int_equal(fake_cache.ahead, len / statvfs.block_size);
        }
        fake_cache.ahead_room = 0;
        unmount_clean();
        free(bytes);
    }
}

static void test_truncate_gives_blocks_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint8_t *bytes = pattern(6000000, i);
        struct fs_statvfs before;
        struct fs_statvfs after;
        uint64_t node;

        mount_new(KINDS[i], "24M");
        node = new_file(root, "file");
        assert_int_equal(fs_statvfs(&before), 0);
        assert_int_equal(fs_write(node, 0, bytes, 6000000), 6000000);
        assert_int_equal(fs_truncate(node, 100001), 0);
        check_contents(node, 0, bytes, 100001);
        assert_int_equal(fs_truncate(node, 0), 0);
        assert_int_equal(fs_statvfs(&after), 0);
        assert_int_equal(after.blocks_free, before.blocks_free);
        unmount_clean();
        free(bytes);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint64_t a;
        uint64_t b;
        uint64_t node;
        uint64_t parent;
        enum fs_type type;
        struct fs_stat stat;

        mount_new(KINDS[i], "16M");
        a = new_directory(root, "a");
        b = new_directory(a, "b");
        node = new_file(b, "file");
        assert_int_equal(fs_create(b, "file", FILE_MODE, &node), -ANOLE_EEXIST);
        assert_int_equal(fs_create(node, "file", FILE_MODE, &node), -ANOLE_ENOTDIR);
        assert_int_equal(fs_lookup(b, "file", &node, &type), 0);
        assert_int_equal(fs_link(node, root, "other"), 0);
        assert_int_equal(fs_link(b, root, "directory"), -ANOLE_EPERM);
        assert_int_equal(fs_stat(node, &stat), 0);
        assert_int_equal(stat.links, 2);
        assert_int_equal(fs_parent(b, &parent), 0);
        assert_int_equal(parent, a);
        assert_int_equal(fs_remove(root, "a", true), -ANOLE_ENOTEMPTY);
        assert_int_equal(fs_remove(root, "a", false), -ANOLE_EISDIR);
        assert_int_equal(fs_remove(root, "other", true), -ANOLE_ENOTDIR);
        assert_int_equal(fs_rename(root, "a", b, "inside"), -ANOLE_EINVAL);
        assert_int_equal(fs_rename(a, "b", root, "moved"), 0);
        assert_int_equal(fs_parent(b, &parent), 0);
        assert_int_equal(parent, root);
        assert_int_equal(fs_rename(root, "moved", root, "a"), 0); /* over an empty one */
        assert_int_equal(fs_stat(a, &stat), -ANOLE_ESTALE);
        assert_int_equal(fs_rename(root, "other", b, "file"), 0); /* the same file */
        assert_int_equal(fs_rename(root, "other", root, "another"), 0);
        assert_int_equal(fs_rename(root, "nothing", root, "another"), -ANOLE_ENOENT);
        assert_int_equal(fs_rename(root, "a", root, "another"), -ANOLE_ENOTDIR);
        assert_int_equal(fs_rename(root, "another", root, "a"), -ANOLE_EISDIR);
        assert_int_equal(fs_remove(b, "file", false), 0);
        assert_int_equal(fs_stat(node, &stat), 0);
        assert_int_equal(stat.links, 1);
        assert_int_equal(fs_remove(root, "another", false), 0);
        assert_int_equal(fs_stat(node, &stat), -ANOLE_ESTALE);
        assert_int_equal(fs_remove(root, "a", true), 0);
        unmount_clean();
    }
}

/* ---- wide directories ---- */

struct seen {
    unsigned char *times;
    unsigned count, others;
};

static void see(void *context, const char *name, uint64_t node, enum fs_type type)
{
    struct seen *seen = context;
    unsigned n;

    assert_true(node != 0);
    assert_true(type == FS_TYPE_FILE || type == FS_TYPE_DIRECTORY || type == 0);
    if (sscanf(name, "name-%u", &n) == 1 && n < seen->count)
        seen->times[n]++;
    else
        seen->others++;
}

static void test_wide_directory(void **state)
{
    static const unsigned COUNT = 3000;

    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i += 3) {
        struct seen seen = {.times = calloc(COUNT, 1), .count = COUNT};
        uint64_t directory;
        uint64_t node;
        enum fs_type type;
        char name[32];

        mount_new(KINDS[i], "24M");
        directory = new_directory(root, "wide");
        for (unsigned n = 0; n < COUNT; n++) {
            snprintf(name, sizeof(name), "name-%u", n);
            (void)new_file(directory, name);
        }
        for (unsigned n = 0; n < COUNT; n += 3) {
            snprintf(name, sizeof(name), "name-%u", n);
            assert_int_equal(fs_remove(directory, name, false), 0);
        }
        for (unsigned n = 0; n < COUNT; n++) {
            snprintf(name, sizeof(name), "name-%u", n);
            assert_int_equal(fs_lookup(directory, name, &node, &type), n % 3 ? 0 : -ANOLE_ENOENT);
        }
        assert_int_equal(fs_entries(directory, 7, see, &seen), 0);
        for (unsigned n = 0; n < COUNT; n++)
            assert_int_equal(seen.times[n], n % 3 ? 1 : 0);
        assert_int_equal(seen.others, 0);
        free(seen.times);
        unmount_clean();
    }
}

/* A directory with an htree, which e2fsck -D makes: names are found, added and removed. */
static void test_indexed_directory(void **state)
{
    static const char *const INDEXED[] = {"-t ext4 -b 1024 -O dir_index",
                                          "-t ext3 -b 1024 -O dir_index,^metadata_csum"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t directory;
        uint64_t node;
        enum fs_type type;
        char name[64];

        mount_new(INDEXED[i], "24M");
        directory = new_directory(root, "wide");
        for (unsigned n = 0; n < 2000; n++) {
            snprintf(name, sizeof(name), "a-name-that-takes-some-room-%u", n);
            (void)new_file(directory, name);
        }
        unmount_clean();
        (void)image_command("e2fsck -fyD %s >/dev/null 2>&1");
        assert_int_equal(image_command("debugfs -R 'stat /wide' %s 2>/dev/null | "
                                       "grep -q 'Flags: 0x.*1000'"),
                         0);
        assert_int_equal(fs_mount(false), 0);
        assert_int_equal(fs_lookup(root, "wide", &directory, &type), 0);
        for (unsigned n = 0; n < 2000; n += 2) {
            snprintf(name, sizeof(name), "a-name-that-takes-some-room-%u", n);
            assert_int_equal(fs_remove(directory, name, false), 0);
        }
        unmount_clean(); /* the tree is as it was, but for the names */
        assert_int_equal(fs_mount(false), 0);
        for (unsigned n = 0; n < 2000; n += 2) {
            snprintf(name, sizeof(name), "another-name-that-takes-more-room-%u", n);
            (void)new_file(directory, name);
        }
        assert_int_equal(fs_lookup(directory, "a-name-that-takes-some-room-1999", &node, &type), 0);
        unmount_clean();
    }
}

static void test_names_of_any_bytes(void **state)
{
    char name[FS_NAME_MAX + 2] = {0};
    uint64_t node;
    enum fs_type type;

    (void)state;
    mount_new("-t ext4", "16M");
    for (unsigned byte = 1; byte < 256; byte++) {
        char one[3] = {'x', (char)byte, 0};

        if (byte == '/')
            continue;
        (void)new_file(root, one);
        assert_int_equal(fs_lookup(root, one, &node, &type), 0);
    }
    memset(name, 'n', FS_NAME_MAX);
    (void)new_file(root, name);
    assert_int_equal(fs_lookup(root, name, &node, &type), 0);
    unmount_clean();
}

/* ---- limits ---- */

static void test_full_disk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint8_t *bytes = pattern(1 << 20, i);
        struct fs_statvfs statvfs;
        uint64_t written = 0;
        uint64_t node;
        uint64_t other;
        int64_t part;

        mount_new(KINDS[i], "8M");
        node = new_file(root, "file");
        while ((part = fs_write(node, written, bytes, 1 << 20)) > 0)
            written += (uint64_t)part;
        assert_int_equal(part, -ANOLE_ENOSPC);
        assert_int_equal(fs_statvfs(&statvfs), 0);
        assert_true(statvfs.blocks_free < 16);
        other = new_file(root, "another");
        for (written = 0; fs_write(other, written, bytes, 1) > 0; written += 65536) {
        }
        assert_int_equal(fs_create(root, "dir", DIRECTORY_MODE, &other), -ANOLE_ENOSPC);
        assert_int_equal(fs_remove(root, "file", false), 0);
        assert_int_equal(fs_create(root, "dir", DIRECTORY_MODE, &other), 0);
        unmount_clean();
        free(bytes);
    }
}

/* As Linux shows them to all, and gives them to the superuser. */
static void test_reserved_blocks(void **state)
{
    static uint8_t bytes[65536];
    struct fs_statvfs statvfs;
    uint64_t node;
    uint64_t at = 0;
    int64_t count;

    (void)state;
    mount_new("-t ext2 -b 1024 -m 10", "8M");
    assert_int_equal(fs_statvfs(&statvfs), 0);
    assert_int_equal(statvfs.blocks, 8192);
    assert_int_equal(statvfs.blocks_available, statvfs.blocks_free - 819);
    node = new_file(root, "file");
    while ((count = fs_write(node, at, bytes, sizeof(bytes))) > 0)
        at += (uint64_t)count;
    assert_int_equal(count, -ANOLE_ENOSPC);
    assert_int_equal(fs_statvfs(&statvfs), 0);
    assert_int_equal(statvfs.blocks_free, 0);
    assert_int_equal(statvfs.blocks_available, 0);
    unmount_clean();
}

static void test_no_inodes(void **state)
{
    uint64_t node;
    int error = 0;
    unsigned count = 0;
    char name[16];

    (void)state;
    mount_new("-t ext4 -N 64", "16M");
    while (!error) {
        snprintf(name, sizeof(name), "f%u", count++);
        error = fs_create(root, name, FILE_MODE, &node);
    }
    assert_int_equal(error, -ANOLE_ENOSPC);
    assert_true(count > 32);
    assert_int_equal(fs_remove(root, "f0", false), 0);
    (void)new_file(root, "again");
    unmount_clean();
}

static void test_client_without_memory(void **state)
{
    uint8_t bytes[10000];
    uint64_t node;
    struct fs_stat stat;

    (void)state;
    memset(bytes, 'b', sizeof(bytes));
    mount_new("-t ext4 -b 1024", "16M");
    node = new_file(root, "file");
    assert_int_equal(fs_write_failing(node, 0, bytes, sizeof(bytes), 5000), -ANOLE_EBADHANDLE);
    assert_int_equal(fs_stat(node, &stat), 0);
    assert_int_equal(stat.size, 0);
    assert_int_equal(stat.blocks, 0);
    assert_int_equal(fs_write(node, 0, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(fs_write_failing(node, 0, bytes, sizeof(bytes), 0), -ANOLE_EBADHANDLE);
    check_contents(node, 0, bytes, sizeof(bytes));
    unmount_clean();
}

/* ---- files that are open without a name ---- */

static void test_open_without_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint8_t *bytes = pattern(300000, i);
        struct fs_statvfs before;
        struct fs_statvfs after;
        uint64_t nodes[3];

        mount_new(KINDS[i], "16M");
        (void)new_file(root, "the directory has a block for names");
        assert_int_equal(fs_statvfs(&before), 0);
        for (unsigned n = 0; n < 3; n++) {
            char name[8];

            snprintf(name, sizeof(name), "%u", n);
            nodes[n] = new_file(root, name);
            assert_int_equal(fs_opened(nodes[n]), 0);
            assert_int_equal(fs_write(nodes[n], 0, bytes, 300000), 300000);
            assert_int_equal(fs_remove(root, name, false), 0);
        }
        check_contents(nodes[1], 0, bytes, 300000);
        assert_int_equal(fs_write(nodes[1], 300000, bytes, 300000), 300000);
        fs_closed(nodes[1]);
        assert_int_equal(fs_read(nodes[1], 0, bytes, 1), -ANOLE_ESTALE);
        check_contents(nodes[2], 0, bytes, 300000);
        fs_closed(nodes[0]);
        fs_closed(nodes[2]);
        assert_int_equal(fs_statvfs(&after), 0);
        assert_int_equal(after.blocks_free, before.blocks_free);
        assert_int_equal(after.files_free, before.files_free);
        unmount_clean();
        free(bytes);
    }
}

static void test_open_without_name_over_a_death(void **state)
{
    uint8_t *bytes = pattern(300000, 1);
    struct fs_statvfs statvfs;
    uint64_t kept;
    uint64_t lost;
    uint64_t files;

    (void)state;
    mount_new("-t ext4", "16M");
    assert_int_equal(fs_statvfs(&statvfs), 0);
    files = statvfs.files_free;
    kept = new_file(root, "kept");
    lost = new_file(root, "lost");
    assert_int_equal(fs_opened(kept), 0);
    assert_int_equal(fs_opened(lost), 0);
    assert_int_equal(fs_write(kept, 0, bytes, 300000), 300000);
    assert_int_equal(fs_remove(root, "kept", false), 0);
    assert_int_equal(fs_remove(root, "lost", false), 0);
    fs_die();
    assert_int_equal(fs_mount(false), 0);
    assert_false(fs_is_read_only());
    assert_int_equal(fs_opened(kept), 0);
    check_contents(kept, 0, bytes, 300000);
    (void)new_file(root, "first change");
    check_contents(kept, 0, bytes, 300000);
    assert_int_equal(fs_statvfs(&statvfs), 0);
    assert_int_equal(statvfs.files_free, files - 2);
    fs_closed(kept);
    assert_int_equal(fs_statvfs(&statvfs), 0);
    assert_int_equal(statvfs.files_free, files - 1);
    unmount_clean();
    free(bytes);
}

/* ---- repeated operations ---- */

static void test_done_once(void **state)
{
    uint64_t node;
    uint64_t again;
    struct fs_stat stat;

    (void)state;
    mount_new("-t ext4", "16M");
    fs_operation = (struct fs_operation){.origin = 7, .number = 1};
    assert_int_equal(fs_create(root, "file", FILE_MODE, &node), 0);
    fs_die();
    assert_int_equal(fs_mount(false), 0);
    assert_int_equal(fs_create(root, "file", FILE_MODE, &again), 0);
    assert_int_equal(again, node);
    fs_operation.number = 2;
    assert_int_equal(fs_create(root, "file", FILE_MODE, &again), -ANOLE_EEXIST);
    fs_operation.number = 3;
    assert_int_equal(fs_link(node, root, "link"), 0);
    assert_int_equal(fs_link(node, root, "link"), 0);
    assert_int_equal(fs_stat(node, &stat), 0);
    assert_int_equal(stat.links, 2);
    fs_operation.number = 4;
    assert_int_equal(fs_rename(root, "link", root, "renamed"), 0);
    assert_int_equal(fs_rename(root, "link", root, "renamed"), 0);
    fs_operation.number = 5;
    assert_int_equal(fs_remove(root, "renamed", false), 0);
    assert_int_equal(fs_remove(root, "renamed", false), 0);
    fs_operation = (struct fs_operation){0};
    unmount_clean();
}

/* ---- what it costs to come back ---- */

/* Of a disk with many groups: at first all bitmaps, together; by the next instance only what is
 * looked at, until something is changed. */
static void test_few_reads(void **state)
{
    uint8_t *bytes = pattern(100000, 3);
    uint64_t node;
    uint64_t found;
    enum fs_type type;

    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        fake_cache.reads = 0;
        mount_new(KINDS[i], "200M");
        assert_in_range(fake_cache.reads, 0, 4);
        node = new_file(root, "file");
        assert_int_equal(fs_write(node, 0, bytes, 100000), 100000);
        assert_int_equal(fs_sync(0), 0);
        fs_die();
        fake_cache.reads = fake_cache.ahead = 0;
        assert_int_equal(fs_mount(false), 0);
        assert_in_range(fake_cache.ahead, 2, 40);
        assert_int_equal(fs_lookup(root, "file", &found, &type), 0);
        assert_int_equal(found, node);
        assert_in_range(fake_cache.reads, 0, 4);
        check_contents(node, 0, bytes, 100000);
        assert_int_equal(fs_remove(root, "file", false), 0);
        assert_in_range(fake_cache.reads, 1, 12);
        assert_int_equal(fs_lookup(root, "file", &found, &type), -ANOLE_ENOENT);
        unmount_clean();
    }
    free(bytes);
}

/* The next instance looks at what it reads as the first one did. */
static void test_wrong_bitmaps_later(void **state)
{
    struct fs_stat stat;
    uint64_t node;
    uint64_t found;

    (void)state;
    mount_new("-t ext4 -b 4096 -O metadata_csum", "16M");
    node = new_file(root, "file");
    assert_int_equal(fs_sync(0), 0);
    fs_die();
    /* The block bitmap of the only group. */
    assert_int_equal(image_command("B=$(dumpe2fs %1$s 2>/dev/null | sed -n "
                                   "'s/.*Block bitmap at \\([0-9]*\\).*/\\1/p') && "
                                   "printf wrong | dd bs=4096 seek=$B conv=notrunc of=%1$s "
                                   "2>/dev/null"),
                     0);
    assert_int_equal(fs_mount(false), 0);
    assert_int_equal(fs_stat(node, &stat), 0);
    assert_int_equal(fs_create(root, "another", FILE_MODE, &found), -ANOLE_EIO);
    assert_int_equal(fs_create(root, "another", FILE_MODE, &found), -ANOLE_EIO);
    assert_int_equal(fs_stat(node, &stat), 0);
    assert_int_equal(fs_unmount(), 0);
}

/* ---- which are taken ---- */

static void test_features(void **state)
{
    (void)state;
    image_make("-t ext4 -O inline_data", "16M");
    assert_int_equal(fs_mount(false), -ANOLE_EINVAL);
    assert_non_null(strstr(last_log, "inline_data"));
    image_make("-t ext4 -O bigalloc,quota", "64M");
    assert_int_equal(fs_mount(false), -ANOLE_EINVAL);
    assert_non_null(strstr(last_log, "quota, bigalloc"));
    image_make("-t ext4 -O casefold,encrypt", "16M");
    assert_int_equal(fs_mount(true), -ANOLE_EINVAL);
    assert_non_null(strstr(last_log, "encrypt, casefold"));
    image_make("-t ext4", "16M");
    assert_int_equal(image_command("dd if=/dev/zero of=%s bs=1024 count=8 conv=notrunc "
                                   "2>/dev/null"),
                     0);
    assert_int_equal(fs_mount(false), -ANOLE_EINVAL);
}

static void test_read_only_if_not_in_order(void **state)
{
    uint64_t node;

    (void)state;
    image_make("-t ext4", "16M");
    assert_int_equal(image_command("debugfs -w -R 'feature needs_recovery' %s >/dev/null 2>&1"), 0);
    assert_int_equal(fs_mount(false), 0);
    assert_true(fs_is_read_only());
    assert_non_null(strstr(last_log, "e2fsck"));
    assert_int_equal(fs_create(root, "file", FILE_MODE, &node), -ANOLE_EROFS);
    assert_int_equal(fs_unmount(), 0);

    image_make("-t ext2", "16M");
    assert_int_equal(image_command("debugfs -w -R 'ssv state 2' %s >/dev/null 2>&1"), 0);
    assert_int_equal(fs_mount(false), 0);
    assert_true(fs_is_read_only());
    assert_int_equal(fs_unmount(), 0);

    mount_new("-t ext2", "16M"); /* used and not unmounted */
    (void)new_file(root, "file");
    mount_discard(mounted);
    mounted = NULL;
    assert_int_equal(fs_mount(false), 0);
    assert_true(fs_is_read_only());
    assert_int_equal(fs_unmount(), 0);

    image_make("-t ext2", "16M");
    fake_cache.log_invalid = true;
    assert_int_equal(fs_mount(false), 0);
    assert_true(fs_is_read_only());
    assert_int_equal(fs_unmount(), 0);
}

/* sync leaves the image in order, and it is not when it is changed afterwards. */
static void test_sync_makes_clean(void **state)
{
    uint64_t node;

    (void)state;
    mount_new("-t ext4", "16M");
    node = new_file(root, "file");
    assert_int_equal(fs_write(node, 0, "abc", 3), 3);
    assert_int_equal(fs_sync(0), 0);
    assert_true(image_clean());
    assert_int_equal(image_command("dumpe2fs -h %s 2>/dev/null | grep -q 'state: *clean$'"), 0);
    (void)new_file(root, "another");
    assert_int_equal(image_command("dumpe2fs -h %s 2>/dev/null | grep -q 'state: *clean$'"), 1);
    assert_int_equal(fs_sync(node), 0);
    assert_true(image_clean());
    unmount_clean();
}

static void test_sync_reports_errors(void **state)
{
    uint64_t node;

    (void)state;
    mount_new("-t ext4", "16M");
    node = new_file(root, "file");
    assert_int_equal(fs_write(node, 0, "abc", 3), 3);
    fake_cache.writes_until_error = 1;
    assert_int_equal(fs_sync(node), -ANOLE_EIO);
    assert_int_equal(fs_sync(node), 0);
    assert_int_equal(image_command("debugfs -R 'cat /file' %s 2>/dev/null | grep -q abc"), 0);
    unmount_clean();
}

static void test_unreadable_block(void **state)
{
    uint8_t *bytes = pattern(100000, 1);
    uint64_t node;
    struct run run;

    (void)state;
    mount_new("-t ext4 -b 1024", "16M");
    node = new_file(root, "file");
    assert_int_equal(fs_write(node, 0, bytes, 100000), 100000);
    unmount_clean();
    assert_int_equal(fs_mount(false), 0);
    check_contents(node, 0, bytes, 1);
    {
        struct mount *mount = mounted;
        struct node *at;

        assert_int_equal(node_get(mount, node, &at), 0);
        assert_true(map_known(at, 50, &run));
        node_put(at);
    }
    fake_cache.bad_block = run.disk;
    assert_int_equal(fs_read(node, 51200, bytes, 100), -ANOLE_EIO);
    assert_int_equal(fs_read(node, 50 * 1024 - 100, bytes, 200), 100);
    assert_int_equal(fs_write(node, 51200 + 5, bytes, 10), -ANOLE_EIO);
    fake_cache.bad_block = 0;
    unmount_clean();
    free(bytes);
}

static void test_attributes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        bool old = i == 1;
        struct fs_attributes attributes = {
            .set = FS_SET_MODE | FS_SET_OWNER | FS_SET_TIMES,
            .mode = FS_MODE(FS_TYPE_FILE, 04711),
            .user = 70000,
            .group = 3,
            .accessed = 1234567890123456789,
            .modified = old ? -5000000000 : 9000000000123456789,
        };
        struct fs_stat stat;
        uint64_t node;

        mount_new(KINDS[i], "16M");
        node = new_file(root, "file");
        assert_int_equal(fs_set(node, &attributes), 0);
        unmount_clean();
        assert_int_equal(fs_mount(false), 0);
        assert_int_equal(fs_stat(node, &stat), 0);
        assert_int_equal(stat.mode, FS_MODE(FS_TYPE_FILE, 04711));
        assert_int_equal(stat.user, 70000);
        assert_int_equal(stat.group, 3);
        if (!old) {
            assert_int_equal(stat.accessed, attributes.accessed);
            assert_int_equal(stat.modified, attributes.modified);
        } else {
            assert_int_equal(stat.accessed / 1000000000, attributes.accessed / 1000000000);
            assert_int_equal(stat.modified, attributes.modified);
        }
        unmount_clean();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mount_and_unmount, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_debugfs_sees_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_made_on_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holes_and_large_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncate_gives_blocks_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wide_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_indexed_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_of_any_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reserved_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_inodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_without_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_without_name_over_a_death, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_done_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_few_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_bitmaps_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_features, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only_if_not_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sync_makes_clean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sync_reports_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attributes, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    image_remove();
    return failed;
}
