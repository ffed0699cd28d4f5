/*
 * File servers. vfs keeps the name space and walks across mounts; a file server knows its own trees.
 *
 * A program opens a file at vfs and is told the file server's endpoint and a file: a number bound to
 * the program's process. It reads and writes there directly. The position lies in the file server, so
 * that whoever inherits the file shares it. vfs speaks to the file server through a channel, so that
 * it never waits for one.
 *
 * Of programs, by message:
 *
 *   word[0]  file
 *   word[1]  grant of the data
 *   word[2]  offset into the grant, bytes
 *   word[3]  length, bytes
 *   word[4]  position in the file, or FS_HERE: the file's own position, which moves on
 *   word[6]  operation: a number that the process gives to no other request. A request that failed with
 *            EDEADENDPOINT is made again under the same number at the server's next instance, and is
 *            done once
 *
 * Errors of any request: EBADF (no such file of the caller's, or not opened for that), EBADHANDLE (grant),
 * EPERM (the grant's direction), EIO (the disk), ENOMEM, EROFS, EINVAL.
 */
#ifndef PROTO_FS_H
#define PROTO_FS_H

#include <anole/handle.h>
#include <anole/message.h>
#include <assert.h>
#include <stdint.h>

#define FS_NAME_MAX 255u  /* bytes of one name: any but '/' and NUL; not "." and ".." */
#define FS_PATH_MAX 4096u /* bytes of a path, its NUL included */
#define FS_HERE (~(uint64_t)0)

enum fs_request {
    /* Of programs, for a file of theirs */
    FS_READ = MESSAGE_TYPE(PROTO_FS, 1),  /* -> w0 bytes; 0: the end. EISDIR */
    FS_WRITE = MESSAGE_TYPE(PROTO_FS, 2), /* -> w0 bytes. A file opened with FS_APPEND is written at
                                             its end. ENOSPC, EFBIG */
    FS_SEEK = MESSAGE_TYPE(PROTO_FS, 3),  /* w1 offset (signed), w2 FS_SEEK_* -> w0 position */
    FS_STAT = MESSAGE_TYPE(PROTO_FS, 4),  /* w1-2 grant (write) and offset for struct fs_stat */
    FS_TRUNCATE = MESSAGE_TYPE(PROTO_FS, 5), /* w1 length; what is added reads as zeroes */
    FS_SYNC = MESSAGE_TYPE(PROTO_FS, 6), /* durable: data, inode, and the names that lead to it */
    FS_ENTRIES = MESSAGE_TYPE(PROTO_FS, 7), /* w1-3: of a directory, from its position on: whole
                                               struct fs_entry -> w0 bytes; 0: no more. ENOTDIR. An
                                               entry made or removed meanwhile may be seen or not,
                                               all others are seen once */
    FS_CLOSE = MESSAGE_TYPE(PROTO_FS, 8),
    FS_OFFER = MESSAGE_TYPE(PROTO_FS, 9), /* -> w0 token: who knows it may TAKE the file, once. It
                                             ends with the offering process */
    FS_TAKE = MESSAGE_TYPE(PROTO_FS, 10), /* w0 token -> w0 file, w1 flags that it was opened with,
                                             w2 enum fs_type */
    FS_SET = MESSAGE_TYPE(PROTO_FS, 12),  /* w1-2 grant (read) and offset of struct fs_attributes */

    /* Of vfs, through the channel: see struct fs_path_request */
    FS_MOUNT = MESSAGE_TYPE(PROTO_FS, 32),   /* w1 a number of vfs's that no other mount ever has,
                                                text: source (a device's name or ""). w5 FS_MOUNT_*
                                                -> w1 root's node, w3 FS_MOUNT_* as it is now. A
                                                mount that the server has is told again. EINVAL: no
                                                such file system on it, EBUSY */
    FS_UNMOUNT = MESSAGE_TYPE(PROTO_FS, 33), /* EBUSY: files are open. All is durable before */
    FS_OPEN = MESSAGE_TYPE(PROTO_FS, 34),    /* w5 FS_O_* | mode << 32; for the slot's origin -> w1
                                                file, w2 enum fs_type */
    FS_LOOKUP = MESSAGE_TYPE(PROTO_FS, 35),  /* -> w1 node, w2 enum fs_type; the text is struct
                                                fs_stat. w5 FS_FOLLOW */
    FS_MAKE = MESSAGE_TYPE(PROTO_FS, 36),   /* w5 mode: a directory (FS_TYPE_DIRECTORY << 12 | bits)
                                                or a symbolic link, whose target is the second text */
    FS_REMOVE = MESSAGE_TYPE(PROTO_FS, 37), /* w5 1: a directory (ENOTEMPTY, ENOTDIR), 0: else
                                                (EISDIR) */
    FS_RENAME = MESSAGE_TYPE(PROTO_FS, 38), /* w2 first directory's node, w6 second one's, texts: a
                                                name in each; nothing is walked */
    FS_LINK = MESSAGE_TYPE(PROTO_FS, 39),   /* w2 the file's node, w6 a directory's, text: the new
                                                name; nothing is walked */
    FS_READLINK = MESSAGE_TYPE(PROTO_FS, 40), /* -> w1 bytes; the text is the target */
    FS_ATTRIBUTES = MESSAGE_TYPE(PROTO_FS,
                                 41),         /* second text: struct fs_attributes; w5 FS_FOLLOW */
    FS_STATVFS = MESSAGE_TYPE(PROTO_FS, 42),  /* the text is struct fs_statvfs */
    FS_SYNC_ALL = MESSAGE_TYPE(PROTO_FS, 43), /* of the mount: all is durable */
    FS_MOUNTPOINT = MESSAGE_TYPE(PROTO_FS, 44), /* w2 node, w5 1: from now on walks end there
                                                   (FS_WALK_MOUNT), 0: no more */
};

/*
 * What travels through the channel between vfs (its client) and a file server:
 *
 *   word[0]  vfs's number for the exchange, given back in the reply
 *   word[1]  mount
 *   word[2]  node where the walk begins; 0: the mount's root
 *   word[3]  slot: which struct fs_slot of the shared area holds the texts
 *   word[4]  bytes of the first text | bytes of the second text << 32
 *   word[5]  flags, by the request
 *   word[6]  by the request
 *
 * Reply: type = status, word[0] the exchange, others by the request. The slot is vfs's again with the
 * reply. The first text is a path relative to the node: names with '/' between; empty: the node itself.
 *
 * If the walk can't end here the status is 0 and word[6] is not 0: FS_WALK_* | bytes of the path that
 * were walked << 8, word[5] the node reached (for a link: the directory that it is in), and for a link
 * its target is the slot's second text, with its length in word[4]. Then nothing was done.
 *
 * What was asked for, by which process and under which number of its own, stands in the slot: it stays the
 * same whoever asks again, vfs after the server's death, vfs's next instance, or a program that
 * asks that one again. What was done under that number is not done once more, but answered.
 */
struct fs_slot {
    uint64_t origin; /* the process */
    uint64_t number; /* its operation; 0: it has none */
    uint64_t reserved[6];
    char first[FS_PATH_MAX];
    char second[FS_PATH_MAX];
};
static_assert(sizeof(struct fs_slot) == 64 + 2 * FS_PATH_MAX, "shared layout");
#define FS_SLOTS 32u

#define FS_WALK_MOUNT                                                                              \
    1u /* something is mounted on the node reached: the rest of the path is there */
#define FS_WALK_LINK 2u /* a symbolic link came up: its own name is among the bytes walked */
#define FS_WALK_UP 3u   /* ".." at the mount's root: among the bytes walked */

/* w5 of OPEN: access, then what else. */
#define FS_O_READ 1u
#define FS_O_WRITE 2u
#define FS_O_CREATE 4u
#define FS_O_EXCLUSIVE 8u
#define FS_O_TRUNCATE 16u
#define FS_O_APPEND 32u
#define FS_O_DIRECTORY 64u /* ENOTDIR if it is none */
#define FS_O_NOFOLLOW 128u /* ELOOP if the last name is a link */
#define FS_O_SYNC 256u     /* what is written is durable when answered */

#define FS_FOLLOW 1u

#define FS_MOUNT_READ_ONLY 1u

#define FS_SEEK_SET 0u
#define FS_SEEK_CURRENT 1u
#define FS_SEEK_END 2u

/* As in the upper four bits of POSIX's and ext2's modes. */
enum fs_type {
    FS_TYPE_FIFO = 1,
    FS_TYPE_CHARACTER = 2,
    FS_TYPE_DIRECTORY = 4,
    FS_TYPE_BLOCK = 6,
    FS_TYPE_FILE = 8,
    FS_TYPE_LINK = 10,
    FS_TYPE_SOCKET = 12,
};
#define FS_MODE(type, bits) ((uint32_t)(type) << 12 | (uint32_t)(bits))
#define FS_MODE_TYPE(mode) ((enum fs_type)((mode) >> 12 & 15u))

#define FS_DEVICE_CONSOLE 1u /* who opened it reads and writes at the service "console" */

/* Times in nanoseconds since 1970. */
struct fs_stat {
    uint64_t node; /* of this mount; not 0 */
    uint32_t mount;
    uint32_t mode;
    uint32_t links;
    uint32_t user, group;
    uint32_t block_size; /* good for reading and writing */
    uint64_t size;       /* bytes */
    uint64_t blocks;     /* of 512 bytes, that are there */
    int64_t accessed, modified, changed;
    uint64_t
        device; /* FS_DEVICE_* of a FS_TYPE_CHARACTER that isn't the file server's own; else 0 */
};
static_assert(sizeof(struct fs_stat) == 80, "shared layout");

/* A directory's entry; the next one is at the next multiple of 8 bytes after the name. */
struct fs_entry {
    uint64_t node;
    uint16_t type; /* enum fs_type; 0: not known */
    uint16_t name_len;
    uint32_t len; /* of the whole entry */
    char name[];
};
static_assert(sizeof(struct fs_entry) == 16, "shared layout");

#define FS_SET_MODE 1u
#define FS_SET_OWNER 2u
#define FS_SET_TIMES 4u
#define FS_SET_SIZE 8u
struct fs_attributes {
    uint32_t set; /* FS_SET_*: which of these */
    uint32_t mode;
    uint32_t user, group;
    uint64_t size;
    int64_t accessed, modified;
};
static_assert(sizeof(struct fs_attributes) == 40, "shared layout");

struct fs_statvfs {
    uint32_t block_size;
    uint32_t flags; /* FS_MOUNT_* */
    uint64_t blocks, blocks_free, blocks_available;
    uint64_t files, files_free;
    uint32_t name_max;
    char type[12]; /* "ext2", "mem" ... */
    char source[16];
};
static_assert(sizeof(struct fs_statvfs) == 80, "shared layout");

#endif
