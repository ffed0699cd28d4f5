/*
 * Inside libanole: files at file servers, and paths at vfs.
 *
 *   file.c       open files
 *   paths.c      the functions that take paths
 *   directory.c  <dirent.h>
 *   mount.c      <sys/mount.h>, <sys/statvfs.h>
 *   inherit.c    what a child gets: files, the working directory, environment
 */
#ifndef LIBANOLE_FILES_H
#define LIBANOLE_FILES_H

#include <libanole/anole.h>
#include <proto/fs.h>
#include <proto/rs.h>
#include <proto/vfs.h>
#include <sys/stat.h>

/* An open file. */
struct file {
    char service[RS_NAME_LEN]; /* under which the file server's next instance is found */
    _Atomic endpoint_t server;
    uint32_t number;
    int flags; /* O_* */
    uint32_t type;
};

/* A number that this process gives to no other request. */
uint64_t operation_next(void);

/* ---- file.c ---- */
/* A descriptor for it; the file is copied. -1: it was closed. */
int file_descriptor(const struct file *file);
/* At that descriptor's number. */
int file_place(int fd, const struct file *file);
/* The file behind a descriptor, held; NULL with EBADF, or EINVAL if it is none. */
struct description;
struct file *file_hold(int fd, struct description **held);
/* A request about it, with its operation's number, at whichever instance lives: the status. */
int file_call(struct file *file, uint32_t type, struct message *message);
/* The same with a buffer, granted for as long as it lasts; the grant is w[at]. */
int file_call_buffer(struct file *file, uint32_t type, const void *buffer, size_t len,
                     unsigned access, unsigned at, struct message *message);
void stat_fill(struct stat *stat, const struct fs_stat *from);
/* O_* for what FS_TAKE says. */
int flags_from(uint64_t fs_flags);

/* ---- paths.c ---- */
/* One or two paths, absolute, as vfs wants them. */
struct path_text {
    char *bytes;
    size_t len, first;
};
/* 0, or an error: -ANOLE_ENOENT for an empty one. second: NULL. */
int path_text_make(struct path_text *text, const char *first, const char *second);
/* A request to vfs about the text, w0 and w1 filled in, and a buffer (NULL: none) at w3 and w4. */
int vfs_call(uint32_t type, const struct path_text *text, void *buffer, size_t len, unsigned access,
             struct message *message);
/* Both, and what was made of it is freed. */
int vfs_call_path(uint32_t type, const char *path, void *buffer, size_t len, unsigned access,
                  struct message *message);
/* The working directory, without "/" at its end but for the root. */
const char *working_directory(void);
void working_directory_set(const char *path);

#endif
