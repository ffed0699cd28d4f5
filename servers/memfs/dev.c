/*
 * "dev": null, zero, full, random, disks and their partitions, and the console's name. (Who opened the
 * console is told so by stat; the C library then reads and writes there by itself.)
 */
#include "disk.h"
#include "tree.h"

#include <libanole/anole.h>
#include <stdio.h>
#include <string.h>

/* From DEVICE_DISK on: a minor of a disk. */
enum device {
    DEVICE_NULL = 1,
    DEVICE_ZERO,
    DEVICE_FULL,
    DEVICE_RANDOM,
    DEVICE_CONSOLE,
    DEVICE_DISK,
};

static struct tree tree;

/* ---- disks that are there ---- */

static bool is_disk(const struct tree_file *file)
{
    return file->what >= DEVICE_DISK;
}

/* False: no memory for its name. */
static bool minor_show(unsigned disk, unsigned minor, bool there)
{
    char text[8];
    int len = minor == 0 ? snprintf(text, sizeof(text), "vd%c", 'a' + disk)
                         : snprintf(text, sizeof(text), "vd%c%u", 'a' + disk, minor);
    struct fs_name name = {text, (size_t)len};

    if (!there) {
        struct tree_file *file = tree_find(&tree, 1, name);
        memset(file->name, 0, sizeof(file->name));
        return true;
    }
    uint64_t node = tree_add(&tree, 1, text, name.len, FS_MODE(FS_TYPE_BLOCK, 0660));
    if (node)
        tree.files[node - 1].what = DEVICE_DISK + disk * BLK_MINORS + minor;
    return node != 0;
}

static void disks_look(struct tree *dev)
{
    static uint32_t shown[DISKS];

    (void)dev;
    for (unsigned disk = 0; disk < DISKS; disk++) {
        uint32_t changed = disk_minors(disk) ^ shown[disk];
        for (unsigned minor = 0; minor < BLK_MINORS; minor++) {
            uint32_t bit = 1u << minor;
            if ((changed & bit) && minor_show(disk, minor, !(shown[disk] & bit)))
                shown[disk] ^= bit;
        }
    }
}

/* ---- the file system ---- */

static int dev_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                     uint64_t *root)
{
    static const struct {
        const char *name;
        enum device device;
    } devices[] = {
        {"null", DEVICE_NULL},     {"zero", DEVICE_ZERO},      {"full", DEVICE_FULL},
        {"random", DEVICE_RANDOM}, {"urandom", DEVICE_RANDOM}, {"console", DEVICE_CONSOLE},
        {"tty", DEVICE_CONSOLE},
    };
    int error = source[0] ? -ANOLE_EINVAL : 0;

    (void)number;
    (void)flags;
    if (!error && tree.count == 0) {
        error = tree_make(&tree);
        for (unsigned i = 0; !error && i < sizeof(devices) / sizeof(devices[0]); i++) {
            uint64_t node = tree_add(&tree, 1, devices[i].name, strlen(devices[i].name),
                                     FS_MODE(FS_TYPE_CHARACTER, 0666));
            error = node ? 0 : -ANOLE_ENOMEM;
            if (node)
                tree.files[node - 1].what = devices[i].device;
        }
        tree.refresh = disks_look;
    }
    *mount = &tree;
    *root = 1;
    return error;
}

static int64_t random_give(struct fs_data *data, uint64_t len)
{
    uint64_t words[4];
    int error = 0;

    for (uint64_t done = 0; done < len && !error; done += sizeof(words)) {
        error = kcall_random(words);
        if (!error)
            error = fs_data_to_client(data, done, words,
                                      len - done < sizeof(words) ? len - done : sizeof(words));
    }
    return error ? error : (int64_t)len;
}

static int64_t zero_give(struct fs_data *data, uint64_t len)
{
    static const char zeroes[4096];
    int error = 0;

    for (uint64_t done = 0; done < len && !error; done += sizeof(zeroes))
        error = fs_data_to_client(data, done, zeroes,
                                  len - done < sizeof(zeroes) ? len - done : sizeof(zeroes));
    return error ? error : (int64_t)len;
}

#define AT_ONCE (1024u * 1024u) /* what has no end is given in pieces: others have their turn */

static int64_t dev_read(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                        uint64_t len)
{
    const struct tree_file *file = tree_file(mount, node);

    if (!file || is_disk(file)) /* open ones can be read though their names are gone */
        return disk_read(node, position, data, len);
    if (len > AT_ONCE)
        len = AT_ONCE;
    switch (file->what) {
    case DEVICE_NULL:
        return 0;
    case DEVICE_ZERO:
    case DEVICE_FULL:
        return zero_give(data, len);
    case DEVICE_RANDOM:
        return random_give(data, len < AT_ONCE / 16 ? len : AT_ONCE / 16);
    default:
        return -ANOLE_ENODEV;
    }
}

static int64_t dev_write(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                         uint64_t len)
{
    const struct tree_file *file = tree_file(mount, node);

    if (!file || is_disk(file))
        return disk_write(node, position, data, len);
    switch (file->what) {
    case DEVICE_CONSOLE:
        return -ANOLE_ENODEV;
    case DEVICE_FULL:
        return len > 0 ? -ANOLE_ENOSPC : 0;
    default:
        return (int64_t)len;
    }
}

static int dev_stat(void *mount, uint64_t node, struct fs_stat *stat)
{
    const struct tree_file *file = tree_file(mount, node);
    int error = tree_stat(mount, node, stat);

    if (error)
        return error;
    if (file->what == DEVICE_CONSOLE)
        stat->device = FS_DEVICE_CONSOLE;
    if (is_disk(file) && !disk_open_bytes(node, &stat->size)) {
        unsigned index = (unsigned)(file->what - DEVICE_DISK);
        (void)disk_ask_bytes(index / BLK_MINORS, index % BLK_MINORS, &stat->size);
    }
    return 0;
}

static int dev_sync(void *mount, uint64_t node)
{
    (void)mount;
    return disk_flush(node); /* node 0: what was answered is durable */
}

/* A disk that is open for both is so by a client for writing. */
static int dev_opened(void *mount, uint64_t node, uint32_t flags)
{
    const struct tree_file *file = tree_file(mount, node);

    if (!file)
        return -ANOLE_ESTALE;
    return is_disk(file) ? disk_open(node, file->name, (flags & FS_O_WRITE) != 0) : 0;
}

static void dev_closed(void *mount, uint64_t node, uint32_t flags)
{
    (void)mount;
    disk_close(node, (flags & FS_O_WRITE) != 0); /* others than disks are none there */
}

const struct fs_ops dev_ops = {
    .type = "dev",
    .mount = dev_mount,
    .lookup = tree_lookup,
    .parent = tree_parent,
    .stat = dev_stat,
    .read = dev_read,
    .entries = tree_entries,
    .write = dev_write,
    .sync = dev_sync,
    .opened = dev_opened,
    .closed = dev_closed,
};
