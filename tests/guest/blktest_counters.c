/*
 * The budgets that are exact counts: address-space switches of a synchronous read, kicks and
 * interrupts of a batch, copied payload. Nothing here depends on how fast or busy the machine is.
 */
#include "blktest.h"

#include <inttypes.h>
#include <stdio.h>

#define SYNC_READS 1000u
#define SYNC_SWITCHES_MAX 2020u /* 2.02 a read */
#define BATCH_READS 10000u
#define BATCH_DEPTH 32u
#define READ_BYTES 4096u
#define SETTLE_US 2000u

struct counts {
    struct counters harts, client, driver;
    struct blk_stats blk;
};

static bool count_all(struct counts *counts)
{
    return EXPECT(raw_stats(&counts->blk), 0) &&
           EXPECT(kcall_counters(ENDPOINT_SELF, &counts->client), 0) &&
           EXPECT(kcall_counters(driver, &counts->driver), 0) &&
           EXPECT(kcall_counters(ENDPOINT_KERNEL, &counts->harts), 0);
}

static uint64_t read_sector(unsigned i)
{
    uint64_t sectors = READ_BYTES / BLK_SECTOR_SIZE;
    return (i * 7919ul % (disk.capacity_sectors / sectors)) * sectors;
}

/* Payload would be READ_BYTES each; what INFO and STATS copy of their own is far less. */
static void check_copies(const struct counts *before, const struct counts *after)
{
    uint64_t kernel = after->harts.copied_bytes - before->harts.copied_bytes;
    uint64_t own = sizeof(struct blk_stats); /* of the STATS after which the harts are counted */
    check(after->blk.copied_bytes == before->blk.copied_bytes, __LINE__,
          "the driver copied payload");
    check(kernel <= own, __LINE__,
          "the kernel copied %" PRIu64 " bytes, %" PRIu64 " of them for the count itself", kernel,
          own);
}

static void synchronous_reads(void)
{
    struct session *session = open_path(PATH_MESSAGE, 0);
    struct buffer *buffer = buffer_new(READ_BYTES, 0);
    struct counts before, after;
    if (!session || !buffer_grant(buffer, GRANT_WRITE))
        return;
    EXPECT(raw_read(session, 0, buffer), 0);
    if (!count_all(&before))
        return;
    for (unsigned i = 0; i < SYNC_READS; i++)
        EXPECT(raw_read(session, read_sector(i), buffer), 0);
    if (!count_all(&after))
        return;
    uint64_t all = after.harts.space_switches - before.harts.space_switches;
    uint64_t others = all - (after.client.space_switches - before.client.space_switches) -
                      (after.driver.space_switches - before.driver.space_switches);
    /* How often RS looks after its services, and how often others' timers run out, depends on time: each
     * time is a switch there and one back. None of them is in the way of a read. */
    uint64_t switches = all - 2 * others;
    check_copies(&before, &after);
    printf("counters: %u synchronous reads: %" PRIu64 " address-space switches without %" PRIu64
           " of others\n",
           SYNC_READS, switches, 2 * others);
    check(others < SYNC_READS / 2, __LINE__, "others take part in reads: %" PRIu64 " switches",
          others);
    if (info_page()->harts == 1)
        check(switches <= SYNC_SWITCHES_MAX, __LINE__,
              "%" PRIu64 " address-space switches for %u reads, at most %u", switches, SYNC_READS,
              SYNC_SWITCHES_MAX);
}

/* Answers that are there already go without a wait; else it waits for one. */
static bool reap_batch(struct session *session, unsigned *in_flight)
{
    struct message reply;
    if (!EXPECT(channel_reply(session, &reply), 0))
        return false;
    do {
        if (!EXPECT(message_status(&reply), 0))
            return false;
        --*in_flight;
    } while (channel_take(&session->channel->channel, &reply) == 1);
    return true;
}

static bool read_in_batches(struct session *session, const struct buffer *pool)
{
    unsigned submitted = 0, in_flight = 0;
    while (submitted < BATCH_READS || in_flight > 0) {
        while (submitted < BATCH_READS && in_flight < BATCH_DEPTH) {
            const struct request request = {.type = BLK_READ,
                                            .sector = read_sector(submitted),
                                            .grant = pool->grant,
                                            .offset = submitted % BATCH_DEPTH * READ_BYTES,
                                            .len = READ_BYTES};
            const struct message message = request_message(session, &request);
            if (!EXPECT(channel_queue(session, &message), 0))
                return false;
            submitted++;
            in_flight++;
        }
        if (!EXPECT(channel_kick(session), 0) || !reap_batch(session, &in_flight))
            return false;
    }
    return true;
}

static void batched_reads(void)
{
    struct session *session;
    struct buffer *pool = buffer_new(BATCH_DEPTH * READ_BYTES, 0);
    struct counts before, after;
    if (!EXPECT(raw_open(&session, options.minor, 0), 0) || !buffer_grant(pool, GRANT_WRITE) ||
        !EXPECT(channel_attach(session, 2 * BATCH_DEPTH, pool), 0))
        return;
    sleep_us(SETTLE_US); /* an interrupt of what came before may still be on its way */
    if (!count_all(&before) || !read_in_batches(session, pool) || !count_all(&after))
        return;
    uint64_t batches = after.blk.batches - before.blk.batches;
    uint64_t kicks = after.blk.kicks - before.blk.kicks;
    uint64_t interrupts = after.blk.interrupts - before.blk.interrupts;
    uint64_t switches = after.harts.space_switches - before.harts.space_switches;
    check_copies(&before, &after);
    CHECK(after.blk.dma_maps == before.blk.dma_maps);
    printf("counters: %u channel reads at depth %u: %" PRIu64 " batches, %" PRIu64
           " kicks, %" PRIu64 " interrupts, %" PRIu64 " address-space switches\n",
           BATCH_READS, BATCH_DEPTH, batches, kicks, interrupts, switches);
    /* On other harts than the driver's a client may add to a batch that is being submitted. */
    uint64_t most = 2 * batches + (info_page()->harts > 1 ? batches / 50 : 0);
    /* A device that holds less than what is in flight takes it in several goes. */
    if (disk.max_in_flight >= BATCH_DEPTH && (disk.flags & BLK_INFO_BATCHES) != 0)
        check(kicks + interrupts <= most, __LINE__,
              "%" PRIu64 " kicks and %" PRIu64 " interrupts for %" PRIu64 " batches", kicks,
              interrupts, batches);
    GUARDED(pool);
}

void group_counters(enum path path)
{
    (void)path;
    if (disk.capacity_sectors * BLK_SECTOR_SIZE < 64 * READ_BYTES || block_bytes() > READ_BYTES ||
        disk.max_request_bytes < READ_BYTES) {
        skip("reads of %u bytes aren't possible or the disk is too small", READ_BYTES);
        return;
    }
    if (!options.no_message)
        synchronous_reads();
    sessions_close();
    buffers_free();
    if (!options.no_channel)
        batched_reads();
}
