/*
 * The table of file descriptors. Its lock is held for looking things up only: what happens behind a
 * descriptor may take as long as it likes.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/descriptor.h>
#include <libanole/internal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>
#include <unistd.h>

#define FIRST 3 /* behind the standard streams */
#define ROWS_MAX 4096

struct row {
    const struct descriptor_ops *ops; /* NULL: free */
    void *object;
};

static struct row *rows;
static int row_count;
static struct __lock lock;

/* Twice as many, all new ones free. */
static bool rows_grow(void)
{
    int wanted = row_count == 0 ? 16 : row_count * 2;
    struct row *grown = wanted <= ROWS_MAX ? realloc(rows, (size_t)wanted * sizeof(*rows)) : NULL;

    if (!grown)
        return false;
    memset(&grown[row_count], 0, (size_t)(wanted - row_count) * sizeof(*rows));
    rows = grown;
    row_count = wanted;
    return true;
}

int descriptor_open(const struct descriptor_ops *ops, void *object)
{
    int row = 0;

    lock_acquire(&lock);
    while (row < row_count && rows[row].ops)
        row++;
    if (row == row_count && !rows_grow())
        row = -1;
    else
        rows[row] = (struct row){.ops = ops, .object = object};
    lock_release(&lock);
    if (row < 0) {
        errno = EMFILE;
        return -1;
    }
    return row + FIRST;
}

/* Looks a row up, and takes it out of the table if asked. */
static bool find(int fd, struct row *found, bool take)
{
    bool there;

    lock_acquire(&lock);
    there = fd >= FIRST && fd - FIRST < row_count && rows[fd - FIRST].ops;
    if (there) {
        *found = rows[fd - FIRST];
        if (take)
            rows[fd - FIRST].ops = NULL;
    }
    lock_release(&lock);
    if (!there)
        errno = EBADF;
    return there;
}

bool descriptor_get(int fd, const struct descriptor_ops **ops, void **object)
{
    struct row row;

    if (!find(fd, &row, false))
        return false;
    *ops = row.ops;
    *object = row.object;
    return true;
}

ssize_t write(int fd, const void *buffer, size_t len)
{
    struct row row;

    if (fd == STDOUT_FILENO || fd == STDERR_FILENO) {
        console_write(buffer, len);
        return (ssize_t)len;
    }
    return find(fd, &row, false) ? row.ops->write(row.object, buffer, len) : -1;
}

ssize_t read(int fd, void *buffer, size_t len)
{
    struct row row;
    int count;

    if (fd != STDIN_FILENO)
        return find(fd, &row, false) ? row.ops->read(row.object, buffer, len) : -1;
    count = len > 0 ? console_read(buffer, len) : 0;
    if (count < 0) {
        errno = EIO;
        return -1;
    }
    return count;
}

int close(int fd)
{
    struct row row;

    if (fd >= 0 && fd < FIRST)
        return 0;
    return find(fd, &row, true) ? row.ops->close(row.object) : -1;
}

off_t lseek(int fd, off_t offset, int whence)
{
    struct row row;

    (void)offset;
    (void)whence;
    if (fd < 0 || (fd >= FIRST && !find(fd, &row, false)))
        errno = EBADF;
    else
        errno = ESPIPE;
    return -1;
}
