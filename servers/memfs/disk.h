/*
 * Disks as files of "dev". Each that is open has a client of libblk, one for reading and one for
 * writing, which is exclusive: libblk finds the driver's next instance, and a request is answered once.
 * What a write has answered is durable.
 *
 *   disk.c      opening and closing, the service's loop
 *   disk_io.c   bytes: reading and writing at any position
 *   disk_ask.c  what disks and partitions there are
 */
#ifndef MEMFS_DISK_H
#define MEMFS_DISK_H

#include <anole/endpoint.h>
#include <libblk/client.h>
#include <libcoro/coro.h>
#include <libfs/server.h>

#define DISKS_OPEN 8u /* at a time; a disk that is open for both counts twice */
#define DISK_BITS 2u  /* notification bits of each */

/* One that is open. It stays while somebody uses it: files, and requests under way. */
struct disk {
    struct blk_client *client; /* NULL: free */
    uint64_t node;
    bool write;
    unsigned uses;
    struct coro_lock lock; /* of the pool and the one request in flight */
    bool requested;
    int status; /* of the last request that was answered */
    struct coro_queue answer;
    struct coro_queue opening; /* wait for the driver */
    int seen;                  /* blk_status() when they last looked */
    uint64_t look_ticks;       /* when they look again in any case */
};

/* ---- disk.c ---- */
void disks_init(unsigned first_bit);
void disks_notified(uint64_t bits);
void disks_step(void);
uint64_t disks_deadline(void);
/* Waits for the driver. EBUSY: it has a writer already (who may have mounted it). EMFILE, ENOENT, EROFS.
 * Each is ended by disk_close. */
int disk_open(uint64_t node, const char *name, bool write);
void disk_close(uint64_t node, bool write);
/* Used from now on until disk_drop; NULL: it isn't open for that. */
struct disk *disk_use(uint64_t node, bool write);
void disk_drop(struct disk *disk);

/* ---- disk_io.c ---- */
/* Whole blocks, as far as the disk is known. */
uint64_t disk_bytes(const struct blk_info *info);
/* False: it isn't open. */
bool disk_open_bytes(uint64_t node, uint64_t *bytes);
int64_t disk_read(uint64_t node, uint64_t position, struct fs_data *data, uint64_t len);
/* ENOSPC: beyond the end. */
int64_t disk_write(uint64_t node, uint64_t position, struct fs_data *data, uint64_t len);
int disk_flush(uint64_t node);

/* ---- disk_ask.c ---- */
#define DISKS 8u /* vda ... vdh */
/* Which minors the disk has, a bit for each: 0 is the disk itself, the others are partitions. Asked
 * of each instance of its driver once. */
uint32_t disk_minors(unsigned disk);
/* What it is, asked now; false: the driver doesn't say. */
bool disk_ask_bytes(unsigned disk, unsigned minor, uint64_t *bytes);

#endif
