/*
 * The world of libfs_mem.h.
 */
#include "libfs_mem.h"

#include <string.h>

/* Its pool of pages begins anew with each world. */
#include "servers/memfs/pages.c"

static const struct fs_ops *const mem_types[] = {&mem_ops, NULL};

void mem_start(void)
{
    free_pages = NULL;
    world_start(mem_types);
}

int mem_setup(void **state)
{
    (void)state;
    mem_start();
    return 0;
}

int mem_teardown(void **state)
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

void mem_file(const char *path, const char *text)
{
    uint64_t file = world_opened(ALICE, path, RW | FS_O_CREATE | FS_O_TRUNCATE);

    assert_int_equal(world_write(ALICE, file, text, strlen(text), HERE), strlen(text));
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
}

void mem_expect(const char *path, const char *text)
{
    char buffer[256] = {0};
    uint64_t file = world_opened(ALICE, path, FS_O_READ);

    assert_int_equal(world_read(ALICE, file, buffer, sizeof(buffer), 0), strlen(text));
    assert_string_equal(buffer, text);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
}
