/*
 * Requests of vfs that look at what a path leads to, or open it.
 */
#include "internal.h"

#include <string.h>

#define OPEN_FLAGS                                                                                 \
    (FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_EXCLUSIVE | FS_O_TRUNCATE | FS_O_APPEND |         \
     FS_O_DIRECTORY | FS_O_NOFOLLOW | FS_O_SYNC)
#define KEPT_FLAGS (FS_O_READ | FS_O_WRITE | FS_O_APPEND | FS_O_SYNC)

static enum walk_end end_of(const struct request *request)
{
    return request->message.word[5] & FS_FOLLOW ? WALK_FOLLOW : WALK_NOFOLLOW;
}

int path_lookup(struct request *request, struct mount *mount)
{
    struct message *message = &request->message;
    struct fs_stat stat = {0};
    struct walk walked;
    int error = walk(request, mount, end_of(request), &walked);

    if (error || walked.left)
        return error ? error : walk_elsewhere(request, &walked);
    error = mount->ops->stat(mount->fs, walked.node, &stat);
    stat.mount = mount->kept->number;
    memcpy(first_text(request), &stat, sizeof(stat));
    request->first_out = sizeof(stat);
    message->word[1] = walked.node;
    message->word[2] = (uint64_t)FS_MODE_TYPE(stat.mode);
    message->word[6] = 0;
    return error;
}

int path_readlink(struct request *request, struct mount *mount)
{
    struct message *message = &request->message;
    struct walk walked;
    int len = walk(request, mount, WALK_NOFOLLOW, &walked);

    if (len || walked.left)
        return len ? len : walk_elsewhere(request, &walked);
    if (walked.type != FS_TYPE_LINK || !mount->ops->readlink)
        return -ANOLE_EINVAL;
    len = mount->ops->readlink(mount->fs, walked.node, first_text(request), FS_PATH_MAX);
    if (len < 0)
        return len;
    request->first_out = (size_t)len < FS_PATH_MAX ? (size_t)len : FS_PATH_MAX;
    message->word[1] = request->first_out;
    message->word[6] = 0;
    return 0;
}

int attributes_set(const struct mount *mount, uint64_t node, enum fs_type type,
                   const struct fs_attributes *attributes)
{
    const uint32_t known = FS_SET_MODE | FS_SET_OWNER | FS_SET_TIMES | FS_SET_SIZE;

    if (attributes->set & ~known)
        return -ANOLE_EINVAL;
    if (read_only(mount) || !mount->ops->set_attributes)
        return -ANOLE_EROFS;
    if ((attributes->set & FS_SET_SIZE) && type != FS_TYPE_FILE)
        return type == FS_TYPE_DIRECTORY ? -ANOLE_EISDIR : -ANOLE_EINVAL;
    if ((attributes->set & FS_SET_SIZE) && attributes->size > INT64_MAX)
        return -ANOLE_EFBIG;
    return mount->ops->set_attributes(mount->fs, node, attributes);
}

int path_attributes(struct request *request, struct mount *mount)
{
    struct fs_attributes attributes;
    struct walk walked;

    if (request->second_len != sizeof(attributes))
        return -ANOLE_EINVAL;
    memcpy(&attributes, second_text(request), sizeof(attributes));
    int error = walk(request, mount, end_of(request), &walked);
    if (error || walked.left)
        return error ? error : walk_elsewhere(request, &walked);
    request->message.word[6] = 0;
    return attributes_set(mount, walked.node, walked.type, &attributes);
}

/* ---- opening ---- */

static int create_file(struct request *request, const struct mount *mount, struct walk *walked)
{
    struct fs_new file = {.mode = FS_MODE(FS_TYPE_FILE, (request->message.word[5] >> 32) & 07777u)};
    int error = name_is_valid(walked->last)      ? 0
                : walked->last.len > FS_NAME_MAX ? -ANOLE_ENAMETOOLONG
                                                 : -ANOLE_EINVAL;

    if (!error && walked->must_directory)
        error = -ANOLE_EISDIR;
    if (!error && (read_only(mount) || !mount->ops->create))
        error = -ANOLE_EROFS;
    if (!error)
        error = mount->ops->create(mount->fs, operation_of(request), walked->node, walked->last,
                                   &file, &walked->node);
    if (!error)
        walked->type = FS_TYPE_FILE;
    return error;
}

/* Finds the file or makes it; what it is, is in walked. */
static int find_or_create(struct request *request, struct mount *mount, uint32_t flags,
                          struct walk *walked)
{
    int error = walk(request, mount, WALK_PARENT, walked);

    if (error || walked->left)
        return error;
    if (walked->last.len == 0) /* the path ends in a directory by itself: "", "..", "a/." */
        return flags & FS_O_EXCLUSIVE ? -ANOLE_EEXIST : -ANOLE_EISDIR;
    if (flags & FS_O_EXCLUSIVE)
        return create_file(request, mount, walked);
    error = walk_last(request, walked, !(flags & FS_O_NOFOLLOW));
    if (error == -ANOLE_ENOENT) {
        error = create_file(request, mount, walked);
        if (error == -ANOLE_EEXIST) /* by somebody else, meanwhile */
            error = walk_last(request, walked, !(flags & FS_O_NOFOLLOW));
    }
    return error;
}

static int may_open(const struct mount *mount, const struct walk *walked, uint32_t flags)
{
    if (walked->type == FS_TYPE_LINK)
        return -ANOLE_ELOOP;
    if ((flags & FS_O_DIRECTORY) && walked->type != FS_TYPE_DIRECTORY)
        return -ANOLE_ENOTDIR;
    if (walked->type == FS_TYPE_DIRECTORY && (flags & (FS_O_WRITE | FS_O_TRUNCATE)))
        return -ANOLE_EISDIR;
    if (walked->type == FS_TYPE_FILE && (flags & (FS_O_WRITE | FS_O_TRUNCATE)) &&
        (read_only(mount) || !mount->ops->write))
        return -ANOLE_EROFS;
    return 0;
}

static int truncate_file(const struct mount *mount, const struct walk *walked, uint32_t flags)
{
    const struct fs_attributes empty = {.set = FS_SET_SIZE};

    if (!(flags & FS_O_TRUNCATE) || walked->type != FS_TYPE_FILE || !mount->ops->set_attributes)
        return 0;
    return mount->ops->set_attributes(mount->fs, walked->node, &empty);
}

static int open_walked(struct request *request, struct mount *mount, const struct walk *walked,
                       uint32_t flags)
{
    struct kept_file *file = NULL;
    int error = may_open(mount, walked, flags);

    if (!error)
        error = truncate_file(mount, walked, flags);
    if (!error)
        error = file_open(mount, walked->node, walked->type, flags & KEPT_FLAGS,
                          (endpoint_t)request->origin, request->number, &file);
    if (!error && file) {
        request->message.word[1] = file->number;
        request->message.word[2] = walked->type;
        request->message.word[6] = 0;
    }
    return error;
}

/* The file that an earlier instance opened for this operation. */
static bool opened_before(struct request *request)
{
    const struct kept_file *file = file_opened_by((endpoint_t)request->origin, request->number);

    if (file) {
        request->message.word[1] = file->number;
        request->message.word[2] = open_of(file)->type;
        request->message.word[6] = 0;
    }
    return file != NULL;
}

int path_open(struct request *request, struct mount *mount)
{
    uint64_t flags = request->message.word[5] & UINT32_MAX;
    struct walk walked;
    int error;

    if (flags & ~(uint64_t)OPEN_FLAGS || request->origin == 0 || request->origin > UINT32_MAX)
        return -ANOLE_EINVAL;
    if (opened_before(request))
        return 0;
    if (flags & FS_O_CREATE)
        error = find_or_create(request, mount, (uint32_t)flags, &walked);
    else
        error = walk(request, mount, flags & FS_O_NOFOLLOW ? WALK_NOFOLLOW : WALK_FOLLOW, &walked);
    if (error || walked.left)
        return error ? error : walk_elsewhere(request, &walked);
    return open_walked(request, mount, &walked, (uint32_t)flags);
}
