/*
 * Groups about where a disk and its partitions end, about positions beyond 4 GiB, and about disks
 * that can't be written.
 */
#include "blktest.h"

#include <string.h>

#define PARTITIONS_TESTED 4u
#define SECTORS_4_GIB ((uint64_t)1 << 23)

static int at(struct session *session, uint32_t type, uint64_t sector, const struct buffer *buffer,
              size_t len)
{
    const struct request request = {
        .type = type, .sector = sector, .grant = buffer->grant, .len = len};
    return raw_request(session, &request);
}

/* ---- ends ---- */

/* Everything that begins or ends beyond the end is refused; nothing of it is done. */
static void beyond_the_end(struct session *session, uint32_t type, const struct buffer *buffer)
{
    const uint64_t end = session->capacity;
    const uint64_t block = block_bytes() / BLK_SECTOR_SIZE;
    const uint64_t sectors[] = {
        end,
        end + block,
        2 * end,
        (uint64_t)1 << 32,
        ((uint64_t)1 << 55) - block, /* one block below 2^64 bytes */
        (uint64_t)1 << 55,           /* 2^64 bytes: 0 if that wraps */
        ((uint64_t)1 << 55) + block,
        (uint64_t)1 << 63,
        UINT64_MAX - block + 1,
        UINT64_MAX - block + 1 - block,
    };
    for (unsigned i = 0; i < sizeof sectors / sizeof sectors[0]; i++)
        if (sectors[i] >= end)
            EXPECT(at(session, type, sectors[i], buffer, block_bytes()), -ANOLE_ERANGE);
    if (end >= block)
        EXPECT(at(session, type, end - block, buffer, 2 * block_bytes()), -ANOLE_ERANGE);
}

static void up_to_the_end(struct session *session, const struct buffer *buffer)
{
    const uint64_t block = block_bytes() / BLK_SECTOR_SIZE;
    EXPECT(at(session, BLK_READ, session->capacity - block, buffer, block_bytes()), 0);
    if (session->capacity >= 2 * block)
        EXPECT(at(session, BLK_READ, session->capacity - 2 * block, buffer, 2 * block_bytes()), 0);
}

static void limits_of(enum path path, unsigned minor, bool write)
{
    struct session *session;
    struct buffer *buffer = buffer_new(2 * block_bytes(), 0);
    if (!EXPECT(raw_open(&session, minor, write ? BLK_OPEN_WRITE : 0), 0) ||
        !buffer_grant(buffer, GRANT_READ | GRANT_WRITE))
        return;
    if (path == PATH_CHANNEL && !EXPECT(channel_attach(session, 16, NULL), 0))
        return;
    buffer_fill(buffer, 0x17);
    beyond_the_end(session, BLK_READ, buffer);
    if (write)
        beyond_the_end(session, BLK_WRITE, buffer);
    CHECK(buffer_is(buffer, 0x17));
    if (session->capacity > 0)
        up_to_the_end(session, buffer);
    GUARDED(buffer);
    buffers_free();
    EXPECT(raw_close(session), 0);
}

void group_limits(enum path path)
{
    bool write = options.write && !(disk.flags & BLK_INFO_READ_ONLY);
    limits_of(path, options.minor, write);
    struct blk_info info;
    for (unsigned minor = 1; options.minor == 0 && minor <= PARTITIONS_TESTED; minor++)
        if (raw_info(minor, &info) == 0)
            limits_of(path, minor, write);
}

/* ---- partitions ---- */

/* Calls visit for the first few partitions of the whole disk. */
static void each_partition(enum path path,
                           void (*visit)(enum path path, unsigned minor, const struct blk_info *))
{
    struct blk_info info;
    bool any = false;
    for (unsigned minor = 1; options.minor == 0 && minor <= PARTITIONS_TESTED; minor++) {
        if (raw_info(minor, &info) != 0 || info.capacity_sectors < 4)
            continue;
        any = true;
        visit(path, minor, &info);
        sessions_close();
        buffers_free();
    }
    if (!any)
        skip(options.minor == 0 ? "the disk has no partitions" : "not a whole disk");
}

/* A partition's first and last block are the disk's at its place. */
static void same_bytes(enum path path, unsigned minor, const struct blk_info *info)
{
    const uint64_t block = block_bytes() / BLK_SECTOR_SIZE;
    const uint64_t places[] = {0, info->capacity_sectors - block};
    struct session *whole = open_path(path, 0);
    struct session *part;
    struct buffer *one = buffer_new(block_bytes(), 0);
    struct buffer *two = buffer_new(block_bytes(), 0);
    if (!whole || !EXPECT(raw_open(&part, minor, 0), 0) || !buffer_grant(one, GRANT_WRITE) ||
        !buffer_grant(two, GRANT_WRITE))
        return;
    CHECK(part->capacity == info->capacity_sectors);
    for (unsigned i = 0; i < 2; i++) {
        buffer_fill(one, 1);
        buffer_fill(two, 2);
        EXPECT(raw_read(part, places[i], one), 0);
        EXPECT(raw_read(whole, info->start_sector + places[i], two), 0);
        check(memcmp(one->data, two->data, block_bytes()) == 0, __LINE__,
              "partition %u, sector %lu isn't what the disk has there", minor,
              (unsigned long)places[i]);
    }
}

void group_partitions(enum path path)
{
    each_partition(path, same_bytes);
}

/* Reads the block before the partition and the one behind it. */
static void read_neighbours(struct session *whole, const struct blk_info *info,
                            const struct buffer *before, const struct buffer *behind)
{
    const uint64_t block = block_bytes() / BLK_SECTOR_SIZE;
    uint64_t end = info->start_sector + info->capacity_sectors;
    if (info->start_sector >= block)
        EXPECT(raw_read(whole, info->start_sector - block, before), 0);
    if (end + block <= disk.capacity_sectors)
        EXPECT(raw_read(whole, end, behind), 0);
}

static void neighbours_stay(enum path path, unsigned minor, const struct blk_info *info)
{
    const uint64_t last = info->capacity_sectors - block_bytes() / BLK_SECTOR_SIZE;
    struct buffer *buffers[5];
    struct session *whole, *part;
    for (unsigned i = 0; i < 5; i++) {
        buffers[i] = buffer_new(i < 4 ? block_bytes() : 2 * block_bytes(), 0);
        if (!buffer_grant(buffers[i], GRANT_READ | GRANT_WRITE))
            return;
    }
    if (!EXPECT(raw_open(&whole, 0, 0), 0) || !EXPECT(raw_open(&part, minor, BLK_OPEN_WRITE), 0) ||
        (path == PATH_CHANNEL && !EXPECT(channel_attach(part, 16, NULL), 0)))
        return;
    read_neighbours(whole, info, buffers[0], buffers[1]);

    uint64_t generation = generation_next();
    struct buffer *data = buffers[4];
    stamp_fill(data->data, last, data->len, generation);
    EXPECT(raw_write(part, last, data), -ANOLE_ERANGE); /* half of it would be outside */
    EXPECT(at(part, BLK_WRITE, last, data, block_bytes()), 0);
    stamp_fill(data->data, 0, data->len, generation);
    EXPECT(at(part, BLK_WRITE, 0, data, block_bytes()), 0);

    read_neighbours(whole, info, buffers[2], buffers[3]);
    CHECK(memcmp(buffers[0]->data, buffers[2]->data, block_bytes()) == 0);
    CHECK(memcmp(buffers[1]->data, buffers[3]->data, block_bytes()) == 0);
    EXPECT(at(part, BLK_READ, last, data, block_bytes()), 0);
    const char *wrong = stamp_check(data->data, last, block_bytes(), generation);
    check(!wrong, __LINE__, "partition %u: %s", minor, wrong);
    for (unsigned i = 0; i < 5; i++)
        GUARDED(buffers[i]);
}

void group_neighbours(enum path path)
{
    each_partition(path, neighbours_stay);
}

/* ---- beyond 4 GiB ---- */

/* Positions whose low 32 bits, in bytes or in sectors, are those of others in the list. */
void group_high(enum path path)
{
    const size_t len = 4 * block_bytes();
    const uint64_t sectors = len / BLK_SECTOR_SIZE;
    if (scratch_end < SECTORS_4_GIB + scratch_start + 2 * sectors) {
        skip("the disk is not larger than 4 GiB");
        return;
    }
    const uint64_t places[] = {
        scratch_start,
        scratch_start + sectors,
        SECTORS_4_GIB / 2,
        SECTORS_4_GIB - sectors,
        SECTORS_4_GIB,
        SECTORS_4_GIB + scratch_start,
        SECTORS_4_GIB + scratch_start + sectors,
        scratch_end - sectors,
    };
    const unsigned count = sizeof places / sizeof places[0];
    uint64_t generation[sizeof places / sizeof places[0]];
    struct session *session = open_path(path, BLK_OPEN_WRITE);
    struct buffer *buffer = buffer_new(len, 0);
    if (!session || !buffer_grant(buffer, GRANT_READ | GRANT_WRITE))
        return;
    for (unsigned i = 0; i < count; i++) {
        generation[i] = generation_next();
        stamp_fill(buffer->data, places[i], len, generation[i]);
        EXPECT(raw_write(session, places[i], buffer), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        EXPECT(raw_read(session, places[i], buffer), 0);
        const char *wrong = stamp_check(buffer->data, places[i], len, generation[i]);
        check(!wrong, __LINE__, "at sector %lu: %s", (unsigned long)places[i], wrong);
    }
    GUARDED(buffer);
}

/* ---- disks that can't be written ---- */

void group_read_only(enum path path)
{
    static const uint32_t types[] = {BLK_WRITE, BLK_DISCARD, BLK_WRITE_ZEROES};
    struct session *session;
    if (!(disk.flags & BLK_INFO_READ_ONLY)) {
        skip("the disk is writable");
        return;
    }
    EXPECT(raw_open(&session, options.minor, BLK_OPEN_WRITE), -ANOLE_EROFS);
    EXPECT(raw_open(&session, options.minor, BLK_OPEN_WRITE | BLK_OPEN_SHARED), -ANOLE_EROFS);
    session = open_path(path, 0);
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (!session || !buffer_grant(buffer, GRANT_READ))
        return;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_ONE_OF(at(session, types[i], 0, buffer, block_bytes()), -ANOLE_EROFS, -ANOLE_ENOSYS);
    EXPECT(raw_flush(session), 0);
}
