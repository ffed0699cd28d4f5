/*
 * The frame of a block driver: start, the work before each wait, notifications, the poll timer, and
 * stopping. It is driven by libanole's service loop, which hands requests to message.c.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <string.h>

/* Rounds of work before the loop looks for messages again. */
#define ROUNDS_MAX 4u
#define OWN_TIMEOUT_US 3000000u /* before RS loses patience with a start */
#define STOP_TIMEOUT_US 1000000u
#define WAIT_US 10000u

_Thread_local struct blk_server *blk_server;

/* ---- the server's own requests, at start and at stop ---- */

static int own_request(struct blk_piece *piece)
{
    struct blk_device *device = blk_server->device;
    uint64_t deadline = deadline_in_us(OWN_TIMEOUT_US);
    piece->token = BLK_NONE;
    blk_server->own_done = false;
    device->ops->submit(device, piece);
    device->ops->kick(device);
    while (!blk_server->own_done) {
        if (ticks_now() >= deadline) {
            device->ops->stuck(device);
            return -ANOLE_ETIMEDOUT;
        }
        if (!device->ops->arm(device, 1))
            device->ops->wait(device, deadline_in_us(WAIT_US));
        device->ops->reap(device);
    }
    return blk_server->own_status;
}

struct own_reader {
    struct partition_reader reader;
    uint64_t device_address;
};

static int own_read(struct partition_reader *reader, uint64_t sector, size_t len)
{
    const struct own_reader *own = (const struct own_reader *)reader; /* its first member */
    uint64_t most = blk_server->device->max_segment_bytes;
    for (size_t done = 0; done < len;) {
        struct dma_segment segment = {.device_address = own->device_address + done};
        segment.len_bytes = len - done < most ? len - done : most;
        struct blk_piece piece = {
            .type = BLK_READ,
            .sector = sector + done / BLK_SECTOR_SIZE,
            .bytes = segment.len_bytes,
            .segments = &segment,
            .segment_count = 1,
        };
        int rc = own_request(&piece);
        if (rc < 0)
            return rc;
        done += segment.len_bytes;
    }
    return 0;
}

/* The serial number; a device that has none gives an error, and an empty one. */
static void read_serial(struct blk_device *device, const char *buffer, uint64_t device_address)
{
    struct dma_segment segment = {device_address, sizeof(device->serial)};
    struct blk_piece piece = {
        .type = BLK_IDENTIFY,
        .bytes = sizeof(device->serial),
        .segments = &segment,
        .segment_count = 1,
    };
    if (own_request(&piece) == 0)
        memcpy(device->serial, buffer, sizeof(device->serial));
}

/* ---- start ---- */

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Whatever a device says, what follows can be computed with. */
static void clamp_device(struct blk_device *device)
{
    uint32_t block = device->logical_block_bytes;
    if (block < BLK_SECTOR_SIZE || block > 65536 || (block & (block - 1)) != 0) {
        log_printf(LOG_WARNING, "%s: block size %u is none, using %u", device->name, block,
                   BLK_SECTOR_SIZE);
        block = BLK_SECTOR_SIZE;
    }
    device->logical_block_bytes = block;
    if (device->physical_block_bytes < block)
        device->physical_block_bytes = block;
    device->max_segments = clamp(device->max_segments, 1, BLK_PIECE_SEGMENTS_MAX);
    device->max_in_flight = clamp(device->max_in_flight, 1, BLK_JOBS);
    /* Whole blocks, so that a block never needs more segments because of this. */
    device->max_segment_bytes = clamp(device->max_segment_bytes, block, 1u << 30);
    device->max_segment_bytes -= device->max_segment_bytes % block;
    uint64_t block_sectors = block / BLK_SECTOR_SIZE;
    device->max_discard_sectors -= device->max_discard_sectors % block_sectors;
    device->max_zeroes_sectors -= device->max_zeroes_sectors % block_sectors;
    uint32_t *alignment = &device->discard_alignment_sectors;
    if (*alignment > device->max_discard_sectors || *alignment % block_sectors != 0)
        *alignment = 0;
    /* What can't be flushed can't be told to be volatile. */
    if ((device->flags & BLK_INFO_FLUSH) == 0)
        device->flags &= ~(BLK_INFO_WRITE_BACK | BLK_INFO_CACHE_MODES);
    if (device->max_discard_sectors == 0)
        device->flags &= ~BLK_INFO_DISCARD;
    if (device->max_zeroes_sectors == 0)
        device->flags &= ~BLK_INFO_WRITE_ZEROES;
}

/* The capacity in whole blocks; in bytes it still is a positive number. */
static uint64_t whole_blocks(const struct blk_device *device, uint64_t sectors)
{
    uint64_t most = INT64_MAX / BLK_SECTOR_SIZE;
    if (sectors > most)
        sectors = most;
    return sectors - sectors % (device->logical_block_bytes / BLK_SECTOR_SIZE);
}

/* Partitions beyond the end shrink. */
static void follow_capacity(struct blk_device *device)
{
    uint64_t capacity = atomic_load_explicit(&blk_shared.capacity_sectors, memory_order_relaxed);
    device->capacity_sectors = capacity;
    blk_server->minor_sectors[0] = capacity;
    for (unsigned i = 1; i < BLK_MINORS; i++) {
        const struct partition *partition = &blk_shared.table.partition[i];
        uint64_t left = partition->start_sector < capacity ? capacity - partition->start_sector : 0;
        blk_server->minor_sectors[i] = partition->sectors < left ? partition->sectors : left;
    }
}

void blk_server_follow(void)
{
    struct blk_device *device = blk_server->device;
    uint64_t capacity_before = device->capacity_sectors;
    uint32_t flags_before = device->flags;
    follow_capacity(device);
    device->flags &= ~BLK_INFO_WRITE_BACK;
    if (blk_cache_mode() == BLK_CACHE_WRITE_BACK)
        device->flags |= BLK_INFO_WRITE_BACK;
    if (device->capacity_sectors < capacity_before)
        blk_refuse_beyond();
    if (device->capacity_sectors != capacity_before || device->flags != flags_before)
        blk_session_tell_change();
}

void blk_server_resized(struct blk_device *device, uint64_t capacity_sectors)
{
    capacity_sectors = whole_blocks(device, capacity_sectors);
    atomic_store_explicit(&blk_shared.capacity_sectors, capacity_sectors, memory_order_relaxed);
    blk_server_follow();
    blk_siblings_ring();
}

static void init_lists(struct blk_server *server)
{
    for (unsigned i = 0; i < BLK_JOBS; i++)
        server->job[i].next = (uint16_t)(i + 1 < BLK_JOBS ? i + 1 : BLK_NONE);
    server->free_jobs = BLK_JOBS;
    for (unsigned i = 0; i < BLK_VECTORS; i++)
        server->vector[i].next = (uint16_t)(i + 1 < BLK_VECTORS ? i + 1 : BLK_NONE);
}

static void log_partitions(const struct blk_device *device, const struct partition_table *table,
                           int error)
{
    static const char *const scheme[] = {
        [PARTITION_NONE] = "no partition table",
        [PARTITION_MBR] = "MBR",
        [PARTITION_GPT] = "GPT",
        [PARTITION_GPT_BACKUP] = "backup GPT, the primary one is broken",
        [PARTITION_BROKEN] = "a GPT is announced, but both copies are broken",
    };
    unsigned partitions = 0;
    for (unsigned i = 1; i < BLK_MINORS; i++)
        partitions += table->partition[i].sectors != 0;
    if (error < 0)
        log_printf(LOG_WARNING, "%s: reading its partition table: %s", device->name,
                   anole_error_text(error));
    else if (table->refused > 0 || table->clamped > 0)
        log_printf(LOG_WARNING, "%s: %s, %u partitions; %u entries make no sense, %u are cut short",
                   device->name, scheme[table->scheme], partitions, table->refused, table->clamped);
    else
        log_printf(table->scheme > PARTITION_GPT ? LOG_WARNING : LOG_INFO, "%s: %s, %u partitions",
                   device->name, scheme[table->scheme], partitions);
}

static void read_partitions(struct blk_device *device, void *buffer, uint64_t device_address,
                            size_t len)
{
    struct own_reader own = {
        .reader = {.read = own_read,
                   .buffer = buffer,
                   .buffer_len = len,
                   .block_bytes = device->logical_block_bytes,
                   .disk_sectors = device->capacity_sectors},
        .device_address = device_address,
    };
    if (len < device->logical_block_bytes) {
        log_printf(LOG_WARNING, "%s: blocks of %u bytes are too long to look for partitions",
                   device->name, device->logical_block_bytes);
        return;
    }
    int rc = partition_scan(&own.reader, &blk_shared.table);
    log_partitions(device, &blk_shared.table, rc);
}

void blk_server_init(struct blk_server *server, struct blk_device *device)
{
    memset(server, 0, sizeof(*server));
    server->device = device;
    server->timer_ticks = DEADLINE_NEVER;
    server->poll_ticks = ticks_from_us(BLK_POLL_US);
    server->max_request_bytes = blk_gather_limit(device);
    init_lists(server);
}

void blk_server_start(struct blk_device *device, void *buffer, uint64_t buffer_device_address,
                      size_t len)
{
    static struct blk_server first;
    clamp_device(device);
    blk_server_init(&first, device);
    blk_server = &first;
    memset(&blk_shared, 0, sizeof(blk_shared));
    blk_shared.queue[0] = blk_server;
    blk_shared.queues = 1;
    blk_shared.write_back = (device->flags & BLK_INFO_WRITE_BACK) != 0;
    uint64_t said = device->capacity_sectors;
    blk_shared.capacity_sectors = whole_blocks(device, said);
    blk_server_follow();
    if (device->capacity_sectors != said)
        log_printf(LOG_WARNING, "%s: its %lu sectors aren't whole blocks of %u bytes, using %lu",
                   device->name, (unsigned long)said, device->logical_block_bytes,
                   (unsigned long)device->capacity_sectors);
    read_serial(device, buffer, buffer_device_address);
    if (device->capacity_sectors > 0)
        read_partitions(device, buffer, buffer_device_address, len);
    blk_server_follow(); /* there are partitions now */
}

/* ---- the work ---- */

static bool busy(void)
{
    return blk_server->device->stats.in_flight_now > 0 || blk_server->pending_mask != 0 ||
           blk_server->awake_mask != 0;
}

/* One round: finish what is finished, take what is there, fill the device, tell everyone. True: more
 * came meanwhile. */
static bool work_round(bool *submitted)
{
    struct blk_device *device = blk_server->device;
    if (device->stats.in_flight_now > 0)
        device->ops->reap(device);
    if (blk_server->awake_mask != 0)
        blk_channels_take();
    blk_dispatch();
    if (blk_server->unkicked) {
        blk_server->unkicked = false;
        *submitted = true;
        device->ops->kick(device);
    }
    if (blk_server->reply_mask != 0)
        blk_channels_publish();
    bool more = false;
    if (device->stats.in_flight_now > 0)
        more = device->ops->arm(device, blk_interrupt_after());
    if (blk_server->awake_mask != 0)
        more |= blk_channels_arm();
    return more;
}

static void work(void)
{
    bool submitted = false;
    unsigned round = 0;
    while (work_round(&submitted) && ++round < ROUNDS_MAX)
        continue;
    blk_server->again = round == ROUNDS_MAX;
    blk_server->device->stats.batches += submitted;
    if (blk_server->timer_ticks == DEADLINE_NEVER && busy())
        blk_server->timer_ticks = ticks_now() + blk_server->poll_ticks;
}

static void notified(uint64_t bits)
{
    if ((bits & NOTIFY_BIT(BLK_BIT_CHANNEL)) != 0) {
        uint64_t mask = blk_server->attached_mask;
        for (; mask != 0; mask &= mask - 1) {
            const struct blk_session *session = &blk_server->session[__builtin_ctzll(mask)];
            if (session->state == BLK_SESSION_OPEN && !session->detaching && !session->broken)
                blk_server->awake_mask |= blk_session_bit(session);
        }
    }
    if ((bits & NOTIFY_BIT(BLK_BIT_WATCH)) != 0)
        blk_session_bury();
    if ((bits & NOTIFY_BIT(BLK_BIT_SIBLING)) != 0)
        blk_sibling_rang();
    bits &= ~(NOTIFY_BIT(BLK_DEVICE_BIT) - 1);
    if (bits != 0)
        blk_server->device->ops->notified(blk_server->device, bits);
}

/* ---- the poll timer ---- */

static uint64_t deadline(void)
{
    return blk_server->again ? DEADLINE_POLL : blk_server->timer_ticks;
}

/* Whether a job in the device has been there longer than can be right. */
static bool overdue(const struct blk_job *job, uint64_t now)
{
    uint32_t polls = blk_server->polls - job->submitted_poll;
    if (job->deadline_ticks == 0)
        return polls >= BLK_DEFAULT_POLLS;
    return polls >= BLK_PATIENCE_POLLS && job->deadline_ticks <= now;
}

static void look_at_deadlines(uint64_t now)
{
    struct blk_device *device = blk_server->device;
    for (unsigned i = 0; i < BLK_JOBS; i++) {
        struct blk_job *job = &blk_server->job[i];
        if (job->state == BLK_JOB_PENDING && job->deadline_ticks != 0 &&
            job->deadline_ticks <= now) {
            blk_job_refuse(job, -ANOLE_ETIMEDOUT);
        } else if (job->state == BLK_JOB_SUBMITTED && overdue(job, now)) {
            device->stats.timeouts++;
            log_printf(LOG_ERROR, "%s: request %u (type %#x, sector %lu) is not answered",
                       device->name, job->id, job->type, (unsigned long)job->sector);
            device->ops->stuck(device);
            return;
        }
    }
}

static void timeout(void)
{
    struct blk_device *device = blk_server->device;
    uint64_t now = ticks_now();
    if (now < blk_server->timer_ticks)
        return; /* only another round was wanted */
    blk_server->polls++;
    device->ops->check(device);
    device->ops->reap(device);
    look_at_deadlines(now);
    blk_server->timer_ticks = busy() ? now + blk_server->poll_ticks : DEADLINE_NEVER;
}

/* ---- stop ---- */

void blk_server_drain(void)
{
    struct blk_device *device = blk_server->device;
    uint64_t until = deadline_in_us(STOP_TIMEOUT_US);
    while (device->stats.in_flight_now > 0 && ticks_now() < until) {
        if (!device->ops->arm(device, 1))
            device->ops->wait(device, deadline_in_us(WAIT_US));
        device->ops->reap(device);
    }
    blk_channels_publish();
}

static void stop(void)
{
    struct blk_device *device = blk_server->device;
    struct blk_stats stats;
    blk_siblings_stop();
    blk_server_drain();
    blk_stats_sum(&stats);
    if (stats.in_flight_now == 0 && stats.writes > 0 && (device->flags & BLK_INFO_FLUSH) != 0) {
        struct blk_piece piece = {.type = BLK_FLUSH};
        (void)own_request(&piece); /* nobody is left to be told */
    }
    device->ops->quiesce(device);
}

_Noreturn void blk_server_run(void)
{
    blk_server->service = (struct service){
        .name = blk_server->device->name,
        .entries = blk_service_entries,
        .entry_count = blk_service_entry_count,
        .notified = notified,
        .before_wait = work,
        .stop = stop,
        .deadline = deadline,
        .timeout = timeout,
    };
    service_run(&blk_server->service);
}
