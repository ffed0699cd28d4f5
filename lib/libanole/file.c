/*
 * Open files: each a number at its file server. When that dies, the request is made again at its next
 * instance under the same operation number: it is done once, and the caller sees a longer wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <libanole/descriptor.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER_WAIT_US                                                                             \
    60000000u                  /* for the next instance; RS gives up, or brings one, much sooner */
#define LENGTH_MAX 0x40000000u /* of one request */

uint64_t operation_next(void)
{
    static _Atomic uint64_t last;

    return ++last;
}

/* ---- requests ---- */

static int server_renew(struct file *file)
{
    endpoint_t next;
    int error = name_wait(file->service, &next, ANOLE_NOTIFY_BIT, deadline_in_us(SERVER_WAIT_US));

    if (!error)
        file->server = next;
    return error;
}

static int call_once(const struct file *file, uint32_t type, const void *buffer, size_t len,
                     unsigned access, unsigned at, struct message *message)
{
    endpoint_t server = file->server;
    handle_t grant = HANDLE_NONE;
    int error = len > 0 ? kcall_grant(server, buffer, len, access, &grant) : 0;

    if (error)
        return error;
    message->word[0] = file->number;
    message->word[at] = len > 0 ? grant : message->word[at];
    error = anole_call(server, type, message, DEADLINE_NEVER);
    if (grant != HANDLE_NONE)
        (void)kcall_revoke(grant, -1); /* file servers copy: nothing pins it */
    return error;
}

int file_call_buffer(struct file *file, uint32_t type, const void *buffer, size_t len,
                     unsigned access, unsigned at, struct message *message)
{
    struct message request = *message;
    int error;

    request.word[6] = operation_next();
    for (;;) {
        *message = request;
        error = call_once(file, type, buffer, len, access, at, message);
        if (error != -ANOLE_EDEADENDPOINT)
            return error;
        error = server_renew(file);
        if (error)
            return -ANOLE_EIO;
    }
}

int file_call(struct file *file, uint32_t type, struct message *message)
{
    return file_call_buffer(file, type, NULL, 0, 0, 1, message);
}

/* ---- behind a descriptor ---- */

static ssize_t transfer(struct file *file, uint32_t type, const void *buffer, size_t len,
                        uint64_t position)
{
    size_t part = len < LENGTH_MAX ? len : LENGTH_MAX;
    struct message message = {.word = {[3] = part, [4] = position}};
    int error = file_call_buffer(file, type, buffer, part,
                                 type == FS_READ ? GRANT_WRITE : GRANT_READ, 1, &message);

    return error ? errno_result(error) : (ssize_t)message.word[0];
}

static ssize_t file_read(void *object, void *buffer, size_t len)
{
    return transfer(object, FS_READ, buffer, len, FS_HERE);
}

static ssize_t file_write(void *object, const void *buffer, size_t len)
{
    return transfer(object, FS_WRITE, buffer, len, FS_HERE);
}

static ssize_t file_read_at(void *object, void *buffer, size_t len, off_t position)
{
    return position < 0 ? errno_result(-ANOLE_EINVAL)
                        : transfer(object, FS_READ, buffer, len, (uint64_t)position);
}

static ssize_t file_write_at(void *object, const void *buffer, size_t len, off_t position)
{
    return position < 0 ? errno_result(-ANOLE_EINVAL)
                        : transfer(object, FS_WRITE, buffer, len, (uint64_t)position);
}

static int file_close(void *object)
{
    struct message message = {0};
    int error = file_call(object, FS_CLOSE, &message);

    free(object);
    /* Asked again, what is closed is closed; what went with its server, too. */
    return error == -ANOLE_EBADF ? 0 : errno_result(error);
}

static off_t file_seek(void *object, off_t offset, int whence)
{
    static const uint64_t from[] = {
        [SEEK_SET] = FS_SEEK_SET, [SEEK_CUR] = FS_SEEK_CURRENT, [SEEK_END] = FS_SEEK_END};
    struct message message = {.word = {[1] = (uint64_t)offset}};
    int error = -ANOLE_EINVAL;

    if (whence == SEEK_SET || whence == SEEK_CUR || whence == SEEK_END) {
        message.word[2] = from[whence];
        error = file_call(object, FS_SEEK, &message);
    }
    return error ? errno_result(error) : (off_t)message.word[0];
}

static struct timespec time_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

void stat_fill(struct stat *stat, const struct fs_stat *from)
{
    *stat = (struct stat){
        .st_dev = from->mount,
        .st_ino = from->node,
        .st_mode = from->mode,
        .st_nlink = (nlink_t)(from->links < UINT16_MAX ? from->links : UINT16_MAX),
        .st_uid = from->user,
        .st_gid = from->group,
        .st_rdev = (dev_t)from->device,
        .st_size = (off_t)from->size,
        .st_blksize = (blksize_t)from->block_size,
        .st_blocks = (blkcnt_t)from->blocks,
        .st_atim = time_of(from->accessed),
        .st_mtim = time_of(from->modified),
        .st_ctim = time_of(from->changed),
    };
}

static int file_stat(void *object, struct stat *stat)
{
    struct fs_stat found = {0};
    struct message message = {0};
    int error = file_call_buffer(object, FS_STAT, &found, sizeof(found), GRANT_WRITE, 1, &message);

    if (error)
        return errno_result(error);
    stat_fill(stat, &found);
    return 0;
}

/* A file never makes anybody wait longer than its disk: O_NONBLOCK changes nothing. */
static int file_flags(void *object, bool set, int flags)
{
    const struct file *file = object;

    (void)flags;
    return set ? 0 : file->flags;
}

/* "memfs:0123456789abcdef" */
static int file_offer(void *object, char *text, size_t room)
{
    struct file *file = object;
    struct message message = {0};
    int error = file_call(object, FS_OFFER, &message);

    if (error)
        return errno_result(error);
    snprintf(text, room, "%s:%lx", file->service, (unsigned long)message.word[0]);
    return 0;
}

static const struct descriptor_ops file_ops = {
    .read = file_read,
    .write = file_write,
    .close = file_close,
    .seek = file_seek,
    .read_at = file_read_at,
    .write_at = file_write_at,
    .stat = file_stat,
    .flags = file_flags,
    .offer = file_offer,
};

/* ---- descriptors ---- */

static struct file *file_copy(const struct file *file)
{
    struct file *copy = malloc(sizeof(*copy));

    if (copy) {
        *copy = *file;
    } else {
        struct message message = {0};
        struct file closing = *file;
        (void)file_call(&closing, FS_CLOSE, &message);
        errno = ENOMEM;
    }
    return copy;
}

int file_descriptor(const struct file *file)
{
    struct file *copy = file_copy(file);
    int fd = copy ? descriptor_open(&file_ops, copy) : -1;

    if (copy && fd < 0) {
        int error = errno;
        (void)file_close(copy);
        errno = error;
    }
    return fd;
}

int file_place(int fd, const struct file *file)
{
    struct file *copy = file_copy(file);
    int placed = copy ? descriptor_place(fd, &file_ops, copy) : -1;

    if (copy && placed < 0)
        (void)file_close(copy);
    return placed;
}

struct file *file_hold(int fd, struct description **held)
{
    *held = descriptor_hold(fd);
    if (!*held)
        return NULL;
    if (description_ops(*held) == &file_ops)
        return description_object(*held);
    (void)descriptor_release(*held);
    errno = EINVAL;
    return NULL;
}

int flags_from(uint64_t fs_flags)
{
    int flags = (fs_flags & FS_O_WRITE) == 0 ? O_RDONLY : fs_flags & FS_O_READ ? O_RDWR : O_WRONLY;

    return flags | (fs_flags & FS_O_APPEND ? O_APPEND : 0) | (fs_flags & FS_O_SYNC ? O_SYNC : 0);
}

/* ---- <unistd.h> ---- */

/* A request that needs no more than a word. */
static int simple_call(int fd, uint32_t type, uint64_t word)
{
    struct description *held;
    struct file *file = file_hold(fd, &held);
    struct message message = {.word = {[1] = word}};
    int error;

    if (!file)
        return -1;
    error = file_call(file, type, &message);
    (void)descriptor_release(held);
    return errno_result(error);
}

int fsync(int fd)
{
    return simple_call(fd, FS_SYNC, 0);
}

int fdatasync(int fd)
{
    return simple_call(fd, FS_SYNC, 0);
}

int ftruncate(int fd, off_t len)
{
    return len < 0 ? errno_result(-ANOLE_EINVAL) : simple_call(fd, FS_TRUNCATE, (uint64_t)len);
}
