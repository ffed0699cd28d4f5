/*
 * Mounting: which file systems are taken, and how. One that wasn't left in order is mounted read-
 * only, and the log says what to run on it; what an earlier instance of this server had mounted is
 * in order as it is in the cache.
 */
#include "ext2.h"

#include <libanole/anole.h>
#include <stdio.h>

#define SUPPORTED_INCOMPAT                                                                         \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |                              \
     EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | \
     EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED)
#define SUPPORTED_RO_COMPAT                                                                        \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                     \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |                          \
     EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |                       \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT)

/* ---- features ---- */

/* Names as mke2fs and tune2fs have them, of features that aren't supported. */
static const struct feature {
    bool incompat;
    uint32_t bit;
    const char *name;
} FEATURES[] = {
    {true, EXT2_FEATURE_INCOMPAT_COMPRESSION, "compression"},
    {true, EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
    {true, EXT4_FEATURE_INCOMPAT_MMP, "mmp"},
    {true, EXT4_FEATURE_INCOMPAT_EA_INODE, "ea_inode"},
    {true, EXT4_FEATURE_INCOMPAT_DIRDATA, "dirdata"},
    {true, EXT4_FEATURE_INCOMPAT_LARGEDIR, "large_dir"},
    {true, EXT4_FEATURE_INCOMPAT_INLINE_DATA, "inline_data"},
    {true, EXT4_FEATURE_INCOMPAT_ENCRYPT, "encrypt"},
    {true, EXT4_FEATURE_INCOMPAT_CASEFOLD, "casefold"},
    {false, EXT4_FEATURE_RO_COMPAT_HAS_SNAPSHOT, "snapshot"},
    {false, EXT4_FEATURE_RO_COMPAT_QUOTA, "quota"},
    {false, EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc"},
    {false, EXT4_FEATURE_RO_COMPAT_REPLICA, "replica"},
    {false, EXT4_FEATURE_RO_COMPAT_READONLY, "read-only"},
    {false, EXT4_FEATURE_RO_COMPAT_PROJECT, "project"},
    {false, EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks"},
    {false, EXT4_FEATURE_RO_COMPAT_VERITY, "verity"},
};

static void append(char *text, size_t size, const char *format, const char *name, uint32_t bits)
{
    size_t len = strlen(text);

    if (len + 1 < size)
        (void)snprintf(text + len, size - len, format, len > 0 ? ", " : "", name, bits);
}

void features_unknown(const struct ext2_super_block *super, bool writing, char *text, size_t size)
{
    uint32_t incompat = super->s_feature_incompat & ~(uint32_t)SUPPORTED_INCOMPAT;
    uint32_t ro_compat = writing ? super->s_feature_ro_compat & ~(uint32_t)SUPPORTED_RO_COMPAT : 0;

    text[0] = '\0';
    for (unsigned i = 0; i < sizeof(FEATURES) / sizeof(FEATURES[0]); i++) {
        uint32_t *bits = FEATURES[i].incompat ? &incompat : &ro_compat;

        if (*bits & FEATURES[i].bit)
            append(text, size, "%s%s", FEATURES[i].name, 0);
        *bits &= ~FEATURES[i].bit;
    }
    if (incompat)
        append(text, size, "%s%s0x%x", "incompat ", incompat);
    if (ro_compat)
        append(text, size, "%s%s0x%x", "ro_compat ", ro_compat);
}

/* ---- the superblock, before libext2fs sees it ---- */

/* In whatever block size the cache has: the superblock is at byte 1024. */
static int read_super(struct cache *cache, uint32_t block_size, struct ext2_super_block *super)
{
    const uint8_t *data;
    int error;

    cache_begin(cache);
    error = cache_metadata(cache, SUPERBLOCK_OFFSET / block_size, &data);
    if (!error)
        memcpy(super, data + SUPERBLOCK_OFFSET % block_size, sizeof(*super));
    cache_abort(cache);
    return error;
}

static int check_super(const char *disk, const struct ext2_super_block *super, bool writing)
{
    char unknown[128];

    if (super->s_magic != EXT2_SUPER_MAGIC)
        return -ANOLE_EINVAL;
    if (super->s_rev_level > EXT2_DYNAMIC_REV || super->s_log_block_size > 6) {
        log_printf(LOG_ERROR, "%s: its superblock isn't valid", disk);
        return -ANOLE_EINVAL;
    }
    features_unknown(super, writing, unknown, sizeof(unknown));
    if (unknown[0]) {
        log_printf(LOG_ERROR, "%s: features that aren't supported: %s", disk, unknown);
        return -ANOLE_EINVAL;
    }
    return 0;
}

/* Why it must not be written, or NULL. */
static const char *not_in_order(const struct ext2_super_block *super)
{
    if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER)
        return "its journal has to be recovered";
    if (super->s_state & EXT2_ERROR_FS)
        return "it has errors";
    if (!(super->s_state & EXT2_VALID_FS))
        return "it wasn't unmounted";
    if (super->s_last_orphan ||
        (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT))
        return "it has files that were being deleted";
    return NULL;
}

/* ---- the cache ---- */

#define SUPER_AHEAD_BYTES 32768u

/* The superblock, and behind it what is read next: the descriptors. */
static void read_begin(struct cache *cache, uint32_t block_size)
{
    uint64_t blocks[SUPER_AHEAD_BYTES / EXT2_MIN_BLOCK_SIZE];
    unsigned count = block_size < SUPER_AHEAD_BYTES ? SUPER_AHEAD_BYTES / block_size : 1;

    for (unsigned i = 0; i < count; i++)
        blocks[i] = SUPERBLOCK_OFFSET / block_size + i;
    (void)cache_read_ahead(cache, blocks, count);
}

/* Opens the cache with the block size of the file system, which stands in its superblock. */
static int open_cache(struct place_of_mount *place, struct mount *mount, uint32_t block_size)
{
    int error;
    struct cache_options options = {
        .memory = place->memory,
        .memory_len = place->memory_len,
        .disk = mount->disk,
        .block_size = block_size,
        .read_only = mount->read_only,
        .age_us = place->age_us,
        .notify_bit = place->notify_bit,
    };

    mount->block_size = block_size;
    error = cache_open(&place->cache, &options);
    mount->cache = error ? NULL : place->cache;
    if (!error)
        read_begin(mount->cache, block_size);
    return error;
}

static void close_cache(struct mount *mount)
{
    if (mount->cache)
        (void)cache_close(mount->cache, true);
    mount->cache = mount->place->cache = NULL;
}

#define FIRST_BLOCK_SIZE 4096u

/* *found: an earlier instance had it. */
static int find_super(struct place_of_mount *place, struct mount *mount,
                      struct ext2_super_block *super, bool *found)
{
    uint32_t block_size = cache_found(place->memory, place->memory_len, mount->disk);
    int error;

    *found = block_size != 0;
    error = open_cache(place, mount, *found ? block_size : FIRST_BLOCK_SIZE);
    if (error == -ANOLE_EPROTO) {
        log_printf(LOG_ERROR,
                   "%s: the log of the cache isn't valid: read-only; run e2fsck -f on it",
                   mount->disk);
        mount->read_only = true;
        *found = false;
        error = open_cache(place, mount, FIRST_BLOCK_SIZE);
    }
    if (!error)
        error = read_super(mount->cache, mount->block_size, super);
    if (!error)
        error = check_super(mount->disk, super, !mount->read_only);
    if (error)
        return error;
    block_size = 1024u << super->s_log_block_size;
    if (block_size == mount->block_size)
        return 0;
    if (*found)
        return -ANOLE_EINVAL;
    close_cache(mount);
    return open_cache(place, mount, block_size);
}

/* ---- what libext2fs makes of it ---- */

/* Blocks of the file system itself: a file that claims one is wrong. */
static int reserve(struct mount *mount)
{
    ext2_filsys fs = mount->fs;
    int error = error_from(mount,
                           ext2fs_allocate_block_bitmap(fs, "blocks of no file", &mount->reserved),
                           "the superblock");

    for (uint32_t group = 0; group < fs->group_desc_count && !error; group++) {
        uint64_t end = ext2fs_blocks_count(fs->super);
        uint64_t table = ext2fs_inode_table_loc(fs, group);
        uint64_t blocks = ext2fs_block_bitmap_loc(fs, group);
        uint64_t inodes = ext2fs_inode_bitmap_loc(fs, group);
        uint64_t first = fs->super->s_first_data_block;

        if (table < first || table >= end || fs->inode_blocks_per_group > end - table ||
            blocks < first || blocks >= end || inodes < first || inodes >= end)
            return mount_corrupt(mount, "group %u has its tables beyond the end", group);
        ext2fs_reserve_super_and_bgd(fs, group, mount->reserved);
        ext2fs_mark_block_bitmap_range2(mount->reserved, table, fs->inode_blocks_per_group);
        ext2fs_mark_block_bitmap2(mount->reserved, blocks);
        ext2fs_mark_block_bitmap2(mount->reserved, inodes);
    }
    return error;
}

/* What libext2fs doesn't check of the superblock, but computes with. */
static bool super_sane(const struct ext2_super_block *super, uint32_t block_size)
{
    return super->s_blocks_per_group % 8 == 0 && super->s_inodes_per_group % 8 == 0 &&
           super->s_inodes_per_group / 8 <= block_size &&
           super->s_blocks_per_group / 8 <= block_size &&
           super->s_first_data_block == (block_size == 1024) &&
           super->s_inodes_count > EXT2_GOOD_OLD_FIRST_INO &&
           (super->s_rev_level == EXT2_GOOD_OLD_REV ||
            (super->s_first_ino >= EXT2_GOOD_OLD_FIRST_INO &&
             super->s_first_ino < super->s_inodes_count)) &&
           super->s_reserved_gdt_blocks <= block_size / 4;
}

/* All inside mount_enter: libext2fs reads by the transaction. found: an earlier instance had it, and had
 * checked the bitmaps. */
static int open_inside(struct mount *mount, bool found)
{
    int error;

    io_open_for(mount);
    error = error_from(mount,
                       ext2fs_open2(mount->disk, NULL, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0,
                                    &ext2_io_manager, &mount->fs),
                       "the superblock");
    if (error)
        return error;
    if (!super_sane(mount->fs->super, mount->block_size))
        return mount_corrupt(mount, "the superblock isn't valid");
    /* The disk is as large as it says. */
    if (ext2fs_blocks_count(mount->fs->super) > cache_block_count(mount->cache))
        return mount_corrupt(mount, "it has %llu blocks, the disk fewer",
                             (unsigned long long)ext2fs_blocks_count(mount->fs->super));
    mount->fs->default_bitmap_type = EXT2FS_BMAP64_BITARRAY;
    error = reserve(mount);
    if (!error && !found)
        error = bitmaps_load(mount);
    if (error)
        return error;
    allocate_watch(mount);
    mount->groups = malloc((size_t)mount->fs->desc_blocks * mount->block_size);
    if (!mount->groups)
        return -ANOLE_ENOMEM;
    memcpy(mount->groups, mount->fs->group_desc,
           (size_t)mount->fs->desc_blocks * mount->block_size);
    mount->super = *mount->fs->super;
    return changed_open(mount);
}

void mount_discard(struct mount *mount)
{
    nodes_free(mount);
    if (mount->reserved)
        ext2fs_free_block_bitmap(mount->reserved);
    if (mount->fs)
        ext2fs_free(mount->fs);
    close_cache(mount);
    free(mount->groups);
    free(mount->changed.blocks);
    free(mount->transaction.blocks);
    free(mount->transaction.groups);
    free(mount->transaction.written);
    free(mount);
}

static int open_all(struct place_of_mount *place, struct mount *mount)
{
    struct ext2_super_block super;
    struct node *root;
    const char *reason;
    bool found;
    int error = find_super(place, mount, &super, &found);

    if (error)
        return error;
    reason = found ? NULL : not_in_order(&super);
    if (reason && !mount->read_only)
        log_printf(LOG_WARNING, "%s: %s: mounted read-only; run e2fsck -f on it", mount->disk,
                   reason);
    if (reason)
        mount->read_only = true;
    /* What an earlier instance had changed may not be durable yet. */
    mount->changed.all = found;
    mount_enter(mount);
    error = open_inside(mount, found);
    if (!error)
        error = node_get_ino(mount, EXT2_ROOT_INO, false, &root);
    if (!error) {
        if (!node_is_directory(root))
            error = mount_corrupt(mount, "its root is no directory");
        mount->root = node_number(root);
        node_put(root);
    }
    mount_leave(mount);
    mount->orphans_pending = mount->fs && mount->fs->super->s_last_orphan != 0;
    return error;
}

int mount_open(struct place_of_mount *place, uint32_t number, uint32_t *flags, struct mount **made)
{
    struct mount *mount = calloc(1, sizeof(*mount));
    int error;

    if (!mount)
        return -ANOLE_ENOMEM;
    mount->place = place;
    memcpy(mount->disk, place->disk, sizeof(mount->disk));
    mount->number = number;
    mount->read_only = *flags & FS_MOUNT_READ_ONLY;
    mount->idle.newer = mount->idle.older = &mount->idle;
    error = open_all(place, mount);
    if (error) {
        mount_discard(mount);
        return error;
    }
    if (mount->read_only)
        *flags |= FS_MOUNT_READ_ONLY;
    *made = mount;
    return 0;
}

int mount_close(struct mount *mount)
{
    int error;

    mount_finish_orphans(mount);
    error = mount_flush(mount);
    if (!error) {
        error = cache_close(mount->cache, false);
        if (!error)
            mount->cache = mount->place->cache = NULL;
    }
    if (!error)
        mount_discard(mount);
    return error;
}

uint64_t mount_root(const struct mount *mount)
{
    return mount->root;
}
