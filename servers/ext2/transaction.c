/*
 * Transactions: what one operation changes becomes true at once, or not at all.
 *
 * Blocks of metadata are changed as copies in the cache's transaction. What libext2fs and this
 * server have in memory - superblock, group descriptors, bitmaps, inodes of nodes - is changed at
 * once, written into the transaction's blocks by the commit, and put back by mount_leave if there
 * was none.
 */
#include "ext2.h"

#include <libanole/anole.h>

/* More blocks than this are better cut into several transactions: a record of the log is finite. */
#define LARGE_BLOCKS 24u

static bool disk_block_valid(const struct mount *mount, uint64_t block)
{
    /* Before the superblock is known nothing else is read. */
    return !mount->fs || !mount->fs->super || block < ext2fs_blocks_count(mount->fs->super);
}

int metadata_read(struct mount *mount, uint64_t block, const uint8_t **data)
{
    if (!disk_block_valid(mount, block)) {
        (void)mount_corrupt(mount, "block %llu is beyond the end", (unsigned long long)block);
        return -ANOLE_EIO;
    }
    return cache_metadata(mount->cache, block, data);
}

/* Room for one more in an array of `size`-byte elements. */
static bool grow(void **array, unsigned count, unsigned *room, size_t size)
{
    unsigned more = *room ? *room * 2 : 16;
    void *larger;

    if (count < *room)
        return true;
    larger = realloc(*array, more * size);
    if (!larger)
        return false;
    *array = larger;
    *room = more;
    return true;
}

static int note_written(struct transaction *transaction, uint64_t block)
{
    for (unsigned i = 0; i < transaction->written_count; i++)
        if (transaction->written[i] == block)
            return 0;
    if (!grow((void **)&transaction->written, transaction->written_count,
              &transaction->written_room, sizeof(block)))
        return -ANOLE_ENOMEM;
    transaction->written[transaction->written_count++] = block;
    return 0;
}

int metadata_change(struct mount *mount, uint64_t block, unsigned flags, uint8_t **data)
{
    int error;

    if (!disk_block_valid(mount, block)) {
        (void)mount_corrupt(mount, "block %llu is beyond the end", (unsigned long long)block);
        return -ANOLE_EIO;
    }
    error = note_written(&mount->transaction, block);
    return error ? error : cache_change(mount->cache, block, flags, data);
}

int transaction_node(struct mount *mount, struct node *node)
{
    struct transaction *transaction = &mount->transaction;

    for (unsigned i = 0; i < transaction->node_count; i++)
        if (transaction->nodes[i].node == node)
            return 0;
    if (transaction->node_count == TRANSACTION_NODES)
        return -ANOLE_ENOMEM;
    transaction->nodes[transaction->node_count++] = (struct node_change){.node = node,
                                                                         .before = node->inode};
    node->holds++;
    return 0;
}

bool transaction_large(const struct mount *mount)
{
    const struct transaction *transaction = &mount->transaction;

    return transaction->written_count + 2 * transaction->group_count > LARGE_BLOCKS;
}

void mount_enter(struct mount *mount)
{
    coro_lock(&mount->lock);
    cache_begin(mount->cache);
    mount->transaction.open = true;
}

/* ---- allocation that libext2fs did or undoes ---- */

int transaction_group(struct mount *mount, uint32_t group)
{
    struct transaction *transaction = &mount->transaction;

    for (unsigned i = 0; i < transaction->group_count; i++)
        if (transaction->groups[i] == group)
            return 0;
    if (!grow((void **)&transaction->groups, transaction->group_count, &transaction->group_room,
              sizeof(group)))
        return -ANOLE_ENOMEM;
    transaction->groups[transaction->group_count++] = group;
    return 0;
}

int transaction_blocks(struct mount *mount, uint64_t block, uint64_t count, bool used)
{
    struct transaction *transaction = &mount->transaction;
    struct block_change *last;

    if (transaction->block_count > 0) {
        last = &transaction->blocks[transaction->block_count - 1];
        if (last->used == used && last->block + last->count == block) {
            last->count += count;
            return 0;
        }
        if (last->used == used && block + count == last->block) {
            last->block = block;
            last->count += count;
            return 0;
        }
    }
    if (!grow((void **)&transaction->blocks, transaction->block_count, &transaction->block_room,
              sizeof(*last)))
        return -ANOLE_ENOMEM;
    transaction->blocks[transaction->block_count++] = (struct block_change){
        .block = block, .count = count, .used = used};
    return 0;
}

/* ---- commit ---- */

static uint8_t *descriptor(struct mount *mount, uint32_t group)
{
    return (uint8_t *)ext2fs_group_desc(mount->fs, mount->fs->group_desc, group);
}

static int write_block_bitmap(struct mount *mount, uint32_t group)
{
    ext2_filsys fs = mount->fs;
    uint32_t bits = EXT2_BLOCKS_PER_GROUP(fs->super);
    uint32_t here = (uint32_t)ext2fs_group_blocks_count(fs, group);
    uint8_t *data;
    int error = metadata_change(mount, ext2fs_block_bitmap_loc(fs, group), CACHE_ZERO, &data);

    if (error)
        return error;
    memset(data, 0xff, mount->block_size);
    error = error_from(mount,
                       ext2fs_get_block_bitmap_range2(
                           fs->block_map, ext2fs_group_first_block2(fs, group), here, data),
                       "the block bitmap");
    if (error)
        return error;
    /* What the last group lacks counts as used. */
    for (uint32_t i = here; i < bits; i++)
        data[i / 8] |= (uint8_t)(1u << (i % 8));
    return error_from(mount, ext2fs_block_bitmap_csum_set(fs, group, (char *)data, (int)(bits / 8)),
                      "the block bitmap");
}

static int write_inode_bitmap(struct mount *mount, uint32_t group)
{
    ext2_filsys fs = mount->fs;
    uint32_t bits = EXT2_INODES_PER_GROUP(fs->super);
    uint8_t *data;
    int error = metadata_change(mount, ext2fs_inode_bitmap_loc(fs, group), CACHE_ZERO, &data);

    if (error)
        return error;
    memset(data, 0xff, mount->block_size);
    error = error_from(mount,
                       ext2fs_get_inode_bitmap_range2(fs->inode_map, 1 + group * bits, bits, data),
                       "the inode bitmap");
    if (error)
        return error;
    return error_from(mount, ext2fs_inode_bitmap_csum_set(fs, group, (char *)data, (int)(bits / 8)),
                      "the inode bitmap");
}

static int write_descriptors(struct mount *mount, uint32_t group)
{
    ext2_filsys fs = mount->fs;
    uint32_t n = group / (uint32_t)EXT2_DESC_PER_BLOCK(fs->super);
    /* libext2fs finds those of the first meta group only by the first data block. */
    uint64_t block = ext2fs_descriptor_block_loc2(fs, fs->super->s_first_data_block, n);
    uint8_t *data;
    int error = metadata_change(mount, block, CACHE_ZERO, &data);

    if (!error)
        memcpy(data, (const uint8_t *)fs->group_desc + (size_t)n * mount->block_size,
               mount->block_size);
    return error;
}

static int write_groups(struct mount *mount)
{
    const struct transaction *transaction = &mount->transaction;
    int error = 0;

    for (unsigned i = 0; i < transaction->group_count && !error; i++) {
        uint32_t group = transaction->groups[i];

        if (!group_uninitialized(mount->fs, group, EXT2_BG_BLOCK_UNINIT))
            error = write_block_bitmap(mount, group);
        if (!error && !group_uninitialized(mount->fs, group, EXT2_BG_INODE_UNINIT))
            error = write_inode_bitmap(mount, group);
        ext2fs_group_desc_csum_set(mount->fs, group);
    }
    for (unsigned i = 0; i < transaction->group_count && !error; i++)
        error = write_descriptors(mount, transaction->groups[i]);
    return error;
}

static int write_super(struct mount *mount)
{
    struct ext2_super_block *super = mount->fs->super;
    uint32_t offset = SUPERBLOCK_OFFSET % mount->block_size;
    uint8_t *data;
    int error;

    if (memcmp(super, &mount->super, sizeof(*super)) == 0)
        return 0;
    ext2fs_set_tstamp(super, s_wtime, time_now() / 1000000000);
    error = error_from(mount, ext2fs_superblock_csum_set(mount->fs, super), "the superblock");
    if (!error)
        error = metadata_change(mount, SUPERBLOCK_OFFSET / mount->block_size, 0, &data);
    if (!error)
        memcpy(data + offset, super, sizeof(*super));
    return error;
}

/* Blocks that are free now: nobody needs what is in them. */
static int forget_freed(struct mount *mount)
{
    const struct transaction *transaction = &mount->transaction;

    for (unsigned i = 0; i < transaction->block_count; i++) {
        const struct block_change *change = &transaction->blocks[i];
        uint64_t end = change->block + change->count;

        for (uint64_t block = change->block; !change->used && block < end;) {
            uint64_t run = 0;
            int error = 0;

            while (block + run < end &&
                   !ext2fs_test_block_bitmap2(mount->fs->block_map, block + run))
                run++;
            if (run > 0)
                error = cache_free(mount->cache, block, run);
            if (error)
                return error;
            block += run + 1;
        }
    }
    return 0;
}

/* What is committed is what is undone to. */
static void remember(struct mount *mount)
{
    struct transaction *transaction = &mount->transaction;

    mount->super = *mount->fs->super;
    for (unsigned i = 0; i < transaction->group_count; i++) {
        uint32_t group = transaction->groups[i];
        size_t size = EXT2_DESC_SIZE(mount->fs->super);

        memcpy(mount->groups + group * size, descriptor(mount, group), size);
    }
    for (unsigned i = 0; i < transaction->written_count; i++)
        changed_add(mount, transaction->written[i]);
}

static void clear(struct transaction *transaction)
{
    for (unsigned i = 0; i < transaction->node_count; i++)
        node_put(transaction->nodes[i].node);
    transaction->node_count = 0;
    transaction->block_count = 0;
    transaction->group_count = 0;
    transaction->written_count = 0;
    transaction->inode_changed = false;
    transaction->error = 0;
    transaction->open = false;
}

int mount_commit(struct mount *mount, struct fs_operation operation, uint64_t value)
{
    struct transaction *transaction = &mount->transaction;
    int error = transaction->error;

    for (unsigned i = 0; i < transaction->node_count && !error; i++)
        error = node_store(transaction->nodes[i].node);
    if (!error)
        error = write_groups(mount);
    if (!error)
        error = write_super(mount);
    if (!error)
        error = forget_freed(mount);
    if (!error && mount->read_only)
        error = mount->corrupt ? -ANOLE_EIO : -ANOLE_EROFS;
    if (error)
        return error;
    cache_commit(mount->cache, operation, 0, value);
    remember(mount);
    clear(transaction);
    return 0;
}

/* ---- undoing ---- */

static void undo_allocation(struct mount *mount)
{
    struct transaction *transaction = &mount->transaction;
    ext2_filsys fs = mount->fs;
    size_t size = EXT2_DESC_SIZE(fs->super);

    for (unsigned i = transaction->block_count; i-- > 0;) {
        const struct block_change *change = &transaction->blocks[i];

        for (uint64_t n = 0; n < change->count; n++) {
            if (change->used)
                ext2fs_unmark_block_bitmap2(fs->block_map, change->block + n);
            else
                ext2fs_mark_block_bitmap2(fs->block_map, change->block + n);
        }
        if (change->used)
            cache_forget(mount->cache, change->block, change->count);
    }
    if (transaction->inode_changed) {
        if (transaction->inode.used)
            ext2fs_unmark_inode_bitmap2(fs->inode_map, transaction->inode.ino);
        else
            ext2fs_mark_inode_bitmap2(fs->inode_map, transaction->inode.ino);
    }
    for (unsigned i = 0; i < transaction->group_count; i++) {
        uint32_t group = transaction->groups[i];

        memcpy(descriptor(mount, group), mount->groups + group * size, size);
    }
    *fs->super = mount->super;
}

static void undo(struct mount *mount)
{
    struct transaction *transaction = &mount->transaction;

    undo_allocation(mount);
    (void)ext2fs_flush_icache(mount->fs);
    for (unsigned i = 0; i < transaction->node_count; i++) {
        struct node *node = transaction->nodes[i].node;

        node->inode = transaction->nodes[i].before;
        /* One that was to be freed lives on; one that was to be made never did. */
        node->gone = transaction->inode_changed && transaction->inode.used &&
                     transaction->inode.ino == node->ino;
        map_forget(node);
        names_close(node);
    }
}

void mount_leave(struct mount *mount)
{
    struct transaction *transaction = &mount->transaction;

    if (transaction->open) {
        if (transaction->node_count || transaction->block_count || transaction->inode_changed ||
            transaction->written_count)
            undo(mount);
        cache_abort(mount->cache);
        clear(transaction);
    }
    coro_unlock(&mount->lock);
}

/* ---- the first change ---- */

/* From now on the file system isn't clean, and the disk knows it before anything else changes. */
static int begin_use(struct mount *mount)
{
    uint64_t block = SUPERBLOCK_OFFSET / mount->block_size;
    int error;

    mount->fs->super->s_state &= (uint16_t)~EXT2_VALID_FS;
    error = mount_commit(mount, operation_none(), 0);
    if (!error)
        error = cache_write(mount->cache, &block, 1, true);
    if (error)
        return error;
    cache_begin(mount->cache);
    mount->transaction.open = true;
    return 0;
}

void mount_finish_orphans(struct mount *mount)
{
    if (mount->orphans_pending && !mount->read_only) {
        coro_lock(&mount->orphan_lock);
        if (mount->orphans_pending)
            orphans_clear(mount);
        mount->orphans_pending = false;
        coro_unlock(&mount->orphan_lock);
    }
}

int mount_enter_change(struct mount *mount)
{
    mount_finish_orphans(mount);
    return mount_enter_clearing(mount);
}

int mount_enter_clearing(struct mount *mount)
{
    int error = 0;

    mount_enter(mount);
    if (mount->read_only)
        error = mount->corrupt ? -ANOLE_EIO : -ANOLE_EROFS;
    else
        error = bitmaps_load(mount);
    if (!error && (mount->super.s_state & EXT2_VALID_FS))
        error = begin_use(mount);
    if (error)
        mount_leave(mount);
    return error;
}
