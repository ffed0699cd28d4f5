/*
 * The bitmaps of blocks and inodes, which libext2fs has in memory all together. They are read
 * together, too: one after the other, those of a large disk would take long. An instance that takes
 * a mount over reads them when something is changed for the first time; until then it looks into
 * the one that it needs, so that whoever only reads is served soon.
 */
#include "ext2.h"

#define AHEAD_MAX 4096u /* bitmaps: the cache has room for more */

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

/* The descriptors of groups aren't to be trusted. */
static bool is_place(const struct mount *mount, uint64_t block)
{
    struct ext2_super_block *super = mount->fs->super;

    return block > super->s_first_data_block && block < ext2fs_blocks_count(super);
}

static unsigned add_place(const struct mount *mount, uint64_t *blocks, unsigned count,
                          uint64_t block)
{
    blocks[count] = block;
    return count + is_place(mount, block);
}

/* Those that are on the disk, in ascending order. libext2fs says what is wrong with others. */
static unsigned list_bitmaps(const struct mount *mount, uint64_t *blocks, unsigned room)
{
    ext2_filsys fs = mount->fs;
    unsigned count = 0;

    for (uint32_t group = 0; group < fs->group_desc_count && count + 2 <= room; group++) {
        if (!group_uninitialized(fs, group, EXT2_BG_BLOCK_UNINIT))
            count = add_place(mount, blocks, count, ext2fs_block_bitmap_loc(fs, group));
        if (!group_uninitialized(fs, group, EXT2_BG_INODE_UNINIT))
            count = add_place(mount, blocks, count, ext2fs_inode_bitmap_loc(fs, group));
    }
    qsort(blocks, count, sizeof(blocks[0]), compare);
    return count;
}

/* So that libext2fs, which reads them one by one, finds them here. */
static int read_together(struct mount *mount)
{
    uint64_t *blocks = malloc(AHEAD_MAX * sizeof(*blocks));
    unsigned count, begun = 0;
    int error = 0;

    if (!blocks)
        return -ANOLE_ENOMEM;
    count = list_bitmaps(mount, blocks, AHEAD_MAX);
    while (begun < count && !error) {
        const uint8_t *data;

        begun += cache_read_ahead(mount->cache, blocks + begun, count - begun);
        if (begun < count) /* no more at a time: until this one is here */
            error = metadata_read(mount, blocks[begun], &data);
    }
    free(blocks);
    return error;
}

int bitmaps_load(struct mount *mount)
{
    int error;

    if (mount->fs->block_map)
        return 0;
    error = read_together(mount);
    return error ? error : error_from(mount, ext2fs_read_bitmaps(mount->fs), "a bitmap");
}

/* On the disk; what is looked at next, the inode itself, is read with it. */
static int look(struct mount *mount, uint32_t ino, bool *used)
{
    ext2_filsys fs = mount->fs;
    uint32_t group = (uint32_t)ext2fs_group_of_ino(fs, ino);
    uint32_t bits = EXT2_INODES_PER_GROUP(fs->super);
    uint32_t bit = (ino - 1) % bits;
    uint64_t bitmap = ext2fs_inode_bitmap_loc(fs, group);
    uint64_t offset = (uint64_t)bit * EXT2_INODE_SIZE(fs->super);
    uint64_t table = ext2fs_inode_table_loc(fs, group) + offset / mount->block_size;
    uint64_t blocks[2];
    const uint8_t *data;
    int error;

    *used = false;
    if (group_uninitialized(fs, group, EXT2_BG_INODE_UNINIT))
        return 0;
    (void)cache_read_ahead(mount->cache, blocks,
                           add_place(mount, blocks, add_place(mount, blocks, 0, bitmap), table));
    error = metadata_read(mount, bitmap, &data);
    if (error)
        return error;
    if (!ext2fs_inode_bitmap_csum_verify(fs, group, (char *)(uintptr_t)data, (int)(bits / 8)))
        return mount_corrupt(mount, "the inode bitmap of group %u is not valid", group);
    *used = data[bit / 8] >> bit % 8 & 1;
    return 0;
}

int inode_used(struct mount *mount, uint32_t ino, bool *used)
{
    *used = false;
    if (ino == 0 || ino > mount->fs->super->s_inodes_count)
        return 0;
    if (!mount->fs->inode_map)
        return look(mount, ino, used);
    *used = ext2fs_test_inode_bitmap2(mount->fs->inode_map, ino);
    return 0;
}
