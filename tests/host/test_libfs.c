/*
 * libfs and the memory file system: what programs and vfs ask, what hostile ones get, what a death of
 * either side leaves, and who waits for whom.
 */
#include "libfs_world.h"

#include <libanole/anole.h>
#include <libcoro/coro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its pool of pages begins anew with each world. */
#include "servers/memfs/pages.c"

#define RW (FS_O_READ | FS_O_WRITE)
#define HERE FS_HERE
#define DIRECTORY FS_MODE(FS_TYPE_DIRECTORY, 0755)
#define LINK FS_MODE(FS_TYPE_LINK, 0777)

struct startup_page fake_startup_page;
struct info_page fake_info_page = {.wall_clock_ns = 1000000000};

/* ---- a file system whose operations wait, and which outlives itself ---- */

static struct {
    struct coro *waiting;
    bool wait;
    unsigned creates, opens, closes, mounts;
    uint64_t written[8], reads[8]; /* positions */
    unsigned writes, read_count;
    uint64_t created_by;
    uint64_t grown; /* by appending */
} slow;
static char kept_at_close[FS_KEPT_LEN];

static void slow_down(void)
{
    if (!slow.wait)
        return;
    slow.waiting = coro_current();
    coro_wait();
    slow.waiting = NULL;
}

static int slow_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                      uint64_t *root)
{
    (void)number;
    if (strcmp(source, "bad") == 0)
        return -ANOLE_EINVAL;
    if (strcmp(source, "ro") == 0)
        *flags |= FS_MOUNT_READ_ONLY;
    slow.mounts++;
    *mount = &slow;
    *root = 2;
    return 0;
}

static int slow_lookup(void *mount, uint64_t directory, struct fs_name name, uint64_t *node,
                       enum fs_type *type)
{
    (void)mount;
    (void)directory;
    if (name.len != 4 || memcmp(name.text, "file", 4) != 0)
        return -ANOLE_ENOENT;
    *node = 5;
    *type = FS_TYPE_FILE;
    return 0;
}

static int slow_stat(void *mount, uint64_t node, struct fs_stat *stat)
{
    (void)mount;
    *stat = (struct fs_stat){.node = node,
                             .mode = node == 2 ? DIRECTORY : FS_MODE(FS_TYPE_FILE, 0644),
                             .size = 100 + slow.grown};
    return 0;
}

static int64_t slow_read(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                         uint64_t len)
{
    (void)mount;
    (void)node;
    (void)data;
    slow_down();
    slow.reads[slow.read_count++ % 8] = position;
    return (int64_t)len;
}

static int64_t slow_write(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                          uint64_t len)
{
    (void)mount;
    (void)node;
    (void)data;
    slow_down();
    slow.written[slow.writes++ % 8] = position;
    return (int64_t)len;
}

static int slow_create(void *mount, struct fs_operation operation, uint64_t directory,
                       struct fs_name name, const struct fs_new *what, uint64_t *node)
{
    (void)mount;
    (void)directory;
    (void)name;
    (void)what;
    slow_down();
    slow.creates++;
    slow.created_by = operation.origin;
    *node = 6;
    return 0;
}

static int slow_opened(void *mount, uint64_t node, uint32_t flags)
{
    (void)mount;
    (void)node;
    (void)flags;
    slow.opens++;
    return 0;
}

static void slow_closed(void *mount, uint64_t node, uint32_t flags)
{
    (void)mount;
    (void)node;
    (void)flags;
    slow_down();
    slow.opens--;
    slow.closes++;
    memcpy(kept_at_close, world_kept, sizeof(world_kept));
}

static const struct fs_ops slow_ops = {
    .type = "slow",
    .mount = slow_mount,
    .lookup = slow_lookup,
    .stat = slow_stat,
    .read = slow_read,
    .write = slow_write,
    .create = slow_create,
    .opened = slow_opened,
    .closed = slow_closed,
};

static const struct fs_ops *const mem_types[] = {&mem_ops, NULL};
static const struct fs_ops *const slow_types[] = {&slow_ops, NULL};

static int mem_setup(void **state)
{
    (void)state;
    free_pages = NULL;
    world_start(mem_types);
    return 0;
}

static int slow_setup(void **state)
{
    (void)state;
    memset(&slow, 0, sizeof(slow));
    world_start(slow_types);
    return 0;
}

static int mem_teardown(void **state)
{
    struct message reply;

    (void)state;
    fake_process_die(ALICE);
    fake_process_die(BOB);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    assert_int_equal(path_call(FS_UNMOUNT, &(struct path_call){.mount = 1}, &reply), 0);
    world_end();
    return 0;
}

static int slow_teardown(void **state)
{
    (void)state;
    world_end();
    return 0;
}

static uint64_t opened(endpoint_t process, const char *path, uint64_t flags)
{
    int64_t file = world_open(process, path, flags);

    assert_true(file > 0);
    return (uint64_t)file;
}

static void file_with(const char *path, const char *text)
{
    uint64_t file = opened(ALICE, path, RW | FS_O_CREATE | FS_O_TRUNCATE);

    assert_int_equal(world_write(ALICE, file, text, strlen(text), HERE), strlen(text));
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
}

static void expect_content(const char *path, const char *text)
{
    char buffer[256] = {0};
    uint64_t file = opened(ALICE, path, FS_O_READ);

    assert_int_equal(world_read(ALICE, file, buffer, sizeof(buffer), 0), strlen(text));
    assert_string_equal(buffer, text);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
}

/* ---- programs ---- */

static void positions_move_and_are_shared(void **state)
{
    char buffer[8] = {0};
    uint64_t file = opened(ALICE, "a", RW | FS_O_CREATE);

    (void)state;
    assert_int_equal(world_write(ALICE, file, "hello", 5, HERE), 5);
    assert_int_equal(world_read(ALICE, file, buffer, 8, HERE), 0);
    assert_int_equal(file_call(ALICE, FS_SEEK, file, (uint64_t)-4, FS_SEEK_CURRENT, 0, 0), 0);
    assert_int_equal(world_reply.word[0], 1);
    assert_int_equal(file_call(ALICE, FS_OFFER, file, 0, 0, 0, 0), 0);
    uint64_t token = world_reply.word[0];
    assert_int_equal(file_call(BOB, FS_TAKE, token, 0, 0, 0, 0), 0);
    uint64_t inherited = world_reply.word[0];
    assert_int_equal(world_reply.word[1], RW);
    assert_int_equal(world_reply.word[2], FS_TYPE_FILE);
    assert_int_equal(file_call(BOB, FS_TAKE, token, 0, 0, 0, 0), -ANOLE_EBADF); /* only once */
    assert_int_equal(world_read(BOB, inherited, buffer, 2, HERE), 2);
    assert_memory_equal(buffer, "el", 2);
    assert_int_equal(world_read(ALICE, file, buffer, 2, HERE), 2);
    assert_memory_equal(buffer, "lo", 2);
    assert_int_equal(world_read(BOB, inherited, buffer, 3, 0), 3); /* moves nothing */
    assert_int_equal(world_read(ALICE, file, buffer, 2, HERE), 0);
    /* Another's file is none. */
    assert_int_equal(world_read(BOB, file, buffer, 2, 0), -ANOLE_EBADF);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), -ANOLE_EBADF);
    assert_int_equal(world_read(BOB, inherited, buffer, 8, 1), 4);
}

static void seeking(void **state)
{
    static const struct {
        uint64_t offset, whence, position;
        int status;
    } tries[] = {
        {3, FS_SEEK_SET, 3, 0},
        {(uint64_t)-4, FS_SEEK_CURRENT, 0, -ANOLE_EINVAL},
        {(uint64_t)-3, FS_SEEK_CURRENT, 0, 0},
        {2, FS_SEEK_END, 7, 0},
        {INT64_MAX, FS_SEEK_CURRENT, 0, -ANOLE_EINVAL},
        {(uint64_t)INT64_MIN, FS_SEEK_END, 0, -ANOLE_EINVAL},
        {INT64_MAX, FS_SEEK_SET, INT64_MAX, 0},
        {(uint64_t)-1, FS_SEEK_SET, 0, -ANOLE_EINVAL},
        {0, 3, 0, -ANOLE_EINVAL},
    };
    uint64_t file = opened(ALICE, "a", RW | FS_O_CREATE);

    (void)state;
    assert_int_equal(world_write(ALICE, file, "hello", 5, 0), 5);
    for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        assert_int_equal(file_call(ALICE, FS_SEEK, file, tries[i].offset, tries[i].whence, 0, 0),
                         tries[i].status);
        if (tries[i].status == 0)
            assert_int_equal(world_reply.word[0], tries[i].position);
    }
    /* Where nothing can be written, nothing is. */
    assert_int_equal(world_write(ALICE, file, "x", 1, HERE), -ANOLE_EFBIG);
    char buffer[4];
    assert_int_equal(world_read(ALICE, file, buffer, 4, HERE), 0);
}

static void appending_goes_to_the_end(void **state)
{
    uint64_t one = opened(ALICE, "log", FS_O_WRITE | FS_O_CREATE | FS_O_APPEND);
    uint64_t two = opened(BOB, "log", FS_O_WRITE | FS_O_APPEND);

    (void)state;
    assert_int_equal(world_write(ALICE, one, "1", 1, HERE), 1);
    assert_int_equal(world_write(BOB, two, "22", 2, HERE), 2);
    assert_int_equal(world_write(ALICE, one, "3", 1, 0), 1); /* wherever it wants to */
    expect_content("log", "1223");
}

static void holes_read_as_zeroes(void **state)
{
    char buffer[8192], zeroes[8192] = {0};
    uint64_t file = opened(ALICE, "a", RW | FS_O_CREATE);
    uint64_t far = (uint64_t)5 << 30;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_write(ALICE, file, "end", 3, far), 3);
    assert_int_equal(world_read(ALICE, file, buffer, sizeof(buffer), far - 4096), 4099);
    assert_memory_equal(buffer, zeroes, 4096);
    assert_memory_equal(buffer + 4096, "end", 3);
    assert_int_equal(world_stat("a", 0, &stat), 0);
    assert_int_equal(stat.size, far + 3);
    assert_int_equal(stat.blocks, 8);
    /* Cut in a page and grown again: what was there is not. */
    assert_int_equal(world_write(ALICE, file, "abcdef", 6, 0), 6);
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, file, 3, 0, 0, 0), 0);
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, file, 6000, 0, 0, 0), 0);
    assert_int_equal(world_read(ALICE, file, buffer, sizeof(buffer), 0), 6000);
    assert_memory_equal(buffer, "abc", 3);
    assert_memory_equal(buffer + 3, zeroes, 5997);
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, file, (uint64_t)1 << 40, 0, 0, 0), -ANOLE_EFBIG);
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, file, ~0ul, 0, 0, 0), -ANOLE_EFBIG);
}

static void a_full_file_system_says_so(void **state)
{
    static char block[16 * MEM_PAGE];
    uint64_t file = opened(ALICE, "a", RW | FS_O_CREATE);
    uint64_t at = 0;
    int64_t count;

    (void)state;
    pages_limit(100 * MEM_PAGE);
    memset(block, 'x', sizeof(block));
    while ((count = world_write(ALICE, file, block, sizeof(block), at)) == (int64_t)sizeof(block))
        at += (uint64_t)count;
    assert_int_equal(at + (uint64_t)count, 100 * MEM_PAGE); /* as much as there is room for */
    assert_int_equal(world_write(ALICE, file, block, 1, 100 * MEM_PAGE), -ANOLE_ENOSPC);
    assert_int_equal(world_write(ALICE, file, "y", 1, 7), 1); /* where there is something already */
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, file, 0, 0, 0, 0), 0);
    assert_int_equal(world_write(ALICE, file, block, sizeof(block), 0), sizeof(block));
    pages_limit(4096 * MEM_PAGE);
}

static void access_is_what_it_was_opened_for(void **state)
{
    char buffer[4] = {0};

    (void)state;
    file_with("a", "text");
    uint64_t reader = opened(ALICE, "a", FS_O_READ);
    uint64_t writer = opened(ALICE, "a", FS_O_WRITE);
    uint64_t directory = opened(ALICE, "", FS_O_READ);
    assert_int_equal(world_write(ALICE, reader, "x", 1, 0), -ANOLE_EBADF);
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, reader, 0, 0, 0, 0), -ANOLE_EBADF);
    assert_int_equal(world_read(ALICE, writer, buffer, 1, 0), -ANOLE_EBADF);
    assert_int_equal(world_read(ALICE, directory, buffer, 1, 0), -ANOLE_EISDIR);
    assert_int_equal(file_call(ALICE, FS_ENTRIES, reader, 0, 0, 4, 0), -ANOLE_ENOTDIR);
    assert_int_equal(file_call(ALICE, FS_POLL, reader, 7, HANDLE_NONE, 0, 0), -ANOLE_EINVAL);
    assert_int_equal(file_call(ALICE, FS_POLL, reader, FS_READABLE, HANDLE_NONE, 0, 0), 0);
    assert_int_equal(world_reply.word[0], FS_READABLE);
}

static void grants_are_checked(void **state)
{
    char buffer[64] = "0123456789";
    uint64_t file = opened(ALICE, "a", RW | FS_O_CREATE);
    handle_t readable = fake_grant(ALICE, buffer, 10, GRANT_READ);

    (void)state;
    assert_int_equal(file_call(ALICE, FS_WRITE, file, readable, 0, 10, 0), 0);
    assert_int_equal(file_call(ALICE, FS_READ, file, readable, 0, 10, 0), -ANOLE_EPERM);
    assert_int_equal(file_call(ALICE, FS_READ, file, 999, 0, 10, 0), -ANOLE_EBADHANDLE);
    assert_int_equal(file_call(ALICE, FS_STAT, file, readable, 0, 0, 0), -ANOLE_EPERM);
    /* More than was granted. */
    assert_int_equal(file_call(ALICE, FS_WRITE, file, readable, 8, 3, 0), -ANOLE_ERANGE);
    assert_int_equal(file_call(ALICE, FS_WRITE, file, readable, ~0ul, 3, 0), -ANOLE_EINVAL);
    assert_int_equal(file_call(ALICE, FS_WRITE, file, readable, 0, ~0ul, 0), -ANOLE_ERANGE);
    assert_int_equal(file_call(ALICE, FS_READ, file, readable, 0, 1, ~0ul - 1), -ANOLE_EINVAL);
    /* What a copy that failed may have left doesn't come to light later. */
    struct fs_stat stat;
    assert_int_equal(world_stat("a", 0, &stat), 0);
    assert_int_equal(stat.size, 10);
}

static void floods_are_bounded(void **state)
{
    unsigned count = 0;
    char name[8] = "a";
    int64_t file;

    (void)state;
    while ((file = world_open(ALICE, name, RW | FS_O_CREATE)) > 0)
        count++;
    assert_int_equal(file, -ANOLE_EMFILE);
    assert_int_equal(count, 256);
    file = world_open(BOB, name, RW);
    assert_true(file > 0);
    /* Offers: the oldest one gives way. */
    uint64_t first = 0, last = 0;
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(file_call(BOB, FS_OFFER, (uint64_t)file, 0, 0, 0, 0), 0);
        last = world_reply.word[0];
        first = i == 0 ? last : first;
    }
    assert_int_equal(file_call(BOB, FS_TAKE, first, 0, 0, 0, 0), -ANOLE_EBADF);
    assert_int_equal(file_call(BOB, FS_TAKE, last, 0, 0, 0, 0), 0);
    /* All ends with the process. */
    fake_process_die(ALICE);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    for (unsigned i = 0; i < 200; i++)
        opened(BOB, name, FS_O_READ);
}

/* ---- paths ---- */

static void paths_lead_where_they_should(void **state)
{
    static const struct {
        const char *path;
        int status;
        enum fs_type type;
    } paths[] = {
        {"", 0, FS_TYPE_DIRECTORY},       {"d", 0, FS_TYPE_DIRECTORY},
        {"d/", 0, FS_TYPE_DIRECTORY},     {"d//f", 0, FS_TYPE_FILE},
        {"/d/./e/../f", 0, FS_TYPE_FILE}, {"d/f/", -ANOLE_ENOTDIR, 0},
        {"d/f/.", -ANOLE_ENOTDIR, 0},     {"d/f/..", -ANOLE_ENOTDIR, 0},
        {"d/f/x", -ANOLE_ENOTDIR, 0},     {"x", -ANOLE_ENOENT, 0},
        {"x/y", -ANOLE_ENOENT, 0},        {"d/e/.", 0, FS_TYPE_DIRECTORY},
    };
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("d/e", DIRECTORY, NULL), 0);
    file_with("d/f", "text");
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(world_stat(paths[i].path, FS_FOLLOW, &stat), paths[i].status);
        if (paths[i].status == 0)
            assert_int_equal(FS_MODE_TYPE(stat.mode), paths[i].type);
    }
    assert_int_equal(world_stat("d", 0, &stat), 0);
    assert_int_equal(stat.links, 3);
    assert_int_equal(stat.mount, 1);
}

static void names_have_limits(void **state)
{
    char name[FS_PATH_MAX];
    struct fs_stat stat;
    struct message reply;

    (void)state;
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    file_with(name, "long");
    expect_content(name, "long");
    name[255] = 'n';
    name[256] = '\0';
    assert_int_equal(world_open(ALICE, name, RW | FS_O_CREATE), -ANOLE_ENAMETOOLONG);
    assert_int_equal(world_make(name, DIRECTORY, NULL), -ANOLE_ENAMETOOLONG);
    assert_int_equal(world_stat(name, 0, &stat), -ANOLE_ENAMETOOLONG);
    /* A name with a NUL inside is none; any other byte is as good as the next. */
    struct path_call call = {.mount = 1, .node = world_root, .text = "a\0b", .text_len = 3};
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), -ANOLE_EINVAL);
    for (unsigned byte = 1; byte < 256; byte++) {
        char any[3] = {(char)byte, 'x', 0};
        if (byte != '/')
            assert_int_equal(world_make(any, DIRECTORY, NULL), 0);
    }
    for (unsigned byte = 1; byte < 256; byte++) {
        char any[3] = {(char)byte, 'x', 0};
        if (byte != '/')
            assert_int_equal(world_remove(any, true), 0);
    }
}

static void walks_say_where_only_vfs_knows_on(void **state)
{
    struct path_call call = {.mount = 1, .node = world_root, .text = "d/link/rest/x"};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("d/link", LINK, "../target"), 0);
    assert_int_equal(world_stat("d", 0, &stat), 0);
    uint64_t directory = stat.node;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8);
    assert_int_equal(reply.word[5], directory);
    assert_int_equal(reply.word[4], 9);
    assert_memory_equal(world_slot->second, "../target", 9);
    /* At the end it depends. */
    assert_int_equal(world_stat("d/link", 0, &stat), 0);
    assert_int_equal(FS_MODE_TYPE(stat.mode), FS_TYPE_LINK);
    assert_int_equal(stat.size, 9);
    call.text = "d/link";
    call.flags = FS_FOLLOW;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8);
    call.text = "d/link/"; /* a slash follows it */
    call.flags = 0;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8);
    call.text = "d/link";
    call.flags = FS_O_READ | FS_O_NOFOLLOW;
    call.origin = ALICE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_ELOOP);
    call.flags = FS_O_WRITE | FS_O_CREATE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8); /* and nothing was made */
    call.flags = FS_O_WRITE | FS_O_CREATE | FS_O_EXCLUSIVE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EEXIST);
    assert_int_equal(path_call(FS_READLINK, &call, &reply), 0);
    assert_int_equal(reply.word[1], 9);
    assert_memory_equal(world_slot->first, "../target", 9);
    call.text = "d";
    assert_int_equal(path_call(FS_READLINK, &call, &reply), -ANOLE_EINVAL);
    /* Above the root */
    call.text = "d/../../x";
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_UP | 7 << 8);
}

static void mount_points_end_walks(void **state)
{
    struct path_call call = {.mount = 1, .node = world_root, .text = "d/x"};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("other", DIRECTORY, NULL), 0);
    assert_int_equal(world_stat("d", 0, &stat), 0);
    struct path_call point = {.mount = 1, .node = stat.node, .flags = 1};
    assert_int_equal(path_call(FS_MOUNTPOINT, &point, &reply), 0);
    assert_int_equal(path_call(FS_MOUNTPOINT, &point, &reply), 0); /* told again */
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_MOUNT | 1 << 8);
    assert_int_equal(reply.word[5], stat.node);
    assert_int_equal(world_remove("d", true), -ANOLE_EBUSY);
    call = (struct path_call){
        .mount = 1, .node = world_root, .word6 = world_root, .text = "d", .second = "e"};
    assert_int_equal(path_call(FS_RENAME, &call, &reply), -ANOLE_EBUSY);
    call.text = "other";
    call.second = "d";
    assert_int_equal(path_call(FS_RENAME, &call, &reply), -ANOLE_EBUSY);
    assert_int_equal(path_call(FS_UNMOUNT, &call, &reply), -ANOLE_EBUSY);
    point.flags = 0;
    assert_int_equal(path_call(FS_MOUNTPOINT, &point, &reply), 0);
    assert_int_equal(world_remove("d", true), 0);
}

static int rename_call(const char *from_directory, const char *from, const char *to_directory,
                       const char *to)
{
    struct fs_stat one, two;
    struct message reply;

    assert_int_equal(world_stat(from_directory, 0, &one), 0);
    assert_int_equal(world_stat(to_directory, 0, &two), 0);
    return path_call(
        FS_RENAME,
        &(struct path_call){
            .mount = 1, .node = one.node, .word6 = two.node, .text = from, .second = to},
        &reply);
}

static void renaming_replaces_what_it_may(void **state)
{
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("d/sub", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("empty", DIRECTORY, NULL), 0);
    file_with("one", "1");
    file_with("two", "2");
    assert_int_equal(rename_call("", "one", "", "two"), 0);
    expect_content("two", "1");
    assert_int_equal(world_stat("one", 0, &stat), -ANOLE_ENOENT);
    assert_int_equal(rename_call("", "two", "d", "three"), 0);
    expect_content("d/three", "1");
    assert_int_equal(rename_call("", "d", "d/sub", "x"), -ANOLE_EINVAL);
    assert_int_equal(rename_call("", "d", "", "d"), 0);
    assert_int_equal(rename_call("", "empty", "d", "three"), -ANOLE_ENOTDIR);
    assert_int_equal(rename_call("d", "three", "", "empty"), -ANOLE_EISDIR);
    assert_int_equal(rename_call("", "empty", "", "d"), -ANOLE_ENOTEMPTY);
    assert_int_equal(rename_call("d", "sub", "", "empty"), 0);
    assert_int_equal(world_stat("empty/..", 0, &stat), 0);
    assert_int_equal(stat.node, world_root);
    assert_int_equal(rename_call("", "none", "", "x"), -ANOLE_ENOENT);
    assert_int_equal(rename_call("", "..", "", "x"), -ANOLE_EINVAL);
    assert_int_equal(rename_call("", "a/b", "", "x"), -ANOLE_EINVAL);
    assert_int_equal(world_remove("d", true), -ANOLE_ENOTEMPTY);
    assert_int_equal(world_remove("d", false), -ANOLE_EISDIR);
    assert_int_equal(world_remove("d/three", true), -ANOLE_ENOTDIR);
    assert_int_equal(world_remove("d/three/", false), -ANOLE_ENOTDIR);
    assert_int_equal(world_remove("d/.", true), -ANOLE_EINVAL);
    assert_int_equal(world_remove("", true), -ANOLE_EBUSY);
    assert_int_equal(world_make("d/", DIRECTORY, NULL), -ANOLE_EEXIST);
    assert_int_equal(world_make("new/", DIRECTORY, NULL), 0);
    assert_int_equal(world_open(ALICE, "new2/", RW | FS_O_CREATE), -ANOLE_EISDIR);
    assert_int_equal(world_open(ALICE, "d", RW), -ANOLE_EISDIR);
    assert_int_equal(world_open(ALICE, "d/three", RW | FS_O_DIRECTORY), -ANOLE_ENOTDIR);
}

static void what_is_open_outlives_its_name(void **state)
{
    char buffer[8] = {0};
    struct fs_stat stat;
    struct message reply;

    (void)state;
    file_with("a", "text");
    assert_int_equal(world_stat("a", 0, &stat), 0);
    struct path_call link = {.mount = 1, .node = stat.node, .word6 = world_root, .text = "b"};
    assert_int_equal(path_call(FS_LINK, &link, &reply), 0);
    assert_int_equal(path_call(FS_LINK, &link, &reply), -ANOLE_EEXIST);
    uint64_t file = opened(ALICE, "a", FS_O_READ);
    assert_int_equal(world_stat("b", 0, &stat), 0);
    assert_int_equal(stat.links, 2);
    assert_int_equal(world_remove("a", false), 0);
    assert_int_equal(world_remove("b", false), 0);
    assert_int_equal(world_read(ALICE, file, buffer, 8, HERE), 4);
    assert_string_equal(buffer, "text");
    link.text = "c"; /* what has no name any more gets none */
    assert_int_equal(path_call(FS_LINK, &link, &reply), -ANOLE_ENOENT);
    assert_int_equal(path_call(FS_UNMOUNT, &(struct path_call){.mount = 1}, &reply), -ANOLE_EBUSY);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(path_call(FS_LINK, &link, &reply), -ANOLE_ENOENT); /* nor another's */
}

static void directories_are_read_whole(void **state)
{
    _Alignas(8) char buffer[512];
    bool seen[200] = {false};
    char name[32];
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "entry%u", i);
        assert_int_equal(world_make(name, DIRECTORY, NULL), 0);
    }
    uint64_t file = opened(ALICE, "", FS_O_READ);
    handle_t grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_WRITE);
    while (file_call(ALICE, FS_ENTRIES, file, grant, 0, sizeof(buffer), 0) == 0 &&
           world_reply.word[0] > 0) {
        for (uint64_t at = 0; at < world_reply.word[0];) {
            const struct fs_entry *entry = (void *)(buffer + at);
            unsigned number;
            snprintf(name, sizeof(name), "%.*s", (int)entry->name_len, entry->name);
            assert_int_equal(sscanf(name, "entry%u", &number), 1);
            assert_false(seen[number]);
            seen[number] = true;
            at += entry->len;
            count++;
        }
        /* Others come and go meanwhile. */
        snprintf(name, sizeof(name), "entry%u", count - 1);
        assert_int_equal(world_remove(name, true), 0);
    }
    assert_int_equal(count, 200);
    assert_int_equal(file_call(ALICE, FS_SEEK, file, 0, FS_SEEK_SET, 0, 0), 0);
    assert_int_equal(file_call(ALICE, FS_ENTRIES, file, grant, 0, 16, 0), -ANOLE_EINVAL);
}

static void attributes_are_kept(void **state)
{
    struct fs_attributes set = {.set = FS_SET_MODE | FS_SET_OWNER | FS_SET_TIMES | FS_SET_SIZE,
                                .mode = 04751,
                                .user = 5,
                                .group = 6,
                                .size = 2,
                                .accessed = 11,
                                .modified = 12};
    struct path_call call = {
        .mount = 1, .node = world_root, .text = "a", .second = &set, .second_len = sizeof(set)};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    file_with("a", "text");
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), 0);
    assert_int_equal(world_stat("a", 0, &stat), 0);
    assert_int_equal(stat.mode, FS_MODE(FS_TYPE_FILE, 04751));
    assert_int_equal(stat.user, 5);
    assert_int_equal(stat.group, 6);
    assert_int_equal(stat.size, 2);
    assert_int_equal(stat.accessed, 11);
    assert_int_equal(stat.modified, 12);
    expect_content("a", "te");
    call.text = "";
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), -ANOLE_EISDIR);
    set.set = 16;
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), -ANOLE_EINVAL);
    call.second_len = 8;
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), -ANOLE_EINVAL);
}

/* ---- vfs that says what it shouldn't ---- */

static void odd_messages_get_errors(void **state)
{
    struct path_call call = {.mount = 1, .node = 0x1234567, .text = "a", .origin = ALICE};
    struct message reply;

    (void)state;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), -ANOLE_ESTALE);
    assert_int_equal(path_call(FS_READ, &call, &reply), -ANOLE_ENOSYS);
    call.mount = 9;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), -ANOLE_EIO);
    call = (struct path_call){.mount = 1, .node = world_root, .text = "a", .flags = 1ul << 20};
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EINVAL);
    call.flags = FS_O_READ;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EINVAL); /* for nobody */
    call = (struct path_call){.mount = 0, .text = ""};
    assert_int_equal(path_call(FS_MOUNT, &call, &reply), -ANOLE_EINVAL);
    call = (struct path_call){.mount = 1, .node = world_root, .text = "a", .flags = 0100644};
    assert_int_equal(path_call(FS_MAKE, &call, &reply), -ANOLE_EINVAL);
    call.flags = LINK;
    assert_int_equal(path_call(FS_MAKE, &call, &reply), -ANOLE_EINVAL); /* to nowhere */
}

/* ---- deaths ---- */

static void a_repeated_request_is_done_once(void **state)
{
    struct path_call call = {.mount = 1,
                             .node = world_root,
                             .text = "d",
                             .flags = DIRECTORY,
                             .origin = ALICE,
                             .number = world_number()};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(path_call(FS_MAKE, &call, &reply), 0);
    world_vfs_restart();
    assert_int_equal(path_call(FS_MAKE, &call, &reply), 0);
    call.flags = 1;
    assert_int_equal(path_call(FS_REMOVE, &call, &reply), 0);
    assert_int_equal(path_call(FS_REMOVE, &call, &reply), 0);
    assert_int_equal(world_stat("d", 0, &stat), -ANOLE_ENOENT);
    call.flags = RW | FS_O_CREATE | FS_O_EXCLUSIVE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    uint64_t file = reply.word[1];
    world_vfs_restart();
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    assert_int_equal(reply.word[1], file);
    call.number = world_number();
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EEXIST);
}

static void files_survive_the_server(void **state)
{
    const uint64_t take[5] = {0};
    char buffer[16];
    handle_t grant;

    (void)state;
    uint64_t file = opened(ALICE, "file", RW);
    grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_READ | GRANT_WRITE);
    const uint64_t read[5] = {file, grant, 0, 10, HERE};
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1001, read), 0);
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1002, read), 0);
    assert_int_equal(file_call(ALICE, FS_OFFER, file, 0, 0, 0, 0), 0);
    uint64_t token = world_reply.word[0];
    assert_int_equal(slow.opens, 1);
    slow.opens = 0;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.mounts, 2);
    assert_int_equal(slow.opens, 1);
    /* The last one again: the same bytes. A new one: the next. */
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1002, read), 0);
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1003, read), 0);
    assert_int_equal(slow.reads[0], 0);
    assert_int_equal(slow.reads[1], 10);
    assert_int_equal(slow.reads[2], 10);
    assert_int_equal(slow.reads[3], 20);
    /* The offer, too; taken twice under one number it is one file. */
    uint64_t taken[5] = {token};
    assert_int_equal(file_call_numbered(BOB, FS_TAKE, 7, taken), 0);
    uint64_t inherited = world_reply.word[0];
    assert_int_equal(world_restart(), 0);
    assert_int_equal(file_call_numbered(BOB, FS_TAKE, 7, taken), 0);
    assert_int_equal(world_reply.word[0], inherited);
    assert_int_equal(file_call_numbered(BOB, FS_TAKE, 8, take), -ANOLE_EBADF);
    /* Appending: where it began, even if the file has grown by it. */
    uint64_t end = opened(ALICE, "file", FS_O_WRITE | FS_O_APPEND);
    const uint64_t append[5] = {end, grant, 0, 5, HERE};
    assert_int_equal(file_call_numbered(ALICE, FS_WRITE, 1004, append), 0);
    slow.grown = 5;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(file_call_numbered(ALICE, FS_WRITE, 1004, append), 0);
    assert_int_equal(slow.written[0], 100);
    assert_int_equal(slow.written[1], 100);
    /* What the death undid comes behind what others appended meanwhile. */
    assert_int_equal(file_call_numbered(ALICE, FS_WRITE, 1005, append), 0);
    assert_int_equal(slow.written[2], 105);
    assert_int_equal(world_restart(), 0);
    slow.grown = 12;
    assert_int_equal(file_call_numbered(ALICE, FS_WRITE, 1005, append), 0);
    assert_int_equal(slow.written[3], 112);
    /* Who died meanwhile has nothing. */
    fake_process_die(BOB);
    slow.opens = 0;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.opens, 2);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(slow.opens, 1);
}

static void kept_nonsense_is_refused(void **state)
{
    (void)state;
    uint64_t file = opened(ALICE, "file", RW);
    uint64_t seed = 88172645463325252u;
    unsigned refused = 0;
    static char good[FS_KEPT_LEN];

    memcpy(good, world_kept, sizeof(good));
    for (unsigned i = 0; i < 300; i++) {
        memcpy(world_kept, good, sizeof(good));
        for (unsigned hits = 0; hits < 8; hits++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            world_kept[seed % 1024] ^= (char)(1u << (seed >> 32) % 8);
            world_kept[(seed >> 16) % sizeof(world_kept)] ^= (char)(1u << (seed >> 40) % 8);
        }
        int error = world_restart();
        assert_true(error == 0 || error == -ANOLE_EPROTO);
        refused += error != 0;
        (void)file_call(ALICE, FS_SEEK, file, 0, FS_SEEK_CURRENT, 0, 0);
    }
    assert_true(refused > 0);
    memcpy(world_kept, good, sizeof(good));
    assert_int_equal(world_restart(), 0);
    assert_int_equal(file_call(ALICE, FS_SEEK, file, 0, FS_SEEK_CURRENT, 0, 0), 0);
}

/* ---- waiting ---- */

static void who_waits_delays_nobody_else(void **state)
{
    char buffer[16];
    handle_t grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_WRITE);
    uint64_t file = opened(ALICE, "file", RW), other = opened(ALICE, "file", RW);
    unsigned replies = fake_kernel.replies;

    (void)state;
    slow.wait = true;
    assert_int_equal(file_call(ALICE, FS_READ, file, grant, 0, 4, HERE), SERVICE_NO_REPLY);
    struct coro *first = slow.waiting;
    slow.wait = false;
    assert_int_equal(file_call(ALICE, FS_READ, other, grant, 0, 4, HERE), 0);
    /* The same file's position: one after the other. */
    assert_int_equal(file_call(ALICE, FS_READ, file, grant, 0, 4, HERE), SERVICE_NO_REPLY);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(slow.opens, 2); /* it is being read */
    coro_wake(first);
    fs_server_step();
    assert_int_equal(fake_kernel.replies, replies + 2);
    assert_int_equal(fake_kernel.reply[replies].status, 0);
    assert_int_equal(slow.reads[1], 0);
    assert_int_equal(slow.reads[2], 4);
    assert_int_equal(slow.opens, 1);
}

/* What a dead process had open is closed while others work; who unmounts waits for it. */
static void the_dead_are_buried(void **state)
{
    struct message reply;

    (void)state;
    (void)opened(ALICE, "file", RW);
    (void)opened(ALICE, "file", RW);
    slow.wait = true;
    fake_process_die(ALICE);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    fs_server_step();
    assert_non_null(slow.waiting);
    (void)path_send(FS_UNMOUNT, &(struct path_call){.mount = 1});
    assert_false(path_answer(&reply));
    assert_int_equal(slow.opens, 2);
    slow.wait = false;
    coro_wake(slow.waiting);
    fs_server_step();
    assert_int_equal(slow.opens, 0);
    assert_true(path_answer(&reply));
    assert_int_equal(message_status(&reply), 0);
}

/* Dead in the middle of that, the next instance does it. */
static void the_dead_are_buried_by_the_next_instance(void **state)
{
    (void)state;
    (void)opened(ALICE, "file", RW);
    fake_process_die(ALICE);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    fs_server_step();
    assert_int_equal(slow.closes, 1);
    memcpy(world_kept, kept_at_close, sizeof(world_kept));
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.closes, 2);
    /* Then it was done. */
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.closes, 2);
}

static void waiting_requests_are_bounded(void **state)
{
    char buffer[16];
    handle_t grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_WRITE);
    uint64_t file = opened(ALICE, "file", RW), bobs = opened(BOB, "file", RW);
    struct coro *waiting[20];
    unsigned count = 0;

    (void)state;
    slow.wait = true;
    while (file_call(ALICE, FS_READ, file, grant, 0, 4, 0) == SERVICE_NO_REPLY)
        waiting[count++] = slow.waiting;
    assert_int_equal(count, 16);
    assert_int_equal(file_call(BOB, FS_READ, bobs, grant, 0, 4, 0), SERVICE_NO_REPLY);
    waiting[count++] = slow.waiting;
    slow.wait = false;
    for (unsigned i = 0; i < count; i++)
        coro_wake(waiting[i]);
    fs_server_step();
    assert_int_equal(file_call(ALICE, FS_READ, file, grant, 0, 4, 0), 0);
}

static void what_is_being_done_is_not_begun_again(void **state)
{
    struct path_call call = {.mount = 1,
                             .node = 2,
                             .text = "new",
                             .flags = DIRECTORY,
                             .origin = ALICE,
                             .number = world_number()};
    struct message reply;

    (void)state;
    slow.wait = true;
    path_send(FS_MAKE, &call);
    assert_false(path_answer(&reply));
    world_vfs_restart(); /* and asks again, while the first is still being done */
    slow.wait = false;
    path_send(FS_MAKE, &call);
    assert_false(path_answer(&reply));
    assert_int_equal(slow.creates, 0);
    coro_wake(slow.waiting);
    fs_server_step();
    assert_true(path_answer(&reply));
    assert_int_equal(reply.type, 0);
    assert_false(path_answer(&reply)); /* nobody waits for the first one */
    assert_int_equal(slow.creates, 1);
    assert_int_equal(slow.created_by, ALICE);
}

static void read_only_mounts_change_nothing(void **state)
{
    struct path_call call = {.mount = 2, .node = 2, .text = "file", .flags = RW, .origin = ALICE};
    struct message reply;
    uint64_t root;

    (void)state;
    assert_int_equal(world_mount(3, "bad", 0, &root), -ANOLE_EINVAL);
    assert_int_equal(world_mount(2, "ro", 0, &root), 0);
    assert_int_equal(world_mount(2, "ro", 0, &root), 0); /* told again */
    assert_int_equal(slow.mounts, 2);
    assert_int_equal(world_mount(4, "ro", 0, &root), -ANOLE_EBUSY);
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EROFS);
    call.flags = FS_O_READ | FS_O_CREATE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    call.text = "new";
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EROFS);
    call.flags = DIRECTORY;
    assert_int_equal(path_call(FS_MAKE, &call, &reply), -ANOLE_EROFS);
    call.flags = 0;
    assert_int_equal(path_call(FS_REMOVE, &call, &reply), -ANOLE_EROFS);
    assert_int_equal(path_call(FS_STATVFS, &call, &reply), -ANOLE_ENOENT);
    call.text = "";
    assert_int_equal(path_call(FS_STATVFS, &call, &reply), 0);
    struct fs_statvfs statvfs;
    memcpy(&statvfs, world_slot->first, sizeof(statvfs));
    assert_int_equal(statvfs.flags, FS_MOUNT_READ_ONLY);
    assert_string_equal(statvfs.type, "slow");
    assert_string_equal(statvfs.source, "ro");
}

#define MEM(test) cmocka_unit_test_setup_teardown(test, mem_setup, mem_teardown)
#define SLOW(test) cmocka_unit_test_setup_teardown(test, slow_setup, slow_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM(positions_move_and_are_shared),
        MEM(seeking),
        MEM(appending_goes_to_the_end),
        MEM(holes_read_as_zeroes),
        MEM(a_full_file_system_says_so),
        MEM(access_is_what_it_was_opened_for),
        MEM(grants_are_checked),
        MEM(floods_are_bounded),
        MEM(paths_lead_where_they_should),
        MEM(names_have_limits),
        MEM(walks_say_where_only_vfs_knows_on),
        MEM(mount_points_end_walks),
        MEM(renaming_replaces_what_it_may),
        MEM(what_is_open_outlives_its_name),
        MEM(directories_are_read_whole),
        MEM(attributes_are_kept),
        MEM(odd_messages_get_errors),
        MEM(a_repeated_request_is_done_once),
        SLOW(files_survive_the_server),
        SLOW(kept_nonsense_is_refused),
        SLOW(who_waits_delays_nobody_else),
        SLOW(the_dead_are_buried),
        SLOW(the_dead_are_buried_by_the_next_instance),
        SLOW(waiting_requests_are_bounded),
        SLOW(what_is_being_done_is_not_begun_again),
        SLOW(read_only_mounts_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
