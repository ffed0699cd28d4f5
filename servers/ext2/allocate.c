/*
 * Taking blocks and inodes, and giving them back: bitmaps and counts are libext2fs's, in memory;
 * each change is noted for the transaction.
 */
#include "ext2.h"

#include <libanole/anole.h>

bool blocks_valid(const struct mount *mount, uint64_t block, uint64_t count)
{
    uint64_t all = ext2fs_blocks_count(mount->fs->super);

    return block >= mount->fs->super->s_first_data_block && block < all && count <= all - block &&
           ext2fs_test_block_bitmap_range2(mount->reserved, block, (unsigned)count);
}

static int note_blocks(struct mount *mount, uint64_t block, uint64_t count, bool used)
{
    int error = transaction_blocks(mount, block, count, used);

    for (uint64_t i = 0; i < count && !error;) {
        uint32_t group = ext2fs_group_of_blk2(mount->fs, block + i);

        error = transaction_group(mount, group);
        i = ext2fs_group_last_block2(mount->fs, group) + 1 - block;
    }
    if (error && !mount->transaction.error)
        mount->transaction.error = error;
    return error;
}

/* Of single blocks: those of trees of extents, which libext2fs takes and gives back itself. */
static void block_changed(ext2_filsys fs, blk64_t block, int in_use)
{
    struct mount *mount = fs->priv_data;

    if (!blocks_valid(mount, block, 1)) {
        mount->transaction.error = mount_corrupt(
            mount, "a file has block %llu, which belongs to none", (unsigned long long)block);
        return;
    }
    (void)note_blocks(mount, block, 1, in_use > 0);
}

void allocate_watch(struct mount *mount)
{
    mount->fs->priv_data = mount;
    ext2fs_set_block_alloc_stats_callback(mount->fs, block_changed, NULL);
}

int blocks_take(struct mount *mount, uint64_t goal, uint64_t want, uint64_t *block, uint64_t *count)
{
    ext2_filsys fs = mount->fs;
    uint64_t first = fs->super->s_first_data_block;
    uint64_t last = ext2fs_blocks_count(fs->super) - 1;
    blk64_t found;
    blk64_t end;
    errcode_t error;

    if (goal < first || goal > last)
        goal = first;
    error = ext2fs_find_first_zero_block_bitmap2(fs->block_map, goal, last, &found);
    if (error == ENOENT && goal > first)
        error = ext2fs_find_first_zero_block_bitmap2(fs->block_map, first, goal - 1, &found);
    if (error)
        return -ANOLE_ENOSPC;
    if (want - 1 > last - found)
        want = last - found + 1;
    if (ext2fs_find_first_set_block_bitmap2(fs->block_map, found, found + want - 1, &end) == 0)
        want = end - found;
    if (!blocks_valid(mount, found, want))
        return mount_corrupt(mount, "blocks at %llu are free that can't be",
                             (unsigned long long)found);
    ext2fs_block_alloc_stats_range(fs, found, (blk_t)want, +1);
    *block = found;
    *count = want;
    return note_blocks(mount, found, want, true);
}

int blocks_give(struct mount *mount, uint64_t block, uint64_t count)
{
    if (!blocks_valid(mount, block, count))
        return mount_corrupt(mount, "a file has block %llu, which belongs to none",
                             (unsigned long long)block);
    for (uint64_t i = 0; i < count; i++)
        if (!ext2fs_test_block_bitmap2(mount->fs->block_map, block + i))
            return mount_corrupt(mount, "a file has block %llu, which is free",
                                 (unsigned long long)block + i);
    ext2fs_block_alloc_stats_range(mount->fs, block, (blk_t)count, -1);
    return note_blocks(mount, block, count, false);
}

static int change_inode(struct mount *mount, uint32_t ino, bool is_directory, bool used)
{
    int error = transaction_group(mount, (uint32_t)ext2fs_group_of_ino(mount->fs, ino));

    if (error)
        return error;
    mount->transaction.inode_changed = true;
    mount->transaction.inode = (struct inode_change){
        .ino = ino, .is_directory = is_directory, .used = used};
    ext2fs_inode_alloc_stats2(mount->fs, ino, used ? +1 : -1, is_directory);
    return 0;
}

/* The first free one of the group of `near`, or of the groups after it. Always from a group's first
 * on: its table is only valid up to the last one used. */
int inode_take(struct mount *mount, uint32_t near, bool is_directory, uint32_t *ino)
{
    ext2_filsys fs = mount->fs;
    uint32_t per_group = EXT2_INODES_PER_GROUP(fs->super);
    uint32_t group = (uint32_t)ext2fs_group_of_ino(fs, near);

    for (uint32_t i = 0; i < fs->group_desc_count; i++) {
        uint32_t first = group * per_group + 1;
        uint32_t last = first + per_group - 1;
        ext2_ino_t found;

        if (first < EXT2_FIRST_INODE(fs->super))
            first = EXT2_FIRST_INODE(fs->super);
        if (first <= last &&
            ext2fs_find_first_zero_inode_bitmap2(fs->inode_map, first, last, &found) == 0) {
            *ino = found;
            return change_inode(mount, found, is_directory, true);
        }
        group = (group + 1) % fs->group_desc_count;
    }
    return -ANOLE_ENOSPC;
}

int inode_give(struct mount *mount, uint32_t ino, bool is_directory)
{
    return change_inode(mount, ino, is_directory, false);
}
