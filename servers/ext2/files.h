/*
 * The operations of ext2_ops (main.c's table), and what they share.
 */
#ifndef EXT2_FILES_H
#define EXT2_FILES_H

#include "ext2.h"

/* ---- files.c ---- */
int file_lookup(void *on, uint64_t in, struct fs_name name, uint64_t *node, enum fs_type *type);
int file_parent(void *on, uint64_t in, uint64_t *parent);
int file_stat(void *on, uint64_t number, struct fs_stat *stat);
int file_readlink(void *on, uint64_t number, char *target, size_t size);
int64_t file_read(void *on, uint64_t number, uint64_t position, struct fs_data *data, uint64_t len);
int64_t file_write(void *on, uint64_t number, uint64_t position, struct fs_data *data,
                   uint64_t len);
int file_entries(void *on, uint64_t in, uint64_t *cookie,
                 bool (*emit)(void *context, uint64_t node, enum fs_type type, struct fs_name name),
                 void *context);
int file_statvfs(void *on, struct fs_statvfs *statvfs);
int file_set_attributes(void *on, uint64_t number, const struct fs_attributes *attributes);
int file_sync_node(void *on, uint64_t number);
int file_opened(void *on, uint64_t number, uint32_t flags);
void file_closed(void *on, uint64_t number, uint32_t flags);

/* ---- namespace.c ---- */
int entry_create(void *on, struct fs_operation operation, uint64_t in, struct fs_name name,
                 const struct fs_new *what, uint64_t *node);
int entry_link(void *on, struct fs_operation operation, uint64_t number, uint64_t in,
               struct fs_name name);
int entry_remove(void *on, struct fs_operation operation, uint64_t in, struct fs_name name,
                 bool is_directory);
int entry_rename(void *on, struct fs_operation operation, uint64_t from, struct fs_name name,
                 uint64_t to, struct fs_name new_name);

/* ---- inside mount_enter (namespace.c) ---- */

/* -ANOLE_ENOTDIR; *directory is NULL after an error. */
int directory_get(struct mount *mount, uint64_t number, struct node **directory);
/* The file that an entry of a directory means, held. */
int node_from_entry(struct node *directory, const struct place *place, struct node **node);
int file_named(struct node *directory, struct fs_name name, struct node **node);

#endif
