/*
 * Operations on files that libfs asks for: looking, reading, writing, attributes. Those on names
 * are in namespace.c.
 */
#include "files.h"

int file_lookup(void *on, uint64_t in, struct fs_name name, uint64_t *node, enum fs_type *type)
{
    struct mount *mount = on;
    struct node *directory = NULL;
    struct node *found = NULL;
    int error;

    mount_enter(mount);
    error = directory_get(mount, in, &directory);
    if (!error)
        error = file_named(directory, name, &found);
    if (!error) {
        *node = node_number(found);
        *type = node_type(found);
        node_put(found);
    }
    if (directory)
        node_put(directory);
    mount_leave(mount);
    return error;
}

int file_parent(void *on, uint64_t in, uint64_t *parent)
{
    struct mount *mount = on;
    struct node *directory = NULL;
    struct node *found = NULL;
    struct place place;
    int error;

    mount_enter(mount);
    error = directory_get(mount, in, &directory);
    if (!error)
        error = directory_parent(directory, &place);
    if (!error)
        error = node_from_entry(directory, &place, &found);
    if (!error) {
        *parent = node_number(found);
        node_put(found);
    }
    if (directory)
        node_put(directory);
    mount_leave(mount);
    return error;
}

int file_stat(void *on, uint64_t number, struct fs_stat *stat)
{
    struct node *node;
    int error = node_get(on, number, &node);

    if (error)
        return error;
    node_stat(node, stat);
    node_put(node);
    return 0;
}

/* Short ones are in the inode, where blocks would be. */
static int read_link(struct node *node, char *target, size_t size)
{
    uint64_t len = node_size(node);
    struct run run;
    const uint8_t *data;
    int error;

    if (node_type(node) != FS_TYPE_LINK)
        return -ANOLE_EINVAL;
    if (size > len)
        size = len;
    if (link_is_short(node)) {
        memcpy(target, node->inode.i_block, size);
        return (int)len;
    }
    error = map_find_inside(node, 0, &run);
    if (!error && (run.disk == 0 || run.unwritten))
        error = mount_corrupt(node->mount, "symbolic link %u has no block", node->ino);
    if (!error)
        error = metadata_read(node->mount, run.disk, &data);
    if (error)
        return error;
    memcpy(target, data, size);
    return (int)len;
}

int file_readlink(void *on, uint64_t number, char *target, size_t size)
{
    struct mount *mount = on;
    struct node *node;
    int result;

    mount_enter(mount);
    result = node_get_inside(mount, number, &node);
    if (!result) {
        result = read_link(node, target, size);
        node_put(node);
    }
    mount_leave(mount);
    return result;
}

static int check_file(const struct node *node)
{
    switch (node_type(node)) {
    case FS_TYPE_FILE:
        return 0;
    case FS_TYPE_DIRECTORY:
        return -ANOLE_EISDIR;
    default:
        return -ANOLE_EINVAL;
    }
}

int64_t file_read(void *on, uint64_t number, uint64_t position, struct fs_data *data, uint64_t len)
{
    struct node *node;
    int64_t result = node_get(on, number, &node);

    if (result)
        return result;
    result = check_file(node);
    if (!result)
        result = read_data(node, position, data, len);
    node_put(node);
    return result;
}

int64_t file_write(void *on, uint64_t number, uint64_t position, struct fs_data *data, uint64_t len)
{
    struct node *node;
    int64_t result = node_get(on, number, &node);

    if (result)
        return result;
    result = check_file(node);
    if (!result)
        result = write_data(node, position, data, len);
    node_put(node);
    return result;
}

int file_entries(void *on, uint64_t in, uint64_t *cookie,
                 bool (*emit)(void *context, uint64_t node, enum fs_type type, struct fs_name name),
                 void *context)
{
    struct mount *mount = on;
    struct node *directory = NULL;
    int error;

    mount_enter(mount);
    error = directory_get(mount, in, &directory);
    if (!error)
        error = directory_entries(directory, cookie, emit, context);
    if (directory)
        node_put(directory);
    mount_leave(mount);
    return error;
}

static uint64_t at_most(uint64_t number, uint64_t limit)
{
    return number < limit ? number : limit;
}

/* What is reserved for the superuser is no one's to count on, but every program here may take it. */
int file_statvfs(void *on, struct fs_statvfs *statvfs)
{
    const struct mount *mount = on;
    struct ext2_super_block *super = mount->fs->super;
    uint64_t reserved = ext2fs_r_blocks_count(super);

    statvfs->block_size = mount->block_size;
    statvfs->flags = mount->read_only ? FS_MOUNT_READ_ONLY : 0;
    statvfs->blocks = ext2fs_blocks_count(super);
    statvfs->blocks_free = at_most(ext2fs_free_blocks_count(super), statvfs->blocks);
    statvfs->blocks_available = statvfs->blocks_free - at_most(reserved, statvfs->blocks_free);
    statvfs->files = super->s_inodes_count;
    statvfs->files_free = at_most(super->s_free_inodes_count, statvfs->files);
    statvfs->name_max = EXT2_NAME_LEN;
    return 0;
}

/* ---- attributes ---- */

static int set_inside(struct node *node, const struct fs_attributes *attributes)
{
    struct ext2_inode_large *inode = &node->inode;
    int error = node->gone ? -ANOLE_ESTALE : transaction_node(node->mount, node);

    if (error)
        return error;
    if (attributes->set & FS_SET_MODE)
        inode->i_mode = (uint16_t)((inode->i_mode & ~07777u) | (attributes->mode & 07777u));
    if (attributes->set & FS_SET_OWNER) {
        inode->i_uid = (uint16_t)attributes->user;
        inode->osd2.linux2.l_i_uid_high = (uint16_t)(attributes->user >> 16);
        inode->i_gid = (uint16_t)attributes->group;
        inode->osd2.linux2.l_i_gid_high = (uint16_t)(attributes->group >> 16);
    }
    if (attributes->set & FS_SET_TIMES) {
        node_set_time(node, TIME_ACCESSED, attributes->accessed);
        node_set_time(node, TIME_MODIFIED, attributes->modified);
    }
    node_set_time(node, TIME_CHANGED, time_now());
    return mount_commit(node->mount, operation_none(), 0);
}

static int set_attributes(struct node *node, const struct fs_attributes *attributes)
{
    int error = 0;

    if (attributes->set & FS_SET_SIZE) {
        error = check_file(node);
        if (!error)
            error = truncate_data(node, attributes->size);
    }
    if (error || (attributes->set & ~FS_SET_SIZE) == 0)
        return error;
    error = mount_enter_change(node->mount);
    if (error)
        return error;
    error = set_inside(node, attributes);
    mount_leave(node->mount);
    return error;
}

int file_set_attributes(void *on, uint64_t number, const struct fs_attributes *attributes)
{
    struct node *node;
    int error = node_get(on, number, &node);

    if (error)
        return error;
    error = set_attributes(node, attributes);
    node_put(node);
    return error;
}

int file_sync_node(void *on, uint64_t number)
{
    struct node *node;
    int error;

    if (number == 0)
        return mount_flush(on);
    error = node_get(on, number, &node);
    if (error)
        return error;
    error = file_sync(node);
    node_put(node);
    return error;
}

/* ---- open files ---- */

int file_opened(void *on, uint64_t number, uint32_t flags)
{
    struct node *node;
    int error = node_get(on, number, &node);

    (void)flags;
    if (error)
        return error;
    node->opens++;
    node_put(node);
    return 0;
}

void file_closed(void *on, uint64_t number, uint32_t flags)
{
    struct mount *mount = on;
    struct node *node;

    (void)flags;
    if (node_get(mount, number, &node) != 0)
        return;
    if (node->opens > 0)
        node->opens--;
    /* The last one of a file without a name: it goes now. What fails is finished after the next
     * mount. */
    if (node->opens == 0 && node->inode.i_links_count == 0 && !mount->read_only)
        (void)orphan_finish(node);
    node_put(node);
}
