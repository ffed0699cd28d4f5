/*
 * The ext2 server's parts. Metadata goes through libext2fs, whose I/O manager stands on the block
 * cache; file data goes between clients and the cache directly.
 *
 * Who looks at metadata on the disk or changes it holds the mount's lock (mount_enter ..
 * mount_leave). What only looks at nodes that are here, and moves data of blocks whose place is
 * known, takes no lock: it looks again after each wait (struct node.version).
 *
 * Every number that comes from the disk is checked where it is used. What is found wrong makes the
 * mount read-only until it is checked on the host (mount_corrupt).
 */
#ifndef EXT2_EXT2_H
#define EXT2_EXT2_H

#include "cache.h"
#include "config.h"

#include <anole/error.h>
#include <ext2fs/ext2fs.h>
#include <libcoro/coro.h>
#include <libfs/server.h>
#include <stdarg.h>

struct mount;
struct names;
struct place_of_mount;

/* ---- where a file's blocks are (map.c) ---- */

/* disk 0: a hole. count is never 0. */
struct run {
    uint64_t file, disk, count; /* in blocks */
    bool unwritten;             /* has blocks, but reads as zeroes */
};

/* Runs that are known, sorted, none overlapping: only what is committed. */
struct map {
    struct run *runs;
    unsigned count, room;
};

/* ---- files (node.c) ---- */

struct node {
    struct node *next;          /* in its bucket */
    struct node *newer, *older; /* those that nobody holds or has open */
    struct mount *mount;
    uint32_t ino;
    unsigned opens;     /* libfs's */
    unsigned holds;     /* of operations that run */
    bool gone;          /* its inode is free */
    bool times_changed; /* in memory, not yet in the inode table */
    unsigned version;   /* of where its blocks are: another one after blocks were taken from it */
    struct coro_lock change; /* who writes or cuts; taken before the mount's lock */
    struct map map;
    struct names *names;             /* of a directory that is in use, or NULL */
    uint64_t dirty_first, dirty_end; /* blocks that may have to be written by sync */
    uint64_t next_position;    /* of who reads on; how far ahead that is read, in bytes, and */
    uint64_t ahead, ahead_end; /* up to where it was */
    struct ext2_inode_large inode;
};

#define NODE_BUCKETS 1024u

/* ---- changes (transaction.c) ---- */

struct block_change {
    uint64_t block, count;
    bool used;
};
struct inode_change {
    uint32_t ino;
    bool is_directory, used;
};
struct node_change {
    struct node *node;
    struct ext2_inode_large before;
};

#define TRANSACTION_NODES 8u

struct transaction {
    bool open; /* of the cache */
    int error; /* of a callback */
    struct block_change *blocks;
    unsigned block_count, block_room;
    struct inode_change inode;
    bool inode_changed;
    struct node_change nodes[TRANSACTION_NODES];
    unsigned node_count;
    uint32_t *groups; /* each once */
    unsigned group_count, group_room;
    uint64_t *written; /* metadata blocks, each once */
    unsigned written_count, written_room;
};

/* Metadata blocks that were changed since they were last made durable. */
#define CHANGED_MAX 4096u
struct changed {
    uint64_t *blocks; /* hashed; 0: none */
    unsigned count;
    bool all; /* too many to know */
};

struct mount {
    char disk[16];
    uint32_t number;
    bool read_only;
    bool corrupt; /* which was said once */
    bool orphans_pending;
    uint64_t root;
    uint32_t block_size;
    struct cache *cache;
    struct place_of_mount *place;
    ext2_filsys fs;
    ext2fs_block_bitmap reserved; /* blocks that can belong to no file */
    struct coro_lock lock, sync_lock, orphan_lock;
    struct transaction transaction;
    struct changed changed;
    struct ext2_super_block super; /* as committed */
    uint8_t *groups;               /* likewise, the descriptors */
    struct node *buckets[NODE_BUCKETS];
    struct node idle; /* its newer: the oldest; its older: the newest */
    unsigned idle_count;
    unsigned names_count; /* in all indexes */
};

/* ---- mounting (mount.c, places.c) ---- */

/* Where a mount's cache is: a part of the kept region. */
struct place_of_mount {
    void *memory;
    size_t memory_len;
    unsigned notify_bit;
    uint64_t age_us;
    struct cache *cache; /* for the service's loop, also while it is being opened */
    char disk[16];       /* "": nothing is mounted here */
};

/* On an error nothing is left. */
int mount_open(struct place_of_mount *place, uint32_t number, uint32_t *flags,
               struct mount **mount);
int mount_close(struct mount *mount);
/* Frees it; what wasn't written may be lost. */
void mount_discard(struct mount *mount);
/* The number of the root's node. */
uint64_t mount_root(const struct mount *mount);
/* The features that this server doesn't know, as one line. Empty: it knows all. */
void features_unknown(const struct ext2_super_block *super, bool writing, char *text, size_t size);

extern const struct fs_ops ext2_ops;

#define PLACES 4u
#define PLACE_BITS 2u /* of notifications */
/* Divides the memory. Bits from first_bit on are theirs. */
void places_init(void *memory, size_t len, unsigned first_bit, uint64_t age_us);
void places_notified(uint64_t bits);
void places_step(void);
uint64_t places_deadline(void);

/* ---- I/O for libext2fs (io.c) ---- */

extern struct struct_io_manager ext2_io_manager;
/* Whose channel the I/O manager opens next. */
void io_open_for(struct mount *mount);

/* ANOLE's error for libext2fs's. What means that the disk's contents are wrong makes the mount
 * read-only. */
int error_from(struct mount *mount, errcode_t error, const char *what);
/* Says it in the log, and makes the mount read-only: -ANOLE_EIO. */
__attribute__((format(printf, 2, 3))) int mount_corrupt(struct mount *mount, const char *format,
                                                        ...);

/* ---- transactions ---- */

void mount_enter(struct mount *mount);
/* Finishes the orphans that an earlier instance left, unless it is done: before anything else is
 * changed. */
void mount_finish_orphans(struct mount *mount);
/* What it does for them. */
int mount_enter_clearing(struct mount *mount);
/* The same to change something: -ANOLE_EROFS, -ANOLE_EIO, and nothing began. */
int mount_enter_change(struct mount *mount);
/* All that was changed becomes true at once, or an error: then mount_leave undoes it. Afterwards
 * only mount_leave may follow. */
int mount_commit(struct mount *mount, struct fs_operation operation, uint64_t value);
void mount_leave(struct mount *mount);

/* A block of metadata as it is now (waits); checked to be on the disk. */
int metadata_read(struct mount *mount, uint64_t block, const uint8_t **data);
/* To be changed; flags: CACHE_ZERO or 0. */
int metadata_change(struct mount *mount, uint64_t block, unsigned flags, uint8_t **data);
/* This node's inode is about to be changed: it is written by the commit, or undone. */
int transaction_node(struct mount *mount, struct node *node);
/* The transaction is large enough: the rest should be done in another one. */
bool transaction_large(const struct mount *mount);
/* Noted to be written, or undone (allocate.c). */
int transaction_group(struct mount *mount, uint32_t group);
int transaction_blocks(struct mount *mount, uint64_t block, uint64_t count, bool used);
/* No request is answered with this change alone. */
static inline struct fs_operation operation_none(void)
{
    return (struct fs_operation){0};
}

/* ---- allocation (allocate.c) ---- */

void allocate_watch(struct mount *mount);
/* A run of free blocks, at most `want`, at `goal` or after. -ANOLE_ENOSPC. */
int blocks_take(struct mount *mount, uint64_t goal, uint64_t want, uint64_t *block,
                uint64_t *count);
int blocks_give(struct mount *mount, uint64_t block, uint64_t count);
/* Whether these may belong to a file. */
bool blocks_valid(const struct mount *mount, uint64_t block, uint64_t count);
int inode_take(struct mount *mount, uint32_t near, bool is_directory, uint32_t *ino);
int inode_give(struct mount *mount, uint32_t ino, bool is_directory);

/* ---- bitmaps (bitmaps.c); inside ---- */

/* All of them into memory, unless they are there: before anything is changed. */
int bitmaps_load(struct mount *mount);
/* As the bitmap in memory, or on the disk, says. */
int inode_used(struct mount *mount, uint32_t ino, bool *used);
/* A flag of the group's that says that there is nothing on the disk yet. Groups without checksums
 * have none. */
static inline bool group_uninitialized(ext2_filsys fs, uint32_t group, uint16_t flag)
{
    return ext2fs_has_group_desc_csum(fs) && ext2fs_bg_flags_test(fs, group, flag);
}

/* ---- nodes ---- */

uint64_t node_number(const struct node *node);
/* The node, held until node_put. Waits. -ANOLE_ESTALE. */
int node_get(struct mount *mount, uint64_t number, struct node **node);
/* The same inside mount_enter. */
int node_get_inside(struct mount *mount, uint64_t number, struct node **node);
/* By inode number, inside: what a directory names, or an orphan. */
int node_get_ino(struct mount *mount, uint32_t ino, bool orphan, struct node **node);
/* A new one, with a new generation; its inode is zero but for that. Inside, part of the
 * transaction. */
int node_new(struct mount *mount, uint32_t near, uint32_t mode, struct node **node);
void node_put(struct node *node);
/* Of an inode that nobody has loaded: its generation. */
int node_number_of(struct mount *mount, uint32_t ino, uint64_t *number);
void nodes_free(struct mount *mount);
struct ext2_inode *node_inode(struct node *node);
enum fs_type node_type(const struct node *node);
uint64_t node_size(const struct node *node);
void node_set_size(struct node *node, uint64_t size);
bool node_is_directory(const struct node *node);
/* A symbolic link whose target is in its inode, where blocks would be. */
bool link_is_short(const struct node *node);
int node_store(struct node *node);
void node_stat(const struct node *node, struct fs_stat *stat);

/* Nanoseconds since 1970. */
int64_t time_now(void);
enum node_time { TIME_ACCESSED, TIME_MODIFIED, TIME_CHANGED, TIME_CREATED };
void node_set_time(struct node *node, enum node_time which, int64_t ns);

/* ---- maps ---- */

/* The run that `block` is in, from it on. Takes the mount's lock if it isn't known. Waits. */
int map_find(struct node *node, uint64_t block, struct run *run);
/* The same inside mount_enter. */
int map_find_inside(struct node *node, uint64_t block, struct run *run);
/* Only if it is known. */
bool map_known(const struct node *node, uint64_t block, struct run *run);
/* These are committed. */
void map_add(struct node *node, const struct run *run);
void map_forget(struct node *node);
/* The first block number that a file of this kind can't have. */
uint64_t map_limit(const struct node *node);
/* ---- changes of maps (extents.c, indirect.c): inside, the node is in the transaction ---- */

/* Appends blocks to the mapping at a hole. */
int extents_add(struct node *node, const struct run *run);
/* Blocks of an unwritten run become written. */
int extents_written(struct node *node, uint64_t block, uint64_t count);
/* Gives blocks back from the end down to `first`; 1: the transaction is large, more is left. */
int extents_cut(struct node *node, uint64_t first);
int extents_load(struct node *node, uint64_t block);
void extents_init(struct node *node);
/* Takes blocks for the hole at run->file and maps them, as file_extend. */
int indirect_extend(struct node *node, uint64_t goal, struct run *run);
int indirect_cut(struct node *node, uint64_t first);
int indirect_load(struct node *node, uint64_t block);
uint64_t indirect_limit(const struct mount *mount);
static inline bool node_has_extents(const struct node *node)
{
    return node->inode.i_flags & EXT4_EXTENTS_FL;
}
/* Inside: takes blocks for the hole at run->file, at most run->count, and maps them; *run is what
 * it got. -ANOLE_ENOSPC: nothing was changed, or the transaction can't be committed any more. */
int file_extend(struct node *node, uint64_t goal, struct run *run);
int file_count_blocks(struct node *node, int64_t change);

/* ---- data (data.c, write.c, sync.c) ---- */

int64_t read_data(struct node *node, uint64_t position, struct fs_data *data, uint64_t len);
int64_t write_data(struct node *node, uint64_t position, struct fs_data *data, uint64_t len);
int truncate_data(struct node *node, uint64_t size);
/* Blocks that sync may have to write. */
void data_dirty(struct node *node, uint64_t first, uint64_t end);

int file_sync(struct node *node);
int mount_flush(struct mount *mount);
int changed_open(struct mount *mount);
/* Metadata that was committed. */
void changed_add(struct mount *mount, uint64_t block);

/* ---- files that lose their blocks (orphan.c) ---- */

/* Inside: gives back the blocks from `first` on; 1: more is left for another transaction. */
int file_cut(struct node *node, uint64_t first);
/* Inside: the last name went. 1: orphan_finish must follow. */
int file_unnamed(struct node *node);
/* Inside: what is to be finished later, also by the next instance or by e2fsck. */
int orphan_add(struct node *node);
/* Inside: it isn't any more. */
int orphan_remove(struct node *node);
/* Cuts it to its size, or frees it if it has no name and nobody has it open, in as many
 * transactions as it takes. */
int orphan_finish(struct node *node);
/* The same for who holds node->change already. */
int file_finish(struct node *node);
void orphans_clear(struct mount *mount);

/* ---- directories (directory.c, names.c); all inside ---- */

struct place {
    uint64_t block; /* of the directory */
    uint32_t offset;
    uint32_t ino;
    uint8_t type; /* as on the disk */
};
/* -ANOLE_ENOENT. */
int directory_find(struct node *directory, struct fs_name name, struct place *place);
int directory_insert(struct node *directory, struct fs_name name, uint32_t ino, enum fs_type type);
int directory_remove(struct node *directory, struct fs_name name, const struct place *place);
/* The entry comes to mean another file. */
int directory_replace(struct node *directory, const struct place *place, uint32_t ino,
                      enum fs_type type);
int directory_is_empty(struct node *directory); /* 1, 0, or an error */
int directory_begin(struct node *directory, uint32_t parent);
int directory_parent(struct node *directory, struct place *place);
int directory_entries(struct node *directory, uint64_t *cookie,
                      bool (*emit)(void *context, uint64_t node, enum fs_type type,
                                   struct fs_name name),
                      void *context);
enum fs_type directory_type(uint8_t on_disk);

/* An entry on the disk, checked: offset, whole length and name are inside the block. */
struct entry {
    uint32_t offset, len, ino;
    struct fs_name name;
    uint8_t type;
};
/* The entry at `offset`: 1, 0: the block's end, or an error. */
int entry_at(struct node *directory, const uint8_t *data, uint32_t offset, struct entry *entry);
/* Block n of a directory and where it is. verify: its checksum. */
int directory_block(struct node *directory, uint64_t n, bool verify, const uint8_t **data,
                    uint64_t *disk);
/* Bytes that an entry with a name of this length takes. */
uint32_t entry_len(size_t name_len);
/* Where entries end in a block. */
uint32_t entries_end(const struct mount *mount);
uint64_t directory_blocks(const struct node *directory);

/* The index of a directory's names, in memory: made at its first use, kept up to date. */
int names_open(struct node *directory); /* -ANOLE_ENOMEM: it has none; it is searched instead */
void names_close(struct node *directory);
/* Candidates one after another, from *cursor (0 at first) on. */
bool names_next(const struct node *directory, struct fs_name name, uint64_t *cursor,
                uint64_t *block, uint32_t *offset);
void names_add(struct node *directory, struct fs_name name, uint64_t block, uint32_t offset);
void names_remove(struct node *directory, struct fs_name name, uint64_t block, uint32_t offset);
/* A block with room for len bytes, from *block on. */
bool names_room(const struct node *directory, uint32_t len, uint64_t *block);
void names_set_room(struct node *directory, uint64_t block, uint32_t room);
/* There is a gap of that length; there may be larger ones. */
void names_raise_room(struct node *directory, uint64_t block, uint32_t room);

#endif
