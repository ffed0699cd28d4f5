/*
 * The world of vfs_world.h. Parts of vfs are within it, so that a restart can clear their memory.
 */
#include "vfs_world.h"

#include <stdlib.h>
#include <string.h>

/* What an instance has lies in these files' variables; see world_restart. */
#include "servers/vfs/mounts.c"
#include "servers/vfs/request.c"
#include "servers/vfs/servers.c"

struct startup_page fake_startup_page = {.rs = RS};
struct info_page fake_info_page;

struct vfs_world world;
char world_kept[WORLD_KEPT_LEN];
static struct fake_server *serving; /* that VFS_SERVE is being called of */

unsigned asked(const struct fake_server *server, uint32_t type)
{
    return server->asked[type & 63];
}

/* ---- what vfs asks of others ---- */

int name_lookup(const char *name, endpoint_t *endpoint)
{
    struct fake_server *both[] = {&world.first, &world.second};

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
        message->word[0] = world.controls;
        return 0;
    }
    assert_int_equal(type, RS_KEPT_REGION);
    if (!world.keeps)
        return -ANOLE_ENOENT;
    message->word[0] = fake_region(RS, world_kept, sizeof(world_kept), 3);
    message->word[1] = sizeof(world_kept);
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
    struct fake_server *server = world.first.memory == channel->memory ? &world.first
                                                                       : &world.second;
    struct message message;

    world.found_broken = channel->memory && channel_take(&server->channel, &message) < 0;
    free(channel->memory);
    if (world.first.memory == channel->memory)
        world.first.memory = NULL;
    if (world.second.memory == channel->memory)
        world.second.memory = NULL;
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
    (void)complaint;
    (void)deadline;
    world.complaints++;
    world.complained_of = service;
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

void world_run(void)
{
    bool more;

    do {
        servers_step();
        more = coro_run();
        more |= serve_one(&world.first);
        more |= serve_one(&world.second);
    } while (more);
}

int world_serve(struct fake_server *server)
{
    struct ipc_delivery request = {.message = {.endpoint = server->process}, .call_id = 1};

    rs_name_pack(request.message.word, server->type);
    request.message.word[2] = WORLD_DOORBELL;
    rs_name_pack(&request.message.word[3], server->service);
    serving = server;
    int status = request_serve(&request);
    if (status == 0)
        server->slots = (struct fs_slot *)(void *)(server->memory + request.message.word[3]);
    world_run();
    return status;
}

void world_server_dies(struct fake_server *server)
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

void world_restart(void)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (servers[i].state != SERVER_AWAY)
            server_leave(&servers[i]);
    memset(servers, 0, sizeof(servers));
    memset(mounts, 0, sizeof(mounts));
    new = false;
    world.first.memory = world.second.memory = NULL;
    instance_start();
}

/* The first one: a directory "d" (node 10) in which all else is missing. */
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
        world.mounted_on = request->word[5] ? request->word[2] : 0;
        return 0;
    case FS_UNMOUNT:
    case FS_SYNC_ALL:
        return 0;
    default:
        break;
    }
    if (len > skip && !is_d)
        return -ANOLE_ENOENT;
    if (is_d && world.mounted_on == 10) {
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

int world_answer(const struct message *request, struct fs_slot *slot, struct message *reply)
{
    uint64_t len = request->word[4] & UINT32_MAX;

    if (request->type == FS_MOUNT || request->type == FS_UNMOUNT ||
        request->type == FS_MOUNTPOINT) {
        world.last_mount = request->word[1];
        reply->word[1] = 2;
        reply->word[3] = request->word[5];
        return request->type == FS_MOUNT && len == 3 && memcmp(slot->first, "bad", 3) == 0
                   ? -ANOLE_EINVAL
                   : 0;
    }
    memcpy(world.last_path, slot->first, len);
    world.last_path[len] = '\0';
    world.last_origin = slot->origin;
    world.last_number = slot->number;
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

int world_setup(void **state)
{
    (void)state;
    fake_kernel_reset();
    fake_thread(RS, RS);
    fake_thread(PROGRAM, PROGRAM);
    fake_thread(OTHER, OTHER);
    world.first = (struct fake_server){
        .type = "one", .service = "first", .process = 0x901, .answer = answer_one};
    world.second = (struct fake_server){
        .type = "two", .service = "second", .process = 0xa01, .answer = world_answer};
    fake_thread(world.first.process, world.first.process);
    fake_thread(world.second.process, world.second.process);
    memset(world_kept, 0, sizeof(world_kept));
    memset(requests, 0, sizeof(requests));
    world.mounted_on = 0;
    world.complaints = 0;
    world.keeps = true;
    world.controls = true;
    world_restart();
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_false(requests[i].used);
    world_restart();
    return 0;
}

void world_time_passes(void)
{
    assert_true(servers_deadline() != DEADLINE_NEVER);
    fake_kernel.now_ticks = servers_deadline();
    servers_timeout();
    world_run();
}

/* ---- programs ---- */

static char paths[2 * FS_PATH_MAX];
static uint64_t calls = 100;

int world_send(endpoint_t process, uint32_t type, const char *path, const char *more, uint64_t w2,
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
    word[3] = fake_grant(process, world.result, sizeof(world.result), GRANT_WRITE);
    word[5] = type == VFS_MOUNT ? 0 : sizeof(world.result);
    word[6] = number;
    if (type == VFS_MOUNT)
        rs_name_pack(&word[3], w2 ? "" : "two");
    int status = handle_request(&request);
    world.answer = request.message;
    return status;
}

int world_call(uint32_t type, const char *path, const char *more, uint64_t w2)
{
    static uint64_t number = 1000;
    int status = world_send(PROGRAM, type, path, more, w2, ++number);
    unsigned before = fake_kernel.replies;

    if (status != SERVICE_NO_REPLY)
        return status;
    world_run();
    assert_int_equal(fake_kernel.replies, before + 1);
    memcpy(world.answer.word, fake_kernel.reply[before].word, sizeof(world.answer.word));
    return fake_kernel.reply[before].status;
}

void world_both_serve(void)
{
    mount_at_start("/d");
    assert_int_equal(world_serve(&world.first), 0);
    assert_int_equal(world_serve(&world.second), 0);
    assert_int_equal(world.mounted_on, 10);
}
