/*
 * Sessions: who has opened which minor, and how. Writers are exclusive over overlapping ranges, the
 * whole disk and its partitions included, unless all of them share. A session belongs to the process
 * that opened it and ends with it.
 */
#include "blkdrv.h"

#include <libanole/anole.h>

#define SESSION_INDEX_BITS 8u
static_assert(BLK_SESSIONS <= 1u << SESSION_INDEX_BITS, "an index fits its place in an id");
static_assert(BLK_SESSIONS <= 64, "sessions are bits of a mask");

uint64_t blk_session_id(const struct blk_session *session)
{
    return (uint64_t)session->generation << SESSION_INDEX_BITS | blk_session_index(session);
}

struct blk_session *blk_session_of(const struct blk_source *source, uint64_t id)
{
    unsigned index = id & ((1u << SESSION_INDEX_BITS) - 1);
    if (index >= BLK_SESSIONS)
        return NULL;
    struct blk_session *session = &blk_server.session[index];
    if (session->state != BLK_SESSION_OPEN || blk_session_id(session) != id)
        return NULL;
    if (source->channel != NULL)
        return source->channel == session ? session : NULL;
    if (source->endpoint == session->opener)
        return session;
    /* Another thread, perhaps of the same process. */
    endpoint_t process;
    unsigned service_id;
    if (kcall_endpoint_info(source->endpoint, &process, &service_id) < 0)
        return NULL;
    return process == session->process ? session : NULL;
}

void blk_session_tell_change(void)
{
    for (unsigned i = 0; i < BLK_SESSIONS; i++) {
        const struct blk_session *session = &blk_server.session[i];
        if (session->state == BLK_SESSION_OPEN && session->change_bell != HANDLE_NONE)
            (void)ipc_notify(session->opener,
                             session->change_bell); /* a bad one is its own fault */
    }
}

uint64_t blk_disk_sector(const struct blk_session *session, uint64_t sector)
{
    return blk_server.table.partition[session->minor].start_sector + sector;
}

static bool minors_overlap(unsigned a, unsigned b)
{
    if (a == b || a == 0 || b == 0)
        return true;
    const struct partition *pa = &blk_server.table.partition[a];
    const struct partition *pb = &blk_server.table.partition[b];
    return pa->start_sector < pb->start_sector + pb->sectors &&
           pb->start_sector < pa->start_sector + pa->sectors;
}

/* Whether another session's writing forbids this one's. */
static bool writer_conflicts(unsigned minor, unsigned flags)
{
    if ((flags & BLK_OPEN_WRITE) == 0)
        return false;
    for (unsigned i = 0; i < BLK_SESSIONS; i++) {
        const struct blk_session *other = &blk_server.session[i];
        if (other->state == BLK_SESSION_FREE || (other->flags & BLK_OPEN_WRITE) == 0 ||
            !minors_overlap(minor, other->minor))
            continue;
        if ((flags & BLK_OPEN_SHARED) == 0 || (other->flags & BLK_OPEN_SHARED) == 0)
            return true;
    }
    return false;
}

/* A free session, or NULL: all are taken, or this process has its share. */
static struct blk_session *session_free_one(endpoint_t process)
{
    struct blk_session *found = NULL;
    unsigned mine = 0;
    for (unsigned i = 0; i < BLK_SESSIONS; i++) {
        struct blk_session *session = &blk_server.session[i];
        if (session->state == BLK_SESSION_FREE && found == NULL)
            found = session;
        if (session->state == BLK_SESSION_OPEN && session->process == process)
            mine++;
    }
    return mine < BLK_SESSIONS_A_PROCESS ? found : NULL;
}

int blk_session_open(const struct blk_source *source, const struct message *request,
                     struct message *reply)
{
    struct blk_server *server = &blk_server;
    uint64_t minor = request->word[1];
    uint32_t flags = BLK_FLAGS_OF(request->word[0]);
    if ((flags & BLK_OPEN_SHARED) != 0 && (flags & BLK_OPEN_WRITE) == 0)
        return -ANOLE_EINVAL;
    if (minor >= BLK_MINORS || (minor != 0 && server->table.partition[minor].sectors == 0))
        return -ANOLE_ENOENT;
    if ((flags & BLK_OPEN_WRITE) != 0 && (server->device->flags & BLK_INFO_READ_ONLY) != 0)
        return -ANOLE_EROFS;

    endpoint_t process;
    unsigned service_id;
    int rc = kcall_endpoint_info(source->endpoint, &process, &service_id);
    if (rc < 0)
        return rc;
    struct blk_session *session = session_free_one(process);
    if (session == NULL || writer_conflicts((unsigned)minor, flags)) {
        /* Perhaps it is a dead one that is in the way. */
        blk_session_bury();
        session = session_free_one(process);
        if (session == NULL || writer_conflicts((unsigned)minor, flags))
            return -ANOLE_EBUSY;
    }
    handle_t watch;
    rc = kcall_watch(process, BLK_BIT_WATCH, &watch);
    if (rc < 0)
        return rc;
    *session = (struct blk_session){
        .state = BLK_SESSION_OPEN,
        .flags = (uint8_t)flags,
        .minor = (uint8_t)minor,
        .generation = session->generation + 1,
        .process = process,
        .opener = source->endpoint,
        .pending_first = BLK_NONE,
        .pending_last = BLK_NONE,
        .watch = watch,
        .change_bell = request->word[2],
    };
    server->sessions_open++;
    reply->word[1] = blk_session_id(session);
    reply->word[2] = server->minor_sectors[minor];
    return 0;
}

/* Nothing of the session is pending or in the device any more. */
static void session_free(struct blk_session *session)
{
    if (session->attached)
        blk_attach_release(session);
    (void)kcall_close(session->watch); /* it ended by itself if the process is dead */
    session->state = BLK_SESSION_FREE;
    session->flags = 0;
    blk_server.sessions_open--;
}

int blk_session_close(const struct blk_source *source, const struct message *request,
                      struct message *reply)
{
    (void)reply;
    struct blk_session *session = blk_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (session->slots > 0 || session->detaching)
        return -ANOLE_EBUSY;
    session_free(session);
    return 0;
}

void blk_session_settle(struct blk_session *session)
{
    if (session->detaching && session->channel_slots == 0) {
        blk_attach_release(session);
        session->detaching = false;
        if (session->state == BLK_SESSION_OPEN)
            service_reply(&session->detach, 0);
    }
    if (session->state == BLK_SESSION_ENDING && session->slots == 0)
        session_free(session);
}

void blk_session_bury(void)
{
    for (unsigned i = 0; i < BLK_SESSIONS; i++) {
        struct blk_session *session = &blk_server.session[i];
        endpoint_t process;
        unsigned service_id;
        if (session->state != BLK_SESSION_OPEN ||
            kcall_endpoint_info(session->process, &process, &service_id) == 0)
            continue;
        session->state = BLK_SESSION_ENDING;
        blk_server.awake_mask &= ~blk_session_bit(session);
        blk_server.reply_mask &= ~blk_session_bit(session);
        if (session->slots > 0)
            blk_cancel_pending(session, false);
        if (session->state == BLK_SESSION_ENDING && session->slots == 0)
            session_free(session);
    }
}
