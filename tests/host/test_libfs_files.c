/*
 * libfs and the memory file system: what programs ask of files that they have open, and what hostile
 * ones get.
 */
#include "libfs_mem.h"
#include "servers/memfs/mem.h"

#include <stdio.h>
#include <string.h>

static void positions_move_and_are_shared(void **state)
{
    char buffer[8] = {0};
    uint64_t file = world_opened(ALICE, "a", RW | FS_O_CREATE);

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
    uint64_t file = world_opened(ALICE, "a", RW | FS_O_CREATE);

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
    uint64_t one = world_opened(ALICE, "log", FS_O_WRITE | FS_O_CREATE | FS_O_APPEND);
    uint64_t two = world_opened(BOB, "log", FS_O_WRITE | FS_O_APPEND);

    (void)state;
    assert_int_equal(world_write(ALICE, one, "1", 1, HERE), 1);
    assert_int_equal(world_write(BOB, two, "22", 2, HERE), 2);
    assert_int_equal(world_write(ALICE, one, "3", 1, 0), 1); /* wherever it wants to */
    mem_expect("log", "1223");
}

static void holes_read_as_zeroes(void **state)
{
    char buffer[8192], zeroes[8192] = {0};
    uint64_t file = world_opened(ALICE, "a", RW | FS_O_CREATE);
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
    uint64_t file = world_opened(ALICE, "a", RW | FS_O_CREATE);
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
    mem_file("a", "text");
    uint64_t reader = world_opened(ALICE, "a", FS_O_READ);
    uint64_t writer = world_opened(ALICE, "a", FS_O_WRITE);
    uint64_t directory = world_opened(ALICE, "", FS_O_READ);
    assert_int_equal(world_write(ALICE, reader, "x", 1, 0), -ANOLE_EBADF);
    assert_int_equal(file_call(ALICE, FS_TRUNCATE, reader, 0, 0, 0, 0), -ANOLE_EBADF);
    assert_int_equal(world_read(ALICE, writer, buffer, 1, 0), -ANOLE_EBADF);
    assert_int_equal(world_read(ALICE, directory, buffer, 1, 0), -ANOLE_EISDIR);
    assert_int_equal(file_call(ALICE, FS_ENTRIES, reader, 0, 0, 4, 0), -ANOLE_ENOTDIR);
}

static void grants_are_checked(void **state)
{
    char buffer[64] = "0123456789";
    uint64_t file = world_opened(ALICE, "a", RW | FS_O_CREATE);
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
        world_opened(BOB, name, FS_O_READ);
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
    uint64_t file = world_opened(ALICE, "", FS_O_READ);
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
        MEM(directories_are_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
