/*
 * The table of file descriptors. Its lock is held for looking things up only: what happens behind a
 * descriptor may take as long as it likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <libanole/anole.h>
#include <libanole/descriptor.h>
#include <libanole/lock.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAMS 3 /* the standard ones */
#define ROWS_FIRST 8
#define ROWS_MAX 4096

struct description {
    const struct descriptor_ops *ops;
    void *object;
    unsigned references; /* rows, and calls under way */
};

struct row {
    struct description *description; /* NULL: free */
    bool cloexec;
};

static struct description console_description = {.ops = &console_ops, .references = STREAMS};
static struct row first_rows[ROWS_FIRST] = {
    {&console_description, false},
    {&console_description, false},
    {&console_description, false},
};
static struct row *rows = first_rows;
static int row_count = ROWS_FIRST;
static struct __lock lock;

/* So many at least, all new ones free. */
static bool rows_grow(int least)
{
    int wanted = row_count;
    struct row *grown;

    while (wanted < least)
        wanted *= 2;
    if (wanted > ROWS_MAX)
        return false;
    grown = realloc(rows == first_rows ? NULL : rows, (size_t)wanted * sizeof(*rows));
    if (!grown)
        return false;
    if (rows == first_rows)
        memcpy(grown, first_rows, sizeof(first_rows));
    memset(&grown[row_count], 0, (size_t)(wanted - row_count) * sizeof(*rows));
    rows = grown;
    row_count = wanted;
    return true;
}

/* The lowest free row from `least` on takes one reference of the description. -1 with errno. */
static int row_take(int least, struct description *description, bool cloexec)
{
    int row = least;

    lock_acquire(&lock);
    while (row < row_count && rows[row].description)
        row++;
    if (row >= row_count && !rows_grow(row + 1)) {
        row = -1;
    } else {
        rows[row] = (struct row){description, cloexec};
        description->references++;
    }
    lock_release(&lock);
    if (row < 0)
        errno = EMFILE;
    return row;
}

static struct description *description_make(const struct descriptor_ops *ops, void *object)
{
    struct description *description = malloc(sizeof(*description));

    if (description)
        *description = (struct description){.ops = ops, .object = object};
    else
        errno = ENOMEM;
    return description;
}

struct description *descriptor_hold(int fd)
{
    struct description *description = NULL;

    lock_acquire(&lock);
    if (fd >= 0 && fd < row_count)
        description = rows[fd].description;
    if (description)
        description->references++;
    lock_release(&lock);
    if (!description)
        errno = EBADF;
    return description;
}

int descriptor_release(struct description *description)
{
    unsigned left;
    int result;

    lock_acquire(&lock);
    left = --description->references;
    lock_release(&lock);
    if (left > 0 || description == &console_description)
        return 0;
    result = description->ops->close(description->object);
    free(description);
    return result;
}

const struct descriptor_ops *description_ops(const struct description *description)
{
    return description->ops;
}

void *description_object(const struct description *description)
{
    return description->object;
}

bool descriptor_get(int fd, const struct descriptor_ops **ops, void **object)
{
    struct description *description = descriptor_hold(fd);

    if (!description)
        return false;
    *ops = description->ops;
    *object = description->object;
    lock_acquire(&lock);
    description->references--;
    lock_release(&lock);
    return true;
}

int descriptor_open(const struct descriptor_ops *ops, void *object)
{
    struct description *description = description_make(ops, object);
    int fd = description ? row_take(0, description, false) : -1;

    if (fd < 0)
        free(description);
    return fd;
}

/* Puts the description at fd; what was there. The row exists. */
static struct description *row_exchange(int fd, struct description *description, bool cloexec)
{
    struct description *before;

    lock_acquire(&lock);
    before = rows[fd].description;
    rows[fd] = (struct row){description, cloexec};
    if (description)
        description->references++;
    lock_release(&lock);
    return before;
}

static bool row_exists(int fd)
{
    bool exists;

    lock_acquire(&lock);
    exists = fd >= 0 && fd < ROWS_MAX && (fd < row_count || rows_grow(fd + 1));
    lock_release(&lock);
    if (!exists)
        errno = EBADF;
    return exists;
}

int descriptor_place(int fd, const struct descriptor_ops *ops, void *object)
{
    struct description *description = row_exists(fd) ? description_make(ops, object) : NULL;
    struct description *before;

    if (!description)
        return -1;
    before = row_exchange(fd, description, false);
    if (before)
        (void)descriptor_release(before);
    return fd;
}

void descriptor_keep_from_children(int fd)
{
    lock_acquire(&lock);
    if (fd >= 0 && fd < row_count)
        rows[fd].cloexec = true;
    lock_release(&lock);
}

int descriptor_next_inherited(int fd)
{
    lock_acquire(&lock);
    while (fd < row_count && (!rows[fd].description || rows[fd].cloexec))
        fd++;
    fd = fd < row_count ? fd : -1;
    lock_release(&lock);
    return fd;
}

/* ---- <unistd.h>, <fcntl.h> ---- */

int close(int fd)
{
    struct description *description;

    lock_acquire(&lock);
    description = fd >= 0 && fd < row_count ? rows[fd].description : NULL;
    if (description)
        rows[fd] = (struct row){NULL, false};
    lock_release(&lock);
    if (!description) {
        errno = EBADF;
        return -1;
    }
    return descriptor_release(description);
}

static int dup_from(int fd, int least, bool cloexec)
{
    struct description *description = descriptor_hold(fd);
    int copy;

    if (!description)
        return -1;
    if (least < 0 || least >= ROWS_MAX) {
        errno = EINVAL;
        copy = -1;
    } else {
        copy = row_take(least, description, cloexec);
    }
    (void)descriptor_release(description); /* the caller's own is left */
    return copy;
}

int dup(int fd)
{
    return dup_from(fd, 0, false);
}

int dup2(int fd, int wanted)
{
    struct description *description = descriptor_hold(fd);
    struct description *before = NULL;

    if (!description)
        return -1;
    if (fd == wanted) {
        (void)descriptor_release(description);
        return fd;
    }
    if (!row_exists(wanted))
        wanted = -1;
    else
        before = row_exchange(wanted, description, false);
    (void)descriptor_release(description);
    if (before)
        (void)descriptor_release(before);
    return wanted;
}

static int cloexec_change(int fd, bool set, bool cloexec)
{
    int result = -1;

    lock_acquire(&lock);
    if (fd >= 0 && fd < row_count && rows[fd].description) {
        result = rows[fd].cloexec ? FD_CLOEXEC : 0;
        if (set) {
            rows[fd].cloexec = cloexec;
            result = 0;
        }
    }
    lock_release(&lock);
    if (result < 0)
        errno = EBADF;
    return result;
}

static int flags_of(int fd, bool set, int flags)
{
    struct description *description = descriptor_hold(fd);
    int result = -1;

    if (!description)
        return -1;
    if (description->ops->flags)
        result = description->ops->flags(description->object, set, flags);
    else
        errno = EINVAL;
    (void)descriptor_release(description);
    return result;
}

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    int argument;

    va_start(arguments, command);
    argument = command == F_GETFD || command == F_GETFL ? 0 : va_arg(arguments, int);
    va_end(arguments);
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return dup_from(fd, argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
    case F_SETFD:
        return cloexec_change(fd, command == F_SETFD, (argument & FD_CLOEXEC) != 0);
    case F_GETFL:
    case F_SETFL:
        return flags_of(fd, command == F_SETFL, argument);
    default:
        errno = EINVAL;
        return -1;
    }
}
