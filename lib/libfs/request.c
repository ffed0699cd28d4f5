/*
 * From a message to a coroutine and back. What a program may have waiting here is bounded.
 *
 * Requests that change names are remembered for as long as this instance lives: who asks the same again,
 * because vfs died before it told him the answer, gets the answer. (After our own death the file
 * system's log does that.)
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define DONE_MAX 256u

struct fs_state fs_state;

static struct request requests[FS_REQUESTS];

/* What was done lately; the oldest is overwritten. */
static struct done {
    uint64_t origin, number;
    uint32_t type;
    uint64_t words[2];
} done[DONE_MAX];
static unsigned done_next;

int request_begin(endpoint_t process, struct request **request)
{
    struct request *found = NULL;
    unsigned own = 0;

    for (unsigned i = 0; i < FS_REQUESTS; i++) {
        if (!requests[i].used)
            found = &requests[i];
        else
            own += requests[i].process == process;
    }
    if (!found || (process != ENDPOINT_NONE && own >= FS_REQUESTS_A_PROCESS))
        return -ANOLE_ENOMEM;
    *found = (struct request){.used = true, .process = process};
    *request = found;
    return 0;
}

void request_end(struct request *request)
{
    free(request->texts);
    request->used = false;
}

void wait_recovered(void)
{
    while (!fs_state.recovered)
        coro_queue_wait(&fs_state.recovering);
}

/* ---- of programs ---- */

static int file_offer_request(struct request *request, struct kept_file *file)
{
    struct message *message = &request->delivery.message;

    return file_offer(file, message->word[6], &message->word[0]);
}

static int file_close_request(struct request *request, struct kept_file *file)
{
    (void)request;
    file_close(file);
    return 0;
}

static const struct {
    uint32_t type;
    file_handler handler;
} file_handlers[] = {
    {FS_READ, data_read},           {FS_WRITE, data_write},     {FS_SEEK, data_seek},
    {FS_STAT, data_stat},           {FS_ENTRIES, data_entries}, {FS_TRUNCATE, data_truncate},
    {FS_SYNC, data_sync},           {FS_SET, data_set},         {FS_OFFER, file_offer_request},
    {FS_CLOSE, file_close_request},
};

/* w0 token -> w0 file, w1 flags, w2 type. */
static int take(struct request *request)
{
    struct message *message = &request->delivery.message;
    struct kept_file *file = file_opened_by(request->process, message->word[6]);

    if (!file) {
        int error = file_take(request->process, message->word[0], message->word[6], &file);
        if (error)
            return error;
    }
    message->word[0] = file->number;
    message->word[1] = open_of(file)->flags;
    message->word[2] = open_of(file)->type;
    return 0;
}

static int of_program(struct request *request)
{
    const struct message *message = &request->delivery.message;
    unsigned i = 0;

    if (message->type == FS_TAKE)
        return take(request);
    struct kept_file *file = file_find(request->process, message->word[0]);
    if (!file)
        return -ANOLE_EBADF;
    while (file_handlers[i].type != message->type)
        i++; /* all types of the service's table are in this one */
    struct kept_open *open = open_of(file);
    const struct mount *mount = mount_find(open->mount);
    if (!mount || !mount->up)
        return message->type == FS_CLOSE ? file_handlers[i].handler(request, file) : -ANOLE_EIO;
    request->mount = mount;
    open_hold(open);
    int status = file_handlers[i].handler(request, file);
    open_release(open);
    return status;
}

static void run_of_program(void *argument)
{
    struct request *request = argument;

    wait_recovered();
    request->status = of_program(request);
    request->answered = true;
    if (request->waits) {
        service_reply(&request->delivery, request->status);
        request_end(request);
    }
}

static int program_request(struct ipc_delivery *delivery)
{
    struct request *request;
    endpoint_t process;
    unsigned service_id;
    int error = kcall_endpoint_info(delivery->message.endpoint, &process, &service_id);

    if (!error)
        error = request_begin(process, &request);
    if (error)
        return error;
    request->delivery = *delivery;
    error = coro_start(run_of_program, request);
    if (!error && !request->answered) {
        request->waits = true;
        return SERVICE_NO_REPLY;
    }
    if (!error) {
        *delivery = request->delivery;
        error = request->status;
    }
    request_end(request);
    return error;
}

static const struct service_entry entries[] = {
    {FS_READ, program_request},     {FS_WRITE, program_request}, {FS_SEEK, program_request},
    {FS_STAT, program_request},     {FS_CLOSE, program_request}, {FS_ENTRIES, program_request},
    {FS_TRUNCATE, program_request}, {FS_SYNC, program_request},  {FS_SET, program_request},
    {FS_OFFER, program_request},    {FS_TAKE, program_request},
};

void requests_init(void)
{
    service_also(entries, sizeof(entries) / sizeof(entries[0]));
}

/* ---- of vfs ---- */

static const struct path_entry {
    uint32_t type;
    bool changes; /* its answer is remembered (an open's is the file itself) */
    path_handler handler;
} path_handlers[] = {
    {FS_LOOKUP, false, path_lookup},
    {FS_OPEN, false, path_open},
    {FS_READLINK, false, path_readlink},
    {FS_ATTRIBUTES, false, path_attributes},
    {FS_STATVFS, false, mount_statvfs},
    {FS_MAKE, true, name_make},
    {FS_REMOVE, true, name_remove},
    {FS_RENAME, true, name_rename},
    {FS_LINK, true, name_link},
    {FS_SYNC_ALL, false, mount_sync},
    {FS_MOUNTPOINT, false, mount_mountpoint},
    {FS_UNMOUNT, false, mount_end},
};

static bool is_same(const struct request *a, const struct request *b)
{
    return a->origin == b->origin && a->number == b->number && a->message.type == b->message.type;
}

/* Who asks for what is being done waits until it is. */
static void wait_for_same(const struct request *request)
{
    for (unsigned i = 0; i < FS_REQUESTS; i++) {
        struct request *other = &requests[i];
        while (other != request && other->used && other->channel && !other->answered &&
               other->channel_epoch != request->channel_epoch && is_same(request, other))
            coro_queue_wait(&other->finished);
    }
}

static bool done_find(struct request *request)
{
    for (unsigned i = 0; i < DONE_MAX; i++) {
        if (done[i].number != request->number || done[i].origin != request->origin ||
            done[i].type != request->message.type)
            continue;
        memcpy(&request->message.word[1], done[i].words, sizeof(done[i].words));
        return true;
    }
    return false;
}

static void done_add(const struct request *request, uint32_t type)
{
    struct done *entry = &done[done_next++ % DONE_MAX];

    *entry = (struct done){.origin = request->origin, .number = request->number, .type = type};
    memcpy(entry->words, &request->message.word[1], sizeof(entry->words));
}

static int run_once(struct request *request, const struct path_entry *entry, struct mount *mount)
{
    uint32_t type = request->message.type;

    if (request->number == 0)
        return entry->handler(request, mount);
    wait_for_same(request);
    if (entry->changes && done_find(request)) {
        request->message.word[6] = 0;
        return 0;
    }
    int status = entry->handler(request, mount);
    if (entry->changes && status == 0 && request->message.word[6] == 0)
        done_add(request, type);
    return status;
}

static int of_vfs(struct request *request)
{
    struct message *message = &request->message;
    const unsigned count = sizeof(path_handlers) / sizeof(path_handlers[0]);
    unsigned i = 0;

    if (message->type == FS_MOUNT)
        return mount_make(request);
    while (i < count && path_handlers[i].type != message->type)
        i++;
    if (i == count)
        return -ANOLE_ENOSYS;
    struct mount *mount = message->word[1] <= UINT32_MAX ? mount_find((uint32_t)message->word[1])
                                                         : NULL;
    if (!mount || !mount->up)
        return -ANOLE_EIO;
    if (message->word[2] == 0)
        message->word[2] = mount->root;
    request->mount = mount;
    mount->busy++;
    int status = run_once(request, &path_handlers[i], mount);
    mount->busy--;
    return status;
}

void request_of_vfs(struct request *request)
{
    wait_recovered();
    request->status = of_vfs(request);
    request->answered = true;
    coro_queue_wake_all(&request->finished);
}
