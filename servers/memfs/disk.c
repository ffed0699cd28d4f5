/*
 * Disks that are open: see disk.h.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <string.h>

#define POOL_BYTES (128u * 1024u) /* of each: a request, at most */
#define COMING_US 10000000u       /* that an open waits for a driver */
#define LOOK_US 20000u

static struct disk disks[DISKS_OPEN];
static unsigned disks_first_bit;

void disks_init(unsigned first_bit)
{
    disks_first_bit = first_bit;
}

/* ---- who uses it ---- */

struct disk *disk_use(uint64_t node, bool write)
{
    for (unsigned i = 0; i < DISKS_OPEN; i++) {
        struct disk *disk = &disks[i];
        if (disk->client && disk->node == node && disk->write == write) {
            disk->uses++;
            return disk;
        }
    }
    return NULL;
}

void disk_drop(struct disk *disk)
{
    if (--disk->uses > 0)
        return;
    blk_end(disk->client); /* nothing is in flight: each request is one more use */
    *disk = (struct disk){0};
}

static int disk_begin(uint64_t node, const char *name, bool write, struct disk **begun)
{
    unsigned i = 0;

    while (i < DISKS_OPEN && disks[i].client)
        i++;
    if (i == DISKS_OPEN)
        return -ANOLE_EMFILE;
    const struct blk_client_options options = {
        .write = write,
        .depth = 1,
        .pool_bytes = POOL_BYTES,
        .retain_bytes = BLK_RETAIN_NONE, /* what was answered is durable */
        .notify_bit = disks_first_bit + i * DISK_BITS,
    };
    disks[i] = (struct disk){.node = node, .write = write, .uses = 1, .seen = -ANOLE_EAGAIN};
    *begun = &disks[i];
    return blk_begin(&disks[i].client, name, &options);
}

/* ---- opening ---- */

/* What the next try won't change. */
static bool is_final(int status)
{
    return status == 0 || status == -ANOLE_ENOENT || status == -ANOLE_EBUSY ||
           status == -ANOLE_EROFS || status == -ANOLE_EGIVENUP || status == -ANOLE_ENOMEM ||
           status == -ANOLE_EPERM;
}

static int wait_for_driver(struct disk *disk)
{
    uint64_t until = deadline_in_us(COMING_US);
    int status;

    while (!is_final(status = blk_status(disk->client)) && ticks_now() < until)
        coro_queue_wait(&disk->opening);
    return status;
}

int disk_open(uint64_t node, const char *name, bool write)
{
    struct disk *disk = disk_use(node, write);
    int error = disk ? 0 : disk_begin(node, name, write, &disk);

    if (error)
        return error;
    error = wait_for_driver(disk);
    if (error)
        disk_drop(disk);
    return error;
}

void disk_close(uint64_t node, bool write)
{
    struct disk *disk = disk_use(node, write);

    if (disk) {
        disk->uses--; /* that one, and the file's */
        disk_drop(disk);
    }
}

/* ---- the loop ---- */

void disks_notified(uint64_t bits)
{
    for (unsigned i = 0; i < DISKS_OPEN; i++)
        if (disks[i].client)
            blk_notified(disks[i].client, bits);
}

/* Those who wait for the driver look at what has changed, and from time to time at the clock. */
static void opening_step(struct disk *disk)
{
    int status = blk_status(disk->client);

    if (!disk->opening.first || (status == disk->seen && ticks_now() < disk->look_ticks))
        return;
    disk->seen = status;
    disk->look_ticks = deadline_in_us(LOOK_US);
    coro_queue_wake_all(&disk->opening);
}

static void disk_step(struct disk *disk)
{
    struct blk_completion completion;

    blk_step(disk->client);
    opening_step(disk);
    if (blk_take(disk->client, &completion, 1) > 0) {
        disk->status = completion.status;
        disk->requested = false;
        coro_queue_wake_all(&disk->answer);
    }
}

void disks_step(void)
{
    for (unsigned i = 0; i < DISKS_OPEN; i++)
        if (disks[i].client)
            disk_step(&disks[i]);
}

static uint64_t disk_deadline(const struct disk *disk)
{
    uint64_t deadline = blk_deadline(disk->client);

    if (blk_arm(disk->client))
        return DEADLINE_POLL;
    return disk->opening.first && disk->look_ticks < deadline ? disk->look_ticks : deadline;
}

uint64_t disks_deadline(void)
{
    uint64_t first = DEADLINE_NEVER;

    for (unsigned i = 0; i < DISKS_OPEN; i++) {
        uint64_t deadline = disks[i].client ? disk_deadline(&disks[i]) : DEADLINE_NEVER;
        if (deadline < first)
            first = deadline;
    }
    return first;
}
