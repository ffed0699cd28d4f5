/*
 * Walks a tree: see walk.h. The way down is a list on the heap, with the names that are left on each
 * level.
 */
#include "walk.h"

#include "files.h"
#include "names.h"

#include <errno.h>
#include <stdlib.h>

struct level {
    struct level *up;
    char *path;
    struct stat status;
    struct names names;
    size_t next;
};

static struct level *level_enter(struct level *up, char *path, const struct stat *status)
{
    struct level *level = calloc(1, sizeof(*level));

    if (level == NULL)
        return NULL;
    *level = (struct level){.up = up, .path = path, .status = *status};
    if (names_read(&level->names, path))
        return level;
    free(level);
    return NULL;
}

static struct level *level_leave(struct level *level)
{
    struct level *up = level->up;

    names_free(&level->names);
    free(level->path);
    free(level);
    return up;
}

/* Visits path, which is freed, or goes down into it: the level to go on at. */
static struct level *arrive(const struct walk *walk, struct level *level, char *path, bool *well)
{
    struct stat status;
    struct level *below;

    if (lstat(path, &status) != 0) {
        if (errno != ENOENT || level == NULL)
            *well = complain(walk->program, path);
    } else if (!S_ISDIR(status.st_mode)) {
        *well = walk->visit(walk->context, WALK_OTHER, path, &status) && *well;
    } else if (!walk->visit(walk->context, WALK_ENTER, path, &status)) {
        *well = false;
    } else if ((below = level_enter(level, path, &status)) != NULL) {
        return below;
    } else {
        *well = complain(walk->program, path);
    }
    free(path);
    return level;
}

bool walk_tree(const struct walk *walk, const char *path)
{
    bool well = true;
    char *first = path_join("", path);

    if (first == NULL)
        return complain(walk->program, path);
    struct level *level = arrive(walk, NULL, first, &well);
    while (level != NULL) {
        if (level->next == level->names.count) {
            well = walk->visit(walk->context, WALK_LEAVE, level->path, &level->status) && well;
            level = level_leave(level);
            continue;
        }
        const char *name = level->names.list[level->next++];
        char *below = path_join(level->path, name);
        if (below == NULL)
            well = complain(walk->program, name);
        else
            level = arrive(walk, level, below, &well);
    }
    return well;
}
