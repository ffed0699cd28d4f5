/*
 * The name space. vfs publishes "vfs"; it walks paths over mounts and asks the file servers; what is
 * opened is used at its file server directly (proto/fs.h).
 *
 *   word[0]  grant (read) of the paths
 *   word[1]  offset into it | length of the first path << 32, bytes, without NUL
 *   word[2]  length of the second path, which follows the first one at once, or another argument
 *   word[6]  operation, as in proto/fs.h: a request that failed with EDEADENDPOINT is made again with
 *            the same number
 *
 * Paths are absolute: a working directory is its path, kept by the program's C library and handed to
 * its children. Answers wait for file servers as long as their disks take; other requests of other
 * processes go on meanwhile. EAGAIN: too many requests of the process, or of all, wait already.
 *
 * Errors of any request: ENOENT, ENOTDIR, ELOOP (more than 40 links), ENAMETOOLONG, EROFS, EIO, ENOMEM,
 * EBADHANDLE, EINVAL, and what the request says in proto/fs.h.
 */
#ifndef PROTO_VFS_H
#define PROTO_VFS_H

#include <anole/message.h>
#include <assert.h>
#include <proto/fs.h>
#include <stdint.h>

#define VFS_LINKS_MAX 40u

enum vfs_request {
    VFS_OPEN = MESSAGE_TYPE(PROTO_VFS, 1),  /* w2 FS_O_* | mode << 32 -> w0 the file server's
                                                  endpoint, w1 file, w2 enum fs_type,
                                                  w3-4 the name under which its next instance is
                                                  found (rs_name_unpack) */
    VFS_STAT = MESSAGE_TYPE(PROTO_VFS, 2),  /* w2 FS_FOLLOW or 0, w3 grant (write) for struct
                                                  fs_stat, w4 offset into it */
    VFS_MKDIR = MESSAGE_TYPE(PROTO_VFS, 3), /* w2 mode */
    VFS_REMOVE = MESSAGE_TYPE(PROTO_VFS,
                              4), /* w2 1: a directory, 0: anything else. EBUSY: something
                                                  is mounted there */
    VFS_RENAME = MESSAGE_TYPE(PROTO_VFS, 5),   /* w2 second path. EXDEV */
    VFS_LINK = MESSAGE_TYPE(PROTO_VFS, 6),     /* w2 second path: the new name. EXDEV */
    VFS_SYMLINK = MESSAGE_TYPE(PROTO_VFS, 7),  /* first path: the target as it is, w2 second: the
                                                  link's name */
    VFS_READLINK = MESSAGE_TYPE(PROTO_VFS, 8), /* w3 grant (write), w4 offset, w5 bytes -> w0 length
                                                  of the target, which may be more */
    VFS_ATTRIBUTES = MESSAGE_TYPE(PROTO_VFS, 9), /* w2 FS_FOLLOW or 0, w3 grant (read) of struct
                                                    fs_attributes, w4 offset */
    VFS_STATVFS = MESSAGE_TYPE(PROTO_VFS,
                               10), /* w3 grant (write) for struct fs_statvfs, w4 offset */
    VFS_REAL_PATH = MESSAGE_TYPE(PROTO_VFS, 11), /* w3 grant (write), w4 offset, w5 bytes -> w0
                                                    length: the path without links, "." and ".." */
    VFS_SYNC = MESSAGE_TYPE(PROTO_VFS, 12),      /* no path: all mounts */

    /* Of operators' programs: EPERM for others */
    VFS_MOUNT = MESSAGE_TYPE(PROTO_VFS, 20), /* first path: where, w2 second: the source ("vda1",
                                                  "/dev/vda1", or nothing), w3-4 the type's name ("ext2",
                                                  "" for whichever server takes it), w5 FS_MOUNT_* */
    VFS_UNMOUNT = MESSAGE_TYPE(PROTO_VFS,
                               21), /* EBUSY: files are open, or another is mounted inside */

    VFS_MOUNTS = MESSAGE_TYPE(PROTO_VFS,
                              22), /* w3 grant (write) for struct vfs_mount_info[], w4 offset,
                                                 w5 bytes -> w0 how many there are, w1 copied */

    /* Of file servers */
    VFS_SERVE = MESSAGE_TYPE(PROTO_VFS,
                             30), /* w0-1 the type's name (rs_name_pack), w2 doorbell made
                                     for vfs, w3-4 the service's own name -> w0 offer of a region:
                                     the channel, then FS_SLOTS struct fs_slot from w3 on, w1
                                     doorbell made for the server, w2 ring entries. Again after the
                                     death of either. One process may serve several types: each
                                     has a channel of its own. EPERM: not the service it says */
};

struct vfs_mount_info {
    char path[112];
    char type[16];
    char source[16];
    uint32_t flags;  /* FS_MOUNT_* */
    uint32_t server; /* endpoint; ENDPOINT_NONE while there is none */
};
static_assert(sizeof(struct vfs_mount_info) == 152, "shared layout");

#endif
