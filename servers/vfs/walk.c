/*
 * Paths over mounts. A file server walks as far as the path lies in it; where a link, a mount point or
 * ".." above its root leads elsewhere, the walk goes on from there, here.
 */
#include "vfs.h"

#include <string.h>

#define STEPS_MAX 256u /* of a walk that a file server could make endless */

int walker_begin(struct walker *walker, char *path, size_t len)
{
    struct mount *root = mount_root();

    if (len == 0 || !root)
        return -ANOLE_ENOENT;
    if (path[0] != '/' || memchr(path, 0, len))
        return -ANOLE_EINVAL;
    *walker = (struct walker){.mount = root, .path = path, .len = len};
    return 0;
}

/* ---- the way that was walked ---- */

static void real_up(struct walker *walker)
{
    while (walker->real_len > 0 && walker->real[--walker->real_len] != '/')
        ;
}

static int real_name(struct walker *walker, const char *name, size_t len)
{
    if (len == 0 || (len == 1 && name[0] == '.'))
        return 0;
    if (len == 2 && memcmp(name, "..", 2) == 0) {
        real_up(walker);
        return 0;
    }
    if (len + 1 > FS_PATH_MAX - 1 - walker->real_len)
        return -ANOLE_ENAMETOOLONG;
    walker->real[walker->real_len++] = '/';
    memcpy(walker->real + walker->real_len, name, len);
    walker->real_len += len;
    return 0;
}

/* No link is in the first len bytes of the path: ".." goes back one name. */
static int real_add(struct walker *walker, size_t len)
{
    int error = 0;

    if (!walker->real)
        return 0;
    for (size_t at = 0; at < len && !error;) {
        size_t end = at;
        while (end < len && walker->path[end] != '/')
            end++;
        error = real_name(walker, walker->path + at, end - at);
        at = end + 1;
    }
    return error;
}

/* The bytes of the path before the last name that was walked. */
static size_t before_last(const struct walker *walker, size_t walked)
{
    while (walked > 0 && walker->path[walked - 1] == '/')
        walked--;
    while (walked > 0 && walker->path[walked - 1] != '/')
        walked--;
    return walked;
}

/* ---- going on ---- */

/* The path becomes text and what is left of it after `walked` bytes. */
static int path_replace(struct walker *walker, const char *text, size_t len, size_t walked)
{
    size_t rest = walker->len - walked;

    if (len + rest >= FS_PATH_MAX)
        return -ANOLE_ENAMETOOLONG;
    memmove(walker->path + len, walker->path + walked, rest);
    memcpy(walker->path, text, len);
    walker->len = len + rest;
    return 0;
}

static int into_mount(struct walker *walker, uint64_t node, size_t walked)
{
    struct mount *mount = mount_on(walker->mount, node);
    int error = mount ? real_add(walker, walked) : -ANOLE_EIO;

    if (error)
        return error;
    walker->mount = mount;
    walker->node = 0;
    return path_replace(walker, "", 0, walked);
}

static int above_root(struct walker *walker, size_t walked)
{
    struct mount *mount = mount_find(walker->mount->kept->parent);
    int error = real_add(walker, before_last(walker, walked));

    if (error)
        return error;
    if (!mount) { /* above the root of all is the root */
        walker->node = 0;
        if (walker->real)
            walker->real_len = 0;
        return path_replace(walker, "", 0, walked);
    }
    walker->node = walker->mount->covered;
    walker->mount = mount;
    return path_replace(walker, "..", 2, walked);
}

static int through_link(struct walker *walker, const struct ask *ask, size_t walked)
{
    uint64_t len = ask->reply.word[4];

    if (++walker->links > VFS_LINKS_MAX)
        return -ANOLE_ELOOP;
    if (len == 0 || len >= FS_PATH_MAX || memchr(ask->target, 0, len))
        return -ANOLE_EIO;
    int error = real_add(walker, before_last(walker, walked));
    if (error)
        return error;
    if (ask->target[0] == '/') {
        walker->mount = mount_root();
        walker->node = 0;
        walker->real_len = 0;
    } else {
        walker->node = ask->reply.word[5];
    }
    return walker->mount ? path_replace(walker, ask->target, len, walked) : -ANOLE_ENOENT;
}

static int go_on(struct walker *walker, const struct ask *ask)
{
    uint64_t walked = ask->reply.word[6] >> 8;

    if (++walker->steps > STEPS_MAX)
        return -ANOLE_ELOOP;
    if (walked == 0 || walked > walker->len)
        return -ANOLE_EIO;
    switch (ask->reply.word[6] & 0xff) {
    case FS_WALK_MOUNT:
        return into_mount(walker, ask->reply.word[5], walked);
    case FS_WALK_UP:
        return above_root(walker, walked);
    case FS_WALK_LINK:
        return through_link(walker, ask, walked);
    default:
        return -ANOLE_EIO;
    }
}

int walker_ask(struct walker *walker, struct request *request, struct ask *ask)
{
    const uint64_t flags = ask->word[5], other = ask->word[6];
    int error = 0;

    ask->origin = request->process;
    ask->number = request->delivery.message.word[6];
    ask->target = request->target;
    for (;;) {
        ask->word[1] = walker->mount->kept->number;
        ask->word[2] = walker->node;
        ask->word[5] = flags;
        ask->word[6] = other;
        ask->first = walker->path;
        ask->first_len = walker->len;
        error = server_ask(mount_server(walker->mount), ask);
        if (error)
            return error;
        if (ask->reply.word[6] == 0)
            return real_add(walker, walker->len);
        error = go_on(walker, ask);
        if (error)
            return error;
    }
}

int path_split(const char *path, size_t *len, struct last_name *name)
{
    size_t end = *len;

    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    name->len = end - start;
    if (name->len == 0)
        return -ANOLE_EBUSY;
    if (name->len > FS_NAME_MAX)
        return -ANOLE_ENAMETOOLONG;
    memcpy(name->text, path + start, name->len);
    if (name->len <= 2 && memcmp(name->text, "..", name->len) == 0)
        return -ANOLE_EINVAL;
    *len = start;
    return 0;
}
