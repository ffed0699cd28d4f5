/*
 * libblk's server with several queues: what their threads share and tell each other. The threads are
 * run by turns here, by pointing blk_server at one of them.
 */
#include "blk_fixture.h"

#include <anole/error.h>
#include <libblk/blkdrv.h>
#include <stdlib.h>
#include <string.h>

#define SELF 0x101u
#define QUEUES 3u
#define BELL_A 0x4711u

static struct fake_disk more[QUEUES - 1];

/* From now on requests go to that queue's thread. */
static void turn_to(unsigned queue)
{
    blk_server = blk_shared.queue[queue];
    fake_kernel.service = &blk_server->service;
}

/* Those that were rung look. */
static void siblings_look(void)
{
    struct blk_server *before = blk_server;
    for (unsigned i = 0; i < blk_shared.queues; i++) {
        turn_to(i);
        if (blk_server != before)
            fake_kernel.service->notified(NOTIFY_BIT(BLK_BIT_SIBLING));
    }
    blk_server = before;
    fake_kernel.service = &blk_server->service;
}

static unsigned start_queues(void)
{
    struct blk_device *devices[QUEUES - 1];
    fake_thread(SELF, SELF);
    for (unsigned i = 0; i < QUEUES - 1; i++) {
        fake_disk_init(&more[i], SECTORS, 8, 8);
        devices[i] = &more[i].blk;
    }
    return blk_server_queues_start(SELF, devices, QUEUES);
}

static int set_up(void **state)
{
    blk_set_up(state);
    start_with(8, 8, 512, ALL_FLAGS | BLK_INFO_CACHE_MODES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < QUEUES - 1; i++)
        fake_disk_free(&more[i]);
    for (unsigned i = 1; i < blk_shared.queues; i++)
        free(blk_shared.queue[i]);
    memset(&blk_shared, 0, sizeof(blk_shared));
    memset(more, 0, sizeof(more));
    fake_kernel_reset(); /* bells between threads are for good */
    return blk_tear_down(state);
}

static uint64_t ask(uint64_t hart, uint64_t *queues)
{
    struct message message = {.type = BLK_QUEUE, .word = {5, hart}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    *queues = message.word[2];
    return message.word[1];
}

static void test_one_queue(void **state)
{
    (void)state;
    uint64_t queues;
    assert_int_equal(blk_server_queues_start(SELF, NULL, 1), 1);
    assert_int_equal(ask(UINT64_MAX, &queues), SELF);
    assert_int_equal(queues, 1);
    assert_int_equal(ask(7, &queues), SELF);
    assert_int_equal(fake_kernel.threads, 0);
}

static void test_choice(void **state)
{
    (void)state;
    uint64_t queues;
    assert_int_equal(start_queues(), QUEUES);
    assert_int_equal(fake_kernel.hart_mask, 1u << (QUEUES - 1));
    for (unsigned hart = 0; hart < 2 * QUEUES; hart++) {
        unsigned queue = hart % QUEUES;
        assert_int_equal(ask(hart, &queues), queue == 0 ? SELF : FAKE_THREAD + queue - 1);
        assert_int_equal(queues, QUEUES);
    }
    /* Any: where fewest are. */
    uint64_t a = blk_open_as(CLIENT_A, 0, 0);
    assert_int_equal(ask(UINT64_MAX, &queues), FAKE_THREAD);
    turn_to(1);
    uint64_t b = blk_open_as(CLIENT_A, 0, 0);
    assert_int_equal(ask(UINT64_MAX, &queues), FAKE_THREAD + 1);
    assert_int_equal(blk_close_as(CLIENT_A, b), 0);
    turn_to(0);
    assert_int_equal(blk_close_as(CLIENT_A, a), 0);
}

/* One that can't be started is done without. */
static void test_fewer_threads(void **state)
{
    (void)state;
    struct blk_device *devices[QUEUES - 1];
    for (unsigned failure = 0; failure < 2; failure++) {
        start_with(8, 8, 512, ALL_FLAGS);
        fake_thread(SELF, SELF);
        for (unsigned i = 0; i < QUEUES - 1; i++) {
            fake_disk_free(&more[i]);
            fake_disk_init(&more[i], SECTORS, 8, 8);
            devices[i] = &more[i].blk;
        }
        more[0].enter_fails = failure == 0 ? -ANOLE_EBUSY : 0;
        fake_kernel.fail_thread = failure == 1 ? -ANOLE_ENOMEM : 0;
        unsigned expected = failure == 0 ? QUEUES - 1 : 1;
        assert_int_equal(blk_server_queues_start(SELF, devices, QUEUES), expected);
        assert_int_equal(fake_kernel.thread_exits, failure == 0 ? 1 : 0);
        fake_kernel.fail_thread = 0;
        turn_to(expected - 1);
        uint64_t session = blk_open_as(CLIENT_A, 0, 0);
        assert_int_equal(read_at(session, 10, 512), 0);
        assert_int_equal(blk_close_as(CLIENT_A, session), 0);
        for (unsigned i = 1; i < blk_shared.queues; i++)
            free(blk_shared.queue[i]);
        blk_shared.queues = 1;
        fake_kernel_reset();
    }
}

static void test_writers_exclude_each_other_everywhere(void **state)
{
    (void)state;
    uint64_t session;
    start_queues();
    turn_to(2);
    uint64_t writer = blk_open_as(CLIENT_A, 1, BLK_OPEN_WRITE);
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        turn_to(queue);
        assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &session), -ANOLE_EBUSY);
        assert_int_equal(open_status(CLIENT_B, 1, BLK_OPEN_WRITE | BLK_OPEN_SHARED, &session),
                         -ANOLE_EBUSY);
        assert_int_equal(open_status(CLIENT_B, 2, BLK_OPEN_WRITE, &session), 0);
        assert_int_equal(blk_close_as(CLIENT_B, session), 0);
    }
    turn_to(2);
    assert_int_equal(blk_close_as(CLIENT_A, writer), 0);
    turn_to(0);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &session), 0);
    assert_int_equal(blk_close_as(CLIENT_B, session), 0);
}

static unsigned buried_by; /* the queue that hears of the death while another waits */

static void hear_of_deaths(void)
{
    struct blk_server *before = blk_server;
    blk_server = blk_shared.queue[buried_by];
    blk_session_bury();
    blk_server = before;
}

/* A dead writer of another queue is in the way until that one's thread has heard of it. */
static void test_dead_writer_of_another_queue(void **state)
{
    (void)state;
    uint64_t session;
    start_queues();
    turn_to(1);
    (void)blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    fake_process_die(CLIENT_A);
    turn_to(0);
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &session), -ANOLE_EBUSY);
    buried_by = 1;
    fake_kernel.sleeping = hear_of_deaths;
    assert_int_equal(open_status(CLIENT_B, 0, BLK_OPEN_WRITE, &session), 0);
    fake_kernel.sleeping = NULL;
    assert_int_equal(blk_close_as(CLIENT_B, session), 0);
}

static void test_changes_reach_all(void **state)
{
    (void)state;
    uint64_t sessions[QUEUES];
    start_queues();
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        turn_to(queue);
        struct message message = {.type = BLK_OPEN, .word = {1, 0, BELL_A}};
        assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
        sessions[queue] = message.word[1];
    }
    turn_to(0);
    blk_server_resized(&disk.blk, 500);
    assert_int_equal(fake_rings(CLIENT_A, BELL_A), 1);
    for (unsigned queue = 1; queue < QUEUES; queue++)
        assert_int_equal(fake_rings(SELF, blk_shared.queue[queue]->bell), 1);
    siblings_look();
    assert_int_equal(fake_rings(CLIENT_A, BELL_A), QUEUES);
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        turn_to(queue);
        assert_int_equal(read_at(sessions[queue], 499, 512), 0);
        assert_int_equal(read_at(sessions[queue], 500, 512), -ANOLE_ERANGE);
        assert_int_equal(blk_close_as(CLIENT_A, sessions[queue]), 0);
    }
}

/* A write that another queue has in the device while the mode changes is durable when answered,
 * whether its thread has looked already or not. */
static void test_cache_mode_of_all(void **state)
{
    (void)state;
    start_queues();
    turn_to(0);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE | BLK_OPEN_SHARED);
    turn_to(1);
    uint64_t other = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE | BLK_OPEN_SHARED);
    more[0].hold = true;
    struct message write = blk_message(BLK_WRITE, 1, other, 20, grant, 0, 512);
    assert_int_equal(blk_send(CLIENT_A, 1000, &write), SERVICE_NO_REPLY);
    blk_work();
    turn_to(0);
    struct message mode = {.type = BLK_CACHE, .word = {2, session, BLK_CACHE_WRITE_THROUGH}};
    assert_int_equal(call_as(CLIENT_A, &mode), 0);
    turn_to(1);
    fake_disk_finish(&more[0], 0);
    assert_null(fake_reply_to(1000));
    assert_int_equal(more[0].pieces[BLK_FLUSH & 0xf], 1);
    fake_disk_finish(&more[0], 0);
    assert_int_equal(fake_reply_to(1000)->status, 0);
    more[0].hold = false;
    assert_int_equal(request(BLK_WRITE, BLK_FUA, other, 21, grant, 0, 512), 0);
    assert_int_equal(more[0].pieces[BLK_FLUSH & 0xf], 1);
    assert_int_equal(blk_close_as(CLIENT_A, other), 0);
    turn_to(0);
    assert_int_equal(blk_close_as(CLIENT_A, session), 0);
}

static void test_counts_of_all(void **state)
{
    (void)state;
    uint64_t sessions[QUEUES];
    start_queues();
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        turn_to(queue);
        sessions[queue] = blk_open_as(CLIENT_A, 0, 0);
        for (unsigned i = 0; i <= queue; i++)
            assert_int_equal(read_at(sessions[queue], 10, 512), 0);
    }
    struct message message = {.type = BLK_STATS, .word = {9, 0, grant, 0}};
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    const struct blk_stats *stats = (struct blk_stats *)(void *)buffer;
    assert_int_equal(stats->reads, 1 + 2 + 3);
    assert_int_equal(stats->clients_now, QUEUES);
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        turn_to(queue);
        assert_int_equal(blk_close_as(CLIENT_A, sessions[queue]), 0);
    }
}

/* The other queues' threads get to run while the main one sleeps. */
static void siblings_stop(void)
{
    fake_kernel.sleeping = NULL;
    for (unsigned i = 1; i < QUEUES; i++) {
        turn_to(i);
        more[i - 1].hold = false;
        fake_kernel_enter(blk_sibling_rang);
    }
    turn_to(0);
}

static void stop(void)
{
    fake_kernel.service->stop();
}

/* Queue 2 has written, and has reads in the device. */
static void write_and_read(void)
{
    start_queues();
    turn_to(2);
    uint64_t session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(request(BLK_WRITE, 0, session, 10, grant, 0, 512), 0);
    more[1].hold = true;
    send_reads(CLIENT_A, session, grant, 1000, 3, 10);
    blk_work();
    turn_to(0);
}

/* Each finishes what it has; then the main thread flushes what any has written. */
static void test_stop(void **state)
{
    (void)state;
    write_and_read();
    fake_kernel.sleeping = siblings_stop;
    fake_kernel_enter(stop);
    for (uint64_t call = 1000; call < 1003; call++)
        assert_int_equal(fake_reply_to(call)->status, 0);
    assert_int_equal(fake_kernel.thread_exits, QUEUES - 1);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 1);
    assert_true(disk.quiesced);
}

/* One that doesn't is not waited for for ever. */
static void test_stop_with_one_that_hangs(void **state)
{
    (void)state;
    write_and_read();
    uint64_t before = fake_kernel.now_ticks;
    fake_kernel_enter(stop);
    assert_in_range(fake_kernel.now_ticks - before, 0, 3000000 * FAKE_TICKS_PER_US);
    assert_int_equal(disk.pieces[BLK_FLUSH & 0xf], 0); /* not with requests in the device */
    assert_true(disk.quiesced);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_queue),
        TEST(test_choice),
        TEST(test_fewer_threads),
        TEST(test_writers_exclude_each_other_everywhere),
        TEST(test_dead_writer_of_another_queue),
        TEST(test_changes_reach_all),
        TEST(test_cache_mode_of_all),
        TEST(test_counts_of_all),
        TEST(test_stop),
        TEST(test_stop_with_one_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
