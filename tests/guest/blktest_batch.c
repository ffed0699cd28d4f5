/*
 * Groups about what happens among the requests of a batch: neighbours that become one request of the
 * device, and a greedy client beside a modest one.
 */
#include "blktest.h"

#include <inttypes.h>
#include <string.h>

#define MERGE_REQUESTS 32u
#define MERGE_ROUNDS 40u
#define GREEDY_DEPTH 48u
#define MODEST_REQUESTS 200u

/* ---- neighbours ---- */

struct batch {
    struct session *session;
    struct buffer *pool;
    uint64_t sector; /* where its blocks begin; the pool holds as many */
};

static uint64_t block_sectors(void)
{
    return block_bytes() / BLK_SECTOR_SIZE;
}

/* One request a run of blocks; lengths[] says how many, and 0 ends them. */
static bool batch_queue(const struct batch *batch, uint32_t type, const unsigned *lengths)
{
    uint64_t block = 0;
    for (; *lengths > 0; block += *lengths++) {
        const struct request request = {
            .type = type,
            .sector = batch->sector + block * block_sectors(),
            .grant = batch->pool->grant,
            .offset = block * block_bytes(),
            .len = (uint64_t)*lengths * block_bytes(),
        };
        const struct message message = request_message(batch->session, &request);
        if (!EXPECT(channel_queue(batch->session, &message), 0))
            return false;
    }
    return EXPECT(channel_kick(batch->session), 0);
}

/* Each request has an answer of its own, with its own length. */
static bool batch_answers(const struct batch *batch, unsigned count, uint64_t blocks)
{
    uint64_t bytes = 0, seen = 0;
    uint32_t first = batch->session->last_request_id - count + 1;
    for (unsigned i = 0; i < count; i++) {
        struct message reply;
        if (!EXPECT(channel_reply(batch->session, &reply), 0) || !EXPECT(message_status(&reply), 0))
            return false;
        uint64_t index = reply.word[0] - first;
        if (!check(index < count && !(seen >> index & 1), __LINE__, "a stray answer %#" PRIx64,
                   reply.word[0]))
            return false;
        seen |= (uint64_t)1 << index;
        bytes += reply.word[1];
    }
    return CHECK(bytes == blocks * block_bytes());
}

static unsigned random_lengths(unsigned lengths[MERGE_REQUESTS + 1], uint64_t *blocks)
{
    unsigned count = 2 + (unsigned)random_below(MERGE_REQUESTS - 1);
    *blocks = 0;
    for (unsigned i = 0; i < count; i++)
        *blocks += lengths[i] = 1 + (unsigned)random_below(3);
    lengths[count] = 0;
    return count;
}

static void merge_round(struct batch *batch)
{
    unsigned lengths[MERGE_REQUESTS + 1];
    uint64_t blocks, generation = generation_next();
    unsigned count = random_lengths(lengths, &blocks);
    size_t len = blocks * block_bytes();
    stamp_fill(batch->pool->data, batch->sector, len, generation);
    if (!batch_queue(batch, BLK_WRITE, lengths) || !batch_answers(batch, count, blocks))
        return;
    memset(batch->pool->data, 0, len);
    if (!batch_queue(batch, BLK_READ, lengths) || !batch_answers(batch, count, blocks))
        return;
    const char *wrong = stamp_check(batch->pool->data, batch->sector, len, generation);
    check(!wrong, __LINE__, "%s", wrong);
}

void group_merge(enum path path)
{
    struct batch batch = {.sector = scratch_start};
    struct blk_stats before, after;
    (void)path;
    batch.pool = buffer_new(3 * MERGE_REQUESTS * (size_t)block_bytes(), 0);
    if (!EXPECT(raw_open(&batch.session, options.minor, BLK_OPEN_WRITE), 0) ||
        !buffer_grant(batch.pool, GRANT_READ | GRANT_WRITE) ||
        !EXPECT(channel_attach(batch.session, 2 * MERGE_REQUESTS, batch.pool), 0) ||
        !EXPECT(raw_stats(&before), 0))
        return;
    for (unsigned round = 0; round < MERGE_ROUNDS; round++)
        merge_round(&batch);
    GUARDED(batch.pool);
    if (!EXPECT(raw_stats(&after), 0))
        return;
    /* Where a piece may have one segment only, there is nothing to be joined. */
    if (disk.max_request_bytes > 8 * block_bytes())
        CHECK(after.merged > before.merged);
}

/* ---- greed ---- */

static bool greedy_submit(struct session *greedy, const struct buffer *pool, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct request request = {.type = BLK_READ,
                                        .sector = random_sector(2 * block_bytes(), false),
                                        .grant = pool->grant,
                                        .len = block_bytes()};
        const struct message message = request_message(greedy, &request);
        if (!EXPECT(channel_queue(greedy, &message), 0))
            return false;
    }
    return EXPECT(channel_kick(greedy), 0);
}

/* Takes what is answered; how many, or -1. */
static int greedy_take(struct session *greedy)
{
    struct message reply;
    int count = 0, taken;
    while ((taken = channel_take(&greedy->channel->channel, &reply)) == 1) {
        if (!EXPECT(message_status(&reply), 0))
            return -1;
        count++;
    }
    return EXPECT(taken, 0) ? count : -1;
}

/* Keeps its share of the disk busy until the modest one is answered; how many it got meanwhile. */
static int greed_meanwhile(struct session *greedy, struct session *modest,
                           const struct buffer *pool)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    struct message reply;
    int answered = 0;
    while (channel_take(&modest->channel->channel, &reply) != 1) {
        int count = greedy_take(greedy);
        if (count < 0 || (count > 0 && !greedy_submit(greedy, pool, (unsigned)count)) ||
            !check(ticks_now() < deadline, __LINE__, "the modest client gets no answer"))
            return -1;
        answered += count;
        if (count == 0)
            sleep_us(20); /* on one hart the driver needs it */
    }
    EXPECT(message_status(&reply), 0);
    return answered;
}

/*
 * While one client keeps many requests in flight, another has one at a time. It is answered before
 * the greedy one has got more than what was ahead of it and as much again. The driver sees to
 * it always; the host's disk threads, which answer in any order, may keep one back on a busy host.
 */
void group_fairness(enum path path)
{
    struct session *greedy, *modest;
    struct buffer *pool = buffer_new(block_bytes(), 0);
    struct buffer *own = buffer_new(block_bytes(), 0);
    int worst = 0;
    unsigned late = 0;
    (void)path;
    if (disk.capacity_sectors < 64 * block_sectors()) {
        skip("the disk is too small");
        return;
    }
    if (!EXPECT(raw_open(&greedy, options.minor, 0), 0) ||
        !EXPECT(raw_open(&modest, options.minor, 0), 0) || !buffer_grant(pool, GRANT_WRITE) ||
        !buffer_grant(own, GRANT_WRITE) || !EXPECT(channel_attach(greedy, 64, pool), 0) ||
        !EXPECT(channel_attach(modest, 16, own), 0) || !greedy_submit(greedy, pool, GREEDY_DEPTH))
        return;
    for (unsigned i = 0; i < MODEST_REQUESTS; i++) {
        const struct request request = {
            .type = BLK_READ, .grant = own->grant, .len = block_bytes()};
        const struct message message = request_message(modest, &request);
        if (!EXPECT(channel_queue(modest, &message), 0) || !EXPECT(channel_kick(modest), 0))
            return;
        int answered = greed_meanwhile(greedy, modest, pool);
        if (answered < 0)
            return;
        worst = answered > worst ? answered : worst;
        late += answered > 2 * (int)GREEDY_DEPTH;
    }
    check(late <= MODEST_REQUESTS / 100, __LINE__,
          "%u times the modest client waited too long for one answer; the greedy one got up to %d",
          late, worst);
}
