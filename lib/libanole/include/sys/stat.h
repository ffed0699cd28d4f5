/*
 * picolibc's, and what it leaves out.
 */
#ifndef LIBANOLE_SYS_STAT_H
#define LIBANOLE_SYS_STAT_H

#include_next <sys/stat.h>

#ifndef UTIME_NOW
#define UTIME_NOW (-2l)
#define UTIME_OMIT (-1l)
#endif

int lstat(const char *__restrict path, struct stat *__restrict stat);
int utimensat(int fd, const char *path, const struct timespec times[2], int flags);
int futimens(int fd, const struct timespec times[2]);

#endif
