/*
 * utime().
 */
#ifndef LIBANOLE_UTIME_H
#define LIBANOLE_UTIME_H

#include <sys/utime.h>

int utime(const char *path, const struct utimbuf *times);

#endif
