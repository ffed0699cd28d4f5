/*
 * Groups that move data the right way: whole buffers and vectors, of all sizes and alignments.
 */
#include "blktest.h"

#include <string.h>

#define PIECE_MAX ((size_t)256 * 1024)
#define WRITES 30u
#define VECTORS 12u

static const size_t skews[] = {0, 8, 512, 513, 4088};
#define SKEWS (sizeof skews / sizeof skews[0])

/* The largest request that is tested: as the driver and the disk allow. */
static size_t largest(bool for_writing)
{
    uint64_t room = for_writing ? scratch_end - scratch_start : disk.capacity_sectors;
    size_t len = disk.max_request_bytes < PIECE_MAX ? disk.max_request_bytes : PIECE_MAX;
    if (room * BLK_SECTOR_SIZE < len)
        len = room * BLK_SECTOR_SIZE;
    return len - len % block_bytes();
}

static size_t random_len(size_t most)
{
    /* Small ones as often as large ones. */
    size_t blocks = most / block_bytes();
    size_t limit = (size_t)1 << random_below(10);
    return (1 + random_below(limit < blocks ? limit : blocks)) * block_bytes();
}

/* ---- reading ---- */

/* The same range once whole and once in pieces, into differently aligned memory. */
static void read_two_ways(struct session *session, size_t len, size_t skew)
{
    struct buffer *whole = buffer_new(len, skew);
    struct buffer *pieces = buffer_new(len, 0);
    uint64_t sector = random_sector(len, false);
    if (!buffer_grant(whole, GRANT_WRITE) || !buffer_grant(pieces, GRANT_WRITE))
        return;
    buffer_fill(whole, 0x11);
    buffer_fill(pieces, 0x22);
    EXPECT(raw_read(session, sector, whole), 0);
    for (size_t done = 0; done < len;) {
        size_t piece = random_len(len - done);
        const struct request request = {.type = BLK_READ,
                                        .sector = sector + done / BLK_SECTOR_SIZE,
                                        .grant = pieces->grant,
                                        .offset = done,
                                        .len = piece};
        if (!EXPECT(raw_request(session, &request), 0))
            break;
        done += piece;
    }
    check(memcmp(whole->data, pieces->data, len) == 0, __LINE__,
          "%zu bytes at sector %lu differ between two reads", len, (unsigned long)sector);
    GUARDED(whole);
    GUARDED(pieces);
    buffers_free();
}

void group_read(enum path path)
{
    if (disk.capacity_sectors == 0) {
        skip("the disk is empty");
        return;
    }
    struct session *session = open_path(path, 0);
    if (!session)
        return;
    size_t most = largest(false);
    for (unsigned i = 0; i < SKEWS; i++) {
        read_two_ways(session, block_bytes(), skews[i]);
        read_two_ways(session, random_len(most), skews[i]);
    }
    read_two_ways(session, most, 0);
    read_two_ways(session, most, 24);
}

/* ---- writing ---- */

/* Writes a stretch, then a part of it again; what isn't in the part must have stayed. */
static void write_inside(struct session *session, size_t len, size_t skew)
{
    struct buffer *buffer = buffer_new(len, skew);
    uint64_t sector = random_sector(len, true);
    uint64_t old = generation_next();
    uint64_t new = generation_next();
    size_t blocks = len / block_bytes();
    size_t first = random_below(blocks) * block_bytes();
    size_t part = (1 + random_below(blocks - first / block_bytes())) * block_bytes();
    uint64_t part_sector = sector + first / BLK_SECTOR_SIZE;
    if (!buffer_grant(buffer, GRANT_READ | GRANT_WRITE))
        return;
    stamp_fill(buffer->data, sector, len, old);
    EXPECT(raw_write(session, sector, buffer), 0);
    stamp_fill(buffer->data + first, part_sector, part, new);
    const struct request request = {.type = BLK_WRITE,
                                    .flags = random_below(4) == 0 ? BLK_FUA : 0,
                                    .sector = part_sector,
                                    .grant = buffer->grant,
                                    .offset = first,
                                    .len = part};
    EXPECT(raw_request(session, &request), 0);
    buffer_fill(buffer, 0x77);
    EXPECT(raw_read(session, sector, buffer), 0);

    const char *wrong = stamp_check(buffer->data, sector, first, old);
    check(!wrong, __LINE__, "before what was written: %s", wrong);
    wrong = stamp_check(buffer->data + first, part_sector, part, new);
    check(!wrong, __LINE__, "what was written: %s", wrong);
    wrong = stamp_check(buffer->data + first + part, part_sector + part / BLK_SECTOR_SIZE,
                        len - first - part, old);
    check(!wrong, __LINE__, "behind what was written: %s", wrong);
    GUARDED(buffer);
    buffers_free();
}

void group_write(enum path path)
{
    struct session *session = open_path(path, BLK_OPEN_WRITE);
    if (!session)
        return;
    size_t most = largest(true);
    for (unsigned i = 0; i < WRITES; i++)
        write_inside(session, random_len(most), skews[i % SKEWS]);
    write_inside(session, most, 0);
    EXPECT(raw_flush(session), 0);
}

/* ---- vectors ---- */

/* Several buffers, and the vector that names pieces of them in order. */
struct scattered {
    struct buffer *vector;
    struct buffer *parts[3];
    unsigned count;
    size_t len;
};

static struct blk_segment *segments_of(const struct scattered *scattered)
{
    return (struct blk_segment *)(void *)scattered->vector->data;
}

static uint8_t *segment_data(const struct scattered *scattered, unsigned i)
{
    return scattered->parts[i % 3]->data + segments_of(scattered)[i].offset;
}

/* Pieces of whole sectors; the last one fills up to whole blocks. Each part buffer takes every third
 * piece, its own ones one after the other with a hole between them. */
static bool scatter(struct scattered *scattered, unsigned count, unsigned access)
{
    size_t used[3] = {0};
    scattered->count = count;
    scattered->len = 0;
    scattered->vector = buffer_new(count * sizeof(struct blk_segment), 32);
    for (unsigned i = 0; i < 3; i++) {
        scattered->parts[i] = buffer_new(128 * 1024, i * 712);
        buffer_fill(scattered->parts[i], 0x44);
        if (!buffer_grant(scattered->parts[i], access))
            return false;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t len = (1 + random_below(4)) * BLK_SECTOR_SIZE;
        if (i + 1 == count && (scattered->len + len) % block_bytes() != 0)
            len += block_bytes() - (scattered->len + len) % block_bytes();
        segments_of(scattered)[i] = (struct blk_segment){
            .grant = scattered->parts[i % 3]->grant, .offset = used[i % 3], .len_bytes = len};
        used[i % 3] += len + 40;
        scattered->len += len;
    }
    return buffer_grant(scattered->vector, GRANT_READ);
}

static int vector_request(struct session *session, uint32_t type, uint64_t sector,
                          const struct scattered *scattered)
{
    const struct request request = {.type = type,
                                    .flags = BLK_VECTOR,
                                    .sector = sector,
                                    .grant = scattered->vector->grant,
                                    .len = scattered->count};
    int status = raw_request(session, &request);
    if (status == 0)
        check(session->done_bytes == scattered->len, __LINE__, "%lu of %zu bytes done",
              (unsigned long)session->done_bytes, scattered->len);
    return status;
}

static void check_scattered(const struct scattered *scattered, const uint8_t *expected)
{
    for (unsigned i = 0; i < scattered->count; i++) {
        size_t len = segments_of(scattered)[i].len_bytes;
        const uint8_t *data = segment_data(scattered, i);
        if (!check(memcmp(data, expected, len) == 0, __LINE__, "piece %u of %u differs", i,
                   scattered->count))
            return;
        expected += len;
    }
    for (unsigned i = 0; i < 3; i++)
        GUARDED(scattered->parts[i]);
}

/* The holes between the pieces of a part buffer keep what was there. */
static void check_holes(const struct scattered *scattered)
{
    for (unsigned i = 0; i + 3 < scattered->count; i++) {
        const struct blk_segment *segment = &segments_of(scattered)[i];
        const uint8_t *hole = segment_data(scattered, i) + segment->len_bytes;
        for (unsigned n = 0; n < 40; n++)
            if (!check(hole[n] == 0x44, __LINE__, "hole behind piece %u was overwritten", i))
                return;
    }
}

static void vector_read(struct session *session, unsigned count)
{
    struct scattered scattered;
    if (!scatter(&scattered, count, GRANT_WRITE))
        return;
    if (scattered.len > largest(false)) {
        buffers_free();
        return;
    }
    struct buffer *plain = buffer_new(scattered.len, 0);
    uint64_t sector = random_sector(scattered.len, false);
    if (!buffer_grant(plain, GRANT_WRITE))
        return;
    EXPECT(raw_read(session, sector, plain), 0);
    if (EXPECT(vector_request(session, BLK_READ, sector, &scattered), 0)) {
        check_scattered(&scattered, plain->data);
        check_holes(&scattered);
    }
    buffers_free();
}

static void vector_write(struct session *session, unsigned count)
{
    struct scattered scattered;
    if (!scatter(&scattered, count, GRANT_READ))
        return;
    struct buffer *plain = buffer_new(scattered.len, 0);
    uint64_t sector = random_sector(scattered.len, true);
    uint64_t generation = generation_next();
    uint64_t at = sector;
    if (!buffer_grant(plain, GRANT_WRITE))
        return;
    for (unsigned i = 0; i < count; i++) {
        size_t len = segments_of(&scattered)[i].len_bytes;
        stamp_fill(segment_data(&scattered, i), at, len, generation);
        at += len / BLK_SECTOR_SIZE;
    }
    EXPECT(vector_request(session, BLK_WRITE, sector, &scattered), 0);
    EXPECT(raw_read(session, sector, plain), 0);
    const char *wrong = stamp_check(plain->data, sector, plain->len, generation);
    check(!wrong, __LINE__, "vector of %u: %s", count, wrong);
    buffers_free();
}

void group_vectors(enum path path)
{
    bool write = options.write && !(disk.flags & BLK_INFO_READ_ONLY) &&
                 scratch_end - scratch_start >= 1024;
    if (disk.capacity_sectors == 0) {
        skip("the disk is empty");
        return;
    }
    struct session *session = open_path(path, write ? BLK_OPEN_WRITE : 0);
    if (!session)
        return;
    for (unsigned i = 0; i < VECTORS; i++) {
        unsigned count = i == 0 ? 1 : i == 1 ? BLK_VECTOR_MAX : 1 + (unsigned)random_below(20);
        vector_read(session, count);
        if (write)
            vector_write(session, count);
    }
}
