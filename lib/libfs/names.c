/*
 * Requests of vfs that change names. Each is one operation of the file system, which does it once.
 */
#include "internal.h"

#include <string.h>

static int check_name(struct fs_name name)
{
    if (name.len > FS_NAME_MAX)
        return -ANOLE_ENAMETOOLONG;
    return name_is_valid(name) ? 0 : -ANOLE_EINVAL;
}

/* w5 mode; of a link the second text is the target. */
int name_make(struct request *request, struct mount *mount)
{
    uint64_t mode = request->message.word[5];
    struct fs_new new = {
        .mode = (uint32_t)mode, .target = second_text(request), .target_len = request->second_len};
    enum fs_type type = FS_MODE_TYPE(mode);
    struct walk walked;
    uint64_t node;

    if (mode > 0xffff || (type != FS_TYPE_DIRECTORY && type != FS_TYPE_LINK) ||
        (type == FS_TYPE_LINK && (new.target_len == 0 || memchr(new.target, 0, new.target_len))))
        return -ANOLE_EINVAL;
    int error = walk(request, mount, WALK_PARENT, &walked);
    if (error || walked.left)
        return error ? error : walk_elsewhere(request, &walked);
    if (walked.last.len == 0)
        return -ANOLE_EEXIST;
    if (type == FS_TYPE_LINK && walked.must_directory)
        return -ANOLE_ENOENT;
    error = check_name(walked.last);
    if (!error && (read_only(mount) || !mount->ops->create))
        error = -ANOLE_EROFS;
    request->message.word[6] = 0;
    return error ? error
                 : mount->ops->create(mount->fs, operation_of(request), walked.node, walked.last,
                                      &new, &node);
}

/* -EBUSY if something is mounted on what has that name. */
static int not_mountpoint(const struct mount *mount, uint64_t directory, struct fs_name name)
{
    enum fs_type type;
    uint64_t node;

    if (mount->mountpoint_count == 0)
        return 0;
    return mount->ops->lookup(mount->fs, directory, name, &node, &type) == 0 &&
                   is_mountpoint(mount, node)
               ? -ANOLE_EBUSY
               : 0;
}

/* w5 1: a directory. */
int name_remove(struct request *request, struct mount *mount)
{
    bool directory = request->message.word[5] != 0;
    struct walk walked;

    if (request->message.word[5] > 1)
        return -ANOLE_EINVAL;
    int error = walk(request, mount, WALK_PARENT, &walked);
    if (error || walked.left)
        return error ? error : walk_elsewhere(request, &walked);
    if (walked.last.len == 0)
        return walked.node == mount->root ? -ANOLE_EBUSY
               : directory                ? -ANOLE_EINVAL
                                          : -ANOLE_EISDIR;
    error = check_name(walked.last);
    if (!error && walked.must_directory && !directory)
        error = -ANOLE_ENOTDIR;
    if (!error && (read_only(mount) || !mount->ops->remove))
        error = -ANOLE_EROFS;
    if (!error)
        error = not_mountpoint(mount, walked.node, walked.last);
    request->message.word[6] = 0;
    return error ? error
                 : mount->ops->remove(mount->fs, operation_of(request), walked.node, walked.last,
                                      directory);
}

/* w2, w6 directories; the texts are names. */
int name_rename(struct request *request, struct mount *mount)
{
    struct message *message = &request->message;
    struct fs_name from = {first_text(request), request->first_len};
    struct fs_name to = {second_text(request), request->second_len};
    uint64_t target = message->word[6];
    int error = check_name(from);

    message->word[6] = 0;
    if (!error)
        error = check_name(to);
    if (!error && (read_only(mount) || !mount->ops->rename))
        error = -ANOLE_EROFS;
    if (!error)
        error = not_mountpoint(mount, message->word[2], from);
    if (!error)
        error = not_mountpoint(mount, target, to);
    return error ? error
                 : mount->ops->rename(mount->fs, operation_of(request), message->word[2], from,
                                      target, to);
}

/* w2 the file, w6 a directory, text: the new name. */
int name_link(struct request *request, struct mount *mount)
{
    struct message *message = &request->message;
    struct fs_name name = {first_text(request), request->first_len};
    uint64_t directory = message->word[6];
    int error = check_name(name);

    message->word[6] = 0;
    if (!error && (read_only(mount) || !mount->ops->link))
        error = -ANOLE_EROFS;
    return error ? error
                 : mount->ops->link(mount->fs, operation_of(request), message->word[2], directory,
                                    name);
}
