/*
 * File descriptors: small numbers for objects that other libraries bring, behind picolibc's read(),
 * write() and close(). 0, 1 and 2 are the console and not in this table.
 */
#ifndef LIBANOLE_DESCRIPTOR_H
#define LIBANOLE_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Each returns -1 with errno set on failure. close() is called once, and the object isn't used after
 * it. */
struct descriptor_ops {
    ssize_t (*read)(void *object, void *buffer, size_t len);
    ssize_t (*write)(void *object, const void *buffer, size_t len);
    int (*close)(void *object);
};

/* The lowest free number, or -1 with EMFILE. */
int descriptor_open(const struct descriptor_ops *ops, void *object);
/* What is behind it, whatever it is: false with EBADF. */
bool descriptor_get(int fd, const struct descriptor_ops **ops, void **object);

#endif
