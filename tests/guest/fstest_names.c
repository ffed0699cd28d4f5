/*
 * Operations on names.
 */
#include "fstest_perform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 6u /* so that the longest names fit into a path */

static uint8_t data[OPERATION_DATA_MAX];

static bool is_kind(const struct place *place, enum node_kind kind)
{
    return place->node != NULL && place->node->kind == kind;
}

/* Walks without following the end; what must be there or must not adds its error. */
static int find(struct stage *stage, const char *path, struct place *place, struct verdict *verdict,
                bool there, bool free)
{
    int error = model_walk(stage->root, path, false, place);

    may_fail(verdict, error);
    if (error == 0 && place->node == NULL && there)
        may_fail(verdict, ENOENT);
    if (error == 0 && place->node != NULL && free)
        may_fail(verdict, EEXIST);
    return error;
}

static bool perform_mkdir(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place place;
    int error = find(stage, operation->path, &place, &verdict, false, true);

    if (error == 0 && model_depth(place.directory) >= DEPTH_MAX)
        return true;
    int result = mkdir(stage_path(stage, operation->path), 0755);
    if (!judge(stage, &verdict, result))
        return false;
    if (result == 0)
        model_add(place.directory, place.name, model_node(NODE_DIRECTORY));
    return true;
}

static bool perform_rmdir(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place place;
    int error = find(stage, operation->path, &place, &verdict, true, false);

    if (error == 0 && place.node != NULL && place.node->kind != NODE_DIRECTORY)
        may_fail(&verdict, ENOTDIR);
    if (error == 0 && place.node != NULL && place.node->entry_count > 0) {
        may_fail(&verdict, ENOTEMPTY);
        may_fail(&verdict, EEXIST);
    }
    int result = rmdir(stage_path(stage, operation->path));
    if (!judge(stage, &verdict, result))
        return false;
    if (result == 0)
        model_remove(place.directory, place.name);
    return true;
}

static bool perform_unlink(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place place;
    int error = find(stage, operation->path, &place, &verdict, true, false);

    if (error == 0 && is_kind(&place, NODE_DIRECTORY)) {
        may_fail(&verdict, EISDIR);
        may_fail(&verdict, EPERM);
    }
    int result = unlink(stage_path(stage, operation->path));
    if (!judge(stage, &verdict, result))
        return false;
    if (result == 0)
        model_remove(place.directory, place.name);
    return true;
}

/* Both places are known, and they are not the same node. */
static void judge_rename(struct verdict *verdict, const struct place *from, const struct place *to)
{
    bool moves_directory = from->node->kind == NODE_DIRECTORY;
    bool onto_directory = is_kind(to, NODE_DIRECTORY);

    if (moves_directory && model_is_inside(to->directory, from->node))
        may_fail(verdict, EINVAL);
    if (moves_directory && to->node != NULL && !onto_directory)
        may_fail(verdict, ENOTDIR);
    if (!moves_directory && onto_directory)
        may_fail(verdict, EISDIR);
    if (onto_directory && to->node->entry_count > 0) {
        may_fail(verdict, ENOTEMPTY);
        may_fail(verdict, EEXIST);
    }
}

static bool perform_rename(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place from, to;
    int error = find(stage, operation->path, &from, &verdict, true, false);
    int to_error = find(stage, operation->other, &to, &verdict, false, false);
    bool both = error == 0 && to_error == 0 && from.node != NULL;
    bool same = both && from.node == to.node;

    if (both && from.node->kind == NODE_DIRECTORY &&
        model_depth(to.directory) + model_height(from.node) > DEPTH_MAX)
        return true;
    if (both && !same)
        judge_rename(&verdict, &from, &to);
    int result = rename(stage_path(stage, operation->path), stage_path(stage, operation->other));
    if (!judge(stage, &verdict, result) || result < 0)
        return stage->failure[0] == '\0';
    if (same)
        return true;
    if (to.node != NULL)
        model_remove(to.directory, to.name);
    model_add(to.directory, to.name, from.node);
    model_take(from.directory, from.name);
    return true;
}

static bool perform_link(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place from, to;
    int error = find(stage, operation->path, &from, &verdict, true, false);
    int to_error = find(stage, operation->other, &to, &verdict, false, true);

    /* Systems differ in whether the link or what it leads to has another name then. */
    if (error == 0 && is_kind(&from, NODE_LINK))
        return true;
    if (error == 0 && is_kind(&from, NODE_DIRECTORY))
        may_fail(&verdict, EPERM);
    int result = link(stage_path(stage, operation->path), stage_path(stage, operation->other));
    if (!judge(stage, &verdict, result))
        return false;
    if (result == 0 && to_error == 0)
        model_add(to.directory, to.name, from.node);
    return true;
}

static bool perform_symlink(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place place;

    (void)find(stage, operation->path, &place, &verdict, false, true);
    int result = symlink(operation->other, stage_path(stage, operation->path));
    if (!judge(stage, &verdict, result) || result < 0)
        return stage->failure[0] == '\0';
    struct node *node = model_node(NODE_LINK);
    size_t len = strlen(operation->other);
    node->target = must_allocate(NULL, len + 1);
    memcpy(node->target, operation->other, len + 1);
    model_add(place.directory, place.name, node);
    return true;
}

static bool perform_readlink(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place place;
    char target[OPERATION_PATH_MAX];
    int error = find(stage, operation->path, &place, &verdict, true, false);

    if (error == 0 && place.node != NULL && place.node->kind != NODE_LINK)
        may_fail(&verdict, EINVAL);
    ssize_t len = readlink(stage_path(stage, operation->path), target, sizeof(target));
    if (!judge(stage, &verdict, len) || len < 0)
        return stage->failure[0] == '\0';
    if ((size_t)len != strlen(place.node->target) ||
        memcmp(target, place.node->target, (size_t)len) != 0)
        return fail(stage, "the target is '%.*s', expected '%s'", (int)len, target,
                    place.node->target);
    return true;
}

static bool perform_stat(struct stage *stage, const struct operation *operation)
{
    bool follow = (operation->data & 1) != 0;
    struct verdict verdict = {0};
    struct place place;
    struct stat status;
    const char *path = stage_path(stage, operation->path);
    int error = model_walk(stage->root, operation->path, follow, &place);

    may_fail(&verdict, error != 0 ? error : place.node == NULL ? ENOENT : 0);
    int result = follow ? stat(path, &status) : lstat(path, &status);
    if (!judge(stage, &verdict, result) || result < 0)
        return stage->failure[0] == '\0';
    return check_status(stage, place.node, &status);
}

static bool perform_truncate(struct stage *stage, const struct operation *operation)
{
    struct verdict verdict = {0};
    struct place place;
    int error = model_walk(stage->root, operation->path, true, &place);

    may_fail(&verdict, error != 0 ? error : place.node == NULL ? ENOENT : 0);
    may_fail(&verdict, operation->position < 0 ? EINVAL : 0);
    if (error == 0 && is_kind(&place, NODE_DIRECTORY))
        may_fail(&verdict, EISDIR);
    int result = truncate(stage_path(stage, operation->path), (off_t)operation->position);
    if (!judge(stage, &verdict, result) || result < 0)
        return stage->failure[0] == '\0';
    model_truncate(place.node, (uint64_t)operation->position);
    return true;
}

static bool perform_list(struct stage *stage, const struct operation *operation)
{
    struct place place;
    int error = model_walk(stage->root, operation->path, true, &place);

    if (error != 0 || !is_kind(&place, NODE_DIRECTORY))
        return true;
    return check_list(stage, place.node, stage_path(stage, operation->path));
}

/* Opens a file to be written or read as a whole: -1 and a judgement, or its descriptor. */
static int open_whole(struct stage *stage, const char *path, struct place *place, int flags)
{
    struct verdict verdict = {0};
    int error = model_walk(stage->root, path, true, place);

    may_fail(&verdict, error);
    if (error == 0 && place->node == NULL && (flags & O_CREAT) == 0)
        may_fail(&verdict, ENOENT);
    if (error == 0 && is_kind(place, NODE_DIRECTORY))
        may_fail(&verdict, EISDIR);
    int fd = open(stage_path(stage, path), flags, 0644);
    if (judge(stage, &verdict, fd) && fd >= 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool perform_put(struct stage *stage, const struct operation *operation)
{
    struct place place;
    int fd = open_whole(stage, operation->path, &place, O_WRONLY | O_CREAT | O_TRUNC);

    if (fd < 0)
        return stage->failure[0] == '\0';
    operation_bytes(operation->data, data, operation->len);
    ssize_t count = write(fd, data, operation->len);
    int error = errno;
    if (close(fd) != 0 || count < 0)
        return fail(stage, "write or close failed: %s", strerror(count < 0 ? error : errno));
    if ((size_t)count != operation->len)
        return fail(stage, "%zd bytes written, expected %zu", count, operation->len);
    if (place.node == NULL) {
        place.node = model_node(NODE_FILE);
        model_add(place.directory, place.name, place.node);
    }
    model_truncate(place.node, 0);
    model_write(place.node, 0, data, operation->len);
    return true;
}

static bool perform_check(struct stage *stage, const struct operation *operation)
{
    struct place place;

    if (model_walk(stage->root, operation->path, true, &place) == 0 &&
        is_kind(&place, NODE_DIRECTORY))
        return true; /* it can be opened for reading: that is the list's */
    int fd = open_whole(stage, operation->path, &place, O_RDONLY);
    if (fd < 0)
        return stage->failure[0] == '\0';
    bool well = check_bytes(stage, place.node, fd);
    close(fd);
    return well;
}

bool perform_on_names(struct stage *stage, const struct operation *operation)
{
    static bool (*const performers[OPERATION_KINDS])(struct stage *, const struct operation *) = {
        [OPERATION_MKDIR] = perform_mkdir,       [OPERATION_RMDIR] = perform_rmdir,
        [OPERATION_UNLINK] = perform_unlink,     [OPERATION_RENAME] = perform_rename,
        [OPERATION_LINK] = perform_link,         [OPERATION_SYMLINK] = perform_symlink,
        [OPERATION_READLINK] = perform_readlink, [OPERATION_STAT] = perform_stat,
        [OPERATION_TRUNCATE] = perform_truncate, [OPERATION_LIST] = perform_list,
        [OPERATION_PUT] = perform_put,           [OPERATION_CHECK] = perform_check,
    };

    return performers[operation->kind](stage, operation);
}
