/*
 * From a message to a coroutine and back. A process that floods vfs fills its own share.
 */
#include "vfs.h"

#include <string.h>

static struct request requests[REQUESTS];

/* What each request has in words 1 and 2. */
enum paths { NO_PATH, ONE_PATH, TWO_PATHS };

static const struct {
    uint32_t type;
    enum paths paths;
    request_handler handler;
} handlers[] = {
    {VFS_OPEN, ONE_PATH, path_open},
    {VFS_STAT, ONE_PATH, path_stat},
    {VFS_MKDIR, ONE_PATH, path_mkdir},
    {VFS_REMOVE, ONE_PATH, path_remove},
    {VFS_RENAME, TWO_PATHS, names_rename},
    {VFS_LINK, TWO_PATHS, names_link},
    {VFS_SYMLINK, TWO_PATHS, names_symlink},
    {VFS_READLINK, ONE_PATH, path_readlink},
    {VFS_ATTRIBUTES, ONE_PATH, path_attributes},
    {VFS_STATVFS, ONE_PATH, path_statvfs},
    {VFS_REAL_PATH, ONE_PATH, path_real},
    {VFS_SYNC, NO_PATH, mounts_sync},
    {VFS_MOUNT, TWO_PATHS, mount_make},
    {VFS_UNMOUNT, ONE_PATH, mount_end},
};

static int request_begin(endpoint_t process, struct request **request)
{
    struct request *found = NULL;
    unsigned of_process = 0;

    for (unsigned i = 0; i < REQUESTS; i++) {
        if (!requests[i].used)
            found = &requests[i];
        else
            of_process += requests[i].process == process;
    }
    if (!found || of_process >= REQUESTS_A_PROCESS)
        return -ANOLE_EAGAIN;
    found->used = true;
    found->answered = found->waits = false;
    found->process = process;
    found->len[0] = found->len[1] = 0;
    *request = found;
    return 0;
}

/* Copies the paths: w0 grant, w1 offset | length << 32, w2 length of the second one. */
static int paths_take(struct request *request, enum paths paths)
{
    const struct message *message = &request->delivery.message;
    uint64_t offset = message->word[1] & UINT32_MAX, len = message->word[1] >> 32;
    uint64_t second = paths == TWO_PATHS ? message->word[2] : 0;

    if (len >= FS_PATH_MAX || second >= FS_PATH_MAX)
        return -ANOLE_ENAMETOOLONG;
    int error = len == 0 ? 0
                         : kcall_copy(message->endpoint, message->word[0], offset, request->text[0],
                                      len, COPY_FROM_GRANT);
    if (!error && second > 0)
        error = kcall_copy(message->endpoint, message->word[0], offset + len, request->text[1],
                           second, COPY_FROM_GRANT);
    request->len[0] = len;
    request->len[1] = second;
    return error;
}

static void run(void *argument)
{
    struct request *request = argument;
    unsigned i = 0;

    while (handlers[i].type != request->delivery.message.type)
        i++; /* all types of main.c's table that come here are in this one */
    request->status = handlers[i].paths == NO_PATH ? 0 : paths_take(request, handlers[i].paths);
    if (request->status == 0)
        request->status = handlers[i].handler(request);
    request->answered = true;
    if (request->waits) {
        service_reply(&request->delivery, request->status);
        request->used = false;
    }
}

int handle_request(struct ipc_delivery *delivery)
{
    struct request *request;
    endpoint_t process;
    unsigned id;
    int error = kcall_endpoint_info(delivery->message.endpoint, &process, &id);

    if (!error)
        error = request_begin(process, &request);
    if (error)
        return error;
    request->delivery = *delivery;
    error = coro_start(run, request);
    if (!error && !request->answered) {
        request->waits = true;
        return SERVICE_NO_REPLY;
    }
    if (!error) {
        *delivery = request->delivery;
        error = request->status;
    }
    request->used = false;
    return error;
}

int give(const struct request *request, const void *data, size_t len)
{
    const struct message *message = &request->delivery.message;

    return len == 0 ? 0
                    : kcall_copy(message->endpoint, message->word[3], message->word[4],
                                 (void *)(uintptr_t)data, len, COPY_TO_GRANT);
}
