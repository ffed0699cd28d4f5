/*
 * libblk's server: what a disk may have besides sectors. Cache modes, changes that clients are told
 * of, ranges to be discarded and how they are cut, and neighbours that share a piece.
 */
#include "blk_fixture.h"

#include <anole/error.h>
#include <libchan/channel.h>
#include <string.h>

#define BELL_A 0x4711u
#define BELL_B 0x4712u
#define ENTRIES 64u
#define PIECES(type) disk.pieces[(type)&0xf]

/* ---- the cache's mode ---- */

static int cache(uint64_t session, uint64_t mode, uint64_t *now)
{
    struct message message = {.type = BLK_CACHE, .word = {7, session, mode}};
    int status = call_as(CLIENT_A, &message);
    assert_int_equal(message.word[0], 7);
    *now = message.word[1];
    return status;
}

static void test_cache_modes(void **state)
{
    (void)state;
    uint64_t now;
    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_CACHE_MODES);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(cache(session, BLK_CACHE_KEEP, &now), 0);
    assert_int_equal(now, BLK_CACHE_WRITE_BACK);
    assert_int_equal(request(BLK_WRITE, BLK_FUA, session, 9, grant, 0, 512), 0);
    assert_int_equal(PIECES(BLK_FLUSH), 1);

    disk.write_back = true;
    assert_int_equal(cache(session, BLK_CACHE_WRITE_THROUGH, &now), 0);
    assert_int_equal(now, BLK_CACHE_WRITE_THROUGH);
    assert_false(disk.write_back);
    assert_int_equal(PIECES(BLK_FLUSH), 2); /* what was written before is durable, too */
    assert_int_equal(request(BLK_WRITE, BLK_FUA, session, 9, grant, 0, 512), 0);
    assert_int_equal(PIECES(BLK_FLUSH), 2);
    assert_int_equal(request(BLK_FLUSH, 0, session, 0, 0, 0, 0), 0);

    assert_int_equal(cache(session, BLK_CACHE_WRITE_BACK, &now), 0);
    assert_int_equal(now, BLK_CACHE_WRITE_BACK);
    assert_true(disk.write_back);
    disk.fail_next = -ANOLE_EIO;
    assert_int_equal(cache(session, BLK_CACHE_WRITE_THROUGH, &now), -ANOLE_EIO);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_cache_mode_is_refused(void **state)
{
    (void)state;
    uint64_t now;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(cache(session, BLK_CACHE_WRITE_THROUGH, &now), -ANOLE_ENOSYS);
    assert_int_equal(cache(session, 3, &now), -ANOLE_EINVAL);
    assert_int_equal(cache(session, UINT64_MAX, &now), -ANOLE_EINVAL);
    assert_int_equal(cache(session + 1, BLK_CACHE_KEEP, &now), -ANOLE_EBADHANDLE);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);

    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_CACHE_MODES);
    session = blk_open_as(CLIENT_A, 0, 0);
    assert_int_equal(cache(session, BLK_CACHE_WRITE_THROUGH, &now), -ANOLE_EPERM);
    uint64_t part = blk_open_as(CLIENT_A, 1, BLK_OPEN_WRITE);
    assert_int_equal(cache(part, BLK_CACHE_WRITE_THROUGH, &now), -ANOLE_EPERM);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_A, part), 0);

    /* Who can't flush can't be volatile. */
    start_with(8, 8, 512, BLK_INFO_WRITE_BACK | BLK_INFO_CACHE_MODES);
    session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(cache(session, BLK_CACHE_KEEP, &now), 0);
    assert_int_equal(now, BLK_CACHE_WRITE_THROUGH);
    assert_int_equal(cache(session, BLK_CACHE_WRITE_BACK, &now), -ANOLE_ENOSYS);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* A write that the device had already when the mode changed is not durable because of that. */
static void test_cache_mode_and_writes_in_flight(void **state)
{
    (void)state;
    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_CACHE_MODES);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    disk.hold = true;
    struct message write = blk_message(BLK_WRITE, 1, session, 20, grant, 0, 512);
    struct message mode = {.type = BLK_CACHE, .word = {2, session, BLK_CACHE_WRITE_THROUGH}};
    assert_int_equal(blk_send(CLIENT_A, 1000, &write), SERVICE_NO_REPLY);
    blk_work();
    assert_int_equal(blk_send(CLIENT_A, 1001, &mode), SERVICE_NO_REPLY);
    blk_work();
    fake_disk_finish(&disk, 1);
    assert_int_equal(fake_reply_to(1001)->status, 0);
    fake_disk_finish(&disk, 0);
    assert_null(fake_reply_to(1000));
    fake_disk_finish(&disk, 0); /* its own flush */
    assert_int_equal(fake_reply_to(1000)->status, 0);
    assert_int_equal(PIECES(BLK_FLUSH), 2);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- changes ---- */

static uint64_t open_with_bell(endpoint_t from, uint64_t minor, uint32_t flags, handle_t bell)
{
    struct message message = {.type = BLK_OPEN, .word = {BLK_ID(1, flags), minor, bell}};
    assert_int_equal(blk_send(from, 1, &message), 0);
    return message.word[1];
}

static void test_changes_are_told(void **state)
{
    (void)state;
    uint64_t now;
    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_CACHE_MODES);
    uint64_t a = open_with_bell(CLIENT_A, 0, BLK_OPEN_WRITE, BELL_A);
    uint64_t b = open_with_bell(CLIENT_B, 1, 0, BELL_B);
    uint64_t deaf = blk_open_as(CLIENT_A, 0, 0);
    blk_server_resized(&disk.blk, SECTORS); /* none */
    assert_int_equal(fake_rings(CLIENT_A, BELL_A), 0);
    blk_server_resized(&disk.blk, SECTORS - 8);
    assert_int_equal(fake_rings(CLIENT_A, BELL_A), 1);
    assert_int_equal(fake_rings(CLIENT_B, BELL_B), 1);
    assert_int_equal(cache(a, BLK_CACHE_WRITE_THROUGH, &now), 0);
    assert_int_equal(fake_rings(CLIENT_A, BELL_A), 2);
    assert_int_equal(cache(a, BLK_CACHE_WRITE_THROUGH, &now), 0); /* none either */
    assert_int_equal(fake_rings(CLIENT_B, BELL_B), 2);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
    blk_server_resized(&disk.blk, SECTORS);
    assert_int_equal(fake_rings(CLIENT_A, BELL_A), 3);
    assert_int_equal(fake_rings(CLIENT_B, BELL_B), 2); /* it closed */
    assert_int_equal(blk_close_as(CLIENT_A, a), 0);
    assert_int_equal(blk_close_as(CLIENT_A, deaf), 0);
}

/* What the device has keeps its own result; what waits isn't given to it any more. */
static void test_shrinking_under_requests(void **state)
{
    (void)state;
    start_with(1, 8, 512, ALL_FLAGS);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 2, 1500);
    struct message space = blk_message(BLK_DISCARD, 1, session, 1500, 0, 0, 512);
    assert_int_equal(blk_send(CLIENT_A, 1002, &space), SERVICE_NO_REPLY);
    send_reads(CLIENT_A, session, grant, 1003, 1, 10);
    blk_work();
    blk_server_resized(&disk.blk, 1000);
    fake_disk_finish_all(&disk);
    assert_int_equal(fake_reply_to(1000)->status, 0);
    assert_int_equal(fake_reply_to(1001)->status, -ANOLE_ERANGE);
    assert_int_equal(fake_reply_to(1002)->status, -ANOLE_ERANGE);
    assert_int_equal(fake_reply_to(1003)->status, 0);
    assert_int_equal(PIECES(BLK_DISCARD), 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- ranges ---- */

/* Starts with such limits on DISCARD. */
static void start_with_discard(uint64_t sectors, uint32_t alignment)
{
    fake_disk_free(&disk);
    fake_disk_init(&disk, SECTORS, 8, 8);
    disk.blk.max_discard_sectors = sectors;
    disk.blk.discard_alignment_sectors = alignment;
    fake_disk_start(&disk);
    disk.ordered = 0;
}

static void test_discards_are_cut_where_the_device_likes(void **state)
{
    (void)state;
    start_with_discard(100, 32);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_DISCARD, 0, session, 10, 0, 0, 300 * 512), 0);
    static const uint64_t starts[] = {10, 96, 192, 288};
    assert_int_equal(disk.ordered, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(disk.order[i], starts[i]);
    /* As much as INFO says can be discarded anywhere. */
    struct blk_info *info = (struct blk_info *)(void *)buffer;
    struct message message = {.type = BLK_INFO, .word = {9, 0, grant, 0}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    assert_int_equal(info->max_discard_sectors, 7 * 96);
    for (uint64_t start = 0; start < 70; start++)
        assert_int_equal(request(BLK_DISCARD, 0, session, start, 0, 0, 7 * 96 * 512), 0);
    assert_int_equal(request(BLK_DISCARD, 0, session, 0, 0, 0, (8 * 96 + 5) * 512), -ANOLE_EINVAL);
    assert_int_equal(request(BLK_DISCARD, 0, session, 0, 0, 0, UINT64_MAX - 511), -ANOLE_ERANGE);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_absurd_discard_limits(void **state)
{
    (void)state;
    static const struct {
        uint64_t sectors;
        uint32_t alignment;
    } limits[] = {{64, 65}, {64, UINT32_MAX}, {1, 1}, {UINT64_MAX, UINT32_MAX}, {7, 3}};
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        start_with_discard(limits[i].sectors, limits[i].alignment);
        uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
        assert_int_equal(request(BLK_DISCARD, 0, session, 500, 0, 0, 512), 0);
        assert_int_equal(request(BLK_DISCARD, 0, session, 500, 0, 0, 8 * 512), 0);
        assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    }
    start_with_discard(0, 0);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_DISCARD, 0, session, 500, 0, 0, 512), -ANOLE_ENOSYS);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_unmap_only_where_it_means_something(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE_ZEROES, BLK_UNMAP, session, 300, 0, 0, 512), 0);
    assert_int_equal(disk.unmaps, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_ZEROES_UNMAP);
    session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE_ZEROES, BLK_UNMAP, session, 300, 0, 0, 512), 0);
    assert_int_equal(disk.unmaps, 1);
    assert_int_equal(request(BLK_WRITE_ZEROES, 0, session, 300, 0, 0, 512), 0);
    assert_int_equal(disk.unmaps, 1);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- neighbours ---- */

static struct blk_test_channel channel;
static uint64_t channel_session;

static void attach(unsigned in_flight, unsigned segments)
{
    start_with(in_flight, segments, 512, ALL_FLAGS);
    channel_session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(blk_attach_as(CLIENT_A, channel_session, &channel, ENTRIES, grant, BUFFER_LEN),
                     0);
    blk_work();
}

static void detach(void)
{
    assert_int_equal(blk_close_as(CLIENT_A, channel_session), 0);
    blk_channel_free(&channel);
}

static void queue(uint32_t id, uint32_t type, uint32_t flags, uint64_t sector, uint64_t sectors)
{
    struct message message = blk_message(type, BLK_ID(id, flags), channel_session, sector, grant,
                                         id * 8192ul, sectors * 512);
    blk_channel_send(&channel, &message);
}

static void expect(unsigned count, const int status[])
{
    bool answered[ENTRIES] = {false};
    for (unsigned i = 0; i < count; i++) {
        uint32_t id = ENTRIES;
        int found = blk_channel_reply_next(&channel, &id);
        assert_true(id < count && !answered[id]);
        answered[id] = true;
        assert_int_equal(found, status == NULL ? 0 : status[id]);
    }
    uint32_t id;
    assert_int_equal(blk_channel_reply_next(&channel, &id), PENDING);
}

static void test_neighbours_are_merged(void **state)
{
    (void)state;
    attach(8, 8);
    for (uint32_t i = 0; i < 6; i++)
        queue(i, BLK_READ, 0, 500 + 8 * i, 8);
    blk_channel_go(&channel);
    assert_int_equal(PIECES(BLK_READ), 1);
    assert_int_equal(disk.blk.stats.merged, 5);
    assert_int_equal(disk.blk.stats.reads, 6);
    expect(6, NULL);
    for (uint32_t i = 0; i < 6; i++)
        assert_memory_equal(buffer + i * 8192, disk.data + (500 + 8 * i) * 512, 4096);
    /* Written alike. */
    for (uint32_t i = 0; i < 3; i++) {
        memset(buffer + i * 8192, (int)i + 1, 4096);
        queue(i, BLK_WRITE, 0, 600 + 8 * i, 8);
    }
    blk_channel_go(&channel);
    assert_int_equal(PIECES(BLK_WRITE), 1);
    expect(3, NULL);
    for (uint32_t i = 0; i < 3; i++)
        assert_memory_equal(disk.data + (600 + 8 * i) * 512, buffer + i * 8192, 4096);
    assert_int_equal(disk.blk.stats.in_flight_now, 0);
    detach();
}

static void test_what_is_not_merged(void **state)
{
    (void)state;
    attach(8, 8);
    queue(0, BLK_READ, 0, 500, 8);
    queue(1, BLK_READ, 0, 509, 8);        /* a gap */
    queue(2, BLK_READ, 0, 509, 8);        /* the same again */
    queue(3, BLK_WRITE, 0, 517, 8);       /* another direction */
    queue(4, BLK_WRITE, BLK_FUA, 525, 8); /* to be durable */
    queue(5, BLK_WRITE, 0, 533, 8);
    blk_channel_go(&channel);
    assert_int_equal(PIECES(BLK_READ) + PIECES(BLK_WRITE), 6);
    assert_int_equal(disk.blk.stats.merged, 0);
    expect(6, NULL);
    detach();
    /* No more segments than the device has, and no more bytes than is good for others. */
    attach(8, 4);
    for (uint32_t i = 0; i < 10; i++)
        queue(i, BLK_READ, 0, 500 + i, 1);
    blk_channel_go(&channel);
    assert_int_equal(PIECES(BLK_READ), 3);
    expect(10, NULL);
    detach();
    /* Requests by message are waited for one by one. */
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    unsigned before = PIECES(BLK_READ);
    send_reads(CLIENT_A, session, grant, 1000, 4, 10);
    blk_work();
    assert_int_equal(PIECES(BLK_READ), before + 4);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* The one that is to blame gets the error, the others their data. */
static void test_error_of_a_merged_piece(void **state)
{
    (void)state;
    attach(8, 8);
    disk.hold = true;
    for (uint32_t i = 0; i < 4; i++)
        queue(i, BLK_READ, 0, 500 + 8 * i, 8);
    blk_channel_go(&channel);
    assert_int_equal(disk.held_count, 1);
    disk.fail_next = -ANOLE_EIO;
    fake_disk_finish(&disk, 0);
    assert_int_equal(disk.held_count, 4); /* each by itself */
    fake_disk_finish(&disk, 0);
    disk.fail_next = -ANOLE_EIO;
    fake_disk_finish(&disk, 1);
    fake_disk_finish_all(&disk);
    const int status[] = {0, 0, -ANOLE_EIO, 0};
    expect(4, status);
    assert_int_equal(disk.blk.stats.errors, 1);
    assert_int_equal(disk.blk.stats.reads, 3);
    assert_int_equal(disk.blk.stats.in_flight_now, 0);
    detach();
}

/* The client dies while its merged piece is in the device. */
static void test_death_of_a_merged_piece_s_client(void **state)
{
    (void)state;
    for (int error = 0; error >= -ANOLE_EIO; error -= ANOLE_EIO) {
        attach(8, 8);
        disk.hold = true;
        for (uint32_t i = 0; i < 4; i++)
            queue(i, BLK_READ, 0, 500 + 8 * i, 8);
        blk_channel_go(&channel);
        assert_int_equal(disk.held_count, 1);
        fake_process_die(CLIENT_A);
        blk_notify(NOTIFY_BIT(1));
        disk.fail_next = error;
        fake_disk_finish(&disk, 0);
        assert_int_equal(disk.held_count, 0);
        assert_int_equal(disk.blk.stats.in_flight_now, 0);
        blk_channel_free(&channel);
    }
}

/* A client that has neighbours in plenty gets no more than its turns. */
static void test_merging_is_fair(void **state)
{
    (void)state;
    attach(1, 64);
    uint64_t modest = blk_open_as(CLIENT_B, 0, 0);
    handle_t other = fake_grant(CLIENT_B, buffer + BUFFER_LEN - 4096, 512, GRANT_WRITE);
    disk.hold = true;
    for (uint32_t i = 0; i < 30; i++)
        queue(i, BLK_READ, 0, 500 + 16 * i, 16);
    blk_channel_go(&channel);
    send_reads(CLIENT_B, modest, other, 5000, 1, 10);
    assert_true(disk.held[0].piece.bytes <= 64 * 1024);
    fake_disk_finish(&disk, 0); /* the next turn is the other's */
    fake_disk_finish(&disk, 0);
    assert_int_equal(fake_reply_to(5000)->status, 0);
    fake_disk_finish_all(&disk);
    expect(30, NULL);
    assert_int_equal(blk_close_as(CLIENT_B, modest), 0);
    detach();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, blk_set_up, blk_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_cache_modes),
        TEST(test_cache_mode_is_refused),
        TEST(test_cache_mode_and_writes_in_flight),
        TEST(test_changes_are_told),
        TEST(test_shrinking_under_requests),
        TEST(test_discards_are_cut_where_the_device_likes),
        TEST(test_absurd_discard_limits),
        TEST(test_unmap_only_where_it_means_something),
        TEST(test_neighbours_are_merged),
        TEST(test_what_is_not_merged),
        TEST(test_error_of_a_merged_piece),
        TEST(test_death_of_a_merged_piece_s_client),
        TEST(test_merging_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
