/*
 * Parents that aren't programs (the shell, for one): pm isn't their creator, so it watches them to
 * learn of their death. All watches ring one bit; who is dead is asked then.
 */
#include "pm.h"
#include <libanole/anole.h>

int parent_watch(endpoint_t parent)
{
    struct pm_parent *room = NULL;
    for (unsigned i = 0; i < PM_PARENTS; i++) {
        if (pm.parents[i].watch == HANDLE_NONE) {
            room = &pm.parents[i];
        } else if (pm.parents[i].process == parent) {
            return 0;
        }
    }
    if (!room) {
        return -ANOLE_ENOSPC;
    }
    int error = kcall_watch(parent, PARENT_BIT, &room->watch);
    if (error) {
        room->watch = HANDLE_NONE;
        return error;
    }
    room->process = parent;
    return 0;
}

void parents_check(void (*gone)(endpoint_t parent))
{
    for (unsigned i = 0; i < PM_PARENTS; i++) {
        if (pm.parents[i].watch != HANDLE_NONE && !endpoint_is_alive(pm.parents[i].process)) {
            (void)kcall_close(pm.parents[i].watch); /* the kernel may have closed it already */
            pm.parents[i].watch = HANDLE_NONE;
            gone(pm.parents[i].process);
        }
    }
}
