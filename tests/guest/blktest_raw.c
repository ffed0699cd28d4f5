/*
 * Sessions and single requests, by messages or through a raw channel.
 */
#include "blktest.h"

#include <string.h>

#define SESSIONS 32u
#define CHANNEL_ENTRIES 64u

static struct session sessions[SESSIONS];

int raw_call(uint32_t type, struct message *message)
{
    return anole_call(driver, type, message, deadline_in_us(PATIENCE_US));
}

/* ---- sessions ---- */

int raw_open(struct session **opened, unsigned minor, uint32_t flags)
{
    return raw_open_belled(opened, minor, flags, HANDLE_NONE);
}

int raw_open_belled(struct session **opened, unsigned minor, uint32_t flags, handle_t bell)
{
    *opened = NULL;
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct session *session = &sessions[i];
        if (session->open)
            continue;
        struct message message = {.word = {BLK_ID(i, flags), minor, bell}};
        int status = raw_call(BLK_OPEN, &message);
        if (status != 0)
            return status;
        check(message.word[0] == i, __LINE__, "OPEN's reply has another id");
        *session = (struct session){.open = true,
                                    .id = message.word[1],
                                    .minor = minor,
                                    .capacity = message.word[2],
                                    .last_request_id = i * 0x10000u};
        *opened = session;
        return 0;
    }
    panic("more than %u sessions", SESSIONS);
}

struct session *open_path(enum path path, uint32_t flags)
{
    struct session *session;
    if (!EXPECT(raw_open(&session, options.minor, flags), 0) || !session)
        return NULL;
    if (path == PATH_CHANNEL && !EXPECT(channel_attach(session, CHANNEL_ENTRIES, NULL), 0)) {
        (void)raw_close(session);
        return NULL;
    }
    return session;
}

int raw_close(struct session *session)
{
    int status = session->channel ? channel_detach(session) : 0;
    struct message message = {.word = {BLK_ID(1, 0), session->id}};
    if (status == 0)
        status = raw_call(BLK_CLOSE, &message);
    session->open = false;
    return status;
}

/* A group may leave sessions whose driver is dead. */
void sessions_close(void)
{
    for (unsigned i = 0; i < SESSIONS; i++)
        if (sessions[i].open)
            EXPECT_ONE_OF(raw_close(&sessions[i]), 0, -ANOLE_EDEADENDPOINT, -ANOLE_EBADHANDLE);
}

/* ---- asking ---- */

static int ask(uint32_t type, uint64_t minor, unsigned grant_word, void *answer, size_t len)
{
    handle_t grant;
    int status = kcall_grant(driver, answer, len, GRANT_WRITE, &grant);
    if (status != 0)
        return status;
    struct message message = {.word = {BLK_ID(1, 0), minor}};
    message.word[grant_word] = grant;
    status = raw_call(type, &message);
    int revoked = kcall_revoke(grant, -1);
    return status ? status : revoked;
}

int raw_info(unsigned minor, struct blk_info *info)
{
    memset(info, 0xee, sizeof *info);
    return ask(BLK_INFO, minor, 2, info, sizeof *info);
}

int raw_stats(struct blk_stats *stats)
{
    memset(stats, 0xee, sizeof *stats);
    return ask(BLK_STATS, 0, 2, stats, sizeof *stats);
}

/* ---- requests ---- */

struct message request_message(struct session *session, const struct request *request)
{
    return (struct message){
        .endpoint = driver,
        .type = request->type,
        .word = {BLK_ID(++session->last_request_id, request->flags), session->id, request->sector,
                 request->grant, request->offset, request->len, request->deadline_ticks},
    };
}

static int by_channel(struct session *session, struct message *message)
{
    int status = channel_queue(session, message);
    if (status == 0)
        status = channel_kick(session);
    if (status == 0)
        status = channel_reply(session, message);
    return status ? status : message_status(message);
}

int raw_request(struct session *session, const struct request *request)
{
    struct message message = request_message(session, request);
    uint32_t id = BLK_ID_OF(message.word[0]);
    int status = session->channel ? by_channel(session, &message)
                                  : raw_call(request->type, &message);
    session->done_bytes = message.word[1];
    if (status == -ANOLE_EDEADENDPOINT || status == -ANOLE_EPROTO)
        return status; /* there is no reply */
    check(message.word[0] == id, __LINE__, "the reply has another id, and flags or not");
    if (status != 0 && status != -ANOLE_ENOSYS) /* nobody knows the fields of an unknown type */
        check(message.word[1] == 0, __LINE__, "an error with %lu bytes done",
              (unsigned long)message.word[1]);
    return status;
}

static int whole(struct session *session, uint32_t type, uint64_t sector,
                 const struct buffer *buffer)
{
    const struct request request = {
        .type = type, .sector = sector, .grant = buffer->grant, .len = buffer->len};
    int status = raw_request(session, &request);
    if (status == 0)
        check(session->done_bytes == buffer->len, __LINE__, "%lu of %zu bytes done",
              (unsigned long)session->done_bytes, buffer->len);
    return status;
}

int raw_read(struct session *session, uint64_t sector, const struct buffer *buffer)
{
    return whole(session, BLK_READ, sector, buffer);
}

int raw_write(struct session *session, uint64_t sector, const struct buffer *buffer)
{
    return whole(session, BLK_WRITE, sector, buffer);
}

int raw_flush(struct session *session)
{
    const struct request request = {.type = BLK_FLUSH};
    return raw_request(session, &request);
}
