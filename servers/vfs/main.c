/*
 * The name space: one tree of paths over all file servers. Programs ask it about paths; what they open
 * they use at its file server directly. File servers call it to be served (VFS_SERVE); it is the
 * client of their channels and never waits for one.
 *
 * It owns the table of mounts, which is kept by RS over its deaths. What was asked of a vfs that died is
 * asked again, and done once: the file servers know each operation by its process and number.
 *
 * Arguments: what is there when the system starts. "TYPE:PATH" is a mount, the root first; "PATH" a
 * directory; "TYPE:" files that are served, though nothing of them is mounted yet.
 */
#include "vfs.h"

#include <string.h>

static void notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(BIT_SERVERS))
        servers_notified();
}

static void before_wait(void)
{
    do
        servers_step();
    while (coro_run());
}

static const struct service_entry entries[] = {
    {VFS_OPEN, handle_request},       {VFS_STAT, handle_request},
    {VFS_REMOVE, handle_request},     {VFS_MKDIR, handle_request},
    {VFS_RENAME, handle_request},     {VFS_LINK, handle_request},
    {VFS_SYMLINK, handle_request},    {VFS_READLINK, handle_request},
    {VFS_ATTRIBUTES, handle_request}, {VFS_STATVFS, handle_request},
    {VFS_REAL_PATH, handle_request},  {VFS_SYNC, handle_request},
    {VFS_MOUNT, handle_request},      {VFS_UNMOUNT, handle_request},
    {VFS_MOUNTS, request_mounts},     {VFS_SERVE, request_serve},
};

static const struct service service = {
    .name = "vfs",
    .entries = entries,
    .entry_count = sizeof(entries) / sizeof(entries[0]),
    .notified = notified,
    .before_wait = before_wait,
    .deadline = servers_deadline,
    .timeout = servers_timeout,
};

/* "TYPE:" */
static void type_expect(const char *argument)
{
    char type[RS_NAME_LEN] = "";
    size_t len = strlen(argument) - 1;

    memcpy(type, argument, len < sizeof(type) ? len : sizeof(type) - 1);
    if (!server_make(type))
        panic("%s: more than %u types", argument, SERVERS);
}

/* "TYPE:PATH" */
static void first_mount(const char *argument, const char *path)
{
    char type[RS_NAME_LEN] = "";
    size_t len = (size_t)(path - 1 - argument);
    const struct mount *root = mount_root();
    struct mount_plan plan = {.path = path, .type = type, .source = ""};
    struct mount *mount;

    if (len >= sizeof(type))
        panic("%s: the type's name is too long", argument);
    memcpy(type, argument, len);
    plan.parent = root ? root->kept->number : 0;
    int error = mount_add(&plan, &mount);
    if (error)
        panic("%s: %s", argument, anole_error_text(error));
}

int main(int argc, char *argv[])
{
    mounts_init();
    for (int i = 1; i < argc; i++) {
        const char *colon = strchr(argv[i], ':');
        if (!colon)
            tell_directory(argv[i]);
        else if (colon[1] == '\0')
            type_expect(argv[i]);
        else if (mounts_are_new())
            first_mount(argv[i], colon + 1);
    }
    service_ready();
    service_run(&service);
}
