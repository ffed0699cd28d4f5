/*
 * Nodes: files that are open or were used lately, each with a copy of its inode and what is known
 * of where its blocks are. A node's number is its inode's with the generation above it, so that it
 * never comes to mean another file.
 */
#include "ext2.h"

#include <libanole/anole.h>
#include <sys/time.h>

/* How many are kept that nobody uses. */
#define IDLE_MAX 512u

#define NS_PER_SECOND 1000000000
/* Inodes can hold times up to 2446, nanoseconds in 63 bits end in 2262. */
#define SECONDS_MAX (INT64_MAX / NS_PER_SECOND - 1)

struct ext2_inode *node_inode(struct node *node)
{
    return (struct ext2_inode *)&node->inode;
}

uint64_t node_number(const struct node *node)
{
    return node->ino | (uint64_t)node->inode.i_generation << 32;
}

enum fs_type node_type(const struct node *node)
{
    return FS_MODE_TYPE(node->inode.i_mode);
}

bool node_is_directory(const struct node *node)
{
    return node_type(node) == FS_TYPE_DIRECTORY;
}

uint64_t node_size(const struct node *node)
{
    return EXT2_I_SIZE(&node->inode);
}

bool link_is_short(const struct node *node)
{
    return node_size(node) < sizeof(node->inode.i_block);
}

void node_set_size(struct node *node, uint64_t size)
{
    node->inode.i_size = (uint32_t)size;
    node->inode.i_size_high = (uint32_t)(size >> 32);
}

/* ---- time ---- */

int64_t time_now(void)
{
    struct timeval now = {0};

    if (gettimeofday(&now, NULL) != 0)
        return 0;
    return (int64_t)now.tv_sec * NS_PER_SECOND + (int64_t)now.tv_usec * 1000;
}

/* Where a time stands in an inode: seconds, and two bits more with nanoseconds, if it is large
 * enough. */
struct time_field {
    size_t seconds, extra;
};

static const struct time_field TIME_FIELDS[] = {
    [TIME_ACCESSED] = {offsetof(struct ext2_inode_large, i_atime),
                       offsetof(struct ext2_inode_large, i_atime_extra)},
    [TIME_MODIFIED] = {offsetof(struct ext2_inode_large, i_mtime),
                       offsetof(struct ext2_inode_large, i_mtime_extra)},
    [TIME_CHANGED] = {offsetof(struct ext2_inode_large, i_ctime),
                      offsetof(struct ext2_inode_large, i_ctime_extra)},
    [TIME_CREATED] = {offsetof(struct ext2_inode_large, i_crtime),
                      offsetof(struct ext2_inode_large, i_crtime_extra)},
};

/* Whether this inode has the field of 4 bytes that begins there. */
static bool has_field(const struct node *node, size_t offset)
{
    size_t end = offset + sizeof(uint32_t);

    return end <= EXT2_GOOD_OLD_INODE_SIZE ||
           (EXT2_INODE_SIZE(node->mount->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
            end <= EXT2_GOOD_OLD_INODE_SIZE + (size_t)node->inode.i_extra_isize);
}

static int64_t get_time(const struct node *node, enum node_time which)
{
    const struct time_field *field = &TIME_FIELDS[which];
    const uint8_t *inode = (const uint8_t *)&node->inode;
    uint32_t seconds;
    uint32_t extra = 0;
    int64_t all;

    memcpy(&seconds, inode + field->seconds, sizeof(seconds));
    if (has_field(node, field->extra))
        memcpy(&extra, inode + field->extra, sizeof(extra));
    all = (int64_t)(int32_t)seconds + ((int64_t)(extra & EXT4_EPOCH_MASK) << 32);
    if (all > SECONDS_MAX)
        all = SECONDS_MAX;
    return all * NS_PER_SECOND + (int64_t)(extra >> EXT4_EPOCH_BITS) % NS_PER_SECOND;
}

void node_set_time(struct node *node, enum node_time which, int64_t ns)
{
    const struct time_field *field = &TIME_FIELDS[which];
    uint8_t *inode = (uint8_t *)&node->inode;
    int64_t seconds = ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0);
    uint32_t rest = (uint32_t)(ns - seconds * NS_PER_SECOND);
    uint32_t low = (uint32_t)seconds;

    if (has_field(node, field->extra)) {
        uint32_t epoch = (uint32_t)((seconds - (int32_t)low) >> 32) & EXT4_EPOCH_MASK;
        uint32_t extra = epoch | rest << EXT4_EPOCH_BITS;

        memcpy(inode + field->extra, &extra, sizeof(extra));
    } else if (seconds > INT32_MAX || seconds < INT32_MIN) {
        low = seconds > 0 ? (uint32_t)INT32_MAX : (uint32_t)INT32_MIN;
    }
    if (has_field(node, field->seconds))
        memcpy(inode + field->seconds, &low, sizeof(low));
}

void node_stat(const struct node *node, struct fs_stat *stat)
{
    const struct ext2_inode_large *inode = &node->inode;
    struct mount *mount = node->mount;
    uint64_t blocks = inode->i_blocks;

    if (ext2fs_has_feature_huge_file(mount->fs->super)) {
        blocks |= (uint64_t)inode->osd2.linux2.l_i_blocks_hi << 32;
        if (inode->i_flags & EXT4_HUGE_FILE_FL)
            blocks *= mount->block_size / 512;
    }
    *stat = (struct fs_stat){
        .node = node_number(node),
        .mount = mount->number,
        .mode = inode->i_mode,
        .links = inode->i_links_count,
        .user = inode->i_uid | (uint32_t)inode->osd2.linux2.l_i_uid_high << 16,
        .group = inode->i_gid | (uint32_t)inode->osd2.linux2.l_i_gid_high << 16,
        .block_size = mount->block_size,
        .size = node_size(node),
        .blocks = blocks,
        .accessed = get_time(node, TIME_ACCESSED),
        .modified = get_time(node, TIME_MODIFIED),
        .changed = get_time(node, TIME_CHANGED),
    };
}

/* ---- the table ---- */

static struct node **bucket_of(struct mount *mount, uint32_t ino)
{
    return &mount->buckets[ino % NODE_BUCKETS];
}

static struct node *find(struct mount *mount, uint32_t ino)
{
    struct node *node = *bucket_of(mount, ino);

    while (node && node->ino != ino)
        node = node->next;
    return node;
}

static void idle_remove(struct node *node)
{
    if (!node->newer)
        return;
    node->newer->older = node->older;
    node->older->newer = node->newer;
    node->newer = node->older = NULL;
    node->mount->idle_count--;
}

static void node_free(struct node *node)
{
    struct node **place = bucket_of(node->mount, node->ino);

    idle_remove(node);
    while (*place && *place != node)
        place = &(*place)->next;
    if (*place)
        *place = node->next;
    names_close(node);
    map_forget(node);
    free(node);
}

static void hold(struct node *node)
{
    idle_remove(node);
    node->holds++;
}

void node_put(struct node *node)
{
    struct mount *mount = node->mount;

    if (--node->holds > 0 || node->opens > 0)
        return;
    if (node->gone) {
        node_free(node);
        return;
    }
    node->older = mount->idle.older;
    node->newer = &mount->idle;
    node->older->newer = node;
    mount->idle.older = node;
    mount->idle_count++;
    /* Those with times or data to be written wait for the next sync, or for a change of them. */
    for (struct node *old = mount->idle.newer; mount->idle_count > IDLE_MAX;) {
        struct node *next = old->newer;

        if (old == &mount->idle)
            return;
        if (!old->times_changed && old->dirty_first >= old->dirty_end)
            node_free(old);
        old = next;
    }
}

void nodes_free(struct mount *mount)
{
    for (unsigned i = 0; i < NODE_BUCKETS; i++)
        while (mount->buckets[i])
            node_free(mount->buckets[i]);
}

/* ---- inodes ---- */

/* What libext2fs reads and writes of one: fields that we know, no more than there is. */
static int inode_len(const struct mount *mount)
{
    size_t size = EXT2_INODE_SIZE(mount->fs->super);

    return (int)(size < sizeof(struct ext2_inode_large) ? size : sizeof(struct ext2_inode_large));
}

int node_store(struct node *node)
{
    struct mount *mount = node->mount;

    node->times_changed = false;
    return error_from(
        mount, ext2fs_write_inode_full(mount->fs, node->ino, node_inode(node), inode_len(mount)),
        "an inode");
}

#define FLAGS_UNKNOWN                                                                              \
    (EXT2_COMPRBLK_FL | EXT4_ENCRYPT_FL | EXT4_VERITY_FL | EXT4_INLINE_DATA_FL | EXT4_CASEFOLD_FL)

/* What an inode from the disk may be. */
static int check(struct node *node, bool orphan)
{
    struct mount *mount = node->mount;
    struct ext2_inode_large *inode = &node->inode;
    uint64_t size = node_size(node);

    if (inode->i_mode == 0 || (inode->i_links_count == 0 && !orphan))
        return -ANOLE_ESTALE;
    if (inode->i_flags & FLAGS_UNKNOWN)
        return mount_corrupt(mount, "inode %u has flags 0x%x, which the superblock rules out",
                             node->ino, inode->i_flags);
    if (EXT2_INODE_SIZE(mount->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
        EXT2_GOOD_OLD_INODE_SIZE + inode->i_extra_isize > EXT2_INODE_SIZE(mount->fs->super))
        return mount_corrupt(mount, "inode %u has %u bytes more", node->ino, inode->i_extra_isize);
    switch (node_type(node)) {
    case FS_TYPE_DIRECTORY:
        if (size == 0 || size % mount->block_size ||
            size / mount->block_size > ext2fs_blocks_count(mount->fs->super))
            return mount_corrupt(mount, "directory %u has %llu bytes", node->ino,
                                 (unsigned long long)size);
        return 0;
    case FS_TYPE_LINK:
        if (size == 0 || size >= mount->block_size || size >= FS_PATH_MAX)
            return mount_corrupt(mount, "symbolic link %u has %llu bytes", node->ino,
                                 (unsigned long long)size);
        return 0;
    case FS_TYPE_FILE:
        if (size > INT64_MAX)
            return mount_corrupt(mount, "file %u has %llu bytes", node->ino,
                                 (unsigned long long)size);
        return 0;
    case FS_TYPE_FIFO:
    case FS_TYPE_CHARACTER:
    case FS_TYPE_BLOCK:
    case FS_TYPE_SOCKET:
        return 0;
    }
    return mount_corrupt(mount, "inode %u has mode 0%o", node->ino, inode->i_mode);
}

static struct node *new_node(struct mount *mount, uint32_t ino)
{
    struct node *node = calloc(1, sizeof(*node));

    if (node) {
        node->mount = mount;
        node->ino = ino;
    }
    return node;
}

static void insert(struct node *node)
{
    struct node **bucket = bucket_of(node->mount, node->ino);

    node->next = *bucket;
    *bucket = node;
    node->holds = 1;
}

int node_get_ino(struct mount *mount, uint32_t ino, bool orphan, struct node **got)
{
    uint32_t first = EXT2_FIRST_INODE(mount->fs->super);
    struct node *node = find(mount, ino);
    bool used;
    int error;

    if (node) {
        if (node->gone)
            return -ANOLE_ESTALE;
        hold(node);
        *got = node;
        return 0;
    }
    if (ino < first && ino != EXT2_ROOT_INO)
        return -ANOLE_ESTALE;
    error = inode_used(mount, ino, &used);
    if (error || !used)
        return error ? error : -ANOLE_ESTALE;
    node = new_node(mount, ino);
    if (!node)
        return -ANOLE_ENOMEM;
    error = error_from(mount,
                       ext2fs_read_inode_full(mount->fs, ino, node_inode(node), inode_len(mount)),
                       "an inode");
    if (!error)
        error = check(node, orphan);
    if (error) {
        free(node);
        return error;
    }
    insert(node);
    *got = node;
    return 0;
}

/* orphans may be asked for: who has one open knows its number. */
int node_get_inside(struct mount *mount, uint64_t number, struct node **got)
{
    int error = node_get_ino(mount, (uint32_t)number, true, got);

    if (!error && node_number(*got) != number) {
        node_put(*got);
        error = -ANOLE_ESTALE;
    }
    return error;
}

int node_get(struct mount *mount, uint64_t number, struct node **got)
{
    struct node *node = find(mount, (uint32_t)number);
    int error;

    if (node) {
        if (node->gone || node_number(node) != number)
            return -ANOLE_ESTALE;
        hold(node);
        *got = node;
        return 0;
    }
    mount_enter(mount);
    error = node_get_inside(mount, number, got);
    mount_leave(mount);
    return error;
}

int node_number_of(struct mount *mount, uint32_t ino, uint64_t *number)
{
    struct node *node = find(mount, ino);
    struct ext2_inode inode;
    int error;

    if (node) {
        *number = node_number(node);
        return 0;
    }
    error = error_from(mount, ext2fs_read_inode(mount->fs, ino, &inode), "an inode");
    *number = ino | (uint64_t)inode.i_generation << 32;
    return error;
}

/* ---- new ones ---- */

/* Of what was there before only the generation matters; the whole inode is cleared. */
static int clear_inode(struct node *node, uint32_t *generation)
{
    struct mount *mount = node->mount;
    int size = EXT2_INODE_SIZE(mount->fs->super);
    struct ext2_inode *all = calloc(1, (size_t)size);
    struct ext2_inode old = {0};
    errcode_t error;

    if (!all)
        return -ANOLE_ENOMEM;
    /* Never used, it may have a checksum that isn't right. */
    error = ext2fs_read_inode2(mount->fs, node->ino, &old, sizeof(old), READ_INODE_NOCSUM);
    if (!error)
        error = ext2fs_write_inode_full(mount->fs, node->ino, all, size);
    free(all);
    *generation = old.i_generation;
    return error_from(mount, error, "an inode");
}

static uint16_t extra_size(const struct mount *mount)
{
    const struct ext2_super_block *super = mount->fs->super;
    unsigned most = EXT2_INODE_SIZE(super) - EXT2_GOOD_OLD_INODE_SIZE;
    unsigned wanted = sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;

    return (uint16_t)(wanted < most ? wanted : most);
}

static void set_up(struct node *node, uint32_t mode, uint32_t generation)
{
    struct ext2_inode_large *inode = &node->inode;
    int64_t now = time_now();

    inode->i_mode = (uint16_t)mode;
    inode->i_generation = generation;
    inode->i_extra_isize = extra_size(node->mount);
    for (unsigned i = 0; i < sizeof(TIME_FIELDS) / sizeof(TIME_FIELDS[0]); i++)
        node_set_time(node, (enum node_time)i, now);
    if (ext2fs_has_feature_extents(node->mount->fs->super) && FS_MODE_TYPE(mode) != FS_TYPE_LINK)
        extents_init(node);
}

int node_new(struct mount *mount, uint32_t near, uint32_t mode, struct node **got)
{
    uint32_t ino;
    uint32_t generation;
    struct node *node;
    int error = inode_take(mount, near, FS_MODE_TYPE(mode) == FS_TYPE_DIRECTORY, &ino);

    if (error)
        return error;
    node = find(mount, ino);
    if (node && !node->gone)
        return mount_corrupt(mount, "inode %u is in use and free", ino);
    node = new_node(mount, ino);
    if (!node)
        return -ANOLE_ENOMEM;
    error = clear_inode(node, &generation);
    if (!error) {
        insert(node);
        set_up(node, mode, generation + 1);
        error = transaction_node(mount, node);
        if (!error) /* checksums of its blocks depend on it */
            error = node_store(node);
        if (!error) {
            *got = node;
            return 0;
        }
        node->gone = true;
        node_put(node);
        return error;
    }
    free(node);
    return error;
}
