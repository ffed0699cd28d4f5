/*
 * Reading, writing and looking behind a descriptor; the console as what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <libanole/anole.h>
#include <libanole/descriptor.h>
#include <libanole/internal.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- the console ---- */

static ssize_t console_object_read(void *object, void *buffer, size_t len)
{
    int count = len > 0 ? console_read(buffer, len) : 0;

    (void)object;
    if (count < 0) {
        errno = EIO;
        return -1;
    }
    return count;
}

static ssize_t console_object_write(void *object, const void *buffer, size_t len)
{
    (void)object;
    console_write(buffer, len);
    return (ssize_t)len;
}

static int console_close(void *object)
{
    (void)object;
    return 0;
}

static int console_stat(void *object, struct stat *stat)
{
    (void)object;
    *stat = (struct stat){.st_mode = S_IFCHR | 0620, .st_nlink = 1, .st_blksize = 1024};
    return 0;
}

static int console_flags(void *object, bool set, int flags)
{
    (void)object;
    (void)flags;
    return set ? 0 : O_RDWR;
}

const struct descriptor_ops console_ops = {
    .read = console_object_read,
    .write = console_object_write,
    .close = console_close,
    .stat = console_stat,
    .flags = console_flags,
};

/* ---- <unistd.h> ---- */

ssize_t read(int fd, void *buffer, size_t len)
{
    struct description *held = descriptor_hold(fd);
    ssize_t count;

    if (!held)
        return -1;
    count = description_ops(held)->read(description_object(held), buffer, len);
    (void)descriptor_release(held);
    return count;
}

ssize_t write(int fd, const void *buffer, size_t len)
{
    struct description *held = descriptor_hold(fd);
    ssize_t count;

    if (!held)
        return -1;
    count = description_ops(held)->write(description_object(held), buffer, len);
    (void)descriptor_release(held);
    return count;
}

ssize_t pread(int fd, void *buffer, size_t len, off_t position)
{
    struct description *held = descriptor_hold(fd);
    ssize_t count = -1;

    if (!held)
        return -1;
    if (description_ops(held)->read_at)
        count = description_ops(held)->read_at(description_object(held), buffer, len, position);
    else
        errno = ESPIPE;
    (void)descriptor_release(held);
    return count;
}

ssize_t pwrite(int fd, const void *buffer, size_t len, off_t position)
{
    struct description *held = descriptor_hold(fd);
    ssize_t count = -1;

    if (!held)
        return -1;
    if (description_ops(held)->write_at)
        count = description_ops(held)->write_at(description_object(held), buffer, len, position);
    else
        errno = ESPIPE;
    (void)descriptor_release(held);
    return count;
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct description *held = descriptor_hold(fd);
    off_t position = -1;

    if (!held)
        return -1;
    if (description_ops(held)->seek)
        position = description_ops(held)->seek(description_object(held), offset, whence);
    else
        errno = ESPIPE;
    (void)descriptor_release(held);
    return position;
}

int fstat(int fd, struct stat *stat)
{
    struct description *held = descriptor_hold(fd);
    int result = -1;

    if (!held)
        return -1;
    if (description_ops(held)->stat)
        result = description_ops(held)->stat(description_object(held), stat);
    else
        errno = EINVAL;
    (void)descriptor_release(held);
    return result;
}

int isatty(int fd)
{
    const struct descriptor_ops *ops;
    void *object;

    if (!descriptor_get(fd, &ops, &object))
        return 0;
    if (ops != &console_ops)
        errno = ENOTTY;
    return ops == &console_ops;
}

/* ---- <sys/uio.h>: piece by piece; what was done before an error counts ---- */

ssize_t readv(int fd, const struct iovec *pieces, int count)
{
    ssize_t done = 0;

    for (int i = 0; i < count; i++) {
        ssize_t got = read(fd, pieces[i].iov_base, pieces[i].iov_len);
        if (got < 0)
            return done > 0 ? done : -1;
        done += got;
        if ((size_t)got < pieces[i].iov_len)
            break;
    }
    return done;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    ssize_t done = 0;

    for (int i = 0; i < count; i++) {
        ssize_t put = write(fd, pieces[i].iov_base, pieces[i].iov_len);
        if (put < 0)
            return done > 0 ? done : -1;
        done += put;
        if ((size_t)put < pieces[i].iov_len)
            break;
    }
    return done;
}
