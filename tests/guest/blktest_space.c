/*
 * Groups about DISCARD and WRITE_ZEROES: what they do, what they leave alone, how much of it one
 * request may have.
 */
#include "blktest.h"

#include <inttypes.h>
#include <string.h>

#define AREA_BLOCKS 96u
#define ROUNDS 24u

struct space_area {
    struct session *session;
    struct buffer *buffer;
    uint64_t sector, generation;
};

static uint64_t block_sectors(void)
{
    return block_bytes() / BLK_SECTOR_SIZE;
}

static int space(struct session *session, uint32_t type, uint32_t flags, uint64_t sector,
                 uint64_t len)
{
    return raw_request(
        session, &(struct request){.type = type, .flags = flags, .sector = sector, .len = len});
}

static bool area_open(struct space_area *area, enum path path)
{
    area->session = open_path(path, BLK_OPEN_WRITE);
    area->buffer = buffer_new(AREA_BLOCKS * (size_t)block_bytes(), 0);
    area->sector = scratch_start;
    if (disk.max_request_bytes < area->buffer->len) {
        skip("a request has %" PRIu32 " bytes at most", disk.max_request_bytes);
        return false;
    }
    return area->session && buffer_grant(area->buffer, GRANT_READ | GRANT_WRITE);
}

static bool area_fill(struct space_area *area)
{
    area->generation = generation_next();
    stamp_fill(area->buffer->data, area->sector, area->buffer->len, area->generation);
    bool filled = EXPECT(raw_write(area->session, area->sector, area->buffer), 0);
    buffer_fill(area->buffer, 0x77);
    return filled;
}

/* Reads all: blocks [first, first + count) are zero, or anything at all; the others as written. */
static void area_verify(struct space_area *area, unsigned first, unsigned count, bool zero)
{
    EXPECT(raw_read(area->session, area->sector, area->buffer), 0);
    for (unsigned i = 0; i < AREA_BLOCKS; i++) {
        const uint8_t *data = area->buffer->data + (size_t)i * block_bytes();
        if (i < first || i >= first + count) {
            const char *wrong = stamp_check(data, area->sector + i * block_sectors(), block_bytes(),
                                            area->generation);
            check(!wrong, __LINE__, "block %u beside the range: %s", i, wrong);
        } else if (zero) {
            unsigned bad = 0;
            for (unsigned byte = 0; byte < block_bytes(); byte++)
                bad += data[byte] != 0;
            check(bad == 0, __LINE__, "%u bytes of block %u aren't zero", bad, i);
        }
    }
}

static void space_is_checked(struct session *session, uint32_t type, uint64_t max_sectors)
{
    uint64_t end = session->capacity;
    EXPECT(space(session, type, 0, scratch_start, 0), -ANOLE_EINVAL);
    EXPECT(space(session, type, 0, scratch_start, block_bytes() - 1), -ANOLE_EINVAL);
    EXPECT(space(session, type, 0, scratch_start, block_bytes() + 1), -ANOLE_EINVAL);
    EXPECT(space(session, type, 0, end, block_bytes()), -ANOLE_ERANGE);
    EXPECT(space(session, type, 0, end - block_sectors(), 2 * block_bytes()), -ANOLE_ERANGE);
    EXPECT(space(session, type, 0, 0, UINT64_MAX / block_bytes() * block_bytes()), -ANOLE_ERANGE);
    EXPECT(space(session, type, BLK_FUA, scratch_start, block_bytes()), -ANOLE_EINVAL);
    if (type == BLK_DISCARD)
        EXPECT(space(session, type, BLK_UNMAP, scratch_start, block_bytes()), -ANOLE_EINVAL);
    CHECK(max_sectors >= block_sectors());
    struct session *reader;
    if (EXPECT(raw_open(&reader, options.minor, 0), 0)) {
        EXPECT(space(reader, type, 0, scratch_start, block_bytes()), -ANOLE_EPERM);
        EXPECT(raw_close(reader), 0);
    }
}

/* As much as one request may have, if the disk is that large; once, for it may take long. */
static void most_at_once(struct session *session, uint32_t type, uint64_t max_sectors)
{
    uint64_t sectors = scratch_end - scratch_start;
    if (sectors > max_sectors)
        sectors = max_sectors - max_sectors % block_sectors();
    EXPECT(space(session, type, 0, scratch_start, sectors * BLK_SECTOR_SIZE), 0);
}

static void random_ranges(struct space_area *area, uint32_t type)
{
    for (unsigned round = 0; round < ROUNDS && area_fill(area); round++) {
        unsigned first = (unsigned)random_below(AREA_BLOCKS);
        unsigned count = 1 + (unsigned)random_below(AREA_BLOCKS - first);
        uint32_t flags = type == BLK_WRITE_ZEROES && random_below(2) ? BLK_UNMAP : 0;
        EXPECT(space(area->session, type, flags, area->sector + first * block_sectors(),
                     (uint64_t)count * block_bytes()),
               0);
        if (random_below(4) == 0)
            EXPECT(raw_flush(area->session), 0);
        area_verify(area, first, count, type == BLK_WRITE_ZEROES);
    }
    GUARDED(area->buffer);
}

static void space_group(enum path path, uint32_t type, uint32_t flag, uint64_t max_sectors)
{
    struct space_area area;
    if (!area_open(&area, path))
        return;
    if (!(disk.flags & flag)) {
        EXPECT(space(area.session, type, 0, scratch_start, block_bytes()), -ANOLE_ENOSYS);
        CHECK(max_sectors == 0);
        skip("the disk can't do it");
        return;
    }
    space_is_checked(area.session, type, max_sectors);
    random_ranges(&area, type);
    if (path == PATH_MESSAGE)
        most_at_once(area.session, type, max_sectors);
}

void group_discard(enum path path)
{
    space_group(path, BLK_DISCARD, BLK_INFO_DISCARD, disk.max_discard_sectors);
}

void group_zeroes(enum path path)
{
    space_group(path, BLK_WRITE_ZEROES, BLK_INFO_WRITE_ZEROES, disk.max_zeroes_sectors);
}
