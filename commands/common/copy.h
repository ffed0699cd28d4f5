/*
 * Copies and removes files and trees, for cp, mv and rm.
 */
#ifndef COMMANDS_COPY_H
#define COMMANDS_COPY_H

#include <stdbool.h>

struct copy {
    const char *program; /* for complaints */
    bool trees;          /* directories, too, with all that is in them */
    bool keep;           /* mode and times, as for a move */
};

/* Copies what source names (symbolic links as links if trees) to target, which is overwritten if it is
 * a file. false: something failed, which was said. */
bool copy_path(const struct copy *copy, const char *source, const char *target);
/* Removes a tree. false: something failed, which was said. */
bool remove_tree(const char *program, const char *path);

#endif
