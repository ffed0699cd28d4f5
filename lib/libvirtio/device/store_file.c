/*
 * A store in a file: see store_file.h.
 */
#include <libvirtio/device/store_file.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u
#define ZEROES_AT_ONCE 65536u

static int fd_of(struct vdev_store *store)
{
    return ((struct vdev_store_file *)store)->fd; /* its first member */
}

static bool read_file(struct vdev_store *store, uint64_t offset, void *to, uint32_t len_bytes)
{
    char *at = to;
    while (len_bytes > 0) {
        ssize_t got = pread(fd_of(store), at, len_bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        offset += (uint64_t)got;
        len_bytes -= (uint32_t)got;
    }
    return true;
}

static bool write_file(struct vdev_store *store, uint64_t offset, const void *from,
                       uint32_t len_bytes)
{
    const char *at = from;
    while (len_bytes > 0) {
        ssize_t put = pwrite(fd_of(store), at, len_bytes, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        offset += (uint64_t)put;
        len_bytes -= (uint32_t)put;
    }
    return true;
}

static bool flush_file(struct vdev_store *store)
{
    return fdatasync(fd_of(store)) == 0;
}

/* Reads as zeroes afterwards. False: this file or this machine can't. */
static bool punch_hole(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
#ifdef FALLOC_FL_PUNCH_HOLE
    return len_bytes == 0 || fallocate(fd_of(store), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                       (off_t)offset, (off_t)len_bytes) == 0;
#else
    (void)store;
    (void)offset;
    return len_bytes == 0;
#endif
}

static bool discard_file(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
    /* A wish: where it can't be granted the old contents stay. */
    return punch_hole(store, offset, len_bytes) || errno == EOPNOTSUPP;
}

static bool zero_file(struct vdev_store *store, uint64_t offset, uint64_t len_bytes,
                      bool deallocate)
{
    static const char zeroes[ZEROES_AT_ONCE];
    if (deallocate && punch_hole(store, offset, len_bytes))
        return true;
    while (len_bytes > 0) {
        uint32_t part = len_bytes < sizeof(zeroes) ? (uint32_t)len_bytes : sizeof(zeroes);
        if (!write_file(store, offset, zeroes, part))
            return false;
        offset += part;
        len_bytes -= part;
    }
    return true;
}

int vdev_store_file_open(struct vdev_store_file *file, const char *path, bool read_only)
{
    struct stat status;
    *file = (struct vdev_store_file){
        .store = {.read = read_file,
                  .write = write_file,
                  .flush = flush_file,
                  .discard = discard_file,
                  .zero = zero_file},
        .fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC),
    };
    if (file->fd < 0)
        return -1;
    if (fstat(file->fd, &status) < 0) {
        vdev_store_file_close(file);
        return -1;
    }
    file->store.bytes = (uint64_t)status.st_size / SECTOR * SECTOR;
    return 0;
}

void vdev_store_file_close(struct vdev_store_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
}
