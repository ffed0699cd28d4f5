/*
 * What a file system has.
 */
#ifndef LIBANOLE_SYS_STATVFS_H
#define LIBANOLE_SYS_STATVFS_H

#include <sys/types.h>

#define ST_RDONLY 1
#define ST_NOSUID 2

struct statvfs {
    unsigned long f_bsize, f_frsize;
    unsigned long f_blocks, f_bfree, f_bavail;
    unsigned long f_files, f_ffree, f_favail;
    unsigned long f_fsid;
    unsigned long f_flag; /* ST_* */
    unsigned long f_namemax;
    char f_basetype[16]; /* "ext2", "mem" ... */
    char f_source[16];   /* "vda1" */
};

int statvfs(const char *path, struct statvfs *statvfs);

#endif
