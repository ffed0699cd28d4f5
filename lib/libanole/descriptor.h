/*
 * File descriptors: small numbers for objects that other files and libraries bring, behind the
 * functions of <unistd.h>. 0, 1 and 2 are the console unless a program was started with something else.
 */
#ifndef LIBANOLE_DESCRIPTOR_H
#define LIBANOLE_DESCRIPTOR_H

#include <anole/endpoint.h>
#include <anole/handle.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Each returns -1 with errno set on failure. close() is called once, when no descriptor and no call is
 * left, and the object isn't used after it. */
struct descriptor_ops {
    ssize_t (*read)(void *object, void *buffer, size_t len);
    ssize_t (*write)(void *object, const void *buffer, size_t len);
    int (*close)(void *object);
    /* NULL: EINVAL, or ESPIPE for those with positions. */
    off_t (*seek)(void *object, off_t offset, int whence);
    ssize_t (*read_at)(void *object, void *buffer, size_t len, off_t position);
    ssize_t (*write_at)(void *object, const void *buffer, size_t len, off_t position);
    int (*stat)(void *object, struct stat *stat);
    /* O_* as they are; set: makes O_NONBLOCK as it is in flags, if there is such a thing. */
    int (*flags)(void *object, bool set, int flags);
    /* Who rings when something changes; POLL* that are there now. */
    endpoint_t (*poll_server)(void *object);
    int (*poll)(void *object, int events, handle_t doorbell);
    /* What a child makes its own descriptor of, as a word of text without ',' and ';'. */
    int (*offer)(void *object, char *text, size_t room);
};

struct description; /* what descriptors that were duplicated share */

/* The lowest free number, or -1 with EMFILE or ENOMEM. */
int descriptor_open(const struct descriptor_ops *ops, void *object);
/* The same at that very number, whatever was there. cloexec: children don't get it. */
int descriptor_place(int fd, const struct descriptor_ops *ops, void *object);
void descriptor_keep_from_children(int fd);
/* What is behind it, whatever it is: false with EBADF. */
bool descriptor_get(int fd, const struct descriptor_ops **ops, void **object);
/* The same, and it stays until it is released. NULL with EBADF. */
struct description *descriptor_hold(int fd);
const struct descriptor_ops *description_ops(const struct description *description);
void *description_object(const struct description *description);
int descriptor_release(struct description *description); /* what close() said if it was the last */
/* The next one that children get, from fd on; -1: none. */
int descriptor_next_inherited(int fd);

extern const struct descriptor_ops console_ops;

#endif
