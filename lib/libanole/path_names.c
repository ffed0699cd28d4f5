/*
 * The functions that open, look up and change names.
 */
#include <errno.h>
#include <fcntl.h>
#include <libanole/descriptor.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mode_t creation_mask = 022;

/* A request with a path and one word. */
static int call_word(uint32_t type, const char *path, uint64_t word)
{
    struct message message = {.word = {[2] = word}};

    return errno_result(vfs_call_path(type, path, NULL, 0, 0, &message));
}

/* ---- opening ---- */

static uint64_t open_flags(int flags)
{
    static const struct {
        int posix;
        uint64_t fs;
    } table[] = {
        {O_CREAT, FS_O_CREATE},        {O_EXCL, FS_O_EXCLUSIVE}, {O_TRUNC, FS_O_TRUNCATE},
        {O_APPEND, FS_O_APPEND},       {O_SYNC, FS_O_SYNC},      {O_NOFOLLOW, FS_O_NOFOLLOW},
        {O_DIRECTORY, FS_O_DIRECTORY},
    };
    uint64_t found = (flags & O_ACCMODE) == O_RDONLY   ? FS_O_READ
                     : (flags & O_ACCMODE) == O_WRONLY ? FS_O_WRITE
                                                       : FS_O_READ | FS_O_WRITE;

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (flags & table[i].posix)
            found |= table[i].fs;
    return found;
}

/* The console isn't its file server's, which can't wait for somebody to type: it is ours already. */
static bool is_console(struct file *file)
{
    struct fs_stat found = {0};
    struct message message = {0};

    return file->type == FS_TYPE_CHARACTER &&
           file_call_buffer(file, FS_STAT, &found, sizeof(found), GRANT_WRITE, 1, &message) == 0 &&
           found.device == FS_DEVICE_CONSOLE;
}

static int open_descriptor(struct file *file)
{
    struct message message = {0};

    if (!is_console(file))
        return file_descriptor(file);
    (void)file_call(file, FS_CLOSE, &message); /* at worst it goes with this process */
    return descriptor_open(&console_ops, NULL);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = (mode_t)va_arg(arguments, int);
        va_end(arguments);
    }
    struct message message = {
        .word = {[2] = open_flags(flags) | (uint64_t)(mode & ~creation_mask & 07777) << 32}};
    int error = vfs_call_path(VFS_OPEN, path, NULL, 0, 0, &message);
    if (error)
        return errno_result(error);
    struct file file = {
        .server = (endpoint_t)message.word[0],
        .number = (uint32_t)message.word[1],
        .flags = flags & (O_ACCMODE | O_APPEND | O_SYNC),
        .type = (uint32_t)message.word[2],
    };
    rs_name_unpack(file.service, &message.word[3]);
    int fd = open_descriptor(&file);
    if (fd >= 0 && (flags & O_CLOEXEC))
        descriptor_keep_from_children(fd);
    return fd;
}

int creat(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

mode_t umask(mode_t mask)
{
    mode_t before = creation_mask;

    creation_mask = mask & 0777;
    return before;
}

/* ---- looking ---- */

static int stat_path(const char *path, struct stat *stat, uint64_t follow)
{
    struct fs_stat found = {0};
    struct message message = {.word = {[2] = follow}};
    int error = vfs_call_path(VFS_STAT, path, &found, sizeof(found), GRANT_WRITE, &message);

    if (error)
        return errno_result(error);
    stat_fill(stat, &found);
    return 0;
}

int stat(const char *restrict path, struct stat *restrict stat)
{
    return stat_path(path, stat, FS_FOLLOW);
}

int lstat(const char *restrict path, struct stat *restrict stat)
{
    return stat_path(path, stat, 0);
}

/* Permissions are stored and shown, and keep nobody from anything. */
int access(const char *path, int mode)
{
    struct stat found = {0};

    if (stat(path, &found))
        return -1;
    if ((mode & X_OK) && !S_ISDIR(found.st_mode) && !(found.st_mode & 0111)) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

ssize_t readlink(const char *restrict path, char *restrict buffer, size_t len)
{
    struct message message = {.word = {[5] = len}};
    int error = len == 0 ? -ANOLE_EINVAL
                         : vfs_call_path(VFS_READLINK, path, buffer, len, GRANT_WRITE, &message);

    if (error)
        return errno_result(error);
    return (ssize_t)(message.word[0] < len ? message.word[0] : len);
}

/* ---- names ---- */

int mkdir(const char *path, mode_t mode)
{
    return call_word(VFS_MKDIR, path, mode & ~creation_mask & 07777);
}

int rmdir(const char *path)
{
    return call_word(VFS_REMOVE, path, 1);
}

int unlink(const char *path)
{
    return call_word(VFS_REMOVE, path, 0);
}

int remove(const char *path)
{
    int result = unlink(path);

    return result && errno == EISDIR ? rmdir(path) : result;
}

static int call_two(uint32_t type, const char *first, const char *second)
{
    struct path_text text;
    struct message message = {0};
    int error = path_text_make(&text, first, second);

    if (error)
        return errno_result(error);
    message.word[2] = text.len - text.first;
    error = vfs_call(type, &text, NULL, 0, 0, &message);
    free(text.bytes);
    return errno_result(error);
}

int rename(const char *from, const char *to)
{
    return call_two(VFS_RENAME, from, to);
}

int link(const char *from, const char *to)
{
    return call_two(VFS_LINK, from, to);
}

/* The target goes as it is. */
int symlink(const char *target, const char *path)
{
    size_t len = strlen(target);
    struct path_text text;
    struct message message = {0};
    int error = len == 0             ? -ANOLE_ENOENT
                : len >= FS_PATH_MAX ? -ANOLE_ENAMETOOLONG
                                     : path_text_make(&text, "/", path);

    if (error)
        return errno_result(error);
    size_t second = text.len - text.first;
    char *bytes = malloc(len + second);
    if (bytes) {
        memcpy(bytes, target, len);
        memcpy(bytes + len, text.bytes + text.first, second);
        message.word[2] = second;
        struct path_text both = {.bytes = bytes, .len = len + second, .first = len};
        error = vfs_call(VFS_SYMLINK, &both, NULL, 0, 0, &message);
    } else {
        error = -ANOLE_ENOMEM;
    }
    free(bytes);
    free(text.bytes);
    return errno_result(error);
}

void sync(void)
{
    struct message message = {0};

    (void)vfs_call(VFS_SYNC, NULL, NULL, 0, 0, &message); /* it has no way to tell */
}
