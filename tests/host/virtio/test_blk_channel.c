/*
 * Channels and pools of a block driver: many requests for one doorbell, no kernel call for a pool
 * request, what is refused, and clients that break the rules, stop listening, detach or die in the
 * middle.
 */
#include "blk_client.h"
#include "check.h"
#include "fake_disk.h"
#include "fake_kernel.h"
#include "fake_memory.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 4096u
#define POOL_LEN (1536u * 1024u) /* more than one mapping */
#define ENTRIES 32u
#define CLIENT_DOORBELL 0x7777u

static struct fake_disk disk;
static unsigned char *pool;
static handle_t pool_grant;
static uint64_t session;
static struct blk_test_channel channel;

static int set_up(void **state)
{
    (void)state;
    fake_memory_reset();
    fake_kernel_reset();
    fake_disk_init(&disk, SECTORS, 16, 16);
    for (unsigned i = 1024; i < SECTORS * 512; i++)
        disk.data[i] = (unsigned char)(i / 512 * 11 + i);
    fake_thread(CLIENT_A, CLIENT_A);
    fake_thread(CLIENT_B, CLIENT_B);
    pool = aligned_alloc(4096, POOL_LEN);
    memset(pool, 0, POOL_LEN);
    pool_grant = fake_grant(CLIENT_A, pool, POOL_LEN, GRANT_READ | GRANT_WRITE);
    fake_disk_start(&disk);
    fake_kernel.scatter = true;
    session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
    assert_int_equal(blk_attach_as(CLIENT_A, session, &channel, ENTRIES, pool_grant, POOL_LEN), 0);
    blk_work();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)blk_close_as(CLIENT_A, session);
    CHECK(fake_kernel_held() == 0);
    CHECK(fake_grant_pins(pool_grant) == 0);
    blk_channel_free(&channel);
    fake_disk_free(&disk);
    free(pool);
    fake_kernel_reset();
    fake_memory_reset();
    return 0;
}

static void send_read(uint32_t id, uint64_t sector, uint64_t offset, uint64_t bytes)
{
    struct message message = blk_message(BLK_READ, id, session, sector, pool_grant, offset, bytes);
    blk_channel_send(&channel, &message);
}

/* One request of any kind through the channel, answered at once. */
static int one(struct message message)
{
    uint32_t id = 0;
    message.word[0] |= 4711;
    blk_channel_send(&channel, &message);
    blk_channel_go(&channel);
    int status = blk_channel_reply_next(&channel, &id);
    assert_int_equal(id, 4711);
    return status;
}

static int detach(uint64_t call)
{
    struct message message = {.type = BLK_DETACH, .word = {4, session}};
    return blk_send(CLIENT_A, call, &message);
}

static void test_batch(void **state)
{
    (void)state;
    unsigned rings = fake_rings(CLIENT_A, CLIENT_DOORBELL);
    assert_int_equal(channel_arm(&channel.channel), 0);
    for (uint32_t i = 0; i < ENTRIES; i++)
        send_read(i, 10 + i, i * 8192, 4096);
    unsigned calls = fake_kernel.calls;
    uint64_t batches = disk.blk.stats.batches;
    blk_channel_go(&channel);
    assert_int_equal(fake_kernel.calls, calls); /* a pool request costs no kernel call */
    assert_int_equal(disk.blk.stats.batches, batches + 1);
    assert_int_equal(disk.blk.stats.dma_maps, 0);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        uint32_t id = 0;
        assert_int_equal(blk_channel_reply_next(&channel, &id), 0);
        assert_int_equal(id, i);
        assert_memory_equal(pool + i * 8192, disk.data + (10 + i) * 512, 4096);
    }
    assert_int_equal(fake_rings(CLIENT_A, CLIENT_DOORBELL), rings + 1);
}

static void test_pool_everywhere(void **state)
{
    (void)state;
    struct random random = {42};
    for (unsigned round = 0; round < 500; round++) {
        uint64_t len = 512u * (1 + random_below(&random, 64));
        uint64_t offset = random_below(&random, (unsigned)(POOL_LEN - len + 1));
        uint64_t sector = 2 + random_below(&random, 3000);
        assert_int_equal(one(blk_message(BLK_READ, 0, session, sector, pool_grant, offset, len)),
                         0);
        assert_memory_equal(pool + offset, disk.data + sector * 512, len);
    }
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 2, pool_grant, POOL_LEN - 511, 512)),
                     -ANOLE_ERANGE);
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 2, pool_grant, POOL_LEN, 512)),
                     -ANOLE_ERANGE);
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 2, pool_grant, UINT64_MAX - 511, 512)),
                     -ANOLE_ERANGE);
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 2, pool_grant, UINT64_MAX, 1024)),
                     -ANOLE_ERANGE);
}

/* The pool is mapped for what the session may do. */
static void test_pool_rights(void **state)
{
    (void)state;
    struct blk_test_channel other;
    uint64_t reader = blk_open_as(CLIENT_A, 0, 0);
    handle_t only_readable = fake_grant(CLIENT_A, pool, 4096, GRANT_READ);
    assert_int_equal(blk_attach_as(CLIENT_A, reader, &other, ENTRIES, only_readable, 4096),
                     -ANOLE_EPERM);
    blk_channel_free(&other);
    handle_t only_writable = fake_grant(CLIENT_A, pool, 4096, GRANT_WRITE);
    assert_int_equal(blk_attach_as(CLIENT_A, reader, &other, ENTRIES, only_writable, 4096), 0);
    assert_int_equal(blk_close_as(CLIENT_A, reader), 0);
    blk_channel_free(&other);
}

static void test_other_grants_and_vectors(void **state)
{
    (void)state;
    unsigned char *memory = aligned_alloc(4096, 8192);
    handle_t grant = fake_grant(CLIENT_A, memory, 8192, GRANT_READ | GRANT_WRITE);
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 7, grant, 100, 4096)), 0);
    assert_memory_equal(memory + 100, disk.data + 7 * 512, 4096);
    struct blk_segment *vector = (struct blk_segment *)(void *)memory;
    vector[0] = (struct blk_segment){pool_grant, 3000, 1024};
    vector[1] = (struct blk_segment){grant, 4096, 512};
    vector[2] = (struct blk_segment){pool_grant, POOL_LEN - 512, 512};
    assert_int_equal(one(blk_message(BLK_READ, BLK_ID(0, BLK_VECTOR), session, 50, grant, 0, 3)),
                     0);
    assert_memory_equal(pool + 3000, disk.data + 50 * 512, 1024);
    assert_memory_equal(memory + 4096, disk.data + 52 * 512, 512);
    assert_memory_equal(pool + POOL_LEN - 512, disk.data + 53 * 512, 512);
    free(memory);
}

static void test_every_type(void **state)
{
    (void)state;
    unsigned refused = (unsigned)disk.blk.stats.refused;
    static const uint32_t never[] = {BLK_OPEN,
                                     BLK_CLOSE,
                                     BLK_ATTACH,
                                     BLK_DETACH,
                                     0,
                                     1,
                                     MESSAGE_TYPE(PROTO_BLK, 0),
                                     MESSAGE_TYPE(PROTO_BLK, 15),
                                     MESSAGE_TYPE(PROTO_NET, 4),
                                     UINT32_MAX};
    unsigned count = sizeof(never) / sizeof(never[0]);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(one(blk_message(never[i], 0, session, 0, 0, 0, 0)), -ANOLE_ENOSYS);
    assert_int_equal(disk.blk.stats.refused, refused + count);
    assert_int_equal(one(blk_message(BLK_FLUSH, 0, session, 0, 0, 0, 0)), 0);
    assert_int_equal(one(blk_message(BLK_WRITE_ZEROES, 0, session, 9, 0, 0, 512)), 0);
    assert_int_equal(one((struct message){.type = BLK_INFO, .word = {0, 0, pool_grant, 0}}), 0);
    assert_int_equal(((struct blk_info *)(void *)pool)->capacity_sectors, SECTORS);
    assert_int_equal(one((struct message){.type = BLK_STATS, .word = {0, 0, pool_grant, 0}}), 0);
    assert_int_equal(((struct blk_stats *)(void *)pool)->channels_now, 1);
    assert_int_equal(one((struct message){.type = BLK_IDENTIFY}), 0);
    assert_int_equal(one((struct message){.type = BLK_CANCEL, .word = {0, session, 1}}),
                     -ANOLE_ENOENT);
    /* A channel is its session's alone. */
    uint64_t other = blk_open_as(CLIENT_A, 0, 0);
    assert_int_equal(one(blk_message(BLK_READ, 0, other, 9, pool_grant, 0, 512)),
                     -ANOLE_EBADHANDLE);
    assert_int_equal(blk_close_as(CLIENT_A, other), 0);
}

static void test_attach_refused(void **state)
{
    (void)state;
    struct blk_test_channel other;
    assert_int_equal(blk_attach_as(CLIENT_A, session, &other, ENTRIES, 0, 0), -ANOLE_EBUSY);
    blk_channel_free(&other);
    uint64_t fresh = blk_open_as(CLIENT_A, 0, 0);
    unsigned held = fake_kernel_held();
    void *memory = aligned_alloc(4096, 16384);
    memset(memory, 0, 16384);
    handle_t good = fake_region(CLIENT_A, memory, 16384, 3);
    handle_t readable = fake_region(CLIENT_A, memory, 16384, 1);
    handle_t foreign = fake_region(CLIENT_B, memory, 16384, 3);
    const struct {
        uint64_t region, pool, pool_len, entries;
        int status;
    } cases[] = {
        {good, 0, 0, 0, -ANOLE_EINVAL},
        {good, 0, 0, 2, -ANOLE_EINVAL},
        {good, 0, 0, 33, -ANOLE_EINVAL},
        {good, 0, 0, 128, -ANOLE_EINVAL}, /* region too small */
        {good, 0, 0, 2048, -ANOLE_EINVAL},
        {good, 0, 0, UINT64_MAX, -ANOLE_EINVAL},
        {good, 0, 0, ((uint64_t)1 << 32) + 32, -ANOLE_EINVAL},
        {readable, 0, 0, 32, -ANOLE_EINVAL},
        {foreign, 0, 0, 32, -ANOLE_EBADHANDLE},
        {12345, 0, 0, 32, -ANOLE_EBADHANDLE},
        {good, 0, 4096, 32, -ANOLE_EINVAL},
        {good, pool_grant, 0, 32, -ANOLE_EINVAL},
        {good, pool_grant, UINT64_MAX, 32, -ANOLE_EINVAL},
        {good, pool_grant, POOL_LEN + 1, 32, -ANOLE_ERANGE}, /* fails in its third mapping */
        {good, 77, 4096, 32, -ANOLE_EBADHANDLE},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message message = {.type = BLK_ATTACH,
                                  .word = {3, fresh, cases[i].region, 1, cases[i].pool,
                                           cases[i].pool_len, cases[i].entries}};
        assert_int_equal(blk_send(CLIENT_A, 1, &message), cases[i].status);
        assert_int_equal(fake_kernel_held(), held);
    }
    struct message message = {.type = BLK_ATTACH,
                              .word = {3, fresh, good, 1, pool_grant, 4096, 32}};
    int *failures[] = {&fake_kernel.fail_doorbell, &fake_kernel.fail_map,
                       &fake_kernel.fail_region_map, &fake_kernel.fail_dma_map};
    for (unsigned i = 0; i < 4; i++) {
        struct message copy = message;
        *failures[i] = -ANOLE_ENOMEM;
        assert_int_equal(blk_send(CLIENT_A, 1, &copy), -ANOLE_ENOMEM);
        *failures[i] = 0;
        assert_int_equal(fake_kernel_held(), held);
    }
    assert_int_equal(blk_send(CLIENT_A, 1, &message), 0);
    assert_int_equal(blk_close_as(CLIENT_A, fresh), 0); /* takes the channel along */
    assert_int_equal(fake_kernel_held(), held - 1);
    free(memory);
}

static void test_detach(void **state)
{
    (void)state;
    disk.hold = true;
    for (uint32_t i = 0; i < 30; i++)
        send_read(i, 10 + 2 * i, i * 4096, 512);
    blk_channel_go(&channel);
    assert_int_equal(disk.held_count, 16);
    assert_int_equal(detach(500), SERVICE_NO_REPLY);
    assert_null(fake_reply_to(500));
    assert_int_equal(detach(501), -ANOLE_EBUSY);
    assert_int_equal(blk_close_as(CLIENT_A, session), -ANOLE_EBUSY);
    assert_true(fake_grant_pins(pool_grant) > 0);
    while (disk.held_count > 0) {
        assert_null(fake_reply_to(500));
        fake_disk_finish(&disk, 0);
    }
    assert_int_equal(fake_reply_to(500)->status, 0);
    assert_int_equal(fake_grant_pins(pool_grant), 0);
    assert_int_equal(detach(502), -ANOLE_EINVAL);
    /* The session lives on, and may have another channel. */
    disk.hold = false;
    blk_channel_free(&channel);
    assert_int_equal(blk_attach_as(CLIENT_A, session, &channel, ENTRIES, pool_grant, POOL_LEN), 0);
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 9, pool_grant, 0, 512)), 0);
    assert_int_equal(detach(503), SERVICE_NO_REPLY); /* idle: at once */
    assert_int_equal(fake_reply_to(503)->status, 0);
}

static void test_cancel(void **state)
{
    (void)state;
    disk.hold = true;
    for (uint32_t i = 0; i < 20; i++)
        send_read(i, 10 + 2 * i, i * 4096, 512);
    blk_channel_go(&channel);
    struct message message = {.type = BLK_CANCEL, .word = {100, session, 18}};
    blk_channel_send(&channel, &message); /* waits */
    message.word[0] = 101;
    message.word[2] = 2;
    blk_channel_send(&channel, &message); /* in the device */
    blk_channel_go(&channel);
    uint32_t id = 0;
    assert_int_equal(blk_channel_reply_next(&channel, &id), -ANOLE_ECANCELED);
    assert_int_equal(id, 18);
    assert_int_equal(blk_channel_reply_next(&channel, &id), 0);
    assert_int_equal(id, 100);
    assert_int_equal(blk_channel_reply_next(&channel, &id), 0);
    assert_int_equal(id, 101);
    fake_disk_finish_all(&disk);
    for (unsigned i = 0; i < 19; i++)
        assert_int_equal(blk_channel_reply_next(&channel, &id), 0);
    assert_int_equal(blk_channel_reply_next(&channel, &id), PENDING);
}

/* A client that doesn't take its replies gets no more of them than fit, and loses none. */
static void test_client_that_does_not_listen(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ENTRIES; i++)
        send_read(i, 10, 0, 512);
    blk_channel_go(&channel);
    for (uint32_t i = 0; i < ENTRIES; i++)
        send_read(ENTRIES + i, 10, 0, 512);
    blk_channel_go(&channel);
    assert_int_equal(channel_put(&channel.channel, &(struct message){0}), -ANOLE_EAGAIN);
    uint32_t id;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(blk_channel_reply_next(&channel, &id), 0);
        assert_int_equal(id, i);
    }
    assert_int_equal(blk_channel_reply_next(&channel, &id), PENDING);
    blk_pass(150000); /* nobody rang, but the driver looks */
    for (uint32_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(blk_channel_reply_next(&channel, &id), 0);
        assert_int_equal(id, ENTRIES + i);
    }
}

/* ... nor does the driver take more requests than it could answer at once. */
static void test_more_than_can_be_answered(void **state)
{
    (void)state;
    disk.hold = true;
    for (uint32_t i = 0; i < ENTRIES; i++)
        send_read(i, 10, 0, 512);
    blk_channel_go(&channel);
    for (uint32_t i = 0; i < ENTRIES; i++)
        send_read(ENTRIES + i, 10, 0, 512);
    blk_channel_go(&channel);
    assert_int_equal(channel_put(&channel.channel, &(struct message){0}), -ANOLE_EAGAIN);
    fake_disk_finish_all(&disk);
    disk.hold = false;
    unsigned answered = 0;
    for (unsigned n = 0; n < 4; n++) {
        uint32_t id = 0;
        while (blk_channel_reply_next(&channel, &id) == 0)
            assert_int_equal(id, answered++);
        blk_pass(150000);
    }
    assert_int_equal(answered, 2 * ENTRIES);
}

/* A message may name the pool, too: it is mapped for itself, and DETACH doesn't take it away. */
static void test_pool_by_message(void **state)
{
    (void)state;
    disk.hold = true;
    struct message message = blk_message(BLK_READ, 1, session, 10, pool_grant, 4096, 512);
    assert_int_equal(blk_send(CLIENT_A, 600, &message), SERVICE_NO_REPLY);
    blk_work();
    assert_int_equal(detach(601), SERVICE_NO_REPLY);
    assert_int_equal(fake_reply_to(601)->status, 0);
    fake_disk_finish_all(&disk);
    assert_int_equal(fake_reply_to(600)->status, 0);
    assert_memory_equal(pool + 4096, disk.data + 10 * 512, 512);
}

static void break_channel(void)
{
    struct channel_shared *shared = channel.memory;
    atomic_fetch_add(&shared->requests.produced, 1000);
    blk_notify(NOTIFY_BIT(0));
}

static void test_broken_channel(void **state)
{
    (void)state;
    disk.hold = true;
    for (uint32_t i = 0; i < 20; i++)
        send_read(i, 10 + i, i * 4096, 512);
    blk_channel_go(&channel);
    unsigned logs = fake_kernel.logs;
    break_channel();
    assert_int_equal(fake_kernel.logs, logs + 1);
    blk_notify(NOTIFY_BIT(0));
    assert_int_equal(fake_kernel.logs, logs + 1); /* once */
    fake_disk_finish_all(&disk);
    struct message message;
    assert_int_equal(channel_take(&channel.channel, &message), 0); /* no answers any more */
    blk_pass(200000);
    assert_int_equal(fake_kernel.service->deadline(), DEADLINE_NEVER);
    /* Messages work, and so does a new channel. */
    disk.hold = false;
    assert_int_equal(detach(500), SERVICE_NO_REPLY);
    assert_int_equal(fake_reply_to(500)->status, 0);
    blk_channel_free(&channel);
    assert_int_equal(blk_attach_as(CLIENT_A, session, &channel, ENTRIES, pool_grant, POOL_LEN), 0);
    assert_int_equal(one(blk_message(BLK_READ, 0, session, 9, pool_grant, 0, 512)), 0);
}

/* Random words in the shared headers: never more than a shut channel. */
static void test_scribbled_channel(void **state)
{
    (void)state;
    struct random random = {0xb5ad4eceda1ce2a9u};
    for (unsigned round = 0; round < 2000; round++) {
        for (uint32_t i = 0; i < 1 + random_below(&random, ENTRIES); i++) {
            struct message message;
            for (unsigned w = 0; w < MESSAGE_WORDS; w++)
                message.word[w] = random_below(&random, 3) == 0 ? random_next(&random)
                                                                : random_below(&random, 1024);
            message.endpoint = (endpoint_t)random_next(&random);
            message.type = MESSAGE_TYPE(PROTO_BLK, random_below(&random, 16));
            message.word[1] = session;
            if (random_below(&random, 2) == 0)
                message.word[3] = pool_grant;
            if (channel_put(&channel.channel, &message) < 0)
                break;
        }
        (void)channel_publish(&channel.channel);
        struct channel_shared *shared = channel.memory;
        _Atomic uint32_t *words[] = {&shared->requests.produced, &shared->requests.event,
                                     &shared->replies.consumed, &shared->replies.produced};
        if (random_below(&random, 4) == 0)
            atomic_store(words[random_below(&random, 4)], (uint32_t)random_next(&random));
        blk_notify(NOTIFY_BIT(0));
        blk_pass(1000);
        (void)detach(10000 + round);
        assert_int_equal(fake_reply_to(10000 + round)->status, 0);
        fake_kernel.replies = 0;
        blk_channel_free(&channel);
        assert_int_equal(blk_attach_as(CLIENT_A, session, &channel, ENTRIES, pool_grant, 4096), 0);
        if (round % 100 == 99) { /* the fake's tables are small */
            assert_int_equal(blk_close_as(CLIENT_A, session), 0);
            blk_channel_free(&channel);
            fake_kernel_forget();
            pool_grant = fake_grant(CLIENT_A, pool, POOL_LEN, GRANT_READ | GRANT_WRITE);
            session = blk_open_as(CLIENT_A, 0, BLK_OPEN_WRITE);
            assert_int_equal(blk_attach_as(CLIENT_A, session, &channel, ENTRIES, pool_grant, 4096),
                             0);
        }
    }
}

static void test_client_dies(void **state)
{
    (void)state;
    disk.hold = true;
    for (uint32_t i = 0; i < 20; i++)
        send_read(i, 10 + i, i * 4096, 512);
    blk_channel_go(&channel);
    fake_process_die(CLIENT_A);
    blk_notify(NOTIFY_BIT(1) | NOTIFY_BIT(0));
    assert_true(fake_kernel_held() > 0);
    fake_disk_finish_all(&disk);
    assert_int_equal(fake_kernel_held(), 0);
    assert_int_equal(fake_kernel.replies, 0);
}

/* Two clients, one with a long queue: the other's requests don't wait for all of it. */
static void test_turns(void **state)
{
    (void)state;
    struct blk_test_channel other;
    uint64_t other_session = blk_open_as(CLIENT_B, 0, 0);
    handle_t other_grant = fake_grant(CLIENT_B, pool, 4096, GRANT_WRITE);
    assert_int_equal(blk_attach_as(CLIENT_B, other_session, &other, ENTRIES, other_grant, 4096), 0);
    blk_work();
    disk.hold = true;
    for (uint32_t i = 0; i < ENTRIES; i++)
        send_read(i, 100 + 2 * i, i * 4096, 512);
    blk_channel_go(&channel);
    for (uint32_t i = 0; i < 4; i++) {
        struct message message = blk_message(BLK_READ, i, other_session, 2000 + 2 * i, other_grant,
                                             0, 512);
        blk_channel_send(&other, &message);
    }
    blk_channel_go(&other);
    fake_disk_finish_all(&disk);
    unsigned seen = 0;
    for (unsigned i = 16; i < 16 + 8; i++)
        seen += disk.order[i] >= 2000;
    assert_int_equal(seen, 4);
    assert_int_equal(blk_close_as(CLIENT_B, other_session), 0);
    blk_channel_free(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_batch),
        TEST(test_pool_everywhere),
        TEST(test_pool_rights),
        TEST(test_other_grants_and_vectors),
        TEST(test_every_type),
        TEST(test_attach_refused),
        TEST(test_detach),
        TEST(test_cancel),
        TEST(test_client_that_does_not_listen),
        TEST(test_more_than_can_be_answered),
        TEST(test_pool_by_message),
        TEST(test_broken_channel),
        TEST(test_scribbled_channel),
        TEST(test_client_dies),
        TEST(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
