/*
 * The memory file system "mem". Its files are in this server's own memory and end with it.
 *
 *   mem.c    the operations of lib/libfs/server.h
 *   node.c   the table of nodes: what a number means
 *   pages.c  the bytes of files
 *   names.c  directories
 */
#ifndef MEMFS_MEM_H
#define MEMFS_MEM_H

#include <libfs/server.h>

struct mem;
struct mem_entry;

/* The bytes of a file: pages that were written, in chunks; what isn't there reads as zeroes. */
#define MEM_PAGE 4096u
#define MEM_CHUNK_PAGES 512u
#define MEM_SIZE_MAX ((uint64_t)64 << 30)
struct mem_chunk {
    char *page[MEM_CHUNK_PAGES];
};
struct mem_bytes {
    struct mem_chunk **chunks;
    uint32_t chunk_count; /* room in `chunks` */
    uint64_t size;
    uint64_t pages; /* that are there */
};

/* Entries in the order in which they were made: each has a cookie of its own. */
struct mem_directory {
    struct mem_entry *first, *last;
    uint64_t next_cookie;
    uint64_t parent;
    uint32_t directories; /* of the entries */
};

struct mem_node {
    uint64_t number; /* index | generation << 32 */
    struct mem *mem; /* NULL: free */
    uint32_t mode;
    uint32_t links;
    uint32_t user, group;
    uint32_t opens;
    int64_t accessed, modified, changed;
    union {
        struct mem_bytes bytes;
        struct mem_directory directory;
        struct {
            char *text;
            size_t len;
        } link;
    };
    struct mem_node *next; /* of the free ones, or of its mount's */
    struct mem_node *previous;
};

/* A mount. */
struct mem {
    struct mem_node *nodes;
    uint64_t root;
    uint64_t node_count;
};

extern const struct fs_ops mem_ops;

/* ---- node.c ---- */
struct mem_node *node_of(struct mem *mem, uint64_t number); /* NULL: it means none any more */
struct mem_node *node_make(struct mem *mem, uint32_t mode); /* no links yet; NULL: no memory */
/* Frees it if nothing leads to it and nobody has it open. */
void node_look(struct mem_node *node);
void node_free(struct mem_node *node);
int64_t mem_now(void);
void node_changed(struct mem_node *node); /* modified and changed now */
uint64_t nodes_left(void);

/* ---- pages.c ---- */
/* How many bytes all files together may have. */
void pages_limit(uint64_t bytes);
uint64_t pages_left(void);
uint64_t pages_total(void);
int64_t bytes_read(struct mem_bytes *bytes, uint64_t position, struct fs_data *data, uint64_t len);
int64_t bytes_write(struct mem_bytes *bytes, uint64_t position, struct fs_data *data, uint64_t len);
int bytes_resize(struct mem_bytes *bytes, uint64_t size);

/* ---- names.c ---- */
struct mem_entry {
    struct mem_entry *next, *previous; /* of its directory */
    struct mem_entry *bucket_next;
    struct mem_node *directory;
    struct mem_node *node;
    uint64_t cookie;
    uint16_t len;
    char name[];
};
struct mem_entry *entry_find(const struct mem_node *directory, struct fs_name name);
/* The node has one more link. -ENOMEM. */
int entry_add(struct mem_node *directory, struct fs_name name, struct mem_node *node);
/* ... one less; the node may be gone after it. */
void entry_remove(struct mem_entry *entry);

#endif
