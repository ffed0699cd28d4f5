/*
 * A C library that does wrong: faulty_fstest is linked so that its calls come here first. FSTEST_FAULT
 * in the environment says which fault it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __real_read(int fd, void *bytes, size_t len);
int __real_open(const char *path, int flags, ...);
int __real_ftruncate(int fd, off_t len);
off_t __real_lseek(int fd, off_t offset, int whence);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
struct dirent *__real_readdir(DIR *directory);
int __real_fsync(int fd);

ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ftruncate(int fd, off_t len);
off_t __wrap_lseek(int fd, off_t offset, int whence);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
struct dirent *__wrap_readdir(DIR *directory);
int __wrap_fsync(int fd);

static bool fault(const char *name)
{
    const char *wanted = getenv("FSTEST_FAULT");

    return wanted != NULL && strcmp(wanted, name) == 0;
}

/* All but the last byte, if a block is crossed in a file that is there already. */
ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    struct stat status;

    if (fault("lost-tail") && len > 4096 && fstat(fd, &status) == 0 && status.st_size > 8192)
        return __real_write(fd, bytes, len - 1) < 0 ? -1 : (ssize_t)len;
    return __real_write(fd, bytes, len);
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
    ssize_t count = __real_read(fd, bytes, len);

    if (fault("wrong-bit") && count > 4000)
        ((uint8_t *)bytes)[count / 2] ^= 4;
    return count;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fault("no-append"))
        flags &= ~O_APPEND;
    if (fault("no-truncate"))
        flags &= ~O_TRUNC;
    if (fault("not-only-new"))
        flags &= ~O_EXCL;
    return __real_open(path, flags, mode);
}

/* What is added isn't all zeroes. */
int __wrap_ftruncate(int fd, off_t len)
{
    struct stat status;
    int result = __real_ftruncate(fd, len);

    if (fault("garbage") && fstat(fd, &status) == 0 && len > 5000)
        (void)pwrite(fd, "x", 1, len - 4999);
    return result;
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
    return __real_lseek(fd, offset + (fault("seek-end") && whence == SEEK_END), whence);
}

int __wrap_rename(const char *from, const char *to)
{
    struct stat status;

    if (fault("old-name-stays") && lstat(to, &status) != 0 && link(from, to) == 0)
        return 0;
    if (fault("wrong-error") && lstat(to, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EIO;
        return -1;
    }
    return __real_rename(from, to);
}

/* The other names lose their bytes, too. */
int __wrap_unlink(const char *path)
{
    struct stat status;

    if (fault("unlink-empties") && lstat(path, &status) == 0 && status.st_nlink > 1)
        (void)truncate(path, 0);
    return __real_unlink(path);
}

struct dirent *__wrap_readdir(DIR *directory)
{
    static struct dirent twice;
    struct dirent *entry;

    if (fault("name-twice") && twice.d_name[0] != '\0') {
        static struct dirent again;
        again = twice;
        twice.d_name[0] = '\0';
        return &again;
    }
    entry = __real_readdir(directory);
    if (fault("name-twice") && entry != NULL &&
        (strcmp(entry->d_name, "e") == 0 || strcmp(entry->d_name, "bytee") == 0))
        twice = *entry;
    return entry;
}

int __wrap_fsync(int fd)
{
    if (fault("sync-fails")) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}
