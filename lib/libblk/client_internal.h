/*
 * What the files of libblk's client side share. Which file does what:
 *
 *   client.c           open, close, submit, reap: what programs call
 *   client_sync.c      synchronous reads, writes and flushes over the same path
 *   client_path.c      moves requests and answers: through the channel, or one message at a time
 *   client_session.c   one driver instance: session, grants, channel; coming and leaving
 *   client_service.c   the same for a service, which waits in its own loop
 *   client_recover.c   from one instance to the next, and when to stop trying
 *   client_replay.c    what may be sent, what must be sent again (pure)
 *   client_retained.c  what was answered and not flushed (pure)
 */
#ifndef LIBBLK_CLIENT_INTERNAL_H
#define LIBBLK_CLIENT_INTERNAL_H

#include <libanole/anole.h>
#include <libblk/client.h>
#include <libblk/client_replay.h>
#include <libpeer/peer.h>
#include <proto/blk.h>

#define LOGICAL_BLOCK_MAX 65536u
/* Each synchronous piece has its own part of the memory behind the program's pool; it holds a block. */
#define SYNC_PIECE_BYTES ((size_t)LOGICAL_BLOCK_MAX)

/* One driver instance. Handles are HANDLE_NONE while there is none. */
struct blk_session {
    endpoint_t driver; /* ENDPOINT_NONE: no instance */
    endpoint_t queue;  /* the driver's thread that serves this session */
    uint64_t id;
    bool open;     /* the driver has this session */
    bool attached; /* ... and its channel */
    handle_t watch;
    handle_t info_grant, pool_grant, copies_grant;
    handle_t change_bell; /* rung by the driver when INFO has changed */
    struct peer_channel channel;
};

struct blk_client {
    char driver_name[RS_NAME_LEN];
    unsigned minor;
    struct blk_client_options options; /* defaults filled in, sizes rounded */
    struct blk_info info;
    struct blk_info info_buffer; /* the driver writes here */
    struct replay replay;
    struct blk_session session;
    uint8_t *pool; /* the program's, then that of the synchronous calls */
    size_t pool_mapped;
    uint8_t *copies; /* of retained writes; NULL: none are kept */
    size_t copies_bytes;

    enum blk_cache_mode cache_mode; /* the program's choice; KEEP: it has none */
    bool changed;                   /* info is another one than the program has seen */
    int error;                      /* not 0: given up; what every request gets */
    bool broken;               /* this session is to be left: its driver died or can't be trusted */
    unsigned tries;            /* recoveries since a request was last answered */
    int status;                /* of blk_begin's: the last try to find a driver */
    uint64_t retry_ticks;      /* ... when to make the next one */
    uint64_t gone_ticks;       /* ... since when there is none */
    handle_t subscription;     /* ... to its name; HANDLE_NONE: not yet */
    uint64_t call_us;          /* how long a call to the driver may take */
    uint64_t held_until;       /* the driver was too busy; when to try again. 0: it wasn't */
    uint64_t complained_ticks; /* in this session; 0: not yet */
    uint64_t recovery_began;   /* 0: requests have been answered since */
    struct blk_client_stats stats;
};

static inline unsigned client_channel_bit(const struct blk_client *client)
{
    return client->options.notify_bit;
}

/* For all that is rare: deaths, names, pins, changes of the disk. */
static inline unsigned client_event_bit(const struct blk_client *client)
{
    return client->options.notify_bit + 1;
}

static inline uint64_t client_deadline(const struct blk_client *client)
{
    return deadline_in_us(client->options.timeout_us);
}

static inline uint64_t client_call_deadline(const struct blk_client *client)
{
    return deadline_in_us(client->call_us);
}

/* ---- client_session.c ---- */
/* Watches the driver and reads what the disk is. */
int session_begin(struct blk_client *client, endpoint_t driver);
/* Opens and grants; attaches a channel unless messages are wanted. The memory must be there. */
int session_establish(struct blk_client *client);
/* Reads what the disk is now; a change is noted in client->changed. */
int session_read_info(struct blk_client *client);
/* Sets the cache's mode to the program's choice, if it has one and it isn't the mode already. */
int session_set_cache(struct blk_client *client);
/* Makes a living driver forget the session: 0 means that nothing of ours is in flight there. */
int session_quit(struct blk_client *client);
/* Takes back all that the driver was given; waits for pins to go. -EBUSY: some are still there. */
int session_release(struct blk_client *client, uint64_t deadline_ticks);

/* ---- client_recover.c ---- */
/* Finds the driver by its name: 0 and an endpoint that lives. ENOENT, EGIVENUP, ETIMEDOUT. */
int client_find_driver(struct blk_client *client, endpoint_t *driver);
/* Leaves the broken session, waits for a driver, begins a new epoch; or gives up. */
void client_recover(struct blk_client *client);
/* Makes a driver that lives let go of the session; 0 as well when it is dead. */
int client_leave(struct blk_client *client);
void client_give_up(struct blk_client *client, int error);
void client_complain(struct blk_client *client, enum rs_complaint complaint);

/* ---- client_path.c ---- */
/* One round: sends what may be sent, takes what is answered, recovers if need be. With wait it
 * returns only after something has happened. */
void client_step(struct blk_client *client, bool wait);
/* One round through the channel that never waits. */
void client_look(struct blk_client *client);
/* Before a wait: true if there is an answer already. */
bool client_arm(struct blk_client *client);
/* When the next round is due whatever happens; DEADLINE_NEVER: never. */
uint64_t client_look_deadline(const struct blk_client *client);
/* The event bit was rung: the driver died, or the disk changed, or it was something old. */
void client_event(struct blk_client *client);

/* ---- client.c ---- */
/* A client that isn't open yet: name, options with their defaults. EINVAL, ENOENT, ENOMEM. */
int client_new(struct blk_client **client, const char *name,
               const struct blk_client_options *options);
/* The memory that it needs. */
int client_allocate(struct blk_client *client);
/* Ends the session and frees. A page that a device may still reach is pinned, and outlives its
 * mapping; only the grant stays in our table then. */
void client_dispose(struct blk_client *client);
/* 0 if the disk could do that: EINVAL, ERANGE, EROFS, ENOSYS. Says nothing about the buffer. */
int client_check_io(const struct blk_client *client, const struct blk_io *io);

#endif
