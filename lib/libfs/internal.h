/*
 * Inside libfs, server side.
 *
 *   table.c    what survives: mounts, open files, positions, offers; whose they are
 *   walk.c     paths inside a mount
 *   data.c     requests of programs about open files
 *   poll.c     the same, who waits for a change
 *   paths.c    requests of vfs: looking, opening
 *   names.c    requests of vfs that change names
 *   mounts.c   requests of vfs about mounts
 *   request.c  from a message to a coroutine and back; what was done is not done again
 *   channel.c  the channels to vfs
 */
#ifndef LIBFS_INTERNAL_H
#define LIBFS_INTERNAL_H

#include <libanole/anole.h>
#include <libchan/channel.h>
#include <libcoro/coro.h>
#include <libfs/server.h>
#include <proto/rs.h>

#define FS_MOUNTS 16u
#define FS_FILES_A_PROCESS 256u
#define FS_OFFERS_A_PROCESS 32u /* the oldest one gives way */
#define FS_PROCESSES 128u       /* that have files open */
#define FS_REQUESTS 128u
#define FS_REQUESTS_A_PROCESS 16u
#define FS_TYPES 8u
#define FS_SOURCE_LEN 32u
#define FS_MOUNTPOINTS 16u /* in one mount */

/* ---- what survives (kept) ---- */

struct kept_mount {
    uint32_t number; /* 0: free. Written last */
    uint32_t flags;  /* FS_MOUNT_* as asked for */
    char type[RS_NAME_LEN];
    char source[FS_SOURCE_LEN];
};

/* A file that is open: what all who inherited it share. */
struct kept_open {
    uint32_t used; /* written last */
    uint32_t mount;
    uint64_t node;
    uint32_t flags; /* FS_O_* */
    uint32_t type;  /* enum fs_type */
    uint64_t position;
};

/* Where the last requests of a process on a file began, so that each means the same bytes again. */
#define KEPT_BEGINNINGS 4u
struct kept_beginning {
    uint64_t number; /* the operation; 0: none. Written last */
    uint64_t position;
};
/* In a position: it was the file's end then, where something was to be written. */
#define BEGINNING_AT_END (1ull << 63)

/* A process's file, or (token not 0) an offer of its. */
struct kept_file {
    endpoint_t process; /* 0: free. Written last */
    uint32_t number;    /* as the process knows it: index and generation */
    uint32_t open;      /* index */
    uint32_t next;      /* which beginning is overwritten next */
    uint64_t operation; /* that opened, took or offered it */
    uint64_t token;
    uint64_t age;
    struct kept_beginning beginnings[KEPT_BEGINNINGS];
};

struct kept {
    uint64_t magic;
    uint64_t ages; /* the last one given */
    struct kept_mount mounts[FS_MOUNTS];
    struct kept_open opens[FS_FILES];
    struct kept_file files[FS_FILES];
};
static_assert(sizeof(struct kept) <= FS_KEPT_LEN, "what file systems give");

/* ---- what belongs to it in this instance ---- */

struct mount {
    struct kept_mount *kept;
    const struct fs_ops *ops;
    void *fs; /* what its operations get */
    uint64_t root;
    uint32_t flags; /* FS_MOUNT_* as they are */
    bool up;
    unsigned busy; /* requests */
    uint64_t mountpoints[FS_MOUNTPOINTS];
    unsigned mountpoint_count;
};

struct open {
    unsigned references; /* files */
    unsigned busy;       /* requests; the last one closes what has no file any more */
    struct coro_lock lock;
};

struct waiting_poll {
    uint32_t events; /* 0: nobody waits */
    handle_t doorbell;
};

struct request;

struct fs_state {
    const struct fs_ops *const *types;
    unsigned first_bit;
    struct kept *kept;
    struct mount mounts[FS_MOUNTS];
    struct open opens[FS_FILES];
    struct waiting_poll polls[FS_FILES];
    bool recovered;
    struct coro_queue recovering;
    bool somebody_died; /* and may have files */
    bool burying;
    struct coro_queue buried;
};
extern struct fs_state fs_state;

/* ---- table.c ---- */
/* Takes what is in kept memory over. -EPROTO: it isn't valid; it is empty now. */
int table_init(void *kept, size_t len);
/* Mounts again and opens again what the last instance had; on a coroutine. */
void table_recover(void *nothing);

struct mount *mount_find(uint32_t number);
struct mount *mount_free(void);
const struct fs_ops *type_find(const char *type);
bool mount_has_files(const struct mount *mount);
bool is_mountpoint(const struct mount *mount, uint64_t node);

/* A new file of that process on an open that nobody has yet. 0, -EMFILE, -ENOMEM, -EDEADENDPOINT. */
int file_open(const struct mount *mount, uint64_t node, uint32_t type, uint32_t flags,
              endpoint_t process, uint64_t operation, struct kept_file **file);
/* The process's file of that number, or NULL. */
struct kept_file *file_find(endpoint_t process, uint64_t number);
/* The one that this operation opened or took, or NULL. */
struct kept_file *file_opened_by(endpoint_t process, uint64_t operation);
int file_offer(struct kept_file *file, uint64_t operation, uint64_t *token);
/* The offer becomes a file of the process. */
int file_take(endpoint_t process, uint64_t token, uint64_t operation, struct kept_file **file);
void file_close(struct kept_file *file);
/* If somebody died: closes what dead processes had, on a coroutine. */
void files_bury(void);
/* Until that is done. */
void wait_buried(void);
static inline struct kept_open *open_of(const struct kept_file *file)
{
    return &fs_state.kept->opens[file->open];
}
/* Between these the open stays, whatever happens to its files. */
void open_hold(struct kept_open *open);
void open_release(struct kept_open *open);
static inline struct open *open_state(const struct kept_open *open)
{
    return &fs_state.opens[open - fs_state.kept->opens];
}
/* Where this operation begins: at *position, which is noted, or (true) where it began when it was asked
 * before, which *position is then. What an instance died before it was done was never asked. */
bool beginning_note(struct kept_file *file, uint64_t operation, uint64_t *position);

/* ---- request.c ---- */
/* A request on its coroutine: of a program, or of vfs through a channel. */
struct request {
    bool used;
    bool answered;
    bool waits; /* answered by service_reply */
    int status;
    endpoint_t process;
    struct ipc_delivery delivery; /* of a program */
    /* of vfs */
    struct fs_channel *channel; /* NULL: of a program */
    uint64_t channel_epoch;
    struct message message;
    uint64_t origin, number;
    size_t first_len, second_len; /* in */
    size_t first_out, second_out; /* bytes to be given back */
    char (*texts)[FS_PATH_MAX];   /* two */
    const struct mount *mount;
    struct coro_queue finished; /* who asks the same meanwhile waits here */
};
static inline char *first_text(const struct request *request)
{
    return request->texts[0];
}
static inline char *second_text(const struct request *request)
{
    return request->texts[1];
}
void requests_init(void);
/* -ENOMEM: too many at a time. */
int request_begin(endpoint_t process, struct request **request);
void request_end(struct request *request);
/* Runs a request of vfs to its end: its answer is in its message. */
void request_of_vfs(struct request *request);
void wait_recovered(void);

/* A handler of vfs's requests answers into message and texts: status. */
typedef int (*path_handler)(struct request *request, struct mount *mount);

/* ---- data.c, poll.c: handlers of programs' requests, on coroutines ---- */
typedef int (*file_handler)(struct request *request, struct kept_file *file);
int data_read(struct request *request, struct kept_file *file);
int data_write(struct request *request, struct kept_file *file);
int data_seek(struct request *request, struct kept_file *file);
int data_stat(struct request *request, struct kept_file *file);
int data_truncate(struct request *request, struct kept_file *file);
int data_sync(struct request *request, struct kept_file *file);
int data_set(struct request *request, struct kept_file *file);
int data_entries(struct request *request, struct kept_file *file);
int data_poll(struct request *request, struct kept_file *file);
void poll_forget(const struct kept_file *file);

/* ---- walk.c ---- */
struct walk {
    const struct mount *mount;
    const char *path;
    size_t len, at; /* at: what was walked */
    uint64_t node;  /* reached; the directory of `last` */
    enum fs_type type;
    struct fs_name last; /* WALK_PARENT: the last name, not looked up; len 0: there is none */
    bool must_directory; /* the path ends in '/' */
    uint32_t left;       /* FS_WALK_*: the walk can't end here */
};
enum walk_end {
    WALK_FOLLOW,   /* a link at the end is followed */
    WALK_NOFOLLOW, /* it is the end */
    WALK_PARENT,   /* all but the last name */
};
/* Walks the request's first text. For FS_WALK_LINK the target is in the second one. */
int walk(struct request *request, const struct mount *mount, enum walk_end end, struct walk *walk);
/* What follows from looking the last name up, as the walk would have: left may be set. -ENOENT */
int walk_last(struct request *request, struct walk *walk, bool follow);
/* The answer of a walk that leads elsewhere. */
int walk_elsewhere(struct request *request, const struct walk *walk);
bool name_is_valid(struct fs_name name);

/* ---- paths.c, names.c, mounts.c: handlers of vfs's requests ---- */
/* Checks them for what has that type, and has the file system set them. */
int attributes_set(const struct mount *mount, uint64_t node, enum fs_type type,
                   const struct fs_attributes *attributes);
int path_open(struct request *request, struct mount *mount);
int path_lookup(struct request *request, struct mount *mount);
int path_readlink(struct request *request, struct mount *mount);
int path_attributes(struct request *request, struct mount *mount);
int name_make(struct request *request, struct mount *mount);
int name_remove(struct request *request, struct mount *mount);
int name_rename(struct request *request, struct mount *mount);
int name_link(struct request *request, struct mount *mount);
int mount_make(struct request *request);
int mount_end(struct request *request, struct mount *mount);
int mount_statvfs(struct request *request, struct mount *mount);
int mount_sync(struct request *request, struct mount *mount);
int mount_mountpoint(struct request *request, struct mount *mount);
static inline struct fs_operation operation_of(const struct request *request)
{
    return (struct fs_operation){.origin = request->origin, .number = request->number};
}
static inline bool read_only(const struct mount *mount)
{
    return (mount->flags & FS_MOUNT_READ_ONLY) != 0;
}

/* ---- channel.c ---- */
struct fs_channel {
    const char *type;
    struct channel channel;
    void *memory; /* NULL: no vfs */
    size_t len;
    struct fs_slot *slots;
    endpoint_t vfs;
    handle_t vfs_doorbell; /* of vfs's making, to ring it */
    handle_t doorbell;     /* of ours, for vfs to ring us */
    uint64_t epoch;
    bool lost; /* it was broken: another one is asked for */
};
void channels_init(void);
void channels_vfs_published(void);
/* Takes what vfs asks for. */
void channels_step(void);
void channel_answer(struct request *request);

#endif
