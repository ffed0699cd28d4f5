/*
 * Operations on names. Each is one transaction, which has the operation's number and its result in
 * the log: asked again it answers from there. Only the blocks of a large file that lost its last
 * name are given back in further ones.
 */
#include "files.h"

/* A directory with more links than that has 1, which means "many". */
#define LINKS_MAX 65000u

int directory_get(struct mount *mount, uint64_t number, struct node **directory)
{
    int error = node_get_inside(mount, number, directory);

    if (!error && !node_is_directory(*directory)) {
        node_put(*directory);
        error = -ANOLE_ENOTDIR;
    }
    if (error)
        *directory = NULL;
    return error;
}

int node_from_entry(struct node *directory, const struct place *place, struct node **node)
{
    int error = node_get_ino(directory->mount, place->ino, false, node);

    if (error == -ANOLE_ESTALE)
        return mount_corrupt(directory->mount, "directory %u names inode %u, which is free",
                             directory->ino, place->ino);
    return error;
}

int file_named(struct node *directory, struct fs_name name, struct node **node)
{
    struct place place;
    int error = directory_find(directory, name, &place);

    return error ? error : node_from_entry(directory, &place, node);
}

/* What the operations below have in common: nodes that they hold. */
struct names_op {
    struct mount *mount;
    struct node *from, *to; /* directories */
    struct node *file, *old;
};

static void put_all(struct names_op *op)
{
    struct node *nodes[] = {op->from, op->to, op->file, op->old};

    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (nodes[i])
            node_put(nodes[i]);
}

/* 1: it was done, *result and *value are its answer. */
static int begin(struct mount *mount, struct fs_operation operation, int *result, uint64_t *value)
{
    int error = mount_enter_change(mount);

    if (error)
        return error;
    if (operation.number != 0 && cache_done(mount->cache, operation, result, value)) {
        mount_leave(mount);
        return 1;
    }
    return 0;
}

static void changed_now(struct node *node, bool contents)
{
    int64_t now = time_now();

    if (contents)
        node_set_time(node, TIME_MODIFIED, now);
    node_set_time(node, TIME_CHANGED, now);
}

/* ---- counts of links ---- */

static int add_link(struct node *node)
{
    struct ext2_inode_large *inode = &node->inode;
    bool many = node_is_directory(node) && ext2fs_has_feature_dir_nlink(node->mount->fs->super);

    if (many && inode->i_links_count == 1)
        return 0;
    if (inode->i_links_count >= LINKS_MAX && !many)
        return -ANOLE_EMLINK;
    inode->i_links_count = inode->i_links_count >= LINKS_MAX ? 1 : inode->i_links_count + 1;
    return 0;
}

/* Of a directory that lost another one inside it. */
static void drop_parent_link(struct node *directory)
{
    if (directory->inode.i_links_count > 2)
        directory->inode.i_links_count--;
}

/* ---- create ---- */

static int put_target(struct node *node, const struct fs_new *what)
{
    struct mount *mount = node->mount;
    struct run run = {.count = 1};
    uint8_t *data;
    int error;

    node_set_size(node, what->target_len);
    if (what->target_len < sizeof(node->inode.i_block)) {
        memcpy(node->inode.i_block, what->target, what->target_len);
        return 0;
    }
    if (ext2fs_has_feature_extents(mount->fs->super))
        extents_init(node);
    error = file_extend(
        node,
        ext2fs_group_first_block2(mount->fs, (dgrp_t)ext2fs_group_of_ino(mount->fs, node->ino)),
        &run);
    if (!error)
        error = metadata_change(mount, run.disk, CACHE_ZERO, &data);
    if (!error)
        memcpy(data, what->target, what->target_len);
    return error;
}

static int check_new(const struct mount *mount, const struct fs_new *what)
{
    switch (FS_MODE_TYPE(what->mode)) {
    case FS_TYPE_FILE:
    case FS_TYPE_DIRECTORY:
        return 0;
    case FS_TYPE_LINK:
        return what->target_len == 0 ? -ANOLE_EINVAL
               : what->target_len >= mount->block_size || what->target_len >= FS_PATH_MAX
                   ? -ANOLE_ENAMETOOLONG
                   : 0;
    default:
        return -ANOLE_EINVAL;
    }
}

static int absent(struct node *directory, struct fs_name name)
{
    struct place place;
    int error = directory_find(directory, name, &place);

    /* A directory that was removed while someone had it open takes no more names. */
    if (directory->inode.i_links_count == 0)
        return -ANOLE_ENOENT;
    return error == -ANOLE_ENOENT ? 0 : error ? error : -ANOLE_EEXIST;
}

static int create_inside(struct names_op *op, struct fs_name name, const struct fs_new *what)
{
    bool is_directory = FS_MODE_TYPE(what->mode) == FS_TYPE_DIRECTORY;
    int error = absent(op->to, name);

    if (!error)
        error = transaction_node(op->mount, op->to);
    if (!error)
        error = node_new(op->mount, op->to->ino, what->mode, &op->file);
    if (error)
        return error;
    op->file->inode.i_links_count = is_directory ? 2 : 1;
    if (is_directory) {
        error = directory_begin(op->file, op->to->ino);
        if (!error)
            error = add_link(op->to);
    } else if (FS_MODE_TYPE(what->mode) == FS_TYPE_LINK) {
        error = put_target(op->file, what);
    }
    if (!error)
        error = directory_insert(op->to, name, op->file->ino, FS_MODE_TYPE(what->mode));
    if (!error)
        changed_now(op->to, true);
    return error;
}

int entry_create(void *on, struct fs_operation operation, uint64_t in, struct fs_name name,
                 const struct fs_new *what, uint64_t *node)
{
    struct names_op op = {.mount = on};
    int result = 0;
    int error = check_new(on, what);

    if (!error)
        error = begin(on, operation, &result, node);
    if (error)
        return error == 1 ? result : error;
    error = directory_get(on, in, &op.to);
    if (!error)
        error = create_inside(&op, name, what);
    if (!error) {
        *node = node_number(op.file);
        error = mount_commit(on, operation, *node);
    }
    mount_leave(on);
    put_all(&op);
    return error;
}

/* ---- link ---- */

static int link_inside(struct names_op *op, struct fs_name name)
{
    int error = absent(op->to, name);

    if (error)
        return error;
    if (node_is_directory(op->file))
        return -ANOLE_EPERM;
    if (op->file->inode.i_links_count == 0)
        return -ANOLE_ENOENT;
    error = transaction_node(op->mount, op->file);
    if (!error)
        error = transaction_node(op->mount, op->to);
    if (!error)
        error = add_link(op->file);
    if (!error)
        error = directory_insert(op->to, name, op->file->ino, node_type(op->file));
    if (error)
        return error;
    changed_now(op->to, true);
    changed_now(op->file, false);
    return 0;
}

int entry_link(void *on, struct fs_operation operation, uint64_t number, uint64_t in,
               struct fs_name name)
{
    struct names_op op = {.mount = on};
    uint64_t value;
    int result = 0;
    int error = begin(on, operation, &result, &value);

    if (error)
        return error == 1 ? result : error;
    error = directory_get(on, in, &op.to);
    if (!error)
        error = node_get_inside(on, number, &op.file);
    if (!error)
        error = link_inside(&op, name);
    if (!error)
        error = mount_commit(on, operation, 0);
    mount_leave(on);
    put_all(&op);
    return error;
}

/* ---- remove ---- */

/* May this be removed (or replaced by a file of that kind)? */
static int check_removal(struct node *file, bool is_directory)
{
    int empty;

    if (node_is_directory(file) != is_directory)
        return is_directory ? -ANOLE_ENOTDIR : -ANOLE_EISDIR;
    if (!is_directory)
        return 0;
    if (file->ino == EXT2_ROOT_INO)
        return -ANOLE_EBUSY;
    empty = directory_is_empty(file);
    return empty < 0 ? empty : empty ? 0 : -ANOLE_ENOTEMPTY;
}

/* One name of `file` in `directory` is gone; 1: orphan_finish must follow. */
static int lose_name(struct node *directory, struct node *file)
{
    int error = transaction_node(file->mount, file);

    if (error)
        return error;
    changed_now(file, false);
    if (node_is_directory(file)) {
        drop_parent_link(directory);
        file->inode.i_links_count = 0;
    } else if (file->inode.i_links_count > 0) {
        file->inode.i_links_count--;
    }
    return file->inode.i_links_count == 0 ? file_unnamed(file) : 0;
}

static int remove_inside(struct names_op *op, struct fs_name name, bool is_directory, int *more)
{
    struct place place;
    int error = directory_find(op->from, name, &place);

    if (!error)
        error = node_from_entry(op->from, &place, &op->file);
    if (!error)
        error = check_removal(op->file, is_directory);
    if (!error)
        error = transaction_node(op->mount, op->from);
    if (!error)
        error = directory_remove(op->from, name, &place);
    if (error)
        return error;
    changed_now(op->from, true);
    *more = lose_name(op->from, op->file);
    return *more < 0 ? *more : 0;
}

int entry_remove(void *on, struct fs_operation operation, uint64_t in, struct fs_name name,
                 bool is_directory)
{
    struct names_op op = {.mount = on};
    uint64_t value;
    int more = 0;
    int result = 0;
    int error = begin(on, operation, &result, &value);

    if (error)
        return error == 1 ? result : error;
    error = directory_get(on, in, &op.from);
    if (!error)
        error = remove_inside(&op, name, is_directory, &more);
    if (!error)
        error = mount_commit(on, operation, 0);
    mount_leave(on);
    if (!error && more == 1)
        (void)orphan_finish(op.file); /* what isn't done now is done after the next mount */
    put_all(&op);
    return error;
}

/* ---- rename ---- */

/* Whether `directory` is below or is `above`. */
static int is_below(struct node *directory, const struct node *above)
{
    struct mount *mount = directory->mount;
    uint32_t ino = directory->ino;

    for (uint32_t i = 0; i <= mount->fs->super->s_inodes_count; i++) {
        struct node *at;
        struct place up;
        int error;

        if (ino == above->ino)
            return 1;
        if (ino == EXT2_ROOT_INO)
            return 0;
        error = node_get_ino(mount, ino, true, &at);
        if (error)
            return error;
        error = node_is_directory(at) ? directory_parent(at, &up) : -ANOLE_ENOTDIR;
        node_put(at);
        if (error)
            return error;
        ino = up.ino;
    }
    return mount_corrupt(mount, "directory %u is inside itself", directory->ino);
}

/* The moved directory's "..", and who counts it. */
static int move_parent(struct names_op *op)
{
    struct place up;
    int error;

    if (!node_is_directory(op->file) || op->from == op->to)
        return 0;
    error = directory_parent(op->file, &up);
    if (!error)
        error = directory_replace(op->file, &up, op->to->ino, FS_TYPE_DIRECTORY);
    if (!error)
        error = add_link(op->to);
    if (!error)
        drop_parent_link(op->from);
    return error;
}

/* The new name comes to mean the file; *more as in lose_name. */
static int take_name(struct names_op *op, struct fs_name name, int *more)
{
    struct place place;
    int error = directory_find(op->to, name, &place);

    if (error == -ANOLE_ENOENT) {
        if (op->to->inode.i_links_count == 0)
            return error;
        return directory_insert(op->to, name, op->file->ino, node_type(op->file));
    }
    if (!error)
        error = node_from_entry(op->to, &place, &op->old);
    if (error)
        return error;
    if (op->old == op->file)
        return 1; /* two names of one file: nothing is done */
    error = check_removal(op->old, node_is_directory(op->file));
    if (!error)
        error = directory_replace(op->to, &place, op->file->ino, node_type(op->file));
    if (error)
        return error;
    *more = lose_name(op->to, op->old);
    return *more < 0 ? *more : 0;
}

static int rename_inside(struct names_op *op, struct fs_name name, struct fs_name new_name,
                         int *more)
{
    struct place place;
    int error = file_named(op->from, name, &op->file);

    if (!error && node_is_directory(op->file)) {
        error = is_below(op->to, op->file);
        if (error == 1)
            error = -ANOLE_EINVAL;
    }
    if (!error)
        error = transaction_node(op->mount, op->from);
    if (!error)
        error = transaction_node(op->mount, op->to);
    if (!error)
        error = transaction_node(op->mount, op->file);
    if (!error)
        error = take_name(op, new_name, more);
    if (error)
        return error == 1 ? 0 : error;
    /* Its place is looked for only now: the directory may have changed. */
    error = directory_find(op->from, name, &place);
    if (!error)
        error = directory_remove(op->from, name, &place);
    if (!error)
        error = move_parent(op);
    changed_now(op->from, true);
    changed_now(op->to, true);
    changed_now(op->file, false);
    return error;
}

int entry_rename(void *on, struct fs_operation operation, uint64_t from, struct fs_name name,
                 uint64_t to, struct fs_name new_name)
{
    struct names_op op = {.mount = on};
    uint64_t value;
    int more = 0;
    int result = 0;
    int error = begin(on, operation, &result, &value);

    if (error)
        return error == 1 ? result : error;
    error = directory_get(on, from, &op.from);
    if (!error)
        error = directory_get(on, to, &op.to);
    if (!error)
        error = rename_inside(&op, name, new_name, &more);
    if (!error)
        error = mount_commit(on, operation, 0);
    mount_leave(on);
    if (!error && more == 1)
        (void)orphan_finish(op.old);
    put_all(&op);
    return error;
}
