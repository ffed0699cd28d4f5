/*
 * The frame of a program that is one or two devices for QEMU: sockets, signals, the loop.
 */
#ifndef VHOST_SERVE_H
#define VHOST_SERVE_H

#include "session.h"

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };
#define SERVE_MAX 2u /* devices */

struct served {
    const char *socket; /* made, and removed at the end */
    struct backend *backend;
};

uint64_t now_ms(void); /* of a clock that only goes forward */

/* Serves one machine at a time at each socket until SIGTERM comes, or a device is gone: an exit status;
 * what is wrong is on standard error. */
int serve(const char *program, const struct served *served, unsigned count);

#endif
