/*
 * VFS_MOUNT, VFS_UNMOUNT, VFS_SYNC, VFS_MOUNTS. One mount or unmount at a time.
 */
#include "vfs.h"

#include <string.h>

static struct coro_lock changing;

static int may_control(const struct request *request)
{
    struct message message = {.word = {request->process}};
    int error = anole_call(startup_page()->rs, RS_MAY_CONTROL, &message, DEADLINE_NEVER);

    return error ? error : message.word[0] ? 0 : -ANOLE_EPERM;
}

/* Where a path leads to: a directory, and its path without links. */
struct target {
    struct walker walker;
    uint64_t node;
    char path[MOUNT_PATH_LEN];
};

static int target_find(struct request *request, char *real, struct target *target)
{
    struct ask ask = {.type = FS_LOOKUP, .word = {[5] = FS_FOLLOW}};
    struct walker *walker = &target->walker;
    int error = walker_begin(walker, request->text[0], request->len[0]);

    walker->real = real;
    if (!error)
        error = walker_ask(walker, request, &ask);
    if (!error && ask.reply.word[2] != FS_TYPE_DIRECTORY)
        error = -ANOLE_ENOTDIR;
    if (!error && walker->real_len >= sizeof(target->path))
        error = -ANOLE_ENAMETOOLONG;
    if (error)
        return error;
    memcpy(target->path, real, walker->real_len);
    target->path[walker->real_len] = '\0';
    target->node = ask.reply.word[1];
    return 0;
}

static int ask_mount(const struct request *request, const struct mount *mount, uint32_t type,
                     const char *text, struct ask *ask)
{
    *ask = (struct ask){.type = type,
                        .word = {[1] = mount->kept->number, [5] = mount->kept->flags},
                        .first = text,
                        .first_len = strlen(text),
                        .origin = request->process};
    return server_ask(mount_server(mount), ask);
}

static int ask_mountpoint(const struct request *request, const struct mount *parent, uint64_t node,
                          uint64_t on)
{
    struct ask ask = {.type = FS_MOUNTPOINT,
                      .word = {[1] = parent->kept->number, [2] = node, [5] = on},
                      .origin = request->process};
    return server_ask(mount_server(parent), &ask);
}

/* ---- mounting ---- */

/* "vda1", "/dev/vda1" or nothing. */
static int source_of(const struct request *request, char source[MOUNT_SOURCE_LEN])
{
    static const char prefix[] = "/dev/";
    const char *text = request->text[1];
    size_t len = request->len[1];

    if (len > strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0) {
        text += strlen(prefix);
        len -= strlen(prefix);
    }
    if (len >= MOUNT_SOURCE_LEN)
        return -ANOLE_ENODEV;
    if (memchr(text, 0, len) || memchr(text, '/', len))
        return -ANOLE_EINVAL;
    memcpy(source, text, len);
    source[len] = '\0';
    return 0;
}

static int mount_with(struct request *request, const struct target *target, const char *type,
                      const char *source, struct mount **made)
{
    const struct message *message = &request->delivery.message;
    struct mount_plan plan = {.path = target->path,
                              .type = type,
                              .source = source,
                              .parent = target->walker.mount->kept->number,
                              .flags = (uint32_t)message->word[5],
                              .origin = request->process,
                              .operation = message->word[6],
                              .pending = true};
    struct mount *mount;
    struct ask ask;
    int error = mount_add(&plan, &mount);

    if (error)
        return error;
    error = ask_mount(request, mount, FS_MOUNT, source, &ask);
    if (error) {
        mount_drop(mount);
        return error;
    }
    mount->root = ask.reply.word[1];
    mount->flags = (uint32_t)ask.reply.word[3];
    *made = mount;
    return 0;
}

/* Whichever server takes it; one that is away is waited for. */
static int mount_with_any(struct request *request, const struct target *target, const char *source,
                          struct mount **made)
{
    int error = -ANOLE_EINVAL;

    if (source[0] == '\0')
        return error;
    for (struct server *server = server_next(NULL); server && error == -ANOLE_EINVAL;
         server = server_next(server)) {
        char type[RS_NAME_LEN];
        memcpy(type, server->type, sizeof(type));
        error = mount_with(request, target, type, source, made);
    }
    return error;
}

/* The directory leads to the mount from now on. */
static int mount_enter(struct request *request, const struct target *target, struct mount *mount)
{
    struct mount *parent = target->walker.mount;
    struct ask ask;

    mount->covered = target->node;
    int error = ask_mountpoint(request, parent, target->node, 1);
    if (error) {
        (void)ask_mount(request, mount, FS_UNMOUNT, "", &ask); /* nobody has been in it */
        mount_drop(mount);
    } else {
        mount_settle(mount);
    }
    return error;
}

static bool was_mounted(const struct request *request)
{
    uint64_t number = request->delivery.message.word[6];

    for (const struct mount *mount = mount_next(NULL); mount && number != 0;
         mount = mount_next((struct mount *)(uintptr_t)mount))
        if (!mount->kept->pending && mount->kept->origin == request->process &&
            mount->kept->operation == number)
            return true;
    return false;
}

static int mount_locked(struct request *request, const char *type, const char *source)
{
    struct target target;
    struct mount *mount = NULL;

    if (was_mounted(request))
        return 0;
    int error = target_find(request, request->text[1], &target);
    if (!error && target.node == target.walker.mount->root)
        error = -ANOLE_EBUSY;
    if (!error && type[0] && !server_find(type))
        error = -ANOLE_ENODEV;
    if (!error)
        error = type[0] ? mount_with(request, &target, type, source, &mount)
                        : mount_with_any(request, &target, source, &mount);
    return error ? error : mount_enter(request, &target, mount);
}

/* w3-4 type, w5 flags. */
int mount_make(struct request *request)
{
    const struct message *message = &request->delivery.message;
    char type[RS_NAME_LEN], source[MOUNT_SOURCE_LEN];
    int error = may_control(request);

    rs_name_unpack(type, &message->word[3]);
    if (!error && message->word[5] & ~(uint64_t)FS_MOUNT_READ_ONLY)
        error = -ANOLE_EINVAL;
    if (!error)
        error = source_of(request, source);
    if (error)
        return error;
    coro_lock(&changing);
    error = mount_locked(request, type, source);
    coro_unlock(&changing);
    return error;
}

/* ---- unmounting ---- */

static int unmount_locked(struct request *request)
{
    struct target target;
    struct ask ask;

    if (unmount_was_done(request->process, request->delivery.message.word[6]))
        return 0;
    int error = target_find(request, request->text[1], &target);
    if (error)
        return error;
    struct mount *mount = target.walker.mount;
    struct mount *parent = mount_find(mount->kept->parent);
    if (target.node != mount->root)
        return -ANOLE_EINVAL;
    if (!parent || mount_has_children(mount))
        return -ANOLE_EBUSY;
    error = ask_mount(request, mount, FS_UNMOUNT, "", &ask);
    if (error)
        return error;
    uint64_t covered = mount->covered;
    unmount_note(request->process, request->delivery.message.word[6]);
    mount_drop(mount);
    return ask_mountpoint(request, parent, covered, 0);
}

int mount_end(struct request *request)
{
    int error = may_control(request);

    if (error)
        return error;
    coro_lock(&changing);
    error = unmount_locked(request);
    coro_unlock(&changing);
    return error;
}

/* ---- all of them ---- */

int mounts_sync(struct request *request)
{
    int first = 0;

    for (struct mount *mount = mount_next(NULL); mount; mount = mount_next(mount)) {
        struct ask ask;
        const struct server *server = mount_server(mount);
        if (mount->kept->pending || !server || mount->root == 0)
            continue;
        int error = ask_mount(request, mount, FS_SYNC_ALL, "", &ask);
        first = first ? first : error;
    }
    return first;
}

static void describe(const struct mount *mount, struct vfs_mount_info *info)
{
    const struct server *server = server_find(mount->kept->type);

    *info = (struct vfs_mount_info){
        .flags = mount->flags,
        .server = server && server->state != SERVER_AWAY ? server->process : ENDPOINT_NONE,
    };
    memcpy(info->path, mount->kept->path, sizeof(info->path));
    memcpy(info->type, mount->kept->type, sizeof(info->type));
    memcpy(info->source, mount->kept->source, sizeof(info->source));
}

/* w3 grant, w4 offset, w5 bytes -> w0 how many, w1 copied. */
int request_mounts(struct ipc_delivery *request)
{
    static struct vfs_mount_info infos[MOUNTS];
    struct message *message = &request->message;
    uint64_t count = 0, room = message->word[5] / sizeof(infos[0]);

    for (const struct mount *mount = mount_next(NULL); mount;
         mount = mount_next((struct mount *)(uintptr_t)mount))
        if (!mount->kept->pending)
            describe(mount, &infos[count++]);
    uint64_t copied = count < room ? count : room;
    int error = copied == 0 ? 0
                            : kcall_copy(message->endpoint, message->word[3], message->word[4],
                                         infos, copied * sizeof(infos[0]), COPY_TO_GRANT);
    message->word[0] = count;
    message->word[1] = copied;
    return error;
}
