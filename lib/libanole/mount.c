/*
 * <sys/mount.h> and <sys/statvfs.h>.
 */
#include <errno.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

/* The source follows the target as it is. */
static int mount_text(struct path_text *text, const char *target, const char *source)
{
    int error = path_text_make(text, target, NULL);

    if (error)
        return error;
    char *longer = realloc(text->bytes, text->len + strlen(source));
    if (!longer) {
        free(text->bytes);
        return -ANOLE_ENOMEM;
    }
    memcpy(longer + text->len, source, strlen(source));
    text->bytes = longer;
    text->len += strlen(source);
    return 0;
}

int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data)
{
    struct message message = {.word = {[5] = flags & MS_RDONLY ? FS_MOUNT_READ_ONLY : 0}};
    struct path_text text;
    int error = flags & ~MS_RDONLY || data ? -ANOLE_EINVAL
                                           : mount_text(&text, target, source ? source : "");

    if (error)
        return errno_result(error);
    message.word[2] = text.len - text.first;
    rs_name_pack(&message.word[3], type ? type : "");
    error = vfs_call(VFS_MOUNT, &text, NULL, 0, 0, &message);
    free(text.bytes);
    return errno_result(error);
}

int umount(const char *target)
{
    struct message message = {0};

    return errno_result(vfs_call_path(VFS_UNMOUNT, target, NULL, 0, 0, &message));
}

#define MOUNTS_AT_ONCE 64u

int mount_entries(struct mount_entry *entries, size_t room)
{
    struct vfs_mount_info *infos = calloc(MOUNTS_AT_ONCE, sizeof(*infos));
    struct message message = {.word = {[5] = MOUNTS_AT_ONCE * sizeof(*infos)}};
    int error = infos ? vfs_call(VFS_MOUNTS, NULL, infos, MOUNTS_AT_ONCE * sizeof(*infos),
                                 GRANT_WRITE, &message)
                      : -ANOLE_ENOMEM;

    for (size_t i = 0; !error && i < message.word[1] && i < MOUNTS_AT_ONCE && i < room; i++) {
        entries[i].read_only = (infos[i].flags & FS_MOUNT_READ_ONLY) != 0;
        memcpy(entries[i].path, infos[i].path, sizeof(entries[i].path));
        memcpy(entries[i].type, infos[i].type, sizeof(entries[i].type));
        memcpy(entries[i].source, infos[i].source, sizeof(entries[i].source));
    }
    free(infos);
    return error ? errno_result(error) : (int)message.word[0];
}

int statvfs(const char *path, struct statvfs *statvfs)
{
    struct fs_statvfs found = {0};
    struct message message = {0};
    int error = vfs_call_path(VFS_STATVFS, path, &found, sizeof(found), GRANT_WRITE, &message);

    if (error)
        return errno_result(error);
    *statvfs = (struct statvfs){
        .f_bsize = found.block_size,
        .f_frsize = found.block_size,
        .f_blocks = found.blocks,
        .f_bfree = found.blocks_free,
        .f_bavail = found.blocks_available,
        .f_files = found.files,
        .f_ffree = found.files_free,
        .f_favail = found.files_free,
        .f_flag = found.flags & FS_MOUNT_READ_ONLY ? ST_RDONLY : 0,
        .f_namemax = found.name_max,
    };
    memcpy(statvfs->f_basetype, found.type, sizeof(found.type));
    memcpy(statvfs->f_source, found.source, sizeof(found.source));
    return 0;
}
