/*
 * Trees of extents (ext4), by libext2fs. It checks the nodes of the tree; what an extent says is
 * checked here.
 */
#include "ext2.h"

/* Runs that are added to a map at a time. */
#define EXTENTS_AT_ONCE 512u

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

/* ---- reading, directly: libext2fs's way to the next extent may lead to the first one ---- */

static struct ext3_extent *first_extent(const struct ext3_extent_header *header)
{
    return (struct ext3_extent *)(uintptr_t)(header + 1);
}

static struct ext3_extent_idx *first_index(const struct ext3_extent_header *header)
{
    return (struct ext3_extent_idx *)(uintptr_t)(header + 1);
}

static struct ext2fs_extent extent_from(const struct ext3_extent *on_disk)
{
    bool unwritten = on_disk->ee_len > EXT_INIT_MAX_LEN;

    return (struct ext2fs_extent){
        .e_pblk = on_disk->ee_start | (uint64_t)on_disk->ee_start_hi << 32,
        .e_lblk = on_disk->ee_block,
        .e_len = (uint32_t)(on_disk->ee_len - (unwritten ? EXT_INIT_MAX_LEN : 0)),
        .e_flags = unwritten ? EXT2_EXTENT_FLAGS_UNINIT : 0,
    };
}

static int tree_corrupt(struct node *node)
{
    return mount_corrupt(node->mount, "file %u has a tree of extents that isn't valid", node->ino);
}

static void add_hole(struct node *node, uint64_t from, uint64_t end)
{
    struct run hole = {.file = from, .count = end - from};

    if (end > from)
        map_add(node, &hole);
}

/* The leaf for blocks from `low` up to `limit`: what it says of those from `block` on. */
static int load_leaf(struct node *node, const struct ext3_extent_header *header, uint64_t block,
                     uint64_t low, uint64_t limit)
{
    uint64_t at = block;
    unsigned added = 0;

    for (unsigned i = 0; i < header->eh_entries; i++) {
        struct ext2fs_extent extent = extent_from(&first_extent(header)[i]);
        struct run run = {.file = extent.e_lblk,
                          .disk = extent.e_pblk,
                          .count = extent.e_len,
                          .unwritten = extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT};
        int error = check(node, &extent);

        if (error)
            return error;
        if (run.file < low || run.file + run.count > limit)
            return tree_corrupt(node);
        low = run.file + run.count;
        if (low <= block)
            continue;
        if (added++ == EXTENTS_AT_ONCE)
            return 0;
        add_hole(node, at, run.file);
        map_add(node, &run);
        at = low;
    }
    add_hole(node, at, limit);
    return 0;
}

static int check_header(struct node *node, const struct ext3_extent_header *header, uint32_t size,
                        int depth)
{
    if (ext2fs_extent_header_verify((void *)(uintptr_t)header, (int)size) != 0 ||
        header->eh_depth != depth)
        return tree_corrupt(node);
    return 0;
}

/* The node of the tree in that block; its checksum depends on the inode, which libext2fs is to have
 * at hand before. */
static int read_tree_node(struct node *node, uint64_t block, int depth,
                          const struct ext3_extent_header **header)
{
    struct mount *mount = node->mount;
    struct ext2_inode inode;
    const uint8_t *data;
    int error;

    if (!blocks_valid(mount, block, 1))
        return tree_corrupt(node);
    error = error_from(mount, ext2fs_read_inode(mount->fs, node->ino, &inode), "an inode");
    if (!error)
        error = metadata_read(mount, block, &data);
    if (error)
        return error;
    *header = (const struct ext3_extent_header *)(const void *)data;
    error = check_header(node, *header, mount->block_size, depth);
    if (!error && !ext2fs_extent_block_csum_verify(mount->fs, node->ino,
                                                   (struct ext3_extent_header *)(uintptr_t)*header))
        error = tree_corrupt(node);
    return error;
}

#define DEPTH_MAX 5

int extents_load(struct node *node, uint64_t block)
{
    const struct ext3_extent_header *header = (const void *)node->inode.i_block;
    uint64_t low = 0;
    uint64_t limit = UINT32_MAX;
    int depth = header->eh_depth;
    int error = depth > DEPTH_MAX ? tree_corrupt(node)
                                  : check_header(node, header, sizeof(node->inode.i_block), depth);

    for (; !error && depth > 0; depth--) {
        const struct ext3_extent_idx *index = first_index(header);
        unsigned i = 0;

        if (header->eh_entries == 0 || index[0].ei_block < low)
            return tree_corrupt(node);
        if (index[0].ei_block > block) {
            add_hole(node, block, index[0].ei_block < limit ? index[0].ei_block : limit);
            return 0;
        }
        while (i + 1 < header->eh_entries && index[i + 1].ei_block <= block)
            i++;
        low = index[i].ei_block;
        if (i + 1 < header->eh_entries && index[i + 1].ei_block < limit)
            limit = index[i + 1].ei_block;
        error = read_tree_node(node, index[i].ei_leaf | (uint64_t)index[i].ei_leaf_hi << 32,
                               depth - 1, &header);
    }
    return error ? error : load_leaf(node, header, block, low, limit);
}

/* ---- changes ---- */

static int insert(struct node *node, ext2_extent_handle_t handle, struct ext2fs_extent *new)
{
    struct ext2fs_extent old = {0};
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
        struct ext2fs_extent extent = {0};

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
    struct ext2fs_extent extent = {0};
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
