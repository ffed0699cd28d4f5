/*
 * Complaints, paths, whole writes: see files.h.
 */
#include "files.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool complain_text(const char *program, const char *what, const char *text)
{
    /* What was printed before comes first, wherever both go. */
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", program, what, text);
    return false;
}

bool complain(const char *program, const char *what)
{
    return complain_text(program, what, strerror(errno));
}

int finish_output(const char *program, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    complain(program, "standard output");
    return EXIT_FAILURE;
}

static char *join(const char *directory, const char *name, size_t name_len)
{
    size_t len = strlen(directory);
    bool slash = len > 0 && directory[len - 1] != '/';
    char *path = malloc(len + slash + name_len + 1);

    if (path == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(path, directory, len);
    if (slash)
        path[len++] = '/';
    memcpy(path + len, name, name_len);
    path[len + name_len] = '\0';
    return path;
}

char *path_join(const char *directory, const char *name)
{
    return join(directory, name, strlen(name));
}

const char *path_last(const char *path, size_t *len)
{
    const char *end = path + strlen(path), *start;

    while (end > path + 1 && end[-1] == '/')
        end--;
    start = end;
    while (start > path && start[-1] != '/')
        start--;
    /* Of the root nothing is left but its slash. */
    if (start == end && start > path)
        start--;
    *len = (size_t)(end - start);
    return start;
}

char *path_into(const char *target, const char *source)
{
    size_t len;
    const char *last = path_last(source, &len);

    return is_directory(target) ? join(target, last, len) : join("", target, strlen(target));
}

bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

bool write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    while (len > 0) {
        ssize_t written = write(fd, from, len);

        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return false;
        }
        from += written;
        len -= (size_t)written;
    }
    return true;
}
