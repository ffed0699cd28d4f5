/*
 * Inside libnet's driver side: the state that its files share. There is one interface a process, so
 * there is one struct net_server.
 *
 *   server.c       start, the work before each wait, notifications, the poll timer, stopping
 *   session.c      sessions, their channels and pools; death of clients
 *   message.c      from a message to a checked request; the table of request types
 *   job.c          requests that wait: lists, answers, the ends of them
 *   transmit.c     from requests to frames in the device, fairly
 *   receive.c      buffers into the device; frames to those who want them
 *   filter.c       who wants what: modes, addresses, VLANs
 *   information.c  INFO, STATS, LINK
 */
#ifndef LIBNET_NETDRV_H
#define LIBNET_NETDRV_H

#include "server.h"

#include <libdrv/attachment.h>
#include <libdrv/pool.h>

#define NET_BIT_CHANNEL 0u /* doorbells of all channels */
#define NET_BIT_WATCH 1u   /* a client died */

#define NET_SESSIONS 16u
#define NET_SESSIONS_A_PROCESS 8u
#define NET_JOBS 1024u
#define NET_SHARE 16u /* requests that each session can always have */
#define NET_NONE 0xffffu

static_assert(NET_POOL_BYTES_MAX == POOL_BYTES_MAX, "a pool can be mapped");

enum net_job_state {
    NET_JOB_FREE,
    NET_JOB_WAITING, /* on one of its session's lists */
    NET_JOB_DEVICE,  /* the device has it */
};

/* A request that isn't answered at once. */
struct net_job {
    uint16_t next; /* of its list, or the free list */
    uint8_t state; /* enum net_job_state */
    uint8_t session;
    uint8_t lane;  /* of a frame in the device */
    uint32_t type; /* NET_TX, NET_SEND, NET_RX_POST, NET_RECEIVE, NET_LINK */
    uint32_t id;
    uint32_t flags;
    endpoint_t caller; /* by message */
    uint32_t bytes;
    uint64_t call_id;     /* by message; 0: by channel */
    uint64_t word[5];     /* the request's words 2 to 6 */
    uint64_t sequence;    /* order in which they came into the device */
    uint64_t since_ticks; /* in the device */
    handle_t mapping;     /* SEND's, while in the device */
};

/* First in, first out, but for those who come back. */
struct net_list {
    uint16_t first, last;
};

enum net_session_state {
    NET_SESSION_FREE,
    NET_SESSION_OPEN,
    NET_SESSION_ENDING, /* its client is gone; frames are still being sent */
};

struct net_mode {
    uint32_t flags; /* NET_MODE_* */
    unsigned count;
    uint8_t address[NET_ADDRESSES_MAX][NET_ADDRESS_BYTES];
};

struct net_session {
    uint8_t state; /* enum net_session_state */
    bool attached;
    bool detaching; /* DETACH waits in `detach` for the last frame */
    bool broken;    /* the client broke its channel's rules */
    uint32_t generation;
    endpoint_t process;
    endpoint_t opener;      /* the thread that opened, for a quick comparison */
    struct net_list sends;  /* TX, SEND that wait for the device */
    struct net_list posts;  /* RX_POST or RECEIVE that wait for a frame, or for the device */
    struct net_list events; /* LINK */
    uint16_t slots;         /* requests of it */
    uint16_t channel_slots; /* those that came by channel */
    uint16_t posts_waiting; /* length of `posts` */
    uint16_t device_posts;  /* buffers of it that the device has */
    handle_t watch;
    struct attachment attachment;
    struct pool pool;
    struct ipc_delivery detach;
    struct net_mode mode;
    uint32_t vlan_count;
    uint64_t announce_told; /* the last net_server.announce that it was told of */
    uint64_t tx_frames, rx_frames, rx_bytes, rx_dropped_frames;
    uint8_t vlan[NET_VLANS / 8];
};

/* Who sent a request, and by which way. */
struct net_source {
    struct net_session *channel; /* whose channel; NULL: a message */
    endpoint_t endpoint;         /* sender of the message, or the channel's process */
    uint64_t call_id;
    struct ipc_delivery *delivery; /* of a message */
};

/* One of the device's ways: frames that are being sent, and the driver's own buffers that are for it and
 * that it hasn't. */
struct net_lane {
    uint16_t sending;
    uint16_t free_copies;
    uint16_t free_copy[NET_COPIES_A_LANE];
};

struct net_server {
    struct net_device *device;
    uint32_t send_mask; /* sessions with frames that wait */
    uint32_t attached_mask;
    uint32_t awake_mask;        /* attached sessions whose channel isn't armed */
    uint32_t reply_mask;        /* sessions with unpublished replies */
    uint32_t arm_mask;          /* awake ones that were found empty: to be armed before a wait */
    uint32_t receiver_mask;     /* sessions that want frames */
    struct net_session *direct; /* the one receiver whose buffers are the device's own, or NULL */
    uint64_t timer_ticks;       /* when to look at the device again */
    uint64_t now_ticks;         /* of this round */
    uint64_t sequence;          /* of the next job in the device */
    uint64_t link_number, announce;
    uint16_t free_job, free_jobs;
    uint16_t turn; /* the session whose turn it is */
    uint16_t sessions_open;
    uint16_t sending; /* frames in the device */
    uint16_t waiting; /* RECEIVEs, and frames that wait: looked at by the timer */
    uint16_t budget;  /* frames received in one round, at most */
    bool again;       /* don't sleep: there is more to do than one round does */
    bool unkicked;    /* the device has something that it wasn't told of */
    uint8_t *copies;  /* the driver's own buffers */
    uint64_t copies_device_address;
    uint32_t copy_bytes; /* of each */
    uint16_t copies_a_lane;
    uint8_t tx_lanes; /* that frames are sent by: one or all */
    bool wide;        /* the device uses all lanes, or the first */
    bool narrowing;   /* to be the latter when nothing is being sent by the others */
    struct net_lane lane[NET_LANES_MAX];
    uint16_t vlan_users[NET_VLANS]; /* sessions that want each */
    struct net_job job[NET_JOBS];
    struct net_session session[NET_SESSIONS];
};

extern struct net_server net_server;

static inline unsigned net_session_index(const struct net_session *session)
{
    return (unsigned)(session - net_server.session);
}

/* The lane that a session's frames are sent by. */
static inline unsigned net_session_lane(const struct net_session *session)
{
    return net_session_index(session) % net_server.tx_lanes;
}

static inline uint32_t net_session_bit(const struct net_session *session)
{
    return (uint32_t)1 << net_session_index(session);
}

/* ---- session.c ---- */
/* The session that a source may use under that id, or NULL. */
struct net_session *net_session_of(const struct net_source *source, uint64_t id);
int net_session_open(const struct net_source *source, const struct message *request,
                     struct message *reply);
int net_session_close(const struct net_source *source, const struct message *request,
                      struct message *reply);
int net_attach(const struct net_source *source, const struct message *request,
               struct message *reply);
int net_detach(const struct net_source *source, const struct message *request,
               struct message *reply);
/* Ends the sessions of processes that are dead. */
void net_session_bury(void);
/* One request of the session is finished: it may have waited for that. */
void net_session_settle(struct net_session *session);
/* Takes requests from awake channels, as many as there is room for. */
void net_channels_take(void);
void net_channels_publish(void);
/* Arms all awake channels for a wait; true: there is something already. */
bool net_channels_arm(void);
void net_channel_reply(struct net_session *session, const struct message *reply);

/* ---- message.c ---- */
extern const struct service_entry net_service_entries[];
extern const unsigned net_service_entry_count;
/* Handles one request; SERVICE_NO_REPLY: it waits and will be answered. */
int net_handle(const struct net_source *source, struct message *message);

/* ---- job.c ---- */
void net_jobs_init(void);
bool net_job_may(const struct net_session *session);
struct net_job *net_job_alloc(const struct net_source *source, struct net_session *session,
                              const struct message *message);
void net_list_push(struct net_list *list, struct net_job *job);
void net_list_push_front(struct net_list *list, struct net_job *job);
/* The first one, taken off; NULL: it is empty. */
struct net_job *net_list_pop(struct net_list *list);
struct net_job *net_list_first(const struct net_list *list);
struct net_job *net_job_find(const struct net_session *session, uint32_t id);
/* Answers and frees a request that is on no list and not in the device. The words 1 to 6 of answer,
 * and flags for word 0. */
void net_job_finish(struct net_job *job, int status, uint32_t flags, const struct message *answer);
/* Takes a waiting request off its list and refuses it. */
void net_job_refuse(struct net_job *job, int status);
/* Refuses all waiting requests of a session, those by channel or all. */
void net_jobs_cancel(struct net_session *session, bool channel_only);

static inline struct net_session *net_job_session(const struct net_job *job)
{
    return &net_server.session[job->session];
}

static inline uint16_t net_job_index(const struct net_job *job)
{
    return (uint16_t)(job - net_server.job);
}

static inline bool net_job_by_channel(const struct net_job *job)
{
    return job->call_id == 0;
}

/* ---- transmit.c ---- */
/* What can be said of a TX or SEND before its pieces are looked at. */
int net_send_check(const struct net_session *session, const struct message *message);
void net_send_enqueue(struct net_job *job);
/* Gives frames that wait to the device while it has room; sessions take turns. */
void net_dispatch(void);

/* ---- receive.c ---- */
void net_receive_init(void *memory, uint64_t device_address, size_t len);
int net_post_check(const struct net_session *session, const struct message *message);
int net_receive_check(const struct net_session *session, const struct message *message);
void net_post_enqueue(struct net_job *job);
/* Fills the device with buffers. */
void net_fill(void);
/* Gets all buffers back from the device; those of living sessions will go in again. */
void net_take_back(void);

/* ---- filter.c ---- */
int net_rx_mode(const struct net_source *source, const struct message *request,
                struct message *reply);
int net_vlan(const struct net_source *source, const struct message *request, struct message *reply);
int net_mac_set(const struct net_source *source, const struct message *request,
                struct message *reply);
/* Whether a session wants a frame, of which the first 18 bytes (or all) are there. */
bool net_wants(const struct net_session *session, const uint8_t *frame, size_t len);
/* The session wants nothing any more, and its VLANs neither. */
void net_filter_forget(struct net_session *session);
/* Who receives has changed: sessions came, left, attached; or what narrowing waited for. */
void net_receivers_changed(void);
/* Tells the device all that it should know; after a reset. */
void net_filter_restore(void);

/* ---- information.c ---- */
int net_info_tell(const struct net_source *source, const struct message *request,
                  struct message *reply);
int net_stats_tell(const struct net_source *source, const struct message *request,
                   struct message *reply);
int net_link_tell(const struct net_source *source, const struct message *request,
                  struct message *reply);

#endif
