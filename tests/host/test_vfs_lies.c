/*
 * vfs: what file servers that lie get it to do (nothing), and who may be one.
 */
#include "vfs_world.h"

#include <stdlib.h>
#include <string.h>

static int (*lie)(struct fs_slot *slot, struct message *reply);

static int answer_lies(const struct message *request, struct fs_slot *slot, struct message *reply)
{
    if (request->type >= FS_MOUNT && request->type <= FS_UNMOUNT)
        return world_answer(request, slot, reply);
    return lie(slot, reply);
}

static int lie_link_to_itself(struct fs_slot *slot, struct message *reply)
{
    memcpy(slot->second, "xx", 2);
    reply->word[4] = 2;
    reply->word[6] = FS_WALK_LINK | 2 << 8;
    return 0;
}

static int lie_absolute_link(struct fs_slot *slot, struct message *reply)
{
    memcpy(slot->second, "/d/x", 4);
    reply->word[4] = 4;
    reply->word[6] = FS_WALK_LINK | 2 << 8;
    return 0;
}

static int lie_long_target(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[4] = 5000;
    reply->word[6] = FS_WALK_LINK | 2 << 8;
    return 0;
}

static int lie_empty_target(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[4] = 0;
    reply->word[6] = FS_WALK_LINK | 2 << 8;
    return 0;
}

static int lie_full_target(struct fs_slot *slot, struct message *reply)
{
    memset(slot->second, 'x', FS_PATH_MAX);
    reply->word[4] = FS_PATH_MAX - 1;
    reply->word[6] = FS_WALK_LINK | 1 << 8;
    return 0;
}

static int lie_nothing_walked(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[6] = FS_WALK_UP;
    return 0;
}

static int lie_more_walked(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[6] = FS_WALK_UP | 9999 << 8;
    return 0;
}

static int lie_unknown(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[6] = 77 | 2 << 8;
    return 0;
}

static int lie_no_mount(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[5] = 4711;
    reply->word[6] = FS_WALK_MOUNT | 2 << 8;
    return 0;
}

static int lie_status(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    (void)reply;
    return 17;
}

static int lie_error(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    (void)reply;
    return -100000;
}

static int lie_len(struct fs_slot *slot, struct message *reply)
{
    (void)slot;
    reply->word[1] = 1ul << 40;
    return 0;
}

static void lies_lead_nowhere(void **state)
{
    static const struct {
        int (*lie)(struct fs_slot *slot, struct message *reply);
        uint32_t type;
        int status;
    } lies[] = {
        {lie_link_to_itself, VFS_STAT, -ANOLE_ELOOP},
        {lie_absolute_link, VFS_STAT, -ANOLE_ELOOP},
        {lie_long_target, VFS_STAT, -ANOLE_EIO},
        {lie_empty_target, VFS_STAT, -ANOLE_EIO},
        {lie_full_target, VFS_STAT, -ANOLE_ENAMETOOLONG},
        {lie_nothing_walked, VFS_STAT, -ANOLE_EIO},
        {lie_more_walked, VFS_STAT, -ANOLE_EIO},
        {lie_unknown, VFS_STAT, -ANOLE_EIO},
        {lie_no_mount, VFS_STAT, -ANOLE_EIO},
        {lie_status, VFS_STAT, -ANOLE_EIO},
        {lie_error, VFS_STAT, -ANOLE_EIO},
        {lie_len, VFS_READLINK, -ANOLE_EIO},
    };

    (void)state;
    world_both_serve();
    world.second.answer = answer_lies;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lie = lies[i].lie;
        assert_int_equal(world_call(lies[i].type, "/d/x/y", NULL, 0), lies[i].status);
    }
    /* Above its root, for ever: the walk is bounded. */
    world.second.answer = world_answer;
    strcpy(world.result, "/d");
    for (unsigned i = 0; i < 1000; i++)
        strcat(world.result, "/..");
    char *path = strdup(world.result);
    assert_int_equal(world_call(VFS_STAT, path, NULL, 0), 0);
    free(path);
}

static void answers_to_nothing_end_a_channel(void **state)
{
    struct message nonsense = {.word = {4711}};

    (void)state;
    world_both_serve();
    unsigned rings = fake_rings(world.second.process, WORLD_DOORBELL);
    assert_int_equal(channel_put(&world.second.channel, &nonsense), 0);
    assert_true(channel_publish(&world.second.channel) >= 0);
    world_run();
    assert_int_equal(world.complaints, 1);
    assert_int_equal(server_find("two")->state, SERVER_AWAY);
    assert_true(world.found_broken);
    assert_int_equal(fake_rings(world.second.process, WORLD_DOORBELL), rings + 1);
    assert_int_equal(world_call(VFS_STAT, "/x", NULL, 0), -ANOLE_ENOENT); /* others go on */
    /* The same instance may come again, and is asked again what it hadn't answered. */
    assert_int_equal(world_serve(&world.second), 0);
    world.second.answer = NULL;
    assert_int_equal(world_send(PROGRAM, VFS_MKDIR, "/d/new", NULL, 0755, 42), SERVICE_NO_REPLY);
    world_run();
    assert_int_equal(channel_put(&world.second.channel, &nonsense), 0);
    assert_true(channel_publish(&world.second.channel) >= 0);
    world_run();
    unsigned replies = fake_kernel.replies;
    world.second.answer = world_answer;
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(fake_kernel.replies, replies + 1);
    assert_int_equal(fake_kernel.reply[replies].status, 0);
    assert_int_equal(world.last_number, 42);
}

static void only_services_serve(void **state)
{
    struct ipc_delivery request = {.message = {.endpoint = PROGRAM}, .call_id = 1};

    (void)state;
    rs_name_pack(request.message.word, "one");
    rs_name_pack(&request.message.word[3], "first");
    assert_int_equal(request_serve(&request), -ANOLE_EPERM);
    rs_name_pack(&request.message.word[3], "none");
    assert_int_equal(request_serve(&request), -ANOLE_EPERM);
    assert_int_equal(world_serve(&world.first), 0);
    /* While it lives nobody else serves its type. */
    world.second.type = "one";
    assert_int_equal(world_serve(&world.second), -ANOLE_EEXIST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lies_lead_nowhere),
        TEST(answers_to_nothing_end_a_channel),
        TEST(only_services_serve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
