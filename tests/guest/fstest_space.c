/*
 * Space: holes, files beyond 4 GiB, a full disk, a disk without inodes.
 */
#include "fstest.h"

#include "fstest_operation.h"

#include "../../commands/common/copy.h"
#include "../../commands/common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 65536u
#define GIB (1ull << 30)
#define INODES_MAX 200000u /* a disk with more of them isn't small */
#define FULL_MAX (1ull << 30)

static uint8_t wanted[PIECE], found[PIECE];

static bool directory_make(const char *group, const struct fstest *test, char path[256])
{
    snprintf(path, 256, "%s/fstest-%s-%" PRIu64, test->directory, group, test->seed);
    return mkdir(path, 0755) == 0 || group_failed(group, "mkdir %s", path);
}

/* Compares len bytes at position with those of a seed; 0: with zeroes. */
static bool range_is(int fd, uint64_t position, uint64_t data, size_t len)
{
    if (data != 0)
        operation_bytes(data, wanted, len);
    else
        memset(wanted, 0, len);
    return pread(fd, found, len, (off_t)position) == (ssize_t)len &&
           memcmp(found, wanted, len) == 0;
}

static bool put_range(int fd, uint64_t position, uint64_t data, size_t len)
{
    operation_bytes(data, wanted, len);
    return pwrite(fd, wanted, len, (off_t)position) == (ssize_t)len;
}

/* Islands of data: before them, between them and behind them are zeroes. */
static bool holes_check(const char *group, int fd, const uint64_t *positions, size_t count,
                        uint64_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (!range_is(fd, positions[i], positions[i] + 1, 5000))
            return group_failed(group, "the bytes at %" PRIu64, positions[i]);
        if (positions[i] >= 4096 && !range_is(fd, positions[i] - 4096, 0, 4096))
            return group_failed(group, "the hole before %" PRIu64, positions[i]);
        if (positions[i] + 5000 + 4096 <= size && !range_is(fd, positions[i] + 5000, 0, 4096))
            return group_failed(group, "the hole behind %" PRIu64, positions[i]);
    }
    return true;
}

static bool holes_run(int fd)
{
    static const uint64_t positions[] = {
        70000, 10ull << 20, 300ull << 20, 2 * GIB - 2500, 4 * GIB - 2500, 5 * GIB + 123, 9 * GIB};
    size_t count = sizeof(positions) / sizeof(positions[0]);
    uint64_t size = 10 * GIB;
    struct stat status;

    for (size_t i = count; i-- > 0;) {
        if (!put_range(fd, positions[i], positions[i] + 1, 5000))
            return group_failed("holes", "writing at %" PRIu64, positions[i]);
    }
    if (ftruncate(fd, (off_t)size) != 0 || fsync(fd) != 0)
        return group_failed("holes", "a size of 10 GiB");
    if (fstat(fd, &status) != 0 || (uint64_t)status.st_size != size)
        return group_failed("holes", "the size is not 10 GiB");
    if ((uint64_t)status.st_blocks * 512 > 8u << 20)
        return group_failed("holes", "%" PRIu64 " blocks are taken", (uint64_t)status.st_blocks);
    if (!holes_check("holes", fd, positions, count, size))
        return false;
    /* Shorter, and longer again: what was cut off is zeroes. */
    if (ftruncate(fd, (off_t)(4 * GIB)) != 0 || ftruncate(fd, (off_t)size) != 0)
        return group_failed("holes", "cutting at 4 GiB");
    uint64_t across = 4 * GIB - 2500;
    if (!range_is(fd, across, across + 1, 2500) || !range_is(fd, 4 * GIB, 0, 4096) ||
        !range_is(fd, 9 * GIB, 0, 4096))
        return group_failed("holes", "what was cut off is still there, or more is gone");
    return holes_check("holes", fd, positions, 4, 4 * GIB - 8192);
}

bool group_holes(const struct fstest *test)
{
    char directory[256], path[300];

    if (!directory_make("holes", test, directory))
        return false;
    snprintf(path, sizeof(path), "%s/sparse", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    bool well = fd >= 0 ? holes_run(fd) : group_failed("holes", "open");
    if (fd >= 0 && close(fd) != 0)
        well = group_failed("holes", "close");
    well = remove_tree("fstest", directory) && well;
    if (well)
        printf("holes: ok: a file of 10 GiB that is mostly holes\n");
    return well;
}

/* Writes pieces until there is no room: how many bytes there are; UINT64_MAX: another error. */
static uint64_t fill(int fd)
{
    uint64_t size = 0;

    while (size < FULL_MAX) {
        operation_bytes(size + 1, wanted, PIECE);
        ssize_t count = pwrite(fd, wanted, PIECE, (off_t)size);
        if (count < 0 && errno == ENOSPC)
            return size;
        if (count <= 0)
            return UINT64_MAX;
        size += (uint64_t)count;
        /* Part of a piece: the next one says why. */
        if (count < (ssize_t)PIECE)
            return size;
    }
    errno = EFBIG;
    return UINT64_MAX;
}

/* All pieces that were acknowledged are there, the last one perhaps in part. */
static bool filled(int fd, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += PIECE) {
        size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;
        operation_bytes(at + 1, wanted, PIECE);
        if (pread(fd, found, len, (off_t)at) != (ssize_t)len || memcmp(found, wanted, len) != 0)
            return group_failed("full", "the bytes at %" PRIu64, at);
    }
    return true;
}

static bool full_run(const char *directory, int fd)
{
    char path[300];
    uint64_t size = fill(fd);

    if (size == UINT64_MAX)
        return group_failed("full", "neither ENOSPC nor room: the disk is to be below 1 GiB");
    if (fsync(fd) != 0 || !filled(fd, size))
        return group_failed("full", "what was written before the disk was full");
    /* Small things are refused as well or done well; they never do damage. */
    snprintf(path, sizeof(path), "%s/more", directory);
    int more = open(path, O_WRONLY | O_CREAT, 0644);
    if (more < 0 && errno != ENOSPC)
        return group_failed("full", "open of another file");
    if (more >= 0)
        close(more);
    if (!filled(fd, size))
        return false;
    /* A quarter is given back, and can be used again. */
    if (ftruncate(fd, (off_t)(size / 4 * 3)) != 0)
        return group_failed("full", "truncate");
    uint64_t again = size / 4 * 3 / PIECE * PIECE;
    for (uint64_t at = again; at < again + size / 8 / PIECE * PIECE; at += PIECE) {
        if (!put_range(fd, at, at + 1, PIECE))
            return group_failed("full", "room that was given back");
    }
    return filled(fd, again + size / 8 / PIECE * PIECE);
}

bool group_full(const struct fstest *test)
{
    char directory[256], path[300];

    if (!directory_make("full", test, directory))
        return false;
    snprintf(path, sizeof(path), "%s/file", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    bool well = fd >= 0 ? full_run(directory, fd) : group_failed("full", "open");
    if (fd >= 0 && close(fd) != 0)
        well = group_failed("full", "close");
    well = remove_tree("fstest", directory) && well;
    if (well)
        printf("full: ok: a full disk loses nothing, and room comes back\n");
    return well;
}

static bool make_numbered(const char *directory, unsigned number)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%u", directory, number);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    return fd >= 0 && close(fd) == 0;
}

static bool inodes_run(const char *directory)
{
    char path[300];
    unsigned made = 0;

    while (made < INODES_MAX && make_numbered(directory, made))
        made++;
    if (made == INODES_MAX || errno != ENOSPC)
        return group_failed("inodes", "no ENOSPC after %u files", made);
    snprintf(path, sizeof(path), "%s/directory", directory);
    if (mkdir(path, 0755) == 0 || errno != ENOSPC)
        return group_failed("inodes", "a directory without an inode");
    /* Another name needs none, and what is given back can be had again. */
    char other[300];
    snprintf(path, sizeof(path), "%s/0", directory);
    snprintf(other, sizeof(other), "%s/another", directory);
    if (link(path, other) != 0 || unlink(path) != 0)
        return group_failed("inodes", "another name");
    if (make_numbered(directory, made) || errno != ENOSPC)
        return group_failed("inodes", "the inode has a name still");
    if (unlink(other) != 0 || !make_numbered(directory, made))
        return group_failed("inodes", "an inode that was given back");
    if (make_numbered(directory, 0) || errno != ENOSPC)
        return group_failed("inodes", "there are more inodes than before");
    return true;
}

bool group_inodes(const struct fstest *test)
{
    char directory[256];

    if (!directory_make("inodes", test, directory))
        return false;
    bool well = inodes_run(directory);
    well = remove_tree("fstest", directory) && well;
    if (well)
        printf("inodes: ok: a disk without inodes refuses files, and takes one for one\n");
    return well;
}
