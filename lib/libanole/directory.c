/*
 * <dirent.h>.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libanole/descriptor.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES_LEN 2048u

/* What was read of it and not handed out yet lies in bytes from `at` to `len`. The place of an entry
 * is the position before its batch and how many of the batch come before it. */
struct directory {
    int fd;
    off_t batch; /* position of the file server's before it */
    unsigned handed;
    size_t at, len;
    struct dirent entry;
    _Alignas(struct fs_entry) char bytes[ENTRIES_LEN];
};
#define HANDED_BITS 8u /* of a place: entries are 24 bytes long at least */
static_assert(ENTRIES_LEN / 24 < 1u << HANDED_BITS, "a batch's entries can be counted");

DIR *fdopendir(int fd)
{
    struct description *held;
    const struct file *file = file_hold(fd, &held);
    DIR *directory = NULL;

    if (!file)
        return NULL;
    if (file->type != FS_TYPE_DIRECTORY)
        errno = ENOTDIR;
    else
        directory = malloc(sizeof(*directory));
    if (directory) {
        directory->fd = fd;
        directory->batch = lseek(fd, 0, SEEK_CUR);
        directory->handed = 0;
        directory->at = directory->len = 0;
    }
    (void)descriptor_release(held);
    return directory;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && !directory)
        (void)close(fd);
    return directory;
}

/* The next batch: how many bytes, 0 at the end, or an error. */
static int batch_read(DIR *directory)
{
    struct description *held;
    struct file *file = file_hold(directory->fd, &held);
    struct message message = {.word = {[3] = ENTRIES_LEN}};
    int error;

    if (!file)
        return -ANOLE_EBADF;
    directory->batch = lseek(directory->fd, 0, SEEK_CUR);
    directory->handed = 0;
    directory->at = directory->len = 0;
    error = file_call_buffer(file, FS_ENTRIES, directory->bytes, ENTRIES_LEN, GRANT_WRITE, 1,
                             &message);
    (void)descriptor_release(held);
    if (error)
        return error;
    if (message.word[0] > ENTRIES_LEN)
        return -ANOLE_EPROTO;
    directory->len = message.word[0];
    return (int)directory->len;
}

/* The entry at `at`, if it is one. */
static int entry_take(DIR *directory)
{
    const struct fs_entry *entry = (const void *)(directory->bytes + directory->at);
    size_t left = directory->len - directory->at;

    if (left < sizeof(*entry) || entry->len > left || entry->len % 8 != 0 || entry->name_len == 0 ||
        entry->name_len > FS_NAME_MAX || entry->len < sizeof(*entry) + entry->name_len)
        return -ANOLE_EPROTO;
    directory->at += entry->len;
    directory->handed++;
    directory->entry = (struct dirent){
        .d_ino = entry->node,
        .d_off = telldir(directory),
        .d_reclen = sizeof(struct dirent),
        .d_type = (unsigned char)entry->type,
    };
    memcpy(directory->entry.d_name, entry->name, entry->name_len);
    return 0;
}

struct dirent *readdir(DIR *directory)
{
    int got = directory->at < directory->len ? 1 : batch_read(directory);

    if (got > 0)
        got = entry_take(directory) == 0 ? 1 : -ANOLE_EPROTO;
    if (got < 0)
        errno = errno_of(got);
    return got > 0 ? &directory->entry : NULL;
}

int closedir(DIR *directory)
{
    int result = close(directory->fd);

    free(directory);
    return result;
}

long telldir(DIR *directory)
{
    return (long)directory->batch << HANDED_BITS | directory->handed;
}

void seekdir(DIR *directory, long position)
{
    unsigned handed = (unsigned)position & ((1u << HANDED_BITS) - 1);

    directory->at = directory->len = 0;
    (void)lseek(directory->fd, position >> HANDED_BITS, SEEK_SET);
    while (handed-- > 0 && readdir(directory))
        ;
    if (directory->len == 0)
        directory->batch = position >> HANDED_BITS;
}

void rewinddir(DIR *directory)
{
    seekdir(directory, 0);
    directory->handed = 0;
}

int dirfd(DIR *directory)
{
    return directory->fd;
}
