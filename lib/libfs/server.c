/*
 * What a file server's main.c calls: see server.h.
 */
#include "internal.h"

static bool started;

int fs_server_init(const struct fs_server *server)
{
    fs_state.types = server->types;
    fs_state.first_bit = server->first_bit;
    int error = table_init(server->kept, server->kept_len);
    if (error == -ANOLE_EINVAL)
        return error;
    requests_init();
    channels_init();
    int started_error = coro_start(table_recover, NULL);
    return started_error ? started_error : error;
}

void fs_server_notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(fs_state.first_bit)) {
        fs_state.somebody_died = true;
        channels_vfs_published();
    }
}

/* The first time the service is ready: vfs serves who has a name. */
void fs_server_step(void)
{
    if (!started) {
        started = true;
        channels_vfs_published();
    }
    files_bury();
    do
        channels_step();
    while (coro_run());
}
