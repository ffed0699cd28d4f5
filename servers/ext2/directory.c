/*
 * Directories: blocks full of entries, each with its length; what an entry doesn't use is room for
 * another one. A name goes where the index of names (names.c) says that there is room.
 *
 * A directory with an htree is read like any other: its inner nodes look like unused entries.
 * Before a name is added its tree is given up, as ext2 has always done (the flag goes, and inner
 * nodes become entries); e2fsck -D makes a new one. Names removed from its leaves leave the tree
 * valid.
 */
#include "ext2.h"

#define ENTRY_HEADER 8u
#define TAIL_LEN 12u /* of blocks with checksums, at their end */

uint32_t entry_len(size_t name_len)
{
    return (uint32_t)(ENTRY_HEADER + name_len + 3) & ~3u;
}

static bool has_checksums(const struct mount *mount)
{
    return ext2fs_has_feature_metadata_csum(mount->fs->super);
}

uint32_t entries_end(const struct mount *mount)
{
    return mount->block_size - (has_checksums(mount) ? TAIL_LEN : 0);
}

uint64_t directory_blocks(const struct node *directory)
{
    return node_size(directory) / directory->mount->block_size;
}

/* ---- entries in a block ---- */

static int entry_corrupt(struct node *directory, uint32_t offset)
{
    (void)mount_corrupt(directory->mount, "directory %u has an entry at %u that isn't valid",
                        directory->ino, offset);
    return -ANOLE_EIO;
}

int entry_at(struct node *directory, const uint8_t *data, uint32_t offset, struct entry *entry)
{
    ext2_filsys fs = directory->mount->fs;
    uint32_t size = directory->mount->block_size;
    struct ext2_dir_entry *on_disk;
    unsigned len;
    unsigned name_len;

    if (offset == size)
        return 0;
    if (offset > size - ENTRY_HEADER)
        return entry_corrupt(directory, offset);
    on_disk = (struct ext2_dir_entry *)(void *)(uintptr_t)(data + offset);
    if (ext2fs_get_rec_len(fs, on_disk, &len) != 0)
        return entry_corrupt(directory, offset);
    name_len = (unsigned)ext2fs_dirent_name_len(on_disk);
    if (len < ENTRY_HEADER || len % 4 || len > size - offset ||
        on_disk->inode > fs->super->s_inodes_count ||
        (on_disk->inode != 0 && (name_len == 0 || entry_len(name_len) > len)))
        return entry_corrupt(directory, offset);
    *entry = (struct entry){
        .offset = offset,
        .len = len,
        .ino = on_disk->inode,
        .name = {.text = on_disk->name, .len = name_len},
        .type = ext2fs_has_feature_filetype(fs->super) ? (uint8_t)ext2fs_dirent_file_type(on_disk)
                                                       : EXT2_FT_UNKNOWN,
    };
    return 1;
}

static const uint8_t TYPES_ON_DISK[] = {
    [FS_TYPE_FIFO] = EXT2_FT_FIFO,     [FS_TYPE_CHARACTER] = EXT2_FT_CHRDEV,
    [FS_TYPE_DIRECTORY] = EXT2_FT_DIR, [FS_TYPE_BLOCK] = EXT2_FT_BLKDEV,
    [FS_TYPE_FILE] = EXT2_FT_REG_FILE, [FS_TYPE_LINK] = EXT2_FT_SYMLINK,
    [FS_TYPE_SOCKET] = EXT2_FT_SOCK,
};

enum fs_type directory_type(uint8_t on_disk)
{
    for (unsigned i = 0; i < sizeof(TYPES_ON_DISK); i++)
        if (on_disk != EXT2_FT_UNKNOWN && TYPES_ON_DISK[i] == on_disk)
            return (enum fs_type)i;
    return (enum fs_type)0;
}

static void put_entry(struct mount *mount, uint8_t *data, const struct entry *entry)
{
    struct ext2_dir_entry *on_disk = (struct ext2_dir_entry *)(void *)(data + entry->offset);

    on_disk->inode = entry->ino;
    (void)ext2fs_set_rec_len(mount->fs, entry->len, on_disk);
    on_disk->name_len = (uint16_t)entry->name.len;
    if (ext2fs_has_feature_filetype(mount->fs->super))
        ext2fs_dirent_set_file_type(on_disk, entry->type);
    memcpy(on_disk->name, entry->name.text, entry->name.len);
}

static uint8_t type_on_disk(enum fs_type type)
{
    return (unsigned)type < sizeof(TYPES_ON_DISK) ? TYPES_ON_DISK[type] : EXT2_FT_UNKNOWN;
}

/* ---- blocks ---- */

int directory_block(struct node *directory, uint64_t n, bool verify, const uint8_t **data,
                    uint64_t *disk)
{
    struct mount *mount = directory->mount;
    struct ext2_inode inode;
    struct run run;
    int error = map_find_inside(directory, n, &run);

    if (error)
        return error;
    if (run.disk == 0 || run.unwritten) {
        (void)mount_corrupt(mount, "directory %u has a hole", directory->ino);
        return -ANOLE_EIO;
    }
    *disk = run.disk;
    /* The checksum depends on the inode: it is at hand in libext2fs then, and the block's data
     * isn't lost while it is looked for. */
    if (verify && has_checksums(mount))
        error = error_from(mount, ext2fs_read_inode(mount->fs, directory->ino, &inode), "an inode");
    if (!error)
        error = metadata_read(mount, run.disk, data);
    if (!error && verify &&
        !ext2fs_dir_block_csum_verify(mount->fs, directory->ino,
                                      (struct ext2_dir_entry *)(void *)(uintptr_t)*data))
        error = mount_corrupt(mount, "directory %u, block %llu: its checksum is wrong",
                              directory->ino, (unsigned long long)n);
    return error;
}

static int change_block(struct node *directory, uint64_t n, uint8_t **data)
{
    const uint8_t *now;
    uint64_t disk;
    int error = directory_block(directory, n, false, &now, &disk);

    return error ? error : metadata_change(directory->mount, disk, 0, data);
}

/* After the last change of a block. */
static int seal(struct node *directory, uint8_t *data)
{
    struct mount *mount = directory->mount;

    return error_from(
        mount,
        ext2fs_dir_block_csum_set(mount->fs, directory->ino, (struct ext2_dir_entry *)(void *)data),
        "a directory");
}

static void put_tail(struct mount *mount, uint8_t *data)
{
    if (has_checksums(mount))
        ext2fs_initialize_dirent_tail(
            mount->fs, (struct ext2_dir_entry_tail *)(void *)(data + entries_end(mount)));
}

/* ---- searching ---- */

static bool same_name(struct fs_name a, struct fs_name b)
{
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static void set_place(struct place *place, uint64_t block, const struct entry *entry)
{
    *place = (struct place){
        .block = block, .offset = entry->offset, .ino = entry->ino, .type = entry->type};
}

static int find_in_block(struct node *directory, uint64_t n, struct fs_name name,
                         struct place *place)
{
    const uint8_t *data;
    uint64_t disk;
    struct entry entry;
    int more = directory_block(directory, n, true, &data, &disk);

    if (more)
        return more;
    for (uint32_t offset = 0; (more = entry_at(directory, data, offset, &entry)) > 0;) {
        if (entry.ino != 0 && same_name(entry.name, name)) {
            set_place(place, n, &entry);
            return 0;
        }
        offset += entry.len;
    }
    return more < 0 ? more : -ANOLE_ENOENT;
}

static int find_indexed(struct node *directory, struct fs_name name, struct place *place)
{
    uint64_t cursor = 0;
    uint64_t block;
    uint32_t offset;

    while (names_next(directory, name, &cursor, &block, &offset)) {
        const uint8_t *data;
        uint64_t disk;
        struct entry entry;
        int error = directory_block(directory, block, false, &data, &disk);

        if (error)
            return error;
        if (entry_at(directory, data, offset, &entry) != 1)
            return entry_corrupt(directory, offset);
        if (entry.ino != 0 && same_name(entry.name, name)) {
            set_place(place, block, &entry);
            return 0;
        }
    }
    return -ANOLE_ENOENT;
}

int directory_find(struct node *directory, struct fs_name name, struct place *place)
{
    int error = names_open(directory);

    if (!error)
        return find_indexed(directory, name, place);
    if (error != -ANOLE_ENOMEM)
        return error;
    error = -ANOLE_ENOENT;
    for (uint64_t n = 0; n < directory_blocks(directory) && error == -ANOLE_ENOENT; n++)
        error = find_in_block(directory, n, name, place);
    return error;
}

int directory_parent(struct node *directory, struct place *place)
{
    int error = find_in_block(directory, 0, (struct fs_name){.text = "..", .len = 2}, place);

    if (error == -ANOLE_ENOENT)
        return mount_corrupt(directory->mount, "directory %u has no \"..\"", directory->ino);
    return error;
}

static bool is_dots(struct fs_name name)
{
    return (name.len == 1 && name.text[0] == '.') ||
           (name.len == 2 && name.text[0] == '.' && name.text[1] == '.');
}

int directory_is_empty(struct node *directory)
{
    for (uint64_t n = 0; n < directory_blocks(directory); n++) {
        const uint8_t *data;
        uint64_t disk;
        struct entry entry;
        int more = directory_block(directory, n, true, &data, &disk);

        if (more)
            return more;
        for (uint32_t offset = 0; (more = entry_at(directory, data, offset, &entry)) > 0;) {
            if (entry.ino != 0 && !is_dots(entry.name))
                return 0;
            offset += entry.len;
        }
        if (more < 0)
            return more;
    }
    return 1;
}

/* From one block, of which this is a copy: 1: go on, 0: emit wants no more, or an error. */
static int emit_block(struct node *directory, const uint8_t *data, uint64_t n, uint64_t *cookie,
                      bool (*emit)(void *context, uint64_t node, enum fs_type type,
                                   struct fs_name name),
                      void *context)
{
    uint32_t size = directory->mount->block_size;
    struct entry entry;
    int more;

    for (uint32_t offset = 0; (more = entry_at(directory, data, offset, &entry)) > 0;) {
        uint64_t node;
        int error;

        offset += entry.len;
        if (n * size + entry.offset < *cookie || entry.ino == 0 || is_dots(entry.name))
            continue;
        *cookie = n * size + entry.offset;
        error = node_number_of(directory->mount, entry.ino, &node);
        if (error)
            return error;
        if (!emit(context, node, directory_type(entry.type), entry.name))
            return 0;
    }
    *cookie = (n + 1) * size;
    return more < 0 ? more : 1;
}

/* A cookie is the place of an entry, which stays where it is until it is removed. */
int directory_entries(struct node *directory, uint64_t *cookie,
                      bool (*emit)(void *context, uint64_t node, enum fs_type type,
                                   struct fs_name name),
                      void *context)
{
    uint32_t size = directory->mount->block_size;
    uint8_t *copy = malloc(size);
    int more = copy ? 1 : -ANOLE_ENOMEM;

    for (uint64_t n = *cookie / size; more > 0 && n < directory_blocks(directory); n++) {
        const uint8_t *data;
        uint64_t disk;
        int error = directory_block(directory, n, true, &data, &disk);

        if (error) {
            more = error;
            break;
        }
        memcpy(copy, data, size);
        more = emit_block(directory, copy, n, cookie, emit, context);
    }
    free(copy);
    return more < 0 ? more : 0;
}

/* ---- changes ---- */

/* Bytes of an entry that another one may have. */
static uint32_t entry_room(const struct mount *mount, const struct entry *entry)
{
    uint32_t used = entry->ino ? entry_len(entry->name.len) : 0;
    uint32_t end = entries_end(mount);

    if (entry->offset >= end)
        return 0; /* the checksum, which looks like an unused entry */
    return entry->len - used;
}

/* Puts the entry into a block's first gap; *room: the largest gap that is left. -ANOLE_ENOSPC. */
static int insert_into(struct node *directory, uint8_t *data, struct entry *new, uint32_t *room)
{
    struct mount *mount = directory->mount;
    uint32_t need = entry_len(new->name.len);
    struct entry entry;
    bool placed = false;
    int more;

    *room = 0;
    for (uint32_t offset = 0; (more = entry_at(directory, data, offset, &entry)) > 0;) {
        uint32_t gap = entry_room(mount, &entry);

        offset += entry.len;
        if (!placed && gap >= need) {
            uint32_t used = entry.len - gap;

            placed = true;
            new->offset = entry.offset + used;
            new->len = gap;
            if (used > 0) {
                entry.len = used;
                (void)ext2fs_set_rec_len(mount->fs, used,
                                         (struct ext2_dir_entry *)(void *)(data + entry.offset));
            }
            put_entry(mount, data, new);
            gap -= need;
        }
        if (gap > *room)
            *room = gap;
    }
    if (more < 0)
        return more;
    return placed ? 0 : -ANOLE_ENOSPC;
}

static int insert_in_block(struct node *directory, uint64_t n, struct entry *new)
{
    uint8_t *data;
    uint32_t room;
    int error = change_block(directory, n, &data);

    if (error)
        return error;
    error = insert_into(directory, data, new, &room);
    names_set_room(directory, n, room);
    if (error)
        return error;
    error = seal(directory, data);
    if (!error)
        names_add(directory, new->name, n, new->offset);
    return error;
}

/* One more block, with one unused entry. */
static int add_block(struct node *directory, uint64_t *n)
{
    struct mount *mount = directory->mount;
    struct run run = {.file = directory_blocks(directory), .count = 1};
    struct entry unused = {.len = entries_end(mount), .name = {.text = "", .len = 0}};
    struct run before;
    uint64_t goal = ext2fs_group_first_block2(
        mount->fs, (dgrp_t)ext2fs_group_of_ino(mount->fs, directory->ino));
    uint8_t *data;
    int error;

    *n = run.file;
    if (run.file >= map_limit(directory))
        return -ANOLE_ENOSPC;
    if (run.file > 0 && map_find_inside(directory, run.file - 1, &before) == 0 && before.disk)
        goal = before.disk + 1;
    error = file_extend(directory, goal, &run);
    if (!error)
        error = metadata_change(mount, run.disk, CACHE_ZERO, &data);
    if (error)
        return error;
    put_entry(mount, data, &unused);
    put_tail(mount, data);
    node_set_size(directory, (run.file + 1) * mount->block_size);
    map_forget(directory); /* the next look at it is in this transaction */
    names_set_room(directory, *n, unused.len);
    return 0;
}

/* An inner node of an htree becomes a block of entries. */
static int flatten_block(struct node *directory, uint64_t n)
{
    struct mount *mount = directory->mount;
    const uint8_t *now;
    uint64_t disk;
    uint8_t *data;
    struct entry entry;
    uint32_t offset = 0;
    int error = directory_block(directory, n, false, &now, &disk);

    if (!error && entry_at(directory, now, 0, &entry) != 1)
        error = -ANOLE_EIO;
    if (!error && n == 0) { /* the root: its tree is behind ".." */
        offset = entry.len;
        if (entry_at(directory, now, offset, &entry) != 1)
            error = -ANOLE_EIO;
    }
    if (error || offset + entry.len != mount->block_size || (n > 0 && entry.ino != 0))
        return error; /* a leaf, or a root without checksums */
    error = metadata_change(mount, disk, 0, &data);
    if (error)
        return error;
    (void)ext2fs_set_rec_len(mount->fs, entries_end(mount) - offset,
                             (struct ext2_dir_entry *)(void *)(data + offset));
    put_tail(mount, data);
    return seal(directory, data);
}

static int flatten(struct node *directory)
{
    directory->inode.i_flags &= ~(uint32_t)EXT2_INDEX_FL;
    if (!has_checksums(directory->mount))
        return 0;
    for (uint64_t n = 0; n < directory_blocks(directory); n++) {
        int error = flatten_block(directory, n);

        if (error)
            return error;
    }
    return 0;
}

int directory_insert(struct node *directory, struct fs_name name, uint32_t ino, enum fs_type type)
{
    struct entry new = {.ino = ino, .name = name, .type = type_on_disk(type)};
    uint64_t n = 0;
    int error = transaction_node(directory->mount, directory);

    if (!error && (directory->inode.i_flags & EXT2_INDEX_FL)) {
        names_close(directory);
        error = flatten(directory);
    }
    if (!error)
        error = names_open(directory);
    if (error == 0) {
        if (names_room(directory, entry_len(name.len), &n))
            return insert_in_block(directory, n, &new);
    } else {
        for (error = -ANOLE_ENOSPC; error == -ANOLE_ENOSPC && n < directory_blocks(directory); n++)
            error = insert_in_block(directory, n, &new);
        if (error != -ANOLE_ENOSPC)
            return error;
    }
    error = add_block(directory, &n);
    return error ? error : insert_in_block(directory, n, &new);
}

/* The room of a removed entry goes to the one before it in its block. */
int directory_remove(struct node *directory, struct fs_name name, const struct place *place)
{
    struct mount *mount = directory->mount;
    uint8_t *data;
    struct entry entry = {0};
    struct entry before = {0};
    uint32_t room = 0;
    uint32_t offset = 0;
    int error = transaction_node(mount, directory);

    if (!error)
        error = change_block(directory, place->block, &data);
    if (error)
        return error;
    while (offset < place->offset) {
        if (entry_at(directory, data, offset, &before) != 1)
            return entry_corrupt(directory, offset);
        offset += before.len;
    }
    if (offset != place->offset || entry_at(directory, data, offset, &entry) != 1)
        return entry_corrupt(directory, place->offset);
    ((struct ext2_dir_entry *)(void *)(data + offset))->inode = 0;
    if (before.len > 0) {
        before.len += entry.len;
        (void)ext2fs_set_rec_len(mount->fs, before.len,
                                 (struct ext2_dir_entry *)(void *)(data + before.offset));
        room = entry_room(mount, &before);
    } else {
        room = entry.len;
    }
    names_remove(directory, name, place->block, place->offset);
    names_raise_room(directory, place->block, room);
    return seal(directory, data);
}

int directory_replace(struct node *directory, const struct place *place, uint32_t ino,
                      enum fs_type type)
{
    struct mount *mount = directory->mount;
    uint8_t *data;
    struct entry entry;
    int error = transaction_node(mount, directory);

    if (!error)
        error = change_block(directory, place->block, &data);
    if (!error && entry_at(directory, data, place->offset, &entry) != 1)
        error = entry_corrupt(directory, place->offset);
    if (error)
        return error;
    entry.ino = ino;
    entry.type = type_on_disk(type);
    put_entry(mount, data, &entry);
    return seal(directory, data);
}

int directory_begin(struct node *directory, uint32_t parent)
{
    struct mount *mount = directory->mount;
    struct entry self = {.ino = directory->ino,
                         .len = entry_len(1),
                         .name = {.text = ".", .len = 1},
                         .type = EXT2_FT_DIR};
    struct entry up = {.offset = self.len,
                       .len = entries_end(mount) - self.len,
                       .ino = parent,
                       .name = {.text = "..", .len = 2},
                       .type = EXT2_FT_DIR};
    uint64_t n;
    uint8_t *data;
    int error = add_block(directory, &n);

    if (!error)
        error = change_block(directory, n, &data);
    if (error)
        return error;
    put_entry(mount, data, &self);
    put_entry(mount, data, &up);
    return seal(directory, data);
}
