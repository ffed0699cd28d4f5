/*
 * Parents that aren't programs (the shell, for one): pm isn't their creator, so it watches them to
 * learn of their death. All watches ring one bit; who is dead is asked then.
 */
#include "pm.h"
#include <libanole/anole.h>

static struct {
    endpoint_t parent;
    handle_t watch; /* HANDLE_NONE: a free entry */
} parents[PM_PARENTS];

int parent_watch(endpoint_t parent)
{
    unsigned room = PM_PARENTS;
    for (unsigned i = 0; i < PM_PARENTS; i++) {
        if (parents[i].watch == HANDLE_NONE) {
            room = i;
        } else if (parents[i].parent == parent) {
            return 0;
        }
    }
    if (room == PM_PARENTS) {
        return -ANOLE_ENOSPC;
    }
    int error = kcall_watch(parent, PARENT_BIT, &parents[room].watch);
    if (!error) {
        parents[room].parent = parent;
    }
    return error;
}

void parents_check(void (*gone)(endpoint_t parent))
{
    for (unsigned i = 0; i < PM_PARENTS; i++) {
        endpoint_t process;
        unsigned id;
        if (parents[i].watch != HANDLE_NONE &&
            kcall_endpoint_info(parents[i].parent, &process, &id) != 0) {
            (void)kcall_close(parents[i].watch); /* the kernel may have closed it already */
            parents[i].watch = HANDLE_NONE;
            gone(parents[i].parent);
        }
    }
}
