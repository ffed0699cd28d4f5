/*
 * "dev": null, zero, random, and the names of block devices and the console, for programs that look for
 * them. (The C library opens the console itself; disks are mounted by name.)
 */
#include "tree.h"

#include <libanole/anole.h>
#include <string.h>

enum device { DEVICE_NULL = 1, DEVICE_ZERO, DEVICE_RANDOM, DEVICE_CONSOLE, DEVICE_DISK };

#define DISKS 8u /* vda ... vdh; partitions have no names of their own at RS */

static struct tree tree;

/* ---- disks that are there ---- */

/* A name that a driver published is there; one that was taken back is not. */
static void disk_look(const char *name)
{
    struct fs_name wanted = {name, strlen(name)};
    struct tree_file *file = tree_find(&tree, 1, wanted);
    endpoint_t driver;
    int status = name_lookup(name, &driver);
    bool there = status == 0 || status == -ANOLE_EAGAIN; /* it comes back in a moment */

    if (there && !file) {
        uint64_t node = tree_add(&tree, 1, name, wanted.len, FS_MODE(FS_TYPE_BLOCK, 0660));
        if (node)
            tree.files[node - 1].what = DEVICE_DISK;
    } else if (!there && file) {
        memset(file->name, 0, sizeof(file->name));
    }
}

static void disks_look(struct tree *dev)
{
    char name[] = "vda";

    (void)dev;
    for (unsigned disk = 0; disk < DISKS; disk++, name[2]++)
        disk_look(name);
}

/* ---- the file system ---- */

static int dev_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                     uint64_t *root)
{
    static const struct {
        const char *name;
        enum device device;
    } devices[] = {
        {"null", DEVICE_NULL},      {"zero", DEVICE_ZERO},       {"random", DEVICE_RANDOM},
        {"urandom", DEVICE_RANDOM}, {"console", DEVICE_CONSOLE}, {"tty", DEVICE_CONSOLE},
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

    (void)position;
    if (len > AT_ONCE)
        len = AT_ONCE;
    switch (file ? file->what : 0) {
    case DEVICE_NULL:
        return 0;
    case DEVICE_ZERO:
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

    (void)position;
    (void)data;
    return file && (file->what == DEVICE_NULL || file->what == DEVICE_ZERO ||
                    file->what == DEVICE_RANDOM)
               ? (int64_t)len
               : -ANOLE_ENODEV;
}

const struct fs_ops dev_ops = {
    .type = "dev",
    .mount = dev_mount,
    .lookup = tree_lookup,
    .parent = tree_parent,
    .stat = tree_stat,
    .read = dev_read,
    .entries = tree_entries,
    .write = dev_write,
};
