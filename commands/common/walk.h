/*
 * Walks a tree of directories without recursion: as deep as memory lasts.
 */
#ifndef COMMANDS_WALK_H
#define COMMANDS_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

enum walk_when {
    WALK_ENTER, /* a directory, before what is in it; false: don't go in, and no WALK_LEAVE */
    WALK_LEAVE, /* the directory again, after what is in it */
    WALK_OTHER, /* anything else; symbolic links are not followed */
};

struct walk {
    const char *program; /* for complaints */
    /* false: it failed, and has complained. The walk goes on with the next. */
    bool (*visit)(void *context, enum walk_when when, const char *path, const struct stat *status);
    void *context;
};

/* Visits path and all below it. Names that are gone when their turn comes are passed over, but for the
 * first. false: a visit failed, or something can't be read, which was said. */
bool walk_tree(const struct walk *walk, const char *path);

#endif
