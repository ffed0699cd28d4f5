/*
 * Compares what is in the file system with what is in the model.
 */
#include "fstest_perform.h"

#include "../../commands/common/names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHOLE_MAX (2u << 20) /* longer files are read where something is, and around it */
#define PIECE 65536u
#define AROUND 16384u /* a multiple of the model's pages */

bool check_status(struct stage *stage, const struct node *node, const struct stat *status)
{
    static const mode_t types[] = {
        [NODE_FILE] = S_IFREG, [NODE_DIRECTORY] = S_IFDIR, [NODE_LINK] = S_IFLNK};
    uint64_t size = node->kind == NODE_LINK ? strlen(node->target) : node->size;

    if ((status->st_mode & S_IFMT) != types[node->kind])
        return fail(stage, "mode %o, expected type %o", (unsigned)status->st_mode,
                    (unsigned)types[node->kind]);
    if (node->kind == NODE_DIRECTORY)
        return true;
    if ((uint64_t)status->st_size != size)
        return fail(stage, "size %" PRIu64 ", expected %" PRIu64, (uint64_t)status->st_size, size);
    if (status->st_nlink != node->names)
        return fail(stage, "%u names, expected %u", (unsigned)status->st_nlink, node->names);
    return true;
}

/* Where two runs of bytes begin to differ; len if they don't. */
static size_t difference(const uint8_t *one, const uint8_t *other, size_t len)
{
    size_t at = 0;

    if (memcmp(one, other, len) == 0)
        return len;
    while (one[at] == other[at])
        at++;
    return at;
}

static bool check_range(struct stage *stage, const struct node *file, int fd, uint64_t start,
                        uint64_t end)
{
    static uint8_t found[PIECE], expected[PIECE];

    while (start < end) {
        size_t len = end - start < PIECE ? (size_t)(end - start) : PIECE;
        ssize_t count = pread(fd, found, len, (off_t)start);

        if (count <= 0)
            return fail(stage, "read at %" PRIu64 ": %s, expected %zu bytes", start,
                        count == 0 ? "the end" : strerror(errno), len);
        model_read(file, start, expected, (size_t)count);
        size_t at = difference(found, expected, (size_t)count);
        if (at < (size_t)count)
            return fail(stage, "byte %" PRIu64 " is %02x, expected %02x", start + at, found[at],
                        expected[at]);
        start += (uint64_t)count;
    }
    return true;
}

/* A file that is mostly holes: where it has pages and around them, and its end. */
static bool check_sparse(struct stage *stage, const struct node *file, int fd)
{
    uint64_t at = 0, page;

    while ((page = model_next_page(file, at)) != UINT64_MAX) {
        uint64_t start = page > AROUND ? page - AROUND : 0;
        uint64_t end = page + AROUND < file->size ? page + AROUND : file->size;

        if (!check_range(stage, file, fd, start > at ? start : at, end))
            return false;
        at = page + AROUND;
    }
    return check_range(stage, file, fd, file->size - AROUND, file->size);
}

bool check_bytes(struct stage *stage, const struct node *file, int fd)
{
    uint8_t byte;
    bool well = file->size <= WHOLE_MAX ? check_range(stage, file, fd, 0, file->size)
                                        : check_sparse(stage, file, fd);

    if (well && pread(fd, &byte, 1, (off_t)file->size) != 0)
        well = fail(stage, "there is more than %" PRIu64 " bytes", file->size);
    return well;
}

static bool has_entry(const struct node *directory, const char *name)
{
    for (size_t i = 0; i < directory->entry_count; i++) {
        if (strcmp(directory->entries[i].name, name) == 0)
            return true;
    }
    return false;
}

/* As many, each one is known, none comes twice: so they are the same. */
static bool compare_names(struct stage *stage, const struct node *directory,
                          const struct names *names)
{
    char quoted[200];

    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->list[i];

        if (!has_entry(directory, name))
            return fail(stage, "the directory has an unexpected %s",
                        path_quote(name, quoted, sizeof(quoted)));
        if (i > 0 && strcmp(name, names->list[i - 1]) == 0)
            return fail(stage, "the directory has %s twice",
                        path_quote(name, quoted, sizeof(quoted)));
    }
    if (names->count != directory->entry_count)
        return fail(stage, "the directory has %zu names, expected %zu", names->count,
                    directory->entry_count);
    return true;
}

bool check_list(struct stage *stage, const struct node *directory, const char *path)
{
    struct names names;

    if (!names_read(&names, path))
        return fail(stage, "the directory can't be listed: %s", strerror(errno));
    bool well = compare_names(stage, directory, &names);
    names_free(&names);
    return well;
}

static bool check_file(struct stage *stage, const struct node *file, const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return fail(stage, "can't be opened: %s", strerror(errno));
    bool well = check_bytes(stage, file, fd);
    close(fd);
    return well;
}

static bool check_link(struct stage *stage, const struct node *node, const char *path)
{
    char target[1024];
    ssize_t len = readlink(path, target, sizeof(target));

    if (len != (ssize_t)strlen(node->target) || memcmp(target, node->target, (size_t)len) != 0)
        return fail(stage, "the link's target is another");
    return true;
}

static bool check_node(struct stage *stage, const struct node *node, const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return fail(stage, "isn't there: %s", strerror(errno));
    if (!check_status(stage, node, &status))
        return false;
    switch (node->kind) {
    case NODE_FILE:
        return check_file(stage, node, path);
    case NODE_LINK:
        return check_link(stage, node, path);
    default:
        return check_list(stage, node, path);
    }
}

/* path has room for what is below. */
static bool verify_below(struct stage *stage, const struct node *directory, char *path, size_t len)
{
    for (size_t i = 0; i < directory->entry_count; i++) {
        const struct entry *entry = &directory->entries[i];
        size_t name_len = strlen(entry->name);

        path[len] = '/';
        memcpy(path + len + 1, entry->name, name_len + 1);
        if (!check_node(stage, entry->node, path)) {
            char what[FAILURE_TEXT], quoted[200];

            memcpy(what, stage->failure, sizeof(what));
            path_quote(path + strlen(stage->directory) + 1, quoted, sizeof(quoted));
            return fail(stage, "%s: %.300s", quoted, what);
        }
        if (entry->node->kind == NODE_DIRECTORY &&
            !verify_below(stage, entry->node, path, len + 1 + name_len))
            return false;
    }
    path[len] = '\0';
    return true;
}

bool stage_verify(struct stage *stage)
{
    static char path[8192];
    size_t len = strlen(stage->directory);

    memcpy(path, stage->directory, len + 1);
    if (!check_node(stage, stage->root, path) || !verify_below(stage, stage->root, path, len))
        return false;
    for (unsigned i = 0; i < OPERATION_SLOTS; i++) {
        const struct slot *slot = &stage->slots[i];

        if (slot->node != NULL && (slot->flags & O_ACCMODE) != O_WRONLY &&
            !check_bytes(stage, slot->node, slot->fd))
            return false;
    }
    return true;
}
