/*
 * The file system of slow_fs.h.
 */
#include "slow_fs.h"

#include <libanole/anole.h>
#include <string.h>

struct slow_fs slow;
char slow_kept_at_close[FS_KEPT_LEN];

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
    if (position == FS_END)
        position = fs_data_at_end(data, 100 + slow.grown);
    slow_down();
    if (slow.die)
        return -ANOLE_EIO; /* nobody hears of it */
    slow.written[slow.writes++ % 8] = position;
    if (position + len > 100 + slow.grown)
        slow.grown = position + len - 100;
    return (int64_t)len;
}

static int slow_sync(void *mount, uint64_t node)
{
    (void)mount;
    (void)node;
    slow_down();
    slow.syncs++;
    return 0;
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
    memcpy(slow_kept_at_close, world_kept, sizeof(world_kept));
}

static const struct fs_ops slow_ops = {
    .type = "slow",
    .mount = slow_mount,
    .lookup = slow_lookup,
    .stat = slow_stat,
    .read = slow_read,
    .write = slow_write,
    .sync = slow_sync,
    .create = slow_create,
    .opened = slow_opened,
    .closed = slow_closed,
};
static const struct fs_ops *const slow_types[] = {&slow_ops, NULL};

int slow_setup(void **state)
{
    (void)state;
    memset(&slow, 0, sizeof(slow));
    world_start(slow_types);
    return 0;
}

int slow_teardown(void **state)
{
    (void)state;
    world_end();
    return 0;
}
