/*
 * What a tree of files ought to be: directories, files with every byte, symbolic and hard links, in
 * memory.
 */
#ifndef FSTEST_MODEL_H
#define FSTEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_NAME_MAX 255u
#define MODEL_LINKS_MAX 40u /* symbolic links on one way */

enum node_kind { NODE_FILE, NODE_DIRECTORY, NODE_LINK };

struct page;
struct node;

struct entry {
    char *name;
    struct node *node;
};

/* It lives while it has names or is open. */
struct node {
    enum node_kind kind;
    unsigned names, opens;

    uint64_t size; /* of a file */
    struct page **pages;
    size_t page_count, page_room;

    struct node *parent; /* of a directory */
    struct entry *entries;
    size_t entry_count, entry_room;

    char *target; /* of a symbolic link */
};

/* Where a path leads. */
struct place {
    struct node *directory;
    char name[MODEL_NAME_MAX + 1];
    struct node *node; /* NULL: that name isn't there */
};

/* A directory, and around it one that only holds it, so that ".." leads somewhere. */
struct node *model_make(void);
void model_free(struct node *root);

/* 0 or ENOENT, ENOTDIR, ELOOP. With follow, a symbolic link at the end is followed, too, to where it
 * leads although nothing may be there. */
int model_walk(struct node *root, const char *path, bool follow, struct place *place);

struct node *model_node(enum node_kind kind);
void model_add(struct node *directory, const char *name, struct node *node);
/* Takes the name away; the node goes if that was its last, and it isn't open. */
void model_remove(struct node *directory, const char *name);
/* The name only: the node is put somewhere else. */
void model_take(struct node *directory, const char *name);
void model_open(struct node *node);
void model_close(struct node *node);

/* Whether `inner` is the directory itself or in it. */
bool model_is_inside(const struct node *inner, const struct node *directory);
/* How far below the root it lies, and how far it reaches down. */
unsigned model_depth(const struct node *directory);
unsigned model_height(const struct node *node);

void model_write(struct node *file, uint64_t position, const uint8_t *bytes, size_t len);
/* Zeroes where nothing was written, and behind the end. */
void model_read(const struct node *file, uint64_t position, uint8_t *bytes, size_t len);
/* Where the first page that lies at position or behind begins; UINT64_MAX: there is none. */
uint64_t model_next_page(const struct node *file, uint64_t position);
void model_truncate(struct node *file, uint64_t size);

/* malloc that ends the program with a message when there is none. */
void *must_allocate(void *old, size_t bytes);

#endif
