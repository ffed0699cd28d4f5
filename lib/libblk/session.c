/*
 * Sessions: who has opened which minor, and how. Writers are exclusive over overlapping ranges, the
 * whole disk and its partitions included, unless all of them share. A session belongs to the process
 * that opened it and ends with it.
 */
#include "blkdrv.h"

#include <libanole/anole.h>

#define SESSION_INDEX_BITS 8u
/* How long another queue's thread is given to bury its dead. */
#define DEAD_WAITS 20u
#define DEAD_WAIT_US 100u
static_assert(BLK_SESSIONS <= 1u << SESSION_INDEX_BITS, "an index fits its place in an id");
static_assert(BLK_SESSIONS <= 64, "sessions are bits of a mask");

static uint64_t session_id(const struct blk_session *session)
{
    return (uint64_t)session->generation << SESSION_INDEX_BITS | blk_session_index(session);
}

struct blk_session *blk_session_of(const struct blk_source *source, uint64_t id)
{
    unsigned index = id & ((1u << SESSION_INDEX_BITS) - 1);
    if (index >= BLK_SESSIONS)
        return NULL;
    struct blk_session *session = &blk_server->session[index];
    if (session->state != BLK_SESSION_OPEN || session_id(session) != id)
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
        const struct blk_session *session = &blk_server->session[i];
        if (session->state == BLK_SESSION_OPEN && session->change_bell != HANDLE_NONE)
            (void)ipc_notify(session->opener,
                             session->change_bell); /* a bad one is its own fault */
    }
}

static bool minors_overlap(unsigned a, unsigned b)
{
    if (a == b || a == 0 || b == 0)
        return true;
    const struct partition *pa = &blk_shared.table.partition[a];
    const struct partition *pb = &blk_shared.table.partition[b];
    return pa->start_sector < pb->start_sector + pb->sectors &&
           pb->start_sector < pa->start_sector + pa->sectors;
}

/* What another session's writing says to one that wants to be opened; under the lock. */
enum conflict {
    CONFLICT_NONE,
    CONFLICT_DEAD, /* the other's process is dead: it goes as soon as its thread hears of it */
    CONFLICT_ALIVE,
};

static enum conflict conflict_with(const struct blk_session *other, unsigned minor, unsigned flags)
{
    if (other->state == BLK_SESSION_FREE || (other->flags & BLK_OPEN_WRITE) == 0 ||
        !minors_overlap(minor, other->minor) || (flags & other->flags & BLK_OPEN_SHARED) != 0)
        return CONFLICT_NONE;
    bool alive = other->state == BLK_SESSION_ENDING || endpoint_is_alive(other->process);
    return alive ? CONFLICT_ALIVE : CONFLICT_DEAD;
}

static enum conflict writer_conflicts(unsigned minor, unsigned flags)
{
    enum conflict worst = CONFLICT_NONE;
    if ((flags & BLK_OPEN_WRITE) == 0)
        return CONFLICT_NONE;
    for (unsigned queue = 0; queue < blk_shared.queues; queue++) {
        for (unsigned i = 0; i < BLK_SESSIONS; i++) {
            enum conflict found = conflict_with(&blk_shared.queue[queue]->session[i], minor, flags);
            worst = found > worst ? found : worst;
        }
    }
    return worst;
}

/* A free session, or NULL: all are taken, or this process has its share. */
static struct blk_session *session_free_one(endpoint_t process)
{
    struct blk_session *found = NULL;
    unsigned mine = 0;
    for (unsigned i = 0; i < BLK_SESSIONS; i++) {
        struct blk_session *session = &blk_server->session[i];
        if (session->state == BLK_SESSION_FREE && found == NULL)
            found = session;
        if (session->state == BLK_SESSION_OPEN && session->process == process)
            mine++;
    }
    return mine < BLK_SESSIONS_A_PROCESS ? found : NULL;
}

/* All that isn't claimed. */
static void session_init(struct blk_session *session)
{
    *session = (struct blk_session){
        .state = session->state,
        .flags = session->flags,
        .minor = session->minor,
        .process = session->process,
        .generation = session->generation + 1,
        .pending_first = BLK_NONE,
        .pending_last = BLK_NONE,
    };
}

/* Makes a session of a free one, unless another's writing forbids it. */
static enum conflict claim(struct blk_session *session, unsigned minor, unsigned flags,
                           endpoint_t process)
{
    lock_acquire(&blk_shared.sessions);
    enum conflict conflict = writer_conflicts(minor, flags);
    if (conflict == CONFLICT_NONE) {
        session->flags = (uint8_t)flags;
        session->minor = (uint8_t)minor;
        session->process = process;
        session->state = BLK_SESSION_OPEN;
    }
    lock_release(&blk_shared.sessions);
    return conflict;
}

/* The same with a session of this queue that is free; if there is none, that is for good. */
static enum conflict try_claim(struct blk_session **session, unsigned minor, unsigned flags,
                               endpoint_t process)
{
    *session = session_free_one(process);
    return *session == NULL ? CONFLICT_ALIVE : claim(*session, minor, flags, process);
}

/* A session, or NULL. The dead may be in the way: here, or at another queue whose thread has been
 * rung already. */
static struct blk_session *claim_one(unsigned minor, unsigned flags, endpoint_t process)
{
    struct blk_session *session;
    enum conflict conflict = try_claim(&session, minor, flags, process);
    if (conflict != CONFLICT_NONE) {
        blk_session_bury();
        conflict = try_claim(&session, minor, flags, process);
    }
    for (unsigned waits = 0; conflict == CONFLICT_DEAD && waits < DEAD_WAITS; waits++) {
        sleep_us(DEAD_WAIT_US);
        conflict = try_claim(&session, minor, flags, process);
    }
    return conflict == CONFLICT_NONE ? session : NULL;
}

static int check_open(uint64_t minor, uint32_t flags)
{
    if ((flags & BLK_OPEN_SHARED) != 0 && (flags & BLK_OPEN_WRITE) == 0)
        return -ANOLE_EINVAL;
    if (minor >= BLK_MINORS || (minor != 0 && blk_shared.table.partition[minor].sectors == 0))
        return -ANOLE_ENOENT;
    if ((flags & BLK_OPEN_WRITE) != 0 && (blk_server->device->flags & BLK_INFO_READ_ONLY) != 0)
        return -ANOLE_EROFS;
    return 0;
}

int blk_session_open(const struct blk_source *source, const struct message *request,
                     struct message *reply)
{
    uint64_t minor = request->word[1];
    uint32_t flags = BLK_FLAGS_OF(request->word[0]);
    endpoint_t process = ENDPOINT_NONE;
    unsigned service_id;
    handle_t watch = HANDLE_NONE;
    int rc = check_open(minor, flags);
    if (rc == 0)
        rc = kcall_endpoint_info(source->endpoint, &process, &service_id);
    if (rc == 0)
        rc = kcall_watch(process, BLK_BIT_WATCH, &watch);
    if (rc < 0)
        return rc;
    struct blk_session *session = claim_one((unsigned)minor, flags, process);
    if (session == NULL) {
        (void)kcall_close(watch);
        return -ANOLE_EBUSY;
    }
    session_init(session);
    session->opener = source->endpoint;
    session->watch = watch;
    session->change_bell = request->word[2];
    blk_server->sessions_open++;
    reply->word[1] = session_id(session);
    reply->word[2] = blk_server->minor_sectors[minor];
    return 0;
}

/* Nothing of the session is pending or in the device any more. */
static void session_free(struct blk_session *session)
{
    if (session->attached)
        blk_attach_release(session);
    (void)kcall_close(session->watch); /* it ended by itself if the process is dead */
    lock_acquire(&blk_shared.sessions);
    session->state = BLK_SESSION_FREE;
    session->flags = 0;
    lock_release(&blk_shared.sessions);
    blk_server->sessions_open--;
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
        struct blk_session *session = &blk_server->session[i];
        if (session->state != BLK_SESSION_OPEN || endpoint_is_alive(session->process))
            continue;
        lock_acquire(&blk_shared.sessions);
        session->state = BLK_SESSION_ENDING;
        lock_release(&blk_shared.sessions);
        blk_server->awake_mask &= ~blk_session_bit(session);
        blk_server->reply_mask &= ~blk_session_bit(session);
        if (session->slots > 0)
            blk_cancel_pending(session, false);
        if (session->state == BLK_SESSION_ENDING && session->slots == 0)
            session_free(session);
    }
}
