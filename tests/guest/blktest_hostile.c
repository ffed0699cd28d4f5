/*
 * The hostile-channel group: a client that breaks every rule of its channel. The driver shuts that
 * channel; it and all else lives on.
 */
#include "blktest.h"

#define GARBAGE 600u

static struct channel_shared *shared_of(const struct session *session)
{
    return session->channel->memory;
}

/* The driver shuts the channel; session and driver live on. */
static void break_channel(void (*break_it)(struct session *session))
{
    struct session *session = open_path(PATH_CHANNEL, 0);
    struct buffer *buffer = buffer_new(block_bytes(), 0);
    if (!session || !buffer_grant(buffer, GRANT_WRITE))
        return;
    EXPECT(raw_flush(session), 0);
    break_it(session);
    EXPECT(ipc_notify(driver, session->channel->driver_doorbell), 0);
    sleep_us(1000);
    EXPECT(channel_detach(session), 0);
    if (disk.capacity_sectors > 0)
        EXPECT(raw_read(session, 0, buffer), 0);
    EXPECT(raw_close(session), 0);
    buffers_free();
}

static void produce_too_much(struct session *session)
{
    atomic_fetch_add(&shared_of(session)->requests.produced, 1000000u);
}

static void produce_backwards(struct session *session)
{
    atomic_fetch_sub(&shared_of(session)->requests.produced, 1u);
}

static void consume_too_much(struct session *session)
{
    const struct message flush = request_message(session, &(struct request){.type = BLK_FLUSH});
    atomic_fetch_add(&shared_of(session)->replies.consumed, 77777u);
    EXPECT(channel_queue(session, &flush), 0);
    (void)channel_kick(session);
}

static void overwrite_everything(struct session *session)
{
    uint64_t *words = session->channel->memory;
    for (size_t i = 0; i < session->channel->memory_len / sizeof *words; i++)
        words[i] = random_next();
}

static void ring_for_nothing(struct session *session)
{
    for (unsigned i = 0; i < 1000; i++)
        (void)ipc_notify(driver, session->channel->driver_doorbell);
}

/* Messages of random words: whatever they are, each is answered and nothing is written. */
static void random_messages(void)
{
    struct session *session = open_path(PATH_CHANNEL, 0);
    for (unsigned i = 0; session && i < GARBAGE; i++) {
        struct message message = {
            .endpoint = (endpoint_t)random_next(),
            .type = MESSAGE_TYPE(random_below(4) ? PROTO_BLK : random_below(16), random_below(16))};
        for (unsigned n = 0; n < MESSAGE_WORDS; n++)
            message.word[n] = random_next() >> random_below(64);
        if (random_below(2))
            message.word[1] = session->id;
        uint32_t id = BLK_ID_OF(message.word[0]);
        EXPECT(channel_queue(session, &message), 0);
        EXPECT(channel_kick(session), 0);
        if (!EXPECT(channel_reply(session, &message), 0))
            return;
        check(message.word[0] == id, __LINE__, "the reply has another id");
    }
}

void group_hostile_channel(enum path path)
{
    (void)path;
    endpoint_t before = driver, now;
    break_channel(produce_too_much);
    break_channel(produce_backwards);
    break_channel(consume_too_much);
    break_channel(overwrite_everything);
    break_channel(ring_for_nothing);
    random_messages();
    EXPECT(name_lookup(options.driver_name, &now), 0);
    check(now == before, __LINE__, "the driver died of a client");
}
