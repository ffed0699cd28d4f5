#include "tests/host/ext2/image.h"

#include "servers/ext2/ext2.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char image_path[64];
void *mounted;
uint64_t root;
struct fs_operation fs_operation;

uint8_t image_memory[PLACES * 4096];

static int fd = -1;
static uint32_t mount_flags;

/* ---- images ---- */

static int shell(const char *command)
{
    int status = system(command);

    return status == -1 ? -1 : WEXITSTATUS(status);
}

#define WITH_TOOLS "PATH=$PATH:/usr/sbin:/sbin; "

void image_make(const char *options, const char *size)
{
    char command[512];
    int status;

    if (!image_path[0]) {
        strcpy(image_path, "/tmp/anole-ext2-XXXXXX");
        fd = mkstemp(image_path);
        assert(fd >= 0);
    }
    status = ftruncate(fd, 0);
    assert(status == 0);
    (void)snprintf(command, sizeof(command), WITH_TOOLS "mke2fs -q -F %s %s %s >/dev/null 2>&1",
                   options, image_path, size);
    status = shell(command);
    assert(status == 0);
}

int image_command(const char *format)
{
    char command[1024] = WITH_TOOLS;
    size_t len = strlen(command);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(command + len, sizeof(command) - len, format, image_path);
#pragma GCC diagnostic pop
    return shell(command);
}

bool image_clean(void)
{
    if (image_command("e2fsck -fn %s >/tmp/anole-ext2-fsck.$PPID 2>&1") == 0)
        return image_command("rm -f /tmp/anole-ext2-fsck.$PPID # %s") == 0;
    (void)image_command("cat /tmp/anole-ext2-fsck.$PPID; rm -f /tmp/anole-ext2-fsck.$PPID # %s");
    return false;
}

void image_remove(void)
{
    if (fd >= 0)
        close(fd);
    if (image_path[0])
        unlink(image_path);
    image_path[0] = '\0';
    fd = -1;
}

/* ---- calls, each on a coroutine of its own ---- */

/* All arguments that any of them has. */
struct call {
    uint64_t a, b;
    struct fs_name name, new_name;
    const struct fs_new *what;
    struct fs_data data;
    uint64_t position, len;
    bool flag;
    void *result;
    enum fs_type *type;
    size_t size;
    int64_t status;
};

static struct fs_name name_of(const char *text)
{
    return (struct fs_name){.text = text, .len = strlen(text)};
}

static void do_mount(void *argument)
{
    struct call *call = argument;

    call->status = ext2_ops.mount(1, "/dev/vda", &mount_flags, &mounted, &root);
}

int fs_mount(bool read_only)
{
    struct call call = {0};
    struct stat stat;

    if (fd >= 0) {
        int status = fstat(fd, &stat);

        assert(status == 0);
        fake_cache_use(fd, NULL, (uint64_t)stat.st_size);
    }
    mounted = NULL;
    mount_flags = read_only ? FS_MOUNT_READ_ONLY : 0;
    places_init(image_memory, sizeof(image_memory), 0, 0);
    run_to_end(do_mount, &call);
    return (int)call.status;
}

bool fs_is_read_only(void)
{
    return mount_flags & FS_MOUNT_READ_ONLY;
}

static void do_unmount(void *argument)
{
    struct call *call = argument;

    call->status = ext2_ops.unmount(mounted);
}

int fs_unmount(void)
{
    struct call call = {0};

    run_to_end(do_unmount, &call);
    if (call.status == 0)
        mounted = NULL;
    return (int)call.status;
}

void fs_die(void)
{
    fake_cache.keep = true;
    mount_discard(mounted);
    fake_cache.keep = false;
    mounted = NULL;
}

#define CALL(function, ...)                                                                        \
    static void do_##function(void *argument)                                                      \
    {                                                                                              \
        struct call *call = argument;                                                              \
                                                                                                   \
        call->status = ext2_ops.function(mounted, __VA_ARGS__);                                    \
    }

CALL(lookup, call->a, call->name, call->result, call->type)
CALL(create, fs_operation, call->a, call->name, call->what, call->result)
CALL(link, fs_operation, call->a, call->b, call->name)
CALL(remove, fs_operation, call->a, call->name, call->flag)
CALL(rename, fs_operation, call->a, call->name, call->b, call->new_name)
CALL(read, call->a, call->position, &call->data, call->len)
CALL(write, call->a, call->position, &call->data, call->len)
CALL(stat, call->a, call->result)
CALL(statvfs, call->result)
CALL(readlink, call->a, call->result, call->size)
CALL(set_attributes, call->a, call->result)
CALL(sync, call->a)
CALL(opened, call->a, FS_O_READ)
CALL(parent, call->a, call->result)

int fs_lookup(uint64_t in, const char *name, uint64_t *node, enum fs_type *type)
{
    struct call call = {.a = in, .name = name_of(name), .result = node, .type = type};

    run_to_end(do_lookup, &call);
    return (int)call.status;
}

static int create(uint64_t in, const char *name, const struct fs_new *what, uint64_t *node)
{
    struct call call = {.a = in, .name = name_of(name), .what = what, .result = node};

    run_to_end(do_create, &call);
    return (int)call.status;
}

int fs_create(uint64_t in, const char *name, uint32_t mode, uint64_t *node)
{
    return create(in, name, &(struct fs_new){.mode = mode}, node);
}

int fs_symlink(uint64_t in, const char *name, const char *target)
{
    uint64_t node;

    return create(in, name,
                  &(struct fs_new){.mode = FS_MODE(FS_TYPE_LINK, 0777),
                                   .target = target,
                                   .target_len = strlen(target)},
                  &node);
}

int fs_link(uint64_t node, uint64_t in, const char *name)
{
    struct call call = {.a = node, .b = in, .name = name_of(name)};

    run_to_end(do_link, &call);
    return (int)call.status;
}

int fs_remove(uint64_t in, const char *name, bool is_directory)
{
    struct call call = {.a = in, .name = name_of(name), .flag = is_directory};

    run_to_end(do_remove, &call);
    return (int)call.status;
}

int fs_rename(uint64_t from, const char *name, uint64_t to, const char *new_name)
{
    struct call call = {.a = from, .name = name_of(name), .b = to, .new_name = name_of(new_name)};

    run_to_end(do_rename, &call);
    return (int)call.status;
}

int64_t fs_read(uint64_t node, uint64_t position, void *to, uint64_t len)
{
    struct call call = {.a = node,
                        .position = position,
                        .len = len,
                        .data = {.bytes = to, .len = len, .fails_at = UINT64_MAX}};

    run_to_end(do_read, &call);
    return call.status;
}

int64_t fs_write(uint64_t node, uint64_t position, const void *from, uint64_t len)
{
    struct call call = {
        .a = node,
        .position = position,
        .len = len,
        .data = {.bytes = (uint8_t *)(uintptr_t)from, .len = len, .fails_at = UINT64_MAX}};

    run_to_end(do_write, &call);
    return call.status;
}

int64_t fs_write_failing(uint64_t node, uint64_t position, const void *from, uint64_t len,
                         uint64_t fails_at)
{
    struct call call = {
        .a = node,
        .position = position,
        .len = len,
        .data = {.bytes = (uint8_t *)(uintptr_t)from, .len = len, .fails_at = fails_at}};

    run_to_end(do_write, &call);
    return call.status;
}

int64_t fs_append(uint64_t node, const void *from, uint64_t len, uint64_t *position)
{
    struct call call = {.a = node,
                        .position = FS_END,
                        .len = len,
                        .data = {.bytes = (uint8_t *)(uintptr_t)from,
                                 .len = len,
                                 .fails_at = UINT64_MAX,
                                 .placed = *position != UINT64_MAX,
                                 .position = *position}};

    run_to_end(do_write, &call);
    *position = call.data.position;
    return call.status;
}

int fs_set(uint64_t node, const struct fs_attributes *attributes)
{
    struct fs_attributes copy = *attributes;
    struct call call = {.a = node, .result = &copy};

    run_to_end(do_set_attributes, &call);
    return (int)call.status;
}

int fs_truncate(uint64_t node, uint64_t size)
{
    return fs_set(node, &(struct fs_attributes){.set = FS_SET_SIZE, .size = size});
}

int fs_stat(uint64_t node, struct fs_stat *stat)
{
    struct call call = {.a = node, .result = stat};

    run_to_end(do_stat, &call);
    return (int)call.status;
}

int fs_statvfs(struct fs_statvfs *statvfs)
{
    struct call call = {.result = statvfs};

    run_to_end(do_statvfs, &call);
    return (int)call.status;
}

int fs_readlink(uint64_t node, char *target, size_t size)
{
    struct call call = {.a = node, .result = target, .size = size};

    run_to_end(do_readlink, &call);
    return (int)call.status;
}

int fs_sync(uint64_t node)
{
    struct call call = {.a = node};

    run_to_end(do_sync, &call);
    return (int)call.status;
}

int fs_opened(uint64_t node)
{
    struct call call = {.a = node};

    run_to_end(do_opened, &call);
    return (int)call.status;
}

static void do_closed(void *argument)
{
    struct call *call = argument;

    ext2_ops.closed(mounted, call->a, FS_O_READ);
}

void fs_closed(uint64_t node)
{
    struct call call = {.a = node};

    run_to_end(do_closed, &call);
}

int fs_parent(uint64_t node, uint64_t *parent)
{
    struct call call = {.a = node, .result = parent};

    run_to_end(do_parent, &call);
    return (int)call.status;
}

/* ---- entries ---- */

struct listing {
    uint64_t in, cookie;
    unsigned left, seen;
    void (*each)(void *context, const char *name, uint64_t node, enum fs_type type);
    void *context;
    int status;
};

static bool emit(void *context, uint64_t node, enum fs_type type, struct fs_name name)
{
    struct listing *listing = context;
    char text[FS_NAME_MAX + 1];

    if (listing->left == 0)
        return false;
    listing->left--;
    listing->seen++;
    memcpy(text, name.text, name.len);
    text[name.len] = '\0';
    listing->each(listing->context, text, node, type);
    return true;
}

static void do_entries(void *argument)
{
    struct listing *listing = argument;

    listing->status = ext2_ops.entries(mounted, listing->in, &listing->cookie, emit, listing);
}

int fs_entries(uint64_t in, unsigned at_once,
               void (*each)(void *context, const char *name, uint64_t node, enum fs_type type),
               void *context)
{
    struct listing listing = {.in = in, .each = each, .context = context};

    do {
        listing.left = at_once;
        listing.seen = 0;
        run_to_end(do_entries, &listing);
    } while (listing.status == 0 && listing.seen > 0);
    return listing.status;
}
