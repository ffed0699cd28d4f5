/*
 * libfs over a file system that waits and outlives its server: what a death of either side leaves, and
 * who waits for whom.
 */
#include "slow_fs.h"

#include <libcoro/coro.h>
#include <string.h>

/* ---- deaths ---- */

static void files_survive_the_server(void **state)
{
    const uint64_t take[5] = {0};
    char buffer[16];
    handle_t grant;

    (void)state;
    uint64_t file = world_opened(ALICE, "file", RW);
    grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_READ | GRANT_WRITE);
    const uint64_t read[5] = {file, grant, 0, 10, HERE};
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1001, read), 0);
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1002, read), 0);
    assert_int_equal(file_call(ALICE, FS_OFFER, file, 0, 0, 0, 0), 0);
    uint64_t token = world_reply.word[0];
    assert_int_equal(slow.opens, 1);
    slow.opens = 0;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.mounts, 2);
    assert_int_equal(slow.opens, 1);
    /* The last one again: the same bytes. A new one: the next. */
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1002, read), 0);
    assert_int_equal(file_call_numbered(ALICE, FS_READ, 1003, read), 0);
    assert_int_equal(slow.reads[0], 0);
    assert_int_equal(slow.reads[1], 10);
    assert_int_equal(slow.reads[2], 10);
    assert_int_equal(slow.reads[3], 20);
    /* The offer, too; taken twice under one number it is one file. */
    uint64_t taken[5] = {token};
    assert_int_equal(file_call_numbered(BOB, FS_TAKE, 7, taken), 0);
    uint64_t inherited = world_reply.word[0];
    assert_int_equal(world_restart(), 0);
    assert_int_equal(file_call_numbered(BOB, FS_TAKE, 7, taken), 0);
    assert_int_equal(world_reply.word[0], inherited);
    assert_int_equal(file_call_numbered(BOB, FS_TAKE, 8, take), -ANOLE_EBADF);
    /* Who died meanwhile has nothing. */
    fake_process_die(BOB);
    slow.opens = 0;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.opens, 1);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(slow.opens, 0);
}

static int asked(endpoint_t process, uint64_t number, uint64_t file)
{
    static char bytes[5];
    handle_t grant = fake_grant(process, bytes, sizeof(bytes), GRANT_READ);
    const uint64_t write[5] = {file, grant, 0, sizeof(bytes), HERE};

    return file_call_numbered(process, FS_WRITE, number, write);
}

/* What the server's death undid isn't bound to the end that it had. */
static void appending_survives_the_server(void **state)
{
    uint64_t one = world_opened(ALICE, "file", FS_O_WRITE | FS_O_APPEND);
    uint64_t two = world_opened(BOB, "file", FS_O_WRITE | FS_O_APPEND);

    (void)state;
    assert_int_equal(asked(ALICE, 1, one), 0);
    assert_int_equal(world_restart(), 0);
    assert_int_equal(asked(BOB, 1, two), 0);
    assert_int_equal(asked(ALICE, 1, one), 0); /* it was done */
    assert_int_equal(slow.written[0], 100);
    assert_int_equal(slow.written[1], 105);
    assert_int_equal(slow.written[2], 100);
    slow.die = true;
    assert_int_equal(asked(ALICE, 2, one), -ANOLE_EIO);
    slow.die = false;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(asked(BOB, 2, two), 0);
    assert_int_equal(asked(ALICE, 2, one), 0);
    assert_int_equal(slow.written[3], 110);
    assert_int_equal(slow.written[4], 115);
}

/* Who shares a position may be the first to ask: nobody writes where somebody else did. */
static void sharing_survives_the_server(void **state)
{
    uint64_t one = world_opened(ALICE, "file", FS_O_WRITE);
    uint64_t two;

    (void)state;
    assert_int_equal(file_call(ALICE, FS_OFFER, one, 0, 0, 0, 0), 0);
    assert_int_equal(file_call(BOB, FS_TAKE, world_reply.word[0], 0, 0, 0, 0), 0);
    two = world_reply.word[0];
    slow.die = true;
    assert_int_equal(asked(ALICE, 1, one), -ANOLE_EIO);
    slow.die = false;
    assert_int_equal(world_restart(), 0);
    assert_int_equal(asked(BOB, 1, two), 0);
    assert_int_equal(asked(ALICE, 1, one), 0);
    assert_int_equal(slow.written[0], 0);
    assert_int_equal(slow.written[1], 5);
    /* Done, it is done where it was, and doesn't move the position back. */
    assert_int_equal(asked(ALICE, 2, one), 0);
    assert_int_equal(world_restart(), 0);
    assert_int_equal(asked(BOB, 2, two), 0);
    assert_int_equal(asked(ALICE, 2, one), 0);
    assert_int_equal(asked(ALICE, 3, one), 0);
    assert_int_equal(slow.written[2], 10);
    assert_int_equal(slow.written[3], 15);
    assert_int_equal(slow.written[4], 10);
    assert_int_equal(slow.written[5], 20);
}

/* Until it is durable nobody else's is done there: should the server die, it may be asked for again. */
static void synchronous_writes_keep_their_order(void **state)
{
    uint64_t one = world_opened(ALICE, "file", FS_O_WRITE | FS_O_SYNC);

    (void)state;
    assert_int_equal(asked(ALICE, 1, one), 0);
    assert_int_equal(slow.syncs, 1);
    slow.wait = true;
    assert_int_equal(asked(ALICE, 2, one), SERVICE_NO_REPLY);
    coro_wake(slow.waiting);
    fs_server_step();
    assert_int_equal(slow.writes, 2); /* and waits for its sync */
    slow.wait = false;
    assert_int_equal(asked(ALICE, 3, one), SERVICE_NO_REPLY);
    assert_int_equal(slow.writes, 2);
    coro_wake(slow.waiting);
    fs_server_step();
    assert_int_equal(slow.writes, 3);
    assert_int_equal(slow.syncs, 3);
    assert_int_equal(slow.written[2], 10);
}

static void kept_nonsense_is_refused(void **state)
{
    (void)state;
    uint64_t file = world_opened(ALICE, "file", RW);
    uint64_t seed = 88172645463325252u;
    unsigned refused = 0;
    static char good[FS_KEPT_LEN];

    memcpy(good, world_kept, sizeof(good));
    for (unsigned i = 0; i < 300; i++) {
        memcpy(world_kept, good, sizeof(good));
        for (unsigned hits = 0; hits < 8; hits++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            world_kept[seed % 1024] ^= (char)(1u << (seed >> 32) % 8);
            world_kept[(seed >> 16) % sizeof(world_kept)] ^= (char)(1u << (seed >> 40) % 8);
        }
        int error = world_restart();
        assert_true(error == 0 || error == -ANOLE_EPROTO);
        refused += error != 0;
        (void)file_call(ALICE, FS_SEEK, file, 0, FS_SEEK_CURRENT, 0, 0);
    }
    assert_true(refused > 0);
    memcpy(world_kept, good, sizeof(good));
    assert_int_equal(world_restart(), 0);
    assert_int_equal(file_call(ALICE, FS_SEEK, file, 0, FS_SEEK_CURRENT, 0, 0), 0);
}

/* ---- waiting ---- */

static void who_waits_delays_nobody_else(void **state)
{
    char buffer[16];
    handle_t grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_WRITE);
    uint64_t file = world_opened(ALICE, "file", RW), other = world_opened(ALICE, "file", RW);
    unsigned replies = fake_kernel.replies;

    (void)state;
    slow.wait = true;
    assert_int_equal(file_call(ALICE, FS_READ, file, grant, 0, 4, HERE), SERVICE_NO_REPLY);
    struct coro *first = slow.waiting;
    slow.wait = false;
    assert_int_equal(file_call(ALICE, FS_READ, other, grant, 0, 4, HERE), 0);
    /* The same file's position: one after the other. */
    assert_int_equal(file_call(ALICE, FS_READ, file, grant, 0, 4, HERE), SERVICE_NO_REPLY);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(slow.opens, 2); /* it is being read */
    coro_wake(first);
    fs_server_step();
    assert_int_equal(fake_kernel.replies, replies + 2);
    assert_int_equal(fake_kernel.reply[replies].status, 0);
    assert_int_equal(slow.reads[1], 0);
    assert_int_equal(slow.reads[2], 4);
    assert_int_equal(slow.opens, 1);
}

/* What a dead process had open is closed while others work; who unmounts waits for it. */
static void the_dead_are_buried(void **state)
{
    struct message reply;

    (void)state;
    (void)world_opened(ALICE, "file", RW);
    (void)world_opened(ALICE, "file", RW);
    slow.wait = true;
    fake_process_die(ALICE);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    fs_server_step();
    assert_non_null(slow.waiting);
    (void)path_send(FS_UNMOUNT, &(struct path_call){.mount = 1});
    assert_false(path_answer(&reply));
    assert_int_equal(slow.opens, 2);
    slow.wait = false;
    coro_wake(slow.waiting);
    fs_server_step();
    assert_int_equal(slow.opens, 0);
    assert_true(path_answer(&reply));
    assert_int_equal(message_status(&reply), 0);
}

/* Dead in the middle of that, the next instance does it. */
static void the_dead_are_buried_by_the_next_instance(void **state)
{
    (void)state;
    (void)world_opened(ALICE, "file", RW);
    fake_process_die(ALICE);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    fs_server_step();
    assert_int_equal(slow.closes, 1);
    memcpy(world_kept, slow_kept_at_close, sizeof(world_kept));
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.closes, 2);
    /* Then it was done. */
    assert_int_equal(world_restart(), 0);
    assert_int_equal(slow.closes, 2);
}

static void waiting_requests_are_bounded(void **state)
{
    char buffer[16];
    handle_t grant = fake_grant(ALICE, buffer, sizeof(buffer), GRANT_WRITE);
    uint64_t file = world_opened(ALICE, "file", RW), bobs = world_opened(BOB, "file", RW);
    struct coro *waiting[20];
    unsigned count = 0;

    (void)state;
    slow.wait = true;
    while (file_call(ALICE, FS_READ, file, grant, 0, 4, 0) == SERVICE_NO_REPLY)
        waiting[count++] = slow.waiting;
    assert_int_equal(count, 16);
    assert_int_equal(file_call(BOB, FS_READ, bobs, grant, 0, 4, 0), SERVICE_NO_REPLY);
    waiting[count++] = slow.waiting;
    slow.wait = false;
    for (unsigned i = 0; i < count; i++)
        coro_wake(waiting[i]);
    fs_server_step();
    assert_int_equal(file_call(ALICE, FS_READ, file, grant, 0, 4, 0), 0);
}

static void what_is_being_done_is_not_begun_again(void **state)
{
    struct path_call call = {.mount = 1,
                             .node = 2,
                             .text = "new",
                             .flags = DIRECTORY,
                             .origin = ALICE,
                             .number = world_number()};
    struct message reply;

    (void)state;
    slow.wait = true;
    path_send(FS_MAKE, &call);
    assert_false(path_answer(&reply));
    world_vfs_restart(); /* and asks again, while the first is still being done */
    slow.wait = false;
    path_send(FS_MAKE, &call);
    assert_false(path_answer(&reply));
    assert_int_equal(slow.creates, 0);
    coro_wake(slow.waiting);
    fs_server_step();
    assert_true(path_answer(&reply));
    assert_int_equal(reply.type, 0);
    assert_false(path_answer(&reply)); /* nobody waits for the first one */
    assert_int_equal(slow.creates, 1);
    assert_int_equal(slow.created_by, ALICE);
}

/* Whoever broke it: vfs is asked for another one, and what was under way is done once. */
static void a_broken_channel_is_replaced(void **state)
{
    struct path_call call = {.mount = 1,
                             .node = 2,
                             .text = "new",
                             .flags = DIRECTORY,
                             .origin = ALICE,
                             .number = world_number()};
    struct message reply;

    (void)state;
    unsigned served = world_served();
    world_break_sent();
    assert_int_equal(world_served(), served + 1);
    slow.wait = true;
    path_send(FS_MAKE, &call);
    world_break_taken(); /* found when it is answered */
    slow.wait = false;
    coro_wake(slow.waiting);
    fs_server_step();
    assert_int_equal(world_served(), served + 2);
    assert_int_equal(path_call(FS_MAKE, &call, &reply), 0);
    assert_int_equal(slow.creates, 1);
    fs_server_step();
    assert_int_equal(world_served(), served + 2);
}

static void read_only_mounts_change_nothing(void **state)
{
    struct path_call call = {.mount = 2, .node = 2, .text = "file", .flags = RW, .origin = ALICE};
    struct message reply;
    uint64_t root;

    (void)state;
    assert_int_equal(world_mount(3, "bad", 0, &root), -ANOLE_EINVAL);
    assert_int_equal(world_mount(2, "ro", 0, &root), 0);
    assert_int_equal(world_mount(2, "ro", 0, &root), 0); /* told again */
    assert_int_equal(slow.mounts, 2);
    assert_int_equal(world_mount(4, "ro", 0, &root), -ANOLE_EBUSY);
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EROFS);
    call.flags = FS_O_READ | FS_O_CREATE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    call.text = "new";
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EROFS);
    call.flags = DIRECTORY;
    assert_int_equal(path_call(FS_MAKE, &call, &reply), -ANOLE_EROFS);
    call.flags = 0;
    assert_int_equal(path_call(FS_REMOVE, &call, &reply), -ANOLE_EROFS);
    assert_int_equal(path_call(FS_STATVFS, &call, &reply), -ANOLE_ENOENT);
    call.text = "";
    assert_int_equal(path_call(FS_STATVFS, &call, &reply), 0);
    struct fs_statvfs statvfs;
    memcpy(&statvfs, world_slot->first, sizeof(statvfs));
    assert_int_equal(statvfs.flags, FS_MOUNT_READ_ONLY);
    assert_string_equal(statvfs.type, "slow");
    assert_string_equal(statvfs.source, "ro");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SLOW(files_survive_the_server),     SLOW(appending_survives_the_server),
        SLOW(sharing_survives_the_server),  SLOW(synchronous_writes_keep_their_order),
        SLOW(kept_nonsense_is_refused),     SLOW(who_waits_delays_nobody_else),
        SLOW(the_dead_are_buried),          SLOW(the_dead_are_buried_by_the_next_instance),
        SLOW(waiting_requests_are_bounded), SLOW(what_is_being_done_is_not_begun_again),
        SLOW(a_broken_channel_is_replaced), SLOW(read_only_mounts_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
