/*
 * Operations on open files.
 */
#include "fstest_perform.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t data[OPERATION_DATA_MAX], expected[OPERATION_DATA_MAX];

static bool may_read(const struct slot *slot)
{
    return (slot->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct slot *slot)
{
    return (slot->flags & O_ACCMODE) != O_RDONLY;
}

static bool slot_close(struct stage *stage, struct slot *slot)
{
    struct node *node = slot->node;

    if (node == NULL)
        return true;
    slot->node = NULL;
    model_close(node);
    return close(slot->fd) == 0 || fail(stage, "close failed: %s", strerror(errno));
}

static bool perform_open(struct stage *stage, const struct operation *operation)
{
    struct slot *slot = &stage->slots[operation->slot];
    struct verdict verdict = {0};
    struct place place;
    int flags = operation->flags;
    bool create = (flags & O_CREAT) != 0, only_new = create && (flags & O_EXCL) != 0;
    bool writes = (flags & O_ACCMODE) != O_RDONLY;

    int error = model_walk(stage->root, operation->path, !only_new, &place);
    bool is_directory = error == 0 && place.node != NULL && place.node->kind == NODE_DIRECTORY;
    /* Systems differ in whether a directory may be created that is there. */
    if (is_directory && create && !only_new && !writes)
        return true;
    may_fail(&verdict, error);
    if (error == 0 && place.node != NULL && only_new)
        may_fail(&verdict, EEXIST);
    if (is_directory && writes)
        may_fail(&verdict, EISDIR);
    if (error == 0 && place.node == NULL && !create)
        may_fail(&verdict, ENOENT);
    if (!slot_close(stage, slot))
        return false;
    int fd = open(stage_path(stage, operation->path), flags, 0644);
    if (!judge(stage, &verdict, fd) || fd < 0)
        return fd < 0 && stage->failure[0] == '\0';
    if (is_directory)
        return close(fd) == 0 || fail(stage, "close failed: %s", strerror(errno));
    if (place.node == NULL) {
        place.node = model_node(NODE_FILE);
        model_add(place.directory, place.name, place.node);
    }
    if ((flags & O_TRUNC) != 0)
        model_truncate(place.node, 0);
    model_open(place.node);
    *slot = (struct slot){.node = place.node, .fd = fd, .flags = flags};
    return true;
}

static bool perform_read(struct stage *stage, struct slot *slot, const struct operation *operation)
{
    struct verdict verdict = {0};
    uint64_t size = slot->node->size, position = (uint64_t)slot->position;
    size_t left = position < size && size - position < operation->len ? (size_t)(size - position)
                  : position < size                                   ? operation->len
                                                                      : 0;

    may_fail(&verdict, may_read(slot) ? 0 : EBADF);
    ssize_t count = read(slot->fd, data, operation->len);
    if (!judge(stage, &verdict, count) || count < 0)
        return stage->failure[0] == '\0';
    if ((size_t)count != left)
        return fail(stage, "%zd bytes at %" PRIu64 " of %" PRIu64 ", expected %zu", count, position,
                    size, left);
    model_read(slot->node, position, expected, left);
    for (size_t i = 0; i < left; i++) {
        if (data[i] != expected[i])
            return fail(stage, "byte %" PRIu64 " is %02x, expected %02x", position + i, data[i],
                        expected[i]);
    }
    slot->position += count;
    return true;
}

static bool perform_write(struct stage *stage, struct slot *slot, const struct operation *operation)
{
    struct verdict verdict = {0};

    may_fail(&verdict, may_write(slot) ? 0 : EBADF);
    operation_bytes(operation->data, data, operation->len);
    ssize_t count = write(slot->fd, data, operation->len);
    if (!judge(stage, &verdict, count) || count < 0)
        return stage->failure[0] == '\0';
    if ((size_t)count != operation->len)
        return fail(stage, "%zd bytes written, expected %zu", count, operation->len);
    if (count == 0)
        return true;
    if ((slot->flags & O_APPEND) != 0)
        slot->position = (int64_t)slot->node->size;
    model_write(slot->node, (uint64_t)slot->position, data, operation->len);
    slot->position += count;
    return true;
}

static bool perform_seek(struct stage *stage, struct slot *slot, const struct operation *operation)
{
    struct verdict verdict = {0};
    int64_t from = operation->whence == SEEK_CUR   ? slot->position
                   : operation->whence == SEEK_END ? (int64_t)slot->node->size
                                                   : 0;
    int64_t to = from + operation->position;

    may_fail(&verdict, to < 0 ? EINVAL : 0);
    off_t found = lseek(slot->fd, (off_t)operation->position, operation->whence);
    if (!judge(stage, &verdict, found) || found < 0)
        return stage->failure[0] == '\0';
    if (found != to)
        return fail(stage, "position %" PRId64 ", expected %" PRId64, (int64_t)found, to);
    slot->position = to;
    return true;
}

static bool perform_resize(struct stage *stage, struct slot *slot,
                           const struct operation *operation)
{
    struct verdict verdict = {0};

    if (!may_write(slot) || operation->position < 0) {
        may_fail(&verdict, EINVAL);
        may_fail(&verdict, may_write(slot) ? 0 : EBADF);
    }
    int result = ftruncate(slot->fd, (off_t)operation->position);
    if (!judge(stage, &verdict, result) || result < 0)
        return stage->failure[0] == '\0';
    model_truncate(slot->node, (uint64_t)operation->position);
    return true;
}

static bool perform_fstat(struct stage *stage, struct slot *slot)
{
    struct stat status;

    if (fstat(slot->fd, &status) != 0)
        return fail(stage, "failed: %s", strerror(errno));
    off_t position = lseek(slot->fd, 0, SEEK_CUR);
    if (position != slot->position)
        return fail(stage, "position %" PRId64 ", expected %" PRId64, (int64_t)position,
                    slot->position);
    return check_status(stage, slot->node, &status);
}

bool perform_on_slot(struct stage *stage, const struct operation *operation)
{
    struct slot *slot = &stage->slots[operation->slot];

    if (operation->kind == OPERATION_OPEN)
        return perform_open(stage, operation);
    if (slot->node == NULL)
        return true;
    switch (operation->kind) {
    case OPERATION_CLOSE:
        return slot_close(stage, slot);
    case OPERATION_READ:
        return perform_read(stage, slot, operation);
    case OPERATION_WRITE:
        return perform_write(stage, slot, operation);
    case OPERATION_SEEK:
        return perform_seek(stage, slot, operation);
    case OPERATION_RESIZE:
        return perform_resize(stage, slot, operation);
    case OPERATION_FSTAT:
        return perform_fstat(stage, slot);
    default:
        return fsync(slot->fd) == 0 || fail(stage, "failed: %s", strerror(errno));
    }
}
