/*
 * What is on the disk: an image file behind a volatile write cache. Writes go to the cache; a flush
 * brings all of it into the file; dropping it is what a power cut does.
 */
#ifndef VHOST_STORE_H
#define VHOST_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SECTOR 512u

struct store {
    int fd;
    uint64_t sectors;
    uint8_t *data;      /* file and cache together */
    uint8_t *dirty;     /* one byte a sector: it is not in the file */
    uint64_t dirty_now; /* sectors */
};

/* Opens an image of whole sectors. 0, or -1 with errno. */
int store_open(struct store *store, const char *path);
void store_close(struct store *store);
/* Whether the sectors are on the disk. */
bool store_holds(const struct store *store, uint64_t sector, uint64_t len_bytes);
/* Both take what store_holds has agreed to; offset: bytes from the sector on. */
void store_read(const struct store *store, uint64_t sector, uint64_t offset, void *to, size_t len);
void store_write(struct store *store, uint64_t sector, uint64_t offset, const void *from,
                 size_t len);
/* 0, or -1: the file can't be written; the rest stays in the cache. */
int store_flush(struct store *store);
/* Forgets what was not flushed; how many sectors that were. */
uint64_t store_drop(struct store *store);

#endif
