/*
 * Copies files and trees: see copy.h. A tree is walked on the source's side; the target's path is the
 * target and what follows the source in the path that is visited.
 */
#include "copy.h"

#include "files.h"
#include "progress.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODE_BITS 07777u

struct copying {
    const struct copy *copy;
    const char *source, *target;
    struct stat target_root; /* of the copy, once it is there: it isn't walked into */
    bool have_root;
};

static bool copy_bytes(const struct copy *copy, int from, int to, const char *source,
                       const char *target, uint64_t size)
{
    uint8_t *buffer = malloc(COPY_BYTES);
    struct progress progress;
    ssize_t count;
    bool well = true;

    if (buffer == NULL)
        return complain_text(copy->program, source, strerror(ENOMEM));
    progress_begin(&progress, source, size);
    while (well && (count = read(from, buffer, COPY_BYTES)) != 0) {
        well = count > 0 && write_all(to, buffer, (size_t)count);
        if (well)
            progress_add(&progress, (uint64_t)count);
        else
            complain(copy->program, count < 0 ? source : target);
    }
    progress_end(&progress);
    free(buffer);
    return well;
}

static void keep_times(int fd, const struct stat *status)
{
    struct timespec times[2] = {status->st_atim, status->st_mtim};

    /* Where they can't be kept, the copy is none the worse. */
    (void)futimens(fd, times);
}

static bool copy_file(const struct copy *copy, const char *source, const struct stat *status,
                      const char *target)
{
    struct stat old;
    mode_t mode = status->st_mode & 0777u;

    if (stat(target, &old) == 0 && is_same_file(status, &old))
        return complain_text(copy->program, target, "is the same file as the source");
    int from = open(source, O_RDONLY);
    if (from < 0)
        return complain(copy->program, source);
    int to = open(target, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (to < 0) {
        complain(copy->program, target);
        close(from);
        return false;
    }
    bool well = copy_bytes(copy, from, to, source, target, (uint64_t)status->st_size);
    if (well && copy->keep) {
        (void)fchmod(to, status->st_mode & MODE_BITS);
        keep_times(to, status);
    }
    close(from);
    /* What was written may be refused as late as now. */
    if (close(to) != 0)
        well = complain(copy->program, target);
    return well;
}

static bool copy_link(const struct copy *copy, const char *source, const struct stat *status,
                      const char *target)
{
    size_t size = (size_t)status->st_size + 1;
    char *text = malloc(size);

    if (text == NULL)
        return complain_text(copy->program, source, strerror(ENOMEM));
    ssize_t len = readlink(source, text, size);
    bool well = len >= 0 && (size_t)len < size;
    if (!well) {
        complain(copy->program, source);
    } else {
        text[len] = '\0';
        if (symlink(text, target) != 0 &&
            (errno != EEXIST || unlink(target) != 0 || symlink(text, target) != 0))
            well = complain(copy->program, target);
    }
    free(text);
    return well;
}

static bool enter_directory(struct copying *copying, const char *source, const struct stat *status,
                            const char *target)
{
    const char *program = copying->copy->program;

    if (copying->have_root && is_same_file(status, &copying->target_root))
        return complain_text(program, source, "a directory can't be copied into itself");
    /* Writable until all is in it. */
    if (mkdir(target, (status->st_mode & 0777u) | S_IRWXU) != 0 &&
        (errno != EEXIST || !is_directory(target)))
        return complain(program, target);
    if (!copying->have_root) {
        if (stat(target, &copying->target_root) != 0)
            return complain(program, target);
        copying->have_root = true;
    }
    return true;
}

static bool leave_directory(const struct copy *copy, const struct stat *status, const char *target)
{
    if (chmod(target, status->st_mode & (copy->keep ? MODE_BITS : 0777u)) != 0)
        return complain(copy->program, target);
    if (copy->keep) {
        struct timespec times[2] = {status->st_atim, status->st_mtim};
        (void)utimensat(AT_FDCWD, target, times, 0);
    }
    return true;
}

static bool visit(void *context, enum walk_when when, const char *path, const struct stat *status)
{
    struct copying *copying = context;
    const struct copy *copy = copying->copy;
    const char *below = path + strlen(copying->source);
    bool well;

    while (*below == '/')
        below++;
    char *target = *below == '\0' ? path_join("", copying->target)
                                  : path_join(copying->target, below);
    if (target == NULL)
        return complain(copy->program, path);
    if (when == WALK_ENTER)
        well = enter_directory(copying, path, status, target);
    else if (when == WALK_LEAVE)
        well = leave_directory(copy, status, target);
    else if (S_ISLNK(status->st_mode))
        well = copy_link(copy, path, status, target);
    else if (S_ISREG(status->st_mode))
        well = copy_file(copy, path, status, target);
    else
        well = complain_text(copy->program, path, "neither a file, a directory nor a link");
    free(target);
    return well;
}

bool copy_path(const struct copy *copy, const char *source, const char *target)
{
    struct stat status;

    if (copy->trees) {
        struct copying copying = {.copy = copy, .source = source, .target = target};
        const struct walk walk = {.program = copy->program, .visit = visit, .context = &copying};

        return walk_tree(&walk, source);
    }
    if (stat(source, &status) != 0)
        return complain(copy->program, source);
    if (S_ISDIR(status.st_mode))
        return complain_text(copy->program, source, "is a directory (-r copies it)");
    return copy_file(copy, source, &status, target);
}

static bool visit_remove(void *context, enum walk_when when, const char *path,
                         const struct stat *status)
{
    (void)status;
    if (when == WALK_ENTER)
        return true;
    if ((when == WALK_LEAVE ? rmdir(path) : unlink(path)) != 0)
        return complain(*(const char *const *)context, path);
    return true;
}

bool remove_tree(const char *program, const char *path)
{
    const struct walk walk = {.program = program, .visit = visit_remove, .context = &program};

    return walk_tree(&walk, path);
}
