/*
 * Requests of vfs about mounts.
 */
#include "internal.h"

#include <string.h>

/* The source as a string. */
static int source_of(const struct request *request, char source[FS_SOURCE_LEN])
{
    const char *text = first_text(request);

    if (request->first_len >= FS_SOURCE_LEN)
        return -ANOLE_ENAMETOOLONG;
    if (memchr(text, 0, request->first_len))
        return -ANOLE_EINVAL;
    memcpy(source, text, request->first_len);
    source[request->first_len] = '\0';
    return 0;
}

/* Two mounts of one source would each have a cache of their own. */
static bool is_mounted(const struct fs_ops *ops, const char *source)
{
    for (unsigned i = 0; i < FS_MOUNTS; i++) {
        const struct mount *mount = &fs_state.mounts[i];
        if ((mount->kept->number != 0 || mount->busy) && mount->ops == ops && source[0] &&
            strcmp(mount->kept->source, source) == 0)
            return true;
    }
    return false;
}

static void answer(struct request *request, const struct mount *mount)
{
    request->message.word[1] = mount->root;
    request->message.word[3] = mount->flags;
    request->message.word[6] = 0;
}

/* The entry is taken (busy) while the file system's mount() may wait. */
static int mount_start(struct mount *mount, uint32_t number, const char *type, const char *source,
                       uint32_t flags)
{
    struct kept_mount *kept = mount->kept;

    mount->ops = type_find(type);
    mount->flags = flags;
    mount->mountpoint_count = 0;
    *kept = (struct kept_mount){.flags = flags};
    memcpy(kept->type, type, strlen(type));
    memcpy(kept->source, source, strlen(source));
    mount->busy++;
    int error = mount->ops->mount(number, source, &mount->flags, &mount->fs, &mount->root);
    mount->busy--;
    mount->up = error == 0;
    atomic_signal_fence(memory_order_seq_cst); /* a successor goes by the number */
    if (!error)
        kept->number = number;
    return error;
}

int mount_make(struct request *request)
{
    struct message *message = &request->message;
    uint64_t number = message->word[1], flags = message->word[5];
    char source[FS_SOURCE_LEN];
    int error = source_of(request, source);

    if (!error && (number == 0 || number > UINT32_MAX || flags & ~(uint64_t)FS_MOUNT_READ_ONLY))
        error = -ANOLE_EINVAL;
    if (error)
        return error;
    struct mount *mount = mount_find((uint32_t)number);
    if (mount && !mount->up) /* the last instance had it, and this one couldn't */
        error = mount_start(mount, (uint32_t)number, request->channel->type, source,
                            (uint32_t)flags);
    if (!mount) {
        if (is_mounted(type_find(request->channel->type), source))
            return -ANOLE_EBUSY;
        mount = mount_free();
        error = mount ? mount_start(mount, (uint32_t)number, request->channel->type, source,
                                    (uint32_t)flags)
                      : -ANOLE_ENOMEM;
    }
    if (!error)
        answer(request, mount);
    return error;
}

int mount_end(struct request *request, struct mount *mount)
{
    wait_buried(); /* who unmounts after a program's end finds none of its files */
    if (mount_has_files(mount) || mount->busy > 1 || mount->mountpoint_count > 0)
        return -ANOLE_EBUSY;
    mount->up = false; /* who comes now is too late */
    int error = mount->ops->unmount ? mount->ops->unmount(mount->fs) : 0;
    mount->up = error != 0;
    if (!error)
        mount->kept->number = 0;
    request->message.word[6] = 0;
    return error;
}

int mount_statvfs(struct request *request, struct mount *mount)
{
    struct fs_statvfs statvfs = {.block_size = 4096, .name_max = FS_NAME_MAX};
    struct walk walked;
    int error = walk(request, mount, WALK_FOLLOW, &walked);

    if (error || walked.left)
        return error ? error : walk_elsewhere(request, &walked);
    if (mount->ops->statvfs)
        error = mount->ops->statvfs(mount->fs, &statvfs);
    statvfs.flags = mount->flags;
    memset(statvfs.type, 0, sizeof(statvfs.type));
    memset(statvfs.source, 0, sizeof(statvfs.source));
    memcpy(statvfs.type, mount->kept->type, strnlen(mount->kept->type, sizeof(statvfs.type) - 1));
    memcpy(statvfs.source, mount->kept->source,
           strnlen(mount->kept->source, sizeof(statvfs.source) - 1));
    memcpy(first_text(request), &statvfs, sizeof(statvfs));
    request->first_out = sizeof(statvfs);
    request->message.word[6] = 0;
    return error;
}

int mount_sync(struct request *request, struct mount *mount)
{
    request->message.word[6] = 0;
    return mount->ops->sync ? mount->ops->sync(mount->fs, 0) : 0;
}

/* w2 node, w5 1: walks end there; 0: no more. */
int mount_mountpoint(struct request *request, struct mount *mount)
{
    struct message *message = &request->message;
    unsigned i = 0;

    message->word[6] = 0;
    while (i < mount->mountpoint_count && mount->mountpoints[i] != message->word[2])
        i++;
    if (message->word[5] == 1) {
        if (i == FS_MOUNTPOINTS)
            return -ANOLE_ENOMEM;
        mount->mountpoints[i] = message->word[2];
        mount->mountpoint_count += i == mount->mountpoint_count;
    } else if (i < mount->mountpoint_count) {
        mount->mountpoints[i] = mount->mountpoints[--mount->mountpoint_count];
    }
    return 0;
}
