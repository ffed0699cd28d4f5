/*
 * Bytes of disks. A request is cut in pieces, each of whole blocks in the disk's pool; others have their
 * turn between them. A block of which only a part is written is read before.
 */
#include "disk.h"

#include <libanole/anole.h>

uint64_t disk_bytes(const struct blk_info *info)
{
    uint64_t most = (uint64_t)INT64_MAX / BLK_SECTOR_SIZE;
    uint64_t sectors = info->capacity_sectors < most ? info->capacity_sectors : most;
    uint64_t bytes = sectors * BLK_SECTOR_SIZE;

    return info->logical_block_bytes ? bytes - bytes % info->logical_block_bytes : 0;
}

static struct disk *use_any(uint64_t node)
{
    struct disk *disk = disk_use(node, false);

    return disk ? disk : disk_use(node, true);
}

bool disk_open_bytes(uint64_t node, uint64_t *bytes)
{
    struct disk *disk = use_any(node);

    if (!disk)
        return false;
    *bytes = disk_bytes(blk_client_info(disk->client));
    disk_drop(disk);
    return true;
}

/* ---- one request, with the lock ---- */

static int request(struct disk *disk, const struct blk_io *io)
{
    disk->requested = true;
    int error = blk_submit(disk->client, io);
    if (error) {
        disk->requested = false;
        return error;
    }
    while (disk->requested)
        coro_queue_wait(&disk->answer);
    return disk->status;
}

/* The blocks that the next bytes lie in; as many bytes as the pool, or one request, holds. */
struct piece {
    struct blk_io io;
    uint64_t skip; /* bytes of the first block before them */
    uint64_t len;
};

static struct piece piece_at(const struct disk *disk, uint64_t position, uint64_t len)
{
    const struct blk_info *info = blk_client_info(disk->client);
    uint64_t block = info->logical_block_bytes;
    size_t pool;

    (void)blk_client_pool(disk->client, &pool);
    uint64_t most = pool < info->max_request_bytes ? pool : info->max_request_bytes;
    struct piece piece = {.skip = position % block};
    most -= most % block + piece.skip;
    piece.len = len < most ? len : most;
    piece.io = (struct blk_io){
        .sector = (position - piece.skip) / BLK_SECTOR_SIZE,
        .len_bytes = (piece.skip + piece.len + block - 1) / block * block,
    };
    return piece;
}

static int piece_read(struct disk *disk, struct piece *piece, struct fs_data *data, uint64_t done)
{
    size_t pool;
    const uint8_t *bytes = blk_client_pool(disk->client, &pool);

    piece->io.op = BLK_OP_READ;
    int error = request(disk, &piece->io);
    return error ? error : fs_data_to_client(data, done, bytes + piece->skip, piece->len);
}

static int piece_write(struct disk *disk, struct piece *piece, struct fs_data *data, uint64_t done)
{
    size_t pool;
    uint8_t *bytes = blk_client_pool(disk->client, &pool);
    int error = 0;

    if (piece->len < piece->io.len_bytes) {
        piece->io.op = BLK_OP_READ;
        error = request(disk, &piece->io);
    }
    if (!error)
        error = fs_data_from_client(data, done, bytes + piece->skip, piece->len);
    if (error)
        return error;
    piece->io.op = BLK_OP_WRITE;
    piece->io.flags = BLK_FUA;
    return request(disk, &piece->io);
}

/* ---- all of them ---- */

/* One piece of len bytes at position, of which so many are done. How many; 0: there is the end. */
static int64_t move_one(struct disk *disk, uint64_t position, struct fs_data *data, uint64_t done,
                        uint64_t len, bool write)
{
    int error = 0;

    coro_lock(&disk->lock);
    uint64_t size = disk_bytes(blk_client_info(disk->client));
    uint64_t there = position < size && position + done < size ? size - position - done : 0;
    struct piece piece = {0};
    if (there > 0) {
        piece = piece_at(disk, position + done, len - done < there ? len - done : there);
        error = write ? piece_write(disk, &piece, data, done)
                      : piece_read(disk, &piece, data, done);
    }
    coro_unlock(&disk->lock);
    return error ? error : (int64_t)piece.len;
}

static int64_t move(struct disk *disk, uint64_t position, struct fs_data *data, uint64_t len,
                    bool write)
{
    uint64_t done = 0;
    int64_t count = 1;

    while (done < len && count > 0) {
        count = move_one(disk, position, data, done, len, write);
        done += count > 0 ? (uint64_t)count : 0;
    }
    if (count == 0 && write)
        count = -ANOLE_ENOSPC;
    disk_drop(disk);
    return done > 0 || count > 0 ? (int64_t)done : count;
}

int64_t disk_read(uint64_t node, uint64_t position, struct fs_data *data, uint64_t len)
{
    struct disk *disk = use_any(node);

    return disk ? move(disk, position, data, len, false) : -ANOLE_EBADF;
}

int64_t disk_write(uint64_t node, uint64_t position, struct fs_data *data, uint64_t len)
{
    struct disk *disk = disk_use(node, true);

    if (disk && position == FS_END) /* where nothing can be written */
        position = fs_data_at_end(data, disk_bytes(blk_client_info(disk->client)));
    return disk ? move(disk, position, data, len, true) : -ANOLE_EBADF;
}

int disk_flush(uint64_t node)
{
    struct disk *disk = disk_use(node, true);

    if (!disk)
        return 0; /* nobody has written */
    coro_lock(&disk->lock);
    int error = request(disk, &(struct blk_io){.op = BLK_OP_FLUSH});
    coro_unlock(&disk->lock);
    disk_drop(disk);
    return error;
}
