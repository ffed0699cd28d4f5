/*
 * vfs on the build machine, with the test as file servers, programs and RS: walks over mounts and links,
 * what file servers that lie get it to do (nothing), and what deaths leave.
 */
#include "virtio/fake_kernel.h"

#include "servers/vfs/vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an instance has lies in these files' variables; see restart(). */
#include "servers/vfs/mounts.c"
#include "servers/vfs/request.c"
#include "servers/vfs/servers.c"

#define RS ((endpoint_t)0x401)
#define PROGRAM ((endpoint_t)0x601)
#define OTHER ((endpoint_t)0x701)
#define KEPT_LEN 65536u

struct startup_page fake_startup_page = {.rs = RS};
struct info_page fake_info_page;

/* ---- file servers ---- */

/* Answers one request; the status. reply->word[6] is 0 before. */
typedef int (*answerer)(const struct message *request, struct fs_slot *slot, struct message *reply);

static struct fake_server {
    const char *type, *service;
    endpoint_t process;
    struct channel channel;
    char *memory;
    struct fs_slot *slots;
    answerer answer; /* NULL: it says nothing */
    unsigned asked[64];
} first, second;

static char kept_memory[KEPT_LEN];
static bool keeps, controls;
static unsigned complaints;
static struct fake_server *serving; /* that VFS_SERVE is being called of */

static unsigned asked(const struct fake_server *server, uint32_t type)
{
    return server->asked[type & 63];
}

/* ---- what vfs asks of others ---- */

int name_lookup(const char *name, endpoint_t *endpoint)
{
    struct fake_server *both[] = {&first, &second};

    for (unsigned i = 0; i < 2; i++) {
        if (both[i]->service && strcmp(both[i]->service, name) == 0) {
            *endpoint = both[i]->process;
            return 0;
        }
    }
    return -ANOLE_ENOENT;
}

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline)
{
    (void)deadline;
    assert_int_equal(endpoint, RS);
    if (type == RS_MAY_CONTROL) {
        message->word[0] = controls;
        return 0;
    }
    assert_int_equal(type, RS_KEPT_REGION);
    if (!keeps)
        return -ANOLE_ENOENT;
    message->word[0] = fake_region(RS, kept_memory, sizeof(kept_memory), 3);
    message->word[1] = sizeof(kept_memory);
    return 0;
}

bool peer_alive(endpoint_t process)
{
    endpoint_t found;
    unsigned id;

    return kcall_endpoint_info(process, &found, &id) == 0;
}

int peer_channel_open_with(struct peer_channel *channel, endpoint_t service, uint32_t entries,
                           unsigned bit, size_t more)
{
    size_t rings = channel_size(entries), len = (rings + more + 4095) / 4096 * 4096;

    (void)bit;
    serving->memory = aligned_alloc(4096, len);
    memset(serving->memory, 0, len);
    *channel = (struct peer_channel){.service = service, .memory = serving->memory, .offer = 1};
    assert_int_equal(channel_init(&channel->channel, CHANNEL_CLIENT, channel->memory, len, entries),
                     0);
    assert_int_equal(channel_init(&serving->channel, CHANNEL_SERVER, serving->memory, len, entries),
                     0);
    return 0;
}

void peer_channel_close(struct peer_channel *channel)
{
    free(channel->memory);
    if (first.memory == channel->memory)
        first.memory = NULL;
    if (second.memory == channel->memory)
        second.memory = NULL;
    *channel = (struct peer_channel){.service = ENDPOINT_NONE};
}

int peer_channel_publish(struct peer_channel *channel)
{
    return channel_publish(&channel->channel) < 0 ? -ANOLE_EPROTO : 0;
}

int peer_channel_ring(struct peer_channel *channel)
{
    (void)channel;
    return 0;
}

void peer_complain(endpoint_t service, enum rs_complaint complaint, uint64_t deadline)
{
    (void)service;
    (void)complaint;
    (void)deadline;
    complaints++;
}

_Noreturn void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

/* ---- lives ---- */

static bool serve_one(struct fake_server *server)
{
    struct message request;

    if (!server->memory || !server->answer || !peer_alive(server->process) ||
        channel_take(&server->channel, &request) != 1)
        return false;
    server->asked[request.type & 63]++;
    struct message reply = request;
    reply.word[6] = 0;
    reply.type = (uint32_t)server->answer(&request, &server->slots[request.word[3]], &reply);
    assert_int_equal(channel_put(&server->channel, &reply), 0);
    assert_true(channel_publish(&server->channel) >= 0);
    return true;
}

/* All do what they can, until nobody can any more. */
static void run_all(void)
{
    bool more;

    do {
        servers_step();
        more = coro_run();
        more |= serve_one(&first);
        more |= serve_one(&second);
    } while (more);
}

static int serve(struct fake_server *server)
{
    struct ipc_delivery request = {.message = {.endpoint = server->process}, .call_id = 1};

    rs_name_pack(request.message.word, server->type);
    request.message.word[2] = 55;
    rs_name_pack(&request.message.word[3], server->service);
    serving = server;
    int status = request_serve(&request);
    if (status == 0)
        server->slots = (struct fs_slot *)(void *)(server->memory + request.message.word[3]);
    run_all();
    return status;
}

static void server_dies(struct fake_server *server)
{
    fake_process_die(server->process);
    servers_notified();
    server->memory = NULL;
    server->process += 0x10000;
    fake_thread(server->process, server->process);
}

static void instance_start(void)
{
    const struct mount_plan root = {.path = "/", .type = "one", .source = ""};
    struct mount *mount;

    mounts_init();
    if (mounts_are_new())
        assert_int_equal(mount_add(&root, &mount), 0);
}

/* A mount that is there from the start, too. */
static void mount_at_start(const char *path)
{
    const struct mount_plan plan = {
        .path = path, .type = "two", .source = "", .parent = mount_root()->kept->number};
    struct mount *mount;

    assert_int_equal(mount_add(&plan, &mount), 0);
}

/* vfs dies; the next instance has what RS kept. */
static void restart(void)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (servers[i].state != SERVER_AWAY)
            server_leave(&servers[i]);
    memset(servers, 0, sizeof(servers));
    memset(mounts, 0, sizeof(mounts));
    new = false;
    first.memory = second.memory = NULL;
    instance_start();
}

/* Server one: a directory "d" (node 10) in which all else is missing; what is mounted on it is told. */
static uint64_t mounted_on;

static int answer_one(const struct message *request, struct fs_slot *slot, struct message *reply)
{
    uint64_t len = request->word[4] & UINT32_MAX;
    size_t skip = len > 0 && slot->first[0] == '/';
    bool is_d = len >= skip + 1 && slot->first[skip] == 'd' &&
                (len == skip + 1 || slot->first[skip + 1] == '/');

    switch (request->type) {
    case FS_MOUNT:
        reply->word[1] = 2;
        reply->word[3] = request->word[5];
        return 0;
    case FS_MOUNTPOINT:
        mounted_on = request->word[5] ? request->word[2] : 0;
        return 0;
    case FS_UNMOUNT:
    case FS_SYNC_ALL:
        return 0;
    default:
        break;
    }
    if (len > skip && !is_d)
        return -ANOLE_ENOENT;
    if (is_d && mounted_on == 10) {
        reply->word[5] = 10;
        reply->word[6] = FS_WALK_MOUNT | (skip + 1) << 8;
        return 0;
    }
    if (is_d && len > skip + 2)
        return -ANOLE_ENOENT;
    struct fs_stat stat = {.node = is_d ? 10 : 2, .mode = FS_MODE(FS_TYPE_DIRECTORY, 0755)};
    memcpy(slot->first, &stat, sizeof(stat));
    reply->word[1] = stat.node;
    reply->word[2] = FS_TYPE_DIRECTORY;
    return 0;
}

/* Server two: whatever it is asked about is a directory, and it says what the last path was. */
static char last_path[FS_PATH_MAX];
static uint64_t last_origin, last_number, last_mount;

static int answer_two(const struct message *request, struct fs_slot *slot, struct message *reply)
{
    uint64_t len = request->word[4] & UINT32_MAX;

    if (request->type == FS_MOUNT || request->type == FS_UNMOUNT ||
        request->type == FS_MOUNTPOINT) {
        last_mount = request->word[1];
        reply->word[1] = 2;
        reply->word[3] = request->word[5];
        return request->type == FS_MOUNT && len == 3 && memcmp(slot->first, "bad", 3) == 0
                   ? -ANOLE_EINVAL
                   : 0;
    }
    memcpy(last_path, slot->first, len);
    last_path[len] = '\0';
    last_origin = slot->origin;
    last_number = slot->number;
    if (len == 2 && memcmp(slot->first, "..", 2) == 0) {
        reply->word[6] = FS_WALK_UP | 2 << 8;
        return 0;
    }
    struct fs_stat stat = {.node = len ? 7 : 2, .mode = FS_MODE(FS_TYPE_DIRECTORY, 0755)};
    memcpy(slot->first, &stat, sizeof(stat));
    reply->word[1] = stat.node;
    reply->word[2] = FS_TYPE_DIRECTORY;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    fake_kernel_reset();
    fake_thread(RS, RS);
    fake_thread(PROGRAM, PROGRAM);
    fake_thread(OTHER, OTHER);
    first = (struct fake_server){
        .type = "one", .service = "first", .process = 0x901, .answer = answer_one};
    second = (struct fake_server){
        .type = "two", .service = "second", .process = 0xa01, .answer = answer_two};
    fake_thread(first.process, first.process);
    fake_thread(second.process, second.process);
    memset(kept_memory, 0, sizeof(kept_memory));
    memset(requests, 0, sizeof(requests));
    mounted_on = 0;
    complaints = 0;
    keeps = true;
    controls = true;
    restart();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_false(requests[i].used);
    restart();
    return 0;
}

/* ---- programs ---- */

static char paths[2 * FS_PATH_MAX], result[FS_PATH_MAX];
static struct message answer;
static uint64_t calls = 100;

/* Asks; SERVICE_NO_REPLY: it waits. */
static int send(endpoint_t process, uint32_t type, const char *path, const char *more, uint64_t w2,
                uint64_t number)
{
    size_t len = strlen(path);
    struct ipc_delivery request = {.message = {.endpoint = process, .type = type},
                                   .call_id = ++calls};
    uint64_t *word = request.message.word;

    memcpy(paths, path, len);
    if (more)
        memcpy(paths + len, more, strlen(more));
    word[0] = fake_grant(process, paths, sizeof(paths), GRANT_READ);
    word[1] = (uint64_t)len << 32;
    word[2] = more ? strlen(more) : w2;
    word[3] = fake_grant(process, result, sizeof(result), GRANT_WRITE);
    word[5] = type == VFS_MOUNT ? 0 : sizeof(result);
    word[6] = number;
    if (type == VFS_MOUNT)
        rs_name_pack(&word[3], w2 ? "" : "two");
    int status = handle_request(&request);
    answer = request.message;
    return status;
}

/* The same to the end. */
static int call(uint32_t type, const char *path, const char *more, uint64_t w2)
{
    static uint64_t number = 1000;
    int status = send(PROGRAM, type, path, more, w2, ++number);
    unsigned before = fake_kernel.replies;

    if (status != SERVICE_NO_REPLY)
        return status;
    run_all();
    assert_int_equal(fake_kernel.replies, before + 1);
    memcpy(answer.word, fake_kernel.reply[before].word, sizeof(answer.word));
    return fake_kernel.reply[before].status;
}

static void both_serve(void)
{
    mount_at_start("/d");
    assert_int_equal(serve(&first), 0);
    assert_int_equal(serve(&second), 0);
    assert_int_equal(mounted_on, 10);
}

/* ---- tests ---- */

static void walks_cross_mounts(void **state)
{
    (void)state;
    both_serve();
    assert_int_equal(call(VFS_STAT, "/d/a/b", NULL, 0), 0);
    assert_string_equal(last_path, "/a/b");
    assert_int_equal(last_origin, PROGRAM);
    assert_int_equal(((struct fs_stat *)(void *)result)->node, 7);
    assert_int_equal(call(VFS_STAT, "/x", NULL, 0), -ANOLE_ENOENT);
    assert_int_equal(call(VFS_OPEN, "/d/f", NULL, FS_O_READ), 0);
    assert_int_equal(answer.word[0], second.process);
    char name[RS_NAME_LEN];
    rs_name_unpack(name, &answer.word[3]);
    assert_string_equal(name, "second");
    /* Renaming across is not. */
    assert_int_equal(call(VFS_RENAME, "/d/x", "/y", 0), -ANOLE_EXDEV);
    assert_int_equal(call(VFS_RENAME, "/d/x", "/d/y", 0), 0);
    assert_int_equal(asked(&second, FS_RENAME), 1);
    assert_int_equal(call(VFS_RENAME, "/d/..", "/d/y", 0), -ANOLE_EINVAL);
    assert_int_equal(call(VFS_SYNC, "", NULL, 0), 0);
    assert_int_equal(asked(&first, FS_SYNC_ALL) + asked(&second, FS_SYNC_ALL), 2);
}

static void real_paths(void **state)
{
    (void)state;
    both_serve();
    assert_int_equal(call(VFS_REAL_PATH, "/d/./a//b/../c/", NULL, 0), 0);
    assert_int_equal(answer.word[0], 6);
    assert_memory_equal(result, "/d/a/c", 6);
    assert_int_equal(call(VFS_REAL_PATH, "/", NULL, 0), 0);
    assert_int_equal(answer.word[0], 1);
    assert_memory_equal(result, "/", 1);
}

/* ---- what a lying server says ---- */

static int (*lie)(struct fs_slot *slot, struct message *reply);

static int answer_lies(const struct message *request, struct fs_slot *slot, struct message *reply)
{
    if (request->type >= FS_MOUNT && request->type <= FS_UNMOUNT)
        return answer_two(request, slot, reply);
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
    both_serve();
    second.answer = answer_lies;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lie = lies[i].lie;
        assert_int_equal(call(lies[i].type, "/d/x/y", NULL, 0), lies[i].status);
    }
    /* Above its root, for ever: the walk is bounded. */
    second.answer = answer_two;
    strcpy(result, "/d");
    for (unsigned i = 0; i < 1000; i++)
        strcat(result, "/..");
    char *path = strdup(result);
    assert_int_equal(call(VFS_STAT, path, NULL, 0), 0);
    free(path);
}

static void answers_to_nothing_end_a_channel(void **state)
{
    struct message nonsense = {.word = {4711}};

    (void)state;
    both_serve();
    assert_int_equal(channel_put(&second.channel, &nonsense), 0);
    assert_true(channel_publish(&second.channel) >= 0);
    run_all();
    assert_int_equal(complaints, 1);
    assert_int_equal(server_find("two")->state, SERVER_AWAY);
    second.memory = NULL;
    assert_int_equal(call(VFS_STAT, "/x", NULL, 0), -ANOLE_ENOENT); /* others go on */
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
    assert_int_equal(serve(&first), 0);
    /* While it lives nobody else serves its type. */
    second.type = "one";
    assert_int_equal(serve(&second), -ANOLE_EEXIST);
}

/* ---- deaths ---- */

static void who_comes_back_is_asked_again(void **state)
{
    (void)state;
    both_serve();
    second.answer = NULL;
    assert_int_equal(send(PROGRAM, VFS_MKDIR, "/d/new", NULL, 0755, 42), SERVICE_NO_REPLY);
    run_all();
    server_dies(&second);
    run_all();
    assert_int_equal(call(VFS_STAT, "/x", NULL, 0), -ANOLE_ENOENT); /* nobody else waits */
    unsigned replies = fake_kernel.replies;
    second.answer = answer_two;
    assert_int_equal(serve(&second), 0);
    assert_int_equal(fake_kernel.replies, replies + 1);
    assert_int_equal(fake_kernel.reply[replies].status, 0);
    assert_int_equal(asked(&second, FS_MOUNT), 2);
    assert_int_equal(asked(&second, FS_MAKE), 1);
    assert_int_equal(last_number, 42);
    assert_int_equal(last_origin, PROGRAM);
}

static void patience_ends(void **state)
{
    (void)state;
    both_serve();
    server_dies(&second);
    assert_int_equal(send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    run_all();
    unsigned replies = fake_kernel.replies;
    assert_true(servers_deadline() != DEADLINE_NEVER);
    fake_kernel.now_ticks = servers_deadline();
    servers_timeout();
    run_all();
    assert_int_equal(fake_kernel.replies, replies + 1);
    assert_int_equal(fake_kernel.reply[replies].status, -ANOLE_EIO);
    assert_int_equal(servers_deadline(), DEADLINE_NEVER);
}

static void mounts_survive(void **state)
{
    (void)state;
    both_serve();
    uint64_t number = last_mount;
    restart();
    assert_false(mounts_are_new());
    mounted_on = 0;
    assert_int_equal(serve(&second), 0);
    assert_int_equal(serve(&first), 0);
    assert_int_equal(last_mount, number);
    assert_int_equal(mounted_on, 10);
    assert_int_equal(call(VFS_STAT, "/d/z", NULL, 0), 0);
    assert_string_equal(last_path, "/z");
}

static void kept_nonsense_is_refused(void **state)
{
    (void)state;
    both_serve();
    memset(kept->mounts[1].path, 'x', MOUNT_PATH_LEN);
    restart();
    assert_true(mounts_are_new());
    keeps = false; /* nor is a region needed */
    restart();
    assert_int_equal(serve(&first), 0);
    assert_int_equal(call(VFS_STAT, "/", NULL, 0), 0);
}

/* ---- mounting ---- */

static void mounting(void **state)
{
    (void)state;
    assert_int_equal(serve(&first), 0);
    assert_int_equal(serve(&second), 0);
    controls = false;
    assert_int_equal(call(VFS_MOUNT, "/d", "vda", 0), -ANOLE_EPERM);
    assert_int_equal(call(VFS_UNMOUNT, "/d", NULL, 0), -ANOLE_EPERM);
    controls = true;
    assert_int_equal(call(VFS_MOUNT, "/none", "vda", 0), -ANOLE_ENOENT);
    assert_int_equal(call(VFS_MOUNT, "/", "vda", 0), -ANOLE_EBUSY);
    assert_int_equal(call(VFS_MOUNT, "/d", "bad", 0), -ANOLE_EINVAL);
    assert_int_equal(mounted_on, 0);
    assert_int_equal(call(VFS_MOUNT, "/d", "a/b", 0), -ANOLE_EINVAL);
    assert_int_equal(send(PROGRAM, VFS_MOUNT, "/d", "/dev/vda1", 0, 77), SERVICE_NO_REPLY);
    run_all();
    assert_int_equal(mounted_on, 10);
    assert_string_equal(mount_next(mount_root())->kept->source, "vda1");
    /* The same request again: it is done. */
    restart();
    assert_int_equal(serve(&second), 0);
    assert_int_equal(serve(&first), 0);
    unsigned mounts_before = asked(&second, FS_MOUNT);
    assert_int_equal(send(PROGRAM, VFS_MOUNT, "/d", "/dev/vda1", 0, 77), 0);
    assert_int_equal(asked(&second, FS_MOUNT), mounts_before);
    assert_int_equal(call(VFS_MOUNT, "/d", "vdb", 0), -ANOLE_EBUSY);
    assert_int_equal(call(VFS_UNMOUNT, "/d/x", NULL, 0), -ANOLE_EINVAL);
    assert_int_equal(call(VFS_UNMOUNT, "/", NULL, 0), -ANOLE_EBUSY);
    assert_int_equal(send(PROGRAM, VFS_UNMOUNT, "/d", NULL, 0, 78), SERVICE_NO_REPLY);
    run_all();
    assert_int_equal(mounted_on, 0);
    assert_null(mount_next(mount_root()));
    restart();
    assert_int_equal(send(PROGRAM, VFS_UNMOUNT, "/d", NULL, 0, 78), 0);
}

/* One that was being made when vfs died leaves nothing. */
static void half_a_mount_is_undone(void **state)
{
    (void)state;
    assert_int_equal(serve(&first), 0);
    assert_int_equal(serve(&second), 0);
    second.answer = NULL;
    assert_int_equal(send(PROGRAM, VFS_MOUNT, "/d", "vda", 0, 77), SERVICE_NO_REPLY);
    run_all();
    assert_int_equal(kept->mounts[1].pending, 1);
    /* The coroutine ends with its instance: let it, on a table that is another's by then. */
    static char copy[KEPT_LEN];
    memcpy(copy, kept_memory, sizeof(copy));
    second.answer = answer_two;
    run_all();
    memcpy(kept_memory, copy, sizeof(copy));
    restart();
    assert_int_equal(serve(&second), 0);
    assert_int_equal(serve(&first), 0);
    assert_int_equal(asked(&second, FS_UNMOUNT), 1);
    assert_null(mount_next(mount_root()));
}

static void floods_fill_their_own_share(void **state)
{
    (void)state;
    both_serve();
    second.answer = NULL;
    for (unsigned i = 0; i < REQUESTS_A_PROCESS; i++)
        assert_int_equal(send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, i + 1), SERVICE_NO_REPLY);
    run_all();
    assert_int_equal(send(PROGRAM, VFS_STAT, "/d/x", NULL, 0, 99), -ANOLE_EAGAIN);
    assert_int_equal(send(OTHER, VFS_STAT, "/d/x", NULL, 0, 1), SERVICE_NO_REPLY);
    unsigned replies = fake_kernel.replies;
    second.answer = answer_two;
    run_all();
    assert_int_equal(fake_kernel.replies, replies + REQUESTS_A_PROCESS + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(walks_cross_mounts),
        TEST(real_paths),
        TEST(lies_lead_nowhere),
        TEST(answers_to_nothing_end_a_channel),
        TEST(only_services_serve),
        TEST(who_comes_back_is_asked_again),
        TEST(patience_ends),
        TEST(mounts_survive),
        TEST(kept_nonsense_is_refused),
        TEST(mounting),
        TEST(half_a_mount_is_undone),
        TEST(floods_fill_their_own_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
