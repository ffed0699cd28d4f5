/* The disk's data and its volatile cache: see store.h. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, uint8_t *to, uint64_t offset, uint64_t len)
{
    while (len > 0) {
        ssize_t got = pread(fd, to, len, (off_t)offset);
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return -1;
        to += got;
        offset += (uint64_t)got;
        len -= (uint64_t)got;
    }
    return 0;
}

int store_open(struct store *store, const char *path)
{
    struct stat status;
    *store = (struct store){.fd = open(path, O_RDWR | O_CLOEXEC)};
    if (store->fd < 0 || fstat(store->fd, &status) < 0)
        return -1;
    store->sectors = (uint64_t)status.st_size / STORE_SECTOR;
    store->data = calloc(store->sectors + 1, STORE_SECTOR);
    store->dirty = calloc(store->sectors + 1, 1);
    if (!store->data || !store->dirty)
        return -1;
    return read_all(store->fd, store->data, 0, store->sectors * STORE_SECTOR);
}

void store_close(struct store *store)
{
    free(store->data);
    free(store->dirty);
    if (store->fd >= 0)
        (void)close(store->fd);
    *store = (struct store){.fd = -1};
}

bool store_holds(const struct store *store, uint64_t sector, uint64_t len_bytes)
{
    return len_bytes % STORE_SECTOR == 0 && sector <= store->sectors &&
           len_bytes / STORE_SECTOR <= store->sectors - sector;
}

void store_read(const struct store *store, uint64_t sector, uint64_t offset, void *to, size_t len)
{
    memcpy(to, store->data + sector * STORE_SECTOR + offset, len);
}

void store_write(struct store *store, uint64_t sector, uint64_t offset, const void *from,
                 size_t len)
{
    uint64_t start = sector * STORE_SECTOR + offset;
    memcpy(store->data + start, from, len);
    for (uint64_t at = start / STORE_SECTOR; at * STORE_SECTOR < start + len; at++) {
        store->dirty_now += !store->dirty[at];
        store->dirty[at] = 1;
    }
}

int store_flush(struct store *store)
{
    for (uint64_t at = 0; at < store->sectors && store->dirty_now > 0; at++) {
        if (!store->dirty[at])
            continue;
        ssize_t done = pwrite(store->fd, store->data + at * STORE_SECTOR, STORE_SECTOR,
                              (off_t)(at * STORE_SECTOR));
        if (done != STORE_SECTOR)
            return -1;
        store->dirty[at] = 0;
        store->dirty_now--;
    }
    return 0;
}

uint64_t store_drop(struct store *store)
{
    uint64_t dropped = store->dirty_now;
    for (uint64_t at = 0; at < store->sectors && store->dirty_now > 0; at++) {
        if (!store->dirty[at])
            continue;
        uint8_t *sector = store->data + at * STORE_SECTOR;
        /* What can't be read any more is as lost as the rest. */
        if (read_all(store->fd, sector, at * STORE_SECTOR, STORE_SECTOR) < 0)
            memset(sector, 0, STORE_SECTOR);
        store->dirty[at] = 0;
        store->dirty_now--;
    }
    return dropped;
}
