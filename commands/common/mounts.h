/*
 * The list of mounts.
 */
#ifndef COMMANDS_MOUNTS_H
#define COMMANDS_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>

struct mounts {
    struct mount_entry *list; /* from malloc */
    size_t count;
};

/* false, with errno set. */
bool mounts_read(struct mounts *mounts);
void mounts_free(struct mounts *mounts);

#endif
