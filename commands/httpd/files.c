/*
 * The files below a directory. The file server is waited for, and with it everybody; it answers or dies.
 */
#include "httpd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_LEN (FILES_ROOT_MAX + HTTP_PATH_MAX + sizeof("index.html"))

const char *files_root;

/* Less than all of it: the file has become shorter, or its server died. */
static bool fd_read(const struct document *document, uint64_t offset, void *buffer, size_t len)
{
    char *to = buffer;

    while (len > 0) {
        ssize_t got = pread(document->fd, to, len, (off_t)offset);
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return true;
}

static void fd_close(struct document *document)
{
    (void)close(document->fd);
}

/* What an errno of open() means to a client. */
static unsigned status_of(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG ||
                   error == ELOOP
               ? 404
               : 503;
}

static void regular(const char *name, int fd, const struct stat *stat, struct document *document)
{
    *document = (struct document){.type = type_of(name),
                                  .size = (uint64_t)stat->st_size,
                                  .read = fd_read,
                                  .close = fd_close,
                                  .fd = fd};
    snprintf(document->etag, sizeof(document->etag), "\"i%llx-%llx-%llx\"",
             (unsigned long long)stat->st_ino, (unsigned long long)stat->st_mtime,
             (unsigned long long)stat->st_size);
}

/* ---- directories ---- */

static unsigned listing(const char *name, const char *path, struct document *document)
{
    const struct dirent *entry;
    struct page page = {0};
    DIR *directory = opendir(name);

    if (!directory)
        return status_of(errno);
    index_begin(&page, path);
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            index_add(&page, path, entry->d_name, entry->d_type == DT_DIR);
    (void)closedir(directory);
    return index_end(&page, document);
}

/* Its index.html, or what is in it. `name` has room for that. */
static unsigned directory_find(char *name, const char *path, struct document *document)
{
    size_t len = strlen(name);

    if (path[strlen(path) - 1] != '/')
        return 301;
    strcpy(name + len, "index.html");
    int fd = open(name, O_RDONLY);
    struct stat stat;
    if (fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
        regular(name, fd, &stat, document);
        return 200;
    }
    if (fd >= 0)
        (void)close(fd);
    name[len] = '\0';
    return listing(name, path, document);
}

unsigned files_find(const char *path, struct document *document)
{
    char name[NAME_MAX_LEN + 1];
    struct stat stat;

    if (!files_root)
        return 404;
    snprintf(name, sizeof(name), "%s%s", files_root, path);
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return status_of(errno);
    bool known = fstat(fd, &stat) == 0;
    if (known && S_ISREG(stat.st_mode)) {
        regular(name, fd, &stat, document);
        return 200;
    }
    (void)close(fd);
    return known && S_ISDIR(stat.st_mode) ? directory_find(name, path, document) : 404;
}
