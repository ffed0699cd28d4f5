/*
 * Directories.
 */
#ifndef LIBANOLE_DIRENT_H
#define LIBANOLE_DIRENT_H

#include <sys/types.h>

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

struct dirent {
    ino_t d_ino;
    off_t d_off; /* where the next one is, for seekdir() */
    unsigned short d_reclen;
    unsigned char d_type; /* DT_* */
    char d_name[256];
};

typedef struct directory DIR;

/* "." and ".." may be missing. */
DIR *opendir(const char *path);
DIR *fdopendir(int fd);
struct dirent *readdir(DIR *directory);
int closedir(DIR *directory);
void rewinddir(DIR *directory);
long telldir(DIR *directory);
void seekdir(DIR *directory, long position);
int dirfd(DIR *directory);

#endif
