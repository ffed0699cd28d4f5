/*
 * Many requests at a block driver: more than the device holds, turns between clients, canceling,
 * deadlines, lost interrupts, deaths of clients, changes of size, stopping, absurd devices.
 */
#include "blk_fixture.h"
#include "check.h"
#include "fake_kernel.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- many requests ---- */

static void test_more_than_the_device_holds(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 100, 10);
    blk_work();
    assert_int_equal(disk.held_count, 8);
    assert_int_equal(disk.kicks, 1); /* a batch is one kick */
    assert_int_equal(disk.blk.stats.in_flight_now, 8);
    assert_int_equal(blk_close_as(CLIENT_A, session), -ANOLE_EBUSY);
    fake_disk_finish_all(&disk);
    for (uint64_t call = 1000; call < 1100; call++)
        assert_int_equal(fake_reply_to(call)->status, 0);
    assert_int_equal(disk.blk.stats.in_flight_now, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_too_many(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    uint64_t other = blk_open_as(CLIENT_B, 0, 0);
    unsigned char *other_buffer = buffer + 4096;
    handle_t other_grant = fake_grant(CLIENT_B, other_buffer, 512, GRANT_WRITE);
    disk.hold = true;
    unsigned sent = 0;
    for (;; sent++) {
        struct message message = blk_message(BLK_READ, sent, session, 10, grant, 0, 512);
        int status = blk_send(CLIENT_A, 1000 + sent, &message);
        if (status == SERVICE_NO_REPLY)
            continue;
        assert_int_equal(status, -ANOLE_EBUSY);
        break;
    }
    assert_true(sent > 256);
    send_reads(CLIENT_B, other, other_grant, 5000, 4, 500); /* its share is there */
    blk_work();
    fake_disk_finish_all(&disk);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(fake_reply_to(1000 + i)->status, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_B, other), 0);
}

static void test_turns(void **state)
{
    (void)state;
    uint64_t a = blk_open_as(CLIENT_A, 0, 0);
    uint64_t b = blk_open_as(CLIENT_B, 0, 0);
    handle_t b_grant = fake_grant(CLIENT_B, buffer + 4096, 512, GRANT_WRITE);
    disk.hold = true;
    send_reads(CLIENT_A, a, grant, 1000, 100, 100);
    blk_work();
    send_reads(CLIENT_B, b, b_grant, 2000, 5, 500);
    fake_disk_finish_all(&disk);
    /* 8 were in the device already; after that the few of B alternate with A's many. */
    unsigned seen = 0;
    for (unsigned i = 8; i < 19; i++)
        seen += disk.order[i] >= 500;
    assert_int_equal(seen, 5);
    assert_int_equal(blk_close_as(CLIENT_A, a), 0);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
}

static int cancel(uint64_t session, uint64_t id)
{
    struct message message = {.type = BLK_CANCEL, .word = {1, session, id}};
    return blk_send(CLIENT_A, next_call++, &message);
}

static void test_cancel(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    uint64_t other = blk_open_as(CLIENT_A, 0, 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 12, 10);
    assert_int_equal(cancel(session, 1003), 0); /* before the device has seen it */
    assert_int_equal(fake_reply_to(1003)->status, -ANOLE_ECANCELED);
    blk_work();
    assert_int_equal(cancel(session, 1000), 0); /* in the device: its real result */
    assert_null(fake_reply_to(1000));
    assert_int_equal(cancel(session, 1011), 0); /* the last one that waits */
    assert_int_equal(fake_reply_to(1011)->status, -ANOLE_ECANCELED);
    assert_int_equal(cancel(session, 1009), 0); /* in the middle */
    assert_int_equal(cancel(session, 1009), -ANOLE_ENOENT);
    assert_int_equal(cancel(session, 1003), -ANOLE_ENOENT);
    assert_int_equal(cancel(other, 1001), -ANOLE_ENOENT);
    assert_int_equal(cancel(session, 1001 + ((uint64_t)1 << 32)), -ANOLE_ENOENT);
    assert_int_equal(cancel(session + 2, 1001), -ANOLE_EBADHANDLE);
    send_reads(CLIENT_A, session, grant, 1100, 1, 10); /* the list is in order still */
    fake_disk_finish_all(&disk);
    unsigned ok = 0;
    for (uint64_t call = 1000; call < 1012; call++)
        ok += fake_reply_to(call)->status == 0;
    assert_int_equal(ok, 9);
    assert_int_equal(fake_reply_to(1100)->status, 0);
    assert_int_equal(cancel(session, 1000), -ANOLE_ENOENT);
    assert_int_equal(disk.blk.stats.canceled, 3);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_A, other), 0);
}

/* ---- deadlines ---- */

static void send_with_deadline(uint64_t session, uint64_t call, uint64_t deadline)
{
    struct message message = blk_message(BLK_READ, call, session, 10, grant, 0, 512);
    message.word[6] = deadline;
    assert_int_equal(blk_send(CLIENT_A, call, &message), SERVICE_NO_REPLY);
}

static void test_deadlines(void **state)
{
    (void)state;
    start_with(1, 8, 512, ALL_FLAGS);
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    struct message message = blk_message(BLK_READ, 1, session, 10, grant, 0, 512);
    message.word[6] = fake_kernel.now_ticks;
    assert_int_equal(blk_send(CLIENT_A, 900, &message), -ANOLE_ETIMEDOUT);
    assert_int_equal(fake_kernel.service->deadline(), DEADLINE_NEVER); /* idle: no timer */

    disk.hold = true;
    uint64_t soon = fake_kernel.now_ticks + 250000 * FAKE_TICKS_PER_US;
    send_with_deadline(session, 1000, soon); /* in the device */
    send_with_deadline(session, 1001, soon); /* waits */
    send_with_deadline(session, 1002, 0);
    blk_work();
    blk_pass(400000);
    assert_int_equal(fake_reply_to(1001)->status, -ANOLE_ETIMEDOUT);
    assert_null(fake_reply_to(1000));
    assert_false(disk.stuck); /* that short a time says nothing about a device */
    fake_disk_finish(&disk, 0);
    assert_int_equal(fake_reply_to(1000)->status, 0); /* late, but its real result */
    blk_pass(9000000);
    assert_false(disk.stuck);
    blk_pass(2000000);
    assert_true(disk.stuck);
    disk.stuck = false;
    fake_disk_finish_all(&disk);
    blk_pass(200000);
    assert_int_equal(fake_kernel.service->deadline(), DEADLINE_NEVER);

    send_with_deadline(session, 1003, fake_kernel.now_ticks + 2000000 * FAKE_TICKS_PER_US);
    blk_work();
    blk_pass(1900000);
    assert_false(disk.stuck);
    blk_pass(300000);
    assert_true(disk.stuck);
    fake_disk_finish_all(&disk);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_lost_interrupt(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 3, 10);
    blk_work();
    disk.hold = false; /* all done, and nobody rings */
    blk_pass(150000);
    for (uint64_t call = 1000; call < 1003; call++)
        assert_int_equal(fake_reply_to(call)->status, 0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* ---- deaths ---- */

static void test_client_dies(void **state)
{
    (void)state;
    uint64_t a = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    uint64_t b;
    disk.hold = true;
    send_reads(CLIENT_A, a, grant, 1000, 20, 10);
    blk_work();
    assert_int_equal(fake_grant_pins(grant), 8);
    fake_process_die(CLIENT_A);
    blk_notify(NOTIFY_BIT(1));
    assert_null(fake_reply_to(1000)); /* nobody to be told */
    assert_int_equal(disk.held_count, 8);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &b), -ANOLE_EBUSY);
    fake_disk_finish_all(&disk);
    assert_int_equal(fake_grant_pins(grant), 0);
    assert_int_equal(disk.blk.stats.in_flight_now, 0);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &b), 0);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
}

/* The news of a death may come after the next client. */
static void test_dead_writer_in_the_way(void **state)
{
    (void)state;
    uint64_t b;
    (void)blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    fake_process_die(CLIENT_A);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &b), 0);
    assert_int_equal(blk_close_as(CLIENT_B, b), 0);
    assert_int_equal(open_status(CLIENT_A, 0, 0, &b), -ANOLE_EDEADENDPOINT);
}

/* ---- size and stop ---- */

static void test_resize(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, 0);
    uint64_t part = blk_open_as(CLIENT_A, 1, 0);
    blk_server_resized(&disk.blk, PART_START + 10);
    assert_int_equal(read_at(session, PART_START + 9, 512), 0);
    assert_int_equal(read_at(session, PART_START + 10, 512), -ANOLE_ERANGE);
    assert_int_equal(read_at(part, 9, 512), 0);
    assert_int_equal(read_at(part, 10, 512), -ANOLE_ERANGE);
    blk_server_resized(&disk.blk, 0);
    assert_int_equal(read_at(session, 0, 512), -ANOLE_ERANGE);
    assert_int_equal(read_at(part, 0, 512), -ANOLE_ERANGE);
    blk_server_resized(&disk.blk, SECTORS);
    assert_int_equal(read_at(part, PART_LEN - 1, 512), 0);
    blk_server_resized(&disk.blk, UINT64_MAX);
    assert_true(disk.blk.capacity_sectors <= INT64_MAX / 512);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    assert_int_equal(blk_close_as(CLIENT_A, part), 0);
}

static void test_stop(void **state)
{
    (void)state;
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE, 0, session, 10, grant, 0, 512), 0);
    disk.hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 3, 10);
    blk_work();
    disk.hold = false;
    fake_kernel.service->stop();
    for (uint64_t call = 1000; call < 1003; call++)
        assert_int_equal(fake_reply_to(call)->status, 0);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 1);
    assert_true(disk.quiesced);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

/* Whatever a device says of itself, the server works with something that makes sense. */
static void test_absurd_devices(void **state)
{
    (void)state;
    static const uint32_t absurd[] = {0, 1, 511, 513, 3000, 1u << 17, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++) {
        start_with(8, 8, 512, ALL_FLAGS);
        fake_disk_free(&disk);
        fake_disk_init(&disk, SECTORS, 8, 8);
        disk.blk.logical_block_bytes = absurd[i];
        disk.blk.physical_block_bytes = absurd[i];
        disk.blk.max_segment_bytes = absurd[i];
        disk.blk.max_segments = absurd[i] % 8;
        disk.blk.max_discard_sectors = 0;
        fake_disk_start(&disk);
        assert_int_equal(disk.blk.logical_block_bytes, 512);
        assert_int_equal(disk.blk.flags & BLK_INFO_DISCARD, 0);
        uint64_t session = blk_open_as(CLIENT_A, 0, 0);
        assert_int_equal(read_at(session, 10, 512), 0);
        assert_int_equal(blk_close_as(CLIENT_A, session), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, blk_set_up, blk_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_more_than_the_device_holds),
        TEST(test_too_many),
        TEST(test_turns),
        TEST(test_cancel),
        TEST(test_deadlines),
        TEST(test_lost_interrupt),
        TEST(test_client_dies),
        TEST(test_dead_writer_in_the_way),
        TEST(test_resize),
        TEST(test_stop),
        TEST(test_absurd_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
