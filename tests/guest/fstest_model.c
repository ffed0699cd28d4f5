/*
 * The tree of the model: see fstest_model.h.
 */
#include "fstest_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_allocate(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes);

    if (memory == NULL) {
        fprintf(stderr, "fstest: no memory for %zu bytes of the model\n", bytes);
        exit(EXIT_FAILURE);
    }
    return memory;
}

struct node *model_node(enum node_kind kind)
{
    struct node *node = must_allocate(NULL, sizeof(*node));

    *node = (struct node){.kind = kind};
    return node;
}

static void node_release(struct node *node)
{
    if (node->names > 0 || node->opens > 0)
        return;
    model_truncate(node, 0);
    free(node->pages);
    free(node->entries);
    free(node->target);
    free(node);
}

struct node *model_make(void)
{
    struct node *outer = model_node(NODE_DIRECTORY), *root = model_node(NODE_DIRECTORY);

    outer->parent = outer;
    model_add(outer, "root", root);
    return root;
}

static void free_below(struct node *directory)
{
    while (directory->entry_count > 0) {
        struct entry *last = &directory->entries[directory->entry_count - 1];

        if (last->node->kind == NODE_DIRECTORY)
            free_below(last->node);
        model_remove(directory, last->name);
    }
}

void model_free(struct node *root)
{
    struct node *outer = root->parent;

    free_below(outer);
    node_release(outer);
}

static struct entry *find(const struct node *directory, const char *name)
{
    for (size_t i = 0; i < directory->entry_count; i++) {
        if (strcmp(directory->entries[i].name, name) == 0)
            return &directory->entries[i];
    }
    return NULL;
}

void model_add(struct node *directory, const char *name, struct node *node)
{
    if (directory->entry_count == directory->entry_room) {
        directory->entry_room = directory->entry_room * 2 + 8;
        directory->entries = must_allocate(directory->entries,
                                           directory->entry_room * sizeof(*directory->entries));
    }
    size_t len = strlen(name);
    char *copy = must_allocate(NULL, len + 1);
    memcpy(copy, name, len + 1);
    directory->entries[directory->entry_count++] = (struct entry){.name = copy, .node = node};
    node->names++;
    if (node->kind == NODE_DIRECTORY)
        node->parent = directory;
}

void model_take(struct node *directory, const char *name)
{
    struct entry *entry = find(directory, name);

    entry->node->names--;
    free(entry->name);
    *entry = directory->entries[--directory->entry_count];
}

void model_remove(struct node *directory, const char *name)
{
    struct node *node = find(directory, name)->node;

    model_take(directory, name);
    node_release(node);
}

void model_open(struct node *node)
{
    node->opens++;
}

void model_close(struct node *node)
{
    node->opens--;
    node_release(node);
}

bool model_is_inside(const struct node *inner, const struct node *directory)
{
    while (inner != directory && inner->parent != inner)
        inner = inner->parent;
    return inner == directory;
}

unsigned model_depth(const struct node *directory)
{
    unsigned depth = 0;

    for (; directory->parent != directory; directory = directory->parent)
        depth++;
    return depth;
}

unsigned model_height(const struct node *node)
{
    unsigned height = 0;

    for (size_t i = 0; i < node->entry_count; i++) {
        unsigned below = model_height(node->entries[i].node);
        height = below > height ? below : height;
    }
    return height + 1;
}

/* The way that is left, while links are put in front of it: each is two names and "../" at most. */
struct way {
    char text[(MODEL_LINKS_MAX + 2) * 2 * (MODEL_NAME_MAX + 4)];
    unsigned links;
};

/* Puts a link's target before what is left. */
static int way_through(struct way *way, const char *target, const char *rest)
{
    static char whole[sizeof(way->text)];
    int len = snprintf(whole, sizeof(whole), "%s%s%s", target, *rest != '\0' ? "/" : "", rest);

    if (++way->links > MODEL_LINKS_MAX)
        return ELOOP;
    if (len < 0 || (size_t)len >= sizeof(whole))
        return ENAMETOOLONG; /* links that this test doesn't make */
    memcpy(way->text, whole, (size_t)len + 1);
    return 0;
}

int model_walk(struct node *root, const char *path, bool follow, struct place *place)
{
    static struct way way;
    struct node *at = root;
    int error;

    way.links = 0;
    snprintf(way.text, sizeof(way.text), "%s", path);
    for (;;) {
        size_t len = strcspn(way.text, "/");
        const char *rest = way.text + len + (way.text[len] == '/');
        struct entry *entry;

        if (at->kind != NODE_DIRECTORY)
            return ENOTDIR;
        memcpy(place->name, way.text, len);
        place->name[len] = '\0';
        place->directory = at;
        entry = find(at, place->name);
        place->node = strcmp(place->name, "..") == 0 ? at->parent : entry ? entry->node : NULL;
        if (place->node != NULL && place->node->kind == NODE_LINK && (*rest != '\0' || follow)) {
            error = way_through(&way, place->node->target, rest);
            if (error != 0)
                return error;
            continue;
        }
        if (*rest == '\0')
            return 0;
        if (place->node == NULL)
            return ENOENT;
        at = place->node;
        memmove(way.text, rest, strlen(rest) + 1);
    }
}
