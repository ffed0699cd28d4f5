/*
 * The I/O manager of libext2fs: its reads see the transaction, its writes are part of it. Reads
 * wait on the coroutine that calls libext2fs.
 */
#include "ext2.h"

#include <libanole/anole.h>
#include <stdio.h>

/* Errors of ours are small numbers, as those of a C library that libext2fs passes on. */
#define SYSTEM_ERRORS 256

int mount_corrupt(struct mount *mount, const char *format, ...)
{
    char text[120];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!mount->corrupt)
        log_printf(LOG_ERROR, "%s: %s; read-only from now on: run e2fsck -f on it", mount->disk,
                   text);
    mount->corrupt = true;
    mount->read_only = true;
    return -ANOLE_EIO;
}

int error_from(struct mount *mount, errcode_t error, const char *what)
{
    if (error == 0)
        return 0;
    if (error < SYSTEM_ERRORS)
        return error == EOVERFLOW ? -ANOLE_EFBIG : -(int)error;
    switch (error) {
    case EXT2_ET_NO_MEMORY:
        return -ANOLE_ENOMEM;
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
        return -ANOLE_ENOSPC;
    case EXT2_ET_RO_FILSYS:
        return -ANOLE_EROFS;
    default:
        return mount_corrupt(mount, "%s is not valid (libext2fs: %ld)", what, error - EXT2_ET_BASE);
    }
}

static struct mount *mount_of(io_channel channel)
{
    return channel->private_data;
}

static struct mount *opening;

void io_open_for(struct mount *mount)
{
    opening = mount;
}

static errcode_t open_channel(const char *name, int flags, io_channel *channel)
{
    io_channel made = calloc(1, sizeof(*made));

    (void)name;
    (void)flags;
    if (!made)
        return EXT2_ET_NO_MEMORY;
    made->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    made->manager = &ext2_io_manager;
    made->block_size = 1024;
    made->refcount = 1;
    made->private_data = opening;
    *channel = made;
    return 0;
}

static errcode_t close_channel(io_channel channel)
{
    if (--channel->refcount == 0)
        free(channel);
    return 0;
}

static errcode_t set_block_size(io_channel channel, int size)
{
    channel->block_size = size;
    return 0;
}

/* libext2fs counts blocks, or bytes as a negative number. */
static uint64_t bytes_of(io_channel channel, int count)
{
    return count < 0 ? (uint64_t) - (int64_t)count
                     : (uint64_t)count * (uint64_t)channel->block_size;
}

static errcode_t read_blocks(io_channel channel, unsigned long long block, int count, void *data)
{
    struct mount *mount = mount_of(channel);
    uint64_t left = bytes_of(channel, count);
    uint64_t position = 0;
    uint8_t *to = data;

    if (__builtin_mul_overflow(block, (uint64_t)channel->block_size, &position))
        return ANOLE_EIO;
    while (left > 0) {
        uint64_t offset = position % mount->block_size;
        uint64_t part = mount->block_size - offset;
        const uint8_t *from;
        int error = metadata_read(mount, position / mount->block_size, &from);

        if (error)
            return -error;
        if (part > left)
            part = left;
        memcpy(to, from + offset, part);
        to += part;
        position += part;
        left -= part;
    }
    return 0;
}

static errcode_t write_blocks(io_channel channel, unsigned long long block, int count,
                              const void *data)
{
    struct mount *mount = mount_of(channel);
    const uint8_t *from = data;

    if (count <= 0 || (uint32_t)channel->block_size != mount->block_size)
        return ANOLE_EIO;
    for (int i = 0; i < count; i++) {
        uint8_t *to;
        int error = metadata_change(mount, block + (unsigned)i, CACHE_ZERO, &to);

        if (error)
            return -error;
        memcpy(to, from + (uint64_t)i * mount->block_size, mount->block_size);
    }
    return 0;
}

static errcode_t read_blocks_32(io_channel channel, unsigned long block, int count, void *data)
{
    return read_blocks(channel, block, count, data);
}

static errcode_t write_blocks_32(io_channel channel, unsigned long block, int count,
                                 const void *data)
{
    return write_blocks(channel, block, count, data);
}

/* When anything becomes durable isn't libext2fs's matter. */
static errcode_t flush(io_channel channel)
{
    (void)channel;
    return 0;
}

struct struct_io_manager ext2_io_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "Anole's block cache",
    .open = open_channel,
    .close = close_channel,
    .set_blksize = set_block_size,
    .read_blk = read_blocks_32,
    .write_blk = write_blocks_32,
    .flush = flush,
    .read_blk64 = read_blocks,
    .write_blk64 = write_blocks,
};
