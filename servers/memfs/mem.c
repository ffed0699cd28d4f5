/*
 * The operations of "mem". None of them ever waits.
 */
#include "mem.h"

#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 65000u

static bool is_directory(const struct mem_node *node)
{
    return FS_MODE_TYPE(node->mode) == FS_TYPE_DIRECTORY;
}

/* -ESTALE, -ENOTDIR */
static int directory_of(struct mem *mem, uint64_t number, struct mem_node **directory)
{
    *directory = node_of(mem, number);
    if (!*directory)
        return -ANOLE_ESTALE;
    return is_directory(*directory) ? 0 : -ANOLE_ENOTDIR;
}

static int entry_of(struct mem *mem, uint64_t number, struct fs_name name,
                    struct mem_node **directory, struct mem_entry **entry)
{
    int error = directory_of(mem, number, directory);

    *entry = error ? NULL : entry_find(*directory, name);
    return error ? error : *entry ? 0 : -ANOLE_ENOENT;
}

/* ---- mounts ---- */

static int mem_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                     uint64_t *root)
{
    struct mem *mem = calloc(1, sizeof(*mem));
    struct mem_node *node = mem ? node_make(mem, FS_MODE(FS_TYPE_DIRECTORY, 0755)) : NULL;

    (void)number;
    (void)flags;
    if (!node || source[0]) {
        if (node)
            node_free(node);
        free(mem);
        return node ? -ANOLE_EINVAL : -ANOLE_ENOMEM;
    }
    node->links = 1;
    node->directory.parent = node->number;
    mem->root = *root = node->number;
    *mount = mem;
    return 0;
}

static int mem_unmount(void *mount)
{
    struct mem *mem = mount;

    /* Entries first: they lead to nodes. The root has a link of its own. */
    for (struct mem_node *node = mem->nodes, *next; node; node = next) {
        next = node->next;
        node->opens++; /* so that none goes while its entries do */
    }
    for (struct mem_node *node = mem->nodes; node; node = node->next)
        while (is_directory(node) && node->directory.first)
            entry_remove(node->directory.first);
    while (mem->nodes)
        node_free(mem->nodes);
    free(mem);
    return 0;
}

static int mem_statvfs(void *mount, struct fs_statvfs *statvfs)
{
    const struct mem *mem = mount;

    statvfs->block_size = MEM_PAGE;
    statvfs->blocks = pages_total();
    statvfs->blocks_free = statvfs->blocks_available = pages_left();
    statvfs->files_free = nodes_left();
    statvfs->files = statvfs->files_free + mem->node_count;
    return 0;
}

/* ---- looking ---- */

static int mem_lookup(void *mount, uint64_t number, struct fs_name name, uint64_t *node,
                      enum fs_type *type)
{
    struct mem_node *directory;
    struct mem_entry *entry;
    int error = entry_of(mount, number, name, &directory, &entry);

    if (!error) {
        *node = entry->node->number;
        *type = FS_MODE_TYPE(entry->node->mode);
    }
    return error;
}

static int mem_parent(void *mount, uint64_t number, uint64_t *parent)
{
    struct mem_node *directory;
    int error = directory_of(mount, number, &directory);

    if (!error)
        *parent = directory->directory.parent;
    return error;
}

/* A directory's "." and its children's ".." count as links. */
static uint32_t links_of(const struct mem_node *node)
{
    return node->links + 1 + node->directory.directories;
}

static int mem_stat(void *mount, uint64_t number, struct fs_stat *stat)
{
    const struct mem_node *node = node_of(mount, number);

    if (!node)
        return -ANOLE_ESTALE;
    *stat = (struct fs_stat){
        .node = node->number,
        .mode = node->mode,
        .links = is_directory(node) ? links_of(node) : node->links,
        .user = node->user,
        .group = node->group,
        .block_size = MEM_PAGE,
        .accessed = node->accessed,
        .modified = node->modified,
        .changed = node->changed,
    };
    if (FS_MODE_TYPE(node->mode) == FS_TYPE_FILE) {
        stat->size = node->bytes.size;
        stat->blocks = node->bytes.pages * (MEM_PAGE / 512);
    } else if (FS_MODE_TYPE(node->mode) == FS_TYPE_LINK) {
        stat->size = node->link.len;
    }
    return 0;
}

static int mem_readlink(void *mount, uint64_t number, char *target, size_t size)
{
    const struct mem_node *node = node_of(mount, number);

    if (!node)
        return -ANOLE_ESTALE;
    if (FS_MODE_TYPE(node->mode) != FS_TYPE_LINK)
        return -ANOLE_EINVAL;
    memcpy(target, node->link.text, node->link.len < size ? node->link.len : size);
    return (int)node->link.len;
}

static int mem_entries(void *mount, uint64_t number, uint64_t *cookie,
                       bool (*emit)(void *context, uint64_t node, enum fs_type type,
                                    struct fs_name name),
                       void *context)
{
    struct mem_node *directory;
    int error = directory_of(mount, number, &directory);

    if (error)
        return error;
    for (const struct mem_entry *entry = directory->directory.first; entry; entry = entry->next) {
        if (entry->cookie < *cookie)
            continue;
        *cookie = entry->cookie;
        if (!emit(context, entry->node->number, FS_MODE_TYPE(entry->node->mode),
                  (struct fs_name){entry->name, entry->len}))
            return 0;
        *cookie = entry->cookie + 1;
    }
    return 0;
}

/* ---- changing names ---- */

static int content_make(struct mem_node *node, const struct fs_new *what, uint64_t parent)
{
    if (FS_MODE_TYPE(what->mode) == FS_TYPE_DIRECTORY) {
        node->directory.parent = parent;
    } else if (FS_MODE_TYPE(what->mode) == FS_TYPE_LINK) {
        node->link.text = malloc(what->target_len);
        if (!node->link.text)
            return -ANOLE_ENOMEM;
        memcpy(node->link.text, what->target, what->target_len);
        node->link.len = what->target_len;
    }
    return 0;
}

static int mem_create(void *mount, struct fs_operation operation, uint64_t number,
                      struct fs_name name, const struct fs_new *what, uint64_t *made)
{
    struct mem_node *directory, *node;
    struct mem_entry *entry;
    int error = entry_of(mount, number, name, &directory, &entry);

    (void)operation; /* nothing outlives this server */
    if (error != -ANOLE_ENOENT)
        return error ? error : -ANOLE_EEXIST;
    if (directory->links == 0)
        return -ANOLE_ENOENT; /* it was removed */
    node = node_make(mount, what->mode);
    if (!node)
        return -ANOLE_ENOSPC;
    error = content_make(node, what, number);
    if (!error)
        error = entry_add(directory, name, node);
    if (error)
        node_free(node);
    else
        *made = node->number;
    return error;
}

static int mem_link(void *mount, struct fs_operation operation, uint64_t file, uint64_t number,
                    struct fs_name name)
{
    struct mem_node *directory, *node = node_of(mount, file);
    struct mem_entry *entry;
    int error = entry_of(mount, number, name, &directory, &entry);

    (void)operation;
    if (error != -ANOLE_ENOENT)
        return error ? error : -ANOLE_EEXIST;
    if (!node || node->links == 0 || directory->links == 0)
        return -ANOLE_ENOENT;
    if (is_directory(node))
        return -ANOLE_EPERM;
    if (node->links >= LINKS_MAX)
        return -ANOLE_EMLINK;
    node->changed = mem_now();
    return entry_add(directory, name, node);
}

static int may_remove(const struct mem_node *node, bool directory)
{
    if (directory && !is_directory(node))
        return -ANOLE_ENOTDIR;
    if (!directory && is_directory(node))
        return -ANOLE_EISDIR;
    return directory && node->directory.first ? -ANOLE_ENOTEMPTY : 0;
}

static int mem_remove(void *mount, struct fs_operation operation, uint64_t number,
                      struct fs_name name, bool directory_wanted)
{
    struct mem_node *directory;
    struct mem_entry *entry;
    int error = entry_of(mount, number, name, &directory, &entry);

    (void)operation;
    if (!error)
        error = may_remove(entry->node, directory_wanted);
    if (!error)
        entry_remove(entry);
    return error;
}

/* Is `node` that directory, or above it? */
static bool is_above(struct mem *mem, const struct mem_node *node, const struct mem_node *directory)
{
    while (directory && directory != node && directory->number != mem->root)
        directory = node_of(mem, directory->directory.parent);
    return directory == node;
}

/* What may be moved there, over what is there (NULL: nothing). */
static int may_move(struct mem *mem, const struct mem_node *node, const struct mem_node *to,
                    const struct mem_node *over)
{
    if (is_directory(node) && is_above(mem, node, to))
        return -ANOLE_EINVAL;
    if (to->links == 0)
        return -ANOLE_ENOENT;
    if (!over)
        return 0;
    return may_remove(over, is_directory(node));
}

static int mem_rename(void *mount, struct fs_operation operation, uint64_t from_number,
                      struct fs_name name, uint64_t to_number, struct fs_name new_name)
{
    struct mem_node *from, *to, *node;
    struct mem_entry *entry, *over;
    int error = entry_of(mount, from_number, name, &from, &entry);

    (void)operation;
    if (error)
        return error;
    error = entry_of(mount, to_number, new_name, &to, &over);
    if (error && error != -ANOLE_ENOENT)
        return error;
    node = entry->node;
    if (over && over->node == node)
        return 0;
    error = may_move(mount, node, to, over ? over->node : NULL);
    if (!error)
        error = entry_add(to, new_name, node);
    if (error)
        return error;
    if (over)
        entry_remove(over);
    entry_remove(entry);
    if (is_directory(node))
        node->directory.parent = to_number;
    return 0;
}

/* ---- data ---- */

static int file_of(struct mem *mem, uint64_t number, struct mem_node **file)
{
    *file = node_of(mem, number);
    if (!*file)
        return -ANOLE_ESTALE;
    return FS_MODE_TYPE((*file)->mode) == FS_TYPE_FILE ? 0 : -ANOLE_EINVAL;
}

static int64_t mem_read(void *mount, uint64_t number, uint64_t position, struct fs_data *data,
                        uint64_t len)
{
    struct mem_node *file;
    int error = file_of(mount, number, &file);

    if (error)
        return error;
    file->accessed = mem_now();
    return bytes_read(&file->bytes, position, data, len);
}

static int64_t mem_write(void *mount, uint64_t number, uint64_t position, struct fs_data *data,
                         uint64_t len)
{
    struct mem_node *file;
    int64_t count = file_of(mount, number, &file);

    if (count == 0 && position == FS_END)
        position = fs_data_at_end(data, file->bytes.size);
    if (count == 0)
        count = bytes_write(&file->bytes, position, data, len);
    if (count > 0)
        node_changed(file);
    return count;
}

static int mem_set_attributes(void *mount, uint64_t number, const struct fs_attributes *attributes)
{
    struct mem_node *node = node_of(mount, number);
    int error = node ? 0 : -ANOLE_ESTALE;

    if (!error && (attributes->set & FS_SET_SIZE)) {
        error = file_of(mount, number, &node);
        if (!error)
            error = bytes_resize(&node->bytes, attributes->size);
        if (!error)
            node->modified = mem_now();
    }
    if (error)
        return error;
    if (attributes->set & FS_SET_MODE)
        node->mode = FS_MODE(FS_MODE_TYPE(node->mode), attributes->mode & 07777);
    if (attributes->set & FS_SET_OWNER) {
        node->user = attributes->user;
        node->group = attributes->group;
    }
    if (attributes->set & FS_SET_TIMES) {
        node->accessed = attributes->accessed;
        node->modified = attributes->modified;
    }
    node->changed = mem_now();
    return 0;
}

static int mem_opened(void *mount, uint64_t number, uint32_t flags)
{
    struct mem_node *node = node_of(mount, number);

    (void)flags;
    if (!node)
        return -ANOLE_ESTALE;
    node->opens++;
    return 0;
}

static void mem_closed(void *mount, uint64_t number, uint32_t flags)
{
    struct mem_node *node = node_of(mount, number);

    (void)flags;
    if (node) {
        node->opens--;
        node_look(node);
    }
}

const struct fs_ops mem_ops = {
    .type = "mem",
    .mount = mem_mount,
    .unmount = mem_unmount,
    .lookup = mem_lookup,
    .parent = mem_parent,
    .stat = mem_stat,
    .readlink = mem_readlink,
    .read = mem_read,
    .entries = mem_entries,
    .statvfs = mem_statvfs,
    .create = mem_create,
    .link = mem_link,
    .remove = mem_remove,
    .rename = mem_rename,
    .write = mem_write,
    .set_attributes = mem_set_attributes,
    .opened = mem_opened,
    .closed = mem_closed,
};
