/*
 * filetest: requests to vfs and file servers as nobody should make them, and those made twice.
 */
#include "filetest.h"

#include <proto/rs.h>
#include <proto/vfs.h>

static endpoint_t vfs;
static uint64_t number = 1ul << 40; /* the C library's are others */

/* A request to vfs about a path relative to the group's directory. */
static int ask_at(uint64_t operation, uint32_t type, const char *path, uint64_t w2,
                  struct message *message)
{
    char text[256];
    handle_t grant;

    getcwd(text, sizeof(text));
    size_t len = strlen(text);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "/%s", path);
    if (!EXPECT(kcall_grant(vfs, text, len, GRANT_READ, &grant), 0))
        return -1;
    *message = (struct message){.word = {grant, len << 32, w2, [6] = operation}};
    int status = anole_call(vfs, type, message, DEADLINE_NEVER);
    EXPECT(kcall_revoke(grant, -1), 0);
    return status;
}

static int ask(uint32_t type, const char *path, uint64_t w2, struct message *message)
{
    return ask_at(++number, type, path, w2, message);
}

static void begin(const char *group)
{
    enter(group);
    EXPECT(name_wait("vfs", &vfs, 1, deadline_in_us(PATIENCE_US)), 0);
}

static int raw(endpoint_t server, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3,
               uint64_t w4)
{
    struct message message = {.word = {w0, w1, w2, w3, w4, 0, ++number}};

    return anole_call(server, type, &message, DEADLINE_NEVER);
}

void group_raw_files(void)
{
    static char buffer[8192];
    struct message opened = {0}, message;
    handle_t grant, readable;

    begin("raw-files");
    make_file("a", "0123456789");
    EXPECT(ask(VFS_OPEN, "a", FS_O_READ | FS_O_WRITE, &opened), 0);
    endpoint_t server = (endpoint_t)opened.word[0];
    uint64_t file = opened.word[1];
    EXPECT(kcall_grant(server, buffer, 100, GRANT_READ | GRANT_WRITE, &grant), 0);
    EXPECT(kcall_grant(server, buffer, 100, GRANT_READ, &readable), 0);
    EXPECT(raw(server, FS_READ, file, grant, 0, 10, 0), 0);
    EXPECT(raw(server, FS_READ, file, readable, 0, 10, 0), -ANOLE_EPERM);
    EXPECT(raw(server, FS_READ, file, 12345, 0, 10, 0), -ANOLE_EBADHANDLE);
    EXPECT(raw(server, FS_READ, file, grant, 95, 10, 0), -ANOLE_ERANGE);
    EXPECT(raw(server, FS_WRITE, file, grant, ~0ul, 10, 0), -ANOLE_EINVAL);
    EXPECT(raw(server, FS_READ, file, grant, 0, 10, ~0ul - 1), -ANOLE_EINVAL);
    EXPECT(raw(server, FS_READ, file, grant, 0, ~0ul, 1ul << 40), 0); /* beyond the end */
    EXPECT(raw(server, FS_READ, ~0ul, grant, 0, 10, 0), -ANOLE_EBADF);
    EXPECT(raw(server, FS_READ, file + 1, grant, 0, 10, 0), -ANOLE_EBADF);
    EXPECT(raw(server, FS_READ, file | 1ul << 32, grant, 0, 10, 0), -ANOLE_EBADF);
    EXPECT(raw(server, FS_SEEK, file, 0, 7, 0, 0), -ANOLE_EINVAL);
    EXPECT(raw(server, FS_STAT, file, grant, 99, 0, 0), -ANOLE_ERANGE);
    EXPECT(raw(server, FS_TAKE, 1, 0, 0, 0, 0), -ANOLE_EBADF);
    EXPECT(raw(server, FS_MOUNT, 1, 0, 0, 0, 0), -ANOLE_ENOSYS); /* that is vfs's, by its channel */
    EXPECT(raw(server, MESSAGE_TYPE(PROTO_FS, 250), 0, 0, 0, 0, 0), -ANOLE_ENOSYS);
    /* Another process has nothing of it. */
    endpoint_t child = child_start();
    message = (struct message){.word = {server, FS_CLOSE, PATIENCE_US, file}};
    EXPECT(child_call(child, CHILD_CALL, &message), -ANOLE_EBADF);
    CHECK(child_end(child));
    EXPECT(raw(server, FS_CLOSE, file, 0, 0, 0, 0), 0);
    EXPECT(raw(server, FS_READ, file, grant, 0, 10, 0), -ANOLE_EBADF);
}

void group_raw_paths(void)
{
    static char path[8192];
    struct message message;
    handle_t grant;

    begin("raw-paths");
    memset(path, '/', sizeof(path));
    EXPECT(kcall_grant(vfs, path, sizeof(path), GRANT_READ, &grant), 0);
    EXPECT(raw(vfs, VFS_STAT, grant, 0, 0, 0, 0), -ANOLE_ENOENT);
    EXPECT(raw(vfs, VFS_STAT, grant, 4096ul << 32, 0, 0, 0), -ANOLE_ENAMETOOLONG);
    EXPECT(raw(vfs, VFS_STAT, grant, ~0ul, 0, 0, 0), -ANOLE_ENAMETOOLONG);
    EXPECT(raw(vfs, VFS_STAT, grant, 8190 | 4ul << 32, 0, 0, 0), -ANOLE_ERANGE);
    EXPECT(raw(vfs, VFS_STAT, 4711, 4ul << 32, 0, 0, 0), -ANOLE_EBADHANDLE);
    EXPECT(raw(vfs, VFS_STAT, grant, 4ul << 32, 0, grant, 0), -ANOLE_EPERM);
    EXPECT(raw(vfs, VFS_STAT, grant, 4ul << 32, 99, grant, 0), -ANOLE_EINVAL);
    EXPECT(raw(vfs, VFS_RENAME, grant, 4ul << 32, ~0ul, 0, 0), -ANOLE_ENAMETOOLONG);
    EXPECT(raw(vfs, VFS_RENAME, grant, 4ul << 32, 0, 0, 0), -ANOLE_EBUSY);
    path[0] = 'x';
    EXPECT(raw(vfs, VFS_STAT, grant, 4ul << 32, 0, 0, 0), -ANOLE_EINVAL); /* not absolute */
    path[0] = '/';
    path[2] = '\0';
    EXPECT(raw(vfs, VFS_STAT, grant, 4ul << 32, 0, 0, 0), -ANOLE_EINVAL);
    EXPECT(ask(VFS_OPEN, "a", 1ul << 20, &message), -ANOLE_EINVAL);
    EXPECT(ask(VFS_REMOVE, "a", 2, &message), -ANOLE_EINVAL);
    EXPECT(ask(VFS_MOUNT, "a", 0, &message), -ANOLE_EPERM);
    /* To be a file server one must be a service. */
    message = (struct message){0};
    rs_name_pack(message.word, "mem");
    rs_name_pack(&message.word[3], "memfs");
    EXPECT(anole_call(vfs, VFS_SERVE, &message, DEADLINE_NEVER), -ANOLE_EPERM);
    rs_name_pack(&message.word[3], test_name);
    EXPECT(anole_call(vfs, VFS_SERVE, &message, DEADLINE_NEVER), -ANOLE_EPERM);
}

static endpoint_t open_device(const char *name, uint64_t flags, uint64_t *file)
{
    struct message opened = {0};

    EXPECT(ask(VFS_OPEN, name, flags, &opened), 0);
    *file = opened.word[1];
    return (endpoint_t)opened.word[0];
}

/* Whatever length is asked for, a device gives no more than there is room. */
void group_raw_devices(void)
{
    static char buffer[100];
    static const char *const endless[] = {"vda", "zero", "random"};
    handle_t grant;
    uint64_t file;

    begin("raw-devices");
    CHECK(chdir("/dev") == 0);
    endpoint_t server = open_device("console", FS_O_READ | FS_O_WRITE, &file);
    EXPECT(kcall_grant(server, buffer, sizeof(buffer), GRANT_READ | GRANT_WRITE, &grant), 0);
    EXPECT(raw(server, FS_READ, file, grant, 0, 1, FS_HERE), -ANOLE_ENODEV);
    EXPECT(raw(server, FS_WRITE, file, grant, 0, 1, FS_HERE), -ANOLE_ENODEV);
    EXPECT(raw(server, FS_CLOSE, file, 0, 0, 0, 0), 0);
    for (unsigned i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        CHECK(open_device(endless[i], FS_O_READ, &file) == server);
        EXPECT(raw(server, FS_READ, file, grant, 0, sizeof(buffer), 0), 0);
        EXPECT(raw(server, FS_READ, file, grant, 0, ~0ul, 0), -ANOLE_ERANGE);
        EXPECT(raw(server, FS_READ, file, grant, 1, sizeof(buffer), 0), -ANOLE_ERANGE);
        EXPECT(raw(server, FS_READ, file, grant, ~0ul, 1, 0), -ANOLE_EINVAL);
        EXPECT(raw(server, FS_WRITE, file, grant, 0, 1, 0), -ANOLE_EBADF);
        EXPECT(raw(server, FS_TRUNCATE, file, 0, 0, 0, 0), -ANOLE_EBADF);
        EXPECT(raw(server, FS_SYNC, file, 0, 0, 0, 0), 0);
        EXPECT(raw(server, FS_CLOSE, file, 0, 0, 0, 0), 0);
    }
    CHECK(open_device("vda", FS_O_READ, &file) == server);
    EXPECT(raw(server, FS_READ, file, grant, 0, sizeof(buffer), INT64_MAX), 0); /* the end */
    EXPECT(raw(server, FS_SEEK, file, 1, FS_SEEK_END, 0, 0), 0);
    EXPECT(raw(server, FS_READ, file, grant, 0, ~0ul, FS_HERE), 0);
    EXPECT(raw(server, FS_CLOSE, file, 0, 0, 0, 0), 0);
    EXPECT(kcall_revoke(grant, -1), 0);
    CHECK(chdir(test_subject) == 0);
}

void group_floods(void)
{
    struct message message;
    unsigned count = 0;
    int fd, fds[300];

    begin("floods");
    make_file("a", "text");
    while (count < 300 && (fd = open("a", O_RDONLY)) >= 0)
        fds[count++] = fd;
    CHECK(count < 300 && count > 200);
    CHECK(errno == EMFILE);
    EXPECT(ask(VFS_OPEN, "a", FS_O_READ, &message), -ANOLE_EMFILE);
    while (count > 0)
        CHECK(close(fds[--count]) == 0);
    CHECK(content_is("a", "text"));
}

void group_once(void)
{
    struct message first = {0}, again = {0};
    uint64_t operation = ++number;
    struct stat stat_;

    begin("once");
    EXPECT(ask_at(operation, VFS_MKDIR, "d", 0755, &first), 0);
    EXPECT(ask_at(operation, VFS_MKDIR, "d", 0755, &again), 0); /* it is the same one */
    EXPECT(ask(VFS_MKDIR, "d", 0755, &again), -ANOLE_EEXIST);
    operation = ++number;
    EXPECT(ask_at(operation, VFS_REMOVE, "d", 1, &first), 0);
    EXPECT(ask_at(operation, VFS_REMOVE, "d", 1, &again), 0);
    EXPECT(ask(VFS_REMOVE, "d", 1, &again), -ANOLE_ENOENT);
    uint64_t flags = FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_EXCLUSIVE | 0644ul << 32;
    operation = ++number;
    EXPECT(ask_at(operation, VFS_OPEN, "f", flags, &first), 0);
    EXPECT(ask_at(operation, VFS_OPEN, "f", flags, &again), 0);
    CHECK(first.word[1] == again.word[1]);
    EXPECT(ask(VFS_OPEN, "f", flags, &again), -ANOLE_EEXIST);
    /* The same bytes, and the position moves once. */
    handle_t grant;
    endpoint_t server = (endpoint_t)first.word[0];
    EXPECT(kcall_grant(server, "abc", 3, GRANT_READ, &grant), 0);
    for (unsigned i = 0; i < 2; i++) {
        again = (struct message){.word = {first.word[1], grant, 0, 3, FS_HERE, 0, number + 1}};
        EXPECT(anole_call(server, FS_WRITE, &again, DEADLINE_NEVER), 0);
    }
    CHECK(stat("f", &stat_) == 0 && stat_.st_size == 3);
    EXPECT(raw(server, FS_CLOSE, first.word[1], 0, 0, 0, 0), 0);
}
