/*
 * Inside libblk's driver side: the state that its files share. There is one disk a process. Each of
 * its queues is served by a thread of its own, with its own struct blk_server, and what clients open
 * at that thread stays there; a disk of one queue has the main thread's. What belongs to all of the
 * disk is in struct blk_shared.
 *
 *   server.c       start, the work before each wait, notifications, the poll timer, stopping
 *   queues.c       more queues, and what their threads tell each other
 *   session.c      who has opened what; death of clients
 *   attach.c       channels and pools
 *   message.c      from a message to a checked request; the table of request types
 *   information.c  INFO, STATS, IDENTIFY
 *   dispatch.c     requests from their acceptance to their reply
 *   submit.c       from pending requests to pieces in the device, fairly
 *   gather.c       from grants, vectors and pool offsets to DMA segments
 *   partition.c, gpt.c   partition tables
 */
#ifndef LIBBLK_BLKDRV_H
#define LIBBLK_BLKDRV_H

#include "partition.h"
#include "server.h"

#include <libanole/lock.h>
#include <libdrv/attachment.h>
#include <libdrv/pool.h>
#include <stdatomic.h>

#define BLK_BIT_CHANNEL 0u /* doorbells of all channels */
#define BLK_BIT_WATCH 1u   /* a client died */
#define BLK_BIT_SIBLING 2u /* another queue's thread has changed something in blk_shared */

#define BLK_SESSIONS 64u /* of a queue */
#define BLK_SESSIONS_A_PROCESS 16u
#define BLK_JOBS 512u
#define BLK_SHARE 4u    /* requests that each session can always have */
#define BLK_VECTORS 16u /* vectored requests in the device at a time */
/* Neighbours are no longer merged into one piece when it has so many bytes. */
#define BLK_MERGED_BYTES_MAX (64u * 1024u)
#define BLK_NONE 0xffffu

/* Segments of one request, at most: its pages, and two more for each element of a vector. */
#define BLK_SEGMENTS (BLK_REQUEST_BYTES_MAX / 4096u + 2u * BLK_VECTOR_MAX)

enum blk_job_state {
    BLK_JOB_FREE,
    BLK_JOB_PENDING,   /* on its session's list */
    BLK_JOB_SUBMITTED, /* pieces of it are in the device */
};

/* A request of a client that the device has to do with: a job for the device. */
struct blk_job {
    uint16_t next; /* free list, or its session's pending list */
    uint8_t state; /* enum blk_job_state */
    uint8_t session;
    uint32_t type;
    uint32_t id;
    uint32_t flags;
    endpoint_t caller; /* by message */
    uint32_t bytes;    /* of data; for a vector known when it is mapped */
    uint64_t call_id;  /* by message; 0: by channel */
    uint64_t sector;   /* of the minor; CACHE: the mode */
    handle_t grant;
    uint64_t offset;
    uint64_t length;         /* bytes, or elements of the vector */
    uint64_t deadline_ticks; /* 0: the default */
    handle_t mapping;        /* of a single buffer */
    uint32_t submitted_poll;
    uint16_t vector; /* index of its mappings, or BLK_NONE */
    uint16_t pieces; /* in the device */
    uint16_t merged; /* the next request that shares its piece, or BLK_NONE */
    int32_t status;  /* first error of its pieces */
    bool alone;      /* is not to be merged: a piece that it shared has failed */
    bool cached;     /* was written while the device's cache was volatile */
    bool flushing;   /* its data is written and must be durable: its flush is in the device */
    bool urgent;     /* counted in blk_server->urgent */
};

/* Mappings of a vectored request in the device. */
struct blk_vector {
    uint16_t next;
    uint16_t count;
    handle_t mapping[BLK_VECTOR_MAX];
};

enum blk_session_state {
    BLK_SESSION_FREE,
    BLK_SESSION_OPEN,
    BLK_SESSION_ENDING, /* its client is gone; requests are still in the device */
};

struct blk_session {
    uint8_t state; /* enum blk_session_state */
    uint8_t flags; /* BLK_OPEN_* */
    uint8_t minor;
    bool attached;
    bool detaching; /* DETACH waits in `detach` for the channel's last request */
    bool broken;    /* the client broke its channel's rules */
    uint32_t generation;
    endpoint_t process;
    endpoint_t opener; /* the thread that opened, for a quick comparison */
    uint16_t pending_first, pending_last;
    uint16_t slots; /* requests of it, pending or in the device */
    uint16_t in_device;
    uint16_t channel_slots; /* those that came by channel */
    handle_t watch;
    handle_t change_bell; /* the opener's, rung when INFO has changed; HANDLE_NONE: it has none */
    struct attachment attachment;
    struct pool pool;
    struct ipc_delivery detach;
};

/* Who sent a request, and by which way. */
struct blk_source {
    struct blk_session *channel; /* whose channel; NULL: a message */
    endpoint_t endpoint;         /* sender of the message, or the channel's process */
    uint64_t call_id;
    uint64_t now_ticks;            /* about when it was taken */
    struct ipc_delivery *delivery; /* of a message */
};

/* All of a request's memory, in order. */
struct blk_gathering {
    struct dma_segment segments[BLK_SEGMENTS];
    unsigned count;
    uint64_t bytes;
};

/* Where the next piece of a gathering begins. */
struct blk_cursor {
    unsigned index;
    uint64_t skip;  /* bytes of segments[index] that are done */
    uint64_t bytes; /* in all pieces so far */
};

/* A request in more pieces than an idle device takes: they go in as others come out. */
struct blk_long {
    bool active;
    uint16_t job;
    struct blk_cursor cursor;
    struct blk_gathering gathering;
};

/* Memory that is used within one function only, and too much for a stack. */
struct blk_scratch {
    struct dma_segment mapped[POOL_PAGES_OF(BLK_REQUEST_BYTES_MAX)];
    struct blk_segment elements[BLK_VECTOR_MAX];
    struct blk_gathering gathering;
};

/* How far a queue's thread has come. */
enum blk_server_state {
    BLK_SERVER_STARTING,
    BLK_SERVER_SERVING,
    BLK_SERVER_FAILED,  /* it never served, and has ended */
    BLK_SERVER_STOPPED, /* at the end of the process: nothing of it is in the device */
};

struct blk_server {
    struct blk_device *device;
    endpoint_t thread;      /* queues other than the first: who serves it */
    handle_t bell;          /* rings BLK_BIT_SIBLING of that thread */
    _Atomic unsigned state; /* enum blk_server_state */
    uint64_t pending_mask;  /* sessions with pending requests */
    uint64_t device_mask;   /* sessions with requests in the device */
    uint64_t device_bytes;  /* of all requests in the device */
    uint64_t awake_mask;    /* attached sessions whose channel isn't armed */
    uint64_t reply_mask;    /* sessions with unpublished replies */
    uint64_t arm_mask;      /* awake ones that were found empty: to be armed before a wait */
    uint64_t attached_mask;
    uint64_t timer_ticks; /* when to look at the device again; DEADLINE_NEVER: idle */
    uint64_t poll_ticks;  /* BLK_POLL_US */
    uint32_t polls;
    uint16_t free_job;
    uint16_t free_jobs;
    uint16_t free_vector;
    uint16_t turn; /* the session whose turn it is in the device */
    uint16_t sessions_open;
    uint16_t urgent; /* requests in the device that are waited for one by one */
    bool again;      /* don't sleep: there is more to do than one round does */
    bool unkicked;   /* the device has pieces that it wasn't told of */
    bool own_done;   /* the server's own request is finished ... */
    int own_status;  /* ... with this */
    uint32_t max_request_bytes;
    uint64_t minor_sectors[BLK_MINORS]; /* as the disk's size allows; 0: no such minor */
    struct blk_job job[BLK_JOBS];
    struct blk_session session[BLK_SESSIONS];
    struct blk_vector vector[BLK_VECTORS];
    struct blk_scratch scratch;
    struct blk_long going;
    struct service service;
};

/* The one of this thread. */
extern _Thread_local struct blk_server *blk_server;

/*
 * What all queues share. Partitions, servers and their number are written before the second thread
 * starts, and only read from then on. Sessions that write exclude each other whatever queue they are
 * opened at: `state`, `flags`, `minor` and `process` of sessions are written under the lock, by the
 * session's own thread, and read by others under it.
 */
struct blk_shared {
    endpoint_t process;
    unsigned queues;
    struct blk_server *queue[BLK_QUEUES];
    struct partition_table table;
    struct __lock sessions;
    _Atomic uint64_t capacity_sectors;
    _Atomic bool write_back; /* the device's cache is volatile */
    _Atomic bool stopping;
};
extern struct blk_shared blk_shared;

/* ---- server.c ---- */
/* Prepares a server for a device whose description makes sense. */
void blk_server_init(struct blk_server *server, struct blk_device *device);
/* Follows what blk_shared says of the disk; clients are told of a change. */
void blk_server_follow(void);
/* Waits, up to a second, until nothing is in the device. */
void blk_server_drain(void);

/* ---- queues.c ---- */
/* BLK_CACHE_WRITE_THROUGH or BLK_CACHE_WRITE_BACK. */
enum blk_cache_mode blk_cache_mode(void);
/* Sets it, for all queues. */
void blk_cache_mode_set(bool write_back);
/* Rings the threads of all other queues: blk_shared has changed. */
void blk_siblings_ring(void);
/* BLK_BIT_SIBLING was rung. */
void blk_sibling_rang(void);
/* Has the threads of all other queues finish and end; bounded in time. */
void blk_siblings_stop(void);
/* w1 hart or ~0 -> w1 endpoint of the thread to open at, w2 number of queues. */
int blk_queue_tell(const struct blk_source *source, const struct message *request,
                   struct message *reply);

/* ---- session.c ---- */
/* The session that a source may use under that id, or NULL. */
struct blk_session *blk_session_of(const struct blk_source *source, uint64_t id);
int blk_session_open(const struct blk_source *source, const struct message *request,
                     struct message *reply);
int blk_session_close(const struct blk_source *source, const struct message *request,
                      struct message *reply);
/* Rings all who want to know that INFO has changed. */
void blk_session_tell_change(void);
/* Ends the sessions of processes that are dead. */
void blk_session_bury(void);
/* One request of the session is finished: it may have waited for that. */
void blk_session_settle(struct blk_session *session);

static inline unsigned blk_session_index(const struct blk_session *session)
{
    return (unsigned)(session - blk_server->session);
}

/* Where a sector of the session's minor is on the disk. */
static inline uint64_t blk_disk_sector(const struct blk_session *session, uint64_t sector)
{
    return blk_shared.table.partition[session->minor].start_sector + sector;
}

static inline uint64_t blk_session_bit(const struct blk_session *session)
{
    return (uint64_t)1 << blk_session_index(session);
}

/* ---- attach.c ---- */
int blk_attach(const struct blk_source *source, const struct message *request,
               struct message *reply);
int blk_detach(const struct blk_source *source, const struct message *request,
               struct message *reply);
/* Gives up what the session's channel and pool hold; nothing of them is in the device. */
void blk_attach_release(struct blk_session *session);
/* Takes requests from awake channels, as many as there is room for. */
void blk_channels_take(void);
/* Publishes replies and rings those who want it. */
void blk_channels_publish(void);
/* Arms all awake channels for a wait; true: there is something already. */
bool blk_channels_arm(void);
void blk_channel_reply(struct blk_session *session, const struct message *reply);

/* ---- message.c ---- */
extern const struct service_entry blk_service_entries[];
extern const unsigned blk_service_entry_count;
/* Handles one request; SERVICE_NO_REPLY: it is pending and will be answered. */
int blk_handle(const struct blk_source *source, struct message *message);
/* The range of a request in its minor: 0, -EINVAL (empty, not whole blocks), -ERANGE. */
int blk_check_range(const struct blk_session *session, uint64_t sector, uint64_t bytes);

/* ---- information.c ---- */
/* Of all queues together. */
void blk_stats_sum(struct blk_stats *sum);
int blk_info_tell(const struct blk_source *source, const struct message *request,
                  struct message *reply);
int blk_stats_tell(const struct blk_source *source, const struct message *request,
                   struct message *reply);
int blk_identify(const struct blk_source *source, const struct message *request,
                 struct message *reply);

/* ---- dispatch.c ---- */
/* Whether the session may have one more request. */
bool blk_job_may(const struct blk_session *session);
/* A new request of a session that may have one more. */
struct blk_job *blk_job_alloc(struct blk_session *session);
void blk_job_enqueue(struct blk_job *job);
/* Takes a request, whose predecessor is given (BLK_NONE: it is the first), off its list. */
void blk_job_unlink(struct blk_job *job, uint16_t before);
void blk_job_reply(const struct blk_job *job, int status);
/* Answers and frees a request that is on no list and not in the device. */
void blk_job_finish(struct blk_job *job, int status);
/* How many completions are worth an interrupt. */
unsigned blk_interrupt_after(void);
/* Answers a pending request without having done it. */
void blk_job_refuse(struct blk_job *job, int status);
/* Answers pending requests that are beyond the end of a disk that has shrunk. */
void blk_refuse_beyond(void);
/* Answers all pending requests of the session that came by channel (or all) as canceled. */
void blk_cancel_pending(struct blk_session *session, bool channel_only);
/* The request with that id, or NULL. */
struct blk_job *blk_job_find(const struct blk_session *session, uint32_t id);

static inline uint16_t blk_job_index(const struct blk_job *job)
{
    return (uint16_t)(job - blk_server->job);
}

static inline bool blk_job_by_channel(const struct blk_job *job)
{
    return job->call_id == 0;
}

/* ---- submit.c ---- */
/* Submits pending requests while the device has room; sessions take turns. */
void blk_dispatch(void);
/* How many pieces a DISCARD or WRITE_ZEROES from that sector of the disk on makes; one more than the
 * device can ever hold stands for all that is more. */
unsigned blk_space_pieces(uint32_t type, uint64_t sector, uint64_t sectors);

/* ---- gather.c ---- */
/* Maps the memory of a READ or WRITE. 0; -EAGAIN: no room for its mappings now; or why not: then
 * nothing is mapped. */
int blk_gather(struct blk_job *job, struct blk_gathering *gathering);
/* Appends the memory of a READ or WRITE in the pool, if all then is one piece; else the gathering is
 * as before and -EAGAIN or the request's error is returned. */
int blk_gather_more(struct blk_job *job, struct blk_gathering *gathering);
/* Unmaps what the request has mapped. */
void blk_gather_release(struct blk_job *job);
/* The device's limit on bytes of a request, whatever its memory looks like. */
uint32_t blk_gather_limit(const struct blk_device *device);

#endif
