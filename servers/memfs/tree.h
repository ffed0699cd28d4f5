/*
 * What the views have in common ("boot", "dev", "proc"): a tree of files whose names a table has. A node's
 * number is its place in the table plus 1; the root is the first one.
 */
#ifndef MEMFS_TREE_H
#define MEMFS_TREE_H

#include <libfs/server.h>

#define TREE_NAME_LEN 32u

struct tree_file {
    char name[TREE_NAME_LEN]; /* "": gone */
    uint64_t parent;
    uint32_t mode;
    uint64_t size;
    uint64_t what; /* the view's own */
};

struct tree {
    struct tree_file *files;
    unsigned count;
    unsigned room;
    void (*refresh)(struct tree *tree); /* before anybody looks; NULL: it is always the same */
    int64_t made;                       /* when, for everybody's times */
};

extern const struct fs_ops boot_ops, dev_ops, proc_ops;

/* The root alone. */
int tree_make(struct tree *tree);
/* One more; its number, or 0: no memory. */
uint64_t tree_add(struct tree *tree, uint64_t parent, const char *name, size_t len, uint32_t mode);
struct tree_file *tree_file(struct tree *tree, uint64_t node);
struct tree_file *tree_find(struct tree *tree, uint64_t parent, struct fs_name name);
/* What a read gives of len bytes of text. */
int64_t tree_read(const void *bytes, uint64_t len, uint64_t position, struct fs_data *data,
                  uint64_t wanted);

/* Operations; the mount is the tree. */
int tree_lookup(void *mount, uint64_t directory, struct fs_name name, uint64_t *node,
                enum fs_type *type);
int tree_parent(void *mount, uint64_t directory, uint64_t *parent);
int tree_stat(void *mount, uint64_t node, struct fs_stat *stat);
int tree_entries(void *mount, uint64_t directory, uint64_t *cookie,
                 bool (*emit)(void *context, uint64_t node, enum fs_type type, struct fs_name name),
                 void *context);

#endif
