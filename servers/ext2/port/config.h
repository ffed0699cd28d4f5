/*
 * What e2fsprogs' configure would find out, for its libext2fs: of this system and of the build
 * machine, where tests run the very same code.
 */
#ifndef EXT2_PORT_CONFIG_H
#define EXT2_PORT_CONFIG_H

/* Which its bitmaps take for granted. */
#include <sys/time.h>

#define HAVE_ERRNO_H 1
#define HAVE_STDLIB_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H 1

#define SIZEOF_INT 4
#define SIZEOF_LONG 8
#define SIZEOF_LONG_LONG 8
#define SIZEOF_OFF_T 8
#define SIZEOF_TIME_T 8

/* What it would print is an error that its caller gets. */
#define OMIT_COM_ERR 1

#endif
