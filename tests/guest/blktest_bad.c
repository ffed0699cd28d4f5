/*
 * Groups of what must be refused: vectors, grants, types, flags and lengths that are wrong. After
 * each refusal the buffer must be as it was, and the driver must serve on.
 */
#include "blktest.h"

#include <proto/common.h>
#include <string.h>

#define UNTOUCHED 0x69u

/* The errors that a bad piece of memory may get. */
#define BAD_MEMORY -ANOLE_EINVAL, -ANOLE_ERANGE, -ANOLE_EBADHANDLE, -ANOLE_EPERM, -ANOLE_EFAULT

static void serves_on(struct session *session)
{
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (buffer_grant(buffer, GRANT_WRITE))
        EXPECT(raw_read(session, 0, buffer), 0);
}

/* ---- vectors ---- */

struct bad_vector {
    struct session *session;
    struct buffer *vector, *data;
};

static int try_vector(const struct bad_vector *bad, uint64_t offset, uint64_t count)
{
    const struct request request = {.type = BLK_READ,
                                    .flags = BLK_VECTOR,
                                    .grant = bad->vector->grant,
                                    .offset = offset,
                                    .len = count};
    return raw_request(bad->session, &request);
}

/* A good vector of two blocks, one element of which is then made bad. */
static struct blk_segment *good_vector(const struct bad_vector *bad)
{
    struct blk_segment *segments = (struct blk_segment *)(void *)bad->vector->data;
    for (unsigned i = 0; i < BLK_VECTOR_MAX + 1; i++)
        segments[i] = (struct blk_segment){.grant = bad->data->grant,
                                           .offset = (uint64_t)(i % 2) * block_bytes(),
                                           .len_bytes = block_bytes()};
    return segments;
}

static void bad_counts(const struct bad_vector *bad)
{
    static const uint64_t counts[] = {0,
                                      BLK_VECTOR_MAX + 1,
                                      1u << 20,
                                      (uint64_t)1 << 32 | 1,
                                      UINT64_MAX / sizeof(struct blk_segment) + 2,
                                      UINT64_MAX};
    good_vector(bad);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++)
        EXPECT(try_vector(bad, 0, counts[i]), -ANOLE_EINVAL);
}

static void bad_lengths(const struct bad_vector *bad)
{
    const uint64_t lengths[] = {0,
                                1,
                                511,
                                513,
                                block_bytes() + 1,
                                disk.max_request_bytes,
                                (uint64_t)1 << 32,
                                (uint64_t)1 << 63,
                                UINT64_MAX,
                                UINT64_MAX - 511,
                                UINT64_MAX - block_bytes() + 1};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct blk_segment *segments = good_vector(bad);
        segments[1].len_bytes = lengths[i];
        EXPECT_ONE_OF(try_vector(bad, 0, 2), BAD_MEMORY);
        /* Two that are too long together, also by wrapping to something small. */
        segments[0].len_bytes = 2 * block_bytes() - lengths[i];
        EXPECT_ONE_OF(try_vector(bad, 0, 2), BAD_MEMORY);
    }
    if (block_bytes() > BLK_SECTOR_SIZE) {
        good_vector(bad)[1].len_bytes = BLK_SECTOR_SIZE;
        EXPECT(try_vector(bad, 0, 2), -ANOLE_EINVAL);
    }
}

static void bad_elements(const struct bad_vector *bad)
{
    const uint64_t offsets[] = {bad->data->len, bad->data->len - block_bytes() + 1,
                                (uint64_t)1 << 63, UINT64_MAX - block_bytes() + 1, UINT64_MAX};
    for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        good_vector(bad)[1].offset = offsets[i];
        EXPECT_ONE_OF(try_vector(bad, 0, 2), BAD_MEMORY);
    }
    good_vector(bad)[0].grant = HANDLE_NONE;
    EXPECT(try_vector(bad, 0, 2), -ANOLE_EBADHANDLE);
    good_vector(bad)[1].grant = bad->vector->grant; /* may be read, not written */
    EXPECT_ONE_OF(try_vector(bad, 0, 2), BAD_MEMORY);
}

static void bad_vector_memory(const struct bad_vector *bad)
{
    const uint64_t beyond = bad->vector->len - sizeof(struct blk_segment);
    good_vector(bad);
    EXPECT_ONE_OF(try_vector(bad, beyond, 2), BAD_MEMORY);
    EXPECT_ONE_OF(try_vector(bad, bad->vector->len, 1), BAD_MEMORY);
    EXPECT_ONE_OF(try_vector(bad, UINT64_MAX - 23, 1), BAD_MEMORY);
    EXPECT_ONE_OF(try_vector(bad, UINT64_MAX, 2), BAD_MEMORY);
    const struct request request = {.type = BLK_READ,
                                    .flags = BLK_VECTOR,
                                    .grant = bad->data->grant, /* may be written, not read */
                                    .len = 1};
    EXPECT(raw_request(bad->session, &request), -ANOLE_EPERM);
}

void group_bad_vectors(enum path path)
{
    const struct bad_vector bad = {
        .session = open_path(path, 0),
        .vector = buffer_new((BLK_VECTOR_MAX + 1) * sizeof(struct blk_segment), 0),
        .data = buffer_new(2 * block_bytes(), 512),
    };
    if (disk.capacity_sectors * BLK_SECTOR_SIZE < 2 * block_bytes()) {
        skip("the disk is too small");
        return;
    }
    if (!bad.session || !buffer_grant(bad.vector, GRANT_READ) ||
        !buffer_grant(bad.data, GRANT_WRITE))
        return;
    buffer_fill(bad.data, UNTOUCHED);
    bad_counts(&bad);
    bad_lengths(&bad);
    bad_elements(&bad);
    bad_vector_memory(&bad);
    CHECK(buffer_revoke(bad.data));
    CHECK(buffer_is(bad.data, UNTOUCHED));
    GUARDED(bad.data);
    GUARDED(bad.vector);
    serves_on(bad.session);
}

/* ---- grants ---- */

static int read_with(struct session *session, handle_t grant, uint64_t offset, uint64_t len)
{
    const struct request request = {.type = BLK_READ, .grant = grant, .offset = offset, .len = len};
    return raw_request(session, &request);
}

static void bad_handles(struct session *session, struct buffer *buffer)
{
    handle_t good = buffer->grant;
    const handle_t handles[] = {HANDLE_NONE, 1, good + 1, good ^ 0x10000, good ^ (handle_t)1 << 63,
                                UINT64_MAX};
    for (unsigned i = 0; i < sizeof handles / sizeof handles[0]; i++)
        EXPECT(read_with(session, handles[i], 0, block_bytes()), -ANOLE_EBADHANDLE);
    buffer_revoke(buffer);
    EXPECT(read_with(session, good, 0, block_bytes()), -ANOLE_EBADHANDLE);
    buffer_grant(buffer, GRANT_WRITE);
    EXPECT(read_with(session, good, 0, block_bytes()), -ANOLE_EBADHANDLE);

    handle_t foreign;
    if (EXPECT(kcall_grant(startup_page()->rs, buffer->data, buffer->len, GRANT_WRITE, &foreign),
               0)) {
        EXPECT(read_with(session, foreign, 0, block_bytes()), -ANOLE_EBADHANDLE);
        EXPECT(kcall_revoke(foreign, -1), 0);
    }
}

static void bad_ranges(struct session *session, const struct buffer *buffer)
{
    const uint64_t block = block_bytes();
    const struct {
        uint64_t offset, len;
    } ranges[] = {
        {1, buffer->len},         {buffer->len, block},       {buffer->len - block + 1, block},
        {buffer->len + 1, block}, {(uint64_t)1 << 63, block}, {UINT64_MAX - block + 1, block},
        {UINT64_MAX, block},      {0, buffer->len + block},
    };
    for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        EXPECT_ONE_OF(read_with(session, buffer->grant, ranges[i].offset, ranges[i].len),
                      BAD_MEMORY);
}

/* Memory of ours that we could not write, or that isn't there: a grant of it is no right to it. */
static void bad_memory(struct session *session)
{
    static const uint8_t constant[65536] = {1, 2, 3};
    const uint8_t *inside = constant + 4096;
    void *mapping;
    handle_t grant;
    if (EXPECT(kcall_grant(driver, inside, block_bytes(), GRANT_WRITE, &grant), 0)) {
        EXPECT_ONE_OF(read_with(session, grant, 0, block_bytes()), BAD_MEMORY);
        EXPECT(kcall_revoke(grant, -1), 0);
    }
    for (size_t i = 4096; i < sizeof constant; i++)
        if (((const volatile uint8_t *)constant)[i] != 0) {
            check(false, __LINE__, "read-only memory was written");
            break;
        }
    if (!EXPECT(kcall_map(PAGE_SIZE, PROT_READ_BIT | PROT_WRITE_BIT, &mapping), 0))
        return;
    EXPECT(kcall_grant(driver, mapping, PAGE_SIZE, GRANT_WRITE, &grant), 0);
    EXPECT(kcall_unmap(mapping, PAGE_SIZE), 0);
    EXPECT_ONE_OF(read_with(session, grant, 0, block_bytes()), BAD_MEMORY);
    EXPECT(kcall_revoke(grant, -1), 0);
}

static void wrong_direction(struct session *session, struct buffer *buffer, bool write)
{
    buffer_revoke(buffer);
    buffer_grant(buffer, GRANT_READ);
    EXPECT(read_with(session, buffer->grant, 0, block_bytes()), -ANOLE_EPERM);
    if (!write)
        return;
    buffer_revoke(buffer);
    buffer_grant(buffer, GRANT_WRITE);
    const struct request request = {
        .type = BLK_WRITE, .sector = scratch_start, .grant = buffer->grant, .len = block_bytes()};
    EXPECT(raw_request(session, &request), -ANOLE_EPERM);
}

void group_bad_grants(enum path path)
{
    bool write = options.write && !(disk.flags & BLK_INFO_READ_ONLY) && scratch_end > scratch_start;
    struct session *session = open_path(path, write ? BLK_OPEN_WRITE : 0);
    struct buffer *buffer = buffer_new(2 * block_bytes(), 512);
    if (disk.capacity_sectors * BLK_SECTOR_SIZE < 4 * block_bytes()) {
        skip("the disk is too small");
        return;
    }
    if (!session || !buffer_grant(buffer, GRANT_WRITE))
        return;
    buffer_fill(buffer, UNTOUCHED);
    bad_handles(session, buffer);
    bad_ranges(session, buffer);
    wrong_direction(session, buffer, write);
    CHECK(buffer_revoke(buffer));
    CHECK(buffer_is(buffer, UNTOUCHED));
    GUARDED(buffer);
    bad_memory(session);
    serves_on(session);
}

/* ---- types, flags, sessions ---- */

static void bad_types(struct session *session)
{
    for (unsigned number = 0; number < 256; number++) {
        if (number >= (BLK_INFO & 0xff) && number <= (BLK_QUEUE & 0xff))
            continue;
        const struct request request = {.type = MESSAGE_TYPE(PROTO_BLK, number)};
        EXPECT(raw_request(session, &request), -ANOLE_ENOSYS);
    }
    static const uint32_t foreign[] = {MESSAGE_TYPE(PROTO_NET, 1),
                                       MESSAGE_TYPE(PROTO_RS, 20),
                                       MESSAGE_TYPE(PROTO_TTY, 1),
                                       0x10000 + BLK_READ,
                                       0xffffffff,
                                       0x80000000 | BLK_READ};
    for (unsigned i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        EXPECT(raw_request(session, &(struct request){.type = foreign[i]}), -ANOLE_ENOSYS);
}

/* What only a message may ask is unknown in a channel. */
static void message_only_types(struct session *session)
{
    static const uint32_t types[] = {BLK_OPEN,   BLK_CLOSE, BLK_ATTACH,
                                     BLK_DETACH, BLK_QUEUE, COMMON_PING};
    for (unsigned i = 0; session->channel && i < sizeof types / sizeof types[0]; i++)
        EXPECT(raw_request(session, &(struct request){.type = types[i]}), -ANOLE_ENOSYS);
    struct message ping = {0};
    EXPECT(raw_call(COMMON_PING, &ping), 0);
}

static void bad_flags(struct session *session)
{
    static const uint32_t types[] = {BLK_READ, BLK_FLUSH, BLK_WRITE, BLK_CANCEL};
    static const uint32_t allowed[] = {BLK_VECTOR, 0, BLK_VECTOR | BLK_FUA, 0};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
        for (unsigned bit = 0; bit < 32; bit++) {
            const struct request request = {.type = types[i], .flags = 1u << bit, .len = 512};
            if ((allowed[i] & 1u << bit) == 0)
                EXPECT(raw_request(session, &request), -ANOLE_EINVAL);
        }
}

static void bad_sessions(struct session *session)
{
    const uint64_t good = session->id;
    const uint64_t ids[] = {0, good + 1, good + 256, UINT64_MAX, good ^ (uint64_t)1 << 63};
    static const uint32_t types[] = {BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_CANCEL};
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        session->id = ids[i];
        for (unsigned n = 0; ids[i] != good && n < sizeof types / sizeof types[0]; n++)
            EXPECT(raw_request(session, &(struct request){.type = types[n], .len = block_bytes()}),
                   -ANOLE_EBADHANDLE);
    }
    session->id = good;
}

/* A session for reading writes nothing, whatever it asks. */
static void readers_write_nothing(struct session *session)
{
    static const uint32_t types[] = {BLK_WRITE, BLK_DISCARD, BLK_WRITE_ZEROES};
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (!buffer_grant(buffer, GRANT_READ))
        return;
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct request request = {
            .type = types[i], .grant = buffer->grant, .len = buffer->len};
        EXPECT_ONE_OF(raw_request(session, &request), -ANOLE_EPERM, -ANOLE_EROFS, -ANOLE_ENOSYS);
    }
}

void group_bad_requests(enum path path)
{
    struct session *session = open_path(path, 0);
    if (!session)
        return;
    bad_types(session);
    message_only_types(session);
    bad_flags(session);
    bad_sessions(session);
    readers_write_nothing(session);
    if (disk.capacity_sectors > 0)
        serves_on(session);
}

/* ---- lengths and positions that aren't whole blocks ---- */

void group_alignment(enum path path)
{
    struct session *session = open_path(path, 0);
    struct buffer *buffer = buffer_new(4 * block_bytes(), 0);
    if (disk.capacity_sectors * BLK_SECTOR_SIZE < 4 * block_bytes()) {
        skip("the disk is too small");
        return;
    }
    if (!session || !buffer_grant(buffer, GRANT_WRITE))
        return;
    buffer_fill(buffer, UNTOUCHED);
    EXPECT(read_with(session, buffer->grant, 0, 0), -ANOLE_EINVAL);
    for (uint64_t odd = 1; odd < BLK_SECTOR_SIZE; odd++) {
        EXPECT(read_with(session, buffer->grant, 0, odd), -ANOLE_EINVAL);
        EXPECT(read_with(session, buffer->grant, 0, block_bytes() + odd), -ANOLE_EINVAL);
    }
    for (uint64_t sector = 1; sector < block_bytes() / BLK_SECTOR_SIZE; sector++) {
        const struct request request = {
            .type = BLK_READ, .sector = sector, .grant = buffer->grant, .len = block_bytes()};
        EXPECT(raw_request(session, &request), -ANOLE_EINVAL);
        EXPECT(read_with(session, buffer->grant, 0, sector * BLK_SECTOR_SIZE), -ANOLE_EINVAL);
    }
    EXPECT(read_with(session, buffer->grant, 0, (uint64_t)disk.max_request_bytes + block_bytes()),
           -ANOLE_EINVAL);
    EXPECT(read_with(session, buffer->grant, 0, UINT64_MAX - block_bytes() + 1), -ANOLE_EINVAL);
    CHECK(buffer_revoke(buffer));
    CHECK(buffer_is(buffer, UNTOUCHED));
    /* Memory may lie anywhere, though. */
    if (buffer_grant(buffer, GRANT_WRITE))
        EXPECT(read_with(session, buffer->grant, 1, block_bytes()), 0);
    GUARDED(buffer);
}
