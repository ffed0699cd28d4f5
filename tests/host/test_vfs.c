/*
 * vfs: walks over mounts and links, what deaths leave, and mounting.
 */
#include "vfs_world.h"

#include <string.h>

static void walks_cross_mounts(void **state)
{
    (void)state;
    world_both_serve();
    assert_int_equal(world_call(VFS_STAT, "/d/a/b", NULL, 0), 0);
    assert_string_equal(world.last_path, "/a/b");
    assert_int_equal(world.last_origin, PROGRAM);
    assert_int_equal(((struct fs_stat *)(void *)world.result)->node, 7);
    assert_int_equal(world_call(VFS_STAT, "/x", NULL, 0), -ANOLE_ENOENT);
    assert_int_equal(world_call(VFS_OPEN, "/d/f", NULL, FS_O_READ), 0);
    assert_int_equal(world.answer.word[0], world.second.process);
    char name[RS_NAME_LEN];
    rs_name_unpack(name, &world.answer.word[3]);
    assert_string_equal(name, "second");
    /* Renaming across is not. */
    assert_int_equal(world_call(VFS_RENAME, "/d/x", "/y", 0), -ANOLE_EXDEV);
    assert_int_equal(world_call(VFS_RENAME, "/d/x", "/d/y", 0), 0);
    assert_int_equal(asked(&world.second, FS_RENAME), 1);
    assert_int_equal(world_call(VFS_RENAME, "/d/..", "/d/y", 0), -ANOLE_EINVAL);
    assert_int_equal(world_call(VFS_SYNC, "", NULL, 0), 0);
    assert_int_equal(asked(&world.first, FS_SYNC_ALL) + asked(&world.second, FS_SYNC_ALL), 2);
}

static void real_paths(void **state)
{
    (void)state;
    world_both_serve();
    assert_int_equal(world_call(VFS_REAL_PATH, "/d/./a//b/../c/", NULL, 0), 0);
    assert_int_equal(world.answer.word[0], 6);
    assert_memory_equal(world.result, "/d/a/c", 6);
    assert_int_equal(world_call(VFS_REAL_PATH, "/", NULL, 0), 0);
    assert_int_equal(world.answer.word[0], 1);
    assert_memory_equal(world.result, "/", 1);
}

/* ---- deaths ---- */

static void who_comes_back_is_asked_again(void **state)
{
    (void)state;
    world_both_serve();
    world.second.answer = NULL;
    assert_int_equal(world_send(PROGRAM, VFS_MKDIR, "/d/new", NULL, 0755, 42), SERVICE_NO_REPLY);
    world_run();
    world_server_dies(&world.second);
    world_run();
    assert_int_equal(world_call(VFS_STAT, "/x", NULL, 0), -ANOLE_ENOENT); /* nobody else waits */
    unsigned replies = fake_kernel.replies;
    world.second.answer = world_answer;
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(fake_kernel.replies, replies + 1);
    assert_int_equal(fake_kernel.reply[replies].status, 0);
    assert_int_equal(asked(&world.second, FS_MOUNT), 2);
    assert_int_equal(asked(&world.second, FS_MAKE), 1);
    assert_int_equal(world.last_number, 42);
    assert_int_equal(world.last_origin, PROGRAM);
}

static void patience_ends(void **state)
{
    (void)state;
    world_both_serve();
    world_server_dies(&world.second);
    assert_int_equal(world_send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    world_run();
    unsigned replies = fake_kernel.replies;
    uint64_t end = fake_kernel.now_ticks + ticks_from_us(SERVER_PATIENCE_US);
    while (fake_kernel.now_ticks < end) {
        assert_int_equal(fake_kernel.replies, replies);
        assert_in_range(servers_deadline(), fake_kernel.now_ticks + 1, end);
        world_time_passes();
    }
    assert_int_equal(fake_kernel.replies, replies + 1);
    assert_int_equal(fake_kernel.reply[replies].status, -ANOLE_EIO);
    assert_int_equal(servers_deadline(), DEADLINE_NEVER);
}

static void who_does_not_answer_is_told_of(void **state)
{
    (void)state;
    world_both_serve();
    world.second.answer = NULL;
    assert_int_equal(servers_deadline(), DEADLINE_NEVER);
    assert_int_equal(world_send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    world_run();
    uint64_t asked_ticks = fake_kernel.now_ticks;
    assert_int_equal(servers_deadline(), asked_ticks + ticks_from_us(COMPLAIN_US));
    /* A later question doesn't put it off. */
    fake_kernel.now_ticks += ticks_from_us(COMPLAIN_US) / 2;
    assert_int_equal(world_send(OTHER, VFS_STAT, "/d/y", NULL, 0, 1), SERVICE_NO_REPLY);
    world_run();
    servers_timeout();
    assert_int_equal(world.complaints, 0);
    world_time_passes();
    assert_int_equal(fake_kernel.now_ticks, asked_ticks + ticks_from_us(COMPLAIN_US));
    assert_int_equal(world.complaints, 1);
    assert_int_equal(world.complained_of, world.second.process);
    /* It had answered RS's ping, and hangs now. */
    uint64_t told_ticks = fake_kernel.now_ticks;
    world_time_passes();
    assert_int_equal(fake_kernel.now_ticks, told_ticks + ticks_from_us(COMPLAIN_AGAIN_US));
    assert_int_equal(world.complaints, 2);
    unsigned replies = fake_kernel.replies;
    world.second.answer = world_answer;
    world_run();
    assert_int_equal(fake_kernel.replies, replies + 2);
    assert_int_equal(servers_deadline(), DEADLINE_NEVER);
}

static void who_does_not_come_is_told_of(void **state)
{
    (void)state;
    world_both_serve();
    world_server_dies(&world.second);
    assert_int_equal(world_send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    world_run();
    const char *service = world.second.service;
    world.second.service = NULL; /* RS has no new instance: that isn't vfs's to tell of */
    world_time_passes();
    assert_int_equal(world.complaints, 0);
    world.second.service = service;
    world_time_passes();
    assert_int_equal(world.complaints, 1);
    assert_int_equal(world.complained_of, world.second.process);
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(servers_deadline(), DEADLINE_NEVER);
}

static void mounts_survive(void **state)
{
    (void)state;
    world_both_serve();
    uint64_t number = world.last_mount;
    world_restart();
    assert_false(mounts_are_new());
    world.mounted_on = 0;
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(world.last_mount, number);
    assert_int_equal(world.mounted_on, 10);
    assert_int_equal(world_call(VFS_STAT, "/d/z", NULL, 0), 0);
    assert_string_equal(world.last_path, "/z");
}

/* The next vfs knows of whom to tell RS, though that one hangs and doesn't come. */
static void names_of_services_survive(void **state)
{
    (void)state;
    world_both_serve();
    world_restart();
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(world_send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    world_run();
    world_time_passes();
    assert_int_equal(world.complaints, 1);
    assert_int_equal(world.complained_of, world.second.process);
    assert_int_equal(world_serve(&world.second), 0);
}

static void kept_nonsense_is_refused(void **state)
{
    (void)state;
    world_both_serve();
    memset((char *)(uintptr_t)service_noted("two"), 'x', RS_NAME_LEN);
    world_restart();
    assert_true(mounts_are_new());
    world_both_serve();
    memset(mount_next(mount_root())->kept->path, 'x', MOUNT_PATH_LEN);
    world_restart();
    assert_true(mounts_are_new());
    world.keeps = false; /* nor is a region needed */
    world_restart();
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(world_call(VFS_STAT, "/", NULL, 0), 0);
}

/* ---- mounting ---- */

static void mounting(void **state)
{
    (void)state;
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(world_serve(&world.second), 0);
    world.controls = false;
    assert_int_equal(world_call(VFS_MOUNT, "/d", "vda", 0), -ANOLE_EPERM);
    assert_int_equal(world_call(VFS_UNMOUNT, "/d", NULL, 0), -ANOLE_EPERM);
    world.controls = true;
    assert_int_equal(world_call(VFS_MOUNT, "/none", "vda", 0), -ANOLE_ENOENT);
    assert_int_equal(world_call(VFS_MOUNT, "/", "vda", 0), -ANOLE_EBUSY);
    assert_int_equal(world_call(VFS_MOUNT, "/d", "bad", 0), -ANOLE_EINVAL);
    assert_int_equal(world.mounted_on, 0);
    assert_int_equal(world_call(VFS_MOUNT, "/d", "a/b", 0), -ANOLE_EINVAL);
    assert_int_equal(world_send(PROGRAM, VFS_MOUNT, "/d", "/dev/vda1", 0, 77), SERVICE_NO_REPLY);
    world_run();
    assert_int_equal(world.mounted_on, 10);
    assert_string_equal(mount_next(mount_root())->kept->source, "vda1");
    /* The same request again: it is done. */
    world_restart();
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(world_serve(&world.first), 0);
    unsigned mounts_before = asked(&world.second, FS_MOUNT);
    assert_int_equal(world_send(PROGRAM, VFS_MOUNT, "/d", "/dev/vda1", 0, 77), 0);
    assert_int_equal(asked(&world.second, FS_MOUNT), mounts_before);
    assert_int_equal(world_call(VFS_MOUNT, "/d", "vdb", 0), -ANOLE_EBUSY);
    assert_int_equal(world_call(VFS_UNMOUNT, "/d/x", NULL, 0), -ANOLE_EINVAL);
    assert_int_equal(world_call(VFS_UNMOUNT, "/", NULL, 0), -ANOLE_EBUSY);
    assert_int_equal(world_send(PROGRAM, VFS_UNMOUNT, "/d", NULL, 0, 78), SERVICE_NO_REPLY);
    world_run();
    assert_int_equal(world.mounted_on, 0);
    assert_null(mount_next(mount_root()));
    world_restart();
    assert_int_equal(world_send(PROGRAM, VFS_UNMOUNT, "/d", NULL, 0, 78), 0);
}

/* One that was being made when vfs died leaves nothing. */
static void half_a_mount_is_undone(void **state)
{
    (void)state;
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(world_serve(&world.second), 0);
    world.second.answer = NULL;
    assert_int_equal(world_send(PROGRAM, VFS_MOUNT, "/d", "vda", 0, 77), SERVICE_NO_REPLY);
    world_run();
    assert_int_equal(mount_next(mount_root())->kept->pending, 1);
    /* The coroutine ends with its instance: let it, on a table that is another's by then. */
    static char copy[WORLD_KEPT_LEN];
    memcpy(copy, world_kept, sizeof(copy));
    world.second.answer = world_answer;
    world_run();
    memcpy(world_kept, copy, sizeof(copy));
    world_restart();
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(asked(&world.second, FS_UNMOUNT), 1);
    assert_null(mount_next(mount_root()));
}

static void floods_fill_their_own_share(void **state)
{
    (void)state;
    world_both_serve();
    world.second.answer = NULL;
    for (unsigned i = 0; i < REQUESTS_A_PROCESS; i++)
        assert_int_equal(world_send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, i + 1), SERVICE_NO_REPLY);
    world_run();
    assert_int_equal(world_send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 99), -ANOLE_EAGAIN);
    assert_int_equal(world_send(OTHER, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    unsigned replies = fake_kernel.replies;
    world.second.answer = world_answer;
    world_run();
    assert_int_equal(fake_kernel.replies, replies + REQUESTS_A_PROCESS + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(walks_cross_mounts),
        TEST(real_paths),
        TEST(who_comes_back_is_asked_again),
        TEST(patience_ends),
        TEST(who_does_not_answer_is_told_of),
        TEST(who_does_not_come_is_told_of),
        TEST(mounts_survive),
        TEST(names_of_services_survive),
        TEST(kept_nonsense_is_refused),
        TEST(mounting),
        TEST(half_a_mount_is_undone),
        TEST(floods_fill_their_own_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
