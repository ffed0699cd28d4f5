/*
 * Inside vfs.
 *
 *   main.c      the loop; what is mounted when the system starts
 *   servers.c   file servers: their channels, who serves which type, what is asked again
 *   mounts.c    the table of mounts, of which the kept part survives
 *   tell.c      what a file server is told when it comes: its mounts, what is mounted inside
 *   walk.c      paths over mounts
 *   request.c   from a message to a coroutine and back
 *   paths.c     requests about one path
 *   names.c     requests about two
 *   mount.c     VFS_MOUNT, VFS_UNMOUNT, VFS_MOUNTS
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include <libanole/anole.h>
#include <libanole/service.h>
#include <libcoro/coro.h>
#include <libpeer/peer.h>
#include <proto/rs.h>
#include <proto/vfs.h>

#define MOUNTS 24u
#define SERVERS 8u
#define REQUESTS 48u
#define REQUESTS_A_PROCESS 8u
#define SERVER_PATIENCE_US 30000000u /* for a file server that is away */
#define COMPLAIN_US 200000u          /* RS is to find one that hangs within half a second */
#define COMPLAIN_AGAIN_US 2000000u   /* it may come to hang after RS has looked */
#define MOUNT_PATH_LEN 112u
#define MOUNT_SOURCE_LEN 16u

#define BIT_SERVERS 0u /* a channel has something, or a server died */

/* ---- file servers (servers.c) ---- */

enum server_state {
    SERVER_AWAY,  /* no channel */
    SERVER_COMES, /* it is being told its mounts */
    SERVER_READY,
};

struct server {
    char type[RS_NAME_LEN];    /* "" : free */
    char service[RS_NAME_LEN]; /* under which its next instance is found */
    enum server_state state;
    uint64_t away_since_ticks;
    uint64_t complained_ticks; /* about this instance; 0: not yet */
    unsigned epoch;            /* how often it came */
    endpoint_t process;
    handle_t watch;
    struct peer_channel channel;
    struct fs_slot *slots;
    uint32_t slots_used; /* bits */
    struct ask *asks;    /* unanswered */
};

/* One exchange with a file server. Lives on the asking coroutine's stack. */
struct ask {
    /* in */
    uint32_t type;
    uint64_t word[7]; /* 1, 2, 5, 6 are the asker's */
    const char *first, *second;
    size_t first_len, second_len;
    uint64_t origin, number;
    bool telling; /* of tell.c: while the server comes */
    /* out */
    struct message reply;
    void *first_out; /* first_room bytes of the slot's first text go there */
    size_t first_room;
    char *target; /* of a link that came up: FS_PATH_MAX bytes, or NULL */
    /* servers.c */
    struct ask *next;
    struct coro *asker;
    int slot; /* < 0: not sent */
    uint64_t sent_ticks;
    bool answered;
};

struct server *server_find(const char *type);
/* An entry for a type that something is mounted of, or that somebody serves. NULL: too many. */
struct server *server_make(const char *type);
/* The types that are known, one after another: NULL to begin. */
struct server *server_next(struct server *server);
/* Asks, and waits for the answer, over the server's deaths: its status. -EIO: it stays away, or answers
 * what can't be. */
int server_ask(struct server *server, struct ask *ask);
/* Something rang. */
void servers_notified(void);
/* Takes the answers that are there. */
void servers_step(void);
uint64_t servers_deadline(void);
void servers_timeout(void);
int request_serve(struct ipc_delivery *request);

/* ---- mounts (mounts.c) ---- */

struct kept_mount {
    uint32_t number;            /* 0: free. Written last */
    uint32_t pending;           /* it was being made */
    uint32_t parent;            /* number of the mount that it is in; 0: it is the root */
    uint32_t flags;             /* FS_MOUNT_* as asked for */
    uint64_t origin, operation; /* who asked for it */
    char path[MOUNT_PATH_LEN];
    char type[RS_NAME_LEN];
    char source[MOUNT_SOURCE_LEN];
};

struct mount {
    struct kept_mount *kept;
    bool making;      /* somebody is at it: nobody else tells its server of it */
    uint64_t covered; /* the node in the parent that it hides; 0: not known yet */
    uint64_t root;    /* its own; 0: not told yet */
    uint32_t flags;   /* as they are */
};

/* The kept region, if RS has one for us; else memory that dies with us. */
void mounts_init(void);
bool mounts_are_new(void); /* there were none */
/* Unmounts that were done: who asks again is told so. */
bool unmount_was_done(uint64_t origin, uint64_t number);
void unmount_note(uint64_t origin, uint64_t number);
/* Which service serves a type, for the next vfs: it can't ask one that hangs. "": nobody did yet. */
void service_note(const char *type, const char *service);
const char *service_noted(const char *type);
/* A new entry. -ENOMEM, -ENAMETOOLONG. */
struct mount_plan {
    const char *path, *type, *source;
    uint32_t parent, flags;
    uint64_t origin, operation;
    bool pending;
};
int mount_add(const struct mount_plan *plan, struct mount **mount);
void mount_settle(struct mount *mount); /* no longer pending */
void mount_drop(struct mount *mount);
struct mount *mount_root(void);
struct mount *mount_find(uint32_t number);
struct mount *mount_on(const struct mount *parent, uint64_t covered);
struct mount *mount_next(struct mount *mount); /* NULL to begin; pending ones, too */
bool mount_has_children(const struct mount *mount);
struct server *mount_server(const struct mount *mount);

/* ---- tell.c ---- */
/* Directories that are made in the root when it comes up empty. */
void tell_directory(const char *path);
/* On a coroutine: the server of that type is told what it should know, then it is ready. */
void tell(void *server);

/* ---- requests (request.c) ---- */

struct request {
    bool used, answered, waits;
    endpoint_t process;
    struct ipc_delivery delivery;
    int status;
    size_t len[2];
    char text[2][FS_PATH_MAX]; /* paths, not terminated */
    char target[FS_PATH_MAX];  /* of the link that came up last */
};
typedef int (*request_handler)(struct request *request);
int handle_request(struct ipc_delivery *delivery);

/* ---- walk.c ---- */

/* Where a walk is, and what is left of its path. */
struct walker {
    struct mount *mount;
    uint64_t node; /* 0: the mount's root */
    char *path;    /* FS_PATH_MAX bytes */
    size_t len;
    unsigned links, steps;
    char *real; /* FS_PATH_MAX bytes, or NULL: the way so far, without links, "." and ".." */
    size_t real_len;
};
/* Begins at the root of all. The path is changed on the way. */
int walker_begin(struct walker *walker, char *path, size_t len);
/* Asks for something at the path's end, wherever that is; ask->word[5], [6], second ... as wanted. */
int walker_ask(struct walker *walker, struct request *request, struct ask *ask);
/* A path's last name and what is before it: the name is copied, *len becomes what is before. -EINVAL:
 * it ends in "." or "..", -EBUSY: it is the root. */
struct last_name {
    char text[FS_NAME_MAX];
    size_t len;
};
int path_split(const char *path, size_t *len, struct last_name *name);

/* ---- paths.c, names.c, mount.c: handlers ---- */
int path_open(struct request *request);
int path_stat(struct request *request);
int path_mkdir(struct request *request);
int path_remove(struct request *request);
int path_readlink(struct request *request);
int path_attributes(struct request *request);
int path_statvfs(struct request *request);
int path_real(struct request *request);
int names_symlink(struct request *request);
int names_rename(struct request *request);
int names_link(struct request *request);
int mount_make(struct request *request);
int mount_end(struct request *request);
int mounts_sync(struct request *request);
int request_mounts(struct ipc_delivery *request);
/* Bytes to the grant in w3 at offset w4. */
int give(const struct request *request, const void *data, size_t len);

#endif
