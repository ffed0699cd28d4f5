/*
 * The list of mounts: see mounts.h.
 */
#include "mounts.h"

#include <stdlib.h>

#define FIRST_ROOM 16u

bool mounts_read(struct mounts *mounts)
{
    size_t room = FIRST_ROOM;

    *mounts = (struct mounts){0};
    for (;;) {
        struct mount_entry *list = realloc(mounts->list, room * sizeof(*list));
        int count = list != NULL ? mount_entries(list, room) : -1;

        mounts->list = list != NULL ? list : mounts->list;
        if (count < 0) {
            mounts_free(mounts);
            return false;
        }
        if ((size_t)count <= room) {
            mounts->count = (size_t)count;
            return true;
        }
        room = (size_t)count;
    }
}

void mounts_free(struct mounts *mounts)
{
    free(mounts->list);
    *mounts = (struct mounts){0};
}
