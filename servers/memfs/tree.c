/*
 * Trees of files: see tree.h.
 */
#include "tree.h"

#include "mem.h"

#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

int tree_make(struct tree *tree)
{
    tree->made = mem_now();
    if (tree->count > 0)
        return 0;
    return tree_add(tree, 1, "/", 1, FS_MODE(FS_TYPE_DIRECTORY, 0555)) ? 0 : -ANOLE_ENOMEM;
}

uint64_t tree_add(struct tree *tree, uint64_t parent, const char *name, size_t len, uint32_t mode)
{
    if (tree->count == tree->room) {
        unsigned room = tree->room == 0 ? 32 : tree->room * 2;
        struct tree_file *grown = realloc(tree->files, room * sizeof(*grown));
        if (!grown)
            return 0;
        tree->files = grown;
        tree->room = room;
    }
    struct tree_file *file = &tree->files[tree->count++];
    *file = (struct tree_file){.parent = parent, .mode = mode};
    memcpy(file->name, name, len < TREE_NAME_LEN ? len : TREE_NAME_LEN - 1);
    return tree->count;
}

struct tree_file *tree_file(struct tree *tree, uint64_t node)
{
    return node > 0 && node <= tree->count && tree->files[node - 1].name[0] ? &tree->files[node - 1]
                                                                            : NULL;
}

struct tree_file *tree_find(struct tree *tree, uint64_t parent, struct fs_name name)
{
    for (unsigned i = 1; i < tree->count; i++) {
        struct tree_file *file = &tree->files[i];
        if (file->parent == parent && strlen(file->name) == name.len &&
            memcmp(file->name, name.text, name.len) == 0)
            return file;
    }
    return NULL;
}

static uint64_t number_of(const struct tree *tree, const struct tree_file *file)
{
    return (uint64_t)(file - tree->files) + 1;
}

static int directory_check(struct tree *tree, uint64_t node)
{
    const struct tree_file *file = tree_file(tree, node);

    if (!file)
        return -ANOLE_ESTALE;
    return FS_MODE_TYPE(file->mode) == FS_TYPE_DIRECTORY ? 0 : -ANOLE_ENOTDIR;
}

int tree_lookup(void *mount, uint64_t directory, struct fs_name name, uint64_t *node,
                enum fs_type *type)
{
    struct tree *tree = mount;
    int error = directory_check(tree, directory);

    if (error)
        return error;
    if (tree->refresh)
        tree->refresh(tree);
    const struct tree_file *file = tree_find(tree, directory, name);
    if (!file)
        return -ANOLE_ENOENT;
    *node = number_of(tree, file);
    *type = FS_MODE_TYPE(file->mode);
    return 0;
}

int tree_parent(void *mount, uint64_t directory, uint64_t *parent)
{
    int error = directory_check(mount, directory);

    if (!error)
        *parent = tree_file(mount, directory)->parent;
    return error;
}

int tree_stat(void *mount, uint64_t node, struct fs_stat *stat)
{
    struct tree *tree = mount;
    const struct tree_file *file = tree_file(tree, node);

    if (!file)
        return -ANOLE_ESTALE;
    *stat = (struct fs_stat){
        .node = node,
        .mode = file->mode,
        .links = FS_MODE_TYPE(file->mode) == FS_TYPE_DIRECTORY ? 2 : 1,
        .block_size = 4096,
        .size = file->size,
        .blocks = (file->size + 511) / 512,
        .accessed = tree->made,
        .modified = tree->made,
        .changed = tree->made,
    };
    return 0;
}

int tree_entries(void *mount, uint64_t directory, uint64_t *cookie,
                 bool (*emit)(void *context, uint64_t node, enum fs_type type, struct fs_name name),
                 void *context)
{
    struct tree *tree = mount;
    int error = directory_check(tree, directory);

    if (error)
        return error;
    if (tree->refresh)
        tree->refresh(tree);
    for (*cookie = *cookie ? *cookie : 1; *cookie < tree->count; ++*cookie) {
        const struct tree_file *file = &tree->files[*cookie];
        struct fs_name name = {file->name, strlen(file->name)};
        if (file->parent == directory && name.len > 0 &&
            !emit(context, *cookie + 1, FS_MODE_TYPE(file->mode), name))
            break;
    }
    return 0;
}

int64_t tree_read(const void *bytes, uint64_t len, uint64_t position, struct fs_data *data,
                  uint64_t wanted)
{
    uint64_t there = position < len ? len - position : 0;

    if (wanted > there)
        wanted = there;
    int error = fs_data_to_client(data, 0, (const char *)bytes + position, wanted);
    return error ? error : (int64_t)wanted;
}
