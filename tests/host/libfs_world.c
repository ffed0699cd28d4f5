/*
 * The world of libfs_world.h. libfs and memfs are within it, so that a restart can clear their memory.
 */
#include "libfs_world.h"

#include <libanole/anole.h>
#include <proto/vfs.h>
#include <stdlib.h>
#include <string.h>

/* Their static variables are all that an instance has; see world_restart. */
#include "lib/libfs/channel.c"
#include "lib/libfs/request.c"
#include "lib/libfs/server.c"
#include "lib/libfs/table.c"

#define RING 64u
#define SLOTS_AT 16384u

struct startup_page fake_startup_page;
struct info_page fake_info_page = {.wall_clock_ns = 1000000000};

_Alignas(8) char world_kept[FS_KEPT_LEN];
struct fs_slot *world_slot;
struct message world_reply;
uint64_t world_root;

static const struct fs_ops *const *world_types;
static endpoint_t vfs_now;
static struct channel vfs_channel;
static char *shared;
static const struct service_entry *handlers;
static unsigned handler_count;
static uint64_t numbers;
static unsigned served;

/* ---- what libfs asks of others ---- */

void service_also(const struct service_entry *list, unsigned count)
{
    handlers = list;
    handler_count = count;
}

int name_lookup(const char *name, endpoint_t *endpoint)
{
    assert_string_equal(name, "vfs");
    *endpoint = vfs_now;
    return 0;
}

int name_subscribe(const char *name, unsigned bit, handle_t *doorbell)
{
    assert_string_equal(name, "vfs");
    assert_int_equal(bit, FIRST_BIT);
    *doorbell = 1;
    return 0;
}

int kcall_random(uint64_t words[4])
{
    static uint64_t state = 88172645463325252u;

    for (unsigned i = 0; i < 4; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = state;
    }
    return 0;
}

bool peer_alive(endpoint_t process)
{
    endpoint_t found;
    unsigned id;

    return kcall_endpoint_info(process, &found, &id) == 0;
}

/* VFS_SERVE */
int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline)
{
    size_t len = (SLOTS_AT + FS_SLOTS * sizeof(struct fs_slot) + 4095) / 4096 * 4096;

    (void)deadline;
    assert_int_equal(endpoint, vfs_now);
    assert_int_equal(type, VFS_SERVE);
    served++;
    if (shared)
        free(shared);
    shared = aligned_alloc(4096, len);
    memset(shared, 0, len);
    assert_int_equal(channel_init(&vfs_channel, CHANNEL_CLIENT, shared, SLOTS_AT, RING), 0);
    message->word[0] = fake_region(vfs_now, shared, len, 3);
    message->word[1] = 77;
    message->word[2] = RING;
    message->word[3] = SLOTS_AT;
    return 0;
}

_Noreturn void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

/* ---- lives ---- */

static int instance_start(void)
{
    struct fs_server server = {.types = world_types,
                               .kept = world_kept,
                               .kept_len = sizeof(world_kept),
                               .first_bit = FIRST_BIT};
    int error = fs_server_init(&server);

    fs_server_step();
    return error;
}

void world_start(const struct fs_ops *const *types)
{
    fake_kernel_reset();
    fake_thread(VFS, VFS);
    fake_thread(ALICE, ALICE);
    fake_thread(BOB, BOB);
    memset(world_kept, 0, sizeof(world_kept));
    world_types = types;
    vfs_now = VFS;
    assert_int_equal(instance_start(), 0);
    assert_int_equal(world_mount(1, "", 0, &world_root), 0);
}

static void instance_forget(void)
{
    for (unsigned i = 0; i < FS_REQUESTS; i++)
        assert_false(requests[i].used);
    for (unsigned i = 0; i < channel_count; i++)
        channel_close(&channels[i]);
    channel_count = 0;
    memset(channels, 0, sizeof(channels));
    memset(done, 0, sizeof(done));
    memset(&fs_state, 0, sizeof(fs_state));
    memset(owners, 0, sizeof(owners));
    started = false;
}

int world_restart(void)
{
    instance_forget();
    return instance_start();
}

void world_vfs_restart(void)
{
    static endpoint_t next = 0x10501;

    fake_process_die(vfs_now);
    vfs_now = next;
    next += 0x10000;
    fake_thread(vfs_now, vfs_now);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    fs_server_step();
}

void world_break_sent(void)
{
    channel_shut(&vfs_channel);
    fs_server_step();
}

void world_break_taken(void)
{
    atomic_fetch_add(&vfs_channel.receive.header->consumed, RING + 1);
}

unsigned world_served(void)
{
    return served;
}

void world_end(void)
{
    instance_forget();
    free(shared);
    shared = NULL;
}

/* ---- as vfs ---- */

uint64_t world_number(void)
{
    return ++numbers;
}

unsigned path_send(uint32_t type, const struct path_call *call)
{
    static unsigned next;
    unsigned slot = next++ % FS_SLOTS;
    struct fs_slot *at = (struct fs_slot *)(void *)(shared + SLOTS_AT) + slot;
    size_t first = call->text_len || !call->text ? call->text_len : strlen(call->text);
    size_t second = call->second_len || !call->second ? call->second_len : strlen(call->second);
    struct message message = {
        .type = type,
        .word = {++numbers, call->mount, call->node, slot, first | (uint64_t)second << 32,
                 call->flags, call->word6},
    };

    at->origin = call->origin;
    at->number = call->number;
    if (first)
        memcpy(at->first, call->text, first);
    if (second)
        memcpy(at->second, call->second, second);
    assert_int_equal(channel_put(&vfs_channel, &message), 0);
    assert_true(channel_publish(&vfs_channel) >= 0);
    fs_server_step();
    return slot;
}

bool path_answer(struct message *reply)
{
    return channel_take(&vfs_channel, reply) == 1;
}

int path_call(uint32_t type, const struct path_call *call, struct message *reply)
{
    unsigned slot = path_send(type, call);

    assert_true(path_answer(reply));
    world_slot = (struct fs_slot *)(void *)(shared + SLOTS_AT) + slot;
    return (int)(int32_t)reply->type;
}

int world_mount(uint32_t number, const char *source, uint64_t flags, uint64_t *root)
{
    struct message reply;
    int status = path_call(
        FS_MOUNT, &(struct path_call){.mount = number, .text = source, .flags = flags}, &reply);
    *root = reply.word[1];
    return status;
}

static struct path_call by_path(const char *path, uint64_t flags)
{
    return (struct path_call){.mount = 1,
                              .node = world_root,
                              .text = path,
                              .flags = flags,
                              .origin = ALICE,
                              .number = world_number()};
}

int64_t world_open(endpoint_t process, const char *path, uint64_t flags)
{
    struct message reply;
    struct path_call call = by_path(path, flags | (uint64_t)0644 << 32);
    call.origin = process;
    int status = path_call(FS_OPEN, &call, &reply);
    assert_true(status < 0 || reply.word[6] == 0);
    return status < 0 ? status : (int64_t)reply.word[1];
}

uint64_t world_opened(endpoint_t process, const char *path, uint64_t flags)
{
    int64_t file = world_open(process, path, flags);

    assert_true(file > 0);
    return (uint64_t)file;
}

int world_make(const char *path, uint32_t mode, const char *target)
{
    struct message reply;
    struct path_call call = by_path(path, mode);
    call.second = target;
    return path_call(FS_MAKE, &call, &reply);
}

int world_remove(const char *path, bool directory)
{
    struct message reply;
    struct path_call call = by_path(path, directory);
    return path_call(FS_REMOVE, &call, &reply);
}

int world_stat(const char *path, uint64_t flags, struct fs_stat *stat)
{
    struct message reply;
    struct path_call call = by_path(path, flags);
    int status = path_call(FS_LOOKUP, &call, &reply);
    memcpy(stat, world_slot->first, sizeof(*stat));
    return status;
}

/* ---- as programs ---- */

int file_call_numbered(endpoint_t process, uint32_t type, uint64_t number, const uint64_t word[5])
{
    static uint64_t calls = 1000;
    struct ipc_delivery delivery = {.message = {.endpoint = process, .type = type},
                                    .call_id = ++calls};

    memcpy(delivery.message.word, word, 5 * sizeof(word[0]));
    delivery.message.word[6] = number;
    for (unsigned i = 0; i < handler_count; i++) {
        if (handlers[i].type != type)
            continue;
        int status = handlers[i].handler(&delivery);
        world_reply = delivery.message;
        return status;
    }
    fail_msg("no handler of type %u", (unsigned)type);
    return 0;
}

int file_call(endpoint_t process, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3,
              uint64_t w4)
{
    const uint64_t word[5] = {w0, w1, w2, w3, w4};

    return file_call_numbered(process, type, world_number(), word);
}

int64_t world_read(endpoint_t process, uint64_t file, void *buffer, size_t len, uint64_t position)
{
    handle_t grant = fake_grant(process, buffer, len, GRANT_WRITE);
    int status = file_call(process, FS_READ, file, grant, 0, len, position);

    return status < 0 ? status : (int64_t)world_reply.word[0];
}

int64_t world_write(endpoint_t process, uint64_t file, const void *data, size_t len,
                    uint64_t position)
{
    handle_t grant = fake_grant(process, (void *)(uintptr_t)data, len, GRANT_READ);
    int status = file_call(process, FS_WRITE, file, grant, 0, len, position);

    return status < 0 ? status : (int64_t)world_reply.word[0];
}
