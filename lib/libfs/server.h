/*
 * libfs, server side: what all file servers share. It speaks proto/fs.h with programs and vfs, checks all
 * that comes, walks paths, and keeps open files, their positions and offers. A file system is a table
 * of operations on nodes.
 *
 * Every request runs on a coroutine, so an operation may wait (libcoro); those that never do run
 * straight through. Several run at a time: a file system locks what it must.
 *
 * What must survive the server's death (open files, positions, mounts) lies in memory that the file
 * system gives (fs_server.kept); in a kept region it is found again by the next instance. A position is
 * noted there under the operation's number before the data moves, so that a request made again
 * means the same bytes.
 */
#ifndef LIBFS_SERVER_H
#define LIBFS_SERVER_H

#include <libanole/service.h>
#include <proto/fs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of a client: data is copied between it and the server's own memory, once. */
struct fs_data;
/* Both: 0, or the error of KCALL_COPY. Offsets are within the request's data. */
int fs_data_to_client(struct fs_data *data, uint64_t offset, const void *from, size_t len);
int fs_data_from_client(struct fs_data *data, uint64_t offset, void *to, size_t len);

/* Whose request it is and its number: what a file system that outlives itself writes into its log beside
 * the changes. number 0: it has none (never repeated). */
struct fs_operation {
    uint64_t origin; /* the process */
    uint64_t number; /* of its own */
};

/* A name inside a directory: any bytes but '/' and NUL; 1 to FS_NAME_MAX of them; not "." or "..". */
struct fs_name {
    const char *text;
    size_t len;
};

/* What create() makes. */
struct fs_new {
    uint32_t mode;      /* type and permissions */
    const char *target; /* of a link: target_len bytes */
    size_t target_len;
};

/*
 * Nodes are numbers other than 0, which never come to mean another file while anyone may have them (an
 * inode number and its generation); ESTALE if they mean none any more. A result is 0 or -ANOLE_E*; counts
 * are >= 0. Those with an operation may be asked again with the same one: if it was done, they
 * answer as they did then and change nothing. NULL: ENOSYS (EROFS for those that change something).
 */
struct fs_ops {
    const char *type; /* "ext2" */
    /* *mount: what the other operations get. number: of this mount, from vfs, never used for another;
     * a mount that an earlier instance of the server had comes with the number it had. *flags:
     * FS_MOUNT_* as asked for, then as it is. */
    int (*mount)(uint32_t number, const char *source, uint32_t *flags, void **mount,
                 uint64_t *root);
    /* No file is open. All is durable when this returns 0. */
    int (*unmount)(void *mount);
    int (*lookup)(void *mount, uint64_t directory, struct fs_name name, uint64_t *node,
                  enum fs_type *type);
    /* Never asked of the root. */
    int (*parent)(void *mount, uint64_t directory, uint64_t *parent);
    int (*stat)(void *mount, uint64_t node, struct fs_stat *stat);          /* all but mount */
    int (*readlink)(void *mount, uint64_t node, char *target, size_t size); /* -> length */
    int64_t (*read)(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                    uint64_t len);
    /* One entry after another from *cookie (0: the first) on, until emit returns false; *cookie is
     * then that of the entry that wasn't taken, at the end that of the next to come. "." and ".."
     * may be left out. */
    int (*entries)(void *mount, uint64_t directory, uint64_t *cookie,
                   bool (*emit)(void *context, uint64_t node, enum fs_type type,
                                struct fs_name name),
                   void *context);
    int (*statvfs)(void *mount, struct fs_statvfs *statvfs); /* all but type and source */

    int (*create)(void *mount, struct fs_operation operation, uint64_t directory,
                  struct fs_name name, const struct fs_new *what, uint64_t *node);
    int (*link)(void *mount, struct fs_operation operation, uint64_t node, uint64_t directory,
                struct fs_name name);
    /* ENOTDIR, EISDIR, ENOTEMPTY */
    int (*remove)(void *mount, struct fs_operation operation, uint64_t directory,
                  struct fs_name name, bool is_directory);
    /* What had the new name is replaced, as POSIX has it (EINVAL: a directory into itself). */
    int (*rename)(void *mount, struct fs_operation operation, uint64_t from, struct fs_name name,
                  uint64_t to, struct fs_name new_name);
    /* The same bytes at the same position again are the same. */
    int64_t (*write)(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                     uint64_t len);
    int (*set_attributes)(void *mount, uint64_t node, const struct fs_attributes *attributes);
    int (*sync)(void *mount, uint64_t node); /* 0: all */

    /* A node is open: its data stays although its last name goes, until it is open no more: closed()
     * comes as often as opened(). After a death, opened() comes again for each file in kept,
     * before any other operation. flags: FS_O_READ, FS_O_WRITE as it was opened. NULL: nobody
     * needs to know. */
    int (*opened)(void *mount, uint64_t node, uint32_t flags);
    void (*closed)(void *mount, uint64_t node, uint32_t flags);
};

#define FS_FILES 1024u /* open ones, of all processes */
#define FS_KEPT_LEN (192u * 1024u)

struct fs_server {
    const struct fs_ops *const *types; /* NULL at the end */
    void *kept;         /* zeroed memory, or what the last instance had there; 8-byte aligned */
    size_t kept_len;    /* at least FS_KEPT_LEN, of which all is libfs's */
    unsigned first_bit; /* the first of two own notification bits that libfs may use */
};

/* Sets up what the service needs: its requests (service_also), its channels to vfs, now and whenever
 * vfs comes. -EPROTO: what is in kept is not valid (then it was cleared, and no file is open). */
int fs_server_init(const struct fs_server *server);
/* To be called from the service's notified() and before_wait(). */
void fs_server_notified(uint64_t bits);
void fs_server_step(void);

#endif
