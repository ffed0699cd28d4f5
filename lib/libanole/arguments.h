/*
 * A program's arguments as one run of NUL-terminated strings, the form that PM_SPAWN takes.
 */
#ifndef LIBANOLE_ARGUMENTS_H
#define LIBANOLE_ARGUMENTS_H

#include <stddef.h>

/* Packs argv (NULL at its end) into buffer. 0 and the bytes used; -EINVAL: no or an empty first
 * argument; -ERANGE: more than size bytes or STARTUP_ARGUMENTS_MAX arguments. */
int arguments_pack(const char *const argv[], char *buffer, size_t size, size_t *len);

#endif
