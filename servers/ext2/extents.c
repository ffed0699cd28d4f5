/*
 * Trees of extents (ext4), by libext2fs. It checks the nodes of the tree; what an extent says is
 * checked here.
 */
#include "ext2.h"

#define EXTENTS_AT_ONCE 64u

static int tree_open(struct node *node, ext2_extent_handle_t *handle)
{
    return error_from(node->mount,
                      ext2fs_extent_open2(node->mount->fs, node->ino, node_inode(node), handle),
                      "a file's tree of extents");
}

static int tree_error(struct node *node, errcode_t error)
{
    return error_from(node->mount, error, "a file's tree of extents");
}

void extents_init(struct node *node)
{
    struct ext3_extent_header *header = (struct ext3_extent_header *)node->inode.i_block;

    memset(node->inode.i_block, 0, sizeof(node->inode.i_block));
    header->eh_magic = EXT3_EXT_MAGIC;
    header->eh_max = (sizeof(node->inode.i_block) - sizeof(*header)) / sizeof(struct ext3_extent);
    node->inode.i_flags |= EXT4_EXTENTS_FL;
}

static int check(struct node *node, const struct ext2fs_extent *extent)
{
    if (extent->e_len == 0 || extent->e_lblk + extent->e_len > UINT32_MAX ||
        !blocks_valid(node->mount, extent->e_pblk, extent->e_len))
        return mount_corrupt(node->mount, "file %u has an extent of %u blocks at %llu", node->ino,
                             extent->e_len, (unsigned long long)extent->e_pblk);
    return 0;
}

/* Where the handle stands, or 1: there is none. */
static int current(struct node *node, ext2_extent_handle_t handle, struct ext2fs_extent *extent)
{
    errcode_t error = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, extent);

    if (error == EXT2_ET_NO_CURRENT_NODE)
        return 1;
    return error ? tree_error(node, error) : check(node, extent);
}

/* To the extent that `block` is in, or the last one before it, or the first: 1: there is none. */
static int go_to(struct node *node, ext2_extent_handle_t handle, uint64_t block,
                 struct ext2fs_extent *extent)
{
    errcode_t error = ext2fs_extent_goto(handle, block);

    if (error && error != EXT2_ET_EXTENT_NOT_FOUND)
        return tree_error(node, error);
    return current(node, handle, extent);
}

static void add_hole(struct node *node, uint64_t from, uint64_t end)
{
    struct run hole = {.file = from, .count = end - from};

    if (end > from)
        map_add(node, &hole);
}

/* Adds the runs from `block` on to the map, holes between them included. */
static int load(struct node *node, ext2_extent_handle_t handle, uint64_t block)
{
    struct ext2fs_extent extent;
    uint64_t at = block;
    int none = go_to(node, handle, block, &extent);

    for (unsigned i = 0; none == 0 && i < EXTENTS_AT_ONCE; i++) {
        uint64_t end = extent.e_lblk + extent.e_len;
        struct run run = {.file = extent.e_lblk,
                          .disk = extent.e_pblk,
                          .count = extent.e_len,
                          .unwritten = extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT};
        errcode_t error;

        if (end > at) {
            if (extent.e_lblk < at && i > 0)
                return mount_corrupt(node->mount, "file %u has extents that overlap", node->ino);
            add_hole(node, at, extent.e_lblk);
            map_add(node, &run);
            at = end;
        }
        error = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent);
        if (error == EXT2_ET_EXTENT_NO_NEXT)
            none = 1;
        else
            none = error ? tree_error(node, error) : check(node, &extent);
    }
    if (none == 1)
        add_hole(node, at, UINT32_MAX);
    return none < 0 ? none : 0;
}

int extents_load(struct node *node, uint64_t block)
{
    ext2_extent_handle_t handle;
    int error = tree_open(node, &handle);

    if (error)
        return error;
    error = load(node, handle, block);
    ext2fs_extent_free(handle);
    return error;
}

/* ---- changes ---- */

static int insert(struct node *node, ext2_extent_handle_t handle, struct ext2fs_extent *new)
{
    struct ext2fs_extent old;
    int none = go_to(node, handle, new->e_lblk, &old);
    errcode_t error;

    if (none < 0)
        return none;
    /* Grows the one before, if it ends where this one begins. */
    if (none == 0 && old.e_lblk + old.e_len == new->e_lblk &&
        old.e_pblk + old.e_len == new->e_pblk && (old.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0 &&
        old.e_len + new->e_len <= EXT_INIT_MAX_LEN) {
        old.e_len += new->e_len;
        return tree_error(node, ext2fs_extent_replace(handle, 0, &old));
    }
    error = ext2fs_extent_insert(
        handle, none == 0 && old.e_lblk > new->e_lblk ? 0 : EXT2_EXTENT_INSERT_AFTER, new);
    if (!error)
        error = ext2fs_extent_fix_parents(handle);
    return tree_error(node, error);
}

int extents_add(struct node *node, const struct run *run)
{
    ext2_extent_handle_t handle;
    int error = tree_open(node, &handle);

    for (uint64_t done = 0; done < run->count && !error;) {
        uint64_t part = run->count - done;
        struct ext2fs_extent new = {.e_lblk = run->file + done, .e_pblk = run->disk + done};

        if (part > EXT_INIT_MAX_LEN)
            part = EXT_INIT_MAX_LEN;
        new.e_len = (uint32_t)part;
        error = insert(node, handle, &new);
        done += part;
        if (error || done == run->count)
            ext2fs_extent_free(handle);
    }
    return error;
}

int extents_written(struct node *node, uint64_t block, uint64_t count)
{
    ext2_extent_handle_t handle;
    int error = tree_open(node, &handle);

    if (error)
        return error;
    for (uint64_t i = 0; i < count && !error; i++) {
        struct ext2fs_extent extent;

        error = go_to(node, handle, block + i, &extent);
        if (error == 1)
            error = mount_corrupt(node->mount, "file %u lost an extent", node->ino);
        if (!error)
            error = tree_error(
                node, ext2fs_extent_set_bmap(handle, block + i,
                                             extent.e_pblk + (block + i - extent.e_lblk), 0));
    }
    ext2fs_extent_free(handle);
    return error;
}

/* The last extent: 1: there is none. */
static int last(struct node *node, ext2_extent_handle_t handle, struct ext2fs_extent *extent)
{
    errcode_t error = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, extent);

    if (error == EXT2_ET_EXTENT_NO_NEXT)
        return 1;
    if (!error)
        error = ext2fs_extent_get(handle, EXT2_EXTENT_LAST_LEAF, extent);
    return error ? tree_error(node, error) : check(node, extent);
}

/* Takes from the last extent what is at `first` or after: 1: nothing is. */
static int cut_last(struct node *node, ext2_extent_handle_t handle, uint64_t first)
{
    struct mount *mount = node->mount;
    struct ext2fs_extent extent;
    uint64_t kept;
    int error = last(node, handle, &extent);

    if (error)
        return error;
    if (extent.e_lblk + extent.e_len <= first)
        return 1;
    kept = extent.e_lblk < first ? first - extent.e_lblk : 0;
    error = blocks_give(mount, extent.e_pblk + kept, extent.e_len - kept);
    if (!error)
        error = error_from(mount,
                           ext2fs_iblk_sub_blocks(mount->fs, node_inode(node), extent.e_len - kept),
                           "a count of blocks");
    if (error)
        return error;
    if (kept == 0)
        return tree_error(node, ext2fs_extent_delete(handle, 0));
    extent.e_len = (uint32_t)kept;
    return tree_error(node, ext2fs_extent_replace(handle, 0, &extent));
}

int extents_cut(struct node *node, uint64_t first)
{
    int error = 0;

    while (!error) {
        ext2_extent_handle_t handle;

        if (transaction_large(node->mount))
            return 1;
        error = tree_open(node, &handle);
        if (error)
            return error;
        error = cut_last(node, handle, first);
        ext2fs_extent_free(handle);
    }
    return error == 1 ? 0 : error;
}
