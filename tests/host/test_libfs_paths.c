/*
 * libfs and the memory file system: what vfs asks, where paths lead, and what a vfs that dies or talks
 * nonsense gets.
 */
#include "libfs_mem.h"

#include <string.h>

#define LINK FS_MODE(FS_TYPE_LINK, 0777)

static void paths_lead_where_they_should(void **state)
{
    static const struct {
        const char *path;
        int status;
        enum fs_type type;
    } paths[] = {
        {"", 0, FS_TYPE_DIRECTORY},       {"d", 0, FS_TYPE_DIRECTORY},
        {"d/", 0, FS_TYPE_DIRECTORY},     {"d//f", 0, FS_TYPE_FILE},
        {"/d/./e/../f", 0, FS_TYPE_FILE}, {"d/f/", -ANOLE_ENOTDIR, 0},
        {"d/f/.", -ANOLE_ENOTDIR, 0},     {"d/f/..", -ANOLE_ENOTDIR, 0},
        {"d/f/x", -ANOLE_ENOTDIR, 0},     {"x", -ANOLE_ENOENT, 0},
        {"x/y", -ANOLE_ENOENT, 0},        {"d/e/.", 0, FS_TYPE_DIRECTORY},
    };
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("d/e", DIRECTORY, NULL), 0);
    mem_file("d/f", "text");
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(world_stat(paths[i].path, FS_FOLLOW, &stat), paths[i].status);
        if (paths[i].status == 0)
            assert_int_equal(FS_MODE_TYPE(stat.mode), paths[i].type);
    }
    assert_int_equal(world_stat("d", 0, &stat), 0);
    assert_int_equal(stat.links, 3);
    assert_int_equal(stat.mount, 1);
}

static void names_have_limits(void **state)
{
    char name[FS_PATH_MAX];
    struct fs_stat stat;
    struct message reply;

    (void)state;
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    mem_file(name, "long");
    mem_expect(name, "long");
    name[255] = 'n';
    name[256] = '\0';
    assert_int_equal(world_open(ALICE, name, RW | FS_O_CREATE), -ANOLE_ENAMETOOLONG);
    assert_int_equal(world_make(name, DIRECTORY, NULL), -ANOLE_ENAMETOOLONG);
    assert_int_equal(world_stat(name, 0, &stat), -ANOLE_ENAMETOOLONG);
    /* A name with a NUL inside is none; any other byte is as good as the next. */
    struct path_call call = {.mount = 1, .node = world_root, .text = "a\0b", .text_len = 3};
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), -ANOLE_EINVAL);
    for (unsigned byte = 1; byte < 256; byte++) {
        char any[3] = {(char)byte, 'x', 0};
        if (byte != '/')
            assert_int_equal(world_make(any, DIRECTORY, NULL), 0);
    }
    for (unsigned byte = 1; byte < 256; byte++) {
        char any[3] = {(char)byte, 'x', 0};
        if (byte != '/')
            assert_int_equal(world_remove(any, true), 0);
    }
}

static void walks_say_where_only_vfs_knows_on(void **state)
{
    struct path_call call = {.mount = 1, .node = world_root, .text = "d/link/rest/x"};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("d/link", LINK, "../target"), 0);
    assert_int_equal(world_stat("d", 0, &stat), 0);
    uint64_t directory = stat.node;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8);
    assert_int_equal(reply.word[5], directory);
    assert_int_equal(reply.word[4], 9);
    assert_memory_equal(world_slot->second, "../target", 9);
    /* At the end it depends. */
    assert_int_equal(world_stat("d/link", 0, &stat), 0);
    assert_int_equal(FS_MODE_TYPE(stat.mode), FS_TYPE_LINK);
    assert_int_equal(stat.size, 9);
    call.text = "d/link";
    call.flags = FS_FOLLOW;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8);
    call.text = "d/link/"; /* a slash follows it */
    call.flags = 0;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8);
    call.text = "d/link";
    call.flags = FS_O_READ | FS_O_NOFOLLOW;
    call.origin = ALICE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_ELOOP);
    call.flags = FS_O_WRITE | FS_O_CREATE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_LINK | 6 << 8); /* and nothing was made */
    call.flags = FS_O_WRITE | FS_O_CREATE | FS_O_EXCLUSIVE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EEXIST);
    assert_int_equal(path_call(FS_READLINK, &call, &reply), 0);
    assert_int_equal(reply.word[1], 9);
    assert_memory_equal(world_slot->first, "../target", 9);
    call.text = "d";
    assert_int_equal(path_call(FS_READLINK, &call, &reply), -ANOLE_EINVAL);
    /* Above the root */
    call.text = "d/../../x";
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_UP | 7 << 8);
}

static void mount_points_end_walks(void **state)
{
    struct path_call call = {.mount = 1, .node = world_root, .text = "d/x"};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("other", DIRECTORY, NULL), 0);
    assert_int_equal(world_stat("d", 0, &stat), 0);
    struct path_call point = {.mount = 1, .node = stat.node, .flags = 1};
    assert_int_equal(path_call(FS_MOUNTPOINT, &point, &reply), 0);
    assert_int_equal(path_call(FS_MOUNTPOINT, &point, &reply), 0); /* told again */
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), 0);
    assert_int_equal(reply.word[6], FS_WALK_MOUNT | 1 << 8);
    assert_int_equal(reply.word[5], stat.node);
    assert_int_equal(world_remove("d", true), -ANOLE_EBUSY);
    call = (struct path_call){
        .mount = 1, .node = world_root, .word6 = world_root, .text = "d", .second = "e"};
    assert_int_equal(path_call(FS_RENAME, &call, &reply), -ANOLE_EBUSY);
    call.text = "other";
    call.second = "d";
    assert_int_equal(path_call(FS_RENAME, &call, &reply), -ANOLE_EBUSY);
    assert_int_equal(path_call(FS_UNMOUNT, &call, &reply), -ANOLE_EBUSY);
    point.flags = 0;
    assert_int_equal(path_call(FS_MOUNTPOINT, &point, &reply), 0);
    assert_int_equal(world_remove("d", true), 0);
}

static int rename_call(const char *from_directory, const char *from, const char *to_directory,
                       const char *to)
{
    struct fs_stat one, two;
    struct message reply;

    assert_int_equal(world_stat(from_directory, 0, &one), 0);
    assert_int_equal(world_stat(to_directory, 0, &two), 0);
    return path_call(
        FS_RENAME,
        &(struct path_call){
            .mount = 1, .node = one.node, .word6 = two.node, .text = from, .second = to},
        &reply);
}

static void renaming_replaces_what_it_may(void **state)
{
    struct fs_stat stat;

    (void)state;
    assert_int_equal(world_make("d", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("d/sub", DIRECTORY, NULL), 0);
    assert_int_equal(world_make("empty", DIRECTORY, NULL), 0);
    mem_file("one", "1");
    mem_file("two", "2");
    assert_int_equal(rename_call("", "one", "", "two"), 0);
    mem_expect("two", "1");
    assert_int_equal(world_stat("one", 0, &stat), -ANOLE_ENOENT);
    assert_int_equal(rename_call("", "two", "d", "three"), 0);
    mem_expect("d/three", "1");
    assert_int_equal(rename_call("", "d", "d/sub", "x"), -ANOLE_EINVAL);
    assert_int_equal(rename_call("", "d", "", "d"), 0);
    assert_int_equal(rename_call("", "empty", "d", "three"), -ANOLE_ENOTDIR);
    assert_int_equal(rename_call("d", "three", "", "empty"), -ANOLE_EISDIR);
    assert_int_equal(rename_call("", "empty", "", "d"), -ANOLE_ENOTEMPTY);
    assert_int_equal(rename_call("d", "sub", "", "empty"), 0);
    assert_int_equal(world_stat("empty/..", 0, &stat), 0);
    assert_int_equal(stat.node, world_root);
    assert_int_equal(rename_call("", "none", "", "x"), -ANOLE_ENOENT);
    assert_int_equal(rename_call("", "..", "", "x"), -ANOLE_EINVAL);
    assert_int_equal(rename_call("", "a/b", "", "x"), -ANOLE_EINVAL);
    assert_int_equal(world_remove("d", true), -ANOLE_ENOTEMPTY);
    assert_int_equal(world_remove("d", false), -ANOLE_EISDIR);
    assert_int_equal(world_remove("d/three", true), -ANOLE_ENOTDIR);
    assert_int_equal(world_remove("d/three/", false), -ANOLE_ENOTDIR);
    assert_int_equal(world_remove("d/.", true), -ANOLE_EINVAL);
    assert_int_equal(world_remove("", true), -ANOLE_EBUSY);
    assert_int_equal(world_make("d/", DIRECTORY, NULL), -ANOLE_EEXIST);
    assert_int_equal(world_make("new/", DIRECTORY, NULL), 0);
    assert_int_equal(world_open(ALICE, "new2/", RW | FS_O_CREATE), -ANOLE_EISDIR);
    assert_int_equal(world_open(ALICE, "d", RW), -ANOLE_EISDIR);
    assert_int_equal(world_open(ALICE, "d/three", RW | FS_O_DIRECTORY), -ANOLE_ENOTDIR);
}

static void what_is_open_outlives_its_name(void **state)
{
    char buffer[8] = {0};
    struct fs_stat stat;
    struct message reply;

    (void)state;
    mem_file("a", "text");
    assert_int_equal(world_stat("a", 0, &stat), 0);
    struct path_call link = {.mount = 1, .node = stat.node, .word6 = world_root, .text = "b"};
    assert_int_equal(path_call(FS_LINK, &link, &reply), 0);
    assert_int_equal(path_call(FS_LINK, &link, &reply), -ANOLE_EEXIST);
    uint64_t file = world_opened(ALICE, "a", FS_O_READ);
    assert_int_equal(world_stat("b", 0, &stat), 0);
    assert_int_equal(stat.links, 2);
    assert_int_equal(world_remove("a", false), 0);
    assert_int_equal(world_remove("b", false), 0);
    assert_int_equal(world_read(ALICE, file, buffer, 8, HERE), 4);
    assert_string_equal(buffer, "text");
    link.text = "c"; /* what has no name any more gets none */
    assert_int_equal(path_call(FS_LINK, &link, &reply), -ANOLE_ENOENT);
    assert_int_equal(path_call(FS_UNMOUNT, &(struct path_call){.mount = 1}, &reply), -ANOLE_EBUSY);
    assert_int_equal(file_call(ALICE, FS_CLOSE, file, 0, 0, 0, 0), 0);
    assert_int_equal(path_call(FS_LINK, &link, &reply), -ANOLE_ENOENT); /* nor another's */
}

static void attributes_are_kept(void **state)
{
    struct fs_attributes set = {.set = FS_SET_MODE | FS_SET_OWNER | FS_SET_TIMES | FS_SET_SIZE,
                                .mode = 04751,
                                .user = 5,
                                .group = 6,
                                .size = 2,
                                .accessed = 11,
                                .modified = 12};
    struct path_call call = {
        .mount = 1, .node = world_root, .text = "a", .second = &set, .second_len = sizeof(set)};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    mem_file("a", "text");
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), 0);
    assert_int_equal(world_stat("a", 0, &stat), 0);
    assert_int_equal(stat.mode, FS_MODE(FS_TYPE_FILE, 04751));
    assert_int_equal(stat.user, 5);
    assert_int_equal(stat.group, 6);
    assert_int_equal(stat.size, 2);
    assert_int_equal(stat.accessed, 11);
    assert_int_equal(stat.modified, 12);
    mem_expect("a", "te");
    call.text = "";
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), -ANOLE_EISDIR);
    set.set = 16;
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), -ANOLE_EINVAL);
    call.second_len = 8;
    assert_int_equal(path_call(FS_ATTRIBUTES, &call, &reply), -ANOLE_EINVAL);
}

/* ---- vfs that says what it shouldn't, or says it again ---- */

static void odd_messages_get_errors(void **state)
{
    struct path_call call = {.mount = 1, .node = 0x1234567, .text = "a", .origin = ALICE};
    struct message reply;

    (void)state;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), -ANOLE_ESTALE);
    assert_int_equal(path_call(FS_READ, &call, &reply), -ANOLE_ENOSYS);
    call.mount = 9;
    assert_int_equal(path_call(FS_LOOKUP, &call, &reply), -ANOLE_EIO);
    call = (struct path_call){.mount = 1, .node = world_root, .text = "a", .flags = 1ul << 20};
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EINVAL);
    call.flags = FS_O_READ;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EINVAL); /* for nobody */
    call = (struct path_call){.mount = 0, .text = ""};
    assert_int_equal(path_call(FS_MOUNT, &call, &reply), -ANOLE_EINVAL);
    call = (struct path_call){.mount = 1, .node = world_root, .text = "a", .flags = 0100644};
    assert_int_equal(path_call(FS_MAKE, &call, &reply), -ANOLE_EINVAL);
    call.flags = LINK;
    assert_int_equal(path_call(FS_MAKE, &call, &reply), -ANOLE_EINVAL); /* to nowhere */
}

static void a_repeated_request_is_done_once(void **state)
{
    struct path_call call = {.mount = 1,
                             .node = world_root,
                             .text = "d",
                             .flags = DIRECTORY,
                             .origin = ALICE,
                             .number = world_number()};
    struct message reply;
    struct fs_stat stat;

    (void)state;
    assert_int_equal(path_call(FS_MAKE, &call, &reply), 0);
    world_vfs_restart();
    assert_int_equal(path_call(FS_MAKE, &call, &reply), 0);
    call.flags = 1;
    assert_int_equal(path_call(FS_REMOVE, &call, &reply), 0);
    assert_int_equal(path_call(FS_REMOVE, &call, &reply), 0);
    assert_int_equal(world_stat("d", 0, &stat), -ANOLE_ENOENT);
    call.flags = RW | FS_O_CREATE | FS_O_EXCLUSIVE;
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    uint64_t file = reply.word[1];
    world_vfs_restart();
    assert_int_equal(path_call(FS_OPEN, &call, &reply), 0);
    assert_int_equal(reply.word[1], file);
    call.number = world_number();
    assert_int_equal(path_call(FS_OPEN, &call, &reply), -ANOLE_EEXIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEM(paths_lead_where_they_should),
        MEM(names_have_limits),
        MEM(walks_say_where_only_vfs_knows_on),
        MEM(mount_points_end_walks),
        MEM(renaming_replaces_what_it_may),
        MEM(what_is_open_outlives_its_name),
        MEM(attributes_are_kept),
        MEM(odd_messages_get_errors),
        MEM(a_repeated_request_is_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
