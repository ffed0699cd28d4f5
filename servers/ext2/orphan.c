/*
 * Files that lose their blocks. One that is large does so in several transactions; until the last
 * one it is in the list of orphans, which begins in the superblock and goes on in the inodes'
 * deletion times, as in ext3 and ext4. So is one without a name that is still open, and one that
 * much is being added to, in blocks behind its end. Whoever mounts the file system next finishes
 * what stands there: it is cut to its size, and freed if it has no name.
 */
#include "ext2.h"

#include <libanole/anole.h>

static bool has_blocks(const struct node *node)
{
    switch (node_type(node)) {
    case FS_TYPE_FILE:
    case FS_TYPE_DIRECTORY:
        return true;
    case FS_TYPE_LINK:
        return !link_is_short(node);
    default:
        return false;
    }
}

int file_cut(struct node *node, uint64_t first)
{
    int result = 0;

    if (!has_blocks(node) || first >= map_limit(node))
        return 0;
    result = node_has_extents(node) ? extents_cut(node, first) : indirect_cut(node, first);
    map_forget(node);
    return result;
}

/* A block of extended attributes may be several files'. */
static int free_attributes(struct node *node)
{
    struct mount *mount = node->mount;
    uint64_t block = ext2fs_file_acl_block(mount->fs, node_inode(node));
    struct ext2_ext_attr_header *header;
    uint8_t *data;
    int error;

    if (block == 0)
        return 0;
    if (!blocks_valid(mount, block, 1))
        return mount_corrupt(mount, "file %u has its attributes in block %llu", node->ino,
                             (unsigned long long)block);
    error = metadata_change(mount, block, 0, &data);
    if (error)
        return error;
    header = (struct ext2_ext_attr_header *)(void *)data;
    if (header->h_magic != EXT2_EXT_ATTR_MAGIC || header->h_refcount == 0)
        return mount_corrupt(mount, "file %u has attributes that aren't valid", node->ino);
    ext2fs_file_acl_block_set(mount->fs, node_inode(node), 0);
    if (--header->h_refcount == 0)
        return blocks_give(mount, block, 1);
    return error_from(mount, ext2fs_ext_attr_block_csum_set(mount->fs, node->ino, block, header),
                      "a file's attributes");
}

static int free_inode(struct node *node)
{
    bool is_directory = node_is_directory(node);
    int error = free_attributes(node);

    if (!error)
        error = inode_give(node->mount, node->ino, is_directory);
    if (error)
        return error;
    names_close(node);
    node_set_size(node, 0);
    node->inode.i_dtime = (uint32_t)(time_now() / 1000000000);
    node->gone = true;
    return 0;
}

/* ---- the list ---- */

/* Whether it is in the list, and who comes before it (NULL: the superblock), held. */
static int find(struct node *node, bool *found, struct node **before)
{
    struct mount *mount = node->mount;
    uint32_t next = mount->fs->super->s_last_orphan;
    struct node *at = NULL;

    *before = NULL;
    *found = false;
    for (uint32_t i = 0; next != 0; i++) {
        int error;

        if (next == node->ino) {
            *found = true;
            *before = at;
            return 0;
        }
        if (at)
            node_put(at);
        if (i > mount->fs->super->s_inodes_count)
            return mount_corrupt(mount, "the list of orphans has no end");
        error = node_get_ino(mount, next, true, &at);
        if (error == -ANOLE_ESTALE)
            return mount_corrupt(mount, "inode %u is in the list of orphans", next);
        if (error)
            return error;
        next = at->inode.i_dtime;
    }
    if (at)
        node_put(at);
    return 0;
}

int orphan_add(struct node *node)
{
    struct ext2_super_block *super = node->mount->fs->super;
    struct node *before;
    bool found;
    int error = find(node, &found, &before);

    if (before)
        node_put(before);
    if (error || found)
        return error;
    error = transaction_node(node->mount, node);
    if (error)
        return error;
    node->inode.i_dtime = super->s_last_orphan;
    super->s_last_orphan = node->ino;
    return 0;
}

int orphan_remove(struct node *node)
{
    struct mount *mount = node->mount;
    struct node *before;
    bool found;
    int error = find(node, &found, &before);

    if (error || !found)
        return error;
    if (!before) {
        mount->fs->super->s_last_orphan = node->inode.i_dtime;
    } else {
        error = transaction_node(mount, before);
        if (!error)
            before->inode.i_dtime = node->inode.i_dtime;
        node_put(before);
    }
    node->inode.i_dtime = 0;
    return error;
}

/* ---- finishing ---- */

/* Who holds it besides the operation and its transaction may be in the middle of writing into its
 * blocks: then it is cut by orphan_finish, which waits for writers. */
static bool used_by_others(const struct node *node)
{
    return node->holds > 2;
}

int file_unnamed(struct node *node)
{
    int more = 1;
    int error;

    if (node->opens == 0 && !used_by_others(node))
        more = file_cut(node, 0);
    if (more < 0)
        return more;
    if (more == 0)
        return free_inode(node);
    error = orphan_add(node);
    if (error)
        return error;
    return node->opens > 0 ? 0 : 1;
}

/* One transaction of it; 1: more is left. */
static int finish_some(struct node *node)
{
    struct mount *mount = node->mount;
    bool unnamed = node->inode.i_links_count == 0;
    bool unused = unnamed && node->opens == 0;
    uint64_t blocks = (node_size(node) + mount->block_size - 1) / mount->block_size;
    int more = transaction_node(mount, node);
    int error = 0;

    if (more == 0)
        more = file_cut(node, unused ? 0 : blocks);
    if (more < 0)
        return more;
    if (more == 0 && (!unnamed || unused))
        error = orphan_remove(node);
    if (!error && more == 0 && unused)
        error = free_inode(node);
    if (!error)
        error = mount_commit(mount, operation_none(), 0);
    return error ? error : more;
}

int file_finish(struct node *node)
{
    int more;

    do {
        more = mount_enter_clearing(node->mount);
        if (more)
            break;
        more = node->gone ? 0 : finish_some(node);
        mount_leave(node->mount);
    } while (more > 0);
    return more;
}

int orphan_finish(struct node *node)
{
    int error;

    coro_lock(&node->change);
    error = file_finish(node);
    coro_unlock(&node->change);
    return error;
}

/* The one after *after (0: the first one), held, or NULL: there is none. *after is 0 if it isn't in
 * the list any more: it was closed meanwhile. */
static int next_orphan(struct mount *mount, uint32_t *after, struct node **node)
{
    uint32_t next = mount->fs->super->s_last_orphan;
    bool passed = *after == 0;

    for (uint32_t i = 0; next != 0 && i <= mount->fs->super->s_inodes_count; i++) {
        int error = node_get_ino(mount, next, true, node);

        if (error)
            return mount_corrupt(mount, "inode %u is in the list of orphans", next);
        if (passed)
            return 0;
        passed = next == *after;
        next = (*node)->inode.i_dtime;
        node_put(*node);
    }
    *node = NULL;
    if (!passed)
        *after = 0;
    return 0;
}

void orphans_clear(struct mount *mount)
{
    uint32_t after = 0; /* what stays in the list: it is open */
    unsigned cleared = 0;
    int error = 0;

    while (!error) {
        uint32_t before = after;
        struct node *node;

        mount_enter(mount);
        error = next_orphan(mount, &after, &node);
        mount_leave(mount);
        if (error || (!node && after == before))
            break;
        if (!node)
            continue; /* from the beginning: what is done takes no time */
        error = orphan_finish(node);
        if (!node->gone && node->inode.i_links_count == 0)
            after = node->ino;
        else
            cleared++;
        node_put(node);
    }
    if (cleared > 0)
        log_printf(LOG_INFO, "%s: finished %u files that were being written, cut or freed",
                   mount->disk, cleared);
}
