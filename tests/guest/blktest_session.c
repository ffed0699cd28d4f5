/*
 * Groups about sessions: who may open what, what the driver tells about its disk, attaching.
 */
#include "blktest.h"

#include <string.h>

/* ---- open ---- */

static void open_refuses_nonsense(void)
{
    static const uint64_t no_minors[] = {BLK_MINORS, 1000, (uint64_t)1 << 32, UINT64_MAX};
    static const uint32_t no_flags[] = {4, 8, 1u << 31, BLK_OPEN_SHARED, BLK_OPEN_WRITE | 0x100};
    struct session *session;
    for (unsigned i = 0; i < sizeof no_minors / sizeof no_minors[0]; i++) {
        struct message message = {.word = {BLK_ID(7, 0), no_minors[i]}};
        EXPECT(raw_call(BLK_OPEN, &message), -ANOLE_ENOENT);
    }
    for (unsigned i = 0; i < sizeof no_flags / sizeof no_flags[0]; i++)
        EXPECT(raw_open(&session, options.minor, no_flags[i]), -ANOLE_EINVAL);
}

static void close_and_after(void)
{
    struct session *session;
    if (!EXPECT(raw_open(&session, options.minor, 0), 0))
        return;
    CHECK(session->capacity == disk.capacity_sectors);
    uint64_t id = session->id;
    const uint64_t no_sessions[] = {0, id + 1, id + 256, id ^ 0x8000000000000000u, UINT64_MAX};
    for (unsigned i = 0; i < sizeof no_sessions / sizeof no_sessions[0]; i++) {
        struct message message = {.word = {BLK_ID(7, 0), no_sessions[i]}};
        if (no_sessions[i] != id)
            EXPECT(raw_call(BLK_CLOSE, &message), -ANOLE_EBADHANDLE);
    }
    EXPECT(raw_close(session), 0);
    struct message again = {.word = {BLK_ID(7, 0), id}};
    EXPECT(raw_call(BLK_CLOSE, &again), -ANOLE_EBADHANDLE);
    EXPECT(raw_flush(session), -ANOLE_EBADHANDLE);
}

static void writers_exclude_each_other(void)
{
    struct session *reader, *writer, *other;
    EXPECT(raw_open(&reader, options.minor, 0), 0);
    if (disk.flags & BLK_INFO_READ_ONLY) {
        EXPECT(raw_open(&writer, options.minor, BLK_OPEN_WRITE), -ANOLE_EROFS);
        return;
    }
    if (!EXPECT(raw_open(&writer, options.minor, BLK_OPEN_WRITE), 0))
        return;
    EXPECT(raw_open(&other, options.minor, BLK_OPEN_WRITE), -ANOLE_EBUSY);
    EXPECT(raw_open(&other, options.minor, BLK_OPEN_WRITE | BLK_OPEN_SHARED), -ANOLE_EBUSY);
    EXPECT(raw_open(&other, options.minor, 0), 0);
    EXPECT(raw_close(writer), 0);

    EXPECT(raw_open(&writer, options.minor, BLK_OPEN_WRITE | BLK_OPEN_SHARED), 0);
    EXPECT(raw_open(&other, options.minor, BLK_OPEN_WRITE), -ANOLE_EBUSY);
    EXPECT(raw_open(&other, options.minor, BLK_OPEN_WRITE | BLK_OPEN_SHARED), 0);
    sessions_close();
}

/* The first two partitions, if they are there; writing one excludes writing the whole disk. */
static void writers_exclude_over_partitions(void)
{
    struct blk_info one, two;
    struct session *first, *other;
    if (options.minor != 0 || (disk.flags & BLK_INFO_READ_ONLY) || raw_info(1, &one) != 0)
        return;
    EXPECT(raw_open(&first, 1, BLK_OPEN_WRITE), 0);
    EXPECT(raw_open(&other, 0, BLK_OPEN_WRITE), -ANOLE_EBUSY);
    EXPECT(raw_open(&other, 0, 0), 0);
    EXPECT(raw_open(&other, 1, BLK_OPEN_WRITE), -ANOLE_EBUSY);
    if (raw_info(2, &two) == 0 && one.start_sector + one.capacity_sectors <= two.start_sector)
        EXPECT(raw_open(&other, 2, BLK_OPEN_WRITE), 0);
    sessions_close();
    EXPECT(raw_open(&first, 0, BLK_OPEN_WRITE), 0);
    EXPECT(raw_open(&other, 1, BLK_OPEN_WRITE), -ANOLE_EBUSY);
    sessions_close();
}

/* Some are always had; one process doesn't get them all, and gets them again when it closes. */
static void many_sessions(void)
{
    for (unsigned round = 0; round < 3; round++) {
        struct session *session;
        unsigned count = 0;
        int status = 0;
        while (count < 24 && (status = raw_open(&session, options.minor, 0)) == 0)
            count++;
        CHECK(count >= 8);
        if (count < 24)
            EXPECT(status, -ANOLE_EBUSY);
        sessions_close();
    }
}

void group_open(enum path path)
{
    (void)path;
    open_refuses_nonsense();
    close_and_after();
    writers_exclude_each_other();
    writers_exclude_over_partitions();
    many_sessions();
}

/* ---- information ---- */

static void info_is_sane(const struct blk_info *info)
{
    const uint32_t known = BLK_INFO_READ_ONLY | BLK_INFO_FLUSH | BLK_INFO_DISCARD |
                           BLK_INFO_WRITE_ZEROES | BLK_INFO_BATCHES | BLK_INFO_CACHE_MODES |
                           BLK_INFO_WRITE_BACK | BLK_INFO_ZEROES_UNMAP;
    uint32_t block = info->logical_block_bytes;
    if (!CHECK(block >= BLK_SECTOR_SIZE && block <= 65536 && (block & (block - 1)) == 0))
        return;
    CHECK(info->physical_block_bytes >= block && info->physical_block_bytes % block == 0);
    CHECK(info->capacity_sectors % (block / BLK_SECTOR_SIZE) == 0);
    CHECK(info->capacity_sectors <= UINT64_MAX / BLK_SECTOR_SIZE);
    CHECK(info->max_request_bytes >= block && info->max_request_bytes % block == 0);
    CHECK(info->max_in_flight >= 1);
    CHECK((info->flags & ~known) == 0);
    CHECK(info->minors >= 1 && info->minors <= BLK_MINORS);
    CHECK(memchr(info->partition_name, '\0', sizeof info->partition_name) != NULL);
}

static void info_of_all_minors(void)
{
    struct blk_info whole, info;
    if (!EXPECT(raw_info(0, &whole), 0))
        return;
    info_is_sane(&whole);
    CHECK(whole.start_sector == 0 && whole.partition_type == 0);
    for (unsigned minor = 1; minor < BLK_MINORS; minor++) {
        int status = raw_info(minor, &info);
        if (status != 0) {
            EXPECT(status, -ANOLE_ENOENT);
            continue;
        }
        info_is_sane(&info);
        CHECK(minor < whole.minors);
        CHECK(info.partition_type != 0);
        CHECK(info.start_sector <= whole.capacity_sectors &&
              info.capacity_sectors <= whole.capacity_sectors - info.start_sector);
    }
}

static int info_into(handle_t grant, uint64_t offset, uint64_t minor, uint32_t flags)
{
    struct message message = {.word = {BLK_ID(7, flags), minor, grant, offset}};
    return raw_call(BLK_INFO, &message);
}

static void info_goes_where_it_may(void)
{
    const size_t len = sizeof(struct blk_info);
    struct buffer *buffer = buffer_new(len + 40, 0);
    if (!buffer_grant(buffer, GRANT_WRITE))
        return;
    buffer_fill(buffer, 0x33);
    EXPECT(info_into(buffer->grant, 41, options.minor, 0), -ANOLE_ERANGE);
    EXPECT(info_into(buffer->grant, UINT64_MAX - 8, options.minor, 0), -ANOLE_ERANGE);
    EXPECT(info_into(buffer->grant, 0, BLK_MINORS, 0), -ANOLE_ENOENT);
    EXPECT(info_into(buffer->grant, 0, options.minor, 1), -ANOLE_EINVAL);
    EXPECT(info_into(HANDLE_NONE, 0, options.minor, 0), -ANOLE_EBADHANDLE);
    CHECK(buffer_is(buffer, 0x33));
    EXPECT(info_into(buffer->grant, 40, options.minor, 0), 0);
    for (unsigned i = 0; i < 40; i++)
        CHECK(buffer->data[i] == 0x33);
    CHECK(memcmp(buffer->data + 40, &disk, sizeof disk) == 0);
    GUARDED(buffer);
    handle_t stale = buffer->grant;
    buffer_revoke(buffer);
    EXPECT(info_into(stale, 0, options.minor, 0), -ANOLE_EBADHANDLE);
    if (buffer_grant(buffer, GRANT_READ))
        EXPECT(info_into(buffer->grant, 0, options.minor, 0), -ANOLE_EPERM);
}

static void stats_count(void)
{
    struct blk_stats before, after;
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    struct session *session = open_path(PATH_MESSAGE, 0);
    if (!session || !buffer_grant(buffer, GRANT_WRITE) || !EXPECT(raw_stats(&before), 0))
        return;
    if (disk.capacity_sectors > 0)
        EXPECT(raw_read(session, 0, buffer), 0);
    EXPECT(raw_request(session, &(struct request){.type = BLK_READ, .len = 1}), -ANOLE_EINVAL);
    EXPECT(raw_stats(&after), 0);
    if (disk.capacity_sectors > 0) {
        CHECK(after.reads >= before.reads + 1);
        CHECK(after.read_bytes >= before.read_bytes + block_bytes());
        CHECK(after.batches > before.batches && after.kicks + after.kicks_suppressed > 0);
    }
    CHECK(after.refused > before.refused);
    CHECK(after.clients_now >= 1);
    CHECK(after.copied_bytes == 0);
}

void group_info(enum path path)
{
    (void)path;
    info_is_sane(&disk);
    info_of_all_minors();
    info_goes_where_it_may();
    stats_count();
    struct message message = {.word = {BLK_ID(9, 0)}};
    EXPECT(raw_call(BLK_IDENTIFY, &message), 0);
    CHECK(message.word[0] == 9);
}

/* ---- attaching ---- */

struct attachment {
    uint64_t session;
    handle_t offer, doorbell, pool;
    uint64_t pool_len, entries;
};

static int attach_raw(const struct attachment *attachment)
{
    struct message message = {.word = {BLK_ID(7, 0), attachment->session, attachment->offer,
                                       attachment->doorbell, attachment->pool, attachment->pool_len,
                                       attachment->entries}};
    return raw_call(BLK_ATTACH, &message);
}

static void attach_refuses_nonsense(const struct session *session, const struct buffer *pool,
                                    handle_t offer, handle_t small_offer, handle_t read_only_offer)
{
    static const uint64_t no_entries[] = {0,         1, 2, 3, 5, 63, 2048, (uint64_t)1 << 32 | 4,
                                          UINT64_MAX};
    const struct attachment good = {.session = session->id, .offer = offer, .entries = 16};
    struct attachment bad;
    for (unsigned i = 0; i < sizeof no_entries / sizeof no_entries[0]; i++) {
        bad = good;
        bad.entries = no_entries[i];
        EXPECT(attach_raw(&bad), -ANOLE_EINVAL);
    }
    bad = good, bad.session = UINT64_MAX;
    EXPECT(attach_raw(&bad), -ANOLE_EBADHANDLE);
    bad = good, bad.offer = HANDLE_NONE;
    EXPECT(attach_raw(&bad), -ANOLE_EBADHANDLE);
    bad = good, bad.offer = pool->grant;
    EXPECT(attach_raw(&bad), -ANOLE_EBADHANDLE);
    bad = good, bad.offer = small_offer, bad.entries = 1024;
    EXPECT(attach_raw(&bad), -ANOLE_EINVAL);
    bad = good, bad.offer = read_only_offer;
    EXPECT_ONE_OF(attach_raw(&bad), -ANOLE_EINVAL, -ANOLE_EPERM);
    bad = good, bad.pool_len = PAGE_SIZE;
    EXPECT(attach_raw(&bad), -ANOLE_EINVAL);
    bad = good, bad.pool = pool->grant, bad.pool_len = 0;
    EXPECT(attach_raw(&bad), -ANOLE_EINVAL);
    bad.pool_len = pool->len + 1;
    EXPECT(attach_raw(&bad), -ANOLE_ERANGE);
    bad.pool_len = UINT64_MAX;
    EXPECT_ONE_OF(attach_raw(&bad), -ANOLE_EINVAL, -ANOLE_ERANGE);
    bad.pool = 12345, bad.pool_len = pool->len;
    EXPECT(attach_raw(&bad), -ANOLE_EBADHANDLE);
}

static bool make_offers(handle_t regions[2], handle_t offers[3])
{
    const unsigned both = PROT_READ_BIT | PROT_WRITE_BIT;
    return EXPECT(kcall_region_create(4 * PAGE_SIZE, 0, &regions[0]), 0) &&
           EXPECT(kcall_region_create(PAGE_SIZE, 0, &regions[1]), 0) &&
           EXPECT(kcall_region_offer(regions[0], driver, both, &offers[0]), 0) &&
           EXPECT(kcall_region_offer(regions[1], driver, both, &offers[1]), 0) &&
           EXPECT(kcall_region_offer(regions[0], driver, PROT_READ_BIT, &offers[2]), 0);
}

static void attach_once(struct session *session, struct buffer *pool)
{
    struct message message = {.word = {BLK_ID(7, 0), session->id}};
    EXPECT(raw_call(BLK_DETACH, &message), -ANOLE_EINVAL);
    if (!EXPECT(channel_attach(session, 16, pool), 0))
        return;
    struct raw_channel *channel = session->channel;
    const struct attachment again = {
        .session = session->id, .offer = channel->offer, .entries = 16};
    EXPECT(attach_raw(&again), -ANOLE_EBUSY);
    /* The pool is pinned while it is attached. */
    EXPECT(kcall_revoke(pool->grant, -1), -ANOLE_EBUSY);
    EXPECT(channel_detach(session), 0);
    CHECK(buffer_revoke(pool));
    EXPECT(raw_flush(session), 0); /* by message again */
}

void group_attach(enum path path)
{
    struct session *session = open_path(path, 0);
    struct buffer *pool = buffer_new(8 * PAGE_SIZE, 0);
    handle_t regions[2], offers[3];
    if (!session || !buffer_grant(pool, GRANT_WRITE) || !make_offers(regions, offers))
        return;
    attach_refuses_nonsense(session, pool, offers[0], offers[1], offers[2]);
    attach_once(session, pool);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(kcall_close(offers[i]), 0);
    for (unsigned i = 0; i < 2; i++)
        EXPECT(kcall_close(regions[i]), 0);
}
