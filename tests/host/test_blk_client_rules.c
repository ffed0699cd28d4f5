/*
 * The replay rules of libblk's client one by one: what the random runs of test_blk_client_replay.c
 * don't reach, which is errors of the driver, limits, and answers that nobody waits for.
 */
#include <anole/error.h>
#include <libblk/client_replay.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct replay replay;
    uint8_t pool[16 * BLK_SECTOR_SIZE];
    uint8_t copies[8 * BLK_SECTOR_SIZE];
};

static void fixture_open(struct fixture *fixture, uint32_t depth)
{
    memset(fixture, 0, sizeof *fixture);
    const struct replay_options options = {.depth = depth,
                                           .pool = fixture->pool,
                                           .copies = fixture->copies,
                                           .copies_bytes = sizeof fixture->copies,
                                           .retained_max = 16};
    assert_int_equal(replay_init(&fixture->replay, &options), 0);
}

static void submit(struct fixture *fixture, enum blk_op op, uint64_t sector, unsigned sectors)
{
    const struct blk_io io = {
        .op = op, .sector = sector, .len_bytes = (size_t)sectors * BLK_SECTOR_SIZE, .tag = sector};
    assert_int_equal(replay_submit(&fixture->replay, &io, REPLAY_PROGRAM), 0);
}

/* Sends the next request, which must be this one, and answers it. */
static void serve(struct fixture *fixture, enum blk_op op, uint64_t sector, int status)
{
    struct replay_send send;
    assert_true(replay_next(&fixture->replay, &send, 1));
    assert_int_equal(send.op, op);
    assert_int_equal(send.sector, sector);
    assert_int_equal(replay_answered(&fixture->replay, send.id, status), 0);
}

static void expect(struct fixture *fixture, uint64_t tag, int status)
{
    struct blk_completion completion;
    assert_true(replay_take(&fixture->replay, REPLAY_PROGRAM, &completion));
    assert_int_equal(completion.tag, tag);
    assert_int_equal(completion.status, status);
}

static void test_refused_replay_is_told_by_the_next_flush(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 4);
    submit(&fixture, BLK_OP_WRITE, 3, 1);
    serve(&fixture, BLK_OP_WRITE, 3, 0);
    expect(&fixture, 3, 0);
    replay_new_epoch(&fixture.replay);
    submit(&fixture, BLK_OP_FLUSH, 0, 0);
    serve(&fixture, BLK_OP_WRITE, 3, -ANOLE_EIO);
    serve(&fixture, BLK_OP_FLUSH, 0, 0);
    expect(&fixture, 0, -ANOLE_EIO);
    submit(&fixture, BLK_OP_FLUSH, 0, 0);
    serve(&fixture, BLK_OP_FLUSH, 0, 0);
    expect(&fixture, 0, 0);
    replay_free(&fixture.replay);
}

static void test_failed_flush_keeps_the_writes(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 4);
    submit(&fixture, BLK_OP_WRITE, 3, 1);
    serve(&fixture, BLK_OP_WRITE, 3, 0);
    submit(&fixture, BLK_OP_FLUSH, 0, 0);
    serve(&fixture, BLK_OP_FLUSH, 0, -ANOLE_EIO);
    replay_new_epoch(&fixture.replay);
    serve(&fixture, BLK_OP_WRITE, 3, 0);
    submit(&fixture, BLK_OP_FLUSH, 0, 0);
    serve(&fixture, BLK_OP_FLUSH, 0, 0);
    replay_new_epoch(&fixture.replay);
    struct replay_send send;
    assert_false(replay_next(&fixture.replay, &send, 1));
    replay_free(&fixture.replay);
}

/* A durable write over a retained one must not be undone by sending the older one again. */
static void test_durable_over_retained(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 4);
    submit(&fixture, BLK_OP_WRITE, 3, 1);
    serve(&fixture, BLK_OP_WRITE, 3, 0);
    struct blk_io durable = {
        .op = BLK_OP_WRITE, .flags = BLK_FUA, .sector = 3, .len_bytes = BLK_SECTOR_SIZE};
    fixture.pool[0] = 99;
    assert_int_equal(replay_submit(&fixture.replay, &durable, REPLAY_PROGRAM), 0);
    serve(&fixture, BLK_OP_WRITE, 3, 0);
    replay_new_epoch(&fixture.replay);
    serve(&fixture, BLK_OP_WRITE, 3, 0);
    struct replay_send send;
    assert_true(replay_next(&fixture.replay, &send, 1));
    assert_true(send.from_copies);
    assert_int_equal(fixture.copies[send.offset], 99);
    replay_free(&fixture.replay);
}

static void test_room_is_made(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 8);
    submit(&fixture, BLK_OP_WRITE, 0, 4);
    submit(&fixture, BLK_OP_WRITE, 4, 4);
    submit(&fixture, BLK_OP_WRITE, 8, 1);
    submit(&fixture, BLK_OP_READ, 12, 1);
    serve(&fixture, BLK_OP_WRITE, 0, 0);
    serve(&fixture, BLK_OP_WRITE, 4, 0);
    serve(&fixture, BLK_OP_READ, 12, 0); /* passes the write, which waits for room */
    serve(&fixture, BLK_OP_FLUSH, 0, 0);
    assert_int_equal(fixture.replay.own_flushes, 1);
    serve(&fixture, BLK_OP_WRITE, 8, 0);
    for (unsigned tag = 0; tag < 12; tag += 4) /* the own flush completes to nobody */
        expect(&fixture, tag == 8 ? 12 : tag, 0);
    expect(&fixture, 8, 0);
    assert_false(replay_busy(&fixture.replay));
    replay_free(&fixture.replay);
}

static void test_too_large_for_the_copies(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 4);
    submit(&fixture, BLK_OP_WRITE, 0, 9);
    struct replay_send send;
    assert_true(replay_next(&fixture.replay, &send, 1));
    assert_int_equal(send.flags, BLK_FUA);
    replay_free(&fixture.replay);
}

static void test_fail_answers_everything(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 4);
    struct replay_send send;
    submit(&fixture, BLK_OP_READ, 1, 1);
    submit(&fixture, BLK_OP_WRITE, 2, 1);
    assert_true(replay_next(&fixture.replay, &send, 1));
    submit(&fixture, BLK_OP_FLUSH, 3, 0);
    assert_int_equal(replay_oldest_sent(&fixture.replay), 1);
    replay_fail(&fixture.replay, -ANOLE_EGIVENUP);
    for (uint64_t tag = 1; tag <= 3; tag++)
        expect(&fixture, tag, -ANOLE_EGIVENUP);
    assert_int_equal(replay_answered(&fixture.replay, send.id, 0), -ANOLE_EPROTO);
    assert_true(replay_oldest_sent(&fixture.replay) == UINT64_MAX);
    replay_free(&fixture.replay);
}

static void test_any_id_is_survived(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 4);
    struct replay_send send;
    submit(&fixture, BLK_OP_READ, 1, 1);
    assert_true(replay_next(&fixture.replay, &send, 1));
    for (uint32_t id = 0; id < 1u << 20; id++)
        if (id != send.id)
            assert_int_equal(replay_answered(&fixture.replay, id, 0), -ANOLE_EPROTO);
    for (uint32_t i = 0; i < 1u << 20; i++)
        if (i * 4099u != send.id)
            assert_int_equal(replay_answered(&fixture.replay, i * 4099u, 0), -ANOLE_EPROTO);
    assert_int_equal(replay_answered(&fixture.replay, send.id, 0), 0);
    replay_free(&fixture.replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_replay_is_told_by_the_next_flush),
        cmocka_unit_test(test_failed_flush_keeps_the_writes),
        cmocka_unit_test(test_durable_over_retained),
        cmocka_unit_test(test_room_is_made),
        cmocka_unit_test(test_too_large_for_the_copies),
        cmocka_unit_test(test_fail_answers_everything),
        cmocka_unit_test(test_any_id_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
