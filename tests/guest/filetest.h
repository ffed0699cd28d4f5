/*
 * filetest: see filetest.c.
 */
#ifndef FILETEST_H
#define FILETEST_H

#include "testkit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char *test_subject; /* the directory to work in */

/* call is expected to fail with that errno. */
#define FAILS(call, number)                                                                        \
    (errno = 0, check((call) < 0 && errno == (number), __LINE__, "%s: %s, not %s", #call,          \
                      strerror(errno), strerror(number)))

/* Makes a directory for the group below test_subject and works in it. */
void enter(const char *group);
void make_file(const char *path, const char *text);
bool content_is(const char *path, const char *text);

/* Groups: what POSIX says of files (filetest_data.c), names (filetest_names.c) ... */
void group_data(void);
void group_append(void);
void group_holes(void);
void group_access(void);
void group_stdio(void);
void group_names(void);
void group_rename(void);
void group_links(void);
void group_directory(void);
void group_attributes(void);
void group_working_directory(void);
/* ... of descriptors and programs (filetest_programs.c) ... */
void group_descriptors(void);
void group_inherit(void);
void group_poll(void);
int inherited_main(void);
/* ... and what who doesn't go by the C library gets (filetest_raw.c). */
void group_raw_files(void);
void group_raw_paths(void);
void group_raw_devices(void);
void group_floods(void);
void group_once(void);

#endif
