/*
 * From a message to a checked request. Both ways come here: a message of the service loop and a slot
 * of a channel. Every field is checked before anything is kept of it.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <string.h>

/* Requests for the device stay pending; the others are answered at once. */
typedef int (*io_check)(const struct blk_session *session, const struct message *message);
typedef int (*call_handler)(const struct blk_source *source, const struct message *request,
                            struct message *reply);

struct request_type {
    uint32_t flags; /* allowed ones */
    bool message_only;
    io_check check;
    call_handler handler;
};

int blk_check_range(const struct blk_session *session, uint64_t sector, uint64_t bytes)
{
    uint32_t block = blk_server->device->logical_block_bytes;
    uint64_t capacity = blk_server->minor_sectors[session->minor];
    if (bytes == 0 || bytes % block != 0 || sector % (block / BLK_SECTOR_SIZE) != 0)
        return -ANOLE_EINVAL;
    if (sector > capacity || bytes / BLK_SECTOR_SIZE > capacity - sector)
        return -ANOLE_ERANGE;
    return 0;
}

static int check_writable(const struct blk_session *session)
{
    if ((blk_server->device->flags & BLK_INFO_READ_ONLY) != 0)
        return -ANOLE_EROFS;
    return (session->flags & BLK_OPEN_WRITE) != 0 ? 0 : -ANOLE_EPERM;
}

static int check_read(const struct blk_session *session, const struct message *message)
{
    uint64_t length = message->word[5];
    if ((BLK_FLAGS_OF(message->word[0]) & BLK_VECTOR) != 0) {
        /* Its bytes are counted when it is read; that much is certain now. */
        if (length == 0 || length > BLK_VECTOR_MAX)
            return -ANOLE_EINVAL;
        length = blk_server->device->logical_block_bytes;
    }
    if (length > blk_server->max_request_bytes)
        return -ANOLE_EINVAL;
    return blk_check_range(session, message->word[2], length);
}

static int check_write(const struct blk_session *session, const struct message *message)
{
    int rc = check_writable(session);
    return rc < 0 ? rc : check_read(session, message);
}

static int check_flush(const struct blk_session *session, const struct message *message)
{
    (void)session;
    (void)message;
    return 0;
}

static int check_space(const struct blk_session *session, const struct message *message)
{
    uint32_t needed = message->type == BLK_DISCARD ? BLK_INFO_DISCARD : BLK_INFO_WRITE_ZEROES;
    if ((blk_server->device->flags & needed) == 0)
        return -ANOLE_ENOSYS;
    int rc = check_writable(session);
    if (rc < 0)
        return rc;
    rc = blk_check_range(session, message->word[2], message->word[5]);
    if (rc < 0)
        return rc;
    unsigned pieces = blk_space_pieces(message->type, blk_disk_sector(session, message->word[2]),
                                       message->word[5] / BLK_SECTOR_SIZE);
    return pieces <= blk_server->device->max_in_flight ? 0 : -ANOLE_EINVAL;
}

/* 0 if it is being canceled; the victim's own answer tells how it ended. */
static int cancel(const struct blk_source *source, const struct message *request,
                  struct message *reply)
{
    (void)reply;
    struct blk_session *session = blk_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    uint64_t id = request->word[2];
    struct blk_job *victim = id <= UINT32_MAX ? blk_job_find(session, (uint32_t)id) : NULL;
    if (victim == NULL)
        return -ANOLE_ENOENT;
    if (victim->state == BLK_JOB_PENDING)
        blk_job_refuse(victim, -ANOLE_ECANCELED);
    return 0;
}

/* The point of no return of a request for the device: it is checked, and there is room for it. Every
 * request comes by, so it is no call. */
static inline __attribute__((always_inline)) void accept(const struct blk_source *source,
                                                         struct blk_session *session,
                                                         const struct message *message)
{
    struct blk_job *job = blk_job_alloc(session);
    job->type = message->type;
    job->id = BLK_ID_OF(message->word[0]);
    job->flags = BLK_FLAGS_OF(message->word[0]);
    job->caller = source->endpoint;
    job->call_id = source->call_id;
    job->sector = message->word[2];
    job->grant = message->word[3];
    job->offset = message->word[4];
    job->length = message->word[5];
    job->bytes = 0;
    job->deadline_ticks = message->word[6];
    if (source->channel != NULL)
        session->channel_slots++;
    blk_job_enqueue(job);
}

/* Tells the cache's mode, or sets it: then the answer comes with its flush. */
static int cache_mode(const struct blk_source *source, const struct message *request,
                      struct message *reply)
{
    struct blk_session *session = blk_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (request->word[2] > BLK_CACHE_WRITE_BACK)
        return -ANOLE_EINVAL;
    if (request->word[2] == BLK_CACHE_KEEP) {
        reply->word[1] = blk_cache_mode();
        return 0;
    }
    if ((blk_server->device->flags & BLK_INFO_CACHE_MODES) == 0)
        return -ANOLE_ENOSYS;
    if ((session->flags & BLK_OPEN_WRITE) == 0 || session->minor != 0)
        return -ANOLE_EPERM;
    if (!blk_job_may(session))
        return -ANOLE_EBUSY;
    accept(source, session, request);
    return SERVICE_NO_REPLY;
}

#define TYPE_INDEX(type) ((type)&0xffu)
#define TYPES (TYPE_INDEX(BLK_QUEUE) + 1)

static const struct request_type request_types[TYPES] = {
    [TYPE_INDEX(BLK_INFO)] = {.handler = blk_info_tell},
    [TYPE_INDEX(BLK_OPEN)] = {.flags = BLK_OPEN_WRITE | BLK_OPEN_SHARED,
                              .message_only = true,
                              .handler = blk_session_open},
    [TYPE_INDEX(BLK_CLOSE)] = {.message_only = true, .handler = blk_session_close},
    [TYPE_INDEX(BLK_READ)] = {.flags = BLK_VECTOR, .check = check_read},
    [TYPE_INDEX(BLK_WRITE)] = {.flags = BLK_VECTOR | BLK_FUA, .check = check_write},
    [TYPE_INDEX(BLK_FLUSH)] = {.check = check_flush},
    [TYPE_INDEX(BLK_DISCARD)] = {.check = check_space},
    [TYPE_INDEX(BLK_WRITE_ZEROES)] = {.flags = BLK_UNMAP, .check = check_space},
    [TYPE_INDEX(BLK_STATS)] = {.handler = blk_stats_tell},
    [TYPE_INDEX(BLK_IDENTIFY)] = {.handler = blk_identify},
    [TYPE_INDEX(BLK_CANCEL)] = {.handler = cancel},
    [TYPE_INDEX(BLK_ATTACH)] = {.message_only = true, .handler = blk_attach},
    [TYPE_INDEX(BLK_DETACH)] = {.message_only = true, .handler = blk_detach},
    [TYPE_INDEX(BLK_CACHE)] = {.handler = cache_mode},
    [TYPE_INDEX(BLK_QUEUE)] = {.message_only = true, .handler = blk_queue_tell},
};

static const struct request_type *request_type(uint32_t type)
{
    uint32_t index = TYPE_INDEX(type);
    if (type != MESSAGE_TYPE(PROTO_BLK, index) || index >= TYPES)
        return NULL;
    const struct request_type *known = &request_types[index];
    return known->check == NULL && known->handler == NULL ? NULL : known;
}

static int handle_io(const struct blk_source *source, const struct request_type *known,
                     const struct message *message)
{
    struct blk_session *session = blk_session_of(source, message->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    int rc = known->check(session, message);
    if (rc < 0)
        return rc;
    if (message->type == BLK_FLUSH && (blk_server->device->flags & BLK_INFO_FLUSH) == 0)
        return 0; /* what was answered is durable already */
    if (message->word[6] != 0 && message->word[6] <= source->now_ticks)
        return -ANOLE_ETIMEDOUT;
    if (!blk_job_may(session))
        return -ANOLE_EBUSY;
    accept(source, session, message);
    return SERVICE_NO_REPLY;
}

static int handle_known(const struct blk_source *source, struct message *message)
{
    const struct request_type *known = request_type(message->type);
    if (known == NULL || (known->message_only && source->channel != NULL))
        return -ANOLE_ENOSYS;
    if ((BLK_FLAGS_OF(message->word[0]) & ~known->flags) != 0)
        return -ANOLE_EINVAL;
    if (known->check != NULL)
        return handle_io(source, known, message);
    struct message request = *message;
    memset(message->word, 0, sizeof(message->word));
    int status = known->handler(source, &request, message);
    message->word[0] = request.word[0];
    return status;
}

int blk_handle(const struct blk_source *source, struct message *message)
{
    int status = handle_known(source, message);
    if (status == SERVICE_NO_REPLY)
        return status;
    message->word[0] = BLK_ID_OF(message->word[0]);
    if (status < 0) {
        blk_server->device->stats.refused++;
        memset(&message->word[1], 0, sizeof(message->word) - sizeof(message->word[0]));
    }
    return status;
}

static int serve(struct ipc_delivery *delivery)
{
    struct blk_source source = {
        .endpoint = delivery->message.endpoint,
        .call_id = delivery->call_id,
        .now_ticks = ticks_now(),
        .delivery = delivery,
    };
    return blk_handle(&source, &delivery->message);
}

/* The frequent ones first: the service loop looks from the start. */
const struct service_entry blk_service_entries[] = {
    {BLK_READ, serve},   {BLK_WRITE, serve},        {BLK_FLUSH, serve},  {BLK_CANCEL, serve},
    {BLK_INFO, serve},   {BLK_OPEN, serve},         {BLK_CLOSE, serve},  {BLK_DISCARD, serve},
    {BLK_STATS, serve},  {BLK_WRITE_ZEROES, serve}, {BLK_ATTACH, serve}, {BLK_IDENTIFY, serve},
    {BLK_DETACH, serve}, {BLK_CACHE, serve},        {BLK_QUEUE, serve},
};
const unsigned blk_service_entry_count = sizeof(blk_service_entries) /
                                         sizeof(blk_service_entries[0]);
