/*
 * Groups about what a disk may have besides sectors: geometry, topology, a serial number, a choice of
 * cache modes, a size that changes.
 */
#include "blktest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_LEN 20u
#define CHANGE_US 10000000u /* for who is to change the disk */

/* ---- what it says of itself ---- */

void group_geometry(enum path path)
{
    (void)path;
    if (disk.cylinders == 0 && disk.heads == 0 && disk.track_sectors == 0) {
        skip("the disk has no geometry");
        return;
    }
    printf("geometry: %" PRIu32 " cylinders, %" PRIu32 " heads, %" PRIu32 " sectors\n",
           disk.cylinders, disk.heads, disk.track_sectors);
    CHECK(disk.cylinders <= UINT16_MAX && disk.heads <= UINT8_MAX &&
          disk.track_sectors <= UINT8_MAX);
    struct blk_info part;
    for (unsigned minor = 1; minor < disk.minors; minor++)
        if (raw_info(minor, &part) == 0)
            CHECK(part.cylinders == disk.cylinders && part.heads == disk.heads);
}

void group_topology(enum path path)
{
    (void)path;
    if (disk.physical_block_bytes == block_bytes() && disk.minimum_io_bytes == 0 &&
        disk.optimal_io_bytes == 0) {
        skip("the disk says nothing of it");
        return;
    }
    printf("topology: blocks of %" PRIu32 " bytes, physical ones of %" PRIu32 " from byte %" PRIu32
           " on, transfers of %" PRIu32 " to %" PRIu32 " bytes\n",
           disk.logical_block_bytes, disk.physical_block_bytes, disk.alignment_bytes,
           disk.minimum_io_bytes, disk.optimal_io_bytes);
    CHECK(disk.physical_block_bytes % block_bytes() == 0);
    CHECK(disk.alignment_bytes % block_bytes() == 0);
    CHECK(disk.minimum_io_bytes % block_bytes() == 0);
    CHECK(disk.optimal_io_bytes % block_bytes() == 0);
}

void group_identify(enum path path)
{
    char serial[SERIAL_LEN + 1] = {0};
    struct session *session = open_path(path, 0);
    if (!session)
        return;
    struct message message = {.type = BLK_IDENTIFY, .word = {BLK_ID(5, 0)}};
    if (session->channel) {
        struct message reply;
        if (!EXPECT(channel_queue(session, &message), 0) || !EXPECT(channel_kick(session), 0) ||
            !EXPECT(channel_reply(session, &reply), 0))
            return;
        message = reply;
        EXPECT(message_status(&message), 0);
    } else {
        EXPECT(raw_call(BLK_IDENTIFY, &message), 0);
    }
    CHECK(message.word[0] == 5);
    memcpy(serial, &message.word[1], SERIAL_LEN);
    for (unsigned i = 0; i < SERIAL_LEN; i++)
        check(serial[i] == '\0' || isprint((unsigned char)serial[i]), __LINE__,
              "byte %u of the serial number is %#x", i, (unsigned char)serial[i]);
    CHECK(message.word[4] == 0 && message.word[5] == 0 && message.word[6] == 0);
    if (serial[0] != '\0')
        printf("identify: serial number '%s'\n", serial);
}

/* ---- the write cache's mode ---- */

static int cache(struct session *session, uint64_t mode)
{
    return raw_request(session, &(struct request){.type = BLK_CACHE, .sector = mode});
}

static void cache_refuses(struct session *session)
{
    struct session *reader;
    EXPECT(cache(session, BLK_CACHE_WRITE_BACK + 1), -ANOLE_EINVAL);
    EXPECT(cache(session, UINT64_MAX), -ANOLE_EINVAL);
    if (!EXPECT(raw_open(&reader, 0, 0), 0))
        return;
    EXPECT(cache(session, BLK_CACHE_KEEP), 0);
    EXPECT(cache(reader, BLK_CACHE_KEEP), 0);
    CHECK(reader->done_bytes == session->done_bytes);
    EXPECT(cache(reader, BLK_CACHE_WRITE_BACK), -ANOLE_EPERM);
    EXPECT(raw_close(reader), 0);
}

/* Takes the event of a change; the INFO then says that mode. */
static void mode_is_told(enum blk_cache_mode mode, bool changed)
{
    struct blk_info info;
    struct ipc_delivery delivery;
    int status = ipc_receive(&delivery, NOTIFY_BIT(BIT_EVENT), DEADLINE_POLL, RECEIVE_NO_REQUESTS);
    EXPECT(status, changed ? 0 : -ANOLE_ETIMEDOUT);
    if (EXPECT(raw_info(0, &info), 0))
        CHECK(!(info.flags & BLK_INFO_WRITE_BACK) == (mode == BLK_CACHE_WRITE_THROUGH));
}

static void written_in_mode(struct session *session, enum blk_cache_mode mode, uint64_t sector)
{
    struct buffer *buffer = buffer_new(4 * block_bytes(), 0);
    uint64_t generation = generation_next();
    enum blk_cache_mode before = disk.flags & BLK_INFO_WRITE_BACK ? BLK_CACHE_WRITE_BACK
                                                                  : BLK_CACHE_WRITE_THROUGH;
    if (!buffer_grant(buffer, GRANT_READ | GRANT_WRITE) || !EXPECT(cache(session, mode), 0))
        return;
    CHECK(session->done_bytes == mode);
    mode_is_told(mode, mode != before);
    stamp_fill(buffer->data, sector, buffer->len, generation);
    EXPECT(raw_request(session, &(struct request){.type = BLK_WRITE,
                                                  .flags = BLK_FUA,
                                                  .sector = sector,
                                                  .grant = buffer->grant,
                                                  .len = buffer->len}),
           0);
    EXPECT(raw_flush(session), 0);
    buffer_fill(buffer, 0);
    EXPECT(raw_read(session, sector, buffer), 0);
    const char *wrong = stamp_check(buffer->data, sector, buffer->len, generation);
    check(!wrong, __LINE__, "%s", wrong);
    EXPECT(cache(session, before), 0);
    mode_is_told(before, mode != before);
}

/* libblk chooses its program's mode again when a new driver comes, which begins with the device's. */
static void mode_survives_the_driver(enum path path, enum blk_cache_mode mode)
{
    char service[RS_NAME_LEN];
    struct blk_info info;
    struct blk_client *client = client_open(path, &(struct blk_client_options){.write = true});
    static uint8_t block[65536];
    if (!client || !EXPECT(service_find(service), 0))
        return;
    EXPECT(blk_client_cache_mode(client, mode), 0);
    int status = service_kill(service);
    if (status == 0) {
        EXPECT(blk_read(client, 0, block, block_bytes()), 0);
        EXPECT(name_wait(options.driver_name, &driver, BIT_EVENT, deadline_in_us(PATIENCE_US)), 0);
        if (EXPECT(raw_info(0, &info), 0))
            CHECK(!(info.flags & BLK_INFO_WRITE_BACK) == (mode == BLK_CACHE_WRITE_THROUGH));
    } else {
        EXPECT(status, -ANOLE_EPERM);
    }
    EXPECT(blk_client_cache_mode(client, BLK_CACHE_WRITE_BACK), 0);
    EXPECT(blk_close(client), 0);
}

void group_cache(enum path path)
{
    struct session *session;
    handle_t bell;
    if (options.minor != 0) {
        skip("not a whole disk");
        return;
    }
    if (!(disk.flags & BLK_INFO_CACHE_MODES)) {
        session = open_path(path, BLK_OPEN_WRITE);
        if (session)
            EXPECT(cache(session, BLK_CACHE_WRITE_THROUGH), -ANOLE_ENOSYS);
        skip("the disk has no choice of cache modes");
        return;
    }
    if (!EXPECT(kcall_doorbell(driver, BIT_EVENT, &bell), 0) ||
        !EXPECT(raw_open_belled(&session, 0, BLK_OPEN_WRITE, bell), 0) ||
        (path == PATH_CHANNEL && !EXPECT(channel_attach(session, 16, NULL), 0)))
        return;
    cache_refuses(session);
    written_in_mode(session, BLK_CACHE_WRITE_THROUGH, scratch_start);
    written_in_mode(session, BLK_CACHE_WRITE_BACK, scratch_start + 4 * 65536 / BLK_SECTOR_SIZE);
    sessions_close();
    EXPECT(kcall_close(bell), 0);
    mode_survives_the_driver(path, BLK_CACHE_WRITE_THROUGH);
}

/* ---- a size that changes ---- */

/* Waits until somebody changes the disk's size; prints both. */
static bool await_change(struct blk_client *client)
{
    uint64_t before = blk_client_info(client)->capacity_sectors;
    uint64_t deadline = deadline_in_us(CHANGE_US);
    printf("resize: %" PRIu64 " sectors, waiting for a change\n", before);
    fflush(stdout);
    while (!blk_client_changed(client))
        if (!check(ticks_now() < deadline, __LINE__, "nobody has changed the disk"))
            return false;
        else
            sleep_us(1000);
    uint64_t now = blk_client_info(client)->capacity_sectors;
    printf("resize: now %" PRIu64 " sectors\n", now);
    return CHECK(now != before);
}

/* What INFO, OPEN, libblk and the raw protocol say of the new end is one and the same. */
static void new_end_holds(struct blk_client *client, enum path path)
{
    const uint64_t block = block_bytes() / BLK_SECTOR_SIZE;
    uint64_t end = blk_client_info(client)->capacity_sectors;
    struct blk_info info;
    static uint8_t data[65536];
    struct session *session = open_path(path, 0);
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (!session || !EXPECT(raw_info(0, &info), 0) || !buffer_grant(buffer, GRANT_WRITE))
        return;
    CHECK(info.capacity_sectors == end && session->capacity == end);
    EXPECT(blk_read(client, end - block, data, block_bytes()), 0);
    EXPECT(blk_read(client, end, data, block_bytes()), -ANOLE_ERANGE);
    EXPECT(raw_read(session, end - block, buffer), 0);
    EXPECT(raw_read(session, end, buffer), -ANOLE_ERANGE);
    sessions_close();
    buffers_free();
}

void group_resize(enum path path)
{
    if (!options.group) {
        skip("needs --group resize, and someone who changes the disk twice meanwhile");
        return;
    }
    if (options.minor != 0) {
        skip("not a whole disk");
        return;
    }
    struct blk_client *client = client_open(path, &(struct blk_client_options){0});
    for (unsigned change = 0; client && change < 2 && await_change(client); change++)
        new_end_holds(client, path);
    if (client)
        EXPECT(blk_close(client), 0);
}
