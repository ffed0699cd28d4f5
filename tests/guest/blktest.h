/*
 * blktest: what its files share. The groups of tests speak the raw protocol of <proto/blk.h>, by
 * messages and through a channel of their own, with no help from libblk, so that they can break every
 * rule of it; some groups at the end use libblk itself.
 *
 *   blktest.c           arguments, the table of groups, checks and the report
 *   blktest_raw.c       sessions and requests on either path
 *   blktest_channel.c   the raw channel client
 *   blktest_buffer.c    buffers with guard areas; stamped sectors
 *   blktest_session.c   groups: open and close, information, attaching
 *   blktest_data.c      groups: reads and writes, single and vectored
 *   blktest_bad.c       groups: what must be refused
 *   blktest_limits.c    groups: ends of disks and partitions, high positions, read-only disks
 *   blktest_features.c  groups: geometry, topology, serial number, cache modes, resizing
 *   blktest_space.c     groups: discarding, writing zeroes
 *   blktest_batch.c     groups: merged neighbours, fairness
 *   blktest_queues.c    group: several queues
 *   blktest_flight.c    groups: many in flight, cancel, deadlines, pins
 *   blktest_hostile.c   group: hostile channels
 *   blktest_clients.c   groups: several processes, one of which dies; its children
 *   blktest_libblk.c    groups: libblk's client, what it retains, deaths under it
 *   blktest_long.c      group: long writes
 *   blktest_service.c   ordering deaths
 *   blktest_counters.c  group: exact budgets
 */
#ifndef BLKTEST_H
#define BLKTEST_H

#include <libanole/anole.h>
#include <libblk/client.h>
#include <libchan/channel.h>
#include <proto/blk.h>
#include <proto/rs.h>

#define PATIENCE_US 10000000u /* for what must happen; only a failure waits that long */

/* Own notification bits. */
enum { BIT_CHANNEL = 0, BIT_UNPINNED = 1, BIT_EVENT = 2, BIT_LIBBLK = 4 };

enum path { PATH_MESSAGE, PATH_CHANNEL };

/* ---- options and the device under test (blktest.c) ---- */

struct options {
    const char *device;            /* as given: "vda1" */
    char driver_name[RS_NAME_LEN]; /* "vda" */
    unsigned minor;
    bool write; /* --rw */
    uint64_t seed;
    const char *group; /* only this one; NULL: all */
    bool no_message, no_channel;
    unsigned mib;           /* longwrite */
    unsigned kill_every_ms; /* longwrite; 0: no kills */
    const char *service;    /* whom to kill; NULL: who serves the device */
};
extern struct options options;

/* What all groups know; read once at the start, the driver again at each group's. */
extern endpoint_t driver;
extern struct blk_info disk;
/* Sectors of the minor that may be overwritten, whole blocks: tables at both ends are left alone. */
extern uint64_t scratch_start, scratch_end;

/* ---- groups and checks (blktest.c) ---- */

#define NEEDS_WRITE 1u  /* a writable disk and --rw */
#define BOTH_PATHS 2u   /* is run once on each path */
#define ONLY_CHANNEL 4u /* speaks through a channel itself */

struct group {
    const char *name;
    unsigned needs;
    void (*run)(enum path path);
};

/* Counts a check; prints where and what if it failed. Returns ok. */
__attribute__((format(printf, 3, 4))) bool check(bool ok, int line, const char *format, ...);
/* The same for a status. */
bool check_status(int found, int expected, int line, const char *what);
/* The same where several statuses are right; the list ends with 1. */
bool check_one_of(int found, const int *expected, int line, const char *what);
/* The rest of the group makes no sense here: it counts as skipped. The group then returns. */
__attribute__((format(printf, 1, 2))) void skip(const char *format, ...);

#define CHECK(condition) check((condition), __LINE__, "%s", #condition)
#define EXPECT(call, expected) check_status((call), (expected), __LINE__, #call)
#define EXPECT_ONE_OF(call, ...)                                                                   \
    check_one_of((call), (const int[]){__VA_ARGS__, 1}, __LINE__, #call)

uint64_t random_next(void);            /* from the seed */
uint64_t random_below(uint64_t limit); /* limit > 0 */
uint32_t block_bytes(void);            /* logical block size */
/* A random position of a piece of len bytes in the scratch area (or anywhere if only read). */
uint64_t random_sector(size_t len, bool for_writing);

/* ---- buffers (blktest_buffer.c) ---- */

/* Memory of whole blocks with guard areas directly before and behind it, and a grant of exactly it. */
struct buffer {
    uint8_t *data;
    size_t len;
    uint8_t *mapping;
    size_t mapping_len;
    handle_t grant; /* HANDLE_NONE: revoked or never made */
};

/* skew: bytes that data is off a page's start. Both end with the group if they aren't freed before. */
struct buffer *buffer_new(size_t len, size_t skew);
/* Grants it to the driver with GRANT_*. */
bool buffer_grant(struct buffer *buffer, unsigned access);
/* Takes the grant back, waits for pins to go. */
bool buffer_revoke(struct buffer *buffer);
/* Are the guards untouched? A check. */
bool buffer_guarded(const struct buffer *buffer, int line);
void buffer_fill(struct buffer *buffer, uint8_t byte);
/* Is every byte this one? */
bool buffer_is(const struct buffer *buffer, uint8_t byte);
void buffers_free(void);

#define GUARDED(buffer) buffer_guarded((buffer), __LINE__)

/* Fills whole sectors that will lie at this position of the minor: each carries its position, a
 * generation and a checksum of all of it. */
void stamp_fill(void *data, uint64_t sector, size_t len, uint64_t generation);
/* NULL, or what is wrong with them. The text is overwritten by the next call. */
const char *stamp_check(const void *data, uint64_t sector, size_t len, uint64_t generation);
uint64_t generation_next(void); /* a new one, never used before on this disk by this run */

/* ---- sessions and requests (blktest_raw.c) ---- */

struct session {
    bool open;
    uint64_t id;
    unsigned minor;
    uint64_t capacity;
    uint32_t last_request_id;
    uint64_t done_bytes;         /* of the last request */
    struct raw_channel *channel; /* NULL: requests are messages */
};

/* Calls the driver; the delivery's error or the reply's status. */
int raw_call(uint32_t type, struct message *message);
/* Opens a minor; a session that is open ends with the group. */
int raw_open(struct session **session, unsigned minor, uint32_t flags);
/* The same with a doorbell that the driver rings when INFO has changed. */
int raw_open_belled(struct session **session, unsigned minor, uint32_t flags, handle_t bell);
/* Opens the minor under test on a path; NULL if that failed, which is a failed check. */
struct session *open_path(enum path path, uint32_t flags);
int raw_close(struct session *session);
void sessions_close(void);
int raw_info(unsigned minor, struct blk_info *info);
int raw_stats(struct blk_stats *stats);

/* A request on the session's path, waited for. */
struct request {
    uint32_t type, flags;
    uint64_t sector;
    handle_t grant;
    uint64_t offset, len;
    uint64_t deadline_ticks;
};
int raw_request(struct session *session, const struct request *request);
struct message request_message(struct session *session, const struct request *request);
/* Whole buffers. */
int raw_read(struct session *session, uint64_t sector, const struct buffer *buffer);
int raw_write(struct session *session, uint64_t sector, const struct buffer *buffer);
int raw_flush(struct session *session);

/* ---- the raw channel (blktest_channel.c) ---- */

struct raw_channel {
    bool used;
    struct channel channel;
    void *memory;
    size_t memory_len;
    handle_t region, offer, doorbell, driver_doorbell;
    const struct buffer *pool; /* granted and attached; NULL: none */
};

/* Makes a channel and attaches it; pool may be NULL (its grant must be there). The ATTACH's status. */
int channel_attach(struct session *session, uint32_t entries, const struct buffer *pool);
/* Detaches if the session is open; frees. */
int channel_detach(struct session *session);
/* 0, -EAGAIN (full), -EPROTO. Not published. */
int channel_queue(struct session *session, const struct message *message);
/* Publishes and rings. */
int channel_kick(struct session *session);
/* The next reply: 0, -ETIMEDOUT after PATIENCE_US, -EPROTO. */
int channel_reply(struct session *session, struct message *reply);

/* ---- libblk's client (blktest_libblk.c) ---- */

/* Opens the device under test with these options on a path; NULL if that failed (a failed check). */
struct blk_client *client_open(enum path path, const struct blk_client_options *wanted);

/* ---- the driver as a service (blktest_service.c) ---- */

/* The name of the service that publishes the device under test. ENOENT, RS's errors. */
int service_find(char name[RS_NAME_LEN]);
/* Orders it. EPERM: this program may not. */
int service_kill(const char *service);
int service_inject(const char *service, enum fault_kind kind);

/* ---- groups ---- */

void group_open(enum path path);
void group_info(enum path path);
void group_attach(enum path path);
void group_read(enum path path);
void group_write(enum path path);
void group_vectors(enum path path);
void group_bad_vectors(enum path path);
void group_bad_grants(enum path path);
void group_revoke(enum path path);
void group_bad_requests(enum path path);
void group_alignment(enum path path);
void group_limits(enum path path);
void group_partitions(enum path path);
void group_neighbours(enum path path);
void group_high(enum path path);
void group_read_only(enum path path);
void group_geometry(enum path path);
void group_topology(enum path path);
void group_identify(enum path path);
void group_cache(enum path path);
void group_resize(enum path path);
void group_discard(enum path path);
void group_zeroes(enum path path);
void group_merge(enum path path);
void group_fairness(enum path path);
void group_queues(enum path path);
void group_flood(enum path path);
void group_cancel(enum path path);
void group_deadlines(enum path path);
void group_hostile_channel(enum path path);
void group_clients(enum path path);
void group_flush(enum path path);
void group_libblk(enum path path);
void group_retain(enum path path);
void group_recovery(enum path path);
void group_loop(enum path path);
void group_stuck(enum path path);
void group_longwrite(enum path path);
void group_counters(enum path path);

/* What a child process does: blktest --child WHAT DEV SEED START END PATH. Its exit status. */
int child_main(int argc, char *argv[]);

#endif
