/*
 * Paths inside a mount. A walk ends where the path does, or where only vfs knows on: at a link, at a
 * mount point, above the root.
 */
#include "internal.h"

#include <string.h>

bool name_is_valid(struct fs_name name)
{
    bool dots = name.len <= 2 && memcmp(name.text, "..", name.len) == 0;

    return name.len > 0 && name.len <= FS_NAME_MAX && !dots && !memchr(name.text, '/', name.len) &&
           !memchr(name.text, 0, name.len);
}

static void skip_slashes(struct walk *walk)
{
    while (walk->at < walk->len && walk->path[walk->at] == '/')
        walk->at++;
}

/* The next name; len 0: there is none. */
static struct fs_name next_name(struct walk *walk)
{
    skip_slashes(walk);
    struct fs_name name = {.text = walk->path + walk->at};
    while (walk->at < walk->len && walk->path[walk->at] != '/') {
        walk->at++;
        name.len++;
    }
    return name;
}

static bool only_slashes_left(const struct walk *walk)
{
    for (size_t i = walk->at; i < walk->len; i++)
        if (walk->path[i] != '/')
            return false;
    return true;
}

static bool is_dot(struct fs_name name)
{
    return name.len == 1 && name.text[0] == '.';
}

static bool is_dots(struct fs_name name)
{
    return name.len == 2 && memcmp(name.text, "..", 2) == 0;
}

static int step_up(struct walk *walk)
{
    if (walk->node == walk->mount->root) {
        walk->left = FS_WALK_UP;
        return 0;
    }
    return walk->mount->ops->parent(walk->mount->fs, walk->node, &walk->node);
}

static int read_target(struct request *request, const struct walk *walk, uint64_t link)
{
    int len = walk->mount->ops->readlink
                  ? walk->mount->ops->readlink(walk->mount->fs, link, second_text(request),
                                               FS_PATH_MAX)
                  : -ANOLE_EIO;

    if (len < 0)
        return len;
    if (len == 0)
        return -ANOLE_ENOENT;
    if ((size_t)len >= FS_PATH_MAX)
        return -ANOLE_ENAMETOOLONG;
    request->second_out = (size_t)len;
    return 0;
}

/* One name, which isn't "." or "..". */
static int step(struct request *request, struct walk *walk, struct fs_name name, bool follow)
{
    enum fs_type type = 0;
    uint64_t node = 0;
    int error = name_is_valid(name)      ? 0
                : name.len > FS_NAME_MAX ? -ANOLE_ENAMETOOLONG
                                         : -ANOLE_EINVAL;

    if (!error)
        error = walk->mount->ops->lookup(walk->mount->fs, walk->node, name, &node, &type);
    if (!error && type == FS_TYPE_LINK && follow) {
        error = read_target(request, walk, node);
        walk->left = FS_WALK_LINK;
        return error;
    }
    if (error)
        return error;
    walk->node = node;
    walk->type = type;
    if (is_mountpoint(walk->mount, node))
        walk->left = FS_WALK_MOUNT;
    return 0;
}

int walk_last(struct request *request, struct walk *walk, bool follow)
{
    return step(request, walk, walk->last, follow || walk->must_directory);
}

int walk(struct request *request, const struct mount *mount, enum walk_end end, struct walk *walk)
{
    int error = 0;

    *walk = (struct walk){
        .mount = mount,
        .path = first_text(request),
        .len = request->first_len,
        .node = request->message.word[2],
        .type = FS_TYPE_DIRECTORY,
    };
    while (!error && walk->left == 0 && !only_slashes_left(walk)) {
        if (walk->type != FS_TYPE_DIRECTORY)
            return -ANOLE_ENOTDIR;
        struct fs_name name = next_name(walk);
        bool last = only_slashes_left(walk);
        if (is_dot(name)) {
            continue;
        } else if (is_dots(name)) {
            error = step_up(walk);
        } else if (last && end == WALK_PARENT) {
            walk->last = name;
            walk->must_directory = walk->at < walk->len;
            break;
        } else {
            error = step(request, walk, name, walk->at < walk->len || end != WALK_NOFOLLOW);
        }
    }
    /* "file/" */
    if (!error && walk->left == 0 && walk->len > 0 && walk->path[walk->len - 1] == '/' &&
        walk->last.len == 0 && walk->type != FS_TYPE_DIRECTORY)
        error = -ANOLE_ENOTDIR;
    return error;
}

int walk_elsewhere(struct request *request, const struct walk *walk)
{
    struct message *message = &request->message;

    message->word[5] = walk->node;
    message->word[6] = walk->left | (uint64_t)walk->at << 8;
    return 0;
}
