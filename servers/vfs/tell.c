/*
 * What a file server is told when it comes, or comes back: its mounts by their numbers, and which of
 * their directories have something mounted on them. Only this server is asked, so that two that have
 * mounts in each other don't wait for each other.
 */
#include "vfs.h"

#include <string.h>

#define DIRECTORIES 16u

static const char *directories[DIRECTORIES];
static unsigned directory_count;

void tell_directory(const char *path)
{
    if (directory_count == DIRECTORIES)
        panic("more than %u directories to be made", DIRECTORIES);
    directories[directory_count++] = path;
}

static struct ask telling(uint32_t type, const struct mount *mount, const char *text)
{
    return (struct ask){
        .type = type,
        .word = {[1] = mount->kept->number},
        .first = text,
        .first_len = strlen(text),
        .telling = true,
    };
}

static int tell_mount(struct server *server, struct mount *mount)
{
    struct ask ask = telling(FS_MOUNT, mount, mount->kept->source);

    ask.word[5] = mount->kept->flags;
    int error = server_ask(server, &ask);
    if (!error) {
        mount->root = ask.reply.word[1];
        mount->flags = (uint32_t)ask.reply.word[3];
    }
    return error;
}

/* Makes the directory of that path in the mount, and those above it. */
static int make_directories(struct server *server, const struct mount *mount, const char *path)
{
    int error = 0;

    for (size_t len = 1; !error && len <= strlen(path); len++) {
        if (path[len] != '/' && path[len] != '\0')
            continue;
        struct ask ask = telling(FS_MAKE, mount, path);
        ask.first_len = len;
        ask.word[5] = FS_MODE(FS_TYPE_DIRECTORY, 0755);
        error = server_ask(server, &ask);
        if (error == -ANOLE_EEXIST)
            error = 0;
    }
    return error;
}

/* The child's path inside its parent. */
static const char *path_inside(const struct mount *parent, const struct mount *child)
{
    size_t skip = strcmp(parent->kept->path, "/") == 0 ? 0 : strlen(parent->kept->path);

    return child->kept->path + skip;
}

static int covered_find(struct server *server, const struct mount *parent, const char *path,
                        uint64_t *node)
{
    struct ask ask = telling(FS_LOOKUP, parent, path);
    int error = server_ask(server, &ask);
    uint64_t left = ask.reply.word[6];

    if (error)
        return error;
    /* It may know already that something is mounted there. */
    *node = left == (FS_WALK_MOUNT | (uint64_t)strlen(path) << 8) ? ask.reply.word[5]
            : left == 0                                           ? ask.reply.word[1]
                                                                  : 0;
    return *node ? 0 : -ANOLE_EIO;
}

static int tell_mountpoint(struct server *server, const struct mount *parent, struct mount *child)
{
    const char *path = path_inside(parent, child);
    uint64_t node;
    int error = covered_find(server, parent, path, &node);

    if (error == -ANOLE_ENOENT) { /* the directory went with the server's memory */
        error = make_directories(server, parent, path);
        if (!error)
            error = covered_find(server, parent, path, &node);
    }
    if (error)
        return error;
    child->covered = node;
    struct ask ask = telling(FS_MOUNTPOINT, parent, "");
    ask.word[2] = node;
    ask.word[5] = 1;
    return server_ask(server, &ask);
}

/* A mount that was being made when the last vfs died: whoever wanted it asks again. */
static void undo_pending(struct server *server, struct mount *mount)
{
    struct ask ask = telling(FS_UNMOUNT, mount, "");

    (void)server_ask(server, &ask); /* nothing else leads to it */
    mount_drop(mount);
}

static int tell_mounts(struct server *server)
{
    int error = 0;

    for (struct mount *mount = mount_next(NULL); mount; mount = mount_next(mount)) {
        if (strcmp(mount->kept->type, server->type) != 0 || mount->making)
            continue;
        error = tell_mount(server, mount);
        if (error == -ANOLE_EDEADENDPOINT)
            return error;
        if (mount->kept->pending)
            undo_pending(server, mount);
        else if (error)
            log_printf(LOG_ERROR, "%s can't be mounted again: %s", mount->kept->path,
                       anole_error_text(error));
    }
    return 0;
}

static int tell_mountpoints(struct server *server)
{
    for (struct mount *child = mount_next(NULL); child; child = mount_next(child)) {
        const struct mount *parent = mount_find(child->kept->parent);
        if (!parent || child->kept->pending || strcmp(parent->kept->type, server->type) != 0)
            continue;
        int error = tell_mountpoint(server, parent, child);
        if (error == -ANOLE_EDEADENDPOINT)
            return error;
        if (error)
            log_printf(LOG_ERROR, "nothing leads to %s any more: %s", child->kept->path,
                       anole_error_text(error));
    }
    return 0;
}

static int tell_directories(struct server *server)
{
    const struct mount *root = mount_root();
    int error = 0;

    if (!root || strcmp(root->kept->type, server->type) != 0)
        return 0;
    for (unsigned i = 0; i < directory_count && !error; i++)
        error = make_directories(server, root, directories[i]);
    return error;
}

void tell(void *argument)
{
    struct server *server = argument;
    unsigned epoch = server->epoch;
    int error = tell_mounts(server);

    if (!error)
        error = tell_directories(server);
    if (!error)
        error = tell_mountpoints(server);
    if (error && error != -ANOLE_EDEADENDPOINT)
        log_printf(LOG_ERROR, "the file server %s: %s", server->service, anole_error_text(error));
    /* Another instance may have come meanwhile: it is told by a coroutine of its own. */
    if (server->epoch == epoch && server->state == SERVER_COMES)
        server->state = SERVER_READY;
}
