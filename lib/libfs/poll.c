/*
 * FS_POLL: what is there now; who finds nothing leaves a doorbell, which is rung once.
 */
#include "internal.h"

#define EVENTS (FS_READABLE | FS_WRITABLE)

static struct waiting_poll *poll_of(const struct kept_file *file)
{
    return &fs_state.polls[file - fs_state.kept->files];
}

void poll_forget(const struct kept_file *file)
{
    *poll_of(file) = (struct waiting_poll){.doorbell = HANDLE_NONE};
}

static uint32_t events_of(const struct mount *mount, uint64_t node)
{
    return mount->ops->poll ? mount->ops->poll(mount->fs, node) : EVENTS;
}

int data_poll(struct request *request, struct kept_file *file)
{
    struct message *message = &request->delivery.message;
    uint64_t wanted = message->word[1];

    if (wanted & ~(uint64_t)EVENTS)
        return -ANOLE_EINVAL;
    message->word[0] = events_of(request->mount, open_of(file)->node) & wanted;
    poll_forget(file);
    if (message->word[0] == 0)
        *poll_of(file) = (struct waiting_poll){.events = (uint32_t)wanted,
                                               .doorbell = message->word[2]};
    return 0;
}

void fs_changed(void *fs, uint64_t node)
{
    for (unsigned i = 0; i < FS_FILES; i++) {
        struct waiting_poll *waiting = &fs_state.polls[i];
        const struct kept_file *file = &fs_state.kept->files[i];
        if (waiting->events == 0 || file->process == 0 || open_of(file)->node != node)
            continue;
        const struct mount *mount = mount_find(open_of(file)->mount);
        if (!mount || mount->fs != fs || !(events_of(mount, node) & waiting->events))
            continue;
        if (waiting->doorbell != HANDLE_NONE)
            (void)ipc_notify(file->process, waiting->doorbell); /* or who waits is gone */
        poll_forget(file);
    }
}
